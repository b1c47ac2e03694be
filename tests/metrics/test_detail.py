"""Edge precision and recall and boundary errors by hand, by definition, and where RMSE sees no difference."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from edge_maps import boundary_error_by_definition, edges_by_definition, random_maps, rows, step
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.metrics import rmse
from sidelib.metrics.detail import depth_boundary_error, depth_edges, edge_precision_recall
from sidelib.scenes import rooms


def gaussian_blur(depth, sigma):
    """Blur with the border repeated."""
    reach = math.ceil(4 * sigma)
    offsets = torch.arange(-reach, reach + 1).to(depth.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    depth = F.pad(depth, [reach] * 4, mode="replicate")
    return F.conv2d(F.conv2d(depth, kernel), kernel.mT)


def values(found):
    return {name: value.item() for name, value in found.items()}


small_maps = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    # Multiples of 1/32: gradients are exact, and the thresholds below lie between those that can be.
    lambda shape: arrays.arrays(np.int64, (2, *shape), elements=st.integers(32, 160))
)


@given(small_maps, st.randoms(use_true_random=False), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=150)
def test_everything_is_its_definition_pixel_by_pixel(numbers, random, relative, thin):
    depths = torch.from_numpy(numbers / 32.0)[:, None]
    mask = torch.tensor([random.random() < 0.95 for _ in range(depths[0].numel())]).view(depths[:1].shape)
    threshold, divisor = (0.7123, 1) if relative else (1.0123, random.choice([1, 4]))
    options = {"threshold": threshold, "relative": relative, "divisor": divisor}
    expected = {
        thinned: [
            edges_by_definition(depth[0].tolist(), mask[0, 0].tolist(), threshold, relative, divisor, thinned)
            for depth in depths
        ]
        for thinned in (False, True)
    }
    prediction, target = depths[:1], depths[1:]
    for depth, edges in zip((prediction, target), expected[thin]):
        found = depth_edges(depth, mask, thin=thin, **options)[0, 0]
        assert set(map(tuple, found.nonzero().tolist())) == edges

    predicted, true = expected[False]
    both = len(predicted & true)
    values = {
        "precision": both / len(predicted) if predicted else math.nan,
        "recall": both / len(true) if true else math.nan,
        "f1": 2 * both / (len(predicted) + len(true)) if predicted or true else math.nan,
    }
    found = edge_precision_recall(prediction, target, mask, **options)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(values, nan_ok=True)

    truncate = random.choice([1.5, 3.0, 10.0])
    found = depth_boundary_error(prediction, target, mask, truncate=truncate, **options)
    values = dict(zip(("accuracy", "completeness"), boundary_error_by_definition(*expected[True], truncate)))
    assert {name: value.item() for name, value in found.items()} == pytest.approx(values, nan_ok=True)


# Precision and recall


def test_precision_and_recall_by_hand():
    # True edges in columns 9 and 10, predicted ones in 10 and 11 and, invented, in 29 and 30.
    prediction = rows(*[1.0] * 11, *[2.0] * 19, *[3.0] * 10)
    found = edge_precision_recall(prediction, step(10))
    assert values(found) == pytest.approx({"precision": 1 / 4, "recall": 1 / 2, "f1": 2 / 6})
    assert all(value.shape == (1,) and value.dtype == torch.float64 for value in found.values())


def test_a_perfect_prediction():
    target = rooms(3, size=(48, 64))["depth"]
    assert all(bool((value == 1).all()) for value in edge_precision_recall(target, target).values())
    assert all(bool((value == 0).all()) for value in depth_boundary_error(target, target, threshold=0.5).values())


def test_without_predicted_or_true_edges():
    flat, edge = rows(*[2.0] * 40), step(10)
    nan = math.nan
    assert values(edge_precision_recall(flat, edge)) == pytest.approx(
        {"precision": nan, "recall": 0, "f1": 0}, nan_ok=True
    )
    assert values(edge_precision_recall(edge, flat)) == pytest.approx(
        {"precision": 0, "recall": nan, "f1": 0}, nan_ok=True
    )
    assert all(value.isnan() for value in edge_precision_recall(flat, flat).values())


def test_each_image_has_its_own_value():
    target = torch.cat([step(10), step(10), rows(*[2.0] * 40)])
    prediction = torch.cat([step(10), step(13), step(13)])
    mask = torch.ones_like(target, dtype=torch.bool)
    for measure in (edge_precision_recall, depth_boundary_error):
        together = measure(prediction, target, mask, threshold=0.25)
        for image in range(3):
            alone = measure(*(part[image : image + 1] for part in (prediction, target, mask)), threshold=0.25)
            for name, value in alone.items():
                torch.testing.assert_close(together[name][image : image + 1], value, rtol=0, atol=0, equal_nan=True)


# Boundary errors


@pytest.mark.parametrize("k", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("near, far", [(1.0, 2.0), (2.0, 1.0)])
def test_convention_a_step_moved_by_k_pixels_is_k_pixels_off(k, near, far):
    found = depth_boundary_error(step(15 + k, near=near, far=far), step(15, near=near, far=far), threshold=0.25)
    assert values(found) == {"accuracy": k, "completeness": k}


def test_convention_accuracy_leaves_out_what_is_far_and_completeness_cuts_it_off():
    # Predicted edges 2, then 10 and 15 pixels off: at 10 a distance is no longer below the limit.
    target = step(10, 60)
    prediction = rows(*[1.0] * 12, *[2.0] * 8, *[3.0] * 5, *[4.0] * 35)
    assert values(depth_boundary_error(prediction, target, threshold=0.25)) == {"accuracy": 2, "completeness": 2}
    assert values(depth_boundary_error(prediction, target, threshold=0.25, truncate=10.5))["accuracy"] == 6
    assert values(depth_boundary_error(prediction, target, threshold=0.25, truncate=99))["accuracy"] == 9
    # True edges at 9 and 49, one predicted: the missed one counts 10 pixels.
    target = rows(*[1.0] * 10, *[2.0] * 40, *[3.0] * 10)
    assert values(depth_boundary_error(step(12, 60), target, threshold=0.25)) == {"accuracy": 2, "completeness": 6}
    assert values(depth_boundary_error(step(12, 60), target, threshold=0.25, truncate=99))["completeness"] == 20


def test_a_prediction_without_edges_has_the_worst_value_not_none():
    worst = {"accuracy": 10, "completeness": 10}
    assert values(depth_boundary_error(rows(*[2.0] * 40), step(10), threshold=0.25)) == worst
    assert values(depth_boundary_error(step(30), step(10), threshold=0.25)) == worst  # edges, but all too far
    found = depth_boundary_error(step(30), step(10), threshold=0.25, truncate=7)
    assert values(found) == {"accuracy": 7, "completeness": 7}


def test_without_a_true_edge_nothing_is_defined():
    for prediction in (step(10), rows(*[2.0] * 40)):
        found = depth_boundary_error(prediction, rows(*[2.0] * 40), threshold=0.25)
        assert found["accuracy"].isnan() and found["completeness"].isnan()
    nothing = torch.zeros(1, 1, 7, 40, dtype=torch.bool)
    for measure in (edge_precision_recall, depth_boundary_error):
        assert all(value.isnan() for value in measure(step(10), step(10), nothing, threshold=0.25).values())


def test_distances_are_euclidean():
    # Single near pixels: the thinned edges around them are mirrored rings, moved by (3, 4).
    depth = torch.full((1, 1, 40, 40), 2.0)
    target, prediction = depth.clone(), depth.clone()
    target[..., 10, 10], prediction[..., 25, 30] = 1.0, 1.0
    rings = [depth_edges(part, threshold=1, thin=True)[0, 0].nonzero() for part in (target, prediction)]
    assert (rings[0] + torch.tensor([15, 20])).tolist() == rings[1].tolist()
    expected = torch.cdist(rings[1].double(), rings[0].double()).min(1).values
    found = depth_boundary_error(prediction, target, threshold=1, truncate=1000)
    assert found["accuracy"].item() == pytest.approx(expected.mean().item())
    assert not float(expected[0]).is_integer()


def test_edges_beside_invalid_pixels_are_left_out_of_both_maps():
    target, prediction = step(15), step(17)
    mask = torch.ones_like(target, dtype=torch.bool)
    mask[..., 3:, 10:20] = False  # leaves the first rows: edges in row 1 alone
    found = depth_boundary_error(prediction, target, mask, threshold=0.25)
    assert values(found) == {"accuracy": 2, "completeness": 2}
    mask[..., 14] = False  # now no true edge is known
    found = depth_boundary_error(prediction, target, mask, threshold=0.25)
    assert found["accuracy"].isnan() and found["completeness"].isnan()


def test_blur_loses_edges_before_it_moves_them():
    target = step(20, far=4.0, height=40).double()
    recalls, completeness = [], []
    for sigma in (0.5, 2.0, 6.0):
        blurred = gaussian_blur(target, sigma)
        recalls.append(edge_precision_recall(blurred, target, threshold=3)["recall"].item())
        found = values(depth_boundary_error(blurred, target, threshold=3))
        completeness.append(found["completeness"])
        precision = edge_precision_recall(blurred, target, threshold=3)["precision"].item()
        assert precision < 1 or math.isnan(precision) or sigma == 0.5  # a blurred edge is wider
    # The steepest gradient is 8 · 3 m / (σ √(2π)): 19, 4.8 and 1.6, the last below the threshold.
    assert recalls == [1.0, 1.0, 0.0] and completeness == [0.0, 0.0, 10.0]


# What does not matter


@given(st.integers(0, 10**6), st.sampled_from([(-1,), (-2,), (-1, -2), "transpose"]), st.booleans())
@settings(deadline=None, max_examples=40)
def test_mirrored_or_transposed_pictures_have_the_same_errors(seed, change, relative):
    prediction, target, mask = random_maps(seed)
    turned = [part.mT if change == "transpose" else part.flip(change) for part in (prediction, target, mask)]
    for thin in (False, True):
        edges = depth_edges(prediction, mask, threshold=1, relative=relative, thin=thin)
        edges = edges.mT if change == "transpose" else edges.flip(change)
        assert depth_edges(turned[0], turned[2], threshold=1, relative=relative, thin=thin).equal(edges)
    for measure in (edge_precision_recall, depth_boundary_error):
        before = measure(prediction, target, mask, threshold=1, relative=relative)
        after = measure(*turned, threshold=1, relative=relative)
        for name in before:
            torch.testing.assert_close(after[name], before[name], rtol=1e-12, atol=0, equal_nan=True)


@given(st.integers(0, 10**6), st.floats(0.01, 100))
@settings(deadline=None, max_examples=40)
def test_relative_edges_do_not_know_the_unit_and_others_do(seed, factor):
    prediction, target, mask = (part.double() if part.is_floating_point() else part for part in random_maps(seed))
    for thin in (False, True):
        options = {"threshold": 1.00123, "relative": True, "thin": thin}
        assert depth_edges(prediction * factor, mask, **options).equal(depth_edges(prediction, mask, **options))
        metres = depth_edges(prediction, mask, threshold=1.00123, thin=thin)
        assert depth_edges(prediction * factor, mask, threshold=1.00123 * factor, thin=thin).equal(metres)
    for measure in (edge_precision_recall, depth_boundary_error):
        before = measure(prediction, target, mask, threshold=1.00123, relative=True)
        after = measure(prediction * factor, target, mask, threshold=1.00123, relative=True)
        assert all(after[name].equal(before[name]) for name in before)


def test_convention_the_prediction_is_judged_at_its_own_scale():
    target = step(15, near=2.0, far=2.1)  # a gradient of 0.4
    assert values(edge_precision_recall(target * 0.5, target, threshold=0.25))["recall"] == 0
    assert values(edge_precision_recall(target * 0.5, target, threshold=0.1, relative=True))["recall"] == 1


# What RMSE hides


def test_of_two_predictions_with_equal_rmse_the_boundary_errors_tell_the_blurred_one():
    scenes = rooms(6, size=(96, 128))
    target, mask = scenes["depth"].double(), scenes["mask"]
    blurred = gaussian_blur(target, 3.0)
    off = torch.stack([rmse(*parts) for parts in zip(blurred, target, mask)])
    sharp = target + off.view(-1, 1, 1, 1)  # every pixel that much too far
    for image in range(len(target)):
        assert rmse(sharp[image], target[image], mask[image]).item() == pytest.approx(off[image].item(), rel=1e-9)
    soft, hard = (edge_precision_recall(part, target, mask, threshold=1, divisor=4) for part in (blurred, sharp))
    assert bool((hard["f1"] > 0.999).all()) and bool((soft["f1"] < 0.7).all())
    soft, hard = (depth_boundary_error(part, target, mask, threshold=0.5, divisor=4) for part in (blurred, sharp))
    assert bool((hard["completeness"] < 1e-3).all()) and bool((soft["completeness"] > 1).all())
    assert bool((hard["accuracy"] < 1e-3).all()) and bool((soft["accuracy"] > 0.2).all())


# Dtypes, devices, bad input


def test_lower_precision_and_gradients():
    prediction, target, mask = random_maps(0)
    for dtype in (torch.float16, torch.bfloat16):
        low = prediction.to(dtype)
        found = depth_edges(low, mask, threshold=1)
        assert found.equal(depth_edges(low.double(), mask, threshold=1))
    found = edge_precision_recall(prediction.requires_grad_(), target, mask)
    assert not any(value.requires_grad for value in found.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_cpu():
    maps = random_maps(0)
    for measure in (edge_precision_recall, depth_boundary_error):
        expected = measure(*maps, threshold=1)
        for name, value in measure(*(part.cuda() for part in maps), threshold=1).items():
            assert value.is_cuda
            torch.testing.assert_close(value.cpu(), expected[name])


@pytest.mark.parametrize("shape", [(0, 1, 5, 5), (1, 1, 0, 5), (1, 1, 1, 1), (1, 1, 2, 9), (1, 1, 9, 2)])
def test_pictures_too_small_to_judge_have_no_edges(shape):
    depth = torch.rand(shape) + 1
    for thin in (False, True):
        found = depth_edges(depth, threshold=1e-6, thin=thin)
        assert found.shape == shape and not found.any()
    for measure in (edge_precision_recall, depth_boundary_error):
        for value in measure(depth, depth, threshold=0.1).values():
            assert value.shape == shape[:1] and bool(value.isnan().all())


ONE = torch.ones(1, 1, 4, 5)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((ONE, ONE * 0), ValueError, "target: .*found 20 pixels.*such as 0"),
        ((ONE * torch.nan, ONE), ValueError, "prediction: .*such as nan"),
        ((-ONE, ONE), ValueError, "prediction: .*such as -1"),
        ((ONE * torch.inf, ONE), ValueError, "prediction: .*such as inf"),
        ((ONE[..., :1], ONE), ValueError, r"target: .*prediction, \(1, 1, 4, 1\), found \(1, 1, 4, 5\)"),
        ((ONE[0], ONE), ValueError, r"prediction: expected shape \(B, 1, H, W\), found \(1, 4, 5\)"),
        ((ONE, ONE.int()), TypeError, "target: .*torch.int32"),
        ((ONE.numpy(), ONE), TypeError, "prediction: .*ndarray"),
        ((ONE, ONE, ONE), TypeError, "mask: expected a bool tensor, found torch.float32"),
        ((ONE, ONE, ONE[..., :1].bool()), ValueError, r"mask: .*\(1, 1, 4, 1\)"),
        ((ONE, ONE, [True]), TypeError, "mask: .*list"),
        ((ONE, ONE.to("meta")), ValueError, "target: expected on cpu, with prediction, found on meta"),
    ],
)
def test_what_is_wrong_with_the_maps_is_said(arguments, error, words):
    for measure in (edge_precision_recall, depth_boundary_error):
        with pytest.raises(error, match=words):
            measure(*arguments, threshold=0.25)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "1", None, True])
@pytest.mark.parametrize("name", ["threshold", "divisor", "truncate"])
def test_numbers_that_cannot_be_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected a finite number above 0, found"):
        depth_boundary_error(ONE, ONE, **{"threshold": 1.0, name: value})
    if name != "truncate":
        with pytest.raises(ValueError, match=f"{name}: "):
            depth_edges(ONE, **{"threshold": 1.0, name: value})
