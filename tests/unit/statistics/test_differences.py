"""Differences of two arms: unpaired, on other measures, and how often one wins."""

import math

import numpy as np
import pytest
from example_arms import judged_effect as effect
from scipy import optimize, stats

from stepladder.statistics.intervals import win_share
from stepladder.statistics.paired import paired_difference, welch

# Differences on other measures: against SciPy, and with pairs missing.


def test_it_is_the_paired_t_interval_and_the_exact_permutation_test():
    generator = np.random.default_rng(0)
    one, two = generator.normal(2, 1, (2, 9))
    found = paired_difference(one, two, "test_loss", "nats")
    expected = stats.ttest_rel(one, two)
    interval = expected.confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(interval), abs=1e-10)
    flips = stats.permutation_test((one - two,), np.mean, permutation_type="samples",
                                   n_resamples=np.inf)  # fmt: skip
    assert found.p == pytest.approx(flips.pvalue, abs=1e-10)
    assert (found.pairs, found.unpaired, found.measure, found.unit) == (9, 0, "test_loss", "nats")


def test_missing_values_have_no_pair():
    found = paired_difference([3.0, np.nan, 4.0], [1.0, 1.0, 1.0], "epochs_to_target", "epochs")
    assert (found.mean, found.pairs, found.unpaired) == (2.5, 2, 1)
    nothing = paired_difference([np.nan], [1.0], "x", "y")
    assert np.isnan(nothing.mean)
    assert (nothing.ci_low, nothing.ci_high, nothing.p) == (None, None, None)


def test_an_arm_against_itself_differs_by_nothing():
    found = paired_difference([0.3, 0.4], [0.3, 0.4], "val_accuracy", "points", 100)
    assert (found.mean, found.ci_low, found.ci_high, found.p) == (0, 0, 0, 1)


# Unpaired.


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


# P(A > B) with ties counted half: against Wilson's interval, the score test and its symmetries.


GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 3, 5, 20, 100])
def test_without_ties_it_is_wilson_s_interval(n):
    for wins in range(n + 1):
        found = win_share([1.0] * wins + [-1.0] * (n - wins))
        expected = stats.binomtest(wins, n).proportion_ci(method="wilson")
        assert found.share == wins / n
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def score(theta, wins, losses, n):
    """Tango's statistic, its nuisance maximised numerically instead of in closed form."""

    def unlikely(losing):
        winning = losing + theta
        shares = np.array([winning, losing, 1 - winning - losing])
        counts = np.array([wins, losses, n - wins - losses])
        with np.errstate(divide="ignore", invalid="ignore"):
            return -np.where(counts > 0, counts * np.log(shares), 0.0).sum()

    low, high = max(0.0, -theta), (1 - theta) / 2
    losing = optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded",
                                      options={"xatol": 1e-12}).x  # fmt: skip
    return (wins - losses - n * theta) / np.sqrt(n * (2 * losing + theta - theta**2))


@pytest.mark.parametrize(("wins", "losses", "n"), [(5, 2, 10), (1, 1, 5), (8, 0, 12), (3, 4, 7)])
def test_the_ends_are_where_tango_s_score_test_rejects(wins, losses, n):
    found = win_share([1.0] * wins + [-1.0] * losses + [0.0] * (n - wins - losses))
    z = stats.norm.isf(0.025)
    assert score(2 * found.low - 1, wins, losses, n) == pytest.approx(z, abs=1e-3)
    assert score(2 * found.high - 1, wins, losses, n) == pytest.approx(-z, abs=1e-3)


def test_swapping_the_arms_turns_it_round():
    differences = GENERATOR.integers(-2, 3, (50, 9)).astype(float)
    one, other = win_share(differences), win_share(-differences)
    assert one.share == pytest.approx(1 - other.share)
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)
    assert (one.low <= one.share).all()
    assert ((one.low >= 0) & (one.high <= 1)).all()


def test_an_arm_against_itself_is_better_half_the_time():
    found = effect([0.9, 0.91, 0.92], [0.9, 0.91, 0.92])
    assert found.p_greater == 0.5
    assert found.p_greater_ci.low == pytest.approx(1 - found.p_greater_ci.high)


def test_missing_pairs_do_not_count():
    assert win_share([1.0, np.nan, -1.0]).share == 0.5
    nothing = win_share([np.nan, np.nan])
    assert np.isnan([nothing.share, nothing.low, nothing.high]).all()
    assert effect([0.5], [float("nan")]).p_greater is None


@pytest.mark.parametrize(("better", "tied"), [(0.5, 0.0), (0.8, 0.0), (0.3, 0.4), (0.2, 0.7)])
@pytest.mark.parametrize("n", [5, 10, 30])
def test_intervals_hold_the_share_about_19_times_in_20(better, tied, n):
    drawn = np.random.default_rng(n).choice([1.0, 0.0, -1.0], (4_000, n),
                                            p=[better, tied, 1 - better - tied])  # fmt: skip
    found, truth = win_share(drawn), better + tied / 2
    assert 0.92 < ((found.low <= truth) & (truth <= found.high)).mean() <= 1
