"""Pictorial cues as switches: each can be removed, or set against the others, while the rest of a scene stays."""

from dataclasses import dataclass, fields, replace

import numpy as np

from sidelib.scenes.solids import moved

__all__ = ["PULL", "STATES", "Cues", "apply_cues", "without"]

STATES = ("natural", "removed", "conflict")


@dataclass(frozen=True)
class Cues:
    """The state of each pictorial cue of the thesis (§1), `natural`, `removed` or `conflict`.

    | cue | removed | conflict | depth |
    |---|---|---|---|
    | `occlusion` | no movable objects: nothing overlaps | far objects are painted over near ones | stays; removed: the room behind shows |
    | `perspective` | patterns of straight lines become plain | lines spread with distance | stays |
    | `size` | each object scaled by a random factor | objects scaled by distance: all look equally large | moves on the objects |
    | `texture` | grain becomes plain colour | grain grows with distance | stays |
    | `atmosphere` | no haze | near things are hazy, far ones clear | stays |
    | `shading` | no light at all, colours alone | light from below | stays |
    | `shadows` | no cast shadows | shadows fall to the wrong side | stays |
    | `height` | random camera pitch | the camera is upside down | turns with the camera |
    | `contact` | objects hang above the ground | objects pulled towards the camera and shrunk: the image stays | lifted objects keep theirs; pulled ones: times `PULL` |

    >>> Cues(texture="removed").texture
    'removed'
    """

    occlusion: str = "natural"
    perspective: str = "natural"
    size: str = "natural"
    texture: str = "natural"
    atmosphere: str = "natural"
    shading: str = "natural"
    shadows: str = "natural"
    height: str = "natural"
    contact: str = "natural"

    def __post_init__(self):
        for field in fields(self):
            if getattr(self, field.name) not in STATES:
                raise ValueError(
                    f"{field.name}: expected one of {', '.join(STATES)}, found {getattr(self, field.name)!r}"
                )


PULL = 0.7  # contact="conflict" brings objects to this share of their distance
_SIZES = (0.5, 2.0)


def apply_cues(scene, cues, seed):
    """The scene with those cues that change what is in it or where the camera looks; `seed` for what is drawn."""
    rng = np.random.default_rng([seed, 77])
    factors = np.exp(rng.uniform(*np.log(_SIZES), len(scene.object_class)))
    tilt = np.deg2rad(rng.uniform(-30, 30))
    if cues.occlusion == "removed":
        scene = without(scene, scene.object_movable)
        factors = factors[: len(scene.object_class)]
    if cues.size != "natural":
        scene = _resized(scene, factors if cues.size == "removed" else None)
    if cues.atmosphere == "removed":
        scene = replace(scene, haze=(*scene.haze[:3], 0.0))
    if cues.height != "natural":
        turn = np.eye(4)
        turn[:3, :3] = _about_x(tilt) if cues.height == "removed" else np.diag([-1.0, -1.0, 1.0])
        scene = replace(scene, pose=scene.pose @ turn)
    if cues.contact != "natural":
        scene = _detached(scene, cues.contact)
    return scene


def without(scene, gone):
    """The scene without the objects marked in `gone (O,)`; the others keep their order."""
    kept = ~gone
    number = np.cumsum(kept) - 1
    faces, rounds = kept[scene.face_object], kept[scene.round_object]
    return replace(
        scene,
        faces=scene.faces[faces],
        face_frame=scene.face_frame[faces],
        face_material=scene.face_material[faces],
        face_object=number[scene.face_object[faces]],
        round_frame=scene.round_frame[rounds],
        round_shape=scene.round_shape[rounds],
        round_material=scene.round_material[rounds],
        round_object=number[scene.round_object[rounds]],
        object_class=scene.object_class[kept],
        object_movable=scene.object_movable[kept],
        object_anchor=scene.object_anchor[kept],
    )


def _reach(scene):
    """How far each object extends from its anchor, sideways and upwards, in metres `(O,)` each."""
    wide, high = np.zeros(len(scene.object_class)), np.full(len(scene.object_class), 1e-3)
    inverse = np.linalg.inv(scene.round_frame[:, :, :3])
    centre = -np.einsum("rij,rj->ri", inverse, scene.round_frame[:, :, 3])
    half = np.abs(inverse).sum(2)
    for points, owner in (
        (scene.faces.reshape(-1, 3), np.repeat(scene.face_object, 4)),
        (np.concatenate([centre - half, centre + half]), np.tile(scene.round_object, 2)),
    ):
        off = points - scene.object_anchor[owner]
        np.maximum.at(wide, owner, np.hypot(off[:, 0], off[:, 1]))
        np.maximum.at(high, owner, off[:, 2])
    return wide, high


def _resized(scene, factors):
    """Movable objects scaled about their anchors: by `factors (O,)`, or so that all look equally large."""
    distance = np.linalg.norm((scene.object_anchor - scene.pose[:3, 3])[:, :2], axis=1)
    if factors is None:
        middle = np.median(distance[scene.object_movable]) if scene.object_movable.any() else 1.0
        factors = np.clip(distance / middle, 0.4, 2.5)
    # No object grows into the camera or through the ceiling.
    wide, high = _reach(scene)
    carrier = _carriers(scene, wide, high)
    top = (scene.object_anchor[:, 2] + high) - scene.object_anchor[carrier, 2]
    np.maximum.at(high, carrier, top)  # with what stands on them
    ceiling = scene.bounds[5] if scene.bounds else np.inf
    factors = np.minimum(factors, np.maximum((distance - 0.4) / np.maximum(wide, 1e-3), 0.3))
    factors = np.minimum(factors, np.maximum((ceiling - scene.object_anchor[:, 2]) / high, 0.3))
    matrices = np.tile(np.eye(4), (len(factors), 1, 1))
    chosen = np.where(scene.object_movable, factors, 1.0)
    matrices[:, [0, 1, 2], [0, 1, 2]] = chosen[:, None]
    matrices[:, :3, 3] = scene.object_anchor * (1 - chosen[:, None])
    return moved(scene, matrices[carrier])


def _carriers(scene, wide, high):
    """The object that each object moves with: what it stands on, if that can move, or itself `(O,)`."""
    anchor, carrier = scene.object_anchor, np.arange(len(high))
    for index in np.flatnonzero(scene.object_movable & (anchor[:, 2] > 0.05)):
        below = np.abs(anchor[:, 2] + high - anchor[index, 2]) < 0.04
        beside = np.linalg.norm((anchor - anchor[index])[:, :2], axis=1)
        below &= scene.object_movable & (beside < wide)
        below[index] = False
        if below.any():
            carrier[index] = np.flatnonzero(below)[np.argmin(beside[below])]
    return carrier[carrier]


def _detached(scene, state):
    """Movable objects lifted parallel to the picture, which keeps their depth, or pulled along their rays."""
    matrices = np.tile(np.eye(4), (len(scene.object_class), 1, 1))
    if state == "removed":
        distance = np.linalg.norm(scene.object_anchor - scene.pose[:3, 3], axis=1)
        up = -scene.pose[:3, 1] * np.sign(-scene.pose[2, 1] or 1.0)  # also where the camera is upside down
        matrices[:, :3, 3] = up * (0.12 * distance)[:, None]
    else:
        matrices[:, [0, 1, 2], [0, 1, 2]] = PULL
        matrices[:, :3, 3] = scene.pose[:3, 3] * (1 - PULL)
    # One eye cannot tell: the picture stays that of the natural scene, light and all.
    deceived = moved(scene, matrices, scene.object_movable)
    return replace(deceived, picture=scene) if state == "conflict" else deceived


def _about_x(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
