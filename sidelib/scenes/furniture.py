"""The furniture of rooms. Each function draws one object: its back towards local +y, its middle on the origin.

Sizes are those of real furniture in metres: a network can learn them, and the size cue can contradict them.
"""

import numpy as np

from sidelib.scenes.materials import material

__all__ = [
    "armchair", "bed", "bookcase", "cabinet", "chair", "counter", "fridge", "office_chair", "sofa", "table",
    "wall_cabinets", "wardrobe",
]  # fmt: skip

WHITE = (0.72, 0.72, 0.70)
DARK = (0.03, 0.03, 0.035)


def _legs(sketch, wide, deep, high, thick, paint):
    for x in (-wide / 2, wide / 2 - thick):
        for y in (-deep / 2, deep / 2 - thick):
            sketch.box((x, y, 0), (x + thick, y + thick, high), paint)


def table(sketch, draw, place, yaw, wide=1.4, deep=0.8, high=0.74, paint=None):
    """A table with four legs, or a round one on a foot; returns the height of its top."""
    paint = paint or draw.wood()
    sketch.object("table", place, yaw)
    if wide == deep:
        sketch.cylinder((0, 0, high - 0.015), wide / 2, 0.03, paint)
        sketch.cylinder((0, 0, high / 2), 0.04, high, paint)
        sketch.cone((0, 0, 0), 0.24, 0.05, 0.05, paint)
        return high
    sketch.box((-wide / 2, -deep / 2, high - 0.035), (wide / 2, deep / 2, high), paint)
    _legs(sketch, wide - 0.06, deep - 0.06, high - 0.035, 0.06, paint)
    if high > 0.6:
        sketch.box(
            (-wide / 2 + 0.08, -deep / 2 + 0.05, high - 0.12), (wide / 2 - 0.08, deep / 2 - 0.05, high - 0.035), paint
        )
    return high


def chair(sketch, draw, place, yaw, paint=None, seat=None):
    """A chair at 0.45 m with a slatted or closed back."""
    paint, seat = paint or draw.wood(), seat or paint or draw.cloth()
    sketch.object("chair", place, yaw)
    _legs(sketch, 0.42, 0.42, 0.43, 0.035, paint)
    sketch.box((-0.22, -0.22, 0.43), (0.22, 0.22, 0.47), seat)
    for x in (-0.21, 0.175):
        sketch.box((x, 0.175, 0.47), (x + 0.035, 0.21, 0.92), paint, lean=(0, 0.06))
    if paint[11] % 2:
        sketch.box((-0.175, 0.19, 0.56), (0.175, 0.205, 0.90), paint, lean=(0, 0.045))
    else:
        for z in (0.58, 0.70, 0.82):
            sketch.box((-0.175, 0.195, z), (0.175, 0.21, z + 0.06), paint, lean=(0, 0.01))


def office_chair(sketch, draw, place, yaw):
    """A swivel chair on a star of wheels."""
    cloth, steel = draw.cloth(), draw.metal(0.12)
    sketch.object("chair", place, yaw)
    for turn in (0.0, np.pi / 2):
        sketch.box((-0.3, -0.025, 0.05), (0.3, 0.025, 0.09), steel, yaw=turn)
    sketch.cylinder((0, 0, 0.26), 0.03, 0.36, steel)
    sketch.box((-0.24, -0.24, 0.44), (0.24, 0.24, 0.52), cloth, taper=(0.94, 0.94))
    sketch.box((-0.03, 0.2, 0.4), (0.03, 0.24, 0.7), steel)
    sketch.box((-0.21, 0.19, 0.6), (0.21, 0.26, 1.1), cloth, taper=(0.85, 0.8), lean=(0, 0.06))
    for x in (-0.28, 0.24):
        sketch.box((x, -0.12, 0.64), (x + 0.04, 0.14, 0.67), steel)


def sofa(sketch, draw, place, yaw, wide=2.0):
    """A sofa with two or three cushions."""
    cloth = draw.cloth()
    sketch.object("sofa", place, yaw)
    sketch.box((-wide / 2, -0.42, 0.08), (wide / 2, 0.42, 0.30), cloth)
    sketch.box((-wide / 2, 0.24, 0.30), (wide / 2, 0.42, 0.84), cloth, taper=(1, 0.7), lean=(0, 0.03))
    for x in (-wide / 2, wide / 2 - 0.18):
        sketch.box((x, -0.42, 0.30), (x + 0.18, 0.30, 0.60), cloth, taper=(0.85, 1))
    count = max(1, round((wide - 0.36) / 0.7))
    step = (wide - 0.36) / count
    for k in range(count):
        x = -wide / 2 + 0.18 + k * step
        sketch.box((x + 0.01, -0.40, 0.30), (x + step - 0.01, 0.24, 0.45), cloth, taper=(0.97, 0.97))
    pillow = draw.cloth()
    sketch.ball((-wide / 2 + 0.4, 0.13, 0.62), (0.2, 0.1, 0.18), pillow)
    if wide > 1.5:
        sketch.ball((wide / 2 - 0.42, 0.12, 0.61), (0.19, 0.1, 0.17), pillow)
    for x in (-wide / 2 + 0.05, wide / 2 - 0.1):
        for y in (-0.38, 0.34):
            sketch.box((x, y, 0), (x + 0.05, y + 0.05, 0.08), material("plain", (0.1, 0.06, 0.04)))


def armchair(sketch, draw, place, yaw):
    """A sofa for one."""
    sofa(sketch, draw, place, yaw, wide=0.95)


def bed(sketch, draw, place, yaw, wide=1.6):
    """A bed, head to the wall, with pillows and a blanket."""
    wood, blanket = draw.wood(), draw.cloth()
    linen = material("fabric", (0.70, 0.69, 0.66), scale=0.04, contrast=0.3)
    sketch.object("bed", place, yaw)
    sketch.box((-wide / 2, -1.05, 0.12), (wide / 2, 1.0, 0.32), wood)
    sketch.box((-wide / 2 - 0.02, 0.99, 0), (wide / 2 + 0.02, 1.05, 1.0), wood)
    sketch.box((-wide / 2 + 0.03, -1.02, 0.32), (wide / 2 - 0.03, 0.99, 0.50), linen)
    sketch.box((-wide / 2 - 0.015, -1.07, 0.26), (wide / 2 + 0.015, 0.35, 0.54), blanket, taper=(0.97, 0.99))
    count = 2 if wide > 1.2 else 1
    for k in range(count):
        x = (k - (count - 1) / 2) * wide / 2
        sketch.ball((x, 0.72, 0.56), (0.31, 0.2, 0.1), linen)
    for x in (-wide / 2, wide / 2 - 0.07):
        sketch.box((x, -1.04, 0), (x + 0.07, -0.97, 0.12), wood)


def _case(sketch, wide, deep, high, paint, thick=0.025):
    for x in (-wide / 2, wide / 2 - thick):
        sketch.box((x, -deep / 2, 0), (x + thick, deep / 2, high), paint)
    sketch.box((-wide / 2 + thick, deep / 2 - 0.012, 0), (wide / 2 - thick, deep / 2, high), paint)


def bookcase(sketch, draw, place, yaw, wide=0.9, high=1.9, full=0.8):
    """Shelves with rows of books and a few other things."""
    rng, paint, deep = draw.rng, draw.wood(), 0.3
    sketch.object("shelf", place, yaw)
    _case(sketch, wide, deep, high, paint)
    count = max(2, round(high / 0.36))
    step = (high - 0.08) / count
    for k in range(count + 1):
        z = 0.05 + k * step
        sketch.box((-wide / 2 + 0.025, -deep / 2, z), (wide / 2 - 0.025, deep / 2 - 0.012, z + 0.022), paint)
        if k == count or rng.random() > full + 0.1:
            continue
        room, floor = wide - 0.07, z + 0.022
        length = room * rng.uniform(0.35, 1.0)
        left = -wide / 2 + 0.035 if rng.random() < 0.6 else wide / 2 - 0.035 - length
        spines = material("books", (0.4, 0.3, 0.2), seed=draw.seed())
        first = length * rng.uniform(0.3, 0.7)
        heights = rng.uniform(0.55, 0.85, 2) * (step - 0.03)
        sketch.box((left, -deep / 2 + 0.05, floor), (left + first, deep / 2 - 0.03, floor + heights[0]), spines)
        sketch.box(
            (left + first, -deep / 2 + 0.06, floor), (left + length, deep / 2 - 0.03, floor + heights[1]), spines
        )
        if length < 0.6 * room:
            x = left + length + 0.12 if left < -wide / 2 + 0.04 else left - 0.12
            sketch.cone((x, -0.02, floor), 0.06, 0.035, min(0.2, step - 0.05), draw.plain("bright", 0.3))


def cabinet(sketch, draw, place, yaw, wide=1.0, deep=0.42, high=0.8, columns=2, rows=1):
    """A cupboard or chest of drawers; returns the height of its top."""
    paint = draw.wood() if draw.rng.random() < 0.6 else draw.plain("wall")
    front, steel = (*paint[:1], *(0.9 * part for part in paint[1:4]), *paint[4:]), draw.metal()
    sketch.object("cabinet", place, yaw)
    sketch.box((-wide / 2, -deep / 2 + 0.02, 0.06), (wide / 2, deep / 2, high), paint)
    sketch.box(
        (-wide / 2 + 0.03, -deep / 2 + 0.05, 0), (wide / 2 - 0.03, deep / 2 - 0.03, 0.06), material("plain", DARK)
    )
    sketch.box((-wide / 2 - 0.01, -deep / 2, high), (wide / 2 + 0.01, deep / 2, high + 0.02), paint)
    step_x, step_z = wide / columns, (high - 0.08) / rows
    for i in range(columns):
        for k in range(rows):
            x, z = -wide / 2 + i * step_x, 0.07 + k * step_z
            sketch.box(
                (x + 0.012, -deep / 2, z + 0.008), (x + step_x - 0.012, -deep / 2 + 0.02, z + step_z - 0.008), front
            )
            middle = x + step_x / 2 if rows > 1 else x + (0.8 if i % 2 == 0 else 0.2) * step_x
            level = z + step_z * (0.5 if rows > 1 else 0.7)
            sketch.box(
                (middle - 0.04, -deep / 2 - 0.025, level), (middle + 0.04, -deep / 2 - 0.002, level + 0.015), steel
            )
    return high + 0.02


def wardrobe(sketch, draw, place, yaw, wide=1.2):
    """A tall cupboard."""
    return cabinet(sketch, draw, place, yaw, wide=wide, deep=0.6, high=2.0, columns=2, rows=1)


def counter(sketch, draw, place, yaw, wide, fronts, top, stove=None, sink=None):
    """A kitchen counter with doors, and a stove or a sink at the given x; returns the height of its top."""
    steel = draw.metal(0.45)
    sketch.object("cabinet", place, yaw, movable=False)
    sketch.box((-wide / 2, -0.27, 0.1), (wide / 2, 0.3, 0.86), fronts)
    sketch.box((-wide / 2, -0.22, 0), (wide / 2, 0.3, 0.1), material("plain", DARK))
    sketch.box((-wide / 2 - 0.01, -0.32, 0.86), (wide / 2 + 0.01, 0.3, 0.90), top)
    count = max(1, round(wide / 0.6))
    for k in range(count):
        x = -wide / 2 + k * wide / count
        sketch.box((x + 0.008, -0.292, 0.12), (x + wide / count - 0.008, -0.27, 0.84), fronts)
        sketch.box((x + 0.12, -0.315, 0.76), (x + wide / count - 0.12, -0.293, 0.775), steel)
    if stove is not None:
        black = material("plain", DARK, gloss=0.5)
        sketch.box((stove - 0.29, -0.30, 0.20), (stove + 0.29, -0.294, 0.70), black)
        sketch.box((stove - 0.28, -0.26, 0.90), (stove + 0.28, 0.24, 0.908), black)
        for x in (-0.14, 0.14):
            for y in (-0.13, 0.11):
                sketch.cylinder((stove + x, y, 0.911), 0.085, 0.006, draw.metal(0.12))
        sketch.cylinder((stove + 0.14, 0.11, 0.98), 0.1, 0.13, steel)
    if sink is not None:
        sketch.box((sink - 0.25, -0.22, 0.90), (sink + 0.25, 0.16, 0.906), steel)
        sketch.box((sink - 0.21, -0.18, 0.906), (sink + 0.21, 0.12, 0.909), draw.metal(0.15))
        sketch.cylinder((sink, 0.2, 1.02), 0.014, 0.24, steel)
        sketch.box((sink - 0.012, 0.04, 1.12), (sink + 0.012, 0.21, 1.14), steel)
    return 0.90


def wall_cabinets(sketch, draw, place, yaw, wide, fronts):
    """Kitchen cupboards on the wall, 1.45 to 2.1 m above the floor."""
    sketch.object("cabinet", place, yaw, movable=False)
    sketch.box((-wide / 2, -0.03, 1.45), (wide / 2, 0.3, 2.1), fronts)
    count = max(1, round(wide / 0.6))
    for k in range(count):
        x = -wide / 2 + k * wide / count
        sketch.box((x + 0.008, -0.05, 1.46), (x + wide / count - 0.008, -0.03, 2.09), fronts)
        sketch.box((x + 0.06, -0.07, 1.50), (x + 0.08, -0.051, 1.66), draw.metal())


def fridge(sketch, draw, place, yaw):
    """A fridge with a freezer on top."""
    shell, steel = material("plain", draw.any_of(WHITE, (0.42, 0.43, 0.45)), gloss=0.25), draw.metal()
    sketch.object("cabinet", place, yaw)
    sketch.box((-0.3, -0.28, 0.04), (0.3, 0.3, 1.8), shell)
    for low, high in ((0.06, 1.18), (1.2, 1.79)):
        sketch.box((-0.3, -0.33, low), (0.3, -0.282, high), shell)
    for z in (0.75, 1.26):
        sketch.box((-0.26, -0.37, z), (-0.24, -0.331, z + 0.36), steel)
    sketch.box((-0.28, -0.25, 0), (0.28, 0.28, 0.04), material("plain", DARK))
