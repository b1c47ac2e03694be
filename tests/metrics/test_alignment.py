"""Alignments against NumPy's and SciPy's fits, and what they leave unchanged."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.metrics import align, depth_metrics


def some_maps(size=41, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(size, generator=generator) * 9 + 0.5
    prediction = target * torch.exp(0.3 * torch.randn(size, generator=generator))
    return prediction, target, torch.rand(size, generator=generator) > 0.3


@pytest.mark.parametrize("size", [1, 2, 40, 41])
def test_the_median_is_that_of_numpy_over_the_valid_pixels(size):
    prediction, target, mask = some_maps(size)
    mask[0] = True
    aligned, scale, shift = align(prediction, target, mask, "median")
    expected = np.median(target[mask].numpy().astype(float)) / np.median(prediction[mask].numpy().astype(float))
    assert scale.item() == pytest.approx(expected, rel=1e-12) and shift == 0
    assert torch.allclose(aligned, prediction * expected)


def test_the_fits_are_least_squares():
    prediction, target, mask = some_maps()
    p, d = (part[mask].double().numpy() for part in (prediction, target))
    columns = np.stack([p, np.ones_like(p)], axis=1)
    for how, matrix, truth in (
        ("scale", columns[:, :1], d),
        ("scale_shift", columns, d),
        ("scale_shift_disparity", np.stack([1 / p, np.ones_like(p)], axis=1), 1 / d),
    ):
        fitted = [*np.linalg.lstsq(matrix, truth)[0], 0.0][:2]
        _, scale, shift = align(prediction, target, mask, how)
        assert [scale.item(), shift.item()] == pytest.approx(fitted, rel=1e-6), how


@given(
    st.floats(0.1, 10), st.floats(0, 5), st.sampled_from(["median", "scale", "scale_shift", "scale_shift_disparity"])
)
@settings(deadline=None, max_examples=40)
def test_what_an_alignment_fits_no_longer_matters(factor, offset, how):
    prediction, target, mask = (part.double() if part.is_floating_point() else part for part in some_maps())
    if how == "scale_shift_disparity":
        moved = 1 / (factor / prediction + offset)
    else:
        moved = factor * prediction + (offset if how == "scale_shift" else 0)
    before, after = (align(part, target, mask, how)[0].clamp(min=0.01) for part in (prediction, moved))
    assert after[mask].tolist() == pytest.approx(before[mask].tolist(), rel=1e-6)


def test_disparity_is_judged_without_being_inverted():
    _, target, mask = some_maps()
    disparity = 7 / target - 0.2  # negative where it is far, so it has no depth of its own
    aligned, scale, shift = align(disparity, target, mask, "scale_shift_disparity", predicts="disparity")
    assert depth_metrics(aligned, target, mask)["abs_rel"] < 1e-5
    assert (scale.item(), shift.item()) == pytest.approx((1 / 7, 0.2 / 7), rel=1e-4)


def test_an_aligned_disparity_that_is_not_positive_becomes_the_farthest_depth():
    prediction, target = torch.tensor([1.0, 1.1, 100.0]), torch.tensor([1.0, 4.0, 5.0])
    fitted = torch.tensor([True, True, False])  # a steep line, which crosses zero before the third
    aligned, *_ = align(prediction, target, fitted, "scale_shift_disparity", farthest=10.0)
    assert aligned.tolist() == pytest.approx([1.0, 4.0, 10.0], rel=1e-5)


def test_a_constant_prediction_is_moved_to_the_mean():
    target = torch.tensor([1.0, 2.0, 6.0])
    aligned, scale, shift = align(torch.ones(3), target, target > 0, "scale_shift")
    assert aligned.tolist() == [3.0, 3.0, 3.0] and scale == 0 and shift == 3


def test_an_image_without_a_valid_pixel_stays_as_it_is():
    prediction, target, mask = some_maps()
    aligned, scale, shift = align(prediction, target, torch.zeros_like(mask), "median")
    assert aligned is prediction and (scale, shift) == (1, 0)


def test_what_cannot_be_aligned_is_said():
    prediction, target, mask = some_maps()
    with pytest.raises(ValueError, match="how: .*'least'"):
        align(prediction, target, mask, "least")
    with pytest.raises(ValueError, match="predicts"):
        align(prediction, target, mask, "median", predicts="height")
    with pytest.raises(ValueError, match="scale_shift_disparity"):
        align(prediction, target, mask, "median", predicts="disparity")
    with pytest.raises(ValueError, match="prediction: cannot be scaled"):
        align(-prediction, target, mask, "median")
