"""Deciding between two variants from a few seeds, without calling a winner that is not there."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["PairedComparison", "paired_comparison"]


@dataclass(frozen=True)
class PairedComparison:
    """Mean difference over paired runs with its confidence interval, and the verdict on "the difference is > 0"."""

    mean: float
    low: float
    high: float
    runs: int
    confidence: float

    @property
    def verdict(self):
        """*holds here* / *does not hold here* if the whole interval lies above / below zero, else *cannot tell*."""
        if self.runs < 2 or self.low <= 0 <= self.high:
            return "cannot tell"
        return "holds here" if self.low > 0 else "does not hold here"

    def __str__(self):
        if self.runs < 2:
            return f"{self.mean:+.2g} on one run"
        return f"{self.mean:+.2g} [{self.low:+.2g}, {self.high:+.2g}] over {self.runs} paired runs"


def paired_comparison(better, worse, confidence=0.95):
    """Compare two variants run with the same seeds, on "`better` has the larger values than `worse`".

    The interval is Student's t over the paired differences. One run gives no interval, and so no winner.

    Args:
        better, worse: values of one measure, one for each seed, in the same sequence of seeds. For a measure
            where less is better, pass the rival as `better`.
        confidence: of the two-sided interval.

    >>> paired_comparison([0.80, 0.82, 0.81], [0.70, 0.73, 0.72]).verdict
    'holds here'
    >>> paired_comparison([0.80, 0.72, 0.81], [0.70, 0.83, 0.72]).verdict
    'cannot tell'
    >>> paired_comparison([0.9], [0.1]).verdict
    'cannot tell'
    """
    better, worse = np.asarray(better, dtype=float), np.asarray(worse, dtype=float)
    if better.ndim != 1 or better.shape != worse.shape or not better.size:
        raise ValueError(f"better, worse: expected equally many runs, found {better.shape} and {worse.shape}")
    if not np.isfinite(better - worse).all():
        raise ValueError("better, worse: expected finite values")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a share between 0 and 1, found {confidence}")
    difference = better - worse
    mean, runs = float(difference.mean()), difference.size
    if runs < 2:
        return PairedComparison(mean, -np.inf, np.inf, runs, confidence)
    half = stats.t.ppf((1 + confidence) / 2, runs - 1) * difference.std(ddof=1) / np.sqrt(runs)
    return PairedComparison(mean, mean - half, mean + half, runs, confidence)
