"""The scheduler: which group is trained next and where, claims, retries, silent processes."""

import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from stepladder.data import Dataset
from stepladder.diagnosis.findings import summarize_history, with_ends
from stepladder.errors import InputError, LeftRunning, StepladderError, WorkerError
from stepladder.execution.base import Event, Executor, Job, Task
from stepladder.execution.batching import make_groups
from stepladder.execution.local import LocalExecutor, is_here_and_gone, this_owner
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.files import remove_partial_files
from stepladder.store import ClaimOwner, Store
from stepladder.study.loading import ModelFile
from stepladder.study.params import Params
from stepladder.training import checkpoints
from stepladder.training.final_weights import save_final_state
from stepladder.training.function import TrialFailure, UserSetup
from stepladder.training.groups import Group, Stage, groups, macs
from stepladder.training.messages import Message
from stepladder.trials.trial import Trial, TrialResult


def cost(group: Group) -> float:
    """How long a group takes compared with others of the study, in an arbitrary unit.

    Only matrix products count: multiplications of an example, times examples, epochs and lanes.
    Groups whose recipes leave the number of training examples open count as equal in it.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> short, long = (Trial(Recipe(hidden=[4], epochs=n), "data", 10, 0, 0) for n in (1, 3))
        >>> cost(Group((long,), 1)) / cost(Group((short,), 1))
        3.0
    """
    recipe = group.trials[0].config
    if isinstance(recipe, Params):
        return 1.0
    examples = recipe.train_examples or 1
    return group.lanes * (recipe.epochs - group.start_epoch) * examples * macs(recipe)


class WaitingGroups:
    """Groups that nobody trains yet; taking one costs no more where many wait.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> trials = [Trial(Recipe(hidden=[4]), "data", 10, 0, replicate) for replicate in (0, 1)]
        >>> waiting = WaitingGroups([Group((trial,), 1) for trial in trials])
        >>> waiting.take(compiled=None, busy=()).trials[0].replicate, len(waiting)
        (0, 1)
    """

    def __init__(self, waiting: Iterable[Group]) -> None:
        self._largest: dict[object, list[tuple[bool, float, int, Group]]] = {}
        self._work: dict[object, float] = {}
        self._numbers = count()
        self.add(waiting)

    def __len__(self) -> int:
        return sum(map(len, self._largest.values()))

    def __bool__(self) -> bool:
        return bool(self._largest)

    def add(self, waiting: Iterable[Group], *, first: bool = False) -> None:
        """Has more groups wait; `first` before all others of their structure."""
        for group in waiting:
            program, work = group.key.program, cost(group)
            place = (not first, -work, next(self._numbers), group)
            heappush(self._largest.setdefault(program, []), place)
            self._work[program] = self._work.get(program, 0.0) + work

    def take(self, compiled: object, busy: Collection[object]) -> Group:
        """The group to train next in a process; it waits no more.

        Groups of the structure that the process has compiled come first. Then follows the structure
        with the most work left that no other process trains; if there is none, the one with the
        most work left of all. The largest group comes before the rest of its structure, so that
        what is left at the end is small.

        Args:
            compiled: the structure whose program the process has, or None.
            busy: structures that other processes are training.
        """
        program = compiled
        if program not in self._work:
            free = [structure for structure in self._work if structure not in busy]
            program = max(free or self._work, key=self._work.__getitem__)  # the first of equals
        _, work, _, group = heappop(self._largest[program])
        self._work[program] += work  # below 0
        if not self._largest[program]:
            del self._largest[program], self._work[program]
        return group

    def remove(self, program: object, wanted: Callable[[list[Group]], Collection[Group]]) -> None:
        """Removes some of the groups of a structure that would be taken next.

        Args:
            program: the structure.
            wanted: of at most some hundred groups, those to remove.
        """
        largest = self._largest.get(program, [])
        ahead = [heappop(largest) for _ in range(min(_AHEAD, len(largest)))]
        gone = set(map(id, wanted([group for *_, group in ahead])))
        for place in ahead:
            if id(place[-1]) in gone:
                self._work[program] += place[1]  # below 0
            else:
                heappush(largest, place)
        if ahead and not largest:
            del self._largest[program], self._work[program]


_AHEAD = 250  # groups that are looked up at once, less than a statement takes

_TIMES_LONGEST = 20
_MAX_STEP = 5.0

Process = TypeVar("Process")
Clock = Callable[[], float]


class Watchdog(Generic[Process]):
    """Measures for how long processes that train have been silent.

    Silence is summed over calls of `silent`, at most some seconds for each, so that it does not
    grow while the machine sleeps, or while the driver is stopped or waits for its store.

    Args:
        patience: seconds of silence that are always allowed; 0 allows any silence.
        clock: seconds from any origin, never backwards.

    Example:
        >>> seconds = iter([0.0, 4.0, 8.0])
        >>> watchdog = Watchdog(5.0, clock=lambda: next(seconds))
        >>> watchdog.silent(["a"]), watchdog.silent(["a"])
        ([], [('a', 8.0)])
    """

    def __init__(self, patience: float, clock: Clock = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._last_call = clock()
        self._silence: dict[Process, float] = {}
        self._longest: dict[Process, float] = {}

    def heard(self, process: Process, trained: bool = True) -> None:
        """A process has sent a message.

        Args:
            process: which one.
            trained: whether it spent all the time on an epoch: the next one may take many times
                as long. Starting and compiling say nothing about epochs.
        """
        silence = self._silence.pop(process, 0.0)
        if trained:
            self._longest[process] = max(silence, self._longest.get(process, 0.0))

    def forget(self, process: Process) -> None:
        """A process has ended."""
        self._silence.pop(process, None)
        self._longest.pop(process, None)

    def silent(self, busy: Iterable[Process]) -> list[tuple[Process, float]]:
        """Of the processes that train, those that are silent for too long, and their seconds."""
        now = self._clock()
        passed, self._last_call = min(now - self._last_call, _MAX_STEP), now
        hanging = []
        for process in busy:
            silence = self._silence[process] = self._silence.get(process, 0.0) + passed
            allowed = max(self._patience, _TIMES_LONGEST * self._longest.get(process, 0.0))
            if self._patience and silence > allowed:
                hanging.append((process, silence))
        return hanging


BEAT_SECONDS = 10.0
"""A driver raises its beat in the store this often."""

LEASE_SECONDS = 180.0
"""A driver whose beat stands still for so long is dead: longer than a beat and the wait for a
locked store together."""


class Claims:
    """The claims of one run.

    Attributes:
        elsewhere: what other drivers hold of the groups that were asked for, with their lanes.
    """

    def __init__(self, store: Store, driver: ClaimOwner, clock: Clock = time.monotonic) -> None:
        self.elsewhere: list[Group] = []
        self._store, self._driver, self._clock = store, driver, clock
        self._beaten = clock()
        self._held: set[str] = set()
        self._has_failed = False
        self._seen: dict[str, tuple[int, float]] = {}  # beat of another driver, and since when

    def claim(self, some: Sequence[Group]) -> list[Group | None]:
        """Claims groups: of each the part that nobody else trains, or None where nothing is left.

        What another driver holds is added to `elsewhere`; claims of dead drivers are ended.
        """
        wanted = {trial.id for group in some for trial in group.trials}
        held = self._store.claim(self._driver, wanted)
        lost = wanted - held
        if lost and self._dismiss_dead(self._store.claimed(lost).values()):
            held |= self._store.claim(self._driver, lost)
        self._held |= held
        self.elsewhere += _parts(some, lambda trial_id: trial_id not in held)
        return [next(iter(_parts([group], held.__contains__)), None) for group in some]

    def set_aside(self, some: list[Group]) -> list[Group]:
        """Of some groups those of which others hold or have stored a part; they are `elsewhere`."""
        ids = [trial.id for group in some for trial in group.trials]
        holders = self._store.claimed(ids)
        taken = {name for name, driver in holders.items() if driver.id != self._driver.id}
        taken |= self._store.has(ids)
        whole = [group for group in some if all(trial.id in taken for trial in group.trials)]
        self.elsewhere += whole
        return whole

    def keep_alive(self) -> bool:
        """Raises the beat when it is time to.

        Returns:
            False if another driver took this one for dead and ended its claims; those that are
            still free are claimed again.
        """
        now = self._clock()
        if now - self._beaten < BEAT_SECONDS or not self._held:
            return True
        self._beaten = now
        if self._store.beat(self._driver.id):
            return True
        self._store.claim(self._driver, self._held)
        return False

    def poll_others(self) -> tuple[list[Group], list[Trial]]:
        """Looks up what is `elsewhere`, and removes what is settled.

        Returns:
            Groups that nobody holds any more, to be trained after all; and the trials that other
            drivers have stored.
        """
        ids = [trial.id for group in self.elsewhere for trial in group.trials]
        # Claims first: a trial that is stored in between is then seen as both, not as neither.
        holders = self._store.claimed(ids)
        # A driver that holds nothing does not beat: its time starts again with its next claim.
        alive = {driver.id for driver in holders.values()}
        self._seen = {driver: seen for driver, seen in self._seen.items() if driver in alive}
        dead = self._dismiss_dead(holders.values())
        stored = self._store.has(ids)
        busy = {trial_id for trial_id, driver in holders.items() if driver.id not in dead} - stored
        done = [t for group in self.elsewhere for t in group.trials if t.id in stored]
        settled = stored | busy
        free = _parts(self.elsewhere, lambda trial_id: trial_id not in settled)
        self.elsewhere = _parts(self.elsewhere, busy.__contains__)
        return free, done

    def release(self, trial_id: str) -> None:
        """Forgets a trial that is stored: its claim has ended with it."""
        self._held.discard(trial_id)

    def fail(self, trial_id: str) -> None:
        """Forgets a trial that failed: its claim stays until `give_up_failed`."""
        self._held.discard(trial_id)
        self._has_failed = True

    def give_up_failed(self) -> None:
        """Gives up what failed, once nothing is trained here: other drivers wait for it."""
        if self._has_failed:
            self._has_failed = False
            self.end()

    def end(self) -> None:
        """Gives up every claim, so that nobody has to wait for them."""
        with suppress(StepladderError):  # a store that fails has raised before
            self._store.dismiss(self._driver.id)
        self._held.clear()

    def _dismiss_dead(self, drivers: Iterable[ClaimOwner]) -> set[str]:
        """Ends the claims of dead drivers, and returns their ids."""
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
    """Of each group the trials whose ids are wanted, where there are any."""
    parts = (
        replace(group, trials=tuple(trial for trial in group.trials if wanted(trial.id)))
        for group in groups
    )
    return [part for part in parts if part.trials]


GRACE = {"function": 0.0, "command": 60.0}
"""Seconds beyond its timeout after which a training process is ended. The process of a command
ends the command itself, and then reads what it printed."""

_TICK = 0.5  # seconds after which the loop checks all tasks, and other runs
_AT_ONCE = 100  # results of one transaction: other runs wait for its end

_MOST_PLACES = 5
"""Times that a trial is tried again whose machine or worker has left: it may have been the trial
that took all of the machine's memory."""

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
    models: Sequence[ModelFile] = (),
    arm_names: Mapping[str, Sequence[str]] | None = None,
    before: Mapping[Trial, tuple[Stage, ...]] | None = None,
    keeps: Collection[Trial] = (),
    executor: Executor | None = None,
    weights: Path | None = None,
    user: UserSetup | None = None,
    on_failure: Callable[[TrialFailure], object] = lambda failure: None,
) -> int:
    """Trains what is missing; returns when all of it is stored, by this run or by another.

    Groups are claimed before they are trained, so that several runs can share a store and its
    work. A process that dies is replaced, and its trials are tried once more, one by one.

    Args:
        planned: every trial of the study: they decide which trials share a program.
        missing: those to train.
        dataset: what they are trained on.
        settings: processes, cores and engine.
        progress: told about trials and epochs.
        store: where trials are claimed and, as each one ends, stored.
        folder: of checkpoints, or None to keep none.
        models: the code of networks of the user's own.
        arm_names: names of a trial's arms by its id, for messages.
        before: stages that trials have behind them; None where none has any. Where trials may
            have some, replicates are trained one by one.
        keeps: trials whose end is stored, for later stages to resume from.
        executor: where groups are trained, which stays open; when None, processes of this
            machine that end with this call.
        weights: folder of the final states of trials, or None to store none.
        user: the training of the user's own, or None.
        on_failure: called with each trial of it that failed; the others go on.

    Returns:
        How many trials this run has trained and stored; others have stored the rest.

    Raises:
        WorkerError: if a training failed, or its process died twice.
        KeyboardInterrupt: if the user stops it; what was finished by then is stored.
    """
    if before is None:
        if settings.endings:
            remove_partial_files(settings.endings["folder"])
        waiting = make_groups(planned, missing, dataset, settings, store, progress.note)
    else:
        waiting = groups(planned, missing, None, before, keeps)
    if not waiting:
        return 0
    if any(not is_here_and_gone(driver) for driver in store.drivers()):
        first = secrets.randbelow(len(waiting))  # where others hardly are, if they train the same
        waiting = waiting[first:] + waiting[:first]
    job = Job(dataset, settings, folder, models, weights is not None, user)
    with ExitStack() as stack:
        if executor is None:
            executor = stack.enter_context(LocalExecutor(settings))
        return _Execution(
            WaitingGroups(waiting), job, executor, progress, store, arm_names or {}, weights,
            on_failure,
        ).run()  # fmt: skip


@dataclass
class _Running:
    """A task that was submitted.

    Attributes:
        task: what is trained.
        began: when a process took it up, or was ready for it; None while it is queued.
    """

    task: Task
    began: float | None = None


_NUMBERS = count()


@dataclass
class _Execution:
    _waiting: WaitingGroups
    _job: Job
    _executor: Executor
    _progress: Progress
    _store: Store
    _arm_names: Mapping[str, Sequence[str]]
    _weights: Path | None
    _on_failure: Callable[[TrialFailure], object]

    def __post_init__(self) -> None:
        self._driver = this_owner()
        self._claims = Claims(self._store, self._driver)
        self._running: dict[str, _Running] = {}
        self._busy: Counter[object] = Counter()  # tasks by their program
        self._losses: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        self._watchdog: Watchdog[str] = Watchdog(self._job.settings.patience)
        self._stored = 0
        self._failed: set[str] = set()
        self._has_waited = self._has_room = False
        self._checked = time.monotonic()

    def run(self) -> int:
        self._executor.open(self._job)
        try:
            self._fill()
            while self._claims.elsewhere or self._running or self._waiting:
                self._listen()
        except KeyboardInterrupt:
            leave = getattr(self._executor, "leave", None)  # tasks of some go on without a driver
            if leave is None:
                raise
            self._progress.note(leave())
            raise LeftRunning(self._executor.end_left) from None  # type: ignore[attr-defined]
        finally:
            for task_id in self._running:
                self._executor.cancel(task_id)
            try:
                self._save_finished()
            finally:
                self._claims.end()
        return self._stored

    def _listen(self) -> None:
        """Handles what tasks say, and checks tasks and other runs now and then."""
        events = list(self._executor.events(_TICK))
        self._store_results(events)
        for event in events:
            if event.task is not None:
                self._watchdog.heard(event.task, event.message.get("epoch", 0) > 1)
            self._handle(event)
        if not events or time.monotonic() - self._checked >= _TICK:
            self._check()
        if self._has_room:
            self._fill()

    def _check(self) -> None:
        """Checks executor, tasks and other runs; not at each event, as all tasks are looked at."""
        self._checked = time.monotonic()
        self._has_room = True  # an executor may have got more places
        self._check_others()
        begun = [name for name, running in self._running.items() if running.began is not None]
        if self._job.user and self._job.user.trainer.timeout:
            self._stop_late(begun, self._job.user.trainer.timeout)
        for task_id, seconds in self._watchdog.silent(begun):
            self._retry(task_id, f"said nothing for {seconds:.0f} s", is_slow=True)
        if not self._claims.keep_alive():
            self._progress.note(
                "this run was silent for so long that another run took it for dead; it "
                "continues, and what the other run has stored since then stays"
            )

    def _stop_late(self, begun: Iterable[str], timeout: float) -> None:
        """Ends tasks whose training takes longer than it may."""
        longest = timeout + GRACE[self._job.settings.engine]
        for task_id in begun:
            running = self._running.get(task_id)
            if running and running.began and time.monotonic() - running.began > longest:
                self._drop(task_id)
                problem = f"it was stopped after its timeout of {timeout:g} s"
                for trial in running.task.group.trials:
                    self._fail(TrialFailure(trial, problem))

    def _drop(self, task_id: str) -> Group:
        """Ends a task and forgets it."""
        self._executor.cancel(task_id)
        return self._forget(task_id)

    def _forget(self, task_id: str) -> Group:
        self._watchdog.forget(task_id)
        group = self._running.pop(task_id).task.group
        self._leave(group)
        self._has_room = True
        return group

    def _fail(self, failure: TrialFailure) -> None:
        if failure.trial.id in self._failed:
            return  # it failed as its process was ended for its timeout
        self._failed.add(failure.trial.id)
        self._claims.fail(failure.trial.id)
        self._progress.trial_failed(failure.trial, failure.message)
        self._on_failure(failure)

    def _check_others(self) -> None:
        """Takes over from runs that have died, once nothing else is left to begin."""
        if not self._claims.elsewhere or self._waiting:
            return
        if not self._running:
            self._claims.give_up_failed()
        free, done = self._claims.poll_others()
        for trial in done:
            self._progress.trial_found(trial)
        self._waiting.add(free)
        self._fill()
        left = sum(len(group.trials) for group in self._claims.elsewhere)
        if left and not self._has_waited and not self._running:
            self._has_waited = True
            self._progress.note(f"waiting for {left} trial(s) that another run is training")

    def _fill(self) -> None:
        """Gives free places something to train, while there is something."""
        self._has_room = False
        places: Sequence[object] = self._executor.free if self._waiting else ()
        while places and self._waiting:
            places = self._fill_places(places)

    def _fill_places(self, places: Sequence[object]) -> Sequence[object]:
        """Claims a group for each of some places at once; places whose group others have."""
        groups: list[Group] = []
        for program in places[: len(self._waiting)]:
            groups.append(self._waiting.take(program, self._busy))
            self._busy[groups[-1].key.program] += 1
        left = []
        claims = self._claims.claim(groups)
        for program, group, claimed in zip(places, groups, claims, strict=False):
            if claimed is None:
                left.append(program)
                self._leave(group)
                continue
            task = Task(f"{self._driver.id}.{next(_NUMBERS)}", claimed)
            self._running[task.id] = _Running(task)
            self._executor.submit(task, program)
        if left:  # others are near: what they have is not tried one by one
            for program in {group.key.program for group in groups}:
                self._waiting.remove(program, self._claims.set_aside)
        return left

    def _leave(self, group: Group) -> None:
        """A group is not trained here any more."""
        self._busy[group.key.program] -= 1
        self._busy += Counter()  # without those of which none is left

    def _handle(self, event: Event) -> None:
        message, running = event.message, self._running.get(event.task or "")
        kind = message["kind"]
        if kind == "result":  # also of a task that was ended: what it has finished counts
            self._tell(message["result"])
        elif kind == "failure":
            self._fail(message["failure"])
        elif kind == "note":
            self._progress.note(message["text"])
        elif running is not None:
            self._handle_running(running, message)
        if event.handled:
            event.handled()

    def _handle_running(self, running: _Running, message: Message) -> None:
        kind, task = message["kind"], running.task
        if kind in ("started", "ready", "queued"):
            running.began = None if kind == "queued" else time.monotonic()
            if kind == "started":
                for trial in task.group.trials:
                    self._progress.trial_started(trial)
        elif kind == "epoch" and message["epoch"]:
            for trial in task.group.trials:
                self._progress.epoch_done(trial, message["epoch"])
        elif kind == "finished":
            if self._job.checkpoints:  # only now are all results stored
                checkpoints.remove(self._job.checkpoints, task.group)
            self._forget(task.id)
        elif kind == "lost":
            flags = {name: message.get(name, False) for name in ("is_slow", "is_place")}
            self._retry(task.id, message["problem"], **flags)
        elif kind == "failed":
            self._raise(task.group, message)

    def _raise(self, group: Group, message: Message) -> NoReturn:
        if message.get("is_first") and not self._stored:  # before anything was trained
            raise InputError(message["message"])
        if message.get("is_input"):  # the user's code has changed
            raise WorkerError(f"{message['message']}. What was finished is stored")
        trace = f" The training process said:\n{message['trace']}" if message["trace"] else ""
        raise WorkerError(
            f"training {self._describe(group)} failed: {message['message']}. "
            f"What was finished is stored; the same command resumes.{trace}"
        )

    def _store_results(self, events: Iterable[Event]) -> None:
        """Stores what has arrived, in as few transactions as possible."""
        arrived = [event.message["result"] for event in events if event.message["kind"] == "result"]
        # One that failed arrived as its process was ended for its timeout.
        results = [result for result in arrived if result.trial.id not in self._failed]
        for start in range(0, len(results), _AT_ONCE):
            ready = [self._complete(result) for result in results[start : start + _AT_ONCE]]
            try:
                self._stored += self._store.add_all(ready)
            except KeyboardInterrupt:
                self._stored += self._store.add_all(ready)  # what is done is stored; no harm
                raise

    def _complete(self, result: TrialResult) -> TrialResult:
        """A result as it is stored."""
        if self._weights:  # first, so that whatever is stored has them
            save_final_state(self._weights, result)
        signs = summarize_history(
            result.curve, result.probes, result.unsettled, takes_ids=result.takes_ids
        )
        return replace(result, final=None, signs=with_ends(signs, result))

    def _tell(self, result: TrialResult) -> None:
        """A result is stored."""
        if result.trial.id in self._failed:
            return
        self._claims.release(result.trial.id)
        self._progress.trial_done(result)
        if self._job.user and self._job.checkpoints:
            shutil.rmtree(self._job.checkpoints / result.trial.id[:32], ignore_errors=True)

    def _retry(
        self, task_id: str, what: str, *, is_slow: bool = False, is_place: bool = False
    ) -> None:
        """Tries the trials of a task again whose process has died or hangs, or whose place left."""
        lost = self._drop(task_id)
        trials = self._describe(lost)
        losses, most = self._losses[is_place], _MOST_PLACES if is_place else 1
        is_last = any(losses[trial.id] >= most for trial in lost.trials)
        if is_last and self._job.user:
            for trial in lost.trials:
                self._fail(TrialFailure(trial, f"its process {what.splitlines()[0]}", what))
            return
        if is_last:
            times = "for the sixth time" if is_place else "a second time"
            raise WorkerError(
                f"the process that trained {trials} failed {times}: it {what}. "
                f"What was finished is stored. {_SLOW if is_slow else _LOST}, or leave that arm out"
            )
        losses.update(trial.id for trial in lost.trials)
        self._progress.note(
            f"a training process {what.splitlines()[0]} while it trained {trials}; "
            "trying that once more in a new one"
        )
        stored = self._store.has(trial.id for trial in lost.trials)
        left = [trial for trial in lost.trials if trial.id not in stored]
        self._waiting.add((replace(lost, trials=(trial,)) for trial in left), first=True)

    def _describe(self, group: Group) -> str:
        """A group in words, for messages."""
        names = [name for trial in group.trials for name in self._arm_names.get(trial.id, ())]
        arms = f" ({', '.join(dict.fromkeys(names))})" if names else ""
        return f"{len(group.trials)} trial(s) of replicate {group.trials[0].shown_replicate}{arms}"

    def _save_finished(self) -> None:
        """Stores results that had arrived and were not handled when the run was stopped."""
        events = list(self._executor.events(0))
        self._store_results(events)
        for event in events:
            if event.message["kind"] == "result":
                self._handle(event)
