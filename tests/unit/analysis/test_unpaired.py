import math

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics import welch

NAN = math.nan


@pytest.mark.parametrize("sizes", [(5, 5), (3, 12), (2, 2)])
def test_it_is_scipys_welch_interval(sizes):
    rng = np.random.default_rng(sum(sizes))
    ours, theirs = rng.normal(1, 1, sizes[0]), rng.normal(0, 3, sizes[1])
    made = welch(ours.tolist(), theirs.tolist())
    ends = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert made.mean == pytest.approx(ours.mean() - theirs.mean())
    assert (made.ci_low, made.ci_high) == pytest.approx((ends.low, ends.high))


def test_swapping_the_samples_flips_the_sign():
    one, two = welch([1, 2, 4], [3, 5]), welch([3, 5], [1, 2, 4])
    assert one.mean == -two.mean
    assert (one.ci_low, one.ci_high) == pytest.approx((-two.ci_high, -two.ci_low))


def test_a_sample_against_itself_has_no_difference():
    assert welch([1, 2, 4], [1, 2, 4]).mean == 0


def test_too_few_values_have_no_interval():
    assert (welch([1], [2, 3]).mean, welch([1], [2, 3]).ci_low) == (-1.5, None)
    assert math.isnan(welch([NAN], [2, 3]).mean)
    assert math.isnan(welch([], [2, 3]).mean)
    assert welch([1, NAN, 3], [0, 0]).mean == 2


def test_equal_values_have_an_interval_without_width():
    made = welch([2, 2], [1, 1])
    assert (made.ci_low, made.mean, made.ci_high) == (1, 1, 1)
