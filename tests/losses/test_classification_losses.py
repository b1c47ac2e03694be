"""The losses on depth bins: the equations in loops, their limits, and that training to them decodes as it should."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.bins import depth_to_label, sid_edges
from sidelib.losses import information_gain_cross_entropy, ordinal_regression, soft_bin_classification
from sidelib.models.dorn import DORN

BINS = 5
LOSSES = {
    "gain": information_gain_cross_entropy,
    "gain normalised": lambda *maps: information_gain_cross_entropy(*maps, normalise=True),
    "ordinal": lambda logits, *rest: ordinal_regression(torch.cat([logits, logits.flip(1)], dim=1), *rest),
    "ordinal lower": lambda logits, *rest: ordinal_regression(
        torch.stack([logits, logits.flip(1)], dim=2), *rest, thresholds="lower"
    ),
    "soft": soft_bin_classification,
    "soft sum": lambda *maps: soft_bin_classification(*maps, reduction="sum"),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def random_maps(batch=2, height=3, width=4, seed=0, channels=BINS):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((batch, channels, height, width), generator=generator, dtype=torch.float64) * 3
    labels = torch.randint(0, BINS, (batch, 1, height, width), generator=generator)
    mask = torch.rand((batch, 1, height, width), generator=generator) > 0.3
    mask[0, 0, 0, 0] = True
    return logits, labels, mask


def pixels(logits, labels, mask):
    """(logits, label) of each valid pixel, as Python numbers."""
    columns = logits.movedim(1, -1).reshape(-1, logits.shape[1]).tolist()
    chosen = zip(columns, labels.flatten().tolist(), mask.flatten().tolist(), strict=True)
    return [(scores, label) for scores, label, valid in chosen if valid]


def softmax(scores):
    return [math.exp(score) / sum(math.exp(other) for other in scores) for score in scores]


def mean(values):
    return sum(values) / len(values)


def one_pixel(*scores):
    return torch.tensor(scores, dtype=torch.float64).reshape(1, -1, 1, 1)


def label_of(label):
    return torch.full((1, 1, 1, 1), label)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), alpha=st.floats(0, 5))
def test_information_gain_is_equation_2_19(seed, alpha):
    maps = random_maps(seed=seed)
    plain, normalised = [], []
    for scores, label in pixels(*maps):
        gain = [math.exp(-alpha * (label - k) ** 2) for k in range(BINS)]
        terms = [-h * math.log(p) for h, p in zip(gain, softmax(scores), strict=True)]
        plain.append(sum(terms))
        normalised.append(sum(terms) / sum(gain))
    assert information_gain_cross_entropy(*maps, alpha=alpha).item() == pytest.approx(mean(plain))
    found = information_gain_cross_entropy(*maps, alpha=alpha, normalise=True).item()
    assert found == pytest.approx(mean(normalised))


@pytest.mark.parametrize("normalise", [True, False])
def test_information_gain_is_cross_entropy_in_the_limit(normalise):
    logits, labels, mask = random_maps()
    leaf, other = (logits.clone().requires_grad_() for _ in range(2))
    found = information_gain_cross_entropy(leaf, labels, mask, alpha=1e3, normalise=normalise)
    expected = F.cross_entropy(other, labels.where(mask, -100)[:, 0])
    found.backward()
    expected.backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(leaf.grad, other.grad)


def test_normalised_information_gain_is_cross_entropy_with_soft_labels():
    logits, labels, _ = random_maps()
    bins = torch.arange(BINS)[:, None, None]
    weights = (-0.2 * (bins - labels).double().square()).exp()
    expected = F.cross_entropy(logits, weights / weights.sum(dim=1, keepdim=True))
    assert information_gain_cross_entropy(logits, labels, normalise=True).item() == pytest.approx(expected.item())


def test_convention_information_gain_raises_near_labels_more_than_far_ones():
    logits = torch.zeros((1, BINS, 1, 1), requires_grad=True)
    information_gain_cross_entropy(logits, label_of(1)).backward()
    before, true, after, far, farthest = logits.grad.flatten().tolist()
    assert before == pytest.approx(after)
    assert true < after < far < farthest
    assert after < 0 < far  # a step downhill raises the neighbours too


def test_convention_rows_of_the_gain_are_not_normalised_by_default():
    logits = torch.zeros((1, 100, 1, 1), dtype=torch.float64)
    found = [information_gain_cross_entropy(logits, label_of(label)).item() / math.log(100) for label in (0, 50, 99)]
    assert found == pytest.approx([2.4817, 3.9633, 2.4817], abs=1e-4)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), thresholds=st.sampled_from(["upper", "lower"]), as_printed=st.booleans())
def test_ordinal_regression_is_equation_2_21(seed, thresholds, as_printed):
    maps = random_maps(seed=seed, channels=2 * BINS)
    edges = sid_edges(1, 10, BINS).tolist()
    losses = []
    for scores, label in pixels(*maps):
        depth = math.sqrt(edges[label] * edges[label + 1])
        total = 0.0
        for k in range(BINS):
            _, farther = softmax(scores[2 * k : 2 * k + 2])
            says_farther = depth > edges[k + 1 if thresholds == "upper" else k]
            total -= math.log(farther if says_farther != as_printed else 1 - farther)
        losses.append(total)
    found = ordinal_regression(*maps, thresholds=thresholds, as_printed=as_printed).item()
    assert found == pytest.approx(mean(losses))
    pairs = maps[0].unflatten(1, (BINS, 2))
    assert ordinal_regression(pairs, *maps[1:], thresholds=thresholds, as_printed=as_printed).item() == found


@pytest.mark.parametrize("thresholds", ["upper", "lower"])
def test_convention_heads_trained_to_the_loss_decode_to_the_label(thresholds):
    network = DORN(k=BINS, thresholds=thresholds, width=0.05, trunk_depth=18)
    labels = torch.arange(BINS).reshape(1, 1, 1, BINS)
    decoded = {}
    for as_printed in (False, True):
        logits = torch.zeros((1, BINS, 2, 1, BINS), requires_grad=True)
        ordinal_regression(logits, labels, thresholds=thresholds, as_printed=as_printed).backward()
        decoded[as_printed] = network.label((-logits.grad).softmax(dim=2)[:, :, 1])  # after one step downhill
    assert torch.equal(decoded[False], labels)
    assert not torch.equal(decoded[True], labels)  # Eq. 2.22 does not invert Eq. 2.21 as printed


def test_convention_ordinal_regression_sums_over_heads():
    for heads in (1, 4):
        assert ordinal_regression(
            torch.zeros(2, 2 * heads, 3, 3), torch.zeros(2, 1, 3, 3).long()
        ).item() == pytest.approx(heads * math.log(2))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), first=st.integers(-2, 3))
def test_soft_classification_is_equation_2_on_the_expected_label(seed, first):
    logits, labels, mask = random_maps(seed=seed)
    losses = []
    for scores, label in pixels(logits, labels, mask):
        y = abs(sum((first + j) * p for j, p in enumerate(softmax(scores))) - (first + label))
        losses.append(0.5 * y**2 if y < 1 else y - 0.5)
    found = soft_bin_classification(logits, labels + first, mask, first_label=first).item()
    assert found == pytest.approx(mean(losses))
    total = soft_bin_classification(logits, labels + first, mask, first_label=first, reduction="sum").item()
    assert total == pytest.approx(sum(losses))


def test_convention_soft_classification_sees_only_the_mean():
    both_sides = one_pixel(0.5, 1e-30, 0.5).log()
    assert soft_bin_classification(both_sides, label_of(1)).item() == pytest.approx(0.0, abs=1e-12)
    assert information_gain_cross_entropy(both_sides, label_of(1), alpha=10.0).item() > 60


def test_soft_classification_takes_labels_between_bins():
    logits = one_pixel(0.25, 0.75).log()
    assert soft_bin_classification(logits, torch.tensor([[[[0.5]]]])).item() == pytest.approx(0.25**2 / 2)
    for outside in (math.nan, -0.01, 1.01):
        assert soft_bin_classification(logits, torch.tensor([[[[outside]]]])).item() == 0


@every_loss
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_mask_is_the_ignored_label_is_a_crop(loss, seed):
    logits, labels, mask = random_maps(seed=seed)
    found = loss(logits, labels, mask).item()
    for outside in (-100, -1, BINS, 255):
        assert loss(logits, labels.where(mask, outside)).item() == pytest.approx(found)
    left = torch.zeros_like(mask)
    left[..., :2] = True
    assert loss(logits, labels, left).item() == pytest.approx(loss(logits[..., :2], labels[..., :2]).item())


@every_loss
def test_depth_outside_the_bins_does_not_count(loss):
    depth = torch.tensor([0.5, 1.0, 4.0, 10.0, 11.0, math.nan, math.inf, 0.0]).reshape(1, 1, 1, 8)
    labels = depth_to_label(depth, sid_edges(1, 10, BINS))
    logits = random_maps(1, 1, 8)[0]
    assert loss(logits, labels).item() == pytest.approx(loss(logits[..., 1:4], labels[..., 1:4]).item())


@every_loss
def test_invalid_pixels_get_no_gradient(loss):
    logits, labels, mask = random_maps()
    leaf = logits.clone().requires_grad_()
    loss(leaf, labels, mask).backward()
    moved = leaf.grad.abs().sum(dim=1, keepdim=True) > 0
    assert torch.equal(moved, mask)


@every_loss
def test_nothing_valid_gives_zero_and_zero_gradient(loss):
    logits, labels, mask = random_maps()
    for valid, truth in ((torch.zeros_like(mask), labels), (None, torch.full_like(labels, -100))):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, truth, valid)
        value.backward()
        assert value.item() == 0
        assert not leaf.grad.any()


@every_loss
def test_gradient(loss):
    logits, labels, mask = random_maps()
    assert torch.autograd.gradcheck(lambda values: loss(values, labels, mask), logits.clone().requires_grad_())


@every_loss
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_certain_networks_stay_finite(loss, size):
    logits = (torch.arange(BINS) * size).reshape(1, BINS, 1, 1).requires_grad_()
    value = loss(logits, label_of(0))
    value.backward()
    assert math.isfinite(value.item())
    assert bool(logits.grad.isfinite().all())


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    logits, labels, mask = random_maps()
    leaf = logits.to(dtype).requires_grad_()
    value = loss(leaf, labels, mask)
    value.backward()
    assert value.dtype == torch.float32
    assert leaf.grad.dtype == dtype
    assert value == loss(leaf.float(), labels, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(leaf.float(), labels, mask) == value


@pytest.mark.parametrize("name", ["ordinal", "soft"])
def test_compiles_without_a_graph_break(name):
    logits, labels, mask = random_maps()
    torch._dynamo.reset()
    compiled = torch.compile(LOSSES[name], backend="eager", fullgraph=True)
    assert compiled(logits.float(), labels, mask) == LOSSES[name](logits.float(), labels, mask)


def test_information_gain_keeps_no_copy_of_the_logits():
    """Beside the logits only maps without the K channels wait for the backward pass."""
    logits, labels, _ = random_maps(batch=4, height=20, width=20, channels=50)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        information_gain_cross_entropy(logits.requires_grad_(), labels)
    assert sum(tensor.numel() >= logits.numel() for tensor in saved if tensor.data_ptr() != logits.data_ptr()) == 0


@every_loss
def test_errors_name_the_argument(loss):
    logits, labels, mask = random_maps()
    for arguments, error, message in (
        ((logits.long(), labels, mask), TypeError, "logits: expected a floating-point tensor"),
        ((logits, labels.int(), mask), TypeError, "labels: expected an int64 "),
        ((logits, labels.tolist(), mask), TypeError, "labels: expected an int64 .*found list"),
        ((logits, labels[:, 0], mask), ValueError, r"labels: expected shape \(2, 1, 3, 4\), found \(2, 3, 4\)"),
        ((logits, labels.to("meta"), None), ValueError, "labels: expected on cpu"),
        ((logits, labels, mask.float()), TypeError, "mask: expected a bool tensor"),
        ((logits, labels, mask[:1]), ValueError, "mask: expected the shape"),
    ):
        with pytest.raises(error, match="^" + message):
            loss(*arguments)


def test_shapes_and_options_are_checked():
    logits, labels, _ = random_maps()
    for call, error, message in (
        (
            lambda: information_gain_cross_entropy(logits[0], labels),
            ValueError,
            r"logits: expected shape \(B, K, H, W\)",
        ),
        (lambda: information_gain_cross_entropy([1.0], labels), TypeError, "logits: .* found list"),
        (lambda: soft_bin_classification([1.0], labels), TypeError, "logits: .* found list"),
        (lambda: soft_bin_classification(logits[:, :0], labels), ValueError, r"logits: expected shape \(B, K, H, W\)"),
        (lambda: information_gain_cross_entropy(logits, labels, alpha=-1.0), ValueError, "alpha: "),
        (lambda: information_gain_cross_entropy(logits, labels, alpha=math.inf), ValueError, "alpha: "),
        (lambda: ordinal_regression(logits, labels), ValueError, r"logits: expected shape \(B, K, 2, H, W\) or"),
        (lambda: ordinal_regression([1.0], labels), TypeError, "logits: "),
        (
            lambda: ordinal_regression(logits[:, :4], labels, thresholds="both"),
            ValueError,
            "thresholds: expected one of",
        ),
        (
            lambda: information_gain_cross_entropy(logits, labels.double()),
            TypeError,
            "labels: expected an int64 tensor",
        ),
        (lambda: soft_bin_classification(logits, labels, reduction="none"), ValueError, "reduction: expected one of"),
        (lambda: soft_bin_classification(logits, labels, first_label=0.5), TypeError, "first_label: expected a whole"),
    ):
        with pytest.raises(error, match="^" + message):
            call()
