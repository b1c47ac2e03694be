"""Semantic segmentation networks with depth bins for classes: DeepLab v2 and FCN-32/16/8."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.bin_classifier import BinClassifier
from sidelib.models.trunks import ResNetTrunk, load_trunk, scaled
from sidelib.models.vgg import VGG16Trunk

__all__ = ["ASPP", "FCN", "DeepLabV2"]


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling of DeepLab v2: the *sum* of biased 3×3 convolutions straight to the classes.

    Later versions concatenate branches of 256 channels, with batch norm; this one has none. Weights start from
    N(0, 0.01), biases from 0.
    """

    def __init__(self, inputs, classes, rates=(6, 12, 18, 24)):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(inputs, classes, 3, padding=rate, dilation=rate) for rate in rates)
        for branch in self.branches:
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)

    def forward(self, features):
        """`(B, inputs, h, w)` to `(B, classes, h, w)`."""
        return sum(branch(features) for branch in self.branches)


class DeepLabV2(BinClassifier):
    """DeepLab v2 on ResNet-101, its classes K depth bins.

    Source: sid_segmentation §3.1, §3.2, §4 and Fig. 1; the details of DeepLab v2 from its public Caffe model.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32. Output: `depth` `(B, 1, H, W)` in metres, between the centres of
    the first and the last bin; `logits` `(B, K, H, W)`, enlarged bilinearly from 1/8 of the size.

    Sizes of a 420×800 crop: 210×400 (64 channels), 106×201 after the max-pool, which rounds up (256), then 53×101 for
    stages 2, 3 and 4 (512, 1024, 2048), the last two dilated by 2 and 4 in every block instead of strided, and K.
    `encoder` is a `ResNetTrunk` with 42 500 160 parameters, `head` an `ASPP` with 4 (9 · 2048 · K + K): 47 735 132
    in all for K = 71. The paper publishes no count. The multi-scale inputs of DeepLab v2 are not mentioned there and
    are left out. The CRF is a step after the network (the text; the caption of Fig. 1 says "pre-processing"):
    `sidelib.models.crf`.

    Ambiguities:
        alpha: not given. 1 m is a choice: a bin is then 6.4 % deep, and all edges but the last move with it.
        edges: "sid" is the paper's method, "uniform" its comparison (Eqs 1 and 2).
        decode: not given. "argmax-arithmetic", DORN's rule (thesis, Eq. 2.22), from which the paper takes its bins.
        stride_in_1x1: False, as in torchvision, whose ImageNet weights load; the Caffe model of DeepLab v2 strides in
            the 1×1 convolutions.

    Options: also `normalise`, `width` (of the trunk's channels) and `weights` (`load_trunk`).
    """

    def __init__(
        self, *, k=71, alpha=1.0, beta=80.0, edges="sid", decode="argmax-arithmetic", stride_in_1x1=False,
        normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(k=k, alpha=alpha, beta=beta, edges=edges, decode=decode, normalise=normalise)
        self.encoder = ResNetTrunk(
            101, output_stride=8, multi_grid=(1, 1, 1), stride_in_1x1=stride_in_1x1, ceil_mode=True, width=width
        )
        load_trunk(self.encoder, weights)
        self.head = ASPP(self.encoder.channels[-1], k)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `logits`."""
        return self.outputs(self.head(self.encoder(self.prepared(image))[-1]), image.shape[-2:])


class FCN(BinClassifier):
    """FCN-32s, FCN-16s or FCN-8s on VGG-16, its classes K depth bins.

    Source: Long et al. 2015 through sid_segmentation §3.1: FCN-8 has two skip connections, FCN-16 one, FCN-32 none.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32. Output: `depth` `(B, 1, H, W)` in metres; `logits` `(B, K, H, W)`.

    Parts: `encoder` (`VGG16Trunk`, its max-pools rounding up as in Caffe); `head`: fc6 (7×7, 4096) and fc7 (1×1, 4096),
    each with ReLU and dropout, and score (1×1, K); for the skips `score_pool4` and `score_pool3` (1×1, K) and transposed
    convolutions `up2` and `up_pool4` (4×4, stride 2, no bias, learned from bilinear weights on); the last enlargement is
    fixed and bilinear. With K classes: 134 260 544 + 4097 K parameters for stride 32 (VGG-16 without its last layer, as
    published), 513 K + 16 K² more for 16, and 257 K + 16 K² more for 8.

    Args:
        stride: 32, 16 or 8, of the finest map that is scored.
        padding: of the first convolution. 100 as in the original, where fc6 is unpadded: any size passes, and results
            are cropped where they belong. 1 pads fc6 by 3 instead, and adds no border.
        Also `k`, `alpha`, `beta`, `edges`, `decode`: those of `DeepLabV2`, for the comparison; `normalise`, `width`,
            `weights` (`load_trunk`, a VGG-16 of torchvision).

    Differs from the original: score layers start from N(0, 0.01) instead of 0, so that gradients reach the trunk in
    the first step; fc6 and fc7 start from random weights, where the original copies VGG's classifier; dropout drops
    whole channels, where Caffe's layer drops single values; ImageNet's mean and standard deviation are torchvision's.
    """

    def __init__(
        self, *, stride=8, padding=100, k=71, alpha=1.0, beta=80.0, edges="sid", decode="argmax-arithmetic",
        normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(k=k, alpha=alpha, beta=beta, edges=edges, decode=decode, normalise=normalise)
        if stride not in (8, 16, 32):
            raise ValueError(f"stride: expected 8, 16 or 32, found {stride!r}")
        if padding not in (1, 100):
            raise ValueError(f"padding: expected 1 or 100, found {padding!r}")
        self.stride, self.padding = stride, padding
        self.encoder = VGG16Trunk(padding=(padding, 1), ceil_mode=True, width=width)
        load_trunk(self.encoder, weights)
        *_, pool3, pool4, pool5 = self.encoder.channels
        wide = scaled(4096, width)
        self.head = nn.Sequential()
        self.head.add_module("fc6", nn.Conv2d(pool5, wide, 7, padding=3 if padding == 1 else 0))
        self.head.add_module("relu6", nn.ReLU(inplace=True))
        self.head.add_module("drop6", nn.Dropout2d())
        self.head.add_module("fc7", nn.Conv2d(wide, wide, 1))
        self.head.add_module("relu7", nn.ReLU(inplace=True))
        self.head.add_module("drop7", nn.Dropout2d())
        self.head.add_module("score", _score(wide, k))
        if stride <= 16:
            self.up2, self.score_pool4 = _double(k), _score(pool4, k)
        if stride == 8:
            self.up_pool4, self.score_pool3 = _double(k), _score(pool3, k)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `logits`."""
        *_, pool3, pool4, pool5 = self.encoder(self.prepared(image))
        scores = self.head(pool5)
        # fc6 without padding takes 3 cells of pool5 from each side: 6 of pool4, 12 of pool3, 96 pixels of the padded
        # image, of which 99 lie outside. So the result begins 3 pixels before the image.
        before, cut = (3, 6) if self.padding == 100 else (0, 0)
        if self.stride <= 16:
            scores = _fuse(self.up2(scores), self.score_pool4(pool4), cut)
        if self.stride == 8:
            scores = _fuse(self.up_pool4(scores), self.score_pool3(pool3), 2 * cut)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        enlarged = F.interpolate(scores, scale_factor=self.stride, mode="bilinear", align_corners=False)
        height, width = image.shape[-2:]
        return self.outputs(enlarged[..., before : before + height, before : before + width], (height, width))


def _score(inputs, classes):
    layer = nn.Conv2d(inputs, classes, 1)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer


def _double(classes):
    """A transposed convolution that doubles the size, bilinear to begin with and apart for each class."""
    layer = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, bias=False)
    ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        layer.weight.copy_(torch.eye(classes)[:, :, None, None] * ramp[:, None] * ramp)
    return layer


def _fuse(coarse, fine, cut):
    """Their sum where both are; `fine` is cut by `cut` cells at the top and left, and either at the bottom and right.

    Max-pools that round up may make the doubled map larger than the finer one by a cell.
    """
    fine = fine[..., cut : cut + coarse.shape[-2], cut : cut + coarse.shape[-1]]
    return coarse[..., : fine.shape[-2], : fine.shape[-1]] + fine
