"""order_from_depth ranks valid pixels, closest first, and marks equal depths."""

import definitions
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.metrics import order_from_depth

pixels = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 1.5, 80.0, torch.nan]), st.booleans()), min_size=1)


@settings(deadline=None, max_examples=200)
@given(pixels=pixels)
def test_order_is_the_sorted_valid_pixels(pixels):
    depth = [value for value, _ in pixels]
    mask = [kept and value == value for value, kept in pixels]  # depth that is not a number is never valid
    order, levels = order_from_depth(torch.tensor(depth), torch.tensor(mask))
    assert (order.tolist(), levels.tolist()) == definitions.order_from_depth(depth, mask)
    assert order.dtype == levels.dtype == torch.int64


def test_equal_depths_share_a_level_in_pixel_order():
    order, levels = order_from_depth(torch.tensor([[2.0, 1.0], [2.0, 0.5]]))
    assert order.tolist() == [3, 1, 0, 2]
    assert levels.tolist() == [0, 1, 2, 2]


def test_batch_pads_shorter_lists_with_minus_one():
    depth = torch.tensor([3.0, 1.0, 2.0, 2.0, 5.0, 4.0, 6.0, 0.0, 1.0, 1.0, 1.0, 1.0]).reshape(3, 1, 2, 2)
    mask = torch.tensor([1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], dtype=torch.bool).reshape(3, 1, 2, 2)
    order, levels = order_from_depth(depth, mask)
    assert order.tolist() == [[1, 2, 0], [1, -1, -1], [-1, -1, -1]]
    assert levels.tolist() == [[0, 1, 2], [0, -1, -1], [-1, -1, -1]]


@pytest.mark.parametrize(
    ("shape", "expected"), [((12,), (12,)), ((3, 4), (12,)), ((1, 1, 3, 4), (1, 12)), ((2, 1, 3, 4), (2, 12))]
)
def test_one_list_for_each_image(shape, expected):
    depth = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    order, levels = order_from_depth(depth)
    assert order.shape == levels.shape == expected
    in_order = depth.reshape(order.shape).gather(-1, order)
    assert bool((in_order.diff() >= 0).all())


def test_no_valid_pixel_is_an_empty_list():
    depth = torch.ones(2, 3)
    order, levels = order_from_depth(depth, torch.zeros_like(depth, dtype=torch.bool))
    assert order.shape == levels.shape == (0,)


def test_depth_behind_the_mask_may_be_anything():
    depth = torch.tensor([torch.nan, 2.0, -torch.inf, 1.0, torch.inf])
    assert order_from_depth(depth, torch.tensor([False, True, False, True, False]))[0].tolist() == [3, 1]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_depth_that_is_not_finite_at_a_valid_pixel(value):
    with pytest.raises(ValueError, match=r"^depth: not finite"):
        order_from_depth(torch.tensor([1.0, value]))


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (2, 3, 4, 4), (1, 1, 1, 2, 2)])
def test_depth_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"^depth: expected shape"):
        order_from_depth(torch.ones(shape))


@pytest.mark.parametrize("mask", [torch.ones(2), torch.ones(3, dtype=torch.bool)], ids=["not bool", "other shape"])
def test_mask_that_does_not_fit(mask):
    with pytest.raises(ValueError, match=r"^mask: expected bool of shape \(2,\)"):
        order_from_depth(torch.ones(2), mask)
