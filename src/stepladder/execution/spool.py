"""The executor of a spool: it queues tasks as files, and reads what workers write."""

import math
import secrets
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stepladder.errors import Detached, InputError
from stepladder.execution.base import Event, Job, Task
from stepladder.execution.machine import Settings
from stepladder.execution.result_files import FAILURE, RESULT, read_outcome
from stepladder.execution.scheduler import LEASE_SECONDS, Clock, Watchdog
from stepladder.execution.spool_files import (
    BEAT_SECONDS,
    Pace,
    Spool,
    SpoolState,
    group_of,
    group_values,
    is_gone,
    job_values,
    owner_values,
)
from stepladder.study.schema import fingerprint
from stepladder.training.function import TrialFailure
from stepladder.training.groups import Group
from stepladder.training.messages import Message

DETACH = "detach"
_ALL = 100_000
_FEW, _SECONDS_A_BEAT = 20, 0.01  # of a thousand workers each beat is read every ten seconds
_LONELY_SECONDS = 20.0
_AT_ONCE = 100  # outcomes that are read before they are stored: final weights may be large


@dataclass
class _Sent:
    """A task of the scheduler.

    Attributes:
        name: of its file; "" where all its outcomes were there when it was submitted.
        left: ids of trials whose outcome is not stored.
        worker: that has it; "" while it is queued.
        reports: what that worker had counted when it was last read.
        is_ready: whether that worker's process had imported all it needs.
        is_ending: whether an outcome has arrived: nothing more is heard before the end.
    """

    name: str
    left: set[str]
    worker: str = ""
    reports: int = 0
    is_ready: bool = False
    is_ending: bool = False


class SpoolExecutor:
    """Worker programs somewhere, which see the run's folder.

    Args:
        settings: of the run; `workers` of it are expected.
        folder: of the run.
        detach: whether to leave once all tasks are queued.
        clock: seconds from any origin, never backwards.

    Example:
        >>> SpoolExecutor(Settings((0,), {}, "jax", None, "a machine"), Path("run")).name
        'spool'
    """

    name = "spool"

    def __init__(
        self, settings: Settings, folder: Path, detach: bool = False, clock: Clock = time.monotonic
    ) -> None:
        self._spool = Spool(folder)
        self._workers, self._detach = settings.workers or 1, detach
        self._sent: dict[str, _Sent] = {}
        self._there: dict[str, Group] = {}
        self._where: dict[str, str] = {}  # names of the tasks of trials that were there
        self._number = 0
        self._digest = ""
        self._is_open = self._leaves = False
        self._clock = clock
        self._watchdog: Watchdog[str] = Watchdog(LEASE_SECONDS, clock)
        self._beats: dict[str, dict[str, Any]] = {}
        self._told: set[str] = set()
        self._damaged: set[str] = set()
        self._owner = owner_values()
        self._beaten = self._next_beats = 0.0
        self._since: float | None = None
        self._pace = Pace()

    @property
    def free(self) -> list[object]:
        """Twice as many tasks are queued as workers live; all of them before the driver leaves."""
        if not self._is_open:
            return [None] * self._workers
        queued = sum(1 for sent in self._sent.values() if sent.name and not sent.worker)
        ahead = max(self._workers, 2 * len(self._beats))
        return [None] * max(0, (_ALL if self._detach else ahead) - queued)

    def open(self, job: Job) -> None:
        """Writes the job, and finds the tasks of a driver that has left or died."""
        values = job_values(job, self._spool.run)
        if not self._is_open:
            self._take_over()
        self._is_open = True
        self._digest = fingerprint(values)
        if self._spool.read(self._spool.job) != values:
            self._spool.write(self._spool.job, values)
        for name in self._spool.names("ended"):
            self._spool.file("ended", name).unlink(missing_ok=True)
        files = {name: self._spool.file("tasks", name) for name in self._spool.names("tasks")}
        files |= {name: self._spool.file("taken", f"{name}.{worker}")
                  for name, worker in self._spool.taken().items()}  # fmt: skip
        self._there = {}
        for name, file in files.items():
            self._number = max(self._number, int(name.partition("-")[0]) + 1)
            task = self._spool.read(file) or {}
            try:
                if task.get("job") == self._digest:
                    self._there[name] = group_of(task)
            except (ValueError, KeyError, TypeError):
                pass
            if name not in self._there:
                self._withdraw(name)
        self._where = {trial.id: name for name, group in self._there.items()
                       for trial in group.trials}  # fmt: skip

    def _take_over(self) -> None:
        """Makes sure that no other driver reads this folder, and says that this one does."""
        file = self._spool.folder / "driver.json"
        before = self._spool.read(file)
        if before is not None and not is_gone(before):
            is_here = before.get("place") == self._owner["place"]
            if not is_here:  # it may have died there: does it count on?
                time.sleep(2 * BEAT_SECONDS)
            if is_here or self._spool.read(file) != before:
                raise InputError(
                    f"{str(self._spool.run)!r} must have one driver, found another one that runs: "
                    f"process {str(before.get('process', '')).partition(' ')[0]} of "
                    f"{str(before.get('place', '')).partition(' ')[0]}; end that first"
                )
        self._beat(0)

    def _beat(self, number: int) -> None:
        self._beaten = time.monotonic()
        values = {**self._owner, "beat": number}
        self._spool.write(self._spool.folder / "driver.json", values)

    def submit(self, task: Task, near: object = None) -> None:
        """Writes a task, unless one with its trials is there from before."""
        ids = {trial.id for trial in task.group.trials}
        done = {name.partition(".")[0] for name in self._spool.names("done")} & ids
        sent = _Sent("", ids)
        self._damaged -= ids
        left = tuple(trial for trial in task.group.trials if trial.id not in done)
        if left:
            group = replace(task.group, trials=left)
            sent.name = self._same(group) or self._put(group)
        self._sent[task.id] = sent

    def _same(self, group: Group) -> str:
        """The name of a task that is there and trains a group as it would be trained."""
        name = self._where.get(group.trials[0].id, "")
        there = self._there.get(name)
        if there is None or not set(group.trials) <= set(there.trials):
            return ""
        is_same = replace(there, trials=group.trials, start_epoch=group.start_epoch) == group
        return name if is_same else ""

    def _put(self, group: Group) -> str:
        program = fingerprint(repr(group.key.program))[:8]
        name = f"{self._number:08d}-{program}-{secrets.token_hex(4)}"
        self._number += 1
        self._spool.write(
            self._spool.file("tasks", name), {"job": self._digest, **group_values(group)}
        )
        return name

    def events(self, timeout: float) -> Sequence[Event]:
        """What is new in the folder; waits for so many seconds at most.

        Raises:
            Detached: if all tasks are queued and nobody wants to wait.
        """
        end = time.monotonic() + timeout
        while True:
            found = self._look()
            if self._detach and timeout and not found:
                raise Detached(self.leave())
            if any(event.message["kind"] not in ("epoch", "note") for event in found):
                self._pace.reset()
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(left, self._pace.next()))

    def _look(self) -> list[Event]:
        """One look at the folder. What ended comes first: its outcomes were written before."""
        found: list[Event] = []
        if time.monotonic() - self._beaten > BEAT_SECONDS and not self._leaves:
            self._beat(int(self._beaten))
        ended = self._spool.names("ended")
        taken, queued = self._spool.taken(), set(self._spool.names("tasks"))
        self._read_beats(found)
        self._say_if_lonely(found)
        for task_id, sent in self._sent.items():
            self._follow(task_id, sent, taken, queued, found)
        self._read_outcomes(found)
        self._read_ended(ended, found)
        self._find_dead(taken, found)
        for task_id in [task_id for task_id, sent in self._sent.items() if not sent.left]:
            self._finish(task_id, {"kind": "finished"}, found)
        return found

    def _say_if_lonely(self, found: list[Event]) -> None:
        """Says once what to do where no worker comes."""
        if self._since is None:
            self._since = self._clock()
        if self._sent and not self._beats and self._clock() - self._since > _LONELY_SECONDS:
            self._since = math.inf
            text = f"no worker yet: {self._how_to_start()}"
            found.append(Event(None, {"kind": "note", "text": text}))

    def _how_to_start(self) -> str:
        return (
            f"start `stepladder worker {shlex.quote(str(self._spool.run))}` on machines that see "
            "that folder"
        )

    def _finish(self, task_id: str, message: Message, found: list[Event]) -> None:
        found.append(Event(task_id, message))
        self._there.pop(self._sent.pop(task_id).name, None)

    def _read_beats(self, found: list[Event]) -> None:
        if time.monotonic() < self._next_beats:
            return
        many = max(0, len(self._beats) - _FEW)
        self._next_beats = time.monotonic() + many * _SECONDS_A_BEAT
        beats = {worker: self._spool.beat(worker) for worker in self._spool.names("beats")}
        for worker, beat in beats.items():
            known = self._beats.get(worker, {})
            if beat.get("beat") != known.get("beat"):
                self._watchdog.heard(worker, trained=False)
            for note in beat.get("notes", [])[len(known.get("notes", [])) :]:
                found.append(Event(None, {"kind": "note", "text": str(note)}))
        for worker in self._beats.keys() - beats.keys():
            self._watchdog.forget(worker)
        self._beats = beats
        for worker in self._spool.names("refused"):
            file = self._spool.file("refused", worker)
            text = str((self._spool.read(file) or {}).get("problem"))
            file.unlink(missing_ok=True)
            if text not in self._told:
                self._told.add(text)
                note = f"a worker does not take part: {text}"
                found.append(Event(None, {"kind": "note", "text": note}))

    def _read_outcomes(self, found: list[Event]) -> None:
        tasks = {trial: task_id for task_id, sent in self._sent.items() for trial in sent.left}
        for name in self._spool.names("done")[:_AT_ONCE]:
            file = self._spool.folder / "done" / name
            if file.suffix not in (RESULT, FAILURE):
                continue
            outcome, problem = read_outcome(file)
            if outcome is None:
                self._damaged.add(file.stem)
                self._spool.set_aside(file)
                text = f"the file {name} is not stored: it {problem}; it is kept in spool/damaged"
                found.append(Event(None, {"kind": "note", "text": text}))
                continue
            self._damaged.discard(file.stem)
            kind = "failure" if isinstance(outcome, TrialFailure) else "result"
            task_id = tasks.get(file.stem)
            if task_id:
                sent = self._sent[task_id]
                if not sent.worker:  # it was fast, or a driver before had it trained
                    sent.worker = "unknown"
                    found.append(Event(task_id, {"kind": "started"}))
                sent.is_ending = True
            # A driver that is stopped before it has stored the outcome finds the file again.
            handled = partial(self._remove, file, task_id)
            found.append(Event(task_id, {"kind": kind, kind: outcome}, handled))

    def _remove(self, file: Path, task_id: str | None) -> None:
        """Removes an outcome that is stored now."""
        file.unlink(missing_ok=True)
        if sent := self._sent.get(task_id or ""):
            sent.left.discard(file.stem)

    def _follow(
        self,
        task_id: str,
        sent: _Sent,
        taken: Mapping[str, str],
        queued: set[str],
        found: list[Event],
    ) -> None:
        """What is new of a task that has not ended."""
        worker = taken.get(sent.name, "")
        if not worker:
            if sent.worker and sent.name in queued:  # its worker gave it back
                sent.worker = ""
                found.append(Event(task_id, {"kind": "queued"}))
            return
        if sent.worker != worker:
            sent.worker, sent.reports, sent.is_ready = worker, 0, False
            found.append(Event(task_id, {"kind": "started"}))
        beat = self._beats.get(worker, {})
        if beat.get("task") != sent.name or sent.is_ending:
            return
        if beat.get("ready") and not sent.is_ready:
            sent.is_ready = True
            found.append(Event(task_id, {"kind": "ready"}))
        if (reports := beat.get("reports", 0)) > sent.reports:
            sent.reports = reports
            found.append(Event(task_id, {"kind": "epoch", "epoch": beat.get("epoch", 0)}))

    def _read_ended(self, ended: Sequence[str], found: list[Event]) -> None:
        for marker in ended:
            name, file = marker.partition(".")[0], self._spool.file("ended", marker)
            message = self._spool.read(file) or {"kind": "lost", "problem": "left no word"}
            waits = False
            for task_id, sent in [each for each in self._sent.items() if each[1].name == name]:
                if message["kind"] == "finished" and sent.left & self._damaged:
                    message = {"kind": "lost", "problem": "wrote a result that cannot be read"}
                if message["kind"] != "finished":
                    self._damaged -= sent.left
                    self._finish(task_id, message, found)
                elif sent.left:
                    waits = True  # an outcome is on its way to the store
            if not waits:
                file.unlink(missing_ok=True)

    def _find_dead(self, taken: Mapping[str, str], found: list[Event]) -> None:
        """Tasks of workers that have ended without a word are lost."""
        busy = set(taken.values())
        silent = {worker for worker, _ in self._watchdog.silent(busy)}
        dead = silent | {worker for worker in busy if is_gone(self._beats.get(worker, {}))}
        for name, worker in taken.items():
            if worker not in dead:
                continue
            self._spool.forget(name, worker)
            problem = f"of the worker {worker} has ended without a word"
            for task_id, sent in list(self._sent.items()):
                if sent.name == name:
                    left = {"kind": "lost", "problem": problem, "is_place": True}
                    self._finish(task_id, left, found)
        gone = {worker for worker, beat in self._beats.items() if is_gone(beat)}
        for worker in silent | gone:
            self._spool.file("beats", worker).unlink(missing_ok=True)

    def cancel(self, task_id: str) -> None:
        """Ends a task, unless the driver leaves: then it goes on without it."""
        sent = self._sent.pop(task_id, None)
        if sent and sent.name and not self._leaves:
            self._there.pop(sent.name, None)
            self._withdraw(sent.name)

    def _withdraw(self, name: str) -> None:
        try:
            self._spool.file("tasks", name).unlink()
        except FileNotFoundError:  # a worker has it, if it has not ended
            if name in self._spool.taken():
                self._spool.write(self._spool.file("cancelled", name), {})

    def leave(self) -> str:
        """Has tasks go on without a driver; what to tell the user."""
        self._leaves = True
        state = self._spool.state() or SpoolState(0, 0, 0, 0)
        return (
            f"{state} in {str(self._spool.folder)!r}: workers go on; the same command takes in "
            f"what they finish. {self._how_to_end()}"
        )

    def _how_to_end(self) -> str:
        return "To end them, remove that folder"

    def end_left(self) -> None:
        """Ends the workers that were left, unless another driver has come.

        Raises:
            InputError: if one has.
        """
        self._take_over()
        self._leaves, self._is_open = False, True
        self.close()

    def close(self) -> None:
        """Ends the run's workers, unless the driver leaves."""
        if not self._is_open:
            return
        folder = self._spool.folder
        (folder / "driver.json").unlink(missing_ok=True)
        self._is_open = False
        if self._leaves:
            return
        self._spool.job.unlink(missing_ok=True)  # first: workers end
        for place in folder.iterdir():
            is_kept = place.name in ("done", "damaged") and any(place.iterdir())
            if place.is_dir() and not is_kept:
                shutil.rmtree(place, ignore_errors=True)
            elif not is_kept:
                place.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def make(settings: Settings, folder: Path, address: str) -> SpoolExecutor:
    """The executor of a run's folder; its address is `DETACH`, or nothing."""
    return SpoolExecutor(settings, folder, address == DETACH)
