"""Second views agree with the first: exact disparity, flow and occlusion, against projections in float64."""

from dataclasses import replace
from itertools import pairwise

import casters
import furnished
import numpy as np
import pytest
import torch

from sidelib.geometry import back_project, normals_from_depth
from sidelib.scenes.cues import Cues
from sidelib.scenes.generate import rooms, streets
from sidelib.scenes.materials import material
from sidelib.scenes.render import intrinsics_of, render
from sidelib.scenes.rooms import room_scene
from sidelib.scenes.solids import camera_pose
from sidelib.scenes.streets import street_scene
from sidelib.scenes.views import path_scenes, render_path, render_right

SIZE, BASELINE = (48, 64), 0.1
SCENES = [
    replace(scene, noise=0.0) for scene in (furnished.room(), room_scene(0, 3), room_scene(1, 8), street_scene(2, 5))
]
ON_EACH_SCENE = pytest.mark.parametrize("scene", SCENES, ids=["hand-made", "room", "room", "street"])


def stereo(scene, size=SIZE, baseline=BASELINE):
    """The left mapping with what the right view adds, and the right view's own mapping."""
    left = render([scene], size, Cues())
    pose = scene.pose.copy()
    pose[:3, 3] += baseline * pose[:3, 0]
    right = render([replace(scene, pose=pose)], size, Cues())
    return {**left, **render_right([scene], left, size, Cues(), "cpu", baseline)}, right


def inverse_depth_at(seen, place, of=slice(None)):
    """Inverse depth between pixels; it is linear on a plane, so that reading between four pixels is exact there."""
    depth, mask = seen["depth"][of].double(), seen["mask"][of]
    return sampled(torch.where(mask, 1 / depth, 0.0), place)


def pixels(size):
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    return torch.stack([x, y]).double()[None]


def sampled(values, place):
    """`values (1, C, H, W)` at pixel coordinates `place (1, 2, H, W)`; integer coordinates are pixel centres."""
    height, width = values.shape[-2:]
    grid = torch.stack([2 * (place[:, 0] + 0.5) / width - 1, 2 * (place[:, 1] + 0.5) / height - 1], -1)
    return torch.nn.functional.grid_sample(values.double(), grid.double(), padding_mode="border", align_corners=False)


@ON_EACH_SCENE
def test_disparity_is_focal_length_times_baseline_by_depth(scene):
    seen, _ = stereo(scene)
    focal = intrinsics_of(scene, SIZE)[0, 0]
    disparity, depth = (seen[name][seen["mask"]].double() for name in ("disparity", "depth"))
    torch.testing.assert_close(disparity, focal * BASELINE / depth, rtol=1e-6, atol=0)
    assert (disparity > 0).all() and not seen["disparity"][~seen["mask"]].any()
    assert seen["occlusion"].dtype == torch.bool and not seen["occlusion"][~seen["mask"]].any()


@ON_EACH_SCENE
def test_the_right_view_has_the_same_depth_at_x_minus_disparity(scene):
    seen, right = stereo(scene)
    place = pixels(SIZE)
    place[:, 0] -= seen["disparity"][0].double()
    found = 1 / inverse_depth_at(right, place)
    visible = seen["mask"] & ~seen["occlusion"]
    error = (found / seen["depth"] - 1).abs()[visible]
    assert error.median() < 1e-5
    assert (error > 1e-3).double().mean() < 0.25  # edges, and lines between two faces of one object
    # Off an edge, what the right view has in its place is the same surface.
    same = sampled(right["instance"].double(), place) == seen["instance"]
    assert (error[same[visible]] > 1e-2).double().mean() < 0.03


@ON_EACH_SCENE
def test_convention_the_right_picture_lies_at_x_minus_disparity(scene):
    seen, _ = stereo(scene, (96, 128))
    errors = {}
    for sign in (-1, 1):
        place = pixels((96, 128))
        place[:, 0] += sign * seen["disparity"][0].double()
        warped = sampled(seen["right"], place)
        inside = (place[:, :1] >= 0) & (place[:, :1] <= 127)
        errors[sign] = (warped - seen["image"]).abs().mean(1, keepdim=True)[~seen["occlusion"] & inside]
    assert errors[-1].median() < 0.01 and errors[-1].quantile(0.95) < 0.12
    assert errors[-1].mean() < 0.5 * errors[1].mean()


@pytest.mark.parametrize("seed", range(8))
def test_occluded_is_what_a_solid_hides_from_the_right_camera_or_its_picture_ends_before(seed):
    random = np.random.default_rng([1, seed])
    twin = casters.random_twin(random, 6)
    twin.object("wall", movable=False)
    twin.quad([(-30, 8, -30), (30, 8, -30), (30, 8, 30), (-30, 8, 30)])
    scene = twin.sketch.scene(pose=camera_pose((0, -1, 0), *random.uniform(-0.2, 0.2, 3)), focal=0.7)
    size, baseline = (45, 62), 0.5
    seen, _ = stereo(scene, size, baseline)
    origin, direction = casters.rays(scene, size)
    points = origin + direction * seen["depth"].flatten().double().numpy()[:, None]
    camera = origin + baseline * scene.pose[:3, 0]

    # What the camera is inside of is looked through, as its faces are seen from outside only.
    inside = [casters.blocked(camera[None], np.eye(3)[:1], [solid], 1e-9)[0] for solid in twin.solids]
    others = [solid for solid, around in zip(twin.solids, inside, strict=True) if not around]

    def hidden(points):
        return casters.blocked(points, camera - points, others, 1.0)

    # A point on a surface would hide itself: look from a little nearer, and demand the same from a little further.
    towards = (camera - points) / np.linalg.norm(camera - points, axis=1, keepdims=True)
    expected, clear = hidden(points + 0.006 * towards), np.ones(len(points), dtype=bool)
    for shift in np.concatenate([np.eye(3), -np.eye(3)]) * 0.004:
        clear &= hidden(points + 0.02 * towards + shift) == expected
    x = pixels(size)[0, 0].flatten().numpy() - seen["disparity"].flatten().numpy()
    outside = (x < 0) | (x > size[1] - 1)
    clear &= seen["mask"].flatten().numpy() & (np.abs(x) > 1e-3)
    assert clear.mean() > 0.75 and expected.any()
    # Less than two millimetres of a round hide nothing.
    assert (seen["occlusion"].flatten().numpy() != (expected | outside))[clear].sum() <= 2


def test_the_sky_has_no_disparity_and_looks_the_same_in_both_views():
    twin = casters.Twin()
    twin.object("road", movable=False)
    twin.quad(
        [(-50, -50, 0), (50, -50, 0), (50, 80, 0), (-50, 80, 0)],
        material("asphalt", (0.3, 0.3, 0.3), scale=1.0, seed=3),
    )
    scene = twin.sketch.scene(pose=camera_pose((0, 0, 1.5), 0, -0.1), focal=0.7, noise=0.0, seed=5)
    seen, _ = stereo(scene, SIZE, 0.5)
    sky = ~seen["mask"]
    assert 0.3 < sky.float().mean() < 0.9
    for name in ("depth", "disparity", "occlusion"):
        assert not seen[name][sky].any()
    # Clouds are too far to move between two cameras that look the same way.
    difference = (seen["image"] - seen["right"]).abs().amax(1, keepdim=True)
    assert torch.nn.functional.max_pool2d(seen["mask"].float(), 3, 1, 1)[difference > 1e-3].all()


def test_two_pictures_of_a_scene_have_different_noise():
    scene = furnished.room(noise=0.02)
    left = render([scene], SIZE, Cues())
    added = render_right([scene], left, SIZE, Cues(), "cpu", 1e-6)
    assert 0.005 < (added["right"] - left["image"]).abs().mean() < 0.05


def rolling_room(**rest):
    """Balls all over the floor of the hand-made room."""
    twin = furnished.shell()
    for k in range(6):
        twin.object("ball", (0.5 * (k - 2.5), 2.5 + 0.3 * (k % 3), 0.0), 0.4)
        twin.ball((0, 0, 0.25), 0.25, furnished.CHECKER)
        twin.object("box", (0.5 * (k - 2.5), 4.2, 0.0))
        twin.box((-0.1, -0.1, 0), (0.1, 0.1, 0.3), furnished.BLUE)
    return furnished.finished(twin, **rest)


def path(scene, moving=True, seed=2, frames=4, step=0.08, size=SIZE):
    scenes, motions = path_scenes(scene, frames, step, moving, seed)
    return scenes, motions, render_path(scenes, motions, size, Cues(), "cpu")


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("scene", [rolling_room(), SCENES[1], SCENES[3]], ids=["balls", "room", "street"])
def test_flow_is_the_motion_of_projected_points(scene, moving):
    scenes, motions, seen = path(scene, moving)
    k = intrinsics_of(scene, SIZE)
    for t in range(3):
        origin, direction = casters.rays(scenes[t], SIZE)
        points = origin + direction * seen["depth"][t].flatten().double().numpy()[:, None]
        names = seen["instance"][t].flatten().numpy()
        turns = motions[t][names]
        points = np.einsum("nij,nj->ni", turns[:, :3, :3], points) + turns[:, :3, 3]
        there = (points - scenes[t + 1].pose[:3, 3]) @ scenes[t + 1].pose[:3, :3]
        place = there[:, :2] / there[:, 2:] * [k[0, 0], k[1, 1]] + k[:2, 2]
        now = pixels(SIZE)[0].flatten(1).T.numpy()
        ahead = there[:, 2] > 0.05
        np.testing.assert_allclose(seen["flow"][t].flatten(1).T[ahead], (place - now)[ahead], atol=2e-3)
        # The same points in the next frame's truth.
        place = torch.from_numpy(place.T.copy()).view(1, 2, *SIZE)
        found = 1 / inverse_depth_at(seen, place, slice(t + 1, t + 2))
        error = np.abs(found.flatten().numpy() / there[:, 2] - 1)[
            (seen["mask"][t] & ~seen["occlusion"][t]).flatten().numpy()
        ]
        assert np.median(error) < 1e-5 and (error > 0.02).mean() < 0.15


def test_a_frame_looked_up_along_the_flow_is_the_frame_before():
    _, _, seen = path(rolling_room(), size=(96, 128))
    still = seen["image"][1:]
    for t in range(3):
        place = pixels((96, 128)) + seen["flow"][t].double()
        error = (sampled(still[t : t + 1], place) - seen["image"][t]).abs().mean(1)
        visible = ~seen["occlusion"][t]
        assert error[visible].median() < 0.01 and error[visible].quantile(0.9) < 0.12
        assert error[visible].mean() < 0.5 * (still[t] - seen["image"][t]).abs().mean()


def test_balls_roll_and_boxes_stay():
    scene = rolling_room()
    scenes, motions, seen = path(scene)
    kinds = scene.object_class[scene.object_movable]
    rolling = np.abs(motions[0] - np.eye(4)).max((1, 2)) > 0
    assert not rolling[~scene.object_movable].any()
    moves = rolling[scene.object_movable]
    assert moves[kinds == 11].any() and not moves[kinds != 11].any()  # 11 is the ball
    for t, motion in enumerate(motions):
        assert (motion[:, 2, 3] == 0).all()  # along the floor
        for k in range(len(rolling)):
            shift = scenes[t + 1].object_anchor[k] - scenes[t].object_anchor[k]
            np.testing.assert_allclose(shift, motion[k, :3, 3], atol=1e-12)
    # A rolling ball's pixels flow otherwise than they would if it lay still.
    still = path(scene, moving=False)[2]
    differ = (seen["flow"][0] - still["flow"][0]).norm(dim=0) > 0.2
    shown = torch.from_numpy(rolling)[seen["instance"][0, 0]]
    assert shown.any() and differ[shown].float().mean() > 0.9 and not differ[~shown].any()


@pytest.mark.parametrize("seed", range(5))
def test_the_camera_walks_forward_in_steps(seed):
    scene, step = rolling_room(), 0.08
    scenes, motions = path_scenes(scene, 6, step, False, seed)
    assert len(scenes) == 6 and len(motions) == 5 and np.array_equal(scenes[0].pose, scene.pose)
    for last, now in pairwise(scenes):
        turn, walked = last.pose[:3, :3].T @ now.pose[:3, :3], now.pose[:3, 3] - last.pose[:3, 3]
        np.testing.assert_allclose(now.pose[:3, :3] @ now.pose[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(now.pose[:3, :3]) == pytest.approx(1)
        assert np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)) < np.deg2rad(3)
        assert 0.95 * step < np.linalg.norm(walked) < 1.1 * step
        assert walked @ last.pose[:3, 2] > 0.6 * step


def test_a_path_is_rendered_as_its_frames_are():
    scenes, _, seen = path(rolling_room(), frames=3)
    assert seen["flow"].shape == (2, 2, *SIZE) and seen["occlusion"].shape == (2, 1, *SIZE)
    for t, scene in enumerate(scenes):
        alone = render([scene], SIZE, Cues())
        for name in ("image", "depth", "instance", "pose"):
            torch.testing.assert_close(seen[name][t], alone[name][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [rooms, streets])
def test_normals_from_depth_agree_with_exact_normals_on_planes(make):
    seen = make(6, size=(96, 128))
    estimated, valid = normals_from_depth(seen["depth"], seen["intrinsics"], seen["mask"])
    # A plane n · X = h is where the whole window has one true normal n and one h: not an edge, nor two parallel faces.
    height = (seen["normals"] * back_project(seen["depth"], seen["intrinsics"])).sum(1, keepdim=True)
    plane = torch.cat([seen["normals"], height], 1)
    window = torch.nn.functional.unfold(plane, 3, padding=1).view(6, 4, 9, 96, 128)
    flat = ((window - plane[:, :, None]).abs().amax((1, 2)) < 1e-4) & valid[:, 0]
    angle = (estimated * seen["normals"]).sum(1).clamp(-1, 1).arccos().rad2deg()[flat]
    assert flat.float().mean() > 0.3 and angle.quantile(0.999) < 0.1
