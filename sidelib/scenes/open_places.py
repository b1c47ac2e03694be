"""Outdoor scenes with more sky: roads through the country, squares, parks, car parks."""

import numpy as np

from sidelib.scenes import streetside as put
from sidelib.scenes.materials import material
from sidelib.scenes.town import FAR, NEAR

__all__ = ["car_park", "country_road", "highway", "park", "square"]


def highway(town):
    """A motorway with two carriageways."""
    rng = town.rng
    lane = 3.6
    lanes = int(rng.integers(2, 4))
    half = lane * lanes / 2
    middle = half + 1.6
    for side in (-1, 1):
        # The hard shoulder is on the outside; the strip of grass lies on the inner edges.
        x0, x1 = sorted((0.0, side * (middle + half + 1.4)))
        town.sketch.object("road", movable=False)
        strips = material("asphalt", (0.18, 0.18, 0.19), scale=0.5, contrast=0.8, seed=town.draw.seed())
        town.sketch.quad([(x0, NEAR, 0), (x1, NEAR, 0), (x1, FAR, 0), (x0, FAR, 0)], strips)
        white = material("plain", (0.7, 0.7, 0.68))
        for k in range(lanes + 1):
            x = side * middle - half + k * lane
            if k in (0, lanes):
                town.sketch.box((x - 0.07, NEAR, -0.1), (x + 0.07, FAR, 0.006), white)
                continue
            for y in np.arange(2.0, 95.0, 9.0):
                town.sketch.quad(
                    [(x - 0.06, y, 0.006), (x + 0.06, y, 0.006), (x + 0.06, y + 3, 0.006), (x - 0.06, y + 3, 0.006)],
                    white,
                )
        for k in range(lanes):
            town.traffic(
                side * middle - half + (k + 0.5) * lane, 8, 85, int(rng.integers(1, 4)), 0.0 if side > 0 else np.pi
            )
        town.ground("grass", *sorted((side * (middle + half + 1.4), side * 120)), NEAR, FAR, town.lawn(), -0.02)
        steel = material("plain", (0.45, 0.46, 0.47), gloss=0.2)
        x = side * (middle + half + 1.9)
        town.sketch.object("fence", movable=False)
        town.sketch.box((x - 0.03, NEAR, 0.45), (x + 0.03, FAR, 0.75), steel)
        for y in np.arange(2, 70, 4.0):
            town.sketch.box((x - 0.04, y, -0.05), (x + 0.04, y + 0.1, 0.45), steel)
        town.along(
            town.draw.any_of(put.tree, put.conifer),
            side * (middle + half + 7),
            5,
            88,
            9.0,
            1.5,
            high=float(rng.uniform(6, 10)),
            z=-0.02,
        )
        town.along(put.lamp_post, side * (middle + half + 2.6), 14, 90, 32.0, 0.3, -side * np.pi / 2, high=9.0)
    town.ground("grass", -1.02, 1.02, NEAR, FAR, town.lawn(), 0.03)
    town.sketch.object("fence", movable=False)
    town.sketch.box((-0.2, NEAR, 0), (0.2, FAR, 0.85), material("panels", (0.5, 0.5, 0.48), scale=3.0), taper=(0.5, 1))
    if rng.random() < 0.5:  # a bridge with signs
        y = float(rng.uniform(35, 70))
        town.sketch.object("building", (0.0, y, 0.0), movable=False)
        reach = middle + half + 3.5
        concrete = material("panels", (0.52, 0.51, 0.48), scale=4.0, seed=town.draw.seed())
        town.sketch.box((-reach - 20, -2.5, 5.6), (reach + 20, 2.5, 7.2), concrete)
        for x in (-reach, reach, 0.0):
            town.sketch.box((x - 0.5, -1.5, 0), (x + 0.5, 1.5, 5.6), concrete)
        for side in (1,):
            blue = material("plain", (0.02, 0.12, 0.42))
            town.sketch.box((side * middle - 3, -2.62, 5.0), (side * middle + 3, -2.52, 7.0), blue)
            town.sketch.box(
                (side * middle - 2.4, -2.64, 6.0),
                (side * middle + 1.0, -2.621, 6.35),
                material("plain", (0.75, 0.75, 0.75)),
            )
    town.closing()
    k = int(rng.integers(lanes))
    return middle - half + (k + 0.5) * lane, float(rng.uniform(1.2, 1.7)), float(rng.normal(0, 0.03))


def square(town):
    """A paved square with buildings around it."""
    rng, half, deep = town.rng, float(town.rng.uniform(12, 20)), float(town.rng.uniform(30, 50))
    town.ground("pavement", -60, 60, NEAR, FAR, town.paving())
    for side in (-1, 1):
        town.row_of_buildings(side * half, side, NEAR - 6, deep + 2, town.draw.any_of("house", "block"), end=deep + 2)
        town.along(put.lamp_post, side * (half - 3), 8, deep, 14.0, 0.4, -side * np.pi / 2, high=4.5)
        town.along(put.tree, side * (half - 5), 8, deep - 4, 7.0, 0.6, share=0.7, high=float(rng.uniform(4, 6.5)))
        town.along(put.bench, side * (half - 7), 7, deep - 6, 8.0, 1.1, -side * np.pi / 2, share=0.6)
    x = -half - 14.0
    while x < half + 14:
        columns = int(rng.integers(4, 8))
        wide = columns * 3.1 * 0.85
        town.build("block", (x + wide / 2, deep + 8.0, 0.0), 0.0, columns, int(rng.integers(3, 7)), 12.0)
        x += wide
    town.put(put.fountain, rng.uniform(-4, 4), rng.uniform(14, deep * 0.7), 2.8)
    town.people(int(rng.integers(6, 16)), -half + 4, half - 4, 4, deep - 3)
    for k in range(5):
        town.put(put.bollard, -4 + 2 * k, 5.2, 0.15)
    return float(rng.uniform(-3, 3)), float(rng.uniform(1.5, 2.8)), float(rng.normal(0, 0.2))


def park(town):
    """Lawns and paths under trees, with a pond."""
    rng = town.rng
    town.ground("grass", -120, 120, NEAR, FAR, town.lawn())
    half = float(rng.uniform(1.2, 2.0))
    gravel = material("asphalt", (0.50, 0.44, 0.34), scale=0.3, contrast=0.8, seed=town.draw.seed())
    bend = float(rng.uniform(-0.15, 0.15))
    town.sketch.object("pavement", movable=False)
    for y in np.arange(-5, 75, 5.0):
        a, b = bend * y * y * 0.03, bend * (y + 5) ** 2 * 0.03
        town.sketch.quad(
            [(a - half, y, 0.015), (a + half, y, 0.015), (b + half, y + 5, 0.015), (b - half, y + 5, 0.015)], gravel
        )
        town.taken.append((a, y, half))
    pond = -np.sign(bend) * float(rng.uniform(11, 15))  # not where the path goes
    if rng.random() < 0.6:
        at = (pond, float(rng.uniform(18, 30)), 0.0)
        town.sketch.object("water", at, movable=False)
        town.sketch.cylinder(
            (0, 0, 0), 7.0, 0.04, material("water", (0.08, 0.16, 0.17), (0.30, 0.40, 0.45), 0.8, gloss=0.6)
        )
        town.taken.append((at[0], at[1], 7.5))
    for _ in range(int(rng.integers(16, 30))):
        y = 6 + 78 * rng.random() ** 1.3
        x = rng.choice((-1, 1)) * (3.5 + (0.3 * y + 6) * rng.random())
        what = town.draw.any_of(put.tree, put.tree, put.conifer)
        town.put(what, x, y, 1.6, high=float(rng.uniform(5, 10)), **town.detail(what, y))
    for _ in range(6):
        town.put(
            put.bush,
            rng.choice((-1, 1)) * rng.uniform(2.8, 10),
            rng.uniform(5, 30),
            0.9,
            high=float(rng.uniform(0.7, 1.4)),
        )
    for y in (6.5, 14.0, 22.0):
        side = town.draw.any_of(-1, 1)
        town.put(put.bench, bend * y * y * 0.03 + side * (half + 1.1), y, 0.9, -side * np.pi / 2)
    town.taken = [item for item in town.taken if item[2] != half]
    town.people(int(rng.integers(2, 8)), -6, 6, 4, 40)
    town.closing()
    return float(rng.uniform(-0.8, 0.8)), float(rng.uniform(1.4, 1.8)), float(rng.normal(0, 0.12))


def car_park(town):
    """Rows of parked cars before a building."""
    rng = town.rng
    town.ground("road", -70, 70, NEAR, FAR, material("asphalt", (0.2, 0.2, 0.21), scale=0.5, seed=town.draw.seed()))
    white = material("plain", (0.68, 0.68, 0.66))
    rows = [9.0, 22.0, 35.0, 48.0]
    town.sketch.object("road", movable=False)
    for row, y in enumerate(rows):
        for k in range(-8, 9):
            x = 2.6 * k
            if row < 2:
                town.sketch.quad(
                    [
                        (x - 0.05, y - 2.4, 0.008),
                        (x + 0.05, y - 2.4, 0.008),
                        (x + 0.05, y + 2.4, 0.008),
                        (x - 0.05, y + 2.4, 0.008),
                    ],
                    white,
                )
    for y in rows:
        for k in range(-8, 8):
            if abs(2.6 * k + 1.3) < 8 + 1.2 * y and rng.random() < 0.6:  # only where the camera looks
                yaw = town.draw.any_of(0.0, np.pi) + rng.normal(0, 0.03)
                x, middle = 2.6 * k + 1.3 + rng.normal(0, 0.1), y + rng.normal(0, 0.15)
                if town.put(put.car, x, middle, 1.2, yaw, **town.detail(put.car, np.hypot(x, y))):
                    town.taken += [(x, middle - 1.4, 1.0), (x, middle + 1.4, 1.0)]
        town.put(put.lamp_post, 2.6 * int(rng.integers(-4, 5)), y + 2.9, 0.15, high=7.0)
    deep, x = 62.0, -70.0
    while x < 60:
        columns = int(rng.integers(6, 12))
        town.build("block", (x + columns * 1.3175, deep + 6, 0.0), 0.0, columns, int(rng.integers(2, 6)), 12.0)
        x += columns * 2.635 + float(town.draw.any_of(0.0, 4.0))
    town.people(int(rng.integers(1, 5)), -10, 10, 4, 40)
    town.closing()
    return float(rng.uniform(-4, 4)), float(rng.uniform(1.4, 2.2)), float(rng.normal(0, 0.12))


def country_road(town):
    """A road through fields."""
    rng, half = town.rng, float(town.rng.uniform(2.6, 3.2))
    town.road(half, 1)
    for side in (-1, 1):
        field = town.draw.any_of(
            town.lawn(), material("stripes", (0.34, 0.28, 0.12), (0.24, 0.26, 0.10), 1.2, seed=town.draw.seed()),
            material("foliage", (0.45, 0.38, 0.14), (0.30, 0.26, 0.08), 0.4, 0.6, seed=town.draw.seed()),
        )  # fmt: skip
        town.ground("grass", *sorted((side * half, side * (half + 2.5))), NEAR, FAR, town.lawn(), -0.01)
        town.ground("grass", *sorted((side * (half + 2.5), side * 140)), NEAR, FAR, field, -0.02)
        if rng.random() < 0.5:
            place, turned = (side * float(rng.uniform(16, 26)), float(rng.uniform(25, 60)), -0.02), rng.normal(0, 0.3)
            columns = int(rng.integers(3, 6))
            town.build("house", place, float(-side * np.pi / 2 + turned), columns, int(rng.integers(1, 3)), 8.0)
            town.taken.append((*place[:2], float(np.hypot(columns * 1.19, 4.0)) + 0.5))
        if rng.random() < 0.6:
            town.along(
                town.draw.any_of(put.tree, put.tree, put.conifer),
                side * (half + 2.2),
                8,
                88,
                float(rng.uniform(8, 16)),
                0.8,
                share=0.8,
                high=float(rng.uniform(5, 9)),
            )
        else:
            for y in np.arange(4, 60, 3.0):
                town.put(put.bollard, side * (half + 1.6), y, 0.1)
        for _ in range(6):
            town.put(
                put.tree, side * rng.uniform(14, 60), rng.uniform(25, 88), 3, high=float(rng.uniform(6, 11)), near=False
            )
    town.traffic(half * 0.5, 14, 90, int(rng.integers(0, 3)), 0.0)
    town.traffic(-half * 0.5, 14, 90, int(rng.integers(0, 3)), np.pi)
    town.put(put.sign, half + 1.0, rng.uniform(6, 20), 0.3)
    town.closing()
    return float(rng.uniform(0.6, 1.6)), float(rng.uniform(1.2, 1.8)), float(rng.normal(0, 0.06))
