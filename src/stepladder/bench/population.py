"""The population engine timed through the ordinary path: a study run by pinned processes."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from stepladder.errors import InputError
from stepladder.records import Trial
from stepladder.runner.progress import QuietProgress
from stepladder.runner.settings import Settings
from stepladder.runner.study_run import run_study
from stepladder.study import Study

__all__ = ["Steady", "Watch", "steady", "trial_epoch_seconds"]


@dataclass(frozen=True)
class Steady:
    """How a study went.

    Attributes:
        first_epoch: seconds from the start until every trial had its first epoch: processes,
            imports, the dataset and compiling.
        seconds: of wall time for a trial·epoch once all were training.
        total: seconds of the whole study.
        compiling: for each set of trials that began together, in order, the seconds from
            there to the first epoch's end beyond what a later epoch takes.
    """

    first_epoch: float
    seconds: float
    total: float
    compiling: tuple[float, ...]


class Watch(QuietProgress):
    """Notes when each trial began, and when each of its epochs ended, in seconds from its making.

    Attributes:
        started: by trial, when it was handed to a process for the last time.
        ends: by trial, the ends of its epochs, in order.
    """

    def __init__(self) -> None:
        """Starts its clock."""
        self._began = time.perf_counter()
        self.started: dict[Trial, float] = {}
        self.ends: defaultdict[Trial, list[float]] = defaultdict(list)

    def trial_started(self, trial: Trial) -> None:
        """Notes when; what a lost process had trained does not count."""
        self.started[trial] = self.elapsed
        self.ends.pop(trial, None)

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Notes when."""
        self.ends[trial].append(self.elapsed)

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._began


def steady(study: Study, settings: Settings) -> Steady:
    """Runs a study in a folder that is thrown away, and says how long its epochs took.

    Args:
        study: all of its trials should train at the same time: equal structures, as many
            replicates as processes; two epochs or more.
        settings: of this machine.

    Raises:
        InputError: if the study has a single epoch.
        RunError: if a training failed.
    """
    if min(arm.recipe.epochs for arm in study.arms) < 2:
        raise InputError("epochs must be 2 or more to be timed, found 1; the first one compiles")
    with tempfile.TemporaryDirectory(prefix="stepladder-bench-") as folder:
        watch = Watch()
        run_study(study, Path(folder), settings, progress=watch)
        total = watch.elapsed
    return Steady(
        first_epoch=max(ends[0] for ends in watch.ends.values()),
        seconds=trial_epoch_seconds(list(watch.ends.values())),
        total=total,
        compiling=_compiling(watch),
    )


def trial_epoch_seconds(ends: Sequence[Sequence[float]]) -> float:
    """Wall seconds for a trial·epoch, from the ends of each trial's epochs.

    It is taken over the time in which every trial was training: from when the last of them had
    its first epoch to when the first of them was finished, epochs begun or cut off there counted
    by their share. Where there is no such time, because trials had to wait for others, it is all
    the time in which any trial was training after its first epoch.

    Args:
        ends: for each trial, seconds, increasing; two epochs or more.
    """
    start, stop = max(each[0] for each in ends), min(each[-1] for each in ends)
    if stop <= start:
        return _covered(ends) / sum(len(each) - 1 for each in ends)
    done = sum(_between(each, start, stop) for each in ends)
    return (stop - start) / done


def _covered(ends: Sequence[Sequence[float]]) -> float:
    """Seconds in which any trial was between its first epoch's end and its last one's."""
    covered, reached = 0.0, -np.inf
    for first, last in sorted((each[0], each[-1]) for each in ends):
        covered += max(0.0, last - max(first, reached))
        reached = max(reached, last)
    return float(covered)


def _between(ends: Sequence[float], start: float, stop: float) -> float:
    """Epochs done in a stretch of time."""
    numbers = np.arange(1, len(ends) + 1)
    return float(np.interp(stop, ends, numbers) - np.interp(start, ends, numbers))


def _compiling(watch: Watch) -> tuple[float, ...]:
    together: dict[float, float] = {}
    for trial, ends in watch.ends.items():
        later = float(np.median([two - one for one, two in pairwise(ends)]))
        began = watch.started[trial]
        near = next((key for key in together if abs(key - began) < 0.05), began)
        together.setdefault(near, ends[0] - began - later)
    return tuple(_in_order(together.items()))


def _in_order(pairs: Iterable[tuple[float, float]]) -> list[float]:
    return [seconds for _, seconds in sorted(pairs)]
