"""Weighing arms: the smallest network at a level, surely and by its mean, and the fronts."""

import csv
import io
import json

import pytest

from stepladder.analysis.judged import Estimate
from stepladder.errors import InputError, OutputError
from stepladder.report import pareto
from stepladder.report.pareto_entries import Entry, entries_of_file, entry_of_search


def entry(name, weights, mean, half=None, seconds=1.0, fingerprint="a"):
    ends = (None, None) if half is None else (mean - half, mean + half)
    return Entry(name, fingerprint, Estimate(mean, *ends, (mean,)), seconds, weights)


ENTRIES = [
    entry("tiny", 100, 0.97, 0.001, seconds=1),
    entry("small", 1000, 0.981, 0.002, seconds=4),
    entry("middle", 5000, 0.983, 0.001, seconds=3),
    entry("large", 90_000, 0.9905, seconds=9),
    entry("larger", 100_000, 0.99, 0.0005, seconds=20),
]


def test_the_smallest_network_surely_and_by_its_mean():
    found = pareto.smallest(ENTRIES, 0.98)
    assert (found.surely.name, found.by_mean.name) == ("middle", "small")
    text = pareto.sentence(found)
    assert "Smallest network at 98 %: middle with 5,000 weights" in text
    assert "by its mean alone small with 1,000 weights" in text


def test_one_replicate_has_no_interval_and_is_never_sure():
    found = pareto.smallest(ENTRIES, 0.99)
    assert found.surely is None
    assert found.by_mean.name == "large"
    assert "none surely" in pareto.sentence(found)
    assert pareto.sentence(pareto.smallest(ENTRIES, 0.999)) == "No network reaches 99.9 %."


def test_the_fronts_of_size_and_of_time():
    said = json.loads(pareto.as_json(ENTRIES, "test"))
    small = {each["name"] for each in said["arms"] if each["smallest"]}
    fast = {each["name"] for each in said["arms"] if each["fastest"]}
    assert small == {"tiny", "small", "middle", "large"}
    assert fast == {"tiny", "middle", "large"}
    assert said["smallest"][0] == {"level": 0.98, "surely": "middle", "by_mean": "small"}


def test_a_time_that_is_not_known_is_on_no_front_and_in_no_figure():
    entries = [entry("a", 10, 0.99, seconds=float("nan")), *ENTRIES]
    said = json.loads(pareto.as_json(entries, "test"))
    assert said["arms"][0]["seconds"] is None
    assert not said["arms"][0]["fastest"]
    time, size = pareto.plots_of(entries, "test")
    assert "a" not in [row[0] for row in time.rows()]
    assert "a" in [row[0] for row in size.rows()]


def test_figures_say_what_they_weigh():
    time, size = pareto.plots_of(ENTRIES, "validation")
    assert (time.name, size.name) == ("pareto", "pareto-weights")
    assert time.columns[2] == size.columns[2] == "validation_percent"
    assert "with 5,000 weights" in size.words
    assert "Validation accuracy" in size.caption


def test_a_cost_axis_has_plain_numbers_and_arms_that_guess_do_not_press_the_others():
    from matplotlib.figure import Figure

    from stepladder.report.style import LIGHT

    guessing = entry("guessing", 100, 0.11, seconds=0.5)
    time, size = pareto.plots_of([guessing, *ENTRIES], "test")
    assert "Triangles at the lower edge: arms below 80" in size.caption
    for plot, expected in ((time, ["1", "3", "10"]),
                           (size, ["100", "1,000", "10,000", "100,000"])):  # fmt: skip
        figure = Figure()
        plot.draw(figure, LIGHT)
        axes = figure.axes[0]
        figure.canvas.draw()
        told = [label.get_text() for label in axes.get_xticklabels()]
        assert told == expected
        assert axes.get_ylim()[0] > 80
    assert "Triangles" not in pareto.plots_of(ENTRIES, "test")[0].caption


def test_csv_has_every_number():
    rows = list(csv.DictReader(io.StringIO(pareto.as_csv(ENTRIES, "test"))))
    assert [int(row["weights"]) for row in rows] == [each.parameters for each in ENTRIES]
    assert float(rows[0]["low_percent"]) == pytest.approx(96.9)
    assert rows[3]["low_percent"] == ""


def test_the_table_begins_with_the_smallest():
    table = pareto.side_table(ENTRIES[::-1], "test")
    assert [row[0] for row in table.rows] == [each.name for each in ENTRIES]


def test_other_datasets_and_nothing_are_refused():
    with pytest.raises(InputError, match="one dataset"):
        pareto.checked([ENTRIES[0], entry("b", 1, 0.5, fingerprint="b")])
    with pytest.raises(InputError, match="found none"):
        pareto.checked([])


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"best": 3}', b"\xff"])
def test_a_damaged_search_is_refused(tmp_path, content):
    file = tmp_path / "search.json"
    file.write_bytes(content)
    with pytest.raises(OutputError, match="must be what a search has left"):
        entry_of_search(file, "searched", "test")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b"\xff", b'{"study": "s", "best": 3}', b'{"study": "s", "arms": 3}'],
)
def test_a_file_that_holds_no_results_is_refused(tmp_path, content):
    file = tmp_path / "results.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match="a file that stepladder results --format json"):
        entries_of_file(file, "test")


def test_a_saved_search_gives_its_winner_and_keeps_the_test_set_locked(tmp_path):
    accuracy = {"mean": 0.98, "ci_low": 0.97, "ci_high": 0.99, "values": [0.98, None]}
    best = {"val_accuracy": accuracy, "test_accuracy": None, "seconds": None, "parameters": 10}
    file = tmp_path / "search.json"
    file.write_text(json.dumps({"study": "s", "fingerprint": "a", "best": best}), "utf-8")
    (winner,) = entries_of_file(file, "validation").entries
    assert (winner.name, winner.accuracy.ci_low, winner.parameters) == ("s: winner", 0.97, 10)
    locked = entries_of_file(file, "test")
    assert (locked.entries, locked.is_locked) == ((), True)
