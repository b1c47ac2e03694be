"""What lies, hangs and stands about in rooms: lamps, plants, screens, rugs, boxes, books, toys, tableware.

As in `furniture`, each function draws one object with its back towards local +y, in metres.
"""

import numpy as np

from sidelib.scenes.furniture import DARK, WHITE
from sidelib.scenes.materials import material

__all__ = [
    "ball", "carton", "desk_things", "floor_lamp", "pendant", "plant", "rug", "screen", "stack_of_books",
    "table_lamp", "tableware", "toy_blocks",
]  # fmt: skip


def floor_lamp(sketch, draw, place, yaw):
    """A lamp on a pole; returns the height of its light."""
    sketch.object("lamp", place, yaw)
    sketch.cone((0, 0, 0), 0.15, 0.12, 0.03, draw.metal(0.2))
    sketch.cylinder((0, 0, 0.72), 0.012, 1.4, draw.metal(0.2))
    sketch.cone((0, 0, 1.38), 0.22, 0.13, 0.26, material("plain", (0.85, 0.76, 0.58), glow=0.55))
    return 1.5


def table_lamp(sketch, draw, place, yaw=0.0):
    """A small lamp for desks and night tables."""
    sketch.object("lamp", place, yaw)
    sketch.cone((0, 0, 0), 0.07, 0.03, 0.05, draw.plain("bright", 0.3))
    sketch.cylinder((0, 0, 0.13), 0.012, 0.2, draw.metal(0.3))
    sketch.cone((0, 0, 0.2), 0.13, 0.08, 0.16, material("plain", (0.85, 0.78, 0.62), glow=0.45))


def pendant(sketch, draw, place, ceiling):
    """A lamp that hangs from the ceiling above `place`; returns the height of its light."""
    drop = float(draw.rng.uniform(0.25, 0.7))
    sketch.object("lamp", (place[0], place[1], ceiling), movable=False)
    sketch.cylinder((0, 0, -drop / 2), 0.008, drop, draw.metal(0.1))
    if draw.rng.random() < 0.5:
        sketch.ball((0, 0, -drop - 0.12), 0.14, material("plain", (0.9, 0.86, 0.75), glow=0.9))
    else:
        sketch.cone((0, 0, -drop - 0.2), 0.2, 0.06, 0.2, (*draw.plain("bright")[:10], 0.3, 0.0))
    return ceiling - drop - 0.1


def plant(sketch, draw, place, yaw=0.0, high=1.1):
    """A potted plant."""
    rng = draw.rng
    leaf = draw.colour("leaf")
    green = material(
        "foliage", tuple(1.5 * part for part in leaf), tuple(0.35 * part for part in leaf), 0.12, seed=draw.seed()
    )
    sketch.object("plant", place, yaw)
    pot = 0.28 * high
    sketch.cone((0, 0, 0), 0.11 * high**0.5, 0.16 * high**0.5, pot, draw.plain("tile", 0.2))
    sketch.cylinder((0, 0, pot + 0.1 * high), 0.015, 0.3 * high, draw.wood((0.2, 0.13, 0.08)))
    for _ in range(6):
        angle, out, z = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.17) * high, rng.uniform(0.5, 0.88) * high
        radii = (rng.uniform(0.1, 0.17) * high, rng.uniform(0.1, 0.17) * high, rng.uniform(0.08, 0.14) * high)
        sketch.ball((out * np.cos(angle), out * np.sin(angle), z), radii, green)


def screen(sketch, draw, place, yaw, wide=1.1, stand=0.08):
    """A television or monitor on a stand."""
    high = wide * 0.57
    black = material("plain", DARK, gloss=0.4)
    sketch.object("screen", place, yaw)
    sketch.box((-wide * 0.2, -0.09, 0), (wide * 0.2, 0.09, 0.015), black)
    sketch.box((-0.03, -0.015, 0.015), (0.03, 0.025, stand + 0.05), black)
    sketch.box((-wide / 2, -0.02, stand), (wide / 2, 0.02, stand + high), black)
    if draw.rng.random() < 0.4:
        picture = material("art", draw.colour("bright"), scale=1.2, glow=0.5, seed=draw.seed())
        sketch.box((-wide / 2 + 0.02, -0.024, stand + 0.02), (wide / 2 - 0.02, -0.0205, stand + high - 0.02), picture)


def rug(sketch, draw, place, yaw, wide, deep):
    """A rug, a centimetre thick."""
    first, second = draw.colour("cloth"), draw.colour("carpet")
    kind, scale = draw.any_of(("carpet", 0.3), ("stripes", 0.22), ("checker", 0.3))
    sketch.object("rug", place, yaw, movable=False)
    sketch.box(
        (-wide / 2, -deep / 2, 0), (wide / 2, deep / 2, 0.008), material("carpet", second, first, 0.2, seed=draw.seed())
    )
    inner = material(kind, first, second, scale, 0.8, seed=draw.seed())
    sketch.box((-wide / 2 + 0.12, -deep / 2 + 0.12, 0.008), (wide / 2 - 0.12, deep / 2 - 0.12, 0.014), inner)


def carton(sketch, draw, place, yaw, side=0.4):
    """A cardboard box with a strip of tape."""
    rng = draw.rng
    wide, deep, high = side * rng.uniform(0.8, 1.4), side * rng.uniform(0.7, 1.1), side * rng.uniform(0.6, 1.1)
    brown = material("plaster", (0.44, 0.30, 0.17), scale=0.15, seed=draw.seed())
    sketch.object("box", place, yaw)
    sketch.box((-wide / 2, -deep / 2, 0), (wide / 2, deep / 2, high), brown)
    sketch.box(
        (-wide / 2 - 0.002, -0.03, high * 0.7),
        (wide / 2 + 0.002, 0.03, high + 0.002),
        material("plain", (0.62, 0.5, 0.33)),
    )
    return high


def ball(sketch, draw, place, radius=None):
    """A ball, plain or chequered."""
    radius = radius or float(draw.rng.uniform(0.07, 0.16))
    bright = draw.colour("bright")
    paint = material("plain", bright, gloss=0.5)
    if draw.rng.random() < 0.4:
        paint = material("stripes", bright, (0.75, 0.75, 0.72), radius * 1.05, gloss=0.3)
    sketch.object("ball", place, float(draw.rng.uniform(0, 6)))
    sketch.ball((0, 0, radius), radius, paint)


def stack_of_books(sketch, draw, place, yaw, count=3):
    """Books lying on each other."""
    rng, z = draw.rng, 0.0
    sketch.object("box", place, yaw)
    for _ in range(count):
        wide, deep, high = rng.uniform(0.14, 0.22), rng.uniform(0.2, 0.28), rng.uniform(0.015, 0.04)
        sketch.box(
            (-wide / 2, -deep / 2, z), (wide / 2, deep / 2, z + high), draw.plain("bright"), yaw=rng.normal(0, 0.15)
        )
        z += high


def toy_blocks(sketch, draw, place, yaw):
    """A small tower of building blocks."""
    rng, z = draw.rng, 0.0
    sketch.object("box", place, yaw)
    for _ in range(int(rng.integers(2, 5))):
        side = rng.uniform(0.08, 0.14)
        sketch.box(
            (-side / 2, -side / 2, z), (side / 2, side / 2, z + side), draw.plain("bright"), yaw=rng.uniform(0, 1.5)
        )
        z += side


def tableware(sketch, draw, place, yaw=0.0):
    """A plate and a cup, or a bowl of fruit, or a vase."""
    kind = int(draw.rng.integers(3))
    white = material("plain", WHITE, gloss=0.4)
    sketch.object("object", place, yaw)
    if kind == 0:
        sketch.cone((0, 0, 0), 0.07, 0.12, 0.02, white)
        sketch.cone((0.2, 0.04, 0), 0.03, 0.042, 0.09, draw.plain("bright", 0.4))
    elif kind == 1:
        sketch.cone((0, 0, 0), 0.06, 0.15, 0.07, white)
        fruit = draw.plain("bright", 0.3)
        for x, y in ((-0.05, 0.0), (0.05, 0.02), (0.0, -0.06), (0.0, 0.05)):
            sketch.ball((x, y, 0.09), 0.042, fruit)
    else:
        glaze = draw.plain("bright", 0.5)
        sketch.cone((0, 0, 0), 0.04, 0.075, 0.12, glaze)
        sketch.cone((0, 0, 0.12), 0.075, 0.03, 0.1, glaze)
        leaf = material("foliage", draw.colour("bright"), (0.05, 0.15, 0.04), 0.05, seed=draw.seed())
        for x, y in ((-0.04, 0.02), (0.05, 0.0), (0.0, -0.03)):
            sketch.ball((x, y, 0.31), (0.06, 0.06, 0.05), leaf)


def desk_things(sketch, draw, place, yaw=0.0):
    """A monitor or a laptop with a keyboard, for a desk."""
    if draw.rng.random() < 0.6:
        screen(sketch, draw, place, yaw, wide=0.55, stand=0.12)
        x, y, z = place
        sketch.object("object", (x + 0.28 * np.sin(yaw), y - 0.28 * np.cos(yaw), z), yaw)
        sketch.box((-0.2, -0.07, 0), (0.2, 0.07, 0.02), material("plain", (0.1, 0.1, 0.11)))
        return
    grey = draw.metal(0.25)
    sketch.object("screen", place, yaw)
    sketch.box((-0.17, -0.24, 0), (0.17, 0.0, 0.018), grey)
    sketch.box((-0.17, -0.005, 0.018), (0.17, 0.005, 0.24), grey, lean=(0, 0.06))
    sketch.box(
        (-0.16, -0.007, 0.03),
        (0.16, -0.0055, 0.23),
        material("art", (0.3, 0.4, 0.6), scale=0.6, glow=0.6),
        lean=(0, 0.056),
    )
