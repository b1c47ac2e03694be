"""Depth maps with known edges, and the definitions of edges and boundary errors pixel by pixel."""

import math

import torch
import torch.nn.functional as F

__all__ = ["boundary_error_by_definition", "columns", "edges_by_definition", "random_maps", "rows", "step"]


def rows(*values, height=7):
    """A map `(1, 1, height, W)` whose rows are all alike."""
    return torch.tensor(values, dtype=torch.float32).expand(1, 1, height, len(values))


def step(at, width=40, near=1.0, far=2.0, height=7):
    """Near in the columns before `at`, far from there on."""
    return rows(*[near] * at, *[far] * (width - at), height=height)


def columns(edges):
    """The columns that are edges, of a map whose rows are alike."""
    inner = edges[0, 0, 1:-1]
    assert inner.equal(inner[:1].expand_as(inner))
    return inner[0].nonzero().flatten().tolist()


def random_maps(seed, shape=(2, 1, 24, 32)):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(shape[0], 2, 6, 8, generator=generator) * 4 + 1
    maps = F.interpolate(coarse, shape[-2:], mode="nearest") + 0.2 * torch.rand(shape, generator=generator)
    return maps[:, :1], maps[:, 1:], torch.rand(shape, generator=generator) > 0.01


def edges_by_definition(depth, mask, threshold, relative, divisor, thin):
    """`depth_edges` of one image, pixel by pixel, from lists."""
    height, width = len(depth), len(depth[0])
    around = [(v, u) for v in (-1, 0, 1) for u in (-1, 0, 1)]
    gradient = {}
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if all(mask[y + v][x + u] for v, u in around):
                value = {(v, u): depth[y + v][x + u] for v, u in around}
                if relative:
                    value = {place: math.log(found) for place, found in value.items()}
                gx = math.fsum(u * (2 - abs(v)) * value[v, u] for v, u in around) / divisor
                gy = math.fsum(v * (2 - abs(u)) * value[v, u] for v, u in around) / divisor
                gradient[y, x] = gx, gy
    edges = set()
    for (y, x), (gx, gy) in gradient.items():
        length = math.hypot(gx, gy)
        if not length > threshold:
            continue
        octant = round(math.atan2(gy, gx) / (math.pi / 4))  # of eight directions the nearest
        u, v = round(math.cos(octant * math.pi / 4)), round(math.sin(octant * math.pi / 4))
        farther = math.hypot(*gradient.get((y + v, x + u), (0, 0)))
        nearer = math.hypot(*gradient.get((y - v, x - u), (0, 0)))
        if not thin or (length > nearer * 1.0001 and length * 1.0001 >= farther):
            edges.add((y, x))
    return edges


def boundary_error_by_definition(found, true, truncate):
    """Accuracy and completeness from every distance between every two edge pixels."""
    if not true:
        return math.nan, math.nan
    off = [min(math.dist(p, t) for t in true) for p in found]
    near = [distance for distance in off if distance < truncate]
    missed = [min([math.dist(p, t) for p in found] + [truncate]) for t in true]
    return math.fsum(near) / len(near) if near else truncate, math.fsum(missed) / len(missed)
