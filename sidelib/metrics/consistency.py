"""What one printed metric says about another: bounds between the columns of a results table."""

import math

__all__ = ["log_error_bounds"]


def log_error_bounds(deltas, largest_ratio, *, power=2, rounding=0.0005):
    """Lowest and highest mean of |ln(prediction / truth)|^power that the accuracies δ1, δ2, δ3 allow.

    δk is the share of pixels whose ratio, the larger over the smaller depth, is below 1.25^k. So each pixel lies in one of
    four bands of |ln ratio|, and the mean is least if all are at the near end of theirs, greatest at the far end.

    Args:
        deltas: three shares, as printed.
        largest_ratio: above which no ratio goes, such as the farthest over the nearest depth; more than 1.25³.
        power: 1 for the mean absolute log error, 2 for the square of RMSE(log).
        rounding: by how much each printed share may be off.

    Returns:
        (lowest, highest), in natural logarithms to that power.

    Raises:
        ValueError: naming the argument.

    >>> [round(value, 4) for value in log_error_bounds([1.0, 1.0, 1.0], 4.0, power=1, rounding=0)]
    [0.0, 0.2231]
    >>> [round(value, 4) for value in log_error_bounds([0.5, 0.5, 0.5], 4.0, power=1, rounding=0)]
    [0.3347, 0.8047]
    """
    deltas = [float(delta) for delta in deltas]
    if len(deltas) != 3 or not all(0 <= a <= b <= 1 for a, b in zip([0.0, *deltas], [*deltas, 1.0])):
        raise ValueError(f"deltas: expected three shares that do not fall, found {deltas}")
    if not largest_ratio > 1.25**3:
        raise ValueError(f"largest_ratio: expected above 1.25³, found {largest_ratio}")
    ends = [math.log(ratio) ** power for ratio in (1, 1.25, 1.25**2, 1.25**3, largest_ratio)]
    most, least = ([min(max(delta + slack, 0.0), 1.0) for delta in deltas] for slack in (rounding, -rounding))
    lowest = sum(share * end for share, end in zip(_bands(most), ends[:-1]))
    highest = sum(share * end for share, end in zip(_bands(least), ends[1:]))
    return lowest, highest


def _bands(deltas):
    return [after - before for before, after in zip([0.0, *deltas], [*deltas, 1.0])]
