"""Damage small files a thousand ways: a loader must still read them right, or say clearly which file is damaged."""

import random

import torch

MUTATIONS = 1000


def mutate(data, rng):
    """`data` (bytes) with one to three random injuries."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place, length = rng.randrange(len(data) + 1), rng.choice([1, 1, 2, 4, 16, 64])
        kind = rng.randrange(8)
        if kind == 0:
            del data[place:]  # truncated
        elif kind == 1:
            data[place : place + length] = rng.randbytes(min(length, len(data) - place))
        elif kind == 2 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = rng.randbytes(length)
        elif kind == 5:
            data[place : place + length] = bytes(min(length, len(data) - place))
        elif kind == 6:
            source = rng.randrange(len(data) + 1)
            data[place:place] = data[source : source + length]
        else:
            data += rng.randbytes(length)
    return bytes(data)


def mutate_text(data, rng):
    """`data` (bytes of text) with lines or fields lost, doubled, swapped or replaced by what does not belong there."""
    if rng.random() < 0.3:
        return mutate(data, rng)
    lines = data.decode().splitlines()
    kind, place = rng.randrange(5), rng.randrange(len(lines))
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(place, lines[rng.randrange(len(lines))])
    else:
        separator = "," if "," in lines[place] else " "
        fields = lines[place].split(separator)
        field = rng.randrange(len(fields))
        if kind == 2:
            del fields[field]
        elif kind == 3:
            fields[field] = rng.choice(["", "-1", "0", "nan", "inf", "1e9", "x", "../../etc/passwd", "é", "\0", '"', "1.5"])
        else:
            fields[field:field] = [fields[rng.randrange(len(fields))]]
        lines[place] = separator.join(fields)
    return "\n".join(lines).encode()


def assert_well_formed(sample):
    """What every sample promises, whatever was damaged."""
    image = sample["image"]
    assert image.dtype == torch.float32 and image.ndim == 3 and image.shape[0] == 3
    assert bool(((image >= 0) & (image <= 1)).all())
    size = tuple(image.shape[1:])
    if "depth" in sample:
        depth, mask = sample["depth"], sample["mask"]
        assert depth.dtype == torch.float32 and tuple(depth.shape) == (1, *size)
        assert mask.dtype == torch.bool and mask.shape == depth.shape
        assert bool(depth.isfinite().all()) and bool((depth >= 0).all()) and bool((depth[mask] > 0).all())
        assert not bool(depth[~mask].any())
    if "pairs" in sample:
        pairs, relation = sample["pairs"], sample["relation"]
        assert pairs.dtype == torch.int64 and tuple(pairs.shape) == (len(relation), 2)
        assert bool(((pairs >= 0) & (pairs < size[0] * size[1])).all()) and bool((relation.abs() <= 1).all())


def survives(path, open_and_read, *, text=False, mutations=MUTATIONS, seed=0):
    """Mutate the file `path`, each time calling `open_and_read()`, which returns a sample or raises a clear error.

    Clear: ValueError, TypeError or FileNotFoundError that names the file (its name; for a text file, the message may
    name a file that the damaged text points to). Restores the file. Returns how many mutations were refused, so that
    a test can assert that the damage was not ignored.
    """
    original, rng, refused = path.read_bytes(), random.Random(seed), 0
    try:
        for k in range(mutations):
            damaged = (mutate_text if text else mutate)(original, rng)
            path.write_bytes(damaged)
            try:
                sample = open_and_read()
            except (ValueError, TypeError, FileNotFoundError) as error:
                named = path.name in str(error) or (text and str(path.parent) in str(error))
                assert named, f"mutation {k}: the error names no file: {type(error).__name__}: {error}"
                refused += 1
            else:
                if sample is not None:
                    assert_well_formed(sample)
    finally:
        path.write_bytes(original)
    return refused
