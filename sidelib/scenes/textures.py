"""The materials' patterns, computed at any point of a surface and filtered to the width of a pixel.

Every pattern is a function of the surface coordinates (s, t) in metres and of the pixel's width along each of them.
Lines are averaged over that width exactly, grain loses the octaves that are finer than it: nothing shimmers with
distance, and far surfaces go over to their mean colour.
"""

import torch

from sidelib.scenes.materials import KINDS

__all__ = ["lattice", "noise", "paint"]


def lattice(x, y, seed):
    """A number in [0, 1) for integer lattice points, the same on every device."""
    mixed = x * 374761393 + y * 668265263 + seed * 1013904223
    mixed = (mixed ^ ((mixed >> 13) & 0x7FFFF)) * 1274126177
    mixed = mixed ^ ((mixed >> 16) & 0xFFFF)
    return (mixed & 0xFFFFFF).float() * (1 / 16777216)


def noise(x, y, seed):
    """Smooth value noise in [0, 1) with features of size one; `seed` int32."""
    floor_x, floor_y = x.floor(), y.floor()
    u, v = x - floor_x, y - floor_y
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    i, j = floor_x.int(), floor_y.int()
    top = torch.lerp(lattice(i, j, seed), lattice(i + 1, j, seed), u)
    bottom = torch.lerp(lattice(i, j + 1, seed), lattice(i + 1, j + 1, seed), u)
    return torch.lerp(top, bottom, v)


def _fade(width):
    """What a pattern with elements of size one keeps of its contrast under a filter of this width."""
    return (1.4 - 1.4 * width).clamp(0, 1)


def _grain(s, t, ws, wt, seed, size, octaves=3, stretch=1.0):
    """Noise of several octaves, zero mean, about ±0.5; `size` metres across, `stretch` times longer along s."""
    total = 0.0
    for octave in range(octaves):
        finer = 2.2**octave
        x, y = s * (finer / stretch) / size, t * finer / size
        wide = torch.maximum(ws * (finer / stretch), wt * finer) / size
        total = total + (noise(x, y, seed + octave * 57) - 0.5) * _fade(wide) * 0.55**octave
    return total


def _line(x, share, width):
    """Mean over a pixel of lines that fill [0, share) of every unit of x."""
    width = width.clamp_min(1e-4)

    def filled(at):
        whole = at.floor()
        return whole * share + torch.minimum(at - whole, torch.as_tensor(share, device=at.device))

    return (filled(x + width / 2) - filled(x - width / 2)) / width


def _either(a, b):
    return a + b - a * b


class _Surface:
    """The pixels of one kind: coordinates, pixel widths and the columns of their material rows."""

    def __init__(self, s, t, ws, wt, rows):
        self.seed = rows[:, 11].int()
        # Another seed is another place of the same endless pattern.
        self.s, self.t = s + rows[:, 11] * 0.618034 % 8.0, t + rows[:, 11] * 0.414214 % 8.0
        self.ws, self.wt = ws, wt
        self.raw = (s, t)
        self.first, self.second, self.scale, self.contrast = rows[:, 1:4], rows[:, 4:7], rows[:, 7], rows[:, 8]

    def mix(self, share, tint=None):
        """First colour times `tint`, with `share` of the second colour."""
        first = self.first if tint is None else self.first * tint[:, None]
        return torch.lerp(first, self.second, share[:, None])

    def grain(self, size, octaves=3, stretch=1.0, offset=0):
        return _grain(self.s, self.t, self.ws, self.wt, self.seed + offset, size, octaves, stretch)


def _plain(f):
    return f.first


def _plaster(f):
    return f.first * (1 + f.contrast * (0.11 * f.grain(f.scale, 2) + 0.09 * f.grain(0.02, 1, offset=7)))[:, None]


def _grain_wood(f):
    rings = f.grain(f.scale, 3, 12.0) + 0.6 * f.grain(0.3, 2, 4.0, 11)
    return f.mix((0.45 + 0.9 * f.contrast * rings).clamp(0, 1))


def _carpet(f):
    fine = f.grain(0.025, 2) + 0.7 * f.grain(f.scale, 3, offset=3)
    return f.mix((0.3 + 0.8 * f.contrast * fine).clamp(0, 1))


def _asphalt(f):
    speck = 0.35 * f.grain(0.03, 2) + 0.35 * f.grain(f.scale, 3, offset=5) + 0.25 * f.grain(6.0, 2, offset=9)
    return f.first * (1 + f.contrast * speck).clamp_min(0.2)[:, None]


def _foliage(f):
    clump = 1.3 * f.grain(f.scale, 3) + 0.7 * f.grain(f.scale * 0.22, 2, offset=5)
    return f.mix((0.4 + f.contrast * clump).clamp(0, 1), (1 + 0.9 * clump).clamp(0.25, 2.0))


def _stone(f):
    vein = (1 - (2 * f.grain(f.scale, 3)).abs() * 3).clamp(0, 1)
    return f.mix(0.4 * f.contrast * vein * _fade(f.wt / f.scale), 1 + 0.25 * f.grain(f.scale * 2, 2, offset=3))


def _fabric(f):
    weave = 0.5 * f.grain(f.scale, 2) + 0.25 * f.grain(0.3, 2, offset=4)
    return f.first * (1 + f.contrast * weave)[:, None]


def _water(f):
    wave = f.grain(f.scale, 3, 3.0) + 0.5 * f.grain(0.25 * f.scale, 3, 2.5, 13)
    return f.mix((0.36 + 1.1 * f.contrast * wave).clamp(0, 1))


def _boards(f):
    row = (f.t / f.scale).floor()
    shift = lattice(row.int(), f.seed * 0, f.seed)
    along = f.s / (f.scale * 9) + shift * 7
    joint = _either(_line(f.t / f.scale, 0.05, f.wt / f.scale), _line(along, 0.006, f.ws / (f.scale * 9)))
    own = lattice(row.int(), along.floor().int(), f.seed + 3) - 0.5
    rings = _grain(f.s, f.t + row * 3.1, f.ws, f.wt, f.seed, 0.05, 3, 12.0)
    tint = 1 + 0.45 * own * _fade(f.wt / f.scale * 0.5) + 0.45 * f.contrast * rings
    return f.mix(joint * 0.75, tint.clamp_min(0.3))


def _masonry(f, long, high, mortar, own_tint, shifted):
    row = (f.t / high).floor()
    along = f.s / long + 0.5 * row if shifted else f.s / long
    joint = _either(_line(f.t / high, mortar / high, f.wt / high), _line(along, mortar / long, f.ws / long))
    own = lattice(row.int(), along.floor().int(), f.seed) - 0.5
    keep = _fade(torch.maximum(f.wt / high, f.ws / long) * 0.6)
    rough = f.grain(0.03, 2)
    return f.mix(joint, (1 + own_tint * own * keep + 0.2 * rough).clamp_min(0.3))


def _brick(f):
    return _masonry(f, f.scale, f.scale * 0.32, f.scale * 0.045, 0.7 * f.contrast, True)


def _tiles(f):
    return _masonry(f, f.scale, f.scale, f.scale * 0.03 + 0.002, 0.18 * f.contrast, False)


def _roof(f):
    return _masonry(f, f.scale, f.scale * 1.2, f.scale * 0.16, 0.5 * f.contrast, True)


def _checker(f):
    def parity(x, width):
        return 2 * _line(x / 2, 0.5, width / 2) - 1

    both = parity(f.s / f.scale, f.ws / f.scale) * parity(f.t / f.scale, f.wt / f.scale)
    return f.mix(0.5 - 0.5 * both, 1 + 0.15 * f.grain(0.05, 2))


def _stripes(f):
    wide = _line(f.s / f.scale, 0.45, f.ws / f.scale)
    return f.mix(wide * f.contrast, 1 + 0.08 * f.grain(0.4, 2))


def _panels(f):
    joint = _either(
        _line(f.s / f.scale, 0.02, f.ws / f.scale), _line(f.t / (f.scale * 1.6), 0.013, f.wt / (f.scale * 1.6))
    )
    return f.mix(joint, 1 + 0.15 * f.contrast * f.grain(f.scale, 3))


def _facade(f):
    """Rows of windows with frames; `second` is the glass, `scale` the distance of one storey to the next."""
    (s, t), high = f.raw, f.scale
    across, up = s / (high * 0.85), t / high
    ws, wt = f.ws / (high * 0.85), f.wt / high
    opening = _line(across + 0.73, 0.46, ws) * _line(up + 0.68, 0.5, wt)
    glass = _line(across + 0.71, 0.42, ws) * _line(up + 0.66, 0.46, wt)
    glass = glass * (1 - _line(across - 0.49, 0.02, ws)) * (1 - _line(up + 0.42, 0.02, wt))
    own = lattice((across + 0.73).floor().int(), (up + 0.68).floor().int(), f.seed)
    wall = f.first * (1 + 0.14 * f.contrast * f.grain(0.5, 3) + 0.1 * f.grain(4.0, 2, offset=2))[:, None]
    pane = f.second * (1 + (own - 0.5) * _fade(wt))[:, None]
    frame = torch.lerp(wall, torch.full_like(wall, 0.75), (opening - glass).clamp(0, 1)[:, None])
    return torch.lerp(frame, pane, glass[:, None])


def _lanes(f):
    """A road: asphalt with an edge line on both sides and dashes between lanes of width `scale` around s = 0."""
    (s, t), ground = f.raw, _asphalt(f)
    across = s / f.scale
    width = f.ws / f.scale
    dash = _line(t / 9.0, 1 / 3, f.wt / 9.0)
    lanes = f.contrast  # half the number of lanes
    middle = _line(across + 0.02, 0.045, width) * dash * (across.abs() < lanes - 0.5)
    edge = _line(across + 0.02, 0.045, width) * ((across.abs() - lanes).abs() < 0.5)
    worn = (0.85 + 0.5 * f.grain(0.4, 2, offset=21)).clamp(0.4, 1)
    return torch.lerp(ground, torch.full_like(ground, 0.72), ((middle + edge).clamp(0, 1) * worn)[:, None])


def _books(f):
    """Spines of books side by side; no two neighbours alike."""
    (s, _), wide = f.raw, 0.035
    cell = s / wide + 0.6 * torch.sin(s * 31.0 + f.seed)
    name = cell.floor().int()
    hue = torch.stack([lattice(name, f.seed + k, f.seed) for k in (0, 1, 2)], 1)
    colour = 0.04 + 0.5 * hue * hue
    keep = _fade(f.ws / wide * 0.6)[:, None]
    gap = _line(cell, 0.12, f.ws / wide)
    mean = torch.full_like(colour, 0.2)
    return torch.lerp(torch.lerp(mean, colour, keep), torch.full_like(colour, 0.02), gap[:, None] * 0.8)


def _art(f):
    """A picture: broad patches of a few colours."""
    patch = torch.stack([noise(f.s * 4 / f.scale + 17 * k, f.t * 4 / f.scale, f.seed + k) for k in (0, 1, 2)], 1)
    return (0.05 + 0.75 * patch * (0.4 + f.first)).clamp(0, 0.9)


def _view(f):
    """What a window shows: bright sky above, greenery below; `second` is the height of the pane."""
    (s, t), high = f.raw, f.second[:, 0]
    tree = 0.45 + 0.5 * _grain(s, t, f.ws, f.wt, f.seed, 0.5, 3)
    share = ((tree - t / high) * 6 + 0.5).clamp(0, 1)
    green = torch.stack([0.16 + 0 * tree, 0.26 + 0.2 * tree, 0.10 + 0 * tree], 1)
    return torch.lerp(f.first, green, share[:, None] * 0.9)


_PATTERNS = dict(zip(KINDS, (
    _plain, _plaster, _grain_wood, _carpet, _asphalt, _foliage, _stone, _fabric, _water, _boards, _brick, _tiles,
    _stripes, _panels, _facade, _lanes, _books, _art, _view, _roof, _checker,
), strict=True))  # fmt: skip


def paint(s, t, ws, wt, rows):
    """Albedo `(N, 3)` of N surface points.

    Args:
        s, t: surface coordinates in metres, `(N,)`.
        ws, wt: the pixel's width along them, in metres.
        rows: material rows `(N, 12)`.
    """
    albedo = rows[:, 1:4].clone()
    kinds = rows[:, 0].int()
    for kind in range(1, len(KINDS)):
        of = (kinds == kind).nonzero()[:, 0]
        if len(of):
            albedo[of] = _PATTERNS[KINDS[kind]](_Surface(s[of], t[of], ws[of], wt[of], rows[of]))
    return albedo.clamp(0, 1)
