"""Warps and flow in use: invalid pixels, gradients, half precision, compiling, CUDA, and bad arguments."""

import math

import pytest
import torch
from two_views import EYE, SIZE, K, noise, shifted, small_motion

from sidelib.geometry import (
    depth_from_disparity,
    disparity_from_depth,
    flow_from_motion,
    intrinsics_matrix,
    pixel_grid,
    rigid_motion,
    rotation_from_angles,
    sample_at,
    warp_disparity,
    warp_motion,
)


def test_invalid_pixels_send_no_gradient_and_no_nan():
    depth = torch.tensor([[0.0, 3.0, math.nan, math.inf, -2.0, 1.0]]).view(1, 1, 1, 6).requires_grad_()
    motion = shifted(x=0.3, z=-1.5).requires_grad_()
    source = noise(1, 1, 1, 6, dtype=torch.float32)
    target, inside = warp_motion(source, depth, motion, intrinsics_matrix(6.0, (1, 6)))
    assert inside.flatten().tolist() == [False, True, False, False, False, False]
    target.sum().backward()
    assert (depth.grad != 0).flatten().tolist() == [False, True, False, False, False, False]
    assert motion.grad.isfinite().all()

    disparity = torch.tensor([[math.nan, 1.5, math.inf, -9.0, 0.5, 3.0]]).view(1, 1, 1, 6).requires_grad_()
    left, inside = warp_disparity(source, disparity)
    assert inside.flatten().tolist() == [False, False, False, False, True, True]
    left.sum().backward()
    assert disparity.grad.isfinite().all()


def test_gradients():
    right, disparity = noise(1, 2, 4, 6).requires_grad_(), (noise(1, 1, 4, 6, seed=1) * 0.8 + 1.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda *inputs: warp_disparity(*inputs)[0], (right, disparity))
    source, depth = noise(2, 2, 4, 6).requires_grad_(), (noise(2, 1, 4, 6, seed=1) + 2).requires_grad_()
    angles = (noise(3, 2, seed=2) * 0.1).requires_grad_()
    shift = (noise(2, 3, seed=3) * 0.1).requires_grad_()
    camera = intrinsics_matrix(7.0, (4, 6))

    def warp(source, depth, angles, shift):
        return warp_motion(source, depth, rigid_motion(rotation_from_angles(*angles), shift), camera)[0]

    def flow(depth, angles, shift):
        return flow_from_motion(depth, camera, rigid_motion(rotation_from_angles(*angles), shift))

    assert torch.autograd.gradcheck(warp, (source, depth, angles, shift))
    assert torch.autograd.gradcheck(flow, (depth, angles, shift))


def test_descent_on_the_photometric_error_finds_the_depth_of_a_wall():
    size, camera, motion = (12, 24), intrinsics_matrix(24.0, (12, 24)), shifted(x=-0.5)
    x, y = pixel_grid(*size)
    source = (torch.sin(x / 3) + torch.cos(y / 2))[None, None]
    truth, _ = warp_motion(source, torch.full((1, 1, *size), 3.0), motion, camera)
    depth = torch.tensor(4.0, requires_grad=True)
    optimiser = torch.optim.Adam([depth], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        target, inside = warp_motion(source, depth.expand(1, 1, *size), motion, camera)
        (target - truth)[inside & (truth != 0)].square().mean().backward()
        optimiser.step()
    assert depth.item() == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_autocast_are_computed_in_float32(dtype):
    source, depth = (noise(1, 3, *SIZE) * 8).round() / 8, torch.full((1, 1, *SIZE), 2.5)
    motion = small_motion(batch=1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        target, inside = warp_motion(source.to(dtype), depth.to(dtype), motion, K)
        left, _ = warp_disparity(source.to(dtype), depth.to(dtype))
    assert target.dtype == left.dtype == torch.float32
    expected, seen = warp_motion(source.float(), depth, motion, K)
    assert torch.equal(target, expected) and torch.equal(inside, seen)
    assert torch.equal(left, warp_disparity(source.float(), depth)[0])


def test_compiles_as_one_graph():
    source, depth, motion = noise(2, 3, *SIZE).float(), noise(2, 1, *SIZE).float() + 2, small_motion().float()
    compiled = torch.compile(warp_motion, backend="eager", fullgraph=True)
    for ours, expected in zip(compiled(source, depth, motion, K), warp_motion(source, depth, motion, K), strict=True):
        assert torch.equal(ours, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_cpu():
    source, depth, motion = noise(2, 3, *SIZE), noise(2, 1, *SIZE, seed=1) + 2, small_motion()
    arguments = source, depth, motion, K
    for ours, expected in zip(warp_motion(*(a.cuda() for a in arguments)), warp_motion(*arguments), strict=True):
        torch.testing.assert_close(ours.cpu(), expected)
    torch.testing.assert_close(flow_from_motion(depth.cuda(), K.cuda(), motion.cuda()).cpu(),
                               flow_from_motion(depth, K, motion))  # fmt: skip
    torch.testing.assert_close(disparity_from_depth(depth.cuda(), 2.0, torch.ones(2)).cpu(), 2 / depth)


IMAGE, MAP = torch.ones(2, 3, *SIZE), torch.ones(2, 1, *SIZE)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: disparity_from_depth(MAP.int(), 1.0, 1.0), TypeError, "depth: expected a floating-point tensor"),
        (lambda: disparity_from_depth(MAP, 0.0, 1.0), ValueError, "focal: expected above 0, found 0"),
        (lambda: depth_from_disparity(MAP, 1.0, -1.0), ValueError, "baseline: expected above 0, found -1"),
        (lambda: depth_from_disparity(MAP, torch.ones(3), 1.0), ValueError, r"focal: expected a number or shape \(2,\)"),
        (lambda: sample_at(IMAGE.byte(), MAP.expand(2, 2, *SIZE)), TypeError, "image: expected a floating-point tensor"),
        (lambda: sample_at(IMAGE, IMAGE), ValueError, r"pixels: expected shape \(B, 2, H, W\)"),
        (lambda: sample_at(IMAGE, torch.ones(1, 2, 3, 3)), ValueError, "pixels: expected a batch of 2, as image, found 1"),
        (lambda: warp_disparity(IMAGE, MAP[:1]), ValueError, r"disparity: expected shape \(2, 1, 7, 12\), as right"),
        (lambda: warp_disparity(IMAGE, MAP[..., 1:]), ValueError, r"disparity: .* found \(2, 1, 7, 11\)"),
        (lambda: warp_disparity(IMAGE[0], MAP), ValueError, r"right: expected shape \(B, C, H, W\)"),
        (lambda: warp_motion(IMAGE, MAP[:1], EYE, K), ValueError, "depth: expected a batch of 2, as source, found 1"),
        (lambda: warp_motion(IMAGE, MAP, EYE[:3], K), ValueError, r"motion: expected shape \(2, 4, 4\) or \(4, 4\)"),
        (lambda: warp_motion(IMAGE, MAP, EYE, K.mT), ValueError, "source_intrinsics: expected"),
        (lambda: warp_motion(IMAGE, MAP, EYE, K, K.mT), ValueError, "target_intrinsics: expected"),
        (lambda: flow_from_motion(MAP, K.mT, EYE), ValueError, "intrinsics: expected"),
        (lambda: flow_from_motion(IMAGE, K, EYE), ValueError, r"depth: expected shape \(B, 1, H, W\)"),
    ],
)  # fmt: skip
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match="^" + message):
        call()
