"""Progress in the terminal."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stepladder.execution.progress import Progress, RunAnnouncement
from stepladder.report.wording import duration, join_list, number, plural, printable, truncate
from stepladder.trials.trial import Trial, TrialResult


def announcement(planned: RunAnnouncement) -> str:
    """One line: trials to train and trials found, workers, epochs, and the time if it is known."""
    found = f", {planned.found:,} found in the store" if planned.found else ""
    least = "at least " if planned.is_least else ""
    trials = f"{least}{plural(planned.trials, 'trial')}"
    line = f"{printable(planned.study.name)}: {trials} to train{found}"
    if not planned.trials:
        return line
    if planned.at_hand:
        ends = " or ".join(f"{each:,}" for each in sorted(set(planned.at_hand.values())))
        line += f", {len(planned.at_hand):,} of them going on from epoch {ends}"
    line += f", {plural(planned.workers, 'worker')}, {planned.epochs:,} epochs in all"
    if planned.seconds is None:
        return f"{line}; how long it takes is known after the first epochs"
    return f"{line}, about {about(planned.seconds)} and the time to compile"


def about(seconds: float) -> str:
    """Seconds as far as an estimate is worth: in steps of 5 s, from 2 minutes whole minutes."""
    return duration(60 * round(seconds / 60) if seconds >= 120 else max(5, 5 * round(seconds / 5)))


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

    def __init__(self, planned: RunAnnouncement, clock: Clock) -> None:
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


def _arm_tallies(planned: RunAnnouncement) -> dict[str, ArmTally]:
    to_train = Counter(name for names in planned.arm_names.values() for name in names)
    return {
        name: ArmTally(name, trials, trials - to_train[name])
        for name, trials in planned.arm_trials.items()
    }


NAME_WIDTH = 40
RUNNING_SHOWN = 3
QUIET_SECONDS = 10.0


def for_terminal(stream: TextIO | None = None) -> Progress:
    """Live progress on a terminal, plain lines on anything else.

    Args:
        stream: where to write; stderr unless given.
    """
    stream = sys.stderr if stream is None else stream
    console = Console(file=stream)
    return LiveProgress(console) if console.is_terminal else PlainProgress(stream)


class LiveProgress:
    """Bars for trials and epochs, the arms in training, the time left, and a table that fills.

    Accuracies shown are those on the validation part: looking at the test set before the study
    is finished would invite stopping when it pleases.

    Args:
        console: where to draw; one on stderr unless given.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = Lock()  # the view is drawn from a thread of its own
        self._tally: Tally | None = None
        self._live: Live | None = None

    def start(self, planned: RunAnnouncement) -> None:
        """Opens the view."""
        self._tally = Tally(planned, self._clock)
        self._console.print(Text(announcement(planned), style="dim"))
        self._live = Live(
            get_renderable=self.view, console=self._console, refresh_per_second=4, transient=True
        )
        self._live.start()

    def trial_started(self, trial: Trial) -> None:
        """Names the arm among those in training."""
        with self._lock:
            if self._tally:
                self._tally.trial_started(trial)

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Moves the bar of epochs."""
        with self._lock:
            if self._tally:
                self._tally.epoch_done(trial, epoch)

    def trial_done(self, result: TrialResult) -> None:
        """Moves the bar of trials and fills the table."""
        with self._lock:
            if self._tally:
                self._tally.trial_done(result)

    def trial_found(self, trial: Trial) -> None:
        """Counts it among those that are there."""
        with self._lock:
            if self._tally:
                self._tally.trial_found(trial)

    def note(self, text: str) -> None:
        """Prints a line above the view."""
        self._console.print(Text(printable(text)))

    def finish(self) -> None:
        """Closes the view and leaves one line that says what was done."""
        if self._live:
            self._live.stop()
            self._live = None
        if self._tally:
            self._console.print(Text(_summary(self._tally), style="dim"))
            self._tally = None

    def view(self) -> RenderableType:
        """The view as it stands."""
        with self._lock:
            if self._tally is None:
                return Text()
            return Group(_heading(self._tally), _bars(self._tally), _now(self._tally),
                         _arms(self._tally))  # fmt: skip


def _heading(tally: Tally) -> Text:
    planned = tally.planned
    parts = [plural(planned.trials, "trial"), plural(planned.workers, "worker")]
    if planned.found:
        parts.append(f"{planned.found:,} found in the store")
    return Text.assemble((printable(planned.study.name), "bold"), ("  " + " · ".join(parts), "dim"))


def _bars(tally: Tally) -> Table:
    planned = tally.planned
    grid = Table.grid(padding=(0, 1))
    for name, done, total in (
        ("epochs", tally.epochs_done, planned.epochs),
        ("trials", tally.trials_done, planned.trials),
    ):
        bar = ProgressBar(total=max(total, 1), completed=min(done, max(total, 1)), width=24)
        left = tally.time_left if name == "epochs" else ""
        grid.add_row(Text(name), bar, Text(f"{done:,} of {total:,}"), Text(left, style="cyan"))
    return grid


def _now(tally: Tally) -> Text:
    names = [truncate(name, NAME_WIDTH) for name in tally.names_running]
    if len(names) > RUNNING_SHOWN:
        names = [*names[:RUNNING_SHOWN], f"{len(names) - RUNNING_SHOWN} more"]
    return Text.assemble(("now     ", "default"), (join_list(names) or "–", "bold"), "\n")


def _arms(tally: Tally) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("arm")
    table.add_column("replicates", justify="right")
    table.add_column("validation %", justify="right")
    for arm in tally.arms.values():
        is_done = arm.done >= arm.planned
        table.add_row(
            Text(truncate(arm.name, NAME_WIDTH), style="bold" if is_done else "default"),
            Text(f"{arm.done} of {arm.planned}", style="green" if is_done else "dim"),
            Text(_validation(arm), style="default" if is_done else "dim"),
        )
    return table


def _validation(arm: ArmTally) -> str:
    notes = [f"{arm.diverged} diverged"] if arm.diverged else []
    if not arm.finite:
        return ", ".join(notes)
    if len(arm.validation) < arm.done:  # the others were found, and nothing is read of them
        notes.insert(0, f"of {len(arm.validation):,} now")
    mean = number(100 * arm.mean)
    return f"{mean} ({', '.join(notes)})" if notes else mean


def _completed(arm: ArmTally) -> str:
    parts = [plural(arm.planned, "replicate")]
    now = len(arm.validation)
    only = f" over the {now:,} trained now" if now < arm.planned else ""
    parts += [f"validation {number(100 * arm.mean)} %{only}"] if arm.finite else []
    parts += [f"{arm.diverged} diverged"] if arm.diverged else []
    return f"{truncate(arm.name, NAME_WIDTH)}: {', '.join(parts)}"


def _summary(tally: Tally) -> str:
    done, planned = tally.trials_done, tally.planned
    if not planned.trials:
        return f"Nothing to train: {plural(planned.found, 'trial')} found in the store."
    missing = f" of {planned.trials:,}" if done < planned.trials else ""
    noun = "trial" if planned.trials == 1 else "trials"
    return f"Trained {done:,}{missing} {noun} in {duration(tally.elapsed)}."


class PlainProgress:
    """A line when training has begun, one for each complete arm, else at most one in ten seconds.

    Args:
        stream: where to write; stderr unless given.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, stream: TextIO | None = None, clock: Clock = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._tally: Tally | None = None
        self._spoke = 0.0

    def start(self, planned: RunAnnouncement) -> None:
        """Says what is to be trained."""
        self._tally = Tally(planned, self._clock)
        self._say(announcement(planned))

    def trial_started(self, trial: Trial) -> None:
        """Nothing is said."""
        if self._tally:
            self._tally.trial_started(trial)

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Says that compiling is over, and how far it is if nothing was said for ten seconds."""
        if self._tally is None:
            return
        if not self._tally.epochs_done:
            self._say(
                f"First epoch done after {duration(self._tally.elapsed)}, compiling included."
            )
        self._tally.epoch_done(trial, epoch)
        self._say_how_far(self._tally)

    def trial_done(self, result: TrialResult) -> None:
        """Says which arms are complete, or how far it is if nothing was said for ten seconds."""
        if self._tally is None:
            return
        completed = self._tally.trial_done(result)
        for arm in completed:
            self._say(_completed(arm))
        if not completed:
            self._say_how_far(self._tally)

    def trial_found(self, trial: Trial) -> None:
        """Counts it among those that are there."""
        if self._tally:
            self._tally.trial_found(trial)

    def note(self, text: str) -> None:
        """Says it on a line of its own."""
        self._say(printable(text))

    def finish(self) -> None:
        """Says what was done."""
        if self._tally:
            self._say(_summary(self._tally))
            self._tally = None

    def _say_how_far(self, tally: Tally) -> None:
        if self._clock() - self._spoke < QUIET_SECONDS:
            return
        epochs = f"{tally.epochs_done:,} of {tally.planned.epochs:,} epochs"
        trials = f"{tally.trials_done:,} of {plural(tally.planned.trials, 'trial')}"
        self._say(f"{epochs}, {trials}, {tally.time_left}")

    def _say(self, line: str) -> None:
        self._spoke = self._clock()
        print(line, file=self._stream, flush=True)
