"""Counting while a study trains: what is done, arm by arm, and how long the rest will take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from stepladder.records import Trial, TrialResult
from stepladder.report.announcing import about
from stepladder.runner.progress import Planned

__all__ = ["ArmTally", "Clock", "Tally"]

Clock = Callable[[], float]

_SETTLING = 1.0  # seconds: a population's lanes report their first epochs within them


@dataclass
class ArmTally:
    """One arm while it is trained.

    Attributes:
        name: its name.
        planned: replicates that it shall have.
        done: replicates that it has, found ones included.
        validation: accuracies as fractions of the replicates trained now, NaN where diverged.
    """

    name: str
    planned: int
    done: int
    validation: list[float] = field(default_factory=list)

    @property
    def finite(self) -> list[float]:
        """The accuracies of replicates that did not diverge."""
        return [each for each in self.validation if math.isfinite(each)]

    @property
    def diverged(self) -> int:
        """How many of them diverged."""
        return len(self.validation) - len(self.finite)

    @property
    def mean(self) -> float:
        """Mean of the finite accuracies; NaN when there is none."""
        finite = self.finite
        return math.fsum(finite) / len(finite) if finite else math.nan


class Tally:
    """Counts trials and epochs and estimates the time left from the rate of trial·epochs.

    The estimate starts after the first epochs are in, so that compiling does not spoil it.

    Args:
        planned: what is to be trained.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, planned: Planned, clock: Clock) -> None:
        self.planned = planned
        self.trials_done = 0
        self.running: dict[str, int] = {}
        self.arms = _arm_tallies(planned)
        self._clock = clock
        self._started = clock()
        self._epochs: dict[str, int] = {}
        self._first: float | None = None
        self._latest = self._started
        self._before = 0

    def trial_started(self, trial: Trial) -> None:
        """A trial began, or began again."""
        self.running[trial.id] = 0
        self._epochs[trial.id] = 0

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """A trial finished an epoch."""
        self.running[trial.id] = epoch
        self._count(trial, epoch)

    def trial_done(self, result: TrialResult) -> tuple[ArmTally, ...]:
        """A trial is finished, all of its epochs with it, also where it diverged early.

        Returns:
            The arms that are complete now and were not before.
        """
        trial = result.trial
        self.running.pop(trial.id, None)
        self._count(trial, trial.recipe.epochs)
        self.trials_done += 1
        completed = []
        for name in self.planned.arm_names.get(trial.id, ()):
            arm = self.arms.get(name)
            if arm is None:
                continue
            arm.done += 1
            arm.validation.append(result.validation.accuracy)
            if arm.done == arm.planned:
                completed.append(arm)
        return tuple(completed)

    def _epochs_of(self, trial: Trial, epoch: int) -> int:
        """Epochs of a trial up to one of them, those left out that need not be trained."""
        return max(0, epoch - self.planned.at_hand.get(trial.id, 0))

    def trial_found(self, trial: Trial) -> None:
        """Another run has stored a trial: there is one less to train."""
        self.planned = replace(
            self.planned,
            trials=self.planned.trials - 1,
            found=self.planned.found + 1,
            epochs=self.planned.epochs - self._epochs_of(trial, trial.recipe.epochs),
        )
        for name in self.planned.arm_names.get(trial.id, ()):
            if name in self.arms:
                self.arms[name].done += 1

    def _count(self, trial: Trial, epoch: int) -> None:
        done = self._epochs_of(trial, epoch)
        self._epochs[trial.id] = max(done, self._epochs.get(trial.id, 0))
        self._latest = self._clock()
        if self._first is None:
            self._first = self._latest
        if self._latest - self._first <= _SETTLING:
            self._before = self.epochs_done

    @property
    def epochs_done(self) -> int:
        """Trial·epochs trained so far."""
        return sum(self._epochs.values())

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    @property
    def names_running(self) -> tuple[str, ...]:
        """The arms in training, each once."""
        names = [name for id_ in list(self.running) for name in self.planned.arm_names.get(id_, ())]
        return tuple(dict.fromkeys(names))

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, or None as long as nothing can be said."""
        left = self.planned.epochs - self.epochs_done
        if left <= 0:
            return 0.0
        counted = self.epochs_done - self._before
        if self._first is None or counted <= 0:
            return None
        rate = counted / (self._latest - self._first)
        return max(0.0, left / rate - (self._clock() - self._latest))

    @property
    def time_left(self) -> str:
        """The estimate in words: "compiling…", "estimating…" or "about 2 min left"."""
        if self._first is None:
            return "compiling…" if self.planned.trials else "nothing to train"
        left = self.seconds_left
        if left is None:
            return "estimating…"
        if left < 1:
            return "almost done"
        return f"about {about(left)} left"


def _arm_tallies(planned: Planned) -> dict[str, ArmTally]:
    to_train = Counter(name for names in planned.arm_names.values() for name in names)
    return {
        name: ArmTally(name, trials, trials - to_train[name])
        for name, trials in planned.arm_trials.items()
    }
