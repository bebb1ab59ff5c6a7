"""The whole measurement: floor, `keras.Model.fit`, population engine, on the same work."""

from __future__ import annotations

import importlib.metadata
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from stepladder.bench.children import Child
from stepladder.bench.floor import Floor, measure_floor
from stepladder.bench.population import steady
from stepladder.bench.work import Work
from stepladder.runner.settings import Settings
from stepladder.version import __version__

__all__ = ["Bench", "Fit", "Timing", "fit_times", "measure"]

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
    with Child("stepladder.bench.keras_fit", [json.dumps(asdict(work))], environment) as child:
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
