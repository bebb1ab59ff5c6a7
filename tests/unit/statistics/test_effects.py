"""Effects: figures, families of them, and what is refused."""

import dataclasses
import math

import numpy as np
import pytest
from example_arms import judged_effect as effect
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stepladder.errors import InputError
from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import estimate
from stepladder.statistics.paired import sign_flip
from stepladder.study.metrics import find_metric

# Effects.


NAN = math.nan
HELPS, HURTS = "helps", "hurts"
NONE, OPEN = "no difference beyond δ", "not enough replicates"

accuracies = st.integers(0, 10_000).map(lambda right: right / 10_000) | st.just(NAN)
replicates = st.lists(accuracies, min_size=0, max_size=9)


def _fields(found):
    """An effect's fields, NaN as text so that equal effects compare equal."""
    return {
        name: "nan" if value != value else value
        for name, value in dataclasses.asdict(found).items()
    }


@settings(deadline=None)  # a slow machine is no failure
@given(replicates)
def test_an_arm_against_itself_is_exactly_nothing(scores):
    found = effect(scores, scores)
    pairs = sum(not math.isnan(score) for score in scores)
    assert found.differences == (0.0,) * pairs
    assert found.mean == 0 if pairs else math.isnan(found.mean)
    if pairs >= 2:
        assert (found.ci_low, found.ci_high, found.p, found.p_t) == (0, 0, 1, 1)
    assert found.verdict == (NONE if pairs >= 5 else OPEN)  # fewer show nothing: 2^-4 > 5 %


@settings(deadline=None)
@given(replicates, replicates)
def test_swapping_the_arms_mirrors_the_effect(arm, other):
    one, two = _fields(effect(arm, other)), _fields(effect(other, arm))
    mirrored = {HELPS: HURTS, HURTS: HELPS}
    for name in ("p", "p_adjusted", "p_t", "p_t_adjusted", "plan", "pairs", "unpaired"):
        assert one[name] == two[name], name
    assert two["verdict"] == mirrored.get(one["verdict"], one["verdict"])
    assert two["differences"] == tuple(-each for each in one["differences"])
    if one["pairs"]:
        assert two["mean"] == -one["mean"]
    if one["pairs"] >= 2:
        assert (two["ci_low"], two["ci_high"]) == (-one["ci_high"], -one["ci_low"])


@settings(deadline=None)
@given(st.lists(st.tuples(accuracies, accuracies), max_size=9), st.randoms())
def test_the_order_of_replicates_is_no_matter(scores, chance):
    shuffled = chance.sample(scores, len(scores))
    found, again = (
        _fields(effect([a for a, _ in each], [b for _, b in each])) for each in (scores, shuffled)
    )
    assert sorted(found.pop("differences")) == sorted(again.pop("differences"))
    assert found == again


@settings(deadline=None)
@given(st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=9), st.integers(0, 5_000))
def test_what_all_scores_gain_is_no_matter(scores, more):
    arm, other = ([score[side] / 2 for score in scores] for side in (0, 1))
    found = _fields(effect(arm, other))
    again = _fields(effect([a + more / 10_000 for a in arm], [b + more / 10_000 for b in other]))
    assert found.pop("differences") == pytest.approx(again.pop("differences"), abs=1e-11)
    for name, value in found.items():
        if name == "plan":  # its numbers may move by one where the power is 80 % to 12 digits
            assert (value is None) == (again[name] is None)
            continue
        expected = (
            value if isinstance(value, str) or value is None else pytest.approx(value, abs=1e-9)
        )
        assert again[name] == expected, name


def test_the_order_of_arms_and_of_pairs_is_no_matter():
    generator = np.random.default_rng(0)
    scores = {name: generator.uniform(0.8, 0.9, 6).tolist() for name in "abcd"}
    pairs = [("b", "a"), ("c", "b"), ("d", "c")]
    found = effects(scores, pairs)
    again = effects(dict(reversed(scores.items())), pairs[::-1])
    assert again == found
    assert (list(found), list(again)) == (["b", "c", "d"], ["d", "c", "b"])


def test_numbers_agree_with_scipy():
    generator = np.random.default_rng(1)
    scores = {name: generator.normal(0.9, 0.01, 8) for name in "abcd"}
    pairs = [("b", "a"), ("c", "a"), ("d", "a")]
    found = effects(scores, pairs)
    tests = {arm: stats.ttest_rel(100 * scores[arm], 100 * scores["a"]) for arm in "bcd"}
    for arm, test in tests.items():
        low, high = test.confidence_interval(0.95)
        assert found[arm].mean == pytest.approx(100 * np.mean(scores[arm] - scores["a"]), rel=1e-9)
        assert found[arm].p_t == pytest.approx(test.pvalue, rel=1e-9)
        assert (found[arm].ci_low, found[arm].ci_high) == pytest.approx((low, high), rel=1e-9)
        assert found[arm].p == float(sign_flip(100 * (scores[arm] - scores["a"])))
    assert [found[arm].p_t_adjusted for arm in "bcd"] == pytest.approx(
        holm([test.pvalue for test in tests.values()]).tolist(), rel=1e-9
    )
    assert [found[arm].p_adjusted for arm in "bcd"] == holm(
        [found[arm].p for arm in "bcd"]
    ).tolist()


def test_the_interval_agrees_with_a_bootstrap():
    generator = np.random.default_rng(2)
    arm, other = generator.normal(0.92, 0.01, 60), generator.normal(0.9, 0.01, 60)
    found = effect(arm, other)
    again = stats.bootstrap((100 * (arm - other),), np.mean, rng=3).confidence_interval
    width = again.high - again.low
    assert (found.ci_low, found.ci_high) == pytest.approx((again.low, again.high), abs=width / 10)


@pytest.mark.parametrize(
    ("arm", "other", "pairs", "unpaired"),
    [
        ([0.5, NAN, 0.7], [0.4, 0.4, 0.4], 2, 1),
        ([0.5, NAN, 0.7], [0.4, 0.4, NAN], 1, 2),
        ([0.5, NAN], [0.4, NAN], 1, 1),
        ([0.5, 0.6], [0.4, 0.4, 0.4, 0.4], 2, 2),
        ([0.5, 0.6], [], 0, 2),
        ([], [], 0, 0),
        ([NAN] * 3, [0.5] * 3, 0, 3),
    ],
)
def test_replicates_that_cannot_be_paired_are_counted(arm, other, pairs, unpaired):
    found = effect(arm, other)
    assert (found.pairs, found.unpaired, len(found.differences)) == (pairs, unpaired, pairs)
    again = effects({"a": arm, "b": other, "long": [0.5] * 9}, [("a", "b"), ("long", "long")])
    assert (again["a"].pairs, again["a"].unpaired) == (pairs, unpaired)


@pytest.mark.parametrize("scores", [[], [0.9]])
def test_with_no_or_one_pair_nothing_can_be_said(scores):
    found = effect(scores, [0.1] * len(scores))
    nothing = (
        found.ci_low,
        found.ci_high,
        found.p,
        found.p_adjusted,
        found.p_t,
        found.p_t_adjusted,
    )
    assert nothing == (None,) * 6
    assert (found.verdict, found.replicates_needed) == (OPEN, None)


def test_an_arm_without_replicates_counts_in_the_family():
    scores = {"a": [0.1, 0.2, 0.3, 0.2], "b": [0.3, 0.35, 0.52, 0.4], "c": []}
    alone, both = effects(scores, [("b", "a")]), effects(scores, [("b", "a"), ("c", "a")])
    assert both["b"].p_t_adjusted == 2 * alone["b"].p_t
    assert both["c"].p_t_adjusted is None


def test_no_pairs_no_effects():
    assert effects({"a": [0.5]}, []) == {}


def test_fields_are_plain_python():
    found = dataclasses.asdict(effect(np.array([0.5, 0.6, 0.71]), np.array([0.5, 0.5, 0.5])))
    kinds = {name: type(value) for name, value in found.items()}
    assert set(kinds.values()) == {float, int, str, tuple, dict, type(None)}
    assert {type(each) for each in found["differences"]} == {float}


# Families.


def test_published_example():
    # Holm 1979 as worked in Wright 1992, Biometrics 48: 0.01, 0.02, 0.03, 0.04 by hand.
    assert holm([0.04, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0.2], [0.2]),
        ([0.01, 0.04], [0.02, 0.04]),
        ([0.03, 0.03, 0.03], [0.09, 0.09, 0.09]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.01, math.nan, 0.02], [0.03, math.nan, 0.04]),
        ([], []),
    ],
)
def test_by_hand(given, expected):
    assert holm(given).tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_rejects_what_stepping_down_rejects(level):
    p = np.random.default_rng(5).beta(0.3, 3, 40)
    rejected = set()
    for step, index in enumerate(np.argsort(p)):
        if p[index] >= level / (40 - step):
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(holm(p) < level).tolist()) == rejected


def test_families_stand_along_the_last_axis_and_order_is_kept():
    table = np.random.default_rng(6).random((3, 2, 5))
    found = holm(table)
    for index in np.ndindex(3, 2):
        assert found[index].tolist() == holm(table[index]).tolist()
    shuffle = np.random.default_rng(7).permutation(5)
    assert holm(table[..., shuffle]).tolist() == found[..., shuffle].tolist()


# Analysis checks.


SCORES = {"naive": [0.1, 0.1], "+ ReLU": [0.9, 0.91], "+ Adam": [0.95]}


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.5, 97.1], r"in 0…1, found 97\.1; divide percentages by 100"),
        ([0.5, 2000], r"in 0…1, found 2000\.0; write fractions"),
        ([-0.1], r"in 0…1, found -0\.1; write fractions"),
        ([math.inf], r"in 0…1, found inf; write fractions"),
        (["0.5"], r"numbers, found '0\.5'; write fractions"),
        ([0.5, None], r"numbers, found None"),
        ([0.5, "x"], r"numbers, found 'x'"),
        ([True, False], r"numbers, found True"),
        (np.array([True]), r"numbers, found"),
        ([0.5 + 1j], r"numbers, found"),
        ([[0.5], [0.6]], r"one list of numbers, found shape \(2, 1\)"),
        ([[0.5], [0.6, 0.7]], r"one list of numbers, found \[\[0\.5\], \[0\.6, 0\.7\]\]"),
        (0.5, r"one list of numbers, found shape \(\)"),
        ("0.5", r"one list of numbers, found shape \(\)"),
        ({0.5, 0.6}, r"one list of numbers, found shape \(\)"),
    ],
)
def test_scores_that_are_no_accuracies(scores, message):
    with pytest.raises(InputError, match=rf"scores of arm '\+ ReLU' must be {message}"):
        effects({"naive": [0.1], "+ ReLU": scores}, [("+ ReLU", "naive")])
    with pytest.raises(InputError, match=f"accuracies must be {message}"):
        estimate(scores)


def test_scores_are_checked_even_where_no_pair_names_them():
    with pytest.raises(InputError, match="'odd'"):
        effects({**SCORES, "odd": [7.0]}, [("+ ReLU", "naive")])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("ReLU", "naive"), r"found 'ReLU'; did you mean '\+ ReLU'\?"),
        (("+ ReLU", "Naïve one"), r"found 'Naïve one'"),
        (("qqq", "naive"), r"found 'qqq'; the names are naive, \+ ReLU, \+ Adam"),
    ],
)
def test_an_unknown_arm(pair, message):
    with pytest.raises(InputError, match=f"pairs must name arms that have scores, {message}"):
        effects(SCORES, [pair])


def test_an_arm_judged_twice():
    with pytest.raises(InputError, match=r"found '\+ Adam' in several pairs"):
        effects(SCORES, [("+ Adam", "naive"), ("+ Adam", "+ ReLU")])


@pytest.mark.parametrize("delta", [0, -0.1, math.nan, math.inf, "0.1", None, True])
def test_a_delta_that_is_none(delta):
    with pytest.raises(InputError, match=r"delta must be percentage points above 0, found .*0\.1"):
        effect([0.5], [0.5], delta=delta)


@pytest.mark.parametrize("alpha", [0, 1, 5, -0.05, math.nan, "0.05", None, True])
def test_an_alpha_that_is_none(alpha):
    with pytest.raises(InputError, match=r"alpha must be between 0 and 1, found .*0\.05"):
        effect([0.5], [0.5], alpha=alpha)


@pytest.mark.parametrize("value", [np.float64(0.05), np.float32(0.05), 0.05])
def test_numbers_of_any_kind(value):
    assert effect([0.5] * 3, [0.5] * 3, delta=value, alpha=value).mean == 0


def test_the_p_value_beside_a_verdict_is_the_one_that_gave_it():
    base = [0.5, 0.51, 0.49, 0.5, 0.52, 0.5, 0.51]  # seven: 3 / 2^6 > 5 %
    scores = {
        "base": base,
        "far": [value + 0.3 + 0.002 * place for place, value in enumerate(base)],
        "near": [value + 0.0001 * (-1) ** place for place, value in enumerate(base)],
        "open": [0.55, 0.46, 0.5, 0.53, 0.5, 0.49, 0.52],
    }
    found = effects(scores, [(name, "base") for name in ("far", "near", "open")], delta=0.1)
    assert [found[name].verdict for name in found] == [
        "helps", "no difference beyond δ", "not enough replicates"
    ]  # fmt: skip
    assert found["far"].p == 2 / 2**7  # all that sign flips of seven pairs can show
    assert found["far"].p_verdict < 0.05
    assert found["near"].p_verdict < 0.05 < found["near"].p_t_adjusted  # of two one-sided tests
    assert found["open"].p_verdict > 0.05


# Other metrics than accuracy.

LOSSES = {"base": [2.31, 2.35, 2.29, 2.33, 2.40], "new": [2.11, 2.15, 2.20, 2.12, 2.20]}


def judged_loss(factor=1.0, direction="minimize", delta=0.05):
    scores = {arm: [factor * value for value in row] for arm, row in LOSSES.items()}
    metric = find_metric("loss", direction)
    return effects(scores, [("new", "base")], delta=abs(factor) * delta, metric=metric)["new"]


def test_a_metric_that_is_better_when_lower_is_one_that_is_better_when_higher_with_its_sign():
    lower, higher = judged_loss(), judged_loss(-1, "maximize")
    assert (lower.verdict, higher.verdict) == ("helps", "helps")
    assert lower.mean == -higher.mean
    assert (lower.ci_low, lower.ci_high) == (-higher.ci_high, -higher.ci_low)
    assert (lower.p, lower.p_t, lower.p_greater) == (higher.p, higher.p_t, higher.p_greater)
    assert judged_loss(direction="maximize").verdict == "hurts"


@pytest.mark.parametrize("factor", [1e-30, 1e-4, 1e3, 1e12, 1e90])
def test_the_unit_of_a_metric_changes_no_verdict(factor):
    ours, theirs = judged_loss(factor), judged_loss()
    assert (ours.verdict, ours.replicates_needed) == (theirs.verdict, theirs.replicates_needed)
    assert ours.mean == pytest.approx(factor * theirs.mean, rel=1e-9)
    assert ours.p_t == pytest.approx(theirs.p_t, rel=1e-6)
    assert judged_loss(factor, delta=0.5).verdict == theirs.verdict


def unpaired(ours, theirs, delta=0.1):
    scores = {"b": [math.nan] * len(theirs) + list(ours), "a": theirs}
    return effects(scores, [("b", "a")], delta=delta, unpaired=True)["b"]


def test_two_means_are_compared_after_welch_where_there_is_no_pair():
    ours, theirs = [0.91, 0.92, 0.90, 0.93], [0.90, 0.91, 0.905]
    result, expected = unpaired(ours, theirs), stats.ttest_ind(ours, theirs, equal_var=False)
    interval = expected.confidence_interval()
    assert result.p_t == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.ci_low == pytest.approx(100 * interval.low, abs=1e-9)
    assert result.ci_high == pytest.approx(100 * interval.high, abs=1e-9)
    assert not result.is_paired
    assert unpaired(ours[::-1], theirs) == result
    assert unpaired(ours, ours).mean == 0
    assert effects({"b": [math.nan] * 3 + ours, "a": theirs}, [("b", "a")])["b"].p_t is None


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ([0.9] * 2, [0.8] * 9, "not enough replicates"),
        ([0.9] * 3, [0.8] * 3, "helps"),  # by chance at most 2 in 64
        ([0.9] * 4, [0.9] * 9, "not enough replicates"),
        ([0.9] * 5, [0.9] * 5, "no difference beyond δ"),
        ([0.9, 0.91, 0.92, 0.9], [0.8, 0.81, 0.8, 0.79], "helps"),
        ([0.9, 0.91, 0.92, 0.9], [0.8, 0.99, 0.8, 0.99], "not enough replicates"),
    ],
)
def test_verdicts_without_pairs(ours, theirs, verdict):
    assert unpaired(ours, theirs).verdict == verdict


def test_one_enormous_score_leaves_tiny_ones_comparable():
    scores = {"a": [0.1, 0.2, 0.3], "b": [math.nan] * 3 + [0.5, 0.6, 0.8], "c": [1e99] * 3}
    judged = effects(scores, [("b", "a"), ("c", "a")], delta=None, unpaired=True,
                     metric=find_metric("gain", "maximize"))  # fmt: skip
    expected = stats.ttest_ind(scores["b"][3:], scores["a"], equal_var=False)
    assert judged["b"].p_t == pytest.approx(expected.pvalue)


def test_the_chance_of_two_samples_without_spread():
    assert unpaired([0.9] * 3, [0.8] * 3).p_t == pytest.approx(2 / 2**6)
    assert unpaired([0.9] * 4, [0.8] * 2).p_t == pytest.approx(2 * (2 / 3) ** 4 * (1 / 3) ** 2)
