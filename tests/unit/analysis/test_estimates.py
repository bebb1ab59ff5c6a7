import math

import numpy as np
import pytest
from scipy import stats

from stepladder.errors import InputError
from stepladder.statistics import Estimate, estimate


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_agrees_with_scipy(confidence):
    values = [0.971, 0.9683, 0.9702, 0.9699, 0.972]
    low, high = stats.t.interval(confidence, 4, np.mean(values), stats.sem(values))
    found = estimate(values, confidence)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), rel=1e-10)


def test_diverged_replicates_are_kept_and_not_counted():
    found = estimate([0.9, math.nan, 0.92])
    alone = estimate([0.9, 0.92])
    assert (found.mean, found.ci_low, found.ci_high) == (alone.mean, alone.ci_low, alone.ci_high)
    assert found.values == pytest.approx((0.9, math.nan, 0.92), nan_ok=True)


def test_equal_values_have_an_interval_without_width():
    assert estimate([0.1135] * 3) == Estimate(0.1135, 0.1135, 0.1135, (0.1135,) * 3)


def test_an_interval_is_cut_where_no_accuracy_can_be():
    found = estimate([0.11, 0.97, 0.97])
    assert (found.ci_low, found.ci_high) == (0, 1)
    assert estimate([0.99, 1.0]).ci_high == 1


@pytest.mark.parametrize("values", [[], [math.nan]])
def test_no_value_has_no_mean(values):
    found = estimate(values)
    assert math.isnan(found.mean)
    assert found.ci_low is found.ci_high is None


def test_one_value_has_no_interval():
    assert estimate([0.5]) == Estimate(0.5, None, None, (0.5,))


def test_arrays_will_do():
    assert estimate(np.array([0, 1, 1, 0])) == estimate([0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.1, math.nan, "high", True])
def test_a_confidence_that_is_none(confidence):
    with pytest.raises(InputError, match="confidence must be between 0 and 1, found"):
        estimate([0.5], confidence)
