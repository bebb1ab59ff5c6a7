"""Factorials, and fair and adaptive studies, as they are shown."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from drawn_plots import plots
from example_results import adaptive_results, factorial_results, fair_results, mnist_results

from stepladder.report import wording
from stepladder.report.figures.base import csv_of, png_of, svg_of
from stepladder.report.json import as_json
from stepladder.report.markdown import as_markdown
from stepladder.report.tables import PAIRS_SHOWN, readout_tables
from stepladder.report.terminal import as_text
from stepladder.report.view import view_of

# A factorial as it is shown: tables, sentences, JSON and the figure.


def test_no_read_out_no_table():
    assert view_of(mnist_results()).readout == view_of(mnist_results()).tables == ()
    assert "factorial" not in plots(mnist_results())


def test_the_tables_say_what_the_read_out_says():
    results = factorial_results()
    techniques, pairs = view_of(results).readout
    assert [row[0] for row in techniques.rows] == ["He normal", "ReLU", "dropout",
                                                   "label smoothing"]  # fmt: skip
    share = results.readout.shares[1]
    assert techniques.rows[1][3] == f"+{share.shapley.mean:.2f} ± " + techniques.rows[1][3][-4:]
    assert techniques.rows[1][5:] == (f"+{share.least:.2f}", f"+{share.most:.2f}")
    assert pairs.rows[0][0] == "He normal × ReLU"
    assert pairs.rows[0][1].startswith("+5.") or pairs.rows[0][1].startswith("+6.")
    assert len(pairs.rows) == 6


def test_the_headlines_of_a_factorial_are_on_techniques():
    said = [each.text for each in wording.headlines(factorial_results())]
    assert any(each.startswith("He normal (") and "averaged over all combinations" in each
               for each in said)  # fmt: skip
    assert not any("+ He normal" in each for each in said)
    fraction = [each.text for each in wording.headlines(factorial_results("fraction"))]
    assert any("averaged over a fraction of all combinations" in each for each in fraction)


def test_only_the_largest_of_many_pairs_are_shown():
    readout = factorial_results().readout
    many = replace(readout, interactions=readout.interactions * 3)
    assert len(readout_tables(replace(factorial_results(), readout=many))[1].rows) >= PAIRS_SHOWN
    assert "in the JSON" not in readout_tables(factorial_results())[1].note


def test_a_fraction_says_that_it_cannot_tell_pairs_apart():
    techniques, pairs = view_of(factorial_results("fraction")).readout
    assert techniques.heads == ("technique", "main effect", "verdict")
    assert "averaged over the trained combinations of the others" in techniques.note
    assert "techniques that act only in threes are mixed into main effects" in techniques.note
    assert "cannot tell the pairs of one line apart" in pairs.note
    assert pairs.rows[0][0] == "He normal × ReLU and dropout × label smoothing"


def test_json_has_all_of_it():
    results = factorial_results()
    value = json.loads(as_json(results))["factorial"]
    assert len(value["main_effects"]) == len(value["shapley"]) == 4
    assert value["main_effects"][1]["effect"]["verdict"] == "helps"
    assert len(value["interactions"]) == 6
    ladders = value["shapley"][0]["ladders"]
    assert ladders["least"] < ladders["mean"] < ladders["most"]
    assert ladders["mean"] == value["shapley"][0]["mean"]
    assert "ReLU" in ladders["after_most"]
    assert sum(each["mean"] for each in value["shapley"]) == pytest.approx(value["gain"]["mean"])


@pytest.mark.parametrize("design", ["factorial", "fraction"])
def test_it_stands_in_every_form(design):
    results = factorial_results(design)
    where = {"factorial": "in all combinations", "fraction": "in a fraction of all combinations"}
    for text in (as_text(results), as_text(results, 80), as_markdown(results)):
        assert f"What each technique is worth {where[design]}" in text
        assert "Which techniques need each other" in text


@pytest.mark.parametrize("design", ["factorial", "fraction"])
def test_the_figure_is_drawn_with_its_numbers(design):
    plot = plots(factorial_results(design))["factorial"]
    drawn = svg_of(plot)
    assert "label smoothing" in drawn
    ElementTree.fromstring(drawn)
    assert png_of(plot).startswith(b"\x89PNG")
    rows = csv_of(plot).splitlines()
    assert sum(row.startswith("Shapley value") for row in rows) == 4 * (design == "factorial")
    assert sum(row.startswith("interaction") for row in rows) == 6


# Fair and adaptive studies as they are shown.


def test_the_table_has_the_chosen_and_the_fixed_value_of_every_arm():
    results = fair_results()
    (table,) = view_of(results).tables
    assert table.title == "How each arm was tuned"
    assert table.rows[0][:2] == ("naive", "3")
    assert table.rows[0][-1] == "learning_rate at the edge"
    assert [row[3] for row in table.rows] == ["0.001"] * 7
    assert table.rows[3][2] == "98.00"
    assert "10 candidates for every arm" in table.note
    assert "widened 1× for all arms" in table.note


def test_a_fair_study_says_so_in_every_form():
    results = fair_results()
    for text in (as_text(results), as_markdown(results)):
        assert "How each arm was tuned" in text
        assert "Fair: each arm has its own" in text.replace("\\", "").replace("\n", " ")
    assert "Every arm has one learning rate" not in as_text(fair_results(), 400).replace("\n", " ")


def test_json_has_every_candidate():
    value = json.loads(as_json(fair_results()))["tuning"]
    assert value["widenings"] == 1
    assert len(value["first_grid"]["learning_rate"]) + 1 == len(value["grid"]["learning_rate"])
    arm = value["arms"][0]
    assert arm["chosen"] == {"learning_rate": 3.0}
    assert arm["declared"] == {"learning_rate": 0.001}
    assert arm["at_edge"] == ["learning_rate"]
    assert len(arm["tried"]) == 10
    assert json.loads(as_json(mnist_results()))["tuning"] is None


def test_the_figure_is_drawn_with_its_numbers_for_tuning_view():
    plot = plots(fair_results())["tuning"]
    assert "tuning" not in plots(mnist_results())
    drawn = svg_of(plot)
    ElementTree.fromstring(drawn)
    assert "naive (at the edge)" in drawn
    assert ">0.0001</text>" in drawn.replace("\n", "")
    assert "mathdefault" not in drawn
    assert png_of(plot).startswith(b"\x89PNG")
    rows = csv_of(plot).splitlines()
    assert len(rows) == 1 + 7 * 10 * 2
    assert sum("chosen" in row for row in rows) == 7 * 2


def test_arms_that_are_not_drawn_are_counted():
    results = fair_results()
    many = replace(results.tuned, arms=results.tuned.arms * 4)
    assert "The first 24 of 28 arms" in plots(replace(results, tuned=many))["tuning"].caption
    assert "The first" not in plots(results)["tuning"].caption


def test_an_adaptive_study_says_what_it_saved():
    results = adaptive_results()
    text = as_text(results, 400)
    assert "42 trials instead of 210, which saved about 14 min of training" in text
    assert "Intervals are not corrected for stopping." in text
    assert "up to 30 replicates" in text
    assert view_of(results).is_complete
    value = json.loads(as_json(results))
    assert value["adaptive"]["looks"] == [6, 10, 17, 30]
    assert value["adaptive"]["trials"] == 42
    assert value["arms"][0]["planned"] == 6
