"""Furnished rooms: eleven families, each a way to fill a room, and the camera that somebody would hold in it."""

import numpy as np

from sidelib.scenes import small_things as small
from sidelib.scenes.materials import Palette
from sidelib.scenes.room_families import FAMILIES
from sidelib.scenes.room_shell import Room
from sidelib.scenes.solids import Light, Sketch, camera_pose

__all__ = ["ROOM_FAMILIES", "room_scene"]

ROOM_FAMILIES = tuple(FAMILIES)


def room_scene(seed, index, family=None):
    """The `index`-th room of a seed, of a given family or one drawn by its number."""
    rng = np.random.default_rng([seed, index, 1])
    family = family or ROOM_FAMILIES[int(rng.integers(len(ROOM_FAMILIES)))]
    sizes, fill = FAMILIES[family]
    (wide, deep, high) = (float(rng.uniform(*limits)) for limits in sizes)
    sketch, draw = Sketch(), Palette(rng)
    room = Room(sketch, draw, wide, deep, high)

    corner = rng.random() < 0.4 and wide > 2.5
    x = draw.any_of(-1, 1) * (wide / 2 - 0.35) if corner else float(rng.uniform(-0.5, 0.5)) * (wide / 2 - 0.5)
    y = float(rng.uniform(0.25, 0.6))
    target = float(-0.5 * x + rng.normal(0, 0.12 * wide))
    yaw = float(-np.arctan2(target - x, deep * rng.uniform(0.75, 1.0) - y))
    held = float(rng.uniform(1.05, 1.7)) if rng.random() < 0.85 else float(rng.uniform(0.6, 1.05))
    camera = (x, y, held)
    # Some pictures are taken over a table or past a chair.
    room.look(camera, yaw, 0.9 if rng.random() < 0.6 else 0.35)

    looked = len(room.taken)
    fill(room)
    pitch = float(np.clip(rng.normal(0.17, 0.11), -0.1, 0.34))
    if rng.random() < 0.2:
        closer = _closer(room, sketch.places(without=("picture", "lamp", "screen", "object")), looked)
        camera, yaw, pitch = closer or (camera, yaw, pitch)
    _light(room)
    lit_by_day = len(room.lights) > 3
    ambient = (0.33, 0.33, 0.34, 0.33, 0.30, 0.26) if lit_by_day else (0.30, 0.27, 0.23, 0.29, 0.25, 0.20)
    scale = float(rng.uniform(0.85, 1.1))
    return sketch.scene(
        pose=camera_pose(camera, yaw, pitch, float(rng.normal(0, 0.015))),
        focal=float(rng.uniform(0.72, 0.98)),
        lights=tuple(room.lights),
        ambient=tuple(scale * part for part in ambient),
        haze=(0.62, 0.62, 0.62, float(rng.uniform(0.006, 0.018))),
        bounds=room.bounds,
        exposure=float(rng.uniform(0.85, 1.15)),
        noise=float(rng.uniform(0.004, 0.014)),
        seed=(seed * 1_000_003 + index * 7919 + 1) % 2**31,
        family=ROOM_FAMILIES.index(family),
    )


def _closer(room, places, looked):
    """A camera an arm's length or two from some piece of furniture: (place, yaw, pitch), or None."""
    rng = room.rng
    standing = room.taken[looked:]
    for _ in range(12 if places else 0):
        x, y, z = places[int(rng.integers(len(places)))]
        away = float(rng.uniform(0.75, 1.5))
        side = float(np.arctan2(room.deep / 2 - y, -x) + rng.normal(0, 0.5))  # from the room's side of it
        at = (x + away * np.cos(side), y + away * np.sin(side))
        inside = abs(at[0]) < room.wide / 2 - 0.3 and 0.3 < at[1] < room.deep - 0.3
        clear = all(not (a - 0.3 < at[0] < b + 0.3 and c - 0.3 < at[1] < d + 0.3) for a, b, c, d in standing)
        if inside and clear:
            held = float(rng.uniform(1.1, 1.6))
            yaw = float(-np.arctan2(x - at[0], y - at[1]) + rng.normal(0, 0.1))
            return (*at, held), yaw, float(np.clip(np.arctan2(held - z - 0.6, away), 0.0, 0.6))
    return None


def _light(room):
    """A lamp at the ceiling, and light from straight above that darkens what stands under something."""
    rng = room.rng
    x, y = float(rng.uniform(-0.2, 0.2)) * room.wide, float(rng.uniform(0.45, 0.65)) * room.deep
    z = small.pendant(room.sketch, room.draw, (x, y), room.high) if rng.random() < 0.6 else room.high - 0.12
    warm = float(rng.uniform(0.7, 1.0))
    strength = float(rng.uniform(0.9, 1.4)) if len(room.lights) else 1.6
    room.lights.append(
        Light((x, y, z), (strength, strength * (0.55 + 0.45 * warm), strength * warm**2), reach=0.55 * room.deep)
    )
    room.lights.append(Light((0.05, -0.08, 1.0), (0.30, 0.30, 0.31), True))
