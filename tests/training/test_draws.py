"""The sequence of draws: every sample once a permutation, the same picture for the same draw, shares of processes."""

from itertools import islice

import pytest
import torch
from augmentation_samples import noise_sample

from sidelib.training.augmentation import EigenAugmentation
from sidelib.training.draws import DrawBatches, Draws, collate
from sidelib.training.seeds import generator, seed_of


def first(count, *arguments, **options):
    return list(islice(DrawBatches(*arguments, **options), count))


def test_every_permutation_holds_each_sample_once_and_they_differ():
    keys = [key for batch in first(21, 7, 3, seed=1) for key in batch]
    assert [draw for _, draw in keys] == list(range(63))
    permutations = [tuple(index for index, _ in keys[k : k + 7]) for k in range(0, 63, 7)]
    assert all(sorted(permutation) == list(range(7)) for permutation in permutations)
    assert len(set(permutations)) > 6
    assert keys != [key for batch in first(21, 7, 3, seed=2) for key in batch]


def test_a_sequence_that_begins_later_is_the_rest_of_the_whole():
    whole = first(12, 5, 4, seed=3)
    begin = 0
    batches = DrawBatches(5, 4, seed=3, begin=lambda: begin)
    assert list(islice(batches, 12)) == whole
    begin = 7
    assert list(islice(batches, 5)) == whole[7:]


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_each_batch_out_among_them(world):
    whole = first(6, 5, 8, seed=0)
    shares = [first(6, 5, 8, seed=0, rank=rank, world=world) for rank in range(world)]
    for step, batch in enumerate(whole):
        own = [share[step] for share in shares]
        assert all(len(keys) == 8 // world for keys in own)
        assert sorted(key for keys in own for key in keys) == sorted(batch)


def test_a_batch_larger_than_the_data_set_goes_through_it_again():
    [batch] = first(1, 3, 7, seed=0)
    assert sorted(index for index, _ in batch[:3]) == sorted(index for index, _ in batch[3:6]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 2), "size: expected at least one sample, found 0"), ((3, 0), "batch: expected a positive multiple of 1")],
)
def test_bad_sizes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DrawBatches(*arguments)
    with pytest.raises(ValueError, match=r"batch: expected a positive multiple of 2 process\(es\), found 3"):
        DrawBatches(4, 3, world=2)


def test_a_draw_is_the_same_picture_wherever_and_whenever_it_is_made():
    samples = [noise_sample(seed=1)] * 3
    draws = Draws(samples, EigenAugmentation((20, 20)), seed=7)
    torch.manual_seed(99)
    pictures = [draws[1, draw]["image"] for draw in range(4)]
    assert not any(torch.equal(pictures[a], pictures[b]) for a in range(4) for b in range(a))
    again = Draws(samples, EigenAugmentation((20, 20)), seed=7).__getitems__([(0, 3), (2, 1)])
    assert torch.equal(again[0]["image"], pictures[3]) and torch.equal(again[1]["image"], pictures[1])
    # A generator of torch's on the CPU looks at 32 bits of its seed: larger seeds differ all the same.
    for seed in (8, 7 + 2**32):
        assert not torch.equal(Draws(samples, EigenAugmentation((20, 20)), seed=seed)[1, 0]["image"], pictures[0])


def test_a_data_set_that_gives_batches_is_asked_for_batches():
    asked = []

    class Batches(list):
        def __getitems__(self, indices):
            asked.append(list(indices))
            return [self[index] for index in indices]

    draws = Draws(Batches("abc"))
    assert len(draws) == 3 and draws.__getitems__([(2, 0), (0, 1)]) == ["c", "a"] and asked == [[2, 0]]


def test_collate_keeps_what_all_samples_have_and_names_what_does_not_fit():
    sample = {"image": torch.zeros(3, 4, 6), "depth": torch.ones(1, 4, 6), "normals": torch.ones(3, 4, 6), "name": "a"}
    other = {key: value for key, value in sample.items() if key != "normals"}
    assert set(collate([sample, other])) == {"image", "depth"}
    assert collate([sample, sample])["normals"].shape == (2, 3, 4, 6)
    with pytest.raises(ValueError, match=r"images of one size, found \[\(4, 6\), \(5, 6\)\]"):
        collate([sample, {"image": torch.zeros(3, 5, 6)}])
    with pytest.raises(ValueError, match="expected at least one"):
        collate([])


def test_generators_differ_by_every_number_and_in_their_sequence():
    numbers = [(0,), (1,), (0, 1), (1, 0), (2**40,), (2**40, 1), (0, 0, 1)]
    assert len({seed_of(*each) for each in numbers}) == len(numbers)
    draws = {torch.rand(1, generator=generator(*each)).item() for each in numbers}
    assert len(draws) == len(numbers)
