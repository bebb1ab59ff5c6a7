"""Choosing among candidates, and how lucky a choice is."""

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.selection import (
    assign_bins,
    best_candidate,
    edges_reached,
    equivalence_set,
    expected_best,
    importance,
    mean_at_baseline,
    residual_noise,
    select,
    selection_bias,
)

# Statistics of a search, against every subset, SciPy, and worlds whose truth is known.


def test_the_expected_best_is_the_mean_over_every_subset():
    values = np.array([0.91, 0.97, 0.4, 0.97, 0.88, 0.95, 0.1])
    curve = expected_best(values)
    assert curve.trials.tolist() == [1, 2, 3, 4, 5, 6, 7]
    for size, mean, spread in zip(curve.trials, curve.mean, curve.spread, strict=True):
        best = [max(subset) for subset in combinations(values, int(size))]
        assert mean == pytest.approx(np.mean(best), abs=1e-12)
        assert spread == pytest.approx(np.std(best), abs=1e-9)


def test_the_expected_best_is_unbiased_where_drawing_with_replacement_is_not():
    rng = np.random.default_rng(0)
    draws = rng.uniform(size=(4000, 6))
    ours = np.mean([expected_best(row).mean[3] for row in draws])  # best of 4 out of 6
    error = np.std([expected_best(row).mean[3] for row in draws]) / np.sqrt(len(draws))
    assert ours == pytest.approx(4 / 5, abs=4 * error)
    rank = (np.arange(1, 7) / 6) ** 4 - (np.arange(6) / 6) ** 4  # Dodge et al.
    assert np.mean(np.sort(draws, axis=1) @ rank) < 4 / 5 - 4 * error


def test_the_expected_best_of_many_candidates():
    values = np.random.default_rng(1).uniform(size=20_000)
    curve = expected_best(values)
    assert len(curve.trials) <= 64
    assert curve.mean[0] == pytest.approx(values.mean())
    assert curve.mean[-1] == values.max()
    assert (np.diff(curve.mean) >= 0).all()
    assert len(expected_best([]).trials) == 0


def test_importance_is_kruskal_and_wallis():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 3, 40)
    values = np.round(rng.normal(size=40) + 0.8 * (groups == 2), 1)  # with ties
    h, p = stats.kruskal(*(values[groups == each] for each in range(3)))
    found = importance(groups.tolist(), values)
    assert found.share == pytest.approx((h - 3 + 1) / (40 - 3))
    assert found.p == pytest.approx(p)
    assert found.candidates == 40


def test_importance_does_not_change_with_the_scale_of_outcomes():
    rng = np.random.default_rng(3)
    groups, values = rng.integers(0, 4, 30).tolist(), rng.uniform(0.5, 0.99, 30)
    assert importance(groups, values) == importance(groups, np.log(values))


@pytest.mark.parametrize(
    ("groups", "values", "share"),
    [([0, 0, 0], [1, 2, 3], np.nan), ([0, 1], [1, 2], np.nan), ([0, 0, 1, 1], [5, 5, 5, 5], 0.0)],
)
def test_importance_where_there_is_nothing_to_tell(groups, values, share):
    assert importance(groups, values).share == pytest.approx(share, nan_ok=True)


def test_numbers_fall_into_bins_of_equal_counts():
    assert np.bincount(assign_bins(np.arange(20.0))).tolist() == [4, 4, 4, 4, 4]
    assert assign_bins([1.0, 2.0, 3.0]).tolist() == [0, 0, 0]
    same = assign_bins([0.0] * 9 + [1.0] * 3)
    assert len(set(same[:9])) == 1
    assert same[0] != same[-1]


def test_what_all_candidates_share_is_no_noise():
    rng = np.random.default_rng(4)
    scores = rng.uniform(size=(6, 1)) + rng.normal(size=(1, 4))  # candidate plus draw, nothing else
    assert np.abs(residual_noise(scores)).max() < 1e-12
    assert residual_noise([[0.9]]).size == 0
    assert residual_noise([[0.9, np.nan], [0.8, 0.7]]).size == 2


def test_noise_is_as_wide_as_it_was_drawn():
    rng = np.random.default_rng(5)
    found = [np.mean(residual_noise(rng.normal(size=(4, 3))) ** 2) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(1.0, abs=4 * np.std(found) / np.sqrt(4000))
    alone = [np.mean(residual_noise(rng.normal(size=(1, 5))) ** 2) for _ in range(4000)]
    assert np.mean(alone) == pytest.approx(1.0, abs=4 * np.std(alone) / np.sqrt(4000))


def test_the_choice_is_made_as_a_search_makes_it():
    scores = np.array([[0.90, 0.90], [0.89, 0.95], [0.85, 0.99]])
    assert select(scores, finalists=2, margin=0.5)[0] == 1
    assert select(scores, finalists=2, margin=0.5)[1] == pytest.approx(0.92)
    number, seen = select(scores, finalists=2, margin=0.001)  # one alone is not tried again
    assert (number, seen) == (0, 0.90)
    assert select(scores, finalists=3, margin=0.5)[0] == 1
    batch = select(np.stack([scores, scores[::-1]]), finalists=2, margin=0.5)[0]
    assert batch.tolist() == [1, 1]


def test_luck_among_equals_is_that_of_the_largest_of_normal_numbers():
    """30 candidates of one true accuracy: the best of them is 2.04 spreads of luck."""
    rng, spread = np.random.default_rng(6), 0.001
    noise = spread * rng.normal(size=2000)
    found = [
        selection_bias(0.98 + spread * rng.normal(size=30), noise, 1, 1, 0.01, seed)
        for seed in range(12)
    ]
    luck, plain = np.mean([each.luck for each in found]), np.mean([each.plain for each in found])
    assert plain < 0.8 * luck
    assert luck == pytest.approx(2.04 * spread, rel=0.15)
    assert found[0].noise == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("scale", [1e-3, 40.0])
@pytest.mark.parametrize(
    "truth_of",
    [
        lambda rng: np.zeros(16),
        lambda rng: 0.5 * rng.normal(size=16),
        lambda rng: -np.exp(1.5 * rng.normal(size=16)),  # a few are good, some are hopeless
    ],
)
def test_selection_bias_is_within_a_quarter_of_what_searches_have(truth_of, scale):
    """Three replicates, four finalists, draws that are harder for all; any unit."""
    rng, margin = np.random.default_rng(9), 2 * math.sqrt(2)
    told, true = [], []
    for seed in range(300):
        noise, truth = rng.normal(size=(16, 3)), truth_of(rng)
        scores = truth[:, None] + noise + 5 * rng.normal(size=3)
        chosen, _ = select(truth[:, None] + noise, 4, margin)
        order = scores[:, 0].argsort()[::-1][:4]
        again = order[scores[order, 0] >= scores[:, 0].max() - margin]
        true.append(noise[chosen, : 3 if len(again) > 1 else 1].mean())
        pool = residual_noise(scores[again, 1:] if len(again) > 1 else rng.normal(size=(1, 5)))
        bias = selection_bias(
            scale * scores[:, 0], scale * pool, 3, 4, scale * margin, seed, worlds=30
        )
        told.append(bias.luck / scale)
    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.25)


def test_there_is_little_luck_where_one_stands_far_ahead_and_less_with_more_replicates():
    noise = 0.001 * np.random.default_rng(7).normal(size=2000)
    ahead = selection_bias([0.90, 0.91, 0.98], noise, 1, 1, 0.01)
    assert ahead.luck == pytest.approx(0.0, abs=1e-4)
    close = [0.98] * 10
    once = selection_bias(close, noise, 1, 4, 0.01)
    thrice = selection_bias(close, noise, 3, 4, 0.01)
    assert 0 < thrice.luck < once.luck
    assert selection_bias([0.98], noise, 1, 1, 0.01).luck == 0
    assert np.isnan(selection_bias([0.98, 0.97], [], 1, 1, 0.01).luck)


def test_the_flat_top_holds_what_is_within_delta_and_what_cannot_be_told_from_it():
    behind = [0.0, 0.0005, 0.0015, 0.010]
    within, maybe = equivalence_set(behind, [3, 3, 1, 1], 0.001, 0.001)
    assert within.tolist() == [True, True, False, False]
    assert maybe.tolist() == [True, True, True, False]
    bound = NormalDist().inv_cdf(1 - 0.05 / 12) * 0.001 * np.sqrt(2 / 3)
    edge = [0.0, 0.08, 0.001 + bound + 1e-6, 0.001 + bound - 1e-6]
    assert equivalence_set(edge, [3, 3, 3, 3], 0.001, 0.001)[1].tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert equivalence_set(behind, [1, 1, 1, 1], 0.001, np.nan)[1].tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert equivalence_set([0.0], [1], 0.001, 0.1)[0].tolist() == [True]


def test_equally_good_candidates_are_called_worse_in_one_search_of_twenty_at_most():
    rng = np.random.default_rng(8)
    found = 0.98 + 0.001 * rng.normal(size=(4000, 8))
    behind = found.max(axis=1, keepdims=True) - found
    lost = [not equivalence_set(each, np.ones(8), 1e-9, 0.001)[1].all() for each in behind]
    assert 0.01 < np.mean(lost) < 0.05


# Choosing candidates: the best_candidate, the middle of equals, and whether it lies at an edge.


RATES = (0.001, 0.01, 0.1, 1.0, 10.0)


def of_rates(*values):
    return {(rate,): (value,) for rate, value in zip(RATES, values, strict=True)}


def test_the_highest_mean_is_chosen():
    assert best_candidate((RATES,), of_rates(0.1, 0.5, 0.9, 0.8, 0.1), 0.1) == (0.1,)
    spread = {(0.1,): (0.9, 0.5), (1.0,): (0.8, 0.7)}
    assert best_candidate(((0.1, 1.0),), spread, 0.1) == (1.0,)


def test_of_equals_the_middle_is_chosen():
    assert best_candidate((RATES,), of_rates(0.1, 0.1, 0.1, 0.1, 0.1), 0.1) == (0.1,)
    assert best_candidate((RATES,), of_rates(0.5, 0.2, 0.2, 0.2, 0.5), 0.1) == (0.001,)


def test_a_diverged_replicate_counts_as_guessing():
    assert mean_at_baseline((0.9, math.nan), 0.1) == pytest.approx(0.5)
    assert best_candidate((RATES,), of_rates(0.2, 0.3, 0.4, math.nan, math.nan), 0.1) == (0.1,)


@pytest.mark.parametrize(
    ("candidate", "edges"), [((0.001,), ((0, False),)), ((10.0,), ((0, True),)), ((0.1,), ())]
)
def test_edges_are_those_of_the_grid(candidate, edges):
    assert edges_reached((RATES,), candidate) == edges


def test_edges_of_several_fields():
    grid = (RATES, (0.0, 0.1, 0.2))
    assert edges_reached(grid, (10.0, 0.0)) == ((0, True), (1, False))
