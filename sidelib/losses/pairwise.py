"""Ranking losses on given pairs of pixels."""

import torch
import torch.nn.functional as F

from sidelib._checks import check_pairs, check_scores

__all__ = ["pairwise_ranking"]


def pairwise_ranking(scores, pairs, relation, *, keep=1.0):
    """Pairwise logistic ranking loss for ordinal relations, the mean over the kept pairs and then over lists.

    For a pair (i, j) the loss is ``log(1 + exp(-r (s_i - s_j)))`` for r = +1 and -1, and ``(s_i - s_j)**2`` for
    r = 0. It is evaluated as a softplus: the printed form overflows once a difference passes 88 in float32.

    Source: thesis, Eqs. 2.30 and 4.1; `keep` is the hard-pair selection of Xian et al. (thesis, §2.1.3.2).

    Convention: r = +1 says that the *first* pixel is closer and so should score *higher* (Eq. 2.30's prose). With
    the scores of Eq. 2.29, which grow with depth, the same formula would train the opposite ranking.

    Args:
        scores: `(..., N)`, larger = closer.
        pairs: int64 `(..., n, 2)`, indices into the N scores; a pair with a -1 is padding.
        relation: integers `(..., n)`: +1 first closer, -1 second closer, 0 equal.
        keep: share of each list's pairs, those of highest loss, that counts (0.75 in the thesis; at least one pair).

    Returns:
        Scalar, float32 (float64 for float64 scores); 0 with zero gradient if no list has a pair.

    Raises:
        ValueError, TypeError: naming the argument, for shapes, dtypes, indices or relations out of range.

    >>> scores = torch.tensor([2.0, 0.0, 0.0])
    >>> pairs, relation = torch.tensor([[0, 1], [0, 1], [1, 2]]), torch.tensor([1, -1, 0])
    >>> [round(pairwise_ranking(scores, pairs[k:k + 1], relation[k:k + 1]).item(), 4) for k in range(3)]
    [0.1269, 2.1269, 0.0]
    """
    scores = check_scores(scores)
    check_pairs(pairs, relation, scores)
    if not 0 < keep <= 1:
        raise ValueError(f"keep: expected a share in (0, 1], found {keep}")
    valid = (pairs >= 0).all(-1)
    first, second = (scores.gather(-1, pairs[..., side].clamp(min=0)) for side in (0, 1))
    difference = first - second
    # Masked before squaring: an unused square of a huge difference would still send NaN gradients back.
    equal = torch.where(relation == 0, difference, 0.0).square()
    loss = torch.where(relation == 0, equal, F.softplus(-relation * difference))
    count = valid.sum(-1, keepdim=True)
    if keep < 1:
        hardness = torch.where(valid, loss.detach(), -torch.inf)
        place = hardness.argsort(dim=-1, descending=True).argsort(dim=-1)
        count = (count.double() * keep).ceil().long()
        valid = place < count
    per_list = torch.where(valid, loss, 0.0).sum(-1) / count.squeeze(-1).clamp(min=1)
    return per_list.sum() / (count > 0).sum().clamp(min=1)
