"""Paired comparisons: t, signs that all agree, and flips of signs."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics import paired
from stepladder.statistics.paired import (
    DRAWS,
    none_if_nan,
    one_sign_p,
    paired_difference,
    paired_t,
    round_off,
    sign_flip,
    skewed_tost,
    tost,
    unanimous_sign,
    unanimous_sign_floor,
)

# Paired.


ROWS = [
    [0.3, -0.1, 0.25, 0.4],
    [1.0, 2.0],
    [-85.0, -86.2, -84.1, -85.9, -85.0],
    [0.0, 0.0, 0.0, 1e-3],
    np.random.default_rng(1).normal(0.1, 0.3, 60).tolist(),
]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_agrees_with_scipy(row, confidence):
    found = paired_t(row, confidence)
    expected = stats.ttest_rel(row, np.zeros(len(row)))
    low, high = expected.confidence_interval(confidence)
    assert float(found.p) == pytest.approx(expected.pvalue, rel=1e-10)
    assert float(found.ci_low) == pytest.approx(low, rel=1e-10, abs=1e-12)
    assert float(found.ci_high) == pytest.approx(high, rel=1e-10, abs=1e-12)
    assert float(found.spread) == pytest.approx(np.std(row, ddof=1), rel=1e-12)


def test_differences_that_are_equal_in_images_are_equal_in_bits():
    found = round_off([100 * (0.97 - 0.96), 100 * (0.57 - 0.56), -1e-14, math.nan])
    assert found[0] == found[1] == 1.0
    assert math.copysign(1, found[2]) == 1
    assert math.isnan(found[3])


def test_what_cannot_be_known_is_none():
    assert none_if_nan(math.nan) is None
    assert none_if_nan(paired_t([1.0]).p) is None
    assert none_if_nan(paired_t([1.0, 3.0]).mean) == 2.0


def test_students_own_example():
    # Student 1908: extra hours of sleep under two drugs; mean 1.58, t = 4.06, p = 0.0028.
    hours = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    found = paired_t(hours)
    assert float(found.mean) == pytest.approx(1.58)
    assert float(found.p) == pytest.approx(0.00283, abs=5e-6)


def test_rows_are_judged_as_if_alone_and_missing_pairs_left_out():
    table = np.full((2, 3, 7), np.nan)
    generator = np.random.default_rng(2)
    for index in np.ndindex(2, 3):
        n = 2 + sum(index)
        table[index][generator.permutation(7)[:n]] = generator.normal(size=n)
    found = paired_t(table)
    assert found.mean.shape == (2, 3)
    for index in np.ndindex(2, 3):
        row = table[index][np.isfinite(table[index])]
        alone = paired_t(row)
        assert found.pairs[index] == len(row)
        for field in ("mean", "spread", "p", "ci_low", "ci_high"):
            assert getattr(found, field)[index] == getattr(alone, field), field


@pytest.mark.parametrize("row", ROWS)
def test_order_changes_no_bit_and_signs_turn_the_result(row):
    found, turned = paired_t(row), paired_t([-each for each in row])
    shuffled = paired_t(np.random.default_rng(3).permutation(row))
    assert (shuffled.mean, shuffled.p, shuffled.ci_low) == (found.mean, found.p, found.ci_low)
    assert (turned.mean, turned.p) == (-found.mean, found.p)
    assert (turned.ci_low, turned.ci_high) == (-found.ci_high, -found.ci_low)


@pytest.mark.parametrize("same", [0.1, -0.3, 1 / 3, 1e-7, 85.0])
@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_equal_differences_have_an_interval_without_width(same, n):
    found = paired_t([same] * n)
    assert (found.mean, found.spread, found.p) == (same, 0, 0)
    assert found.ci_low == found.ci_high == same


def test_nothing_but_zeros_is_no_evidence():
    found = paired_t([0.0] * 4)
    assert (found.mean, found.ci_low, found.ci_high, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("row", [[], [math.nan], [math.nan, math.nan]])
def test_no_pair_gives_nothing(row):
    found = paired_t(row)
    assert found.pairs == 0
    assert math.isnan(found.mean)
    assert math.isnan(found.p)


def test_one_pair_gives_a_mean_alone():
    found = paired_t([0.2, math.nan])
    assert (found.pairs, found.mean) == (1, 0.2)
    assert all(math.isnan(each) for each in (found.spread, found.p, found.ci_low, found.ci_high))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("delta", [0.05, 0.1, 1.0, 100.0])
def test_equivalence_agrees_with_two_one_sided_tests_of_scipy(row, delta):
    above = stats.ttest_1samp(row, -delta, alternative="greater").pvalue
    below = stats.ttest_1samp(row, delta, alternative="less").pvalue
    assert float(tost(row, delta)) == pytest.approx(max(above, below), rel=1e-10)


def test_equivalence_is_the_interval_at_90_percent_within_delta():
    row = np.random.default_rng(4).normal(0.02, 0.1, 12)
    interval = paired_t(row, 0.9)
    edge = max(-float(interval.ci_low), float(interval.ci_high))
    assert float(tost(row, edge)) == pytest.approx(0.05, rel=1e-9)
    assert tost(row, edge * 1.001) < 0.05 < tost(row, edge * 0.999)


@pytest.mark.parametrize(
    ("row", "expected"), [([0.0] * 3, 0.0), ([0.05] * 3, 0.0), ([0.1] * 3, 1.0), ([-0.5] * 3, 1.0)]
)
def test_equivalence_without_spread_is_a_plain_comparison(row, expected):
    assert tost(row, 0.1) == expected


def test_equivalence_needs_two_pairs():
    assert math.isnan(tost([0.0], 0.1))


# One sign.


NAN = math.nan


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1, 90.0], True),
        ([-0.1, -90.0], True),
        ([0.1, NAN, 0.2], True),
        ([0.1, -0.1], False),
        ([0.1, 0.0], False),
        ([0.0, 0.0], False),
        ([NAN, NAN], False),
        ([], False),
    ],
)
def test_what_has_one_sign(differences, expected):
    assert bool(unanimous_sign(np.array(differences))) is expected


@pytest.mark.parametrize(
    ("pairs", "floor"), [(0, 1), (1, 1), (2, 1 / 4), (3, 1 / 16), (4, 1 / 64), (5, 1 / 256)]
)
def test_the_floor(pairs, floor):
    assert unanimous_sign_floor(pairs) == floor
    assert one_sign_p(pairs, 0.0) == floor


def test_above_the_floor_it_is_twice_that_of_the_t_test():
    assert one_sign_p([5, 5, 5], [0.01, 0.001, NAN]).tolist() == pytest.approx(
        [0.02, 1 / 256, NAN], nan_ok=True
    )


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.3, 0.7), (0.25,) * 4, (0.4, 0.1, 0.1, 0.4)])
@pytest.mark.parametrize("difference", [1, 2, 3, -1])
def test_one_difference_is_a_given_number_one_time_in_four_at_most(shares, difference):
    levels = range(len(shares))
    chance = sum(
        shares[i] * shares[j] for i, j in itertools.product(levels, repeat=2) if i - j == difference
    )
    assert chance <= 0.25


SHARES = [
    *itertools.product([0.1, 0.2, 0.3, 0.4, 0.5], repeat=2),
    (1 / 3, 1 / 3),
    (0.42, 0.42),  # two neighbours often: near the worst that a search found
    (0.16, 0.42),
]


@pytest.mark.parametrize(
    "positions", [(0, 1, 2), (0, 1, 2.05), (0, 1.1, 2), (0, 0.4, 2), (0, 1, 9)]
)
@pytest.mark.parametrize("level", [1 / 64, 2 / 64, 3 / 64, 0.1])
def test_equal_arms_of_three_levels_pass_no_more_often_than_promised(positions, level):
    outcomes = np.array(list(itertools.product(range(3), repeat=8)))
    scores = np.array(positions, float)[outcomes]
    differences = np.round(scores[:, :4] - scores[:, 4:], 12)
    passes = unanimous_sign(differences) & (one_sign_p(4, paired_t(differences).p) <= level)
    counts = [(outcomes[passes] == each).sum(axis=1) for each in range(3)]
    for low, middle in SHARES:
        high = max(1 - low - middle, 0.0)
        chances = low ** counts[0] * middle ** counts[1] * high ** counts[2]
        assert chances.sum() <= level


# Sign flip.


def _mean(values, axis):
    return np.mean(values, axis=axis)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 9, 12, 13])
def test_agrees_with_scipy_over_all_flips(n):
    row = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.permutation_test(
        (row,), _mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert float(sign_flip(row)) == pytest.approx(expected.pvalue, abs=1e-10)


@pytest.mark.parametrize("values", [[-1, 0, 1], [-0.1, 0.1, 0.2, 0.3], [0.7, 1 / 7, -2 / 7]])
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_counting_where_many_sums_tie(values, seed):
    row = np.random.default_rng(seed).choice(values, 10)
    flips = 1 - 2 * (np.arange(2**10)[:, None] >> np.arange(10) & 1)
    sums = np.abs((flips * row).sum(axis=1))
    expected = (sums >= abs(row.sum()) - 1e-9).mean()
    assert float(sign_flip(row)) == expected


@pytest.mark.parametrize("n", range(1, 21))
def test_one_sign_throughout_is_as_rare_as_can_be(n):
    assert float(sign_flip(np.arange(1, n + 1))) == 2.0 ** (1 - n)


def test_darwins_plants():
    # Fisher 1935, §21: of 2^15 flips of 15 differences, 863 sum to at least 314 and 863 to at
    # most -314: p = 5.267 %.
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert float(sign_flip(eighths)) == 2 * 863 / 2**15


@pytest.mark.parametrize("n", [1, 2, 5, 20, 21, 50])
def test_no_difference_anywhere_has_p_1(n):
    assert sign_flip([0.0] * n) == 1


@pytest.mark.parametrize("n", [4, 11, 20, 21, 64])
def test_depends_on_nothing_but_the_rows_own_values(n):
    generator = np.random.default_rng(n)
    row = generator.normal(0.3, 1, n)
    alone = sign_flip(row)
    assert sign_flip(generator.permutation(row)) == alone
    assert sign_flip(-row) == alone
    assert sign_flip(1000 * row) == alone
    company = np.full((3, 90), np.nan)
    company[0, 5 : 5 + n] = row
    company[1, :90] = generator.normal(size=90)
    company[2, :7] = 1.0
    assert sign_flip(company)[0] == alone


def test_many_rows_are_the_same_as_one_by_one():
    rows = np.random.default_rng(0).normal(0.2, 1, (600, 6))
    assert sign_flip(rows).tolist() == [float(sign_flip(row)) for row in rows]


def test_drawn_flips_come_near_the_normal_limit_and_never_give_0():
    row = np.random.default_rng(7).normal(0.25, 1, 100)
    limit = 2 * stats.norm.sf(abs(row.sum()) / np.sqrt((row**2).sum()))
    error = math.sqrt(limit * (1 - limit) / DRAWS)
    assert float(sign_flip(row)) == pytest.approx(limit, abs=4 * error)
    assert float(sign_flip(np.ones(100))) == 1 / (1 + DRAWS)


def test_a_row_without_pairs_has_no_p():
    assert np.isnan(sign_flip([[math.nan, math.nan], [1.0, math.nan]])).tolist() == [True, False]


def test_signs_are_drawn_in_portions_from_one_stream():
    pairs = 2 * paired._PAIRS_AT_ONCE + 3
    draw = np.random.default_rng(paired._SEED).integers(0, 2, (pairs, paired.DRAWS), np.int8)
    for start, signs in paired._drawn_signs(pairs):
        assert np.array_equal(signs, 1.0 - 2.0 * draw[start : start + len(signs)])
    assert start + len(signs) == pairs


def test_memory_is_bounded_however_many_pairs_there_are():
    differences = np.random.default_rng(0).normal(size=(3, 1500))
    tracemalloc.start()
    p = paired.sign_flip(differences)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6  # all signs at once take 240 MB and more
    assert np.isfinite(p).all()


# Parts that overlap.


def test_overlap_adds_to_the_variance_of_a_mean_as_nadeau_and_bengio_have_it():
    """Ten folds: equation 2 of Bouckaert and Frank, t = d / sqrt((1/n + 1/9) s^2)."""
    row = np.array([1.2, 0.3, 0.8, -0.2, 0.9, 0.4, 1.1, 0.1, 0.6, 0.7])
    found = paired_t(row, overlap=1 / 9)
    t = row.mean() / np.sqrt((1 / 10 + 1 / 9) * row.var(ddof=1))
    assert float(found.p) == pytest.approx(2 * stats.t.sf(t, 9), rel=1e-12)
    assert float(tost(row, 2.0, 1 / 9)) > float(tost(row, 2.0))
    plain = paired_t(row)
    assert (float(found.mean), float(found.spread)) == (float(plain.mean), float(plain.spread))


def test_a_difference_on_validation_parts_has_the_corrected_p_and_says_what_it_is_for():
    ours, theirs = [0.97, 0.98, 0.97, 0.99, 0.98], [0.96, 0.965, 0.965, 0.97, 0.975]
    plain = paired_difference(ours, theirs, "val_accuracy", "points", 100)
    wide = paired_difference(ours, theirs, "val_accuracy", "points", 100, 1 / 9, "new images")
    ratio = (wide.ci_high - wide.ci_low) / (plain.ci_high - plain.ci_low)
    assert ratio == pytest.approx(np.sqrt((1 / 5 + 1 / 9) / (1 / 5)))
    assert (plain.p, wide.speaks_for) == (0.0625, "new images")
    assert wide.p == pytest.approx(
        float(paired_t(np.subtract(ours, theirs) * 100, overlap=1 / 9).p)
    )


@pytest.mark.parametrize("n", [5, 30])
def test_validation_intervals_hold_the_truth_of_new_data(n):
    """Two ways to predict a number: the mean of the training part, and 0; equal on the average."""
    generator, examples, held_out = np.random.default_rng(7), 100, 10
    studies = 1_500
    values = generator.normal((examples - held_out) ** -0.5, 1, (studies, examples))
    differences = np.empty((studies, n))
    for replicate in range(n):
        mixed = generator.permuted(values, axis=1)
        ours = mixed[:, held_out:].mean(axis=1, keepdims=True)
        rest = mixed[:, :held_out]
        differences[:, replicate] = (rest**2 - (rest - ours) ** 2).mean(axis=1)
    plain, wide = paired_t(differences), paired_t(differences, overlap=held_out / 90)
    covered, covered_wide = (
        np.mean((found.ci_low <= 0) & (found.ci_high >= 0)) for found in (plain, wide)
    )
    assert covered < (0.94 if n == 5 else 0.80)
    assert 0.93 < covered_wide < 0.985


def test_skewed_differences_are_no_equivalence_where_a_t_test_takes_them_for_one():
    row = np.zeros(30)
    row[4] = 1.0
    assert tost(row, 0.1) < 0.05 < skewed_tost(row, 0.1)
    assert float(skewed_tost(-row[::-1], 0.1)) == float(skewed_tost(row, 0.1))
    mean, spread, skewness = 1 / 30, row.std(ddof=1), stats.skew(row) * (29 / 30) ** 1.5
    w = (mean - 0.1) / spread
    t = 30**0.5 * (w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / 180)
    assert float(skewed_tost(row, 0.1)) == pytest.approx(stats.t.cdf(t, 29))
    even = np.array([-0.2, 0.1, 0.0, -0.1, 0.2, 0.0])  # without skewness both are one test
    assert float(skewed_tost(even, 0.3)) == pytest.approx(float(tost(even, 0.3)))
    assert np.isnan(skewed_tost([0.0], 0.1))
    assert float(skewed_tost([0.0] * 5, 0.1)) == 0.0
