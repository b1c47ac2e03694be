"""What a score means, what a tie costs, and which changes to the scores must not matter."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.metrics import average_precision, mean_average_precision, ndcg, order_from_depth, whdr, whdr_pairs


def random_list(size, seed, different_scores=None):
    """Whole-numbered scores (tied where `different_scores` is small), order, and at least two levels."""
    generator = torch.Generator().manual_seed(seed)
    largest = different_scores or 10 * size
    scores = torch.randint(-largest, largest, (size,), generator=generator)
    levels = torch.randint(0, 2, (size,), generator=generator).cumsum(0)
    levels[-1] += 1
    return scores.float(), torch.randperm(size, generator=generator), levels


def measures(scores, order, levels):
    gains = torch.zeros_like(scores).scatter(0, order, levels.max() - levels.to(scores.dtype))
    yield from (whdr(scores, order, levels, score_ties=ties).item() for ties in ("wrong", "half", "right"))
    yield mean_average_precision(scores, order).item()
    yield mean_average_precision(scores, order, levels).item()
    yield average_precision(scores, order, top=3).item()
    yield ndcg(scores, gains).item()


def test_convention_larger_score_is_closer():
    depth = torch.tensor([2.0, 1.0, 4.0, 3.0])
    order, levels = order_from_depth(depth)
    assert order[0] == depth.argmin()
    for scores, wrong in ((-depth, 0.0), (1 / depth, 0.0), (depth, 1.0)):
        assert whdr(scores, order, levels) == wrong
        assert whdr_pairs(scores, torch.tensor([[1, 2]]), torch.tensor([+1])) == wrong
    assert mean_average_precision(-depth, order, levels) == 1
    assert ndcg(-depth, 1 / depth) == 1 > ndcg(depth, 1 / depth)


@pytest.mark.parametrize(("ties", "expected"), [("wrong", 1.0), ("half", 0.5), ("right", 0.0)])
def test_convention_constant_scorer_is_wrong_everywhere_unless_asked(ties, expected):
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert whdr(torch.full((100,), 3.0), order, score_ties=ties) == expected
    assert whdr(torch.full((100,), 3.0), order) == 1


@pytest.mark.parametrize("size", [2, 3, 64, 100])
def test_convention_constant_scorer_has_the_share_of_relevant_items_as_precision(size):
    scores, order = torch.zeros(size), torch.arange(size).flip(0)
    for top in range(1, size):
        assert average_precision(scores, order, top).item() == pytest.approx(top / size, rel=1e-12)
    mean_share = sum(range(1, size)) / size / (size - 1)  # 1/2
    assert mean_average_precision(scores, order).item() == pytest.approx(mean_share, rel=1e-12)


def test_convention_pairs_inside_a_level_do_not_count():
    order, levels = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1])
    for first, second in ((2.0, 3.0), (3.0, 2.0), (2.0, 2.0)):  # whatever the two tied items score
        assert whdr(torch.tensor([first, second, 1.0]), order, levels) == 0
    assert whdr(torch.tensor([2.0, 0.0, 1.0]), order, levels) == 1 / 2


def test_convention_map_cuts_only_between_levels():
    scores, order = torch.tensor([1.0, 2.0, 4.0, 3.0]), torch.arange(4)
    two_levels = mean_average_precision(scores, order, torch.tensor([5, 5, 9, 9]))
    assert two_levels == average_precision(scores, order, top=2)


def test_convention_nothing_to_judge_is_nan():
    one, tied = torch.tensor([0]), torch.tensor([0, 1])
    scores, same_level = torch.tensor([1.0, 2.0]), torch.tensor([4, 4])
    nothing = torch.tensor([-1, -1])
    for measure in (whdr, mean_average_precision):
        for case in ((scores, one), (scores, nothing), (scores, nothing[:0]), (scores, tied, same_level)):
            assert measure(*case).isnan()
    assert whdr_pairs(scores, torch.full((1, 2), -1), torch.tensor([1])).isnan()
    assert ndcg(scores, torch.zeros(2)).isnan()


def test_convention_whdr_pairs_equal_scores():
    scores, pair = torch.tensor([1.0, 1.0, 1.5]), torch.tensor([[0, 1]])
    assert [whdr_pairs(scores, pair, torch.tensor([r])).item() for r in (+1, -1, 0)] == [1, 1, 0]
    # A difference of exactly the threshold still counts as equal.
    half_apart, equal = torch.tensor([[2, 0]]), torch.tensor([0])
    assert [whdr_pairs(scores, half_apart, equal, threshold=limit).item() for limit in (0.4, 0.5)] == [1, 0]


@settings(deadline=None, max_examples=60)
@given(size=st.integers(3, 200), seed=st.integers(0, 999), different=st.sampled_from([None, 4]))
def test_only_the_ranking_of_the_scores_matters(size, seed, different):
    scores, order, levels = random_list(size, seed, different)
    expected = list(measures(scores, order, levels))
    as_dense_rank = scores.unique(return_inverse=True)[1].float()
    for increasing in (scores * 2.0**-20, scores * 2.0**100, scores + 2.0**12, as_dense_rank, scores.double() ** 3):
        assert list(measures(increasing, order, levels)) == expected


@settings(deadline=None, max_examples=60)
@given(size=st.integers(3, 200), seed=st.integers(0, 999), different=st.sampled_from([None, 4]))
def test_the_names_of_the_items_do_not_matter(size, seed, different):
    scores, order, levels = random_list(size, seed, different)
    name = torch.randperm(size, generator=torch.Generator().manual_seed(seed + 1))
    renamed = torch.empty_like(scores)
    renamed[name] = scores
    assert list(measures(renamed, name[order], levels)) == pytest.approx(list(measures(scores, order, levels)), 1e-12)


@settings(deadline=None, max_examples=60)
@given(size=st.integers(3, 200), seed=st.integers(0, 999))
def test_the_sequence_inside_a_level_does_not_matter(size, seed):
    scores, order, levels = random_list(size, seed, different_scores=size)
    shuffled = torch.randperm(size, generator=torch.Generator().manual_seed(seed + 1))
    inside = shuffled[levels[shuffled].argsort(stable=True)]
    for measure in (whdr, mean_average_precision):
        expected = measure(scores, order, levels).item()
        assert measure(scores, order[inside], levels).item() == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(size=st.integers(3, 200), seed=st.integers(0, 999), different=st.sampled_from([None, 4]))
def test_whdr_of_negated_scores_is_the_complement(size, seed, different):
    ranking = scores, order, levels = random_list(size, seed, different)
    for ties, opposite in (("half", "half"), ("right", "wrong"), ("wrong", "right")):
        both = whdr(*ranking, score_ties=ties) + whdr(-scores, order, levels, score_ties=opposite)
        assert both.item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_zeros_tie_and_infinities_rank(dtype):
    zeros, order = torch.tensor([-0.0, 0.0, -0.0], dtype=dtype), torch.tensor([0, 1, 2])
    assert whdr(zeros, order, score_ties="right") == 0
    assert whdr(zeros, order) == 1
    assert mean_average_precision(zeros, order).item() == pytest.approx(0.5)
    infinite = torch.tensor([math.inf, 1e38, -1e38, -math.inf], dtype=dtype)
    assert whdr(infinite, torch.arange(4)) == 0
    assert whdr(infinite, torch.arange(4).flip(0)) == 1
    assert whdr(infinite[[0, 0]], torch.tensor([0, 1]), score_ties="half") == 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_are_only_widened(dtype):
    scores, order, levels = random_list(300, seed=0)
    scores = (scores / 7).to(dtype)
    assert list(measures(scores, order, levels)) == list(measures(scores.double(), order, levels))


def test_float64_scores_are_not_narrowed():
    scores, order = torch.tensor([1 + 1e-12, 1.0], dtype=torch.float64), torch.tensor([0, 1])
    assert (whdr(scores, order), whdr(scores.float(), order)) == (0, 1)
    assert (mean_average_precision(scores, order), mean_average_precision(scores.float(), order)) == (1, 0.5)


def test_results_are_float64_without_gradient():
    scores, order, levels = random_list(10, seed=0)
    scores = scores.requires_grad_()
    pair = torch.tensor([[0, 1]]), torch.tensor([1])
    for value in (
        whdr(scores, order, levels),
        mean_average_precision(scores, order, levels),
        average_precision(scores, order, 2),
        ndcg(scores, torch.ones(10)),
        whdr_pairs(scores, *pair),
    ):
        assert (value.dtype, value.shape, value.requires_grad) == (torch.float64, (), False)
