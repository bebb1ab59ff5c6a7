"""Worker processes of this machine, each pinned to a core, and their executor."""

import os
import platform
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from stepladder.data import Dataset
from stepladder.data.cache import StoredDataset
from stepladder.execution.base import Event, Job, Task
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

Heard = tuple["Worker", Message | None]
"""A worker and what it says; None when its process has ended."""

_STDERR_LINES = 30


class Worker:
    """One training process, started at once, given one group at a time.

    Attributes:
        cpu: the core it is pinned to, or None.
        keeps_final: whether its results include the final state of their trials.
        program: of the last group that it was given: it is compiled there.
    """

    def __init__(
        self,
        dataset: Dataset | StoredDataset | None,
        settings: Settings,
        cpu: int | None,
        events: queue.SimpleQueue[Heard],
        checkpoints: Path | None = None,
        models: Sequence[ModelFile] = (),
        *,
        inspects: bool = False,
        keeps_final: bool = False,
        user: UserSetup | None = None,
    ) -> None:
        """Starts the process and sends it the dataset in the background.

        Args:
            dataset: what it trains on, or the files of it; None where `send_dataset` follows.
            settings: of the run.
            cpu: the core to pin it to, or None.
            events: where its messages are put.
            checkpoints: folder of its checkpoints, or None to keep none.
            models: the code of networks of the user's own, which the process runs.
            inspects: whether it looks at networks once, in place of training.
            keeps_final: whether results include the final state of their trials.
            user: the training of the user's own, or None.
        """
        self.cpu, self.keeps_final = cpu, keeps_final
        self.program: object = None
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
        self._dataset: Future[Dataset | StoredDataset] = Future()
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

    def send_dataset(self, dataset: Dataset | StoredDataset) -> None:
        """Gives it the dataset, if it was started without one and has none yet."""
        if not self._dataset.done():
            self._dataset.set_result(dataset)

    def train(self, group: Group) -> None:
        """Gives it a group; its answers arrive as events."""
        self.program = group.key.program
        self._send({"kind": "group", "group": group})

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

    def interrupt(self) -> None:
        """Has it write a checkpoint as soon as it can, and end."""
        if hasattr(signal, "SIGUSR1"):
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGUSR1)

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
            self._events.put((self, message))
        self._events.put((self, None))

    def _collect_stderr(self) -> None:
        pipe: Any = self._process.stderr
        for line in pipe:
            self._lines.append(line.decode("utf-8", "replace").rstrip())


class LocalExecutor:
    """Processes on this machine, each pinned to a core, which last until it is closed.

    They may be started before the dataset is known, and import Keras and JAX in the meantime.

    Args:
        settings: of the run.

    Example:
        >>> with LocalExecutor(Settings((0, 1), {}, "jax", None, "a machine")) as executor:
        ...     executor.name, executor.free
        ('local', [None, None])
    """

    name = "local"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._free_cores = list(settings.cpus)
        self._workers: list[Worker] = []
        self._busy: set[Worker] = set()
        self._tasks: dict[Worker, str] = {}  # the last one of each process, ended ones too
        self._job: Job | None = None

    @property
    def free(self) -> list[object]:
        """Processes that wait come first."""
        waiting = [worker.program for worker in self._workers if worker not in self._busy]
        return [*waiting, *[None] * len(self._free_cores)]

    def start(
        self, most: int, checkpoints: Path, keeps_final: bool = False, user: UserSetup | None = None
    ) -> None:
        """Starts processes before the job is known, one for each core, at most so many."""
        for cpu in self._free_cores[:most]:
            self._workers.append(
                Worker(None, self._settings, cpu, self._heard, checkpoints,
                       keeps_final=keeps_final, user=user)
            )  # fmt: skip
        self._free_cores = self._free_cores[most:]

    def first_word(self) -> tuple[Worker, Message | None]:
        """Waits until a process that was started says something, or ends."""
        return self._heard.get()

    def open(self, job: Job) -> None:
        """Gives processes that were started the dataset."""
        self._job = job
        for worker in list(self._workers):
            if worker.keeps_final != job.keeps_final:
                self._end(worker)
            worker.send_dataset(job.dataset)

    def submit(self, task: Task, near: object = None) -> None:
        """Gives a task to a process that waits, or to a new one."""
        worker = self._waiting(near) or self._start_one()
        self._busy.add(worker)
        self._tasks[worker] = task.id
        self._heard.put((worker, {"kind": "started"}))
        worker.train(task.group)

    def _waiting(self, program: object) -> Worker | None:
        for worker in [worker for worker in self._workers if worker not in self._busy]:
            if not worker.is_alive:
                self._end(worker)
            elif worker.program == program:
                return worker
        return None

    def _start_one(self) -> Worker:
        job = self._job
        assert job is not None
        worker = Worker(
            job.dataset, job.settings, self._free_cores.pop(0), self._heard, job.checkpoints,
            job.models, keeps_final=job.keeps_final, user=job.user,
        )  # fmt: skip
        self._workers.append(worker)
        return worker

    def events(self, timeout: float) -> list[Event]:
        """What processes have said; waits for so many seconds at most."""
        found: list[Event] = []
        with suppress(queue.Empty):
            found += self._events_of(*self._heard.get(timeout=timeout))
            while True:
                found += self._events_of(*self._heard.get_nowait())
        return found

    def _events_of(self, worker: Worker, message: Message | None) -> Iterator[Event]:
        is_busy, task = worker in self._busy, self._tasks.get(worker)
        if message is None:
            if worker in self._workers:
                problem = f"died ({worker.exit_message()})"
                self._end(worker)
                if is_busy:
                    yield Event(task, {"kind": "lost", "problem": problem})
        elif message["kind"] == "idle":
            if is_busy:
                self._busy.remove(worker)
                yield Event(task, {"kind": "finished"})
        elif is_busy or message["kind"] in ("result", "failure", "note"):  # of one that was ended
            yield Event(task, message)

    def cancel(self, task_id: str) -> None:
        """Ends the process that trains it."""
        for worker in [worker for worker in self._busy if self._tasks[worker] == task_id]:
            self._end(worker)

    def _end(self, worker: Worker) -> None:
        self._busy.discard(worker)
        self._workers.remove(worker)
        self._free_cores.append(worker.cpu)
        worker.end()

    def close(self) -> None:
        """Ends all processes."""
        for worker in list(self._workers):
            self._end(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
