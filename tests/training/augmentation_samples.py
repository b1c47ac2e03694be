"""Samples that say, in their image, where each pixel was, and samples of noise."""

import torch
import torch.nn.functional as F

from sidelib.geometry.camera import intrinsics_matrix

__all__ = ["PLANE", "SIZE", "STILL", "camera", "generator", "grid", "noise_sample", "plane_sample", "rays", "same"]

SIZE = (30, 40)
STILL = {"scale": (1, 1), "rotation": 0, "flip": 0, "colour": (1, 1)}
PLANE = torch.tensor([0.36, -0.48, -0.8])  # n · P = -1.6: a slanted floor, 2 m ahead on the axis


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def grid(size):
    v, u = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in size), indexing="ij")
    return torch.stack([u, v])


def camera(size, fx=60.0, fy=60.0):
    """A camera whose axis misses the middle, or rotation about the middle would pass for rotation about the axis."""
    return intrinsics_matrix((fx, fy), size, (size[1] * 0.45, size[0] * 0.6))


def rays(pixels, intrinsics):
    (fx, _, cx), (_, fy, cy), _ = intrinsics.double().tolist()
    return torch.stack([(pixels[0] - cx) / fx, (pixels[1] - cy) / fy, torch.ones_like(pixels[0])])


def plane_sample(size=SIZE, intrinsics=None):
    """A plane whose image says, linearly, where each pixel was: interpolation keeps that exactly."""
    intrinsics = camera(size) if intrinsics is None else intrinsics
    pixels = grid(size)
    depth = -1.6 / (PLANE.double()[:, None, None] * rays(pixels, intrinsics)).sum(0)
    mask = torch.rand(1, *size, generator=generator(5)) > 0.2
    return {
        "image": torch.stack([pixels[0] / 100, pixels[1] / 100, torch.full(size, 0.5)]).float(),
        "depth": torch.where(mask, depth.float()[None], 0.0),
        "mask": mask,
        "normals": PLANE[:, None, None].repeat(1, *size),
        "intrinsics": intrinsics,
        "instance": torch.arange(size[0] * size[1]).reshape(1, *size),
    }


def noise_sample(size=SIZE, seed=0):
    def uniform(channels):
        return torch.rand(channels, *size, generator=generator(seed + channels))

    mask = uniform(1) > 0.3
    return {
        "image": uniform(3),
        "depth": torch.where(mask, uniform(1) + 1, 0.0),
        "mask": mask,
        "intrinsics": camera(size),
        "normals": F.normalize(uniform(3) - torch.tensor([0.5, 0.5, 1.1])[:, None, None], dim=0),
        "semantic": (uniform(1) * 9).long(),
        "instance": (uniform(1) * 9).int(),
        "disparity": uniform(1) * 4,
        "albedo": uniform(3),
        "score": uniform(1),
    }


def same(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(a[name], b[name]) for name in a)
