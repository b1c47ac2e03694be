"""What the ranking literature trains on: random pairs, or a random subset of pixels, of each image."""

import torch

__all__ = ["sample_items", "sample_pairs"]


def _lengths(order):
    return (order >= 0).sum(-1, keepdim=True)


def _check_count(count):
    if count < 1:
        raise ValueError(f"count: expected at least 1, found {count}")


def sample_pairs(order, levels=None, count=3000, *, generator=None):
    """Random pairs of different items with their relation, for `pairwise_ranking`.

    Source: 3000 pairs an image in ReDWeb's training (thesis, §2.1.3.2).

    Args:
        order: int64 `(..., M)`, first-ranked first, -1 padding at the end.
        levels: integers `(..., M)`; items of one level are equal. Without it no two items are.
        count: pairs drawn for each list, with replacement.
        generator: a `torch.Generator` on the device of `order`.

    Returns:
        pairs `(..., count, 2)` and relation `(..., count)`: +1 first closer, -1 second closer, 0 equal.
        A list of fewer than two items gives padding pairs (-1, -1).

    >>> pairs, relation = sample_pairs(torch.tensor([3, 1]), count=4, generator=torch.Generator().manual_seed(0))
    >>> [(tuple(pair), sign) for pair, sign in zip(pairs.tolist(), relation.tolist())]
    [((1, 3), -1), ((1, 3), -1), ((3, 1), 1), ((1, 3), -1)]
    """
    _check_count(count)
    length = _lengths(order)
    draw = torch.rand((2, *order.shape[:-1], count), device=order.device, dtype=torch.float64, generator=generator)
    first = (draw[0] * length).long()
    second = (draw[1] * (length - 1).clamp(min=0)).long()
    second += second >= first  # uniform over the other items
    enough = length >= 2
    positions = torch.where(enough, torch.stack([first, second]), 0)
    ranks = torch.arange(order.shape[-1], device=order.device).expand_as(order) if levels is None else levels
    if order.shape[-1] == 0:
        shape = (*order.shape[:-1], count)
        return order.new_full((*shape, 2), -1), order.new_zeros(shape)
    rank_first, rank_second = (ranks.gather(-1, place) for place in positions)
    pairs = torch.stack([order.gather(-1, place) for place in positions], dim=-1)
    pairs = torch.where(enough.unsqueeze(-1), pairs, -1)
    return pairs, torch.where(enough, (rank_second - rank_first).sign(), 0)


def sample_items(order, levels=None, count=500, *, generator=None):
    """A random subset of each list, without replacement, still in ranking order.

    Source: 500 pixels an image for the listwise losses (thesis, §4.4).

    Args:
        order: int64 `(..., M)`, first-ranked first, -1 padding at the end.
        levels: integers `(..., M)`, thinned alongside when given.
        count: items to keep; lists with fewer keep all, padded with -1.
        generator: a `torch.Generator` on the device of `order`.

    Returns:
        order `(..., min(count, M))`, and levels of that shape if they were given, else None.

    >>> sample_items(torch.tensor([4, 2, 0, 3, 1]), count=3, generator=torch.Generator().manual_seed(0))[0]
    tensor([0, 3, 1])
    """
    _check_count(count)
    count = min(count, order.shape[-1])
    draw = torch.rand(order.shape, device=order.device, generator=generator)
    draw = torch.where(order >= 0, draw, 2.0)  # padding comes last
    kept = draw.topk(count, dim=-1, largest=False).indices.sort(dim=-1).values
    return order.gather(-1, kept), None if levels is None else levels.gather(-1, kept)
