"""Sampling of pairs and of items: uniform, without self-pairs, true to the order, repeatable."""

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from sidelib.losses import sample_items, sample_pairs


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def uniform(drawn, cells):
    counts = Counter(map(tuple, drawn.tolist()))
    assert set(counts) <= set(cells)
    return chisquare([counts[cell] for cell in cells]).pvalue > 0.001  # the seed is fixed: this cannot flicker


def test_pairs_are_uniform_over_all_ordered_pairs():
    order = torch.tensor([7, 2, 9, 4, 0, -1, -1])
    pairs, _ = sample_pairs(order, count=40_000, generator=seeded())
    assert uniform(pairs, list(itertools.permutations([7, 2, 9, 4, 0], 2)))


def test_items_are_uniform_over_all_subsets():
    order = torch.tensor([7, 2, 9, 4, 0, -1, -1])
    kept, _ = sample_items(order.expand(20_000, -1), count=2, generator=seeded())
    assert uniform(kept, list(itertools.combinations([7, 2, 9, 4, 0], 2)))


@settings(deadline=None, max_examples=100)
@given(rises=st.lists(st.integers(0, 2), min_size=2, max_size=8), padding=st.integers(0, 2), seed=st.integers(0, 99))
def test_relation_is_that_of_the_ranks_or_levels(rises, padding, seed):
    items = torch.randperm(10, generator=seeded(seed))[: len(rises)].tolist()
    levels = torch.tensor(rises).cumsum(0).tolist()
    order = torch.tensor(items + [-1] * padding)
    for given_levels, rank in (
        (None, {item: place for place, item in enumerate(items)}),
        (torch.tensor(levels + [-1] * padding), dict(zip(items, levels, strict=True))),
    ):
        pairs, relation = sample_pairs(order, given_levels, count=30, generator=seeded(seed))
        assert (pairs.shape, relation.shape) == ((30, 2), (30,))
        for (first, second), sign in zip(pairs.tolist(), relation.tolist(), strict=True):
            assert first != second
            assert sign == (rank[first] < rank[second]) - (rank[first] > rank[second])


def test_convention_first_ranked_is_closer():
    pairs, relation = sample_pairs(torch.tensor([3, 1]), count=100, generator=seeded())
    assert {(*pair, sign) for pair, sign in zip(pairs.tolist(), relation.tolist())} == {(3, 1, +1), (1, 3, -1)}


def test_lists_too_short_for_a_pair_give_padding():
    order = torch.tensor([[5, 1, 2], [4, -1, -1], [-1, -1, -1]])
    pairs, relation = sample_pairs(order, count=50, generator=seeded())
    assert bool((pairs[0] >= 0).all())
    assert bool((pairs[1:] == -1).all())
    assert not relation[1:].any()
    pairs, relation = sample_pairs(order[:, :0], count=50, generator=seeded())
    assert bool((pairs == -1).all())
    assert (pairs.shape, relation.shape) == ((3, 50, 2), (3, 50))


def test_lists_of_a_batch_are_drawn_independently():
    pairs, _ = sample_pairs(torch.arange(50).expand(2, -1), count=50, generator=seeded())
    kept, _ = sample_items(torch.arange(50).expand(2, -1), count=20, generator=seeded())
    assert not torch.equal(*pairs)
    assert not torch.equal(*kept)


@settings(deadline=None, max_examples=100)
@given(
    length=st.integers(0, 12),
    padding=st.integers(0, 4),
    count=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_items_keep_their_order_and_their_levels(length, padding, count, seed):
    items = torch.randperm(20, generator=seeded(seed))[:length]
    order = torch.cat([items, items.new_full((padding,), -1)])
    levels = torch.cat([torch.arange(length) // 2, items.new_full((padding,), -1)])
    kept, kept_levels = sample_items(order, levels, count, generator=seeded(seed))
    assert kept.shape == kept_levels.shape == (min(count, length + padding),)
    real = min(count, length)
    assert bool((kept[:real] >= 0).all())
    assert bool((kept[real:] == -1).all())
    place = [items.tolist().index(item) for item in kept[:real].tolist()]
    assert place == sorted(set(place))  # in ranking order, none twice
    assert kept_levels[:real].tolist() == [at // 2 for at in place]
    assert sample_items(order, None, count, generator=seeded(seed))[1] is None


def test_the_generator_decides():
    order = torch.arange(100)
    for draw in (sample_pairs, sample_items):
        first, again, other = (draw(order, count=30, generator=seeded(seed))[0] for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


@pytest.mark.parametrize("draw", [sample_pairs, sample_items])
def test_count_must_be_positive(draw):
    with pytest.raises(ValueError, match="^count: expected at least 1, found 0"):
        draw(torch.arange(3), count=0)
