"""How fast this machine trains: its floor, `keras.Model.fit`, and populations."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from stepladder.errors import InputError, WorkerError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.report.wording import plural
from stepladder.runs.run import run_study
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.study.techniques import Technique
from stepladder.trials.trial import Trial
from stepladder.version import __version__

_KEPT = 3_000  # bytes of what it wrote to stderr


class Child:
    """A module of ours run as a program; ended on leaving its context, whatever happened."""

    def __init__(self, module: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it.

        Args:
            module: its name.
            words: its arguments.
            environment: the variables that it sees.
        """
        self._module = module
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child is ended
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C reaches the driver alone, which ends its children
            text=True,
        )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        self._errors.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    @property
    def elapsed(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self._began

    def tell(self, text: str) -> None:
        """Writes it a line."""
        pipe: Any = self._process.stdin
        with suppress(OSError):  # a process that is gone says so by its end
            pipe.write(text + "\n")
            pipe.flush()

    def answer(self) -> Any:  # noqa: ANN401 - whatever JSON it writes
        """The value of its next line.

        Raises:
            WorkerError: if it ended instead.
        """
        pipe: Any = self._process.stdout
        line = pipe.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        size = self._errors.seek(0, 2)
        self._errors.seek(max(0, size - _KEPT))
        words = self._errors.read().decode("utf-8", "replace").strip()
        raise WorkerError(
            f"{self._module} must measure and answer, found that it ended with exit code {code}; "
            f"run `stepladder doctor`. It said:\n{words}"
        )


_LIBRARIES = ("jax", "numpy")


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

    def share(self, operations: int, seconds: float) -> float:
        """Which part of its rate was reached, as a fraction.

        Args:
            operations: floating-point operations that were done.
            seconds: in which.
        """
        return operations / seconds / self.rate


def measure_floor(settings: Settings, side: int, seconds: float) -> Floor:
    """Measures the floor: one single-threaded process pinned to each core, all at once.

    Args:
        settings: of this machine: cores, and variables that limit a process to one thread.
        side: rows and columns of the matrices.
        seconds: how long each library multiplies; its fastest product counts.

    Raises:
        WorkerError: if a process ends without an answer.
    """
    with ExitStack() as stack:
        children = []
        for cpu in settings.cpus:
            words = [str(side), str(seconds), *([] if cpu is None else [str(cpu)])]
            child = Child("stepladder.tools.bench_sgemm", words, settings.environment)
            children.append(stack.enter_context(child))
        for child in children:
            child.answer()
        rates = {}
        for library in _LIBRARIES:
            for child in children:
                child.tell(library)
            rates[library] = tuple(float(child.answer()) for child in children)
    return Floor(side, rates)


def training_operations(sizes: Sequence[int], examples: int) -> int:
    """Operations of the matrix products of one training pass over some examples.

    A product of (m, k) and (k, n) is 2·m·k·n operations. A layer has one forward and two
    backward: the gradient of its weights, and that of its inputs, which the first layer does not
    need. Biases, activations, loss and optimizer are left out: they are what an engine can lose
    against the floor, not part of it.

    Args:
        sizes: inputs, units of each hidden layer, classes.
        examples: how many pass.
    """
    products = [inputs * outputs for inputs, outputs in pairwise(sizes)]
    return 2 * examples * (3 * sum(products) - products[0])


def evaluation_operations(sizes: Sequence[int], examples: int) -> int:
    """Operations of the matrix products of one forward pass; arguments as before."""
    return 2 * examples * sum(inputs * outputs for inputs, outputs in pairwise(sizes))


def epoch_operations(sizes: Sequence[int], train: int, validation: int) -> int:
    """Operations of one epoch: training, then validation.

    Args:
        sizes: inputs, units of each hidden layer, classes.
        train: training examples.
        validation: validation examples.

    Example:
        >>> epoch_operations([784, 50, 50, 50, 50, 10], 14_000, 6_000)
        3433600000
    """
    return training_operations(sizes, train) + evaluation_operations(sizes, validation)


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


_INPUTS, _CLASSES = 28 * 28, 10


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
        lanes: trials that share their batches where the data order is shared.
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
        return (_INPUTS, *self.hidden, _CLASSES)

    @property
    def operations(self) -> int:
        """Floating-point operations of a trial's epoch."""
        return epoch_operations(self.sizes, self.train, self.validation)

    @property
    def described(self) -> str:
        """The work in one line."""
        layers = "-".join(map(str, self.sizes))
        dropped = f", dropout {self.dropout}" if self.dropout else ""
        return (
            f"{layers} ReLU{dropped}, Adam, batch {self.batch_size}, "
            f"{self.train:,} + {self.validation:,} images of MNIST"
        )

    def study(self, lanes: int, replicates: int) -> Study:
        """A study of equal structures, which differ in nothing but their learning rate.

        Args:
            lanes: arms, which share the data order of their replicate; 257 at most.
            replicates: how many, each with an order of its own.
        """
        rates = [0.001 * (1 + lane / 1000) for lane in range(lanes)]
        base = Recipe(
            hidden=self.hidden,
            activation="relu",
            dropout=self.dropout,
            optimizer="adam",
            learning_rate=rates[0],
            batch_size=self.batch_size,
            epochs=self.epochs,
            train_examples=self.train,
        )
        others = [Technique(name=f"rate {rate}", change={"learning_rate": rate}) for rate in rates]
        return Study(
            name="bench",
            base=base,
            techniques=tuple(others[1:]),
            replicates=replicates,
            validation=self.validation,
        )


TINY = Work(
    hidden=(4,),
    batch_size=64,
    train=256,
    validation=100,
    epochs=3,
    lanes=2,
    side=64,
    gemm_seconds=0.01,
)
"""For tests of the command, whose figures mean nothing."""


_PACKAGES = ("keras", "jax", "numpy")


@dataclass(frozen=True)
class Timing:
    """One way to do the work.

    Attributes:
        name: what does it.
        processes: that it uses.
        trials: trained at once, by all processes.
        first_epoch: seconds from starting a process to the end of the first epoch: imports,
            data and compiling.
        seconds: of wall time for a trial·epoch after the first.
        share: of the floor's rate, a fraction.
    """

    name: str
    processes: int
    trials: int
    first_epoch: float
    seconds: float
    share: float


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

    def times_faster(self, timing: Timing) -> float:
        """How many times as fast as `keras.Model.fit` a trial·epoch is."""
        return self.timings[0].seconds / timing.seconds


def measure(work: Work, settings: Settings, say: Callable[[str], object]) -> Bench:
    """Measures this machine, about half a minute with the work as it stands.

    Programs compiled here are not kept, so that the time to the first epoch is that of a fresh
    installation.

    Args:
        work: what to train.
        settings: of this machine.
        say: is told what comes next, in a sentence.

    Raises:
        RunError: if something that was measured failed.
    """
    processes = len(settings.cpus)
    say(f"matrix products, {_processes(processes)} at once")
    floor = measure_floor(settings, work.side, work.gemm_seconds)
    say("keras.Model.fit on JAX, one process")
    timings = [_keras_fit(work, floor)]
    for lanes, order in ((1, "own data order"), (work.lanes, "shared data order")):
        name = f"stepladder, {order}"
        say(f"{name}, {_processes(processes)}")
        timings.append(_population(name, lanes, work, settings, floor))
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    versions = {"stepladder": __version__, **found}
    return Bench(work, settings.machine, versions, floor, tuple(timings))


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


@dataclass(frozen=True)
class Fit:
    """How a training by `keras.Model.fit` went.

    Attributes:
        first_epoch: seconds from starting its process to the end of the first epoch.
        seconds: of an epoch after the first; the median of all.
    """

    first_epoch: float
    seconds: float


def fit_times(work: Work, platform: str = "cpu") -> Fit:
    """Times `keras.Model.fit` on JAX as users run it: one process, free to use every core.

    Args:
        work: what to train.
        platform: of JAX: `cpu` or `cuda`.

    Raises:
        WorkerError: if it fails.
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": platform}
    with Child(
        "stepladder.tools.bench_keras_fit", [json.dumps(asdict(work))], environment
    ) as child:
        child.answer()
        ready = child.elapsed
        ends = child.answer()
    seconds = float(np.median([later - one for one, later in pairwise(ends)]))
    return Fit(ready + ends[0], seconds)


def _keras_fit(work: Work, floor: Floor) -> Timing:
    went = fit_times(work)
    share = floor.share(work.operations, went.seconds)
    return Timing("keras.Model.fit", 1, 1, went.first_epoch, went.seconds, share)


def _population(name: str, lanes: int, work: Work, settings: Settings, floor: Floor) -> Timing:
    processes = len(settings.cpus)
    study = work.study(lanes, replicates=processes)
    with tempfile.TemporaryDirectory(prefix="stepladder-bench-") as cache:
        went = steady(study, replace(settings, cache=Path(cache) / "compiled"))
    share = floor.share(work.operations, went.seconds)
    trials = lanes * processes
    return Timing(name, processes, trials, went.first_epoch, went.seconds, share)


_HEADS = ("", "processes", "trials", "first epoch", "trial·epoch", "of the floor", "faster")


def as_text(bench: Bench) -> str:
    """The measurement as a table, below it what the columns mean; 100 columns wide at most."""
    floor, work = bench.floor, bench.work
    rows = [
        (
            timing.name,
            str(timing.processes),
            str(timing.trials),
            f"{timing.first_epoch:.1f} s",
            _short(timing.seconds),
            f"{timing.share:.0%}",
            f"{bench.times_faster(timing):.1f}×",
        )
        for timing in bench.timings
    ]
    rows.append(("floor", str(_cores(bench)), "", "", _short(bench.floor_seconds), "100%", ""))
    others = ", ".join(
        f"{name} {sum(rates) / 1e9:.1f}"
        for name, rates in floor.rates.items()
        if name != floor.library
    )
    return "\n".join(
        [
            bench.machine,
            ", ".join(f"{name} {version}" for name, version in bench.versions.items()),
            work.described,
            "",
            *_aligned([_HEADS, *rows]),
            "",
            f"floor        float32 matrix products of {floor.side} × {floor.side} in "
            f"{plural(_cores(bench), 'pinned process', 'pinned processes')}:",
            f"             {floor.rate / 1e9:.1f} GFLOP/s by {floor.library} ({others}); "
            f"a trial·epoch is {work.operations / 1e9:.3g} GFLOP",
            "first epoch  after starting a process: imports, data and compiling",
            "trial·epoch  wall time of one epoch of one trial from the second epoch on",
            "faster       than keras.Model.fit on JAX, by the time of a trial·epoch",
            "",
        ]
    )


def as_json(bench: Bench) -> str:
    """The measurement as JSON: seconds, fractions, operations a second."""
    floor = bench.floor
    value = {
        "machine": bench.machine,
        "versions": bench.versions,
        "work": {
            **asdict(bench.work),
            "sizes": bench.work.sizes,
            "operations": bench.work.operations,
        },
        "floor": {
            "side": floor.side,
            "library": floor.library,
            "rate": floor.rate,
            "rates": floor.rates,
            "seconds": bench.floor_seconds,
        },
        "timings": [
            {**asdict(timing), "times_faster": bench.times_faster(timing)}
            for timing in bench.timings
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _cores(bench: Bench) -> int:
    return len(bench.floor.rates[bench.floor.library])


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines: the first column to the left, all others to the right."""
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]).rstrip()
        for row in rows
    ]
