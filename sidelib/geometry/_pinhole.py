"""The arithmetic of the pinhole camera on checked arguments, so that each public function checks once, by its own names.

Products of matrices are written out as sums: under autocast or with TF32 a matmul keeps 8 to 11 bits, which at x = 640
is an error of about a pixel.
"""

import torch

__all__ = ["NEAR", "grid_of", "move", "parameters", "to_pixels", "to_points"]

# Metres. Nearer points count as behind the camera: dividing by less can overflow, and its gradient is 0 * inf.
NEAR = 1e-6


def grid_of(like):
    """x and y of every pixel centre of a map `(B, C, H, W)`, each `(H, W)`."""
    height, width = like.shape[-2:]
    y, x = (torch.arange(length, device=like.device, dtype=like.dtype) for length in (height, width))
    return x.expand(height, width), y[:, None].expand(height, width)


def parameters(intrinsics):
    """fx, fy, cx, cy, each `(B, 1, 1)`."""
    return [intrinsics[:, row, column, None, None] for row, column in ((0, 0), (1, 1), (0, 2), (1, 2))]


def to_points(depth, intrinsics):
    """`(B, 1, H, W)` to `(B, 3, H, W)`."""
    x, y = grid_of(depth)
    fx, fy, cx, cy = parameters(intrinsics)
    z = depth[:, 0]
    return torch.stack([(x - cx) / fx * z, (y - cy) / fy * z, z], dim=1)


def to_pixels(points, intrinsics):
    """`(B, 3, H, W)` to `(B, 2, H, W)`, NaN where not in front."""
    fx, fy, cx, cy = parameters(intrinsics)
    x, y, z = points.unbind(1)
    front = z >= NEAR
    # Replaced before dividing: the gradient of an unused division by zero would still be NaN.
    z = torch.where(front, z, 1.0)
    pixels = torch.stack([fx * (x / z) + cx, fy * (y / z) + cy], dim=1)
    return torch.where(front[:, None], pixels, torch.nan)


def move(points, motion):
    """`(B, 3, H, W)` by `(B, 4, 4)`."""
    motion = motion[..., None, None]
    return sum(motion[:, :3, axis] * points[:, axis, None] for axis in range(3)) + motion[:, :3, 3]
