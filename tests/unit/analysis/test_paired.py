import math

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics import paired_t, tost
from stepladder.statistics.paired import on_grid, or_none

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
    found = on_grid([100 * (0.97 - 0.96), 100 * (0.57 - 0.56), -1e-14, math.nan])
    assert found[0] == found[1] == 1.0
    assert math.copysign(1, found[2]) == 1
    assert math.isnan(found[3])


def test_what_cannot_be_known_is_none():
    assert or_none(math.nan) is None
    assert or_none(paired_t([1.0]).p) is None
    assert or_none(paired_t([1.0, 3.0]).mean) == 2.0


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
    ("row", "expected"),
    [([0.0] * 3, 0.0), ([0.05] * 3, 0.0), ([0.1] * 3, 1.0), ([-0.5] * 3, 1.0)],
)
def test_equivalence_without_spread_is_a_plain_comparison(row, expected):
    assert tost(row, 0.1) == expected


def test_equivalence_needs_two_pairs():
    assert math.isnan(tost([0.0], 0.1))
