"""What all networks that classify pixels into depth bins share."""

import torch
from torch.nn import functional as F

from sidelib.bins import DECODINGS, bin_centres, decode_classes, sid_edges, uniform_edges
from sidelib.models.image_network import ImageNetwork

__all__ = ["BinClassifier"]

_EDGES = {"sid": sid_edges, "uniform": uniform_edges}


class BinClassifier(ImageNetwork):
    """The parts that networks over K depth bins share: edges, the input's normalisation, and decoding at input size.

    Args:
        k, alpha, beta: number of bins and their range in metres.
        edges: "sid" (equally spaced in log depth) or "uniform".
        decode: one of `sidelib.bins.DECODINGS`.
        normalise: subtract ImageNet's mean colour and divide by its standard deviation, as torchvision's weights want.

    Buffers: `edges` `(K + 1,)`, saved with the weights, which mean nothing without them.
    """

    def __init__(self, *, k, alpha, beta, edges="sid", decode="argmax-geometric", normalise=True):
        super().__init__(normalise)
        if edges not in _EDGES:
            raise ValueError(f"edges: expected one of {', '.join(_EDGES)}, found {edges!r}")
        if decode not in DECODINGS:
            raise ValueError(f"decode: expected one of {', '.join(DECODINGS)}, found {decode!r}")
        self.k, self.decode = k, decode
        # Edges are made on the CPU: a network may be built on the meta device, to be measured without its weights.
        made = _EDGES[edges](alpha, beta, k)
        if decode in ("argmax-geometric", "expectation-log"):
            bin_centres(made, "geometric")  # refuses edges that have none, which on a GPU nobody would notice
        self.register_buffer("edges", made.to(torch.get_default_device()))

    def outputs(self, scores, size):
        """`logits` `(B, K, H, W)`, enlarged to `size` in float32 at least, and the `depth` they decode to."""
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        logits = F.interpolate(scores, size=size, mode="bilinear", align_corners=False)
        return {"depth": decode_classes(logits, self.edges, self.decode), "logits": logits}
