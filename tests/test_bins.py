"""Depth bins: the edges against their equations, labels against NumPy, and what happens at every edge."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.bins import (
    DECODINGS,
    bin_centres,
    decode_classes,
    depth_to_label,
    expected_depth,
    label_to_depth,
    sid_edges,
    uniform_edges,
)

ranges = st.tuples(st.floats(0.01, 5), st.floats(1.5, 100), st.integers(1, 200)).map(
    lambda drawn: (drawn[0], drawn[0] * drawn[1], drawn[2])
)
makers = st.sampled_from([uniform_edges, sid_edges])


@given(ranges)
def test_edges_are_those_of_the_equations(drawn):
    alpha, beta, k = drawn
    uniform = [alpha + (beta - alpha) * i / k for i in range(k + 1)]
    sid = [math.exp(math.log(alpha) + math.log(beta / alpha) * i / k) for i in range(k + 1)]
    np.testing.assert_allclose(uniform_edges(alpha, beta, k).numpy(), uniform, rtol=2e-7)
    np.testing.assert_allclose(sid_edges(alpha, beta, k).numpy(), sid, rtol=2e-7)


@given(makers, ranges)
def test_edges_end_exactly_at_the_range_in_float32(make, drawn):
    alpha, beta, k = drawn
    edges = make(alpha, beta, k)
    assert edges.dtype == torch.float32 and edges.shape == (k + 1,)
    assert edges[0].item() == np.float32(alpha) and edges[-1].item() == np.float32(beta)


def test_sid_ends_at_beta_where_exp_of_log_would_round_to_its_neighbour():
    beta = 64 + 3 * 2.0**-18  # half-way between two float32 numbers: any error of exp(log(beta)) decides
    assert sid_edges(1, beta, 71)[-1].item() == np.float32(beta)


def test_sid_is_log_uniform_and_each_edge_a_ratio_of_the_one_before():
    edges = sid_edges(0.65, 10, 68).double()
    assert torch.allclose(edges[1:] / edges[:-1], torch.tensor((10 / 0.65) ** (1 / 68)).double(), rtol=1e-6)
    assert torch.allclose(edges.log().diff(), torch.tensor(math.log(10 / 0.65) / 68).double(), atol=1e-6)
    assert (edges.diff().diff() > 0).all()  # spacing increases


def test_sid_reads_the_printed_fraction_as_log_of_the_ratio():
    """Eq. 2 of sid_segmentation prints "log β/α ∗ i" over K: log(β)/α would not end at β unless α is 1."""
    edges = sid_edges(2, 8, 2)
    assert edges.tolist() == pytest.approx([2, 4, 8])
    assert math.exp(math.log(2) + math.log(8) / 2) != pytest.approx(8)


def test_convention_intervals_are_half_open_and_the_last_edge_is_included():
    edges = torch.tensor([1.0, 2.0, 4.0, 8.0])
    below = torch.nextafter(edges, torch.tensor(0.0))
    assert depth_to_label(edges, edges).tolist() == [0, 1, 2, 2]  # the lower edge belongs to the bin
    assert depth_to_label(below, edges).tolist() == [-100, 0, 1, 2]
    assert depth_to_label(torch.nextafter(edges, torch.tensor(99.0)), edges).tolist() == [0, 1, 2, -100]


@given(makers, ranges)
def test_every_edge_opens_its_bin_exactly(make, drawn):
    edges = make(*drawn)
    assert torch.equal(depth_to_label(edges[:-1], edges), torch.arange(drawn[2]))
    assert torch.equal(depth_to_label(edges[-1:], edges), torch.tensor([drawn[2] - 1]))


@settings(max_examples=60)
@given(makers, ranges, st.lists(st.floats(0, 600, width=32), min_size=1, max_size=40))
def test_labels_are_those_of_searchsorted(make, drawn, depths):
    edges = make(*drawn)
    depth = torch.tensor(depths + edges.tolist())
    found = np.searchsorted(edges.numpy(), depth.numpy(), side="right") - 1
    found = np.where(depth.numpy() == edges.numpy()[-1], drawn[2] - 1, found)
    inside = (found >= 0) & (found < drawn[2])
    np.testing.assert_array_equal(depth_to_label(depth, edges).numpy(), np.where(inside, found, -100))
    clamped = depth_to_label(depth, edges, outside="clamp").numpy()
    np.testing.assert_array_equal(clamped, np.clip(found, 0, drawn[2] - 1))


@given(makers, ranges, st.sampled_from(["geometric", "arithmetic"]))
def test_labels_survive_the_round_trip(make, drawn, centre):
    edges = make(*drawn)
    labels = torch.arange(drawn[2])
    if (edges[1:] / edges[:-1] - 1).min() < 1e-5:
        return  # the centre of a bin a few float32 steps wide may round to its edge
    assert torch.equal(depth_to_label(label_to_depth(labels, edges, centre), edges), labels)


def test_quantisation_is_at_most_half_a_bin_off():
    depth = torch.linspace(1, 80, 5001)
    for make, centre, error in (
        (uniform_edges, "arithmetic", lambda found: (found - depth).abs().max().item() / (79 / 71)),
        (sid_edges, "geometric", lambda found: (found / depth).log().abs().max().item() / (math.log(80) / 71)),
    ):
        edges = make(1, 80, 71)
        assert 0.45 < error(label_to_depth(depth_to_label(depth, edges), edges, centre)) < 0.50001


def test_labels_outside():
    edges = sid_edges(1, 80, 71)
    depth = torch.tensor([0.0, 0.99, 80.1, math.inf, -math.inf, -1.0, math.nan])
    assert depth_to_label(depth, edges).tolist() == [-100] * 7
    assert depth_to_label(depth, edges, outside=255).tolist() == [255] * 7
    assert depth_to_label(depth, edges, outside="clamp").tolist() == [0, 0, 70, 70, 0, 0, -100]
    back = label_to_depth(torch.tensor([-100, -1, 71, 255]), edges)
    assert back.isnan().all()


def test_precision_of_depth():
    edges = sid_edges(1, 80, 71)
    inner = edges[10]
    assert depth_to_label(inner.double() - 1e-9, edges) == 9  # compared in float64, not rounded up to the edge
    for dtype in (torch.float16, torch.bfloat16):
        depth = torch.linspace(1, 79, 500).to(dtype)
        assert torch.equal(depth_to_label(depth, edges), depth_to_label(depth.float(), edges))


def test_shapes_stay_and_no_pixel_is_no_error():
    edges = uniform_edges(0, 10, 5)
    labels = depth_to_label(torch.rand(2, 1, 3, 4).mT, edges)
    assert labels.shape == (2, 1, 4, 3) and labels.dtype == torch.int64
    assert depth_to_label(torch.empty(0, 1, 2, 2), edges).shape == (0, 1, 2, 2)
    assert label_to_depth(labels, edges, "arithmetic").shape == labels.shape


def test_centres_by_hand():
    edges = torch.tensor([2.0, 8.0, 18.0])
    assert bin_centres(edges).tolist() == [4, 12]
    assert bin_centres(edges, "arithmetic").tolist() == [5, 13]


@given(st.integers(0, 2**31), ranges)
def test_expectation_lies_in_the_range_and_the_log_one_is_never_larger(seed, drawn):
    edges = sid_edges(*drawn)
    logits = 3 * torch.randn(2, drawn[2], 2, 3, generator=torch.Generator().manual_seed(seed))
    depth, log = (expected_depth(logits.softmax(1), edges, space) for space in ("depth", "log"))
    assert depth.shape == (2, 1, 2, 3)
    assert (log <= depth * (1 + 1e-5)).all()
    assert (log >= drawn[0] * (1 - 1e-5)).all() and (depth <= drawn[1] * (1 + 1e-5)).all()


def test_a_certain_class_decodes_to_its_centre_by_every_rule():
    edges = sid_edges(1, 80, 71)
    logits = torch.full((1, 71, 1, 2), -1e4)
    logits[0, 3, 0, 0] = logits[0, 70, 0, 1] = 1e4
    for decode in DECODINGS:
        centre = "geometric" if decode.endswith(("geometric", "log")) else "arithmetic"
        expected = bin_centres(edges, centre)[[3, 70]]
        torch.testing.assert_close(decode_classes(logits, edges, decode).flatten(), expected)


def test_expectation_of_half_precision_is_made_in_float32():
    edges = uniform_edges(0, 80, 80)
    p = torch.full((1, 80, 1, 1), 1 / 80, dtype=torch.float64)
    found = expected_depth((p * 0 + 2**-6.0).bfloat16()[:, :64], uniform_edges(0, 64, 64))
    assert found.dtype == torch.float32 and found.item() == 32.0
    assert expected_depth(p, edges).item() == pytest.approx(40)


def test_bins_run_inside_a_compiled_function():
    edges = sid_edges(1, 80, 7)
    compiled = torch.compile(decode_classes, backend="eager", fullgraph=True)
    for decode in DECODINGS:
        logits = torch.randn(1, 7, 2, 2)
        assert torch.equal(compiled(logits, edges, decode), decode_classes(logits, edges, decode))


@pytest.mark.parametrize("decode", DECODINGS)
def test_every_decoding_wants_one_logit_for_each_bin(decode):
    """An arg-max over too few logits gives depth too, and over too many NaN in places."""
    edges = sid_edges(1, 80, 7)
    for shape in ((2, 6, 3, 4), (2, 8, 3, 4), (2, 1, 3, 4), (7, 3, 4), (2, 7, 3), (2, 7, 2, 3, 4)):
        with pytest.raises(ValueError, match=r"logits: expected shape \(B, 7, H, W\), found"):
            decode_classes(torch.zeros(shape), edges, decode)
    with pytest.raises(TypeError, match="logits: .*int64"):
        decode_classes(torch.zeros(2, 7, 3, 4, dtype=int), edges, decode)
    with pytest.raises(TypeError, match="edges: .*list"):
        decode_classes(torch.zeros(2, 7, 3, 4), [1.0, 2.0], decode)


def test_a_range_from_zero_has_arithmetic_centres_only():
    edges = uniform_edges(0, 10, 5)
    assert bin_centres(edges, "arithmetic").tolist() == [1, 3, 5, 7, 9]
    logits = torch.zeros(1, 5, 1, 1)
    assert decode_classes(logits, edges, "expectation").item() == pytest.approx(5)
    assert decode_classes(logits, edges, "argmax-arithmetic").item() == 1
    for decode in ("expectation-log", "argmax-geometric"):
        with pytest.raises(ValueError, match="edges: expected more than 0 m"):
            decode_classes(logits, edges, decode)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sid_edges(0, 80, 71), ValueError, "alpha: expected more than 0 m"),
        (lambda: sid_edges(80, 1, 71), ValueError, "alpha < beta"),
        (lambda: uniform_edges(1, math.inf, 4), ValueError, "finite range"),
        (lambda: uniform_edges(1, 2, 0), ValueError, "k: expected a whole number of bins"),
        (lambda: uniform_edges(1, 2, 7.0), ValueError, "k: expected a whole number of bins"),
        (lambda: uniform_edges(1, 1 + 1e-6, 100), ValueError, "too narrow for float32"),
        (lambda: depth_to_label(torch.ones(2, dtype=int), sid_edges(1, 2, 2)), TypeError, "depth: .*int64"),
        (lambda: depth_to_label(torch.ones(2), [1.0, 2.0]), TypeError, "edges: .*list"),
        (lambda: depth_to_label(torch.ones(2), torch.ones(1)), ValueError, "edges: .*K \\+ 1"),
        (lambda: depth_to_label(torch.ones(2), sid_edges(1, 2, 2), outside="drop"), ValueError, "outside: .*drop"),
        (lambda: label_to_depth(torch.ones(2), sid_edges(1, 2, 2)), TypeError, "labels: .*float32"),
        (lambda: bin_centres(sid_edges(1, 2, 2), "median"), ValueError, "centre: .*median"),
        (lambda: expected_depth(torch.ones(1, 3, 1, 1), sid_edges(1, 2, 2)), ValueError, "probabilities: .*2"),
        (lambda: expected_depth(torch.ones(1, 2, 1, 1), sid_edges(1, 2, 2), "exp"), ValueError, "space: .*exp"),
        (lambda: decode_classes(torch.ones(1, 2, 1, 1), sid_edges(1, 2, 2), "mode"), ValueError, "decode: .*mode"),
        (lambda: bin_centres(uniform_edges(0, 2, 2)), ValueError, "edges: expected more than 0 m .*found 0$"),
        (lambda: label_to_depth(torch.zeros(1, dtype=int), uniform_edges(-1, 2, 2)), ValueError, "edges: .*found -1$"),
        (lambda: expected_depth(torch.ones(1, 2, 1, 1), uniform_edges(0, 2, 2), "log"), ValueError, "edges: .*0 m"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
