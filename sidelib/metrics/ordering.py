"""From a depth map to the true ranking of its pixels, closest first."""

import torch

__all__ = ["order_from_depth"]


def order_from_depth(depth, mask=None):
    """Rank the valid pixels of a depth map, closest first, with ties marked.

    Source: the ground-truth ranking Π of thesis §4.2, in the direction chosen in §4.4 (closest first).

    Args:
        depth: metres; `(B, 1, H, W)` for a batch, `(H, W)` or `(N,)` for one list.
        mask: bool, shaped like `depth`; False pixels do not take part.

    Returns:
        order: int64 `(B, M)` (or `(M,)`), pixel indices in row-major order from closest to farthest; M is the
            largest number of valid pixels in the batch, shorter lists end in -1. Equal depths keep pixel order.
        levels: int64, like `order`: 0, 1, 2, ... rising with each *different* depth, -1 for padding.

    >>> order, levels = order_from_depth(torch.tensor([3.0, 1.0, 3.0, 9.0]), torch.tensor([True, True, True, False]))
    >>> order.tolist(), levels.tolist()
    ([1, 0, 2], [0, 1, 1])
    """
    if depth.ndim not in (1, 2) and not (depth.ndim == 4 and depth.shape[1] == 1):
        raise ValueError(f"depth: expected shape (B, 1, H, W), (H, W) or (N,), found {tuple(depth.shape)}")
    mask = torch.ones_like(depth, dtype=torch.bool) if mask is None else mask
    if mask.shape != depth.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"mask: expected bool of shape {tuple(depth.shape)}, found {mask.dtype} of {tuple(mask.shape)}"
        )
    batched = depth.ndim == 4
    depth, mask = (part.flatten(1) if batched else part.flatten()[None] for part in (depth.detach(), mask))
    if not bool(depth[mask].isfinite().all()):
        raise ValueError("depth: not finite at a pixel that the mask calls valid")
    far = torch.where(mask, depth, torch.inf)
    values, order = far.sort(dim=-1, stable=True)
    longest = int(mask.sum(-1).max()) if len(mask) else 0
    values, order = values[:, :longest], order[:, :longest]
    padding = values == torch.inf
    rise = torch.zeros_like(order)
    rise[:, 1:] = values[:, 1:] > values[:, :-1]
    levels = rise.cumsum(-1).masked_fill(padding, -1)
    order = order.masked_fill(padding, -1)
    return (order, levels) if batched else (order[0], levels[0])
