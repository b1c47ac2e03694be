"""Warps and flow: by hand, against loops, against each other, and the traps of half a pixel and of signs."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from two_views import EYE, SIZE, K, noise, shifted, small_motion

from sidelib.geometry import (
    depth_from_disparity,
    disparity_from_depth,
    flow_from_motion,
    intrinsics_matrix,
    pixel_grid,
    relative_motion,
    sample_at,
    warp_disparity,
    warp_motion,
)


def bilinear(image, x, y):
    """One value of an (H, W) array between its pixel centres."""
    x0, y0 = min(math.floor(x), image.shape[1] - 2), min(math.floor(y), image.shape[0] - 2)
    a, b = x - x0, y - y0
    top = (1 - a) * image[y0, x0] + a * image[y0, x0 + 1]
    return (1 - b) * top + b * ((1 - a) * image[y0 + 1, x0] + a * image[y0 + 1, x0 + 1])


def moved_by_loop(depth, intrinsics, motion):
    """Where each pixel goes, `(H, W, 2)`, by matrices and loops; NaN behind the camera."""
    depth, intrinsics, motion = (np.asarray(part, dtype=np.float64) for part in (depth, intrinsics, motion))
    out = np.full((*depth.shape, 2), np.nan)
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            ray = np.linalg.inv(intrinsics) @ [x, y, 1]
            moved = motion @ [*(ray * depth[y, x]), 1]
            if moved[2] > 0:
                seen = intrinsics @ moved[:3]
                out[y, x] = seen[:2] / seen[2]
    return out


def test_disparity_by_hand_and_per_item():
    assert disparity_from_depth(torch.tensor([2.0, 5.0]), 100.0, 0.5).tolist() == [25.0, 10.0]
    depth = torch.full((2, 1, 1, 1), 4.0)
    per_item = disparity_from_depth(depth, torch.tensor([100.0, 200.0]), torch.tensor([0.5, 1.0]))
    assert per_item.flatten().tolist() == [12.5, 50.0]
    assert depth_from_disparity(per_item, torch.tensor([100.0, 200.0]), torch.tensor([0.5, 1.0])).unique().item() == 4


@settings(deadline=None, max_examples=100)
@given(depth=st.floats(1e-2, 1e5), focal=st.floats(1, 1e4), baseline=st.floats(1e-2, 10))
def test_depth_comes_back_from_disparity(depth, focal, baseline):
    values = torch.tensor([depth], dtype=torch.float64)
    back = depth_from_disparity(disparity_from_depth(values, focal, baseline), focal, baseline)
    assert back.item() == pytest.approx(depth, rel=1e-12)


@pytest.mark.parametrize("convert", [disparity_from_depth, depth_from_disparity])
def test_nothing_measured_stays_nothing_with_zero_gradient(convert):
    values = torch.tensor([0.0, -1.0, math.nan, 2.0], requires_grad=True)
    converted = convert(values, 10.0, 1.0)
    converted.sum().backward()
    assert converted.tolist() == [0, 0, 0, 5]  # infinity, or its gradient times zero, would poison a masked loss
    assert values.grad.tolist() == [0, 0, 0, -2.5]


@settings(deadline=None, max_examples=60)
@given(shift=st.integers(-8, 8), seed=st.integers(0, 10**6))
def test_whole_disparities_are_a_shift(shift, seed):
    right = noise(2, 3, *SIZE, seed=seed)
    left, inside = warp_disparity(right, torch.full((2, 1, *SIZE), float(shift), dtype=torch.float64))
    for x in range(SIZE[1]):
        seen = 0 <= x - shift < SIZE[1]
        assert bool((inside[..., x] == seen).all())
        expected = right[..., x - shift] if seen else torch.zeros(2, 3, SIZE[0], dtype=torch.float64)
        torch.testing.assert_close(left[..., x], expected, rtol=0, atol=1e-13)


def test_fractional_disparities_against_a_loop():
    right, disparity = noise(2, 2, *SIZE), noise(2, 1, *SIZE, seed=1) * 6 - 2
    left, inside = warp_disparity(right, disparity)
    for item in range(2):
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                at = x - disparity[item, 0, y, x].item()
                assert inside[item, 0, y, x] == (0 <= at <= SIZE[1] - 1)
                for channel in range(2):
                    expected = bilinear(right[item, channel], at, y) if inside[item, 0, y, x] else 0
                    assert left[item, channel, y, x].item() == pytest.approx(float(expected), abs=1e-12)
    assert 0.5 < inside.double().mean() < 1


def test_convention_disparity_is_positive_and_the_left_view_looks_to_the_left():
    right = torch.zeros(1, 1, 1, 9)
    right[..., 3] = 1.0  # the post stands at x = 3 in the right view,
    left, _ = warp_disparity(right, torch.full((1, 1, 1, 9), 2.0))
    assert left.flatten().nonzero().item() == 5  # so at 3 + 2 in the left one; App. C's plus sign would say 1


def test_convention_pixel_centres_half_a_pixel_trap():
    width = 12
    ramp = torch.arange(float(width)).expand(1, 1, 7, width)
    pixels = pixel_grid(7, width)[None]
    values, inside = sample_at(ramp, pixels)
    torch.testing.assert_close(values, ramp, rtol=0, atol=1e-5)
    assert inside.all()
    # A grid over [0, W] instead of [0, W - 1], as if pixel 0 were at the rim of the picture:
    wrong = (pixels / torch.tensor([width, 7]).view(1, 2, 1, 1) * 2 - 1).movedim(1, -1)
    for aligned, error in ((True, [0, -11 / 12]), (False, [0, -0.5])):  # at the left, where it clamps, and at the right
        off = (F.grid_sample(ramp, wrong, align_corners=aligned, padding_mode="border") - ramp)[0, 0, 3]
        assert [off[0].item(), off[-1].item()] == pytest.approx(error, abs=1e-5)
    # And the right grid with grid_sample's default, which stretches the picture about its middle:
    mine = (pixels / torch.tensor([width - 1, 6]).view(1, 2, 1, 1) * 2 - 1).movedim(1, -1)
    off = (F.grid_sample(ramp, mine, align_corners=False, padding_mode="border") - ramp)[0, 0, 3]
    assert off[2].item() == pytest.approx(2 * 12 / 11 - 0.5 - 2, abs=1e-5)


def test_a_linear_image_is_sampled_exactly_between_pixels():
    x, y = pixel_grid(*SIZE, dtype=torch.float64)
    image = (3 * x - 2 * y + 1)[None, None]
    at = torch.stack([noise(9, 9) * 11, noise(9, 9, seed=1) * 6])[None]
    values, inside = sample_at(image, at)
    torch.testing.assert_close(values[0, 0], 3 * at[0, 0] - 2 * at[0, 1] + 1)
    assert inside.all()


def test_inside_is_between_the_outermost_centres():
    x = torch.tensor([-0.5, -0.01, 0.0, 11.0, 11.01, 11.5, math.nan, math.inf, 3.0])
    y = torch.tensor([3.0, 3.0, 0.0, 6.0, 3.0, 3.0, 3.0, 3.0, -math.inf])
    pixels = torch.stack([x, y]).view(1, 2, 1, -1).requires_grad_()
    values, inside = sample_at(torch.ones(1, 2, *SIZE), pixels)
    expected = [False, False, True, True, False, False, False, False, False]
    assert inside.flatten().tolist() == expected
    assert values[0, 0, 0].tolist() == [float(seen) for seen in expected]
    values.sum().backward()
    assert pixels.grad.isfinite().all()


@pytest.mark.parametrize("size", [(1, 5), (5, 1), (1, 1)])
def test_pictures_of_one_row_or_column(size):
    image = noise(1, 1, *size, dtype=torch.float32)
    values, inside = sample_at(image, pixel_grid(*size)[None])
    torch.testing.assert_close(values, image)
    assert inside.all()
    values, inside = sample_at(image, pixel_grid(*size)[None] + 5)
    assert not inside.any() and not values.any()


def test_standing_still_gives_the_image_back_exactly():
    # Powers of two, so that no step rounds.
    source, depth = noise(2, 3, 5, 9, dtype=torch.float32), torch.full((2, 1, 5, 9), 4.0)
    target, inside = warp_motion(source, depth, EYE, intrinsics_matrix(16.0, (5, 9)))
    assert torch.equal(target, source)
    assert inside.all()
    assert not flow_from_motion(depth, intrinsics_matrix(16.0, (5, 9)), EYE).any()


@settings(deadline=None, max_examples=25)
@given(size=st.tuples(st.integers(1, 400), st.integers(1, 1400)), focal=st.floats(10, 3000), seed=st.integers(0, 10**6))
def test_standing_still_in_float32_keeps_every_pixel_the_rim_too(size, focal, seed):
    source = noise(1, 1, *size, seed=seed, dtype=torch.float32)
    depth = noise(1, 1, *size, seed=seed + 1, dtype=torch.float32) * 80 + 0.1
    target, inside = warp_motion(source, depth, EYE, intrinsics_matrix(focal, size))
    assert inside.all()
    torch.testing.assert_close(target, source, rtol=0, atol=2e-3)


def test_motion_against_a_loop():
    source, depth = noise(2, 2, 9, 10), noise(2, 1, *SIZE, seed=1) * 3 + 1
    depth[0, 0, 2, 3], depth[1, 0, 4, 4], depth[1, 0, 0, 0], depth[0, 0, 5, 5] = 0.0, math.nan, math.inf, -1.0
    motion, other = small_motion(), intrinsics_matrix((17.0, 19.0), (9, 10)).double()
    target, inside = warp_motion(source, depth, motion, other, K)
    for item in range(2):
        # To the other camera's pixels: the loop's K maps rays, so first undo it and then apply the other one.
        seen = moved_by_loop(depth[item, 0].nan_to_num(posinf=0).clamp(min=0), K, motion[item])
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                there = other.numpy() @ np.linalg.inv(K.double().numpy()) @ [*seen[y, x], 1]
                valid = depth[item, 0, y, x].isfinite() and depth[item, 0, y, x] > 0
                valid = bool(valid) and 0 <= there[0] <= 9 and 0 <= there[1] <= 8
                assert inside[item, 0, y, x] == valid, (item, y, x)
                for channel in range(2):
                    expected = bilinear(source[item, channel], *there[:2]) if valid else 0
                    assert target[item, channel, y, x].item() == pytest.approx(float(expected), abs=1e-11)
    assert target.isfinite().all()
    assert 0.5 < inside.double().mean() < 1


def test_flow_against_a_loop():
    depth, motion = noise(2, 1, *SIZE) * 3 + 1, small_motion()
    flow = flow_from_motion(depth, K, motion)
    for item in range(2):
        expected = moved_by_loop(depth[item, 0], K, motion[item]) - pixel_grid(*SIZE).movedim(0, -1).numpy()
        np.testing.assert_allclose(flow[item].movedim(0, -1).numpy(), expected, atol=1e-10)


def test_convention_flow_is_next_minus_current_and_follows_the_points():
    here, right_of_it = EYE, shifted(x=1.0)  # the camera steps to the right,
    flow = flow_from_motion(torch.full((1, 1, *SIZE), 4.0), K, relative_motion(here, right_of_it))
    torch.testing.assert_close(flow[:, 0], torch.full((1, *SIZE), -20.0 / 4))  # so the scene moves to the left
    assert flow[:, 1].abs().max() < 1e-5


def test_convention_motion_takes_the_targets_points_to_the_source():
    # The source camera stands 2 m ahead of the target camera, and a wall is 4 m from the target, 2 m from the source:
    # the target shows the middle of the source, half as large. With the inverse motion it would be 1.5 times larger.
    size = (9, 9)
    ramp = pixel_grid(*size)[0][None, None]
    camera = intrinsics_matrix(10.0, size)
    motion = relative_motion(EYE, shifted(z=2.0))
    target, inside = warp_motion(ramp, torch.full((1, 1, *size), 4.0), motion, camera)
    assert target[0, 0, 4, 2:7].tolist() == pytest.approx([0, 2, 4, 6, 8], abs=1e-5)
    assert inside[0, 0, 4].tolist() == [False, False] + [True] * 5 + [False, False]
    back, inside = warp_motion(ramp, torch.full((1, 1, *size), 4.0), relative_motion(shifted(z=2.0), EYE), camera)
    assert back[0, 0, 4].tolist() == pytest.approx([4 + (x - 4) * 4 / 6 for x in range(9)], abs=1e-5)
    assert inside.all()


@pytest.mark.parametrize("offset", [0.0, 1.75])
def test_a_step_along_x_is_the_rectified_warp(offset):
    depth, source, baseline = noise(2, 1, *SIZE) * 3 + 2, noise(2, 3, *SIZE, seed=1), 0.3
    right_camera = K.clone()
    right_camera[0, 2] += offset  # Middlebury 2014: the principal points differ, and disparity with them
    disparity = disparity_from_depth(depth, 20.0, baseline) - offset
    expected, inside = warp_disparity(source, disparity)
    motion = relative_motion(EYE, shifted(x=baseline))
    target, seen = warp_motion(source, depth, motion, right_camera, K)
    torch.testing.assert_close(target, expected, rtol=0, atol=1e-6)  # the poses are float32
    assert torch.equal(inside, seen)
    flow = flow_from_motion(depth, K, motion)
    torch.testing.assert_close(-flow[:, :1] - offset, disparity, rtol=0, atol=1e-6)


def test_points_that_come_to_lie_behind_the_camera_are_outside():
    depth = torch.tensor([[1.0, 3.0, 1.0, 3.0]]).view(1, 1, 1, 4)
    motion = shifted(z=-2.0)  # past what stands at 1 m
    camera = intrinsics_matrix(4.0, (1, 4))
    target, inside = warp_motion(torch.ones(1, 1, 1, 4), depth, motion, camera)
    # Point 0 would mirror to x = 1.5 + 1.5 = 3, inside the picture.
    assert inside.flatten().tolist() == [False, True, False, False]
    assert target.flatten().tolist() == [0, 1, 0, 0]
    flow = flow_from_motion(depth, camera, motion)
    assert flow[0, 0, 0].isnan().tolist() == [True, False, True, False]
