"""An empty room: walls, floor, ceiling, windows, doors, pictures, and the book-keeping of what space is still free."""

import numpy as np

from sidelib.scenes.materials import material
from sidelib.scenes.solids import Light

__all__ = ["Room"]

_YAW = {"far": 0.0, "left": np.pi / 2, "right": -np.pi / 2, "near": np.pi}


class Room:
    """A room of `wide` x `deep` x `high` metres: x from -wide/2 to wide/2, y from 0 (behind the camera) to deep.

    It knows which stretches of wall and which patches of floor are taken, so that nothing stands in anything else, in
    a doorway, or before the camera.
    """

    def __init__(self, sketch, draw, wide, deep, high):
        self.sketch, self.draw, self.rng = sketch, draw, draw.rng
        self.wide, self.deep, self.high = wide, deep, high
        self.taken, self.on_wall, self.lights = [], {name: [] for name in _YAW}, []
        self.facing = ("left", "right", "far")

    @property
    def bounds(self):
        """(x0, x1, y0, y1, z0, z1)."""
        return (-self.wide / 2, self.wide / 2, 0.0, self.deep, 0.0, self.high)

    def length(self, wall):
        """How long a wall is."""
        return self.wide if wall in ("far", "near") else self.deep

    def shell(self, floor, wall, ceiling, accent=None):
        """Floor, ceiling and four walls with skirting boards; `accent` covers the far wall if given."""
        x0, x1, y0, y1, _, h = self.bounds
        sketch = self.sketch
        for name, corners, paint in (
            ("floor", [(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)], floor),
            ("ceiling", [(x0, y0, h), (x0, y1, h), (x1, y1, h), (x1, y0, h)], ceiling),
            ("wall", [(x0, y1, 0), (x1, y1, 0), (x1, y1, h), (x0, y1, h)], accent or wall),
            ("wall", [(x0, y0, 0), (x0, y1, 0), (x0, y1, h), (x0, y0, h)], wall),
            ("wall", [(x1, y1, 0), (x1, y0, 0), (x1, y0, h), (x1, y1, h)], wall),
            ("wall", [(x1, y0, 0), (x0, y0, 0), (x0, y0, h), (x1, y0, h)], wall),
        ):
            sketch.object(name, movable=False)
            sketch.quad(corners, paint)
        trim = self.draw.any_of(material("plain", (0.7, 0.69, 0.66)), self.draw.wood())
        sketch.object("wall", movable=False)
        sketch.box((x0, y1 - 0.015, 0), (x1, y1, 0.08), trim)
        sketch.box((x0, y0, 0), (x0 + 0.015, y1 - 0.015, 0.08), trim)
        sketch.box((x1 - 0.015, y0, 0), (x1, y1 - 0.015, 0.08), trim)

    def against(self, wall, along, away=0.0):
        """The floor point at `along` from a wall's middle and `away` from it, and the yaw of what leans there."""
        x0, x1, _, y1, _, _ = self.bounds
        middle = self.deep / 2
        place = {
            "far": (along, y1 - away), "near": (-along, away),
            "left": (x0 + away, middle + along), "right": (x1 - away, middle - along),
        }[wall]  # fmt: skip
        return (*place, 0.0), _YAW[wall]

    def _footprint(self, place, yaw, wide, deep):
        if abs(np.sin(yaw)) > 0.5:
            wide, deep = deep, wide
        return (place[0] - wide / 2, place[0] + wide / 2, place[1] - deep / 2, place[1] + deep / 2)

    def free(self, place, yaw, wide, deep, margin=0.03):
        """Whether a footprint lies in the room and on nothing else."""
        x0, x1, y0, y1 = self._footprint(place, yaw, wide + 2 * margin, deep + 2 * margin)
        if x0 < -self.wide / 2 - margin or x1 > self.wide / 2 + margin or y0 < -margin or y1 > self.deep + margin:
            return False
        return all(x1 <= a or x0 >= b or y1 <= c or y0 >= d for a, b, c, d in self.taken)

    def take(self, place, yaw, wide, deep):
        """Mark a footprint as taken."""
        self.taken.append(self._footprint(place, yaw, wide, deep))

    def look(self, camera, yaw, length=0.9):
        """Nothing stands at the camera nor right before it, and most things where it looks."""
        x, y = camera[0], camera[1]
        if abs(yaw) > 0.25:
            self.facing = ("left", "far") if yaw > 0 else ("right", "far")
        for step in np.linspace(0, length, 4):
            side = 0.42 + 0.15 * step
            self.taken.append((
                x - step * np.sin(yaw) - side, x - step * np.sin(yaw) + side,
                y + step * np.cos(yaw) - side, y + step * np.cos(yaw) + side,
            ))  # fmt: skip

    def spot(self, wall, wide, deep, high, away=0.02, tries=14, along=None):
        """A free place for something `wide` x `deep` x `high` along a wall: (place, yaw), or None."""
        half = self.length(wall) / 2 - wide / 2 - 0.02
        if half < 0:
            return None
        for attempt in range(tries):
            at = along if along is not None and attempt == 0 else float(self.rng.uniform(-half, half))
            if attempt == 1 or (attempt > 4 and self.rng.random() < 0.5):
                at = half * self.draw.any_of(-1, 1)  # into a corner
            if any(at - wide / 2 < b and at + wide / 2 > a and high > low for a, b, low in self.on_wall[wall]):
                continue
            place, yaw = self.against(wall, at, away + deep / 2)
            if self.free(place, yaw, wide, deep):
                self.take(place, yaw, wide, deep)
                self.on_wall[wall].append((at - wide / 2, at + wide / 2, -high))
                return place, yaw
        return None

    def _gap(self, wall, wide, low, tries=6):
        """A stretch of wall free above `low`, as the place along it, or None."""
        half = self.length(wall) / 2 - wide / 2 - 0.15
        for _ in range(tries if half > 0 else 0):
            at = float(self.rng.uniform(-half, half))
            blocked = any(
                at - wide / 2 < b + 0.08 and at + wide / 2 > a - 0.08 and (z >= 0 or -z > low)
                for a, b, z in self.on_wall[wall]
            )
            if not blocked:
                return at
        return None

    def door(self, wall):
        """A door with its frame and handle."""
        at = self._gap(wall, 1.1, 0.0)
        if at is None:
            return
        place, yaw = self.against(wall, at, 0.0)
        leaf, frame = self.draw.wood(), self.draw.any_of(material("plain", (0.68, 0.67, 0.64)), self.draw.wood())
        sketch = self.sketch
        sketch.object("door", place, yaw, movable=False)
        for x in (-0.50, 0.42):
            sketch.box((x, -0.05, 0), (x + 0.08, 0, 2.1), frame)
        sketch.box((-0.50, -0.05, 2.05), (0.50, 0, 2.13), frame)
        sketch.box((-0.42, -0.03, 0.0), (0.42, 0, 2.05), leaf)
        for z in (0.25, 1.15):
            sketch.box((-0.30, -0.04, z), (0.30, -0.031, z + 0.72), leaf)
        sketch.ball((0.34, -0.07, 1.02), 0.035, self.draw.metal(0.5))
        self.on_wall[wall].append((at - 0.55, at + 0.55, 0.0))
        # The way through the door stays free.
        middle, _ = self.against(wall, at, 0.4)
        self.take(middle, yaw, 0.9, 0.8)

    def window(self, wall, sun=None, wide=None):
        """A window with frame, sill and perhaps curtains; it lights the room, and `sun` shines through it."""
        wide = wide or float(self.rng.uniform(0.9, 1.8))
        low, high = float(self.rng.uniform(0.8, 1.0)), float(min(self.high - 0.25, self.rng.uniform(2.0, 2.3)))
        at = self._gap(wall, wide + 0.3, 0.0)
        if at is None:
            return
        place, yaw = self.against(wall, at, 0.0)
        sketch, frame = self.sketch, material("plain", (0.74, 0.74, 0.72))
        view = material("view", (0.75, 0.85, 0.95), (high - low,) * 3, glow=0.9, seed=self.draw.seed())
        sketch.object("window", place, yaw, movable=False)
        a, b = -wide / 2, wide / 2
        sketch.quad([(a, -0.012, low), (b, -0.012, low), (b, -0.012, high), (a, -0.012, high)], view)
        for x in (a - 0.05, b - 0.01):
            sketch.box((x, -0.06, low - 0.05), (x + 0.06, 0, high + 0.05), frame)
        for z in (low - 0.05, high - 0.01):
            sketch.box((a, -0.06, z), (b, 0, z + 0.06), frame)
        sketch.box((-0.025, -0.045, low), (0.025, 0, high), frame)
        sketch.box((a, -0.045, (low + high) / 2 - 0.02), (b, 0, (low + high) / 2 + 0.02), frame)
        sketch.box((a - 0.1, -0.14, low - 0.09), (b + 0.1, 0, low - 0.05), frame)
        if self.rng.random() < 0.5:
            cloth = self.draw.colour("cloth")
            folds = material("stripes", cloth, tuple(0.55 * part for part in cloth), 0.09, 0.8, seed=self.draw.seed())
            for x in (a - 0.30, b + 0.02):
                sketch.box((x, -0.12, 0.06), (x + 0.28, -0.05, high + 0.14), folds)
            sketch.box((a - 0.35, -0.10, high + 0.14), (b + 0.35, -0.08, high + 0.165), self.draw.wood())
        self.on_wall[wall].append((at - wide / 2 - 0.35, at + wide / 2 + 0.35, low - 0.1))
        c, s = np.cos(yaw), np.sin(yaw)

        def world(x, y, z):
            return (place[0] + c * x - s * y, place[1] + s * x + c * y, z)

        self.lights.append(Light(world(0, -0.25, (low + high) / 2), (0.55, 0.62, 0.72), reach=1.0 + 0.5 * wide))
        if sun is not None:
            toward = np.array([c * sun[0] - s * sun[1], s * sun[0] + c * sun[1], sun[2]])
            corner, right = world(a, 0, low), np.array([c, s, 0]) * wide
            gate = (corner, tuple(right), (0.0, 0.0, high - low))
            self.lights.append(Light(tuple(toward / np.linalg.norm(toward)), (3.4, 3.0, 2.4), True, gate=gate))

    def picture(self, wall):
        """A framed picture, hung at eye height."""
        wide, high = float(self.rng.uniform(0.35, 1.0)), float(self.rng.uniform(0.35, 0.75))
        at = self._gap(wall, wide, 1.2)
        if at is None or self.high < 2.2:
            return
        place, yaw = self.against(wall, at, 0.0)
        z = float(self.rng.uniform(1.5, 1.65))
        art = material(
            "art", self.draw.colour("bright"), scale=float(self.rng.uniform(0.5, 1.2)), seed=self.draw.seed()
        )
        self.sketch.object("picture", place, yaw)
        self.sketch.box((-wide / 2, -0.025, z - high / 2), (wide / 2, 0, z + high / 2), self.draw.wood())
        inset = 0.045
        self.sketch.box(
            (-wide / 2 + inset, -0.03, z - high / 2 + inset), (wide / 2 - inset, -0.0251, z + high / 2 - inset), art
        )
        self.on_wall[wall].append((at - wide / 2, at + wide / 2, 0.9))
