"""Checkpoints of groups in training: where each stood a while ago, the last two of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from stepladder.files import sweep
from stepladder.train.endings import Endings
from stepladder.train.groups import Group
from stepladder.train.state_files import (
    MAGIC,
    Checkpoint,
    number,
    read,
    remove_file,
    shared,
    write,
)
from stepladder.values import fingerprint

__all__ = ["MAGIC", "Checkpoint", "Checkpoints", "Keeping", "clear", "remove"]

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
        endings: Endings | None = None,
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
        if self._endings is not None:
            self._endings.keep(self._group, state, seconds)


Keeping = Callable[[Group], Checkpoints | None]
"""Gives the checkpoints of a group, or None to keep none."""


def remove(folder: Path, group: Group) -> None:
    """Removes a group's checkpoints: all of its trials are stored."""
    for file in _files(folder, _own(group)):
        remove_file(file)


def clear(folder: Path) -> None:
    """Removes every checkpoint in a folder and, where nothing else is in it, the folder."""
    sweep(folder)
    for file in _files(folder, ""):
        remove_file(file)
    with suppress(OSError):
        folder.rmdir()


def _own(group: Group) -> str:
    return f"{shared(group)}-{fingerprint([trial.id for trial in group.trials])[:12]}"


def _files(folder: Path, beginning: str) -> list[Path]:
    return list(folder.glob(f"{beginning}*.checkpoint"))


def _done(file: Path) -> tuple[int, str]:
    return number(file), file.name
