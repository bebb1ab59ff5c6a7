"""Executing a plan: groups are handed to training processes, and results to the store."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence

from stepladder.data import Dataset
from stepladder.errors import WorkerError
from stepladder.model_file import ModelFile
from stepladder.records import Trial, TrialResult
from stepladder.runner.pool import Event, Worker
from stepladder.runner.progress import Progress
from stepladder.runner.settings import Settings
from stepladder.train.groups import Group, groups
from stepladder.train.messages import read_result

__all__ = ["execute"]


def execute(
    planned: Sequence[Trial],
    missing: Sequence[Trial],
    dataset: Dataset,
    settings: Settings,
    progress: Progress,
    keep: Callable[[TrialResult], object],
    model: ModelFile | None = None,
    arm_names: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Trains what is missing; returns when all of it is kept.

    A process that dies is replaced and its trials are tried once more, each alone.

    Args:
        planned: every trial of the study: they decide which trials share a program.
        missing: those to be trained.
        dataset: what they are trained on.
        settings: processes, cores and engine.
        progress: is told of trials and epochs.
        keep: stores a result; called from this thread as each trial ends.
        model: the code of a network of the user's own, or None.
        arm_names: names of a trial's arms by its id, for messages.

    Raises:
        WorkerError: if a training failed, or its process died twice.
        KeyboardInterrupt: if the user stops it; what was finished by then is kept.
    """
    waiting = groups(planned, missing)
    if waiting:
        _Execution(waiting, dataset, settings, progress, keep, model, arm_names or {}).run()


class _Execution:
    def __init__(
        self,
        waiting: list[Group],
        dataset: Dataset,
        settings: Settings,
        progress: Progress,
        keep: Callable[[TrialResult], object],
        model: ModelFile | None,
        arm_names: Mapping[str, Sequence[str]],
    ) -> None:
        self._waiting = waiting
        self._dataset, self._settings = dataset, settings
        self._progress, self._keep = progress, keep
        self._model, self._arm_names = model, arm_names
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        self._retried: set[str] = set()

    def run(self) -> None:
        count = min(len(self._settings.cpus), len(self._waiting))
        try:
            for cpu in self._settings.cpus[:count]:
                self._workers.append(self._start(cpu))
            while any(worker.group for worker in self._workers):
                self._take(self._events.get())
        finally:
            for worker in self._workers:
                worker.end()
            self._keep_finished()

    def _start(self, cpu: int | None) -> Worker:
        worker = Worker(self._dataset, self._settings, cpu, self._events, self._model)
        self._feed(worker)
        return worker

    def _feed(self, worker: Worker) -> None:
        """Gives a worker its next group, or nothing where none is left."""
        worker.group = None
        if not self._waiting:
            return
        taken = {other.structure for other in self._workers if other is not worker and other.group}
        group = _next(self._waiting, worker.structure, taken)
        self._waiting.remove(group)
        worker.train(group)
        for trial in group.trials:
            self._progress.trial_started(trial)

    def _take(self, event: Event) -> None:
        worker, header, arrays = event
        if header is None:
            self._replace(worker)
        elif header["kind"] == "epoch" and worker.group and header["epoch"]:
            for trial in worker.group.trials:
                self._progress.epoch_done(trial, header["epoch"])
        elif header["kind"] == "result":
            self._finished(read_result(header, arrays))
        elif header["kind"] == "idle":
            self._feed(worker)
        elif header["kind"] == "failed":
            raise WorkerError(
                f"training {self._named(worker.group)} failed with {header['message']}; what was "
                f"finished is stored. The training process said:\n{header['trace']}"
            )

    def _finished(self, result: TrialResult) -> None:
        self._keep(result)
        self._progress.trial_done(result)

    def _replace(self, worker: Worker) -> None:
        """Starts a process in the place of one that has died, and tries its trials again."""
        lost = worker.group
        words = worker.last_words()
        worker.end()
        self._workers.remove(worker)
        if lost is None:
            return
        again = [trial for trial in lost.trials if trial.id in self._retried]
        if again:
            raise WorkerError(
                f"the process that trained {self._named(lost)} died a second time ({words}); what "
                "was finished is stored. Look for a lack of memory, or leave that arm out"
            )
        self._retried.update(trial.id for trial in lost.trials)
        self._progress.note(
            f"a training process died ({words.splitlines()[0]}) while it trained "
            f"{self._named(lost)}; trying that once more in a new one"
        )
        self._waiting[:0] = [Group((trial,), lost.lanes) for trial in lost.trials]
        self._workers.append(self._start(worker.cpu))

    def _named(self, group: Group | None) -> str:
        if group is None:
            return "nothing"
        names = [name for trial in group.trials for name in self._arm_names.get(trial.id, ())]
        arms = f" ({', '.join(dict.fromkeys(names))})" if names else ""
        return f"{len(group.trials)} trial(s) of replicate {group.trials[0].replicate}{arms}"

    def _keep_finished(self) -> None:
        """Keeps results that had arrived and were not taken yet when the run was stopped."""
        while not self._events.empty():
            _, header, arrays = self._events.get()
            if header is not None and header["kind"] == "result":
                self._finished(read_result(header, arrays))


def _next(waiting: Sequence[Group], at_hand: object, taken: set[object]) -> Group:
    """The group to train next: of the program at hand, else of one that nobody is busy with."""
    own = [group for group in waiting if group.key.structure == at_hand]
    fresh = [group for group in waiting if group.key.structure not in taken]
    return (own or fresh or list(waiting))[0]
