"""Combinations: all of them, and fractions in which no technique hides behind a pair."""

from itertools import combinations

import numpy as np
import pytest

from stepladder.study.designs import every_combination, fraction, pair_aliases, runs_of_fraction


def signs(runs, techniques):
    """One column of -1 and +1 a technique, shape (runs, techniques)."""
    return np.array([[1 if run >> place & 1 else -1 for place in range(techniques)]
                     for run in runs])  # fmt: skip


def test_every_combination_once_the_smallest_first():
    assert every_combination(0) == (0,)
    assert every_combination(2) == (0b00, 0b01, 0b10, 0b11)
    assert sorted(every_combination(8)) == list(range(256))
    sizes = [each.bit_count() for each in every_combination(8)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("techniques", [*range(4, 20), 33, 64])
def test_no_technique_hides_behind_another_or_a_pair(techniques):
    columns = signs(fraction(techniques), techniques)
    assert len(columns) == runs_of_fraction(techniques) < 4 * techniques
    assert not columns.sum(axis=0).any()
    products = columns.T @ columns
    assert (products == len(columns) * np.eye(techniques, dtype=int)).all()
    pairs = np.array([columns[:, a] * columns[:, b]
                      for a, b in combinations(range(techniques), 2)]).T  # fmt: skip
    assert not (columns.T @ pairs).any()


@pytest.mark.parametrize("techniques", [4, 5, 8, 9, 16, 17])
def test_the_fraction_has_the_base_and_all_techniques(techniques):
    runs = fraction(techniques)
    assert (runs[0], runs[-1]) == (0, 2**techniques - 1)
    assert len(set(runs)) == len(runs)


@pytest.mark.parametrize("techniques", [4, 5, 7, 9, 12])
def test_aliases_are_the_pairs_whose_columns_are_equal(techniques):
    columns = signs(fraction(techniques), techniques)
    groups = pair_aliases(techniques)
    assert sorted(pair for group in groups for pair in group) == list(
        combinations(range(techniques), 2)
    )
    column = {
        pair: tuple(columns[:, pair[0]] * columns[:, pair[1]]) for group in groups for pair in group
    }
    for group in groups:
        assert len({column[pair] for pair in group}) == 1
    assert len({column[group[0]] for group in groups}) == len(groups)
