"""The families of rooms: how large each is, and what fills it."""

from sidelib.scenes import homes, public_rooms

__all__ = ["FAMILIES"]

# Limits of width, depth and height in metres, and what fills the room.
FAMILIES = {
    "living_room": (((3.6, 5.5), (4.2, 6.5), (2.4, 2.9)), homes.living_room),
    "bedroom": (((3.0, 4.4), (3.8, 5.2), (2.3, 2.7)), homes.bedroom),
    "kitchen": (((2.7, 4.2), (3.4, 5.2), (2.4, 2.7)), homes.kitchen),
    "dining_room": (((3.6, 5.0), (4.2, 6.2), (2.4, 3.0)), homes.dining_room),
    "office": (((3.6, 6.0), (4.5, 7.5), (2.5, 3.0)), public_rooms.office),
    "corridor": (((1.5, 2.3), (6.5, 9.8), (2.4, 3.0)), public_rooms.corridor),
    "classroom": (((5.0, 7.0), (6.2, 8.4), (2.8, 3.3)), public_rooms.classroom),
    "library": (((4.0, 6.5), (4.8, 7.6), (2.6, 3.3)), public_rooms.library),
    "playroom": (((3.2, 4.6), (3.8, 5.5), (2.4, 2.8)), homes.playroom),
    "storage": (((3.0, 5.0), (4.0, 6.5), (2.3, 2.9)), public_rooms.storage),
    "gallery": (((4.6, 7.0), (6.0, 8.6), (2.9, 3.8)), public_rooms.gallery),
}
