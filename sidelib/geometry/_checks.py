"""Argument checks of the geometry: each error names the argument, what was found and what was expected."""

import torch

__all__ = ["check_intrinsics", "check_map", "check_mask", "check_motion", "check_tensor"]

# A rotation stored with three decimals passes; a scaled, sheared, mirrored or transposed 4×4 does not.
RIGID_TOLERANCE = 1e-3


def check_tensor(name, value):
    """Return a floating-point tensor as float32 (float64 stays): half precision is coarser than a pixel."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor, found {type(value).__name__}")
    if not value.is_floating_point():
        raise TypeError(f"{name}: expected a floating-point tensor, found {value.dtype}")
    return value if value.dtype == torch.float64 else value.float()


def check_map(name, value, channels=None):
    """Return a map `(B, channels, H, W)` as float32 or float64; any number of channels if None."""
    value = check_tensor(name, value)
    if value.ndim != 4 or (channels is not None and value.shape[1] != channels):
        raise ValueError(f"{name}: expected shape (B, {channels or 'C'}, H, W), found {tuple(value.shape)}")
    return value


def check_mask(mask, depth):
    """`mask`: bool, shaped like `depth` and on its device."""
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        found = mask.dtype if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise TypeError(f"mask: expected a bool tensor, found {found}")
    if mask.shape != depth.shape:
        raise ValueError(f"mask: expected the shape of depth, {tuple(depth.shape)}, found {tuple(mask.shape)}")
    _check_device("mask", mask, depth)


def check_intrinsics(name, intrinsics, like):
    """Return intrinsics `(B, 3, 3)`, or `(3, 3)` for all of a batch, as `(B, 3, 3)` in the dtype of `like`."""
    intrinsics = _check_matrices(name, intrinsics, 3, like)
    if not torch.compiler.is_compiling():
        values = intrinsics.detach().cpu()
        rest = values[:, [0, 1, 2, 2, 2], [1, 0, 0, 1, 2]]  # neither a focal length nor the principal point
        good = (rest == rest.new_tensor([0, 0, 0, 0, 1])).all(1) & (values.diagonal(dim1=1, dim2=2) > 0).all(1)
        good &= values.isfinite().all(2).all(1)
        if not bool(good.all()):
            raise ValueError(
                f"{name}: expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels with fx, fy > 0, "
                f"found {values[~good][0].tolist()}"
            )
    return intrinsics


def check_motion(name, motion, like=None):
    """Return rigid motions as float32 or float64; with a map `like`, as `(B, 4, 4)` in its dtype."""
    if like is not None:
        motion = _check_matrices(name, motion, 4, like)
    else:
        motion = check_tensor(name, motion)
        if motion.shape[-2:] != (4, 4):
            raise ValueError(f"{name}: expected shape (..., 4, 4), found {tuple(motion.shape)}")
    if not torch.compiler.is_compiling():
        values = motion.detach().cpu().double().reshape(-1, 4, 4)
        rotation, shift = values[:, :3, :3], values[:, :3, 3]
        off = (rotation @ rotation.mT - torch.eye(3, dtype=torch.float64)).abs().amax((1, 2))
        low = (values[:, 3] - values.new_tensor([0.0, 0.0, 0.0, 1.0])).abs().amax(1)
        mirrored = (torch.linalg.cross(rotation[:, 0], rotation[:, 1]) * rotation[:, 2]).sum(1) < 0
        good = (off < RIGID_TOLERANCE) & (low < RIGID_TOLERANCE) & ~mirrored & shift.isfinite().all(1)
        if not bool(good.all()):
            raise ValueError(
                f"{name}: expected rigid 4×4 matrices [[R, t], [0, 0, 0, 1]] with R a rotation, "
                f"found {values[~good][0].tolist()}"
            )
    return motion


def _check_matrices(name, matrices, side, like):
    matrices = check_tensor(name, matrices)
    expected = (len(like), side, side)
    if tuple(matrices.shape) == expected[1:]:
        matrices = matrices.expand(expected)
    if tuple(matrices.shape) != expected:
        raise ValueError(f"{name}: expected shape {expected} or {expected[1:]}, found {tuple(matrices.shape)}")
    _check_device(name, matrices, like)
    return matrices.to(like.dtype)


def _check_device(name, value, like):
    if value.device != like.device:
        raise ValueError(f"{name}: expected on {like.device}, with the other arguments, found on {value.device}")
