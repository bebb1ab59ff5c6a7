"""Checkpoints, and the cache of final states."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from stepladder.errors import OutputError
from stepladder.files import remove_partial_files
from stepladder.study.schema import fingerprint
from stepladder.training.groups import Group, Stage, with_epochs
from stepladder.training.history import lengthened
from stepladder.training.schedules import goes_on
from stepladder.training.serialization import (
    Checkpoint,
    head,
    number,
    read,
    remove_file,
    shared,
    write,
)
from stepladder.trials.trial import Trial

SHARE = 0.01
"""Of a training's time, what writing its ending may take."""

_BYTES_A_SECOND = 5e7
_SECONDS_A_FILE = 0.01

_LEAST = 2**16
"""Bytes that a file counts for at least, so that small ones never become too many."""

_PARTS = 20  # endings are counted again after so much of what they may take was written


class FinalStateCache:
    """The endings in a folder, as they were when they were first looked for.

    Args:
        folder: where they lie.
        most: bytes that they may take together, or little more; the oldest ones are removed.
        versions: of what trains, and on what: others are not gone on with.
        note: is told, in a sentence, of one that cannot be used.
        share: of a training's time, what keeping its ending may take.
    """

    def __init__(
        self,
        folder: Path,
        most: int,
        versions: Mapping[str, str],
        note: Callable[[str], None] = lambda text: None,
        share: float = SHARE,
    ) -> None:
        self._folder, self._most = folder, most
        self._versions, self._note, self._share = dict(versions), note, share
        self._uncounted = most  # bytes that may have been written since all were counted

    def epochs(self, group: Group) -> list[int]:
        """Numbers of epochs after which every trial of a group was kept, the most first."""
        found = []
        for file in self._files.get(shared(group, whatever_epochs=True), ()):
            epochs, said = number(file), head(file)
            if said is None or said.more.get("versions") != self._versions:
                continue
            wanted = {with_epochs(trial, epochs).id for trial in group.trials}
            if epochs < group.key.epochs and wanted <= set(said.trials):
                found.append(epochs)
        return sorted(set(found), reverse=True)

    def of(self, group: Group, fits: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """Where a group stood after `group.after` epochs, or None where no such ending is whole.

        Args:
            group: whose trials have more epochs.
            fits: says whether its arrays are of the kinds and shapes that the training has.
        """
        names = {with_epochs(trial, group.after).id: trial.id for trial in group.trials}
        for file in self._files.get(shared(group, whatever_epochs=True), ()):
            if number(file) != group.after:
                continue
            found, wrong = read(file)
            if found is None:
                self._note(f"the ending {file.name} is not used, for it {wrong}")
                remove_file(file)
            elif found.more.get("versions") == self._versions and names.keys() <= {*found.trials}:
                longer = replace(
                    found,
                    trials=tuple(names.get(each, each) for each in found.trials),
                    arrays=lengthened(found.arrays, group.key.epochs),
                )
                if fits(longer):
                    return longer
                self._note(f"the ending {file.name} is not used, for its arrays do not fit")
        return None

    def keep(self, group: Group, state: Callable[[], Checkpoint], seconds: float) -> None:
        """Keeps where a group ended, unless that would take long beside its training.

        Args:
            group: what was trained.
            state: gives what is to be written; called only then.
            seconds: that training took.
        """
        if not all(goes_on(trial.recipe) for trial in group.trials):
            return
        seconds_left = seconds * self._share - _SECONDS_A_FILE
        if seconds_left < 0:
            return
        ending = state()
        size = sum(array.nbytes for array in ending.arrays.values())
        if size > self._most or size > seconds_left * _BYTES_A_SECOND:
            return
        own = fingerprint([trial.id for trial in group.trials])[:12]
        common = shared(group, whatever_epochs=True)
        file = self._folder / f"{common}-{own}-{group.key.epochs:06d}.ending"
        with suppress(OutputError):  # a full disk costs a longer training, not a study
            write(file, ending, self._versions)
            self._uncounted += max(size, _LEAST)
            if self._uncounted > self._most / _PARTS:
                self._remove_oldest()

    @cached_property
    def _files(self) -> Mapping[str, Sequence[Path]]:
        found = defaultdict(list)
        for file in self._folder.glob("*.ending"):
            found[file.name.partition("-")[0]].append(file)
        return found

    def _remove_oldest(self) -> None:
        """Removes as many of the oldest as are needed to keep within the limit."""
        self._uncounted = 0
        seen = []
        for file in self._folder.glob("*.ending"):
            with suppress(OSError):  # another process was faster
                found = file.stat()
                seen.append((found.st_mtime_ns, max(found.st_size, _LEAST), file))
        left = sum(size for _, size, _ in seen)
        for _, size, file in sorted(seen):
            if left <= self._most:
                return
            remove_file(file)
            left -= size


_END = "end-"
_KEPT = 2  # the last two: should the newest be damaged, the other still saves most of the work

Clock = Callable[[], float]


class Checkpoints:
    """The checkpoints of one group while it is trained.

    Args:
        folder: where they lie; None keeps none.
        group: what is trained.
        every: at most so many seconds of work are lost.
        versions: of what trains: those of another version are not gone on with.
        note: is told, in a sentence, of one that cannot be used.
        clock: seconds from any origin, never backwards.
        endings: where shorter trainings are gone on from, and this one is kept; None for neither.
    """

    def __init__(
        self,
        folder: Path | None,
        group: Group,
        every: float,
        versions: Mapping[str, str],
        note: Callable[[str], None] = lambda text: None,
        clock: Clock = time.monotonic,
        endings: FinalStateCache | None = None,
    ) -> None:
        self._folder, self._group, self._every = folder, group, every
        self._versions, self._note, self._clock = dict(versions), note, clock
        self._endings = endings
        self._written = self._offered = clock()
        self._longest = 0.0

    def latest(self, fits: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """Where the group is to go on from: its newest checkpoint, else its ending, or None.

        Args:
            fits: says whether its arrays are of the kinds and shapes that the training has.
        """
        found = self._newest(fits)
        if found is None and self._endings is not None and self._group.after:
            found = self._endings.of(self._group, fits)
        return found

    def _newest(self, fits: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """The newest checkpoint that holds every trial of the group, or None."""
        if self._folder is None:
            return None
        wanted = {trial.id for trial in self._group.trials}
        for file in sorted(_files(self._folder, shared(self._group)), key=_done, reverse=True):
            found, wrong = read(file)
            if found is None:
                self._note(f"the checkpoint {file.name} is not used, for it {wrong}")
                remove_file(file)
                continue
            if found.more.get("versions") == self._versions and wanted <= set(found.trials):
                if fits(found):
                    return found
                self._note(f"the checkpoint {file.name} is not used, for its arrays do not fit")
        return None

    def offer(self, done: int, state: Callable[[], Checkpoint]) -> None:
        """Writes a checkpoint if waiting for the next offer might lose too much.

        Args:
            done: how far the training is.
            state: gives what is to be written; called only then.

        Raises:
            OutputError: if it cannot be written.
        """
        now = self._clock()
        self._longest = max(self._longest, now - self._offered)
        self._offered = now
        if self._folder is None or now - self._written + self._longest < self._every:
            return
        self._written = now
        name = f"{_own(self._group)}-{done:012d}.checkpoint"
        write(self._folder / name, state(), self._versions)
        for file in sorted(_files(self._folder, _own(self._group)), key=_done)[:-_KEPT]:
            remove_file(file)

    def end(self, state: Callable[[], Checkpoint], seconds: float) -> None:
        """Keeps where the training ended, for one of more epochs.

        Args:
            state: gives what is to be written; called only then.
            seconds: that the training took.
        """
        if self._endings is not None and not self._group.before:  # those had other lanes
            self._endings.keep(self._group, state, seconds)

    def end_of(self, trial: Trial, stages: Sequence[Stage]) -> Checkpoint | None:
        """Where a trial ended that was trained through some stages, or None if that is not kept.

        Args:
            trial: with the epochs that it was trained for.
            stages: its own included, which decide its last bits.
        """
        if self._folder is None:
            return None
        file = self._folder / _end_name(trial, stages)
        if not file.exists():
            return None
        found, wrong = read(file)
        if found is None:
            self._note(f"{file.name} is not used, for it {wrong}")
            remove_file(file)
            return None
        return found if found.more.get("versions") == self._versions else None

    def keep_end(self, trial: Trial, stages: Sequence[Stage], state: Checkpoint) -> None:
        """Keeps where a trial has ended.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._folder is not None:
            write(self._folder / _end_name(trial, stages), state, self._versions)


Keeping = Callable[[Group], Checkpoints | None]
"""Gives the checkpoints of a group, or None to keep none."""


def remove(folder: Path, group: Group) -> None:
    """Removes a group's checkpoints: all of its trials are stored."""
    for file in _files(folder, _own(group)):
        remove_file(file)


def forget(folder: Path, trial: Trial) -> None:
    """Removes where a trial ended: nothing will go on from it."""
    for file in folder.glob(f"{_END}{trial.id}-*.checkpoint"):
        remove_file(file)


def clear(folder: Path) -> None:
    """Removes every checkpoint in a folder and, where nothing else is in it, the folder."""
    remove_partial_files(folder)
    for file in _files(folder, ""):
        remove_file(file)
    with suppress(OSError):
        folder.rmdir()


def _end_name(trial: Trial, stages: Sequence[Stage]) -> str:
    return f"{_END}{trial.id}-{fingerprint([list(each) for each in stages])[:12]}.checkpoint"


def _own(group: Group) -> str:
    return f"{shared(group)}-{fingerprint([trial.id for trial in group.trials])[:12]}"


def _files(folder: Path, beginning: str) -> list[Path]:
    return list(folder.glob(f"{beginning}*.checkpoint"))


def _done(file: Path) -> tuple[int, str]:
    return number(file), file.name
