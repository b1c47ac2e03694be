"""Where depth jumps: thresholds, thinning and invalid pixels of `depth_edges`, by hand and against its definition."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from edge_maps import columns, edges_by_definition, rows, step
from skimage.filters import sobel_h, sobel_v

from sidelib.data import load
from sidelib.metrics.detail import depth_edges


def test_convention_the_sobel_kernel_is_not_normalised_by_default():
    # A straight step of h metres gives 4 h, to both sides of it; a slope of s metres per pixel gives 8 s.
    assert columns(depth_edges(step(5, 12), threshold=3.99)) == [4, 5]
    assert columns(depth_edges(step(5, 12), threshold=0.99, divisor=4)) == [4, 5]
    slope = rows(*(1 + 0.25 * column for column in range(9)))
    assert columns(depth_edges(slope, threshold=1.99)) == list(range(1, 8))
    assert columns(depth_edges(slope, threshold=0.24, divisor=8)) == list(range(1, 8))


def test_convention_a_gradient_of_exactly_the_threshold_is_no_edge():
    assert not depth_edges(step(5, 12), threshold=4).any()
    assert not depth_edges(step(5, 12), threshold=1, divisor=4).any()
    # Differences of 3 across and 4 down: 8 · 5 is exact.
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    plane = (1 + 3 * x + 4 * y).view(1, 1, 5, 5)
    assert not depth_edges(plane, threshold=40).any()
    assert depth_edges(plane, threshold=39.999)[0, 0, 1:-1, 1:-1].all()


def test_convention_edges_of_log_depth_are_ratios():
    near, far = step(5, 12, 1.0, 1.2), step(5, 12, 10.0, 12.0)
    for depth in (near, far):
        found = depth_edges(depth, threshold=math.log(1.19), relative=True, divisor=4)
        assert columns(found) == [4, 5]
        assert not depth_edges(depth, threshold=math.log(1.21), relative=True, divisor=4).any()
    assert not depth_edges(near, threshold=1).any() and depth_edges(far, threshold=1).any()


def test_convention_a_pixel_whose_stencil_leaves_the_picture_is_not_judged():
    # Padding with zeros, as in the authors' code, would call the whole border an edge.
    depth = torch.full((1, 1, 6, 6), 5.0)
    assert not depth_edges(depth, threshold=0.25).any()
    found = depth_edges(step(5, 12), threshold=1)[0, 0]
    assert not found[[0, -1]].any() and not depth_edges(step(1, 12), threshold=1)[..., 0].any()


def test_a_pixel_whose_stencil_touches_an_invalid_one_is_not_judged():
    depth, mask = step(5, 12), torch.ones(1, 1, 7, 12, dtype=torch.bool)
    mask[0, 0, 3, 4] = False
    expected = depth_edges(depth, threshold=1)
    expected[0, 0, 2:5, 3:6] = False
    for hidden in (math.nan, 0.0, -1.0, math.inf, 1e30):
        holed = torch.where(mask, depth, hidden)
        assert depth_edges(holed, mask, threshold=1).equal(expected)
        assert depth_edges(holed, mask, threshold=0.1, relative=True).equal(expected)


def test_an_invalid_hole_in_a_flat_wall_makes_no_edge():
    mask = torch.ones(1, 1, 9, 9, dtype=torch.bool)
    mask[..., 3:6, 3:6] = False
    assert not depth_edges(torch.where(mask, 3.0, 0.0), mask, threshold=0.01).any()


def test_thin_edges_are_the_rim_of_what_is_nearer():
    assert columns(depth_edges(step(5, 12), threshold=1, thin=True)) == [4]
    assert columns(depth_edges(step(5, 12, 2.0, 1.0), threshold=1, thin=True)) == [5]
    assert columns(depth_edges(rows(1, 1, 1, 1, 2, 3, 4, 4, 4, 4), threshold=1, thin=True)) == [4]  # 1 of 8: near end
    wide = rows(1, 1, 1, 1.1, 1.4, 2.2, 2.5, 2.6, 2.6, 2.6)
    assert columns(depth_edges(wide, threshold=1, thin=True)) == [4]  # 1.1 to 2.2 and 1.4 to 2.5 are alike
    lopsided = rows(1, 1, 1, 1.1, 1.4, 2.2, 2.7, 2.8, 2.8, 2.8)
    assert columns(depth_edges(lopsided, threshold=1, thin=True)) == [5]


def test_thin_edges_do_not_hang_on_rounding():
    for factor in (1.1, 0.37, 3.3, 7.7):  # float32 rounds the two sides of a step by different amounts
        found = depth_edges(step(5, 12) * factor + 1e-7, threshold=1, thin=True)
        assert columns(found) == [4], factor
    # Gradients of 4 and 4.00004 are alike, those of 4 and 4.004 are not.
    assert columns(depth_edges(rows(1, 1, 1, 1, 1, 2, 2.00001, 2, 2), threshold=1, thin=True)) == [4]
    assert columns(depth_edges(rows(1, 1, 1, 1, 1, 2, 2.001, 2, 2), threshold=1, thin=True)) == [5]
    assert columns(depth_edges(rows(2, 2, 2, 2.00001, 2, 1, 1, 1, 1), threshold=1, thin=True)) == [5]


def test_convention_an_exact_diagonal_is_thinned_to_a_staircase():
    y, x = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    depth = torch.where(x + y < 12, 1.0, 2.0).view(1, 1, 12, 12)
    wide, thin = (depth_edges(depth, threshold=1, thin=thin)[0, 0] for thin in (False, True))
    assert not bool((thin & ~wide).any())
    assert set((x + y)[thin].tolist()) == {11, 12}  # the pixel across the corner from one of 11 is one of 13
    assert set((x + y)[wide].tolist()) == {10, 11, 12, 13}


def test_scikit_image_has_the_same_gradients():
    depth = torch.rand(1, 1, 20, 30, generator=torch.Generator().manual_seed(0)).double() + 1
    picture = depth[0, 0].numpy()
    expected = np.hypot(sobel_h(picture), sobel_v(picture))[1:-1, 1:-1]  # scikit-image divides by 4
    for threshold in (0.1, 0.3, 0.6):
        found = depth_edges(depth, threshold=threshold, divisor=4)[0, 0, 1:-1, 1:-1].numpy()
        assert np.array_equal(found, expected > threshold)
        assert 0 < found.mean() < 1


@pytest.mark.parametrize("relative", [False, True])
def test_thin_edges_of_gradients_in_every_direction_are_their_definition(relative):
    depth = torch.rand(1, 1, 60, 60, generator=torch.Generator().manual_seed(0)).double() + 0.5
    mask = torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) > 0.01
    found = depth_edges(depth, mask, threshold=0.5, relative=relative, thin=True)[0, 0]
    expected = edges_by_definition(depth[0, 0].tolist(), mask[0, 0].tolist(), 0.5, relative, 1, True)
    assert set(map(tuple, found.nonzero().tolist())) == expected
    assert 500 < len(expected) < 2000


def test_a_real_depth_map_has_edges_only_where_all_around_is_known():
    sample = load("motorcycle")[0]
    depth, mask = sample["depth"][None], sample["mask"][None]
    edges = depth_edges(depth, mask, threshold=0.5)
    near_hole = F.max_pool2d((~mask).float(), 3, 1, 1) > 0
    assert not bool((edges & near_hole).any()) and 0.001 < edges.double().mean() < 0.2


def test_depth_edges_names_its_own_argument():
    with pytest.raises(ValueError, match="depth: .*such as 0"):
        depth_edges(torch.zeros(1, 1, 4, 5), threshold=1)
