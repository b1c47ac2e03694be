"""The losses on normals: Eq. 3 of hqmd, the scene's own normals, and Hu et al.'s logarithm that goes below zero."""

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

from sidelib.geometry import normals_from_depth
from sidelib.losses import gradient_magnitude, hu_objective, normal_cosine
from sidelib.losses.gradients import sobel

INTRINSICS = torch.tensor([[20.0, 0.0, 3.5], [0.0, 20.0, 3.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
LOSSES = {
    "cosine": normal_cosine,
    "scene": lambda *maps, **options: normal_cosine(*maps, intrinsics=INTRINSICS, **options),
    "hu": hu_objective,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def random_maps(batch=2, height=7, width=8, seed=0):
    return draw_maps(batch, height, width, seed, span=0.5, nearest=2, missing=0.05, kept=(0, slice(3), slice(3)))


def ramp(right, down, size=4):
    y, x = torch.meshgrid(torch.arange(size).double(), torch.arange(size).double(), indexing="ij")
    return (right * x + down * y)[None, None]


def by_definition(prediction, target, mask, offset=0.5):
    """(depth, gradient, normal) terms of Hu et al., pixel by pixel, on gradients that another test has checked."""
    (px, py), (tx, ty) = ([part[:, 0].tolist() for part in sobel(maps)] for maps in (prediction, target))
    batch, _, height, width = prediction.shape
    depth, gradient, normal = [], [], []
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                if mask[b, 0, row, column]:
                    error = (prediction - target)[b, 0, row, column].item()
                    depth.append(math.log(abs(error) + offset))
        for row in range(height - 2):
            for column in range(width - 2):
                if mask[b, 0, row : row + 3, column : column + 3].all():
                    n, m = ((-x[b][row][column], -y[b][row][column], 1.0) for x, y in ((px, py), (tx, ty)))
                    gradient.append(sum(math.log(abs(n[k] - m[k]) + offset) for k in range(2)))
                    dot, nn, mm = (sum(a * c for a, c in zip(*pair, strict=True)) for pair in ((n, m), (n, n), (m, m)))
                    normal.append(1 - dot / math.sqrt(nn) / math.sqrt(mm))
    return tuple(sum(terms) / len(terms) for terms in (depth, gradient, normal))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), offset=st.floats(0.1, 2))
def test_are_their_equations(seed, offset):
    maps = random_maps(seed=seed)
    depth, gradient, normal = by_definition(*maps, offset)
    assert normal_cosine(*maps).item() == pytest.approx(normal)
    assert hu_objective(*maps, offset=offset).item() == pytest.approx(depth + gradient + normal)
    weighted = hu_objective(*maps, offset=offset, gradient_weight=2.0, normal_weight=0.25).item()
    assert weighted == pytest.approx(depth + 2 * gradient + 0.25 * normal)


def test_against_torchs_cosine_similarity():
    prediction, target, _ = random_maps()
    for normalise in (True, False):
        normals = []
        for maps in (prediction, target):
            x, y = sobel(maps, normalise=normalise)
            normals.append(torch.cat([-x, -y, torch.ones_like(x)], dim=1))
        expected = (1 - F.cosine_similarity(*normals, dim=1)).mean().item()
        assert normal_cosine(prediction, target, normalise=normalise).item() == pytest.approx(expected)


def test_values_by_hand():
    flat, slope = ramp(0.0, 0.0), ramp(0.0, 1.0)
    assert normal_cosine(slope, flat).item() == pytest.approx(1 - 1 / math.sqrt(65))
    assert normal_cosine(slope, flat, normalise=True).item() == pytest.approx(1 - math.sqrt(0.5))
    assert normal_cosine(slope, -slope, normalise=True).item() == pytest.approx(1.0)  # two slopes of 45°
    steep = ramp(1e6, 0.0)
    assert normal_cosine(steep, -steep).item() == pytest.approx(2.0)


def test_convention_the_logarithm_is_negative_below_half_a_metre():
    depth = random_maps()[1]
    best = 3 * math.log(0.5)
    assert hu_objective(depth, depth).item() == pytest.approx(best)
    assert hu_objective(depth + 0.5, depth).item() == pytest.approx(2 * math.log(0.5))  # ln(0.5 + 0.5) = 0
    assert hu_objective(depth + 0.49, depth).item() < 2 * math.log(0.5)
    assert hu_objective(depth, depth, gradient_weight=0.0, normal_weight=0.0).item() == pytest.approx(math.log(0.5))
    assert hu_objective(depth, depth, offset=1.0).item() == pytest.approx(0.0, abs=1e-12)


def test_convention_the_gradient_is_of_the_signed_error():
    """The error -1, 0, 1 is a ramp; the gradient of its size would vanish in the middle."""
    target = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    prediction = ramp(1.0, 0.0, size=3) - 1
    depth = (2 * math.log(1.5) + math.log(0.5)) / 3
    signed = depth + math.log(8.5) + math.log(0.5)
    assert hu_objective(prediction, target, normal_weight=0.0).item() == pytest.approx(signed)
    assert hu_objective(prediction, target, normal_weight=0.0, normalise=True).item() == pytest.approx(
        depth + math.log(1.5) + math.log(0.5)
    )


def test_convention_printed_normals_are_of_the_pixel_grid_and_intrinsics_give_the_scenes():
    """Two walls straight ahead at 1 m and 2 m are parallel; tilted floors of other scale are too, but not on the grid."""
    y = torch.arange(7.0, dtype=torch.float64)[:, None] + 1
    floor = (20 * 1.5 / (y + 10)).expand(1, 1, 7, 8)  # 1.5 m below a camera that looks ahead, horizon above the image
    intrinsics = torch.tensor([[20.0, 0.0, 3.5], [0.0, 20.0, -11.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    assert normal_cosine(2 * floor, floor, intrinsics=intrinsics).item() == pytest.approx(0.0, abs=1e-12)
    assert normal_cosine(2 * floor, floor).item() > 1e-3
    wall = torch.full_like(floor, 2.0)
    assert normal_cosine(wall, floor, intrinsics=intrinsics).item() == pytest.approx(1.0)  # a right angle in the scene


def test_scene_normals_count_where_both_are_known():
    prediction, target, mask = random_maps()
    prediction[1, 0, 3, 4], target[1, 0, 1, 1] = -1.0, 0.0
    (n, known), (m, measured) = (normals_from_depth(depth, INTRINSICS, mask) for depth in (prediction, target))
    both = known & measured
    assert bool((known & ~measured).any() and (measured & ~known).any())
    expected = (1 - (n * m).sum(dim=1, keepdim=True))[both].mean().item()
    assert LOSSES["scene"](prediction, target, mask).item() == pytest.approx(expected)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), size=st.floats(-6, 3))
def test_the_cosine_loss_lies_between_0_and_2_and_keeps_small_angles(seed, size):
    prediction, target, mask = random_maps(seed=seed)
    found = normal_cosine(10**size * prediction.float(), 10**size * target.float(), mask).item()
    exact = normal_cosine(10**size * prediction, 10**size * target, mask).item()
    assert 0 <= found <= 2 + 1e-6
    assert found == pytest.approx(exact, rel=1e-3)  # 1 - cos in float32 would be 0 below an angle of 2e-4


@every_loss
def test_invalid_pixels_influence_neither_value_nor_gradient(loss):
    assert_invalid_pixels_do_nothing(loss, *random_maps())


@every_loss
def test_nothing_valid_nothing_wrong_and_one_pixel_stay_finite(loss):
    prediction, target, mask = random_maps()
    one = torch.full((1, 1, 1, 1), 2.0, dtype=torch.float64)
    each = math.log(0.5) if loss is hu_objective else 0.0  # of Hu's three terms, one of them for a single pixel
    assert_least_and_flat(loss, prediction, target, torch.zeros_like(mask))
    assert_least_and_flat(loss, target, target, mask, least=3 * each)
    assert_least_and_flat(loss, one, one, least=each)


@every_loss
def test_gradient(loss):
    prediction, target, mask = random_maps(height=4, width=5)
    leaf = prediction.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: loss(values, target, mask), leaf)


@every_loss
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_mask_is_a_crop(loss, seed):
    prediction, target, _ = random_maps(seed=seed)
    inside = (..., slice(0, 5), slice(0, 6))  # from the corner: a crop elsewhere moves the principal point
    mask = torch.zeros_like(target, dtype=torch.bool)
    mask[inside] = True
    cropped = loss(prediction[inside], target[inside]).item()
    assert loss(prediction, target, mask).item() == pytest.approx(cropped)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    assert_half_precision_computes_in_float32(loss, dtype, *random_maps())


@every_loss
def test_compiles_without_a_graph_break(loss):
    assert_compiles(loss, *random_maps())


def test_hu_and_hqmd_agree_on_what_counts():
    """One pixel missing leaves both without its windows: F is increasing, so a ramp shows in either term alone."""
    target, prediction = ramp(0.0, 0.0, size=5), ramp(1.0, 0.0, size=5)
    mask = torch.ones_like(target, dtype=torch.bool)
    mask[0, 0, 2, 2] = False
    assert gradient_magnitude(prediction, target, mask).item() == 0
    plain = hu_objective(prediction, target, mask, gradient_weight=0.0, normal_weight=0.0).item()
    assert hu_objective(prediction, target, mask).item() == pytest.approx(plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"offset": 0.0}, "offset: expected a length above 0 m, found 0.0"),
        ({"gradient_weight": -1.0}, "gradient_weight: expected a finite number of at least 0"),
        ({"normal_weight": math.nan}, "normal_weight: expected a finite number of at least 0"),
    ],
)
def test_options_are_checked(options, message):
    prediction, target, mask = random_maps()
    with pytest.raises(ValueError, match="^" + message):
        hu_objective(prediction, target, mask, **options)
    with pytest.raises(ValueError, match="^target: expected the shape of prediction"):
        hu_objective(prediction, target[..., 1:])
    with pytest.raises(ValueError, match="^intrinsics: "):
        normal_cosine(prediction, target, intrinsics=torch.eye(4, dtype=torch.float64))
