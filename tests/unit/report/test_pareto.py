"""Weighing arms: the smallest network at a level, surely and by its mean, and the fronts."""

import csv
import io
import json
from dataclasses import replace

import pytest
from example_results import all_diverged, some_diverged

from stepladder.errors import InputError, OutputError
from stepladder.report import pareto
from stepladder.report.json import as_json
from stepladder.report.pareto import Entry, entries_of_file, entries_of_results, entry_of_search
from stepladder.statistics.results import Estimate


def entry(arm, weights, mean, half=None, seconds=1.0, fingerprint="a", diverged=0):
    ends = (None, None) if half is None else (mean - half, mean + half)
    estimate = Estimate(mean, *ends, (mean,))
    return Entry("run", arm, fingerprint, estimate, seconds, weights, 5, diverged)


ENTRIES = [
    entry("tiny", 100, 0.97, 0.001, seconds=1),
    entry("small", 1000, 0.981, 0.002, seconds=4),
    entry("middle", 5000, 0.983, 0.001, seconds=3),
    entry("large", 90_000, 0.9905, seconds=9),
    entry("larger", 100_000, 0.99, 0.0005, seconds=20),
]


def test_the_smallest_network_surely_and_by_its_mean():
    found = pareto.smallest(ENTRIES, 0.98)
    assert (found.surely.arm, found.by_mean.arm) == ("middle", "small")
    text = pareto.sentence(found)
    assert "Smallest network at 98 %: run: middle with 5,000 weights" in text
    assert "its complete interval over replicates included" in text
    assert "by its mean alone run: small with 1,000 weights" in text


def test_what_the_interval_is_over_is_told():
    note = pareto.side_table(ENTRIES, "test").note
    assert "over replicates on these test images, and new images would make it wider" in note
    assert "test images" not in pareto.side_table(ENTRIES, "validation").note
    scope = "over folds of these data, for new examples of the same kind, retrained"
    folds = [replace(one, accuracy=replace(one.accuracy, speaks_for=scope)) for one in ENTRIES]
    assert "new images" not in pareto.side_table(folds, "test").note


def test_an_arm_of_which_replicates_diverged_is_marked_and_never_sure():
    entries = [entry("broken", 10, 0.985, 0.001, seconds=0.5, diverged=3), *ENTRIES]
    found = pareto.smallest(entries, 0.98)
    assert (found.surely.arm, found.by_mean.arm) == ("middle", "broken")
    assert "by its mean alone run: broken (3 of 5 diverged) with" in pareto.sentence(found)
    alone = pareto.sentence(pareto.smallest(entries[:1], 0.98))
    assert (
        "none for certain (no complete interval reaches it, arms with diverged replicates" in alone
    )
    table = pareto.side_table(entries, "test")
    assert [row[0] for row in table.rows][:2] == ["run: broken (3 of 5 diverged)", "run: tiny"]
    assert "Where replicates diverged" in table.note
    assert "diverged" not in pareto.side_table(ENTRIES, "test").note
    arms = json.loads(pareto.as_json(entries, "test"))["arms"]
    assert [(each["n"], each["diverged"]) for each in arms] == [(5, 3), *[(5, 0)] * 5]
    assert arms[0]["name"] == "run: broken"
    rows = list(csv.DictReader(io.StringIO(pareto.as_csv(entries, "test"))))
    assert [(row["n"], row["diverged"]) for row in rows] == [("5", "3"), *[("5", "0")] * 5]
    assert "run: broken (3 of 5 diverged)" in pareto.plots_of(entries, "test")[0].words


def test_diverged_replicates_are_counted_in_a_run_and_in_its_file(tmp_path):
    results, file = some_diverged(), tmp_path / "results.json"
    file.write_text(as_json(results), "utf-8")
    for found in (entries_of_results(results, "run", "test"), entries_of_file(file, "test")):
        assert [(each.n, each.diverged) for each in found.entries] == [(3, 1)] * 3
        assert found.left_out == ()
        for each, arm in zip(found.entries, results.arms, strict=True):
            assert each.seconds == pytest.approx(arm.seconds / 3), "of diverged ones too"


def test_an_arm_that_diverged_throughout_is_left_out_and_told(tmp_path):
    results, file = all_diverged(), tmp_path / "results.json"
    file.write_text(as_json(results), "utf-8")
    for found in (entries_of_results(results, "run", "test"), entries_of_file(file, "test")):
        assert found.entries == ()
        assert [why for _, why in found.left_out] == ["diverged in all 3 replicates"] * 3


def test_one_replicate_has_no_interval_and_is_never_sure():
    found = pareto.smallest(ENTRIES, 0.99)
    assert found.surely is None
    assert found.by_mean.arm == "large"
    assert "none for certain" in pareto.sentence(found)
    assert pareto.sentence(pareto.smallest(ENTRIES, 0.999)) == "No network reaches 99.9 %."


def test_the_fronts_of_size_and_of_time():
    said = json.loads(pareto.as_json(ENTRIES, "test"))
    small = {each["name"] for each in said["arms"] if each["smallest"]}
    fast = {each["name"] for each in said["arms"] if each["fastest"]}
    assert small == {"run: tiny", "run: small", "run: middle", "run: large"}
    assert fast == {"run: tiny", "run: middle", "run: large"}
    names = {"surely": "run: middle", "by_mean": "run: small"}
    assert said["smallest"][0] == {"level": 0.98, **names}


@pytest.mark.parametrize("seconds", [float("nan"), 0.0])
def test_a_time_that_is_not_known_is_on_no_front_and_in_no_figure(seconds):
    entries = [entry("a", 10, 0.995, seconds=seconds), *ENTRIES]
    said = json.loads(pareto.as_json(entries, "test"))
    assert said["arms"][0]["seconds"] in (None, 0)
    assert not said["arms"][0]["fastest"]
    time, size = pareto.plots_of(entries, "test")
    assert "run: a" not in [row[0] for row in time.rows()]
    assert "run: a" in [row[0] for row in size.rows()]
    assert [row[0] for row in time.rows() if row[-1]] == [
        each["name"] for each in said["arms"] if each["fastest"]
    ]


def test_figures_say_what_they_weigh():
    time, size = pareto.plots_of(ENTRIES, "validation")
    assert (time.name, size.name) == ("pareto", "pareto-weights")
    assert time.columns[2] == size.columns[2] == "validation_percent"
    assert "with 5,000 weights" in size.words
    assert "Validation accuracy" in size.caption


def test_a_cost_axis_has_plain_numbers_and_arms_that_guess_do_not_press_the_others():
    from matplotlib.figure import Figure

    from stepladder.report.figures.base import LIGHT

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
        pareto.check_comparable([ENTRIES[0], entry("b", 1, 0.5, fingerprint="b")])
    with pytest.raises(InputError, match="found none;"):
        pareto.check_comparable([])
    with pytest.raises(InputError, match=r"found none \(its search is not finished\);"):
        pareto.check_comparable([], ["its search is not finished"])


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
    with pytest.raises(InputError, match="a file that `stepladder results --format json`"):
        entries_of_file(file, "test")


def saved_search(folder, **more):
    accuracy = {"mean": 0.98, "ci_low": 0.97, "ci_high": 0.99, "values": [0.98, 0.98, None]}
    best = {"val_accuracy": accuracy, "test_accuracy": None, "seconds": None, "parameters": 10,
            "diverged": 1} | more  # fmt: skip
    file = folder / "search.json"
    file.write_text(json.dumps({"study": "s", "fingerprint": "a", "best": best}), "utf-8")
    return file


def test_a_saved_search_gives_its_winner_and_keeps_the_test_set_locked(tmp_path):
    file = saved_search(tmp_path)
    (winner,) = entries_of_file(file, "validation").entries
    assert (winner.name, winner.accuracy.ci_low, winner.parameters) == ("s: winner", 0.97, 10)
    assert (winner.n, winner.diverged) == (3, 1)
    locked = entries_of_file(file, "test")
    assert locked.entries == ()
    ((arm, why),) = locked.left_out
    assert arm == "winner"
    assert "nobody has looked at its test figures" in why


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"seconds": 7.0}, 7.0),
        ({"seconds": 7.0, "replicate_seconds": 9.0}, 9.0),
        ({"seconds": 7.0, "replicate_seconds": None}, float("nan")),
    ],
)
def test_a_winner_takes_the_time_of_a_fresh_replicate(tmp_path, more, expected):
    (winner,) = entry_of_search(saved_search(tmp_path, **more), "s", "validation").entries
    assert winner.seconds == pytest.approx(expected, nan_ok=True)
