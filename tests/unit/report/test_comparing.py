from dataclasses import replace

import numpy as np
import pytest
from example_results import VARIANTS, hostile_results, mnist_results, one_arm
from scipy import stats

from stepladder.report.comparison import comparison_as_html, comparison_as_markdown, comparison_of
from stepladder.report.figures.base import csv_of

NAMES = ("before", "after")


def shifted(results, points):
    """The same run, each replicate's test accuracy moved by some points of its own."""
    arms = []
    for each in results.arms:
        values = np.asarray(each.test_accuracy.values) + np.asarray(points[: each.n]) / 100
        moved = replace(each.test_accuracy, values=tuple(values.tolist()), mean=values.mean())
        arms.append(replace(each, test_accuracy=moved))
    return replace(results, arms=tuple(arms))


def test_a_run_against_itself_differs_in_nothing():
    made = comparison_of(mnist_results(), mnist_results(), NAMES)
    assert made.sentences[0] == "All 7 arms came out exactly the same in both."
    assert {row[3] for row in made.arms.rows} == {"0.00 ± 0.00"}
    assert made.asked.rows == ()
    assert "are the same" in made.asked.note


def test_equal_draws_are_compared_in_pairs():
    points = [0.1, 0.2, 0.3, 0.4, 0.5]
    made = comparison_of(shifted(mnist_results(), points), mnist_results(), NAMES)
    half = stats.t.ppf(0.975, 4) * np.std(points, ddof=1) / 5**0.5
    assert "in pairs" in made.subtitle
    assert {row[3] for row in made.arms.rows} == {f"+0.30 ± {half:.2f}"}
    assert "Of 7 arms, 7 differ" in made.sentences[0]


def test_swapping_the_runs_flips_the_sign():
    moved = shifted(mnist_results(), [0.1, 0.2, 0.3, 0.4, 0.5])
    made = comparison_of(mnist_results(), moved, NAMES)
    assert all(row[3].startswith("−0.30") for row in made.arms.rows)


def test_other_draws_are_compared_by_welch():
    other = mnist_results()
    other = replace(other, study=other.study.changed({"seed": 7}))
    made = comparison_of(mnist_results(), other, NAMES)
    assert "Welch" in made.subtitle
    assert "Welch" in made.arms.note
    assert ("seed", "0", "7") in made.asked.rows
    assert made.plot.words


def test_the_figure_of_unpaired_runs_counts_replicates_once():
    other = replace(mnist_results(), fingerprint="0" * 64)
    plot = comparison_of(mnist_results(), other, NAMES).plot
    assert "over 0 replicates" not in plot.words
    assert ", 5 replicates" in plot.words
    assert "5 replicates" not in csv_of(plot)


def test_what_only_one_has_is_named():
    fewer = mnist_results()
    fewer = replace(fewer, arms=fewer.arms[:-1], finished=False)
    made = comparison_of(mnist_results(), fewer, NAMES)
    assert "Only before has + dropout." in made.sentences
    assert any("after is unfinished" in each for each in made.sentences)


def test_studies_are_compared_key_by_key():
    other = mnist_results()
    other = replace(other, study=other.study.changed({"delta": 0.2}), machine="another")
    made = comparison_of(mnist_results(), other, NAMES)
    assert {row[0] for row in made.asked.rows} == {"delta", "machine"}


def test_runs_with_no_arm_in_common_say_so():
    made = comparison_of(mnist_results(), one_arm(), NAMES)
    assert made.sentences[0].startswith("No arm is in both")
    assert made.plot is None
    assert comparison_as_html(mnist_results(), one_arm(), NAMES)


@pytest.mark.parametrize("variant", ["partial", "one replicate", "all diverged", "nothing yet"])
def test_every_state_can_be_compared(variant):
    results = VARIANTS[variant]()
    assert "<!DOCTYPE html>" in comparison_as_html(results, results, NAMES)
    assert "### before against after" in comparison_as_markdown(results, results, NAMES)


def test_hostile_names_are_text():
    results = hostile_results()
    page = comparison_as_html(results, results, ("<b>one</b>", "two@user"))
    assert "<script" not in page
    assert "<b>" not in page
    text = comparison_as_markdown(results, results, ("<b>one</b>", "two@user"))
    assert "<script" not in text
    assert "@user" not in text
