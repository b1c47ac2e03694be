"""How flat and how well turned walls, floors and tables come out of a predicted depth map."""

import torch

from sidelib.geometry import back_project, pixel_grid
from sidelib.metrics.detail import check_maps

__all__ = ["plane_errors"]

# Pixels on one line of the picture leave the plane through them free: their 2×2 scatter has determinant 0. A line of 640
# pixels with one pixel beside it has about 1e-8 of the largest possible value.
ON_ONE_LINE = 1e-12
SHARE = 0.05  # of the picture: the smallest plane that Koch et al. judge


def plane_errors(prediction, target, mask, planes, intrinsics, *, min_pixels=None):
    """Planarity (metres) and orientation (degrees) of the surfaces that are planes in truth.

    Each plane's pixels are back-projected, and the plane is fitted that has the least sum of squared *orthogonal*
    distances: through the mean point, its normal n the eigenvector to the smallest eigenvalue of their 3×3 scatter.

    ``planarity = √(mean of (n · (X - mean X))²)`` over the predicted points: how uneven the plane came out
    ``orientation = angle between n of the predicted and n of the true points``: how far it is turned

    Source: Koch et al. 2018, "Evaluation of CNN-based Single-Image Depth Estimation Methods" (iBims-1), the errors
    PE-plan, there in centimetres, and PE-orie. What their evaluation script does otherwise: it scales each plane's
    prediction by the ratio of the two medians first (here planarity grows with the prediction's scale; aligning is the
    protocol's, and orientation does not change with scale), takes true normals from the data set (here they are fitted
    to the true points), and puts the upper left pixel at (1, 1).

    Convention: planarity asks nothing of the truth, only whether the predicted points are flat: a flat plane in the
    wrong place has 0. Normals have no sign, so that orientation lies between 0° and 90°.

    Args:
        prediction: z-depth in metres, `(B, 1, H, W)`, finite and above 0 wherever `mask` is true.
        target: true depth, likewise.
        mask: bool, of that shape, or None for all True.
        planes: integers, of that shape: which plane a pixel is on, 0 for none. Labels need not follow one another;
            the same label in two images is two planes.
        intrinsics: `(B, 3, 3)` in pixels, or `(3, 3)` for all.
        min_pixels: planes with fewer valid pixels are left out, at least 3; by default 5 % of the picture, as Koch et
            al. do. Planes whose valid pixels lie on one line of the picture are always left out.

    Returns:
        dict of `(B,)`: `planarity` and `orientation`, float64, means over the image's planes, each counting once, NaN
        where no plane is left; and `planes`, int64, how many are left, for the mean over the planes of all images.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> intrinsics = torch.tensor([[8.0, 0.0, 3.5], [0.0, 8.0, 3.5], [0.0, 0.0, 1.0]])
    >>> wall = torch.full((1, 1, 8, 8), 2.0)
    >>> x, _ = pixel_grid(8, 8)
    >>> turned = 2.0 / (1 - (x - 3.5) / 8.0).expand(1, 1, 8, 8)  # the plane Z = 2 m + X, turned by 45°
    >>> found = plane_errors(turned, wall, None, torch.ones(1, 1, 8, 8, dtype=torch.int64), intrinsics)
    >>> round(found["orientation"].item(), 4), found["planarity"].item() < 1e-6
    (45.0, True)
    """
    prediction, target, mask = check_maps(mask, prediction=prediction, target=target)
    _check_planes(planes, target)
    smallest = _smallest(min_pixels, target)
    points = torch.stack([back_project(depth, intrinsics) for depth in (prediction, target)])

    images = len(target)
    on_plane = (mask & (planes > 0))[:, 0]
    image = torch.arange(images, device=target.device).view(-1, 1, 1).expand_as(on_plane)[on_plane]
    labels, label = planes[:, 0][on_plane].long().unique(return_inverse=True)
    segment, count = image * len(labels) + label, images * len(labels)
    x, y = (axis.expand_as(on_plane)[on_plane] for axis in pixel_grid(*target.shape[-2:], target.device, torch.float64))
    points = points.movedim(2, -1)[:, on_plane]  # predicted and true, then pixels, then X, Y, Z

    pixels = torch.bincount(segment, minlength=count)
    spread = _scatter(torch.stack([x, y], dim=-1)[None], segment, pixels)[1][0]
    xx, xy, yy = spread[:, 0, 0], spread[:, 0, 1], spread[:, 1, 1]
    kept = (pixels >= smallest) & (xx * yy - xy * xy > ON_ONE_LINE * xx * yy)
    centred, scatter = _scatter(points, segment, pixels)
    eye = torch.eye(3, dtype=torch.float64, device=target.device)
    normals = torch.linalg.eigh(torch.where(kept[:, None, None], scatter, eye)).eigenvectors[..., 0]

    # From the distances themselves, not the eigenvalue, whose root would end at 1e-8 of the plane's extent.
    off_plane = (centred[0] * normals[0][segment]).sum(-1)
    planarity = (_sums(off_plane**2, segment, count) / pixels).sqrt()
    predicted, true = normals
    sine = torch.linalg.vector_norm(torch.linalg.cross(predicted, true), dim=-1)
    orientation = torch.rad2deg(torch.atan2(sine, (predicted * true).sum(-1).abs()))
    kept, planarity, orientation = (part.view(images, len(labels)) for part in (kept, planarity, orientation))
    number = kept.sum(1)
    errors = {"planarity": planarity, "orientation": orientation}
    return {name: torch.where(kept, value, 0.0).sum(1) / number for name, value in errors.items()} | {"planes": number}


def _check_planes(planes, target):
    if not isinstance(planes, torch.Tensor) or planes.is_floating_point() or planes.dtype == torch.bool:
        found = planes.dtype if isinstance(planes, torch.Tensor) else type(planes).__name__
        raise TypeError(f"planes: expected a tensor of integers, found {found}")
    if planes.shape != target.shape or planes.device != target.device:
        raise ValueError(
            f"planes: expected shape {tuple(target.shape)} on {target.device}, as target, "
            f"found {tuple(planes.shape)} on {planes.device}"
        )
    if planes.numel() and planes.min() < 0:
        raise ValueError(f"planes: expected labels of 0 (no plane) or more, found {int(planes.min())}")


def _smallest(min_pixels, target):
    """The number of valid pixels that a plane must have."""
    if min_pixels is None:
        return max(SHARE * target.shape[-2] * target.shape[-1], 3)
    if isinstance(min_pixels, bool) or not isinstance(min_pixels, int) or min_pixels < 3:
        raise ValueError(f"min_pixels: expected a whole number of at least 3, or None, found {min_pixels!r}")
    return min_pixels


def _sums(values, segment, count):
    """Sums of `values (n,)` over each of `count` segments."""
    return values.new_zeros(count).index_add(0, segment, values)


def _scatter(points, segment, pixels):
    """`points (sets, n, d)` less their segment's mean, and each segment's scatter matrix `(sets, count, d, d)`."""
    sets, _, dimensions = points.shape
    means = points.new_zeros(sets, len(pixels), dimensions).index_add(1, segment, points)
    means /= pixels.clamp(min=1)[:, None]
    centred = points - means[:, segment]
    products = (centred[..., :, None] * centred[..., None, :]).flatten(2)
    scatter = points.new_zeros(sets, len(pixels), dimensions**2).index_add(1, segment, products)
    return centred, scatter.unflatten(-1, (dimensions, dimensions))
