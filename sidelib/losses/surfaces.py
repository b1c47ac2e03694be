"""Losses on surface normals, and the objective of Hu et al., which joins depth, its gradient and normals."""

import torch

from sidelib.geometry.normals import normals_from_depth
from sidelib.losses._masked import check_maps, check_weight, masked_mean, whole_windows
from sidelib.losses.gradients import sobel

__all__ = ["hu_objective", "normal_cosine"]


def normal_cosine(prediction, target, mask=None, *, intrinsics=None, normalise=False):
    """Mean of 1 - cos of the angle between the normals of prediction and target: 0 to 2.

    Source: Hu et al. 2019; hqmd Eq. 3. Computed as half the squared distance of the unit normals, which is the same and
    keeps its digits where they nearly agree.

    Convention: as printed, the "normal" is [-∇x d, -∇y d, 1], of the graph of depth over the pixel grid, with
    unnormalised Sobel gradients (`sidelib.losses.gradients.sobel`). Its angle depends on the unit of depth and on the
    resolution, and is no angle in the scene; with `intrinsics` the scene's normals are compared.

    Args:
        prediction, target: `(B, 1, H, W)`, metres. What lies in invalid pixels of either does not matter.
        mask: bool `(B, 1, H, W)`, True where the target is valid; without it every pixel counts.
        intrinsics: `(B, 3, 3)` or `(3, 3)`, pixels: compare the normals of `normals_from_depth` instead. Pixels where
            either has none, such as predictions not above 0, do not count.
        normalise: divide the Sobel gradients by 8; without effect on the scene's normals.

    Returns:
        Scalar, float32 (float64 for a float64 prediction): the mean over the pixels whose 3×3 window lies in the image
        and is valid throughout (with `intrinsics`, that have both normals); 0 with zero gradient if there is none.

    >>> ramp, flat = torch.arange(3.0).expand(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)
    >>> round(normal_cosine(ramp, flat).item(), 4)  # [-8, 0, 1] and [0, 0, 1]: 1 - 1 / √65
    0.876
    >>> round(normal_cosine(ramp, flat, normalise=True).item(), 4)  # 45°
    0.2929
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    if intrinsics is not None:
        (normals, known), (true, measured) = (normals_from_depth(d, intrinsics, mask) for d in (prediction, target))
        return masked_mean(_one_minus_cosine(normals, true), known & measured)
    gradients = (sobel(maps, normalise=normalise) for maps in (prediction, target))
    return masked_mean(_one_minus_cosine(*(_graph_normals(*pair) for pair in gradients)), whole_windows(mask, 3))


def hu_objective(prediction, target, mask=None, *, offset=0.5, gradient_weight=1.0, normal_weight=1.0, normalise=False):
    """The objective of Hu et al.: F(d̂ - d) + λ [F(∇x d̂ - ∇x d) + F(∇y d̂ - ∇y d)] + μ `normal_cosine`, F(x) = ln(|x| + α).

    Source: Hu et al. 2019; hqmd Table 1 compares with it; the difference of depth maps of thesis Eq. 3.6.

    Convention: with α = 0.5 the logarithm is *negative* for errors below half a metre, and the best possible value is
    (1 + 2λ) ln α, -2.08 by default, not 0. ∇ is taken of the signed error, as in the authors' code; their text
    takes it of |d̂ - d|, which makes an edge wherever the error changes its sign.

    Args:
        prediction, target, mask: as `normal_cosine`.
        offset: α, above 0, metres. gradient_weight, normal_weight: λ and μ, at least 0; all three as in the paper.
        normalise: divide the Sobel gradients by 8; the authors' code does not.

    Returns:
        Scalar, float32 (float64 for a float64 prediction). The first term is a mean over valid pixels, the others over
        pixels whose 3×3 window is valid; a term without pixels is 0. The gradient of a zero error is 0.

    >>> depth = torch.ones(1, 1, 3, 3)
    >>> round(hu_objective(depth, depth).item(), 4), round(hu_objective(depth + 0.5, depth).item(), 4)  # ln 0.5 = -0.6931
    (-2.0794, -1.3863)
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    if not 0 < offset < float("inf"):
        raise ValueError(f"offset: expected a length above 0 m, found {offset!r}")
    check_weight("gradient_weight", gradient_weight)
    check_weight("normal_weight", normal_weight)
    whole = whole_windows(mask, 3)
    error = prediction - target
    depth = masked_mean((error.abs() + offset).log(), mask)
    gradient = sum(masked_mean((part.abs() + offset).log(), whole) for part in sobel(error, normalise=normalise))
    return (
        depth
        + gradient_weight * gradient
        + normal_weight * normal_cosine(prediction, target, mask, normalise=normalise)
    )


def _graph_normals(x, y):
    length = (x.square() + y.square() + 1).sqrt()
    return torch.cat([-x, -y, torch.ones_like(x)], dim=1) / length


def _one_minus_cosine(normals, other):
    return (normals - other).square().sum(dim=1, keepdim=True) / 2
