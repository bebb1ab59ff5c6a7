import itertools
import math

import numpy as np
import pytest

from stepladder.statistics import paired_t
from stepladder.statistics.paired import one_sign_p, unanimous_sign, unanimous_sign_floor

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
