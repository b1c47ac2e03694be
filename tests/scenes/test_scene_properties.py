"""What holds for every room and street: truth in range, nothing hovers, a scene is a function of its number alone."""

import numpy as np
import pytest
import torch

from sidelib.scenes import generate
from sidelib.scenes.generate import FAMILIES, camera_path, make_scene, rooms, streets
from sidelib.scenes.solids import CLASSES

MAKERS = {"rooms": rooms, "streets": streets}
SIZE = (24, 32)
KINDS = pytest.mark.parametrize("kind", ["rooms", "streets"])
EXACT = ("depth", "mask", "semantic", "instance", "intrinsics", "pose", "family")


@pytest.fixture(scope="module")
def many():
    """60 scenes of each kind, at a quarter of the usual size."""
    return {kind: make(60, size=SIZE) for kind, make in MAKERS.items()}


def assert_same(one, other, exact=EXACT):
    """The same truth bit for bit, and the same colours and normals up to the rounding of sums of another length."""
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values.dtype == other[name].dtype
        torch.testing.assert_close(
            values, other[name], rtol=0, atol=0 if name in exact else 2e-6, msg=lambda m, n=name: f"{n}: {m}"
        )


@KINDS
def test_everything_is_in_its_range(kind, many):
    batch = many[kind]
    shapes = {"image": 3, "depth": 1, "mask": 1, "normals": 3, "semantic": 1, "instance": 1, "albedo": 3}
    for name, channels in shapes.items():
        assert batch[name].shape == (60, channels, *SIZE)
    for name, values in batch.items():
        assert values.float().isfinite().all(), name
    mask, depth = batch["mask"], batch["depth"]
    assert mask.dtype == torch.bool and torch.equal(mask, depth > 0) and torch.equal(mask, batch["instance"] >= 0)
    assert torch.equal(mask, batch["semantic"] > 0) and batch["semantic"].max() < len(CLASSES)
    assert depth[mask].min() > 0.2  # no camera stands in a thing
    for name in ("image", "albedo"):
        assert batch[name].min() >= 0 and batch[name].max() <= 1
    norms = batch["normals"].norm(dim=1, keepdim=True)
    torch.testing.assert_close(norms, mask.float(), rtol=0, atol=1e-5)
    # Pictures are neither black nor burnt out, and hold many greys.
    assert 0.15 < batch["image"].flatten(1).mean(1).min() and batch["image"].flatten(1).mean(1).max() < 0.85
    assert batch["image"].flatten(1).std(1).min() > 0.04


def test_rooms_are_closed_and_no_deeper_than_said(many):
    assert many["rooms"]["mask"].all()
    assert many["rooms"]["depth"].max() < 12
    pose, k = many["rooms"]["pose"].double(), many["rooms"]["intrinsics"].double()
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in SIZE), indexing="ij")
    rays = torch.linalg.inv(k) @ torch.stack([x, y, torch.ones_like(x)]).flatten(1)
    points = pose[:, :3, :3] @ (rays * many["rooms"]["depth"].flatten(2)) + pose[:, :3, 3:]
    for index in range(60):
        bounds = make_scene("rooms", index).bounds
        low, high = torch.tensor(bounds[::2])[:, None], torch.tensor(bounds[1::2])[:, None]
        assert (points[index] > low - 1e-4).all() and (points[index] < high + 1e-4).all(), f"room {index}"


def test_streets_reach_far_and_some_show_sky(many):
    batch = many["streets"]
    shown = batch["mask"].flatten(1).float().mean(1)
    assert (shown > 0.3).all() and (shown < 1).float().mean() > 0.5
    assert batch["depth"].flatten(1).amax(1).median() > 25
    assert torch.equal(batch["semantic"] == CLASSES.index("sky"), ~batch["mask"])


@KINDS
def test_no_two_scenes_are_alike(kind, many):
    scenes = [make_scene(kind, index) for index in range(60)] + [make_scene(kind, index, seed=1) for index in range(5)]
    layouts = {(scene.pose.tobytes(), scene.faces.tobytes()) for scene in scenes}
    assert len(layouts) == len({scene.seed for scene in scenes}) == 65
    depth = many[kind]["depth"].flatten(1)
    alike = (depth[:, None] - depth[None]).abs().mean(-1) / depth.mean(1)
    assert alike[~torch.eye(60, dtype=torch.bool)].min() > 0.02


@KINDS
def test_families_are_all_drawn_and_labelled(kind):
    names = FAMILIES[kind]
    drawn = [make_scene(kind, index).family for index in range(150)]
    assert set(drawn) == set(range(len(names)))
    for label, family in enumerate(names):
        assert make_scene(kind, 3, family=family).family == label
    batch = MAKERS[kind](range(4), family=names[-1], size=(8, 8))
    assert batch["family"].tolist() == [len(names) - 1] * 4


@KINDS
@pytest.mark.parametrize("size", [(24, 32), (7, 13), (1, 1)])
def test_a_scene_does_not_depend_on_its_batch(kind, size):
    make = MAKERS[kind]
    together = make([5, 2, 9], size=size, seed=3, right=True)
    for k, index in enumerate((5, 2, 9)):
        alone = make([index], size=size, seed=3, right=True)
        assert_same(
            {name: values[k : k + 1] for name, values in together.items()}, alone, (*EXACT, "disparity", "baseline")
        )


@KINDS
def test_rendering_in_several_parts_changes_nothing(kind, monkeypatch):
    whole = MAKERS[kind](5, size=SIZE, right=True)
    monkeypatch.setitem(__import__("sidelib.scenes.generate", fromlist=["_CHUNK"])._CHUNK, "cpu", 2 * SIZE[0] * SIZE[1])
    assert_same(whole, MAKERS[kind](5, size=SIZE, right=True))


@KINDS
def test_threads_and_autocast_change_nothing(kind):
    threads, settings = torch.get_num_threads(), {"right": True, "size": (40, 56)}
    try:
        torch.set_num_threads(1)
        one = MAKERS[kind](3, **settings)
        path, alone = camera_path(kind, 1, size=SIZE), MAKERS[kind]([40], **settings)
        torch.set_num_threads(2)
        assert_same(one, MAKERS[kind](3, **settings))
    finally:
        torch.set_num_threads(threads)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype):
            assert_same(one, MAKERS[kind](3, **settings))
            assert_same(alone, MAKERS[kind]([40], **settings))
            assert_same(path, camera_path(kind, 1, size=SIZE))


@KINDS
@pytest.mark.parametrize("threads", [1, 2])
def test_parts_rendered_one_by_one_or_side_by_side_are_the_same(kind, threads, monkeypatch):
    whole, before = MAKERS[kind](5, size=SIZE), (torch.get_num_threads(), torch.get_default_dtype())
    monkeypatch.setitem(generate._CHUNK, "cpu", 2 * SIZE[0] * SIZE[1])  # parts of two, two and one
    try:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float64)
        parts = MAKERS[kind](5, size=SIZE)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_num_threads(before[0])
        torch.set_default_dtype(before[1])
    assert_same(whole, parts)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["highest", "medium"])
@KINDS
def test_a_scene_is_the_same_on_each_device(kind, precision):
    before, here = torch.get_float32_matmul_precision(), MAKERS[kind](8, size=(96, 128), right=True)
    try:
        torch.set_float32_matmul_precision(precision)
        there = MAKERS[kind](8, size=(96, 128), right=True, device="cuda")
    finally:
        torch.set_float32_matmul_precision(before)
    there = {name: values.cpu() for name, values in there.items()}
    same = here["instance"] == there["instance"]
    assert same.float().mean() > 0.9995  # but for a few pixels on edges
    torch.testing.assert_close(there["depth"][same], here["depth"][same], rtol=1e-5, atol=0)
    colours = (there["image"] - here["image"]).abs().amax(1, keepdim=True)
    assert (colours > 1 / 255).float().mean() < 1e-3
    assert (there["occlusion"] != here["occlusion"]).float().mean() < 1e-3


@KINDS
def test_reduced_matmul_precision_changes_nothing(kind):
    before, expected = torch.get_float32_matmul_precision(), MAKERS[kind]([1], size=SIZE, right=True)
    try:
        torch.set_float32_matmul_precision("medium")  # bfloat16 products where the processor has them
        assert_same(expected, MAKERS[kind]([1], size=SIZE, right=True))
    finally:
        torch.set_float32_matmul_precision(before)


@KINDS
def test_global_randomness_is_neither_used_nor_touched(kind):
    torch.manual_seed(0)
    np.random.seed(0)
    state = torch.get_rng_state()
    one = MAKERS[kind](2, size=SIZE)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    np.random.seed(1)
    assert_same(one, MAKERS[kind](2, size=SIZE))


@KINDS
def test_pitch_looks_down(kind):
    level, down = make_scene(kind, 4), make_scene(kind, 4, pitch=10.0)
    turn = level.pose[:3, :3].T @ down.pose[:3, :3]
    np.testing.assert_allclose(turn[:, 2], [0, np.sin(np.pi / 18), np.cos(np.pi / 18)], atol=1e-12)
    assert down.pose[2, 2] < level.pose[2, 2] and np.array_equal(level.faces, down.faces)
    batch = MAKERS[kind]([4], pitch=10.0, size=(8, 8))
    np.testing.assert_allclose(batch["pose"][0], down.pose, atol=1e-6)


@KINDS
@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"indices": 0}, ValueError, "indices"), ({"indices": []}, ValueError, "indices"),
        ({"indices": [-1]}, ValueError, "indices"), ({"indices": [1.5]}, ValueError, "indices"),
        ({"indices": True}, ValueError, "indices"), ({"indices": [True]}, ValueError, "indices"),
        ({"indices": "12"}, ValueError, "indices"), ({"indices": 2.0}, (ValueError, TypeError), "indices"),
        ({"indices": None}, (ValueError, TypeError), "indices"), ({"seed": -1}, ValueError, "seed"),
        ({"seed": 0.5}, ValueError, "seed"), ({"size": 64}, ValueError, "size"), ({"size": (0, 4)}, ValueError, "size"),
        ({"size": (4, 4, 4)}, ValueError, "size"), ({"size": (4.0, 4)}, ValueError, "size"),
        ({"cues": "removed"}, TypeError, "cues"), ({"family": "castle"}, ValueError, "family"),
        ({"pitch": "down"}, (ValueError, TypeError), "pitch"), ({"pitch": float("nan")}, (ValueError, TypeError), "pitch"),
        ({"device": "abacus"}, (ValueError, TypeError), "device"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(kind, arguments, error, name):
    with pytest.raises(error, match=f"^{name}: expected"):
        MAKERS[kind](**{"indices": 1, "size": (4, 4), **arguments})


def test_bad_arguments_of_a_path_are_named():
    for arguments, name in (
        ({"kind": "seas"}, "kind"), ({"frames": 1}, "frames"), ({"index": -1}, "ind"), ({"family": "castle"}, "family"),
        ({"size": 3}, "size"), ({"seed": "a"}, "seed"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"^{name}"):
            camera_path(**{"kind": "rooms", "index": 0, **arguments})


def extents(scene):
    """Each object's lowest and highest corner `(O, 3)` twice, from its faces and rounds."""
    low, high = np.full((len(scene.object_class), 3), np.inf), np.full((len(scene.object_class), 3), -np.inf)
    inverse = np.linalg.inv(scene.round_frame[:, :, :3])
    caps = scene.round_shape[:, 3:]
    for sign in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        for cap in (0, 1):
            corner = np.stack([np.full(len(caps), sign[0]), np.full(len(caps), sign[1]), caps[:, cap]], 1)
            points = np.einsum("rij,rj->ri", inverse, corner - scene.round_frame[:, :, 3])
            np.minimum.at(low, scene.round_object, points)
            np.maximum.at(high, scene.round_object, points)
    np.minimum.at(low, scene.face_object, scene.faces.min(1))
    np.maximum.at(high, scene.face_object, scene.faces.max(1))
    return low, high


def hovering(scene):
    """Movable objects whose lowest point is more than 2 cm above whatever there is under it; pictures hang."""
    low, high = extents(scene)
    found = []
    for k in np.flatnonzero(scene.object_movable):
        name = CLASSES[scene.object_class[k]]
        near = np.all((low[:, :2] < high[k, :2]) & (high[:, :2] > low[k, :2]), axis=1)
        near[k] = False
        tops = scene.faces[near[scene.face_object]][..., 2]
        level = tops[np.ptp(tops, axis=1) < 1e-6][:, 0]
        gap = low[k, 2] - np.concatenate([[0.0], level, high[near, 2]])
        # Trees and bushes stand in the ground a little.
        if not ((gap > -0.16) & (gap < 0.02)).any() and name != "picture":
            found.append(f"{name} {k} at {low[k].round(2)}")
    return found


@KINDS
def test_nothing_hovers(kind):
    found = {index: hovering(make_scene(kind, index)) for index in range(80)}
    assert not any(found.values()), {index: things for index, things in found.items() if things}


def clashes(scene, depth=0.08):
    """Pairs of movable objects on the floor whose boxes go more than `depth` metres into each other."""
    low, high = extents(scene)
    stands = np.flatnonzero(scene.object_movable & (low[:, 2] < 0.05))
    found = []
    for a, i in enumerate(stands):
        for j in stands[a + 1 :]:
            into = np.minimum(high[i], high[j]) - np.maximum(low[i], low[j])
            if into.min() > depth:
                found.append((CLASSES[scene.object_class[i]], CLASSES[scene.object_class[j]], into.min().round(2)))
    return found


def test_furniture_does_not_stand_in_other_furniture():
    found = {index: clashes(make_scene("rooms", index)) for index in range(80)}
    # A chair is pushed under its table; that of two turned boxes only the hulls meet is no clash.
    assert not [pair for pairs in found.values() for pair in pairs if set(pair[:2]) != {"table", "chair"}]


@KINDS
def test_the_camera_stands_inside_no_solid(kind):
    for index in range(60):
        scene = make_scene(kind, index)
        local = scene.round_frame[:, :, :3] @ scene.pose[:3, 3] + scene.round_frame[:, :, 3]
        a, b, c, low, high = scene.round_shape.T
        x, y, z = local.T
        assert not ((x * x + y * y < a + b * z + c * z * z) & (z > low) & (z < high)).any()
        bottom, top = extents(scene)
        place, own = scene.pose[:3, 3], scene.object_movable
        around = own & np.all((bottom < place) & (top > place), axis=1)
        assert not around.any() or MAKERS[kind]([index], size=SIZE)["depth"].min() > 0.2
