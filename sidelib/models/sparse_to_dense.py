"""FCRN with a fourth input channel for measured depth (Ma and Karaman 2018; Liao et al. 2017)."""

import torch
from torch import nn

from sidelib.models.fcrn import FCRN
from sidelib.models.trunks import scaled

__all__ = ["SparseToDense"]


class SparseToDense(FCRN):
    """FCRN over an image and a depth map of few measurements, concatenated: early fusion.

    Source: thesis §2.1.4; Ma and Karaman, who take a ResNet-50 with the decoder of Laina et al., and so do we.

    Input: `(B, 4, H, W)`, colours in [0, 1] and metres, 0 where nothing was measured. Output: `depth` `(B, 1, H, W)`.

    Args:
        colours: let the network see the colours; without, it has the measurements alone.
        others: options of `FCRN`, but not its pretrained weights.
    """

    def __init__(self, *, colours=True, width=1.0, **options):
        super().__init__(width=width, **options)
        self.colours = colours
        self.encoder.conv1 = nn.Conv2d(4, scaled(64, width), 7, stride=2, padding=3, bias=False)

    def prepared(self, image):
        """The four channels as the first layer takes them: colours normalised as ever, metres as they are."""
        if image.ndim != 4 or image.shape[1] != 4:
            raise ValueError(f"image: expected shape (B, 4, H, W), colours and depth, found {tuple(image.shape)}")
        colours = super().prepared(image[:, :3])
        return torch.cat((colours if self.colours else torch.zeros_like(colours), image[:, 3:]), dim=1)
