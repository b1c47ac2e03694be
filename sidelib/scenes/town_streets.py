"""Outdoor scenes between buildings, each around a camera at the origin that looks along y."""

import numpy as np

from sidelib.scenes import streetside as put
from sidelib.scenes.materials import material
from sidelib.scenes.town import FAR, NEAR

__all__ = ["alley", "avenue", "crossing", "street", "suburb"]


def street(town):
    """A street of terraced houses with parked cars."""
    rng, half = town.rng, float(town.rng.uniform(3.4, 4.6))
    walk = float(rng.uniform(2.6, 3.4))
    town.road(half, 1)
    paving = town.paving()
    for side in (-1, 1):
        town.kerbed(min(side * half, side * (half + walk)), max(side * half, side * (half + walk)), paving)
        town.row_of_buildings(side * (half + walk), side, NEAR, 84.0)
        town.along(put.car, side * (half - 1.0), 5.0, 70.0, 6.2, 2.6, np.pi if side < 0 else 0.0, share=0.6)
        if rng.random() < 0.6:
            town.along(
                put.tree, side * (half + 0.7), 6.0, 80.0, 12.0, 0.5, share=0.7, z=0.12, high=float(rng.uniform(4.5, 7))
            )
        town.along(put.lamp_post, side * (half + 0.45), 9.0, 80.0, 24.0, 0.3, -side * np.pi / 2, z=0.12)
        town.people(int(rng.integers(1, 6)), *sorted((side * (half + 0.8), side * (half + walk - 0.75))), 5, 50, 0.12)
    town.closing()
    x = float(town.draw.any_of(rng.uniform(-1.2, 1.2), half + 0.45 * walk, -half - 0.45 * walk))
    return x, float(rng.uniform(1.4, 1.9)), float(rng.normal(0, 0.06) + 0.02 * x)


def avenue(town):
    """A wide street between apartment blocks."""
    rng, half = town.rng, float(town.rng.uniform(6.5, 7.5))
    walk = float(rng.uniform(3.5, 5.0))
    town.road(half, 2)
    paving = town.paving()
    for side in (-1, 1):
        town.kerbed(min(side * half, side * (half + walk)), max(side * half, side * (half + walk)), paving)
        town.row_of_buildings(side * (half + walk), side, NEAR, 84.0, "block")
        town.along(
            put.tree, side * (half + 1.0), 7.0, 90.0, 11.0, 0.5, share=0.75, z=0.12, high=float(rng.uniform(5.5, 8.5))
        )
        town.along(put.lamp_post, side * (half + 0.5), 12.0, 90.0, 26.0, 0.3, -side * np.pi / 2, z=0.12, high=8.0)
        town.traffic(side * half * 0.27, 8, 90, int(rng.integers(1, 5)), 0.0 if side > 0 else np.pi)
        town.traffic(side * half * 0.75, 8, 90, int(rng.integers(2, 6)), 0.0 if side > 0 else np.pi)
        town.people(int(rng.integers(2, 8)), *sorted((side * (half + 1.5), side * (half + walk - 0.8))), 5, 60, 0.12)
    if rng.random() < 0.5:
        town.put(put.bus, half * 0.72, rng.uniform(16, 45), 5.8)
    town.closing()
    x = float(town.draw.any_of(half * 0.27, -half * 0.3, half + 0.5 * walk))
    return x, float(rng.uniform(1.4, 2.0)), float(rng.normal(0, 0.06) + 0.015 * x)


def suburb(town):
    """Detached houses in gardens."""
    rng, half = town.rng, float(town.rng.uniform(2.8, 3.6))
    town.road(half, 1)
    paving, lawn = town.paving(), town.lawn()
    for side in (-1, 1):
        inner, outer = side * half, side * (half + 1.7)
        town.kerbed(min(inner, outer), max(inner, outer), paving)
        town.ground("grass", *sorted((outer, side * 90)), NEAR, FAR, lawn, 0.05)
        y = NEAR + float(rng.uniform(0, 6))
        while y < 80:
            columns = int(rng.integers(3, 6))
            wide, back = columns * 2.38, float(rng.uniform(4.5, 8.0))
            place = (outer + side * (back + 4.0), y + wide / 2, 0.05)
            town.build("house", place, -side * np.pi / 2, columns, int(rng.integers(1, 3)), 8.0)
            if rng.random() < 0.75:
                put.fence(
                    town.sketch,
                    town.draw,
                    (outer + side * 0.5, y + wide / 2, 0.05),
                    side * np.pi / 2,
                    wide + 1.0,
                    float(rng.uniform(0.8, 1.3)),
                )
            garden = outer + side * 2.4
            if rng.random() < 0.7:
                what, radius = town.draw.any_of((put.tree, 1.0), (put.bush, 0.8), (put.conifer, 1.2))
                options = {} if what is put.bush else town.detail(what, y) | {"high": float(rng.uniform(4, 7))}
                town.put(what, garden, y + rng.uniform(0, wide), radius, z=0.05, **options)
            y += wide + float(rng.uniform(3.0, 8.0))
        town.along(put.car, side * (half - 0.95), 10.0, 60.0, 13.0, 2.6, np.pi if side < 0 else 0.0, share=0.45)
        town.people(int(rng.integers(0, 3)), *sorted((inner + side * 0.4, outer - side * 0.4)), 5, 40, 0.12)
    town.closing()
    return float(rng.uniform(-1.0, 1.0)), float(rng.uniform(1.4, 1.8)), float(rng.normal(0, 0.08))


def crossing(town):
    """A junction with zebra crossings and traffic lights."""
    rng, half = town.rng, float(town.rng.uniform(4.5, 6.5))
    y0 = float(rng.uniform(11, 17))
    y1 = y0 + 2 * half
    walk = float(rng.uniform(3, 4))
    town.road(half, 1, NEAR, y0 - 4.0)
    town.road(half, 1, y1 + 4.0, FAR)
    tar = material("asphalt", (0.16, 0.16, 0.17), scale=0.5, seed=town.draw.seed())
    town.ground("road", -120, 120, y0, y1, tar)
    zebra = material("stripes", (0.16, 0.16, 0.17), (0.7, 0.7, 0.68), 1.0, 1.0)
    for y in (y0 - 4.0, y1):
        town.ground("road", -half, half, y, y + 4.0, zebra)
    paving = town.paving()
    for side in (-1, 1):
        inner, outer = side * half, side * 120
        for low, high in ((NEAR, y0), (y1, FAR)):
            town.kerbed(min(inner, outer), max(inner, outer), paving, low, high)
        kind = town.draw.any_of("block", "block", "house")
        town.row_of_buildings(side * (half + walk), side, y1 + walk, 84, kind)
        back = y0 - walk - 16.0
        put.block(
            town.sketch,
            town.draw,
            (side * (half + walk + 8.0), back + 7, 0.1),
            -side * np.pi / 2,
            6,
            int(rng.integers(3, 7)),
            14.0,
        )
        x = side * (half + walk + 12.0)
        for _ in range(3):  # the far side of the cross street
            columns = int(rng.integers(4, 7))
            wide = columns * 2.635
            x += side * wide / 2
            town.build("block", (x, y1 + walk + 6, 0.1), 0.0, columns, int(rng.integers(3, 7)), 12.0)
            x += side * wide / 2
        town.put(put.traffic_light, side * (half + 0.5), y0 - 5.0, 0.3, z=0.12)
        town.put(put.traffic_light, side * (half + 0.5), y1 + 5.0, 0.3, z=0.12)
        walkers = sorted((side * (half + 0.8), side * (half + walk - 0.75)))
        town.people(int(rng.integers(1, 3)), *walkers, 4, y0 - 0.5, 0.12)
        town.people(int(rng.integers(1, 4)), *walkers, y1 + 0.5, 60, 0.12)
        town.traffic(side * half * 0.5, y1 + 8, 80, int(rng.integers(1, 4)), 0.0 if side > 0 else np.pi)
        for _ in range(int(rng.integers(1, 4))):
            town.put(put.car, side * rng.uniform(half + 3, 40), y0 + half - side * 0.5 * half, 2.6, -np.pi / 2 * side)
    town.people(int(rng.integers(0, 4)), -half, half, y0 - 3.5, y0 - 0.5)
    town.closing()
    return float(rng.uniform(-1.5, 1.5)), float(rng.uniform(1.4, 2.0)), float(rng.normal(0, 0.1))


def alley(town):
    """A narrow lane between walls and houses."""
    rng, half = town.rng, float(town.rng.uniform(1.75, 2.4))
    end = float(rng.uniform(48, 62))
    town.ground("pavement", -half - 0.5, half + 0.5, NEAR, FAR, town.paving())
    for side in (-1, 1):
        y = NEAR
        while y < end:
            columns, storeys = min(int(rng.integers(2, 5)), int((end - y) / 2.38)), int(rng.integers(2, 4))
            if rng.random() < 0.75 and columns > 1:
                wide = columns * 2.38
                place = (side * (half + 4.0), y + wide / 2, 0.0)
                town.build("house", place, -side * np.pi / 2, columns, storeys, 8.0, 0.0)
            else:
                wide = min(float(rng.uniform(4, 8)), end - y)
                put.wall(
                    town.sketch,
                    town.draw,
                    (side * (half + 0.15), y + wide / 2, 0.0),
                    -side * np.pi / 2,
                    wide,
                    float(rng.uniform(2.0, 3.2)),
                )
                town.ground("grass", *sorted((side * (half + 0.3), side * (half + 12))), y, y + wide, town.lawn())
            y += wide
        town.along(put.bush, side * (half - 0.45), 4, 30, 6.0, 0.4, np.pi / 2, share=0.25, high=0.6)
        town.along(put.bollard, side * (half - 0.5), 6, 20, 7.0, 0.2, share=0.3)
    town.build("block", (0.0, end + 6.0, 0.0), 0.0, 6, int(rng.integers(3, 6)), 12.0)
    town.people(int(rng.integers(1, 5)), -half + 0.75, half - 0.75, 4, 35)
    return float(rng.uniform(-0.4, 0.4)), float(rng.uniform(1.4, 1.8)), float(rng.normal(0, 0.05))
