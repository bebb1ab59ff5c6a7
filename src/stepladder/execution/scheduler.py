"""The scheduler: claims, order, retries, silence."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from stepladder.data import Dataset
from stepladder.diagnosis.findings import summarize_history
from stepladder.errors import StepladderError, WorkerError
from stepladder.execution.batching import make_groups
from stepladder.execution.local import Event, WarmPool, Worker, is_here_and_gone, this_owner
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.files import remove_partial_files
from stepladder.store import ClaimOwner, Store
from stepladder.study.loading import ModelFile
from stepladder.training import checkpoints
from stepladder.training.final_weights import save_final_state
from stepladder.training.groups import Group, Stage, groups, macs
from stepladder.trials.trial import Trial, TrialResult


def cost(group: Group) -> float:
    """How long a group takes beside others of the study, in an arbitrary unit.

    Products of matrices alone are counted: multiplications of an example, times examples, epochs
    and lanes. Two groups that differ in the number of training examples alone are not told apart
    unless the recipe says how many it wants.
    """
    recipe = group.trials[0].recipe
    examples = recipe.train_examples or 1
    epochs = recipe.epochs - group.start_epoch
    return group.lanes * epochs * examples * macs(recipe)


def next_group(waiting: Sequence[Group], at_hand: object, busy: Collection[object]) -> Group:
    """The group to train next in a process.

    Groups of the structure that the process has at hand come first, since another one would have
    to be compiled; the largest of them before the rest, so that what is left at the end is small.
    Where none is left it begins the structure with the most work left that no other process is
    busy with, and once there is none it helps with the one that has most left.

    Args:
        waiting: groups to choose from, at least one.
        at_hand: the structure whose program the process has, or None.
        busy: structures that other processes are training.
    """
    work: dict[object, float] = {}
    for group in waiting:
        work[group.key.structure] = work.get(group.key.structure, 0) + cost(group)
    if at_hand in work:
        return max((each for each in waiting if each.key.structure == at_hand), key=cost)
    free = [structure for structure in work if structure not in busy]
    chosen = max(free or work, key=work.__getitem__)  # the first of equals
    return next(group for group in waiting if group.key.structure == chosen)


def named(group: Group | None, arm_names: Mapping[str, Sequence[str]]) -> str:
    """A group for messages.

    Args:
        group: its trials; None for none.
        arm_names: names of a trial's arms by its id.
    """
    if group is None:
        return "nothing"
    names = [name for trial in group.trials for name in arm_names.get(trial.id, ())]
    arms = f" ({', '.join(dict.fromkeys(names))})" if names else ""
    return f"{len(group.trials)} trial(s) of replicate {group.trials[0].replicate}{arms}"


_TIMES_LONGEST = 20
_STEP = 5.0

Watched = TypeVar("Watched")
Clock = Callable[[], float]


class Watchdog(Generic[Watched]):
    """Measures the silence of processes while they have something to train.

    Silence is added up look by look, at most some seconds for each, so that a machine that
    slept, or a driver that was stopped or waited for its store, blames nobody.

    Args:
        patience: seconds of silence that are always allowed; 0 allows any silence.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, patience: float, clock: Clock = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._looked = clock()
        self._silence: dict[Watched, float] = {}
        self._longest: dict[Watched, float] = {}

    def heard(self, process: Watched, trained: bool = True) -> None:
        """A process has said something.

        Args:
            process: which one.
            trained: whether it spent all the time on an epoch: what that took, the next may take
                many times over. Starting and compiling tell nothing of that.
        """
        silence = self._silence.pop(process, 0.0)
        if trained:
            self._longest[process] = max(silence, self._longest.get(process, 0.0))

    def forget(self, process: Watched) -> None:
        """A process is gone."""
        self._silence.pop(process, None)
        self._longest.pop(process, None)

    def silent(self, busy: Iterable[Watched]) -> list[tuple[Watched, float]]:
        """Looks at those that have something to train.

        Returns:
            Those that have been silent for too long, and for how many seconds.
        """
        now = self._clock()
        passed, self._looked = min(now - self._looked, _STEP), now
        found = []
        for process in busy:
            silence = self._silence[process] = self._silence.get(process, 0.0) + passed
            allowed = max(self._patience, _TIMES_LONGEST * self._longest.get(process, 0.0))
            if self._patience and silence > allowed:
                found.append((process, silence))
        return found


BEAT_SECONDS = 10.0
"""A driver says at least so often that it lives."""

LEASE_SECONDS = 180.0
"""A beat that stands still for so long is that of a dead driver: longer than a beat and the wait
for a locked store together."""


class Claims:
    """The claims of one run.

    Attributes:
        elsewhere: what other drivers hold of the groups that were asked for, with their lanes.
    """

    def __init__(self, store: Store, driver: ClaimOwner, clock: Clock = time.monotonic) -> None:
        """Claims nothing yet.

        Args:
            store: where trials are claimed.
            driver: this process.
            clock: seconds from any origin, never backwards.
        """
        self.elsewhere: list[Group] = []
        self._store, self._driver, self._clock = store, driver, clock
        self._beaten = clock()
        self._held: set[str] = set()
        self._seen: dict[str, tuple[int, float]] = {}  # beat of another driver, and since when

    def take(self, group: Group) -> Group | None:
        """Claims a group: the part that nobody else trains, or None where nothing is left.

        What another driver holds is remembered in `elsewhere`; claims of the dead are ended.
        """
        asked = {trial.id: trial for trial in group.trials}
        held = self._store.claim(self._driver, asked)
        lost = asked.keys() - held
        if lost:
            self._dismiss_dead(self._store.claimed(lost).values())
            held |= self._store.claim(self._driver, lost)
        self._held |= held
        others = asked.keys() - held
        if others:
            self.elsewhere += _parts([group], others.__contains__)
        return next(iter(_parts([group], held.__contains__)), None)

    def keep_alive(self) -> bool:
        """Beats when it is time to.

        Returns:
            False if the claims had been ended by another driver, which took this one for dead;
            those that are still free are claimed again.
        """
        now = self._clock()
        if now - self._beaten < BEAT_SECONDS or not self._held:
            return True
        self._beaten = now
        if self._store.beat(self._driver.id):
            return True
        self._store.claim(self._driver, self._held)
        return False

    def returned(self) -> tuple[list[Group], list[Trial]]:
        """Looks after what is `elsewhere`, and forgets what is settled.

        Returns:
            Groups that are nobody's any more and are to be trained after all, and the trials
            that others have stored.
        """
        ids = [trial.id for group in self.elsewhere for trial in group.trials]
        # Claims first: a trial that is stored in between is then seen as both, not as neither.
        holders = self._store.claimed(ids)
        # A driver that holds nothing does not beat: from its next claim on it is watched anew.
        there = {driver.id for driver in holders.values()}
        self._seen = {each: seen for each, seen in self._seen.items() if each in there}
        dead = self._dismiss_dead(holders.values())
        stored = self._store.has(ids)
        busy = {each for each, driver in holders.items() if driver.id not in dead}
        found = [t for group in self.elsewhere for t in group.trials if t.id in stored]
        free = _parts(self.elsewhere, lambda each: each not in stored and each not in busy)
        self.elsewhere = _parts(self.elsewhere, lambda each: each not in stored and each in busy)
        return free, found

    def release(self, trial_id: str) -> None:
        """Forgets a trial that is stored: its claim has ended with it."""
        self._held.discard(trial_id)

    def end(self) -> None:
        """Lets go of every claim, so that nobody has to wait for them."""
        with suppress(StepladderError):  # a store that fails has been heard of before
            self._store.dismiss(self._driver.id)
        self._held.clear()

    def _dismiss_dead(self, drivers: Iterable[ClaimOwner]) -> set[str]:
        """Ends the claims of those that are dead, and says which they were."""
        return {
            driver.id
            for driver in set(drivers)
            if self._is_dead(driver) and self._store.dismiss(driver.id, driver.beat)
        }

    def _is_dead(self, driver: ClaimOwner) -> bool:
        if driver.id == self._driver.id:
            return False
        if is_here_and_gone(driver):
            return True
        beat, since = self._seen.get(driver.id, (None, 0.0))
        if beat != driver.beat:
            self._seen[driver.id] = driver.beat, self._clock()
            return False
        return self._clock() - since >= LEASE_SECONDS


def forget_dead(store: Store) -> None:
    """Forgets runs of this machine that were killed after all that they had claimed was stored.

    Raises:
        StoreError: if the store cannot be read or written.
    """
    for driver in store.drivers():
        if is_here_and_gone(driver):
            store.dismiss(driver.id, driver.beat)


def _parts(groups: Iterable[Group], wanted: Callable[[str], bool]) -> list[Group]:
    """Of each group the trials that are wanted, where there are any."""
    kept = []
    for group in groups:
        trials = tuple(trial for trial in group.trials if wanted(trial.id))
        if trials:
            kept.append(replace(group, trials=trials))
    return kept


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
    standby: WarmPool | None = None,
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
        if settings.endings:
            remove_partial_files(settings.endings["folder"])
        waiting = make_groups(planned, missing, dataset, settings, store)
    else:
        waiting = groups(planned, missing, None, before, keeps)
    if not waiting:
        return 0
    return _Execution(
        waiting, dataset, settings, progress, store, folder, model, arm_names or {},
        standby or WarmPool(), weights,
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
        standby: WarmPool,
        weights: Path | None,
    ) -> None:
        self._standby = standby
        self._folder, self._weights = folder, weights
        self._waiting = waiting
        self._dataset, self._settings = dataset, settings
        self._progress, self._store = progress, store
        self._model, self._arm_names = model, arm_names
        self._claims = Claims(store, this_owner())
        self._workers: list[Worker] = []
        self._free = list(settings.cpus)  # cores without a worker
        self._retried: set[str] = set()
        self._watchdog: Watchdog[Worker] = Watchdog(settings.patience)
        self._kept = 0
        self._has_waited = False

    def run(self) -> int:
        try:
            self._fill()
            if not self._standby.persistent:
                self._standby.end()
            while self._claims.elsewhere or any(worker.group for worker in self._workers):
                self._listen()
        finally:
            for worker in self._workers:
                self._standby.release(worker)
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
            worker, message = event
            trained = message is not None and message.get("epoch", 0) > 1
            self._watchdog.heard(worker, trained)
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
            worker.send_dataset(self._dataset)
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
        worker, message = event
        if worker not in self._workers and message is not None and message["kind"] != "result":
            return  # said before it was replaced: what it has finished counts, and nothing else
        if message is None:
            self._replace(worker)
        elif message["kind"] == "epoch" and worker.group and message["epoch"]:
            for trial in worker.group.trials:
                self._progress.epoch_done(trial, message["epoch"])
        elif message["kind"] == "result":
            self._finished(message["result"])
        elif message["kind"] == "idle":
            if self._folder and worker.group:
                checkpoints.remove(self._folder, worker.group)  # only now are all results stored
            self._feed(worker)
        elif message["kind"] == "note":
            self._progress.note(message["text"])
        elif message["kind"] == "failed":
            said = f" The training process said:\n{message['trace']}" if message["trace"] else ""
            raise WorkerError(
                f"training {named(worker.group, self._arm_names)} failed: {message['message']}. "
                f"What was finished is stored; the same command goes on.{said}"
            )

    def _finished(self, result: TrialResult) -> None:
        if self._weights:  # first, so that whatever is stored has them
            save_final_state(self._weights, result)
        result = replace(result, final=None, signs=summarize_history(result.curve, result.probes))
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
        what = hangs or f"died ({worker.exit_message()})"
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
            _, message = self._standby.events.get()
            if message is not None and message["kind"] == "result":
                self._finished(message["result"])
