"""The pinhole camera: pixels to points, points to pixels, and rigid motions between cameras."""

import torch

from sidelib.geometry._checks import check_intrinsics, check_map, check_motion, check_tensor
from sidelib.geometry._pinhole import grid_of, move, to_pixels, to_points

__all__ = [
    "back_project",
    "intrinsics_matrix",
    "inverse_rigid",
    "pixel_grid",
    "project",
    "relative_motion",
    "rigid_motion",
    "rotation_from_angles",
    "transform",
]


def intrinsics_matrix(focal, size, centre=None):
    """The pinhole matrix `[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]`, float32 `(3, 3)`.

    Source: thesis, App. C, whose (cx, cy, f) has one focal length, fx = fy = f.

    Args:
        focal: focal length in pixels, one number or (fx, fy).
        size: (H, W) in pixels.
        centre: (cx, cy), the principal point in pixels; by default the middle of the picture, which is
            ((W - 1) / 2, (H - 1) / 2) because integer coordinates are pixel centres.

    Raises:
        ValueError: naming the argument, for a focal length or size that is not positive.

    >>> intrinsics_matrix(100.0, (480, 640)).tolist()
    [[100.0, 0.0, 319.5], [0.0, 100.0, 239.5], [0.0, 0.0, 1.0]]
    """
    fx, fy = focal if isinstance(focal, (tuple, list)) else (focal, focal)
    if not (fx > 0 and fy > 0):
        raise ValueError(f"focal: expected lengths above 0 pixels, found {focal}")
    height, width = size
    if not (height > 0 and width > 0):
        raise ValueError(f"size: expected (H, W) above 0, found {size}")
    cx, cy = ((width - 1) / 2, (height - 1) / 2) if centre is None else centre
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float32)


def pixel_grid(height, width, device=None, dtype=torch.float32):
    """The coordinates (x, y) of every pixel centre, `(2, H, W)`.

    Convention: integer coordinates are pixel centres, x to the right, y down, (0, 0) the centre of the top left pixel;
    the picture ends half a pixel further out, at -0.5 and W - 0.5.

    >>> x, y = pixel_grid(2, 3)
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    """
    if height < 1 or width < 1:
        raise ValueError(f"height, width: expected at least 1, found {height}, {width}")
    return torch.stack(grid_of(torch.empty(1, 1, height, width, device=device, dtype=dtype)))


def back_project(depth, intrinsics):
    """The point in the camera's frame that each pixel sees.

    ``X = Z / fx (x - cx)``, ``Y = Z / fy (y - cy)``, ``Z = depth``.

    Source: thesis, App. C, there with fx = fy = f.

    Convention: depth is z-depth, along the optical axis. With distances along the ray, a wall would come out curved.

    Args:
        depth: z-depth in metres, `(B, 1, H, W)`. A pixel of depth 0 gives the camera's centre, NaN gives NaN.
        intrinsics: `(B, 3, 3)` in pixels, or `(3, 3)` for all.

    Returns:
        `(B, 3, H, W)` in metres, x right, y down, z forward; float32, or float64 if `depth` is.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes or devices, or a matrix of another form.

    >>> points = back_project(torch.full((1, 1, 2, 3), 4.0), intrinsics_matrix(2.0, (2, 3)))
    >>> points[0, :, 0, 2].tolist()
    [2.0, -1.0, 4.0]
    """
    depth = check_map("depth", depth, 1)
    return to_points(depth, check_intrinsics("intrinsics", intrinsics, depth))


def project(points, intrinsics):
    """Where points appear in the picture: ``x = fx X / Z + cx``, ``y = fy Y / Z + cy``.

    Source: thesis, App. C, there with fx = fy = f.

    Convention: a point that is not in front of the camera (Z < 1e-6 m) has no picture, and its coordinates are NaN with
    zero gradient. The formula would mirror it through the centre, often to a place inside the picture, where nothing
    tells it from a visible point; a comparison with NaN is false, so that every test of being inside leaves it out.

    Args:
        points: in the camera's frame, metres, `(B, 3, H, W)`; H and W need not be those of a picture.
        intrinsics: `(B, 3, 3)` in pixels, or `(3, 3)` for all.

    Returns:
        pixels: `(B, 2, H, W)`, (x, y) with integer coordinates at pixel centres; may lie outside the picture.
        depth: `(B, 1, H, W)`, the points' Z as it is, also where it is not positive.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes or devices, or a matrix of another form.

    >>> points = torch.tensor([[2.0, -1.0, 4.0], [2.0, -1.0, -4.0]]).T.reshape(1, 3, 1, 2)
    >>> pixels, depth = project(points, intrinsics_matrix(2.0, (2, 3)))
    >>> pixels[0, :, 0].T.tolist(), depth.flatten().tolist()
    ([[2.0, 0.0], [nan, nan]], [4.0, -4.0])
    """
    points = check_map("points", points, 3)
    return to_pixels(points, check_intrinsics("intrinsics", intrinsics, points)), points[:, 2:]


def transform(points, motion):
    """Move points rigidly: ``X' = R X + t``.

    Source: thesis, App. C, with R = RxRyRz.

    Args:
        points: `(B, 3, H, W)` in metres.
        motion: `(B, 4, 4)`, or `(4, 4)` for all: ``[[R, t], [0, 0, 0, 1]]``.

    Returns:
        `(B, 3, H, W)`, in the frame that `motion` leads to; float32, or float64 if `points` are.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes or devices, or a matrix that is not rigid.

    >>> turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # x to y, about the optical axis
    >>> motion = rigid_motion(turn, torch.tensor([0.0, 0.0, 5.0]))
    >>> transform(torch.tensor([1.0, 0.0, 2.0]).view(1, 3, 1, 1), motion).flatten().tolist()
    [0.0, 1.0, 7.0]
    """
    points = check_map("points", points, 3)
    return move(points, check_motion("motion", motion, points))


def rigid_motion(rotation, translation):
    """Put a rotation `(..., 3, 3)` and a translation `(..., 3)` (metres) together as `(..., 4, 4)`.

    Raises:
        ValueError, TypeError: naming the argument, for shapes or dtypes, or a matrix that is not a rotation.

    >>> rigid_motion(torch.eye(3), torch.tensor([1.0, 2.0, 3.0])).tolist()[0]
    [1.0, 0.0, 0.0, 1.0]
    """
    rotation, translation = check_tensor("rotation", rotation), check_tensor("translation", translation)
    if rotation.shape[-2:] != (3, 3):
        raise ValueError(f"rotation: expected shape (..., 3, 3), found {tuple(rotation.shape)}")
    if translation.shape != rotation.shape[:-1]:
        raise ValueError(f"translation: expected shape {tuple(rotation.shape[:-1])}, found {tuple(translation.shape)}")
    upper = torch.cat([rotation, translation[..., None].to(rotation.dtype)], dim=-1)
    last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:-2], 1, 4)
    return check_motion("rotation, translation", torch.cat([upper, last], dim=-2))


def inverse_rigid(pose):
    """The inverse of rigid motions `(..., 4, 4)`: ``[[Rᵀ, -Rᵀ t], [0, 0, 0, 1]]``; world-to-camera from camera-to-world.

    Raises:
        ValueError, TypeError: naming the argument, for a shape or dtype, or a matrix that is not rigid.

    >>> inverse_rigid(rigid_motion(torch.eye(3), torch.tensor([1.0, 2.0, 3.0])))[:3, 3].tolist()
    [-1.0, -2.0, -3.0]
    """
    pose = check_motion("pose", pose)
    back = pose[..., :3, :3].mT
    return rigid_motion(back, -_product(back, pose[..., :3, 3:])[..., 0])


def relative_motion(pose_a, pose_b):
    """The motion that takes points of camera a's frame to camera b's frame: ``inverse(pose_b) pose_a``.

    Convention: poses are camera-to-world, and the result moves *points*. The camera itself moves the other way: where b
    stands one metre to the right of a, points move one metre to the left.

    Args:
        pose_a, pose_b: camera-to-world, `(..., 4, 4)`, metres.

    Returns:
        `(..., 4, 4)`; float32, or float64 if `pose_a` is.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes, or a matrix that is not rigid.

    >>> right = rigid_motion(torch.eye(3), torch.tensor([1.0, 0.0, 0.0]))
    >>> relative_motion(torch.eye(4), right)[:3, 3].tolist()
    [-1.0, 0.0, 0.0]
    """
    pose_a, pose_b = check_motion("pose_a", pose_a), check_motion("pose_b", pose_b).to(pose_a.dtype)
    if pose_a.shape != pose_b.shape:
        raise ValueError(f"pose_b: expected the shape of pose_a, {tuple(pose_a.shape)}, found {tuple(pose_b.shape)}")
    back = pose_b[..., :3, :3].mT
    # The difference first: far from the world's origin, -Rᵀ t_b + Rᵀ t_a would cancel all but the rounding.
    between = _product(back, pose_a[..., :3, 3:] - pose_b[..., :3, 3:])[..., 0]
    return rigid_motion(_product(back, pose_a[..., :3, :3]), between)


def rotation_from_angles(rx, ry, rz):
    """The rotation ``Rx(rx) Ry(ry) Rz(rz)``, `(..., 3, 3)`.

    Source: thesis, App. C, ``X' = RxRyRz X + t``.

    Convention: each factor turns points by the right-hand rule about a *fixed* axis of the camera (positive rz turns x
    towards y, which is clockwise as seen in the picture), and a column vector meets Rz first. The thesis states no more
    than the order; SciPy calls this one "XYZ" (capitals), while its "xyz" is Rz Ry Rx.

    Args:
        rx, ry, rz: radians, tensors of one shape `(...)`.

    Raises:
        ValueError, TypeError: naming the argument, for shapes or dtypes.

    >>> angles = (torch.tensor(0.0), torch.tensor(0.0), torch.tensor(torch.pi / 2))
    >>> rotation_from_angles(*angles).round(decimals=4).abs().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    angles = [check_tensor(name, angle) for name, angle in (("rx", rx), ("ry", ry), ("rz", rz))]
    for name, angle in zip(("ry", "rz"), angles[1:], strict=True):
        if angle.shape != angles[0].shape:
            raise ValueError(f"{name}: expected the shape of rx, {tuple(angles[0].shape)}, found {tuple(angle.shape)}")
    (cx, cy, cz), (sx, sy, sz) = ([turn(angle) for angle in angles] for turn in (torch.cos, torch.sin))
    rows = [
        [cy * cz, -cy * sz, sy],
        [cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy],
        [sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _product(a, b):
    # Not a matmul, for the reason given in _pinhole.
    return (a[..., None] * b[..., None, :, :]).sum(-2)
