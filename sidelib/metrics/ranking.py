"""How well scores rank: WHDR, average precision, MAP over every cut, NDCG. All exact, none samples."""

import math

import torch

from sidelib._checks import check_gains, check_levels, check_order, check_pairs, check_scores
from sidelib.metrics._pairs import argsort_descending, count_inversions, precision_sum, sort_integers

__all__ = ["average_precision", "mean_average_precision", "ndcg", "whdr", "whdr_pairs"]

_TIED_SHARE = {"wrong": 1.0, "half": 0.5, "right": 0.0}


def _per_list(function, scores, *others):
    """Apply `function` to each list of a batch; scalars come back in the leading shape of `scores`."""
    lead = scores.shape[:-1]
    lists = math.prod(lead)
    rows = [None if value is None else value.reshape(lists, *value.shape[len(lead) :]) for value in (scores, *others)]
    results = [function(*(None if row is None else row[k] for row in rows)) for k in range(lists)]
    empty = torch.zeros(0, dtype=torch.float64, device=scores.device)
    return (torch.stack(results) if results else empty).reshape(lead)


def _check(scores, order, levels):
    scores = check_scores(scores).detach()
    check_order(order, scores)
    if levels is not None:
        check_levels(levels, order)
    if bool(scores.isnan().any()):
        raise ValueError("scores: NaN cannot be ranked")
    return scores


def _in_true_order(scores, order, levels):
    """Scores (and levels) of the items that take part, first-ranked first; each item may be listed once."""
    valid = order >= 0
    items = order[valid]
    if items.numel() and int(torch.bincount(items, minlength=1).max()) > 1:
        raise ValueError("order: expected each item at most once, found one listed twice")
    return scores[items], None if levels is None else levels[valid]


def _places(scores):
    """Predicted place of each item, 0 = first (equal scores keep their sequence), and the scores in that sequence."""
    ranking = argsort_descending(scores)
    places = torch.empty_like(ranking)
    places[ranking] = torch.arange(ranking.numel(), device=ranking.device)
    return places, scores[ranking]


def _run_lengths(differs):
    """Lengths of the runs of equal neighbours, from the flags "differs from the one before" (without the first)."""
    starts = torch.cat([differs.new_ones(1), differs]).nonzero().squeeze(-1)
    return torch.diff(starts, append=starts.new_tensor([differs.numel() + 1]))


def _pairs_within(runs):
    return (runs.double() * (runs - 1) / 2).sum()


def whdr(scores, order, levels=None, *, score_ties="wrong"):
    """Share of the pairs of items that the scores put in the wrong order, over all pairs that have a true order.

    Source: thesis, Eq. 4.14 ("weighted human disagreement rate"; here all pairs weigh the same and the truth may be
    measured). O(N log N), exact. For scores without ties it is ``(1 - τ) / 2`` with Kendall's τ.

    Convention: pairs inside one level are not counted at all. A pair with a true order but *equal scores* counts as
    wrong, as on DIW; Eq. 4.14 as printed asks for a strict inequality, so that a constant score would be perfect:
    `score_ties="right"`.

    Args:
        scores: `(..., N)`, larger = ranked earlier = closer.
        order: int64 `(..., M)`, true ranking, first to last; -1 is padding.
        levels: integers `(..., M)`, non-decreasing along `order`; items of one level are tied in truth.
        score_ties: "wrong", "half" (a coin toss) or "right".

    Returns:
        float64, the leading shape of `scores`, in [0, 1]; NaN for a list without a pair to judge.

    Raises:
        ValueError, TypeError: naming the argument; NaN scores; an item listed twice.

    >>> order = torch.tensor([0, 1, 2, 3])                        # a, b, c, d
    >>> round(whdr(torch.tensor([4., 3., 1., 2.]), order).item(), 4)  # ranked a, b, d, c: one pair of six
    0.1667
    """
    if score_ties not in _TIED_SHARE:
        raise ValueError(f"score_ties: expected one of {sorted(_TIED_SHARE)}, found {score_ties!r}")
    scores = _check(scores, order, levels)
    return _per_list(lambda *row: _whdr(*row, _TIED_SHARE[score_ties]), scores, order, levels)


def _whdr(scores, order, levels, tied_share):
    scores, levels = _in_true_order(scores, order, levels)
    size = scores.numel()
    judged = scores.new_tensor(size * (size - 1) / 2, dtype=torch.float64)
    if size < 2:
        return judged.new_tensor(torch.nan)
    places, ranked = _places(scores)
    same_score = _pairs_within(_run_lengths(ranked[1:] != ranked[:-1]))
    if levels is not None:
        # Inside a level, list items as predicted: then they invert nothing, and equal scores are neighbours.
        bits = size.bit_length()
        sequence = sort_integers((levels.long() << bits) | places)
        levels, places = sequence >> bits, sequence & ((1 << bits) - 1)
        scores = ranked[places]
        level_changes = levels[1:] != levels[:-1]
        judged = judged - _pairs_within(_run_lengths(level_changes))
        same_score = same_score - _pairs_within(_run_lengths(level_changes | (scores[1:] != scores[:-1])))
    return (count_inversions(places) + tied_share * same_score) / judged  # 0 / 0 is NaN


def whdr_pairs(scores, pairs, relation, *, weight=None, threshold=0.0):
    """Share (or weighted share) of annotated pairs whose predicted relation disagrees with the given one.

    The predicted relation is +1 if ``s_i - s_j > threshold``, -1 if it is below ``-threshold``, else 0.

    Source: the WHDR of DIW (thesis §4.3): threshold 0, so equal scores are wrong for an ordered pair.

    Args:
        scores: `(..., N)`, larger = closer.
        pairs: int64 `(..., n, 2)`; a pair with a -1 is padding.
        relation: integers `(..., n)`: +1 first closer, -1 second closer, 0 equal.
        weight: `(..., n)`, at least 0: how sure the annotators were; all 1 without it.
        threshold: score differences up to this count as equal.

    Returns:
        float64, the leading shape of `scores`; NaN for a list without pairs.

    >>> pairs, relation = torch.tensor([[0, 1], [1, 2]]), torch.tensor([1, 1])
    >>> whdr_pairs(torch.tensor([3., 1., 2.]), pairs, relation).item()
    0.5
    """
    scores = check_scores(scores).detach()
    check_pairs(pairs, relation, scores)
    if threshold < 0:
        raise ValueError(f"threshold: expected at least 0, found {threshold}")
    if bool(scores.isnan().any()):
        raise ValueError("scores: NaN cannot be ranked")
    weight = torch.ones_like(relation, dtype=torch.float64) if weight is None else weight.double()
    if weight.shape != relation.shape or bool((weight < 0).any()):
        raise ValueError(f"weight: expected values of at least 0 in shape {tuple(relation.shape)}")
    valid = (pairs >= 0).all(-1)
    first, second = (scores.gather(-1, pairs[..., side].clamp(min=0)) for side in (0, 1))
    predicted = (first - second > threshold).long() - (second - first > threshold).long()
    weight = torch.where(valid, weight, 0.0)
    return (weight * (predicted != relation)).sum(-1) / weight.sum(-1)


def average_precision(scores, order, top):
    """Average precision when the first `top` items of the true ranking are the relevant ones.

    ``AP = Σ_i Precision(i) (Recall(i) - Recall(i - 1))`` down the predicted ranking.

    Source: thesis, Eq. 4.15 and App. B. Convention: items of equal score share one threshold, as in scikit-learn,
    so the value cannot depend on the sequence of the pixels in memory.

    Args:
        scores: `(..., N)`, larger = ranked earlier = closer.
        order: int64 `(..., M)`, true ranking, first to last; -1 is padding.
        top: how many of the first items are relevant, from 1 to the length of the list.

    Returns:
        float64, the leading shape of `scores`.

    >>> order = torch.tensor([0, 1, 2, 3])
    >>> average_precision(torch.tensor([3., 4., 2., 1.]), order, top=1).item()  # ranked b, a, c, d: a comes second
    0.5
    """
    scores = _check(scores, order, None)
    shortest = int((order >= 0).sum(-1).min()) if order.numel() else 0
    if not 1 <= top <= shortest:
        raise ValueError(f"top: expected 1 to {shortest}, the length of the (shortest) list, found {top}")
    return _per_list(lambda *row: _average_precision(*row, top), scores, order)


def _average_precision(scores, order, top):
    scores, _ = _in_true_order(scores, order, None)
    places, ranked = _places(scores)
    last = _last_of_tie(ranked)
    relevant = torch.zeros_like(places).index_fill_(0, places[:top], 1)
    found = relevant.cumsum(0)[last].double()
    return (found / (last + 1).double())[places[:top]].sum() / top


def _last_of_tie(ranked):
    """For each predicted place, the last place with the same score."""
    runs = _run_lengths(ranked[1:] != ranked[:-1])
    return (runs.cumsum(0) - 1).repeat_interleave(runs)


def mean_average_precision(scores, order, levels=None):
    """Mean of the average precisions for *every* number of relevant items, n = 1 ... M-1: exact, in O(M log M).

    Source: thesis, Eq. 4.15. An item that is relevant from cut t on and stands at predicted place p adds
    ``(items relevant before it) / (n p)`` to the average precision of every cut n ≥ t. Summed over the cuts first,
    each *pair* of items adds ``H(later true rank) / (later predicted place)`` with ``H(t) = Σ_{n ≥ t} 1/n``: one sum
    over pairs instead of M sorted lists.

    Convention: with `levels`, only cuts between two levels count (a cut inside a tie would call one of two equal
    depths relevant). Equal scores share one threshold, as in `average_precision`.

    Args:
        scores: `(..., N)`, larger = ranked earlier = closer.
        order: int64 `(..., M)`, true ranking, first to last; -1 is padding.
        levels: integers `(..., M)`, non-decreasing along `order`; items of one level are tied in truth.

    Returns:
        float64, the leading shape of `scores`, in (0, 1]; NaN for a list without a cut (one item or one level).

    Raises:
        ValueError, TypeError: naming the argument; NaN scores; an item listed twice.

    >>> order = torch.tensor([0, 1, 2, 3])                                        # a, b, c, d
    >>> round(mean_average_precision(torch.tensor([4., 3., 1., 2.]), order).item(), 4)  # ranked a, b, d, c
    0.9722
    >>> round(mean_average_precision(torch.tensor([3., 4., 2., 1.]), order).item(), 4)  # ranked b, a, c, d
    0.8333
    """
    scores = _check(scores, order, levels)
    return _per_list(_mean_average_precision, scores, order, levels)


def _mean_average_precision(scores, order, levels):
    scores, levels = _in_true_order(scores, order, levels)
    size = scores.numel()
    if size < 2:
        return torch.full((), torch.nan, dtype=torch.float64, device=scores.device)
    rank = torch.arange(1, size + 1, device=scores.device, dtype=torch.float64)
    cut = torch.ones(size, dtype=torch.bool, device=scores.device) if levels is None else levels != levels.roll(-1)
    cut[-1] = False  # all items relevant: no cut
    harmonic = torch.where(cut, 1 / rank, 0.0).flip(0).cumsum(0).flip(0)
    places, ranked = _places(scores)
    last = _last_of_tie(ranked)
    precision = 1 / (last + 1).double()
    alone = torch.dot(harmonic, precision[places])
    # A tie shows both its items at one threshold, so each counts for the other: the pair counts twice.
    tied_before = torch.arange(size, device=scores.device) - last + _tie_length(last) - 1
    twice = torch.dot(harmonic, (precision * tied_before)[places])
    return (alone + twice + precision_sum(places, harmonic, precision)) / cut.sum()


def _tie_length(last):
    runs = _run_lengths(last[1:] != last[:-1])
    return runs.repeat_interleave(runs)


def ndcg(scores, gains, mask=None):
    """Normalised discounted cumulative gain of the ranking that `scores` make.

    ``(1 / N_max) Σ_r gain(r) / log2(r + 1)`` with N_max the same sum for the best ranking.

    Source: thesis, App. B; Järvelin and Kekäläinen 2002. Items of equal score share the mean discount of their
    places, as in scikit-learn: the expectation over all ways to break the tie.

    Args:
        scores: `(..., N)`, larger = ranked earlier.
        gains: `(..., N)`, finite, at least 0: G(S) of each item, for example ``2**s - 1``.
        mask: bool `(..., N)`; False items do not take part.

    Returns:
        float64, the leading shape of `scores`, in [0, 1]; NaN if all gains are 0.

    >>> round(ndcg(torch.tensor([1., 2., 3.]), torch.tensor([3., 0., 1.])).item(), 4)
    0.6885
    """
    scores = check_scores(scores).detach()
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    for name, value in (("gains", gains), ("mask", mask)):
        if value.shape != scores.shape:
            raise ValueError(f"{name}: expected the shape of scores, {tuple(scores.shape)}, found {tuple(value.shape)}")
    check_gains(gains[mask])
    if bool(scores[mask].isnan().any()):
        raise ValueError("scores: NaN cannot be ranked")
    return _per_list(_ndcg, scores, gains.double(), mask)


def _ndcg(scores, gains, mask):
    scores, gains = scores[mask], gains[mask]
    if not scores.numel():
        return gains.new_tensor(torch.nan)
    ranking = argsort_descending(scores)
    discount = 1 / torch.log2(torch.arange(2, scores.numel() + 2, device=scores.device, dtype=torch.float64))
    best = torch.dot(gains.sort(descending=True).values, discount)
    runs = _run_lengths(scores[ranking][1:] != scores[ranking][:-1])
    group = torch.arange(runs.numel(), device=scores.device).repeat_interleave(runs)
    shared = discount.new_zeros(runs.numel()).index_add_(0, group, discount) / runs
    return torch.dot(gains[ranking], shared[group]) / best
