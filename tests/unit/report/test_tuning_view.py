"""Fair and adaptive studies as they are shown."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from drawn_plots import plots
from example_results import adaptive_results, fair_results, mnist_results

from stepladder.report.figures.base import csv_of, png_of, svg_of
from stepladder.report.markdown import as_json, as_markdown
from stepladder.report.terminal import as_text
from stepladder.report.view import view_of


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
    assert "Every arm kept one learning rate" not in as_text(fair_results(), 400).replace("\n", " ")


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


def test_the_figure_is_drawn_with_its_numbers():
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
