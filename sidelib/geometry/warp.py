"""One view rebuilt from another: by disparity, by depth and camera motion; and the flow of a static scene."""

import torch
import torch.nn.functional as F

from sidelib.geometry._checks import check_intrinsics, check_map, check_motion, check_tensor
from sidelib.geometry._pinhole import NEAR, grid_of, move, to_pixels, to_points

__all__ = [
    "depth_from_disparity",
    "disparity_from_depth",
    "flow_from_motion",
    "sample_at",
    "warp_disparity",
    "warp_motion",
]


def disparity_from_depth(depth, focal, baseline):
    """Disparity of a rectified pair: ``disparity = baseline · focal / depth``.

    Source: thesis, App. C, ``d̂ = b f / d``.

    It assumes that both principal points have the same cx; where they differ, as in Middlebury 2014, the measured
    disparity is smaller by ``cx_right - cx_left``.

    Args:
        depth: z-depth in metres, any shape with the batch first. Where it is not above 0, the disparity is 0, with zero
            gradient: loaders write 0 in both maps where nothing was measured.
        focal: pixels; a number, or a tensor `(B,)`.
        baseline: metres between the cameras; a number, or a tensor `(B,)`.

    Returns:
        Pixels, shaped like `depth`; float32, or float64 if `depth` is.

    Raises:
        ValueError, TypeError: naming the argument, for dtypes or shapes, or a focal length or baseline not above 0.

    >>> disparity_from_depth(torch.tensor([2.0, 4.0, 0.0]), focal=100.0, baseline=0.5).tolist()
    [25.0, 12.5, 0.0]
    """
    return _reciprocal(check_tensor("depth", depth), focal, baseline)


def depth_from_disparity(disparity, focal, baseline):
    """Depth of a rectified pair: ``depth = baseline · focal / disparity``; see `disparity_from_depth`.

    Args:
        disparity: pixels, any shape with the batch first. Where it is not above 0, the depth is 0 (not infinity), with
            zero gradient: loaders write 0 in both maps where nothing was measured.
        focal: pixels; a number, or a tensor `(B,)`.
        baseline: metres between the cameras; a number, or a tensor `(B,)`.

    Returns:
        Metres, shaped like `disparity`; float32, or float64 if `disparity` is.

    Raises:
        ValueError, TypeError: naming the argument, for dtypes or shapes, or a focal length or baseline not above 0.

    >>> depth_from_disparity(torch.tensor([25.0, 12.5, 0.0]), focal=100.0, baseline=0.5).tolist()
    [2.0, 4.0, 0.0]
    """
    return _reciprocal(check_tensor("disparity", disparity), focal, baseline)


def sample_at(image, pixels):
    """Look an image up at pixel coordinates, bilinearly.

    Convention: integer coordinates are pixel centres, so that (0, 0) is the first pixel and (W - 1, H - 1) the last
    (`grid_sample` with ``align_corners=True``, which maps [0, W - 1] to [-1, 1]). Dividing by W instead of W - 1, or
    leaving ``align_corners`` at its default with this grid, shifts and stretches the image by up to half a pixel.

    Args:
        image: `(B, C, H, W)`.
        pixels: `(B, 2, h, w)`, (x, y); may lie outside, or be NaN.

    Returns:
        values: `(B, C, h, w)`, 0 outside the image; float32, or float64 if either argument is. Differentiable in both
            arguments, with zero gradient outside.
        inside: bool `(B, 1, h, w)`, the coordinates lie between the centres of the outermost pixels, so that all that
            is interpolated exists (up to rounding: at the rim, x = W - 1 + 1e-5 is still inside).

    Raises:
        ValueError, TypeError: naming the argument, for shapes or dtypes.

    >>> image = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])[None, None]
    >>> values, inside = sample_at(image, torch.tensor([[2.0, 0.5, 2.5], [1.0, 0.5, 0.0]]).view(1, 2, 1, 3))
    >>> values.flatten().tolist(), inside.flatten().tolist()
    ([5.0, 2.0, 0.0], [True, True, False])
    """
    image, pixels = check_map("image", image), check_map("pixels", pixels, 2)
    if len(image) != len(pixels):
        raise ValueError(f"pixels: expected a batch of {len(image)}, as image, found {len(pixels)}")
    if image.device != pixels.device:
        raise ValueError(f"pixels: expected on {image.device}, as image, found on {pixels.device}")
    height, width = image.shape[-2:]
    dtype = torch.promote_types(image.dtype, pixels.dtype)
    last = pixels.new_tensor([width - 1, height - 1]).view(1, 2, 1, 1)
    # Rounding: a warp by the identity must not lose the rim.
    slack = 8 * torch.finfo(pixels.dtype).eps * max(height, width)
    inside = ((pixels >= -slack) & (pixels <= last + slack)).all(1, keepdim=True)
    # Replaced before sampling: grid_sample's gradient at NaN or infinity is not zero.
    grid = torch.where(inside, pixels, 0.0).to(dtype) * (2 / last.clamp(min=1)) - 1
    values = F.grid_sample(image.to(dtype), grid.movedim(1, -1), padding_mode="border", align_corners=True)
    return torch.where(inside, values, 0.0), inside


def warp_disparity(right, disparity):
    """Rebuild the left view from the right one: ``left(x, y) = right(x - disparity, y)``.

    Source: thesis, App. C, which prints ``w(I_l(x, y), d̂) = I_r(x, y + d̂)``: there the second coordinate runs along the
    row, and the sign is that of the opposite direction (right from left).

    Convention: disparity > 0 and x_right = x_left - disparity. With a plus, every pixel would be fetched from twice its
    disparity away from where it is.

    Args:
        right: the right view, `(B, C, H, W)`.
        disparity: of the *left* view's pixels, `(B, 1, H, W)`, in pixels. NaN and infinity count as outside; 0 is a
            point at infinity: where 0 stands for "not measured", combine the returned mask with your own.

    Returns:
        left: `(B, C, H, W)`, 0 outside; differentiable in both arguments.
        inside: bool `(B, 1, H, W)`, the pixel falls into the right view. Pixels that are hidden there are not marked.

    Raises:
        ValueError, TypeError: naming the argument, for shapes or dtypes.

    >>> right = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 1, 1, 4)
    >>> left, inside = warp_disparity(right, torch.full((1, 1, 1, 4), 1.0))
    >>> left.flatten().tolist(), inside.flatten().tolist()
    ([0.0, 10.0, 20.0, 30.0], [False, True, True, True])
    """
    right, disparity = check_map("right", right), check_map("disparity", disparity, 1)
    if disparity.shape != (len(right), 1, *right.shape[-2:]):
        expected = (len(right), 1, *right.shape[-2:])
        raise ValueError(f"disparity: expected shape {expected}, as right, found {tuple(disparity.shape)}")
    x, y = grid_of(disparity)
    x = x - disparity[:, 0]
    return sample_at(right, torch.stack([x, y.expand_as(x)], dim=1))


def warp_motion(source, depth, motion, source_intrinsics, target_intrinsics=None):
    """Rebuild the target view by looking the source view up where the target's pixels appear in it.

    The three steps: `back_project` the target's pixels with the target's depth, `transform` the points into the
    source's frame, `project` them; then `sample_at`.

    Source: thesis, App. C, "Using camera motion and intrinsics".

    Args:
        source: the view that is looked up, `(B, C, h, w)`.
        depth: of the *target* view, `(B, 1, H, W)`, metres. Pixels that are not finite and above 0 count as outside.
        motion: `(B, 4, 4)`, or `(4, 4)` for all: takes points of the target's frame to the source's frame; with
            poses, ``relative_motion(target_pose, source_pose)``.
        source_intrinsics: `(B, 3, 3)` in pixels, or `(3, 3)` for all.
        target_intrinsics: the same of the target view; by default those of the source.

    Returns:
        target: `(B, C, H, W)`, 0 outside; differentiable in `source`, `depth`, `motion` and the intrinsics.
        inside: bool `(B, 1, H, W)`, the depth is valid and the pixel falls into the source view, in front of its
            camera. Pixels that something hides there are not marked: they show what hides them.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes or devices, or a matrix of another form.

    >>> source = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 1, 1, 4)
    >>> intrinsics = torch.tensor([[8.0, 0.0, 1.5], [0.0, 8.0, 0.0], [0.0, 0.0, 1.0]])
    >>> motion = torch.eye(4)
    >>> motion[0, 3] = -0.5  # the source camera stands half a metre to the right: disparity 8 · 0.5 / 4 = 1
    >>> target, inside = warp_motion(source, torch.full((1, 1, 1, 4), 4.0), motion, intrinsics)
    >>> target.flatten().tolist(), inside.flatten().tolist()
    ([0.0, 10.0, 20.0, 30.0], [False, True, True, True])
    """
    source, depth = check_map("source", source), check_map("depth", depth, 1)
    if len(source) != len(depth):
        raise ValueError(f"depth: expected a batch of {len(source)}, as source, found {len(depth)}")
    to_source = check_intrinsics("source_intrinsics", source_intrinsics, depth)
    from_target = to_source
    if target_intrinsics is not None:
        from_target = check_intrinsics("target_intrinsics", target_intrinsics, depth)
    return sample_at(source, _seen_at(depth, check_motion("motion", motion, depth), from_target, to_source))


def flow_from_motion(depth, intrinsics, motion):
    """Optical flow of a static scene under a camera motion: next position - current position, in pixels.

    Source: the coordinates (x', y') - (x, y) of thesis, App. C.

    Args:
        depth: of the current view, `(B, 1, H, W)`, metres.
        intrinsics: `(B, 3, 3)` in pixels, or `(3, 3)` for all; the same for both views.
        motion: `(B, 4, 4)`, or `(4, 4)` for all: takes points of the current frame to the next frame; with poses,
            ``relative_motion(current_pose, next_pose)``.

    Returns:
        `(B, 2, H, W)`, (x, y). NaN where the depth is not finite and above 0, and where the point comes to lie behind
        the camera; it may lead out of the picture.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes or devices, or a matrix of another form.

    >>> intrinsics = torch.tensor([[8.0, 0.0, 1.0], [0.0, 8.0, 0.0], [0.0, 0.0, 1.0]])
    >>> motion = torch.eye(4)
    >>> motion[2, 3] = -2.0  # the camera drives 2 m forward: the picture flows outwards
    >>> flow_from_motion(torch.full((1, 1, 1, 3), 4.0), intrinsics, motion)[0, 0].tolist()
    [[-1.0, 0.0, 1.0]]
    """
    depth = check_map("depth", depth, 1)
    intrinsics = check_intrinsics("intrinsics", intrinsics, depth)
    return _seen_at(depth, check_motion("motion", motion, depth), intrinsics, intrinsics) - torch.stack(grid_of(depth))


def _seen_at(depth, motion, intrinsics, other_intrinsics):
    """Where each pixel appears in the other view `(B, 2, H, W)`; NaN if it does not."""
    valid = depth.isfinite() & (depth >= NEAR)
    points = move(to_points(torch.where(valid, depth, 1.0), intrinsics), motion)
    return torch.where(valid, to_pixels(points, other_intrinsics), torch.nan)


def _reciprocal(values, focal, baseline):
    scale = 1.0
    for name, factor in (("focal", focal), ("baseline", baseline)):
        factor = torch.as_tensor(factor, dtype=values.dtype, device=values.device)
        if factor.ndim and factor.shape != values.shape[:1]:
            raise ValueError(
                f"{name}: expected a number or shape {tuple(values.shape[:1])}, found {tuple(factor.shape)}"
            )
        if not torch.compiler.is_compiling() and not bool((factor > 0).all()):
            raise ValueError(f"{name}: expected above 0, found {factor.min().item():g}")
        scale = scale * factor.reshape(-1, *[1] * (values.ndim - 1)) if factor.ndim else scale * factor
    valid = values > 0
    return torch.where(valid, scale / torch.where(valid, values, 1.0), 0.0)
