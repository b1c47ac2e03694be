"""Scenes that no data set holds: from above, empty, hanging in the sky, at sea, full of shadows, one car on a street."""

from dataclasses import replace

import numpy as np

from sidelib.scenes import furniture, small_things, streetside
from sidelib.scenes.cues import without
from sidelib.scenes.materials import Palette, material
from sidelib.scenes.probe_illusions import Probe, field, outdoors, sunlight
from sidelib.scenes.room_shell import Room
from sidelib.scenes.solids import Light, Sketch, camera_pose, moved
from sidelib.scenes.town import Town

__all__ = [
    "aeroplane", "balloon", "corner", "desk", "fence_shadow", "floor", "hidden_caster", "land", "pillars", "street_object",
    "walkers", "water",
]  # fmt: skip

DOWN = np.pi / 2


def land(rng, altitude=45.0):
    """Fields, a road, houses and trees from straight above."""
    sketch, draw = Sketch(), Palette(rng)
    town = Town(sketch, draw)
    for i in range(-3, 3):
        for k in range(-3, 3):
            soil = draw.any_of(
                town.lawn(), material("stripes", (0.34, 0.26, 0.14), (0.25, 0.19, 0.10), 1.5, seed=draw.seed()),
                material("foliage", (0.45, 0.38, 0.14), (0.28, 0.24, 0.08), 0.6, 0.8, seed=draw.seed()),
                material("foliage", (0.12, 0.24, 0.06), (0.05, 0.12, 0.03), 0.5, 1.0, seed=draw.seed()),
            )  # fmt: skip
            town.ground("grass", 26 * i, 26 * i + 26, 22 * k, 22 * k + 22, soil)
    road = float(rng.uniform(-8, 8))
    tar = material("lanes", (0.16, 0.16, 0.17), scale=3.2, contrast=1.0, seed=draw.seed())
    sketch.object("road", movable=False)
    corners = [(road - 3.4, -80, 0.01), (road + 3.4, -80, 0.01), (road + 3.4, 80, 0.01), (road - 3.4, 80, 0.01)]
    sketch.quad(corners, tar, frame=[[1, 0, 0, -road], [0, 1, 0, 0]])
    for y in (-30.0, 5.0, 40.0):
        town.taken += [(road, y + step, 3.6) for step in (-30, -20, -10, 0, 10, 20, 30)]
    for _ in range(5):
        x, y = road + float(rng.choice((-1, 1)) * rng.uniform(9, 26)), float(rng.uniform(-26, 26))
        if town.free(x, y, 7.0):
            town.taken.append((x, y, 7.0))
            streetside.house(sketch, draw, (x, y, 0.0), float(rng.uniform(0, 3)), int(rng.integers(3, 5)), 1)
    for _ in range(40):
        town.put(streetside.tree, rng.uniform(-40, 40), rng.uniform(-32, 32), 2.2, high=float(rng.uniform(4, 8)))
    for y in (-18.0, -4.0, 12.0):
        streetside.car(sketch, draw, (road + 1.7, y + float(rng.uniform(-3, 3)), 0.01))
    about = f"The camera looks straight down from {altitude:g} m: the ground has that depth everywhere."
    return Probe(about, outdoors(sketch, rng, 45, 40, pose=camera_pose((0, 0, altitude), 0, DOWN)))


def desk(rng, altitude=1.1):
    """Things on a desk from straight above."""
    sketch, draw = Sketch(), Palette(rng)
    sketch.object("table", movable=False)
    wood = draw.wood()
    sketch.quad([(-2, -2, 0), (2, -2, 0), (2, 2, 0), (-2, 2, 0)], wood)
    small_things.stack_of_books(sketch, draw, (-0.36, 0.15, 0), 0.3, 4)
    small_things.tableware(sketch, draw, (0.28, 0.16, 0))
    small_things.ball(sketch, draw, (0.02, -0.2, 0), 0.055)
    small_things.carton(sketch, draw, (-0.33, -0.22, 0), 0.4, side=0.2)
    sketch.object("object", (0.26, -0.2, 0), -0.2)
    sketch.box((-0.14, -0.1, 0), (0.14, 0.1, 0.012), material("plain", (0.72, 0.72, 0.70)))
    sketch.box((-0.02, -0.006, 0.012), (0.13, 0.006, 0.022), draw.plain("bright"), yaw=0.5)
    scene = sketch.scene(
        pose=camera_pose((0, 0, altitude), 0, DOWN), focal=0.9, ambient=(0.4, 0.4, 0.4, 0.3, 0.28, 0.25),
        lights=(Light((-0.8, 0.6, 1.3), (1.1, 1.05, 0.95), reach=1.6),), seed=7, noise=0.005,
    )  # fmt: skip
    return Probe(f"The camera looks straight down at a desk {altitude:g} m below it.", scene)


def corner(rng, kind="concave", texture="plaster"):
    """An empty room: the corner of two walls, or a pillar's edge that comes towards the camera."""
    sketch, draw = Sketch(), Palette(rng)
    room = Room(sketch, draw, 4.4, 4.4, 2.6)
    colour = draw.colour("wall")
    wall = material(texture, colour, tuple(0.7 * part for part in colour), 0.3, 0.6, seed=draw.seed())
    wood = material("boards", draw.colour("wood"), (0.1, 0.06, 0.04), 0.12, gloss=0.1, seed=draw.seed())
    room.shell(wood, wall, material("plaster", (0.8, 0.8, 0.78), scale=0.6))
    if kind == "convex":
        sketch.object("wall", (0.0, 3.1, 0.0), np.pi / 4, movable=False)
        sketch.box((-0.75, -0.75, 0), (0.75, 0.75, 2.6), wall)
    yaw, place = (0.0, (0.0, 0.4, 1.45)) if kind == "convex" else (-np.pi / 4, (-1.5, 0.7, 1.45))
    lights = (Light((-0.9, 1.6, 2.3), (1.1, 1.05, 0.95), reach=2.4), Light((0.05, -0.1, 1.0), (0.25, 0.25, 0.25), True))
    scene = sketch.scene(
        pose=camera_pose(place, yaw, 0.08), focal=0.8, lights=lights, bounds=room.bounds, seed=11, noise=0.006,
        ambient=(0.34, 0.34, 0.34, 0.33, 0.3, 0.26),
    )  # fmt: skip
    where = "comes towards" if kind == "convex" else "goes away from"
    return Probe(f"An empty room whose corner {where} the camera.", scene)


def floor(rng, texture="tiles"):
    """A textured floor that ends at a plain wall (Fig. 3.3 turns it upside down)."""
    sketch, draw = Sketch(), Palette(rng)
    sketch.object("floor", movable=False)
    paint = material(texture, (0.52, 0.40, 0.28), (0.22, 0.16, 0.12), 0.4 if texture == "tiles" else 0.14, seed=6)
    sketch.quad([(-30, -2, 0), (30, -2, 0), (30, 7, 0), (-30, 7, 0)], paint)
    sketch.object("wall", movable=False)
    sketch.quad([(-30, 7, 0), (30, 7, 0), (30, 7, 12), (-30, 7, 12)], material("plain", draw.colour("wall")))
    scene = sketch.scene(
        pose=camera_pose((0, 0, 1.5), 0, 0.25), focal=0.85, lights=(Light((0.1, -0.3, 1.0), (0.5, 0.48, 0.45), True),),
        ambient=(0.45, 0.45, 0.46, 0.35, 0.33, 0.3), seed=12, noise=0.005,
    )  # fmt: skip
    return Probe("A floor 1.5 m below the camera, and a wall seven metres away.", scene)


def aeroplane(rng, distance=55.0, heading=35.0):
    """An aeroplane in the sky, with no ground in sight."""
    sketch = Sketch()
    white, blue = material("plain", (0.75, 0.75, 0.76), gloss=0.3), material("plain", (0.06, 0.14, 0.42), gloss=0.3)
    rise = 0.22
    sketch.object("object", (0, distance * np.cos(rise), 1.5 + distance * np.sin(rise)), np.deg2rad(heading))
    sketch.ball((0, 0, 0), (14.0, 1.9, 1.9), white)
    for side in (-1, 1):
        root, tip = (2.5, side * 1.2), (-4.5, side * 14.0)
        top = [
            (root[0], root[1], -0.4),
            (root[0] - 4.6, root[1], -0.4),
            (tip[0] - 1.6, tip[1], 0.5),
            (tip[0], tip[1], 0.5),
        ]
        under = [(x, y, z - 0.35) for x, y, z in top]
        order = (0, 1, 2, 3) if side < 0 else (3, 2, 1, 0)
        sketch.quad([top[k] for k in reversed(order)], white)
        sketch.quad([under[k] for k in order], white)
        for k in range(4):
            a, b = order[k], order[(k + 1) % 4]
            sketch.quad([under[b], under[a], top[a], top[b]], white)
        sketch.cylinder((-0.4, side * 5.2, -1.4), 0.85, 3.6, blue, axis="x")
        sketch.box((-13.0, min(0.4 * side, 4.6 * side), 0.3), (-10.6, max(0.4 * side, 4.6 * side), 0.5), white)
    sketch.box((-13.2, -0.15, 0.8), (-9.6, 0.15, 5.2), blue, taper=(0.5, 1.0), lean=(-1.6, 0))
    scene = outdoors(sketch, rng, 50, 120, pose=camera_pose((0, 0, 1.5), 0, -rise))
    return Probe(f"An aeroplane 28 m long, {distance:g} m away; all else is sky.", scene)


def balloon(rng, distance=25.0):
    """A hot-air balloon in the sky."""
    sketch, draw = Sketch(), Palette(rng)
    rise = 0.15
    cloth = draw.colour("bright")
    stripes = material("stripes", cloth, (0.75, 0.74, 0.70), 2.2)
    sketch.object("object", (0, distance * np.cos(rise), 1.5 + distance * np.sin(rise)), 0.4)
    sketch.ball((0, 0, 1.5), (4.2, 4.2, 4.6), stripes, low=-0.6)
    sketch.cone((0, 0, -3.6), 0.9, 3.37, 2.35, stripes)
    wicker = material("panels", (0.36, 0.22, 0.11), scale=0.2)
    sketch.box((-0.6, -0.6, -6.2), (0.6, 0.6, -5.2), wicker)
    for x in (-0.55, 0.52):
        for y in (-0.55, 0.52):
            sketch.box((x, y, -5.2), (x + 0.04, y + 0.04, -3.5), material("plain", (0.1, 0.08, 0.06)))
    return Probe(
        f"A balloon {distance:g} m away; all else is sky.",
        outdoors(sketch, rng, 40, 130, pose=camera_pose((0, 0, 1.5), 0, -rise)),
    )


def water(rng, height=5.0, waves=1.0, pitch=9.0):
    """The sea to the horizon: waves get smaller and denser with distance."""
    sketch = Sketch()
    sea = material(
        "water", (0.05, 0.14, 0.20), (0.42, 0.54, 0.60), waves, 1.0, gloss=0.4, seed=int(rng.integers(1, 4096))
    )
    sketch.object("water", movable=False)
    sketch.quad([(-6000, -50, 0), (6000, -50, 0), (6000, 9000, 0), (-6000, 9000, 0)], sea)
    scene = outdoors(sketch, rng, 35, 20, pose=camera_pose((0, 0, height), 0, np.deg2rad(pitch)))
    scene = replace(scene, haze=(*scene.haze[:3], 0.0008))
    return Probe(f"A flat sea {height:g} m below the camera, to a horizon nine kilometres away.", scene)


def _courtyard(rng, draw_things, elevation, azimuth=65.0):
    sketch, draw = Sketch(), Palette(rng)
    field(sketch, draw, material("panels", (0.60, 0.56, 0.49), (0.45, 0.42, 0.37), 2.0, 0.6, seed=8), reach=90.0)
    draw_things(sketch, draw)
    scene = outdoors(sketch, rng, elevation, azimuth, pose=camera_pose((0, 0, 1.6), 0, 0.12))
    # A hard light: little comes from elsewhere. A high sun is dimmed, or the ground would be white.
    strength = min(2.4, 1.2 / np.sin(np.deg2rad(elevation)))
    return replace(
        scene, ambient=tuple(0.45 * part for part in scene.ambient), lights=(sunlight(elevation, azimuth, strength),)
    )


def pillars(rng, elevation=18.0):
    """A row of pillars and their long shadows."""

    def things(sketch, draw):
        for k in range(5):
            sketch.object("building", (-3.2 + 1.6 * k, 6.0 + 1.2 * k, 0.0), movable=False)
            sketch.cone((0, 0, 0), 0.28, 0.24, 3.2, material("stone", (0.62, 0.60, 0.55), (0.45, 0.43, 0.4), 0.3))
            sketch.box((-0.34, -0.34, 3.2), (0.34, 0.34, 3.45), material("stone", (0.62, 0.60, 0.55), scale=0.3))

    return Probe(f"Pillars by a sun {elevation:g} degrees high.", _courtyard(rng, things, elevation))


def walkers(rng, elevation=18.0):
    """People and their long shadows."""

    def things(sketch, draw):
        for x, y in ((-2.4, 6.5), (-0.6, 8.5), (0.9, 5.2), (2.6, 9.5), (3.2, 6.2)):
            streetside.person(sketch, draw, (x, y, 0.0), float(rng.uniform(0, 6)))

    return Probe(f"People by a sun {elevation:g} degrees high.", _courtyard(rng, things, elevation))


def fence_shadow(rng, elevation=25.0):
    """The stripes that a fence throws on the ground."""

    def things(sketch, draw):
        sketch.object("fence", (0.0, 9.0, 0.0), movable=False)
        dark = material("plain", (0.12, 0.10, 0.08))
        for x in np.arange(-8, 8, 0.32):
            sketch.box((x, -0.03, 0), (x + 0.14, 0.03, 1.7), dark)
        sketch.box((-8, 0.03, 0.4), (8, 0.07, 0.5), dark)
        sketch.box((-8, 0.03, 1.3), (8, 0.07, 1.4), dark)

    return Probe("The dark stripes are shadows: the ground is flat.", _courtyard(rng, things, elevation, azimuth=15.0))


def hidden_caster(rng, elevation=20.0):
    """Shadows of a tree and a person behind the camera, themselves not in the picture."""

    def things(sketch, draw):
        streetside.tree(sketch, draw, (-1.6, -3.5, 0.0), high=6.0)
        streetside.person(sketch, draw, (0.9, -0.9, 0.0))

    return Probe(
        "Nothing stands on the ground: what throws the shadows is behind the camera.",
        _courtyard(rng, things, elevation, 180.0),
    )


def _sketch_street(rng):
    sketch, draw = Sketch(), Palette(rng)
    town = Town(sketch, draw)
    town.look((0.0, 0.0))
    town.road(4.2, 1)
    paving = town.paving()
    for side in (-1, 1):
        town.kerbed(*sorted((side * 4.2, side * 7.0)), paving)
        town.row_of_buildings(side * 7.0, side, -14.0, 84.0)
        town.along(streetside.tree, side * 5.0, 10.0, 70.0, 14.0, 0.5, z=0.12, high=5.5)
        town.along(streetside.lamp_post, side * 4.7, 7.0, 70.0, 28.0, 0.3, -side * np.pi / 2, z=0.12)
    town.closing()
    return sketch, draw


_SHAPES = {
    "car": lambda s, d, place, yaw: streetside.car(
        s, d, place, yaw, paint=material("plain", (0.55, 0.05, 0.05), gloss=0.5)
    ),
    "person": lambda s, d, place, yaw: streetside.person(s, d, place, np.pi + yaw, high=1.75),
    "box": lambda s, d, place, yaw: small_things.carton(s, d, place, yaw, side=1.1),
    "cabinet": lambda s, d, place, yaw: furniture.wardrobe(s, d, place, yaw),
}


def street_object(rng, kind="car", distance=12.0, scale=1.0, lift=0.0, lateral=0.0, colour=None):
    """One thing on an otherwise fixed street: the setting of van Dijk and de Croon, with a truth.

    Its middle stands on the road `distance` metres away, `scale` times its natural size, `lift` metres above the ground. Distance
    alone changes its height in the image and its size together, as in nature; `scale` proportional to distance keeps the
    size in the image, so that the height in it changes alone; `scale` alone changes the size alone. `colour` paints all of
    it alike.
    """
    sketch, draw = _sketch_street(rng)
    marked = sketch.count
    _SHAPES[kind](sketch, draw, (lateral, distance, lift), 0.0)
    scene = outdoors(sketch, rng, 55, 172, pose=camera_pose((0, 0, 1.5), 0, 0.03))
    matrices = np.tile(np.eye(4), (sketch.count, 1, 1))
    matrices[marked, [0, 1, 2], [0, 1, 2]] = scale
    matrices[marked, :3, 3] = (1 - scale) * scene.object_anchor[marked]
    scene = moved(scene, matrices)
    if scene.faces[scene.face_object == marked][..., 1].min(initial=distance) < 0.3:
        raise ValueError(
            f"scale: expected a {kind} that ends in front of the camera, found one {scale:g} times its natural size"
            f" {distance:g} m away"
        )
    if colour is not None:
        scene = replace(
            scene,
            face_material=_painted(scene.face_material, scene.face_object == marked, colour),
            round_material=_painted(scene.round_material, scene.round_object == marked, colour),
        )
    about = f"A {kind} {distance:g} m away, {scale:g} times its natural size, {lift:g} m above the road."
    return Probe(about, scene, marked=marked, bare=without(scene, np.arange(sketch.count) == marked))


def _painted(rows, chosen, colour):
    """Material rows with those chosen in one plain colour."""
    rows = rows.copy()
    rows[chosen] = material("plain", colour)
    return rows
