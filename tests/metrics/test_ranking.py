"""The ranking measures equal their printed definitions, ties, masked items and padding included."""

import math

import definitions
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.metrics import average_precision, mean_average_precision, ndcg, whdr, whdr_pairs

FEW_VALUES = [-math.inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, math.inf]  # few, so that ties are common
TIED_SHARE = {"wrong": 1.0, "half": 0.5, "right": 0.0}
DTYPES = st.sampled_from([torch.float32, torch.float64])  # they are sorted by different code


def same(measured, expected):
    return measured.dtype == torch.float64 and measured.item() == pytest.approx(expected, abs=1e-12, nan_ok=True)


@st.composite
def rankings(draw, values=tuple(FEW_VALUES), min_listed=0):
    """Scores of N items, a true order of some of them (padded), and levels or None."""
    scores = draw(st.lists(st.sampled_from(values), min_size=max(min_listed, 1), max_size=9))
    order = draw(st.permutations(range(len(scores))))[: draw(st.integers(min_listed, len(scores)))]
    levels = None
    if draw(st.booleans()):
        rises = draw(st.lists(st.integers(0, 2), min_size=len(order), max_size=len(order)))
        levels = np.cumsum(rises, dtype=int).tolist()
    padding = draw(st.integers(0, 2))
    return scores, order + [-1] * padding, None if levels is None else levels + [-1] * padding


def as_tensors(scores, order, levels, dtype=torch.float32):
    integers = [None if row is None else torch.tensor(row, dtype=torch.int64) for row in (order, levels)]
    return torch.tensor(scores, dtype=dtype), *integers


@settings(deadline=None, max_examples=300)
@given(ranking=rankings(), ties=st.sampled_from(sorted(TIED_SHARE)), dtype=DTYPES)
def test_whdr_is_equation_4_14(ranking, ties, dtype):
    measured = whdr(*as_tensors(*ranking, dtype), score_ties=ties)
    assert same(measured, definitions.whdr(*ranking, TIED_SHARE[ties]))


@settings(deadline=None, max_examples=300)
@given(ranking=rankings(), dtype=DTYPES)
def test_map_is_equation_4_15(ranking, dtype):
    assert same(mean_average_precision(*as_tensors(*ranking, dtype)), definitions.mean_average_precision(*ranking))


@settings(deadline=None, max_examples=200)
@given(ranking=rankings(min_listed=1), data=st.data())
def test_average_precision_is_equation_4_15(ranking, data):
    scores, order, _ = ranking
    top = data.draw(st.integers(1, sum(item >= 0 for item in order)))
    measured = average_precision(*as_tensors(scores, order, None)[:2], top)
    assert same(measured, definitions.average_precision(scores, order, top))


@settings(deadline=None, max_examples=100)
@given(items=st.lists(st.tuples(st.sampled_from(FEW_VALUES), st.integers(0, 4)), min_size=1, max_size=6), dtype=DTYPES)
def test_ndcg_is_appendix_b_and_a_mean_over_ties(items, dtype):
    scores, gains = (list(column) for column in zip(*items, strict=True))
    measured = ndcg(torch.tensor(scores, dtype=dtype), torch.tensor(gains, dtype=dtype))
    assert same(measured, definitions.ndcg(scores, gains))


def test_ndcg_leaves_masked_items_out():
    scores, gains = torch.tensor([3.0, math.nan, 1.0, 2.0]), torch.tensor([1.0, -9.0, 0.0, 2.0])
    mask = torch.tensor([True, False, True, True])
    assert ndcg(scores, gains, mask) == ndcg(scores[mask], gains[mask])
    assert ndcg(scores, gains, torch.zeros_like(mask)).isnan()


@settings(deadline=None, max_examples=200)
@given(data=st.data(), threshold=st.sampled_from([0.0, 0.5, 1.0]))
def test_whdr_pairs_counts_the_weight_of_wrong_pairs(data, threshold):
    scores = data.draw(st.lists(st.sampled_from([-1.0, -0.0, 0.0, 0.25, 1.0]), min_size=1, max_size=6))
    item = st.integers(-1, len(scores) - 1)
    row = st.tuples(item, item, st.sampled_from([-1, 0, 1]), st.sampled_from([0.0, 0.5, 2.0]))
    rows = data.draw(st.lists(row, max_size=8))
    pairs, relation, weight = [row[:2] for row in rows], [row[2] for row in rows], [row[3] for row in rows]
    measured = whdr_pairs(
        torch.tensor(scores),
        torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2),
        torch.tensor(relation, dtype=torch.int64),
        weight=torch.tensor(weight),
        threshold=threshold,
    )
    assert same(measured, definitions.whdr_pairs(scores, pairs, relation, weight, threshold))


@settings(deadline=None, max_examples=50)
@given(ranking=rankings(values=(-1.0, 0.0, 2.0)))
def test_whdr_is_whdr_pairs_over_every_ordered_pair(ranking):
    scores, order, levels = as_tensors(*ranking)
    items, ranks = definitions.items_of(*ranking[1:])
    ordered = [(items[i], items[j]) for i in range(len(items)) for j in range(len(items)) if ranks[i] < ranks[j]]
    pairs = torch.tensor(ordered, dtype=torch.int64).reshape(-1, 2)
    every = whdr_pairs(scores, pairs, torch.ones(len(ordered), dtype=torch.int64))
    assert same(whdr(scores, order, levels), every.item())


A, B, C, D = range(4)


@pytest.mark.parametrize(
    ("ranked", "precisions", "whole"),
    [
        ((A, B, D, C), (1, 1, 33 / 36), 35 / 36),
        ((B, A, C, D), (1 / 2, 1, 1), 5 / 6),
    ],
    ids=["f1", "f2"],
)
def test_table_4_1_by_hand(ranked, precisions, whole):
    scores, order = torch.empty(4), torch.tensor([A, B, C, D])
    scores[list(ranked)] = torch.tensor([4.0, 3.0, 2.0, 1.0])
    for top, precision in enumerate(precisions, start=1):
        assert same(average_precision(scores, order, top), precision)
    assert same(mean_average_precision(scores, order), whole)
    assert same(whdr(scores, order), 1 / 6)


def test_perfect_and_reversed_rankings():
    order = torch.tensor([2, 0, 3, 1])
    perfect = torch.tensor([3.0, 1.0, 4.0, 2.0])
    assert (whdr(perfect, order), mean_average_precision(perfect, order)) == (0, 1)
    # Reversed, cut n finds its k-th relevant item at place 4 - n + k.
    reversed_map = sum(sum(k / (4 - n + k) for k in range(1, n + 1)) / n for n in (1, 2, 3)) / 3
    assert whdr(-perfect, order) == 1
    assert same(mean_average_precision(-perfect, order), reversed_map)


def test_batch_is_each_list_on_its_own():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 5, (2, 3, 8), generator=generator).float()
    order = torch.rand(2, 3, 8, generator=generator).argsort(-1)
    levels = torch.randint(0, 2, (2, 3, 8), generator=generator).cumsum(-1)
    order[0, 1, 5:], order[1, 2, 2:] = -1, -1
    levels[order < 0] = -1
    pairs, relation = torch.stack([order, order.roll(1, -1)], -1), levels % 3 - 1
    gains = scores.flip(-1)
    measures = [
        (whdr, (scores, order, levels)),
        (whdr, (scores, order)),
        (mean_average_precision, (scores, order, levels)),
        (lambda *row: average_precision(*row, top=2), (scores, order)),
        (whdr_pairs, (scores, pairs, relation)),
        (ndcg, (scores, gains)),
    ]
    for measure, batch in measures:
        together = measure(*batch)
        assert together.shape == (2, 3)
        alone = [measure(*(row[i, j] for row in batch)) for i in range(2) for j in range(3)]
        assert torch.equal(together.flatten().nan_to_num(-1), torch.stack(alone).nan_to_num(-1))


def test_batch_of_no_lists():
    scores, order = torch.zeros(0, 5), torch.zeros(0, 5, dtype=torch.int64)
    assert whdr(scores, order).shape == mean_average_precision(scores, order).shape == (0,)
    assert ndcg(scores, scores).shape == (0,)
