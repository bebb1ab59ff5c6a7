"""Executing a plan: groups are handed to training processes, and results to the store."""

from __future__ import annotations

import queue
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stepladder.analysis.signs import signs
from stepladder.data import Dataset
from stepladder.errors import WorkerError
from stepladder.files import sweep
from stepladder.model_file import ModelFile
from stepladder.records import Trial, TrialResult
from stepladder.runner.claims import Claims
from stepladder.runner.going_on import going_on
from stepladder.runner.order import named, next_group
from stepladder.runner.pool import Event, Worker
from stepladder.runner.processes import this_driver
from stepladder.runner.progress import Progress
from stepladder.runner.settings import Settings
from stepladder.runner.stacking import stackings
from stepladder.runner.standby import Standby
from stepladder.runner.watchdog import Watchdog
from stepladder.store import Store
from stepladder.train import checkpoints
from stepladder.train.final import keep_final
from stepladder.train.groups import Group, Stage, groups
from stepladder.train.messages import read_result

__all__ = ["execute"]

_TICK = 0.5  # seconds after which a loop that hears nothing looks around

_LOST = "Look for a lack of memory, use fewer --workers"
_SLOW = "If one epoch takes so long, set STEPLADDER_PATIENCE_SECONDS above it (0 waits for ever)"


def execute(
    planned: Sequence[Trial],
    missing: Sequence[Trial],
    dataset: Dataset,
    settings: Settings,
    progress: Progress,
    store: Store,
    folder: Path | None = None,
    model: ModelFile | None = None,
    arm_names: Mapping[str, Sequence[str]] | None = None,
    before: Mapping[Trial, tuple[Stage, ...]] | None = None,
    keeps: Collection[Trial] = (),
    standby: Standby | None = None,
    weights: Path | None = None,
) -> int:
    """Trains what is missing; returns when all of it is stored, by this run or by another.

    Groups are claimed before they are trained, so that several runs share a store and its work.
    A process that dies is replaced and its trials are tried once more, each alone.

    Args:
        planned: every trial of the study: they decide which trials share a program.
        missing: those to be trained.
        dataset: what they are trained on.
        settings: processes, cores and engine.
        progress: is told of trials and epochs.
        store: where trials are claimed and, as each one ends, kept.
        folder: where checkpoints lie, or None to keep none.
        model: the code of a network of the user's own, or None.
        arm_names: names of a trial's arms by its id, for messages.
        before: stages that trials have behind them; None where none has any. Where trials may
            have some, replicates are trained one by one.
        keeps: trials of which it is kept where they end, for later stages to go on from.
        standby: processes that were started before, which are used first; those that last go back
            to it, the others are ended.
        weights: where what each trial ended with is kept, or None to keep it nowhere.

    Returns:
        How many trials this run has trained and stored; others have stored the rest.

    Raises:
        WorkerError: if a training failed, or its process died twice.
        KeyboardInterrupt: if the user stops it; what was finished by then is kept.
    """
    if before is None:
        put_together = stackings(planned, missing, dataset, settings, progress)
        if settings.endings:
            sweep(settings.endings["folder"])
        waiting = going_on(groups(planned, missing, put_together), settings, store)
    else:
        waiting = groups(planned, missing, None, before, keeps)
    if not waiting:
        return 0
    return _Execution(
        waiting, dataset, settings, progress, store, folder, model, arm_names or {},
        standby or Standby(), weights,
    ).run()  # fmt: skip


class _Execution:
    def __init__(
        self,
        waiting: list[Group],
        dataset: Dataset,
        settings: Settings,
        progress: Progress,
        store: Store,
        folder: Path | None,
        model: ModelFile | None,
        arm_names: Mapping[str, Sequence[str]],
        standby: Standby,
        weights: Path | None,
    ) -> None:
        self._standby = standby
        self._folder, self._weights = folder, weights
        self._waiting = waiting
        self._dataset, self._settings = dataset, settings
        self._progress, self._store = progress, store
        self._model, self._arm_names = model, arm_names
        self._claims = Claims(store, this_driver())
        self._workers: list[Worker] = []
        self._free = list(settings.cpus)  # cores without a worker
        self._retried: set[str] = set()
        self._watchdog: Watchdog[Worker] = Watchdog(settings.patience)
        self._kept = 0
        self._has_waited = False

    def run(self) -> int:
        try:
            self._fill()
            if not self._standby.lasting:
                self._standby.end()
            while self._claims.elsewhere or any(worker.group for worker in self._workers):
                self._listen()
        finally:
            for worker in self._workers:
                self._standby.leave(worker)
            try:
                self._keep_finished()
            finally:
                self._claims.end()
        return self._kept

    def _listen(self) -> None:
        """Takes in what a worker says, and looks around now and then."""
        try:
            event = self._standby.events.get(timeout=_TICK)
        except queue.Empty:
            self._look_elsewhere()
        else:
            worker, header, _ = event
            self._watchdog.heard(worker, trained=header is not None and header.get("epoch", 0) > 1)
            self._take(event)
        busy = [worker for worker in self._workers if worker.group]
        for worker, seconds in self._watchdog.silent(busy):
            self._replace(worker, f"said nothing for {seconds:.0f} s")
        if not self._claims.keep_alive():
            self._progress.note(
                "this run was silent for so long that others took it for dead; it goes on, and "
                "what they have stored meanwhile stays"
            )

    def _look_elsewhere(self) -> None:
        """Takes over from runs that have died, once nothing else is left to begin."""
        if not self._claims.elsewhere or self._waiting:
            return
        freed, found = self._claims.returned()
        for trial in found:
            self._progress.trial_found(trial)
        self._waiting += freed
        self._fill()
        left = sum(len(group.trials) for group in self._claims.elsewhere)
        if left and not self._has_waited and not any(worker.group for worker in self._workers):
            self._has_waited = True
            self._progress.note(f"waiting for {left} trial(s) that another run is training")

    def _fill(self) -> None:
        """Gives idle workers and free cores something to do, as long as there is something."""
        for worker in self._workers:
            if worker.group is None:
                self._feed(worker)
        while self._free and (group := self._next_group(None)):
            worker = self._started(self._free.pop(0))
            self._workers.append(worker)
            self._give(worker, group)

    def _started(self, cpu: int | None) -> Worker:
        """A process on a core: one that was started ahead of time, or a new one."""
        worker = self._standby.take(cpu)
        if worker:
            worker.begin(self._dataset)
            return worker
        events = self._standby.events
        return Worker(
            self._dataset, self._settings, cpu, events, self._folder, self._model,
            keeps_final=self._weights is not None,
        )  # fmt: skip

    def _feed(self, worker: Worker) -> None:
        """Gives a worker its next group, or nothing where none is left."""
        worker.group = None
        if group := self._next_group(worker):
            self._give(worker, group)

    def _next_group(self, worker: Worker | None) -> Group | None:
        """Claims the next group for a worker, or for one that is still to be started."""
        while self._waiting:
            busy = {
                other.structure for other in self._workers if other is not worker and other.group
            }
            group = next_group(self._waiting, worker.structure if worker else None, busy)
            self._waiting.remove(group)
            claimed = self._claims.take(group)
            if claimed:
                return claimed
        return None

    def _give(self, worker: Worker, group: Group) -> None:
        worker.train(group)
        for trial in group.trials:
            self._progress.trial_started(trial)

    def _take(self, event: Event) -> None:
        worker, header, arrays = event
        if worker not in self._workers and header is not None and header["kind"] != "result":
            return  # said before it was replaced: what it has finished counts, and nothing else
        if header is None:
            self._replace(worker)
        elif header["kind"] == "epoch" and worker.group and header["epoch"]:
            for trial in worker.group.trials:
                self._progress.epoch_done(trial, header["epoch"])
        elif header["kind"] == "result":
            self._finished(read_result(header, arrays))
        elif header["kind"] == "idle":
            if self._folder and worker.group:
                checkpoints.remove(self._folder, worker.group)  # only now are all results stored
            self._feed(worker)
        elif header["kind"] == "note":
            self._progress.note(header["text"])
        elif header["kind"] == "failed":
            said = f" The training process said:\n{header['trace']}" if header["trace"] else ""
            raise WorkerError(
                f"training {named(worker.group, self._arm_names)} failed: {header['message']}. "
                f"What was finished is stored; the same command goes on.{said}"
            )

    def _finished(self, result: TrialResult) -> None:
        if self._weights:  # first, so that whatever is stored has them
            keep_final(self._weights, result)
        result = replace(result, final=None, signs=signs(result.curve, result.probes))
        try:
            self._kept += self._store.add(result)
        except KeyboardInterrupt:
            self._kept += self._store.add(result)  # what is done is stored; again does no harm
            raise
        self._claims.release(result.trial.id)
        self._progress.trial_done(result)

    def _replace(self, worker: Worker, hangs: str = "") -> None:
        """Starts a process in the place of one that has died or hangs; its trials are tried again.

        Args:
            worker: the process.
            hangs: what it does instead of dying.
        """
        if worker not in self._workers:
            return  # it was replaced before it ended
        lost = worker.group
        what = hangs or f"died ({worker.last_words()})"
        worker.end()
        self._watchdog.forget(worker)
        self._workers.remove(worker)
        self._free.append(worker.cpu)
        if lost is None:
            return
        trials = named(lost, self._arm_names)
        again = [trial for trial in lost.trials if trial.id in self._retried]
        if again:
            raise WorkerError(
                f"the process that trained {trials} failed a second time: it {what}. "
                f"What was finished is stored. {_SLOW if hangs else _LOST}, or leave that arm out"
            )
        self._retried.update(trial.id for trial in lost.trials)
        self._progress.note(
            f"a training process {what.splitlines()[0]} while it trained {trials}; "
            "trying that once more in a new one"
        )
        stored = self._store.has(trial.id for trial in lost.trials)
        left = [trial for trial in lost.trials if trial.id not in stored]
        self._waiting[:0] = [replace(lost, trials=(trial,)) for trial in left]
        self._fill()

    def _keep_finished(self) -> None:
        """Keeps results that had arrived and were not taken yet when the run was stopped."""
        while not self._standby.events.empty():
            _, header, arrays = self._standby.events.get()
            if header is not None and header["kind"] == "result":
                self._finished(read_result(header, arrays))
