import math

import numpy as np
import pytest
from example_arms import judged_effect as effect

from stepladder.statistics.effects import effects, judge

HELPS, HURTS = "helps", "hurts"
NONE, OPEN = "no difference beyond δ", "not enough replicates"

BASE = [0.50, 0.53, 0.56, 0.59, 0.62, 0.65, 0.68, 0.71, 0.74, 0.77]


def _gains(*points):
    """An arm that gains so many points on replicates that overlap, and the other arm."""
    other = BASE[: len(points)]
    return [score + gain / 100 for score, gain in zip(other, points, strict=True)], other


@pytest.mark.parametrize(
    ("arm", "other", "verdict"),
    [
        pytest.param([0.97] * 5, [0.11] * 5, HELPS, id="80 points in 5 of 5"),
        pytest.param([0.11] * 5, [0.97] * 5, HURTS, id="the same lost"),
        pytest.param(
            [0.91, 0.95, 0.93, 0.96, 0.89], [0.11] * 5, HELPS, id="80 points, some spread"
        ),
        pytest.param(
            [0.97, 0.96, 0.9, 0.95], [0.1, 0.2, 0.1, 0.1], HELPS, id="80 points in 4 of 4"
        ),
        pytest.param([0.97] * 3, [0.11] * 3, OPEN, id="3 of 3: chance does it once in 32"),
        pytest.param([0.97] * 2, [0.11] * 2, OPEN, id="2 of 2"),
        pytest.param(*_gains(1, 1, 1), OPEN, id="three equal differences"),
        pytest.param(*_gains(1.1, 0.9, 1, 1.05, 1), HELPS, id="five that are alike"),
        pytest.param(*_gains(1, 2, 3, 2, 2), HELPS, id="five of one sign"),
        pytest.param(*_gains(1, 4, 1, 3, 0.5), OPEN, id="five of one sign, unlike"),
        pytest.param(*_gains(1, 2, 3, 2, 2, 2), HELPS, id="six of one sign"),
        pytest.param(*_gains(0.3, 4, 1, 3, 0.5, 2.4), HELPS, id="six, by the flips alone"),
        pytest.param(*_gains(1, 2, 3, 2, 2, -2), OPEN, id="five of six"),
        pytest.param(*_gains(1, 1, 1, 1, 1, 30), OPEN, id="six of one sign, one far off"),
        pytest.param(*_gains(0, 0, 0, 0, 0), NONE, id="identical"),
        pytest.param(*_gains(0, 0, 0, 0), OPEN, id="identical four times: half of all may differ"),
        pytest.param(*_gains(0, 0), OPEN, id="identical twice"),
        pytest.param(*_gains(0.01, -0.02, 0.01, 0, 0.01), NONE, id="within delta"),
        pytest.param(
            *_gains(0.05, 0.05, 0.05, 0.05, 0.05), HELPS, id="certain, though within delta"
        ),
        pytest.param(*_gains(0.05, 0.05, 0.05), OPEN, id="within delta, too few"),
        pytest.param(*_gains(1, -1, 2, -2, 1), OPEN, id="noise"),
    ],
)
def test_verdicts(arm, other, verdict):
    assert effect(arm, other).verdict == verdict


def test_every_false_verdict_needs_the_adjusted_t_test_below_alpha():
    scores = np.random.default_rng(0).choice([0.2, 0.5, 0.8], (400, 4, 6))
    judged = judge(scores[:, 1:], scores[:, :-1], delta=0.1, alpha=0.3, plan=False)
    assert judged.different.any()
    assert (judged.p_t_adjusted[judged.different] < 0.3).all()
    assert (judged.p_t_adjusted < 0.3).sum() > judged.different.sum()  # and more than that


def test_a_ladder_of_twelve_rungs_can_show_80_points_at_five_replicates():
    scores = {"0": [0.11] * 5} | {str(rung): [0.97] * 5 for rung in range(1, 13)}
    found = effects(scores, [(str(rung), str(rung - 1)) for rung in range(1, 13)])
    assert [each.verdict for each in found.values()] == [
        HELPS,
        *[OPEN] * 11,
    ]  # 12 / 2^5 is no proof


def test_in_a_larger_family_the_same_scores_need_more():
    arm, other = _gains(1.1, 0.9, 1, 1.1, 1, 0.9)
    alone = effect(arm, other)
    crowd = effects(
        {"arm": arm, "other": other} | {str(each): other for each in range(400)},
        [("arm", "other"), *((str(each), "other") for each in range(400))],
    )["arm"]
    assert (alone.verdict, crowd.verdict) == (HELPS, OPEN)
    assert (crowd.p, crowd.p_t) == (alone.p, alone.p_t)
    assert crowd.p_t_adjusted == pytest.approx(401 * alone.p_t)
    assert crowd.replicates_needed == 8  # 4^-7 is the first below 0.05 / 401


def test_what_is_settled_no_longer_counts_in_the_plan():
    arm, other = _gains(1, 4, 1, 3, 0.5)
    clear = [score + 0.2 for score in other]
    scores = {"arm": arm, "other": other} | {str(each): clear for each in range(5)}
    found = effects(scores, [(name, "other") for name in scores if name != "other"])
    assert [found[str(each)].verdict for each in range(5)] == [HELPS] * 5
    assert found["arm"].replicates_needed == effect(arm, other).replicates_needed == 8


def test_a_plan_asks_for_more_even_where_as_many_had_the_power():
    arm, other = _gains(2, 2.1, 1.9, 2.2, 1.8, 2, -0.01)
    scores = {"arm": arm, "other": other, "b": [], "c": []}
    found = effects(scores, [("arm", "other"), ("b", "other"), ("c", "other")])["arm"]
    assert (found.verdict, found.p_t_adjusted < 0.01) == (OPEN, True)
    assert found.replicates_needed == 8


def test_a_plan_for_gains_of_both_signs_waits_for_the_flips():
    scores = dict(zip(["arm", "other"], _gains(1, 1, 1, 1, 1, 1, 1, 0), strict=True))
    scores |= {str(each): [] for each in range(49)}
    found = effects(scores, [(name, "other") for name in scores if name != "other"])["arm"]
    assert found.replicates_needed == 11  # 2 / 2^11 is the first below 0.05 / 50


def test_above_twenty_pairs_a_large_family_is_not_held_up_by_the_number_of_draws():
    scores = np.full((1_500, 2, 25), np.nan)
    scores[0, 0] = np.linspace(0.5, 0.9, 25)
    scores[0, 1] = scores[0, 0] - np.linspace(0.01, 0.03, 25)
    judged = judge(scores[:, 0], scores[:, 1], delta=0.1, alpha=0.05)
    assert judged.p_adjusted[0] > 0.05
    assert judged.different[0]


def test_differences_equal_in_images_are_equal_in_bits():
    arm, other = [0.3, 0.2, 0.9, 0.7, 0.97], [0.2, 0.1, 0.8, 0.6, 0.87]
    assert len({100 * (a - b) for a, b in zip(arm, other, strict=True)}) > 1
    found = effect(arm, other)
    assert found.differences == (10.0,) * 5
    assert (found.mean, found.ci_low, found.ci_high, found.p_t) == (10, 10, 10, 0)


def test_equivalence_is_corrected_for_the_family_too():
    close, base = _gains(0.05, -0.03, 0.06, -0.02, 0.02, 0.0, -0.05, 0.06)
    wild, _ = _gains(9, -9, 9, -9, 9, -9, 9, -8)
    alone = effect(close, base)
    scores = {"close": close, "base": base} | {str(each): wild for each in range(300)}
    crowd = effects(scores, [(name, "base") for name in scores if name != "base"])
    assert (alone.verdict, crowd["close"].verdict) == (NONE, OPEN)


def test_a_larger_delta_and_alpha_settle_more():
    arm, other = _gains(0.3, -0.2, 0.1, 0.2, -0.1)
    assert effect(arm, other).verdict == OPEN
    assert effect(arm, other, delta=1.0).verdict == NONE
    arm, other = _gains(1, 4, 1, 3, 0.5)
    assert effect(arm, other, alpha=0.1).verdict == HELPS


@pytest.mark.parametrize(
    ("arm", "other", "needed"),
    [
        pytest.param([0.97] * 3, [0.11] * 3, 4, id="consistent at three"),
        pytest.param([0.97] * 2, [0.11] * 2, 4, id="consistent at two"),
        pytest.param(*_gains(0, 0), 5, id="identical at two"),
        pytest.param(*_gains(1, 4, 1, 3, 0.5), 8, id="of one sign at five"),
        pytest.param(*_gains(1, 2, 1), 5, id="of one sign at three, where the t test needs half"),
        pytest.param([0.97] * 5, [0.11] * 5, None, id="settled"),
        pytest.param(*_gains(0, 0, 0, 0, 0), None, id="settled as no difference"),
        pytest.param([0.97], [0.11], None, id="one pair"),
        pytest.param(*_gains(30, -30.05, 30, -30.3, 1), None, id="more than 10,000"),
    ],
)
def test_replicates_needed(arm, other, needed):
    assert effect(arm, other).replicates_needed == needed


def test_replicates_needed_are_those_of_the_power_tables():
    # Mean a half of the spread: 34 pairs for 80 % power (G*Power 3).
    row = np.array([-1.0, -1.0, 1.0, 1.0]) * math.sqrt(3 / 4) + 0.5
    assert effect(*_gains(*row), delta=1e-6).replicates_needed == 34


@pytest.mark.parametrize("seed", range(6))
def test_replicates_needed_are_more_than_there_are(seed):
    scores = np.random.default_rng(seed).normal(0.5, 0.003, (40, 2, 4))
    found = [effect(*each) for each in scores]
    assert any(each.replicates_needed for each in found)
    for each in found:
        if each.verdict == OPEN:
            assert each.replicates_needed is None or 4 < each.replicates_needed <= 10_000
        else:
            assert each.replicates_needed is None


def test_studies_are_judged_together_as_if_one_by_one():
    scores = np.random.default_rng(3).normal(0.9, 0.01, (5, 4, 6)).round(3)
    together = judge(scores[:, 1:], scores[:, :-1], delta=0.1, alpha=0.05)
    for study in range(5):
        alone = judge(scores[study, 1:], scores[study, :-1], delta=0.1, alpha=0.05)
        for field in ("p", "p_adjusted", "p_t_adjusted", "different", "within"):
            expected, found = getattr(alone, field), getattr(together, field)[study]
            assert np.array_equal(found, expected, equal_nan=True), field
        assert np.array_equal(together.plans[:, study], alone.plans)


# What equivalence does not exclude, and intervals for a whole family.


@pytest.mark.parametrize(("comparisons", "least"), [(1, 5), (2, 6), (6, 7), (32, 10)])
def test_no_difference_needs_as_many_pairs_as_its_family_asks_for(comparisons, least):
    """Equal scores have no spread, so the t tests are certain; m / 2^n is not."""
    for n in (least - 1, least):
        scores = np.full((comparisons, n), 0.96)
        assert judge(scores, scores, delta=0.1, alpha=0.05).within.all() == (n == least)


def test_an_effect_says_what_share_of_trainings_its_equivalence_does_not_exclude():
    found = effect([0.96] * 5, [0.96] * 5)
    assert found.missed_share == pytest.approx(1 - 0.05 ** (1 / 5))
    assert effect([0.97] * 5, [0.11] * 5).missed_share is None
    generator = np.random.default_rng(0)  # a share as large is missed by 5 in 5 pairs in 5 %
    missed = (generator.random((20_000, 5)) > found.missed_share).all(axis=1).mean()
    assert missed == pytest.approx(0.05, abs=0.005)


def test_intervals_of_a_family_hold_at_once_and_agree_with_open_verdicts():
    generator, truth = np.random.default_rng(1), np.array([2.0, 2.0, 2.0, 0.0, 0.0, 0.0])
    differences = truth[:, None] + generator.normal(size=(2_000, 6, 5))
    judged = judge(0.5 + differences / 100, np.full_like(differences, 0.5), delta=0.1, alpha=0.05,
                   plan=False)  # fmt: skip
    holds = (judged.simultaneous_low <= truth) & (truth <= judged.simultaneous_high)
    assert holds.all(axis=1).mean() == pytest.approx(0.955, abs=0.012)
    t = (judged.t.ci_low <= truth) & (truth <= judged.t.ci_high)
    assert t.all(axis=1).mean() < 0.8
    alone = judge(0.5 + differences[:, :1] / 100, np.full((2_000, 1, 5), 0.5), delta=0.1,
                  alpha=0.05, plan=False)  # fmt: skip
    np.testing.assert_allclose(alone.simultaneous_low, alone.t.ci_low)


def test_an_interval_of_a_family_has_0_in_it_where_nothing_is_established():
    arm, other = _gains(1, 4, 1, 3, 0.5)  # the t test rejects, sign flips do not
    found = effect(arm, other)
    assert (found.verdict, found.ci_low > 0) == (OPEN, True)
    assert (found.simultaneous.low, found.comparisons) == (0.0, 1)
    assert found.simultaneous.high == pytest.approx(found.ci_high)
    helps = effect(*_gains(1, 2, 3, 2, 2))
    assert (helps.simultaneous.low, helps.simultaneous.high) == pytest.approx(
        (helps.ci_low, helps.ci_high)
    )
