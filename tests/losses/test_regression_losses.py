"""L1, L2 and BerHu: hand-computed values, masking before anything else, and BerHu's threshold."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from masked_contract import (
    assert_compiles,
    assert_half_precision_computes_in_float32,
    assert_invalid_pixels_do_nothing,
    assert_least_and_flat,
    draw_maps,
)

from sidelib.losses import berhu, l1, l2

LOSSES = {
    "l1": l1,
    "l2": l2,
    "berhu": berhu,
    "berhu image": lambda *maps: berhu(*maps, threshold="image"),
    "berhu attached": lambda *maps: berhu(*maps, detach_threshold=False),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def maps(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


def random_maps(batch=2, height=3, width=4, seed=0):
    return draw_maps(batch, height, width, seed, span=9, nearest=0.5, missing=0.3, kept=(0, 0, 0))


def berhu_by_definition(prediction, target, mask, share=0.2):
    pairs = zip(prediction.flatten().tolist(), target.flatten().tolist(), mask.flatten().tolist(), strict=True)
    errors = [abs(p - t) for p, t, valid in pairs if valid]
    c = share * max(errors)
    return sum(e if e <= c else (e**2 + c**2) / (2 * c) for e in errors) / len(errors)


def test_values_by_hand():
    prediction, target = maps(1.5, 4.0, 7.0), maps(1.0, 5.0, 5.0)  # errors 0.5, -1, 2; c = 0.4
    assert l1(prediction, target).item() == pytest.approx(3.5 / 3)
    assert l2(prediction, target).item() == pytest.approx(5.25 / 3)
    expected = sum((e * e + 0.16) / 0.8 for e in (0.5, 1.0, 2.0)) / 3
    assert berhu(prediction, target).item() == pytest.approx(expected)
    assert berhu(prediction, target, share=1.0).item() == pytest.approx(3.5 / 3)  # nothing above the threshold


def test_against_torch():
    prediction, target, mask = random_maps()
    assert l1(prediction, target, mask).item() == pytest.approx(F.l1_loss(prediction[mask], target[mask]).item())
    assert l2(prediction, target, mask).item() == pytest.approx(F.mse_loss(prediction[mask], target[mask]).item())


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 1.0))
def test_berhu_is_its_definition(seed, share):
    prediction, target, mask = random_maps(seed=seed)
    expected = berhu_by_definition(prediction, target, mask, share)
    assert berhu(prediction, target, mask, share=share).item() == pytest.approx(expected)
    images = [
        berhu_by_definition(*(part[i] for part in (prediction, target, mask)), share) * mask[i].sum().item()
        for i in range(2)
        if mask[i].any()
    ]
    found = berhu(prediction, target, mask, share=share, threshold="image").item()
    assert found == pytest.approx(sum(images) / mask.sum().item())


def test_convention_berhu_threshold_is_the_maximum_after_masking():
    prediction, target = maps(1.0, 2.0, 100.0), maps(0.0, 0.0, 0.0)
    mask = torch.tensor([True, True, False]).reshape(1, 1, 1, 3)
    assert berhu(prediction, target, mask).item() == pytest.approx((1.16 / 0.8 + 4.16 / 0.8) / 2)  # c = 0.4
    unmasked_maximum = (1.0 + 2.0) / 2  # c = 20 would make it plain L1
    assert berhu(prediction, target, mask).item() != pytest.approx(unmasked_maximum)


def test_convention_berhu_threshold_is_of_absolute_residuals():
    prediction, target = maps(1.0, -10.0), maps(0.0, 0.0)
    expected = (1.0 + (100 + 4) / 4) / 2  # c = 2; the largest *signed* residual would give c = 0.2
    assert berhu(prediction, target).item() == berhu(-prediction, target).item() == pytest.approx(expected)


def test_convention_berhu_threshold_spans_the_batch():
    prediction = torch.tensor([1.0, 10.0]).reshape(2, 1, 1, 1)
    target = torch.zeros_like(prediction)
    assert berhu(prediction, target).item() == pytest.approx((1 + 26) / 2)  # c = 2 for both images
    assert berhu(prediction, target, threshold="image").item() == pytest.approx((2.6 + 26) / 2)  # c = 0.2 and 2
    alone = [berhu(prediction[i : i + 1], target[i : i + 1]).item() for i in range(2)]
    assert alone == pytest.approx([2.6, 26])


def test_convention_berhu_threshold_is_detached_by_default():
    target = maps(0.0, 0.0)
    gradients = {}
    for detach in (True, False):
        prediction = maps(3.0, 10.0).requires_grad_()
        berhu(prediction, target, detach_threshold=detach).backward()
        gradients[detach] = prediction.grad.flatten().tolist()
    # c = 2: r / c for each; attached, the largest also moves c by 0.2, and dL/dc = Σ (c² - r²) / (2 c²)
    through_c = 0.2 * ((4 - 9) / 8 + (4 - 100) / 8)
    assert gradients[True] == pytest.approx([1.5 / 2, 5 / 2])
    assert gradients[False] == pytest.approx([1.5 / 2, (5 + through_c) / 2])


def test_berhu_branches_meet_in_value_and_slope():
    for step in (-1e-6, 1e-6):
        prediction = maps(2.0 + step, 10.0).requires_grad_()  # c = 2
        loss = berhu(prediction, maps(0.0, 0.0))
        loss.backward()
        assert loss.item() == pytest.approx((2 + 26) / 2, abs=1e-5)
        assert prediction.grad[0, 0, 0, 0].item() == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-30, 1e-10, 1.0, 1e10, 1e30])
@pytest.mark.parametrize("detach", [True, False])
def test_berhu_survives_residuals_of_any_size(size, detach):
    prediction = torch.tensor([size, size / 7]).reshape(1, 1, 1, 2).requires_grad_()
    loss = berhu(prediction, torch.zeros(1, 1, 1, 2), detach_threshold=detach)
    loss.backward()
    assert math.isfinite(loss.item())
    assert prediction.grad.abs().max() <= 2.6
    largest = 2.6 if size > 1e-29 else 1.0  # below, the threshold is too small to divide by
    assert loss.item() == pytest.approx(size * (largest + 1 / 7) / 2, rel=1e-4, abs=1e-44)


@every_loss
def test_invalid_pixels_influence_neither_value_nor_gradient(loss):
    assert_invalid_pixels_do_nothing(loss, *random_maps(), junk=(0.0, 1e30, math.nan, math.inf, -math.inf))


@every_loss
def test_nothing_valid_and_nothing_wrong_give_zero_and_zero_gradient(loss):
    prediction, target, mask = random_maps()
    assert_least_and_flat(loss, prediction, target, torch.zeros_like(mask))
    assert_least_and_flat(loss, target, target, mask)
    assert_least_and_flat(loss, target, target)
    assert_least_and_flat(loss, torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1))


@every_loss
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_pixels_does_not_matter_and_a_mask_is_a_crop(loss, seed):
    prediction, target, mask = random_maps(seed=seed)
    value = loss(prediction, target, mask).item()
    shuffle = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    shuffled = [part.flatten(2)[..., shuffle].reshape(part.shape) for part in (prediction, target, mask)]
    assert loss(*shuffled).item() == pytest.approx(value)
    left = torch.zeros_like(mask)
    left[..., :2] = True
    cropped = loss(prediction[..., :2], target[..., :2]).item()
    assert loss(prediction, target, left).item() == pytest.approx(cropped)


@pytest.mark.parametrize("loss", [l1, l2])
def test_the_mean_is_over_the_pixels_of_the_batch(loss):
    prediction, target, mask = random_maps()
    counts = mask.sum(dim=(1, 2, 3)).tolist()
    assert counts[0] != counts[1]
    parts = [loss(prediction[i : i + 1], target[i : i + 1], mask[i : i + 1]).item() for i in range(2)]
    weighted = sum(count * part for count, part in zip(counts, parts, strict=True)) / sum(counts)
    assert loss(prediction, target, mask).item() == pytest.approx(weighted)


@every_loss
def test_gradient(loss):
    prediction, target, mask = random_maps()
    leaf = prediction.clone().requires_grad_()
    if loss in (l1, l2) or loss is LOSSES["berhu attached"]:
        assert torch.autograd.gradcheck(lambda values: loss(values, target, mask), leaf)
    else:  # a detached threshold is a constant: numerical differences would move it
        loss(leaf, target, mask).backward()
        residual = (prediction - target).where(mask, 0.0)
        c = 0.2 * residual.abs().amax(dim=(1, 2, 3) if loss is LOSSES["berhu image"] else None, keepdim=True)
        expected = torch.where(residual.abs() > c, residual / c, residual.sign()) / mask.sum()
        torch.testing.assert_close(leaf.grad, expected)


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
        ((prediction.long(), target, mask), TypeError, "prediction: expected a floating-point tensor"),
        ((prediction, target.tolist(), mask), TypeError, "target: expected a torch.Tensor, found list"),
        ((prediction[0], target, mask), ValueError, r"prediction: expected shape \(B, 1, H, W\)"),
        ((prediction, target[..., 1:], mask), ValueError, r"target: expected the shape of prediction, \(2, 1, 3, 4\)"),
        ((prediction, target[:1], mask), ValueError, "target: expected the shape of prediction"),
        ((prediction, target, mask.float()), TypeError, "mask: expected a bool tensor"),
        ((prediction, target, mask[:1]), ValueError, "mask: expected the shape"),
        ((prediction[:0], target[:0], mask[:0]), ValueError, "prediction: expected at least one pixel"),
        ((prediction, target.to("meta"), mask), ValueError, "target: expected on cpu, with prediction, found on meta"),
    ):
        with pytest.raises(error, match="^" + message):
            loss(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, r"share: expected a share of the largest residual in \(0, 1\], found 0.0"),
        ({"share": 1.5}, "share: "),
        ({"threshold": "pixel"}, "threshold: expected one of batch, image, found 'pixel'"),
    ],
)
def test_berhu_options_are_checked(options, message):
    with pytest.raises(ValueError, match="^" + message):
        berhu(maps(1.0), maps(2.0), **options)
