"""Worker processes, each pinned to a core."""

from __future__ import annotations

import os
import platform
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from stepladder.data import Dataset
from stepladder.execution.machine import Settings
from stepladder.store import ClaimOwner
from stepladder.study.loading import ModelFile
from stepladder.study.recipe import Recipe
from stepladder.training.groups import Group
from stepladder.training.messages import check_frame, code_header, dataset_frame, group_frame
from stepladder.training.serialization import Array, receive, send

Event = tuple["Worker", dict[str, Any] | None, dict[str, Array]]
"""Who said it, the header (None when the process has ended) and the arrays."""

Task = Literal["train", "inspect", "measure"]

_KEPT_LINES = 30


class Worker:
    """One training process, started at once, fed with groups one at a time.

    Attributes:
        group: the group that it trains, or None.
        structure: of the last group that it was given: its program is at hand there.
    """

    def __init__(
        self,
        dataset: Dataset | None,
        settings: Settings,
        cpu: int | None,
        events: queue.SimpleQueue[Event],
        checkpoints: Path | None = None,
        model: ModelFile | None = None,
        *,
        task: Task = "train",
        keeps_final: bool = False,
    ) -> None:
        """Starts the process and sends it the dataset in the background.

        Args:
            dataset: what it trains on; None where that comes later, by `begin`.
            settings: of the run.
            cpu: the core to pin it to, or None.
            events: where what it says is put.
            checkpoints: folder of its checkpoints, or None to keep none.
            model: the code of a network of the user's own, which the process runs, or None.
            task: what it is for: to train, to look at networks once, or to time groups.
            keeps_final: whether results bring what their trials ended with.
        """
        self.cpu = cpu
        self.group: Group | None = None
        self.structure: object = None
        self._events = events
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stepladder.training.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(settings.environment),
            start_new_session=True,  # Ctrl-C reaches the driver alone, which ends its workers
        )
        endings = settings.endings
        setup = {
            "kind": "setup",
            "cpus": [] if cpu is None else [cpu],
            "engine": settings.engine_name,
            "cache": str(settings.cache) if settings.cache else None,
            "checkpoints": str(checkpoints.resolve()) if checkpoints else None,
            "checkpoint_seconds": settings.checkpoint_seconds,
            "endings": endings and {**endings, "folder": str(endings["folder"])},
            "code": code_header(model),
            "task": task,
            "keeps_final": keeps_final,
        }
        self._dataset: Future[Dataset] = Future()
        if dataset is not None:
            self.begin(dataset)
        self._threads = [
            threading.Thread(target=self._greet, args=(setup,), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._keep_lines, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, dataset: Dataset) -> None:
        """Gives it the dataset, if it was started without one and has none yet."""
        if not self._dataset.done():
            self._dataset.set_result(dataset)

    def train(self, group: Group) -> None:
        """Hands it a group; its answers come as events."""
        self.group, self.structure = group, group.key.structure
        self._threads[0].join()  # the dataset goes first
        with suppress(OSError):  # a process that is gone says so by its end
            send(self._pipe_in, *group_frame(group))

    def inspect(self, recipes: Iterable[Recipe]) -> None:
        """Has it look at the networks of some recipes; its answer comes as an event."""
        self._threads[0].join()
        with suppress(OSError):
            send(self._pipe_in, *check_frame(recipes))

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def last_words(self) -> str:
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
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    @property
    def _pipe_in(self) -> Any:  # noqa: ANN401 - Popen's pipes are typed loosely
        return self._process.stdin

    def _greet(self, setup: dict[str, Any]) -> None:
        with suppress(OSError, CancelledError):
            send(self._pipe_in, setup)
            send(self._pipe_in, *dataset_frame(self._dataset.result()))

    def _listen(self) -> None:
        pipe: Any = self._process.stdout
        while (frame := receive(pipe)) is not None:
            self._events.put((self, *frame))
        self._events.put((self, None, {}))

    def _keep_lines(self) -> None:
        pipe: Any = self._process.stderr
        for line in pipe:
            self._lines.append(line.decode("utf-8", "replace").rstrip())


class WarmPool:
    """Processes that import Keras and JAX while their driver still reads the dataset.

    Attributes:
        events: where what they say is put.
        lasting: whether processes that have nothing left to do come back to wait for more.
    """

    def __init__(self, lasting: bool = False) -> None:
        """Starts none yet.

        Args:
            lasting: whether several executions share the processes, which keep their programs.
        """
        self.lasting = lasting
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._workers: list[Worker] = []

    def start(
        self, settings: Settings, checkpoints: Path, most: int, keeps_final: bool = False
    ) -> None:
        """Starts one for each core.

        Args:
            settings: of the run.
            checkpoints: folder of their checkpoints.
            most: how many can be of use.
            keeps_final: whether their results bring what their trials ended with.
        """
        for cpu in settings.cpus[:most]:
            self._workers.append(
                Worker(None, settings, cpu, self.events, checkpoints, keeps_final=keeps_final)
            )

    def take(self, cpu: int | None) -> Worker | None:
        """The process that waits on a core, if one does; it may lack its dataset."""
        for worker in [each for each in self._workers if each.cpu == cpu]:
            self._workers.remove(worker)
            if worker.is_alive:
                return worker
            worker.end()
        return None

    def leave(self, worker: Worker) -> None:
        """Has a process that was taken wait again, or ends it."""
        if self.lasting and worker.group is None:
            self._workers.append(worker)
        else:
            worker.end()

    def end(self) -> None:
        """Ends those that nobody has taken."""
        while self._workers:
            self._workers.pop().end()


_PROC = Path("/proc")
_ENDED = ("Z", "X")  # a zombie has ended; its parent has not looked yet


def this_owner() -> ClaimOwner:
    """This process as a driver, under an id that is new each time."""
    return ClaimOwner(secrets.token_hex(16), _place(), _mark(os.getpid()) or str(os.getpid()))


def is_running(process: str) -> bool:
    """Whether a process of this very place still runs; where that cannot be told, it does.

    Args:
        process: as `Driver.process` has it.
    """
    number = process.split()[0]
    if not number.isdigit():
        return True
    if _PROC.joinpath("self", "stat").exists():
        return _mark(int(number)) == process
    if os.name != "posix":
        return True
    try:
        os.kill(int(number), 0)  # no signal: only whether there is such a process
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def is_here_and_gone(driver: ClaimOwner) -> bool:
    """Whether a driver ran on this machine, since it was started, and runs no more."""
    return driver.place == _place() and not is_running(driver.process)


def _place() -> str:
    """The machine's name, its start and the namespace that gives process numbers their meaning."""
    parts = [platform.node()]
    try:
        parts.append(_PROC.joinpath("sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink(_PROC / "self/ns/pid"))
    except OSError:
        pass
    return " ".join(parts)


def _mark(number: int) -> str | None:
    """A process' number and start, since numbers are used again; None where there is none."""
    try:
        stat = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in _ENDED else f"{number} {fields[19]}"
