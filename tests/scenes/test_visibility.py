"""Every pixel shows the nearest solid, at its z-depth: against a caster that tries every solid, and on pinned conventions."""

from dataclasses import replace

import casters
import numpy as np
import pytest
import torch

from sidelib.scenes.cues import Cues
from sidelib.scenes.render import intrinsics_of, render
from sidelib.scenes.solids import camera_pose, moved

SIZES = [(7, 13), (33, 47), (24, 32), (1, 1), (50, 5), (4, 4)]
# A pixel whose view changes within a hundredth of a pixel lies on an edge: float32 may see either side.
EDGE = 0.01


def geometry(scenes, size):
    return render(scenes if isinstance(scenes, list) else [scenes], size, Cues(), smooth=False)


def assert_as_defined(twin, scene, size):
    """All pixels but those on edges: the same object, depth within 1e-5 of itself, normals within 1e-4."""
    origin, direction = casters.rays(scene, size)
    depth, name, normal = casters.nearest(origin, direction, twin.solids)
    clear = np.ones(len(depth), dtype=bool)
    for shift in ((EDGE, EDGE), (-EDGE, EDGE), (EDGE, -EDGE), (-EDGE, -EDGE)):
        near, other, tilt = casters.nearest(*casters.rays(scene, size, shift), twin.solids)
        same = np.isclose(near, depth, rtol=0.02) & (np.abs(tilt - normal).max(1) < 0.2)
        clear &= (other == name) & (same | (name < 0))
    assert clear.size < 400 or clear.mean() > 0.95
    seen = {field: values[0].flatten(1).T.numpy() for field, values in geometry(scene, size).items()}
    assert np.array_equal(seen["instance"][clear, 0], name[clear])
    assert np.array_equal(seen["mask"], seen["instance"] >= 0)
    assert not seen["depth"][~seen["mask"]].any() and not seen["normals"][~seen["mask"][:, 0]].any()
    valid = clear & (name >= 0)
    np.testing.assert_allclose(seen["depth"][valid, 0], depth[valid], rtol=1e-5)
    np.testing.assert_allclose(seen["normals"][valid], (normal @ scene.pose[:3, :3])[valid], atol=1e-4)


@pytest.mark.parametrize("seed", range(60))
def test_a_pixel_shows_the_nearest_of_all_solids(seed):
    random = np.random.default_rng([1, seed])
    twin = casters.random_twin(random, count=random.integers(1, 9))
    scene = twin.sketch.scene(pose=casters.random_pose(random), focal=random.uniform(0.4, 1.2))
    assert_as_defined(twin, scene, SIZES[seed % 6])


@pytest.mark.parametrize("sort", [*casters.SORTS, "triangle"])
def test_each_sort_of_solid_from_all_sides(sort):
    for seed in range(8):
        random = np.random.default_rng([2, seed])
        twin = casters.random_twin(random, 1, spread=0.5, sorts=(sort,))
        target = twin.place + random.uniform(-0.3, 0.3, 3)
        towards = random.normal(size=3)
        towards /= np.linalg.norm(towards)
        pose = camera_pose(
            target - random.uniform(0.5, 4) * towards, np.arctan2(-towards[0], towards[1]), -np.arcsin(towards[2])
        )
        assert_as_defined(twin, twin.sketch.scene(pose=pose, focal=random.uniform(0.4, 0.9)), (22, 30))


def test_cones_seen_from_straight_above_and_from_inside_their_angle():
    # Rays steeper than a cone's side meet its surface once, or run from cap to cap without meeting it.
    for seed in range(10):
        random = np.random.default_rng([3, seed])
        twin = casters.Twin()
        twin.object("object", (0.0, 0.0, 0.0))
        sizes = [(0.3, 0.0), (0.0, 0.3), (0.4, 0.15), (0.15, 0.4)][seed % 4]
        twin.cone((0, 0, 0), *sizes, random.uniform(0.3, 3))
        place = (*random.uniform(-0.3, 0.3, 2), random.choice([-2.0, 4.0]))
        pose = camera_pose(place, 0.3, np.pi / 2 * np.sign(place[2]) * random.uniform(0.95, 1.0))
        assert_as_defined(twin, twin.sketch.scene(pose=pose, focal=0.9), (30, 40))


@pytest.mark.parametrize("far", [0.0, 50.0, 500.0])
def test_far_from_the_origin_of_the_world_nothing_changes(far):
    random = np.random.default_rng(4)
    twin = casters.random_twin(random, count=8)
    scene = twin.sketch.scene(pose=casters.random_pose(random), focal=0.8)
    near = geometry(scene, (24, 32))
    shift = np.tile(np.eye(4), (len(scene.object_class), 1, 1))
    shift[:, :3, 3] = pose_shift = np.array([far, -far, 0])
    pose = scene.pose.copy()
    pose[:3, 3] += pose_shift
    there = geometry(replace(moved(scene, shift), pose=pose), (24, 32))
    torch.testing.assert_close(there["depth"], near["depth"], rtol=1e-5, atol=0)
    torch.testing.assert_close(there["normals"], near["normals"], rtol=0, atol=1e-4 + 1e-6 * far)


def test_no_ray_slips_between_walls_that_share_an_edge():
    scene = casters.room_twin().sketch.scene(pose=np.eye(4), focal=0.6)
    random = np.random.default_rng(5)
    turns = random.uniform((-1.9, -0.9, 0.1, -4, -1.5, -3), (2.4, 4.9, 2.5, 4, 1.5, 3), (200, 6))
    poses = [camera_pose(turn[:3], *turn[3:]) for turn in turns]
    for start in range(0, 200, 50):
        views = geometry([replace(scene, pose=pose) for pose in poses[start : start + 50]], (30, 41))
        assert views["mask"].all()
        assert views["depth"].min() > 0


def test_no_ray_slips_between_the_faces_of_a_box():
    twin = casters.Twin()
    twin.object("box")
    twin.box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5), taper=(0.8, 0.7), lean=(0.1, 0.0))
    scene, random = twin.sketch.scene(pose=np.eye(4), focal=1.0), np.random.default_rng(6)
    poses = []
    for _ in range(200):
        towards = random.normal(size=3)
        towards /= np.linalg.norm(towards)
        poses.append(
            camera_pose(
                -2.5 * towards, np.arctan2(-towards[0], towards[1]), -np.arcsin(towards[2]), random.uniform(-3, 3)
            )
        )
    masks = torch.cat(
        [
            geometry([replace(scene, pose=pose) for pose in poses[i : i + 50]], (44, 61))["mask"]
            for i in range(0, 200, 50)
        ]
    )
    # The picture of a convex solid has no hole: along each row it begins once.
    begins = (masks[..., 1:] & ~masks[..., :-1]).sum(-1) + masks[..., 0]
    assert masks.flatten(1).any(1).all() and begins.max() == 1


def wall(distance=3.0, left=-50.0):
    twin = casters.Twin()
    twin.object("wall", movable=False)
    twin.quad([(left, distance, -50), (50, distance, -50), (50, distance, 50), (left, distance, 50)])
    return twin.sketch.scene(pose=camera_pose((0, 0, 0)), focal=0.5)


def test_convention_depth_is_along_the_optical_axis_not_along_the_ray():
    depth = geometry(wall(3.0), (24, 32))["depth"]
    torch.testing.assert_close(depth, torch.full_like(depth, 3.0), rtol=1e-6, atol=0)
    range_in_the_corner = 3 * np.hypot(1, np.hypot(15.5, 11.5) / 16)
    assert range_in_the_corner > 1.5 * depth.max()  # what the other reading would give


@pytest.mark.parametrize(
    ("edge", "first"), [(10.0 - 0.02, 10), (10.02, 11), (10.48, 11), (10.52, 11), (10.98, 11), (11.02, 12)]
)
def test_convention_integer_coordinates_are_pixel_centres(edge, first):
    # A wall from column `edge` on: with centres at x + 0.5, its first column would change at 10.5.
    left = 3.0 * (edge - 15.5) / 16
    assert int(geometry(wall(3.0, left), (8, 32))["mask"][0, 0, 4].int().argmax()) == first


@pytest.mark.parametrize("size", [(24, 32), (7, 13), (1, 1)])
def test_convention_principal_point_is_the_middle_of_the_picture(size):
    k = intrinsics_of(wall(), size)
    assert (k[0, 2], k[1, 2]) == ((size[1] - 1) / 2, (size[0] - 1) / 2)
    assert k[0, 0] == k[1, 1] == 0.5 * size[1]
    np.testing.assert_array_equal(geometry(wall(), size)["intrinsics"][0].double(), k)


def test_convention_y_is_down_and_normals_are_in_the_cameras_frame():
    scene = casters.room_twin().sketch.scene(pose=camera_pose((0, 0, 1.5)), focal=0.6)
    seen = geometry(scene, (48, 64))
    for row, column, expected in ((-1, 32, (0, -1, 0)), (0, 32, (0, 1, 0)), (24, 32, (0, 0, -1)), (24, 0, (1, 0, 0))):
        assert seen["normals"][0, :, row, column].tolist() == pytest.approx(expected, abs=1e-6)
    for pose in (
        camera_pose((0, 0, 1.5), 0.5),
        camera_pose((0, 0, 1.5), roll=0.4),
        camera_pose((0, 1, 1), -2, -0.7, 2),
    ):
        seen = geometry(replace(scene, pose=pose), (24, 32))
        normals, k = seen["normals"][0], intrinsics_of(scene, (24, 32))
        torch.testing.assert_close(normals.norm(dim=0), torch.ones(24, 32), rtol=1e-5, atol=0)
        y, x = np.mgrid[:24, :32]
        ray = np.linalg.inv(k) @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
        assert ((normals.flatten(1).double().numpy() * ray).sum(0) < 0).all()
        points = pose[:3, :3] @ (ray * seen["depth"].flatten().double().numpy()) + pose[:3, 3:]
        on = np.stack([points[0] + 2, points[0] - 2.5, points[1] + 1, points[1] - 5, points[2], points[2] - 2.6])
        assert np.abs(on).min(0).max() < 1e-5  # every point lies on a wall


@pytest.mark.parametrize(
    ("angles", "axes"),
    [
        ({}, [(1, 0, 0), (0, 0, -1), (0, 1, 0)]),
        ({"yaw": np.pi / 2}, [(0, 1, 0), (0, 0, -1), (-1, 0, 0)]),  # left
        ({"pitch": np.pi / 2}, [(1, 0, 0), (0, -1, 0), (0, 0, -1)]),  # down
        ({"roll": np.pi / 2}, [(0, 0, -1), (-1, 0, 0), (0, 1, 0)]),  # the picture's right points down
    ],
)
def test_convention_of_a_cameras_angles(angles, axes):
    pose = camera_pose((1, 2, 3), **angles)
    np.testing.assert_allclose(pose[:3, :3].T, axes, atol=1e-15)
    assert pose[:, 3].tolist() == [1, 2, 3, 1]


def test_scenes_of_nothing_of_faces_only_and_of_rounds_only_share_a_batch():
    twins = [casters.Twin() for _ in range(3)]
    for twin in twins[1:]:
        twin.object("object", (0, 3, 0))
    twins[1].box((-1, -1, -1), (1, 1, 1))
    twins[2].ball((0, 0, 0), 1.0)
    scenes = [twin.sketch.scene(pose=camera_pose((0, 0, 0)), focal=0.7) for twin in twins]
    together = geometry(scenes, (9, 14))
    assert together["mask"].flatten(1).any(1).tolist() == [False, True, True]
    assert together["image"].isfinite().all()
    for k, scene in enumerate(scenes):
        alone = geometry(scene, (9, 14))
        for name, values in alone.items():
            exact = name not in ("image", "albedo", "normals")  # sums of another length may round otherwise
            torch.testing.assert_close(together[name][k], values[0], rtol=0, atol=0 if exact else 1e-6)
