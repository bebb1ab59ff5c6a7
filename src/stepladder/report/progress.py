"""Progress in the terminal: bars and a table that fill, or plain lines where it is none."""

import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import RLock, Timer
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars
from rich.status import Status
from rich.text import Text

from stepladder.execution.progress import Progress, RunAnnouncement
from stepladder.report.document import Cell, Document, Table, numbers, words
from stepladder.report.terminal import render
from stepladder.report.wording import (
    Measure,
    duration,
    join_list,
    number,
    plural,
    printable,
    truncate,
)
from stepladder.trials.trial import Trial, TrialResult

Clock = Callable[[], float]

NAME_WIDTH = 40
RUNNING_SHOWN = 3
QUIET_SECONDS = 10.0
STAGE_SECONDS = 1.0
"""Seconds after which a stage is worth a line."""

FAILURES_SHOWN = 3

_SETTLING = 1.0  # seconds: a population's lanes report their first epochs within them


def announcement(planned: RunAnnouncement) -> str:
    """One line: trials to train and trials found, workers, epochs, and the time if it is known."""
    found = f", {planned.found:,} found in the store" if planned.found else ""
    least = "at least " if planned.is_least else ""
    trials = f"{least}{plural(planned.trials, 'trial')}"
    line = f"{printable(planned.study.name)}: {trials} to train{found}"
    if not planned.trials:
        return line
    if planned.at_hand:
        ends = " or ".join(f"{epoch:,}" for epoch in sorted(set(planned.at_hand.values())))
        line += f", {len(planned.at_hand):,} of them resumed from epoch {ends}"
    line += f", {plural(planned.workers, 'worker')}"
    line += f", {planned.epochs:,} epochs in all" if planned.study.trainer is None else ""
    if planned.seconds is None:
        first = "epochs" if planned.study.trainer is None else "trials"
        return f"{line}; how long it takes is known after the first {first}"
    return f"{line}, about {about(planned.seconds)} and the time to compile"


def power_lines(planned: RunAnnouncement) -> tuple[str, ...]:
    """What so many replicates will find, and a curve over replicates.

    Nothing where none compare, and where all are trained. Without a pilot one line, in standard
    deviations of the differences.
    """
    power = planned.power
    if power is None or not planned.trials:
        return ()
    study, counts = planned.study, dict(power.curve)
    of = plural(power.comparisons, "comparison")
    own, many = counts[power.replicates], plural(power.replicates, "replicate")
    unit = f" {printable(study.judged.unit)}".rstrip()
    if power.spreads is None:
        if own is None:
            return (f"Power: {many} give no verdict, however large a difference is",)
        return (
            f"Power: {many} find a difference of {own:.1f} times its scatter between replicates "
            f"(80 % chance, {of}); --pilot RUN shows it{f' in{unit}' if unit else ' as a number'}",
        )
    spreads, several = power.spreads, power.spreads[0] != power.spreads[1]
    which = " from the steadiest to the most variable" if several else ""
    way = "" if power.is_first else "; judged again, so by the anytime-valid test"
    lines = [
        f"Power: the difference that is found with 80 % chance ({of}{which}{way})",
        f"(differences scatter by {_span(spreads)}{unit}: the pilot's upper 80 % limit, "
        f"{plural(power.degrees, 'degree')} of freedom)",
    ]
    most = max((one for one in counts.values() if one is not None), default=1.0) or 1.0
    for count, one in power.curve:
        bar = "" if one is None else "█" * max(1, round(24 * one / most))
        text = "nothing, however large"
        if one is not None:
            text = f"{_span(tuple(one * spread for spread in spreads))}{unit}"
        mark = " <" if count == power.replicates else ""
        lines.append(f"{count:>6} replicates  {text:<21} {bar}{mark}".rstrip())
    if power.equivalence is not None:
        needed = " to ".join(
            dict.fromkeys("over 10,000" if n is None else f"{n:,}" for n in power.equivalence)
        )
        shown = "no difference" if study.claim == "difference" else "not worse"
        lines.append(f"Equal arms: {needed} replicates show {shown} beyond {study.delta:g}")
    return tuple(lines)


def _span(values: tuple[float, ...]) -> str:
    return " to ".join(dict.fromkeys(f"{value:.3g}" for value in values))


def about(seconds: float) -> str:
    """Seconds as far as an estimate is worth: in steps of 5 s, from 2 minutes whole minutes.

    Example:
        >>> about(13), about(200)
        ('15 s', '3 min')
    """
    return duration(60 * round(seconds / 60) if seconds >= 120 else max(5, 5 * round(seconds / 5)))


@dataclass
class ArmTally:
    """One arm while it is trained.

    Attributes:
        name: its name.
        planned: replicates that it shall have.
        done: replicates that it has, found ones included.
        measure: how the judged metric is shown.
        validation: scores of the replicates trained now, NaN where there is none.
        diverged: how many of them diverged.
    """

    name: str
    planned: int
    done: int
    measure: Measure
    validation: list[float] = field(default_factory=list)
    diverged: int = 0

    @property
    def finite(self) -> list[float]:
        """The scores that there are."""
        return [score for score in self.validation if math.isfinite(score)]

    @property
    def mean(self) -> float:
        """Mean of the scores; NaN when there is none."""
        finite = self.finite
        return math.fsum(finite) / len(finite) if finite else math.nan

    @property
    def mean_text(self) -> str:
        """The mean without its unit, in percent for fractions."""
        metric = self.measure.metric
        return number(metric.scale * self.mean) if metric.is_fraction else f"{self.mean:.4g}"


class Tally:
    """Counts trials and epochs and estimates the time left from the rate of trial·epochs.

    The estimate starts after the first epochs are in, so that compiling does not spoil it.

    Args:
        planned: what is to be trained.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, planned: RunAnnouncement, clock: Clock) -> None:
        self.planned = planned
        self.trials_done = self.trials_failed = self.epochs_done = 0
        self.running: dict[str, int] = {}
        to_train = Counter(name for names in planned.arm_names.values() for name in names)
        self.arms = {
            name: ArmTally(
                name, trials, trials - to_train[name], Measure(planned.study.judged, None)
            )
            for name, trials in planned.arm_trials.items()
        }
        self._clock = clock
        self._started = self._latest = clock()
        self._epochs: dict[str, int] = {}
        self._first: float | None = None
        self._before = 0

    def trial_started(self, trial: Trial) -> None:
        """A trial began, or began again."""
        self.epochs_done -= self._epochs.pop(trial.id, 0)
        self.running[trial.id] = 0

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
        self._count(trial, trial.config.epochs)
        self.trials_done += 1
        arms = self._arms_of(trial)
        for arm in arms:
            arm.done += 1
            arm.validation.append(_validation_score(result, arm.measure.metric.name))
            arm.diverged += result.diverged is not None
        return tuple(arm for arm in arms if arm.done == arm.planned)

    def trial_failed(self, trial: Trial) -> None:
        """A trial of the user's own training ended without a result."""
        self.running.pop(trial.id, None)
        self._count(trial, trial.config.epochs)
        self.trials_failed += 1

    def trial_found(self, trial: Trial) -> None:
        """Another run has stored a trial: there is one less to train."""
        self.planned = replace(
            self.planned,
            trials=self.planned.trials - 1,
            found=self.planned.found + 1,
            epochs=self.planned.epochs - self._epochs_of(trial, trial.config.epochs),
        )
        for arm in self._arms_of(trial):
            arm.done += 1

    def _arms_of(self, trial: Trial) -> list[ArmTally]:
        names = self.planned.arm_names.get(trial.id, ())
        return [self.arms[name] for name in names if name in self.arms]

    def _epochs_of(self, trial: Trial, epoch: int) -> int:
        """Epochs of a trial up to one of them, those left out that need not be trained."""
        return max(0, epoch - self.planned.at_hand.get(trial.id, 0))

    def _count(self, trial: Trial, epoch: int) -> None:
        done = self._epochs_of(trial, epoch)
        before = self._epochs.get(trial.id, 0)
        if done > before:
            self._epochs[trial.id] = done
            self.epochs_done += done - before
        self._latest = self._clock()
        if self._first is None:
            self._first = self._latest
        if self._latest - self._first <= _SETTLING:
            self._before = self.epochs_done

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
        """Estimated seconds to the end, or None where there is no estimate yet."""
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
        if not self.planned.trials:
            return "nothing to train"
        if self._first is None and self.planned.study.trainer is None:
            return "compiling…"
        left = self.seconds_left
        if left is None:
            return "estimating…"
        return "almost done" if left < 1 else f"about {about(left)} left"

    @property
    def summary(self) -> str:
        """What was done, in a line."""
        done, planned = self.trials_done, self.planned
        if not planned.trials:
            return f"Nothing to train: {plural(planned.found, 'trial')} found in the store."
        missing = f" of {planned.trials:,}" if done < planned.trials else ""
        noun = "trial" if planned.trials == 1 else "trials"
        return f"Trained {done:,}{missing} {noun} in {duration(self.elapsed)}."


class TallyProgress:
    """A `Progress` that keeps a tally; its subclasses show it.

    Args:
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = RLock()  # a view may be drawn from a thread of its own
        self._tally: Tally | None = None
        self._failed: Counter[str] = Counter()

    def start(self, planned: RunAnnouncement) -> None:
        """Begins the tally of a part of the run."""
        self._tally = Tally(planned, self._clock)

    def trial_started(self, trial: Trial) -> None:
        """Names the arm among those in training."""
        self._count(lambda tally: tally.trial_started(trial))

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Counts the epoch."""
        self._count(lambda tally: tally.epoch_done(trial, epoch))

    def trial_done(self, result: TrialResult) -> None:
        """Counts the trial, and its accuracy on the validation part."""
        self._count(lambda tally: tally.trial_done(result))

    def trial_failed(self, trial: Trial, message: str) -> None:
        """Counts it as one that ended, and notes why."""
        self._count(lambda tally: tally.trial_failed(trial))
        self._failed[message] += 1
        if self._failed[message] <= FAILURES_SHOWN:
            more = "; the same of others is not repeated"
            is_last = self._failed[message] == FAILURES_SHOWN
            self.note(f"failed: {self._name_of(trial)}: {message}{more if is_last else ''}")

    def note(self, text: str) -> None:
        """Shows a sentence; subclasses say how."""

    def stage(self, text: str) -> None:
        """Shows what happens; subclasses say how."""

    def _name_of(self, trial: Trial) -> str:
        names = self._tally.planned.arm_names.get(trial.id, ()) if self._tally else ()
        return f"{', '.join(names) or 'a trial'}, replicate {trial.shown_replicate}"

    def trial_found(self, trial: Trial) -> None:
        """Counts it among those that are there."""
        self._count(lambda tally: tally.trial_found(trial))

    def _count(self, change: Callable[[Tally], object]) -> None:
        with self._lock:
            if self._tally:
                change(self._tally)
        self._draw()

    def _draw(self) -> None:
        """Draws the view where nothing else does."""

    def view(self) -> RenderableType:
        """The state of the run, for a rich console.

        Accuracies are those on the validation part: looking at the test set before the study is
        finished would invite stopping when it pleases.
        """
        with self._lock:
            return _view(self._tally) if self._tally else Text()


def _validation_score(result: TrialResult, metric: str) -> float:
    """A metric on the validation part; NaN where a training gives none there."""
    known = result.measures.get("validation", {})
    return known.get(metric, result.validation.accuracy if metric == "accuracy" else math.nan)


def _view(tally: Tally) -> RenderableType:
    planned, names = tally.planned, [truncate(name, NAME_WIDTH) for name in tally.names_running]
    facts = [plural(planned.trials, "trial"), plural(planned.workers, "worker")]
    facts += [f"{planned.found:,} found in the store"] if planned.found else []
    facts += [duration(tally.elapsed)] if tally.elapsed >= 1 else []
    running = join_list(names, most=RUNNING_SHOWN + 1, rest="more")
    shown = Measure(planned.study.judged, None)
    columns = (*words("arm"), *numbers("replicates", shown.heading("validation")))
    arms = Table("", columns, tuple(map(_arm_row, tally.arms.values())))
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,.0f} of {task.fields[planned]:,}"),
        TextColumn("{task.fields[left]}", style="cyan"),
        auto_refresh=False,
    )
    counts = [("epochs", tally.epochs_done, planned.epochs, tally.time_left)]
    counts += [("trials", tally.trials_done, planned.trials, "")]
    if planned.study.trainer is not None:  # how many epochs it has is not known
        counts = [("trials", tally.trials_done, planned.trials, tally.time_left)]
    for name, done, total, left in counts:
        bars.add_task(name, total=max(total, 1), completed=done, planned=total, left=left)
    return Group(
        Text.assemble((printable(planned.study.name), "bold"), (f"  {' · '.join(facts)}", "dim")),
        bars.get_renderable(),
        Text.assemble("now     ", (running or "–", "bold"), "\n"),
        render(Document("", "", "", (arms,)), 2 * NAME_WIDTH),
    )


def _arm_row(arm: ArmTally) -> tuple[str, ...]:
    is_done = arm.done >= arm.planned
    return (
        truncate(arm.name, NAME_WIDTH),
        Cell(f"{arm.done} of {arm.planned}", style="good" if is_done else "dim"),
        Cell(_validation_text(arm), style="" if is_done else "dim"),
    )


def _validation_text(arm: ArmTally) -> str:
    notes = [f"{arm.diverged} diverged"] if arm.diverged else []
    if not arm.finite:
        return ", ".join(notes)
    if len(arm.validation) < arm.done:  # nothing is read of those that were found
        notes.insert(0, f"of {len(arm.validation):,} now")
    return f"{arm.mean_text} ({', '.join(notes)})" if notes else arm.mean_text


def for_terminal(stream: TextIO | None = None) -> Progress:
    """Live progress on a terminal, plain lines on anything else.

    Args:
        stream: where to write; stderr unless given.

    Example:
        >>> import io
        >>> type(for_terminal(io.StringIO())).__name__
        'PlainProgress'
    """
    stream = sys.stderr if stream is None else stream
    console = Console(file=stream)
    return LiveProgress(console) if console.is_terminal else PlainProgress(stream)


class LiveProgress(TallyProgress):
    """Bars for trials and epochs, the arms in training, the time left, and a table that fills.

    Args:
        console: where to draw; one on stderr unless given.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._status: Status | None = None

    def stage(self, text: str) -> None:
        """Shows it behind a spinner until it has ended."""
        if self._status:
            self._status.stop()
            self._status = None
        if text:
            self._status = self._console.status(Text(f"{text}…", style="dim"))
            self._status.start()

    def start(self, planned: RunAnnouncement) -> None:
        """Opens the view."""
        self.stage("")
        super().start(planned)
        self._console.print(Text(announcement(planned), style="dim"))
        self._live = Live(
            get_renderable=self.view, console=self._console, refresh_per_second=4, transient=True
        )
        self._live.start()

    def note(self, text: str) -> None:
        """Prints a line above the view."""
        self._console.print(Text(printable(text)))

    def finish(self) -> None:
        """Closes the view and leaves one line that says what was done."""
        if self._live:
            self._live.stop()
            self._live = None
        if self._tally:
            self._console.print(Text(self._tally.summary, style="dim"))
            self._tally = None


class PlainProgress(TallyProgress):
    """A line when training has begun, one for each complete arm, else at most one in ten seconds.

    Args:
        stream: where to write; stderr unless given.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, stream: TextIO | None = None, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._stream = sys.stderr if stream is None else stream
        self._written = 0.0
        self._waiting: Timer | None = None

    def stage(self, text: str) -> None:
        """Writes it on a line where it lasts."""
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        if text:
            self._waiting = Timer(STAGE_SECONDS, self.note, [f"{text}…"])
            self._waiting.daemon = True
            self._waiting.start()

    def start(self, planned: RunAnnouncement) -> None:
        """Writes what is to be trained."""
        self.stage("")
        super().start(planned)
        self.note(announcement(planned))
        self.stage("Starting processes and compiling" if planned.trials else "")

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Writes that compiling is over, and the state after ten quiet seconds."""
        self.stage("")
        if self._tally and not self._tally.epochs_done:
            elapsed = duration(self._tally.elapsed)
            self.note(f"First epoch done after {elapsed}, compiling included.")
        super().epoch_done(trial, epoch)
        self._write_state()

    def trial_done(self, result: TrialResult) -> None:
        """Writes which arms are complete, or the state after ten quiet seconds."""
        self.stage("")
        completed = self._tally.trial_done(result) if self._tally else ()
        for arm in completed:
            self.note(_completed(arm))
        self._write_state()

    def note(self, text: str) -> None:
        """Writes it on a line."""
        self._written = self._clock()
        print(printable(text), file=self._stream, flush=True)

    def finish(self) -> None:
        """Writes what was done."""
        self.stage("")
        if self._tally:
            self.note(self._tally.summary)
            self._tally = None

    def _write_state(self) -> None:
        tally = self._tally
        if tally is None or self._clock() - self._written < QUIET_SECONDS:
            return
        epochs = f"{tally.epochs_done:,} of {tally.planned.epochs:,} epochs"
        trials = f"{tally.trials_done:,} of {plural(tally.planned.trials, 'trial')}"
        done = f"{epochs}, {trials}" if tally.planned.study.trainer is None else trials
        self.note(f"{done}, {tally.time_left}")


def _completed(arm: ArmTally) -> str:
    parts = [plural(arm.planned, "replicate")]
    now = len(arm.validation)
    only = f" over the {now:,} trained now" if now < arm.planned else ""
    unit = "%" if arm.measure.metric.is_fraction else arm.measure.unit
    what = "validation" if arm.measure.is_accuracy else arm.measure.on("validation")
    parts += [f"{what} {arm.mean_text} {unit}".rstrip() + only] if arm.finite else []
    parts += [f"{arm.diverged} diverged"] if arm.diverged else []
    return f"{truncate(arm.name, NAME_WIDTH)}: {', '.join(parts)}"
