"""The ground of an outdoor scene and the book-keeping of what stands on it."""

import numpy as np

from sidelib.scenes import streetside as put
from sidelib.scenes.materials import material

__all__ = ["FAR", "NEAR", "Town"]

NEAR, FAR = -14.0, 104.0  # the ground's ends along y; the camera stands at 0


class Town:
    """A sketch with the book-keeping of which ground is taken, so that nothing stands in anything else."""

    def __init__(self, sketch, draw):
        self.sketch, self.draw, self.rng = sketch, draw, draw.rng
        self.taken = []

    def look(self, place, clear=2.6):
        """Nothing stands around the camera."""
        self.taken.append((*place, clear))

    def free(self, x, y, radius):
        """Whether a disc touches nothing that was put."""
        return all((x - a) ** 2 + (y - b) ** 2 > (radius + r) ** 2 for a, b, r in self.taken)

    def put(self, what, x, y, radius, yaw=0.0, z=0.0, **options):
        """Put something if its ground is free."""
        if not self.free(x, y, radius):
            return False
        self.taken.append((x, y, radius))
        what(self.sketch, self.draw, (float(x), float(y), z), float(yaw), **options)
        return True

    def ground(self, name, x0, x1, y0, y1, paint, z=0.0):
        """A flat piece of ground."""
        self.sketch.object(name, movable=False)
        self.sketch.quad([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], paint)

    def kerbed(self, x0, x1, paint, y0=NEAR, y1=FAR, name="pavement"):
        """A pavement 12 cm above the road."""
        self.sketch.object(name, movable=False)
        self.sketch.box((x0, y0, -0.3), (x1, y1, 0.12), paint)

    def road(self, half, lanes, y0=NEAR, y1=FAR, x=0.0):
        """A marked road of 2 x `lanes` lanes along y, its markings counted from the middle."""
        tar = material("lanes", (0.16, 0.16, 0.17), scale=half / lanes, contrast=float(lanes), seed=self.draw.seed())
        self.sketch.object("road", movable=False)
        corners = [(x - half, y0, 0), (x + half, y0, 0), (x + half, y1, 0), (x - half, y1, 0)]
        self.sketch.quad(corners, tar, frame=[[1, 0, 0, -x], [0, 1, 0, 0]])

    def paving(self):
        """A material for pavements and squares."""
        grey = float(self.rng.uniform(0.34, 0.5))
        colour = (grey * 1.02, grey, grey * 0.95)
        kind, scale = self.draw.any_of(("tiles", 0.5), ("tiles", 0.35), ("panels", 1.2), ("brick", 0.24))
        if kind == "brick":
            colour = self.draw.colour("brick")
        return material(kind, colour, tuple(0.7 * part for part in colour), scale, 0.8, seed=self.draw.seed())

    def lawn(self):
        """Grass."""
        return material("foliage", (0.17, 0.28, 0.07), (0.07, 0.14, 0.03), 0.35, 0.7, seed=self.draw.seed())

    def row_of_buildings(self, x, side, y0, y1, what="house", end=np.inf):
        """Buildings side by side along a line, fronts towards the road; `side` +1 stands right of it.

        The last one begins before `y1`; none reaches past `end`. Returns where the row ends.
        """
        y = y0
        while y < y1:
            column, deep = (3.1 * 0.85, 12.0) if what == "block" else (2.8 * 0.85, 8.0)
            columns, storeys = self.rng.integers(4, 8) if what == "block" else self.rng.integers(3, 6), 0
            columns = min(int(columns), int((end - y) / column)) if end < np.inf else int(columns)
            if columns < 2:
                break
            storeys = int(self.rng.integers(3, 8) if what == "block" else self.rng.integers(1, 4))
            wide = columns * column
            self.build(what, (x + side * deep / 2, y + wide / 2, 0.1), -side * np.pi / 2, columns, storeys, deep, 0.0)
            y += wide
        return y

    def build(self, what, place, yaw, columns, storeys, deep, eaves=0.25):
        """A house or a block, with its door where that can be seen; local -y faces the road."""
        options = {"columns": columns, "storeys": storeys, "deep": deep, "near": bool(-3 < place[1] < 40)}
        if what == "block":
            put.block(self.sketch, self.draw, place, yaw, **options)
        else:
            put.house(self.sketch, self.draw, place, yaw, **options, eaves=eaves)

    def along(self, what, x, y0, y1, step, radius, yaw=0.0, share=0.8, z=0.0, **options):
        """Things in a row along the road, some left out."""
        for y in np.arange(y0, y1, step):
            if self.rng.random() < share:
                at = y + self.rng.uniform(-0.25, 0.25) * step
                turned = yaw + (self.rng.normal(0, 0.03) if what is put.car else 0.0)
                self.put(what, x + self.rng.normal(0, 0.06), at, radius, turned, z, **options, **self.detail(what, at))

    @staticmethod
    def detail(what, distance):
        """Far objects are drawn with fewer solids."""
        if what in (put.car, put.person):
            return {"near": int(distance < 15) + int(distance < 36)}
        return {"near": bool(distance < 26)} if what in (put.tree, put.conifer) else {}

    def people(self, count, x0, x1, y0, y1, z=0.0):
        """People here and there."""
        for _ in range(count):
            x, y = self.rng.uniform(x0, x1), y0 + (y1 - y0) * self.rng.random() ** 1.5
            self.put(put.person, x, y, 0.4, self.rng.uniform(-np.pi, np.pi), z, **self.detail(put.person, y))

    def traffic(self, x, y0, y1, count, yaw):
        """Cars on one lane."""
        for _ in range(count):
            y = self.rng.uniform(y0, y1)
            self.put(
                put.car, x + self.rng.normal(0, 0.12), y, 2.4, yaw + self.rng.normal(0, 0.01), **self.detail(put.car, y)
            )

    def closing(self, x=0.0):
        """Something at the far end, so that the ground has no edge."""
        for k in range(-2, 3):
            # Neighbours overlap where they are still higher than any camera.
            at = (x + 52.0 * k + self.rng.uniform(-8, 8), FAR - 6 + self.rng.uniform(-4, 4), -0.5)
            put.hill(
                self.sketch, self.draw, at, wide=float(self.rng.uniform(48, 64)), high=float(self.rng.uniform(7, 17))
            )
