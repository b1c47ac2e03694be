"""Sums over all pairs by bits equal the double loop."""

import definitions
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.metrics._pairs import _by_scatter, _by_selection, count_inversions, precision_sum

SIZES = [1, 2, 3, 63, 64, 65, 127, 128, 129, 191, 193, 255, 257, 500]
dyadic = st.integers(0, 1000).map(lambda number: number / 8)  # sums of these are exact in any sequence


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["identity", "reversed", "shuffled", "rotated"])
def test_sums_over_pairs_at_block_boundaries(size, kind):
    random = np.random.default_rng(size)
    identity = np.arange(size)
    kinds = {"identity": identity, "reversed": identity[::-1], "shuffled": random.permutation(size)}
    keys = kinds.get(kind, np.roll(identity, size // 3 + 1)).copy()
    assert count_inversions(torch.from_numpy(keys)).item() == definitions.count_inversions(keys)

    harmonic, precision = random.random(size), np.sort(random.random(size))[::-1].copy()
    measured = precision_sum(*(torch.from_numpy(row) for row in (keys, harmonic, precision)))
    expected = definitions.precision_sum(keys, harmonic, precision)
    assert measured.item() == pytest.approx(expected, rel=1e-12, abs=1e-15)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), size=st.integers(1, 140))
def test_sums_over_pairs_are_the_double_loop(data, size):
    keys = data.draw(st.permutations(range(size)))
    harmonic = data.draw(st.lists(dyadic, min_size=size, max_size=size))
    precision = sorted(data.draw(st.lists(dyadic, min_size=size, max_size=size)), reverse=True)
    assert count_inversions(torch.tensor(keys)).item() == definitions.count_inversions(keys)
    measured = precision_sum(
        torch.tensor(keys),
        torch.tensor(harmonic, dtype=torch.float64),
        torch.tensor(precision, dtype=torch.float64),
    )
    assert measured.item() == definitions.precision_sum(keys, harmonic, precision)


def test_no_keys_have_no_pairs():
    keys, weights = torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.float64)
    assert count_inversions(keys) == 0
    assert precision_sum(keys, weights, weights) == 0


def test_counts_past_32_bits_stay_exact():
    size = 200_000
    assert count_inversions(torch.arange(size).flip(0)).item() == size * (size - 1) // 2 > 2**32


@pytest.mark.parametrize("size", [*SIZES, 1000, 4097])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_the_ways_for_many_cores_and_for_one_are_the_same(size, dtype):
    keys = torch.randperm(size, generator=torch.Generator().manual_seed(size)).to(dtype)
    (counted, scattered), (also, selected) = _by_scatter(keys), _by_selection(keys)
    assert counted == also and torch.equal(scattered, selected)
