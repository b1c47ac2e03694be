"""The way in that networks over one image share: the checks, the smallest size, ImageNet's normalisation."""

import torch
from torch import nn

from sidelib.models.trunks import check_image

__all__ = ["SMALLEST", "ImageNetwork", "check_size"]

SMALLEST = 32  # pixels a side: below, the deepest maps of the trunks are empty


def check_size(image):
    """`image`: `(B, 3, H, W)` of at least 32×32 pixels, or a clear error."""
    check_image(image)
    if min(image.shape[-2:]) < SMALLEST:
        height, width = image.shape[-2:]
        raise ValueError(f"image: expected at least {SMALLEST}×{SMALLEST} pixels, found {height}×{width}")


class ImageNetwork(nn.Module):
    """A network over `(B, 3, H, W)` images in [0, 1], which it normalises itself.

    Args:
        normalise: subtract ImageNet's mean colour and divide by its standard deviation, as torchvision's weights want.
    """

    def __init__(self, normalise=True):
        super().__init__()
        self.normalise = normalise
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1), persistent=False)

    def normalised(self, image):
        """The image as the first layer takes it."""
        return (image - self.mean) / self.std if self.normalise else image

    def prepared(self, image):
        """The image, checked and normalised."""
        check_size(image)
        return self.normalised(image)
