"""A worker program: it takes tasks from a run's spool, trains them and writes their results."""

import os
import queue
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from stepladder.data import Dataset
from stepladder.errors import InputError, OutputError, RunError, StepladderError
from stepladder.execution import machine
from stepladder.execution.hosts import take_cores, version_problem
from stepladder.execution.local import Heard, Worker
from stepladder.execution.result_files import Outcome, write_outcome
from stepladder.execution.spool_files import (
    BEAT_SECONDS,
    Pace,
    Spool,
    group_of,
    metric_of,
    owner_values,
    program_of,
    worker_id,
)
from stepladder.runs.folder import STUDY_NAME
from stepladder.runs.plan import dataset_of
from stepladder.study.loading import ModelFile
from stepladder.study.schema import fingerprint
from stepladder.study.study import Study
from stepladder.study.trainer import UserTrainer
from stepladder.training.function import UserSetup
from stepladder.training.messages import Message

GRACE_SECONDS = 20.0
"""A process has so long to write its checkpoint; Slurm gives 30 between SIGTERM and SIGKILL."""

_WRITE_SECONDS = 600.0  # a full disk may be emptied meanwhile; what was trained is worth the wait
_LOOK_SECONDS = 0.5  # after which it looks whether its task is cancelled
_NOTES = 100


class SpoolWorker:
    """Takes part in a run until it is over.

    Args:
        run: folder of the run, which its driver writes to from another process or machine.
        idle: seconds without a task after which it ends.
        allow_code: whether code that the run names may be run, with this user's rights.

    Example:
        >>> SpoolWorker(Path("no-such-run"), idle=0.0).run()
        0
    """

    def __init__(self, run: Path, idle: float = 600.0, allow_code: bool = False) -> None:
        self._spool = Spool(run)
        self._idle, self._allow_code = idle, allow_code
        self._id = worker_id()
        self._owner = owner_values()
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._job: dict[str, Any] = {}
        self._setup: Callable[[], Worker] | None = None
        self._child: Worker | None = None
        self._task = self._program = ""
        self._said: dict[str, Any] = {"reports": 0, "epoch": 0, "ready": False, "notes": []}
        self._beats, self._beaten = 0, -BEAT_SECONDS
        self._stops = False
        self._looked = 0.0
        self._trained = 0
        self._cores: tuple[tuple[int, ...], list[IO[bytes]]] | None = None  # locked until it ends

    def stop(self, *_: object) -> None:
        """Has it give its task back, with a checkpoint, and end; also a handler of signals."""
        self._stops = True

    def run(self) -> int:
        """Trains what there is to train.

        Returns:
            How many trials it has trained.

        Raises:
            InputError: if this machine or its software will not do for the run.
            RunError: if what was trained could not be written.
        """
        since, pace = time.monotonic(), Pace()
        try:
            while not self._stops:
                if not self._spool.job.exists():
                    if self._job:
                        break  # the run is over
                elif self._take():
                    self._train()
                    since = time.monotonic()
                    pace.reset()
                    continue
                if time.monotonic() - since >= self._idle:
                    break
                time.sleep(pace.next())
        finally:
            self._end_child()
            for place in ("beats", "taken", "ended"):  # a run that is over leaves no empty folder
                if place == "beats":
                    self._spool.file(place, self._id).unlink(missing_ok=True)
                with suppress(OSError):
                    (self._spool.folder / place).rmdir()
            with suppress(OSError):
                self._spool.folder.rmdir()
        return self._trained

    def _take(self) -> bool:
        """Takes a task, if one waits; it is `_task` then, and the process has it."""
        job = self._spool.read(self._spool.job)
        if job is not None and job != self._job:
            self._end_child()
            try:
                self._setup = self._prepare(job)
            except StepladderError as error:
                text = f"{self._id}: {error}"
                self._spool.write(self._spool.file("refused", self._id), {"problem": text})
                raise
            self._job = job
        self._beat()
        claimed = self._spool.claim(self._id, self._program) if self._job else None
        if claimed is None:
            return False
        name, values = claimed
        if values.get("job") != fingerprint(self._job):
            self._spool.forget(name, self._id)  # of a job before: its driver does not want it
            return False
        assert self._setup is not None
        if self._child is None or not self._child.is_alive:
            self._end_child()
            self._child = self._setup()
        self._task, self._program = name, program_of(name)
        self._said |= {"reports": 0, "epoch": 0}
        self._child.train(group_of(values))
        self._beat(now=True)
        return True

    def _prepare(self, job: Mapping[str, Any]) -> Callable[[], Worker]:
        """What starts a process for a job.

        Raises:
            InputError: if this machine or its software will not do.
        """
        if problem := version_problem(job.get("versions", {"stepladder": "none"})):
            raise InputError(problem)
        user = job["user"]
        if (job["models"] or user) and not self._allow_code:
            raise InputError(
                f"the run {str(self._spool.run)!r} has code of its own, which must be allowed, "
                "found no permission; read it, then add --allow-code"
            )
        if not user:
            os.environ["KERAS_BACKEND"] = str(job["keras_backend"])
        kind = job["engine"]
        found = machine.user_settings(1, kind) if user else machine.settings(1, kind)
        settings = replace(found, checkpoint_seconds=float(job["checkpoint_seconds"]),
                           endings_bytes=int(job["endings_bytes"]))  # fmt: skip
        dataset = self._dataset(str(job["fingerprint"]))
        setup = None if not user else _user_setup(user, self._spool.run)
        models = [_model_file(header) for header in job["models"]]
        core = settings.cpus[0]
        if not user and settings.device == "cpu":  # Slurm may not share cores out
            self._cores = self._cores or take_cores(1)
            core = next(iter(self._cores[0]), None)
        checkpoints = job["checkpoints"] and self._spool.run / job["checkpoints"]
        return lambda: Worker(dataset, settings, core, self._heard, checkpoints, models,
                              keeps_final=bool(job["keeps_final"]), user=setup)  # fmt: skip

    def _dataset(self, expected: str) -> Dataset:
        dataset = dataset_of(Study.load(self._spool.run / STUDY_NAME))
        if dataset.fingerprint != expected:
            raise InputError(
                f"the dataset of {str(self._spool.run)!r} must be the same on every machine, "
                f"found {dataset.fingerprint[:12]} here and {expected[:12]} at its driver; "
                "put the same files under the same path"
            )
        return dataset

    def _train(self) -> None:
        """Writes what the process says, until the task has ended or is given up."""
        deadline: float | None = None
        while self._task:
            with suppress(queue.Empty):
                worker, message = self._heard.get(timeout=_LOOK_SECONDS)
                if worker is self._child:
                    self._handle(message)
            if self._task and self._is_cancelled():
                self._spool.forget(self._task, self._id)
                self._end_child()
                self._task = ""
            elif self._task and self._stops:
                if deadline is None:
                    deadline = time.monotonic() + self._interrupt()
                if time.monotonic() >= deadline:
                    self._give_back()
            self._beat()

    def _is_cancelled(self) -> bool:
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        gone = not self._spool.job.exists()
        return gone or self._spool.file("cancelled", self._task).exists()

    def _interrupt(self) -> float:
        """Asks the process for a checkpoint; seconds that it has to write it."""
        if self._child is None or self._job["user"] or not self._said["ready"]:
            return 0.0  # a training of the user's own has its own checkpoints
        self._child.interrupt()
        return GRACE_SECONDS

    def _give_back(self) -> None:
        self._end_child()
        self._spool.give_back(self._task, self._id)
        self._task = ""

    def _handle(self, message: Message | None) -> None:
        """Passes on what the process says; None is that it has ended."""
        self._said["reports"] += 1
        if message is None and self._stops:
            self._give_back()
        elif message is None:
            assert self._child is not None
            self._end({"kind": "lost", "problem": f"died ({self._child.exit_message()})"})
            self._end_child()
        elif message["kind"] in ("result", "failure"):
            self._write(message[message["kind"]])
        elif message["kind"] == "ready":
            self._said["ready"] = True
            self._beat(now=True)
        elif message["kind"] == "epoch":
            self._said["epoch"] = message["epoch"]
        elif message["kind"] == "note":
            self._said["notes"] = [*self._said["notes"], message["text"]][:_NOTES]
        elif message["kind"] == "idle":
            self._end({"kind": "finished"})
        elif message["kind"] == "failed":
            self._end(message)
            self._end_child()

    def _write(self, outcome: Outcome) -> None:
        self._insist(lambda: write_outcome(self._spool.folder / "done", outcome))
        self._trained += 1

    def _end(self, message: Message) -> None:
        self._insist(lambda: self._spool.end(self._task, self._id, message))
        self._task = ""

    def _insist(self, write: Callable[[], object]) -> None:
        """Writes, and tries again for some minutes where there is no room.

        Raises:
            RunError: if it cannot be written in the end.
        """
        until = time.monotonic() + _WRITE_SECONDS
        while self._spool.job.exists():
            try:
                write()
                return
            except OutputError as error:
                if self._stops or time.monotonic() >= until:
                    raise RunError(f"{error}. The task is trained again") from error
                self._beat()
                time.sleep(_LOOK_SECONDS)

    def _beat(self, now: bool = False) -> None:
        """Counts on, for the driver to see."""
        if not now and time.monotonic() - self._beaten < BEAT_SECONDS:
            return
        self._beats, self._beaten = self._beats + 1, time.monotonic()
        values = {**self._owner, **self._said, "beat": self._beats, "task": self._task}
        if self._spool.job.exists():
            with suppress(OutputError):  # a full disk: the next one may be written
                self._spool.write(self._spool.file("beats", self._id), values)

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child, self._program = None, ""
        self._said["ready"] = False


def _user_setup(values: Mapping[str, Any], run: Path) -> UserSetup:
    """What trains, read again from its files, which must be those of the driver.

    Raises:
        InputError: if they are not.
    """
    given = {name: value for name, value in values["trainer"].items() if value not in (None, [])}
    trainer = UserTrainer.load(given, Path(values["folder"]))
    if trainer.identity != values["identity"]:
        raise InputError(
            f"the code of {trainer.name} in {values['folder']!r} must be the same on every "
            "machine, found another one than at the run's driver; copy it"
        )
    output = values["output"] and run / values["output"]
    return UserSetup(trainer.without_callable(), metric_of(values["metric"]),
                     tuple(values["also"]), tuple(values["path"]), trainer.pickled(),
                     output)  # fmt: skip


def _model_file(header: Mapping[str, str]) -> ModelFile:
    """The code of a network, whose text came with the job."""
    code = ModelFile(**{name: header[name] for name in ("file", "function", "sha256")})
    text = header["text"].encode()
    if code.sha256 not in (sha256(mark + text).hexdigest() for mark in (b"", BOM_UTF8)):
        raise InputError(
            f"the code of {code.name} must be what its SHA-256 says, found another text; remove "
            "the folder spool of the run, and run it again"
        )
    code._text = header["text"]
    return code
