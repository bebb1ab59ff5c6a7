"""The anytime-valid test: exact against its integral, right at any number of looks, inverted."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from stepladder.statistics.anytime import (
    SHARE_FIRST,
    anytime_p,
    confidence_sequence,
    critical_t,
    fixed_level,
    later_levels,
    later_p,
    log_bayes_factor,
)
from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import judge
from stepladder.statistics.paired import paired_t
from stepladder.statistics.power import power_of_t
from stepladder.statistics.scores import judge_scores
from stepladder.study.metrics import METRICS


@pytest.mark.parametrize("pairs", [2, 3, 5, 20, 100])
@pytest.mark.parametrize("t", [0.0, 0.7, 3.0, 12.0])
def test_the_bayes_factor_is_the_mean_of_noncentral_t_over_its_normal_prior(pairs, t):
    """Densities of t with the gain over the spread drawn from N(0, 1), over that with none."""
    root = np.sqrt(pairs)

    def of_gain(gain):
        return stats.nct.pdf(t, pairs - 1, root * gain) * stats.norm.pdf(gain)

    peak = t / root
    mean, _ = integrate.quad(of_gain, -10, peak + 10, limit=500, points=[0.0, peak])
    expected = mean / stats.t.pdf(t, pairs - 1)
    assert np.exp(log_bayes_factor(pairs, t)) == pytest.approx(expected, rel=1e-6)


def test_it_never_exceeds_what_few_pairs_can_show():
    pairs = np.arange(2, 12)
    most = np.exp(log_bayes_factor(pairs, np.inf))
    assert most == pytest.approx((1 + pairs) ** ((pairs - 1) / 2))
    assert np.exp(log_bayes_factor(pairs, 1e9)) == pytest.approx(most)
    assert log_bayes_factor([0, 1], 5.0).tolist() == [0, 0]


@pytest.mark.parametrize("level", [0.05, 0.0025, 1e-5])
def test_the_critical_t_is_where_the_bayes_factor_reaches_it(level):
    pairs = np.arange(2, 200)
    bound = critical_t(pairs, level)
    can = np.isfinite(bound)
    reached = np.exp(log_bayes_factor(pairs, bound))[can]
    assert reached == pytest.approx(np.full(can.sum(), 1 / level), rel=1e-9)
    assert (np.exp(log_bayes_factor(pairs, np.inf))[~can] <= 1 / level).all()
    assert fixed_level(pairs, level)[can] == pytest.approx(
        2 * special.stdtr(pairs - 1.0, -bound)[can]
    )


def test_no_spread_no_pairs_and_no_difference_have_their_p():
    same, none = paired_t(np.full(9, 0.3)), paired_t(np.zeros(9))
    assert anytime_p(same) == pytest.approx(10.0**-4)
    assert anytime_p(none) == 1
    assert anytime_p(none, 0.1) == 2.0**-9  # no spread proves little
    assert anytime_p(same, 0.1) == 1
    assert np.isnan(anytime_p(paired_t([0.1, 0.2, np.nan])))


def test_the_sequence_holds_exactly_the_means_that_are_not_rejected():
    drawn = np.random.default_rng(1).normal(1, 2, 12)
    low, high = confidence_sequence(drawn, 0.05)
    for end, outward in ((low, -1), (high, 1)):
        assert anytime_p(paired_t(drawn - end - outward * 1e-6)) < 0.05
        assert anytime_p(paired_t(drawn - end + outward * 1e-6)) > 0.05
    assert confidence_sequence([0.1, 0.2, 0.3], 0.001) == (-np.inf, np.inf)


def test_a_sequence_within_delta_is_the_p_of_within():
    drawn = np.random.default_rng(2).normal(0, 0.13, (50, 15))
    low, high = confidence_sequence(drawn, 0.05)
    inside = (low > -0.1) & (high < 0.1)
    assert (inside == (anytime_p(paired_t(drawn), 0.1) < 0.05)).all()
    assert 0 < inside.sum() < 50


def test_swapping_arms_changes_only_signs():
    drawn = np.random.default_rng(3).normal(0.2, 1, (9, 12))
    assert (anytime_p(paired_t(drawn)) == anytime_p(paired_t(-drawn))).all()
    low, high = confidence_sequence(drawn, 0.05)
    assert (np.array(confidence_sequence(-drawn, 0.05)) == np.array([-high, -low])).all()


def test_batches_share_what_the_first_judgement_leaves():
    levels = later_levels(np.arange(1, 10_000))
    assert levels.sum() == pytest.approx(0.05 * (1 - SHARE_FIRST), rel=1e-3)
    assert levels.sum() < 0.05 * (1 - SHARE_FIRST)
    t = paired_t(np.random.default_rng(4).normal(1, 1, (3, 20)))
    p, _ = later_p(t, [1, 1, 2], 0.1)
    alone = anytime_p(t)
    assert p[2] == alone[2], "a family of its own"
    assert p[:2].min() == pytest.approx(min(2 * alone[:2].min(), 1))


@pytest.mark.parametrize("metric", [METRICS["accuracy"], METRICS["rmse"]])
def test_scores_that_may_be_judged_again_have_the_whole_rate(metric):
    drawn = np.random.default_rng(6).normal(0.5, 0.01, (4, 12))
    drawn[1] += 0.05
    scores = {name: dict(enumerate(row)) for name, row in zip("abcd", drawn, strict=True)}
    scores = {name: {str(key): one for key, one in row.items()} for name, row in scores.items()}
    judged = judge_scores(scores, metric=metric, delta=1.0, anytime=True)
    fixed = judge_scores(scores, metric=metric, delta=1.0)
    assert judged.is_anytime
    p = holm(anytime_p(paired_t(metric.scale * (drawn[1:] - drawn[0]))))
    for arm, other, expected in zip(judged.arms[1:], fixed.arms[1:], p, strict=True):
        assert arm.effect.mean == other.effect.mean
        assert arm.effect.p == other.effect.p
        if arm.effect.verdict != "no difference beyond δ":
            assert arm.effect.p_verdict == pytest.approx(expected)
    better = "helps" if metric.sign > 0 else "hurts"
    assert judged.arms[1].effect.verdict == (better if metric.is_fraction else fixed.arms[1].effect
                                             .verdict)  # fmt: skip


@pytest.mark.parametrize("comparisons", [1, 6])
def test_any_sequence_of_extensions_stays_at_five_percent(comparisons):
    generator = np.random.default_rng((5, comparisons))
    for scores in (
        generator.normal(0.97, 0.002, (1000, comparisons + 1, 40)),
        generator.choice([0.11, 0.97], (1000, comparisons + 1, 40)),
        generator.binomial(20, 0.9, (1000, comparisons + 1, 40)) / 20,
    ):
        arm, other = scores[:, 1:], scores[:, :-1]
        first = judge(arm[..., :5], other[..., :5], delta=0.1, alpha=0.05 * SHARE_FIRST, plan=False)
        wrong = first.different.any(axis=1)
        batches = np.ones(comparisons)
        for n in (6, 8, 10, 20, 40):
            t = paired_t(100 * (arm - other)[..., :n].round(6))
            wrong |= (later_p(t, batches, 0.1)[0] < later_levels(batches)).any(axis=1)
        assert wrong.mean() < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


def test_the_first_judgement_loses_less_than_three_points_of_power():
    for pairs in (5, 8, 10, 20, 40):
        gains = np.linspace(0.1, 4, 40)
        before = power_of_t(pairs, gains, 1.0, 0.05)
        assert (before - power_of_t(pairs, gains, 1.0, 0.05 * SHARE_FIRST)).max() < 0.03
