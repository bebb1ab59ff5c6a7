"""How fast this machine trains: matrix products, `keras.Model.fit` and the population trainer."""

import importlib.metadata
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from stepladder.errors import WorkerError
from stepladder.execution.child import ChildProcess
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.report.document import Document, Table, numbers, words
from stepladder.report.terminal import to_text
from stepladder.report.wording import plural
from stepladder.runs.run import run_study
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.study.techniques import Technique
from stepladder.trials.trial import Trial
from stepladder.version import __version__


def epoch_operations(sizes: Sequence[int], train: int, validation: int) -> int:
    """Operations of the matrix products of one epoch: training, then validation.

    A product of (m, k) and (k, n) is 2·m·k·n operations. A layer has one forward and two backward:
    the gradient of its weights, and that of its inputs, which the first layer does not need.

    Args:
        sizes: inputs, units of each hidden layer, classes.
        train: training examples.
        validation: validation examples.

    Example:
        >>> epoch_operations([784, 50, 50, 50, 50, 10], 14_000, 6_000)
        3433600000
    """
    products = [inputs * outputs for inputs, outputs in pairwise(sizes)]
    return 2 * train * (3 * sum(products) - products[0]) + 2 * validation * sum(products)


@dataclass(frozen=True)
class Work:
    """A multi-layer perceptron with ReLU, trained with Adam on a part of MNIST.

    Attributes:
        hidden: units of each hidden layer.
        dropout: share of hidden units dropped.
        batch_size: examples a step.
        train: training examples.
        validation: validation examples, evaluated at each epoch's end.
        epochs: 2 or more; the first, in which programs are compiled, is timed apart.
        lanes: trials that share their batches.
        side: rows and columns of the matrices whose product is the floor.
        gemm_seconds: how long each library multiplies them.
    """

    hidden: tuple[int, ...] = (50, 50, 50, 50)
    dropout: float = 0.0
    batch_size: int = 256
    train: int = 14_000
    validation: int = 6_000
    epochs: int = 12
    lanes: int = 8
    side: int = 2048
    gemm_seconds: float = 1.5

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, classes."""
        return (28 * 28, *self.hidden, 10)

    @property
    def operations(self) -> int:
        """Floating-point operations of a trial's epoch."""
        return epoch_operations(self.sizes, self.train, self.validation)

    def study(self, lanes: int, replicates: int) -> Study:
        """A study of equal structures, which differ in nothing but their learning rate.

        Args:
            lanes: arms, which share the data order of their replicate; 257 at most.
            replicates: how many, each with an order of its own.
        """
        rates = [0.001 * (1 + lane / 1000) for lane in range(lanes)]
        base = Recipe(hidden=self.hidden, activation="relu", dropout=self.dropout, optimizer="adam",
                      learning_rate=rates[0], batch_size=self.batch_size, epochs=self.epochs,
                      train_examples=self.train)  # fmt: skip
        techniques = tuple(
            Technique(name=f"rate {rate}", change={"learning_rate": rate}) for rate in rates[1:]
        )
        return Study(name="bench", base=base, techniques=techniques, replicates=replicates,
                     validation=self.validation)  # fmt: skip


TINY = Work(hidden=(4,), batch_size=64, train=256, validation=100, epochs=3, lanes=2, side=64,
            gemm_seconds=0.01)  # fmt: skip
"""For tests of the command; its figures mean nothing."""


def _program(name: str, arguments: object, environment: Mapping[str, str]) -> ChildProcess:
    """A program of `bench_programs`, with arguments that JSON can hold."""
    words = [name, json.dumps(arguments)]
    return ChildProcess("stepladder.tools.bench_programs", words, environment)


def _answer(program: ChildProcess) -> Any:  # noqa: ANN401 - whatever JSON it writes
    """The value of a program's next line; a `WorkerError` if it ended instead."""
    if line := program.stdout.readline():
        return json.loads(line)
    raise WorkerError(
        "a program of stepladder bench must answer, found that it ended "
        f"({program.ending()}); run `stepladder doctor`"
    )


@dataclass(frozen=True)
class Floor:
    """The float32 matrix-product rate of a machine; no training can be faster than its products.

    Attributes:
        side: rows and columns of the matrices.
        rates: by library, operations a second of each process, all measured at once.
    """

    side: int
    rates: dict[str, tuple[float, ...]]

    @property
    def library(self) -> str:
        """The fastest library, which is the floor."""
        return max(self.rates, key=lambda name: sum(self.rates[name]))

    @property
    def rate(self) -> float:
        """Operations a second of all processes together, by the fastest library."""
        return sum(self.rates[self.library])


def measure_floor(settings: Settings, side: int, seconds: float) -> Floor:
    """Multiplies matrices in one single-threaded process pinned to each core, all at once.

    Args:
        settings: of this machine: cores, and variables that limit a process to one thread.
        side: rows and columns of the matrices.
        seconds: how long each library multiplies; its fastest product counts.

    Raises:
        WorkerError: if a process ends without an answer.
    """
    with ExitStack() as stack:
        programs = [
            stack.enter_context(_program("multiply", [side, seconds, cpu], settings.environment))
            for cpu in settings.cpus
        ]
        for program in programs:
            _answer(program)  # it has imported and compiled
        for program in programs:
            program.stdin.write(b"\n")
            program.stdin.flush()
        rates = [_answer(program) for program in programs]
    return Floor(side, {name: tuple(row[name] for row in rates) for name in rates[0]})


@dataclass(frozen=True)
class Timing:
    """One way to train, and how long its epochs took.

    Attributes:
        name: what trains.
        processes: that it uses.
        trials: trained at once, by all processes.
        first_epoch: seconds until every trial had its first epoch, with imports and compiling.
        seconds: of wall time for a trial·epoch after that.
    """

    name: str
    processes: int
    trials: int
    first_epoch: float
    seconds: float


def time_keras_fit(work: Work, platform: str = "cpu") -> Timing:
    """Times `keras.Model.fit` on JAX as users run it: one process, free to use every core.

    Args:
        work: what to train.
        platform: of JAX: `cpu` or `cuda`.

    Raises:
        WorkerError: if it fails.
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": platform}
    start = time.time()
    with _program("fit", asdict(work), environment) as program:
        ends = _answer(program)
    return Timing("keras.Model.fit", 1, 1, ends[0] - start, float(np.median(np.diff(ends))))


class EpochClock(QuietProgress):
    """Notes when epochs end, in seconds since it was made.

    Attributes:
        ends: by trial, the ends of its epochs, in order.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.ends: defaultdict[Trial, list[float]] = defaultdict(list)

    def trial_started(self, trial: Trial) -> None:
        """Forgets what a lost process had trained."""
        self.ends.pop(trial, None)

    def epoch_done(self, trial: Trial, epoch: int) -> None:
        """Notes the time."""
        self.ends[trial].append(self.elapsed)

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._start


def time_population(study: Study, settings: Settings) -> Timing:
    """Runs a study in a temporary folder and times its epochs.

    Args:
        study: all of its trials should train at the same time: equal structures, as many
            replicates as processes; two epochs or more.
        settings: of this machine.

    Raises:
        RunError: if a training failed.
    """
    clock = EpochClock()
    with tempfile.TemporaryDirectory(prefix="stepladder-bench-") as folder:
        run_study(study, Path(folder), settings, progress=clock)
    ends = list(clock.ends.values())
    first = max(trial[0] for trial in ends)
    return Timing("stepladder", len(settings.cpus), len(ends), first, trial_epoch_seconds(ends))


def trial_epoch_seconds(ends: Sequence[Sequence[float]]) -> float:
    """Wall seconds for a trial·epoch, from the ends of each trial's epochs.

    It is taken over the time in which every trial was training: from when the last of them had
    its first epoch to when the first of them was finished. Where there is no such time, because
    trials had to wait for others, it is taken over all the time after the first epoch.

    Args:
        ends: for each trial, seconds, increasing; two epochs or more.

    Example:
        >>> trial_epoch_seconds([[5, 6, 7], [5.5, 6.5, 7.5]])
        0.5
    """
    start, stop = max(trial[0] for trial in ends), min(trial[-1] for trial in ends)
    if stop <= start:
        start, stop = min(trial[0] for trial in ends), max(trial[-1] for trial in ends)
    # Epochs that begin or end outside this time count by their share.
    epochs = sum(
        float(np.diff(np.interp([start, stop], trial, np.arange(1, len(trial) + 1), left=0))[0])
        for trial in ends
    )
    return (stop - start) / epochs


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes:
        work: what was trained.
        machine: one line that says what this machine is.
        versions: of stepladder and what trains, by name.
        floor: the machine's rate of matrix products.
        timings: `keras.Model.fit` first.
    """

    work: Work
    machine: str
    versions: dict[str, str]
    floor: Floor
    timings: tuple[Timing, ...]

    @property
    def floor_seconds(self) -> float:
        """Seconds of a trial·epoch at the floor's rate."""
        return self.work.operations / self.floor.rate

    def share(self, timing: Timing) -> float:
        """The fraction of the floor's rate that a timing reaches."""
        return self.floor_seconds / timing.seconds

    def times_faster(self, timing: Timing) -> float:
        """How many times as fast as `keras.Model.fit` a trial·epoch is."""
        return self.timings[0].seconds / timing.seconds


def measure(work: Work, settings: Settings, say: Callable[[str], object]) -> Bench:
    """Measures this machine in about 20 seconds, with the default work.

    Programs compiled here are not kept, so that the time to the first epoch is that of a fresh
    installation.

    Args:
        work: what to train.
        settings: of this machine.
        say: receives a sentence that says what comes next.

    Raises:
        RunError: if something that was measured failed.

    Example:
        >>> from stepladder.execution import machine
        >>> print(as_text(measure(Work(), machine.settings(), print)))  # doctest: +SKIP
    """
    processes = plural(len(settings.cpus), "process", "processes")
    say(f"matrix products, {processes} at once")
    floor = measure_floor(settings, work.side, work.gemm_seconds)
    say("keras.Model.fit on JAX, one process")
    fit = time_keras_fit(work)
    say(f"stepladder, {processes}")
    with tempfile.TemporaryDirectory(prefix="stepladder-bench-") as cache:
        uncached = replace(settings, cache=Path(cache) / "compiled")
        population = time_population(work.study(work.lanes, len(settings.cpus)), uncached)
    versions = {name: importlib.metadata.version(name) for name in ("keras", "jax", "numpy")}
    versions = {"stepladder": __version__, **versions}
    return Bench(work, settings.machine, versions, floor, (fit, population))


def as_text(bench: Bench) -> str:
    """The measurement as a table with what its columns mean, 100 characters wide at most."""
    floor, work = bench.floor, bench.work
    cores = len(floor.rates[floor.library])
    rates = " and ".join(f"{sum(rates) / 1e9:.1f} ({name})" for name, rates in floor.rates.items())
    dropout = f", dropout {work.dropout}" if work.dropout else ""
    title = (
        f"{bench.machine}\n{', '.join(map(' '.join, bench.versions.items()))}\n"
        f"{'-'.join(map(str, work.sizes))} ReLU{dropout}, Adam, batch {work.batch_size}, "
        f"{work.train:,} + {work.validation:,} images of MNIST\n"
    )
    columns = (
        *words(""),
        *numbers("processes", "trials", "first epoch", "trial·epoch", "of the floor", "faster"),
    )
    rows = [
        (timing.name, str(timing.processes), str(timing.trials), f"{timing.first_epoch:.1f} s",
         _duration(timing.seconds), f"{bench.share(timing):.0%}",
         f"{bench.times_faster(timing):.1f}×")
        for timing in bench.timings
    ]  # fmt: skip
    rows.append(("floor", str(cores), "", "", _duration(bench.floor_seconds), "100%", ""))
    note = (
        f"\nfloor: float32 products of {floor.side} × {floor.side} matrices in "
        f"{plural(cores, 'pinned process', 'pinned processes')}\n"
        f"by the faster library, {rates} GFLOP/s; a trial·epoch is "
        f"{work.operations / 1e9:.3g} GFLOP.\n"
        "first epoch: after starting a process, with imports, data and compiling.\n"
        "trial·epoch: wall time of one epoch of one trial, from the second epoch on.\n"
        "faster: than keras.Model.fit on JAX, by the time of a trial·epoch."
    )
    return to_text(Document("", "", "", (Table(title, columns, tuple(rows), note),)), 100)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def as_json(bench: Bench) -> str:
    """The measurement as JSON: seconds, fractions, operations a second."""
    work, floor = bench.work, bench.floor
    value = asdict(bench)
    value["work"] |= {"sizes": work.sizes, "operations": work.operations}
    value["floor"] |= {
        "library": floor.library, "rate": floor.rate, "seconds": bench.floor_seconds
    }  # fmt: skip
    for timing, row in zip(bench.timings, value["timings"], strict=True):
        row["share"] = bench.share(timing)
        row["times_faster"] = bench.times_faster(timing)
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
