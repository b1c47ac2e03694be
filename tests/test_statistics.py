"""The paired comparison is Student's, and never calls a winner on one run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sidelib.statistics import paired_comparison

VALUES = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=8)


@given(VALUES)
def test_the_interval_is_that_of_the_paired_t_test(pairs):
    better, worse = map(list, zip(*pairs, strict=True))
    compared = paired_comparison(better, worse)
    if np.ptp(np.subtract(better, worse)) > 1e-6:
        reference = stats.ttest_rel(better, worse).confidence_interval(0.95)
        assert (compared.low, compared.high) == pytest.approx((reference.low, reference.high), rel=1e-6, abs=1e-9)


@given(VALUES)
def test_swapping_the_variants_swaps_the_verdict(pairs):
    better, worse = map(list, zip(*pairs, strict=True))
    opposite = {"holds here": "does not hold here", "does not hold here": "holds here", "cannot tell": "cannot tell"}
    assert paired_comparison(worse, better).verdict == opposite[paired_comparison(better, worse).verdict]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_one_run_never_wins(better, worse):
    compared = paired_comparison([better], [worse])
    assert compared.verdict == "cannot tell" and "one run" in str(compared)


def test_higher_confidence_asks_for_more():
    better, worse = [1.0, 1.2, 1.6], [0.5, 0.9, 0.8]
    assert paired_comparison(better, worse, 0.90).verdict == "holds here"
    assert paired_comparison(better, worse, 0.99).verdict == "cannot tell"


@pytest.mark.parametrize(
    ("better", "worse", "confidence", "message"),
    [
        ([1, 2], [1], 0.95, "equally many runs"),
        ([], [], 0.95, "equally many runs"),
        ([[1]], [[1]], 0.95, "equally many runs"),
        ([1, float("nan")], [1, 2], 0.95, "finite"),
        ([1, 2], [1, 2], 1.0, "confidence"),
    ],
)
def test_bad_input_says_what_is_wrong(better, worse, confidence, message):
    with pytest.raises(ValueError, match=message):
        paired_comparison(better, worse, confidence)
