"""Stacked hourglass (SHG): down twice and up twice, several times in a row."""

import torch
from torch import nn

from sidelib.models.ds_encoder import convbn

__all__ = ["Hourglass", "StackedHourglass"]


def _enlarge(inputs, outputs):
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Hourglass(nn.Module):
    """One hourglass: to ½ and ¼ with 2C channels and back, with a shortcut at ½ and around all.

    Source: Chang and Chen 2018 (PSMNet), cited by ds_sidenet, §4.2; here in two dimensions. Its hourglasses also pass
    their inner maps on to the next one; ds_sidenet does not say whether its own do, and here only the output goes on.
    Enlarged maps of odd sizes are cropped at the bottom and right.

    Parameters: 180·C² + 22·C.
    """

    def __init__(self, channels):
        super().__init__()
        wide = 2 * channels
        self.down1 = nn.Sequential(convbn(channels, wide, stride=2), convbn(wide, wide))
        self.down2 = nn.Sequential(convbn(wide, wide, stride=2), convbn(wide, wide))
        self.up2 = _enlarge(wide, wide)
        self.up1 = _enlarge(wide, channels)

    def forward(self, x):
        """`(B, C, h, w)` to the same shape."""
        half = self.down1(x)
        quarter = self.down2(half)
        half = torch.relu(half + _cropped(self.up2(quarter), half))
        return torch.relu(x + _cropped(self.up1(half), x))


def _cropped(x, like):
    return x[..., : like.shape[-2], : like.shape[-1]]


class StackedHourglass(nn.Sequential):
    """`modules` hourglasses in a row, three as in PSMNet; the shape stays."""

    def __init__(self, channels, *, modules=3):
        super().__init__()
        for number in range(modules):
            self.add_module(f"hourglass{number + 1}", Hourglass(channels))
