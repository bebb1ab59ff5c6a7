"""Differences on other measures: against SciPy, and with pairs missing."""

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics import difference


def test_it_is_the_paired_t_interval_and_the_exact_permutation_test():
    generator = np.random.default_rng(0)
    one, two = generator.normal(2, 1, (2, 9))
    found = difference(one, two, "test_loss", "nats")
    expected = stats.ttest_rel(one, two)
    interval = expected.confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(interval), abs=1e-10)
    flips = stats.permutation_test((one - two,), np.mean, permutation_type="samples",
                                   n_resamples=np.inf)  # fmt: skip
    assert found.p == pytest.approx(flips.pvalue, abs=1e-10)
    assert (found.pairs, found.unpaired, found.measure, found.unit) == (9, 0, "test_loss", "nats")


def test_missing_values_have_no_pair():
    found = difference([3.0, np.nan, 4.0], [1.0, 1.0, 1.0], "epochs_to_target", "epochs")
    assert (found.mean, found.pairs, found.unpaired) == (2.5, 2, 1)
    nothing = difference([np.nan], [1.0], "x", "y")
    assert np.isnan(nothing.mean)
    assert (nothing.ci_low, nothing.ci_high, nothing.p) == (None, None, None)


def test_an_arm_against_itself_differs_by_nothing():
    found = difference([0.3, 0.4], [0.3, 0.4], "val_accuracy", "points", 100)
    assert (found.mean, found.ci_low, found.ci_high, found.p) == (0, 0, 0, 1)
