"""The ranking measures agree with SciPy, scikit-learn and an O(N²) count, at sizes around the blocks of 64."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from sklearn.metrics import average_precision_score, ndcg_score

from sidelib.metrics import average_precision, mean_average_precision, ndcg, whdr
from sidelib.metrics._pairs import argsort_descending

AROUND_BLOCKS = [2, 3, 63, 64, 65, 127, 128, 129, 1000]
SCORE_TIES = pytest.mark.parametrize("different_scores", [None, 7], ids=["different scores", "tied scores"])


def ranking(size, different_scores=None, different_levels=None):
    """Scores that follow the truth with noise, a true order, and its levels (never all in one)."""
    random = np.random.default_rng([size, different_scores or 0, different_levels or 0])
    order = random.permutation(size)
    noisy_rank = (np.argsort(order) + random.normal(scale=size / 4, size=size)).argsort().argsort()
    if different_scores:
        noisy_rank = noisy_rank * different_scores // size
    levels = np.arange(size) * min(different_levels or size, size) // size
    return torch.from_numpy(-noisy_rank).float(), torch.from_numpy(order), torch.from_numpy(levels)


def tied_pairs(values):
    counts = np.unique(values, return_counts=True)[1]
    return (counts * (counts - 1) // 2).sum()


def whdr_of_all_pairs(scores, order, levels):
    ranked = scores[order].numpy()
    ordered = levels.numpy()[:, None] < levels.numpy()[None, :]
    return (ordered & (ranked[:, None] <= ranked[None, :])).sum() / ordered.sum()


def map_of_all_cuts(scores, order, levels):
    """One row for each cut n, one column for each predicted place."""
    cut = 1 + np.flatnonzero(levels[1:] != levels[:-1])
    shown = (-scores[order].numpy()).argsort(kind="stable")  # true rank by predicted place
    ranked = scores[order].numpy()[shown]
    last_of_tie = np.searchsorted(-ranked, -ranked, side="right") - 1
    relevant = shown[None, :] < cut[:, None]
    precision = relevant.cumsum(1, dtype=np.int32)[:, last_of_tie] / (last_of_tie + 1)
    return np.mean((relevant * precision).sum(1) / cut)


@SCORE_TIES
@pytest.mark.parametrize("different_levels", [None, 5], ids=["different levels", "tied levels"])
@pytest.mark.parametrize("size", [*AROUND_BLOCKS, 3000])
def test_equals_the_quadratic_count(size, different_scores, different_levels):
    truth = ranking(size, different_scores, different_levels)
    assert whdr(*truth).item() == whdr_of_all_pairs(*truth)
    assert mean_average_precision(*truth).item() == pytest.approx(map_of_all_cuts(*truth), rel=1e-12)


@pytest.mark.parametrize("size", AROUND_BLOCKS)
def test_whdr_is_kendalls_tau(size):
    scores, order, _ = ranking(size)
    tau = kendalltau(-np.arange(size), scores[order].numpy(), variant="b").statistic
    assert whdr(scores, order).item() == pytest.approx((1 - tau) / 2, abs=1e-12)


@pytest.mark.parametrize("size", [10, 129, 1000])
def test_whdr_with_ties_is_kendalls_tau_b_rescaled(size):
    # tau-b = (agreeing - disagreeing) / sqrt(pairs with different truth * pairs with different scores)
    scores, order, levels = ranking(size, different_scores=7, different_levels=5)
    tau_b = kendalltau(-levels.numpy(), scores[order].numpy(), variant="b").statistic
    pairs = size * (size - 1) // 2
    true_pairs, score_pairs = pairs - tied_pairs(levels), pairs - tied_pairs(scores)
    balance = tau_b * np.sqrt(true_pairs * score_pairs) / true_pairs
    assert whdr(scores, order, levels, score_ties="half").item() == pytest.approx((1 - balance) / 2, abs=1e-12)


@SCORE_TIES
@pytest.mark.parametrize("size", AROUND_BLOCKS)
def test_average_precision_is_scikit_learns(size, different_scores):
    scores, order, _ = ranking(size, different_scores)
    for top in sorted({1, size // 3 or 1, size - 1, size}):
        relevant = np.isin(np.arange(size), order[:top])
        expected = average_precision_score(relevant, scores)
        assert average_precision(scores, order, top).item() == pytest.approx(expected, rel=1e-12)


@SCORE_TIES
@pytest.mark.parametrize("size", [30, 129])
def test_map_is_the_mean_of_scikit_learns(size, different_scores):
    scores, order, _ = ranking(size, different_scores)
    every = [average_precision_score(np.isin(np.arange(size), order[:top]), scores) for top in range(1, size)]
    assert mean_average_precision(scores, order).item() == pytest.approx(np.mean(every), rel=1e-12)


@SCORE_TIES
@pytest.mark.parametrize("size", AROUND_BLOCKS)
def test_ndcg_is_scikit_learns(size, different_scores):
    scores, order, levels = ranking(size, different_scores, different_levels=9)
    gains = torch.zeros(size).scatter(0, order, 2.0 ** (9 - levels) - 1)
    assert ndcg(scores, gains).item() == pytest.approx(ndcg_score(gains[None], scores[None]), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_argsort_descending_is_the_stable_sort_of_every_float(dtype):
    finite = torch.randn(2000, generator=torch.Generator().manual_seed(0)).to(dtype)
    tiny, huge = torch.finfo(dtype).smallest_normal, torch.finfo(dtype).max
    special = torch.tensor([0.0, -0.0, tiny / 4, -tiny / 4, tiny, huge, -huge, torch.inf, -torch.inf], dtype=dtype)
    neighbours = finite.nextafter(torch.zeros_like(finite))  # as close as two different floats can be
    values = torch.cat([finite, special, neighbours, finite.round(), special.flip(0)])
    assert torch.equal(argsort_descending(values), values.sort(descending=True, stable=True).indices)
