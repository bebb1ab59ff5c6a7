"""Any `concurrent.futures.Executor` as an executor of groups of trials."""

import hashlib
import importlib.util
import json
import os
import pickle
import queue
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import Executor as Pool
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

from stepladder.data import Dataset
from stepladder.data.cache import StoredDataset, cache_root, store_dataset
from stepladder.errors import InputError
from stepladder.execution.base import Event, Job, Task
from stepladder.execution.hosts import (
    MARK,
    JobHeader,
    Say,
    SentJob,
    end_job,
    train_task,
    versions_here,
)
from stepladder.execution.machine import Settings, deciding_variables
from stepladder.training.messages import Message

_POLL = 0.2  # seconds after which files of hosts are read again
_BEAT = 5.0
_WHERE = "where"
_HOSTS = ".hosts"
_OF_ENDED = ("result", "failure", "note")  # what still counts of a task that was ended


@dataclass(eq=False)
class Submitted:
    """A task that was submitted.

    Attributes:
        task: what is trained.
        near: the program of the place that it was meant for.
        place: where it is trained, as far as that is known.
        future: of the engine.
        read: bytes of its news that were read.
        has_data: whether the dataset was sent with it.
        is_cancelled: whether the scheduler has ended it.
    """

    task: Task
    near: object
    place: str | None = None
    future: "Future[list[Message]] | None" = None
    read: int = 0
    has_data: bool = False
    is_cancelled: bool = False


class FuturesExecutor:
    """Has tasks trained by whatever runs functions elsewhere; a task is one call.

    Args:
        pool: what runs functions in processes or threads, here or on other machines. It is the
            caller's: it stays open.
        places: tasks that it runs at once; None for all of a pool that says how many it has.
        cores: of each training process.

    Raises:
        InputError: if the number of places is not known, or will not do.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> FuturesExecutor(ThreadPoolExecutor(2)).free
        [None, None]
    """

    name = "futures"

    def __init__(self, pool: Pool, places: int | None = None, cores: int = 1) -> None:
        self._places = places or int(getattr(pool, "_max_workers", 0))
        if self._places < 1:
            raise InputError(
                f"workers must say how many trainings {type(pool).__name__} runs at once, found "
                f"{places or 'nothing'}; give workers=4, for example"
            )
        self._pool, self._cores = pool, cores
        self._where = type(pool).__name__
        self._heard: queue.SimpleQueue[str | Event] = queue.SimpleQueue()
        self._sent: dict[str, Submitted] = {}
        self._channel: Path | None = None
        self._mark, self._beaten = secrets.token_hex(8), 0.0
        self._say: Say | None = None
        self._job: SentJob | None = None
        self._jobs: set[str] = set()
        self._dataset: Dataset | None = None
        self._data_sent: object = None  # what `_data` made of it, once for all hosts
        self._next_news = 0.0
        self._stored: StoredDataset | None = None

    @property
    def free(self) -> list[object]:
        """Places without a task."""
        return [None] * (self._places - len(self._sent))

    def open(self, job: Job) -> None:
        """Stores the dataset for this machine's processes, and makes the folder of news."""
        dataset, models = job.dataset, tuple(job.models)
        if self._channel is None:
            self._channel = _make_channel(job.checkpoints, self._mark)
            (self._channel / _WHERE).write_text(self._where, "utf-8")
        for model in models:
            _ = model.text  # it is read now, and goes along
        header = JobHeader(
            replace(job.settings, executor=self.name, environment=deciding_variables(job.settings)),
            self._store(dataset) if dataset.x_train.size else dataset,
            self._cores, job.checkpoints.resolve() if job.checkpoints else None,
            models, job.keeps_final, job.user, self._channel, self._mark, self._say,
        )  # fmt: skip
        sent = pickle.dumps(header)
        self._job = SentJob(hashlib.sha256(sent).hexdigest(), versions_here(), sent)
        self._jobs.add(self._job.key)
        if self._dataset is None or self._dataset.fingerprint != dataset.fingerprint:
            self._dataset, self._data_sent = dataset, None

    def _store(self, dataset: Dataset) -> StoredDataset:
        if self._stored is None or self._stored.fingerprint != dataset.fingerprint:
            root = cache_root()
            self._stored = StoredDataset.of(dataset, root or Path(os.devnull))
            with suppress(OSError):  # without a cache each host is sent the dataset
                self._stored = store_dataset(dataset, root) if root else self._stored
        return self._stored

    def submit(self, task: Task, near: object = None) -> None:
        """Submits one call; what it says before its end comes by files, or not at all."""
        sent = self._sent[task.id] = Submitted(task, near)
        self._call(sent, None)

    def _call(self, sent: Submitted, data: object) -> None:
        task_id, call = sent.task.id, cast(Any, self._pool_for(sent).submit)
        try:
            sent.future = call(train_task, self._job, pickle.dumps(sent.task), data)
        except Exception as error:  # whatever the user's pool may raise
            del self._sent[task_id]
            self._heard.put(Event(task_id, _broken(error)))
            return
        sent.future.add_done_callback(lambda _: self._heard.put(task_id))

    def _pool_for(self, sent: Submitted) -> Pool:
        """What runs a task."""
        return self._pool

    def _data(self, dataset: Dataset) -> object:
        """A dataset as an argument of a call."""
        return dataset

    def events(self, timeout: float) -> list[Event]:
        """What is new; waits for so many seconds at most."""
        self._beat()
        end = time.monotonic() + timeout
        while True:
            found: list[Event] = []
            left = max(0.0, end - time.monotonic())
            with suppress(queue.Empty):
                found += self._events_of(self._heard.get(timeout=min(left, _POLL) or 1e-6))
                while True:
                    found += self._events_of(self._heard.get_nowait())
            found += self._all_news()
            if found or not left:
                return found

    def _events_of(self, heard: str | Event) -> Iterator[Event]:
        if isinstance(heard, Event):
            yield heard
            return
        sent = self._sent.pop(heard)
        messages = self._outcome(sent)
        if messages[-1]["kind"] == "needs data" and not sent.is_cancelled:
            assert self._dataset is not None
            if self._data_sent is None:
                self._data_sent = self._data(self._dataset)
            self._sent[heard], sent.has_data = sent, True
            self._call(sent, self._data_sent)
            return
        if sent.has_data and messages[-1]["kind"] == "lost":
            self._data_sent = None  # it may have been on the node that has left
        yield from self._news(sent)
        for message in messages:
            if not sent.is_cancelled or message["kind"] in _OF_ENDED:
                yield Event(heard, message)
        for kind in ("news", "cancel"):
            self._file(heard, kind).unlink(missing_ok=True)

    def _outcome(self, sent: Submitted) -> list[Message]:
        assert sent.future is not None
        try:
            return sent.future.result()
        except (ImportError, AttributeError, pickle.PickleError) as error:
            return [_broken(error)]
        except (Exception, CancelledError) as error:  # whatever an engine may raise
            problem = f"was lost ({_in_words(error)})"
            return [{"kind": "lost", "problem": problem, "is_place": True}]

    def _all_news(self) -> Iterator[Event]:
        """What hosts have written, where files have grown; not at each event."""
        now = time.monotonic()
        if self._say is not None or self._channel is None or now < self._next_news:
            return
        self._next_news = now + _POLL
        with suppress(OSError), os.scandir(self._channel) as files:
            for file in files:
                task_id, _, kind = file.name.rpartition(".")
                sent = self._sent.get(task_id)
                if sent is not None and kind == "news" and file.stat().st_size > sent.read:
                    yield from self._news(sent)

    def _news(self, sent: Submitted) -> Iterator[Event]:
        """What a host has written of a task since the last time."""
        if sent.is_cancelled or self._say is not None:  # it says it in another way
            return
        try:
            with self._file(sent.task.id, "news").open("rb") as file:
                file.seek(sent.read)
                lines = file.read()
        except OSError:
            return
        whole = lines[: lines.rfind(b"\n") + 1]
        sent.read += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError):  # torn by a full disk
                yield Event(sent.task.id, json.loads(line))

    def _file(self, task_id: str, kind: str) -> Path:
        assert self._channel is not None
        return self._channel / f"{task_id}.{kind}"

    def _beat(self) -> None:
        """Shows hosts that this driver is alive."""
        now = time.monotonic()
        if self._channel and now - self._beaten > _BEAT:
            self._beaten = now
            with suppress(OSError):
                os.utime(self._channel / MARK)

    def cancel(self, task_id: str) -> None:
        """Ends a task; where its host does not see this machine's files, it trains to its end."""
        sent = self._sent.get(task_id)
        if sent is None or sent.is_cancelled:
            return
        sent.is_cancelled = True
        with suppress(OSError):
            self._file(task_id, "cancel").touch()
        if sent.future:
            sent.future.cancel()

    def close(self) -> None:
        """Ends all tasks, and the processes that hosts keep for them."""
        for task_id in list(self._sent):
            self.cancel(task_id)
        for key in self._jobs:
            end_job(key)  # of threads in this process
        self._sent, self._jobs = {}, set()
        self._heard = queue.SimpleQueue()
        if self._channel:  # hosts that see it end their processes
            shutil.rmtree(self._channel, ignore_errors=True)
            with suppress(OSError):
                self._channel.parent.rmdir()
        self._channel = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def needs_package(extra: str, package: str) -> None:
    """Makes sure that a package of an extra is installed; nothing is imported.

    Raises:
        InputError: if it is not.

    Example:
        >>> needs_package("ray", "no_such_one")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.InputError: executor="ray" needs the package no_such_one, found ...
    """
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"--executor {extra} needs the package {package}, found none; install it with "
            f"pip install 'stepladder[{extra}]'"
        )


def cores_of(settings: Settings) -> int:
    """Cores of each training process.

    Example:
        >>> cores_of(Settings((0,), {}, "jax", None, "a machine", resources={"cores": 2}))
        2
    """
    return int(settings.resources.get("cores", 1))


def executor_of(run: Path) -> str:
    """What trains a run now, by the files of its executor; "" where there are none.

    Example:
        >>> executor_of(Path("no-such-run"))
        ''
    """
    with suppress(OSError, ValueError):
        for file in (run / _HOSTS).glob(f"*/{_WHERE}"):
            return file.read_text("utf-8")
    return ""


def _make_channel(checkpoints: Path | None, mark: str) -> Path:
    """A folder for news of this run, in its own folder where it has one."""
    place = checkpoints.resolve().parent if checkpoints else Path(tempfile.gettempdir())
    channel = place / _HOSTS / mark
    channel.mkdir(parents=True)
    (channel / MARK).write_text(mark, "utf-8")
    return channel


def _broken(error: BaseException) -> Message:
    is_first = isinstance(error, ImportError | AttributeError | pickle.PickleError)
    expected, advice = "stay open while it is used", "start the executor again"
    if is_first:
        expected = "run this package's functions on workers that have it installed"
        advice = f"install it there, or {advice}"
    text = f"an executor must {expected}, found {_in_words(error)}; {advice}"
    return {"kind": "failed", "is_input": True, "is_first": is_first, "trace": "", "message": text}


def _in_words(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
