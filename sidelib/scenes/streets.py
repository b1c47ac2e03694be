"""Streets, squares and parks: ten families, each a way to lay out an outdoor scene, and a camera in it."""

import numpy as np

from sidelib.scenes.materials import Palette
from sidelib.scenes.solids import Light, Sketch, camera_pose
from sidelib.scenes.street_families import FAMILIES
from sidelib.scenes.town import Town

__all__ = ["STREET_FAMILIES", "street_scene"]

STREET_FAMILIES = tuple(FAMILIES)


def street_scene(seed, index, family=None):
    """The `index`-th outdoor scene of a seed, of a given family or one drawn by its number."""
    rng = np.random.default_rng([seed, index, 2])
    family = family or STREET_FAMILIES[int(rng.integers(len(STREET_FAMILIES)))]
    sketch, draw = Sketch(), Palette(rng)
    town = Town(sketch, draw)
    town.look((0.0, 0.0))
    x, height, yaw = FAMILIES[family](town)
    light = _weather(rng)
    pitch = float(rng.normal(0.05, 0.045))
    return sketch.scene(
        pose=camera_pose((x, 0.0, height), yaw, pitch, float(rng.normal(0, 0.008))),
        focal=float(rng.uniform(0.70, 1.1)),
        exposure=float(rng.uniform(0.9, 1.1)),
        noise=float(rng.uniform(0.003, 0.011)),
        seed=(seed * 1_000_003 + index * 7919 + 2) % 2**31,
        family=STREET_FAMILIES.index(family),
        **light,
    )


def _weather(rng):
    """Sun, sky and haze that belong together: a clear, a mixed or an overcast day."""
    cloud = float(rng.uniform(0, 1) ** 1.6)
    azimuth, height = rng.uniform(-np.pi, np.pi), np.deg2rad(rng.uniform(22, 62))
    toward = (np.cos(height) * np.sin(azimuth), np.cos(height) * np.cos(azimuth), np.sin(height))
    low = 1 - np.sin(height)  # a low sun is red
    strength = 1.9 * (1 - cloud) ** 0.7 + 0.12
    sun = (strength, strength * (0.97 - 0.12 * low), strength * (0.90 - 0.3 * low))
    grey = np.array([0.66, 0.69, 0.73])
    zenith = (1 - cloud) * np.array([0.18, 0.36, 0.72]) + cloud * grey * 0.9
    horizon = (1 - cloud) * np.array([0.66, 0.77, 0.88]) + cloud * grey * 1.08
    above = (1 - cloud) * np.array([0.35, 0.41, 0.50]) + cloud * np.array([0.66, 0.67, 0.69])
    below = 0.42 * above * np.array([1.05, 1.0, 0.9]) + 0.06
    return {
        "lights": (Light(tuple(map(float, toward)), tuple(map(float, sun)), True),),
        "ambient": (*map(float, above), *map(float, below)),
        "haze": (*map(float, horizon), float(np.exp(rng.uniform(np.log(0.0012), np.log(0.008))))),
        "sky": (*map(float, zenith), *map(float, horizon), cloud),
    }
