"""What is weighed: arms of runs and winners of searches, from wherever their figures lie."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from stepladder.analysis.judged import Estimate
from stepladder.errors import InputError, OutputError
from stepladder.report.shown import Shown
from stepladder.report.wording import counted, visible
from stepladder.runner.results import Results

__all__ = [
    "WINNER",
    "Entry",
    "Found",
    "Part",
    "entries_of_file",
    "entries_of_results",
    "entry_of_search",
]

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
        return f"{visible(self.run)}: {visible(self.arm)}"

    @property
    def marked(self) -> str:
        """Its name, with how many of its replicates diverged where some did."""
        return f"{self.name} ({self.diverged} of {self.n} diverged)" if self.diverged else self.name

    @property
    def shown(self) -> Shown:
        """Its accuracy in percent."""
        return Shown.accuracy(self.accuracy)


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
        (name, f"diverged in all {counted(n, 'replicate')}")
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
