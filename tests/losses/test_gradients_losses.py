"""The gradient losses of HQMD against Sobel filters elsewhere, and what counts where pixels are missing."""

import math

import numpy as np
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
from scipy import ndimage

from sidelib.losses import berhu, gradient_direction, gradient_magnitude, hqmd_objective
from sidelib.losses.gradients import sobel

LOSSES = {
    "magnitude": gradient_magnitude,
    "direction": gradient_direction,
    "hqmd": hqmd_objective,
    "hqmd attached": lambda *maps, **options: hqmd_objective(*maps, detach_threshold=False, **options),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def random_maps(batch=2, height=7, width=8, seed=0):
    return draw_maps(batch, height, width, seed, span=4, nearest=0.5, missing=0.05, kept=(0, slice(3), slice(3)))


def scipy_sobel(image):
    """∇x and ∇y of the whole image, rim included."""
    return ndimage.sobel(image, axis=1), ndimage.sobel(image, axis=0)


def by_definition(prediction, target, mask):
    """Eqs. 5 and 6, pixel by pixel."""
    magnitude, direction = [], []
    for p, t, m in zip(prediction[:, 0].numpy(), target[:, 0].numpy(), mask[:, 0].numpy(), strict=True):
        (px, py), (tx, ty) = scipy_sobel(p), scipy_sobel(t)
        for row in range(1, p.shape[0] - 1):
            for column in range(1, p.shape[1] - 1):
                if m[row - 1 : row + 2, column - 1 : column + 2].all():
                    at = row, column
                    magnitude.append(abs(ty[at] - py[at]) + abs(px[at] - tx[at]))
                    direction.append(abs(ty[at] * px[at] - py[at] * tx[at]))
    return np.mean(magnitude), np.mean(direction)


def ramp(right, down, size=4):
    y, x = torch.meshgrid(torch.arange(size).double(), torch.arange(size).double(), indexing="ij")
    return (right * x + down * y)[None, None]


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_are_equations_5_and_6_on_scipys_sobel(seed):
    maps = random_maps(seed=seed)
    magnitude, direction = by_definition(*maps)
    assert gradient_magnitude(*maps).item() == pytest.approx(magnitude)
    assert gradient_direction(*maps).item() == pytest.approx(direction)
    assert gradient_magnitude(*maps, normalise=True).item() == pytest.approx(magnitude / 8)
    assert gradient_direction(*maps, normalise=True).item() == pytest.approx(direction / 64)
    assert hqmd_objective(*maps).item() == pytest.approx(berhu(*maps).item() + magnitude + direction)
    weighted = hqmd_objective(*maps, magnitude_weight=3.0, direction_weight=0.5, normalise=True).item()
    assert weighted == pytest.approx(berhu(*maps).item() + 3 * magnitude / 8 + 0.5 * direction / 64)


def test_sobel_is_kornias_inside_the_rim():
    from kornia.filters import SpatialGradient

    image = random_maps()[0]
    for normalise in (True, False):
        expected = SpatialGradient("sobel", normalized=normalise)(image)[..., 1:-1, 1:-1]
        for found, reference in zip(sobel(image, normalise=normalise), expected.unbind(2), strict=True):
            torch.testing.assert_close(found, reference)


def test_convention_sobel_is_not_normalised_and_points_right_and_down():
    x, y = sobel(ramp(1.0, 3.0))
    assert set(x.flatten().tolist()) == {8.0}
    assert set(y.flatten().tolist()) == {24.0}


def test_convention_no_edge_around_the_image():
    """Zero padding would give a constant offset of 1 m a gradient of 4 at the rim."""
    depth = random_maps()[1]
    assert gradient_magnitude(depth + 1, depth).item() == pytest.approx(0.0, abs=1e-12)
    assert gradient_direction(depth + 1, depth).item() == pytest.approx(0.0, abs=1e-12)


def test_convention_magnitude_compares_vectors_and_direction_is_the_cross_product():
    # equal magnitudes, a right angle apart: |(8, 0) - (0, 8)| in L1, and 8 × 8
    assert gradient_magnitude(ramp(1.0, 0.0), ramp(0.0, 1.0)).item() == 16
    assert gradient_direction(ramp(1.0, 0.0), ramp(0.0, 1.0)).item() == 64
    # direction alike, magnitude not
    assert gradient_magnitude(ramp(3.0, 4.0), ramp(6.0, 8.0)).item() == 8 * 7
    assert gradient_direction(ramp(3.0, 4.0), ramp(6.0, 8.0)).item() == 0
    # |g| |d| sin 30°
    angle = math.radians(30)
    turned = gradient_direction(ramp(2 * math.cos(angle), 2 * math.sin(angle)), ramp(3.0, 0.0)).item()
    assert turned == pytest.approx(64 * 2 * 3 * 0.5)


def test_convention_opposite_and_zero_gradients_cost_the_direction_loss_nothing():
    for other in (ramp(-1.0, -2.0), ramp(0.0, 0.0)):
        assert gradient_direction(other, ramp(1.0, 2.0)).item() == 0
        assert gradient_magnitude(other, ramp(1.0, 2.0)).item() > 0


@pytest.mark.parametrize("loss", [gradient_magnitude, gradient_direction])
def test_a_window_with_one_invalid_pixel_does_not_count(loss):
    target = ramp(1.0, 0.0, size=5)
    prediction = ramp(0.0, 1.0, size=5)
    prediction[0, 0, 0, 0] = 100.0  # seen only by the window around (1, 1)
    mask = torch.ones_like(target, dtype=torch.bool)
    clean = loss(ramp(0.0, 1.0, size=5), target).item()
    assert loss(prediction, target, mask).item() != pytest.approx(clean)
    mask[0, 0, 0, 0] = False
    assert loss(prediction, target, mask).item() == pytest.approx(clean)
    for row in range(5):
        for column in range(5):
            # leaving out the middle leaves none of nine windows, a corner eight
            mask = torch.ones_like(target, dtype=torch.bool)
            mask[0, 0, row, column] = False
            found = loss(ramp(0.0, 1.0, size=5), target, mask).item()
            assert found == (0 if (row, column) == (2, 2) else clean)


@every_loss
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), top=st.integers(0, 3), left=st.integers(0, 4))
def test_a_mask_is_a_crop(loss, seed, top, left):
    prediction, target, _ = random_maps(seed=seed)
    inside = (..., slice(top, top + 4), slice(left, left + 4))
    mask = torch.zeros_like(target, dtype=torch.bool)
    mask[inside] = True
    cropped = loss(prediction[inside], target[inside]).item()
    assert loss(prediction, target, mask).item() == pytest.approx(cropped)


@pytest.mark.parametrize("loss", [gradient_magnitude, gradient_direction])
def test_images_of_a_batch_do_not_touch(loss):
    prediction, target, _ = random_maps()
    parts = [loss(prediction[i : i + 1], target[i : i + 1]).item() for i in range(2)]
    assert loss(prediction, target).item() == pytest.approx(sum(parts) / 2)
    swapped = loss(prediction.mT, target.mT).item()
    assert swapped == pytest.approx(loss(prediction, target).item())


@every_loss
def test_invalid_pixels_influence_neither_value_nor_gradient(loss):
    assert_invalid_pixels_do_nothing(loss, *random_maps())


@every_loss
def test_nothing_valid_nothing_wrong_and_one_pixel_stay_finite(loss):
    prediction, target, mask = random_maps()
    assert_least_and_flat(loss, prediction, target, torch.zeros_like(mask))
    assert_least_and_flat(loss, target, target, mask)
    for height, width in ((1, 1), (2, 5), (5, 2)):
        depth = torch.full((1, 1, height, width), 2.0)
        assert_least_and_flat(loss, depth, depth)


@every_loss
def test_gradient(loss):
    prediction, target, mask = random_maps(height=4, width=5)
    leaf = prediction.clone().requires_grad_()
    if loss is not hqmd_objective:
        assert torch.autograd.gradcheck(lambda values: loss(values, target, mask), leaf)
    else:  # its threshold is a constant to the gradient, but not to numerical differences
        loss(leaf, target, mask).backward()
        parts = prediction.clone().requires_grad_()
        sum(part(parts, target, mask) for part in (berhu, gradient_magnitude, gradient_direction)).backward()
        torch.testing.assert_close(leaf.grad, parts.grad)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    assert_half_precision_computes_in_float32(loss, dtype, *random_maps())


@every_loss
def test_compiles_without_a_graph_break(loss):
    assert_compiles(loss, *random_maps())


@every_loss
def test_errors_name_the_argument(loss):
    prediction, target, mask = random_maps()
    for arguments, error, message in (
        ((prediction.expand(-1, 3, -1, -1), target, mask), ValueError, r"prediction: expected shape \(B, 1, H, W\)"),
        ((prediction, target[..., 1:], mask), ValueError, "target: expected the shape of prediction"),
        ((prediction, target, mask[:1]), ValueError, "mask: expected the shape"),
    ):
        with pytest.raises(error, match="^" + message):
            loss(*arguments)


@pytest.mark.parametrize("name", ["magnitude_weight", "direction_weight"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_weights_are_checked(name, value):
    prediction, target, mask = random_maps()
    with pytest.raises(ValueError, match=f"^{name}: expected a finite number of at least 0"):
        hqmd_objective(prediction, target, mask, **{name: value})
