"""Surface normals from depth: a plane fitted to each pixel's neighbourhood."""

import torch
import torch.nn.functional as F

from sidelib.geometry._checks import check_intrinsics, check_map, check_mask
from sidelib.geometry._pinhole import NEAR, grid_of, parameters

__all__ = ["normals_from_depth"]

# Neighbours on one line leave the plane free to turn about it. In float32 their determinant, as a share of its
# largest possible value, comes out below 1e-6; the thinnest triangle of a window of 15 has 6e-5.
DEGENERATE = 1e-5


def normals_from_depth(depth, intrinsics, mask=None, *, window=3, gamma=None):
    """Unit normals by a least-squares plane through each pixel's neighbourhood.

    Source: thesis, Eq. 2.24, the depth-to-normal step of GeoNet: the neighbourhood of pixel i is
    ``|u_i - u_j| < β, |v_i - v_j| < β, |z_i - z_j| < γ z_i``; a window of 3 is β = 2.

    What is fitted: on a plane n · P = ρ the *inverse* depth is linear in the pixel coordinates, so a linear fit to 1/z
    is exact on planes, and the pixel offsets that it inverts are small integers, the same at any depth and focal
    length. Fitting n · P = 1 to the points themselves is exact on planes too, but a window is only window / f wide seen
    from the camera: its normal equations have a condition number of about (f / window)², which in float32 costs all but
    two digits. A linear fit to z is not exact. Least squares in 1/z also weighs noise as stereo makes it, evenly in
    disparity.

    Convention: camera frame (x right, y down, z forward), *facing the camera*: a wall straight ahead has (0, 0, -1) and
    the floor (0, -1, 0). The opposite sign is as common in data sets.

    Args:
        depth: z-depth in metres, `(B, 1, H, W)`. Pixels that are not finite and above 0 take no part.
        intrinsics: `(B, 3, 3)` in pixels, or `(3, 3)` for all.
        mask: bool, shaped like `depth`; False pixels get no normal and take no part in their neighbours'.
        window: side of the neighbourhood in pixels, odd and at least 3. At the rim only what lies in the picture counts.
        gamma: γ of Eq. 2.24, above 0: neighbours whose depth differs from the pixel's by γ times its depth or more are
            left out, so that no plane bridges a depth edge. None leaves out nobody.

    Returns:
        normals: `(B, 3, H, W)`, 0 where not valid; float32, or float64 if `depth` is. Differentiable in `depth` and
            `intrinsics`, with zero gradient where not valid.
        valid: bool `(B, 1, H, W)`: the pixel and at least two neighbours, not all on one line, take part.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes, devices or values out of range.

    >>> intrinsics = torch.tensor([[2.0, 0.0, 1.0], [0.0, 2.0, -1.0], [0.0, 0.0, 1.0]])
    >>> floor = torch.tensor([[4.0], [2.0], [4 / 3]]).expand(1, 1, 3, 3)  # 2 m below a camera that looks ahead
    >>> normals, valid = normals_from_depth(floor, intrinsics)
    >>> normals[0, 1].round(decimals=4).tolist(), bool(valid.all())
    ([[-1.0, -1.0, -1.0], [-1.0, -1.0, -1.0], [-1.0, -1.0, -1.0]], True)
    """
    depth = check_map("depth", depth, 1)
    intrinsics = check_intrinsics("intrinsics", intrinsics, depth)
    if isinstance(window, bool) or not isinstance(window, int) or window < 3 or window % 2 == 0:
        raise ValueError(f"window: expected an odd number of pixels, at least 3, found {window}")
    if gamma is not None and not gamma > 0:
        raise ValueError(f"gamma: expected a share of the depth above 0, or None, found {gamma}")
    here = depth.isfinite() & (depth >= NEAR)
    if mask is not None:
        check_mask(mask, depth)
        here = here & mask
    depth = torch.where(here, depth, 1.0)

    slope_x, slope_y, level, fixed = _fit(depth, here, window // 2, gamma)
    valid = here & fixed
    # Inverse depth, in units of the pixel's own, is m · K⁻¹ (x, y, 1): its slopes and value give m, along the normal.
    fx, fy, cx, cy = (parameter[:, None] for parameter in parameters(intrinsics))
    x, y = grid_of(depth)
    along = torch.cat([slope_x * fx, slope_y * fy, level - slope_x * (x - cx) - slope_y * (y - cy)], dim=1)
    # m · ray = level > 0 wherever the fitted plane is in front of the camera; m points away from it.
    facing = torch.where(level > 0, -1.0, 1.0)
    normals = F.normalize(along * facing, dim=1)
    return torch.where(valid, normals, 0.0), valid


def _fit(depth, here, radius, gamma):
    """Least squares of z_i / z_j on the offsets (u, v) of neighbours j, all `(B, 1, H, W)`.

    Returns its two slopes, its value at the pixel, and whether the neighbours fix a plane.
    """
    height, width = depth.shape[-2:]
    around, there = F.pad(depth, [radius] * 4, value=1.0), F.pad(here, [radius] * 4, value=False)
    n = su = sv = suu = suv = svv = sr = sur = svr = torch.zeros_like(depth)
    for v in range(-radius, radius + 1):
        for u in range(-radius, radius + 1):
            place = (..., slice(radius + v, radius + v + height), slice(radius + u, radius + u + width))
            difference, kept = depth - around[place], there[place]
            if gamma is not None:
                kept = kept & (difference.abs() < gamma * depth)
            # z_i / z_j - 1, small on a smooth surface, from the difference: no digits lost to the 1.
            rise = torch.where(kept, difference / around[place], 0.0)
            kept = kept.to(depth.dtype)
            n, su, sv = n + kept, su + u * kept, sv + v * kept
            suu, suv, svv = suu + u * u * kept, suv + u * v * kept, svv + v * v * kept
            sr, sur, svr = sr + rise, sur + u * rise, svr + v * rise

    n = n.clamp(min=1)  # a pixel that takes no part itself may have nobody around it
    uu, uv, vv = suu - su * su / n, suv - su * sv / n, svv - sv * sv / n
    ur, vr = sur - su * sr / n, svr - sv * sr / n
    determinant = uu * vv - uv * uv
    fixed = determinant > DEGENERATE * uu * vv
    determinant = torch.where(fixed, determinant, 1.0)
    slope_x, slope_y = (vv * ur - uv * vr) / determinant, (uu * vr - uv * ur) / determinant
    return slope_x, slope_y, 1 + (sr - slope_x * su - slope_y * sv) / n, fixed
