"""The depth metrics against hand-computed values, their definitions pixel by pixel, and other libraries."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib import metrics
from sidelib.metrics import depth_metrics

ALIKE_UNDER_COMMON_SCALE = ("abs_rel", "sq_rel_squared", "rmse_log", "log10", "silog", "rmse_log_aligned", "delta1")


def by_definition(prediction, target):
    """Every metric from its formula, pixel by pixel, with exactly rounded sums."""
    pairs = list(zip(prediction, target))
    n = len(pairs)

    def mean(term):
        return math.fsum(term(p, d) for p, d in pairs) / n

    shift = mean(lambda p, d: math.log(d) - math.log(p))
    aligned = mean(lambda p, d: (math.log(p) - math.log(d) + shift) ** 2)
    return {
        "abs_rel": mean(lambda p, d: abs(p - d) / d),
        "sq_rel": mean(lambda p, d: (p - d) ** 2 / d),
        "sq_rel_squared": mean(lambda p, d: (p - d) ** 2 / d**2),
        "rmse": math.sqrt(mean(lambda p, d: (p - d) ** 2)),
        "rmse_log": math.sqrt(mean(lambda p, d: (math.log(p) - math.log(d)) ** 2)),
        "rmse_log_aligned": math.sqrt(aligned),
        "mse_log_aligned": aligned,
        "log10": mean(lambda p, d: abs(math.log10(p) - math.log10(d))),
        "mae": mean(lambda p, d: abs(p - d)),
        "silog": math.sqrt(aligned),
        "irmse": math.sqrt(mean(lambda p, d: (1 / p - 1 / d) ** 2)),
        "delta1": mean(lambda p, d: max(p / d, d / p) < 1.25),
        "delta2": mean(lambda p, d: max(p / d, d / p) < 1.25**2),
        "delta3": mean(lambda p, d: max(p / d, d / p) < 1.25**3),
    }


def test_three_pixels_by_hand():
    # Residuals +1, -1 and 0 m at 2, 4 and 5 m; ratios 3/2, 4/3 and 1.
    found = depth_metrics(torch.tensor([3.0, 3.0, 5.0]).double(), torch.tensor([2.0, 4.0, 5.0]).double())
    log_1, log_2 = math.log(3 / 2), math.log(3 / 4)
    expected = {
        "abs_rel": (1 / 2 + 1 / 4) / 3,
        "sq_rel": (1 / 2 + 1 / 4) / 3,
        "sq_rel_squared": (1 / 4 + 1 / 16) / 3,
        "rmse": math.sqrt(2 / 3),
        "rmse_log": math.sqrt((log_1**2 + log_2**2) / 3),
        "log10": (math.log10(3 / 2) + math.log10(4 / 3)) / 3,
        "mae": 2 / 3,
        "silog": math.sqrt((log_1**2 + log_2**2) / 3 - ((log_1 + log_2) / 3) ** 2),
        "irmse": math.sqrt(((1 / 3 - 1 / 2) ** 2 + (1 / 3 - 1 / 4) ** 2) / 3),
        "delta1": 1 / 3,
        "delta2": 1.0,
        "delta3": 1.0,
    }
    expected |= {"rmse_log_aligned": expected["silog"], "mse_log_aligned": expected["silog"] ** 2}
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, rel=1e-12)
    assert all(value.dtype == torch.float64 for value in found.values())


depths = arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(0.125, 100, width=32))


@given(depths, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_every_metric_is_its_definition_over_the_valid_pixels(target, random):
    prediction = target * np.array([random.choice([0.5, 0.9, 1.0, 1.1, 1.6, 3.0]) for _ in target])
    mask = np.array([random.random() < 0.8 for _ in target])
    mask[0] = True
    target = np.where(mask, target, 0.0)
    prediction = np.where(mask, prediction, random.choice([np.nan, -1.0, 0.0, np.inf]))
    found = depth_metrics(*(torch.from_numpy(part) for part in (prediction, target, mask)))
    expected = by_definition(prediction[mask].tolist(), target[mask].tolist())
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9, abs=1e-7), name  # silog loses half the digits at 0


def test_other_libraries_agree():
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(4, 1, 9, 7, generator=generator).double() * 9 + 0.5
    prediction = target * torch.exp(0.3 * torch.randn(target.shape, generator=generator).double())
    found = {name: value.item() for name, value in depth_metrics(prediction, target).items()}
    true, predicted = target.flatten().numpy(), prediction.flatten().numpy()
    assert found["mae"] == pytest.approx(sklearn.metrics.mean_absolute_error(true, predicted))
    assert found["abs_rel"] == pytest.approx(sklearn.metrics.mean_absolute_percentage_error(true, predicted))
    assert found["rmse"] == pytest.approx(sklearn.metrics.root_mean_squared_error(true, predicted))
    logs = np.log(true), np.log(predicted)
    assert found["rmse_log"] == pytest.approx(sklearn.metrics.root_mean_squared_error(*logs))
    assert found["silog"] == pytest.approx(np.std(logs[1] - logs[0]))
    assert found["irmse"] == pytest.approx(sklearn.metrics.root_mean_squared_error(1 / true, 1 / predicted))


SINGLE = {
    "abs_rel": metrics.abs_rel,
    "sq_rel": metrics.sq_rel,
    "sq_rel_squared": lambda *maps: metrics.sq_rel(*maps, divisor="depth_squared"),
    "rmse": metrics.rmse,
    "rmse_log": metrics.rmse_log,
    "rmse_log_aligned": metrics.aligned_rmse_log,
    "mse_log_aligned": lambda *maps: metrics.aligned_rmse_log(*maps, as_printed=True),
    "log10": metrics.log10,
    "mae": metrics.mae,
    "silog": metrics.silog,
    "irmse": metrics.irmse,
    "delta1": metrics.delta_accuracy,
    "delta2": lambda *maps: metrics.delta_accuracy(*maps, power=2),
    "delta3": lambda *maps: metrics.delta_accuracy(*maps, power=3),
}


def some_maps(seed=0, images=3):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(images, 1, 8, 6, generator=generator) * 9 + 0.5
    prediction = target * torch.exp(0.3 * torch.randn(target.shape, generator=generator))
    return prediction, target, torch.rand(target.shape, generator=generator) > 0.3


@pytest.mark.parametrize("name", SINGLE)
def test_each_function_is_the_entry_of_its_name(name):
    maps = some_maps()
    assert set(SINGLE) == set(depth_metrics(*maps))
    assert SINGLE[name](*maps) == depth_metrics(*maps)[name]


@given(st.floats(0.1, 10))
@settings(deadline=None, max_examples=20)
def test_a_common_unit_changes_only_what_has_a_unit(factor):
    prediction, target, mask = some_maps()
    before = depth_metrics(prediction.double(), target.double(), mask)
    after = depth_metrics(prediction.double() * factor, target.double() * factor, mask)
    for name in before:
        power = {"rmse": 1, "mae": 1, "sq_rel": 1, "irmse": -1}.get(name, 0)
        if not name.startswith("delta"):  # a ratio at a threshold may round to either side
            assert after[name].item() == pytest.approx(before[name].item() * factor**power, rel=1e-9)
    assert set(ALIKE_UNDER_COMMON_SCALE) < set(before)


@given(st.floats(0.1, 10))
@settings(deadline=None, max_examples=20)
def test_silog_forgives_one_factor_and_the_aligned_error_one_for_each_image(factor):
    prediction, target, mask = (part.double() if part.is_floating_point() else part for part in some_maps())
    factors = torch.tensor([factor, 1.0, 1 / factor]).view(3, 1, 1, 1).double()
    before, common, each = (depth_metrics(prediction * scale, target, mask) for scale in (1, factor, factors))
    assert common["silog"].item() == pytest.approx(before["silog"].item(), rel=1e-9)
    for after in (common, each):
        assert after["rmse_log_aligned"].item() == pytest.approx(before["rmse_log_aligned"].item(), rel=1e-9)
    if not 0.8 < factor < 1.25:
        assert each["silog"] > before["silog"]


def test_convention_the_error_is_relative_to_the_second_argument():
    found, swapped = (
        depth_metrics(torch.tensor([4.0]), torch.tensor([1.0])),
        metrics.abs_rel(torch.tensor([1.0]), torch.tensor([4.0])),
    )
    assert found["abs_rel"].item() == 3 and swapped.item() == 0.75  # swapped arguments flatter predictions that are far


def test_convention_logarithms_are_natural_but_for_log10():
    found = depth_metrics(torch.tensor([10.0]), torch.tensor([1.0]))
    assert found["rmse_log"].item() == pytest.approx(math.log(10)) and found["log10"].item() == pytest.approx(1)


def test_convention_a_ratio_of_exactly_the_threshold_is_not_accurate():
    prediction, target = torch.tensor([1.25, 4.0]), torch.tensor([1.0, 5.0])
    assert depth_metrics(prediction, target)["delta1"].item() == 0
    assert depth_metrics(prediction, target, delta_inclusive=True)["delta1"].item() == 1


def test_convention_pooling_over_pixels_weighs_images_by_their_pixels():
    target = torch.ones(2, 1, 2, 2)
    prediction = torch.stack([torch.full((1, 2, 2), 2.0), torch.ones(1, 2, 2)])
    mask = torch.tensor([[[[True, False], [False, False]]], [[[True] * 2] * 2]])
    assert depth_metrics(prediction, target, mask)["rmse"].item() == pytest.approx(math.sqrt(1 / 5))
    assert depth_metrics(prediction, target, mask, pooling="images")["rmse"].item() == pytest.approx(1 / 2)


def test_an_image_without_a_valid_pixel_is_left_out_of_the_mean_over_images():
    prediction, target, mask = some_maps()
    mask[1] = False
    both = depth_metrics(prediction[::2], target[::2], mask[::2], pooling="images")
    assert depth_metrics(prediction, target, mask, pooling="images") == both
    nothing = depth_metrics(prediction, target, torch.zeros_like(mask))
    assert all(value.isnan() for value in nothing.values())


def test_sums_are_kept_in_float64():
    target = torch.full((3000, 2000), 1.0)
    prediction = torch.full_like(target, 1.1)
    error = (prediction - target)[0, 0].item()  # what float32 holds of 0.1
    assert metrics.mae(prediction, target).item() == pytest.approx(error, rel=1e-14)
    in_float32 = np.cumsum((prediction - target).numpy().ravel(), dtype=np.float32)[-1] / target.numel()
    assert abs(in_float32 - error) > 1e-4 * error  # what a running sum in float32 makes of it


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_maps_are_judged_in_float32(dtype):
    prediction, target, mask = some_maps()
    prediction, target = prediction.to(dtype), target.to(dtype)
    assert depth_metrics(prediction, target, mask) == depth_metrics(prediction.float(), target.float(), mask)


def test_no_gradient_is_kept():
    prediction, target, mask = some_maps()
    assert not depth_metrics(prediction.requires_grad_(), target, mask)["rmse"].requires_grad


ONE = torch.ones(1, 1, 2, 2)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((ONE, ONE * 0), ValueError, "target: .* found 4 pixels .*such as 0.*mask"),
        ((ONE, ONE * torch.nan), ValueError, "target: .*such as nan"),
        ((ONE * 0, ONE), ValueError, "prediction: .*such as 0.*clip"),
        ((ONE * torch.inf, ONE), ValueError, "prediction: .*such as inf"),
        ((-ONE, ONE), ValueError, "prediction: .*such as -1"),
        ((ONE[..., :1], ONE), ValueError, r"prediction: .*\(1, 1, 2, 2\), found \(1, 1, 2, 1\)"),
        ((ONE, ONE.int()), TypeError, "target: .*torch.int32"),
        ((ONE.numpy(), ONE), TypeError, "prediction: .*ndarray"),
        ((ONE, ONE, ONE), ValueError, "mask: expected bool .* found torch.float32"),
        ((ONE, ONE, ONE[..., :1].bool()), ValueError, r"mask: .*\(1, 1, 2, 1\)"),
    ],
)
def test_what_is_wrong_with_the_maps_is_said(arguments, error, words):
    with pytest.raises(error, match=words):
        depth_metrics(*arguments)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="pooling: .*'median'"):
        depth_metrics(ONE, ONE, pooling="median")
    with pytest.raises(ValueError, match="divisor"):
        metrics.sq_rel(ONE, ONE, divisor="square")
    with pytest.raises(ValueError, match="power"):
        metrics.delta_accuracy(ONE, ONE, power=4)
