import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_plots import plots
from example_results import factorial_results, fair_results, mnist_results, some_diverged
from hypothesis import given
from hypothesis import strategies as st

from stepladder.report.figures.axes import (
    log_odds,
    log_odds_ticks,
    thin_out,
    wrap_text,
)
from stepladder.report.figures.base import csv_of
from stepladder.report.figures.forest import forest_of, rungs_of
from stepladder.report.figures.internals import insides_of
from stepladder.report.figures.pareto import spots_of


def rows(plot):
    return list(csv.DictReader(io.StringIO(csv_of(plot), newline="")))


def test_the_forest_holds_every_replicate():
    results = mnist_results()
    forest = forest_of(results)
    assert [bar.differences for bar in forest.bars] == [
        each.effect.differences for each in results.arms[1:]
    ]
    found = [row for row in rows(plots(results)["effects"]) if row["arm"] == "+ Adam"]
    assert [row["what"] for row in found] == ["effect", *["pair"] * 5]
    assert [float(row["points"]) for row in found[1:]] == list(forest.bars[3].differences)


def test_the_axis_of_effects_is_logarithmic_only_where_it_must_be():
    results = mnist_results()
    assert forest_of(results).linear_within == 1.0
    assert "logarithmic" in plots(results)["effects"].caption
    last = replace(results, arms=results.arms[-1:])
    assert forest_of(last).linear_within is None
    assert "logarithmic" not in plots(last)["effects"].caption


def test_of_very_many_comparisons_the_largest_are_drawn():
    forest = forest_of(mnist_results())
    many = replace(forest, bars=tuple(
        replace(forest.bars[0], name=f"arm {place}", mean=float(place)) for place in range(100)
    ))  # fmt: skip
    assert [bar.mean for bar in many.shown] == list(range(36, 100))


def test_rungs_stand_on_the_arm_that_they_are_compared_with():
    rungs = rungs_of(mnist_results())
    assert [rung.below for rung in rungs] == [None, 0, 1, 2, 2, 4, 5]
    assert [rung.reported for rung in rungs][:2] == [11.3, 37.2]
    assert rungs[0].row.instead == "answers 1 to every image"
    assert "reported 92.20 %" in plots(mnist_results())["ladder"].words


def with_times(results, seconds):
    arms = zip(results.arms, seconds, strict=True)
    return replace(results, arms=tuple(replace(arm, seconds=5 * time) for arm, time in arms))


def test_the_pareto_front_is_what_no_other_beats_in_both():
    results = with_times(mnist_results(), [1, 1, 2, 3, 2.5, 4, 3.5])
    spots = {spot.name: spot for spot in spots_of(results)}
    assert spots["+ Adam"].cost == 2.5
    front = {name for name, spot in spots.items() if spot.is_front}
    # naive and He normal are equal in both; dropout is better and faster than batch norm
    assert front == {"naive", "+ He normal", "+ ReLU", "+ Adam", "+ dropout"}


def test_arms_without_a_time_have_no_spot():
    assert spots_of(with_times(mnist_results(), [0] * 7)) == ()
    assert "pareto" not in plots(with_times(mnist_results(), [0] * 7))


def test_gradients_are_geometric_means_over_replicates():
    result = mnist_results().arms[2]
    inside = insides_of(mnist_results())[2]
    expected = np.exp(np.log(result.probes.gradient_norm.astype(float)).mean(axis=0))
    np.testing.assert_allclose(inside.gradients, expected)
    np.testing.assert_allclose(inside.dead, 100 * result.probes.dead.astype(float).mean(axis=0))
    assert np.isnan(inside.saturated).all()
    assert np.array_equal(inside.idle, inside.dead)


def test_diverged_replicates_leave_gradients_of_the_others():
    for inside, result in zip(insides_of(some_diverged()), some_diverged().arms, strict=True):
        assert np.isfinite(inside.gradients).all()
        alive = result.probes.gradient_norm[:2, -1].astype(float)
        np.testing.assert_allclose(inside.gradients[-1], np.exp(np.log(alive).mean(axis=0)))


def test_gradients_of_zero_are_drawn():
    results = mnist_results()
    norms = np.zeros_like(results.arms[0].probes.gradient_norm)
    probes = replace(results.arms[0].probes, gradient_norm=norms)
    arms = (replace(results.arms[0], probes=probes), *results.arms[1:])
    plot = plots(replace(results, arms=arms))["gradients"]
    assert "naive 0 at the inputs" in plot.words
    assert {float(row["gradient_norm"]) for row in rows(plot) if row["arm"] == "naive"} == {0.0}


def test_every_order_of_a_factorial_is_told():
    readout = factorial_results().readout
    for share in readout.shares:
        points, orders = zip(*share.said, strict=True)
        assert len(points) == 2**3
        assert sum(orders) == pytest.approx(1)
        assert np.dot(points, orders) == pytest.approx(share.shapley.mean)
        assert (points[0], points[-1]) == (share.least, share.most)


def test_mistakes_are_told_with_their_numbers():
    made = plots(mnist_results())
    mistakes = mnist_results().mistakes
    found = rows(made["confusion"])
    assert len(found) == 100
    assert sum(int(row["answers"]) for row in found) == mistakes.confusion.sum()
    right = 100 * np.trace(mistakes.confusion) / mistakes.confusion.sum()
    assert f"{right:.2f} %" in made["confusion"].words
    assert "Number 0, a 0 read as 3 by 25 of 25" in made["hardest"].words
    letters = plots(replace(mnist_results(), classes=tuple("ABCDEFGHIJ")))["hardest"].words
    assert "Number 0, a A read as D by 25 of 25" in letters, "names are told as they are written"
    assert len(rows(made["disagreements"])) == 12
    assert "9 images that + dropout reads right" in made["disagreements"].words


def test_without_images_there_is_the_confusion_alone():
    results = mnist_results()
    rest = tuple(replace(each, image=None) for each in results.mistakes.hardest)
    bare = replace(results.mistakes, hardest=rest, won=(), lost=())
    assert "confusion" in plots(replace(results, mistakes=bare))
    assert not {"hardest", "disagreements"} & set(plots(replace(results, mistakes=bare)))


def test_the_fixed_learning_rate_is_marked():
    found = rows(plots(fair_results())["tuning"])
    assert {row["candidate"] for row in found if "declared" in row["which"]} == {
        "learning_rate = 0.001"
    }


def test_log_odds_make_halving_the_errors_one_step():
    steps = np.diff(log_odds([98, 99, 99.5]))
    assert steps[0] == pytest.approx(steps[1], rel=0.02)
    assert log_odds(50) == pytest.approx(0)
    assert np.isfinite(log_odds([0, 100])).all()


def test_from_98_to_99_and_a_half_the_ticks_can_be_read():
    assert log_odds_ticks(97.5, 99.6) == [98, 99, 99.5]
    assert log_odds_ticks(11, 97.6)[-1] == 95


@given(st.text(max_size=300), st.integers(3, 40), st.integers(1, 3))
def test_names_are_folded_and_no_line_is_too_long(text, width, lines):
    found = wrap_text(text, width, lines).split("\n")
    assert len(found) <= lines
    assert all(len(line) <= width for line in found)


def test_names_that_fit_are_told_whole():
    name = "a technique whose name goes on and on until its end"
    assert wrap_text(name, 24, 3).replace("\n", " ") == name


@given(st.lists(st.floats(-10, 10), max_size=200), st.integers(2, 60))
def test_thinning_keeps_the_ends(values, most):
    kept = thin_out(values, most)
    assert len(kept) == min(len(values), most)
    assert set(kept) <= set(values)
    if values:
        assert (kept[0], kept[-1]) == (min(values), max(values))
    assert not any(map(math.isnan, kept))
