"""Encoders: ResNets and DenseNet-121 as lists of feature maps, with torchvision's state-dict keys."""

import math
import re

import torch
from torch import nn

from sidelib.models.weights import load_weights

__all__ = ["DenseNetTrunk", "ResNetTrunk", "check_image", "load_trunk", "scaled"]

# depth: (block, how many in each of the four stages)
_RESNETS = {
    18: ("BasicBlock", (2, 2, 2, 2)),
    34: ("BasicBlock", (3, 4, 6, 3)),
    50: ("Bottleneck", (3, 4, 6, 3)),
    101: ("Bottleneck", (3, 4, 23, 3)),
}


def check_image(image):
    """`image`: a floating-point `(B, 3, H, W)` with at least one pixel, or a clear error."""
    if not isinstance(image, torch.Tensor) or not image.is_floating_point():
        found = image.dtype if isinstance(image, torch.Tensor) else type(image).__name__
        raise TypeError(f"image: expected a floating-point tensor, found {found}")
    if image.ndim != 4 or image.shape[1] != 3 or 0 in image.shape:
        raise ValueError(f"image: expected shape (B, 3, H, W) with no empty axis, found {tuple(image.shape)}")


def scaled(channels, width):
    """`channels` times `width`, at least 1.

    >>> scaled(64, 0.125), scaled(3, 0.125)
    (8, 1)
    """
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"width: expected a factor above 0, found {width!r}")
    return max(1, round(channels * width))


class ResNetTrunk(nn.Module):
    """A ResNet without pooling and classifier; its keys are torchvision's (`conv1`, `bn1`, `layer1.0.conv1`, ...).

    Source: He et al. 2016; torchvision's blocks.

    Args:
        depth: 18, 34, 50 or 101.
        output_stride: 32, 16 or 8; below 32 the last stage or two are dilated instead of strided.
        multi_grid: dilation of each block of the last stage, times that of the stage, such as (1, 2, 4).
        stride_in_1x1: put a bottleneck's stride in its first 1×1 convolution, as the Caffe models do; torchvision puts
            it in the 3×3. For 50 and 101, whose blocks are bottlenecks.
        ceil_mode: of the max-pool (DeepLab v2).
        width: factor on all channels; 1 is the published network.

    Attributes:
        channels: of the five feature maps. strides: of the five, relative to the image.
    """

    def __init__(self, depth=50, *, output_stride=32, multi_grid=None, stride_in_1x1=False, ceil_mode=False, width=1.0):
        from torchvision.models import resnet

        super().__init__()
        if depth not in _RESNETS:
            raise ValueError(f"depth: expected one of {', '.join(map(str, _RESNETS))}, found {depth!r}")
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride: expected 8, 16 or 32, found {output_stride!r}")
        name, counts = _RESNETS[depth]
        if stride_in_1x1 and name != "Bottleneck":
            raise ValueError(f"stride_in_1x1: expected False at depth {depth}, whose blocks have no 1×1, found True")
        block = getattr(resnet, name)
        planes = [scaled(64 * 2**k, width) for k in range(4)]
        self.conv1 = nn.Conv2d(3, planes[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=ceil_mode)
        stride, dilation, inputs = 4, 1, planes[0]
        self.strides = [2]
        for stage, (outputs, count) in enumerate(zip(planes, counts)):
            step = 1 if stage == 0 else 2
            before = dilation
            if stride * step > output_stride:
                dilation, step = dilation * step, 1
            stride *= step
            grid = multi_grid if stage == 3 and multi_grid is not None else (1,) * count
            if len(grid) != count:
                raise ValueError(f"multi_grid: expected {count} dilations, found {grid!r}")
            blocks = []
            for k in range(count):
                # As in torchvision, the first block of a dilated stage still has the dilation of the stage before it.
                rate = (before if k == 0 and multi_grid is None else dilation) * grid[k]
                blocks.append(_block(block, inputs, outputs, step if k == 0 else 1, rate))
                inputs = outputs * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            self.strides.append(stride)
        self.channels = [planes[0], *(outputs * block.expansion for outputs in planes)]
        if stride_in_1x1:
            _move_stride(self)
        _initialise(self)

    def forward(self, image):
        """Five feature maps, from the stem (half size) to the last stage."""
        features = [self.relu(self.bn1(self.conv1(image)))]
        x = self.maxpool(features[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features


def _block(block, inputs, planes, stride, dilation):
    outputs = planes * block.expansion
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
    made = block(inputs, planes, stride, shortcut)
    if dilation != 1:  # torchvision's BasicBlock refuses dilation, so it is set here for both kinds
        for convolution in (made.conv1, made.conv2):
            if convolution.kernel_size == (3, 3):
                convolution.dilation = convolution.padding = (dilation, dilation)
    return made


def _move_stride(trunk):
    for module in trunk.modules():
        if hasattr(module, "conv3") and module.conv2.stride != (1, 1):
            module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)


def _initialise(module):
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


class DenseNetTrunk(nn.Module):
    """DenseNet-121 without classifier; its keys are torchvision's (`features.conv0`, `features.denseblock1`, ...).

    Source: Huang et al. 2017, through torchvision.

    Args:
        skips: which maps stand for the sizes 1/4, 1/8 and 1/16. "pooled": what the max-pool and the first two
            transitions give (64, 128, 256 channels); "blocks": what the first three dense blocks give, before a
            transition reduces them (256, 512, 1024). The stem (64) and the last block (1024) are the same in both.
        width: factor on the growth rate (32) and the stem (64); 1 is the published network.

    Attributes:
        channels: of the five feature maps. strides: of the five, relative to the image. Poolings of the transitions
            round down where those of a ResNet round up.
    """

    def __init__(self, *, skips="pooled", width=1.0):
        from torchvision.models import DenseNet

        super().__init__()
        if skips not in ("pooled", "blocks"):
            raise ValueError(f'skips: expected "pooled" or "blocks", found {skips!r}')
        counts = (6, 12, 24, 16)
        growth, stem = scaled(32, width), 2 * scaled(32, width)
        self.skips = skips
        self.features = DenseNet(growth, counts, stem).features
        pooled, blocks = [stem], []
        for count in counts:
            blocks.append(pooled[-1] + count * growth)
            pooled.append(blocks[-1] // 2)
        self.channels = [stem, *(pooled if skips == "pooled" else blocks)[:3], blocks[3]]
        self.strides = [2, 4, 8, 16, 32]

    def forward(self, image):
        """Five feature maps, from the stem (half size) to the last block, normalised and rectified."""
        parts = self.features
        stem = parts.relu0(parts.norm0(parts.conv0(image)))
        pooled, blocks = [parts.pool0(stem)], []
        for k in (1, 2, 3):
            blocks.append(getattr(parts, f"denseblock{k}")(pooled[-1]))
            pooled.append(getattr(parts, f"transition{k}")(blocks[-1]))
        last = torch.relu(parts.norm5(parts.denseblock4(pooled[-1])))
        return [stem, *(pooled if self.skips == "pooled" else blocks)[:3], last]


def load_trunk(trunk, weights):
    """Load ImageNet weights into a trunk of width 1: see `sidelib.models.weights.load_weights`.

    The classifier of a whole network (`fc.`, `classifier.`) is left out.
    """
    load_weights(trunk, weights, _trunk_key)


def _trunk_key(key):
    if key.startswith(("fc.", "classifier.")):
        return None
    # torchvision's published DenseNet still writes `norm.1` for what its own network calls `norm1`.
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", key)
