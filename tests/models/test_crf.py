"""The fully connected CRF: its update written out in loops, its energy enumerated, and its symmetries."""

import itertools
import math

import pytest
import torch

from sidelib.models.crf import compatibility_matrix, mean_field, pairwise_kernel

OPTIONS = {
    "appearance_weight": 0.8, "appearance_xy": 2.0, "appearance_colour": 0.3, "smoothness_weight": 0.5,
    "smoothness_xy": 1.0,
}  # fmt: skip


def example(k=3, height=2, width=3, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    unary = 2 * torch.randn(batch, k, height, width, generator=generator, dtype=torch.float64)
    return unary, torch.rand(batch, 3, height, width, generator=generator, dtype=torch.float64)


def kernels(image, normalise):
    """k(i, j) by two loops: `(N, N)`, from one image `(3, H, W)`."""
    height, width = image.shape[1:]
    pixels = list(itertools.product(range(height), range(width)))
    n = len(pixels)
    parts = []
    for weight, xy, colour in (
        (OPTIONS["appearance_weight"], OPTIONS["appearance_xy"], OPTIONS["appearance_colour"]),
        (OPTIONS["smoothness_weight"], OPTIONS["smoothness_xy"], math.inf),
    ):
        k = [[0.0] * n for _ in range(n)]
        for i, j in itertools.permutations(range(n), 2):
            (y, x), (v, u) = pixels[i], pixels[j]
            near = ((y - v) ** 2 + (x - u) ** 2) / (2 * xy**2)
            alike = sum(float(image[c, y, x] - image[c, v, u]) ** 2 for c in range(3)) / (2 * colour**2)
            k[i][j] = math.exp(-near - alike)
        k = torch.tensor(k, dtype=torch.float64)
        if normalise:
            k = k / (k.sum(1)[:, None] * k.sum(1)).sqrt()
        parts.append(weight * k)
    return sum(parts)


def update(energies, marginals, kernel, mu):
    """One step for all pixels: Q_i(l) ∝ exp(−u_i(l) − Σ_l' μ(l, l') Σ_{j≠i} k(i, j) Q_j(l'))."""
    n, k = energies.shape
    found = torch.zeros_like(energies)
    for i in range(n):
        for label in range(k):
            cost = sum(
                mu[label, other] * kernel[i, j] * marginals[j, other] for other in range(k) for j in range(n) if j != i
            )
            found[i, label] = math.exp(-energies[i, label] - cost)
    return found / found.sum(1, keepdim=True)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("compatibility", ["potts", "distance"])
def test_each_iteration_is_the_update_written_out(normalise, compatibility):
    unary, image = example()
    kernel = kernels(image[0], normalise)
    mu = compatibility_matrix(compatibility, 3).double()
    expected = (-unary[0].flatten(1).T).softmax(1)
    for iterations in range(4):
        found = mean_field(
            unary, image, iterations=iterations, compatibility=compatibility, normalise=normalise, **OPTIONS
        )
        torch.testing.assert_close(found[0].flatten(1).T, expected)
        expected = update(unary[0].flatten(1).T, expected, kernel, mu)


def test_after_many_iterations_the_fixed_point_equations_hold():
    unary, image = example(seed=1)
    found = mean_field(unary, image, iterations=200, **OPTIONS)[0].flatten(1).T
    residual = update(unary[0].flatten(1).T, found, kernels(image[0], True), compatibility_matrix("potts", 3).double())
    assert (residual - found).abs().max() < 1e-12


def exact_marginals(energies, kernel, mu):
    """From all K^N labellings, each weighted by exp(−energy)."""
    n, k = energies.shape
    total = torch.zeros_like(energies)
    for labels in itertools.product(range(k), repeat=n):
        energy = sum(energies[i, label] for i, label in enumerate(labels))
        energy += sum(mu[labels[i], labels[j]] * kernel[i, j] for i, j in itertools.combinations(range(n), 2))
        for i, label in enumerate(labels):
            total[i, label] += math.exp(-energy)
    return total / total.sum(1, keepdim=True)


def test_marginals_agree_with_enumeration_where_pairs_are_weak():
    """Mean field is exact to first order in the pairwise weight: a tenth of it leaves about a hundredth of the error."""
    unary, image = example(height=2, width=2, seed=2)
    energies, mu = unary[0].flatten(1).T, compatibility_matrix("potts", 3).double()
    plain = (-energies).softmax(1)
    errors = []
    for factor in (0.1, 0.01):
        options = OPTIONS | {name: OPTIONS[name] * factor for name in ("appearance_weight", "smoothness_weight")}
        found = mean_field(unary, image, iterations=50, normalise=False, **options)[0].flatten(1).T
        exact = exact_marginals(energies, kernels(image[0], False) * factor, mu)
        errors.append((found - exact).abs().max().item())
        assert errors[-1] < 0.1 * (plain - exact).abs().max()
    assert errors[1] < errors[0] / 50


def test_pixels_may_be_listed_in_any_order():
    """Flipped and transposed inputs give flipped and transposed marginals: no pixel is special."""
    unary, image = example(height=5, width=7)
    found = mean_field(unary, image, **OPTIONS)
    for change in (lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.mT):
        torch.testing.assert_close(mean_field(change(unary), change(image), **OPTIONS), change(found))


def test_any_permutation_of_pixels_permutes_the_kernel():
    features = [torch.randn(9, 5), torch.randn(9, 2)]
    order = torch.randperm(9)
    kernel = pairwise_kernel(features, [2.0, 3.0])
    shuffled = pairwise_kernel([part[order] for part in features], [2.0, 3.0])
    torch.testing.assert_close(shuffled, kernel[order][:, order])
    torch.testing.assert_close(kernel, kernel.T)
    assert (kernel.diagonal() == 0).all()


def test_labels_may_be_renamed_under_potts_but_only_reversed_under_distance():
    unary, image = example(k=4)
    for compatibility, order, same in (
        ("potts", [2, 0, 3, 1], True), ("distance", [3, 2, 1, 0], True), ("distance", [2, 0, 3, 1], False),
    ):  # fmt: skip
        found = mean_field(unary, image, compatibility=compatibility, **OPTIONS)
        renamed = mean_field(unary[:, order], image, compatibility=compatibility, **OPTIONS)
        assert torch.allclose(renamed, found[:, order]) is same


def test_memory_and_batches_change_nothing():
    unary, image = example(height=5, width=6, batch=2)
    for entries in (1, 7 * 30, 29 * 30):  # one row at a time, seven, all but one
        for normalise in (True, False):
            whole = mean_field(unary, image, normalise=normalise, **OPTIONS)
            found = mean_field(unary, image, normalise=normalise, entries=entries, **OPTIONS)
            torch.testing.assert_close(found, whole)
    whole = mean_field(unary, image, **OPTIONS)
    torch.testing.assert_close(mean_field(unary[1:], image[1:], **OPTIONS), whole[1:])


def test_without_weights_or_iterations_it_is_softmax():
    unary, image = example()
    for options in ({"iterations": 0}, {"appearance_weight": 0.0, "smoothness_weight": 0.0}):
        torch.testing.assert_close(mean_field(unary, image, **options), (-unary).softmax(1))


def test_noise_gives_way_to_the_region_but_edges_of_the_image_stay():
    """Two halves of two colours, labels 30 % wrong: the CRF with appearance repairs most, and keeps the boundary."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(16, 24, dtype=torch.int64)
    truth[:, 12:] = 1
    image = torch.where(truth.bool(), 0.8, 0.2).expand(1, 3, 16, 24)
    noisy = torch.where(torch.rand(16, 24, generator=generator) < 0.3, 1 - truth, truth)
    unary = torch.stack((noisy, 1 - noisy))[None].float()
    found = mean_field(unary, image)[0].argmax(0)
    assert (noisy != truth).float().mean() > 0.25
    assert (found != truth).float().mean() < 0.02


def test_distance_compatibility_lets_neighbouring_bins_meet():
    mu = compatibility_matrix("distance", 71)
    assert mu[3, 4] == pytest.approx(1 / 70) and mu[0, 70] == 1 and (mu.diagonal() == 0).all()
    assert compatibility_matrix("potts", 71)[3, 4] == 1
    assert compatibility_matrix("distance", 1).tolist() == [[0]]
    unary, image = example()
    own = mean_field(unary, image, compatibility=compatibility_matrix("distance", 3), **OPTIONS)
    torch.testing.assert_close(own, mean_field(unary, image, compatibility="distance", **OPTIONS))


def test_convention_distances_are_in_pixels_of_the_given_unary_at_any_size():
    """Constant blocks of 2×2: solved at half the size with the same σ, each cell is one pixel at twice the distance."""
    unary, image = example(height=3, width=4)
    doubled = [values.repeat_interleave(2, -1).repeat_interleave(2, -2) for values in (unary, image)]
    halved = OPTIONS | {name: OPTIONS[name] / 2 for name in ("appearance_xy", "smoothness_xy")}
    small = mean_field(unary, image, **halved)
    found = mean_field(*doubled, size=(3, 4), **OPTIONS)
    assert found.shape == (1, 3, 6, 8)
    enlarged = torch.nn.functional.interpolate(small, size=(6, 8), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, enlarged)
    torch.testing.assert_close(found.sum(1), torch.ones(1, 6, 8, dtype=torch.float64))


def test_gradients_and_precision():
    unary, image = example()
    unary.requires_grad_()
    mean_field(unary, image, **OPTIONS)[0, 0].sum().backward()
    assert unary.grad.isfinite().all() and unary.grad.abs().sum() > 0
    half = mean_field(unary.detach().bfloat16(), image.bfloat16())
    assert half.dtype == torch.float32 and half.isfinite().all()
    alone = mean_field(torch.zeros(1, 2, 1, 1), torch.zeros(1, 3, 1, 1))
    assert alone.flatten().tolist() == [0.5, 0.5]  # one pixel has no pairs


@pytest.mark.parametrize("options", [{}, {"normalise": False}, {"entries": 13}, {"size": (3, 4)}], ids=str)
def test_autocast_changes_nothing(options):
    unary, image = (part.float() for part in example(k=5, height=6, width=8))
    expected = mean_field(unary, image, **OPTIONS, **options)
    with torch.autocast("cpu", torch.bfloat16):
        found = mean_field(unary, image, **OPTIONS, **options)
    assert found.dtype == torch.float32 and torch.equal(found, expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"unary": torch.zeros(3, 4, 4)}, ValueError, "unary: expected shape"),
        ({"unary": torch.zeros(1, 2, 4, 4, dtype=int)}, TypeError, "unary: .*int64"),
        ({"image": torch.zeros(1, 1, 4, 4)}, ValueError, "image: expected shape"),
        ({"image": torch.zeros(1, 3, 4, 5)}, ValueError, "image: expected batch and size"),
        ({"image": torch.zeros(0, 3, 4, 4)}, ValueError, "no empty axis"),
        ({"iterations": -1}, ValueError, "iterations: .*-1"),
        ({"entries": 0}, ValueError, "entries: .*0"),
        ({"size": (5, 4)}, ValueError, "size: .*4×4"),
        ({"compatibility": "ising"}, ValueError, "compatibility: .*ising"),
        ({"compatibility": torch.zeros(3, 3)}, ValueError, "compatibility: .*2, 2"),
        ({"compatibility": torch.tensor([[0.0, 1.0], [2.0, 0.0]])}, ValueError, "symmetric"),
        ({"compatibility": None}, TypeError, "compatibility: .*NoneType"),
    ],
)
def test_errors_name_the_argument(change, error, message):
    given = {"unary": torch.zeros(1, 2, 4, 4), "image": torch.zeros(1, 3, 4, 4)} | change
    with pytest.raises(error, match=message):
        mean_field(**given)
