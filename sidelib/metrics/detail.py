"""Depth edges, and how well a prediction has them: precision and recall, and distances in pixels.

An error in depth at an object's outline touches few pixels, so RMSE hardly sees it; these measures see little else.
Each takes maps `(B, 1, H, W)` in metres and gives one value for each image. Scale matters: the prediction is judged as
it is, and aligning it belongs to a `Protocol`. Planes, the other half of detail, are in `sidelib.metrics.planes`.
"""

import math

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

__all__ = ["check_maps", "depth_boundary_error", "depth_edges", "edge_precision_recall"]

# Gradients closer to each other than this share count as equal where edges are thinned: float32 rounds a depth of 10 m
# by 1e-6 m, and which of the two pixels beside a step stays must not hang on that.
TIE = 1e-4
DIAGONAL = math.tan(math.pi / 8)  # within 22.5° of an axis a gradient points along that axis


def check_maps(mask, **depths):
    """Check depth maps given by name and return them as float64, 1 m where `mask` is false, then the mask.

    Raises:
        TypeError, ValueError: naming the map, for a dtype, a shape, a device, or a depth that the mask calls valid and
            that is not finite and above 0.
    """
    (first, like), *_ = depths.items()
    for name, depth in depths.items():
        if not isinstance(depth, torch.Tensor) or not depth.is_floating_point():
            found = depth.dtype if isinstance(depth, torch.Tensor) else type(depth).__name__
            raise TypeError(f"{name}: expected a floating-point tensor of depth in metres, found {found}")
        if depth.ndim != 4 or depth.shape[1] != 1:
            raise ValueError(f"{name}: expected shape (B, 1, H, W), found {tuple(depth.shape)}")
        _check_like(name, depth, first, like)
    if mask is None:
        mask = torch.ones_like(like, dtype=torch.bool)
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        found = mask.dtype if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise TypeError(f"mask: expected a bool tensor, found {found}")
    _check_like("mask", mask, first, like)
    filled = []
    for name, depth in depths.items():
        wrong = mask & ~((depth > 0) & (depth < math.inf))
        if bool(wrong.any()):
            raise ValueError(
                f"{name}: expected finite depth above 0 m at every valid pixel, found {int(wrong.sum())} pixels that "
                f"are not (such as {depth[wrong][0].item():g})"
            )
        filled.append(torch.where(mask, depth.detach().double(), 1.0))
    return *filled, mask


def _check_like(name, value, first, like):
    if value.shape != like.shape:
        raise ValueError(f"{name}: expected the shape of {first}, {tuple(like.shape)}, found {tuple(value.shape)}")
    if value.device != like.device:
        raise ValueError(f"{name}: expected on {like.device}, with {first}, found on {value.device}")


def _check_positive(**values):
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise ValueError(f"{name}: expected a finite number above 0, found {value!r}")


def depth_edges(depth, mask=None, *, threshold, relative=False, divisor=1, thin=False):
    """Where depth jumps: the pixels at which its Sobel gradient is longer than `threshold`.

    The gradient has the components [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] * depth and the same transposed; its length is
    √(gx² + gy²); an edge is *longer* than the threshold, not equal. The kernel's sum of weights to either side is 4:

    | `divisor` | a threshold of 0.25 means |
    |---|---|
    | 1 | a sum of weighted differences: a straight step of 0.0625 m, or a slope of 0.03125 m per pixel |
    | 4 | a straight step of 0.25 m |
    | 8 | a slope of 0.25 m per pixel |

    Source: Hu et al. 2019, "Revisiting Single Image Depth Estimation", whose thresholds are 0.25, 0.5 and 1 and whose
    code does not divide, so that their 0.25 m is a step of 6 cm. `thin` is the non-maximum suppression of Canny 1986.

    Convention: a pixel is judged only where the 3×3 pixels around it are valid and in the picture; others are never
    edges. (Hu's code pads with zeros, which makes an edge of the picture's whole border, in both maps alike.)

    Args:
        depth: metres, `(B, 1, H, W)`, finite and above 0 wherever `mask` is true.
        mask: bool, of that shape; all True without it.
        threshold: above 0; in metres, or without unit with `relative`.
        relative: take the gradient of ln depth, so that the same *ratio* of depths is an edge near and far and in every
            unit: with `divisor=4`, a threshold of ln 1.1 is a straight step of 10 %.
        divisor: what the gradient is divided by.
        thin: keep one pixel across an edge, the one of steepest gradient along the gradient's direction (to the nearest
            45°). A sharp step has two alike, one to either side, and the nearer one stays, the rim of what occludes; of
            a steady slope, the near end. An exact diagonal stays a staircase of both.

    Returns:
        bool `(B, 1, H, W)`.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> step = torch.tensor([1.0, 1.0, 1.0, 2.0, 2.0, 2.0]).expand(1, 1, 3, 6)
    >>> depth_edges(step, threshold=3.9)[0, 0, 1].int().tolist(), depth_edges(step, threshold=4.0).any().item()
    ([0, 0, 1, 1, 0, 0], False)
    >>> depth_edges(step, threshold=0.9, divisor=4, thin=True)[0, 0, 1].int().tolist()
    [0, 0, 1, 0, 0, 0]
    """
    _check_positive(threshold=threshold, divisor=divisor)
    return _edges(*check_maps(mask, depth=depth), threshold, relative, divisor, thin)


def _edges(depth, mask, threshold, relative, divisor, thin):
    """`depth_edges` of checked maps."""
    value = depth.log() if relative else depth
    gx, gy = torch.zeros_like(value), torch.zeros_like(value)
    inside = (..., slice(1, -1), slice(1, -1))
    # The outer two are added first: mirrored pictures then have mirrored gradients to the last bit.
    across = value[..., :-2, :] + value[..., 2:, :] + 2 * value[..., 1:-1, :]
    down = value[..., :-2] + value[..., 2:] + 2 * value[..., 1:-1]
    gx[inside] = across[..., 2:] - across[..., :-2]
    gy[inside] = down[..., 2:, :] - down[..., :-2, :]
    rows = mask[..., :-2, :] & mask[..., 1:-1, :] & mask[..., 2:, :]
    judged = torch.zeros_like(mask)
    judged[inside] = rows[..., :-2] & rows[..., 1:-1] & rows[..., 2:]
    length = torch.where(judged, (gx * gx + gy * gy).sqrt() / divisor, 0.0)
    edges = length > threshold
    if not thin:
        return edges
    right = torch.where(gx.abs() > DIAGONAL * gy.abs(), gx.sign(), 0.0)
    below = torch.where(gy.abs() > DIAGONAL * gx.abs(), gy.sign(), 0.0)
    # A gradient points to where it is farther. Edges lie off the border, so that their neighbours are in the picture.
    stride = torch.where(edges, below * value.shape[-1] + right, 0.0).long().flatten(1)
    here, flat = torch.arange(stride.shape[1], device=stride.device), length.flatten(1)
    farther, nearer = (flat.gather(1, here + step).view_as(length) for step in (stride, -stride))
    return edges & (length > nearer * (1 + TIE)) & (length * (1 + TIE) >= farther)


def edge_precision_recall(prediction, target, mask=None, *, threshold=0.25, relative=False, divisor=1):
    """Whether the edges of the prediction are those of the truth, pixel on pixel, as wide as Sobel makes them.

    precision = TP / predicted edge pixels, recall = TP / true edge pixels, F1 = 2 TP / (predicted + true), with TP the
    pixels that are edges in both. An edge one pixel off still shares half its width, one two pixels off nothing:
    `depth_boundary_error` tells how far off.

    Source: Hu et al. 2019, who print the mean over images for thresholds 0.25, 0.5 and 1, on maps of 114×152 pixels.
    How many edges there are depends on the resolution and on the prediction's scale: see `depth_edges`.

    Args:
        prediction: metres, `(B, 1, H, W)`, finite and above 0 wherever `mask` is true.
        target: true depth, likewise.
        mask: bool, of that shape; all True without it.
        threshold, relative, divisor: of `depth_edges`, for both maps.

    Returns:
        dict of float64 `(B,)`: `precision`, NaN without a predicted edge; `recall`, NaN without a true edge; `f1`, NaN
        without either, and 0 where only one has edges. Take the mean over images with `nanmean`, and mind that an image
        whose prediction has no edge counts in recall and F1 but not in precision.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> true = torch.tensor([1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]).expand(1, 1, 3, 7)  # edge pixels 2 and 3
    >>> found = torch.tensor([2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]).expand(1, 1, 3, 7)  # edge pixels 1, 3 and 4
    >>> found = edge_precision_recall(found, true)
    >>> [round(found[name].item(), 4) for name in ("precision", "recall", "f1")]
    [0.3333, 0.5, 0.4]
    """
    _check_positive(threshold=threshold, divisor=divisor)
    prediction, target, mask = check_maps(mask, prediction=prediction, target=target)
    found, true = (_edges(depth, mask, threshold, relative, divisor, False) for depth in (prediction, target))
    both, found, true = (edges.flatten(1).sum(1, dtype=torch.float64) for edges in (found & true, found, true))
    return {"precision": both / found, "recall": both / true, "f1": 2 * both / (found + true)}


def depth_boundary_error(prediction, target, mask=None, *, threshold, truncate=10.0, relative=False, divisor=1):
    """How far, in pixels, predicted depth edges lie from true ones (accuracy) and true from predicted (completeness).

    With P and T the thinned edges of prediction and truth, and D(·, T) the Euclidean distance to the nearest in T:

    ``accuracy = mean of D(p, T) over the p in P with D(p, T) < truncate``
    ``completeness = mean of min(D(t, P), truncate) over the t in T``

    Both are 0 for the true edges, and `truncate` at the worst. Accuracy *leaves out* predicted edges that are far from
    every true one, and so asks only whether an edge that is meant lies in its place; completeness counts a missed edge
    as `truncate` pixels. Neither punishes edges invented far from every true one: precision does.

    Source: Koch et al. 2018, "Evaluation of CNN-based Single-Image Depth Estimation Methods" (iBims-1), there with 10
    pixels, and true edges that come with the data set against Canny edges of the prediction stretched to [0, 1]. Here
    one definition, `depth_edges(..., thin=True)`, finds both. Their evaluation script (version 0.9) pools both
    directions, cut at 10, in its completeness; here that is the distance from true edges alone.

    Convention: a step along rows or columns that is moved by k pixels has accuracy k and completeness k. What is
    measured are pixels, not lines: slanted edges come out up to 0.35 pixels nearer, exact diagonals most. Edges next to
    invalid pixels or the border are unknown in both maps; a known one whose counterpart is unknown is measured to the
    nearest known one.

    Args:
        prediction, target, mask: as in `edge_precision_recall`.
        threshold, relative, divisor: of `depth_edges`, for both maps.
        truncate: pixels, above 0.

    Returns:
        dict of float64 `(B,)` in pixels: `accuracy` and `completeness`, on the device of `prediction`. NaN without a
        true edge. Accuracy is `truncate` where no predicted edge is that near to a true one, as in the authors' script:
        left undefined, images without a predicted edge would drop out of the mean over images.

        The distances are computed on the CPU: maps on a GPU are copied there.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> true = torch.tensor([1.0] * 4 + [2.0] * 6).expand(1, 1, 5, 10)
    >>> late = torch.tensor([1.0] * 6 + [2.0] * 4).expand(1, 1, 5, 10)
    >>> {name: value.item() for name, value in depth_boundary_error(late, true, threshold=0.25).items()}
    {'accuracy': 2.0, 'completeness': 2.0}
    """
    _check_positive(threshold=threshold, truncate=truncate, divisor=divisor)
    device = prediction.device if isinstance(prediction, torch.Tensor) else None
    prediction, target, mask = check_maps(mask, prediction=prediction, target=target)
    found, true = (_edges(depth, mask, threshold, relative, divisor, True)[:, 0] for depth in (prediction, target))
    pairs = zip(found.cpu().numpy(), true.cpu().numpy(), strict=True)
    errors = torch.tensor([_boundary_error(*pair, truncate) for pair in pairs], dtype=torch.float64).view(-1, 2)
    return dict(zip(("accuracy", "completeness"), errors.to(device).unbind(1), strict=True))


def _boundary_error(found, true, truncate):
    """Accuracy and completeness of one image's edges, bool `(H, W)` arrays."""
    if not true.any():
        return math.nan, math.nan
    if not found.any():
        return truncate, truncate
    off = distance_transform_edt(~true)[found]
    missed = distance_transform_edt(~found)[true]
    near = off[off < truncate]
    return near.mean() if near.size else truncate, np.minimum(missed, truncate).mean()
