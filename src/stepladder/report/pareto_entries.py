"""What is weighed: arms of runs and winners of searches, from wherever their figures lie."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stepladder.analysis.judged import Estimate
from stepladder.errors import InputError, OutputError
from stepladder.report.shown import Shown
from stepladder.report.wording import visible
from stepladder.runner.results import Results

__all__ = ["Entry", "Found", "Part", "entries_of_file", "entries_of_results", "entry_of_search"]

Part = Literal["test", "validation"]


@dataclass(frozen=True)
class Entry:
    """An arm of a run, or the winner of a search.

    Attributes:
        name: run and arm.
        fingerprint: of the dataset.
        accuracy: on the part that is compared, a fraction.
        seconds: of training one replicate, compiling left out; NaN where it is not known.
        parameters: trainable numbers of its network.
    """

    name: str
    fingerprint: str
    accuracy: Estimate
    seconds: float
    parameters: int

    @property
    def shown(self) -> Shown:
        """Its accuracy in percent."""
        ends = (self.accuracy.ci_low, self.accuracy.ci_high)
        low, high = (None if end is None else 100 * end for end in ends)
        return Shown(100 * self.accuracy.mean, low, high)


@dataclass(frozen=True)
class Found:
    """What a run has to be weighed.

    Attributes:
        name: of the run.
        entries: its arms, and its winner.
        is_locked: whether test figures are asked for and nobody has looked at its winner's.
    """

    name: str
    entries: tuple[Entry, ...]
    is_locked: bool = False


def entries_of_results(results: Results, run: str, part: Part) -> list[Entry]:
    """The arms of a run that have a finite accuracy."""
    return [
        Entry(
            _arm(run, arm.arm.name),
            results.fingerprint,
            arm.test_accuracy if part == "test" else arm.val_accuracy,
            arm.seconds / arm.n,
            arm.parameters,
        )
        for arm in results.arms
        if arm.n and arm.parameters and math.isfinite(arm.val_accuracy.mean)
    ]


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
        return Found(run, tuple(arms))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise OutputError(
            f"{file} must be what a search has left, found a file that cannot be read "
            f"({type(error).__name__}); run the search again, which trains nothing"
        ) from None


def _saved(said: Mapping[str, Any], arm: Mapping[str, Any], run: str, part: Part) -> Entry:
    accuracy = arm["test_accuracy" if part == "test" else "val_accuracy"]
    return Entry(
        _arm(run, str(arm["name"])), str(said["fingerprint"]), _estimate(accuracy),
        _seconds(arm["seconds"]) / int(arm["n"]), int(arm["parameters"]),
    )  # fmt: skip


def _winner(said: Mapping[str, Any], run: str, part: Part) -> Found:
    best = said["best"]
    accuracy = best["test_accuracy" if part == "test" else "val_accuracy"]
    if accuracy is None:
        return Found(run, (), is_locked=True)
    winner = Entry(
        f"{visible(run)}: winner", str(said["fingerprint"]), _estimate(accuracy),
        _seconds(best["seconds"]), int(best["parameters"]),
    )  # fmt: skip
    return Found(run, (winner,))


def _arm(run: str, arm: str) -> str:
    return f"{visible(run)}: {visible(arm)}"


def _seconds(said: float | None) -> float:
    return math.nan if said is None else float(said)


def _estimate(said: Mapping[str, Any]) -> Estimate:
    ends = (None if said[end] is None else float(said[end]) for end in ("ci_low", "ci_high"))
    low, high = ends
    values = tuple(math.nan if each is None else float(each) for each in said["values"])
    return Estimate(float(said["mean"]), low, high, values)
