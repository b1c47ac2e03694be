"""What the tests of the warps share: two small views, a camera, and motions between them."""

import torch

from sidelib.geometry import intrinsics_matrix, rigid_motion, rotation_from_angles

SIZE = (7, 12)
K = intrinsics_matrix((20.0, 18.0), SIZE, (5.2, 3.1))
EYE = torch.eye(4)


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def shifted(x=0.0, y=0.0, z=0.0):
    return rigid_motion(torch.eye(3), torch.tensor([x, y, z]))


def small_motion(seed=0, batch=2):
    generator = torch.Generator().manual_seed(seed)
    angles = (torch.rand(3, batch, generator=generator, dtype=torch.float64) - 0.5) * 0.2
    return rigid_motion(
        rotation_from_angles(*angles), (torch.rand(batch, 3, generator=generator, dtype=torch.float64) - 0.5) * 0.4
    )
