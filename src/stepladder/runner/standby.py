"""Training processes that are started before it is known what they will train."""

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
    """

    def __init__(self) -> None:
        """Starts none yet."""
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._workers: list[Worker] = []

    def start(self, settings: Settings, checkpoints: Path, most: int) -> None:
        """Starts one for each core.

        Args:
            settings: of the run.
            checkpoints: folder of their checkpoints.
            most: how many can be of use.
        """
        for cpu in settings.cpus[:most]:
            self._workers.append(Worker(None, settings, cpu, self.events, checkpoints))

    def take(self, cpu: int | None) -> Worker | None:
        """The process that waits on a core, if one does; it lacks its dataset."""
        for worker in self._workers:
            if worker.cpu == cpu:
                self._workers.remove(worker)
                return worker
        return None

    def end(self) -> None:
        """Ends those that nobody has taken."""
        while self._workers:
            self._workers.pop().end()
