"""A pattern at a distance is its own average: filtered patterns against many point samples, and what must stay in range."""

import numpy as np
import pytest
import torch

from sidelib.scenes.materials import DIRECTED, KINDS, material, plain_row
from sidelib.scenes.textures import lattice, noise, paint

BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def painted(row, s, t, ws, wt=None):
    """Albedo `(N, 3)` of one material at places `(N,)` with pixels `ws` x `wt`."""
    s, t = torch.broadcast_tensors(torch.as_tensor(s, dtype=torch.float32), torch.as_tensor(t, dtype=torch.float32))
    wt = ws if wt is None else wt
    s, t = s.flatten(), t.flatten()
    rows = torch.tensor([row], dtype=torch.float32).expand(len(s), -1)
    return paint(s, t, torch.full_like(s, ws), torch.full_like(s, wt), rows)


def averaged(row, s, t, ws, wt, samples=200):
    """The mean of point samples (pixels of a hundredth the size) over each pixel."""
    step = (torch.arange(samples) + 0.5) / samples - 0.5
    across, along = (s[:, None, None] + ws * step[:, None]), (t[:, None, None] + wt * step)
    across, along = torch.broadcast_tensors(across, along)
    return painted(row, across, along, ws / 100, wt / 100).view(len(s), -1, 3).mean(1)


def places(count, seed=0, spread=4.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(2, count, generator=generator) - 0.5) * 2 * spread


# Black lines on white, or the other way round, carry no grain: what is left are the lines.
@pytest.mark.parametrize("kind", ["stripes", "tiles", "panels", "checker"])
@pytest.mark.parametrize("pixel", [0.01, 0.06, 0.3, 1.7])
def test_lines_are_averaged_over_a_pixel_exactly(kind, pixel):
    s, t = places(40)
    row = material(kind, BLACK, WHITE, 0.2, seed=3)
    # Point samples miss a line's edge by a sample at most: 1/200 of a pixel on either side of each of up to nine lines.
    torch.testing.assert_close(
        painted(row, s, t, pixel, pixel / 2), averaged(row, s, t, pixel, pixel / 2), rtol=0, atol=0.02
    )


@pytest.mark.parametrize("seed", [0, 50, 1000, 4095])
@pytest.mark.parametrize("pixel", [0.002, 0.02])
def test_lines_are_sharp_for_every_seed(seed, pixel):
    # Stripes that fill 45 % of every 9 cm, moved along by the seed; a close view and a usual one. Over one period:
    s = torch.linspace(0, 0.09, 2001)[:-1]
    share = painted(material("stripes", BLACK, WHITE, 0.09, seed=seed), s, s * 0, pixel)[:, 0]
    assert share.mean() == pytest.approx(0.45, abs=2e-3)
    on_an_edge = torch.minimum(share, 1 - share) > 1e-3
    assert on_an_edge.float().mean() == pytest.approx(2 * pixel / 0.09, abs=0.01)
    assert share.diff().abs().max() < 0.09 / 2000 / pixel + 0.01  # as much as one step uncovers, no more


def test_a_brick_wall_seen_from_afar_is_its_mean():
    row = material("brick", WHITE, BLACK, 0.2, contrast=0.0, seed=5)
    s, t = places(200)
    far = painted(row, s, t, 0.7)
    assert far.std() < 0.04
    assert far.mean() == pytest.approx(painted(row, *places(20000, 1), 0.002).mean().item(), abs=0.02)


GRAINED = [kind for kind in KINDS if kind not in ("plain", "art", "view", "lanes")]
COLOURS = (0.5, 0.3, 0.2), (0.2, 0.15, 0.1)


@pytest.mark.parametrize("kind", GRAINED)
def test_the_mean_colour_stays_with_distance(kind):
    first, second = COLOURS if kind != "facade" else ((0.2, 0.2, 0.2), (0.7, 0.4, 0.2))
    row = material(kind, first, second, 0.3, seed=7)
    s, t = places(30000, spread=30.0)
    near, far = painted(row, s, t, 0.002), painted(row, s, t, 3.0)
    assert far.std(0).max() < 0.4 * near.std(0).max()
    # In foliage dark leaves are also those of the second colour: clamping moves the mean.
    torch.testing.assert_close(far.mean(0), near.mean(0), rtol=0.2 if kind == "foliage" else 0.08, atol=0.005)


@pytest.mark.parametrize("kind", ["plaster", "grain", "carpet", "asphalt", "foliage", "fabric", "water"])
def test_grain_finer_than_a_pixel_is_gone(kind):
    s, t = places(500)
    far = painted(material(kind, *COLOURS, 0.3, seed=7), s, t, 10.0)  # the largest patches, those of asphalt, have 6 m
    assert (far.amax(0) - far.amin(0)).max() == 0


@pytest.mark.parametrize("kind", [kind for kind in GRAINED if kind not in ("facade", "books")])
def test_a_pattern_painted_in_one_colour_has_its_mean(kind):
    # Facades and books bring colours of their own, which no mix of a row's two colours can give.
    row = material(kind, *COLOURS, 0.3, seed=7)
    one = torch.tensor(plain_row(np.array([row]), [KINDS.index(kind)])[0], dtype=torch.float32)
    assert one[0] == 0
    mean = painted(row, *places(30000, spread=30.0), 0.01).mean(0)
    torch.testing.assert_close(one[1:4], mean, rtol=0.2 if kind == "foliage" else 0.05, atol=0.005)


def test_plain_rows_change_the_asked_kinds_only():
    rows = np.array([material(kind, *COLOURS, 0.3, 0.5, 0.1, 0.2, 7) for kind in KINDS])
    before = rows.copy()
    plain = plain_row(rows, DIRECTED)
    assert np.array_equal(rows, before)
    others = ~np.isin(np.arange(len(KINDS)), DIRECTED)
    assert np.array_equal(plain[others], rows[others]) and not plain[~others, 0].any()
    assert np.array_equal(plain[:, 4:], rows[:, 4:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pixel", [1e-5, 0.01, 0.5, 100.0])
def test_every_kind_paints_albedos(kind, pixel):
    generator = torch.Generator().manual_seed(1)
    s, t = places(500, spread=100.0)
    for seed in (0, 4095):
        colours = torch.rand(2, 3, generator=generator).tolist()
        scale, contrast = (0.05, 0.4) if seed else (3.5, 2.0)
        albedo = painted(material(kind, *map(tuple, colours), scale, contrast, seed=seed), s, t, pixel)
        assert albedo.isfinite().all() and albedo.amin() >= 0 and albedo.amax() <= 1
        if kind == "plain":
            torch.testing.assert_close(albedo, torch.tensor(colours[:1]).expand(500, -1), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("plain", "view")])
def test_another_seed_is_another_pattern(kind):
    s, t = places(500)
    one, other = (painted(material(kind, *COLOURS, 0.3, seed=seed), s, t, 0.01) for seed in (1, 2))
    assert not torch.equal(one, other)


def test_the_lattice_is_pinned():
    # The same 24 bits on every device and in every version of PyTorch: pictures depend on them.
    x, y, seed = torch.tensor(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, -1, 5], [123456, -654321, 4095], [-7, 9, 1048575]], dtype=torch.int32
    ).T
    bits = [0, 1339862, 11379749, 2891820, 15244175, 16764365]
    assert (lattice(x, y, seed) * 2**24).tolist() == bits
    if torch.cuda.is_available():
        assert (lattice(x.cuda(), y.cuda(), seed.cuda()) * 2**24).tolist() == bits


def test_the_lattice_looks_random():
    x, y = torch.meshgrid(torch.arange(-150, 150), torch.arange(-150, 150), indexing="ij")
    for seed in (1, 77):
        values = lattice(x.int(), y.int(), torch.tensor(seed, dtype=torch.int32))
        assert values.min() >= 0 and values.max() < 1
        assert torch.histc(values, 10, 0, 1).div(9000).sub(1).abs().max() < 0.06
        for shift in ((0, 1), (1, 0), (1, 1), (2, 3)):
            together = torch.stack([values.flatten(), values.roll(shift, (0, 1)).flatten()])
            assert abs(torch.corrcoef(together)[0, 1]) < 0.02


def test_noise_is_continuous_and_takes_the_lattices_values_on_it():
    seed = torch.tensor(9, dtype=torch.int32)
    x = torch.linspace(-3, 3, 60001)
    for y in (-1.5, 0.0, 0.999999, 1.0):
        values = noise(x, torch.full_like(x, y), seed)
        assert values.min() >= 0 and values.max() <= 1
        assert values.diff().abs().max() < 2 * 1.5 * 1e-4  # the steepest slope is 1.5 per unit
        across = noise(torch.full_like(x, y), x, seed)
        assert across.diff().abs().max() < 2 * 1.5 * 1e-4
    whole = torch.arange(-3, 4)
    torch.testing.assert_close(
        noise(whole.float(), torch.full((7,), -2.0), seed), lattice(whole.int(), torch.full((7,), -2).int(), seed)
    )


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="kind: expected one of plain.*found 'gold'"):
        material("gold", WHITE)
