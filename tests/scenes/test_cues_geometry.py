"""The cues that move things or the camera: sizes, contact with the ground, height in the picture."""

from dataclasses import fields

import furnished
import numpy as np
import pytest
import torch
from furnished import movable, shown

from sidelib.scenes.cues import PULL, Cues, apply_cues
from sidelib.scenes.generate import rooms
from sidelib.scenes.rooms import room_scene
from sidelib.scenes.solids import camera_pose
from sidelib.scenes.streets import street_scene

SIZE = (60, 80)
NAMES = [field.name for field in fields(Cues)]
BY_HAND = furnished.room()


def projected(scene):
    """Each movable object's (log of size by distance, log of distance)."""
    away = np.linalg.norm((scene.object_anchor - scene.pose[:3, 3])[:, :2], axis=1)
    largest = [
        np.linalg.norm(np.ptp(scene.faces[scene.face_object == k].reshape(-1, 3), 0))
        if (scene.face_object == k).any()
        else np.nan
        for k in range(len(away))
    ]
    kept = scene.object_movable & np.isfinite(largest)
    return np.log(np.array(largest)[kept] / away[kept]), np.log(away[kept])


def test_size_conflict_makes_like_things_look_alike_however_far():
    twin = furnished.shell()
    for k, y in enumerate((1.8, 2.3, 2.8, 3.3, 3.8)):
        twin.object("box", (0.55 * (k - 2) * y / 2, y, 0.0))
        twin.box((-0.1, -0.01, 0), (0.1, 0.01, 0.2), furnished.BLUE)
    scene = furnished.finished(twin, pose=camera_pose((0, 0, 0.5)))

    def heights(**cues):
        instance = shown(scene, (240, 320), **cues)["instance"][0, 0]
        return np.array([(instance == 6 + k).any(1).sum() for k in range(5)])

    natural, equal = heights(), heights(size="conflict")
    assert natural[0] > 1.8 * natural[4]
    assert equal.max() < 1.25 * equal.min()


def test_size_conflict_breaks_the_tie_of_picture_size_to_distance_in_rooms():
    pairs = [
        [projected(apply_cues(room_scene(1, index), Cues(size=state), 5)) for index in range(15)]
        for state in ("natural", "conflict")
    ]
    natural, conflict = (np.corrcoef(np.concatenate(pair, axis=1))[0, 1] for pair in pairs)
    assert natural < -0.25 and conflict > natural + 0.25


def _centres(scene):
    return -np.linalg.solve(scene.round_frame[:, :, :3], scene.round_frame[:, :, 3:])[..., 0]


@pytest.mark.parametrize("state", ["removed", "conflict"])
@pytest.mark.parametrize("index", range(6))
def test_sizes_change_about_the_point_on_which_a_thing_stands(state, index):
    scene = furnished.room() if index == 0 else room_scene(2, index)
    resized = apply_cues(scene, Cues(size=state), 5)
    anchors, now = scene.object_anchor, resized.object_anchor
    factors = np.ones(len(anchors))
    for k in range(len(anchors)):
        before, after = (
            np.concatenate([part.faces[part.face_object == k].reshape(-1, 3), _centres(part)[part.round_object == k]])
            for part in (scene, resized)
        )
        spread = (before - before.mean(0)).ravel()
        if len(before) == 1:  # a single ball: its radius
            own = scene.round_object == k
            factors[k] = np.linalg.norm(scene.round_frame[own, 0, :3]) / np.linalg.norm(resized.round_frame[own, 0, :3])
        else:
            factors[k] = spread @ (after - after.mean(0)).ravel() / (spread @ spread)
        np.testing.assert_allclose(after - now[k], factors[k] * (before - anchors[k]), atol=1e-9)
        # What stands on the floor stays there; what stands on something that changes goes with it.
    for k in np.flatnonzero(np.abs(now - anchors).max(1) > 1e-9):
        with_carrier = np.isclose(now[k], anchors + factors[k] * (anchors[k] - anchors)).all(1)
        assert (
            with_carrier & scene.object_movable & np.isclose(factors, factors[k]) & np.isclose(anchors, now).all(1)
        ).any()
    assert (factors[~scene.object_movable] == 1).all()
    moved = factors[scene.object_movable]
    assert moved.min() > 0.29 and moved.max() < 2.51
    assert len(moved) < 4 or np.std(np.log(moved)) > 0.1
    assert resized.faces[..., 2].min() > -1e-6 and resized.faces[..., 2].max() < scene.bounds[5] + 1e-6


def test_a_ball_on_a_table_stays_on_it():
    scene = furnished.room()
    for state in ("removed", "conflict"):
        resized = apply_cues(scene, Cues(size=state), 5)
        table, ball = resized.faces[resized.face_object == 6], _centres(resized)[resized.round_object == 7][0]
        radius = 1 / np.linalg.norm(resized.round_frame[resized.round_object == 7][0, 2, :3])
        assert ball[2] - radius == pytest.approx(table[..., 2].max(), abs=1e-9)


def in_camera(scene, points):
    return (points - scene.pose[:3, 3]) @ scene.pose[:3, :3]


def test_contact_removed_lifts_things_and_keeps_their_depth():
    for scene in (furnished.room(), room_scene(4, 2), street_scene(4, 2)):
        lifted = apply_cues(scene, Cues(contact="removed"), 5)
        before, after = in_camera(scene, scene.faces), in_camera(lifted, lifted.faces)
        np.testing.assert_allclose(after[..., 2], before[..., 2], atol=1e-12)
        np.testing.assert_allclose(after[..., 0], before[..., 0], atol=1e-12)
        up = before[..., 1] - after[..., 1]
        own = scene.object_movable[scene.face_object]
        assert np.array_equal(lifted.faces[~own], scene.faces[~own]) and (up[own] > 0.02).all()
        assert (lifted.faces[own][..., 2].min(1) > scene.faces[own][..., 2].min(1) + 0.02).all()


def test_contact_conflict_is_the_same_picture_at_another_depth():
    for scene in (furnished.room(), furnished.room(haze=(0.0,) * 4), room_scene(4, 2), room_scene(0, 5)):
        natural, pulled = shown(scene, (96, 128)), shown(scene, (96, 128), contact="conflict")
        own = movable(scene, natural)
        same = natural["instance"] == pulled["instance"]
        # Things pulled forward may pass before a fixture that hid them, or into the picture's nearest centimetres.
        assert same.float().mean() > 0.97
        torch.testing.assert_close(pulled["depth"][own & same], PULL * natural["depth"][own & same], rtol=1e-5, atol=0)
        assert torch.equal(pulled["depth"][~own & same], natural["depth"][~own & same])
        torch.testing.assert_close(pulled["albedo"].permute(0, 2, 3, 1)[(own & same)[:, 0]],
                                   natural["albedo"].permute(0, 2, 3, 1)[(own & same)[:, 0]], rtol=0, atol=0.02)  # fmt: skip


@pytest.mark.parametrize(
    "others",
    [{}, *({name: state} for name in NAMES if name != "contact" for state in ("removed", "conflict"))],
    ids=lambda others: "-".join(*others.items()) if others else "alone",
)
def test_contact_conflict_leaves_the_image_unchanged(others):
    # One eye cannot tell: bit for bit the picture without it, whatever else is switched.
    natural, pulled = (shown(BY_HAND, smooth=True, **others, **contact) for contact in ({}, {"contact": "conflict"}))
    assert torch.equal(natural["image"], pulled["image"])


def test_contact_conflict_leaves_the_image_of_a_pitched_camera_unchanged():
    natural, pulled = (rooms([3], size=SIZE, pitch=8.0, cues=cues) for cues in (None, Cues(contact="conflict")))
    assert torch.equal(natural["image"], pulled["image"])
    assert (natural["depth"] != pulled["depth"]).any() and torch.equal(natural["pose"], pulled["pose"])


def test_height_conflict_turns_the_camera_upside_down():
    scene = furnished.room()
    natural, turned = shown(scene), shown(scene, height="conflict")
    torch.testing.assert_close(turned["depth"].flip(2, 3), natural["depth"], rtol=1e-5, atol=0)
    assert torch.equal(turned["instance"].flip(2, 3), natural["instance"])
    torch.testing.assert_close(turned["image"].flip(2, 3), natural["image"], rtol=0, atol=1e-3)
    signs = torch.tensor([-1.0, -1.0, 1.0])[:, None, None]
    torch.testing.assert_close(turned["normals"].flip(2, 3) * signs, natural["normals"], rtol=0, atol=1e-5)


def test_height_removed_draws_a_pitch():
    scene, pitches = furnished.room(), []
    for seed in range(40):
        turned = apply_cues(scene, Cues(height="removed"), seed)
        turn = scene.pose[:3, :3].T @ turned.pose[:3, :3]
        np.testing.assert_allclose(turn[:, 0], [1, 0, 0], atol=1e-12)
        assert np.array_equal(turned.pose[:3, 3], scene.pose[:3, 3]) and turned.faces is scene.faces
        pitches.append(np.rad2deg(np.arctan2(turn[2, 1], turn[1, 1])))
    assert min(pitches) < -15 and max(pitches) > 15 and max(np.abs(pitches)) <= 30
