"""Posterior probabilities and non-inferiority, against SciPy."""

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.effects import effects
from stepladder.statistics.paired import tost
from stepladder.statistics.posterior import Posterior, posterior, with_posteriors
from stepladder.statistics.scores import judge_scores
from stepladder.study.metrics import Metric


@pytest.mark.parametrize("correlation", [0.0, 0.1])
def test_it_is_a_t_distribution_about_the_mean(correlation):
    values = np.random.default_rng(1).normal(0.1, 0.3, 10)
    found = posterior(values, 0.2, correlation)
    scale = values.std(ddof=1) * np.sqrt(0.1 + correlation / (1 - correlation))
    t = stats.t(9, values.mean(), scale)
    assert found.worse == pytest.approx(t.cdf(-0.2))
    assert found.better == pytest.approx(t.sf(0.2))
    assert found.worse + found.within + found.better == pytest.approx(1)
    flipped = posterior(-values, 0.2, correlation)
    assert (flipped.worse, flipped.better) == pytest.approx((found.better, found.worse))


def test_what_never_varies_is_certain_and_one_value_is_nothing():
    assert posterior([0.0, 0.0], 0.1) == Posterior(0.0, 1.0, 0.0)
    assert posterior([0.3], 0.1) is None


def test_not_worse_is_a_one_sided_t_test_corrected_for_the_family():
    rng = np.random.default_rng(2)
    scores = {name: (0.9 + 0.001 * rng.normal(size=6)).tolist() for name in ("base", "a", "b")}
    judged = effects(scores, [("a", "base"), ("b", "base")], delta=0.2)
    found = with_posteriors(judged, 0.2, 1)
    p = {
        name: stats.ttest_1samp(one.differences, -0.2, alternative="greater").pvalue
        for name, one in judged.items()
    }
    least = min(p, key=p.get)
    assert found[least].p_not_worse == pytest.approx(2 * p[least])
    lower = with_posteriors(judged, 0.2, -1)
    assert lower["a"].posterior.better == pytest.approx(found["a"].posterior.worse)
    assert with_posteriors(judged, None, 1)["a"].posterior is None


@pytest.mark.parametrize("overlap", [0.0, 1 / 9])
def test_the_posterior_and_the_interval_have_one_variance(overlap):
    """With δ at the farther end of the 95 % interval, a fortieth lies beyond."""
    rng = np.random.default_rng(3)
    base = 0.9 + 0.01 * rng.normal(size=10)
    rows = {"base": base, "new": base + 0.002 * rng.normal(size=10)}
    folds = {name: {str(k): float(score) for k, score in enumerate(row)}
             for name, row in rows.items()}  # fmt: skip

    def judged(delta):
        return judge_scores(folds, overlap=overlap, delta=delta).arms[1].effect

    found = judged(0.1)
    end = max(abs(found.ci_low), abs(found.ci_high))
    beyond = judged(end).posterior
    assert max(beyond.worse, beyond.better) == pytest.approx(0.025)
    assert found.p_not_worse == pytest.approx(float(tost(found.differences, 0.1, overlap, 1)))


def test_four_pairs_do_not_show_that_an_arm_is_not_worse():
    judged = effects({"a": [0.9] * 4, "base": [0.9] * 4}, [("a", "base")], delta=0.2)
    assert with_posteriors(judged, 0.2, 1)["a"].p_not_worse is None


def test_an_open_comparison_is_not_worse_where_that_is_claimed():
    rng = np.random.default_rng(5)
    base = 0.9 + 0.0005 * rng.normal(size=6)
    scores = {"base": base.tolist(), "a": (base + 0.001 + 0.001 * rng.normal(size=6)).tolist()}
    pairs = [("a", "base")]
    assert effects(scores, pairs, delta=0.1)["a"].verdict == "not enough replicates"
    found = effects(scores, pairs, delta=0.1, claim="not worse")["a"]
    assert found.verdict == "not worse beyond δ"
    least = stats.ttest_1samp(found.differences, -0.1, alternative="greater").pvalue
    assert least < found.p_verdict < 0.05  # of Hall's T, with a floor
    assert found.replicates_needed is None
    assert found.missed_share == pytest.approx(1 - 0.05 ** (1 / 6))
    lower = Metric("loss", "minimize")
    assert (
        effects(scores, pairs, delta=0.001, metric=lower, claim="not worse")["a"].verdict
        == "not enough replicates"
    )


def test_arms_that_are_worse_by_delta_are_called_not_worse_in_one_study_of_twenty():
    studies = np.random.default_rng(6).normal(-0.1, 0.1, (2000, 8))
    called = np.mean([posterior(row, 0.1).worse < 0.05 for row in studies])
    assert called == pytest.approx(0.05, abs=0.015)
