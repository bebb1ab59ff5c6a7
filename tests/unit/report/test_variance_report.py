"""What `variance` says of an analysis, in words and in its figure."""

import math
from dataclasses import replace

import numpy as np
import pytest

from stepladder.data import synthetic
from stepladder.execution.machine import Settings
from stepladder.report.figures.base import csv_of, svg_of
from stepladder.report.figures.variance import variance_plot
from stepladder.report.variance import as_text
from stepladder.runs.plan import record_of
from stepladder.runs.variance import StudyVariance
from stepladder.statistics.variance import analyze_variance
from stepladder.study.study import Study

SCORES = 97 + np.random.default_rng(0).normal(size=(4, 20))
SETTINGS = Settings((None,), {}, "jax", None, "a machine")


def made(sources, together):
    study = Study(name="s", base={"hidden": [8]}, validation=10)
    record = record_of(study, synthetic(100, (4,), 2, seed=0), SETTINGS)
    analysis = analyze_variance(sources, together)
    return StudyVariance(record, study.arms[0], 20, analysis, (), 1, True, 0, 0)


def text_of(*given):
    return " ".join(as_text(made(*given)).split())


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0.2, "less than the sum. Sources act on each other"),
        (1.4, "compatible with sources that add up"),
        (6, "Replicate 0 is an unusual one"),
    ],
)
def test_all_together_is_compared_with_the_sum(size, words):
    assert words in text_of({"split": SCORES[0], "data order": SCORES[1]}, size * SCORES[2])


def test_what_helps_and_what_does_not_is_said_of_the_largest_source():
    text = text_of({"split": 3 * SCORES[0], "data order": SCORES[1]}, 3 * SCORES[2])
    assert "train 53 more replicates, 73 in all" in text
    assert "Replicates that share one split do not help" in text
    text = text_of({"split": SCORES[0], "data order": 3 * SCORES[1]}, 3 * SCORES[2])
    assert "Replicates that share one draw of data order do not help" in text


def test_of_one_source_there_is_neither_sum_nor_share():
    text = text_of({"seed": SCORES[0]}, SCORES[0])
    assert "sum" not in text
    assert "share" not in text
    assert "73 in all." in text


def test_diverged_replicates_and_scores_that_do_not_vary_are_said():
    still = [97.0] * 20
    text = text_of({"split": still, "data order": [math.nan, *still[1:]]}, still)
    assert "No spread was seen of split, data order, sum of the sources and all together" in text
    assert "Diverged and left out: 1 of 20 (data order)" in text
    assert "To halve the interval, nothing is needed: the scores do not vary." in text
    text = text_of({"split": [math.nan] * 20, "data order": SCORES[0]}, [math.nan] * 20)
    assert "replicates are needed that do not diverge." in text


def test_the_table_is_last_and_parts_stand_in_the_order_of_their_use():
    analysis = made({"split": SCORES[0], "data order": SCORES[1]}, SCORES[2])
    stored = dict(sorted(analysis.record.sizes.items()))  # as JSON has them
    lines = as_text(replace(analysis, record=replace(analysis.record, sizes=stored))).splitlines()
    assert lines[1].startswith("synthetic-0: 90 train, 10 validation, 20 test")
    assert lines[-1].startswith("all together")


def test_the_figure_has_every_row_and_its_data():
    sources = {"split": SCORES[0], "data order": [97.0] * 20, "dropout": [math.nan] * 20}
    plot = variance_plot(made(sources, SCORES[1]))
    assert all(name in svg_of(plot) for name in [*sources, "sum of the sources", "all together"])
    lines = csv_of(plot).splitlines()
    assert lines[0] == "source,standard_deviation,low,high,share,n"
    assert lines[2] == "data order,0.0,,,,20"
    assert "0 %" not in plot.words
    assert svg_of(variance_plot(made({"seed": [97.0] * 20}, [97.0] * 20)))
