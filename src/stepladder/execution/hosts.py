"""What runs within an engine's worker process: it has tasks trained by processes of its own.

A task is trained by the same process as on the driver's machine, so that its numbers are the same.
Such processes stay between tasks, with the programs that they have compiled.
"""

import json
import os
import pickle
import platform
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from stepladder.data import Dataset
from stepladder.data.cache import StoredDataset, cache_root, store_dataset
from stepladder.execution.base import Task
from stepladder.execution.local import Heard, Worker
from stepladder.execution.machine import Settings, cache_folder, cores, host_environment
from stepladder.execution.scheduler import GRACE, Watchdog
from stepladder.study.loading import ModelFile
from stepladder.training.function import TrialFailure, UserSetup
from stepladder.training.messages import Message
from stepladder.version import __version__, version_of

Say = Callable[[str, Message], object]
"""Brings what a task says to the driver while it is trained: its id, and the message."""

MARK = "mark"
"""A file of the job's channel; a host that finds the right text in it sees the driver's files."""

_TICK = 0.5
_SAY_SECONDS = 0.1  # epochs that follow faster are not passed on
_IDLE_SECONDS = 300.0
_DRIVER_SECONDS = 180.0  # a driver touches its mark much more often


@dataclass(frozen=True)
class JobHeader:
    """What a host must know of a job, the same for all its tasks.

    Attributes:
        settings: of the driver.
        dataset: its files on the driver's machine; the dataset itself where it has no arrays.
        cores: of each training process.
        checkpoints: folder of checkpoints, or None to keep none.
        models: the code of networks of the user's own.
        keeps_final: whether results include the final state of their trials.
        user: the training of the user's own, or None.
        channel: folder of files by which driver and host speak, where both see it.
        mark: what its file `MARK` holds.
        say: another way to the driver, or None.
    """

    settings: Settings
    dataset: Dataset | StoredDataset
    cores: int
    checkpoints: Path | None
    models: tuple[ModelFile, ...]
    keeps_final: bool
    user: UserSetup | None
    channel: Path
    mark: str
    say: Say | None = None


@dataclass(frozen=True)
class SentJob:
    """A job as engines carry it: values that any version of this package can read.

    Attributes:
        key: another one for each job.
        versions: of the driver, as `versions_here` has them.
        header: a pickled `JobHeader`.
    """

    key: str
    versions: Mapping[str, str]
    header: bytes


def versions_here() -> dict[str, str]:
    """What must be the same in the driver and in a host, by name; nothing is imported.

    Example:
        >>> list(versions_here())
        ['stepladder', 'Python', 'Keras', 'JAX', 'NumPy']
    """
    python = ".".join(platform.python_version_tuple()[:2])
    packages = {name: version_of(name.lower()) for name in ("Keras", "JAX", "NumPy")}
    return {"stepladder": __version__, "Python": python, **packages}


def version_problem(versions: Mapping[str, str]) -> str | None:
    """What differs here from the versions of a driver, in a sentence, or None.

    Example:
        >>> version_problem({**versions_here(), "Keras": "2.0"})  # doctest: +ELLIPSIS
        'workers must have the versions of this machine, found on ...: Keras ... in place of 2.0...
    """
    here = versions_here()
    differing = [f"{name} {here.get(name, 'none')} in place of {version}"
                 for name, version in versions.items() if here.get(name) != version]  # fmt: skip
    if not differing:
        return None
    return (
        f"workers must have the versions of this machine, found on {platform.node()}: "
        f"{', '.join(differing)}; install the same versions there"
    )


def train_task(sent: SentJob, task: bytes, data: Dataset | None = None) -> list[Message]:
    """Trains a task in a process of its own, which stays for further tasks of the job.

    Args:
        sent: the job.
        task: a pickled `Task`.
        data: the dataset, for a host that has asked for it.

    Returns:
        Results, failures and notes; the last message is one of "finished", "lost", "failed", and
        "needs data" where this machine cannot see the dataset: nothing was trained then.
    """
    problem = version_problem(sent.versions)
    if problem:
        return [{"kind": "failed", "message": problem, "trace": "", "is_input": True,
                 "is_first": True}]  # fmt: skip
    host = _host_of(sent)
    dataset = host.find_dataset(data)
    if dataset is None:
        return [{"kind": "needs data"}]
    work: Task = pickle.loads(task)
    return _Training(host, work, host.take(dataset, work.group.key.program)).run()


def end_job(key: str) -> None:
    """Ends the processes of a job in this process."""
    with _LOCK:
        host = _HOSTS.pop(key, None)
    if host:
        host.close()


def end_task(task_id: str) -> None:
    """Ends a task, if it is trained by this process."""
    _ENDED.add(task_id)


_HOSTS: dict[str, "_Host"] = {}
_ENDED: set[str] = set()
_LOCK = threading.Lock()


def _host_of(sent: SentJob) -> "_Host":
    with _LOCK:
        if sent.key not in _HOSTS:
            if not _HOSTS:
                threading.Thread(target=_end_idle, daemon=True).start()
            _HOSTS[sent.key] = _Host(pickle.loads(sent.header))
        return _HOSTS[sent.key]


def _end_idle() -> None:
    """Ends processes that wait for too long, or whose driver is gone, while there are any."""
    while True:
        time.sleep(_TICK)
        with _LOCK:
            hosts = list(_HOSTS.items())
            if not hosts:
                return
        for key, host in hosts:
            if host.is_over() or not host.has_children(_IDLE_SECONDS):
                end_job(key)


@dataclass(eq=False)
class _Child:
    """A training process, the queue of what it says, and the locks of its cores."""

    worker: Worker
    heard: "queue.SimpleQueue[Heard]"
    locks: list[IO[bytes]]
    since: float = field(default_factory=time.monotonic)

    def end(self) -> None:
        self.worker.end()
        for lock in self.locks:
            lock.close()


class _Host:
    """The training processes of one job within this process."""

    def __init__(self, header: JobHeader) -> None:
        self.header, self.is_closed = header, False
        self.sees_driver = _reads(header.channel / MARK) == header.mark
        self._dataset = header.dataset if isinstance(header.dataset, Dataset) else None
        self._stored: StoredDataset | None = None
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._used = self._beaten = time.monotonic()
        self._beat = 0
        self._lock = threading.RLock()

    def find_dataset(self, sent: Dataset | None) -> Dataset | StoredDataset | None:
        """The dataset of the job, for a training process; None where it must be sent."""
        with self._lock:
            wanted = self.header.dataset
            if self._dataset is None and self._stored is None and not isinstance(wanted, Dataset):
                root = cache_root()
                places = [wanted.at(root)] if root else []
                whole = (place for place in (*places, wanted) if place.is_whole())
                self._stored = next(whole, None)
                if self._stored is None and sent is not None:
                    self._dataset = sent
                    with suppress(OSError):  # a node without a writable cache sends it by a pipe
                        self._stored = store_dataset(sent, root) if root else None
            return self._stored or self._dataset

    def take(self, dataset: Dataset | StoredDataset, program: object) -> _Child:
        """A process that waits, the one that has compiled a program if there is one, or a new one.

        Args:
            dataset: what it trains on.
            program: of the task.
        """
        with self._lock:
            for child in [child for child in self._idle if not child.worker.is_alive]:
                self._idle.remove(child)
                child.end()
            same = [child for child in self._idle if child.worker.program == program]
            child = next(iter(same or self._idle), None) or self._start(dataset)
            if child in self._idle:
                self._idle.remove(child)
            self._busy.add(child)
            return child

    def _start(self, dataset: Dataset | StoredDataset) -> _Child:
        header, heard = self.header, queue.SimpleQueue[Heard]()
        numbers, locks = ((), []) if header.settings.device == "gpu" else take_cores(header.cores)
        first = numbers[0] if numbers else None
        settings = replace(
            header.settings, cpus=(first,), cache=header.settings.cache and cache_folder(),
            environment=host_environment(header.settings, header.cores),
            shares={first: numbers} if first is not None else {},
        )  # fmt: skip
        checkpoints, user = header.checkpoints, header.user
        if checkpoints and not self.sees_driver:  # another machine's paths mean nothing here
            checkpoints = _own_folder() / "checkpoints" / header.mark
            user = replace(user, output=None) if user else None
        worker = Worker(dataset, settings, first, heard, checkpoints, header.models,
                        keeps_final=header.keeps_final, user=user)  # fmt: skip
        return _Child(worker, heard, locks)

    def give_back(self, child: _Child, *, ends: bool = False) -> None:
        """A process has nothing to train; it waits, or ends."""
        with self._lock:
            self._busy.discard(child)
            self._used = child.since = time.monotonic()
            if not ends and not self.is_closed:
                self._idle.append(child)
                return
        child.end()

    def has_children(self, seconds: float) -> bool:
        """Whether one trains, or any has trained within so many seconds; it ends older ones."""
        with self._lock:
            now = time.monotonic()
            for child in [child for child in self._idle if now - child.since > seconds]:
                self._idle.remove(child)
                child.end()
            return bool(self._busy) or now - self._used <= seconds

    def is_over(self) -> bool:
        """Whether the driver has ended the job, or is gone."""
        if self.is_closed or not self.sees_driver:
            return self.is_closed
        try:
            beat = (self.header.channel / MARK).stat().st_mtime_ns
        except FileNotFoundError:
            return True
        except OSError:  # a file system that does not answer now
            return False
        if beat != self._beat:
            self._beat, self._beaten = beat, time.monotonic()
        return bool(self._busy) and time.monotonic() - self._beaten > _DRIVER_SECONDS

    def is_cancelled(self, task_id: str) -> bool:
        """Whether the driver has ended a task."""
        if self.is_closed or task_id in _ENDED or self.is_over():
            return True
        return self.sees_driver and (self.header.channel / f"{task_id}.cancel").exists()

    def say(self, task_id: str, message: Message) -> None:
        """Passes a message on while the task is trained, if there is a way."""
        with suppress(Exception):  # news alone are lost with it, whatever an engine raises
            if self.header.say is not None:
                self.header.say(task_id, message)
            elif self.sees_driver:
                with (self.header.channel / f"{task_id}.news").open("ab", buffering=0) as file:
                    file.write(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Ends processes that wait; those that train end with the next look of their task."""
        with self._lock:
            self.is_closed = True
            ended, self._idle = self._idle, []
        for child in ended:
            child.end()


@dataclass
class _Training:
    """One task while it is trained."""

    host: _Host
    task: Task
    child: _Child
    answers: list[Message] = field(default_factory=list)
    said: float = 0.0

    def run(self) -> list[Message]:
        """Trains it, and returns what `train_task` does."""
        try:
            return self._train()
        except BaseException:  # an engine that ends a task interrupts it
            self.host.give_back(self.child, ends=True)
            raise

    def _train(self) -> list[Message]:
        settings, watched = self.host.header.settings, self.task.id
        watchdog: Watchdog[str] = Watchdog(settings.patience)
        self.began = looked = time.monotonic()
        self._say({"kind": "started"})
        self.child.worker.train(self.task.group)
        while True:
            with suppress(queue.Empty):
                _, message = self.child.heard.get(timeout=_TICK)
                watchdog.heard(watched, message is not None and message.get("epoch", 0) > 1)
                if self._takes_last(message):
                    return self.answers
            if time.monotonic() - looked < _TICK:
                continue
            looked = time.monotonic()
            silent = watchdog.silent([watched])
            if silent:
                return self._end({"kind": "lost", "is_slow": True,
                                  "problem": f"said nothing for {silent[0][1]:.0f} s"})  # fmt: skip
            if self.host.is_cancelled(watched):
                return self._end({"kind": "lost", "problem": "was ended by its driver"})
            if self._is_late():
                return self._end(None)

    def _takes_last(self, message: Message | None) -> bool:
        """Handles a message; whether it is the last one of the task."""
        if message is None:
            problem = f"died ({self.child.worker.exit_message()})"
            self.answers.append({"kind": "lost", "problem": problem})
        elif message["kind"] in ("ready", "epoch"):
            if message["kind"] == "ready":
                self.began = time.monotonic()
            self._say(message)
            return False
        elif message["kind"] == "idle":
            self.answers.append({"kind": "finished"})
        else:
            self.answers.append(message)
            message["is_first"] = message.get("is_input", False)
            if message["kind"] != "failed":
                return False
        self.host.give_back(self.child, ends=self.answers[-1]["kind"] != "finished")
        return True

    def _say(self, message: Message) -> None:
        now = time.monotonic()
        if message.get("epoch", 0) <= 1 or now - self.said >= _SAY_SECONDS:
            self.said = now
            self.host.say(self.task.id, message)

    def _is_late(self) -> bool:
        user = self.host.header.user
        if user is None or not user.trainer.timeout:
            return False
        longest = user.trainer.timeout + GRACE[self.host.header.settings.engine]
        return time.monotonic() - self.began > longest

    def _end(self, last: Message | None) -> list[Message]:
        """Ends the process; what it has finished by then counts.

        Args:
            last: what is said of the task; None where its time was over.
        """
        _ENDED.discard(self.task.id)
        self.host.give_back(self.child, ends=True)
        with suppress(queue.Empty):
            while (message := self.child.heard.get_nowait()[1]) is not None:
                if message["kind"] in ("result", "failure", "note"):
                    self.answers.append(message)
        if last is None:
            user = self.host.header.user
            assert user is not None
            problem = f"it was stopped after its timeout of {user.trainer.timeout:g} s"
            done = {one[one["kind"]].trial.id for one in self.answers if one["kind"] != "note"}
            self.answers += [
                {"kind": "failure", "failure": TrialFailure(trial, problem)}
                for trial in self.task.group.trials if trial.id not in done
            ]  # fmt: skip
        self.answers.append(last or {"kind": "finished"})
        return self.answers


def take_cores(count: int) -> tuple[tuple[int, ...], list[IO[bytes]]]:
    """Takes cores that no other host of this user has taken on this machine.

    Where too few are left, it shares some. They are free again when their files are closed, also
    when this process is killed.

    Args:
        count: how many.

    Returns:
        The cores, none where processes cannot be pinned, and a locked file for each of them.
    """
    usable = [core for core in cores() if core is not None]
    taken: list[int] = []
    locks: list[IO[bytes]] = []
    try:
        import fcntl

        folder = _own_folder() / "cores"
        folder.mkdir(parents=True, exist_ok=True)
    except (ImportError, OSError):
        return tuple(usable[:count]), []
    for core in usable:
        if len(taken) == count:
            break
        lock = (folder / f"{core}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        taken.append(core)
        locks.append(lock)
    shared = [core for core in usable if core not in taken]
    place = os.getpid() % max(1, len(shared))
    taken += (shared[place:] + shared[:place])[: count - len(taken)]
    return tuple(sorted(taken)), locks


def _own_folder() -> Path:
    """A folder of this user for temporary files.

    Raises:
        OSError: if another user has made it.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"stepladder-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.lstat().st_uid != user:
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def _reads(file: Path) -> str | None:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError):
        return None
