"""Ranking losses on whole lists: ListNet, RankCosine, ListMLE and the thesis's weighted ListMLE."""

import math

import torch
from torch.autograd.function import once_differentiable

from sidelib._checks import check_order, check_scores, check_target_scores

__all__ = ["listmle", "listnet", "rank_cosine", "weighted_listmle"]

_FLOAT64_SPREAD = 600.0  # exp of less than this neither overflows nor underflows in float64


def _mean_over_lists(per_list, valid):
    return per_list.sum() / valid.any(-1).sum().clamp(min=1)


def _gather(values, order):
    return values.gather(-1, order.clamp(min=0))


def _gather_target(target_scores, order, scores):
    """Target scores of the items in `order`, 0 for padding; they must be finite there, and only there."""
    check_target_scores(target_scores, scores)
    gathered = torch.where(order >= 0, _gather(target_scores.detach(), order), 0.0)
    if not bool(gathered.isfinite().all()):
        raise ValueError("target_scores: expected finite values for every item in order, found one that is not")
    return gathered


def listnet(scores, order, target_scores):
    """ListNet: cross entropy between the top-one distributions of target and predicted scores, φ = exp.

    ``-Σ_i P(i | target) log P(i | predicted)``, with ``P(i | s) = exp(s_i) / Σ_k exp(s_k)`` over the items of `order`.

    Source: Cao et al. 2007; thesis, Eqs. 4.2-4.3.

    Args:
        scores: `(..., N)`, larger = ranked earlier.
        order: int64 `(..., M)`: which items take part (-1 is padding). Their sequence does not matter here.
        target_scores: `(..., N)`, larger = ranked earlier.

    Returns:
        Scalar, the mean over non-empty lists, float32 (float64 for float64 scores); 0 if every list is empty.

    >>> scores = torch.tensor([1.0, 0.0])
    >>> round(listnet(scores, torch.tensor([0, 1]), scores).item(), 4)  # the entropy of (0.7311, 0.2689)
    0.5822
    """
    scores = check_scores(scores)
    check_order(order, scores)
    valid = order >= 0
    target = torch.where(valid, _gather_target(target_scores, order, scores).to(scores.dtype), -torch.inf)
    predicted = torch.where(valid, _gather(scores, order), -torch.inf)
    # A list without items would be softmax over nothing: give it one neutral item.
    empty = ~valid.any(-1, keepdim=True)
    target, predicted = (torch.where(empty, 0.0, values) for values in (target, predicted))
    log_probability = predicted.log_softmax(-1)
    terms = target.softmax(-1) * torch.where(valid, log_probability, 0.0)
    return _mean_over_lists(-terms.sum(-1), valid)


def rank_cosine(scores, order, target_scores):
    """RankCosine: ``(1 - cos(target, predicted)) / 2``, between 0 and 1 however long the list.

    Source: Qin et al. 2008; thesis, Eq. 4.4. Invariant to the scale of the scores but *not* to an added constant.

    Args:
        scores: `(..., N)`, larger = ranked earlier.
        order: int64 `(..., M)`: which items take part (-1 is padding). Their sequence does not matter here.
        target_scores: `(..., N)`, larger = ranked earlier.

    Returns:
        Scalar, the mean over non-empty lists, float32 (float64 for float64 scores). A vector of zeros has no
        direction: it counts as cos = 0, loss 1/2, with zero gradient.

    >>> target = torch.tensor([1.0, 0.0])
    >>> [rank_cosine(torch.tensor(s), torch.tensor([0, 1]), target).item() for s in ([3., 0.], [0., 3.], [-3., 0.])]
    [0.0, 0.5, 1.0]
    """
    scores = check_scores(scores)
    check_order(order, scores)
    valid = order >= 0
    target = _gather_target(target_scores, order, scores).to(scores.dtype)
    predicted = torch.where(valid, _gather(scores, order), 0.0)
    # Dividing by the largest entry first keeps the squares of very large and very small scores in range.
    target, predicted = (_unit(values) for values in (target, predicted))
    cosine = (target * predicted).sum(-1)
    return _mean_over_lists(torch.where(valid.any(-1), (1 - cosine) / 2, 0.0), valid)


def _unit(values):
    if values.shape[-1] == 0:
        return values
    peak = values.detach().abs().amax(-1, keepdim=True)
    zero = peak == 0
    scaled = values / torch.where(zero, 1.0, peak)
    norm = torch.where(zero, 1.0, scaled.square().sum(-1, keepdim=True)).sqrt()
    return torch.where(zero, 0.0, scaled / norm)


def listmle(scores, order):
    """ListMLE: the negative log-likelihood of the true ranking under the Plackett-Luce model of the scores.

    ``Σ_k [ log Σ_{j ≥ k} exp(s_{Π(j)}) - s_{Π(k)} ]``: at each rank, the true item must win against all that remain.

    Source: Xia et al. 2008; thesis, Eq. 4.5. The value is a sum over the list, as printed: a constant scorer gives
    log M!, 3.6 million for a 640×480 image, so divide by the length where the step size should not depend on it.
    Items of equal depth have no true order: whichever one `order` holds is taken at its word.

    Args:
        scores: `(..., N)`, larger = ranked earlier.
        order: int64 `(..., M)`, indices from first-ranked to last; -1 is padding.

    Returns:
        Scalar, the mean over non-empty lists, float32 (float64 for float64 scores); 0 if every list is empty.
        Linear time and memory; sums run in float64, so a million items and scores of any size are safe.

    >>> listmle(torch.zeros(3), torch.tensor([2, 0, 1])).item() - math.log(6) < 1e-6
    True
    >>> round(listmle(torch.tensor([2.0, 1.0]), torch.tensor([0, 1])).item(), 4)  # log(1 + e⁻¹)
    0.3133
    """
    scores = check_scores(scores)
    check_order(order, scores)
    return _plackett_luce(scores, order, None)


def weighted_listmle(scores, order, target_scores=None, *, log_base=2.0, normalise_gains=False):
    """Weighted ListMLE: each rank n of ListMLE weighted by ``G(target_Π(n)) D(n)``; plain ListMLE without targets.

    ``G(s) = 2**s - 1`` grows with the target score, ``D(n) = 1 / log(n + 1)`` falls with the rank, n = 1, 2, ...

    Source: Chen et al. 2009; thesis, Eqs. 4.6 and 4.9-4.13. The sums there end at N-1 and that of Eq. 4.5 at N: the
    last term is log exp(s) - s = 0, so nothing changes.

    Convention: target scores grow towards the *first* rank (closest = largest), or the gain would stress the end of
    the list. Scores that follow Eq. 2.29 (larger = farther) must be turned round first.

    Args:
        scores: `(..., N)`, larger = ranked earlier.
        order: int64 `(..., M)`, indices from first-ranked to last; -1 is padding.
        target_scores: `(..., N)`, at least 0 for every item in `order`; None switches the weights off (Eq. 4.11).
        log_base: base of the discount's logarithm, 2 as in Eq. 4.6. Eq. 4.13 prints "log" without a base: read as
            natural (`math.e`) it multiplies the whole loss by 1 / ln 2 ≈ 1.44, and changes nothing else.
        normalise_gains: divide each list's gains by its largest possible one, 2**max - 1. This scales the loss of
            that list by a constant and cannot overflow.

    Returns:
        Scalar, the mean over non-empty lists, float32 (float64 for float64 scores).

    Raises:
        ValueError: a negative or non-finite target score, or one whose gain overflows the dtype (s ≥ 128 in
            float32) while `normalise_gains` is off.

    >>> order, target = torch.tensor([0, 1]), torch.tensor([1.0, 0.0])
    >>> round(weighted_listmle(torch.tensor([2.0, 1.0]), order, target).item(), 4)  # G = 1, D = 1: as ListMLE
    0.3133
    """
    scores = check_scores(scores)
    check_order(order, scores)
    if log_base <= 1:
        raise ValueError(f"log_base: expected a base above 1, found {log_base}")
    if target_scores is None:
        return _plackett_luce(scores, order, None)
    target = _gather_target(target_scores, order, scores).double()
    _check_gain_range(target, scores.dtype, normalise_gains)
    rank = torch.arange(1, order.shape[-1] + 1, device=order.device, dtype=torch.float64)
    discount = math.log(log_base) / torch.log1p(rank)
    return _plackett_luce(scores, order, _gain(target, normalise_gains) * discount)


def _check_gain_range(target, dtype, normalise_gains):
    if not target.numel():
        return
    low, high = (float(bound) for bound in torch.aminmax(target))
    if low < 0:
        raise ValueError(f"target_scores: expected values of at least 0, found {low:g}")
    limit = math.log2(torch.finfo(dtype).max)
    if not normalise_gains and high >= limit:
        raise ValueError(
            f"target_scores: the gain 2**s - 1 overflows {dtype} from s = {limit:g}, found {high:g}; "
            "rescale the target scores or pass normalise_gains=True"
        )


def _gain(target, normalise):
    if not normalise or target.shape[-1] == 0:
        return torch.expm1(target * math.log(2))
    peak = target.amax(-1, keepdim=True)
    # (2**s - 1) / (2**peak - 1), each side scaled by 2**-peak so that nothing overflows
    ratio = (torch.exp2(target - peak) - torch.exp2(-peak)) / -torch.expm1(-peak * math.log(2))
    return torch.where(peak == 0, 0.0, ratio)


def _plackett_luce(scores, order, weight):
    valid = order >= 0
    per_list = _PlackettLuce.apply(_gather(scores, order), valid, weight)
    return _mean_over_lists(per_list, valid)


def _logcumsumexp(values):
    """log of the running sum of exp along the last dimension; -inf entries add nothing."""
    if values.shape[-1] == 0:
        return values
    peak = values.amax(-1, keepdim=True).clamp(min=torch.finfo(values.dtype).min)
    lowest = torch.where(values == -torch.inf, peak, values).amin(-1, keepdim=True)
    # torch's own scan is safe for any spread but three times slower on a CPU, and there asking costs nothing.
    if values.is_cuda or bool((peak - lowest > _FLOAT64_SPREAD).any()):
        return values.logcumsumexp(-1)
    return (values - peak).exp_().cumsum_(-1).log_() + peak


class _PlackettLuce(torch.autograd.Function):
    """Σ_k w_k (L_k - s_k) with L_k = log Σ_{j ≥ k} exp(s_j), for scores already in ranking order.

    The gradient for item i is exp(s_i) Σ_{k ≤ i} w_k exp(-L_k) - w_i: one scan back, as the forward pass needs one.
    Everything in between is float64: in float32 the exponential leaves its range once scores lie 90 apart, and near
    log 10⁶ ≈ 14 a running log-sum can no longer see one more item.
    """

    @staticmethod
    def forward(ctx, scores, valid, weight):
        wide = torch.where(valid, scores.double(), -torch.inf)
        remaining = _logcumsumexp(wide.flip(-1)).flip(-1)
        terms = torch.where(valid, remaining - wide, 0.0)
        ctx.save_for_backward(wide, remaining, weight)
        return (terms if weight is None else terms * weight).sum(-1).to(scores.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        wide, remaining, weight = ctx.saved_tensors
        valid = wide > -torch.inf
        log_weight = torch.zeros_like(wide) if weight is None else weight.log()
        won = _logcumsumexp(torch.where(valid, log_weight - remaining, -torch.inf))
        gradient = torch.where(valid, (wide + won).exp() - (1.0 if weight is None else weight), 0.0)
        return (gradient * upstream.double().unsqueeze(-1)).to(upstream.dtype), None, None
