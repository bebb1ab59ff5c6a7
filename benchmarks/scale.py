"""What the driver costs a trial, in time and memory, with many trials and many workers.

Workers are simulated: an executor in memory that answers at once with made-up results. Scheduler,
progress and store are the real ones. Each row is a process of its own.

    python benchmarks/scale.py                      # SQLite: trials × workers, and workers that go
    python benchmarks/scale.py --postgres           # on PostgreSQL, and with 8 drivers at once
    python benchmarks/scale.py --profile 10000 64   # where the time goes
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import pstats
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from stepladder.data import own_data
from stepladder.execution.base import Event
from stepladder.execution.machine import Settings
from stepladder.execution.progress import RunAnnouncement
from stepladder.execution.scheduler import execute
from stepladder.report.progress import PlainProgress
from stepladder.store import open_store
from stepladder.study.params import Params
from stepladder.study.study import Study
from stepladder.training.function import UserSetup
from stepladder.trials.trial import NO_HISTORY, UNSCORED, Score, Trial, TrialResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepladder.execution.base import Job, Task

TRIALS, WORKERS = (1_000, 10_000, 100_000), (8, 64, 1_000)
DRIVERS, WORKERS_OF_EACH = 8, 16
ALL = 10**9
ARMS = 10
COLUMNS = "{:<11} {:>8} {:>8} {:>7} {:>8} {:>8} {:>7} {:>6} {:>6}"


class SimulatedWorkers:
    """Workers that answer at once, in an order that a seed decides.

    Args:
        workers: how many there are at first.
        seed: decides who answers first and who leaves.
        together: answers that are there when the driver asks; 1 costs it most, as nothing is
            shared by several answers.
        leaving: chance that a worker leaves in place of answering. Its task is lost, and one joins
            later. A trial is lost once at most, as a second time would end the study.
    """

    name = "simulated"

    def __init__(
        self, workers: int, seed: int = 0, leaving: float = 0.0, together: int = ALL
    ) -> None:
        self._together = together
        self._most, self._places, self._leaving = workers, workers, leaving
        self._draw = random.Random(seed)
        self._tasks: list[Task] = []
        self._new: list[Task] = []
        self._lost: set[str] = set()
        self.submitted = self.lost = 0

    @property
    def free(self) -> list[object]:
        """Places without a task."""
        return [None] * max(0, self._places - len(self._tasks))

    def open(self, job: Job) -> None:
        """Needs nothing."""

    def submit(self, task: Task, near: object = None) -> None:
        """Takes a task."""
        self.submitted += len(task.group.trials)
        self._tasks.append(task)
        self._new.append(task)

    def events(self, timeout: float) -> Sequence[Event]:
        """What has started, and what workers answer."""
        found = [Event(task.id, {"kind": "started"}) for task in self._new]
        self._new.clear()
        for _ in range(min(len(self._tasks), self._together) if timeout else 0):
            place = self._draw.randrange(len(self._tasks))
            self._tasks[place], self._tasks[-1] = self._tasks[-1], self._tasks[place]
            found += self._answer(self._tasks.pop())
        return found

    def _answer(self, task: Task) -> list[Event]:
        if self._places < self._most and self._draw.random() < self._leaving:
            self._places += 1
        ids = {trial.id for trial in task.group.trials}
        if self._draw.random() < self._leaving and not ids & self._lost:
            self._lost |= ids
            self.lost += 1
            self._places -= 1
            return [Event(task.id, {"kind": "lost", "problem": "left"})]
        results = [{"kind": "result", "result": result_of(trial)} for trial in task.group.trials]
        return [Event(task.id, message) for message in (*results, {"kind": "finished"})]

    def cancel(self, task_id: str) -> None:
        """Ends a task."""
        self._tasks = [task for task in self._tasks if task.id != task_id]

    def close(self) -> None:
        """Has started nothing."""


_NOTHING = np.zeros(0, np.uint16), np.zeros(0, np.bool_)


def result_of(trial: Trial) -> TrialResult:
    """A made-up result of a function that returned an accuracy."""
    accuracy = int(trial.id[:8], 16) / 2**32
    return TrialResult(
        trial=trial, curve=NO_HISTORY, train=UNSCORED, validation=UNSCORED,
        test=Score(float("nan"), accuracy), test_predictions=_NOTHING[0], test_correct=_NOTHING[1],
        diverged=None, parameters=0, seconds=0.001, versions={"python": "3"},
        measures={"test": {"accuracy": accuracy}},
    )  # fmt: skip


def study_of(trials: int) -> Study:
    """A study of a function of so many trials."""
    return Study(
        name="scale", trainer={"command": ["true", "{x}"]}, base={"x": 0}, design="one_at_a_time",
        techniques=[{"name": f"x = {arm}", "change": {"x": arm}} for arm in range(1, ARMS)],
        replicates=trials // ARMS,
    )  # fmt: skip


def trials_of(study: Study) -> list[Trial]:
    """Its trials, replicate by replicate."""
    configs = [arm.config for arm in study.arms]
    assert all(isinstance(config, Params) for config in configs)
    return [
        Trial(config, "data", 0, 0, replicate, "command")
        for replicate in range(study.replicates) for config in configs
    ]  # fmt: skip


def measure(
    trials: int, workers: int, leaving: float, store: str, seed: int = 0, together: int = ALL,
    profiler: cProfile.Profile | None = None,
) -> dict[str, float]:  # fmt: skip
    """Trains a study; its figures.

    Memory is what the process has grown by, a trial: for the plan, and while trials finished.
    """
    _train(study_of(200), SimulatedWorkers(4), "sqlite://")  # imports and caches of all sizes
    before = _memory()
    study = study_of(trials)
    planned = trials_of(study)
    names = {trial.id: (f"arm {place % ARMS}",) for place, trial in enumerate(planned)}
    of_plan, executor = _memory(), SimulatedWorkers(workers, seed, leaving, together)
    began, busy = time.perf_counter(), time.process_time()
    if profiler:
        profiler.enable()
    stored = _train(study, executor, store, planned, names)
    if profiler:
        profiler.disable()
    taken, busy = time.perf_counter() - began, time.process_time() - busy
    return {
        "trials": trials, "workers": workers, "seconds": taken, "busy": busy, "stored": stored,
        "lost": executor.lost, "submitted": executor.submitted,
        "plan": (of_plan - before) / trials, "run": (_memory() - of_plan) / trials,
        "peak": psutil.Process().memory_full_info().rss,
    }  # fmt: skip


def _train(
    study: Study,
    executor: SimulatedWorkers,
    store: str,
    planned: Sequence[Trial] = (),
    names: dict[str, tuple[str, ...]] | None = None,
) -> int:
    planned = planned or trials_of(study)
    trainer = study.trainer
    assert trainer is not None
    settings = Settings((None,), {}, "", None, "a machine", engine="command", patience=0)
    user = UserSetup(trainer, study.judged, (), (), None, None)
    progress = PlainProgress(io.StringIO())
    arms = {f"arm {arm}": study.replicates for arm in range(ARMS)}
    with tempfile.TemporaryDirectory() as folder, open_store(store.format(folder)) as opened:
        progress.start(RunAnnouncement(study, len(planned), 0, len(planned), 1, names or {}, arms))
        stored = execute(
            planned, planned, own_data("true"), settings, progress, opened, Path(folder) / "c",
            arm_names=names, executor=executor, user=user,
        )  # fmt: skip
        progress.finish()
        ids = [trial.id for trial in planned]
        assert len(opened.has(ids)) == len(ids), "something was lost"
    return stored


def _memory() -> int:
    return psutil.Process().memory_info().rss


SQLITE = "{}/stepladder.db"


def start(*words: object) -> subprocess.Popen[str]:
    """A process that measures."""
    command = [sys.executable, __file__, "--one", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def figures(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a process has measured."""
    out, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(out)


def show(store: str, found: dict[str, float]) -> None:
    """A row of the table."""
    count = found["trials"]
    print(COLUMNS.format(
        store, f"{count:,}", f"{found['workers']:,}", f"{1000 * found['seconds'] / count:.2f}",
        f"{1000 * found['busy'] / count:.2f}", f"{found['plan']:.0f}", f"{found['run']:.0f}",
        found["lost"], found["submitted"] - found["lost"] - found["stored"],
    ), flush=True)  # fmt: skip


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=6, help=argparse.SUPPRESS)
    parser.add_argument("--profile", nargs=2, type=int, metavar=("TRIALS", "WORKERS"))
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--most", type=int, default=TRIALS[-1], help="trials at most")
    given = parser.parse_args()
    if given.one:
        trials, workers, together, leaving, seed, store = given.one
        found = measure(int(trials), int(workers), float(leaving), store, int(seed), int(together))
        print(json.dumps(found))
        return
    if given.profile:
        profiler = cProfile.Profile()
        measure(*given.profile, 0.0, SQLITE, profiler=profiler)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
        return
    print(COLUMNS.format("store", "trials", "workers", "ms", "ms CPU", "B plan", "B run", "lost",
                         "twice"))  # fmt: skip
    if given.postgres:
        postgres(given.most)
        return
    for trials in (count for count in TRIALS if count <= given.most):
        for workers in WORKERS:
            show("SQLite", figures(start(trials, workers, ALL, 0.0, 0, SQLITE)))
        show("they go", figures(start(trials, WORKERS[-1], ALL, 0.01, 0, SQLITE)))
    for trials in (count for count in TRIALS[:2] if count <= given.most):
        show("one by one", figures(start(trials, WORKERS[1], 1, 0.0, 0, SQLITE)))


def postgres(most: int) -> None:
    """The rows of a PostgreSQL server that is started here: one driver, then several at once."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fakes"))
    from postgres_server import PostgresServer

    server = PostgresServer()
    try:
        for trials in (count for count in TRIALS if count <= most):
            server.execute(f"CREATE DATABASE one{trials}")
            url = server.url(f"one{trials}")
            show("PostgreSQL", figures(start(trials, 64, ALL, 0.0, 0, url)))
            server.execute(f"CREATE DATABASE many{trials}")
            url = server.url(f"many{trials}")
            open_store(url).close()
            found = [
                figures(one)
                for one in [
                    start(trials, WORKERS_OF_EACH, ALL, 0.01, seed, url) for seed in range(DRIVERS)
                ]
            ]
            rows = _count(server, f"many{trials}")
            total = {name: sum(one[name] for one in found) for name in found[0]}
            assert total["stored"] == rows == trials, "something was lost or stored twice"
            show(f"{DRIVERS} drivers", {
                **total, "trials": trials, "workers": WORKERS_OF_EACH,
                "seconds": max(one["seconds"] for one in found), "plan": total["plan"] / DRIVERS,
                "run": total["run"] / DRIVERS,
            })  # fmt: skip
    finally:
        server.remove()


def _count(server: object, database: str) -> int:
    import psycopg

    url = server.url(database).replace("+psycopg", "")  # type: ignore[attr-defined]
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM trials").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
