"""Ensembles as they are shown: in every form where there are any, and in none where not."""

import json
from dataclasses import replace

from example_results import mnist_results, named_results

from stepladder.report.html import as_html
from stepladder.report.markdown import as_json, as_markdown
from stepladder.report.terminal import as_text
from stepladder.report.view import view_of
from stepladder.statistics.classification import Ensemble, Pooled
from stepladder.statistics.results import Interval

TESTED = Pooled(0.9966, Interval(0.9953, 0.9976), 0.9941, 10_000, 5.0)
HELD_OUT = Pooled(0.9951, Interval(0.9920, 0.9970), 0.9938, 4_071, 2.11)


def with_ensemble(results, ensemble):
    first, *others = results.arms
    return replace(results, arms=(replace(first, ensemble=ensemble), *others))


def test_an_ensemble_has_its_interval_and_its_members_beside_it():
    results = with_ensemble(mnist_results(), Ensemble(5, HELD_OUT, TESTED))
    (table,) = (each for each in view_of(results).tables if each.title == "Ensembles")
    (row,) = table.rows
    assert row[1:] == ("5", "99.51 [99.20 to 99.70]", "99.38", "99.66 [99.53 to 99.76]", "99.41")
    assert "these very networks" in table.note
    for text in (as_text(results), as_markdown(results), as_html(results)):
        assert "Ensembles" in text
        assert "99.66" in text


def test_json_has_all_of_it_as_fractions():
    results = with_ensemble(mnist_results(), Ensemble(5, None, TESTED))
    first, second = json.loads(as_json(results))["arms"][:2]
    assert second["ensemble"] is None
    assert first["ensemble"] == {
        "members": 5,
        "test_accuracy": {
            "mean": 0.9966, "ci_low": 0.9953, "ci_high": 0.9976,
            "ci_speaks_for": "new images, these networks", "single": 0.9941, "images": 10_000,
            "members_an_image": 5.0,
        },
        "val_accuracy": None,
    }  # fmt: skip


def test_without_a_look_there_is_no_test_figure():
    results = with_ensemble(mnist_results(), Ensemble(5, HELD_OUT, None))
    (table,) = (each for each in view_of(results).tables if each.title == "Ensembles")
    assert table.rows[0][-2:] == ("", "")


def test_without_kept_weights_nothing_is_said_of_ensembles():
    for text in (as_text(mnist_results()), as_markdown(mnist_results()), as_html(mnist_results())):
        assert "nsemble" not in text


def test_a_name_is_shown_and_never_read_as_markup():
    results = with_ensemble(named_results(["<b>[red]x"]), Ensemble(2, None, TESTED))
    assert "<b>[red]x" in as_text(results, 200)
    assert "<b>" not in as_html(results).partition("Ensembles")[2]
