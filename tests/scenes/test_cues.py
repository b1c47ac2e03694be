"""Each cue changes what its row of the table in `Cues` says, and nothing else."""

from dataclasses import fields, replace

import furnished
import numpy as np
import pytest
import torch
from furnished import movable, shown

from sidelib.scenes.cues import Cues, apply_cues
from sidelib.scenes.rooms import room_scene
from sidelib.scenes.solids import camera_pose
from sidelib.scenes.streets import street_scene

SIZE = (60, 80)
NAMES = [field.name for field in fields(Cues)]
TRUTH = ("depth", "mask", "normals", "semantic", "instance", "intrinsics", "pose")
IN_THE_IMAGE_ALONE = [
    *((name, state) for name in ("perspective", "texture", "atmosphere", "shading", "shadows") for state in ("removed", "conflict")),
    ("occlusion", "conflict"),
]  # fmt: skip


BY_HAND = furnished.room()


@pytest.mark.parametrize(("name", "state"), IN_THE_IMAGE_ALONE)
@pytest.mark.parametrize("scene", [BY_HAND, room_scene(0, 4), street_scene(0, 4)], ids=["hand-made", "room", "street"])
def test_most_cues_leave_the_truth_bit_for_bit_and_change_the_image(name, state, scene):
    natural, changed = shown(scene), shown(scene, **{name: state})
    for field in TRUTH:
        assert torch.equal(natural[field], changed[field]), field
    if scene is BY_HAND:  # a room may have no lines in view
        assert torch.equal(natural["albedo"], changed["albedo"]) == (name not in ("texture", "perspective"))
        assert (natural["image"] - changed["image"]).abs().mean() > 5e-4


def test_occlusion_removed_shows_the_room_behind():
    scene = furnished.room()
    natural, empty = shown(scene), shown(scene, occlusion="removed")
    gone = movable(scene, natural)
    assert gone.float().mean() > 0.1 and empty["mask"].all()
    for field in ("depth", "semantic", "albedo"):
        same = natural[field] == empty[field]
        assert same[(~gone).expand_as(same)].all()
    assert (empty["depth"][gone] > natural["depth"][gone]).all()
    # Nor do they throw shadows any more.
    torch.testing.assert_close(empty["image"], shown(replace(scene), occlusion="removed", shadows="removed")["image"])


def test_occlusion_conflict_paints_far_objects_over_near_ones():
    twin = furnished.shell()
    twin.object("ball", (0.3, 4.0, 1.2))
    twin.ball((0, 0, 0.3), 0.5, furnished.RED)
    far_alone = furnished.finished(twin, pose=camera_pose((0, 0, 1.5)))
    twin.object("box", (0.1, 2.0, 1.2))
    twin.box((-0.3, -0.1, 0), (0.3, 0.1, 0.6), furnished.BLUE)
    both = furnished.finished(twin, pose=camera_pose((0, 0, 1.5)))
    colours = {"shading": "removed", "atmosphere": "removed"}
    wrong, right = shown(both, **colours, occlusion="conflict"), shown(both, **colours)
    ball = shown(far_alone, **colours)
    on_ball = ball["instance"][:, 0] == 6
    hidden = on_ball & (right["instance"][:, 0] == 7)
    assert hidden.sum() > 40
    wrong, alone, right = (seen["image"].permute(0, 2, 3, 1) for seen in (wrong, ball, right))
    assert torch.equal(wrong[on_ball], alone[on_ball]) and torch.equal(wrong[~on_ball], right[~on_ball])
    assert (wrong[hidden] - right[hidden]).abs().mean() > 0.2


def test_atmosphere_veils_what_is_far_or_what_is_near_or_nothing():
    # In a room without light, what is seen is haze alone: the more of it, the longer the way through it.
    scene = furnished.room(haze=(0.9, 0.9, 0.9, 0.1), lights=(), ambient=(0.0,) * 6)
    seen = {state: shown(scene, atmosphere=state) for state in ("natural", "removed", "conflict")}
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    ray = np.linalg.inv(seen["natural"]["intrinsics"][0].numpy()) @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    order = (seen["natural"]["depth"].flatten().numpy() * np.linalg.norm(ray, axis=0)).argsort()
    brightness = {state: views["image"][0, 0].flatten()[order] for state, views in seen.items()}
    assert brightness["natural"].diff().min() > -1e-5 and brightness["natural"][-1] > brightness["natural"][0] + 0.1
    assert brightness["conflict"].diff().max() < 1e-5 and brightness["conflict"][0] > brightness["conflict"][-1] + 0.1
    assert brightness["removed"].max() == brightness["removed"].min()
    clear = furnished.room(haze=(0.9, 0.9, 0.9, 0.0))
    assert torch.equal(shown(furnished.room(), atmosphere="removed")["image"], shown(clear)["image"])


def test_shading_removed_leaves_colours_alone():
    seen = shown(furnished.room(haze=(0.0,) * 4), shading="removed")
    # One curve takes albedos to the image, whatever the surface and its place.
    albedo, image = seen["albedo"].flatten(), seen["image"].flatten()
    order = albedo.argsort()
    assert (image[order].diff() > -1e-5).all() and image.std() > 0.1


def test_shading_conflict_lights_from_below():
    scene = furnished.room()
    height = {name: [] for name in ("natural", "conflict")}
    for state in height:
        ratio = shown(scene, shading=state)["image"].mean(1) / shown(scene, shading="removed")["image"].mean(1)
        semantic = shown(scene)["semantic"][:, 0]
        height[state] = ratio[semantic == 2].mean() / ratio[semantic == 3].mean()  # floor to ceiling
    assert height["natural"] > 1.1 * height["conflict"]


@pytest.mark.parametrize("smooth", [False, True])
def test_a_shadow_only_darkens(smooth):
    for scene in (furnished.room(noise=0.01), room_scene(0, 4)):
        bright = shown(scene, smooth=smooth, shadows="removed")["image"]
        for state in ("natural", "conflict"):
            dark = shown(scene, smooth=smooth, shadows=state)["image"]
            assert (dark <= bright).all() and (dark < bright - 0.02).float().mean() > 0.005
    natural, conflict = (shown(furnished.room(), shadows=state)["image"] for state in ("natural", "conflict"))
    assert (natural - conflict).abs().mean() > 1e-3


def crossings(seen, rows):
    """How often the floor's albedo crosses its row's mean, for each of some rows."""
    albedo = seen["albedo"][0].mean(0)[rows]
    above = albedo > albedo.mean(1, keepdim=True)
    return (above[:, 1:] != above[:, :-1]).sum(1).float().mean()


@pytest.mark.parametrize(
    ("cue", "other", "paint"), [("perspective", "texture", "CHECKER"), ("texture", "perspective", "LEAVES")]
)
def test_patterns_are_plain_or_grow_with_distance(cue, other, paint):
    twin = furnished.shell(getattr(furnished, paint), furnished.CHECKER)
    scene = furnished.finished(twin, pose=camera_pose((0.2, 0, 1.5), 0, 0.35))
    far, near = (slice(118, 128), slice(100, 220)), (slice(215, 240), slice(100, 220))
    natural, conflict, removed, untouched = (
        shown(scene, (240, 320), **cues) for cues in ({}, {cue: "conflict"}, {cue: "removed"}, {other: "conflict"})
    )
    floor = natural["semantic"][0, 0] == 2
    assert floor[far].all() and floor[near].all()
    assert crossings(natural, far) > 1.5 * crossings(natural, near)
    assert crossings(conflict, far) < 0.8 * crossings(conflict, near)
    assert removed["albedo"][0][:, floor].std(1).max() < 1e-6
    assert torch.equal(untouched["albedo"][0][:, floor], natural["albedo"][0][:, floor])


def test_switches_do_not_disturb_each_other():
    scene = room_scene(5, 1)
    one = {name: apply_cues(scene, Cues(**{name: "removed"}), 5) for name in NAMES}
    both = apply_cues(
        scene, Cues(**dict.fromkeys(NAMES[1:], "removed")), 5
    )  # all but occlusion, which takes things away
    np.testing.assert_array_equal(both.pose, one["height"].pose)
    assert both.haze == one["atmosphere"].haze
    sizes = [np.ptp(part.faces, axis=1) for part in (both, one["size"])]
    np.testing.assert_allclose(*sizes, atol=1e-9)
    # What concerns the image alone has the same effect whatever the others are.
    paint = {"texture": "removed", "perspective": "removed"}
    for more in (
        {"shadows": "removed"},
        {"atmosphere": "conflict"},
        {"shading": "conflict"},
        {"size": "removed"},
        {"contact": "conflict"},
    ):
        plain, mixed = shown(scene, **more), shown(scene, **more, **paint)
        for field in TRUTH:
            assert torch.equal(plain[field], mixed[field])
        only = [shown(scene, **more, **{name: "removed"})["albedo"] for name in paint]
        base = plain["albedo"]
        expected = torch.where(only[0] != base, only[0], only[1])
        assert torch.equal(mixed["albedo"], expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["off", None, True, "Removed"])
def test_an_unknown_state_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name}: expected one of natural, removed, conflict, found {value!r}"):
        Cues(**{name: value})


def test_the_table_in_the_docstring_has_every_cue():
    assert [line.split("`")[1] for line in Cues.__doc__.splitlines() if line.strip().startswith("| `")] == NAMES
