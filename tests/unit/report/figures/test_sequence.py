"""Effects over the number of replicates, with their confidence sequences."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from example_results import adaptive_results, factorial_results, mnist_results, named_results
from own_results import own_results

from stepladder.report.figures.base import csv_of, svg_of
from stepladder.report.figures.sequence import MOST_NUMBERS, courses_of, sequence_plot
from stepladder.statistics.anytime import confidence_sequence
from stepladder.statistics.paired import paired_t
from stepladder.statistics.results import Interval
from stepladder.store import Judgement

OPEN = "not enough replicates"


def with_pairs(results, count, spread=0.5):
    """The same with so many pairs of each comparison, and what follows from them."""
    rng, arms = np.random.default_rng(3), []
    for arm in results.arms:
        effect = arm.effect
        if effect is not None:
            drawn = effect.mean + spread * rng.normal(size=count)
            t, (low, high) = paired_t(drawn), confidence_sequence(drawn, 0.05)
            effect = replace(effect, mean=float(t.mean), ci_low=float(t.ci_low), pairs=count,
                             ci_high=float(t.ci_high), differences=tuple(drawn.tolist()),
                             anytime=Interval(float(low), float(high)))  # fmt: skip
        arms.append(replace(arm, effect=effect))
    return replace(results, arms=tuple(arms))


def judgement(replicates, verdicts):
    names = list(verdicts)
    return Judgement("s", "f", "accuracy", 0.1, (replicates,), False, dict.fromkeys(names, "d"),
                     dict.fromkeys(names, replicates), verdicts, 0.05, "run",
                     datetime.now(UTC))  # fmt: skip


def test_a_course_ends_at_the_effect_and_its_intervals():
    results = with_pairs(mnist_results(), 20)
    for course, arm in zip(courses_of(results), results.arms[1:], strict=True):
        effect = arm.effect
        assert course.numbers.tolist() == list(range(2, 21))
        assert course.mean[-1] == effect.mean
        assert (course.low[-1], course.high[-1]) == (effect.ci_low, effect.ci_high)
        assert course.sequence_low[-1] == effect.anytime.low
        assert course.sequence_high[-1] == effect.anytime.high
        few = np.array(effect.differences[:7])
        assert course.mean[5] == pytest.approx(few.mean())
        assert course.low[5] == pytest.approx(float(paired_t(few).ci_low))
        assert np.isfinite(course.sequence_low).tolist() == (course.numbers >= 5).tolist()
        assert (course.sequence_low[3:] < course.low[3:]).all()


def test_five_pairs_are_no_line():
    assert sequence_plot(mnist_results()) is None
    assert sequence_plot(with_pairs(mnist_results(), 6)) is not None


def test_judgements_are_marked_where_they_were_made():
    results = with_pairs(mnist_results(), 20)
    name, own = results.arms[1].arm.name, results.arms[1].effect.verdict
    earlier = (judgement(10, {name: "helps"}), judgement(5, {name: OPEN}),
               judgement(40, {name: "hurts"}))  # fmt: skip
    results = replace(results, earlier=earlier, is_first=False)
    first, second = courses_of(results)[:2]
    assert first.judged == {5: OPEN, 10: "helps", 20: own}
    assert list(second.judged) == [20]
    plot = sequence_plot(results)
    assert f"{name} " in plot.words
    assert "judged at 5, 10, 20" in plot.words
    rows = list(csv.DictReader(io.StringIO(csv_of(plot), newline="")))
    assert [(row["replicates"], row["judged"]) for row in rows
            if row["arm"] == name and row["judged"]] == [
        ("5", OPEN), ("10", "helps"), ("20", own)
    ]  # fmt: skip
    assert rows[0]["sequence_low"] == "", "no end with two pairs"


def test_looks_of_a_study_that_adds_replicates_are_judgements():
    results = with_pairs(adaptive_results(), 12)
    results = replace(results, adapted=replace(results.adapted, taken=2))
    assert list(courses_of(results)[0].judged) == [6, 10, 12]


def test_a_factorial_shows_its_main_effects():
    results = factorial_results()
    main = tuple(
        replace(one, effect=replace(one.effect, pairs=8, differences=(0.1, 0.3) * 4))
        for one in results.readout.main
    )
    results = replace(results, readout=replace(results.readout, main=main))
    assert [course.name for course in courses_of(results)] == [one.technique for one in main]


def test_of_many_replicates_some_numbers_are_drawn_and_every_judgement():
    results = with_pairs(named_results(["ReLU"]), 1000)
    name = results.arms[1].arm.name
    results = replace(results, earlier=(judgement(333, {name: OPEN}),), is_first=False)
    (course,) = courses_of(results)
    assert len(course.numbers) <= MOST_NUMBERS + 2
    assert {2, 5, 333, 1000} <= set(course.numbers.tolist())


def test_a_metric_of_which_less_is_better_has_its_unit():
    results = own_results({"name": "rmse", "better": "lower", "unit": "kWh", "delta": 0.01},
                          replicates=8)  # fmt: skip
    plot = sequence_plot(results)
    assert "Lower is better." in plot.caption
    assert "Grey strip: ± 0.01 kWh" in plot.caption
    assert "on test rmse over the number of replicates, in kWh" in plot.words
    drawn = svg_of(plot)
    assert "effect, kWh" in drawn
    assert drawn.count("▲") + drawn.count("▼") + drawn.count("?") >= 3
