"""Training processes, one pinned to each core, and the frames that go to and from them."""

from __future__ import annotations

import queue
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
from stepladder.model_file import ModelFile
from stepladder.recipe import Recipe
from stepladder.runner.settings import Settings
from stepladder.train.groups import Group
from stepladder.train.messages import check_frame, code_header, dataset_frame, group_frame
from stepladder.wire import Array, receive, send

__all__ = ["Event", "Worker"]

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
            [sys.executable, "-P", "-m", "stepladder.train.worker"],
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
