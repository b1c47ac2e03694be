"""Depth as classes: the edges of K bins, depth to labels, and labels or probabilities back to depth.

Convention: K bins have K + 1 increasing edges in metres; label k is the half-open interval [edge k, edge k+1), and the
last bin also holds its upper edge, so that [alpha, beta] is covered exactly.
"""

import math

import torch

__all__ = [
    "DECODINGS",
    "bin_centres",
    "decode_classes",
    "depth_to_label",
    "expected_depth",
    "label_to_depth",
    "sid_edges",
    "uniform_edges",
]

DECODINGS = ("argmax-arithmetic", "argmax-geometric", "expectation", "expectation-log")


def uniform_edges(alpha, beta, k):
    """Edges of uniform discretisation (UD): α + (β − α) i / K.

    Source: sid_segmentation, Eq. 1.

    Args:
        alpha, beta: the range in metres, alpha < beta.
        k: number of bins.

    Returns:
        K + 1 edges, float32, on the CPU, computed in float64; the first and the last are alpha and beta rounded to float32.

    Raises:
        ValueError: if the range is empty or not finite, k < 1, or float32 cannot tell two neighbouring edges apart.

    >>> uniform_edges(1, 81, 4)
    tensor([ 1., 21., 41., 61., 81.])
    """
    _check_range(alpha, beta, k)
    return _rounded(torch.linspace(alpha, beta, k + 1, dtype=torch.float64, device="cpu"), alpha, beta)


def sid_edges(alpha, beta, k):
    """Edges of spacing-increasing discretisation (SID): exp(log α + log(β/α) i / K).

    Source: sid_segmentation, Eq. 2; thesis, Eq. 2.20; after Fu et al. 2018. They are equally spaced in log depth, so
    the log-uniform bins of Cao et al. are the same ones, and each edge is the one before it times (β/α)^(1/K).

    Args and errors: those of `uniform_edges`; alpha must also be positive.

    >>> sid_edges(1, 81, 4)
    tensor([ 1.,  3.,  9., 27., 81.])
    """
    _check_range(alpha, beta, k)
    if alpha <= 0:
        raise ValueError(f"alpha: expected more than 0 m for edges in log space, found {alpha!r}")
    edges = torch.linspace(math.log(alpha), math.log(beta), k + 1, dtype=torch.float64, device="cpu")
    return _rounded(edges.exp(), alpha, beta)


def _check_range(alpha, beta, k):
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k: expected a whole number of bins, at least 1, found {k!r}")
    if not (math.isfinite(alpha) and math.isfinite(beta) and alpha < beta):
        raise ValueError(f"alpha, beta: expected a finite range with alpha < beta, found {alpha!r} and {beta!r}")


def _rounded(edges, alpha, beta):
    edges[0], edges[-1] = alpha, beta  # exp(log β) is not β
    edges = edges.float()
    if not bool((edges.diff() > 0).all()):
        raise ValueError(f"k: {edges.numel() - 1} bins from {alpha!r} to {beta!r} m are too narrow for float32")
    return edges


def _check_edges(edges):
    if not isinstance(edges, torch.Tensor) or not edges.is_floating_point():
        found = edges.dtype if isinstance(edges, torch.Tensor) else type(edges).__name__
        raise TypeError(f"edges: expected a floating-point tensor, found {found}")
    if edges.ndim != 1 or edges.numel() < 2:
        raise ValueError(f"edges: expected K + 1 values in one dimension, found shape {tuple(edges.shape)}")


def _check_positive(edges):
    # Only where it costs no waiting: a GPU would have to be asked at each call. Networks check their bins when built.
    if edges.device.type == "cpu" and not torch.compiler.is_compiling() and not bool(edges[0] > 0):
        raise ValueError(f"edges: expected more than 0 m for centres in log space, found {edges[0].item():g}")


def depth_to_label(depth, edges, outside=-100):
    """The bin of each depth.

    Convention: edge k belongs to bin k, except the last edge, which belongs to bin K − 1. The comparison is made in the
    wider of the two precisions, at least float32.

    Args:
        depth: metres, any shape. edges: `(K + 1,)`, increasing.
        outside: the label of depths outside the edges (the default is what `torch.nn.functional.cross_entropy`
            ignores), or "clamp": the nearest bin. NaN, which has no nearest bin, is then −100.

    Returns:
        int64 of the shape of `depth`, 0 … K − 1 or `outside`.

    >>> depth_to_label(torch.tensor([0.5, 1.0, 2.9, 3.0, 9.0, 9.1]), sid_edges(1, 9, 2))
    tensor([-100,    0,    0,    1,    1, -100])
    """
    _check_edges(edges)
    if not isinstance(depth, torch.Tensor) or not depth.is_floating_point():
        found = depth.dtype if isinstance(depth, torch.Tensor) else type(depth).__name__
        raise TypeError(f"depth: expected a floating-point tensor, found {found}")
    if outside != "clamp" and (isinstance(outside, bool) or not isinstance(outside, int)):
        raise ValueError(f'outside: expected an integer label or "clamp", found {outside!r}')
    dtype = torch.promote_types(torch.promote_types(depth.dtype, edges.dtype), torch.float32)
    depth, edges = depth.to(dtype).contiguous(), edges.to(depth.device, dtype)
    labels = (torch.bucketize(depth, edges, right=True) - 1).clamp(0, edges.numel() - 2)
    if outside == "clamp":
        return labels.where(~depth.isnan(), -100)
    return labels.where((depth >= edges[0]) & (depth <= edges[-1]), outside)


def bin_centres(edges, centre="geometric"):
    """The K bins' centres: "arithmetic", (a + b)/2 (thesis, Eq. 2.22), or "geometric", √(ab), the centre in log depth.

    Geometric centres need edges above 0: a ValueError on the CPU. On a GPU this is not looked at, since each call would
    wait for it; centres are then 0 or NaN.

    >>> bin_centres(torch.tensor([1.0, 4.0, 16.0])), bin_centres(torch.tensor([1.0, 4.0, 16.0]), "arithmetic")
    (tensor([2., 8.]), tensor([ 2.5000, 10.0000]))
    """
    _check_edges(edges)
    if centre == "arithmetic":
        return (edges[:-1] + edges[1:]) / 2
    if centre == "geometric":
        _check_positive(edges)
        return (edges[:-1] * edges[1:]).sqrt()
    raise ValueError(f'centre: expected "geometric" or "arithmetic", found {centre!r}')


def label_to_depth(labels, edges, centre="geometric"):
    """The centre of each label's bin, in metres.

    Source: thesis §2.1.2.1 (Cao et al., "center of the estimated depth range", which does not say which centre).

    Args:
        labels: integers, any shape. edges: `(K + 1,)`. centre: as `bin_centres`. The geometric centre is never the
            larger; half the error in log depth, which most metrics follow, is on either side of it.

    Returns:
        floats of the shape of `labels`; NaN where a label is not one of 0 … K − 1.

    >>> label_to_depth(torch.tensor([0, 1, -100]), torch.tensor([1.0, 4.0, 16.0]))
    tensor([2., 8., nan])
    """
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        found = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise TypeError(f"labels: expected an integer tensor, found {found}")
    centres = bin_centres(edges, centre).to(labels.device)
    last = centres.numel() - 1
    return centres[labels.long().clamp(0, last)].where((labels >= 0) & (labels <= last), torch.nan)


def expected_depth(probabilities, edges, space="depth"):
    """The mean depth under the classes' probabilities: Σ p c, or exp(Σ p log c) in log depth.

    Args:
        probabilities: `(B, K, H, W)` (or any shape with K in dimension 1), summing to 1 over K.
        edges: `(K + 1,)`.
        space: "depth", with arithmetic centres, or "log", with geometric ones: each is the middle of its bin in the
            space where the mean is taken. By Jensen's inequality the second is never the larger.

    Returns:
        `(B, 1, H, W)` metres, in float32 at least.

    >>> p = torch.tensor([0.5, 0.5]).reshape(1, 2, 1, 1)
    >>> [expected_depth(p, torch.tensor([1.0, 4.0, 16.0]), space).item() for space in ("depth", "log")]
    [6.25, 4.0]
    """
    _check_edges(edges)
    if space not in ("depth", "log"):
        raise ValueError(f'space: expected "depth" or "log", found {space!r}')
    if probabilities.ndim < 2 or probabilities.shape[1] != edges.numel() - 1:
        expected = f"(B, {edges.numel() - 1}, ...)"
        raise ValueError(f"probabilities: expected shape {expected}, found {tuple(probabilities.shape)}")
    centres = bin_centres(edges, "arithmetic") if space == "depth" else bin_centres(edges, "geometric").log()
    dtype = torch.promote_types(probabilities.dtype, torch.float32)  # bfloat16 has a step of 0.25 m at 40 m
    centres = centres.to(probabilities.device, dtype).reshape(-1, *(1,) * (probabilities.ndim - 2))
    mean = (probabilities.to(dtype) * centres).sum(dim=1, keepdim=True)
    return mean if space == "depth" else mean.exp()


def decode_classes(logits, edges, decode):
    """Depth from class logits, by one of `DECODINGS`.

    Args:
        logits: `(B, K, H, W)`. edges: `(K + 1,)`.
        decode: "argmax-arithmetic" or "argmax-geometric" (the centre of the most probable bin; no gradient),
            "expectation" or "expectation-log" (`expected_depth` of the softmax).

    Returns:
        `(B, 1, H, W)` metres.

    Raises:
        TypeError, ValueError: naming the argument; logits for another number of bins than `edges` has, by any decoding.

    >>> logits = torch.tensor([0.0, 3.0]).reshape(1, 2, 1, 1)
    >>> [round(decode_classes(logits, torch.tensor([1.0, 4.0, 16.0]), how).item(), 3) for how in DECODINGS]
    [10.0, 8.0, 9.644, 7.491]
    """
    if decode not in DECODINGS:
        raise ValueError(f"decode: expected one of {', '.join(DECODINGS)}, found {decode!r}")
    _check_edges(edges)
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        found = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise TypeError(f"logits: expected a floating-point tensor, found {found}")
    if logits.ndim != 4 or logits.shape[1] != edges.numel() - 1:
        raise ValueError(f"logits: expected shape (B, {edges.numel() - 1}, H, W), found {tuple(logits.shape)}")
    how, _, kind = decode.partition("-")
    if how == "argmax":
        return label_to_depth(logits.argmax(dim=1, keepdim=True), edges, kind)
    dtype = torch.promote_types(logits.dtype, torch.float32)
    return expected_depth(logits.softmax(dim=1, dtype=dtype), edges, kind or "depth")
