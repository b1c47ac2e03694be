"""What another sensor adds to an image: a few measured depths, or one laser scan extended along gravity."""

import torch

__all__ = ["laser_reference", "random_samples"]


def random_samples(depth, mask, count, generator):
    """`count` of the valid depths at random places, 0 elsewhere: the sparse input of Ma and Karaman 2018 (thesis §2.1.4).

    Args:
        depth, mask: `(1, H, W)`, metres and bool.
        count: all valid depths, if there are fewer.
        generator: `torch.Generator`.

    Returns:
        `(1, H, W)`, metres.

    >>> depth = torch.arange(1.0, 5.0).reshape(1, 2, 2)
    >>> random_samples(depth, depth > 0, 3, torch.Generator().manual_seed(0)).count_nonzero().item()
    3
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"count: expected a number of samples, at least 0, found {count!r}")
    places = mask.flatten().nonzero()[:, 0]
    chosen = places[torch.randperm(len(places), generator=generator)[:count]]
    found = torch.zeros_like(depth)
    found.view(-1)[chosen] = depth.flatten()[chosen]
    return found


def laser_reference(depth, mask, row=None):
    """The depth that a horizontal laser scan sees in each column, in the whole column: Liao et al. 2017 (thesis §2.1.4).

    A camera that looks straight ahead has gravity along its columns, and its middle row is level; in one that looks down this
    is only a stand-in. Columns in which the scan sees nothing are 0. Theirs ends the extension at the ground plane, which a
    real robot knows; here it goes on.

    Args:
        depth, mask: `(1, H, W)`, metres and bool.
        row: of the scan; the middle one by default.

    >>> laser_reference(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.ones(1, 2, 2, dtype=torch.bool), row=1).tolist()
    [[[3.0, 4.0], [3.0, 4.0]]]
    """
    row = depth.shape[1] // 2 if row is None else row
    return torch.where(mask, depth, 0.0)[:, row : row + 1].expand_as(depth).contiguous()
