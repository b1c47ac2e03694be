"""Planarity and orientation against planes of known tilt and noise, and against a fit by singular values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.geometry import back_project, intrinsics_matrix, pixel_grid
from sidelib.metrics.planes import plane_errors
from sidelib.scenes import rooms

SIZE = (48, 64)
INTRINSICS = intrinsics_matrix(60.0, SIZE).double()


def plane(normal, distance, size=SIZE, intrinsics=INTRINSICS):
    """The depth map `(1, 1, H, W)` of the plane n · X = distance, n need not be of unit length."""
    x, y = pixel_grid(*size, dtype=torch.float64)
    ray = torch.stack([(x - intrinsics[0, 2]) / intrinsics[0, 0], (y - intrinsics[1, 2]) / intrinsics[1, 1]])
    return (distance / (normal[0] * ray[0] + normal[1] * ray[1] + normal[2])).view(1, 1, *size)


def turned(degrees, axis="y"):
    """The unit normal of a wall straight ahead that is turned about an axis."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return (sine, 0.0, cosine) if axis == "y" else (0.0, sine, cosine)


def labels(*values, size=SIZE):
    """Vertical stripes of equal width with these labels."""
    return torch.tensor(values).repeat_interleave(size[1] // len(values)).expand(1, 1, *size)


ALL = labels(1)


def values(found):
    return {name: value.tolist() for name, value in found.items()}


def test_a_perfect_prediction_has_no_error():
    wall = plane(turned(20), 3.0)
    found = plane_errors(wall, wall, None, ALL, INTRINSICS)
    assert found["planarity"].item() < 1e-14 and found["orientation"].item() < 1e-6 and found["planes"].item() == 1
    assert found["planarity"].dtype == found["orientation"].dtype == torch.float64
    assert found["planarity"].shape == found["planes"].shape == (1,)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("degrees", [0.01, 1.0, 10.0, 45.0, 60.0])
def test_a_plane_of_known_tilt_has_that_orientation_error_and_is_flat(axis, degrees):
    found = plane_errors(plane(turned(degrees, axis), 3.0), plane(turned(0), 2.0), None, ALL, INTRINSICS)
    assert found["orientation"].item() == pytest.approx(degrees, abs=1e-9)
    assert found["planarity"].item() < 1e-12


def test_two_tilts_give_the_angle_between_the_normals():
    found = plane_errors(plane(turned(30, "x"), 3.0), plane(turned(30, "y"), 3.0), None, ALL, INTRINSICS)
    assert found["orientation"].item() == pytest.approx(math.degrees(math.acos(0.75)), abs=1e-9)  # cos² 30°


def test_convention_normals_have_no_sign():
    # The middle half of the picture sees both.
    found = plane_errors(plane(turned(60), 3.0), plane(turned(-60), 3.0), None, labels(0, 1, 1, 0), INTRINSICS)
    assert found["orientation"].item() == pytest.approx(60, abs=1e-9)  # 120° and 60° are the same


def test_planarity_is_the_standard_deviation_of_the_distances():
    # A wall ahead, 1 cm nearer and farther in turn: by symmetry its plane stays, and every point is 1 cm off it.
    x, y = pixel_grid(*SIZE, dtype=torch.float64)
    wall = plane(turned(0), 3.0)
    found = plane_errors(wall + 0.01 * (1 - 2 * ((x + y) % 2)), wall, None, ALL, INTRINSICS)
    assert found["planarity"].item() == pytest.approx(0.01, rel=1e-4)
    assert found["orientation"].item() < 0.02


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.05])
def test_noise_along_depth_gives_its_own_deviation(noise):
    generator = torch.Generator().manual_seed(0)
    wall = torch.full((1, 1, 240, 320), 3.0, dtype=torch.float64)
    noisy = wall + noise * torch.randn(wall.shape, generator=generator, dtype=torch.float64)
    ones = torch.ones(wall.shape, dtype=torch.int64)
    found = plane_errors(noisy, wall, None, ones, intrinsics_matrix(300.0, (240, 320)))
    assert found["planarity"].item() == pytest.approx(noise, rel=0.02)
    assert found["orientation"].item() < 0.1


def test_a_curved_wall_is_turned_by_nothing_and_not_flat():
    wall = plane(turned(0), 3.0)
    x, _ = pixel_grid(*SIZE, dtype=torch.float64)
    curved = wall + 0.1 * torch.cos((x - 31.5) / 31.5 * math.pi)
    found = plane_errors(curved, wall, None, ALL, INTRINSICS)
    assert 0.05 < found["planarity"].item() < 0.1 and found["orientation"].item() < 1e-6


def test_convention_distances_along_the_ray_make_a_wall_uneven():
    wall = plane(turned(0), 3.0)
    along = back_project(wall, INTRINSICS).norm(dim=1, keepdim=True)
    assert plane_errors(along, wall, None, ALL, INTRINSICS)["planarity"].item() > 0.02


def test_convention_planarity_has_the_scale_of_the_prediction_and_orientation_none():
    generator = torch.Generator().manual_seed(1)
    wall = plane(turned(15), 3.0)
    noisy = wall + 0.02 * torch.randn(wall.shape, generator=generator, dtype=torch.float64)
    once, twice = (plane_errors(noisy * factor, wall, None, ALL, INTRINSICS) for factor in (1, 2))
    assert twice["planarity"].item() == pytest.approx(2 * once["planarity"].item(), rel=1e-9)
    assert twice["orientation"].item() == pytest.approx(once["orientation"].item(), abs=1e-9)


def test_convention_each_plane_of_an_image_counts_once():
    target = plane(turned(0), 3.0)
    x, _ = pixel_grid(*SIZE)
    prediction = torch.where(x < 48, plane(turned(10), 3.0), plane(turned(40), 3.0))
    planes = labels(7, 7, 7, 1000)  # three quarters and one quarter of the picture
    found = plane_errors(prediction, target, None, planes, INTRINSICS)
    assert found["orientation"].item() == pytest.approx((10 + 40) / 2, abs=1e-9) and found["planes"].item() == 2
    found = plane_errors(prediction, target, None, labels(0, 0, 0, 3), INTRINSICS)
    assert found["orientation"].item() == pytest.approx(40, abs=1e-9) and found["planes"].item() == 1


def test_the_same_label_in_two_images_is_two_planes():
    target = plane(turned(0), 3.0).repeat(3, 1, 1, 1)
    prediction = torch.cat([plane(turned(degrees), 2.0) for degrees in (10, 20, 30)])
    planes = torch.cat([ALL, 2 * ALL, 0 * ALL])
    intrinsics = INTRINSICS.expand(3, 3, 3)
    found = plane_errors(prediction, target, None, planes, intrinsics)
    expected = {"orientation": [10, 20, math.nan], "planes": [1, 1, 0]}
    assert found["orientation"].tolist() == pytest.approx(expected["orientation"], abs=1e-9, nan_ok=True)
    assert found["planes"].tolist() == expected["planes"] and found["planarity"][2].isnan()


def test_each_image_has_its_own_camera():
    wide, narrow = (intrinsics_matrix(focal, SIZE).double() for focal in (40.0, 90.0))
    prediction = torch.cat([plane(turned(25), 3.0, intrinsics=camera) for camera in (wide, narrow)])
    target = plane(turned(0), 3.0).repeat(2, 1, 1, 1)
    planes = ALL.repeat(2, 1, 1, 1)
    found = plane_errors(prediction, target, None, planes, torch.stack([wide, narrow]))
    assert found["orientation"].tolist() == pytest.approx([25, 25], abs=1e-9)
    mistaken = plane_errors(prediction, target, None, planes, wide)["orientation"][1].item()
    assert mistaken == pytest.approx(math.degrees(math.atan(math.tan(math.radians(25)) * 40 / 90)))


def test_invalid_pixels_take_no_part():
    target, mask = plane(turned(0), 3.0), torch.ones(1, 1, *SIZE, dtype=torch.bool)
    mask[..., 10:30, 20:50] = False
    prediction = torch.where(mask, plane(turned(12), 3.0), math.nan)
    holed = torch.where(mask, target, 0.0)
    found = plane_errors(prediction, holed, mask, ALL, INTRINSICS)
    assert found["orientation"].item() == pytest.approx(12, abs=1e-9) and found["planarity"].item() < 1e-12
    found = plane_errors(prediction, holed, torch.zeros_like(mask), ALL, INTRINSICS)
    assert found["orientation"].isnan() and found["planarity"].isnan() and found["planes"].item() == 0


def test_small_planes_are_left_out():
    wall, planes = plane(turned(0), 3.0), torch.zeros(1, 1, *SIZE, dtype=torch.int64)
    planes[0, 0, :11, :14] = 1  # 154 pixels: 5 % of 48·64 are 153.6
    assert plane_errors(wall, wall, None, planes, INTRINSICS)["planes"].item() == 1
    planes[0, 0, 0, 0] = 0
    assert plane_errors(wall, wall, None, planes, INTRINSICS)["planes"].item() == 0
    assert plane_errors(wall, wall, None, planes, INTRINSICS, min_pixels=153)["planes"].item() == 1
    assert plane_errors(wall, wall, None, planes, INTRINSICS, min_pixels=154)["planes"].item() == 0


@pytest.mark.parametrize("line", ["row", "column", "diagonal"])
def test_pixels_on_one_line_fix_no_plane(line):
    wall, planes = plane(turned(0), 3.0), torch.zeros(1, 1, *SIZE, dtype=torch.int64)
    if line == "row":
        planes[0, 0, 5] = 1
    elif line == "column":
        planes[..., 7] = 1
    else:
        planes[0, 0].fill_diagonal_(1)
    assert plane_errors(wall, wall, None, planes, INTRINSICS, min_pixels=3)["planes"].item() == 0
    planes[0, 0, 30, 40] = 1  # one pixel beside the line
    found = plane_errors(plane(turned(5), 3.0), wall, None, planes, INTRINSICS, min_pixels=3)
    assert found["planes"].item() == 1 and found["orientation"].item() == pytest.approx(5, abs=1e-6)


def test_three_pixels_are_a_plane():
    generator = torch.Generator().manual_seed(2)
    prediction, wall = torch.rand(1, 1, *SIZE, generator=generator) + 1, plane(turned(0), 3.0).float()
    planes = torch.zeros(1, 1, *SIZE, dtype=torch.uint8)
    planes[0, 0, [3, 30, 10], [5, 20, 60]] = 9
    found = plane_errors(prediction, wall, None, planes, INTRINSICS.float(), min_pixels=3)
    assert found["planes"].item() == 1 and found["planarity"].item() < 1e-12


def by_definition(prediction, target, mask, planes, intrinsics, min_pixels):
    """Mean planarity and orientation of one image: one plane after the other, fitted by singular values."""
    fx, fy, cx, cy = (intrinsics[at] for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    planarity, orientation = [], []
    for label in np.unique(planes[mask & (planes > 0)]):
        rows, columns = np.nonzero(mask & (planes == label))
        if len(rows) < min_pixels:
            continue
        normals = []
        for depth in (prediction, target):
            z = depth[rows, columns]
            points = np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], axis=1)
            points = points - points.mean(0)
            normals.append(np.linalg.svd(points, full_matrices=False)[2][2])
            if depth is prediction:
                planarity.append(np.std(points @ normals[0]))
        cosine = min(abs(normals[0] @ normals[1]), 1.0)
        orientation.append(math.degrees(math.acos(cosine)))
    return (np.mean(planarity), np.mean(orientation)) if planarity else (math.nan, math.nan)


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_many_planes_at_once_are_one_after_the_other(seed):
    generator = torch.Generator().manual_seed(seed)
    size, images = (20, 30), 3
    blocks = torch.randint(0, 5, (images, 1, 4, 6), generator=generator)
    planes = blocks.repeat_interleave(5, 2).repeat_interleave(5, 3) * 1000
    target = torch.rand(images, 1, *size, generator=generator).double() + torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1)
    prediction = target * torch.exp(0.1 * torch.randn(target.shape, generator=generator).double())
    mask = torch.rand(target.shape, generator=generator) > 0.3
    intrinsics = torch.stack([intrinsics_matrix(20.0 + 5 * image, size).double() for image in range(images)])
    found = plane_errors(prediction, target, mask, planes, intrinsics, min_pixels=40)
    for image in range(images):
        parts = (part[image, 0].numpy() for part in (prediction, target, mask, planes))
        planarity, orientation = by_definition(*parts, intrinsics[image].numpy(), 40)
        assert found["planarity"][image].item() == pytest.approx(planarity, rel=1e-9, nan_ok=True)
        assert found["orientation"][image].item() == pytest.approx(orientation, abs=1e-5, nan_ok=True)


@given(st.integers(0, 10**6), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=30)
def test_mirrored_pictures_have_the_same_errors(seed, across, down):
    generator = torch.Generator().manual_seed(seed)
    target = plane(turned(20), 3.0)
    prediction = plane(turned(-10, "x"), 3.0) + 0.05 * torch.rand(target.shape, generator=generator).double()
    planes = labels(0, 1, 2, 2)
    mask = torch.rand(target.shape, generator=generator) > 0.2
    axes = [axis for axis, flipped in ((-1, across), (-2, down)) if flipped]  # the principal point is in the middle
    before = plane_errors(prediction, target, mask, planes, INTRINSICS)
    after = plane_errors(*(part.flip(axes) for part in (prediction, target, mask, planes)), INTRINSICS)
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=1e-8, atol=0)


def test_real_walls_of_a_scene_are_planes_in_float32():
    scenes = rooms(4, size=(96, 128))
    # One normal in the whole of an instance, to a thousandth: its walls, floors and table tops.
    planes = torch.zeros_like(scenes["instance"])
    for image in range(4):
        for instance in scenes["instance"][image].unique().tolist():
            here = scenes["mask"][image] & (scenes["instance"][image] == instance)
            normals = scenes["normals"][image][:, here[0]]
            if instance >= 0 and here.sum() >= 600 and float((normals - normals[:, :1]).abs().max()) < 1e-3:
                planes[image][here] = instance + 1
    depth, mask = scenes["depth"], scenes["mask"]
    found = plane_errors(depth, depth, mask, planes, scenes["intrinsics"], min_pixels=600)
    assert found["planes"].sum() >= 4
    judged = found["planes"] > 0
    assert bool((found["planarity"][judged] < 1e-4).all()) and bool((found["orientation"][judged] < 1e-4).all())
    # Noise and an offset of equal RMSE: the planes tell which surfaces are uneven.
    noise = 0.05 * torch.randn(depth.shape, generator=torch.Generator().manual_seed(0))
    noisy, off = (
        plane_errors(depth + error, depth, mask, planes, scenes["intrinsics"], min_pixels=600)
        for error in (noise, noise.square().mean().sqrt())
    )
    assert bool((noisy["planarity"][judged] > 0.015).all()) and bool((off["planarity"][judged] < 0.002).all())


def test_no_gradient_is_kept_and_half_precision_is_judged_in_float64():
    wall = plane(turned(10), 3.0)
    low = wall.half()
    found = plane_errors(low.requires_grad_(), wall, None, ALL, INTRINSICS)
    expected = plane_errors(low.detach().double(), wall, None, ALL, INTRINSICS)
    assert values(found) == values(expected) and not found["planarity"].requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_cpu():
    arguments = plane(turned(10), 3.0), plane(turned(0), 3.0), None, labels(1, 2, 0, 3), INTRINSICS
    there = [part.cuda() if part is not None else None for part in arguments]
    for name, value in plane_errors(*arguments).items():
        torch.testing.assert_close(plane_errors(*there)[name].cpu(), value, rtol=1e-9, atol=1e-9)


def test_an_empty_batch_has_no_values():
    none = torch.ones(0, 1, *SIZE)
    found = plane_errors(none, none, None, none.long(), INTRINSICS)
    assert all(value.shape == (0,) for value in found.values())


WALL = plane(turned(0), 3.0)


@pytest.mark.parametrize(
    "changed, error, words",
    [
        ({"prediction": -WALL}, ValueError, "prediction: .*such as -3"),
        ({"target": WALL * math.nan}, ValueError, "target: .*such as nan"),
        ({"target": WALL[..., 1:]}, ValueError, r"target: expected the shape of prediction"),
        ({"mask": WALL}, TypeError, "mask: expected a bool tensor"),
        ({"planes": WALL}, TypeError, "planes: expected a tensor of integers, found torch.float64"),
        ({"planes": WALL > 0}, TypeError, "planes: .*torch.bool"),
        ({"planes": [1]}, TypeError, "planes: .*list"),
        ({"planes": ALL[:, 0]}, ValueError, r"planes: expected shape \(1, 1, 48, 64\).*found \(1, 48, 64\)"),
        ({"planes": -ALL}, ValueError, r"planes: expected labels of 0 \(no plane\) or more, found -1"),
        ({"intrinsics": INTRINSICS.mT}, ValueError, "intrinsics: "),
        ({"intrinsics": INTRINSICS[:2]}, ValueError, "intrinsics: "),
        ({"min_pixels": 2}, ValueError, "min_pixels: .*at least 3.*found 2"),
        ({"min_pixels": -5}, ValueError, "min_pixels: "),
        ({"min_pixels": 0.05}, ValueError, "min_pixels: .*found 0.05"),
        ({"min_pixels": True}, ValueError, "min_pixels: "),
    ],
)
def test_what_is_wrong_is_said(changed, error, words):
    arguments = {"prediction": WALL, "target": WALL, "mask": None, "planes": ALL, "intrinsics": INTRINSICS}
    with pytest.raises(error, match=words):
        plane_errors(**(arguments | changed))
