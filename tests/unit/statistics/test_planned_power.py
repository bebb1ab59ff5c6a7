"""Power before training, against simulated studies."""

import math

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.anytime import anytime_p, fixed_level
from stepladder.statistics.effects import judge
from stepladder.statistics.paired import paired_t
from stepladder.statistics.power import detectable_difference, pilot_range, planned_power


@pytest.mark.parametrize("pairs", [5, 6, 7, 10, 20])
def test_a_detectable_difference_is_found_in_eight_of_ten_studies(pairs):
    size = float(detectable_difference(np.array([float(pairs)]), 0.05)[0])
    rng = np.random.default_rng(pairs)
    ours = 0.5 + (size + rng.normal(size=(1500, 1, pairs))) / 100
    found = judge(ours, np.full_like(ours, 0.5), delta=1e-6, alpha=0.05, plan=False)
    assert np.mean(found.different) > 0.75  # sign flips cost some points


def test_the_spread_of_a_pilot_is_taken_at_its_upper_limit():
    plan = planned_power([(4, 0.09), (4, 0.25)], comparisons=2, replicates=7, delta=0.1)
    assert plan.degrees == 4
    factor = math.sqrt(4 / stats.chi2.ppf(0.2, 4))
    assert plan.spreads == pytest.approx((0.3 * factor, 0.5 * factor))
    assert [count for count, _ in plan.curve] == [5, 7, 10, 20, 40, 80]
    found = [one for _, one in plan.curve]
    assert found == sorted(found, reverse=True)
    assert 100 < plan.equivalence[0] < plan.equivalence[1]


def test_without_a_pilot_differences_are_in_spreads_and_three_replicates_find_nothing():
    plan = planned_power([], comparisons=1, replicates=3, delta=0.1)
    assert (plan.spreads, plan.equivalence) == (None, None)
    assert plan.curve[0] == (3, None)


@pytest.mark.parametrize("pairs", [10, 20])
def test_a_further_judgement_finds_what_its_test_finds(pairs):
    def level(counts):
        return fixed_level(counts, 0.0025)

    plan = planned_power([], 1, pairs, delta=0.1, level=level)
    assert not plan.is_first
    size = dict(plan.curve)[pairs]
    drawn = size + np.random.default_rng(pairs).normal(size=(4000, pairs))
    assert np.mean(anytime_p(paired_t(drawn)) < 0.0025) == pytest.approx(0.8, abs=0.02)


def test_a_pilot_without_spread_is_none():
    plan = planned_power([(4, 0.0)], comparisons=1, replicates=5, delta=0.1)
    assert plan.spreads is None


@pytest.mark.parametrize(("mean", "delta"), [(0.5, 0.1), (0.0, 0.8)])
def test_the_range_is_what_pilots_ask_for(mean, delta):
    """Against pilots that are drawn, for which the exact numbers are worked out."""
    rng = np.random.default_rng(4)
    ours = 0.5 + (mean + rng.normal(size=(400, 1, 8))) / 100
    asked = judge(ours, np.full_like(ours, 0.5), delta=delta, alpha=0.05)
    numbers = asked.plans[:2].min(axis=0)
    settled = (asked.different | asked.within)[:, 0]
    drawn = np.quantile(np.where(settled, 9, numbers[:, 0]), (0.1, 0.9), method="nearest")
    values = (np.array([value]) for value in (8.0, mean, 1.0, delta, 0.05, 0.05))
    low, high = pilot_range(*values)[:, 0]
    assert low == pytest.approx(drawn[0], rel=0.5)
    assert math.log(high) == pytest.approx(math.log(drawn[1]), abs=0.5)
