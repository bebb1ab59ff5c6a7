import math

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics import sign_flip
from stepladder.statistics.paired import DRAWS


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
