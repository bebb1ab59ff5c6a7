"""Notebook, live page, comparison of runs and fronts over runs, for any metric."""

import csv
import io
import json

import pytest
from own_results import RMSE, own_results

from stepladder.errors import InputError
from stepladder.report import pareto
from stepladder.report.comparison import comparison_as_html, comparison_of
from stepladder.report.figures import figures_of
from stepladder.report.html import drawn
from stepladder.report.live import live_html
from stepladder.report.notebook import as_notebook_html
from stepladder.report.tables import also_tables

NAMES = ("first", "second")


@pytest.mark.parametrize("reports", [None, lambda score: {}])
def test_a_notebook_shows_the_metric_and_what_was_reported(reports):
    results = own_results() if reports is None else own_results(reports=reports)
    page = as_notebook_html(results)
    for text in ("validation rmse (kWh)", "test rmse (kWh)", "effect, kWh", "<img src"):
        assert text in page
    assert "accuracy" not in page
    assert "train %" not in page


def test_the_live_page_shows_no_test_score():
    results = own_results()
    page = live_html(results, [drawn(figures_of(results)[0])], "training")
    assert "validation rmse (kWh)" in page
    assert "test rmse (kWh)" not in page
    assert "no score on the test part is shown" in page
    assert "accuracy" not in page


@pytest.mark.extra
@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("reported-rmse", True),
        ("validation", True),
        ("reported-test-rmse", False),
        ("ladder", False),
    ],
)
def test_figures_of_the_test_part_are_not_on_the_live_page(name, is_shown):
    dashboard = pytest.importorskip("stepladder.tools.dashboard")
    assert dashboard.is_watched(name) == is_shown


def test_two_runs_are_compared_in_the_metric():
    one = own_results()
    made = comparison_of(one, own_results(offset=0.5), NAMES)
    assert made.arms.title == "Test rmse in both"
    assert [column.head for column in made.arms.columns] == [
        "arm", "first (kWh)", "second (kWh)", "difference, kWh"
    ]  # fmt: skip
    assert [float(row[3].replace("−", "-").split()[0]) for row in made.arms.rows] == [-0.5] * 4
    assert "± 0.05 kWh" in made.plot.caption
    assert "same seeds" in made.subtitle
    assert "accuracy" not in comparison_as_html(one, one, NAMES)


def test_runs_of_two_metrics_are_not_compared():
    made = comparison_of(own_results(), own_results("r2", scale=0.5), NAMES)
    assert made.sentences[0] == (
        "first judges rmse in kWh and second r2: their figures cannot be compared."
    )
    assert made.subtitle == "The runs are judged by different metrics."
    assert (made.plot, made.arms.rows) == (None, ())


def test_a_run_without_delta_is_compared_without_a_strip():
    results = own_results({"name": "rmse", "unit": "kWh"})
    made = comparison_of(results, results, NAMES)
    assert "Grey strip" not in made.plot.caption


def test_arms_of_a_users_own_training_are_weighed_against_time_alone():
    entries = pareto.entries_of_results(own_results(), "run", "test").entries
    table = pareto.side_table(entries, "test")
    assert [column.head for column in table.columns] == [
        "arm", "seconds", "test rmse (kWh)", "fastest"
    ]  # fmt: skip
    fast = [row[0] for row in table.rows if row[-1] == "yes"]
    assert fast == ["run: base", "run: + dropout"], "lower is better"
    assert "weights" not in table.note
    assert [plot.name for plot in pareto.plots_of(entries, "test")] == ["pareto"]
    weighed = pareto.Weighed(entries, "test", ())
    assert "Smallest network" not in weighed.as_text("table")
    arms = json.loads(weighed.as_text("json"))["arms"]
    assert [arm["parameters"] for arm in arms] == [None] * 4
    assert arms[0]["score"] == pytest.approx(1, abs=0.05)
    rows = list(csv.DictReader(io.StringIO(weighed.as_text("csv"))))
    assert (rows[0]["weights"], rows[0]["smallest"]) == ("", "0")
    assert float(rows[0]["test"]) == arms[0]["score"]


def test_arms_of_two_metrics_are_not_weighed_together():
    runs = [own_results(metric, scale=0.5) for metric in (RMSE, "r2")]
    read = [pareto.entries_of_results(results, "run", "test") for results in runs]
    entries = [entry for run in read for entry in run.entries]
    with pytest.raises(InputError, match=r"one metric, found .* by rmse .* and .* by r2"):
        pareto.check_comparable(entries)


def test_an_arm_without_a_score_on_a_part_is_not_weighed_there():
    results = own_results(validation=False)
    assert pareto.entries_of_results(results, "run", "validation").entries == ()
    assert len(pareto.entries_of_results(results, "run", "test").entries) == 4


def test_accuracy_is_named_where_it_stands_beside_another_metric():
    (table,) = also_tables(own_results(also=("accuracy", "auroc")))
    assert table.heads[1:] == ("test accuracy %", "test auroc %")
