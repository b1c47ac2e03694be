"""Ways to fill a room: against a wall, in the middle, on a table, anywhere on the floor."""

import numpy as np

from sidelib.scenes import furniture as put
from sidelib.scenes import small_things as small
from sidelib.scenes.materials import material

__all__ = [
    "SIDES", "along_wall", "dining_set", "in_the_middle", "openings", "pictures", "scattered", "shell", "stand",
    "upon",
]  # fmt: skip

SIDES = ("left", "right", "far")


def _floor(draw, *kinds):
    kind = draw.any_of(*kinds)
    dark = tuple(0.35 * part for part in draw.colour("wood"))
    if kind == "boards":
        return material("boards", draw.colour("wood"), dark, draw.rng.uniform(0.08, 0.16), gloss=0.1, seed=draw.seed())
    if kind == "tiles":
        colour = draw.colour("tile")
        return material(
            "tiles",
            colour,
            tuple(0.6 * part for part in colour),
            draw.rng.uniform(0.2, 0.5),
            gloss=0.15,
            seed=draw.seed(),
        )
    if kind == "checker":
        return material(
            "checker", (0.66, 0.64, 0.6), (0.07, 0.07, 0.08), draw.rng.uniform(0.2, 0.35), gloss=0.15, seed=draw.seed()
        )
    if kind == "concrete":
        return material("asphalt", (0.42, 0.41, 0.39), scale=0.6, contrast=0.5, seed=draw.seed())
    colour = draw.colour("carpet")
    return material("carpet", colour, tuple(0.7 * part for part in colour), 0.25, seed=draw.seed())


def _wall(draw):
    colour = draw.colour("wall")
    if draw.rng.random() < 0.18:
        paler = tuple(min(0.85, 1.2 * part) for part in colour)
        return material("stripes", colour, paler, draw.rng.uniform(0.12, 0.3), 0.8, seed=draw.seed())
    return material("plaster", colour, scale=0.8, seed=draw.seed())


def shell(room, *floors, accent=0.2, bare=False):
    """Walls, floor and ceiling: one of the given kinds of floor, and sometimes another far wall."""
    draw = room.draw
    special = None
    if draw.rng.random() < accent:
        brick = draw.colour("brick")
        special = draw.any_of(
            material("brick", brick, (0.55, 0.53, 0.5), 0.24, seed=draw.seed()),
            material("plaster", draw.colour("cloth"), scale=0.8, seed=draw.seed()),
            material("boards", draw.colour("wood"), (0.06, 0.04, 0.03), 0.12, seed=draw.seed()),
        )
    ceiling = material("plaster", (0.80, 0.80, 0.78), scale=0.6, contrast=0.5, seed=draw.seed())
    wall = material("plaster", (0.55, 0.54, 0.52), scale=0.5, seed=draw.seed()) if bare else _wall(draw)
    room.shell(_floor(draw, *floors), wall, ceiling, special)


def openings(room, windows=(1, 3), doors=0.7):
    """Perhaps a door, and some windows; the sun shines in on one side of the house at most."""
    sun = (float(room.rng.normal(0, 0.5)), 1.0, float(room.rng.uniform(0.5, 1.0))) if room.rng.random() < 0.6 else None
    sunny = room.draw.any_of(*SIDES)  # the sun shines on one side of a house only
    if room.rng.random() < doors:
        room.door(room.draw.any_of(*SIDES))
    for _ in range(int(room.rng.integers(*windows))):
        wall = room.draw.any_of(*SIDES)
        room.window(wall, sun if wall == sunny else None)


def pictures(room, most=3):
    """Up to `most` pictures on the walls."""
    for _ in range(int(room.rng.integers(0, most + 1))):
        room.picture(room.draw.any_of(*SIDES))


def stand(room, what, wide, deep, high, walls=None, /, **options):
    """Put a piece of furniture against a wall, most often one in view: (place, yaw, what it returned), or None."""
    seen = walls or (room.facing if room.rng.random() < 0.8 else SIDES)
    for wall in room.rng.permutation(seen):
        spot = room.spot(str(wall), wide, deep, high)
        if spot:
            return (*spot, what(room.sketch, room.draw, *spot, **options))
    return None


def upon(room, placed, things, wide, deep, most=3):
    """Put small things on top of what `_stand` placed."""
    if not placed or placed[2] is None:
        return
    (x, y, _), yaw, top = placed
    c, s = np.cos(yaw), np.sin(yaw)
    count = int(room.rng.integers(1, most + 1))
    for k in range(count):
        u = (k + 0.5 - count / 2) * (wide - 0.25) / count + room.rng.normal(0, 0.03)
        v = room.rng.uniform(-0.5, 0.5) * max(0.0, deep - 0.3)
        thing = room.draw.any_of(*things)
        thing(
            room.sketch, room.draw, (x + c * u - s * v, y + s * u + c * v, top), yaw + float(room.rng.normal(0, 0.25))
        )


def in_the_middle(room, wide, deep, tries=10):
    """A free place away from the walls: (place, yaw), or None."""
    for _ in range(tries):
        place = (float(room.rng.uniform(-0.3, 0.3)) * room.wide, float(room.rng.uniform(0.4, 0.75)) * room.deep, 0.0)
        yaw = float(room.draw.any_of(0.0, np.pi / 2))
        if room.free(place, yaw, wide, deep):
            room.take(place, yaw, wide, deep)
            return place, yaw
    return None


def dining_set(room, wide, deep, chairs=4):
    """A table in the middle of the room with chairs around it and tableware on it."""
    spot = in_the_middle(room, wide + 1.0, deep + 1.0)
    if not spot:
        return
    place, yaw = spot
    paint = room.draw.wood()
    top = put.table(room.sketch, room.draw, place, yaw, wide, deep, paint=paint)
    upon(room, (place, yaw, top), (small.tableware, small.tableware, small.stack_of_books), wide, deep, 3)
    c, s = np.cos(yaw), np.sin(yaw)
    seats = [(u, side) for u in ((-wide / 4, wide / 4) if wide > 1.1 else (0.0,)) for side in (1, -1)]
    seats += [(0.0, 2), (0.0, -2)]
    cloth = room.draw.cloth()
    seat = room.draw.any_of(None, cloth)
    for u, side in seats[:chairs]:
        out = room.rng.uniform(0.02, 0.3)
        x, y = (u, np.sign(side) * (deep / 2 + out)) if abs(side) == 1 else (np.sign(side) * (wide / 2 + out), 0.0)
        turn = {1: 0.0, -1: np.pi, 2: -np.pi / 2, -2: np.pi / 2}[side]
        put.chair(
            room.sketch, room.draw, (place[0] + c * x - s * y, place[1] + s * x + c * y, 0.0),
            yaw + turn + float(room.rng.normal(0, 0.12)), paint, seat,
        )  # fmt: skip


def scattered(room, what, count, size, **options):
    """Small things on the floor wherever there is space."""
    for _ in range(count):
        for _ in range(5):
            place = (
                float(room.rng.uniform(-0.45, 0.45)) * room.wide,
                float(room.rng.uniform(0.2, 0.95)) * room.deep,
                0.0,
            )
            if room.free(place, 0.0, size, size):
                room.take(place, 0.0, size, size)
                what(room.sketch, room.draw, place, **options)
                break


def along_wall(room, wall, place):
    """Where along a wall's middle a floor point lies: the inverse of `Room.against`."""
    return {"far": place[0], "near": -place[0], "left": place[1] - room.deep / 2, "right": room.deep / 2 - place[1]}[
        wall
    ]
