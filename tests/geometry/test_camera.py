"""The pinhole camera: the thesis' App. C by hand, round trips, conventions of axes, poses and angles."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sidelib.geometry import (
    back_project,
    intrinsics_matrix,
    inverse_rigid,
    pixel_grid,
    project,
    relative_motion,
    rigid_motion,
    rotation_from_angles,
    transform,
)

K = torch.tensor([[8.0, 0.0, 1.0], [0.0, 4.0, 0.5], [0.0, 0.0, 1.0]])
EYE = torch.eye(4)


def poses(count, seed=0, distance=5.0):
    generator = torch.Generator().manual_seed(seed)
    angles = torch.rand(3, count, generator=generator, dtype=torch.float64) * 6 - 3
    place = torch.randn(count, 3, generator=generator, dtype=torch.float64) * distance
    return rigid_motion(rotation_from_angles(*angles), place)


def point(*coordinates):
    return torch.tensor(coordinates).view(1, 3, 1, 1)


def test_back_project_by_hand_with_two_focal_lengths():
    depth = torch.tensor([[2.0, 4.0, 8.0], [2.0, 4.0, 0.0]])[None, None]
    points = back_project(depth, K)
    assert points[0, 0].tolist() == [[-0.25, 0.0, 1.0], [-0.25, 0.0, 0.0]]  # Z / 8 (x - 1)
    assert points[0, 1].tolist() == [[-0.25, -0.5, -1.0], [0.25, 0.5, 0.0]]  # Z / 4 (y - 0.5)
    assert torch.equal(points[:, 2:], depth)


def test_one_focal_length_is_appendix_c():
    f, cx, cy, d = 7.0, 1.5, 2.5, 3.0
    points = back_project(torch.full((1, 1, 4, 5), d), intrinsics_matrix(f, (4, 5), (cx, cy)))
    for y in range(4):
        for x in range(5):
            expected = [d / f * (x - cx), d / f * (y - cy), d]
            assert points[0, :, y, x].tolist() == pytest.approx(expected)


def test_project_by_hand():
    pixels, depth = project(point(1.0, -0.5, 4.0), K)
    assert pixels.flatten().tolist() == [3.0, 0.0]  # 8 · 1/4 + 1, 4 · -0.5/4 + 0.5
    assert depth.item() == 4


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    focal=st.tuples(st.floats(1, 5000), st.floats(1, 5000)),
    centre=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_project_undoes_back_project(seed, focal, centre, scale):
    generator = torch.Generator().manual_seed(seed)
    depth = (torch.rand(2, 1, 3, 4, generator=generator, dtype=torch.float64) + 0.1) * scale
    intrinsics = intrinsics_matrix(focal, (3, 4), centre)
    pixels, z = project(back_project(depth, intrinsics), intrinsics)
    torch.testing.assert_close(pixels, pixel_grid(3, 4, dtype=torch.float64).expand_as(pixels), rtol=0, atol=1e-10)
    assert torch.equal(z, depth)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), first=st.sampled_from([(0, 0), (2, 5)]))
def test_back_project_undoes_project_anywhere_in_front(seed, first):
    points = torch.randn(1, 3, 2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points[:, 2] = points[:, 2].abs() + 0.1
    pixels, z = project(points, K)
    for row in range(2):
        for column in range(3):
            # A camera shifted so that its pixel (0, 0) lies where the point was seen.
            shifted = K.double().clone()
            shifted[:2, 2] -= pixels[0, :, row, column]
            back = back_project(z[..., row, column].view(1, 1, 1, 1), shifted)
            torch.testing.assert_close(back.flatten(), points[0, :, row, column])


def test_convention_integer_coordinates_are_pixel_centres():
    grid = pixel_grid(2, 3)
    assert grid.shape == (2, 2, 3)
    assert grid[:, 0, 0].tolist() == [0, 0]  # were pixels' corners integers, it would be (0.5, 0.5)
    assert grid[:, 1, 2].tolist() == [2, 1]  # (x, y), not (row, column)
    # So the middle of an even number of pixels lies between two of them, and W / 2 would be half a pixel off.
    centre = intrinsics_matrix(1.0, (4, 6))[:2, 2]
    assert centre.tolist() == [2.5, 1.5]
    rays = back_project(torch.ones(1, 1, 4, 6), intrinsics_matrix(1.0, (4, 6)))
    assert rays[0, :2].sum((1, 2)).tolist() == [0, 0]


def test_convention_x_right_y_down_z_forward():
    pixels = {name: project(point(*place), K)[0].flatten() for name, place in (
        ("ahead", (0.0, 0.0, 2.0)), ("right", (1.0, 0.0, 2.0)), ("below", (0.0, 1.0, 2.0)), ("far right", (1.0, 0.0, 9.0))
    )}  # fmt: skip
    assert pixels["ahead"].tolist() == [1.0, 0.5]  # the principal point
    assert pixels["right"][0] > pixels["far right"][0] > pixels["ahead"][0]
    assert pixels["below"][1] > pixels["ahead"][1]  # with y up (OpenGL) it would be above


def test_convention_depth_is_along_the_axis_not_along_the_ray():
    wall = back_project(torch.full((1, 1, 3, 3), 2.0), intrinsics_matrix(1.0, (3, 3)))
    assert wall[0, 2].unique().tolist() == [2.0]  # flat; distances along the ray would give 2 / sqrt(3) in the corner
    assert wall[0, :, 0, 0].norm().item() == pytest.approx(2 * math.sqrt(3))


@pytest.mark.parametrize("z", [0.0, -0.0, -4.0, 1e-7, math.nan, -math.inf])
def test_what_is_not_in_front_has_no_picture_and_no_gradient(z):
    points = torch.cat([point(2.0, -1.0, z), point(2.0, -1.0, 4.0)], -1).requires_grad_()
    pixels, depth = project(points, K)
    assert pixels[..., 0].isnan().all()  # mirrored through the centre, -4 would show up inside the picture
    assert pixels[..., 1].flatten().tolist() == [5.0, -0.5]
    assert depth[..., 0].item() == pytest.approx(z, nan_ok=True)
    torch.nan_to_num(pixels).sum().backward()
    assert points.grad[..., 0].flatten().tolist() == [0, 0, 0]
    assert points.grad[..., 1].isfinite().all()


def test_transform_by_hand():
    # A quarter turn about y takes z (forward) to x (right); then one metre down.
    motion = rigid_motion(
        torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]), torch.tensor([0.0, 1.0, 0.0])
    )
    assert transform(point(1.0, 2.0, 3.0), motion).flatten().tolist() == [3.0, 3.0, -1.0]


def test_transform_is_one_motion_per_item_of_the_batch():
    motion = poses(3)
    points = torch.randn(3, 3, 2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = transform(points, motion)
    for item in range(3):
        flat = points[item].flatten(1)
        expected = motion[item, :3, :3] @ flat + motion[item, :3, 3:]
        torch.testing.assert_close(moved[item].flatten(1), expected)
    torch.testing.assert_close(transform(moved, inverse_rigid(motion)), points)


def test_inverse_and_relative_motion_against_general_inversion():
    a, b, c = poses(4, 0), poses(4, 1), poses(4, 2)
    torch.testing.assert_close(inverse_rigid(a), torch.linalg.inv(a))
    torch.testing.assert_close(relative_motion(a, b), torch.linalg.inv(b) @ a)
    torch.testing.assert_close(relative_motion(b, c) @ relative_motion(a, b), relative_motion(a, c))
    torch.testing.assert_close(relative_motion(a, a), torch.eye(4, dtype=torch.float64).expand(4, 4, 4))
    assert inverse_rigid(a[0]).shape == (4, 4)
    assert inverse_rigid(a.view(2, 2, 4, 4)).shape == (2, 2, 4, 4)


def test_convention_poses_are_camera_to_world_and_points_move_against_the_camera():
    ahead_of_a = EYE.clone()
    ahead_of_a[2, 3] = 1.0  # b stands one metre ahead of a
    motion = relative_motion(EYE, ahead_of_a)
    # What a sees at 5 m, b sees at 4 m. Poses read as world-to-camera, or a and b swapped, would give 6 m.
    assert transform(point(0.0, 0.0, 5.0), motion)[0, 2].item() == 4


def test_relative_motion_far_from_the_worlds_origin_keeps_its_digits():
    a, b = poses(1, 3)[0], poses(1, 4)[0]
    b[:3, 3] = a[:3, 3] + 0.125
    far = [pose.clone() for pose in (a, b)]
    for pose in far:
        pose[:3, 3] = (pose[:3, 3] * 64).round() / 64 + 4096
    expected = torch.linalg.inv(far[1]) @ far[0]
    torch.testing.assert_close(relative_motion(*(p.float() for p in far)).double(), expected, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(angles=st.tuples(*[st.floats(-7, 7)] * 3))
def test_rotation_is_scipys_intrinsic_xyz(angles):
    rotation = rotation_from_angles(*torch.tensor(angles, dtype=torch.float64))
    expected = torch.from_numpy(Rotation.from_euler("XYZ", angles).as_matrix())
    torch.testing.assert_close(rotation, expected, rtol=0, atol=1e-12)


def test_convention_the_order_of_rotation_is_rx_ry_rz():
    angles = torch.tensor([0.3, -0.5, 0.9], dtype=torch.float64)
    zero = torch.zeros((), dtype=torch.float64)
    rx, ry, rz = (
        rotation_from_angles(*(angle if axis == other else zero for other in range(3)))
        for axis, angle in enumerate(angles)
    )
    torch.testing.assert_close(rotation_from_angles(*angles), rx @ ry @ rz)
    wrong = torch.from_numpy(Rotation.from_euler("xyz", angles.tolist()).as_matrix())
    torch.testing.assert_close(rz @ ry @ rx, wrong)
    assert (rx @ ry @ rz - wrong).abs().max() > 0.3  # what the opposite reading would give


@pytest.mark.parametrize(("axis", "start", "end"), [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_convention_positive_angles_follow_the_right_hand(axis, start, end):
    angles = torch.zeros(3)
    angles[axis] = math.pi / 2
    assert rotation_from_angles(*angles)[end, start].item() == pytest.approx(1)  # -1 were it the frame that turns


def test_gradients():
    motion = poses(2)
    angles = torch.tensor([[0.1, -0.4], [0.2, 0.3], [-0.3, 0.6]], dtype=torch.float64, requires_grad=True)
    depth = torch.rand(2, 1, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 2
    focal = torch.tensor([8.0, 4.0], dtype=torch.float64, requires_grad=True)

    def pixels(depth, angles, shift, focal):
        intrinsics = torch.diag_embed(torch.cat([focal, focal.new_ones(1)]))
        moved = transform(back_project(depth, intrinsics), rigid_motion(rotation_from_angles(*angles), shift))
        return project(moved, intrinsics)

    shift = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pixels, (depth.requires_grad_(), angles, shift, focal))
    assert torch.autograd.gradcheck(relative_motion, (motion.requires_grad_(), poses(2, 5).requires_grad_()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_autocast_are_computed_in_float32(dtype):
    depth = torch.tensor([[2.0, 4.0, 8.0]]).view(1, 1, 1, 3)  # exact in half precision
    motion = poses(1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        points = transform(back_project(depth.to(dtype), K), motion)
        cast = project(points, K)[0], relative_motion(motion, EYE[None]), rotation_from_angles(*torch.ones(3))
    points = transform(back_project(depth, K), motion)
    plain = project(points, K)[0], relative_motion(motion, EYE[None]), rotation_from_angles(*torch.ones(3))
    for ours, expected in zip(cast, plain, strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours.nan_to_num(), expected.nan_to_num())


def test_empty_batches_pass():
    points = back_project(torch.ones(0, 1, 2, 3), K)
    assert project(transform(points, torch.ones(0, 4, 4)), K.expand(0, 3, 3))[0].shape == (0, 2, 2, 3)


def test_double_intrinsics_do_not_change_the_maps_precision():
    assert back_project(torch.ones(1, 1, 2, 2), K.double()).dtype == torch.float32
    assert back_project(torch.ones(1, 1, 2, 2).double(), K).dtype == torch.float64


DEPTH, POINTS = torch.ones(2, 1, 3, 4), torch.ones(2, 3, 3, 4)


def changed(matrix, row, column, value):
    matrix = matrix.clone()
    matrix[row, column] = value
    return matrix


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: back_project(DEPTH[:, 0], K), ValueError, r"depth: expected shape \(B, 1, H, W\), found \(2, 3, 4\)"),
        (lambda: back_project(POINTS, K), ValueError, r"depth: expected shape \(B, 1, H, W\)"),
        (lambda: back_project(DEPTH.long(), K), TypeError, "depth: expected a floating-point tensor, found torch.int64"),
        (lambda: back_project([1.0], K), TypeError, "depth: expected a torch.Tensor, found list"),
        (lambda: back_project(DEPTH, K.expand(3, 3, 3)), ValueError, r"intrinsics: expected shape \(2, 3, 3\) or \(3, 3\)"),
        (lambda: back_project(DEPTH, K.mT), ValueError, r"intrinsics: expected \[\[fx, 0, cx\], .* found \[\[8.0, 0.0"),
        (lambda: back_project(DEPTH, changed(K, 0, 1, 0.5)), ValueError, "intrinsics: expected"),  # skew
        (lambda: back_project(DEPTH, changed(K, 1, 1, -4.0)), ValueError, "intrinsics: expected .* fx, fy > 0"),
        (lambda: back_project(DEPTH, changed(K, 0, 2, math.nan)), ValueError, "intrinsics: expected"),
        (lambda: back_project(DEPTH, K.to("meta")), ValueError, "intrinsics: expected on cpu, .* found on meta"),
        (lambda: back_project(DEPTH, torch.stack([K, 3 * K])), ValueError, r"intrinsics: .* found \[\[24.0, 0.0"),
        (lambda: transform(POINTS, torch.stack([EYE, 3 * EYE])), ValueError, r"motion: .* found \[\[3.0, 0.0"),
        (lambda: project(DEPTH, K), ValueError, r"points: expected shape \(B, 3, H, W\)"),
        (lambda: project(POINTS, K[:2]), ValueError, "intrinsics: expected shape"),
        (lambda: transform(POINTS, EYE[:3]), ValueError, r"motion: expected shape \(2, 4, 4\) or \(4, 4\), found \(3, 4\)"),
        (lambda: transform(POINTS, 2 * EYE), ValueError, "motion: expected rigid 4×4 matrices"),
        (lambda: transform(POINTS, changed(EYE, 0, 0, -1.0)), ValueError, "motion: expected rigid"),  # a mirror
        (lambda: transform(POINTS, changed(EYE, 3, 0, 1.0)), ValueError, "motion: expected rigid"),  # transposed
        (lambda: transform(POINTS, changed(EYE, 0, 3, math.inf)), ValueError, "motion: expected rigid"),
        (lambda: transform(POINTS, changed(EYE, 0, 0, math.nan)), ValueError, "motion: expected rigid"),
        (lambda: inverse_rigid(torch.eye(3)), ValueError, r"pose: expected shape \(..., 4, 4\), found \(3, 3\)"),
        (lambda: relative_motion(EYE, 2 * EYE), ValueError, "pose_b: expected rigid"),
        (lambda: relative_motion(EYE, EYE[None]), ValueError, "pose_b: expected the shape of pose_a"),
        (lambda: rigid_motion(EYE, torch.zeros(3)), ValueError, r"rotation: expected shape \(..., 3, 3\), found \(4, 4\)"),
        (lambda: rigid_motion(torch.eye(3), torch.zeros(1, 3)), ValueError, r"translation: expected shape \(3,\)"),
        (lambda: rotation_from_angles(0.0, 0.0, 0.0), TypeError, "rx: expected a torch.Tensor, found float"),
        (lambda: rotation_from_angles(torch.ones(2), torch.ones(2), torch.ones(3)), ValueError, "rz: expected the shape"),
        (lambda: intrinsics_matrix(0.0, (3, 4)), ValueError, "focal: expected lengths above 0 pixels, found 0.0"),
        (lambda: intrinsics_matrix(1.0, (0, 4)), ValueError, "size: expected"),
        (lambda: pixel_grid(0, 4), ValueError, "height, width: expected at least 1, found 0, 4"),
    ],
)  # fmt: skip
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match="^" + message):
        call()
