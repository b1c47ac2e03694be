"""Materials: what a surface is covered with, as a row of twelve numbers, and the palettes that scenes draw from.

A row is (kind, colour, second colour, scale, contrast, gloss, glow, seed): `scale` is the size in metres of the
pattern's element (a plank's width, a tile, a brick's length), `gloss` the strength of its highlight, `glow` how much of
its colour it gives off by itself. Colours are linear RGB albedos.
"""

__all__ = ["DIRECTED", "KINDS", "PALETTE", "Palette", "material", "plain_row"]

KINDS = (
    "plain", "plaster", "grain", "carpet", "asphalt", "foliage", "stone", "fabric", "water",
    "boards", "brick", "tiles", "stripes", "panels", "facade", "lanes", "books", "art", "view", "roof", "checker",
)  # fmt: skip
# Patterns of straight lines, which carry linear perspective; the others are grain alone.
DIRECTED = tuple(KINDS.index(kind) for kind in KINDS[KINDS.index("boards") :] if kind not in ("art", "view"))
# How much of the second colour the mean of a pattern holds, for surfaces painted in one colour.
_SHARE = {
    "checker": 0.5, "stripes": 0.45, "brick": 0.18, "tiles": 0.07, "facade": 0.25, "carpet": 0.3, "foliage": 0.4,
    "grain": 0.46, "water": 0.36, "stone": 0.1, "roof": 0.27, "boards": 0.04, "panels": 0.03,
}  # fmt: skip


def material(kind, colour, second=None, scale=1.0, contrast=1.0, gloss=0.0, glow=0.0, seed=0.0):
    """A material's row of twelve numbers.

    >>> material("brick", (0.5, 0.2, 0.1), (0.6, 0.6, 0.6), scale=0.22)[:4]
    (10.0, 0.5, 0.2, 0.1)
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    second = second if second is not None else tuple(0.7 * part for part in colour)
    return (float(KINDS.index(kind)), *colour, *second, float(scale), contrast, gloss, glow, float(seed))


def plain_row(rows, kinds):
    """The rows `(N, 12)` with those of the given kinds painted in the pattern's mean colour instead."""
    rows = rows.copy()
    for kind in kinds:
        of = rows[:, 0] == kind
        share = _SHARE.get(KINDS[kind], 0.0)
        rows[of, 1:4] = (1 - share) * rows[of, 1:4] + share * rows[of, 4:7]
        rows[of, 0] = 0
    return rows


PALETTE = {
    "wall": [(0.72, 0.68, 0.60), (0.62, 0.66, 0.66), (0.75, 0.74, 0.71), (0.55, 0.60, 0.52), (0.68, 0.56, 0.46),
             (0.50, 0.58, 0.66), (0.78, 0.70, 0.52), (0.60, 0.48, 0.46), (0.70, 0.71, 0.75)],
    "wood": [(0.36, 0.20, 0.10), (0.46, 0.29, 0.15), (0.24, 0.13, 0.07), (0.58, 0.42, 0.25), (0.30, 0.19, 0.13),
             (0.62, 0.50, 0.36)],
    "cloth": [(0.14, 0.20, 0.34), (0.36, 0.12, 0.11), (0.18, 0.28, 0.18), (0.42, 0.38, 0.32), (0.30, 0.24, 0.20),
              (0.10, 0.10, 0.12), (0.50, 0.36, 0.16), (0.28, 0.16, 0.30), (0.16, 0.34, 0.36)],
    "bright": [(0.70, 0.10, 0.08), (0.08, 0.28, 0.60), (0.85, 0.62, 0.06), (0.10, 0.45, 0.20), (0.80, 0.34, 0.06),
               (0.45, 0.12, 0.45), (0.75, 0.75, 0.72), (0.05, 0.40, 0.45)],
    "tile": [(0.66, 0.62, 0.56), (0.50, 0.50, 0.50), (0.70, 0.66, 0.66), (0.44, 0.36, 0.30), (0.56, 0.62, 0.64)],
    "carpet": [(0.38, 0.34, 0.30), (0.24, 0.26, 0.32), (0.40, 0.28, 0.24), (0.28, 0.32, 0.26), (0.46, 0.43, 0.38)],
    "brick": [(0.40, 0.16, 0.10), (0.48, 0.26, 0.16), (0.34, 0.20, 0.15), (0.52, 0.40, 0.28)],
    "house": [(0.72, 0.66, 0.54), (0.66, 0.56, 0.44), (0.74, 0.72, 0.68), (0.56, 0.42, 0.36), (0.60, 0.64, 0.66),
              (0.70, 0.52, 0.36)],
    "roof": [(0.34, 0.13, 0.09), (0.20, 0.19, 0.20), (0.28, 0.18, 0.13), (0.16, 0.18, 0.22)],
    "leaf": [(0.09, 0.19, 0.04), (0.13, 0.23, 0.06), (0.06, 0.15, 0.05), (0.19, 0.22, 0.06)],
    "car": [(0.55, 0.05, 0.05), (0.05, 0.12, 0.38), (0.70, 0.70, 0.70), (0.04, 0.04, 0.05), (0.30, 0.32, 0.34),
            (0.75, 0.73, 0.68), (0.08, 0.24, 0.16), (0.60, 0.42, 0.08)],
    "skin": [(0.60, 0.38, 0.27), (0.38, 0.21, 0.13), (0.70, 0.48, 0.36), (0.20, 0.11, 0.07)],
}  # fmt: skip


class Palette:
    """Draws colours and materials for one scene from its own generator."""

    def __init__(self, rng):
        self.rng = rng

    def colour(self, name):
        """A colour near one of the palette's, linear RGB."""
        choices = PALETTE[name]
        base = choices[int(self.rng.integers(len(choices)))]
        shift = self.rng.normal(0.0, 0.05, 4)
        return tuple(float(min(max(part * (1 + shift[3] * 1.5 + shift[i]), 0.02), 0.92)) for i, part in enumerate(base))

    def seed(self):
        """A number that tells this surface's pattern from all others."""
        return float(self.rng.integers(1, 4096))

    def wood(self, colour=None, gloss=0.08):
        """Sawn wood with grain along its longer side."""
        colour = colour or self.colour("wood")
        return material("grain", colour, tuple(0.6 * part for part in colour), 0.06, 1.0, gloss, 0.0, self.seed())

    def plain(self, name, gloss=0.05):
        """A painted surface."""
        return material("plain", self.colour(name), gloss=gloss, seed=self.seed())

    def cloth(self, colour=None):
        """Upholstery."""
        colour = colour or self.colour("cloth")
        return material("fabric", colour, tuple(0.65 * part for part in colour), 0.02, 0.7, 0.0, 0.0, self.seed())

    def any_of(self, *choices):
        """One of several values."""
        return choices[int(self.rng.integers(len(choices)))]

    def metal(self, shade=0.35):
        """Bare metal: grey and glossy."""
        return material("plain", (shade, shade, shade * 1.03), gloss=0.4)
