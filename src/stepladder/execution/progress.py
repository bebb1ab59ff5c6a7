"""What a run reports while it trains: the protocol, and the observer that shows nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stepladder.statistics.power import PlannedPower
from stepladder.study.study import Study
from stepladder.trials.trial import Trial, TrialResult


@dataclass(frozen=True)
class RunAnnouncement:
    """What a run is about to train.

    Attributes:
        study: what was asked.
        trials: trials to train.
        found: trials of the study that are stored already, so that they are not trained.
        epochs: trial·epochs to train, summed over the trials to train.
        workers: processes that train.
        seconds: about how long that takes, without compiling; None while that is unknown.
        arm_names: for each trial to train, by its id, the names of the arms that it belongs to.
        arm_trials: how many trials each arm has, those found included, by its name, in order.
        is_least: whether more trials may follow, depending on the results of these.
        notes: what the user should know before training, a sentence each.
        at_hand: epochs that need not be trained, by the id of a trial that resumes from a
            shorter training.
        power: what the study will find; None where nothing is compared, and where it is not asked.
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
    power: PlannedPower | None = None


class Progress(Protocol):
    """An observer of a run, called in the order of events and from one thread.

    A run trains in one part, or in several: tuning, then interim analysis by interim analysis.
    Each part begins with `start` and ends with `finish`, also when it fails or is interrupted. A
    trial may be started again after its worker was lost. `note` and `stage` may be called at any
    time, also before the first part and between two of them.

    Example:
        >>> class Count(QuietProgress):
        ...     epochs = 0
        ...     def epoch_done(self, trial, epoch):
        ...         self.epochs += 1
        >>> progress: Progress = Count()
    """

    # The bodies end with `return`, so that a class that derives from this need not define all.

    def start(self, planned: RunAnnouncement) -> None:
        """The plan of a part is made; nothing of it has been trained yet."""
        return

    def trial_started(self, trial: Trial) -> None:
        """A worker has begun a trial; its program may still be compiling."""
        return

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """A trial has finished its epoch `epoch`, counted from 1."""
        return

    def trial_done(self, result: TrialResult) -> None:
        """A trial is finished and stored."""
        return

    def trial_failed(self, trial: Trial, message: str) -> None:
        """A training of the user's own failed; the others go on."""
        return

    def trial_found(self, trial: Trial) -> None:
        """Another run has trained and stored a trial that was to be trained here."""
        return

    def note(self, text: str) -> None:
        """Something that the user should know, in a sentence."""
        return

    def stage(self, text: str) -> None:
        """What may take seconds from now on, such as "Reading mnist"; "" where it has ended.

        The next `stage` and the next `start` end it too.
        """
        return

    def finish(self) -> None:
        """The part has ended; whatever was opened is closed."""
        return


class QuietProgress(Progress):
    """Shows nothing: for `run()` from Python, for tests, and to derive from.

    Example:
        >>> QuietProgress().note("nobody reads this")
    """
