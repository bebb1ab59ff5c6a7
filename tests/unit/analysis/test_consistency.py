import itertools
import math

import numpy as np
import pytest

from stepladder.analysis import paired_t
from stepladder.analysis.consistency import consistency_p, consistent

NAN = math.nan


@pytest.mark.parametrize(
    ("arm", "other", "expected"),
    [
        pytest.param([0.97, 0.96], [0.11, 0.12], True, id="apart"),
        pytest.param([0.11, 0.12], [0.97, 0.96], True, id="apart, below"),
        pytest.param([0.13, 0.97], [0.11, 0.12], True, id="apart, gains unlike"),
        pytest.param([0.5, 0.75], [0.25, 0.5], True, id="overlapping, gains equal"),
        pytest.param([0.25, 0.5], [0.5, 0.75], True, id="overlapping, losses equal"),
        pytest.param([0.5, 1.0], [0.25, 0.5], False, id="the larger gain twice the smaller"),
        pytest.param([0.5, 0.25], [0.25, 0.5], False, id="one up, one down"),
        pytest.param([0.5, 0.5], [0.5, 0.5], False, id="no difference"),
        pytest.param([0.5, 0.75], [0.5, 0.5], False, id="one tie"),
        pytest.param([0.5, NAN, 0.75], [0.25, 0.99, 0.5], True, id="missing left out"),
        pytest.param([NAN, NAN], [0.5, 0.5], False, id="no pair"),
    ],
)
def test_what_is_consistent(arm, other, expected):
    first, second = np.array(arm), np.array(other)
    assert bool(consistent(first, second, first - second)) is expected
    assert bool(consistent(second, first, second - first)) is expected


@pytest.mark.parametrize(("pairs", "expected"), [(1, 1), (2, 1 / 4), (4, 1 / 64), (5, 1 / 256)])
def test_what_it_is_worth(pairs, expected):
    assert consistency_p(pairs) == expected


def test_without_pairs_it_is_worth_nothing():
    assert consistency_p(0) == 1


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.3, 0.7), (0.25,) * 4, (0.4, 0.1, 0.1, 0.4)])
@pytest.mark.parametrize("least", [0.5, 1.0, 1.5, 2.0])
def test_one_difference_lies_in_a_given_range_one_time_in_four_at_most(shares, least):
    levels = range(len(shares))
    chance = sum(
        shares[i] * shares[j]
        for i, j in itertools.product(levels, repeat=2)
        if least <= i - j < 2 * least
    )
    assert chance <= 0.25 + 1e-12


SHARES = [
    *itertools.product([0.1, 0.2, 0.3, 0.4, 0.5], repeat=2),
    (1 / 3, 1 / 3),
    (0.427, 0.437),  # the outer two often, or two neighbours often: the worst found
    (0.436, 0.127),
]


@pytest.mark.parametrize(
    "positions", [(0, 1, 2), (0, 1, 2.05), (0, 1.1, 2), (0, 0.4, 2), (0, 1, 9)]
)
def test_equal_arms_of_three_levels_pass_no_more_often_than_promised(positions):
    n = 4
    outcomes = np.array(list(itertools.product(range(3), repeat=2 * n)))
    scores = np.array(positions, float)[outcomes]
    first, second = scores[:, :n], scores[:, n:]
    differences = np.round(first - second, 12)
    passes = consistent(first, second, differences)
    passes &= paired_t(differences).p <= consistency_p(n)
    counts = [(outcomes[passes] == level).sum(axis=1) for level in range(3)]
    for low, middle in SHARES:
        high = max(1 - low - middle, 0.0)
        chances = low ** counts[0] * middle ** counts[1] * high ** counts[2]
        assert chances.sum() <= consistency_p(n)
