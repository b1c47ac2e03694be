"""Stacked atrous multi-scale (SAM): a hourglass's context by dilation, without leaving the resolution."""

import torch
from torch import nn

from sidelib.models.ds_encoder import convbn

__all__ = ["AtrousMultiscale", "StackedAtrousMultiscale"]


class AtrousMultiscale(nn.Module):
    """An AM module: 3×3 convolutions of growing dilation, two 1×1 ones, and a shortcut around all.

    Source: Du et al. 2019 (AMNet), cited by ds_sidenet, §4.2.

    AMNet works on 3-D cost volumes, and no public code was found. This is our reading, in two dimensions, and was not
    checked against that paper's layer table: dilations 1, 2, 2, 4, 4, …, up to a largest, a batch norm and a ReLU after
    each; then two 1×1 convolutions that refine; the number of channels stays; a ReLU after the shortcut. The largest
    dilation is not given by ds_sidenet: 8 is ours (the six 3×3 then see 43 cells in a row). The convolutions are
    plain, not separable, as "exact same architecture" asks.

    Parameters: 9·C²·n + 2·C² + 2·C·(n + 2) for n rates.
    """

    def __init__(self, channels, *, rates=(1, 2, 2, 4, 4, 8)):
        super().__init__()
        self.atrous = nn.Sequential(*(convbn(channels, channels, dilation=rate) for rate in rates))
        self.refine = nn.Sequential(
            convbn(channels, channels, 1), nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x):
        """`(B, C, h, w)` to the same shape."""
        return torch.relu(x + self.refine(self.atrous(x)))


class StackedAtrousMultiscale(nn.Sequential):
    """SAM: `modules` AM modules in a row, three in ds_sidenet (Table 2); the shape stays."""

    def __init__(self, channels, *, modules=3, rates=(1, 2, 2, 4, 4, 8)):
        super().__init__()
        for number in range(modules):
            self.add_module(f"am{number + 1}", AtrousMultiscale(channels, rates=rates))
