"""Any network that gives K or 2K logits a pixel, with the bins that turn them into depth."""

from torch import nn

from sidelib.bins import DECODINGS, bin_centres, decode_classes, label_to_depth

__all__ = ["Binned"]


class Binned(nn.Module):
    """A network over depth bins, decoded.

    Args:
        network: gives `logits`, `(B, K, H, W)` for classes or `(B, 2K, H, W)` for ordinal heads.
        edges: `(K + 1,)` in metres, increasing; above 0 for the decodings in log depth.
        decode: one of `sidelib.bins.DECODINGS` for classes; "ordinal" for DORN's heads: channels 2k and 2k + 1 are
            "nearer" and "farther" than the upper edge of bin k, and the number of votes for "farther" is the bin
            (thesis, Eq. 2.22).

    Output: what the network gives, `edges`, and `depth` `(B, 1, H, W)` in metres. Ordinal `logits` come as
    `(B, K, 2, H, W)`, as `DORN` gives them.

    Raises:
        TypeError, ValueError: for edges that are no bins; when run, for a network without logits or with another number
            of them.

    >>> import torch
    >>> class Two(nn.Module):
    ...     def forward(self, image):
    ...         return {"logits": torch.tensor([0.0, 9.0]).reshape(1, 2, 1, 1).expand(len(image), 2, *image.shape[-2:])}
    >>> network = Binned(Two(), torch.tensor([1.0, 4.0, 9.0]), "argmax-geometric")
    >>> network(torch.rand(1, 3, 1, 2))["depth"].tolist()
    [[[[6.0, 6.0]]]]
    """

    def __init__(self, network, edges, decode="expectation-log"):
        super().__init__()
        if decode not in (*DECODINGS, "ordinal"):
            raise ValueError(f"decode: expected one of {', '.join((*DECODINGS, 'ordinal'))}, found {decode!r}")
        log = decode in ("argmax-geometric", "expectation-log")
        bin_centres(edges, "geometric" if log else "arithmetic")  # refuses edges that have none
        if not bool((edges.diff() > 0).all()):
            raise ValueError(f"edges: expected increasing metres, found {edges.tolist()}")
        self.network, self.decode = network, decode
        self.register_buffer("edges", edges)

    def forward(self, image):
        """`depth`, `logits` and `edges`."""
        output = dict(self.network(image))
        if "logits" not in output:
            raise ValueError(f"network: expected one that gives logits, found {', '.join(output)}")
        if self.decode != "ordinal":
            depth = decode_classes(output["logits"], self.edges, self.decode)
        else:
            k, found = len(self.edges) - 1, tuple(output["logits"].shape)
            if len(found) != 4 or found[1] != 2 * k:
                raise ValueError(f"logits: expected shape (B, {2 * k}, H, W), two for each of {k} bins, found {found}")
            output["logits"] = output["logits"].unflatten(1, (k, 2))
            votes = (output["logits"][:, :, 1] >= output["logits"][:, :, 0]).sum(1, keepdim=True)
            depth = label_to_depth(votes.clamp(max=k - 1), self.edges, "arithmetic")
        return {**output, "depth": depth, "edges": self.edges}
