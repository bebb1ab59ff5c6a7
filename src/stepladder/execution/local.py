"""Worker processes, each pinned to a core."""

import math
import os
import platform
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepladder.data import Dataset
from stepladder.execution.machine import Settings
from stepladder.store import ClaimOwner
from stepladder.study.loading import ModelFile
from stepladder.study.recipe import Recipe
from stepladder.training.function import UserSetup
from stepladder.training.groups import Group
from stepladder.training.messages import (
    Message,
    WorkerSetup,
    code_headers,
    receive_message,
    send_message,
)
from stepladder.training.processes import end_group, end_trees

Event = tuple["Worker", Message | None]
"""A worker and what it says; None when its process has ended."""

_STDERR_LINES = 30


class Worker:
    """One training process, started at once, given one group at a time.

    Attributes:
        cpu: the core it is pinned to, or None.
        group: the group that it trains, or None.
        program: of the last group that it was given: it is compiled there.
    """

    def __init__(
        self,
        dataset: Dataset | None,
        settings: Settings,
        cpu: int | None,
        events: queue.SimpleQueue[Event],
        checkpoints: Path | None = None,
        models: Sequence[ModelFile] = (),
        *,
        inspects: bool = False,
        keeps_final: bool = False,
        user: UserSetup | None = None,
    ) -> None:
        """Starts the process and sends it the dataset in the background.

        Args:
            dataset: what it trains on; None where `send_dataset` follows.
            settings: of the run.
            cpu: the core to pin it to, or None.
            events: where its messages are put.
            checkpoints: folder of its checkpoints, or None to keep none.
            models: the code of networks of the user's own, which the process runs.
            inspects: whether it looks at networks once, in place of training.
            keeps_final: whether results include the final state of their trials.
            user: the training of the user's own, or None.
        """
        self.cpu = cpu
        self.group: Group | None = None
        self.program: object = None
        self._began, self._ready = 0.0, math.inf
        self._events = events
        self._lines: deque[str] = deque(maxlen=_STDERR_LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stepladder.training.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(settings.environment),
            start_new_session=True,  # Ctrl-C reaches the driver alone, which ends its workers
        )
        setup = WorkerSetup(
            settings.cores_of(cpu),
            settings.engine_name,
            settings.cache,
            checkpoints.resolve() if checkpoints else None,
            settings.checkpoint_seconds,
            settings.endings,
            code_headers(models),
            inspects,
            keeps_final,
            user,
        )
        self._dataset: Future[Dataset] = Future()
        if dataset is not None:
            self.send_dataset(dataset)
        self._threads = [
            threading.Thread(target=self._send_setup, args=(setup,), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._collect_stderr, daemon=True),
            threading.Thread(target=self._end_what_is_left, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send_dataset(self, dataset: Dataset) -> None:
        """Gives it the dataset, if it was started without one and has none yet."""
        if not self._dataset.done():
            self._dataset.set_result(dataset)

    def train(self, group: Group) -> None:
        """Gives it a group; its answers arrive as events."""
        self.group, self.program = group, group.key.program
        self._began = time.monotonic()
        self._send({"kind": "group", "group": group})

    @property
    def seconds(self) -> float:
        """How long it has trained its group; importing the user's code is no part of that."""
        return time.monotonic() - max(self._began, self._ready)

    def inspect(self, recipes: Iterable[Recipe]) -> None:
        """Has it look at the networks of some recipes; its answer arrives as an event."""
        self._send({"kind": "check", "recipes": list(recipes)})

    def _send(self, message: Message) -> None:
        self._threads[0].join()  # the dataset goes first
        with suppress(OSError):  # a process that has ended says so by an event
            send_message(self._pipe_in, message)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def exit_message(self) -> str:
        """How it ended, and the end of what it wrote to standard error."""
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == -signal.SIGKILL:
            how += ", as the system does when memory runs out"
        self._threads[2].join(timeout=1)
        text = "\n".join(self._lines).strip()
        return f"{how}\n{text}" if text else how

    def end(self) -> None:
        """Ends the process at once and waits for it."""
        self._dataset.cancel()
        self._kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def _kill(self) -> None:
        """Ends the process and all that the user's code has started."""
        if self._process.poll() is None:
            end_trees([self._process.pid])
            end_group(self._process.pid)
        self._process.kill()

    def _end_what_is_left(self) -> None:
        """Ends what the user's code has started when the process has ended, however it did.

        A fork of the process would keep its pipe open, and its end would never be noticed.
        """
        if hasattr(os, "waitid"):
            with suppress(ChildProcessError):  # until it is reaped, nobody else has its number
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            end_group(self._process.pid)

    @property
    def _pipe_in(self) -> Any:  # noqa: ANN401 - Popen's pipes are typed loosely
        return self._process.stdin

    def _send_setup(self, setup: WorkerSetup) -> None:
        with suppress(OSError, CancelledError):
            send_message(self._pipe_in, setup)
            send_message(self._pipe_in, {"kind": "dataset", "dataset": self._dataset.result()})

    def _listen(self) -> None:
        pipe: Any = self._process.stdout
        while (message := receive_message(pipe)) is not None:
            if message["kind"] == "ready":
                self._ready = time.monotonic()
            self._events.put((self, message))
        self._events.put((self, None))

    def _collect_stderr(self) -> None:
        pipe: Any = self._process.stderr
        for line in pipe:
            self._lines.append(line.decode("utf-8", "replace").rstrip())


class WarmPool:
    """Processes that import Keras and JAX while their driver still reads the dataset.

    Args:
        persistent: whether several executions share the processes, which keep their programs.

    Attributes:
        events: where their messages are put.

    Example:
        >>> pool = WarmPool()
        >>> pool.take(cpu=None) is None  # none was started
        True
    """

    def __init__(self, persistent: bool = False) -> None:
        self.persistent = persistent
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._workers: list[Worker] = []

    def start(
        self,
        settings: Settings,
        checkpoints: Path,
        most: int,
        keeps_final: bool = False,
        user: UserSetup | None = None,
    ) -> None:
        """Starts one for each core."""
        for cpu in settings.cpus[:most]:
            self._workers.append(
                Worker(None, settings, cpu, self.events, checkpoints, keeps_final=keeps_final,
                       user=user)
            )  # fmt: skip

    def take(self, cpu: int | None) -> Worker | None:
        """The process that waits on a core, if one does; it may not have its dataset yet."""
        for worker in [worker for worker in self._workers if worker.cpu == cpu]:
            self._workers.remove(worker)
            if worker.is_alive:
                return worker
            worker.end()
        return None

    def release(self, worker: Worker) -> None:
        """Has a process that was taken wait again, or ends it."""
        if self.persistent and worker.group is None:
            self._workers.append(worker)
        else:
            worker.end()

    def end(self) -> None:
        """Ends those that were not taken."""
        while self._workers:
            self._workers.pop().end()


_CLOCK_TOLERANCE = 60.0
"""Seconds by which a process' start may seem to move when the system's clock is set."""


def this_owner() -> ClaimOwner:
    """This process as a driver, under an id that is new each time."""
    import psutil  # late: importing it takes some 20 ms, which `stepladder results` need not wait

    started = 0.0
    with suppress(psutil.Error, OSError):  # no /proc: then its number alone tells it
        started = psutil.Process().create_time()
    return ClaimOwner(secrets.token_hex(16), _place(), f"{os.getpid()} {started:.2f}")


def is_running(process: str) -> bool:
    """Whether a process of this machine still runs; if that is not decidable, it does.

    Args:
        process: its number and its start, since numbers are used again.

    Example:
        >>> is_running(this_owner().process)
        True
    """
    import psutil

    number, _, started = process.partition(" ")
    try:
        running = psutil.Process(int(number))
        is_same = abs(running.create_time() - float(started)) < _CLOCK_TOLERANCE
        return bool(is_same and running.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return _exists(int(number))
    except (psutil.Error, OSError, ValueError):
        return True


def _exists(number: int) -> bool:
    """Asks by signal 0: /proc may be missing, or hide the processes of other users."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_here_and_gone(driver: ClaimOwner) -> bool:
    """Whether a driver ran on this machine, since it was started, and runs no more."""
    return driver.place == _place() and not is_running(driver.process)


def _place() -> str:
    """The machine's name, its start and the namespace that gives process numbers their meaning."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)
