"""Choosing candidates: the best, the middle of equals, and whether it lies at an edge."""

import math

import pytest

from stepladder.statistics.selection import at_edges, best, mean_at_chance

RATES = (0.001, 0.01, 0.1, 1.0, 10.0)


def of_rates(*values):
    return {(rate,): (value,) for rate, value in zip(RATES, values, strict=True)}


def test_the_highest_mean_is_chosen():
    assert best((RATES,), of_rates(0.1, 0.5, 0.9, 0.8, 0.1), 0.1) == (0.1,)
    spread = {(0.1,): (0.9, 0.5), (1.0,): (0.8, 0.7)}
    assert best(((0.1, 1.0),), spread, 0.1) == (1.0,)


def test_of_equals_the_middle_is_chosen():
    assert best((RATES,), of_rates(0.1, 0.1, 0.1, 0.1, 0.1), 0.1) == (0.1,)
    assert best((RATES,), of_rates(0.5, 0.2, 0.2, 0.2, 0.5), 0.1) == (0.001,)


def test_a_diverged_replicate_counts_as_guessing():
    assert mean_at_chance((0.9, math.nan), 0.1) == pytest.approx(0.5)
    assert best((RATES,), of_rates(0.2, 0.3, 0.4, math.nan, math.nan), 0.1) == (0.1,)


@pytest.mark.parametrize(
    ("candidate", "edges"), [((0.001,), ((0, False),)), ((10.0,), ((0, True),)), ((0.1,), ())]
)
def test_edges_are_those_of_the_grid(candidate, edges):
    assert at_edges((RATES,), candidate) == edges


def test_edges_of_several_fields():
    grid = (RATES, (0.0, 0.1, 0.2))
    assert at_edges(grid, (10.0, 0.0)) == ((0, True), (1, False))
