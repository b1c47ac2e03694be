"""Bounds between metrics hold for every set of errors, and are reached."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidelib.metrics import log_error_bounds

LARGEST = 8.0


def deltas_of(logs):
    return [float(np.mean(logs < np.log(1.25**k))) for k in (1, 2, 3)]


@given(st.lists(st.floats(0, np.log(LARGEST)), min_size=1, max_size=40), st.sampled_from([1, 2]))
def test_every_set_of_errors_lies_between_its_bounds(logs, power):
    logs = np.array(logs)
    low, high = log_error_bounds(deltas_of(logs), LARGEST, power=power, rounding=0)
    assert low - 1e-12 <= (logs**power).mean() <= high + 1e-12
    wider = log_error_bounds(deltas_of(logs), LARGEST, power=power, rounding=0.01)
    assert wider[0] <= low + 1e-12 and wider[1] >= high - 1e-12


@pytest.mark.parametrize("power", [1, 2])
def test_the_bounds_are_reached_at_the_ends_of_the_bands(power):
    bands = np.log([1, 1.25, 1.25**2, 1.25**3, LARGEST])
    near, far = bands[:-1] + 1e-12, bands[1:] - 1e-12
    low, high = log_error_bounds(deltas_of(near), LARGEST, power=power, rounding=0)
    assert low == pytest.approx((near**power).mean()) and high == pytest.approx((far**power).mean())


def test_what_cannot_be_accuracies_is_named():
    for deltas in ([0.9, 0.8, 1.0], [0.9, 1.1, 1.2], [0.9, 0.95]):
        with pytest.raises(ValueError, match="deltas: expected three shares that do not fall"):
            log_error_bounds(deltas, LARGEST)
    with pytest.raises(ValueError, match="largest_ratio: expected above"):
        log_error_bounds([0.8, 0.9, 1.0], 1.5)
