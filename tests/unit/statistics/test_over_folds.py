"""Verdicts over folds: those of the corrected tests, and none more however often they are asked."""

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.anytime import SHARE_FIRST
from stepladder.statistics.effects import effects
from stepladder.statistics.sequential import Occasion, OverFolds, effects_over_time
from stepladder.study.splits import Splits, folds_into_replicates

PAIRS = [("a", "base"), ("b", "base")]


def scores(count, gain=(0.05, 0.0), seed=0):
    rng = np.random.default_rng(seed)
    base = 0.8 + 0.01 * rng.normal(size=count)
    return {"base": base.tolist()} | {
        name: (base + mean + 0.01 * rng.normal(size=count)).tolist()
        for name, mean in zip("ab", gain, strict=True)
    }


def over_time(values, first, now, folds):
    occasion = Occasion((first,), (now,), {"a": 1, "b": 1})
    return effects_over_time(values, PAIRS, occasion, folds=folds)[0]


def test_the_planned_judgement_is_that_of_the_corrected_tests():
    values = scores(10)
    judged = over_time(values, 10, 10, OverFolds(0.25, 2))
    asked = effects(values, PAIRS, overlap=0.25, alpha=0.05 * SHARE_FIRST)
    for name in "ab":
        for figure in ("mean", "ci_low", "ci_high", "p_t", "verdict"):
            assert getattr(judged[name], figure) == getattr(asked[name], figure)
        assert judged[name].plan is None
        assert judged[name].anytime is None
    assert judged["a"].verdict == "helps"


def test_the_interval_has_the_variance_of_nadeau_and_bengio():
    values = scores(10)
    effect = over_time(values, 10, 10, OverFolds(0.25, 2))["b"]
    differences = np.array(effect.differences)
    half = stats.t.ppf(0.975, 9) * differences.std(ddof=1) * np.sqrt(1 / 10 + 0.25)
    assert effect.ci_high - effect.mean == pytest.approx(half)
    assert effect.p_t == pytest.approx(2 * stats.t.sf(abs(effect.mean) / half
                                                      * stats.t.ppf(0.975, 9), 9))  # fmt: skip


def test_a_verdict_stays_and_later_ones_have_a_level_of_their_own():
    values = scores(20, gain=(0.05, 0.004))
    first = over_time({name: row[:10] for name, row in values.items()}, 10, 10, OverFolds(0.25, 2))
    later = over_time(values, 10, 20, OverFolds(0.25, 4))
    assert first["a"].verdict == later["a"].verdict == "helps"
    assert first["b"].verdict == "not enough replicates"
    again = effects(values, PAIRS, overlap=0.25)["b"]
    level = 0.05 * (1 - SHARE_FIRST) / 2 / (4 * 5)  # of the first batch, at four repeats
    assert (later["b"].verdict == "helps") == (again.p_t_adjusted < level)


def test_arms_that_are_alike_are_never_told_apart():
    values = scores(10)
    values["a"] = values["base"]
    effect = over_time(values, 10, 10, OverFolds(0.25, 2))["a"]
    assert (effect.mean, effect.ci_low, effect.ci_high, effect.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_the_overlap_is_test_rows_per_other_row(folds):
    splits = Splits(kind="k-fold", folds=folds)
    assert splits.overlap(is_forward=False) == pytest.approx((1 / folds) / (1 - 1 / folds))
    trained = [fold + 1 for fold in range(folds)]  # blocks
    assert splits.overlap(is_forward=True) == pytest.approx(folds / sum(trained))
    assert Splits().overlap(is_forward=False) == 0


def test_replicates_follow_from_folds():
    for splits in ({"kind": "k-fold", "folds": 5, "repeats": 2},
                   Splits(kind="k-fold", folds=5, repeats=2)):  # fmt: skip
        assert folds_into_replicates({"splits": splits})["replicates"] == 10
        assert folds_into_replicates({"splits": splits, "replicates": 10})["replicates"] == 10
        with pytest.raises(ValueError, match="found 4"):
            folds_into_replicates({"splits": splits, "replicates": 4})
    assert folds_into_replicates({"splits": {"kind": "hold-out"}}) == {
        "splits": {"kind": "hold-out"}
    }
