"""Accuracy against time and size, over runs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from stepladder.errors import InputError, OutputError, StoreError
from stepladder.files import validate_path
from stepladder.report.figures.base import Plot
from stepladder.report.figures.pareto import SIZE, TIME, Point, Spot, front_plot, spots
from stepladder.report.json import finite
from stepladder.report.markdown import csv_text, markdown_side_table
from stepladder.report.tables import FormattedNumber, TextTable
from stepladder.report.terminal import side_as_text
from stepladder.report.wording import number, plural, printable
from stepladder.runs.folder import (
    STORE_NAME,
    STUDY_NAME,
    check_own,
    finished_search,
    run_folder,
    search_again,
)
from stepladder.runs.results import Results
from stepladder.runs.stored import results_of, results_so_far
from stepladder.statistics.results import Estimate
from stepladder.store import open_store
from stepladder.study.study import Study

Part = Literal["test", "validation"]
WINNER = "winner"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What is raised by a file that holds something else."""

_LOCKED = (
    "nobody has looked at its test figures; stepladder search --final does, or compare "
    "--on validation"
)


@dataclass(frozen=True)
class Entry:
    """An arm of a run, or the winner of a search.

    Attributes:
        run: name of its run.
        arm: its own name.
        fingerprint: of the dataset.
        accuracy: on the part that is compared, a fraction; over replicates that did not diverge.
        seconds: of training one replicate, compiling left out: the mean over all that are
            finished, diverged ones included; NaN where it is not known.
        parameters: trainable numbers of its network.
        n: replicates finished, diverged ones included.
        diverged: replicates that became non-finite.
    """

    run: str
    arm: str
    fingerprint: str
    accuracy: Estimate
    seconds: float
    parameters: int
    n: int
    diverged: int

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
        """Its accuracy in percent."""
        return FormattedNumber.accuracy(self.accuracy)


@dataclass(frozen=True)
class Found:
    """What a run has to be weighed.

    Attributes:
        name: of the run.
        entries: its arms, and its winner.
        left_out: arms that have no accuracy, its winner among them, each with why.
    """

    name: str
    entries: tuple[Entry, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def named(self, name: str) -> Found:
        """The same under another name of the run."""
        return replace(self, name=name, entries=tuple(replace(e, run=name) for e in self.entries))


def entries_of_results(results: Results, run: str, part: Part) -> Found:
    """The arms of a run that have a finite accuracy."""
    entries = [
        Entry(
            run, arm.arm.name, results.fingerprint,
            arm.test_accuracy if part == "test" else arm.val_accuracy,
            arm.seconds / arm.n, arm.parameters, arm.n, arm.diverged,
        )
        for arm in results.arms
        if arm.n and arm.parameters and math.isfinite(arm.val_accuracy.mean)
    ]  # fmt: skip
    counts = ((arm.arm.name, arm.n, arm.diverged) for arm in results.arms)
    return Found(run, tuple(entries), _lost(counts))


def entries_of_file(file: Path, part: Part) -> Found:
    """The same of results that were saved as JSON, wherever their run is.

    Args:
        file: a run's `results.json` or a search's `search.json`.
        part: of the data that is compared.

    Raises:
        InputError: if it is neither.
    """
    try:
        said = json.loads(file.read_text("utf-8"))
        run = str(said["study"])
        if "best" in said:
            return _winner(said, run, part)
        arms = (
            _saved(said, arm, run, part)
            for arm in said["arms"]
            if arm["n"] and arm["parameters"] and arm["val_accuracy"]["mean"] is not None
        )
        counts = ((str(arm["name"]), int(arm["n"]), int(arm["diverged"])) for arm in said["arms"])
        return Found(run, tuple(arms), _lost(counts))
    except _UNREADABLE as error:
        raise InputError(
            f"RUN must be the folder of a run, or a file that stepladder results --format json "
            f"printed, found the file {str(file)!r}, which is none ({type(error).__name__})"
        ) from None


def entry_of_search(file: Path, run: str, part: Part) -> Found:
    """The winner of a search as its folder has it, over fresh replicates.

    Args:
        file: `search.json` of its folder.
        run: name of the run.
        part: of the data that is compared.

    Raises:
        OutputError: if the file cannot be read.
    """
    try:
        return _winner(json.loads(file.read_text("utf-8")), run, part)
    except _UNREADABLE as error:
        raise OutputError(
            f"{file} must be what a search has left, found a file that cannot be read "
            f"({type(error).__name__}); run the search again, which trains nothing"
        ) from None


def _saved(said: Mapping[str, Any], arm: Mapping[str, Any], run: str, part: Part) -> Entry:
    accuracy = arm["test_accuracy" if part == "test" else "val_accuracy"]
    return Entry(
        run, str(arm["name"]), str(said["fingerprint"]), _estimate(accuracy),
        _seconds(arm["seconds"]) / int(arm["n"]), int(arm["parameters"]),
        int(arm["n"]), int(arm["diverged"]),
    )  # fmt: skip


def _winner(said: Mapping[str, Any], run: str, part: Part) -> Found:
    best = said["best"]
    accuracy = best["test_accuracy" if part == "test" else "val_accuracy"]
    if accuracy is None:
        return Found(run, (), ((WINNER, _LOCKED),))
    # Older files have the time of its training in the search alone.
    seconds = best.get("replicate_seconds", best["seconds"])
    winner = Entry(
        run, WINNER, str(said["fingerprint"]), _estimate(accuracy), _seconds(seconds),
        int(best["parameters"]), len(accuracy["values"]), int(best["diverged"]),
    )  # fmt: skip
    return Found(run, (winner,))


def _lost(counts: Iterable[tuple[str, int, int]]) -> tuple[tuple[str, str], ...]:
    """Arms of which every replicate diverged: names, with replicates finished and diverged."""
    return tuple(
        (name, f"diverged in all {plural(n, 'replicate')}")
        for name, n, diverged in counts
        if n and diverged == n
    )


def _seconds(said: float | None) -> float:
    return math.nan if said is None else float(said)


def _estimate(said: Mapping[str, Any]) -> Estimate:
    ends = (None if said[end] is None else float(said[end]) for end in ("ci_low", "ci_high"))
    low, high = ends
    values = tuple(math.nan if each is None else float(each) for each in said["values"])
    return Estimate(float(said["mean"]), low, high, values)


LEVELS = (0.98, 0.99)
"""Accuracies at which the smallest network is named."""

_SAME_IMAGES = " on these test images, and new images would make it wider"


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


def checked(entries: Sequence[Entry], left_out: Sequence[str] = ()) -> None:
    """Makes sure that entries can be compared.

    Args:
        entries: what there is.
        left_out: what there is not, in sentences.

    Raises:
        InputError: if there are none, or they are of different datasets.
    """
    if not entries:
        found = f"none ({'; '.join(left_out)})" if left_out else "none"
        raise InputError(
            f"pareto must have an arm with a finished replicate, found {found}; run a study first, "
            "or write --on validation for searches whose test figures nobody has looked at"
        )
    first = entries[0]
    for each in entries:
        if each.fingerprint != first.fingerprint:
            raise InputError(
                f"runs must be of one dataset, found {first.name!r} on {first.fingerprint[:12]}… "
                f"and {each.name!r} on {each.fingerprint[:12]}…; compare those of one dataset"
            )


def smallest(entries: Sequence[Entry], level: float) -> Smallest:
    """The smallest networks that reach an accuracy, surely and by their mean.

    Args:
        entries: what there is.
        level: the accuracy, a fraction.
    """
    by_size = sorted(entries, key=lambda each: (each.parameters, -each.accuracy.mean))
    surely = (each for each in by_size if _reaches(each, level))
    by_mean = (each for each in by_size if each.accuracy.mean >= level)
    return Smallest(level, next(surely, None), next(by_mean, None))


def _reaches(each: Entry, level: float) -> bool:
    low = each.accuracy.ci_low
    return low is not None and low >= level and not each.diverged


def plots_of(entries: Sequence[Entry], part: Part) -> tuple[Plot, ...]:
    """Accuracy against time and against size, where there are two or more to compare."""
    by_time, by_size = _spots(entries)
    timed = [spot for spot in by_time if math.isfinite(spot.cost)]
    made = (front_plot(timed, TIME, part), front_plot(by_size, SIZE, part))
    return tuple(plot for plot in made if plot is not None)


def _spots(entries: Sequence[Entry]) -> tuple[Sequence[Spot], Sequence[Spot]]:
    """Entries in time and in size; a time that is not known is infinite, and on no front."""
    times = [each.seconds if each.seconds > 0 else math.inf for each in entries]
    by_time = spots([Point(e.marked, time, e.shown)
                     for e, time in zip(entries, times, strict=True)])  # fmt: skip
    return (
        [replace(spot, is_front=spot.is_front and math.isfinite(spot.cost)) for spot in by_time],
        spots([Point(each.marked, each.parameters, each.shown) for each in entries]),
    )


def side_table(entries: Sequence[Entry], part: Part) -> TextTable:
    """Every entry, the smallest network first."""
    by_time, by_size = _spots(entries)
    rows = [
        (each.marked, f"{each.parameters:,}", number(each.seconds, 2), each.shown.text,
         "yes" if small.is_front else "", "yes" if fast.is_front else "")
        for each, fast, small in zip(entries, by_time, by_size, strict=True)
    ]  # fmt: skip
    order = sorted(range(len(rows)), key=lambda place: (entries[place].parameters, place))
    return TextTable(
        title=f"{part.capitalize()} accuracy against size and training time",
        heads=("arm", "weights", "seconds", f"{part} %", "smallest", "fastest"),
        rows=tuple(rows[place] for place in order),
        note="smallest, fastest: on the Pareto front of weights, of training time: no other arm "
        "is at least as good in both and better in one. Fronts are read off means; ± is the 95 % "
        f"t interval over replicates{_SAME_IMAGES if part == 'test' else ''}. Seconds are those "
        f"of one replicate, compiling left out.{_diverged(entries)}",
    )


def _diverged(entries: Sequence[Entry]) -> str:
    if not any(each.diverged for each in entries):
        return ""
    return (
        " Where replicates diverged, accuracy is that of the others, and the network is not surely "
        "the smallest; seconds are the mean of all, though one that diverged may have ended early."
    )


def as_csv(entries: Sequence[Entry], part: Part) -> str:
    """Every entry as CSV, its numbers in full."""
    heads = ("arm", "weights", "seconds", f"{part}_percent", "low_percent", "high_percent",
             "smallest", "fastest", "n", "diverged")  # fmt: skip
    return csv_text(heads, (
        (each.name, each.parameters, each.seconds, small.test, small.low, small.high,
         int(small.is_front), int(fast.is_front), each.n, each.diverged)
        for each, fast, small in zip(entries, *_spots(entries), strict=True)
    ))  # fmt: skip


def sentence(found: Smallest) -> str:
    """Which network is the smallest at an accuracy, in a sentence."""
    level = f"{100 * found.level:g} %"
    if found.by_mean is None:
        return f"No network reaches {level}."
    if found.surely is None:
        return (
            f"Smallest network at {level}: none surely (no whole interval reaches it, arms "
            f"with diverged replicates aside); by its mean {_told(found.by_mean)}."
        )
    text = (
        f"Smallest network at {level}: {_told(found.surely)}, its whole interval over replicates "
        "included"
    )
    if found.by_mean is not found.surely:
        text += f"; by its mean alone {_told(found.by_mean)}"
    return f"{text}."


def _told(each: Entry) -> str:
    return f"{each.marked} with {plural(each.parameters, 'weight')} ({each.shown.text} %)"


def as_json(entries: Sequence[Entry], part: Part) -> str:
    """All of it as one JSON object, indented, ended by a line break."""
    value = {
        "part": part,
        "arms": [
            {
                "name": each.name, "parameters": each.parameters,
                "seconds": finite(each.seconds), "accuracy": finite(each.accuracy.mean),
                "ci_low": each.accuracy.ci_low, "ci_high": each.accuracy.ci_high,
                "smallest": small.is_front, "fastest": fast.is_front,
                "n": each.n, "diverged": each.diverged,
            }
            for each, fast, small in zip(entries, *_spots(entries), strict=True)
        ],
        "smallest": [_smallest(smallest(entries, level)) for level in LEVELS],
    }  # fmt: skip
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _smallest(found: Smallest) -> dict[str, Any]:
    names = {"surely": found.surely, "by_mean": found.by_mean}
    return {"level": found.level} | {
        name: None if each is None else each.name for name, each in names.items()
    }


@dataclass(frozen=True)
class Weighed:
    """Arms and winners of several runs.

    Attributes:
        entries: each of them.
        part: of the data that accuracies are of.
        notes: what was left out, in sentences.
    """

    entries: tuple[Entry, ...]
    part: Part
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
        table = side_table(self.entries, self.part)
        lines = [sentence(smallest(self.entries, each)) for each in LEVELS]
        if form == "markdown":
            return "\n".join(
                [*markdown_side_table(table), "", *(f"- {each}" for each in lines), ""]
            )
        return "\n".join([side_as_text(table), *lines, ""])


def weigh(runs: Sequence[str | Path], *, part: Part = "test", store: str | None = None) -> Weighed:
    """Arms of runs and winners of searches, with accuracy, training time and weights.

    Test figures are those that the runs show themselves; reading them is a look, and the same
    look as theirs. Validation figures are none.

    Args:
        runs: folders of runs and of searches, or files of results that they left as JSON; one that
            is named twice counts once.
        part: which accuracy.
        store: URL of the runs' store where that is not in their folders.

    Raises:
        InputError: if a folder or file is none of a run, they are of several datasets, or there is
            nothing to compare.
        StoreError: if a store cannot be read, or holds another study of a run's name.
    """
    files = [validate_path(run, "RUN") for run in runs]
    places = {Path(os.path.abspath(file)): file for file in files}
    told = [
        entries_of_file(file, part) if file.is_file() else _of_folder(file, part, store)
        for file in places.values()
    ]
    told = _told_apart(told, list(places))
    entries = tuple(entry for found in told for entry in found.entries)
    notes = tuple(
        f"{printable(found.name)}: {printable(arm)} is left out: {why}"
        for found in told
        for arm, why in found.left_out
    )
    checked(entries, notes)
    return Weighed(entries, part, notes)


def _told_apart(told: Sequence[Found], places: Sequence[Path]) -> list[Found]:
    """Runs of one name each under the least of its path that no other of them ends with."""
    made = []
    for found, place in zip(told, places, strict=True):
        same = [other for each, other in zip(told, places, strict=True) if each.name == found.name]
        ends = (Path(*place.parts[-length:]) for length in range(1, len(place.parts)))
        apart = (end for end in ends if sum(_ends(other, end) for other in same) == 1)
        made.append(found if len(same) == 1 else found.named(str(next(apart, place))))
    return made


def _ends(place: Path, end: Path) -> bool:
    return place.parts[-len(end.parts) :] == end.parts


def _of_folder(run: Path, part: Part, store: str | None) -> Found:
    """What the folder of a run or of a search has."""
    folder = run_folder(run)
    name = folder.name or str(folder)
    study = Study.load(folder / STUDY_NAME)
    found = Found(name, ())
    if file := finished_search(folder, study):
        found = entry_of_search(file, name, part)
        if not study.techniques:
            return found
    elif study.search is not None:
        found = Found(name, (), ((WINNER, _unfinished(folder, study, store)),))
    with open_store(store or str(folder / STORE_NAME), create=False) as kept:
        check_own(kept, study, folder)
        try:
            if part == "test":
                results = results_of(kept, study.name, "pareto", curves=False)
            else:
                results = results_so_far(kept, study.name)
        except StoreError:
            if study.search is None:
                raise
            return found
    arms = entries_of_results(results, name, part)
    return replace(
        found,
        entries=(*found.entries, *arms.entries),
        left_out=(*found.left_out, *arms.left_out),
    )


def _unfinished(folder: Path, study: Study, store: str | None) -> str:
    """Why a search has no winner yet, and what to do."""
    return f"its search is not finished; `{search_again(folder, study, store)}` goes on with it"
