"""Pictures that deceive: an Ames room, people on hands and against towers, a chair of unknown size, craters.

Each function returns a `Probe`: a scene, or finished fields where no scene is needed, and a sentence that says what is
true.
"""

from dataclasses import dataclass

import numpy as np
import torch

from sidelib.scenes import furniture, streetside
from sidelib.scenes.materials import Palette, material
from sidelib.scenes.solids import Light, Scene, Sketch, camera_pose, moved
from sidelib.scenes.textures import noise

__all__ = ["Probe", "ames", "chair", "field", "hand", "outdoors", "relief", "sunlight", "tower"]

_DAY = {
    "ambient": (0.38, 0.43, 0.5, 0.25, 0.24, 0.21),
    "sky": (0.22, 0.40, 0.74, 0.68, 0.78, 0.88, 0.25),
    "haze": (0.68, 0.78, 0.88, 0.002),
    "noise": 0.005,
}


@dataclass
class Probe:
    """What a probe shows: a `scene` or finished `fields`, what is true `about` it, and `others` to render beside it."""

    about: str
    scene: Scene | None = None
    fields: dict | None = None
    others: dict | None = None  # name of a field: the scene whose depth it is
    marked: int | None = None  # the object that the probe is about
    bare: Scene | None = None  # the scene without it


def sunlight(elevation=40.0, azimuth=-60.0, strength=1.6):
    """A sun `elevation` degrees above the horizon, `azimuth` degrees right of the viewing direction."""
    e, a = np.deg2rad(elevation), np.deg2rad(azimuth)
    toward = (float(np.cos(e) * np.sin(a)), float(np.cos(e) * np.cos(a)), float(np.sin(e)))
    return Light(toward, (strength, 0.95 * strength, 0.85 * strength), True)


def outdoors(sketch, rng, elevation=40.0, azimuth=-60.0, **rest):
    """A sketch as a scene by daylight."""
    options = {"pose": camera_pose((0, 0, 1.5)), "focal": 0.9, "seed": int(rng.integers(4096)), **_DAY, **rest}
    return sketch.scene(lights=(sunlight(elevation, azimuth),), **options)


def field(sketch, draw, paint=None, reach=600.0):
    """Grass to the horizon."""
    grass = material("foliage", (0.17, 0.28, 0.07), (0.07, 0.14, 0.03), 0.35, 0.7, seed=draw.seed())
    sketch.object("grass", movable=False)
    sketch.quad([(-reach, -reach, 0), (reach, -reach, 0), (reach, reach, 0), (-reach, reach, 0)], paint or grass)


def _ames_quads(skew):
    """The quads (corners, colour) of a rectangular room taken through the map v / (1 + skew x) about the camera.

    The map moves each point along its ray, takes planes to planes and lines to lines: whatever is drawn with straight
    edges looks the same from the camera, and from nowhere else.
    """
    left, right, near, far, low, high = -2.0, 2.0, 0.6, 5.2, -1.35, 1.35

    def true(v):
        v = np.asarray(v, dtype=float)
        return v / (1 + skew * v[0])

    quads = []

    def panel(corner, across, up, columns, rows, colour):
        corner, across, up = (np.asarray(part, dtype=float) for part in (corner, across, up))
        for i in range(columns):
            for k in range(rows):
                a, b, c, d = i / columns, (i + 1) / columns, k / rows, (k + 1) / rows
                points = [corner + u * across + v * up for u, v in ((a, c), (b, c), (b, d), (a, d))]
                quads.append(([true(point) for point in points], colour(i, k)))

    def chequered(i, k):
        return (0.62, 0.58, 0.52) if (i + k) % 2 else (0.20, 0.12, 0.08)

    def back(i, k):
        window = i in (1, 2, 5, 6) and k in (3, 4)
        return (0.75, 0.85, 0.95) if window else ((0.26, 0.16, 0.10) if k == 0 else (0.58, 0.47, 0.33))

    def side(i, k):
        return (0.26, 0.16, 0.10) if k == 0 else (0.50, 0.40, 0.28)

    wide, deep, tall = right - left, far - near, high - low
    panel((left, near, low), (wide, 0, 0), (0, deep, 0), 8, 8, chequered)
    panel((left, far, low), (wide, 0, 0), (0, 0, tall), 8, 6, back)
    panel((left, near, low), (0, deep, 0), (0, 0, tall), 6, 6, side)
    panel((right, far, low), (0, -deep, 0), (0, 0, tall), 6, 6, side)
    panel((left, near, high), (0, deep, 0), (wide, 0, 0), 4, 4, lambda i, k: (0.7, 0.69, 0.66))
    panel((right, near, low), (-wide, 0, 0), (0, 0, tall), 2, 2, side)
    return quads, true


def _ames_scene(rng, skew, people):
    sketch, draw = Sketch(), Palette(rng)
    quads, true = _ames_quads(skew)
    sketch.object("wall", movable=False)
    for corners, colour in quads:
        sketch.quad(corners, material("plain", colour))
    if people:
        for x in (-1.35, 1.35):
            streetside.person(sketch, draw, tuple(true((x, 4.6, -1.35))), np.pi, high=1.7)
    # Light from everywhere alike: shading would give the true walls away.
    return sketch.scene(
        pose=camera_pose((0, 0, 0)), focal=0.78, ambient=(0.9,) * 6, noise=0.004, haze=(0, 0, 0, 0.0), seed=3
    )


def ames(rng, skew=0.18, people=True):
    """A room built to look rectangular from the camera: its left far corner is much farther than its right one."""
    state = rng.bit_generator.state
    scene = _ames_scene(rng, skew, people)
    rng.bit_generator.state = state
    if skew:
        about = (
            f"An Ames room (skew {skew:g} per metre): it looks rectangular, yet its left far corner is"
            f" {(1 + 2 * skew) / (1 - 2 * skew):.1f} times as far as its right one"
        )
        about += "; two people of the same height look unequal." if people else "."
    else:
        about = "A rectangular room: it is what it looks like"
        about += ", and two people of the same height look equal." if people else "."
    return Probe(about, scene, others={"virtual_depth": _ames_scene(rng, 0.0, False)})


def hand(rng, distance=13.0):
    """A person near the camera seems to hold another, who stands `distance` metres away."""
    sketch, draw = Sketch(), Palette(rng)
    field(sketch, draw)
    height, reach = 1.5, 1.9
    level = height - height * reach / distance  # on the line from the camera to the far person's feet
    skin = material("plain", (0.60, 0.38, 0.27))
    sleeve = draw.cloth(draw.colour("bright"))
    streetside.person(sketch, draw, (-0.50, reach, 0.0), np.pi / 2, high=1.75)
    sketch.object("person", (0.0, reach, level))
    sketch.box((-0.46, -0.045, -0.05), (-0.06, 0.045, 0.03), sleeve)
    sketch.box((-0.08, -0.05, -0.035), (0.10, 0.05, 0.0), skin)
    streetside.person(sketch, draw, (0.02 * distance / reach, distance, 0.0), np.pi + 0.4, high=1.75)
    for k in range(6):
        place = (float(rng.uniform(-30, 30)), float(rng.uniform(30, 70)), 0.0)
        streetside.tree(sketch, draw, place, high=float(rng.uniform(5, 9)), near=False)
    about = f"The near hand is {reach:g} m away; the person who seems to stand on it, {distance:g} m."
    return Probe(about, outdoors(sketch, rng, pose=camera_pose((0, 0, height), 0, 0.02)))


def tower(rng, distance=45.0, lean=6.0):
    """A person near the camera seems to hold up a leaning tower, `distance` metres away."""
    sketch, draw = Sketch(), Palette(rng)
    field(sketch, draw)
    stone = material("facade", (0.70, 0.66, 0.58), (0.10, 0.10, 0.11), 2.6, seed=4)
    trim = material("stone", (0.66, 0.62, 0.55), (0.5, 0.47, 0.42), 0.6)
    leaning = sketch.object("building", (0.14 * distance, distance, 0.0), movable=False)
    for k in range(7):
        sketch.cylinder((0, 0, 1.3 + 2.6 * k), 3.4 if k < 6 else 2.7, 2.6, stone)
        sketch.cylinder((0, 0, 2.6 * k + 2.55), 3.65 if k < 6 else 2.9, 0.22, trim)
    streetside.person(sketch, draw, (-0.5, 2.6, 0.0), -np.pi / 2, high=1.75)
    sketch.object("person", (-0.30, 2.6, 1.36))
    sketch.box((-0.18, -0.04, -0.045), (0.46, 0.04, 0.045), draw.cloth())
    sketch.ball((0.50, 0, 0.03), (0.05, 0.03, 0.08), material("plain", (0.60, 0.38, 0.27)))
    scene = outdoors(sketch, rng, pose=camera_pose((0, 0, 1.5), 0, -0.06))
    turn = np.tile(np.eye(4), (len(scene.object_class), 1, 1))
    foot, angle = scene.object_anchor[leaning], np.deg2rad(-lean)
    c, s = np.cos(angle), np.sin(angle)
    turn[leaning, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    turn[leaning, :3, 3] = foot - turn[leaning, :3, :3] @ foot
    return Probe(f"The hand is 2.6 m away, the tower {distance:g} m.", moved(scene, turn))


def chair(rng, factor=3.0, person=True):
    """Fig. 1.2: a chair `factor` times as large and as far as a common one; only the person beside it tells."""
    sketch, draw = Sketch(), Palette(rng)
    sketch.object("wall", movable=False)
    sketch.quad([(-90, 60, -60), (90, 60, -60), (90, 60, 60), (-90, 60, 60)], material("plain", (0.42, 0.41, 0.39)))
    height, near = 0.9, 2.3
    paint = material("grain", (0.46, 0.29, 0.15), (0.26, 0.16, 0.08), 0.06, seed=9)
    chosen = 1  # the object after the wall
    furniture.chair(sketch, draw, (0.0, near, 0.0), np.pi - 0.5, paint, paint)
    if person:
        floor = height - height * factor
        streetside.person(sketch, draw, (0.62 * factor, near * factor, floor), 2.6, high=1.75)
    scene = sketch.scene(
        pose=camera_pose((0, 0, height), 0, 0.05),
        focal=0.95,
        lights=(sunlight(50, 150, 1.1),),
        ambient=(0.4,) * 6,
        seed=5,
    )
    grow = np.tile(np.eye(4), (len(scene.object_class), 1, 1))
    grow[chosen, [0, 1, 2], [0, 1, 2]] = factor
    grow[chosen, :3, 3] = scene.pose[:3, 3] * (1 - factor)
    about = f"The chair is {0.92 * factor:.1f} m high and {near * factor:.1f} m away."
    return Probe(about, moved(scene, grow), marked=chosen)


def relief(rng, size, convex=False, light=90.0, count=5):
    """Fig. 3.6: round craters or bumps in a plane two metres away, seen straight on and without perspective.

    `light` is the direction from which the light comes, in degrees, 90 from above. A crater lit from above is, to the
    last digit, a bump lit from below.
    """
    height, width = size
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    x, y = (x - (width - 1) / 2) / height, (y - (height - 1) / 2) / height  # in picture heights
    rise = torch.zeros(size)
    slope_x, slope_y = torch.zeros(size), torch.zeros(size)
    places = [(0.0, 0.0, 0.3)]
    for _ in range(400):
        if len(places) >= count:
            break
        a, b, r = float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.45, 0.45)), float(rng.uniform(0.06, 0.13))
        if all(np.hypot(a - c, b - d) > r + q + 0.03 for c, d, q in places):
            places.append((a, b, r))
    for a, b, r in places:
        ball = 1.25 * r  # the sphere of which the hollow is a cap
        off = (x - a) ** 2 + (y - b) ** 2
        inside = off < r * r
        sagitta = (ball * ball - off).clamp_min(1e-9).sqrt()
        rise = torch.where(inside, sagitta - (ball * ball - r * r) ** 0.5, rise)
        slope_x, slope_y = (
            torch.where(inside, -(u - v) / sagitta, old) for u, v, old in ((x, a, slope_x), (y, b, slope_y))
        )
    sign = 1.0 if convex else -1.0
    normal = torch.stack([-sign * slope_x, -sign * slope_y, torch.ones(size)])
    normal = normal / normal.norm(dim=0)
    angle = np.deg2rad(light)
    toward = torch.tensor([np.cos(angle), -np.sin(angle), 1.1], dtype=torch.float32)
    shade = (normal * (toward / toward.norm())[:, None, None]).sum(0).clamp_min(0)
    zero = torch.zeros(size, dtype=torch.int32)
    grain = noise(x * 60, y * 60, zero) + 0.6 * noise(x * 150 + 9, y * 150, zero) - 0.8
    # The grain is that of the ground, whichever way it bulges.
    albedo = torch.tensor([0.62, 0.56, 0.48])[:, None, None] * (1 + 0.12 * grain)
    image = (albedo * (0.12 + 0.95 * shade)).clamp(0, 1) ** (1 / 2.2)
    depth = 2.0 - sign * rise
    facing = normal * torch.tensor([1.0, 1.0, -1.0])[:, None, None]  # camera frame: z forward
    fields = {
        "image": image, "depth": depth[None], "mask": torch.ones(1, *size, dtype=torch.bool),
        "normals": facing, "albedo": albedo,
    }  # fmt: skip
    what = "Bumps rise towards" if convex else "Craters fall away from"
    about = f"{what} the camera, by at most {rise.max():.2f} picture heights; the light comes from {light:g} degrees."
    return Probe(about, fields={name: value[None] for name, value in fields.items()})
