"""VGG-16 as a list of feature maps, with torchvision's state-dict keys."""

from torch import nn

from sidelib.models.trunks import scaled

__all__ = ["VGG16Trunk"]


class VGG16Trunk(nn.Module):
    """VGG-16's convolutions and poolings; its keys are torchvision's (`features.0.weight`, ...).

    Source: Simonyan and Zisserman 2015, through torchvision.

    Args:
        padding: of the first two convolutions. (1, 1) is torchvision's; (0, 0) gives the 112×150 that Eigen and Fergus
            2015 print where padding gives 114×152; (100, 1) is FCN's. The keys and shapes of the weights stay.
        ceil_mode: of the max-pools, which Caffe rounds up.
        width: factor on all channels.

    Attributes:
        channels: of the five feature maps. strides: of the five, relative to the image.
    """

    def __init__(self, *, padding=(1, 1), ceil_mode=False, width=1.0):
        from torchvision.models.vgg import cfgs, make_layers

        super().__init__()
        self.features = make_layers([part if part == "M" else scaled(part, width) for part in cfgs["D"]])
        if len(padding) != 2:
            raise ValueError(f"padding: expected two numbers, of the first two convolutions, found {padding!r}")
        for convolution, rows in zip((self.features[0], self.features[2]), padding):
            convolution.padding = (rows, rows)
        for part in self.features:
            if isinstance(part, nn.MaxPool2d):
                part.ceil_mode = ceil_mode
        self.channels = [scaled(count, width) for count in (64, 128, 256, 512, 512)]
        self.strides = [2, 4, 8, 16, 32]

    def forward(self, image):
        """Five feature maps, what each max-pool gives."""
        maps, x = [], image
        for part in self.features:
            x = part(x)
            if isinstance(part, nn.MaxPool2d):
                maps.append(x)
        return maps
