"""Sums over all pairs of a ranking in O(N log N) time and O(N) memory, on CPU and GPU alike.

WHDR and MAP both ask, of every pair of items, which stands first in the truth and which in the prediction. A merge
sort would answer, but one comparison after another. Here the predicted positions are split bit by bit from the top:
one running sum over the whole array counts all pairs that a bit tells apart, then the array is partitioned by that
bit, keeping the true sequence inside each half. Every step is one vector operation on N numbers, log N of them.
"""

import numpy as np
import torch

__all__ = ["argsort_descending", "count_inversions", "precision_sum", "sort_integers"]

_BLOCK_BITS = 6  # the last bits are cheaper by comparing all pairs inside blocks of 64


def sort_integers(values):
    """Sorted 1-D int64 values; on the CPU by NumPy, whose vectorised sort is several times faster than torch's."""
    return values.sort().values if values.is_cuda else torch.from_numpy(np.sort(values.numpy()))


def argsort_descending(scores):
    """Indices that sort 1-D `scores` from largest to smallest; equal ones keep their sequence.

    On the CPU, (score, index) is packed into one integer and sorted as such: stable by construction, and about five
    times faster than torch's stable sort.
    """
    if scores.is_cuda or scores.dtype != torch.float32:
        return scores.sort(descending=True, stable=True).indices
    bits = (0.0 - scores).view(torch.int32)  # 0 - s, unlike -s, gives both zeros one sign
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # negative floats sort backwards as integers
    packed = (ascending.long() << 32) | torch.arange(scores.numel())
    return sort_integers(packed) & 0xFFFFFFFF


def _splits(keys):
    """Yield, for each bit from the top, ``(bit, keys, upper, upper_so_far, destination)``.

    `upper` is 1 where the bit is set and `upper_so_far` counts those up to and including each place of its block.
    Since `keys` is a permutation of 0 ... N-1, the items that agree in all higher bits fill one aligned block, and
    each full block has as many items with the bit set as without: those before a block number half its start.
    Last, yield the keys partitioned down to blocks of 2**_BLOCK_BITS as ``(None, keys, None, None, None)``.
    """
    position = torch.arange(keys.numel(), device=keys.device, dtype=keys.dtype)
    for bit in reversed(range(_BLOCK_BITS, max(keys.numel() - 1, 0).bit_length())):
        upper = (keys >> bit) & 1
        half_start = (position >> (bit + 1)) << bit
        upper_so_far = upper.cumsum(0, dtype=keys.dtype).sub_(half_start)
        to_upper = upper_so_far + 2 * half_start + ((1 << bit) - 1)
        destination = torch.where(upper.bool(), to_upper, position - upper_so_far).long()
        yield bit, keys, upper, upper_so_far, destination
        keys = torch.empty_like(keys).scatter_(0, destination, keys)
    yield None, keys, None, None, None


def _blocks(values, fill):
    """`values` in columns of one block each, the last filled up: `rows[a]` and `rows[b]` pair items b - a apart."""
    missing = -values.numel() % (1 << _BLOCK_BITS)
    return torch.cat([values, fill[:missing]]).view(-1, 1 << _BLOCK_BITS).T.contiguous()


def count_inversions(keys):
    """Number of pairs i < j with keys[i] > keys[j], for a permutation of 0 ... N-1 (1-D integers).

    >>> int(count_inversions(torch.tensor([2, 0, 3, 1])))
    3
    """
    keys = keys.int() if keys.numel() < 2**30 else keys
    total, keys = _by_scatter(keys) if keys.is_cuda else _by_selection(keys)
    size = keys.numel()
    fill = torch.arange(size, size + (1 << _BLOCK_BITS), device=keys.device, dtype=keys.dtype)
    rows = _blocks(keys, fill)  # larger than all keys, and last: they invert nothing
    for shift in range(1, len(rows)):
        total += torch.count_nonzero(rows[:-shift] > rows[shift:])
    return total


def _by_scatter(keys):
    """Inversions that the higher bits tell apart, and the keys partitioned by them: for many cores."""
    total = torch.zeros((), dtype=torch.float64, device=keys.device)  # exact below 2**53, so to N = 10**8
    for bit, stage, upper, upper_so_far, _ in _splits(keys):
        if bit is not None:
            total += torch.dot(upper_so_far.double(), (upper ^ 1).double())
    return total, stage


def _by_selection(keys):
    """The same as `_by_scatter` on one core, where selecting by a mask is faster than writing to computed places."""
    keys, total = keys.numpy(), 0
    for bit in reversed(range(_BLOCK_BITS, max(len(keys) - 1, 0).bit_length())):
        half = 1 << bit
        upper = (keys & half) != 0
        lower_at = np.flatnonzero(~upper)
        lowers, uppers, count = keys[lower_at], keys[upper], len(lower_at)
        # Upper items before a lower one, in its block: its position, less the lower ones before it, less the `half`
        # upper ones of each earlier block. Summed over all lower ones, the last two have a closed form.
        blocks, rest = divmod(count, half)
        earlier = half * (half * blocks * (blocks - 1) // 2 + blocks * rest)
        total += int(lower_at.sum()) - count * (count - 1) // 2 - earlier
        keys = np.empty_like(keys)
        paired = len(keys) // (2 * half) * half  # in full blocks, as many lower ones as upper ones
        full = keys[: 2 * paired].reshape(-1, 2, half)
        full[:, 0], full[:, 1] = lowers[:paired].reshape(-1, half), uppers[:paired].reshape(-1, half)
        keys[2 * paired : paired + count], keys[paired + count :] = lowers[paired:], uppers[paired:]
    return torch.tensor(total, dtype=torch.float64), torch.from_numpy(keys)


def precision_sum(keys, harmonic, precision):
    """Sum of ``harmonic[j] * precision[max(keys[i], keys[j])]`` over all pairs i < j, in float64.

    With items in true ranking order, `keys` their predicted places, `precision[p]` the weight 1 / (p + 1) of a
    predicted place and `harmonic[j]` the weight of all cuts that count item j as relevant, this is what every pair
    adds to the sum of average precisions over all cuts.

    Args:
        keys: a permutation of 0 ... N-1, 1-D integers.
        harmonic: float64 (N), by position i in `keys`.
        precision: float64 (N), by key; it must not grow with the key.

    >>> keys, one = torch.tensor([1, 0, 2]), torch.ones(3, dtype=torch.float64)
    >>> float(precision_sum(keys, torch.tensor([3., 2., 1.]).double(), torch.tensor([1., .5, .25]).double()))
    1.5
    """
    size = keys.numel()
    keys = keys.int() if size < 2**30 else keys
    total = torch.zeros((), dtype=torch.float64, device=keys.device)
    position = torch.arange(size, device=keys.device)
    for bit, stage, upper, upper_so_far, destination in _splits(keys):
        weight = precision[stage.long()]
        if bit is None:
            break
        upper, start = upper.double(), (position >> (bit + 1)) << (bit + 1)
        # j with the bit set, i without: the larger key is j's. They number the place in the block less the upper ones.
        lower_so_far = (position - start + 1) - upper_so_far
        total += torch.dot(harmonic * upper, weight * lower_so_far)
        # j without the bit, i with it: the larger key is i's, so its weight is what adds up.
        raised = (weight * upper).cumsum(0)
        before_block = torch.cat([raised.new_zeros(1), raised])[start]
        total += torch.dot(harmonic * (1 - upper), raised - before_block)
        harmonic = torch.empty_like(harmonic).scatter_(0, destination, harmonic)
    fill = weight.new_zeros(1 << _BLOCK_BITS)  # filled places weigh nothing
    weights, harmonics = _blocks(weight, fill), _blocks(harmonic, fill)
    for shift in range(1, len(weights)):
        # precision falls with the place, so the larger key has the smaller weight
        total += torch.sum(torch.minimum(weights[:-shift], weights[shift:]) * harmonics[shift:])
    return total
