"""A point is in shadow where a solid lies between it and the light: against rays traced one by one."""

from dataclasses import replace

import casters
import numpy as np
import pytest
import torch

from sidelib.scenes.cues import Cues
from sidelib.scenes.materials import material
from sidelib.scenes.render import render
from sidelib.scenes.shadows import hidden_from
from sidelib.scenes.solids import Light, camera_pose, moved
from sidelib.scenes.visibility import pack

NIGHT = (0.0,) * 6
BIAS = 2e-3  # metres by which a solid must lie in front of a point to shade it


def shaded(scenes, points, places, directional, casts=None):
    """`hidden_from` for points `(B, 6 * 8 * 16, 3)`, laid out as 6 x 8 tiles of 16."""
    solids = pack(scenes, "cpu")
    at = torch.from_numpy(points).float().view(len(scenes), 48, 16, 3).transpose(2, 3).contiguous()
    casts = casts or [torch.ones(len(part), dtype=torch.bool) for part in (solids.faces, solids.round_frame)]
    valid = torch.ones(len(scenes), 48, 16, dtype=torch.bool)
    place = torch.from_numpy(np.array(places))
    return (
        hidden_from(solids, at, valid, (6, 8), place, torch.tensor(directional), *casts).view(len(scenes), -1).numpy()
    )


def by_definition(points, place, directional, solids):
    """(hidden, whether that is clear: the same for points a few `BIAS` away)."""

    def hidden(points):
        toward = np.broadcast_to(place, points.shape) if directional else place - points
        return casters.blocked(points, toward, solids, np.inf if directional else 1.0)

    found, clear = hidden(points), np.ones(len(points), dtype=bool)
    for shift in np.concatenate([np.eye(3), -np.eye(3)]) * 2 * BIAS:
        clear &= hidden(points + shift) == found
    return found, clear


def random_case(seed, directional, sorts=casters.SORTS):
    random = np.random.default_rng([1, seed, directional])
    twin = casters.random_twin(random, 5, sorts=sorts)
    # Points of a tile lie close together, as those of a picture do; some tiles spread wide.
    middles = random.uniform((-4, -2, -2), (4, 7, 2), (48, 1, 3))
    points = (middles + random.normal(size=(48, 16, 3)) * random.choice([0.02, 0.2, 1.5], (48, 1, 1))).reshape(-1, 3)
    place = random.normal(size=3) if directional else random.uniform((-3, -2, 2), (3, 6, 4))
    if directional:
        place /= np.linalg.norm(place)
    return twin, points, place


@pytest.mark.parametrize("directional", [False, True], ids=["lamp", "sun"])
@pytest.mark.parametrize("seed", range(20))
def test_hidden_is_what_a_solid_stands_before(seed, directional):
    twin, points, place = random_case(seed, directional)
    scene = twin.sketch.scene(pose=np.eye(4), focal=1.0)
    expected, clear = by_definition(points, place, directional, twin.solids)
    assert clear.mean() > 0.9 and expected.any()
    found = shaded([scene], points[None], [place], [directional])[0]
    assert np.array_equal(found[clear], expected[clear])


@pytest.mark.parametrize("sort", [*casters.SORTS, "triangle"])
@pytest.mark.parametrize("directional", [False, True], ids=["lamp", "sun"])
def test_each_sort_of_solid_throws_its_shadow(sort, directional):
    for seed in range(4):
        twin, points, place = random_case(100 + seed, directional, (sort,))
        scene = twin.sketch.scene(pose=np.eye(4), focal=1.0)
        expected, clear = by_definition(points, place, directional, twin.solids)
        found = shaded([scene], points[None], [place], [directional])[0]
        assert np.array_equal(found[clear], expected[clear])


def test_lamps_and_suns_of_several_scenes_share_a_batch():
    cases = [random_case(seed, bool(seed % 2)) for seed in range(5)]
    scenes = [twin.sketch.scene(pose=np.eye(4), focal=1.0) for twin, _, _ in cases]
    points, places, suns = (
        np.stack([case[1] for case in cases]),
        [case[2] for case in cases],
        [False, True, False, True, False],
    )
    together = shaded(scenes, points, places, suns)
    for k, scene in enumerate(scenes):
        assert np.array_equal(together[k], shaded([scene], points[k : k + 1], places[k : k + 1], suns[k : k + 1])[0])


def test_what_does_not_cast_is_looked_through():
    twin, points, place = random_case(3, False)
    scene = twin.sketch.scene(pose=np.eye(4), focal=1.0)
    for index in range(len(twin.solids)):
        casts = [torch.from_numpy(owner != index) for owner in (scene.face_object, scene.round_object)]
        others = [solid for solid in twin.solids if solid[0] != index]
        expected, clear = by_definition(points, place, False, others)
        assert np.array_equal(shaded([scene], points[None], [place], [False], casts)[0][clear], expected[clear])


def lit_scene(twin, lights, **rest):
    rest = {"pose": camera_pose((0, 0, 1.5), 0, 0.3), "focal": 0.7, "ambient": (0.2,) * 6, "noise": 0.0, **rest}
    return twin.sketch.scene(lights=tuple(lights), haze=(0.0,) * 4, **rest)


@pytest.mark.parametrize("sort", casters.SORTS)
@pytest.mark.parametrize(("scale", "away"), [(0.05, 0.0), (1.0, 0.0), (1.0, 70.0), (8.0, 70.0)])
def test_a_convex_solid_never_shades_its_own_lit_side(sort, scale, away):
    for seed in range(6):
        random = np.random.default_rng([2, seed])
        twin = casters.random_twin(random, 1, spread=0.0, sorts=(sort,))
        side, sun, place = random.normal(size=3), random.normal(size=3), np.array([away, -away, 0])
        towards = -side / np.linalg.norm(side)
        pose = camera_pose(place - 3.5 * scale * towards, np.arctan2(-towards[0], towards[1]), -np.arcsin(towards[2]))
        lamp = Light(tuple(pose[:3, 3] + random.normal(size=3) * 4 * scale), (1.0, 1.0, 1.0), reach=3 * scale)
        day = Light(tuple(sun / np.linalg.norm(sun)), (1.0, 1.0, 1.0), True)
        grow = np.diag([scale, scale, scale, 1.0])[None].copy()
        grow[0, :3, 3] = place - scale * twin.place
        scene = moved(lit_scene(twin, [lamp, day], pose=pose), grow)
        with_shadows, without = (render([scene], (40, 52), cues)["image"] for cues in (Cues(), Cues(shadows="removed")))
        # Where light only grazes a round, rounding may decide: it brings no light there to speak of.
        torch.testing.assert_close(with_shadows, without, rtol=0, atol=0.005)


def test_a_window_lets_the_sun_through_its_panes_only():
    twin, size = casters.room_twin(), (60, 80)
    sun = np.array([0.2, 0.8, 0.6]) / np.linalg.norm([0.2, 0.8, 0.6])
    corner, across, up = np.array([-0.7, 5.0, 0.9]), np.array([1.5, 0, 0]), np.array([0, 0, 1.2])
    light = Light(tuple(sun), (3.0, 3.0, 3.0), True, gate=(tuple(corner), tuple(across), tuple(up)))
    bright, dark = (
        render([lit_scene(twin, lights, pose=camera_pose((0, -0.5, 1.6), 0, 0.5))], size, Cues(), smooth=False)
        for lights in ([light], [])
    )
    scene = lit_scene(twin, [], pose=camera_pose((0, -0.5, 1.6), 0, 0.5))
    origin, direction = casters.rays(scene, size)
    points = origin + direction * bright["depth"].flatten().double().numpy()[:, None]
    at = points + sun * ((5.0 - points[:, 1]) / sun[1])[:, None] - corner
    a, b = at[:, 0] / 1.5, at[:, 2] / 1.2
    normals = bright["normals"][0].flatten(1).T.double().numpy() @ scene.pose[:3, :3].T
    pane = (np.minimum(a, b) > 0) & (np.maximum(a, b) < 1) & (np.minimum(abs(a - 0.5), abs(b - 0.5)) > 0.03)
    edge = (
        np.minimum(
            np.abs(np.stack([a, a - 1, a - 0.47, a - 0.53])).min(0),
            np.abs(np.stack([b, b - 1, b - 0.47, b - 0.53])).min(0),
        )
        < 1e-3
    )
    lit = (bright["image"] - dark["image"])[0].sum(0).flatten().numpy()
    expected = pane & (normals @ sun > 0)
    assert 30 < expected.sum() < 2000
    assert np.array_equal(lit[~edge] > 0, expected[~edge])
    assert (lit >= 0).all()


@pytest.mark.parametrize("reach", [0.7, 2.0, 5.0])
def test_the_light_of_a_lamp_has_halved_at_its_reach(reach):
    twin = casters.Twin()
    twin.object("wall", movable=False)
    twin.quad([(-20, 3, -20), (20, 3, -20), (20, 3, 20), (-20, 3, 20)])
    pose = camera_pose((0, 0, 0))

    def brightness(light):
        return render([lit_scene(twin, [light], pose=pose, ambient=NIGHT)], (1, 1), Cues())["image"].flatten()

    sun = brightness(Light((0, -1, 0), (0.4, 0.4, 0.4), True))
    for away, share in ((reach, 0.5), (1e-3, 1.0), (3 * reach, 0.1)):
        lamp = brightness(Light((0, 3 - away, 0), (0.4 / share,) * 3, reach=reach))
        torch.testing.assert_close(lamp, sun, rtol=1e-3, atol=0)


def test_a_light_without_shadows_shines_through():
    twin = casters.room_twin()
    twin.object("box", (0, 3, 0))
    twin.box((-0.4, -0.4, 0.8), (0.4, 0.4, 1.2))
    lamp = Light((0, 3, 2.4), (1.0, 1.0, 1.0))
    images = [
        render([lit_scene(twin, [replace(lamp, shadows=shadows)])], (30, 40), cues)["image"]
        for shadows, cues in ((True, Cues()), (False, Cues()), (True, Cues(shadows="removed")))
    ]
    assert torch.equal(images[1], images[2])
    assert (images[0] <= images[1]).all() and (images[0] < images[1] - 0.02).float().mean() > 0.03


def test_a_painted_surface_is_as_bright_as_its_albedo_where_there_is_no_light_cue():
    twin = casters.Twin()
    twin.object("wall", movable=False)
    twin.quad([(-20, 3, -20), (20, 3, -20), (20, 3, 20), (-20, 3, 20)], material("plain", (0.2, 0.4, 0.8)))
    seen = render(
        [lit_scene(twin, [Light((0, 0, 0), (9.0, 9.0, 9.0))], pose=camera_pose((0, 0, 0)))],
        (4, 4),
        Cues(shading="removed"),
    )
    assert torch.allclose(seen["albedo"], torch.tensor([0.2, 0.4, 0.8])[:, None, None])
    assert (seen["image"].flatten(2).amax(2) == seen["image"].flatten(2).amin(2)).all()
