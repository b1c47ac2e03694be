"""Eigen's networks: coarse and fine (2014), and three scales on a VGG trunk (2015). Both predict log depth."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.image_network import ImageNetwork
from sidelib.models.precision import without_autocast
from sidelib.models.trunks import check_image, load_trunk, scaled
from sidelib.models.vgg import VGG16Trunk

__all__ = ["EigenCoarseFine", "EigenThreeScale"]


class _Eigen(ImageNetwork):
    """What both networks share: a fixed working size, normalisation, and depth as the exponential of the output."""

    smallest = 32

    def __init__(self, image_size, normalise, detach_coarse):
        super().__init__(normalise)
        height, width = image_size
        if min(height, width) < self.smallest:
            raise ValueError(f"image_size: expected at least {self.smallest}×{self.smallest}, found {height}×{width}")
        self.image_size, self.detach_coarse = (height, width), detach_coarse

    def _prepare(self, image):
        check_image(image)
        return self.normalised(_resize(image, self.image_size))

    @staticmethod
    def _depth(log_depth, size):
        # Enlarged before the exponential, in float32 at least.
        wide = torch.promote_types(log_depth.dtype, torch.float32)
        return torch.exp(_resize(log_depth.to(wide), size))


def _resize(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class _LastLayer:
    """A layer that gives log depth, which autocast leaves alone: bfloat16 has steps of 3 % in depth where it is near 4."""

    def forward(self, x):
        with without_autocast(x):
            return super().forward(x.to(self.weight.dtype))


class _LastLinear(_LastLayer, nn.Linear):
    pass


class _LastConv2d(_LastLayer, nn.Conv2d):
    pass


def _convolve(inputs, outputs, kernel, *, stride=1, padding=None, last=False, pool=None):
    """A convolution and ReLU, then a pooling `(kernel, stride)` where asked for; `last`: one that gives log depth."""
    layer = _LastConv2d if last else nn.Conv2d
    parts = [layer(inputs, outputs, kernel, stride=stride, padding=kernel // 2 if padding is None else padding)]
    if not last:
        parts.append(nn.ReLU(inplace=True))
    if pool is not None:
        parts.append(nn.MaxPool2d(*pool))
    return nn.Sequential(*parts)


class EigenCoarseFine(_Eigen):
    """Eigen, Puhrsch and Fergus 2014: a coarse network with a global view, and a fine one that sharpens its result.

    Source: thesis §2.1.2.1, Eqs 2.11–2.12; layer sizes from Eigen et al. 2014, Fig. 1. For a 228×304 image:

    =========  ==============================================  ==============
    layer      operation                                       output
    =========  ==============================================  ==============
    coarse.1   11×11, 96, stride 4, no padding; pool 2         27×37
    coarse.2   5×5, 256; pool 2                                13×18
    coarse.3   3×3, 384                                        13×18
    coarse.4   3×3, 384                                        13×18
    coarse.5   3×3, 256, stride 2, no padding                  6×8
    coarse.6   fully connected, 4096; dropout                  4096
    coarse.7   fully connected, linear                         55×74, 1 channel
    fine.1     9×9, 63, stride 2, no padding; pool 2           55×74
    fine.2     fine.1 and the coarse log depth, joined         55×74, 64 channels
    fine.3     5×5, 64                                         55×74
    fine.4     5×5, linear                                     55×74, 1 channel
    =========  ==============================================  ==============

    Input: `(B, 3, H, W)` in [0, 1], any size. The fully connected layers need one size, so the image is resized to
    `image_size` (bilinear); the original halves NYU's 480×640 and cuts 228×304 out of it. Output: `depth` and `coarse`,
    `(B, 1, H, W)` metres: the network's output is linear and means ln(depth), as in the original, so that depth is its
    exponential and positive.

    Parameters: 70 877 171 at width 1 and 228×304 (by hand from the table; 67 million of them in layers 6 and 7).

    Args:
        image_size: `(height, width)` on which the layers work, at least 55×55.
        reduction: how coarse.5 gets from 13×18 to 6×8: "stride" (a 3×3 convolution of stride 2 without padding) or "pool"
            (a padded one, then 3×3 max-pooling of stride 2 as in AlexNet). Both give the printed 6×8, which 2×2 pooling
            does not; the default adds no layer to the figure.
        detach_coarse: the original trains the coarse network first and the fine one on top of it, held fixed. True
            stops the gradient of `depth` at the coarse prediction; train `coarse` first.
        dropout: of coarse.6.
        normalise: by ImageNet's mean and standard deviation. torchvision has no weights for this trunk.
        width: factor on all channels.
    """

    smallest = 55

    def __init__(
        self, *, image_size=(228, 304), reduction="stride", detach_coarse=False, dropout=0.5, normalise=True, width=1.0
    ):
        super().__init__(image_size, normalise, detach_coarse)
        if reduction not in ("stride", "pool"):
            raise ValueError(f"reduction: expected 'stride' or 'pool', found {reduction!r}")
        c = [scaled(n, width) for n in (96, 256, 384, 384, 256, 4096)]
        last = {"stride": 2, "padding": 0} if reduction == "stride" else {"pool": (3, 2)}
        end = [((n - 11) // 4 + 1) // 4 for n in self.image_size]  # after coarse.4
        flat = c[4] * ((end[0] - 3) // 2 + 1) * ((end[1] - 3) // 2 + 1)
        self.size = tuple(((n - 9) // 2 + 1) // 2 for n in self.image_size)  # of both predictions
        layers = {
            "1": _convolve(3, c[0], 11, stride=4, padding=0, pool=(2, 2)),
            "2": _convolve(c[0], c[1], 5, pool=(2, 2)),
            "3": _convolve(c[1], c[2], 3),
            "4": _convolve(c[2], c[3], 3),
            "5": _convolve(c[3], c[4], 3, **last),
            "flatten": nn.Flatten(),
            "6": nn.Sequential(nn.Linear(flat, c[5]), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            "7": _LastLinear(c[5], self.size[0] * self.size[1]),
            "unflatten": nn.Unflatten(1, (1, *self.size)),
        }
        self.coarse = nn.Sequential(OrderedDict(layers))
        hidden = max(2, scaled(64, width))
        layers = {
            "1": _convolve(3, hidden - 1, 9, stride=2, padding=0, pool=(2, 2)),
            "3": _convolve(hidden, hidden, 5),
            "4": _convolve(hidden, 1, 5, last=True),
        }
        self.fine = nn.ModuleDict(layers)

    def forward(self, image):
        """`depth` and `coarse`, `(B, 1, H, W)` in metres."""
        x = self._prepare(image)
        coarse = self.coarse(x)
        given = coarse.detach() if self.detach_coarse else coarse
        fine = self.fine["3"](torch.cat((self.fine["1"](x), given), 1))
        size = image.shape[-2:]
        return {"depth": self._depth(self.fine["4"](fine), size), "coarse": self._depth(coarse, size)}


class EigenThreeScale(_Eigen):
    """Eigen and Fergus 2015: a VGG trunk with fully connected layers, then two convolutional stacks, each finer.

    Source: thesis §2.1.2.1 ("another scale is added"), loss Eq. 2.17; layer sizes from Eigen and Fergus 2015, Fig. 2
    (VGG rows), whose sizes at 228×304 are those of `encoder` (112×150, 56×75, 28×37, 14×18, 7×9), `scale1.6` (4096),
    `scale1.7` (64 channels of 14×19, enlarged to 55×74), `scale2.1` … `scale2.5` (55×74; 96 + 64, 64, 64, 64, 1 channels)
    and `scale3.1` … `scale3.4` (109×147; 96 + 1, 64, 64, 1).

    Input: `(B, 3, H, W)` in [0, 1], any size, resized to `image_size`. Output: `depth` (third scale) and `coarse` (second
    scale), `(B, 1, H, W)` metres: both outputs are linear and mean ln(depth).

    Parameters: 217 355 458 at width 1 and 228×304, of which 201.9 million in the fully connected layers.

    Readings: the figure's 109×147 is what a 9×9 convolution of stride 2 without padding (110×148) leaves after 2×2
    max-pooling of stride 1. The 64 maps of `scale1.7` go through a ReLU, as every hidden layer; they and the second
    scale's prediction are enlarged by resizing to the next stack's size (bilinear) rather than by an integer factor and
    a crop.

    Args:
        image_size: `(height, width)` on which the layers work, at least 48×48.
        unpadded_stem: True gives the printed sizes of the trunk; False is torchvision's VGG.
        detach_coarse: the original trains scales one and two together, then the third with these held fixed: True
            stops the gradient of `depth` at the second scale's prediction.
        dropout: of `scale1.6`.
        normalise: by ImageNet's mean and standard deviation.
        width: factor on all channels.
        weights: of the trunk, for `load_trunk`.
    """

    smallest = 48

    def __init__(
        self,
        *,
        image_size=(228, 304),
        unpadded_stem=True,
        detach_coarse=False,
        dropout=0.5,
        normalise=True,
        width=1.0,
        weights=None,
    ):
        super().__init__(image_size, normalise, detach_coarse)
        self.encoder = VGG16Trunk(padding=(0, 0) if unpadded_stem else (1, 1), width=width)
        load_trunk(self.encoder, weights)
        full, wide, c = scaled(4096, width), scaled(96, width), scaled(64, width)
        end = [(n - 4 * unpadded_stem) // 32 for n in self.image_size]
        grid = tuple(n // 16 for n in self.image_size)
        flat = self.encoder.channels[-1] * end[0] * end[1]
        layers = {
            "flatten": nn.Flatten(),
            "6": nn.Sequential(nn.Linear(flat, full), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            "7": nn.Sequential(nn.Linear(full, c * grid[0] * grid[1]), nn.ReLU(inplace=True)),
            "unflatten": nn.Unflatten(1, (c, *grid)),
        }
        self.scale1 = nn.Sequential(OrderedDict(layers))
        layers = {
            "1": _convolve(3, wide, 9, stride=2, padding=0, pool=(2, 2)),
            "2": _convolve(wide + c, c, 5),
            "3": _convolve(c, c, 5),
            "4": _convolve(c, c, 5),
            "5": _convolve(c, 1, 5, last=True),
        }
        self.scale2 = nn.ModuleDict(layers)
        layers = {
            "1": _convolve(3, wide, 9, stride=2, padding=0, pool=(2, 1)),
            "2": _convolve(wide + 1, c, 5),
            "3": _convolve(c, c, 5),
            "4": _convolve(c, 1, 5, last=True),
        }
        self.scale3 = nn.ModuleDict(layers)

    def forward(self, image):
        """`depth` and `coarse`, `(B, 1, H, W)` in metres."""
        x = self._prepare(image)
        coarse = _stack(self.scale2, x, self.scale1(self.encoder(x)[-1]))
        fine = _stack(self.scale3, x, coarse.detach() if self.detach_coarse else coarse)
        size = image.shape[-2:]
        return {"depth": self._depth(fine, size), "coarse": self._depth(coarse, size)}


def _stack(layers, image, before):
    """A stack's first layer sees the image; the others that and the result of the scale before, enlarged."""
    first, *others = layers.values()
    x = first(image)
    x = torch.cat((x, _resize(before, x.shape[-2:])), 1)
    for layer in others:
        x = layer(x)
    return x
