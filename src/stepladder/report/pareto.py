"""The judged metric against time and size, over runs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from stepladder.errors import InputError, OutputError, StoreError
from stepladder.files import load_json, validate_path
from stepladder.report.document import Document, Sentence, Sentences, Table, numbers, words
from stepladder.report.figures.axes import ACCURACY
from stepladder.report.figures.base import Plot
from stepladder.report.figures.pareto import SIZE, TIME, Point, Spot, front_plot, spots
from stepladder.report.json import pick, to_json
from stepladder.report.markdown import csv_text, to_markdown
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import to_text
from stepladder.report.wording import Measure, digits_for, measure_of, number, plural, printable
from stepladder.runs.folder import (
    STUDY_NAME,
    check_one_dataset,
    check_own,
    finished_search,
    run_folder,
    search_again,
    store_of,
)
from stepladder.runs.results import Results
from stepladder.runs.stored import results_of, results_so_far
from stepladder.statistics.results import SAME_TEST, Estimate
from stepladder.store import open_store
from stepladder.store.base import example_noun
from stepladder.study.metrics import POINTS, Direction, Metric, find_metric
from stepladder.study.study import Study

DataPart = Literal["test", "validation"]
WINNER = "winner"

LEVELS = (0.98, 0.99)
"""Accuracies at which the smallest network is named."""

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What is raised by a file that holds something else."""

_LOCKED = (
    "nobody has looked at its test figures; `stepladder search --final` does, or compare "
    "--on validation"
)


@dataclass(frozen=True)
class Entry:
    """An arm of a run, or the winner of a search.

    Attributes:
        run: name of its run.
        arm: its own name.
        fingerprint: of the dataset.
        accuracy: the metric on the part that is compared, a fraction for accuracy; over replicates
            that did not diverge.
        seconds: of training one replicate, compiling left out: the mean over all that are
            finished, diverged ones included; NaN where it is not known.
        parameters: trainable numbers of its network; 0 where they are not known.
        n: replicates finished, diverged ones included.
        diverged: replicates that became non-finite.
        noun: what one example is called in sentences.
        measure: the metric.

    Example:
        >>> Entry("run", "base", "f", Estimate(0.9, None, None, (0.9,)), 1.0, 10, 5, 2).marked
        'run: base (2 of 5 diverged)'
    """

    run: str
    arm: str
    fingerprint: str
    accuracy: Estimate
    seconds: float
    parameters: int
    n: int
    diverged: int
    noun: str = "image"
    measure: Measure = ACCURACY

    @property
    def name(self) -> str:
        """Run and arm."""
        return f"{printable(self.run)}: {printable(self.arm)}"

    @property
    def marked(self) -> str:
        """Its name, with how many of its replicates diverged where some did."""
        return f"{self.name} ({self.diverged} of {self.n} diverged)" if self.diverged else self.name

    @property
    def shown(self) -> FormattedNumber:
        """Its score as the metric is shown."""
        return FormattedNumber.score(self.accuracy, self.measure.metric.scale, self.measure.digits)


@dataclass(frozen=True)
class RunEntries:
    """What a run has to be compared.

    Attributes:
        name: of the run.
        entries: its arms, and its winner.
        left_out: arms that have no accuracy, its winner among them, each with why.
    """

    name: str
    entries: tuple[Entry, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def renamed(self, name: str) -> RunEntries:
        """The same under another name of the run."""
        entries = tuple(replace(entry, run=name) for entry in self.entries)
        return replace(self, name=name, entries=entries)


def entries_of_results(results: Results, run: str, part: DataPart) -> RunEntries:
    """The arms of a run that have a finite score."""
    shown = measure_of(results)
    done = [arm for arm in results.arms if arm.n]
    scores = [arm.test if part == "test" else arm.validation for arm in done]
    entries = tuple(
        Entry(
            run, arm.arm.name, results.fingerprint, score, arm.seconds / arm.n, arm.parameters or 0,
            arm.n, arm.diverged, results.noun, shown,
        )
        for arm, score in zip(done, scores, strict=True)
        if math.isfinite(score.mean)
    )  # fmt: skip
    left_out = tuple(
        (arm.arm.name, f"diverged in all {plural(arm.n, 'replicate')}")
        for arm in done
        if arm.diverged == arm.n
    )
    return RunEntries(run, entries, left_out)


def entries_of_file(file: Path, part: DataPart) -> RunEntries:
    """The same of results that were saved as JSON, wherever their run is.

    Args:
        file: a run's `results.json` or a search's `search.json`.
        part: of the data that is compared.

    Raises:
        InputError: if it is neither.
    """
    try:
        saved = load_json(file)
        run = str(saved["study"])
        return _winner(saved, run, part) if "best" in saved else _arms(saved, run, part)
    except _UNREADABLE as error:
        raise InputError(
            f"RUN must be the folder of a run, or a file that `stepladder results --format json` "
            f"printed, found the file {str(file)!r}, which is none ({type(error).__name__})"
        ) from None


def entry_of_search(file: Path, run: str, part: DataPart) -> RunEntries:
    """The winner of a search as its folder has it, over fresh replicates.

    Args:
        file: `search.json` of its folder.
        run: name of the run.
        part: of the data that is compared.

    Raises:
        OutputError: if the file cannot be read.
    """
    try:
        return _winner(load_json(file), run, part)
    except _UNREADABLE as error:
        raise OutputError(
            f"{file} must be what a search has left, found a file that cannot be read "
            f"({type(error).__name__}); run the search again, which trains nothing"
        ) from None


def _arms(saved: Mapping[str, Any], run: str, part: DataPart) -> RunEntries:
    """Arms of saved results; those of which every replicate diverged are left out."""
    metric = _saved_metric(saved)
    scores = [_saved_score(arm, part, metric.name) for arm in saved["arms"]]
    known = [_estimate(score) for score in scores if score["mean"] is not None]
    measure = Measure(metric, None, digits_for(metric, known))
    entries = tuple(
        Entry(
            run, str(arm["name"]), str(saved["fingerprint"]), _estimate(score),
            _seconds(arm["seconds"]) / int(arm["n"]), int(arm["parameters"] or 0),
            int(arm["n"]), int(arm["diverged"]), _noun(saved), measure,
        )
        for arm, score in zip(saved["arms"], scores, strict=True)
        if arm["n"] and score["mean"] is not None
    )  # fmt: skip
    left_out = tuple(
        (str(arm["name"]), f"diverged in all {plural(int(arm['n']), 'replicate')}")
        for arm in saved["arms"]
        if arm["n"] and arm["diverged"] == arm["n"]
    )
    return RunEntries(run, entries, left_out)


def _saved_score(arm: Mapping[str, Any], part: DataPart, metric: str) -> Mapping[str, Any]:
    """A score of saved results; those of before metrics have accuracies under another name."""
    if "scores" not in arm:
        return arm["test_accuracy" if part == "test" else "val_accuracy"]  # type: ignore[no-any-return]
    nothing: dict[str, Any] = {"mean": None, "ci_low": None, "ci_high": None, "values": []}
    return arm["scores"][part].get(metric, nothing)  # type: ignore[no-any-return]


def _saved_metric(saved: Mapping[str, Any]) -> Metric:
    """What saved results judge: accuracy, where they are older than metrics."""
    record = saved.get("metric", {"name": "accuracy", "better": "higher", "unit": POINTS})
    direction: Direction = "minimize" if record["better"] == "lower" else "maximize"
    metric = find_metric(str(record["name"]), direction, str(record["unit"]) or None)
    return replace(metric, name=str(record["name"]))


def _winner(saved: Mapping[str, Any], run: str, part: DataPart) -> RunEntries:
    best, metric = saved["best"], _saved_metric(saved)
    name = "accuracy" if metric.name == "accuracy" else "score"
    accuracy = best[f"{'test' if part == 'test' else 'val'}_{name}"]
    if accuracy is None:
        return RunEntries(run, (), ((WINNER, _LOCKED),))
    found = _estimate(accuracy)
    measure = Measure(metric, saved.get("delta"), digits_for(metric, [found]))
    # Older files have the time of its training in the search alone.
    seconds = best.get("replicate_seconds", best["seconds"])
    winner = Entry(
        run, WINNER, str(saved["fingerprint"]), found, _seconds(seconds),
        int(best["parameters"]), len(accuracy["values"]), int(best["diverged"]),
        _noun(saved), measure,
    )  # fmt: skip
    return RunEntries(run, (winner,))


def _noun(saved: Mapping[str, Any]) -> str:
    return example_noun(saved.get("versions", {}).get("inputs"))


def _seconds(saved: float | None) -> float:
    return math.nan if saved is None else float(saved)


def _estimate(saved: Mapping[str, Any]) -> Estimate:
    low, high = (None if saved[end] is None else float(saved[end]) for end in ("ci_low", "ci_high"))
    values = tuple(math.nan if value is None else float(value) for value in saved["values"])
    scope = str(saved.get("ci_speaks_for", SAME_TEST))
    return Estimate(_seconds(saved["mean"]), low, high, values, speaks_for=scope)


@dataclass(frozen=True)
class Smallest:
    """The smallest networks that reach an accuracy.

    Attributes:
        level: the accuracy, a fraction.
        surely: of those whose whole interval reaches it and of which no replicate diverged; None
            where there is none.
        by_mean: of those whose mean reaches it; None where there is none.
    """

    level: float
    surely: Entry | None
    by_mean: Entry | None


def _kind(entry: Entry) -> str:
    """What an entry is judged by, with its unit where it has one of its own."""
    unit = "" if entry.measure.metric.is_fraction else entry.measure.unit
    return f"{entry.measure.name} ({unit})" if unit else entry.measure.name


def check_comparable(entries: Sequence[Entry], left_out: Sequence[str] = ()) -> None:
    """Makes sure that entries can be compared.

    Args:
        entries: what there is.
        left_out: what there is not, in sentences.

    Raises:
        InputError: if there are none, or they are of different datasets.
    """
    if not entries:
        reasons = f"none ({'; '.join(left_out)})" if left_out else "none"
        raise InputError(
            f"pareto must have an arm with a finished replicate, found {reasons}; run a study "
            "first, or write --on validation for searches whose test figures nobody has looked at"
        )
    first = entries[0]
    for entry in entries:
        if entry.measure.metric != first.measure.metric:
            raise InputError(
                f"runs must be judged by one metric, found {first.name!r} by {_kind(first)} "
                f"and {entry.name!r} by {_kind(entry)}; compare those of one metric and unit"
            )
        if entry.fingerprint != first.fingerprint:
            raise InputError(
                f"runs must be of one dataset, found {first.name!r} on {first.fingerprint[:12]}… "
                f"and {entry.name!r} on {entry.fingerprint[:12]}…; compare those of one dataset"
            )


def smallest(entries: Sequence[Entry], level: float) -> Smallest:
    """The smallest networks that reach an accuracy, surely and by their mean.

    Args:
        entries: what there is.
        level: the accuracy, a fraction.
    """
    by_size = sorted(entries, key=lambda entry: (entry.parameters, -entry.accuracy.mean))
    lows = ((entry, entry.accuracy.ci_low) for entry in by_size if not entry.diverged)
    surely = (entry for entry, low in lows if low is not None and low >= level)
    by_mean = (entry for entry in by_size if entry.accuracy.mean >= level)
    return Smallest(level, next(surely, None), next(by_mean, None))


def plots_of(entries: Sequence[Entry], part: DataPart) -> tuple[Plot, ...]:
    """The metric against time and against size, where there are two or more to compare."""
    shown = measure_in(entries)
    by_time, by_size = _spots(entries)
    timed = [spot for spot in by_time if math.isfinite(spot.cost)]
    sized = by_size if _has_sizes(entries) else []
    plots = (front_plot(timed, TIME, shown, part), front_plot(sized, SIZE, shown, part))
    return tuple(plot for plot in plots if plot is not None)


def measure_in(entries: Sequence[Entry]) -> Measure:
    """The metric of entries, with the decimals that the finest of them needs."""
    return max((entry.measure for entry in entries), key=lambda measure: measure.digits)


def _has_sizes(entries: Sequence[Entry]) -> bool:
    return all(entry.parameters for entry in entries)


def _spots(entries: Sequence[Entry]) -> tuple[Sequence[Spot], Sequence[Spot]]:
    """Entries in time and in size; a time that is not known is infinite, and on no front."""
    sign = measure_in(entries).metric.sign
    by_time = spots([
        Point(entry.marked, entry.seconds if entry.seconds > 0 else math.inf, entry.shown)
        for entry in entries
    ], sign)  # fmt: skip
    return (
        [replace(spot, is_front=spot.is_front and math.isfinite(spot.cost)) for spot in by_time],
        spots([Point(entry.marked, entry.parameters, entry.shown) for entry in entries], sign),
    )


def side_table(entries: Sequence[Entry], part: DataPart) -> Table:
    """Every entry, the smallest network first; without sizes where one of them has none."""
    shown, has_sizes = measure_in(entries), _has_sizes(entries)
    rows = [
        (entry.marked, *([f"{entry.parameters:,}"] if has_sizes else []), number(entry.seconds),
         entry.shown.text, *(["yes" if small.is_front else ""] if has_sizes else []),
         "yes" if fast.is_front else "")
        for entry, fast, small in zip(entries, *_spots(entries), strict=True)
    ]  # fmt: skip
    order = sorted(range(len(rows)), key=lambda place: (entries[place].parameters, place))
    noun = entries[0].noun if entries else "image"
    of_test = f" on these test {noun}s, and new {noun}s would make it wider"
    is_one_test = all(entry.accuracy.speaks_for.startswith("these test") for entry in entries)
    these = of_test if part == "test" and has_sizes and is_one_test else ""
    note = (
        "smallest, fastest: on the Pareto front of weights, of training time: no other arm is at "
        "least as good in both and better in one. Fronts are read off means; ± is the 95 % t "
        f"interval over replicates{these}. Seconds are those of one replicate, compiling left out."
    )
    if not has_sizes:
        note = note.replace("smallest, fastest: on the Pareto front of weights, of training time",
                            "fastest: on the Pareto front of training time")  # fmt: skip
        note = note.replace(", compiling left out", "")
    if any(entry.diverged for entry in entries):
        unsure = ", and the network is not the smallest for certain" if has_sizes else ""
        note += (
            f" Where replicates diverged, {shown.name} is that of the others{unsure}; seconds are "
            "the mean of all, though one that diverged may have ended early."
        )
    costs = ("weights", "seconds") if has_sizes else ("seconds",)
    fronts = ("smallest", "fastest") if has_sizes else ("fastest",)
    size = "size and " if has_sizes else ""
    return Table(
        f"{part.capitalize()} {shown.name} against {size}training time",
        (*words("arm"), *numbers(*costs, shown.heading(part)), *words(*fronts)),
        tuple(rows[place] for place in order),
        note,
    )


def _records(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every entry with its numbers in full, fractions as such."""
    score = "accuracy" if measure_in(entries).is_accuracy else "score"
    has_sizes = _has_sizes(entries)
    return [
        {
            **pick(entry, f"name parameters seconds {score}=accuracy.mean ci_low=accuracy.ci_low "
                          "ci_high=accuracy.ci_high"),
            "parameters": entry.parameters or None,
            "smallest": small.is_front and has_sizes, "fastest": fast.is_front,
            **pick(entry, "n diverged"),
        }
        for entry, fast, small in zip(entries, *_spots(entries), strict=True)
    ]  # fmt: skip


def as_csv(entries: Sequence[Entry], part: DataPart) -> str:
    """Every entry as CSV, its numbers in full."""
    unit = "_percent" if measure_in(entries).metric.is_fraction else ""
    heads = ("arm", "weights", "seconds", *(f"{head}{unit}" for head in (part, "low", "high")),
             "smallest", "fastest", "n", "diverged")  # fmt: skip
    rows = []
    for entry, record in zip(entries, _records(entries), strict=True):
        percent = (entry.shown.mean, entry.shown.low, entry.shown.high)
        fronts = (int(record["smallest"]), int(record["fastest"]))
        rows.append((entry.name, record["parameters"], entry.seconds, *percent, *fronts, entry.n,
                     entry.diverged))  # fmt: skip
    return csv_text(heads, rows)


def sentence(result: Smallest) -> str:
    """Which network is the smallest at an accuracy, in a sentence."""
    level, surely, by_mean = f"{100 * result.level:g} %", result.surely, result.by_mean
    if by_mean is None:
        return f"No network reaches {level}."
    if surely is None:
        return (
            f"Smallest network at {level}: none for certain (no complete interval reaches it, arms "
            f"with diverged replicates aside); by its mean {_described(by_mean)}."
        )
    mean = "" if by_mean is surely else f"; by its mean alone {_described(by_mean)}"
    return (
        f"Smallest network at {level}: {_described(surely)}, its complete interval over replicates "
        f"included{mean}."
    )


def _described(entry: Entry) -> str:
    return f"{entry.marked} with {plural(entry.parameters, 'weight')} ({entry.shown.text} %)"


def _smallest_at_levels(entries: Sequence[Entry]) -> list[Smallest]:
    """The smallest networks at levels of accuracy; none where another metric is judged."""
    if not (measure_in(entries).is_accuracy and _has_sizes(entries)):
        return []
    return [smallest(entries, level) for level in LEVELS]


def as_json(entries: Sequence[Entry], part: DataPart) -> str:
    """All of it as JSON."""
    keys = "level surely=surely.name by_mean=by_mean.name"
    networks = [pick(found, keys) for found in _smallest_at_levels(entries)]
    return to_json({"part": part, "arms": _records(entries), "smallest": networks})


@dataclass(frozen=True)
class Weighed:
    """Arms and winners of several runs.

    Attributes:
        entries: one an arm or winner.
        part: of the data that accuracies are of.
        notes: what was left out, in sentences.
    """

    entries: tuple[Entry, ...]
    part: DataPart
    notes: tuple[str, ...]

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The figures."""
        return plots_of(self.entries, self.part)

    def as_text(self, form: str) -> str:
        """All of it as `table`, `json`, `csv` or `markdown`."""
        if form == "json":
            return as_json(self.entries, self.part)
        if form == "csv":
            return as_csv(self.entries, self.part)
        lines = [Sentence.of(sentence(found)) for found in _smallest_at_levels(self.entries)]
        listed = Sentences(tuple(lines), "indented" if form == "markdown" else "plain")
        document = Document("", "", "", (side_table(self.entries, self.part), listed))
        return to_markdown(document) if form == "markdown" else to_text(document)


def weigh(
    runs: Sequence[str | Path], *, part: DataPart = "test", store: str | None = None
) -> Weighed:
    """Arms of runs and winners of searches, with accuracy, training time and weights.

    Test figures are those that the runs show themselves; reading them is a look, and the same
    look as theirs. Validation figures are none.

    Args:
        runs: folders of runs and of searches, or files of results that they left as JSON; one that
            is named twice counts once.
        part: of the data that is compared.
        store: URL of the runs' store where that is not in their folders.

    Raises:
        InputError: if a folder or file is none of a run, they are of several datasets, or there is
            nothing to compare.
        StoreError: if a store cannot be read, or holds another study of a run's name.
    """
    files = [validate_path(run, "RUN") for run in runs]
    places = {Path(os.path.abspath(file)): file for file in files}
    read = [
        entries_of_file(file, part) if file.is_file() else _of_folder(file, part, store)
        for file in places.values()
    ]
    read = _with_unique_names(read, list(places))
    entries = tuple(entry for run in read for entry in run.entries)
    notes = tuple(
        f"{printable(run.name)}: {printable(arm)} is left out: {reason}"
        for run in read
        for arm, reason in run.left_out
    )
    check_comparable(entries, notes)
    return Weighed(entries, part, notes)


def _with_unique_names(runs: Sequence[RunEntries], places: Sequence[Path]) -> list[RunEntries]:
    """Runs of one name each under the least of its path with which no other of them ends."""
    renamed = []
    for run, place in zip(runs, places, strict=True):
        same = [path for other, path in zip(runs, places, strict=True) if other.name == run.name]
        ends = (place.parts[-length:] for length in range(1, len(place.parts)))
        unique = (end for end in ends if sum(path.parts[-len(end) :] == end for path in same) == 1)
        name = str(Path(*next(unique, place.parts)))
        renamed.append(run if len(same) == 1 else run.renamed(name))
    return renamed


def _of_folder(run: Path, part: DataPart, store: str | None) -> RunEntries:
    """What the folder of a run or of a search has."""
    folder = run_folder(run)
    name = folder.name or str(folder)
    study = Study.load(folder / STUDY_NAME)
    check_one_dataset(study, folder)
    winner = RunEntries(name, ())
    if file := finished_search(folder, study):
        winner = entry_of_search(file, name, part)
        if not study.techniques:
            return winner
    elif study.search is not None:
        again = search_again(folder, study, store)
        reason = f"its search is not finished; `{again}` resumes it"
        winner = RunEntries(name, (), ((WINNER, reason),))
    with open_store(store_of(folder, store), create=False) as opened:
        check_own(opened, study, folder)
        try:
            if part == "test":
                results = results_of(opened, study.name, "pareto", curves=False)
            else:
                results = results_so_far(opened, study.name)
        except StoreError:
            if study.search is None:
                raise
            return winner
    arms = entries_of_results(results, name, part)
    return RunEntries(name, winner.entries + arms.entries, winner.left_out + arms.left_out)
