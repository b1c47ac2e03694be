"""The listwise losses stay exact and finite: gradients, padding, long lists, huge scores, half precision."""

import math

import numpy as np
import pytest
import torch

from sidelib.losses import listmle, listnet, listwise, rank_cosine, weighted_listmle


def plain_listmle(scores, order, target_scores):
    return listmle(scores, order)


def normalised(scores, order, target_scores):
    return weighted_listmle(scores, order, target_scores, normalise_gains=True)


LOSSES = [listnet, rank_cosine, plain_listmle, weighted_listmle, normalised]
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES)
ORDERS = {
    "full": [[3, 0, 2, 1, 4]],
    "masked": [[3, 0]],
    "padded batch": [[3, 0, 2, 1, 4], [1, 4, -1, -1, -1], [2, -1, -1, -1, -1], [-1, -1, -1, -1, -1]],
}


def random_lists(lists, size, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(lists, size, generator=generator, dtype=torch.float64)
    target = 4 * torch.rand(lists, size, generator=generator, dtype=torch.float64)
    return scores.to(dtype), target.to(dtype)


def value_and_gradient(loss, scores, order, target):
    scores = scores.detach().clone().requires_grad_()
    value = loss(scores, order, target)
    value.backward()
    return value.detach(), scores.grad


@EVERY_LOSS
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_gradient_is_the_derivative(loss, order):
    scores, target = random_lists(len(order), 5, torch.float64)
    target[0, 3] = 0  # a weight of exactly 0
    assert torch.autograd.gradcheck(lambda values: loss(values, torch.tensor(order), target), scores.requires_grad_())


@pytest.mark.parametrize("spread", [1.0, 50.0, 400.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_listmle_gradient_is_autograds_through_logcumsumexp(spread, weighted):
    scores, target = (rows[0] for rows in random_lists(1, 200, torch.float64))
    order, scores = torch.arange(200).roll(7), scores * spread / 10
    weight = (2**target[order] - 1) / torch.arange(2, 202).double().log2() if weighted else torch.ones(200)

    def by_autograd(scores, order, target):
        ranked = scores[order]
        return (weight * (ranked.flip(0).logcumsumexp(0).flip(0) - ranked)).sum()

    expected = value_and_gradient(by_autograd, scores, order, target)
    measured = value_and_gradient(weighted_listmle if weighted else plain_listmle, scores, order, target)
    torch.testing.assert_close(measured, expected, rtol=1e-10, atol=1e-10)


@EVERY_LOSS
def test_fast_sum_equals_the_safe_scan(loss, monkeypatch):
    order = torch.arange(300).roll(40)[None]
    scores, target = random_lists(1, 300, torch.float64)
    scores = scores * 590 / (scores.max() - scores.min())  # nearly all that the fast sum may be given
    fast = value_and_gradient(loss, scores, order, target)
    monkeypatch.setattr(listwise, "_FLOAT64_SPREAD", -1.0)
    torch.testing.assert_close(value_and_gradient(loss, scores, order, target), fast, rtol=1e-11, atol=1e-11)


@EVERY_LOSS
@pytest.mark.parametrize("pattern", ["best", "worst", "alternating", "one outlier"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_scores_stay_finite(loss, pattern, dtype):
    ramp = torch.linspace(1e4, -1e4, 101, dtype=dtype)
    outlier = torch.zeros(101, dtype=dtype)
    outlier[50] = -1e4
    alternating = 1e4 * (1 - 2.0 * (torch.arange(101) % 2)).to(dtype)
    scores = {"best": ramp, "worst": ramp.flip(0), "alternating": alternating, "one outlier": outlier}[pattern]
    value, gradient = value_and_gradient(loss, scores, torch.arange(101), torch.linspace(8, 0, 101, dtype=dtype))
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


def test_listmle_of_huge_scores_by_hand():
    # Reversed ramp with steps of 1000: whichever item wins, it is the last one's score that remains.
    scores = torch.arange(0.0, 11e3, 1e3)
    value, gradient = value_and_gradient(plain_listmle, scores, torch.arange(11), None)
    assert value.item() == sum(1e4 - score for score in scores.tolist())
    assert gradient.tolist() == [-1.0] * 10 + [10.0]


@pytest.mark.parametrize("scale", [2.0**100, 2.0**-100])
def test_rank_cosine_of_scores_whose_squares_leave_float32(scale):
    scores, target = random_lists(1, 50)
    value, gradient = value_and_gradient(rank_cosine, scores, torch.arange(50)[None], target)
    scaled, scaled_gradient = value_and_gradient(rank_cosine, scores * scale, torch.arange(50)[None], target * scale)
    assert scaled == value
    torch.testing.assert_close(scaled_gradient * scale, gradient)


@pytest.mark.parametrize("scale", [1.0, 100.0], ids=["fast sum", "safe scan"])
def test_a_million_items_in_float32(scale):
    scores = scale * torch.randn(10**6, generator=torch.Generator().manual_seed(0))
    order = torch.arange(10**6)
    value, gradient = value_and_gradient(plain_listmle, scores, order, None)
    exact = scores.numpy().astype(np.float64)
    remaining = np.logaddexp.accumulate(exact[::-1])[::-1]
    assert value.item() == pytest.approx((remaining - exact).sum(), rel=1e-6)
    won = np.logaddexp.accumulate(-remaining)  # Σ_k 1 / Σ_{j ≥ k} exp(s_j), in logarithms
    np.testing.assert_allclose(gradient.numpy(), np.exp(exact + won) - 1, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 1000, 640 * 480, 10**6])
def test_constant_scores_give_log_factorial(size):
    value = listmle(torch.full((size,), 7.5), torch.arange(size))
    assert value.item() == pytest.approx(math.lgamma(size + 1), rel=1e-6, abs=1e-12)


@EVERY_LOSS
@pytest.mark.parametrize("constant", [0.0, 2.0])
def test_equal_scores_have_a_finite_gradient(loss, constant):
    scores = torch.full((6,), constant)
    value, gradient = value_and_gradient(loss, scores, torch.arange(6), scores.clone())
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


@EVERY_LOSS
def test_one_item_has_nothing_to_learn_but_its_sign(loss):
    value, gradient = value_and_gradient(loss, torch.tensor([5.0, 2.0]), torch.tensor([1]), torch.tensor([0.0, 3.0]))
    assert value == 0
    assert gradient.tolist() == [0, 0]


@EVERY_LOSS
@pytest.mark.parametrize("order", [[-1, -1], []], ids=["only padding", "no column"])
def test_empty_list_gives_zero_and_zero_gradient(loss, order):
    order = torch.tensor(order, dtype=torch.int64)
    value, gradient = value_and_gradient(loss, torch.tensor([5.0, 2.0]), order, torch.tensor([1.0, 3.0]))
    assert value == 0
    assert gradient.tolist() == [0, 0]


@EVERY_LOSS
def test_padding_equals_the_list_without(loss):
    scores, target = (rows[0] for rows in random_lists(1, 6))
    target[4] = 99.0  # items outside the order have no say, not even in the largest gain
    order = torch.tensor([5, 1, 0, 3])
    expected = value_and_gradient(loss, scores, order, target)
    padded = value_and_gradient(loss, scores, torch.cat([order, torch.tensor([-1, -1, -1])]), target)
    torch.testing.assert_close(padded, expected)
    assert padded[1][[2, 4]].tolist() == [0, 0]


@EVERY_LOSS
def test_batch_is_the_mean_over_lists_with_items(loss):
    scores, target = random_lists(4, 5)
    order = torch.tensor(ORDERS["padded batch"])
    alone = [value_and_gradient(loss, scores[k], order[k], target[k]) for k in range(3)]  # the fourth list is empty
    value, gradient = value_and_gradient(loss, scores.view(2, 2, 5), order.view(2, 2, 5), target.view(2, 2, 5))
    torch.testing.assert_close(value, sum(one for one, _ in alone) / 3)
    expected = torch.stack([*(row / 3 for _, row in alone), torch.zeros(5)])
    torch.testing.assert_close(gradient.view(4, 5), expected)


@EVERY_LOSS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    scores, target = random_lists(2, 50)
    scores, target, order = scores.to(dtype), target.to(dtype), torch.arange(50).expand(2, -1)
    value, gradient = value_and_gradient(loss, scores, order, target)
    wide_value, wide_gradient = value_and_gradient(loss, scores.float(), order, target.float())
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    assert value == wide_value
    assert torch.equal(gradient, wide_gradient.to(dtype))


@EVERY_LOSS
def test_autocast_changes_nothing(loss):
    scores, target = random_lists(2, 50)
    order = torch.arange(50).expand(2, -1)
    expected = value_and_gradient(loss, scores, order, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        measured = value_and_gradient(loss, scores, order, target)
    assert measured[0].dtype == torch.float32
    torch.testing.assert_close(measured, expected, rtol=0, atol=0)
