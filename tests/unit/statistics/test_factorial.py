"""Factorials: against brute force over orders, planted effects, and what cannot be read."""

import time
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from stepladder import InputError
from stepladder.statistics.factorial import factorial
from stepladder.study.designs import fraction, pair_aliases

NAMES = ("A", "B", "C", "D")


def drawn(techniques=4, replicates=5, seed=0):
    generator = np.random.default_rng(seed)
    return {each: generator.uniform(0.2, 0.9, replicates).tolist() for each in range(2**techniques)}


def planted(worth, replicates=6, noise=0.001, seed=0, combinations=range(16)):
    """Scores from the worth of groups of techniques in points, by frozensets of places."""
    generator = np.random.default_rng(seed)
    return {
        each: (0.5 + sum(points for places, points in worth.items()
                         if all(each >> place & 1 for place in places)) / 100
               + noise * generator.normal(size=replicates)).tolist()
        for each in combinations
    }  # fmt: skip


def test_shapley_is_the_mean_over_all_orders_and_the_ends_are_its_extremes():
    scores = drawn()
    found = factorial(scores, NAMES)
    added = {place: [] for place in range(4)}
    for order in permutations(range(4)):
        below = 0
        for place in order:
            above = below | 1 << place
            added[place].append(100 * (np.array(scores[above]) - np.array(scores[below])))
            below = above
    for place, share in enumerate(found.shares):
        every = np.array(added[place])
        per_replicate = every.mean(axis=0)
        assert share.shapley.mean == pytest.approx(per_replicate.mean(), abs=1e-10)
        interval = stats.ttest_1samp(per_replicate, 0).confidence_interval()
        assert (share.shapley.ci_low, share.shapley.ci_high) == pytest.approx(
            tuple(interval), abs=1e-10
        )
        assert share.least == pytest.approx(every.mean(axis=1).min(), abs=1e-10)
        assert share.most == pytest.approx(every.mean(axis=1).max(), abs=1e-10)


def test_shapley_values_add_up_to_the_gain():
    found = factorial(drawn(seed=3), NAMES)
    assert sum(each.shapley.mean for each in found.shares) == pytest.approx(found.gain.mean)
    assert sum(each.of_gain for each in found.shares) == pytest.approx(1)


def test_no_gain_has_no_parts():
    scores = {0: [0.600, 0.971], 1: [0.601, 0.970]}  # +0.1 and -0.1 points
    (share,) = factorial(scores, ("A",)).shares
    assert share.of_gain is None


def test_main_effects_and_interactions_are_those_of_a_least_squares_fit():
    scores = drawn(seed=1)
    found = factorial(scores, NAMES)
    columns = {frozenset(): np.ones(16)}
    for each in range(1, 16):
        places = frozenset(place for place in range(4) if each >> place & 1)
        columns[places] = np.prod(
            [[1 if run >> place & 1 else -1 for run in range(16)] for place in places], axis=0
        )
    means = 100 * np.array([np.mean(scores[run]) for run in range(16)])
    fitted = dict(zip(columns, np.linalg.lstsq(np.array(list(columns.values())).T, means,
                                               rcond=None)[0], strict=True))  # fmt: skip
    for place, each in enumerate(found.main):
        assert each.effect.mean == pytest.approx(2 * fitted[frozenset({place})], abs=1e-10)
    for each in found.interactions:
        (pair,) = each.pairs
        places = frozenset(NAMES.index(name) for name in pair)
        assert each.worth.mean == pytest.approx(4 * fitted[places], abs=1e-10)


def test_a_planted_interaction_is_found_and_nothing_else():
    worth = {(0,): 10.0, (1,): 3.0, (0, 1): 5.0, (2,): -2.0}
    found = factorial(planted(worth), NAMES)
    main = {each.technique: each.effect for each in found.main}
    assert main["A"].mean == pytest.approx(12.5, abs=0.1)
    assert (main["A"].verdict, main["B"].verdict, main["C"].verdict) == ("helps", "helps", "hurts")
    assert main["D"].verdict not in ("helps", "hurts")
    for each in found.interactions:
        if each.pairs == (("A", "B"),):
            assert each.worth.mean == pytest.approx(5, abs=0.1)
            assert each.worth.ci_low > 4
            assert each.p == 2 / 2**6
        else:
            assert abs(each.worth.mean) < 0.2
    share = found.shares[0]
    assert (share.least, share.most) == pytest.approx((10, 15), abs=0.2)
    assert "B" in share.after_most
    assert "B" not in share.after_least


def test_a_fraction_tells_main_effects_whatever_the_pairs_and_sums_of_aliased_pairs():
    worth = {(0,): 10.0, (3,): -4.0, (0, 1): 5.0}
    runs, aliases = fraction(4), pair_aliases(4)
    found = factorial(planted(worth, combinations=runs, noise=0.0), NAMES, aliases=aliases)
    main = {each.technique: each.effect.mean for each in found.main}
    assert main == pytest.approx({"A": 12.5, "B": 2.5, "C": 0, "D": -4}, abs=1e-9)
    sums = {each.pairs: each.worth.mean for each in found.interactions}
    assert sums == pytest.approx(
        {(("A", "B"), ("C", "D")): 5, (("A", "C"), ("B", "D")): 0, (("A", "D"), ("B", "C")): 0},
        abs=1e-9,
    )
    assert found.shares == ()


def test_a_technique_that_does_nothing_is_worth_exactly_nothing():
    scores = drawn()
    inert = {each: scores[each & ~1] for each in scores}  # A changes nothing
    found = factorial(inert, NAMES)
    assert (found.main[0].effect.mean, found.main[0].effect.p) == (0, 1)
    assert (found.shares[0].shapley.mean, found.shares[0].least, found.shares[0].most) == (0, 0, 0)
    assert all(each.worth.mean == pytest.approx(0, abs=1e-9)
               for each in found.interactions if "A" in each.pairs[0])  # fmt: skip


def test_a_constant_added_and_the_order_of_replicates_change_nothing():
    scores = drawn()
    order = np.random.default_rng(0).permutation(5)
    moved = {each: (np.array(values)[order] + 0.1).tolist() for each, values in scores.items()}
    one, two = factorial(scores, NAMES), factorial(moved, NAMES)
    for here, there in zip(one.shares, two.shares, strict=True):
        assert here.shapley.mean == pytest.approx(there.shapley.mean, abs=1e-9)
    for here, there in zip(one.main, two.main, strict=True):
        assert here.effect.mean == pytest.approx(there.effect.mean, abs=1e-9)
        assert here.effect.verdict == there.effect.verdict


def test_a_replicate_that_lacks_a_combination_is_left_out_and_counted():
    scores = drawn()
    scores[7] = [*scores[7][:2], float("nan"), *scores[7][3:]]
    found = factorial(scores, NAMES)
    assert (found.replicates, found.left_out) == (4, 1)
    assert found.main[0].effect.unpaired == 1
    scores[7] = []
    assert factorial(scores, NAMES) is None


def test_one_replicate_has_figures_and_no_interval():
    found = factorial({each: values[:1] for each, values in drawn().items()}, NAMES)
    assert found.gain.ci_low is None
    assert found.shares[0].shapley.ci_low is None
    assert found.interactions[0].p is None
    assert found.main[0].effect.verdict == "not enough replicates"


def test_nothing_combined_says_nothing():
    assert factorial({0: [0.5, 0.6]}, ()) is None


@pytest.mark.parametrize("change", [{3: None}, {16: [0.5] * 5}, {-1: [0.5] * 5}])
def test_combinations_that_are_missing_or_unknown_are_refused(change):
    scores = {**drawn(), **change}
    scores = {each: values for each, values in scores.items() if values is not None}
    with pytest.raises(InputError, match="by combinations of 4 techniques"):
        factorial(scores, NAMES)


def test_eight_techniques_are_read():
    names = tuple("ABCDEFGH")
    begun = time.perf_counter()
    found = factorial(drawn(8, 20), names)
    assert len(found.interactions) == 28
    assert sum(each.shapley.mean for each in found.shares) == pytest.approx(found.gain.mean)
    print(f"{time.perf_counter() - begun:.3f} s")  # told, not asserted
