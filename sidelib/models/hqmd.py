"""HQMD's two networks: DeepLabv3+ on ResNet-50 with one output channel, before or after the last upsampling."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.image_network import ImageNetwork
from sidelib.models.trunks import ResNetTrunk, load_trunk, scaled

__all__ = ["HQMDBaseline", "HQMDBaselinePlus", "PooledASPP"]


def _conv(inputs, outputs, kernel=3, rate=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PooledASPP(nn.Module):
    """Atrous spatial pyramid pooling of DeepLabv3: 1×1, dilated 3×3s and image pooling, concatenated and mixed by 1×1.

    Every convolution has batch norm and ReLU. That of the pooled branch sees one value per image and channel, so that
    training needs at least two images in a batch: a data loader whose last batch may hold one wants `drop_last=True`.
    """

    def __init__(self, inputs, outputs, rates=(4, 8, 12)):
        super().__init__()
        self.branches = nn.ModuleList([_conv(inputs, outputs, 1), *(_conv(inputs, outputs, 3, rate) for rate in rates)])
        self.pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), _conv(inputs, outputs, 1))
        self.project = _conv((len(rates) + 2) * outputs, outputs, 1)

    def forward(self, features):
        """`(B, inputs, h, w)` to `(B, outputs, h, w)`."""
        if self.training and len(features) < 2:
            raise ValueError("image: expected at least 2 images in a batch for training (batch norm of image pooling)")
        pooled = self.pooling(features).expand(-1, -1, *features.shape[-2:])
        return self.project(torch.cat([*(branch(features) for branch in self.branches), pooled], dim=1))


class _HQMD(ImageNetwork):
    def __init__(self, *, rates, multi_grid, max_depth, align_corners, normalise, width, weights):
        super().__init__(normalise)
        if not max_depth > 0:
            raise ValueError(f"max_depth: expected above 0 m, found {max_depth}")
        self.max_depth, self.align_corners = max_depth, align_corners
        self.encoder = ResNetTrunk(50, output_stride=16, multi_grid=multi_grid, width=width)
        load_trunk(self.encoder, weights)
        self.wide, low = scaled(256, width), scaled(48, width)
        self.aspp = PooledASPP(self.encoder.channels[4], self.wide, rates)
        self.low_level = _conv(self.encoder.channels[1], low, 1)
        self.decoder = nn.Sequential(_conv(self.wide + low, self.wide), _conv(self.wide, self.wide))

    def decoded(self, image):
        """`image` `(B, 3, H, W)` to the decoder's features at a quarter of the size, `(B, 256, H/4, W/4)`."""
        features = self.encoder(self.prepared(image))
        low = self.low_level(features[1])
        return self.decoder(torch.cat([self.enlarged(self.aspp(features[4]), low.shape[-2:]), low], dim=1))

    def enlarged(self, x, size):
        """`x` resized bilinearly to `size`."""
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)

    def outputs(self, logits):
        """`logits` at input size and the `depth` they stand for, in float32 at least."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return {"depth": self.max_depth * torch.sigmoid(logits), "logits": logits}


class HQMDBaseline(_HQMD):
    """HQMD's baseline: DeepLabv3+ on ResNet-50 with plain 3×3 convolutions, one channel at 1/4, then bilinear.

    Source: hqmd §3.1, §4.1 and Fig. 1; the details of its public code (github.com/HalleyJiang/HQMD).

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32; the paper's is 289×385. Output, at input size: `depth`
    `(B, 1, H, W)`, `max_depth` times a sigmoid, so between 0 and 10 m; `logits` `(B, 1, H, W)`.

    Sizes for 289×385: `encoder` (`ResNetTrunk`, output stride 16) 145×193 (64), 73×97 (256), 37×49 (512), 19×25 (1024),
    19×25 (2048); `aspp` 19×25 (256), enlarged to 73×97; `low_level` (1×1 of the first stage) 73×97 (48); `decoder`,
    two 3×3: 73×97 (256); `head` (1×1) 73×97 (1), enlarged to 289×385. 23 508 032 + 15 535 104 + 12 384 + 1 291 264 +
    257 = 40 347 041 parameters; the paper publishes no count. Odd sizes need no care: each map is as large as the
    encoder's rounding up makes it, and enlarging goes to the size that is wanted.

    Ambiguities:
        rates: of the pyramid, not in the paper; (4, 8, 12) in its code, (6, 12, 18) in DeepLabv3+ at this stride.
        multi_grid: not in the paper; (1, 2, 4) in its code, times 2, the dilation of the last stage.
        max_depth: the sigmoid and its 10 m are the code's.
        align_corners: of each enlargement; False, the rule of this package. 289 = 18·16 + 1 and 385 = 24·16 + 1, so
            the cells of the encoder lie on pixels 0, 4, 8, … and 0, 16, 32, … and, with True, meet them exactly.
        trunk: torchvision's ResNet-50, whose ImageNet weights load; the code has ResNet-v2-50, with batch norm and
            ReLU before each convolution. The paper cites both (§3.1).
        the kernel of the last convolution (1×1) is DeepLabv3+'s; dropout is not mentioned, and left out.

    Options: also `normalise`, `width` (of all channels but the output's) and `weights` (`load_trunk`).
    """

    def __init__(
        self, *, rates=(4, 8, 12), multi_grid=(1, 2, 4), max_depth=10.0, align_corners=False, normalise=True,
        width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(
            rates=rates, multi_grid=multi_grid, max_depth=max_depth, align_corners=align_corners,
            normalise=normalise, width=width, weights=weights,
        )  # fmt: skip
        self.head = nn.Conv2d(self.wide, 1, 1)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `logits`."""
        logits = self.head(self.decoded(image))
        return self.outputs(
            self.enlarged(logits.to(torch.promote_types(logits.dtype, torch.float32)), image.shape[-2:])
        )


class HQMDBaselinePlus(_HQMD):
    """HQMD's baseline+: 16 channels at 1/4, bilinear to the input's size, and only there 1×1 to one channel.

    Source: hqmd §3.1 and Fig. 1.

    Input, output, options and ambiguities as `HQMDBaseline`, and the same sizes up to `decoder`; then `reduce` (3×3,
    batch norm) 73×97 (16), enlarged to 289×385, and `head` (1×1) 289×385 (1). 40 346 784 + 36 896 + 17 = 40 383 697
    parameters; the paper publishes no count. `features` `(B, 16, H, W)` are what the head sees.

    Ambiguities:
        nonlinearity_after_upsampling: where the ReLU of the 16 channels is. False: before the upsampling, as of every
            other convolution; nothing but linear steps follow, and a 1×1 convolution and bilinear upsampling commute,
            so that the output is *exactly* that of one channel enlarged, and only the layer of 16 is new. True: after
            the upsampling, where the 1×1 convolution can make edges finer than a cell. The paper names no activation.
    """

    def __init__(
        self, *, nonlinearity_after_upsampling=False, rates=(4, 8, 12), multi_grid=(1, 2, 4), max_depth=10.0,
        align_corners=False, normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(
            rates=rates, multi_grid=multi_grid, max_depth=max_depth, align_corners=align_corners,
            normalise=normalise, width=width, weights=weights,
        )  # fmt: skip
        self.nonlinearity_after_upsampling = nonlinearity_after_upsampling
        narrow = scaled(16, width)
        self.reduce = nn.Sequential(nn.Conv2d(self.wide, narrow, 3, padding=1, bias=False), nn.BatchNorm2d(narrow))
        self.head = nn.Conv2d(narrow, 1, 1)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth`, `logits` and `features`."""
        x = self.reduce(self.decoded(image))
        if self.nonlinearity_after_upsampling:
            x = torch.relu(self.enlarged(x, image.shape[-2:]))
        else:
            x = self.enlarged(torch.relu(x), image.shape[-2:])
        return {**self.outputs(self.head(x)), "features": x}
