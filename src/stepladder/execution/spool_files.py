"""Tasks and results as files in the run's folder, for worker programs that see that folder.

Layout of the folder `spool` of a run::

    job.json                     what all tasks have in common; missing: the run is over
    driver.json                  the driver that reads this folder, and its beat
    tasks/TASK.json              waits for a worker
    taken/TASK.WORKER.json       a worker has it: the same file, renamed, so that only one has it
    cancelled/TASK.json          the worker should end it
    done/TRIAL.result, .failure  outcomes, until the driver has stored them
    ended/TASK.WORKER.json       how the worker ended a task, after its outcomes
    beats/WORKER.json            a counter, and how far the worker is
    refused/WORKER.json          why a worker does not take part
    damaged/                     outcomes that could not be read

Every file is written whole or not at all. No clock of another machine is read: a worker whose
counter stands still for `LEASE_SECONDS` of the driver's time is dead.
"""

import json
import os
import platform
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stepladder.errors import InputError
from stepladder.execution.base import Job
from stepladder.execution.hosts import versions_here
from stepladder.execution.local import is_running, this_owner
from stepladder.execution.result_files import trial_of
from stepladder.files import atomic_write, load_json
from stepladder.study.metrics import Metric
from stepladder.training.function import UserSetup
from stepladder.training.groups import Group, Stage
from stepladder.training.messages import Message, code_headers

SPOOL_NAME = "spool"
BEAT_SECONDS = 5.0
_SHORTEST, _LONGEST, _GROWTH = 0.005, 0.5, 1.5  # a thousand workers may look at one file system


class Pace:
    """Pauses between looks at a folder: short where something has just happened, then longer.

    Example:
        >>> pace = Pace()
        >>> pace.next(), pace.next()
        (0.005, 0.0075)
        >>> pace.reset()
        >>> pace.next()
        0.005
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Something has happened, and more may follow at once."""
        self._seconds = _SHORTEST

    def next(self) -> float:
        """Seconds to wait now; the next time it is longer."""
        seconds = self._seconds
        self._seconds = min(_LONGEST, _GROWTH * seconds)
        return seconds


def group_values(group: Group) -> dict[str, Any]:
    """A group as JSON has it.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> from stepladder.trials.trial import Trial
        >>> group = Group((Trial(Recipe(hidden=[3]), "data", 10, 0, 0),), 2, stages=(Stage(1, 4),))
        >>> group_of(json.loads(json.dumps(group_values(group)))) == group
        True
    """
    values = {name: getattr(group, name) for name in _GROUP}
    return {**values, "trials": [trial.declared for trial in group.trials],
            "stages": [list(stage) for stage in group.stages]}  # fmt: skip


_GROUP = ("lanes", "replicates", "start_epoch", "saves_end")


def group_of(values: Mapping[str, Any]) -> Group:
    """The group of its JSON.

    Raises:
        ValueError, KeyError, TypeError: if it is none.
    """
    return Group(
        tuple(map(trial_of, values["trials"])),
        stages=tuple(Stage(*stage) for stage in values["stages"]),
        **{name: values[name] for name in _GROUP},
    )


_METRIC = ("name", "direction", "bounds", "unit", "scale")


def job_values(job: Job, folder: Path) -> dict[str, Any]:
    """What workers need to know of a job, as JSON has it; the study lies in the run's folder.

    Raises:
        InputError: if a function was given from Python, which no file can hold.
    """
    settings = job.settings
    checkpoints = job.checkpoints and os.path.relpath(job.checkpoints, folder)
    return {
        "format": 1,
        "fingerprint": job.dataset.fingerprint,
        "engine": settings.engine,
        "keras_backend": settings.keras_backend,
        "checkpoint_seconds": settings.checkpoint_seconds,
        "endings_bytes": settings.endings_bytes,
        "checkpoints": checkpoints,
        "keeps_final": job.keeps_final,
        "models": code_headers(job.models),
        "user": None if job.user is None else _user_values(job.user, folder),
        "versions": versions_here(),
    }


def _user_values(user: UserSetup, folder: Path) -> dict[str, Any]:
    if user.trainer.was_callable:
        raise InputError(
            "trainer must be FILE.py:FUNCTION, a command or a package's trainer where workers read "
            f"the run's folder, found the function {user.trainer.name} given from Python; put it "
            "into a file and name that"
        )
    metric = {name: getattr(user.metric, name) for name in _METRIC}
    return {
        "trainer": user.trainer.model_dump(mode="json", exclude={"sha256"}),
        "identity": user.trainer.identity,
        "folder": str(user.trainer.folder),
        "metric": {**metric, "bounds": [str(bound) for bound in user.metric.bounds]},
        "also": list(user.also),
        "path": list(user.path),
        "output": None if user.output is None else os.path.relpath(user.output, folder),
    }


def metric_of(values: Mapping[str, Any]) -> Metric:
    """The metric of a user's job."""
    low, high = map(float, values["bounds"])
    return Metric(**{**values, "bounds": (low, high)})


def worker_id() -> str:
    """A new name for a worker: machine, process, and something that no other has."""
    node = "".join(c if c.isalnum() else "-" for c in platform.node())[:40]
    return f"{node}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class SpoolState:
    """How many tasks a spool has.

    Attributes:
        queued: wait for a worker.
        running: are with a worker.
        lost: are with a worker of this machine that has ended.
        done: trials whose outcome waits to be stored.
    """

    queued: int
    running: int
    lost: int
    done: int

    def __str__(self) -> str:
        counts = {name: value for name, value in asdict(self).items() if value}
        return ", ".join(f"{value} {name}" for name, value in counts.items()) or "empty"


class Spool:
    """The files of a run's spool.

    Args:
        run: folder of the run.

    Example:
        >>> Spool(Path("no-such-run")).state() is None
        True
    """

    def __init__(self, run: Path) -> None:
        self.run = run.resolve()
        self.folder = self.run / SPOOL_NAME
        self.job = self.folder / "job.json"

    def names(self, kind: str) -> list[str]:
        """The names of the files of one kind, without their ending, in order."""
        with suppress(OSError):
            found = (name for name in os.listdir(self.folder / kind) if name[0] != ".")
            return sorted(name.removesuffix(".json") for name in found)
        return []

    def file(self, kind: str, name: str) -> Path:
        """A file of JSON."""
        return self.folder / kind / f"{name}.json"

    def write(self, file: Path, values: Mapping[str, Any]) -> None:
        """Writes JSON, whole or not at all.

        Raises:
            OutputError: if it cannot be written.
        """
        atomic_write(file, json.dumps(values).encode())

    def read(self, file: Path) -> dict[str, Any] | None:
        """What a file holds; None where it is gone or holds something else."""
        try:
            values = load_json(file)
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None

    def taken(self) -> dict[str, str]:
        """The workers of tasks that are with one."""
        pairs = (name.rpartition(".") for name in self.names("taken"))
        return {name: worker for name, _, worker in pairs}

    def claim(self, worker: str, program: str = "") -> tuple[str, dict[str, Any]] | None:
        """Takes a task, of the program that is compiled there if there is one.

        Returns:
            Its name and what its file holds; None where none waits.
        """
        names = self.names("tasks")
        for name in sorted(names, key=lambda name: program_of(name) != program):
            target = self.file("taken", f"{name}.{worker}")
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(self.file("tasks", name), target)
            except OSError:  # another worker has it; NFS may say so of what it has done
                if not target.exists():
                    continue
            values = self.read(target)
            if values is not None:
                return name, values
            self.set_aside(target)
        return None

    def give_back(self, name: str, worker: str) -> None:
        """Puts a task back: another worker may take it."""
        with suppress(OSError):  # the run is over
            os.rename(self.file("taken", f"{name}.{worker}"), self.file("tasks", name))

    def end(self, name: str, worker: str, message: Message) -> None:
        """Says how a task has ended, after its outcomes.

        Raises:
            OutputError: if it cannot be written.
        """
        self.write(self.file("ended", f"{name}.{worker}"), message)
        self.forget(name, worker)

    def forget(self, name: str, worker: str) -> None:
        """Removes a task that a worker has."""
        for file in (self.file("taken", f"{name}.{worker}"), self.file("cancelled", name)):
            file.unlink(missing_ok=True)

    def set_aside(self, file: Path) -> None:
        """Moves a file that cannot be read to where nothing reads it."""
        place = self.folder / "damaged"
        place.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            file.replace(place / file.name)

    def state(self) -> SpoolState | None:
        """How many tasks there are; None where there is no spool."""
        if not self.folder.is_dir():
            return None
        taken = self.taken()
        gone = [name for name, worker in taken.items() if is_gone(self.beat(worker))]
        done = len(self.names("done"))
        return SpoolState(len(self.names("tasks")), len(taken) - len(gone), len(gone), done)

    def beat(self, worker: str) -> dict[str, Any]:
        """What a worker said last; nothing where it has said nothing."""
        return self.read(self.file("beats", worker)) or {}


def program_of(name: str) -> str:
    """Which program a task needs, by its name."""
    return name.split("-")[1] if name.count("-") == 2 else ""


def owner_values() -> dict[str, str]:
    """Where this process runs and which it is, as JSON has it."""
    owner = this_owner()
    return {"place": owner.place, "process": owner.process}


@cache
def _here() -> str:
    return this_owner().place


def is_gone(beat: Mapping[str, Any]) -> bool:
    """Whether whoever has written a beat ran on this machine and runs no more."""
    return beat.get("place") == _here() and not is_running(str(beat.get("process", "")))
