"""The interval for new runs: by hand, against simulation, and what it makes of figures."""

import math

import numpy as np
import pytest
from scipy import stats

from stepladder import InputError
from stepladder.statistics.intervals import LEAST, finding, prediction, verdict

VALUES = [0.970, 0.972, 0.971, 0.969, 0.973]


def test_it_is_the_textbook_interval():
    found = prediction(VALUES)
    half = stats.t.ppf(0.975, 4) * np.std(VALUES, ddof=1) * math.sqrt(1 + 1 / 5)
    assert found.mean == pytest.approx(0.971, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.971 - half, 0.971 + half), abs=1e-12)


def test_a_mean_of_many_runs_is_as_sure_as_the_replicates_are():
    many = prediction(VALUES, runs=10**9)
    interval = stats.t.interval(0.95, 4, loc=0.971, scale=stats.sem(VALUES))
    assert (many.low, many.high) == pytest.approx(interval, abs=1e-7)
    assert many.high - many.low < prediction(VALUES).high - prediction(VALUES).low


def test_it_does_not_depend_on_the_order_and_leaves_out_what_diverged():
    assert prediction(VALUES[::-1]) == prediction(VALUES)
    assert prediction([math.nan, *VALUES]) == prediction(VALUES)


@pytest.mark.parametrize(("n", "runs"), [(3, 1), (5, 1), (5, 4), (20, 1)])
def test_it_holds_the_mean_of_new_runs_as_often_as_it_says(n, runs):
    draw = np.random.default_rng(7).normal(0.9, 0.01, size=(4000, n + runs))
    held = 0
    for each in draw:
        found = prediction(each[:n].tolist(), runs)
        held += found.low <= each[n:].mean() <= found.high
    assert 100 * held / len(draw) == pytest.approx(95, abs=1.2)


def test_it_ends_at_0_and_1_and_needs_two_replicates():
    wide = prediction([0.1, 0.9])
    assert (wide.low, wide.high) == (0.0, 1.0)
    one = prediction([0.9])
    assert (one.n, one.low, one.high, one.spread) == (1, None, None, None)
    assert math.isnan(prediction([math.nan]).mean)


def test_replicates_that_are_all_equal_reach_their_own_figure_as_it_was_rounded():
    constant = prediction([0.1135] * 5)
    assert constant.reaches(0.113, 0.001)  # ~11.3
    assert constant.reaches(0.1135, 0.0)
    assert not constant.reaches(0.372, 0.001)


@pytest.mark.parametrize(
    ("values", "reported", "said"),
    [
        (VALUES, 0.975, "fits"),
        (VALUES, 0.98, "excluded"),
        (VALUES[: LEAST - 1], 0.971, "too few replicates"),
        (VALUES[: LEAST - 1], 0.9, "too few replicates"),
        (VALUES[:1], 0.5, "too few replicates"),
        ([], 0.5, "too few replicates"),
    ],
)
def test_what_a_figure_is_to_a_reading(values, reported, said):
    assert finding(prediction(values), reported) == said


def test_no_figure_comes_from_where_all_diverge():
    lost = prediction([math.nan] * 5)
    assert finding(lost, 0.5, diverged=5) == "excluded"
    assert finding(prediction([math.nan] * 4), 0.5, diverged=4) == "too few replicates"
    assert finding(prediction([0.5, *[math.nan] * 4]), 0.5, diverged=4) == "too few replicates"


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        (["excluded", "fits"], "reproduced"),
        (["fits", "too few replicates"], "reproduced"),
        (["excluded", "excluded"], "not reproduced"),
        (["excluded", "too few replicates"], "cannot be told"),
        ([], "cannot be told"),
    ],
)
def test_a_row_is_as_good_as_its_best_reading(findings, said):
    assert verdict(findings) == said


@pytest.mark.parametrize("runs", [0, -1])
def test_runs_must_be_one_or_more(runs):
    with pytest.raises(InputError, match=f"runs must be 1 or more, found {runs}"):
        prediction(VALUES, runs)


def test_values_must_be_fractions():
    with pytest.raises(InputError, match="divide percentages by 100"):
        prediction([97.1, 97.2])
