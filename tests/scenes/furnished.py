"""A small furnished room by hand, with everything that a cue can change: patterns, grain, haze, lamps, a sun, shadows."""

import casters
import torch

from sidelib.scenes.cues import Cues, apply_cues
from sidelib.scenes.materials import material
from sidelib.scenes.render import render
from sidelib.scenes.solids import Light, camera_pose

BOARDS = material("boards", (0.46, 0.29, 0.15), (0.05, 0.03, 0.02), 0.15, gloss=0.1, seed=3)
PLASTER = material("plaster", (0.7, 0.7, 0.68), scale=0.5, seed=4)
CHECKER = material("checker", (0.8, 0.8, 0.8), (0.1, 0.1, 0.1), 0.2, seed=5)
CARPET = material("carpet", (0.4, 0.3, 0.3), (0.1, 0.1, 0.2), 0.3, seed=6)
LEAVES = material("foliage", (0.3, 0.4, 0.2), (0.1, 0.1, 0.05), 1.0, seed=7)
RED, BLUE = material("plain", (0.8, 0.1, 0.08), gloss=0.5), material("plain", (0.1, 0.2, 0.7))
LIGHTS = (Light((0.5, 2.0, 2.4), (1.2, 1.1, 1.0), reach=2.5), Light((0.3, -0.2, 0.9), (0.5, 0.5, 0.55), True))


def shell(floor=BOARDS, wall=CHECKER):
    """The twin of an empty room, x from -2 to 2.5, y from -1 to 5, 2.6 m high."""
    twin = casters.room_twin()
    twin.sketch._quad_material = [floor, PLASTER, wall, PLASTER, PLASTER, PLASTER]
    return twin


def finished(twin, **rest):
    """Its scene."""
    options = {
        "pose": camera_pose((0, 0, 1.5), 0.1, 0.2), "focal": 0.8, "lights": LIGHTS, "bounds": (-2, 2.5, -1, 5, 0, 2.6),
        "ambient": (0.45, 0.45, 0.45, 0.3, 0.28, 0.25), "haze": (0.6, 0.6, 0.65, 0.05), "noise": 0.0, "seed": 11,
    }  # fmt: skip
    return twin.sketch.scene(**{**options, **rest})


def room(**rest):
    """A table with a ball on it, a carton, a ball before the wall and a pole; floor and far wall can be chosen."""
    twin = shell(rest.pop("floor", BOARDS), rest.pop("wall", CHECKER))
    twin.object("table", (0.2, 3.0, 0.0), 0.3)
    twin.box((-0.7, -0.4, 0.7), (0.7, 0.4, 0.75), CARPET)
    for x in (-0.65, 0.6):
        for y in (-0.35, 0.3):
            twin.box((x, y, 0), (x + 0.05, y + 0.05, 0.7), CARPET)
    twin.object("ball", (0.3, 2.8, 0.75))
    twin.ball((0, 0, 0.12), 0.12, RED)
    twin.object("box", (1.5, 3.7, 0.0), 0.5)
    twin.box((-0.3, -0.3, 0), (0.3, 0.3, 0.6), BLUE, taper=(0.7, 0.7))
    twin.object("ball", (-1.0, 2.4, 0.0))
    twin.ball((0, 0, 0.3), 0.3, CHECKER)
    twin.object("pole", (-1.5, 4.2, 0.0))
    twin.cylinder((0, 0, 1.0), 0.05, 2.0, BLUE)
    return finished(twin, **rest)


def shown(scene, pixels=(60, 80), smooth=False, **cues):
    """What a scene looks like with some cues switched."""
    cues = Cues(**cues)
    return render([apply_cues(scene, cues, 5)], pixels, cues, smooth=smooth)


def movable(scene, seen):
    """Pixels that show a movable object."""
    return (seen["instance"] >= 0) & torch.from_numpy(scene.object_movable)[seen["instance"].clamp_min(0)]
