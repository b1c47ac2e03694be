"""Solids and rays by definition: float64 NumPy, every ray against every solid, nothing shared with sidelib's caster.

A solid is what its name says: a box is where eight corners' six planes all have a point behind them, a round is where
its inequality holds. `Twin` draws each solid with `Sketch` and as such a definition at the same time.
"""

import numpy as np

from sidelib.scenes.materials import material
from sidelib.scenes.solids import Sketch, camera_pose

GREY = material("plain", (0.5, 0.5, 0.5))


class Polytope:
    """The convex hull of the corners of six quadrilaterals."""

    def __init__(self, corners):
        middle = corners.mean(0)
        self.planes = []
        for a, b, c in ((0, 1, 2), (4, 5, 6), (0, 1, 4), (2, 3, 6), (0, 2, 4), (1, 3, 5)):
            normal = np.cross(corners[b] - corners[a], corners[c] - corners[a])
            normal /= np.linalg.norm(normal)
            normal *= np.sign(normal @ (corners[a] - middle))
            self.planes.append((normal, normal @ corners[a]))

    def interval(self, origin, direction):
        enter, leave = np.full(len(direction), -np.inf), np.full(len(direction), np.inf)
        normal = np.zeros_like(direction)
        for n, offset in self.planes:
            speed, gap = direction @ n, offset - origin @ n
            with np.errstate(divide="ignore", invalid="ignore"):
                t = gap / speed
            later = (speed < 0) & (t > enter)
            enter, normal[later] = np.where(later, t, enter), n
            leave = np.where((speed > 0) & (t < leave), t, leave)
            leave = np.where((speed == 0) & (gap < 0), -np.inf, leave)
        return enter, leave, normal


class Polygon:
    """A flat convex polygon that stops rays towards its front, which sees its corners counter-clockwise."""

    def __init__(self, corners):
        self.corners = corners
        self.normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        self.normal /= np.linalg.norm(self.normal)

    def interval(self, origin, direction):
        speed = direction @ self.normal
        with np.errstate(divide="ignore", invalid="ignore"):
            t = ((self.corners[0] - origin) @ self.normal) / speed
            at = origin + t[:, None] * direction
            inside = speed < 0
            for a, b in zip(self.corners, np.roll(self.corners, -1, 0), strict=True):
                inside &= (at - a) @ np.cross(self.normal, b - a) >= 0
        return np.where(inside, t, np.inf), np.where(inside, t, -np.inf), np.broadcast_to(self.normal, direction.shape)


class Round:
    """What lies inside `a x² + b y² <= q(z)` and between two heights, in the frame of `place + turn @ (x, y, z)`."""

    def __init__(self, place, turn, squares, profile, low, high):
        self.place, self.turn, self.squares, self.profile, self.low, self.high = (
            place,
            turn,
            squares,
            profile,
            low,
            high,
        )

    def interval(self, origin, direction):
        inverse = np.linalg.inv(self.turn)
        p, d = np.broadcast_to((origin - self.place) @ inverse.T, direction.shape), direction @ inverse.T
        (a, b), (q0, q1, q2) = self.squares, self.profile
        two = a * d[:, 0] ** 2 + b * d[:, 1] ** 2 - q2 * d[:, 2] ** 2
        one = 2 * (a * p[:, 0] * d[:, 0] + b * p[:, 1] * d[:, 1]) - (q1 + 2 * q2 * p[:, 2]) * d[:, 2]
        none = a * p[:, 0] ** 2 + b * p[:, 1] ** 2 - q0 - q1 * p[:, 2] - q2 * p[:, 2] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            # The stable pair of roots; a missing root is NaN, which lies nowhere.
            half = -(one + np.copysign(np.sqrt(one**2 - 4 * two * none), one)) / 2
            times = np.stack([half / two, none / half, (self.low - p[:, 2]) / d[:, 2], (self.high - p[:, 2]) / d[:, 2]])
            x, y, z = np.moveaxis(p + times[..., None] * d, -1, 0)
            beyond = a * x**2 + b * y**2 - q0 - q1 * z - q2 * z**2
        side = np.array([True, True, False, False])[:, None]
        on = np.where(side, (z >= self.low) & (z <= self.high), beyond <= 0) & np.isfinite(times)
        enter, leave = np.where(on, times, np.inf).min(0), np.where(on, times, -np.inf).max(0)
        first = np.where(on, times, np.inf).argmin(0)[None]
        x, y, z = (np.take_along_axis(part, first, 0)[0] for part in (x, y, z))
        outward = np.stack([a * x, b * y, -(q1 / 2 + q2 * z)], 1)
        cap = np.zeros_like(outward)
        cap[:, 2] = -np.sign(d[:, 2])
        normal = np.where(first[0, :, None] < 2, outward, cap) @ inverse
        with np.errstate(divide="ignore", invalid="ignore"):
            return enter, leave, normal / np.linalg.norm(normal, axis=1, keepdims=True)


class Twin:
    """Draws with `Sketch` and keeps the definitions: `solids` is a list of (object, definition)."""

    def __init__(self):
        self.sketch, self.solids = Sketch(), []

    def object(self, name, place=(0.0, 0.0, 0.0), yaw=0.0, scale=1.0, movable=True):
        self.index = self.sketch.object(name, place, yaw, scale, movable)
        c, s = np.cos(yaw), np.sin(yaw)
        self.turn, self.place = scale * np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]), np.array(place, dtype=float)

    def _add(self, solid):
        self.solids.append((self.index, solid))

    def box(self, low, high, paint=GREY, taper=(1.0, 1.0), lean=(0.0, 0.0), yaw=0.0):
        self.sketch.box(low, high, paint, taper, lean, yaw)
        (x0, y0, z0), (x1, y1, z1), corners = low, high, []
        mx, my, c, s = (x0 + x1) / 2, (y0 + y1) / 2, np.cos(yaw), np.sin(yaw)
        for z in (z0, z1):
            wide, deep, dx, dy = (*taper, *lean) if z == z1 else (1, 1, 0, 0)
            for i in (-1, 1):
                for j in (-1, 1):
                    x, y = i * wide * (x1 - x0) / 2 + dx, j * deep * (y1 - y0) / 2 + dy
                    corners.append((mx + c * x - s * y, my + s * x + c * y, z))
        self._add(Polytope(np.array(corners) @ self.turn.T + self.place))

    def quad(self, corners, paint=GREY):
        """A quadrilateral, or a triangle by three corners."""
        self.sketch.quad([*corners, corners[-1]][:4], paint)
        self._add(Polygon(np.array(corners, dtype=float) @ self.turn.T + self.place))

    def _round(self, centre, axes, squares, profile, low, high):
        self._add(
            Round(self.place + self.turn @ np.array(centre, dtype=float), self.turn @ axes, squares, profile, low, high)
        )

    def ball(self, centre, radii, paint=GREY, low=-1.0, high=1.0):
        self.sketch.ball(centre, radii, paint, low, high)
        a, b, c = (radii,) * 3 if np.isscalar(radii) else radii
        self._round(centre, np.eye(3), (1 / a**2, 1 / b**2), (1, 0, -1 / c**2), low * c, high * c)

    def cylinder(self, centre, radius, length, paint=GREY, axis="z"):
        self.sketch.cylinder(centre, radius, length, paint, axis)
        along = np.roll(np.eye(3), "xyz".index(axis) - 2, axis=1)  # a turn that takes z to the axis
        self._round(centre, along.T, (1, 1), (radius**2, 0, 0), -length / 2, length / 2)

    def cone(self, base, bottom, top, height, paint=GREY):
        self.sketch.cone(base, bottom, top, height, paint)
        slope = (top - bottom) / height
        self._round(base, np.eye(3), (1, 1), (bottom**2, 2 * bottom * slope, slope**2), 0.0, height)


def rays(scene, size, shift=(0.0, 0.0)):
    """The camera's place `(3,)` and world rays of unit depth `(H * W, 3)` through pixels' centres plus `shift`."""
    height, width = size
    focal = scene.focal * width
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = (x + shift[0] - (width - 1) / 2) / focal, (y + shift[1] - (height - 1) / 2) / focal
    return scene.pose[:3, 3], np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3) @ scene.pose[:3, :3].T


def nearest(origin, direction, solids):
    """What rays see first: (t, inf for nothing; object, -1 for nothing; normal)."""
    best, name = np.full(len(direction), np.inf), np.full(len(direction), -1)
    normals = np.zeros_like(direction)
    for index, solid in solids:
        enter, leave, normal = solid.interval(origin, direction)
        seen = (enter <= leave) & (enter > 0) & (enter < best)
        best[seen], name[seen], normals[seen] = enter[seen], index, normal[seen]
    return best, name, normals


def blocked(points, toward, solids, until):
    """Whether a solid lies on the way from points `(N, 3)` along `toward`, up to `until` times its length."""
    hidden = np.zeros(len(points), dtype=bool)
    for _, solid in solids:
        enter, leave, _ = solid.interval(points, toward)
        hidden |= (enter <= leave) & (leave > 0) & (enter < until)
    return hidden


SORTS = ("box", "tapered", "quad", "ball", "slice", "cylinder", "cone", "spike")


def random_twin(random, count=6, spread=3.0, sorts=SORTS):
    """Some solids of every sort around (0, 3, 0), upright and turned, some of them behind a camera at the origin."""
    twin = Twin()
    for sort in random.permutation(sorts)[:count]:
        place = random.uniform((-spread, -1.5, -1.5), (spread, 6, 1.5))
        twin.object("object", place, random.uniform(-4, 4), random.uniform(0.5, 1.5))
        a, b, c = random.uniform(0.1, 1.0, 3)
        if sort == "box":
            twin.box((-a, -b, -c), (a, b, c), yaw=random.uniform(-2, 2))
        elif sort == "tapered":
            twin.box(
                (-a, -b, 0), (a, b, 2 * c), taper=random.uniform(0.2, 1.5, 2), lean=random.uniform(-0.6, 0.6, 2), yaw=b
            )
        elif sort in ("triangle", "quad"):
            u, v = random.normal(size=(2, 3))
            corners = [-u - v, u - v, u + v, v - 0.3 * u]
            # Both sides, so that it is seen from wherever the camera is.
            twin.quad(corners[: 3 + (sort == "quad")])
            twin.quad(corners[: 3 + (sort == "quad")][::-1])
        elif sort == "ball":
            twin.ball((a, 0, b), random.uniform(0.1, 1.2, 3))
        elif sort == "slice":
            low = random.uniform(-0.9, 0.5)
            twin.ball((0, a, 0), random.uniform(0.3, 1.2, 3), low=low, high=random.uniform(low + 0.1, 1.0))
        elif sort == "cylinder":
            twin.cylinder((0, 0, c), a, 3 * b, axis="xyz"[random.integers(3)])
        elif sort == "cone":
            twin.cone((0, 0, -c), a, b, 2 * c)
        else:
            twin.cone(
                (0, 0, -c), *((a, 0.0) if random.random() < 0.5 else (0.0, a)), 0.4 * c
            )  # flat: often seen steeply
    return twin


def random_pose(random):
    """A camera near the origin that looks roughly along y, often from above."""
    return camera_pose(
        random.uniform((-1, -1, -1), (1, 1, 3)),
        random.uniform(-0.6, 0.6),
        random.uniform(-0.4, 1.2),
        random.uniform(-1, 1),
    )


def room_twin(x=(-2.0, 2.5), y=(-1.0, 5.0), height=2.6):
    """A closed room: one object for the floor, the ceiling and each wall."""
    twin = Twin()
    (x0, x1), (y0, y1), h = x, y, height
    for name, corners in (
        ("floor", [(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)]),
        ("ceiling", [(x0, y0, h), (x0, y1, h), (x1, y1, h), (x1, y0, h)]),
        ("wall", [(x0, y1, 0), (x1, y1, 0), (x1, y1, h), (x0, y1, h)]),
        ("wall", [(x0, y0, 0), (x0, y1, 0), (x0, y1, h), (x0, y0, h)]),
        ("wall", [(x1, y1, 0), (x1, y0, 0), (x1, y0, h), (x1, y1, h)]),
        ("wall", [(x1, y0, 0), (x0, y0, 0), (x0, y0, h), (x1, y0, h)]),
    ):
        twin.object(name, movable=False)
        twin.quad(corners)
    return twin
