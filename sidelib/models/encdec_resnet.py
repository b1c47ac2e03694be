"""EncDecResNet: the relative-depth network of Xian et al. 2018 that the thesis trains with ranking losses."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.image_network import ImageNetwork
from sidelib.models.trunks import ResNetTrunk, load_trunk, scaled

__all__ = ["EncDecResNet", "FeatureFusion", "ResidualUnit"]

_FUSION = {"paper": (256, 256, 256), "public": (512, 256, 128)}


def _transition(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


class ResidualUnit(nn.Module):
    """ReLU, 3×3, batch norm, ReLU, 3×3, batch norm, and the shortcut added; `(B, C, H, W)` to the same.

    Args:
        rectified_shortcut: the shortcut carries max(x, 0). This is what an in-place ReLU at the head of the unit does:
            the shortcut is the same tensor. It is written out here, so that it does not depend on memory.
    """

    def __init__(self, channels, *, rectified_shortcut=False):
        super().__init__()
        self.rectified_shortcut = rectified_shortcut
        self.first = _transition(channels, channels)
        self.second = _transition(channels, channels)

    def forward(self, x):
        """Same shape as `x`."""
        rectified = torch.relu(x)
        shortcut = rectified if self.rectified_shortcut else x
        return shortcut + self.second(torch.relu(self.first(rectified)))


class FeatureFusion(nn.Module):
    """Joins an encoder map with the map from below and doubles the resolution.

    Source: Xian et al. 2018, Fig. 4; thesis Fig. 4.2. Skip: 3×3, batch norm, residual unit. From below: 3×3, batch norm.
    Their sum, a residual unit, and bilinear enlargement.
    """

    def __init__(self, skip, below, channels, *, rectified_shortcut=False, align_corners=False):
        super().__init__()
        self.align_corners = align_corners
        self.skip = nn.Sequential(
            _transition(skip, channels), ResidualUnit(channels, rectified_shortcut=rectified_shortcut)
        )
        self.below = _transition(below, channels)
        self.fused = ResidualUnit(channels, rectified_shortcut=rectified_shortcut)

    def forward(self, skip, below, size):
        """`(B, channels, *size)` from `skip` and `below` of one size."""
        x = self.fused(self.skip(skip) + self.below(below))
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)


class EncDecResNet(ImageNetwork):
    """A ResNet-50 encoder and a decoder of three feature-fusion blocks that gives one score a pixel, larger = closer.

    Source: thesis chapter 4, Figs 4.1–4.2; Xian et al. 2018. A 384×384 image gives encoder maps of 96² (256 channels), 48²
    (512), 24² (1024) and 12² (2048); the deepest is enlarged to 24²; `decoder` has three blocks, at 24², 48² and 96², which
    end at 48², 96² and 192²; `head` is 3×3 to 128, batch norm, ReLU, 3×3 to 1 without activation, and is enlarged to
    384². The score is unbounded and has no unit.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32. Maps are enlarged to the size of the next encoder map, so that odd sizes
    fit; this is ×2 for multiples of 32. Output: `score` `(B, 1, H, W)`.

    Parameters at width 1: 40 918 593 ("paper"), 53 158 977 ("public").

    Args:
        fusion_channels: "paper" (256 in each block, as the paper's text says; the default, since the thesis builds on
            that paper), "public" (512, 256, 128, as in the implementation published with YouTube3D), or three numbers,
            from the deepest block up.
        inplace_relu: the public code starts each residual unit with an in-place ReLU, which also rectifies its shortcut.
            False is the unit as drawn; True is what the public weights were trained with.
        align_corners: of the enlargements inside; True is the public code's (PyTorch's then default), False the rest of
            this library's.
        normalise: by ImageNet's mean and standard deviation.
        width: factor on all channels.
        weights: of the trunk, for `load_trunk`.

    Ambiguous, and taken from the public code: the map from below passes a 3×3 convolution and batch norm before the sum
    (2048 channels have to become those of the block), and the convolutions before a batch norm have no bias.
    """

    def __init__(
        self,
        *,
        fusion_channels="paper",
        inplace_relu=False,
        align_corners=False,
        normalise=True,
        width=1.0,
        weights=None,
    ):
        super().__init__(normalise)
        fusion = _FUSION.get(fusion_channels) if isinstance(fusion_channels, str) else tuple(fusion_channels)
        if fusion is None or len(fusion) != 3:
            raise ValueError(f"fusion_channels: expected 'paper', 'public' or three numbers, found {fusion_channels!r}")
        self.align_corners = align_corners
        self.encoder = ResNetTrunk(50, width=width)
        load_trunk(self.encoder, weights)
        *skips, below = self.encoder.channels[1:]
        blocks = []
        for skip, channels in zip(reversed(skips), (scaled(n, width) for n in fusion)):
            options = {"rectified_shortcut": inplace_relu, "align_corners": align_corners}
            blocks.append(FeatureFusion(skip, below, channels, **options))
            below = channels
        self.decoder = nn.ModuleList(blocks)
        inner = scaled(128, width)
        self.head = nn.Sequential(
            nn.Conv2d(below, inner, 3, padding=1),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, 1, 3, padding=1),
        )

    def forward(self, image):
        """`score`, `(B, 1, H, W)`, larger = closer."""
        features = self.encoder(self.prepared(image))
        # Each block ends at the size of the next finer map: 1/16 (before the first block), 1/8, 1/4, 1/2.
        x = self._enlarge(features[4], features[3].shape[-2:])
        for k, block in enumerate(self.decoder):
            x = block(features[3 - k], x, features[2 - k].shape[-2:])
        score = self.head(x)
        score = score.to(torch.promote_types(score.dtype, torch.float32))
        return {"score": self._enlarge(score, image.shape[-2:])}

    def _enlarge(self, x, size):
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)

    def parameter_groups(self, lr):
        """Parameter groups for an optimiser: the encoder learns at a tenth of the rate of the rest (thesis §4.2).

        >>> model = EncDecResNet(width=1 / 16)
        >>> [group["lr"] for group in model.parameter_groups(0.5)]
        [0.05, 0.5]
        """
        encoder = list(self.encoder.parameters())
        known = {id(parameter) for parameter in encoder}
        others = [parameter for parameter in self.parameters() if id(parameter) not in known]
        return [{"params": encoder, "lr": lr / 10}, {"params": others, "lr": lr}]
