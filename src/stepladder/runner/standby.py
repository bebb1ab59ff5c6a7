"""Training processes that are there before it is known what they will train."""

from __future__ import annotations

import queue
from pathlib import Path

from stepladder.runner.pool import Event, Worker
from stepladder.runner.settings import Settings

__all__ = ["Standby"]


class Standby:
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
