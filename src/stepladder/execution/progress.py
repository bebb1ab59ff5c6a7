"""What a run tells of itself while it trains: the protocol, and the observer that says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stepladder.study.study import Study
from stepladder.trials.trial import Trial, TrialResult


@dataclass(frozen=True)
class RunAnnouncement:
    """What a run is about to train.

    Attributes:
        study: what was asked.
        trials: trials to train.
        found: trials of the study that are stored already and are not trained again.
        epochs: trial·epochs to train, summed over the trials to train.
        workers: processes that train.
        seconds: about how long that takes, compiling left out; None where nothing can be said yet.
        arm_names: for each trial to train, by its id, the names of the arms that it belongs to.
        arm_trials: how many trials each arm has, those found included, by its name, in order.
        is_least: whether what these trials come to may ask for more.
        notes: what the user should know before it, a sentence each.
        at_hand: epochs that need not be trained, by the id of a trial that goes on from a
            shorter training.
    """

    study: Study
    trials: int
    found: int
    epochs: int
    workers: int
    arm_names: Mapping[str, tuple[str, ...]]
    arm_trials: Mapping[str, int]
    seconds: float | None = None
    is_least: bool = False
    notes: tuple[str, ...] = ()
    at_hand: Mapping[str, int] = field(default_factory=dict)


class Progress(Protocol):
    """Is told what happens in a run, in the order in which it happens and from one thread.

    A run trains in one part, or in several: tuning, then look by look. Each part begins with
    `start` and ends with `finish`, also when it fails or is interrupted. A trial that was started
    may be started again after a lost worker. `note` may come at any time, before the first part
    and between two of them too.
    """

    def start(self, planned: RunAnnouncement) -> None:
        """The plan of a part is made; nothing of it has been trained yet."""

    def trial_started(self, trial: Trial) -> None:
        """A worker has begun a trial; its program may still be compiling."""

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """A trial has finished its epoch `epoch`, counted from 1."""

    def trial_done(self, result: TrialResult) -> None:
        """A trial is finished and stored."""

    def trial_found(self, trial: Trial) -> None:
        """Another run has trained and stored a trial that was to be trained here."""

    def note(self, text: str) -> None:
        """Something that the user should know, in a sentence."""

    def finish(self) -> None:
        """Nothing more will be told of this part; whatever was opened is closed."""


class QuietProgress:
    """Says nothing: for `run()` from Python and for tests."""

    def start(self, planned: RunAnnouncement) -> None:
        """Nothing."""

    def trial_started(self, trial: Trial) -> None:
        """Nothing."""

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Nothing."""

    def trial_done(self, result: TrialResult) -> None:
        """Nothing."""

    def trial_found(self, trial: Trial) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""
