"""Argument checks of the ranking losses and metrics: each error names the argument, what was found and expected."""

import torch

__all__ = ["check_gains", "check_order", "check_pairs", "check_scores", "check_target_scores", "check_levels"]


def check_scores(scores):
    """Return `scores` as float32 (float64 stays): half precision is too coarse for long lists."""
    if not isinstance(scores, torch.Tensor):
        raise TypeError(f"scores: expected a torch.Tensor, found {type(scores).__name__}")
    if scores.ndim == 0:
        raise ValueError("scores: expected shape (..., N), found a scalar")
    if not scores.is_floating_point():
        raise TypeError(f"scores: expected a floating-point tensor, found {scores.dtype}")
    return scores if scores.dtype == torch.float64 else scores.float()


def _check_indices(name, indices, scores, lead):
    if not isinstance(indices, torch.Tensor) or indices.dtype != torch.int64:
        found = indices.dtype if isinstance(indices, torch.Tensor) else type(indices).__name__
        raise TypeError(f"{name}: expected an int64 tensor, found {found}")
    if lead != scores.shape[:-1]:
        raise ValueError(
            f"{name}: leading shape {tuple(lead)} does not match that of scores, {tuple(scores.shape[:-1])}"
        )
    if indices.numel():
        low, high = (int(bound) for bound in torch.aminmax(indices))
        if low < -1 or high >= scores.shape[-1]:
            raise ValueError(
                f"{name}: expected indices from 0 to {scores.shape[-1] - 1} (or -1 for padding), found {low} to {high}"
            )


def check_order(order, scores):
    """`order`: int64 `(..., M)`, indices into the N scores; -1 is padding, at the end of a list only."""
    _check_indices("order", order, scores, order.shape[:-1] if isinstance(order, torch.Tensor) else None)
    if bool(((order[..., 1:] >= 0) & (order[..., :-1] < 0)).any()):
        raise ValueError("order: expected padding (-1) at the end of a list only, found an index after it")


def check_levels(levels, order):
    """`levels`: integers shaped like `order`, non-decreasing along each list."""
    if not isinstance(levels, torch.Tensor) or levels.is_floating_point():
        found = levels.dtype if isinstance(levels, torch.Tensor) else type(levels).__name__
        raise TypeError(f"levels: expected an integer tensor, found {found}")
    if levels.shape != order.shape:
        raise ValueError(f"levels: expected the shape of order, {tuple(order.shape)}, found {tuple(levels.shape)}")
    decrease = levels.long().diff(dim=-1) < 0  # long: the difference of unsigned integers would wrap round
    if bool((decrease & (order[..., 1:] >= 0)).any()):
        raise ValueError("levels: expected non-decreasing values along order, found a decrease")


def check_pairs(pairs, relation, scores):
    """`pairs`: int64 `(..., n, 2)`, -1 for padding; `relation`: `(..., n)` of +1, -1 and 0."""
    _check_indices("pairs", pairs, scores, pairs.shape[:-2] if isinstance(pairs, torch.Tensor) else None)
    if pairs.shape[-1:] != (2,):
        raise ValueError(f"pairs: expected shape (..., n, 2), found {tuple(pairs.shape)}")
    if relation.shape != pairs.shape[:-1]:
        raise ValueError(f"relation: expected shape {tuple(pairs.shape[:-1])}, found {tuple(relation.shape)}")
    if relation.dtype not in (torch.int8, torch.int16, torch.int32, torch.int64):
        raise TypeError(f"relation: expected signed integers, found {relation.dtype}")
    if relation.numel():
        low, high = (int(bound) for bound in torch.aminmax(relation))
        if low < -1 or high > 1:
            raise ValueError(
                f"relation: expected +1 (first closer), -1 (second closer) or 0 (equal), found {low} to {high}"
            )


def check_target_scores(target_scores, scores):
    """`target_scores`: floating-point values shaped like `scores`."""
    if target_scores.shape != scores.shape:
        raise ValueError(
            f"target_scores: expected the shape of scores, {tuple(scores.shape)}, found {tuple(target_scores.shape)}"
        )
    if not target_scores.is_floating_point():
        raise TypeError(f"target_scores: expected a floating-point tensor, found {target_scores.dtype}")


def check_gains(gains):
    """Gains are finite and not negative: a negative one would reward the worst ranking."""
    if gains.numel() and not bool((gains.isfinite() & (gains >= 0)).all()):
        low, high = (float(bound) for bound in torch.aminmax(gains))
        raise ValueError(f"gains: expected finite values of at least 0, found {low:g} to {high:g}")
