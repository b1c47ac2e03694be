"""A sample seen through another window: one affine map for the pixels, one linear map for the points, applied once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from sidelib.geometry._checks import check_intrinsics

__all__ = ["View", "check_sample", "make_view", "resample"]

# Channels of the maps that a view can carry, and how their pixels are taken.
_SMOOTH = {"image": 3, "albedo": 3}
_NEAREST = {"depth": 1, "mask": 1, "score": 1, "disparity": 1, "normals": 3, "semantic": 1, "instance": 1}
_LABELS = ("semantic", "instance")
_BOOLEAN = ("mask", "occlusion")
_OTHER_VIEW = {"right": 3, "occlusion": 1}  # true only beside the camera that took the picture
_OUTSIDE_LABEL = -1
# A map that is whole but for rounding counts as whole; at a tie (the middle of two pixels) the later one is nearest.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class View:
    """How the picture after a transform follows from the one before; what is known of the camera follows from it.

    `pixels` H (3×3) takes pixels before to pixels after; `points` A (3×3) takes points of the camera's frame before to
    points after; they are one transform, so that ``H K = K' A`` up to scale, with K' the new intrinsics.
    """

    size: tuple
    pixels: np.ndarray
    points: np.ndarray
    focal: tuple  # (fx, fy) after, as multiples of those before


def make_view(before, size, *, zoom, offset=(0, 0), closer=1.0, angle=0.0, mirrored=False, intrinsics=None):
    """The view after rotation, zoom, crop and flip, in this order.

    Args:
        before, size: (H, W) of the picture before and after.
        zoom: (x, y), how many pixels after the transform one pixel becomes.
        offset: (x, y) of the crop in the zoomed picture, pixels.
        closer: the part of the zoom that is told as depth (divided by it); the rest is told as focal length.
        angle: degrees about the optical axis, positive turns x towards y (clockwise in the picture).
        mirrored: exchange left and right at the end.
        intrinsics: `(3, 3)` or None: the optical axis is then taken to meet the middle of the picture, pixels square.
    """
    middle = [1.0, 1.0, (before[1] - 1) / 2, (before[0] - 1) / 2]
    fx, fy, cx, cy = middle if intrinsics is None else intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]].double().tolist()
    camera = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1 / closer]])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    # Integer coordinates are pixel centres, and a picture's edge, at -0.5, is what scaling leaves in place.
    pixels = np.diag([*zoom, 1.0])
    pixels[:2, 2] = [(zoom[0] - 1) / 2 - offset[0], (zoom[1] - 1) / 2 - offset[1]]
    if angle:
        pixels = pixels @ camera @ turn @ np.linalg.inv(camera)
    if mirrored:
        pixels = np.array([[-1, 0, size[1] - 1], [0, 1, 0], [0, 0, 1]]) @ pixels
        points = np.diag([-1, 1, 1]) @ points
    return View(tuple(size), pixels, points, (zoom[0] / closer, zoom[1] / closer))


def check_sample(sample):
    """Return (H, W) of a sample whose maps fit together.

    Raises:
        TypeError: not a mapping of tensors, or a dtype that a map cannot have.
        ValueError: `image` or `mask` missing, or a shape that does not fit.
    """
    if not isinstance(sample, Mapping):
        raise TypeError(f"sample: expected a mapping, found {type(sample).__name__}")
    for name in ("image", "mask"):
        if name not in sample:
            raise ValueError(f"sample: expected image and mask, found no {name} among {', '.join(map(str, sample))}")
    image = sample["image"]
    if not isinstance(image, torch.Tensor) or not image.is_floating_point():
        found = image.dtype if isinstance(image, torch.Tensor) else type(image).__name__
        raise TypeError(f"image: expected a floating-point tensor, found {found}")
    if image.ndim != 3 or image.shape[0] != 3 or not image.numel():
        raise ValueError(f"image: expected shape (3, H, W), found {tuple(image.shape)}")
    size = tuple(image.shape[1:])
    for name, channels in (_SMOOTH | _NEAREST | _OTHER_VIEW).items():
        if name in sample:
            _check_map(name, sample[name], (channels, *size))
    if "intrinsics" in sample:
        check_intrinsics("intrinsics", sample["intrinsics"], image[None])
        if sample["intrinsics"].ndim != 2:
            raise ValueError(f"intrinsics: expected shape (3, 3), found {tuple(sample['intrinsics'].shape)}")
    return size


def _check_map(name, value, shape):
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name}: expected a tensor, found {type(value).__name__}")
    if tuple(value.shape) != shape:
        raise ValueError(f"{name}: expected shape {shape}, that of the image, found {tuple(value.shape)}")
    if name in _BOOLEAN:
        expected, good = "a bool tensor", value.dtype == torch.bool
    elif name in _LABELS:  # unsigned ones cannot say -1
        expected, good = "signed integers", value.dtype in (torch.int8, torch.int16, torch.int32, torch.int64)
    else:
        expected, good = "a floating-point tensor", value.is_floating_point()
    if not good:
        raise TypeError(f"{name}: expected {expected}, found {value.dtype}")


def resample(sample, view, *, same_camera=False):
    """The sample that `view` shows, as a new dictionary; the old one is left as it is.

    The image and albedo are interpolated (bilinear, after averaging over whole pixels where the picture shrinks by two
    or more, so that fine texture does not turn into noise). Everything else is taken from the nearest pixel, so that no
    value is a mean across an edge or of a valid and an invalid pixel. What lies outside the old picture is black, not
    valid, and −1 in label maps. Depth is 0 where not valid.

    Args:
        sample: as `check_sample` accepts it.
        view: a `View`.
        same_camera: the point of view is the old one (resizing and cropping), so that `right`, `occlusion` and `pose`
            stay true. They are dropped otherwise.
    """
    height, width = sample["image"].shape[1:]
    back = np.linalg.inv(view.pixels)
    whole = np.abs(back - back.round()).max() < _ROUNDING and abs(abs(np.linalg.det(back)) - 1) < _ROUNDING
    back = back.round() if whole else back
    x, y = _source(back, view.size, sample["image"].device)
    column, row = ((place + 0.5 + _ROUNDING).floor().long() for place in (x, y))
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten()
    complete = bool(inside.all())

    def nearest(values, outside=0):
        taken = values.reshape(values.shape[0], -1).index_select(1, index).reshape(-1, *view.size)
        return taken if complete else taken.masked_fill(~inside, outside)

    def smooth(values):
        if whole:
            return nearest(values)
        taken = _interpolated(values, back, x, y)
        return taken if complete else taken.masked_fill(~inside, 0.0)

    after = {}
    for name, value in sample.items():
        if name in _SMOOTH or (same_camera and name == "right"):
            after[name] = smooth(value)
        elif name in _NEAREST or (same_camera and name == "occlusion"):
            after[name] = nearest(value, _OUTSIDE_LABEL if name in _LABELS else 0)
        elif (same_camera and name == "pose") or not isinstance(value, torch.Tensor | np.ndarray) or value.ndim == 0:
            after[name] = value
    return after | _measured(sample, after, view)


def _measured(sample, after, view):
    """What a view changes beyond the place: the values of depth, disparity and normals, and the intrinsics."""
    changed, nearer = {}, float(view.points[2, 2])
    if "depth" in after:
        changed["depth"] = torch.where(after["mask"], after["depth"] * nearer, 0.0)
    if "disparity" in after:  # baseline × focal length / depth, with the baseline as it was
        changed["disparity"] = after["disparity"] * (view.focal[0] / nearer)
    if "normals" in after:
        # A plane n · P = ρ becomes (A⁻ᵀ n) · (A P) = ρ. The sign of n · P, facing the camera, stays.
        turn = torch.from_numpy(np.linalg.inv(view.points).T).to(after["normals"])
        if not torch.equal(turn, torch.eye(3).to(turn)):
            normals = (turn[:, :, None, None] * after["normals"]).sum(1)
            if nearer != 1:  # a rotation or flip leaves a unit a unit
                length = normals.square().sum(0).sqrt()  # several times faster than torch.linalg's norm over channels
                normals = normals / length.clamp(min=1e-12)
            changed["normals"] = normals
    if "intrinsics" in sample:
        old = sample["intrinsics"].double().cpu().numpy()
        new = np.eye(3)
        new[:2, 2] = (view.pixels @ old[:, 2])[:2]  # the optical axis stays the optical axis
        new[0, 0], new[1, 1] = old[0, 0] * view.focal[0], old[1, 1] * view.focal[1]
        changed["intrinsics"] = torch.from_numpy(new).to(sample["intrinsics"])
    return changed


def _source(back, size, device):
    """Where each pixel after the transform was before it: x and y, float64 `(H, W)`, integers at pixel centres."""
    v, u = (torch.arange(length, device=device, dtype=torch.float64) for length in size)
    return [a * u + (b * v + c)[:, None] for a, b, c in back[:2].tolist()]


def _interpolated(values, back, x, y):
    # The step between neighbouring pixels after, in pixels before: below 2, the four pixels of the interpolation
    # leave none out.
    steps = [max(1, math.floor(np.hypot(*line[:2]) + _ROUNDING)) for line in back[:2]]
    values = values[None]
    if steps != [1, 1]:
        values = F.avg_pool2d(values, (steps[1], steps[0]), ceil_mode=True)
    height, width = values.shape[2:]
    x, y = ((place - (step - 1) / 2) / step for place, step in zip((x, y), steps, strict=True))
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1).to(values.dtype)
    return F.grid_sample(values, grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]
