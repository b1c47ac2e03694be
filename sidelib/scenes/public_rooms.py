"""Rooms where people work, wait, learn and store things."""

import numpy as np

from sidelib.scenes import furniture as put
from sidelib.scenes import small_things as small
from sidelib.scenes.filling import SIDES, dining_set, in_the_middle, openings, pictures, scattered, shell, stand
from sidelib.scenes.materials import material
from sidelib.scenes.solids import Light

__all__ = [
    "classroom", "corridor", "gallery", "library", "office", "storage",
]  # fmt: skip


def office(room):
    """Desks with screens and swivel chairs, bookcases, drawers."""
    shell(room, "carpet", "carpet", "tiles", "boards", accent=0.1)
    openings(room, (1, 4))
    for _ in range(int(room.rng.integers(2, 5))):
        desk = stand(room, put.table, 1.45, 0.85, 0.75, wide=1.4, deep=0.75)
        if not desk:
            continue
        (x, y, _), yaw, top = desk
        small.desk_things(room.sketch, room.draw, (x - 0.12 * np.sin(yaw), y + 0.12 * np.cos(yaw), top), yaw)
        c, s = np.cos(yaw), np.sin(yaw)
        small.stack_of_books(
            room.sketch, room.draw, (x + 0.5 * c, y + 0.5 * s, top), yaw + 0.2, int(room.rng.integers(1, 5))
        )
        out = 0.75 + room.rng.uniform(-0.1, 0.3)
        seat = (x + out * s, y - out * c, 0.0)
        if room.free(seat, 0.0, 0.5, 0.5):
            room.take(seat, 0.0, 0.6, 0.6)
            put.office_chair(room.sketch, room.draw, seat, yaw + np.pi + float(room.rng.normal(0, 0.5)))
    stand(room, put.bookcase, 0.95, 0.32, 1.9, high=1.9)
    stand(room, put.cabinet, 0.8, 0.45, 1.2, wide=0.8, high=1.1, columns=1, rows=4)
    stand(room, small.plant, 0.6, 0.6, 1.2, high=float(room.rng.uniform(0.8, 1.5)))
    pictures(room, 2)


def corridor(room):
    """Doors on both sides, lamps on the ceiling, few things."""
    shell(room, "tiles", "carpet", "boards", "checker", accent=0.1)
    for wall in ("left", "right", "left", "right", "left", "right", "far"):
        if room.rng.random() < 0.75:
            room.door(wall)
    if room.rng.random() < 0.4:
        room.window("far")
    for step in np.arange(1.5, room.deep, 2.5):
        room.sketch.object("lamp", (0.0, float(step), room.high), movable=False)
        room.sketch.box((-0.15, -0.3, -0.05), (0.15, 0.3, 0), material("plain", (0.9, 0.9, 0.86), glow=1.0))
    room.lights.append(Light((0.0, room.deep - 1.5, room.high - 0.3), (0.7, 0.68, 0.6), reach=2.2))
    if room.wide > 1.7:
        stand(room, put.chair, 0.5, 0.5, 0.95, ("left", "right"))
        stand(room, small.plant, 0.5, 0.5, 1.2, ("left", "right"), high=float(room.rng.uniform(0.7, 1.2)))
        stand(room, put.cabinet, 0.9, 0.35, 0.85, ("left", "right"), wide=0.9, deep=0.32)
    for _ in range(4):
        room.picture(room.draw.any_of("left", "right", "far"))


def classroom(room):
    """A board and rows of desks with chairs."""
    shell(room, "boards", "tiles", "carpet", accent=0.05)
    board = room.against("far", 0.0, 0.0)
    length = min(3.0, room.wide - 1.5)
    room.sketch.object("picture", *board, movable=False)
    room.sketch.box((-length / 2, -0.03, 0.9), (length / 2, 0, 2.1), room.draw.wood())
    slate = room.draw.any_of((0.03, 0.09, 0.06), (0.75, 0.75, 0.74))
    room.sketch.box(
        (-length / 2 + 0.04, -0.035, 0.94),
        (length / 2 - 0.04, -0.0301, 2.06),
        material("plaster", slate, scale=0.5, contrast=1.5),
    )
    room.on_wall["far"].append((-length / 2, length / 2, 0.85))
    for _ in range(int(room.rng.integers(2, 4))):
        room.window(str(room.draw.any_of("left", "right")))
    paint, seat = room.draw.wood(), room.draw.plain("bright")
    columns, first = max(2, int((room.wide - 1.0) / 1.5)), 2.2
    for k in range(columns):
        x = (k - (columns - 1) / 2) * 1.5
        for y in np.arange(first, room.deep - 2.0, 1.3):
            spot = (float(x + room.rng.normal(0, 0.04)), float(y + room.rng.normal(0, 0.04)), 0.0)
            if room.free(spot, 0.0, 1.0, 0.5):
                put.table(room.sketch, room.draw, spot, np.pi, 1.0, 0.5, 0.72, paint)
                put.chair(
                    room.sketch,
                    room.draw,
                    (spot[0], spot[1] - 0.42, 0.0),
                    np.pi + float(room.rng.normal(0, 0.15)),
                    paint,
                    seat,
                )
    stand(room, put.table, 1.45, 0.8, 0.75, ("far",), wide=1.4, deep=0.7)


def library(room):
    """Bookcases along the walls, a reading table."""
    shell(room, "carpet", "boards")
    for wall in SIDES:
        for _ in range(int(room.length(wall) / 1.3)):
            if room.rng.random() < 0.85:
                stand(room, put.bookcase, 1.02, 0.32, 2.0, (wall,), wide=1.0, high=2.0, full=0.95)
    openings(room, (0, 2))
    dining_set(room, 1.6, 0.9, chairs=int(room.rng.integers(2, 5)))
    stand(room, put.armchair, 1.0, 0.9, 0.9)
    stand(room, small.floor_lamp, 0.45, 0.45, 1.7)


def storage(room):
    """Bare walls, shelves and cardboard boxes."""
    shell(room, "concrete", "concrete", "tiles", accent=0.4, bare=True)
    if room.rng.random() < 0.7:
        room.door(room.draw.any_of(*SIDES))
    if room.rng.random() < 0.5:
        room.window(room.draw.any_of(*SIDES), wide=0.8)
    for _ in range(int(room.rng.integers(2, 5))):
        shelf = stand(room, put.bookcase, 1.25, 0.4, 2.0, wide=1.2, high=2.0, full=0.25)
        if shelf and room.rng.random() < 0.5:
            small.carton(room.sketch, room.draw, (*shelf[0][:2], 1.97), shelf[1], side=0.3)
    for _ in range(int(room.rng.integers(4, 10))):
        side = float(room.rng.uniform(0.3, 0.6))
        spot = stand(room, small.carton, 1.45 * side, 1.15 * side, 0.6, side=side)
        if spot and room.rng.random() < 0.5:
            small.carton(room.sketch, room.draw, (*spot[0][:2], spot[2] + 0.003), spot[1] + 0.15, side=0.7 * side)
    scattered(room, small.carton, int(room.rng.integers(1, 5)), 0.6, yaw=float(room.rng.uniform(0, 3)), side=0.4)
    stand(room, put.chair, 0.5, 0.5, 0.95)


def gallery(room):
    """Pictures, columns and a bench."""
    shell(room, "boards", "tiles", "concrete", accent=0.0)
    for _ in range(8):
        room.picture(room.draw.any_of(*SIDES))
    stone = material("stone", (0.66, 0.64, 0.6), (0.4, 0.38, 0.35), 0.3, seed=room.draw.seed())
    for x in (-room.wide / 4, room.wide / 4):
        for y in np.arange(2.6, room.deep - 0.8, 2.6):
            if room.free((x, float(y), 0.0), 0.0, 0.5, 0.5):
                room.take((x, float(y), 0.0), 0.0, 0.5, 0.5)
                room.sketch.object("wall", (x, float(y), 0.0), movable=False)
                room.sketch.box((-0.26, -0.26, 0), (0.26, 0.26, 0.12), stone)
                room.sketch.cone((0, 0, 0.12), 0.2, 0.17, room.high - 0.24, stone)
                room.sketch.box((-0.24, -0.24, room.high - 0.12), (0.24, 0.24, room.high), stone)
    spot = in_the_middle(room, 1.6, 0.5)
    if spot:
        put.table(room.sketch, room.draw, *spot, 1.5, 0.45, 0.45)
    scattered(room, small.plant, 2, 0.6, high=1.3)
