"""Divergence rates against SciPy's exact binomial test and by hand."""

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.divergence import divergence_differences


@pytest.mark.parametrize(("only", "only_other", "both"), [(5, 0, 0), (0, 3, 2), (4, 4, 1)])
def test_the_p_value_is_that_of_the_unlike_pairs(only, only_other, both):
    arm = [True] * only + [False] * only_other + [True] * both + [False] * 2
    other = [False] * only + [True] * only_other + [True] * both + [False] * 2
    found = divergence_differences({"a": (arm, other)})["a"]
    assert found.p == pytest.approx(stats.binomtest(only, only + only_other, 0.5).pvalue)
    assert found.difference == pytest.approx((only - only_other) / len(arm))
    assert found.ci_low <= found.difference <= found.ci_high
    assert (found.arm, found.other) == (only + both, only_other + both)
    assert found.either == only + only_other + both
    back = divergence_differences({"a": (other, arm)})["a"]
    assert (back.ci_low, back.ci_high) == pytest.approx((-found.ci_high, -found.ci_low))


def test_comparisons_without_a_divergence_are_left_out_and_count_in_the_family():
    some, none = ([True] * 6 + [False] * 4, [False] * 10), ([False] * 10, [False] * 10)
    assert list(divergence_differences({"a": some, "b": none})) == ["a"]
    assert divergence_differences({"a": some, "b": none})["a"].p_adjusted == 2 / 32
    assert divergence_differences({}) == {}


def test_equal_rates_are_called_unlike_in_one_study_of_twenty_at_most():
    rng = np.random.default_rng(3)
    studies = {str(i): tuple(rng.random((2, 12)) < 0.3) for i in range(400)}
    assert np.mean([one.p < 0.05 for one in divergence_differences(studies).values()]) < 0.06
