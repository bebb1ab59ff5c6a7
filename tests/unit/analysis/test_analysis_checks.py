import math

import numpy as np
import pytest

from stepladder.errors import InputError
from stepladder.statistics import effect, effects, estimate

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
        (("qqq", "naive"), r"found 'qqq'; the arms are naive, \+ ReLU, \+ Adam"),
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
