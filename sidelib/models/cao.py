"""Depth as classification: what all networks over depth bins share, and the classifier of Cao et al."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.bins import DECODINGS, decode_classes, sid_edges, uniform_edges
from sidelib.models.trunks import ResNetTrunk, check_image, load_trunk

__all__ = ["BinClassifier", "Cao"]

_EDGES = {"sid": sid_edges, "uniform": uniform_edges}


class BinClassifier(nn.Module):
    """The parts that networks over K depth bins share: edges, the input's normalisation, and decoding at input size.

    Args:
        k, alpha, beta: number of bins and their range in metres.
        edges: "sid" (equally spaced in log depth) or "uniform".
        decode: one of `sidelib.bins.DECODINGS`.
        normalise: subtract ImageNet's mean colour and divide by its standard deviation, as torchvision's weights want.

    Buffers: `edges` `(K + 1,)`, saved with the weights, which mean nothing without them.
    """

    def __init__(self, *, k, alpha, beta, edges="sid", decode="argmax-geometric", normalise=True):
        super().__init__()
        if edges not in _EDGES:
            raise ValueError(f"edges: expected one of {', '.join(_EDGES)}, found {edges!r}")
        if decode not in DECODINGS:
            raise ValueError(f"decode: expected one of {', '.join(DECODINGS)}, found {decode!r}")
        self.k, self.decode, self.normalise = k, decode, normalise
        # Edges are made on the CPU: a network may be built on the meta device, to be measured without its weights.
        self.register_buffer("edges", _EDGES[edges](alpha, beta, k).to(torch.get_default_device()))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1), persistent=False)

    def prepared(self, image):
        """The image, checked (`(B, 3, H, W)`, at least 32×32) and normalised."""
        check_image(image)
        if min(image.shape[-2:]) < 32:
            raise ValueError(f"image: expected at least 32×32 pixels, found {image.shape[-2]}×{image.shape[-1]}")
        return (image - self.mean) / self.std if self.normalise else image

    def outputs(self, scores, size):
        """`logits` `(B, K, H, W)`, enlarged to `size` in float32 at least, and the `depth` they decode to."""
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        logits = F.interpolate(scores, size=size, mode="bilinear", align_corners=False)
        return {"depth": decode_classes(logits, self.edges, self.decode), "logits": logits}


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
