"""`claim = "not worse"`: one-sided wherever the second hypothesis is tested, at the same rates."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from stepladder import InputError
from stepladder.statistics.anytime import SHARE_FIRST, anytime_p, later_levels, later_p
from stepladder.statistics.effects import effects, judge, verdict_p_values
from stepladder.statistics.paired import inside, paired_t, skewed_tost, tost
from stepladder.statistics.power import pilot_range, planned_power, power_of_tost
from stepladder.statistics.scores import judge_scores
from stepladder.statistics.sequential import Occasion, effects_over_time, plan_looks, replay
from stepladder.study.metrics import METRICS, Metric

OPEN, NOT_WORSE = "not enough replicates", "not worse beyond δ"
HIGHER, LOWER = METRICS["accuracy"], Metric("loss", "minimize", scale=100.0)
GENERATOR = np.random.default_rng(11)


def scores(mean, spread, count, seed=0):
    """An arm whose differences in points have exactly this mean and spread."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=count)
    drawn = mean + spread * (drawn - drawn.mean()) / drawn.std(ddof=1)
    base = 0.5 + 0.001 * rng.normal(size=count)
    return {"base": base.tolist(), "arm": (base + drawn / 100).tolist()}


def over_time(table, looks, first=None, metric=HIGHER, *, is_adaptive=False, claim="not worse"):
    occasion = Occasion(first or looks, looks, {"arm": 1}, is_adaptive=is_adaptive)
    found, state = effects_over_time(
        table, [("arm", "base")], occasion, delta=0.1, metric=metric, claim=claim
    )
    return found["arm"], state


def mirrored(table):
    return {name: [1 - value for value in row] for name, row in table.items()}


@pytest.mark.parametrize("side", [1, -1])
def test_one_bound_is_a_one_sided_t_test(side):
    rows = GENERATOR.normal(0.05, 0.3, (5, 9))
    way = "greater" if side > 0 else "less"
    expected = stats.ttest_1samp(rows, -side * 0.1, axis=1, alternative=way).pvalue
    assert tost(rows, 0.1, side=side) == pytest.approx(expected)
    assert (inside(rows.mean(axis=1), 0.1, side) > 0).tolist() == (expected < 0.5).tolist()


@pytest.mark.parametrize("test", [tost, skewed_tost])
def test_equivalence_is_both_bounds(test):
    rows = GENERATOR.exponential(0.1, (20, 9)) - 0.08
    sides = [test(rows, 0.1, side=side) for side in (1, -1)]
    assert test(rows, 0.1) == pytest.approx(np.maximum(*sides))
    assert test(-rows, 0.1, side=1) == pytest.approx(sides[1])


def test_p_values_have_the_floors_and_the_skew_of_equivalence():
    half = np.full((1, 6), 0.5)
    assert verdict_p_values(half, half, 0.1, 1)[1] == 2.0**-6
    assert np.isnan(verdict_p_values(half[:, :4], half[:, :4], 0.1, 1)[1])
    rare = np.r_[np.full(19, 0.05), -0.95][None] / 100  # a large loss in one of twenty
    p = verdict_p_values(0.5 + rare, np.full((1, 20), 0.5), 0.1, 1)[1]
    assert p > 1.5 * tost(100 * rare, 0.1, side=1)


def test_the_anytime_valid_test_has_one_bound_too():
    t = paired_t(GENERATOR.normal(0.3, 0.2, (4, 12)))
    assert (anytime_p(t, 0.1) == 1).all()
    assert (anytime_p(t, 0.1, 1) < 0.01).all()
    assert (anytime_p(t, 0.1, -1) == 1).all()
    assert anytime_p(paired_t(np.full(12, 0.3)), 0.1, 1) == 2.0**-12  # no spread proves little
    assert (anytime_p(t, 0.1, 1) <= anytime_p(t, 0.1)).all()


@pytest.mark.parametrize(("n", "level"), [(5, 0.05), (20, 0.01)])
def test_power_with_one_bound_is_that_of_a_one_sided_t_test(n, level):
    for mean in (-0.1, 0.0, 0.15):
        shift = (0.1 + mean) / 0.2 * np.sqrt(n)
        exact = stats.nct.sf(stats.t.isf(level, n - 1), n - 1, shift)
        assert power_of_tost(n, mean, 0.2, 0.1, level, 1) == pytest.approx(exact)
        assert power_of_tost(n, -mean, 0.2, 0.1, level, -1) == pytest.approx(exact)


def test_an_arm_that_may_be_better_needs_fewer_replicates():
    values = [np.array([value]) for value in (8.0, 0.08, 0.2, 0.1, 0.05, 0.05)]
    assert (pilot_range(*values, side=1) <= pilot_range(*values)).all()
    assert pilot_range(*values, side=1)[1] < pilot_range(*values)[1]
    plans = [planned_power([(9, 0.04)], 1, 10, 0.1, side=side).equivalence for side in (0, 1)]
    assert plans[1] < plans[0]
    table = scores(0.05, 0.2, 6)
    two, one = (effects(table, [("arm", "base")], claim=claim)["arm"].plan
                for claim in ("difference", "not worse"))  # fmt: skip
    assert one.purpose == "not worse"
    assert one.count < two.count
    later, _ = over_time(table, (6,))
    assert later.verdict == OPEN
    assert later.plan.purpose == "not worse"


def test_where_lower_is_better_all_is_mirrored():
    table = scores(0.05, 0.12, 10)
    higher, _ = over_time(table, (10,))
    lower, _ = over_time(mirrored(table), (10,), metric=LOWER)
    assert higher.verdict == lower.verdict == NOT_WORSE
    assert lower.p_verdict == pytest.approx(higher.p_verdict)
    assert lower.mean == pytest.approx(-higher.mean)
    assert over_time(table, (10,), metric=LOWER)[0].verdict == OPEN
    assert over_time(table, (10,), claim="difference")[0].verdict == OPEN


def test_the_verdict_says_what_it_misses_and_its_p_agrees():
    table = scores(0.05, 0.12, 10)
    found, _ = over_time(table, (10,))
    assert found.missed_share == pytest.approx(1 - 0.05**0.1)
    assert found.p_verdict < 0.05
    assert found.plan is None
    assert over_time(scores(0.0, 0.3, 10), (10,))[0].p_verdict >= 0.05


def test_a_verdict_of_the_first_judgement_stays_while_the_mean_does_not_contradict_it():
    table = scores(0.05, 0.12, 10)
    worse = {"base": [*table["base"], *[0.5] * 30], "arm": [*table["arm"], *[0.4975] * 30]}
    same = {"base": [*table["base"], *[0.5] * 10], "arm": [*table["arm"], *[0.51, 0.49] * 5]}
    assert over_time(same, (20,), first=(10,))[0].verdict == NOT_WORSE
    assert over_time(worse, (40,), first=(10,))[0].verdict != NOT_WORSE
    assert over_time(same, (20,), first=(20,))[0].verdict == OPEN


def test_an_extension_needs_the_anytime_valid_test():
    table = scores(0.05, 0.2, 14, seed=1)
    planned, _ = over_time(table, (14,))
    later, _ = over_time(table, (14,), first=(5,))
    assert (planned.verdict, later.verdict) == (NOT_WORSE, OPEN)
    assert later.p_verdict > 0.05
    clear, _ = over_time(scores(0.06, 0.1, 40), (40,), first=(5,))
    assert clear.verdict in (NOT_WORSE, "helps")


def test_looks_settle_what_is_not_worse():
    found, state = over_time(scores(0.05, 0.05, 20, seed=3), (6, 20), is_adaptive=True)
    assert state.within.all() or state.different.all()
    found, state = over_time(scores(0.02, 0.05, 20), (6, 20), is_adaptive=True)
    assert found.verdict == NOT_WORSE
    assert found.settled_at == state.settled_at[0]


def test_scores_of_ones_own_may_claim_it():
    table = scores(0.05, 0.12, 12)
    labelled = {name: dict(enumerate(row)) for name, row in table.items()}
    labelled = {name: {str(key): one for key, one in row.items()} for name, row in labelled.items()}
    assert judge_scores(labelled).arms[1].effect.verdict == OPEN
    judged = judge_scores(labelled, claim="not worse")
    assert judged.arms[1].effect.verdict == NOT_WORSE
    at_any_time = judge_scores(labelled, claim="not worse", anytime=True, delta=0.3)
    assert at_any_time.arms[1].effect.verdict == NOT_WORSE
    apart = {"base": labelled["base"], "arm": {f"x{k}": v for k, v in labelled["arm"].items()}}
    assert judge_scores(apart, claim="not worse", delta=0.5).arms[1].effect.verdict == NOT_WORSE
    with pytest.raises(InputError, match='claim "not worse" needs a delta, found none'):
        judge_scores(labelled, claim="not worse", metric=replace(LOWER, bounds=(-1e9, 1e9)))


@pytest.mark.parametrize("comparisons", [1, 4])
def test_arms_that_are_worse_by_delta_are_seldom_called_not_worse(comparisons):
    studies, most = 500, 40
    drawn = np.random.default_rng((7, comparisons)).normal(-0.1, 0.2, (studies, comparisons, most))
    arm, other = 0.5 + drawn / 100, np.full(drawn.shape, 0.5)
    first = judge(
        arm[..., :5], other[..., :5], delta=0.1, alpha=0.05 * SHARE_FIRST, plan=False, side=1
    )
    wrong, batches = first.within.any(axis=1), np.ones(comparisons)
    for n in (10, 20, 40):
        p, p_within = later_p(paired_t(drawn[..., :n]), batches, 0.1, side=1)
        levels = later_levels(batches)
        wrong |= ((p_within < levels) & ~(p < levels)).any(axis=1)
    assert wrong.mean() < 0.05 + 2 * np.sqrt(0.05 * 0.95 / studies)
    looks = plan_looks(20, comparisons)
    wrong = [replay(ours[:, :20], theirs[:, :20], looks, delta=0.1, side=1).within.any()
             for ours, theirs in zip(arm[:200], other[:200], strict=True)]  # fmt: skip
    assert np.mean(wrong) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
