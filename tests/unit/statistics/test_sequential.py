"""Looks that are planned before: exact cases, and how often they are wrong."""

import numpy as np
import pytest
from scipy import stats

from stepladder import InputError
from stepladder.statistics.effects import effects
from stepladder.statistics.paired import unanimous_sign_floor
from stepladder.statistics.sequential import (
    LOOKS,
    Occasion,
    effects_over_time,
    look_levels,
    plan_looks,
    replay,
)

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("most", [1, 3, 5, 8, 20, 30, 100, 1000])
@pytest.mark.parametrize("comparisons", [0, 1, 6, 40])
def test_looks_rise_to_the_most(most, comparisons):
    looks = plan_looks(most, comparisons)
    assert looks[-1] == most
    assert list(looks) == sorted(set(looks))
    assert 1 <= len(looks) <= LOOKS


@pytest.mark.parametrize("comparisons", [1, 6, 40])
def test_the_first_look_can_settle_something(comparisons):
    first = plan_looks(100, comparisons)[0]
    assert first >= 5
    assert float(unanimous_sign_floor(first)) < 0.05 / LOOKS / comparisons


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_shares_of_the_looks_add_up_to_the_rate_and_the_last_has_half(count):
    levels = look_levels(range(count), 0.05)
    assert sum(levels) == pytest.approx(0.05)
    assert len(levels) == count
    assert levels[-1] == (0.025 if count > 1 else 0.05)


def judged(gains, looks, most=20, reached=None, spread=0.01):
    other = np.random.default_rng(1).normal(0.5, spread, (len(gains), most))
    arm = other + np.random.default_rng(2).normal(0, spread, other.shape)
    arm += np.array(gains)[:, None] / 100
    return replay(arm, other, looks, delta=0.1, reached=reached)


def test_a_clear_difference_stops_at_the_first_look_and_an_open_one_goes_on():
    found = judged([20.0, 0.3], (6, 10, 20))
    assert found.different.tolist() == [True, False]
    assert found.settled_at.tolist() == [6, 0]
    assert found.wanted.tolist() == [6, 20]
    assert (found.looked, found.finished) == (3, True)


def test_a_look_waits_until_every_open_comparison_has_reached_it():
    found = judged([20.0, 0.3], (6, 10, 20), reached=[10, 5])
    assert (found.looked, found.finished) == (0, False)
    assert found.wanted.tolist() == [6, 6]
    found = judged([20.0, 0.3], (6, 10, 20), reached=[6, 9])
    assert (found.looked, found.finished) == (1, False)
    assert found.wanted.tolist() == [6, 10]


def test_equal_arms_are_settled_as_no_difference():
    same = np.full((2, 20), 0.5)
    found = replay(same, same, (7, 20), delta=0.1)  # 2 / 2^7 < 2.5 %, and 2 / 2^6 is not
    assert found.within.all()
    assert found.wanted.tolist() == [7, 7]


def test_a_verdict_depends_on_nothing_beyond_its_look():
    other = GENERATOR.normal(0.5, 0.01, (3, 30))
    arm = other + GENERATOR.normal(0.005, 0.01, other.shape)
    changed = arm.copy()
    whole = replay(arm, other, (6, 12), delta=0.1)
    changed[:, 12:] = 0
    assert replay(changed, other, (6, 12), delta=0.1).settled_at.tolist() == (
        whole.settled_at.tolist()
    )


def adaptive_effects(scores, pairs, looks):
    batches = {name: 1 for name, _ in pairs}
    return effects_over_time(scores, pairs, Occasion(looks, looks, batches, is_adaptive=True))


def test_one_look_with_the_whole_rate_is_a_fixed_study():
    scores = {name: GENERATOR.normal(0.5 + gain, 0.01, 12).clip(0, 1).tolist()
              for name, gain in (("a", 0), ("b", 0.03), ("c", 0.001))}  # fmt: skip
    pairs = [("b", "a"), ("c", "a")]
    found, looked = adaptive_effects(scores, pairs, (12,))
    for name, expected in effects(scores, pairs).items():
        assert found[name].verdict == expected.verdict
        assert found[name].mean == expected.mean
        assert found[name].p_adjusted == expected.p_adjusted
    assert looked.looked == 1


def test_an_effect_is_that_of_the_replicates_of_its_look():
    scores = {"a": GENERATOR.normal(0.5, 0.01, 20).tolist()}
    scores["b"] = [each + 0.1 + 0.001 * place for place, each in enumerate(scores["a"])]
    found, _ = adaptive_effects(scores, [("b", "a")], (6, 20))
    assert found["b"].settled_at == 6
    assert found["b"].pairs == 6
    assert found["b"].mean == pytest.approx(10.25)


def test_bad_input_is_refused():
    with pytest.raises(InputError):
        adaptive_effects({"a": [0.5], "b": [2.0]}, [("b", "a")], (1,))
    with pytest.raises(InputError):
        adaptive_effects({"a": [0.5]}, [("b", "a")], (1,))
    assert adaptive_effects({"a": [0.5]}, [], (1,))[0] == {}


DRAWS = {
    "normal": lambda g, shape: g.normal(0.97, 0.002, shape),
    "two levels": lambda g, shape: g.choice([0.11, 0.97], shape),
    "few images": lambda g, shape: g.binomial(20, 0.9, shape) / 20,
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("arms", [2, 5])
def test_equal_arms_are_seldom_called_different_at_any_look(name, arms):
    studies, most = 250, 20
    looks = plan_looks(most, arms - 1)
    scores = DRAWS[name](np.random.default_rng(arms), (studies, arms, most))
    wrong = sum(replay(each[1:], each[:-1], looks, delta=1e-6).different.any() for each in scores)
    assert wrong <= stats.binom.isf(1e-6, studies, 0.05)


def test_testing_at_every_replicate_without_splitting_would_call_too_many():
    studies, most = 250, 20
    scores = DRAWS["normal"](np.random.default_rng(0), (studies, 2, most))
    wrong = sum(
        any(replay(each[1:, :n], each[:1, :n], (n,), delta=1e-6).different.any()
            for n in range(6, most + 1, 2))
        for each in scores
    )  # fmt: skip
    assert wrong > stats.binom.isf(1e-3, studies, 0.05)
