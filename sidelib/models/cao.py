"""Cao et al.'s classifier: a fully convolutional ResNet over bins uniform in log depth."""

from torch import nn

from sidelib.models.bin_classifier import BinClassifier
from sidelib.models.trunks import ResNetTrunk, load_trunk

__all__ = ["Cao"]


class Cao(BinClassifier):
    """A fully convolutional ResNet that classifies each pixel into bins uniform in log depth.

    Source: Cao et al., as told in the thesis, §2.1.2.1: "a ResNet based on a fully convolutional network"; trained with
    Eq. 2.19, decoded by the centre of the estimated range, refined by a fully connected CRF (`sidelib.models.crf`).

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32. Output: `depth` `(B, 1, H, W)` in metres, between the first and the
    last centre; `logits` `(B, K, H, W)`.

    Parts: `encoder` (`ResNetTrunk`), `head` (1×1 convolution, the classifier made convolutional; 2048 → K). With
    ResNet-101 and K = 100: 42 500 160 + 204 900 = 42 705 060 parameters. The thesis publishes no count.

    Ambiguities, the thesis giving none of these:
        k, alpha, beta: 100 bins on 0.65–10 m, the range of indoor scenes; a bin is then 2.8 % deep, so that its
            geometric centre is at most 1.4 % off.
        decode: "center of the estimated depth range" may be either centre; the geometric one is the middle where the
            bins are uniform.
        trunk_depth: 101, the deepest of the trunks here. output_stride: 8 by dilation, because a cell of 32 pixels
            cannot follow an object's outline, and the CRF sharpens only what is nearly in place; 32 is the plain trunk.

    Options: also `normalise`, `width` (of the trunk's channels) and `weights` (`load_trunk`).
    """

    def __init__(
        self, *, k=100, alpha=0.65, beta=10.0, decode="argmax-geometric", trunk_depth=101, output_stride=8,
        normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(k=k, alpha=alpha, beta=beta, decode=decode, normalise=normalise)
        self.encoder = ResNetTrunk(trunk_depth, output_stride=output_stride, width=width)
        load_trunk(self.encoder, weights)
        self.head = nn.Conv2d(self.encoder.channels[-1], k, 1)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `logits`."""
        return self.outputs(self.head(self.encoder(self.prepared(image))[-1]), image.shape[-2:])
