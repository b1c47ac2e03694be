"""SSIM against torchmetrics and scikit-image, and smoothness that stops at the image's edges."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.losses import edge_aware_smoothness, ssim


def random_images(batch=2, channels=3, height=14, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand((batch, channels, height, width), generator=generator, dtype=torch.float64)
    noise = torch.rand((batch, channels, height, width), generator=generator, dtype=torch.float64)
    return x, 0.6 * x + 0.4 * noise


@pytest.mark.parametrize("data_range", [1.0, 10.0])
def test_gaussian_ssim_is_torchmetrics_without_its_reflected_rim(data_range):
    from torchmetrics.functional.image import structural_similarity_index_measure

    x, y = (data_range * image for image in random_images())
    _, full = structural_similarity_index_measure(x, y, data_range=data_range, return_full_image=True)
    expected = full[..., 5:-5, 5:-5].mean().item()
    assert 1 - 2 * ssim(x, y, data_range=data_range).item() == pytest.approx(expected, abs=1e-6)
    assert 1 - 2 * ssim(y, x, data_range=data_range).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("window", ["gaussian", "average"])
def test_ssim_is_scikit_images(window):
    from skimage.metrics import structural_similarity

    x, y = random_images(channels=1)
    options = {"gaussian_weights": True, "sigma": 1.5} if window == "gaussian" else {"win_size": 3}
    values = [
        structural_similarity(a.numpy(), b.numpy(), data_range=1.0, use_sample_covariance=False, **options)
        for a, b in zip(x[:, 0], y[:, 0], strict=True)
    ]
    assert 1 - 2 * ssim(x, y, window=window).item() == pytest.approx(sum(values) / 2)


def test_average_ssim_by_definition():
    x, y = random_images(batch=1, channels=1, height=4, width=5)
    values = []
    for row in range(2):
        for column in range(3):
            a, b = (image[0, 0, row : row + 3, column : column + 3].flatten() for image in (x, y))
            covariance = ((a - a.mean()) * (b - b.mean())).mean()
            variances = a.var(unbiased=False) + b.var(unbiased=False)
            luminance = (2 * a.mean() * b.mean() + 1e-4) / (a.mean() ** 2 + b.mean() ** 2 + 1e-4)
            values.append(((1 - luminance * (2 * covariance + 9e-4) / (variances + 9e-4)) / 2).item())
    assert ssim(x, y, window="average").item() == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize("window", ["gaussian", "average"])
def test_convention_ssim_is_a_loss_between_0_and_1(window):
    x, y = random_images()
    assert ssim(x, x, window=window).item() == pytest.approx(0.0, abs=1e-12)
    assert 0 < ssim(x, y, window=window).item() < ssim(x, x.flip(-1), window=window).item() < 1
    negative = ssim(x, 1 - x, window=window).item()
    assert 0.5 < negative < 1


def test_convention_data_range_scales_with_the_values():
    x, y = random_images()
    assert ssim(10 * x, 10 * y, data_range=10.0).item() == pytest.approx(ssim(x, y).item())
    assert ssim(10 * x, 10 * y).item() != pytest.approx(ssim(x, y).item(), rel=1e-3)


@pytest.mark.parametrize(("window", "size"), [("gaussian", 11), ("average", 3)])
def test_ssim_counts_windows_without_an_invalid_pixel(window, size):
    x, y = random_images()
    mask = torch.ones_like(x[:, :1], dtype=torch.bool)
    mask[0, 0, :, 12:] = False
    mask[1, 0, :2] = False
    parts = [((x[:1, :, :, :12], y[:1, :, :, :12])), (x[1:, :, 2:], y[1:, :, 2:])]
    counts = [(14 - size + 1) * (12 - size + 1), (12 - size + 1) * (16 - size + 1)]
    expected = sum(count * ssim(*part, window=window).item() for count, part in zip(counts, parts, strict=True))
    assert ssim(x, y, mask, window=window).item() == pytest.approx(expected / sum(counts))
    results = []
    for junk in (0.0, math.nan, math.inf, 1e30):
        leaf = x.where(mask, junk).requires_grad_()
        value = ssim(leaf, y.where(mask, junk), mask, window=window)
        value.backward()
        results.append((value.item(), leaf.grad))
    for value, gradient in results:
        assert value == results[0][0]
        assert torch.equal(gradient, results[0][1])
        assert not gradient[~mask.expand_as(gradient)].any()


@pytest.mark.parametrize("window", ["gaussian", "average"])
def test_ssim_stays_finite(window):
    x, y = random_images()
    flat = torch.full((1, 1, 12, 12), 0.5)
    one = torch.ones(1, 1, 1, 1)
    cases = [(x, y, torch.zeros_like(x[:, :1], dtype=torch.bool)), (x, x, None), (flat, flat, None), (one, one, None)]
    cases.append((torch.zeros(1, 1, 2, 30), torch.ones(1, 1, 2, 30), None))  # no window fits
    cases.append((0 * flat, 0 * flat, None))
    for prediction, target, mask in cases:
        leaf = prediction.clone().requires_grad_()
        value = ssim(leaf, target, mask, window=window)
        value.backward()
        assert value.item() == pytest.approx(0.0, abs=1e-6)
        assert leaf.grad.abs().max() < 1e-4


@pytest.mark.parametrize("window", ["gaussian", "average"])
def test_ssim_gradient(window):
    x, y = random_images(batch=1, channels=2, height=12, width=11)
    mask = torch.ones_like(x[:, :1], dtype=torch.bool)
    mask[..., 0, :] = False
    assert torch.autograd.gradcheck(lambda values: ssim(values, y, mask, window=window), x.clone().requires_grad_())


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), normalise=st.booleans())
def test_smoothness_by_definition(seed, normalise):
    generator = torch.Generator().manual_seed(seed)
    disparity = torch.rand((2, 1, 4, 5), generator=generator, dtype=torch.float64) + 0.1
    image = torch.rand((2, 3, 4, 5), generator=generator, dtype=torch.float64)
    mask = torch.rand((2, 1, 4, 5), generator=generator) > 0.2
    mask[:, :, :2, :2] = True
    means = [d[m].mean().item() if normalise else 1.0 for d, m in zip(disparity, mask, strict=True)]
    total = 0.0
    for down, right in ((1, 0), (0, 1)):
        terms = []
        for b in range(2):
            for row in range(4 - down):
                for column in range(5 - right):
                    here, there = (b, 0, row, column), (b, 0, row + down, column + right)
                    if mask[here] and mask[there]:
                        colours = image[b, :, row, column] - image[b, :, row + down, column + right]
                        edge = sum(abs(c) for c in colours.tolist()) / 3
                        terms.append(abs(disparity[here] - disparity[there]).item() / means[b] * math.exp(-edge))
        total += sum(terms) / len(terms)
    assert edge_aware_smoothness(disparity, image, mask, mean_normalise=normalise).item() == pytest.approx(total)


def test_convention_smoothness_shrinks_with_the_map_unless_normalised():
    disparity, image = random_images(channels=1)[0], random_images()[1]
    plain = edge_aware_smoothness(disparity, image).item()
    assert edge_aware_smoothness(disparity / 2, image).item() == pytest.approx(plain / 2)
    normalised = edge_aware_smoothness(disparity, image, mean_normalise=True).item()
    for scale in (0.5, 100.0):
        assert edge_aware_smoothness(scale * disparity, image, mean_normalise=True).item() == pytest.approx(normalised)
    leaf = disparity.clone().requires_grad_()
    edge_aware_smoothness(leaf, image, mean_normalise=True).backward()
    assert (leaf.grad * leaf).sum(dim=(1, 2, 3)).abs().max() < 1e-12  # no pull towards smaller maps


def test_convention_an_edge_of_the_image_pardons_one_of_the_map():
    disparity = torch.zeros(1, 1, 4, 6)
    disparity[..., 3:] = 1.0
    aligned, shifted = torch.zeros(1, 3, 4, 6), torch.zeros(1, 3, 4, 6)
    aligned[..., 3:] = 1.0
    shifted[..., 2:] = 1.0
    expected = [1 / 5 / math.e, 1 / 5]  # one difference in five
    found = [edge_aware_smoothness(disparity, image).item() for image in (aligned, shifted)]
    assert found == pytest.approx(expected)
    one_channel = aligned.clone()
    one_channel[:, 1:] = 0.0
    assert edge_aware_smoothness(disparity, one_channel).item() == pytest.approx(math.exp(-1 / 3) / 5)


@pytest.mark.parametrize("normalise", [True, False])
def test_smoothness_stays_finite_and_ignores_invalid_pixels(normalise):
    image = random_images()[0]
    disparity = random_images(channels=1)[1]
    mask = torch.ones_like(disparity, dtype=torch.bool)
    mask[0, 0, 3:6, 4:7] = False
    results = []
    for junk in (0.0, math.nan, math.inf):
        leaf = disparity.where(mask, junk).requires_grad_()
        value = edge_aware_smoothness(leaf, image.where(mask, junk), mask, mean_normalise=normalise)
        value.backward()
        results.append((value.item(), leaf.grad))
    for value, gradient in results:
        assert value == results[0][0]
        assert torch.equal(gradient, results[0][1])
        assert not gradient[~mask].any()
    one = torch.ones(1, 1, 1, 1)
    for values, colours, valid in (
        (disparity, image, torch.zeros_like(mask)),
        (0 * disparity, image, None),
        (0 * disparity + 2, image, mask),
        (one, one, None),
    ):
        leaf = values.clone().requires_grad_()
        value = edge_aware_smoothness(leaf, colours, valid, mean_normalise=normalise)
        value.backward()
        assert value.item() == 0
        assert not leaf.grad.any()


@pytest.mark.parametrize("normalise", [True, False])
def test_smoothness_gradient(normalise):
    disparity, image = random_images(batch=2, channels=1, height=3, width=4)[0], random_images(2, 3, 3, 4)[1]
    assert torch.autograd.gradcheck(
        lambda d, i: edge_aware_smoothness(d, i, mean_normalise=normalise),
        (disparity.clone().requires_grad_(), image.clone().requires_grad_()),
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", [ssim, lambda x, y: edge_aware_smoothness(x[:, :1], y)])
def test_half_precision_is_computed_in_float32(loss, dtype):
    x, y = (image.to(dtype) for image in random_images())
    leaf = x.clone().requires_grad_()
    value = loss(leaf, y)
    value.backward()
    assert value.dtype == torch.float32
    assert bool(leaf.grad.isfinite().all())
    assert value.item() == pytest.approx(loss(x.float(), y.float()).item(), rel=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(x.float(), y.float()).item() == pytest.approx(value.item(), rel=1e-6)


@pytest.mark.parametrize("loss", [ssim, lambda x, y: edge_aware_smoothness(x[:, :1], y, mean_normalise=True)])
def test_compiles_without_a_graph_break(loss):
    x, y = (image.float() for image in random_images())
    torch._dynamo.reset()
    assert torch.compile(loss, backend="eager", fullgraph=True)(x, y).item() == pytest.approx(loss(x, y).item())


def test_ssim_sees_structure_that_l1_does_not():
    """The same mean error: a shift of all values keeps the structure, noise does not."""
    x = random_images()[0]
    sign = torch.where(torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) > 0.5, 0.1, -0.1)
    assert F.l1_loss(x + 0.1, x).item() == pytest.approx(F.l1_loss(x + sign, x).item())
    assert ssim(x + 0.1, x).item() < ssim(x + sign, x).item()


def test_errors_name_the_argument():
    x, y = random_images()
    mask = torch.ones_like(x[:, :1], dtype=torch.bool)
    d = x[:, :1]
    for call, error, message in (
        (lambda: ssim(x.long(), y), TypeError, "prediction: expected a floating-point tensor"),
        (lambda: ssim(x, y[:, :2]), ValueError, "target: expected the shape of prediction"),
        (lambda: ssim(x, y, mask.expand_as(x)), ValueError, "mask: expected the shape"),
        (lambda: ssim(x, y, window="box"), ValueError, "window: expected one of gaussian, average, found 'box'"),
        (lambda: ssim(x, y, data_range=0.0), ValueError, "data_range: expected a range above 0, found 0.0"),
        (lambda: edge_aware_smoothness(x, y), ValueError, r"prediction: expected shape \(B, 1, H, W\)"),
        (lambda: edge_aware_smoothness(d, y[..., 1:]), ValueError, "image: expected the batch and size of prediction"),
        (lambda: edge_aware_smoothness(d, y[:1]), ValueError, "image: expected the batch and size of prediction"),
        (lambda: edge_aware_smoothness(d, y.to("meta")), ValueError, "image: expected on cpu"),
        (lambda: edge_aware_smoothness(d, y[0]), ValueError, r"image: expected shape \(B, C, H, W\)"),
        (lambda: edge_aware_smoothness(d, y, mask.float()), TypeError, "mask: expected a bool tensor"),
    ):
        with pytest.raises(error, match="^" + message):
            call()
