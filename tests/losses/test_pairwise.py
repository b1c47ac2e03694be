"""The pairwise ranking loss: Eq. 4.1, its convention, its hard-pair selection, and its range."""

import math

import equations
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.losses import pairwise_ranking

SCORES = torch.tensor([2.0, -1.0, 0.5, 0.5, 3.0])
PAIRS = torch.tensor([[0, 1], [1, 2], [2, 3], [4, 0], [3, 4], [1, 4], [0, 2]])
RELATION = torch.tensor([1, 1, 0, -1, 0, -1, -1])


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_is_the_mean_of_equation_4_1(data):
    scores = data.draw(st.lists(st.floats(-20, 20), min_size=2, max_size=6))
    item = st.integers(0, len(scores) - 1)
    rows = data.draw(st.lists(st.tuples(item, item, st.sampled_from([-1, 0, 1])), min_size=1, max_size=8))
    pairs, relation = [row[:2] for row in rows], [row[2] for row in rows]
    expected = equations.pairwise(scores, pairs, relation)
    measured = pairwise_ranking(
        torch.tensor(scores, dtype=torch.float64), torch.tensor(pairs), torch.tensor(relation)
    )
    assert measured.item() == pytest.approx(sum(expected) / len(expected), rel=1e-9, abs=1e-12)


def test_convention_first_closer_pulls_the_first_score_up():
    for relation, direction in ((+1, [1, -1]), (-1, [-1, 1])):
        scores = torch.zeros(2, requires_grad=True)
        pairwise_ranking(scores, torch.tensor([[0, 1]]), torch.tensor([relation])).backward()
        assert (-scores.grad).sign().tolist() == direction  # a step against the gradient
        agreeing = torch.tensor([1.0, 0.0]) * relation
        assert pairwise_ranking(agreeing, torch.tensor([[0, 1]]), torch.tensor([relation])) < math.log(2)


def test_equal_pairs_are_pulled_together():
    pair, equal = torch.tensor([[0, 1]]), torch.tensor([0])
    scores = torch.tensor([3.0, 1.0], requires_grad=True)
    loss = pairwise_ranking(scores, pair, equal)
    loss.backward()
    assert loss == 4
    assert scores.grad.tolist() == [4, -4]
    assert pairwise_ranking(torch.tensor([2.0, 2.0]), pair, equal) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 101])
def test_keep_selects_exactly_the_hardest_pairs(count):
    scores = torch.randn(count + 1, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    pairs = torch.stack([torch.arange(count), torch.arange(count) + 1], -1)
    relation = torch.arange(count) % 3 - 1
    hardest = sorted(equations.pairwise(scores.tolist(), pairs.tolist(), relation.tolist()), reverse=True)
    kept = math.ceil(0.75 * count)
    measured = pairwise_ranking(scores, pairs, relation, keep=0.75)
    assert measured.item() == pytest.approx(sum(hardest[:kept]) / kept, rel=1e-12)


def test_keep_stops_the_gradient_of_easy_pairs():
    scores = torch.tensor([5.0, 0.0, 0.0, 5.0], requires_grad=True)  # pair (0, 1) is easy, (2, 3) is wrong
    pairwise_ranking(scores, torch.tensor([[0, 1], [2, 3]]), torch.tensor([1, 1]), keep=0.5).backward()
    assert (scores.grad != 0).tolist() == [False, False, True, True]


@pytest.mark.parametrize("keep", [1.0, 0.75])
def test_padding_and_batches_average_over_lists_with_pairs(keep):
    padded = torch.cat([PAIRS, torch.tensor([[-1, -1], [-1, 2]])])
    padded_relation = torch.cat([RELATION, torch.tensor([0, 1])])
    one = pairwise_ranking(SCORES, PAIRS, RELATION, keep=keep)
    assert pairwise_ranking(SCORES, padded, padded_relation, keep=keep).item() == pytest.approx(one.item())

    short = torch.full_like(padded, -1)
    short[:2] = PAIRS[:2]
    other = pairwise_ranking(-SCORES, PAIRS[:2], RELATION[:2], keep=keep)
    batch = pairwise_ranking(
        torch.stack([SCORES, -SCORES, SCORES]),
        torch.stack([padded, short, torch.full_like(padded, -1)]),
        padded_relation.expand(3, -1),
        keep=keep,
    )
    assert batch.item() == pytest.approx(((one + other) / 2).item())


@pytest.mark.parametrize("pairs", [torch.full((3, 2), -1), torch.zeros((0, 2), dtype=torch.int64)])
@pytest.mark.parametrize("keep", [1.0, 0.75])
def test_no_pairs_give_zero_and_zero_gradient(pairs, keep):
    scores = SCORES.clone().requires_grad_()
    loss = pairwise_ranking(scores, pairs, torch.ones(len(pairs), dtype=torch.int64), keep=keep)
    loss.backward()
    assert loss == 0
    assert not scores.grad.any()


@pytest.mark.parametrize("relation", [+1, -1, 0])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_differences_stay_finite(relation, size):
    scores = torch.tensor([size, 0.0], requires_grad=True)
    loss = pairwise_ranking(scores, torch.tensor([[0, 1]]), torch.tensor([relation]))
    loss.backward()
    assert loss.item() == pytest.approx(size**2 if relation == 0 else max(0.0, -relation * size))
    assert bool(scores.grad.isfinite().all())


def test_an_infinite_difference_of_an_ordered_pair_sends_no_nan():
    scores = torch.tensor([3e38, -3e38], requires_grad=True)
    pairwise_ranking(scores, torch.tensor([[0, 1]]), torch.tensor([1])).backward()
    assert scores.grad.tolist() == [0, 0]


@pytest.mark.parametrize("keep", [1.0, 0.75])
def test_gradient(keep):
    padded = torch.cat([PAIRS, torch.tensor([[-1, -1]])])
    relation = torch.cat([RELATION, torch.tensor([1])])
    scores = SCORES.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: pairwise_ranking(values, padded, relation, keep=keep), scores)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    scores = SCORES.to(dtype).requires_grad_()  # these values are exact in half precision
    loss = pairwise_ranking(scores, PAIRS, RELATION)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss == pairwise_ranking(SCORES, PAIRS, RELATION)
    assert scores.grad.dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert pairwise_ranking(SCORES, PAIRS, RELATION) == loss


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((SCORES.long(), PAIRS, RELATION), {}, TypeError, "scores: expected a floating-point tensor"),
        ((SCORES, PAIRS.float(), RELATION), {}, TypeError, "pairs: expected an int64 tensor"),
        ((SCORES, PAIRS + 1, RELATION), {}, ValueError, "pairs: expected indices from 0 to 4"),
        ((SCORES, PAIRS, RELATION[1:]), {}, ValueError, "relation: expected shape"),
        ((SCORES, PAIRS, RELATION + 1), {}, ValueError, r"relation: expected \+1"),
        ((SCORES, PAIRS, RELATION), {"keep": 0.0}, ValueError, r"keep: expected a share in \(0, 1\], found 0.0"),
        ((SCORES, PAIRS, RELATION), {"keep": 1.1}, ValueError, r"keep: expected a share in \(0, 1\], found 1.1"),
    ],
)
def test_errors_name_the_argument(arguments, options, error, message):
    with pytest.raises(error, match="^" + message):
        pairwise_ranking(*arguments, **options)
