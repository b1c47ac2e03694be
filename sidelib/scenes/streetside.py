"""What stands along streets. Each function draws one object, its front towards local -y unless it says otherwise.

Far objects leave out what nobody would see (`near=False`): a scene has a few hundred solids at most.
"""

import numpy as np

from sidelib.scenes.materials import material

__all__ = [
    "bench", "block", "bollard", "bus", "bush", "car", "conifer", "fence", "fountain", "hill", "house", "lamp_post",
    "person", "sign", "traffic_light", "tree", "wall",
]  # fmt: skip

DARK = (0.03, 0.03, 0.035)
GLASS = material("plain", (0.05, 0.06, 0.08), gloss=0.5)


def _facade(sketch, wide, deep, high, paint):
    """Four walls whose pattern starts at the ground and at a corner."""
    x, y = wide / 2, deep / 2
    for (ax, ay), (bx, by) in (((-x, -y), (x, -y)), ((x, -y), (x, y)), ((x, y), (-x, y)), ((-x, y), (-x, -y))):
        sketch.quad([(ax, ay, 0), (bx, by, 0), (bx, by, high), (ax, ay, high)], paint)


def _front_door(sketch, draw, x, deep):
    sketch.box((x - 0.5, -deep / 2 - 0.06, 0.0), (x + 0.5, -deep / 2, 2.15), draw.wood())
    sketch.box(
        (x - 0.7, -deep / 2 - 0.35, 0.0), (x + 0.7, -deep / 2, 0.14), material("stone", (0.5, 0.5, 0.48), scale=0.3)
    )


def house(sketch, draw, place, yaw, columns=3, storeys=2, deep=8.0, near=True, eaves=0.25):
    """A house with a gable roof that reaches `eaves` past its sides, `columns` windows wide; returns its width."""
    rng, storey = draw.rng, 2.8
    wide, high = columns * storey * 0.85, storeys * storey + 0.3
    brick = rng.random() < 0.35
    wall = draw.colour("brick") if brick else draw.colour("house")
    paint = material("facade", wall, (0.06, 0.08, 0.11), storey, gloss=0.0, seed=draw.seed())
    sketch.object("building", place, yaw, movable=False)
    _facade(sketch, wide, deep, high, paint)
    roof = draw.colour("roof")
    tiled = material("roof", roof, tuple(0.5 * part for part in roof), 0.35, seed=draw.seed())
    rise = rng.uniform(2.0, 3.6)
    sketch.box(
        (-wide / 2 - eaves, -deep / 2 - 0.4, high), (wide / 2 + eaves, deep / 2 + 0.4, high + rise), tiled, (1.0, 0.02)
    )
    chimney = wide * rng.uniform(-0.3, 0.3)
    bricks = material("brick", draw.colour("brick"), (0.5, 0.48, 0.45), 0.24, seed=draw.seed())
    sketch.box((chimney - 0.35, 0.2, high + 0.4), (chimney + 0.35, 0.9, high + rise + 0.8), bricks)
    door = (int(rng.integers(columns)) - columns / 2) * storey * 0.85 + 0.25
    if near:
        _front_door(sketch, draw, door, deep)
    return wide


def block(sketch, draw, place, yaw, columns=6, storeys=5, deep=12.0, near=True):
    """An apartment or office block with a flat roof; returns its width."""
    rng, storey = draw.rng, 3.1
    wide, high = columns * storey * 0.85, storeys * storey + 0.4
    paint = material("facade", draw.colour("house"), (0.07, 0.09, 0.12), storey, seed=draw.seed())
    sketch.object("building", place, yaw, movable=False)
    _facade(sketch, wide, deep, high, paint)
    trim = material("stone", (0.5, 0.49, 0.46), (0.4, 0.39, 0.37), 0.5, seed=draw.seed())
    sketch.box((-wide / 2 - 0.2, -deep / 2 - 0.2, high), (wide / 2 + 0.2, deep / 2 + 0.2, high + 0.5), trim)
    if rng.random() < 0.6:  # shops on the ground floor
        sketch.box((-wide / 2 + 0.3, -deep / 2 - 0.05, 0.4), (wide / 2 - 0.3, -deep / 2, 2.5), GLASS)
        cloth = draw.colour("bright")
        awning = material("stripes", cloth, (0.7, 0.7, 0.68), 0.5, seed=draw.seed())
        sketch.box(
            (-wide / 2 + 0.3, -deep / 2 - 1.1, 2.55), (wide / 2 - 0.3, -deep / 2, 2.95), awning, (1.0, 0.05), (0, 0.5)
        )
    elif near:
        _front_door(sketch, draw, 0.3, deep)
    if near and storeys < 8:
        sketch.box((-1.2, 0.5, high + 0.5), (1.4, 3.0, high + 2.4), trim)
    return wide


def wall(sketch, draw, place, yaw, wide, high):
    """A free wall of bricks or plaster."""
    bricks = material("brick", draw.colour("brick"), (0.5, 0.48, 0.45), 0.24, seed=draw.seed())
    plaster = material("panels", draw.colour("house"), scale=2.5, seed=draw.seed())
    sketch.object("building", place, yaw, movable=False)
    sketch.box((-wide / 2, -0.15, 0), (wide / 2, 0.15, high), draw.any_of(bricks, plaster))
    sketch.box((-wide / 2, -0.2, high), (wide / 2, 0.2, high + 0.08), material("stone", (0.5, 0.49, 0.47), scale=0.4))


def fence(sketch, draw, place, yaw, wide, high=1.1):
    """A garden fence of boards, or a hedge."""
    sketch.object("fence", place, yaw, movable=False)
    if draw.rng.random() < 0.5:
        leaf = draw.colour("leaf")
        sketch.box((-wide / 2, -0.35, 0), (wide / 2, 0.35, high), _leaves(draw, leaf, 0.25), taper=(1.0, 0.85))
        return
    boards = draw.any_of(material("stripes", (0.62, 0.61, 0.58), (0.30, 0.30, 0.29), 0.16, seed=3), draw.wood())
    sketch.box((-wide / 2, -0.02, 0.12), (wide / 2, 0.02, high), boards)
    if place[1] > 30:
        return
    for x in np.arange(-wide / 2, wide / 2 + 0.1, 2.4):
        sketch.box((x - 0.05, -0.05, 0), (x + 0.05, 0.05, high + 0.1), draw.wood())


def _leaves(draw, leaf, size):
    return material(
        "foliage", tuple(1.3 * part for part in leaf), tuple(0.3 * part for part in leaf), size, seed=draw.seed()
    )


def tree(sketch, draw, place, yaw=0.0, high=7.0, near=True):
    """A broad-leaved tree: a trunk and a crown of overlapping balls of leaves."""
    rng = draw.rng
    green = _leaves(draw, draw.colour("leaf"), 0.7)
    bark = material("grain", (0.20, 0.14, 0.09), (0.09, 0.06, 0.04), 0.12, seed=draw.seed())
    sketch.object("tree", place, yaw)
    sketch.cone((0, 0, -0.05), 0.028 * high, 0.014 * high, 0.6 * high, bark)
    width = rng.uniform(0.85, 1.2)
    for k in range(6 if near else 3):
        angle = 2.4 * k + rng.uniform(0, 1)
        out = high * width * (rng.uniform(0.10, 0.22) if k else 0.0)
        radius = high * rng.uniform(0.15, 0.21) * (1.0 if near else 1.25)
        z = high * (rng.uniform(0.5, 0.78) if k else 0.8)
        sketch.ball(
            (out * np.cos(angle), out * np.sin(angle), z), (radius * width, radius * width, radius * 0.85), green
        )


def conifer(sketch, draw, place, yaw=0.0, high=9.0, near=True):
    """A fir: cones on a trunk."""
    needles = _leaves(draw, (0.05, 0.13, 0.05), 0.4)
    sketch.object("tree", place, yaw)
    sketch.cylinder((0, 0, 0.1 * high), 0.02 * high, 0.2 * high, material("grain", (0.2, 0.13, 0.08), scale=0.1))
    count = 4 if near else 2
    for k in range(count):
        low, size = 0.14 + 0.62 * k / count, 0.22 * (1 - 0.75 * k / count)
        sketch.cone(
            (0, 0, low * high),
            size * high,
            0.02 * high,
            (1.02 - low) * high * (0.55 if k < count - 1 else 1.0),
            needles,
        )


def bush(sketch, draw, place, yaw=0.0, high=1.2):
    """A round bush."""
    green = _leaves(draw, draw.colour("leaf"), 0.25)
    sketch.object("plant", place, yaw)
    for x, y, size in ((0.0, 0.0, 0.55), (0.4, 0.1, 0.42), (-0.35, -0.1, 0.45)):
        sketch.ball(
            (x * high, y * high, 0.42 * size / 0.55 * high), (size * high, size * high, 0.5 * high), green, low=-0.84
        )


def car(sketch, draw, place, yaw=0.0, near=2, paint=None):
    """A car that faces local +y: 4.4 x 1.8 x 1.45 m; `near` 0 leaves out wheels and lamps, 1 posts and rims."""
    paint = paint or material("plain", draw.colour("car"), gloss=0.5)
    black = material("plain", DARK)
    long = draw.rng.uniform(2.05, 2.3)
    sketch.object("car", place, yaw)
    sketch.box((-0.88, -long, 0.26), (0.88, long, 0.80), paint, taper=(0.96, 0.97))
    low, high = draw.any_of((-1.75, 0.85), (-2.05, 0.8))
    sketch.box((-0.80, low, 0.80), (0.80, high, 1.38), GLASS, taper=(0.80, 0.62), lean=(0, -0.12))
    middle, half = (low + high) / 2 - 0.12, (high - low) * 0.31
    sketch.box((-0.645, middle - half, 1.375), (0.645, middle + half, 1.43), paint)
    sketch.box((-0.80, -long + 0.1, 0.0 if not near else 0.18), (0.80, long - 0.1, 0.26), black)
    if not near:
        return
    rim, white = material("plain", (0.5, 0.5, 0.52), gloss=0.4), material("plain", (0.85, 0.85, 0.8), gloss=0.5)
    red, plate = material("plain", (0.6, 0.03, 0.02), glow=0.2), material("plain", (0.75, 0.75, 0.7))
    for side in (-1, 1):
        for y in (-1.35, 1.35):
            sketch.cylinder((side * 0.78, y, 0.32), 0.32, 0.22, black, axis="x")
            if near > 1:
                sketch.cylinder((side * 0.885, y, 0.32), 0.19, 0.025, rim, axis="x")
        for end, paint_of_lamp in ((1, white), (-1, red)):
            _lamp(sketch, side * 0.70, end, long, (0.14, 0.58, 0.70), paint_of_lamp)
        if near > 1:
            for post in (low + 0.45, (low + high) / 2 + 0.05):
                sketch.box(
                    (side * 0.79 - 0.03, post - 0.04, 0.80), (side * 0.79 + 0.03, post + 0.04, 1.38), paint,
                    lean=(-side * 0.15, 0),
                )  # fmt: skip
    for end in (-1, 1):
        _lamp(sketch, 0.0, end, long, (0.26, 0.42, 0.53), plate)


def _lamp(sketch, x, end, long, size, paint):
    """A flat thing on the front (`end` 1) or back of a car's body, which leans inwards."""
    half, *heights = size
    (low, below), (top, above) = ((end * (long + 0.015 - 0.055 * (z - 0.26)), z) for z in heights)
    a, b = x + end * half, x - end * half
    sketch.quad([(a, low, below), (b, low, below), (b, top, above), (a, top, above)], paint)


def bus(sketch, draw, place, yaw=0.0):
    """A bus that faces local +y: 11 x 2.5 x 3.1 m."""
    paint, black = material("plain", draw.colour("bright"), gloss=0.3), material("plain", DARK)
    sketch.object("car", place, yaw)
    sketch.box((-1.25, -5.5, 0.32), (1.25, 5.5, 3.1), paint)
    sketch.box((-1.262, -5.2, 1.35), (1.262, 5.2, 2.5), GLASS)
    sketch.box((-1.1, -5.512, 1.25), (1.1, 5.512, 2.7), GLASS)
    for x in (-1.1, 1.1):
        for y in (-3.4, 3.4):
            sketch.cylinder((x, y, 0.48), 0.48, 0.32, black, axis="x")
        sketch.box((x - 0.2, -5.52, 0.7), (x + 0.1, -5.49, 0.9), material("plain", (0.6, 0.03, 0.02), glow=0.2))


def person(sketch, draw, place, yaw=0.0, high=None, near=2):
    """A standing or walking person, 1.55 to 1.9 m tall; `near` 0 leaves out the arms, 1 hands, feet and neck."""
    rng = draw.rng
    high = high or float(rng.uniform(1.55, 1.9))
    skin = material("plain", draw.colour("skin"))
    top, trousers, hair = draw.cloth(draw.colour("bright")), draw.cloth(), material("plain", draw.colour("wood"))
    sketch.object("person", place, yaw, scale=high / 1.75)
    step = rng.uniform(0.0, 0.22)
    for side in (-1, 1):
        sketch.box(
            (side * 0.1 - 0.07, side * step - 0.08, 0.0), (side * 0.1 + 0.07, side * step + 0.08, 0.86), trousers,
            taper=(1.15, 1.1), lean=(0, -side * step),
        )  # fmt: skip
        if near > 1:
            sketch.box(
                (side * 0.1 - 0.06, side * step - 0.18, 0.0),
                (side * 0.1 + 0.06, side * step + 0.09, 0.08),
                material("plain", DARK),
            )
        if near:
            sketch.box(
                (side * 0.27 - 0.05, -side * step - 0.05, 0.82), (side * 0.27 + 0.05, -side * step + 0.05, 1.42), top,
                taper=(1.2, 1.2), lean=(-side * 0.05, side * step),
            )  # fmt: skip
        if near > 1:
            sketch.ball((side * 0.27, -side * step, 0.79), 0.055, skin)
    sketch.box((-0.18, -0.11, 0.82), (0.18, 0.11, 1.40), top, taper=(1.2, 1.05))
    sketch.ball((0, 0, 1.38), (0.23, 0.12, 0.12), top)
    if near > 1:
        sketch.cylinder((0, 0, 1.48), 0.055, 0.14, skin)
    sketch.ball((0, 0, 1.62), (0.095, 0.11, 0.13), skin)
    sketch.ball((0, 0.018, 1.645), (0.102, 0.112, 0.125), hair, low=0.0)


def lamp_post(sketch, draw, place, yaw=0.0, high=6.5):
    """A street lamp whose arm reaches towards local -y."""
    steel = material("plain", (0.22, 0.24, 0.25), gloss=0.3)
    sketch.object("pole", place, yaw)
    sketch.cone((0, 0, 0), 0.10, 0.05, high, steel)
    sketch.box((-0.04, -1.3, high - 0.06), (0.04, 0.05, high + 0.02), steel)
    sketch.box((-0.13, -1.7, high - 0.09), (0.13, -1.0, high + 0.03), material("plain", (0.6, 0.6, 0.58)))


def traffic_light(sketch, draw, place, yaw=0.0):
    """Red above yellow above green, facing local -y."""
    sketch.object("pole", place, yaw)
    sketch.cylinder((0, 0, 1.5), 0.06, 3.0, material("plain", (0.2, 0.2, 0.2)))
    sketch.box((-0.17, -0.14, 2.35), (0.17, 0.14, 3.3), material("plain", DARK))
    lit = int(draw.rng.integers(3))
    for k, colour in enumerate(((0.05, 0.5, 0.15), (0.8, 0.5, 0.02), (0.8, 0.03, 0.02))):
        bright = 1.5 if k == lit else 0.0
        sketch.cylinder(
            (0, -0.15, 2.52 + 0.3 * k),
            0.11,
            0.04,
            material("plain", colour if bright else tuple(0.25 * c for c in colour), glow=bright),
            axis="y",
        )


def sign(sketch, draw, place, yaw=0.0):
    """A round or square traffic sign facing local -y."""
    sketch.object("pole", place, yaw)
    sketch.cylinder((0, 0, 1.25), 0.035, 2.5, material("plain", (0.45, 0.46, 0.47), gloss=0.3))
    colour = material("plain", draw.any_of((0.02, 0.10, 0.45), (0.65, 0.03, 0.03), (0.75, 0.55, 0.03)))
    white = material("plain", (0.75, 0.75, 0.74))
    if draw.rng.random() < 0.6:
        sketch.cylinder((0, -0.05, 2.25), 0.32, 0.02, colour, axis="y")
        sketch.cylinder((0, -0.063, 2.25), 0.22, 0.01, white, axis="y")
    else:
        sketch.box((-0.32, -0.06, 1.95), (0.32, -0.04, 2.6), colour)
        sketch.box((-0.24, -0.066, 2.2), (0.24, -0.0605, 2.35), white)


def bench(sketch, draw, place, yaw=0.0):
    """A park bench."""
    wood = draw.wood((0.34, 0.20, 0.11))
    sketch.object("object", place, yaw)
    for x in (-0.75, 0.67):
        sketch.box((x, -0.25, 0), (x + 0.08, 0.25, 0.42), material("plain", (0.15, 0.16, 0.16)))
    sketch.box((-0.9, -0.27, 0.42), (0.9, 0.22, 0.46), wood)
    sketch.box((-0.9, 0.20, 0.55), (0.9, 0.24, 0.88), wood, lean=(0, 0.08))


def bollard(sketch, draw, place, yaw=0.0):
    """A low post."""
    sketch.object("pole", place, yaw)
    sketch.cylinder((0, 0, 0.42), 0.08, 0.84, material("plain", (0.18, 0.19, 0.2), gloss=0.2))
    sketch.ball((0, 0, 0.86), 0.1, material("plain", (0.18, 0.19, 0.2), gloss=0.2))


def fountain(sketch, draw, place, yaw=0.0):
    """A round stone fountain with water."""
    stone = material("stone", (0.55, 0.53, 0.49), (0.4, 0.38, 0.35), 0.4, seed=draw.seed())
    sketch.object("object", place, yaw, movable=False)
    sketch.cone((0, 0, 0), 2.4, 2.5, 0.55, stone)
    sketch.cylinder((0, 0, 0.56), 2.2, 0.03, material("water", (0.10, 0.22, 0.26), (0.25, 0.4, 0.44), 0.5, gloss=0.5))
    sketch.cone((0, 0, 0.5), 0.35, 0.2, 1.3, stone)
    sketch.cone((0, 0, 1.7), 0.3, 0.9, 0.3, stone)


def hill(sketch, draw, place, yaw=0.0, wide=60.0, high=12.0):
    """A wooded hill that closes the view."""
    green = _leaves(draw, draw.colour("leaf"), 4.0)
    sketch.object("grass", place, yaw, movable=False)
    sketch.ball((0, 0, 0), (wide, 0.35 * wide, high), green, low=-0.05)
