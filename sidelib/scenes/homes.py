"""The rooms of a home: what stands in each, and where."""

import numpy as np

from sidelib.scenes import furniture as put
from sidelib.scenes import small_things as small
from sidelib.scenes.filling import SIDES, along_wall, dining_set, openings, pictures, scattered, shell, stand, upon
from sidelib.scenes.materials import material

__all__ = [
    "bedroom", "dining_room", "kitchen", "living_room", "playroom",
]  # fmt: skip


def living_room(room):
    """Sofa, low table, television, armchair, bookcase, lamp and plant."""
    shell(room, "boards", "carpet")
    openings(room, (1, 3))
    sofa = stand(room, put.sofa, 2.1, 0.9, 0.9, wide=2.0)
    if sofa:
        (x, y, _), yaw, _ = sofa
        front = (x + 1.1 * np.sin(yaw), y - 1.1 * np.cos(yaw), 0.0)
        if room.free(front, yaw, 1.0, 0.6, 0.1):
            small.rug(room.sketch, room.draw, front, yaw, 2.0, 1.4)
            room.take(front, yaw, 1.0, 0.6)
            front = (*front[:2], 0.0)
            top = put.table(room.sketch, room.draw, front, yaw, 1.0, 0.55, 0.42)
            upon(room, (front, yaw, top), (small.tableware, small.stack_of_books), 1.0, 0.5, 2)
    low = stand(room, put.cabinet, 1.5, 0.42, 0.6, wide=1.5, high=0.5, columns=3)
    if low:
        small.screen(room.sketch, room.draw, (*low[0][:2], low[2]), low[1])
    stand(room, put.armchair, 1.0, 0.9, 0.9)
    stand(room, put.bookcase, 0.95, 0.32, 1.9)
    stand(room, small.floor_lamp, 0.45, 0.45, 1.7)
    stand(room, small.plant, 0.6, 0.6, 1.1, high=float(room.rng.uniform(0.8, 1.5)))
    pictures(room)


def bedroom(room):
    """A bed with night tables, wardrobe, chest of drawers."""
    shell(room, "boards", "carpet", "carpet")
    wide = float(room.draw.any_of(1.0, 1.4, 1.7))
    bed = stand(room, put.bed, wide + 0.1, 2.15, 1.0, wide=wide)
    openings(room, (1, 3))
    if bed:
        (x, y, _), yaw, _ = bed
        c, s = np.cos(yaw), np.sin(yaw)
        for side in (-1, 1):
            u, v = side * (wide / 2 + 0.33), 0.85
            place = (x + c * u - s * v, y + s * u + c * v, 0.0)
            if room.free(place, yaw, 0.45, 0.4):
                room.take(place, yaw, 0.45, 0.4)
                top = put.cabinet(room.sketch, room.draw, place, yaw, 0.45, 0.38, 0.5, 1, 2)
                small.table_lamp(room.sketch, room.draw, (*place[:2], top), yaw)
    stand(room, put.wardrobe, 1.25, 0.62, 2.1)
    chest = stand(room, put.cabinet, 1.0, 0.45, 0.85, columns=1, rows=3)
    upon(room, chest, (small.tableware, small.stack_of_books, small.table_lamp), 1.0, 0.4, 2)
    stand(room, put.chair, 0.5, 0.5, 0.95)
    pictures(room, 2)


def kitchen(room):
    """A counter with stove and sink, cupboards, fridge, a small table."""
    shell(room, "tiles", "checker", "boards", accent=0.1)
    wall = room.draw.any_of(*SIDES)
    length = min(room.length(wall) - 1.3, float(room.rng.uniform(1.8, 3.6)))
    fronts = room.draw.any_of(
        room.draw.wood(), material("plain", (0.7, 0.69, 0.65), gloss=0.2), room.draw.plain("cloth", 0.2)
    )
    top = room.draw.any_of(
        material("stone", (0.2, 0.2, 0.21), (0.5, 0.5, 0.5), 0.1, gloss=0.3), room.draw.wood(gloss=0.15),
        material("stone", (0.6, 0.58, 0.54), (0.35, 0.33, 0.3), 0.1, gloss=0.3),
    )  # fmt: skip
    along = float(room.draw.any_of(-1, 1)) * (room.length(wall) / 2 - length / 2 - 0.04)
    spot = room.spot(wall, length, 0.6, 2.1, along=along) if length > 1.2 else None
    if spot:
        put.counter(
            room.sketch, room.draw, *spot, length, fronts, top,
            stove=float(-length / 4), sink=float(length / 4) if length > 1.6 else None,
        )  # fmt: skip
        upon(room, (spot[0], spot[1], 0.9), (small.tableware,), length * 0.3, 0.3, 1)
        if room.rng.random() < 0.8:
            put.wall_cabinets(
                room.sketch, room.draw, *room.against(wall, along_wall(room, wall, spot[0]), 0.32), length, fronts
            )
        splash = room.against(wall, along_wall(room, wall, spot[0]), 0.0)
        room.sketch.object("wall", *splash, movable=False)
        pale = room.draw.colour("tile")
        room.sketch.box(
            (-length / 2, -0.012, 0.9),
            (length / 2, 0, 1.45),
            material("tiles", pale, tuple(0.7 * p for p in pale), 0.12, gloss=0.3),
        )
    openings(room, (1, 2))
    stand(room, put.fridge, 0.66, 0.72, 1.8)
    dining_set(room, *room.draw.any_of((0.9, 0.9), (1.2, 0.75)), chairs=int(room.rng.integers(2, 5)))
    stand(room, put.cabinet, 1.0, 0.45, 0.9)
    pictures(room, 1)


def dining_room(room):
    """A large table with chairs, a sideboard."""
    shell(room, "boards", "tiles", "carpet")
    openings(room)
    dining_set(room, float(room.rng.uniform(1.4, 2.0)), 0.9, chairs=int(room.rng.integers(4, 7)))
    side = stand(room, put.cabinet, 1.5, 0.45, 0.85, wide=1.5, columns=3)
    upon(room, side, (small.tableware, small.table_lamp, small.stack_of_books), 1.5, 0.4)
    stand(room, put.bookcase, 0.95, 0.32, 1.9, full=0.4)
    stand(room, small.plant, 0.6, 0.6, 1.2, high=float(room.rng.uniform(0.9, 1.5)))
    pictures(room)


def playroom(room):
    """A child's bed, a rug, toys on the floor."""
    shell(room, "boards", "carpet", accent=0.5)
    openings(room)
    middle = (0.0, 0.6 * room.deep, 0.0)
    small.rug(room.sketch, room.draw, middle, 0.0, 0.5 * room.wide, 0.35 * room.deep)
    low = stand(room, put.cabinet, 1.2, 0.42, 0.6, wide=1.2, high=0.55, columns=3)
    upon(room, low, (small.toy_blocks, small.stack_of_books), 1.2, 0.4)
    stand(room, put.bed, 1.0, 2.15, 0.9, wide=0.9)
    stand(room, put.bookcase, 0.95, 0.32, 1.2, high=1.2, full=0.6)
    scattered(room, small.ball, int(room.rng.integers(2, 6)), 0.3)
    scattered(room, small.toy_blocks, int(room.rng.integers(2, 6)), 0.25, yaw=0.4)
    scattered(room, small.carton, 2, 0.6, yaw=0.3)
    pictures(room)
