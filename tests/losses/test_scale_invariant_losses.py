"""The scale-invariant losses: Eqs. 2.13-2.17 as printed, against what λ does, and the exact limits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from masked_contract import (
    assert_compiles,
    assert_half_precision_computes_in_float32,
    assert_invalid_pixels_do_nothing,
    assert_least_and_flat,
    draw_maps,
)

from sidelib.losses import scale_invariant_gradient, scale_invariant_log

LOSSES = {
    "log": scale_invariant_log,
    "root": lambda *maps, **options: scale_invariant_log(*maps, root=True, **options),
    "gradient": scale_invariant_gradient,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def random_maps(batch=2, height=3, width=4, seed=0):
    return draw_maps(batch, height, width, seed, span=9, nearest=0.5, missing=0.3, kept=(slice(None), 0, slice(2)))


def log_errors(prediction, target, mask):
    """For each image {(row, column): ln d̂ - ln d} of the valid pixels."""
    return [
        {
            (row, column): math.log(p[row, column].item()) - math.log(t[row, column].item())
            for row in range(p.shape[0])
            for column in range(p.shape[1])
            if m[row, column]
        }
        for p, t, m in zip(prediction[:, 0], target[:, 0], mask[:, 0], strict=True)
    ]


def equation_2_16(errors, degree):
    e, n = errors.values(), len(errors)
    return sum(x**2 for x in e) / n - degree / n**2 * sum(e) ** 2


def equation_2_17(errors, degree):
    steps = [
        (errors[row + down, column + right] - value) ** 2
        for (row, column), value in errors.items()
        for down, right in ((1, 0), (0, 1))
        if (row + down, column + right) in errors
    ]
    return equation_2_16(errors, degree) + sum(steps) / len(errors)


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 10_000), degree=st.floats(0, 1))
def test_are_equations_2_16_and_2_17_for_each_image(seed, degree):
    maps = random_maps(seed=seed)
    errors = log_errors(*maps)
    log, gradient = ([equation(e, degree) for e in errors] for equation in (equation_2_16, equation_2_17))
    assert scale_invariant_log(*maps, lambda_si=degree).item() == pytest.approx(sum(log) / 2, abs=1e-12)
    assert scale_invariant_gradient(*maps, lambda_si=degree).item() == pytest.approx(sum(gradient) / 2)
    rooted = sum(math.sqrt(max(value, 0.0)) for value in log) / 2
    assert scale_invariant_log(*maps, lambda_si=degree, root=True).item() == pytest.approx(rooted, abs=1e-7)


def test_lambda_1_is_equation_2_14_and_twice_equation_2_13():
    prediction, target, mask = random_maps(batch=1)
    (errors,) = log_errors(prediction, target, mask)
    e, n = list(errors.values()), len(errors)
    pairs = sum((a - b) ** 2 for a in e for b in e) / (2 * n**2)
    aligned = sum((x - sum(e) / n) ** 2 for x in e) / (2 * n)
    found = scale_invariant_log(prediction, target, mask, lambda_si=1.0).item()
    assert found == pytest.approx(pairs)
    assert found == pytest.approx(2 * aligned)


def test_values_by_hand():
    target = torch.ones(1, 1, 2, 2)
    prediction = torch.tensor([[0.0, 1.0], [2.0, 5.0]]).exp().reshape(1, 1, 2, 2)  # e: mean 2, mean square 7.5
    assert scale_invariant_log(prediction, target).item() == pytest.approx(7.5 - 2)
    assert scale_invariant_log(prediction, target, lambda_si=0.85, root=True).item() == pytest.approx(math.sqrt(4.1))
    # differences: right 1, 3; down 2, 4
    assert scale_invariant_gradient(prediction, target).item() == pytest.approx(5.5 + (1 + 9 + 4 + 16) / 4)


def test_convention_lambda_half_is_the_default_and_root_085_the_common_variant():
    prediction, target, mask = random_maps(batch=1)
    e = (prediction / target).log()[mask]
    assert scale_invariant_log(prediction, target, mask).item() == pytest.approx(
        (e.square().mean() - e.mean() ** 2 / 2).item()
    )
    common = (e.var(unbiased=False) + 0.15 * e.mean() ** 2).sqrt()
    assert scale_invariant_log(prediction, target, mask, lambda_si=0.85, root=True).item() == pytest.approx(
        common.item()
    )


def test_convention_the_natural_logarithm_of_metres_is_taken_inside():
    target = torch.full((1, 1, 1, 1), 2.0)
    assert scale_invariant_log(target * math.e, target, lambda_si=0.0).item() == pytest.approx(1.0)


def test_convention_each_image_has_a_factor_of_its_own():
    target = random_maps()[1]
    prediction = target * torch.tensor([2.0, 0.5], dtype=torch.float64).reshape(2, 1, 1, 1)
    assert scale_invariant_log(prediction, target, lambda_si=1.0).item() < 1e-20  # pooled it would be (ln 2)²
    assert scale_invariant_log(prediction, target, lambda_si=0.0).item() == pytest.approx(math.log(2) ** 2)


def test_convention_mean_over_images_not_pixels():
    prediction, target, mask = random_maps()
    mask[1, 0, 1:] = False
    parts = [scale_invariant_log(prediction[i : i + 1], target[i : i + 1], mask[i : i + 1]).item() for i in range(2)]
    assert scale_invariant_log(prediction, target, mask).item() == pytest.approx(sum(parts) / 2)
    mask[1] = False  # an image without a valid pixel is not an image with loss 0
    assert scale_invariant_log(prediction, target, mask).item() == pytest.approx(parts[0])


@every_loss
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10))
def test_lambda_1_is_blind_to_scale_and_smaller_ones_are_not(loss, seed, factor):
    prediction, target, mask = random_maps(seed=seed)
    prediction = prediction + 1
    plain, scaled = (loss(p, target, mask, lambda_si=1.0).item() for p in (prediction, factor * prediction))
    assert scaled == pytest.approx(plain, rel=1e-6, abs=1e-9)
    shift = math.log(factor)
    plain, scaled = (loss(p, target, mask, lambda_si=0.0).item() for p in (target * 1.0, factor * target))
    assert scaled == pytest.approx(abs(shift) if loss is LOSSES["root"] else shift**2, abs=1e-9)


def test_gradient_term_skips_differences_with_an_invalid_end():
    target = torch.ones(1, 1, 1, 3)
    prediction = torch.tensor([[[[1.0, math.exp(9), math.e]]]])
    mask = torch.tensor([[[[True, False, True]]]])
    # e = 0 and 1: mean 1/2, mean square 1/2, and no two valid neighbours
    assert scale_invariant_gradient(prediction, target, mask).item() == pytest.approx(0.5 - 0.125)


def test_small_errors_on_a_large_common_factor_keep_their_digits():
    target = torch.ones(1, 1, 1, 2)
    prediction = torch.tensor([[[[1000.0, 1000.5]]]])
    expected = (math.log(1000.5 / 1000) / 2) ** 2  # 6e-8, where the mean square is 48 with a float32 step of 4e-6
    assert scale_invariant_log(prediction, target, lambda_si=1.0).item() == pytest.approx(expected, rel=1e-2)


@every_loss
def test_invalid_pixels_influence_neither_value_nor_gradient(loss):
    assert_invalid_pixels_do_nothing(loss, *random_maps(), junk=(1.0, 0.0, -1.0, math.nan, math.inf))


@every_loss
@pytest.mark.parametrize("degree", [0.0, 0.5, 1.0])
def test_nothing_valid_nothing_wrong_and_one_pixel_stay_finite(loss, degree):
    prediction, target, mask = random_maps()
    one = torch.full((1, 1, 1, 1), 2.0)
    assert_least_and_flat(loss, prediction, target, torch.zeros_like(mask), lambda_si=degree)
    assert_least_and_flat(loss, target, target, mask, lambda_si=degree)
    assert_least_and_flat(loss, one, one, lambda_si=degree)


@every_loss
def test_convention_predictions_below_the_floor_count_as_the_floor_and_get_no_gradient(loss):
    target = torch.ones(1, 1, 2, 2)
    for low in (0.0, -3.0, 1e-9):
        prediction = torch.tensor([low, 2.0, 1.0, 1.0]).reshape(1, 1, 2, 2).requires_grad_()
        value = loss(prediction, target)
        value.backward()
        at_floor = prediction.detach().clone()
        at_floor[0, 0, 0, 0] = 1e-3
        assert value == loss(at_floor, target)
        assert prediction.grad[0, 0, 0, 0] == 0
        assert bool(prediction.grad.isfinite().all())


def test_a_floor_above_one_metre_leaves_invalid_pixels_alone():
    prediction, target, mask = random_maps()
    expected = scale_invariant_log(prediction.clamp(min=2.0), target, mask)
    assert scale_invariant_log(prediction, target, mask, floor=2.0).item() == pytest.approx(expected.item())


@every_loss
def test_gradient(loss):
    prediction, target, mask = random_maps()
    for degree in (0.0, 0.5, 1.0):
        assert torch.autograd.gradcheck(
            lambda values, degree=degree: loss(values, target, mask, lambda_si=degree),
            prediction.clone().requires_grad_(),
        )


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    assert_half_precision_computes_in_float32(loss, dtype, *random_maps())


@every_loss
def test_compiles_without_a_graph_break(loss):
    assert_compiles(loss, *random_maps())


@every_loss
def test_a_valid_target_of_zero_is_not_passed_over(loss):
    target = torch.tensor([[[[0.0, 1.0]]]])
    assert not math.isfinite(loss(torch.ones(1, 1, 1, 2), target).item())


@every_loss
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lambda_si": 1.5}, "lambda_si: expected a degree of scale invariance from 0 to 1, found 1.5"),
        ({"lambda_si": -0.1}, "lambda_si: "),
        ({"floor": 0.0}, "floor: expected a depth above 0 m, found 0.0"),
    ],
)
def test_options_are_checked(loss, options, message):
    prediction, target, mask = random_maps()
    with pytest.raises(ValueError, match="^" + message):
        loss(prediction, target, mask, **options)
    with pytest.raises(ValueError, match="^target: expected the shape of prediction"):
        loss(prediction, target[..., 1:], None)
