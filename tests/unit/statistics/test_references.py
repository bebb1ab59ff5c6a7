"""The same numbers by SciPy, statsmodels and rliable: equal, or the difference is explained."""

import numpy as np
import pytest
from example_arms import judged_effect as effect
from scipy import stats

from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import estimate, win_share
from stepladder.statistics.paired import sign_flip, tost
from stepladder.statistics.power import power_of_t

SAMPLES = [
    np.random.default_rng(seed).normal(0.95, 0.01, (2, n)).clip(0, 1)
    for seed, n in enumerate((3, 5, 8, 12, 20))
]


@pytest.fixture(params=range(len(SAMPLES)), ids=lambda place: f"n = {SAMPLES[place].shape[1]}")
def pair(request):
    return SAMPLES[request.param]


def test_scipy_paired_t_and_its_interval(pair):
    one, two = pair
    found, expected = effect(one, two), stats.ttest_rel(one, two)
    interval = expected.confidence_interval(0.95)
    assert found.p_t == pytest.approx(expected.pvalue, abs=1e-10)
    assert found.ci_low == pytest.approx(100 * interval.low, abs=1e-10)
    assert found.ci_high == pytest.approx(100 * interval.high, abs=1e-10)


def test_scipy_exact_permutation_of_signs(pair):
    one, two = pair
    if len(one) > 12:
        pytest.skip("2^20 samples are too many for SciPy's loop")
    expected = stats.permutation_test((one - two,), np.mean, permutation_type="samples",
                                      n_resamples=np.inf, vectorized=True)  # fmt: skip
    assert float(sign_flip(one - two)) == pytest.approx(expected.pvalue, abs=1e-10)


def test_scipy_mean_interval(pair):
    one = pair[0]
    low, high = stats.t.interval(0.95, len(one) - 1, one.mean(), stats.sem(one))
    found = estimate(one.tolist())
    assert (found.ci_low, found.ci_high) == pytest.approx((low, min(high, 1.0)), abs=1e-10)


@pytest.mark.extra
def test_statsmodels_t_interval_and_equivalence(pair):
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    one, two = pair
    differences = 100 * (one - two)
    expected = weightstats.DescrStatsW(differences)
    low, high = expected.tconfint_mean(0.05)
    found = effect(one, two)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=1e-10)
    assert found.p_t == pytest.approx(expected.ttest_mean(0)[1], abs=1e-10)
    p, *_ = expected.ttost_mean(-0.5, 0.5)
    assert float(tost(differences, 0.5)) == pytest.approx(p, abs=1e-10)


@pytest.mark.extra
def test_statsmodels_holm():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    generator = np.random.default_rng(0)
    for count in (1, 2, 6, 40):
        p_values = generator.uniform(0, 0.2, count)
        expected = multitest.multipletests(p_values, method="holm")[1]
        assert holm(p_values) == pytest.approx(expected, abs=1e-10)


@pytest.mark.extra
def test_statsmodels_wilson():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for wins, pairs in [(0, 5), (3, 5), (5, 5), (14, 20), (99, 100)]:
        low, high = proportion.proportion_confint(wins, pairs, method="wilson")
        found = win_share([1.0] * wins + [-1.0] * (pairs - wins))
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-10)


@pytest.mark.extra
def test_statsmodels_power():
    power = pytest.importorskip("statsmodels.stats.power")
    for pairs, ratio, level in [(5, 1.0, 0.05), (20, 0.5, 0.05), (90, 0.3, 0.01)]:
        expected = power.TTestPower().power(ratio, pairs, level, alternative="two-sided")
        assert float(power_of_t(pairs, ratio, 1.0, level)) == pytest.approx(expected, abs=1e-8)


@pytest.mark.extra
def test_statsmodels_two_way_table():
    """The mean squares behind the interval for new images are those of a fitted table."""
    pytest.importorskip("statsmodels")
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    from stepladder.statistics.intervals import new_images_interval

    generator = np.random.default_rng(0)
    n, m = 4, 12
    latent = generator.normal(0.8, 0.3, m) + generator.normal(0, 0.1, (n, 1))
    answers = generator.random((n, m)) < latent
    rows, columns = np.indices((n, m)).reshape(2, -1)
    frame = pd.DataFrame({"y": answers.ravel().astype(float), "r": rows, "i": columns})
    table = anova_lm(ols("y ~ C(r) + C(i)", frame).fit())
    squares, degrees = table["mean_sq"].to_numpy(), table["df"].to_numpy()
    both = squares[0] + squares[1] - squares[2]
    freedom = both**2 / (squares**2 / degrees).sum()
    half = max(
        stats.t.ppf(0.975, freedom) * np.sqrt(both / (n * m)),
        stats.t.ppf(0.975, n - 1) * np.sqrt(squares[0] / (n * m)),
    )
    found = new_images_interval(answers)
    assert (found.high - found.low) / 2 == pytest.approx(half, abs=1e-10)


def all_pairs(one, two):
    """rliable's probability of improvement: every run of one arm against every run of the other."""
    return float(np.mean([(x > y) + (x == y) / 2 for x in one for y in two]))


RLIABLE = [
    ([0.95, 0.96, 0.93, 0.96], [0.94, 0.96, 0.95, 0.92], 0.65625),
    ([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], 0.5),
    ([0.1, 0.2, 0.3, 0.4, 0.5], [0.15, 0.25, 0.35, 0.45, 0.55], 0.4),
]
"""Runs of two algorithms on one task, and what `probability_of_improvement` of rliable 1.2.0
gives for them; the third case is where pairing matters."""


@pytest.mark.parametrize(("one", "two", "expected"), RLIABLE)
def test_rliable_pairs_every_run_with_every_other_and_we_pair_replicates(one, two, expected):
    """The difference explained: rliable's runs share nothing, our replicates share their draw."""
    assert all_pairs(one, two) == pytest.approx(expected, abs=1e-10)
    paired = effect(one, two).p_greater
    assert paired == pytest.approx(
        np.mean([(x > y) + (x == y) / 2 for x, y in zip(one, two, strict=True)])
    )


def test_where_every_replicate_loses_all_pairs_still_say_four_in_ten():
    one, two, expected = RLIABLE[2]
    assert effect(one, two).p_greater == 0
    assert expected == 0.4


@pytest.mark.extra
@pytest.mark.parametrize(("one", "two", "expected"), RLIABLE)
def test_rliable_itself_says_so(one, two, expected):
    metrics = pytest.importorskip("rliable.metrics")
    scores = np.array(one)[:, None], np.array(two)[:, None]
    assert metrics.probability_of_improvement(*scores) == pytest.approx(expected, abs=1e-10)


def test_an_arm_against_itself_swapped_arms_reordered_arms_and_an_added_constant():
    generator = np.random.default_rng(1)
    scores = {name: generator.uniform(0.3, 0.6, 7).round(4).tolist() for name in "abcd"}
    pairs = [("b", "a"), ("c", "a"), ("d", "b")]
    same = effect(scores["a"], scores["a"])
    assert (same.mean, same.ci_low, same.ci_high, same.p) == (0, 0, 0, 1)
    there, back = effect(scores["a"], scores["b"]), effect(scores["b"], scores["a"])
    assert there.mean == -back.mean
    assert (there.ci_low, there.ci_high) == (-back.ci_high, -back.ci_low)
    order = generator.permutation(7)
    mixed = {name: [scores[name][place] for place in order] for name in "dbca"}
    raised = {name: [each + 0.25 for each in values] for name, values in scores.items()}
    for other in (effects(mixed, pairs[::-1]), effects(raised, pairs)):
        for name, expected in effects(scores, pairs).items():
            found = other[name]
            assert found.verdict == expected.verdict
            assert found.mean == pytest.approx(expected.mean, abs=1e-10)
            assert found.p == expected.p
            assert found.p_adjusted == expected.p_adjusted
