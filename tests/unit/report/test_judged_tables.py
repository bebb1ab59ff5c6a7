"""Tables of runs that are compared, and of published tables that are judged."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from example_results import VARIANTS, hostile_results, mnist_results, one_arm
from example_table import ROWS, judged, judged_own
from matplotlib.figure import Figure
from scipy import stats

from stepladder.report.comparison import comparison_as_html, comparison_as_markdown, comparison_of
from stepladder.report.document import Table
from stepladder.report.figures.base import LIGHT, csv_of
from stepladder.report.reproduction import FORMATS, as_text, document_of_table

# Comparing.


NAMES = ("before", "after")


def shifted(results, points):
    """The same run, each replicate's test accuracy moved by some points of its own."""
    arms = []
    for each in results.arms:
        values = np.asarray(each.test.values) + np.asarray(points[: each.n]) / 100
        moved = replace(each.test, values=tuple(values.tolist()), mean=values.mean())
        arms.append(replace(each, test=moved))
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
    figure = Figure()
    made.plot.draw(figure, LIGHT)
    assert figure.axes[0].get_xlabel().startswith("before minus after: test accuracy, points")
    assert made.plot.caption.startswith("before minus after, with its 95 % interval")
    assert "the difference is before minus after, paired over replicates" in made.arms.note


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
    assert page.count("<script") == 1
    assert "<b>" not in page
    text = comparison_as_markdown(results, results, ("<b>one</b>", "two@user"))
    assert "<script" not in text
    assert "@user" not in text


# A judged table as text, Markdown and JSON.


def plain(text):
    return " ".join(text.split())


def blocks(made):
    """The verdicts, the headline, the table of readings and the notes of a judged table."""
    document = document_of_table(made)
    verdicts, readings = (block for block in document.blocks if isinstance(block, Table))
    headline, notes, neighbours = (
        [line.text for line in block.lines]
        for block in document.blocks[1:]
        if not isinstance(block, Table) and block.form != "fine"
    )
    return verdicts, headline[0], readings, notes, neighbours


def test_every_row_is_shown_with_its_verdict():
    made, _ = judged()
    verdicts, headline, *_ = blocks(made)
    assert [row[0] for row in verdicts.rows] == ["naive", "ReLU", "dropout"]
    assert all(len(row) == len(verdicts.heads) for row in verdicts.rows)
    assert verdicts.rows[1][1:3] == ("~90.0", "near")
    assert headline == (
        "Compatible with: naive (a range of 0.85 points), ReLU (a range of 2.12 points) "
        "and dropout (a range of 1.43 points)."
    )
    assert document_of_table(made).status == ""


def test_no_row_is_called_reproduced_that_is_not():
    rows = [{**ROWS[0], "reported": 50}, *ROWS[1:]]
    _, headline, _, notes, _ = blocks(judged(rows)[0])
    assert re.fullmatch(
        r"Compatible with: ReLU \(a range of [\d.]+ points\) and dropout "
        r"\(a range of [\d.]+ points\); "
        r"not reproduced: naive\.",
        headline,
    )
    assert [text.split()[0] for text in notes] == ["naive", "dropout"]
    assert notes[1].startswith("dropout in its nearest reading: dropout in a network too small")
    assert "points above the mean of the nearest of 1 reading, outside" in notes[0]
    rows = [{**ROWS[0], "reported": 5}, *ROWS[1:]]
    assert "points below the mean" in blocks(judged(rows)[0])[3][0]


def test_neighbours_are_told_in_sentences():
    relu, dropout = blocks(judged()[0])[-1]
    assert relu.startswith("ReLU against naive: activation sigmoid → relu, as its name says; ")
    assert "besides batch_size 16 → 4 (smaller batches take more steps an epoch" in relu
    assert "optimizer steps 12 → 46 (more steps train further" in relu
    assert relu.endswith("No reading that was trained differs in its technique alone.")
    assert "The table's step is −10.00 points; where nothing else differs" in dropout
    assert dropout.endswith(": hurts.")


def test_a_neighbour_that_differs_in_nothing_else_says_so():
    rows = [ROWS[0], {"name": "ReLU", "reported": 85, "techniques": ["ReLU"]}]
    (text,) = blocks(judged(rows)[0])[-1]
    assert "as its name says, and nothing else. The table's step is +55.00 points" in text
    rows = [ROWS[0], {"name": "Adam", "reported": 30, "change": {"batch_size": 8}}]
    (text,) = blocks(judged(rows)[0])[-1]
    assert "what its name says does not differ at all; besides batch_size 16 → 8" in text
    rows = [ROWS[0], {"name": "model B", "reported": 85, "techniques": ["ReLU"]}]
    (text,) = blocks(judged(rows)[0])[-1]
    assert "its name is no technique of the catalogue; besides activation" in text


def test_no_difference_is_told_with_its_size():
    rows = [ROWS[0], {"name": "He normal", "reported": 30, "techniques": ["He normal"]}]
    (text,) = blocks(judged(rows, lambda trial: 0.3)[0])[-1]
    assert text.endswith("it is 0.00 ± 0.00: no difference beyond 0.1.")


def test_what_is_missing_is_told():
    made, _ = judged([*ROWS, {"name": "secret", "reported": 99}], replicates=3, trained=2)
    text = plain(as_text(made))
    assert "Unfinished:" in text
    assert "secret lacks a protocol: nothing says what was trained." in text
    assert "ReLU lacks replicates: 2 of 2 readings" in text
    assert "How many runs naive, dropout and secret came from is not known" in text


@pytest.mark.parametrize("rule", [None, lambda trial: math.nan])
@pytest.mark.parametrize("trained", [0, 1, 5])
def test_every_form_can_be_written_whatever_was_trained(rule, trained):
    made, _ = judged(trained=trained, **({"rule": rule} if rule else {}))
    assert "nan" not in as_text(made)
    assert "nan" not in FORMATS["markdown"](made)
    json.loads(FORMATS["json"](made), parse_constant=pytest.fail)


def test_excluded_readings_beyond_the_nearest_are_counted():
    many = [{"name": f"r{place}", "techniques": ["ReLU"], "change": {"learning_rate": 0.1 + place}}
            for place in range(5)]  # fmt: skip
    made, _ = judged([{"name": "ReLU", "reported": 12, "readings": many}])
    table = blocks(made)[2]
    assert len(table.rows) == 2
    assert "Not shown: 3 excluded readings, in the JSON." in table.note
    assert len(json.loads(FORMATS["json"](made))["rows"][0]["readings"]) == 5


def test_names_cannot_write_markup():
    rows = [{"name": "a|b*[x](y)", "reported": 30, "change": {}}]
    made, _ = judged(rows)
    assert "a\\|b\\*\\[x\\](y)" in FORMATS["markdown"](made)
    assert "a|b*[x](y)" in as_text(made)


def test_the_text_keeps_within_its_width():
    assert max(map(len, as_text(judged()[0], 90).splitlines())) <= 90


def test_a_table_of_another_metric_is_shown_in_its_unit():
    own = {
        "metric": {"name": "rmse", "unit": "kWh", "delta": 0.5},
        "trainer": {"command": ["train", "{params}"]},
        "base": {"depth": 2, "lr": 0.1},
    }
    rows = [
        {"name": "plain", "reported": 30, "change": {}},
        {"name": "deep", "reported": "~21", "change": {"depth": 3}},
        {"name": "odd", "reported": 50, "above": "plain", "readings": [{"change": {"lr": 0.2}}]},
    ]
    made, _ = judged_own(
        rows, lambda trial: 50.0 - 10 * trial.config.values["depth"] + trial.replicate / 10, **own
    )
    text = plain(as_text(made))
    assert "reported rmse (kWh)" in text
    assert "%" not in text.replace("95 %", "")
    assert "odd at 50 is 19.80 kWh above the mean" in text
    assert "The table's step is −9.00 kWh" in text
    assert "it is −10.00 ± 0.00: helps." in text
    assert "odd against plain: the row itself changes nothing, its readings do; besides lr" in text
    found = json.loads(FORMATS["json"](made))
    assert found["metric"] == {"name": "rmse", "better": "lower", "unit": "kWh", "delta": 0.5}
    assert found["rows"][1]["readings"][0]["config"] == {"depth": 3, "lr": 0.1}
    assert found["rows"][1]["reported"] == 21
