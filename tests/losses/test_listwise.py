"""The listwise losses equal their printed equations and have the properties that the thesis claims for them."""

import itertools
import math

import equations
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidelib.losses import listmle, listnet, rank_cosine, weighted_listmle


@st.composite
def lists(draw, max_size=7):
    """Scores and non-negative target scores of N items, and an order of at least one of them."""
    size = draw(st.integers(1, max_size))
    scores = draw(st.lists(st.floats(-8, 8), min_size=size, max_size=size))
    target = draw(st.lists(st.floats(0, 8), min_size=size, max_size=size))
    order = draw(st.permutations(range(size)))[: draw(st.integers(1, size))]
    return scores, order, target


def tensors(scores, order, target):
    return torch.tensor(scores, dtype=torch.float64), torch.tensor(order), torch.tensor(target, dtype=torch.float64)


def close(value):
    return pytest.approx(value, rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=200)
@given(case=lists())
def test_listnet_is_equation_4_3(case):
    assert listnet(*tensors(*case)).item() == close(equations.listnet(*case))


@settings(deadline=None, max_examples=200)
@given(case=lists())
def test_rank_cosine_is_equation_4_4(case):
    scores, order, target = case
    assume(all(max(abs(values[item]) for item in order) > 1e-9 for values in (scores, target)))
    assert rank_cosine(*tensors(*case)).item() == close(equations.rank_cosine(*case))


@settings(deadline=None, max_examples=200)
@given(case=lists())
def test_listmle_is_equation_4_5(case):
    scores, order, target = case
    assert listmle(*tensors(*case)[:2]).item() == close(equations.listmle(scores, order))


@settings(deadline=None, max_examples=200)
@given(case=lists(), log=st.sampled_from([math.log2, math.log]))
def test_weighted_listmle_is_equations_4_6_and_4_9_to_4_13(case, log):
    measured = weighted_listmle(*tensors(*case), log_base=2 if log is math.log2 else math.e)
    assert measured.item() == close(equations.weighted_listmle(*case, log))


@settings(deadline=None, max_examples=100)
@given(case=lists())
def test_without_target_scores_the_sum_to_n_minus_1_is_listmle(case):
    scores, order, _ = tensors(*case)
    assert weighted_listmle(scores, order) == listmle(scores, order)
    assert listmle(scores, order).item() == close(equations.weighted_listmle(*case[:2], None))


def test_discount_base_only_rescales():
    generator = torch.Generator().manual_seed(0)
    scores, target = torch.randn(50, generator=generator).double(), torch.rand(50, generator=generator).double()
    order = torch.randperm(50, generator=generator)
    ratio = weighted_listmle(scores, order, target, log_base=math.e) / weighted_listmle(scores, order, target)
    assert ratio.item() == pytest.approx(1 / math.log(2), rel=1e-12)


@settings(deadline=None, max_examples=50)
@given(scores=st.lists(st.floats(-8, 8), min_size=4, max_size=4))
def test_listmle_is_a_distribution_over_rankings(scores):
    scores = torch.tensor(scores, dtype=torch.float64).expand(24, 4)
    every_order = torch.tensor(list(itertools.permutations(range(4))))
    likelihood = [math.exp(-listmle(row, order).item()) for row, order in zip(scores, every_order, strict=True)]
    assert sum(likelihood) == pytest.approx(1, rel=1e-12)


def test_listmle_prefers_the_order_of_the_scores():
    scores = torch.tensor([1.0, 3.0, 2.0, 0.0])
    best = min(itertools.permutations(range(4)), key=lambda order: listmle(scores, torch.tensor(order)).item())
    assert best == (1, 2, 0, 3)


@settings(deadline=None, max_examples=100)
@given(ends=st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=8), share=st.floats(0, 1))
def test_listmle_is_convex_along_segments(ends, share):
    start, end = torch.tensor(ends, dtype=torch.float64).unbind(-1)
    order, target = torch.arange(len(ends)), torch.linspace(0, 3, len(ends)).double().flip(0)
    for loss in (listmle, lambda scores, order: weighted_listmle(scores, order, target)):
        between = loss(start.lerp(end, share), order)
        assert between <= (1 - share) * loss(start, order) + share * loss(end, order) + 1e-9


@settings(deadline=None, max_examples=100)
@given(case=lists(), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
def test_shift_and_scale_invariance(case, shift, scale):
    scores, order, target = tensors(*case)
    for loss in (listnet, weighted_listmle, lambda scores, order, _: listmle(scores, order)):
        assert loss(scores + shift, order, target).item() == pytest.approx(loss(scores, order, target).item(), abs=1e-8)
    # A scaled subnormal number loses its digits, and with them its direction.
    scores, target = (torch.where(values.abs() < 1e-100, 0.0, values) for values in (scores, target))
    scaled = rank_cosine(scores * scale, order, target * scale)
    assert scaled.item() == pytest.approx(rank_cosine(scores, order, target).item(), abs=1e-12)


@pytest.mark.parametrize("loss", [listnet, rank_cosine])
def test_the_sequence_of_order_does_not_matter_where_target_scores_rank(loss):
    scores, target = torch.randn(2, 9, generator=torch.Generator().manual_seed(0)).double()
    assert loss(scores, torch.arange(9), target).item() == close(loss(scores, torch.arange(9).flip(0), target).item())


def test_listnet_is_least_at_the_target():
    scores, other = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))
    order, entropy = torch.arange(9), torch.distributions.Categorical(logits=scores).entropy()
    assert listnet(scores, order, scores).item() == pytest.approx(entropy.item())
    assert listnet(other, order, scores) > entropy


@pytest.mark.parametrize("size", [1, 10, 100_000])
def test_rank_cosine_is_bounded_whatever_the_length(size):
    target = torch.rand(size, generator=torch.Generator().manual_seed(size)) + 0.1
    order = torch.arange(size)
    for scores, expected in ((target, 0), (-target, 1), (7 * target, 0)):
        assert rank_cosine(scores, order, target).item() == pytest.approx(expected, abs=1e-6)


def test_rank_cosine_sees_an_added_constant():
    target, order = torch.tensor([1.0, -1.0]), torch.tensor([0, 1])
    assert rank_cosine(target, order, target) < 1e-7
    assert rank_cosine(target + 1e6, order, target).item() == pytest.approx(0.5, abs=1e-5)


def test_rank_cosine_of_zeros_has_no_direction():
    order, zero = torch.tensor([0, 1]), torch.zeros(2, requires_grad=True)
    for scores, target in ((zero, torch.ones(2)), (zero, torch.zeros(2))):
        zero.grad = None
        loss = rank_cosine(scores, order, target)
        loss.backward()
        assert loss == 0.5
        assert zero.grad.tolist() == [0, 0]


def test_convention_gain_stresses_the_closest_items():
    order, target = torch.arange(4), torch.tensor([3.0, 2.0, 1.0, 0.0])
    swapped_first, swapped_last = torch.tensor([3.0, 4.0, 2.0, 1.0]), torch.tensor([4.0, 3.0, 1.0, 2.0])
    weigh = weighted_listmle(swapped_first, order, target) / weighted_listmle(swapped_last, order, target)
    plain = listmle(swapped_first, order) / listmle(swapped_last, order)
    assert weigh > plain


def test_gain_that_overflows_is_an_error_until_normalised():
    scores, order = torch.tensor([0.5, 1.0]), torch.tensor([0, 1])
    for target in (torch.tensor([127.9, 0.0]), torch.tensor([1023.0, 0.0], dtype=torch.float64)):
        assert weighted_listmle(scores.to(target.dtype), order, target).isfinite()
    for high in (128.0, 1000.0):
        with pytest.raises(ValueError, match=f"^target_scores: the gain .* overflows torch.float32 .*found {high:g}"):
            weighted_listmle(scores, order, torch.tensor([high, 0.0]))
    with pytest.raises(ValueError, match=r"^target_scores: the gain .* overflows torch.float64 from s = 1024"):
        weighted_listmle(scores.double(), order, torch.tensor([1024.0, 0.0]))
    # Item 0 has the largest gain and D(1) = 1, item 1 comes last: the loss is ListMLE's.
    huge = weighted_listmle(scores, order, torch.tensor([1000.0, 999.0]), normalise_gains=True)
    assert huge == listmle(scores, order)


@settings(deadline=None, max_examples=100)
@given(case=lists())
def test_normalised_gains_divide_the_loss_by_the_largest(case):
    scores, order, target = tensors(*case)
    peak = target[order].max()
    assume(peak > 1e-6)
    expected = weighted_listmle(scores, order, target) / (2**peak - 1)
    assert weighted_listmle(scores, order, target, normalise_gains=True).item() == close(expected.item())


@pytest.mark.parametrize("normalise_gains", [False, True])
def test_target_scores_of_zero_weigh_nothing(normalise_gains):
    scores = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    loss = weighted_listmle(scores, torch.arange(3), torch.zeros(3), normalise_gains=normalise_gains)
    loss.backward()
    assert loss == 0
    assert not scores.grad.any()


SCORES, ORDER, TARGET = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([2, 0, 1]), torch.tensor([1.0, 0.0, 2.0])
WITH_TARGET = pytest.mark.parametrize("loss", [listnet, rank_cosine, weighted_listmle])


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (-TARGET, {}, "target_scores: expected values of at least 0, found -2"),
        (TARGET / 0, {}, "target_scores: expected finite values"),
        (TARGET / 0, {"normalise_gains": True}, "target_scores: expected finite values"),
        (TARGET, {"log_base": 1.0}, "log_base: expected a base above 1, found 1.0"),
    ],
)
def test_weighted_listmle_errors(target, options, message):
    with pytest.raises(ValueError, match="^" + message):
        weighted_listmle(SCORES, ORDER, target, **options)


@WITH_TARGET
@pytest.mark.parametrize(
    ("scores", "order", "target", "error", "message"),
    [
        (SCORES.long(), ORDER, TARGET, TypeError, "scores: expected a floating-point tensor"),
        (SCORES, ORDER.int(), TARGET, TypeError, "order: expected an int64 tensor, found torch.int32"),
        (SCORES, ORDER + 1, TARGET, ValueError, "order: expected indices from 0 to 2"),
        (SCORES, ORDER[None], TARGET, ValueError, "order: leading shape"),
        (SCORES, ORDER, TARGET[:2], ValueError, r"target_scores: expected the shape of scores, \(3,\), found \(2,\)"),
        (SCORES, ORDER, TARGET.long(), TypeError, "target_scores: expected a floating-point tensor"),
    ],
)
def test_errors_name_the_argument(loss, scores, order, target, error, message):
    with pytest.raises(error, match="^" + message):
        loss(scores, order, target)


@pytest.mark.parametrize("loss", [listnet, rank_cosine, weighted_listmle])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_target_scores_must_be_finite_where_they_count(loss, bad):
    scores, target = torch.zeros(3), torch.tensor([1.0, bad, 0.0])
    with pytest.raises(ValueError, match="target_scores: expected finite"):
        loss(scores, torch.tensor([0, 1]), target)
    assert loss(scores, torch.tensor([0, 2, -1]), target).isfinite(), "an item that takes no part may be anything"
