"""Checkpoints of groups in training: arrays and JSON in one file, whole or not there at all.

A file is `MAGIC`, the SHA-256 of all that follows, and one frame as processes exchange them. It
is read only if the digest is right, so that a torn or altered one is never trained on.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepladder.files import sweep, write_whole
from stepladder.records import Trial
from stepladder.train.groups import Group, Stage
from stepladder.values import fingerprint
from stepladder.wire import Array, receive, send

__all__ = ["MAGIC", "Checkpoint", "Checkpoints", "Keeping", "clear", "forget", "remove"]

MAGIC = b"stepladder checkpoint 1\n"
_DIGEST_BYTES = 32
_END = "end-"
_KEPT = 2  # the last two: should the newest be damaged, the other still saves most of the work

Clock = Callable[[], float]


@dataclass(frozen=True)
class Checkpoint:
    """Where a group stood.

    Attributes:
        trials: id of the trial of each lane.
        done: how far it was, in whatever steps its engine counts, growing.
        more: other values, as JSON has them.
        arrays: numbers by name.
    """

    trials: tuple[str, ...]
    done: int
    more: Mapping[str, Any]
    arrays: Mapping[str, Array]

    def is_like(self, arrays: Mapping[str, Array]) -> bool:
        """Whether its arrays have the names, kinds and shapes of some others."""
        return self.arrays.keys() == arrays.keys() and all(
            (self.arrays[name].dtype, self.arrays[name].shape) == (array.dtype, array.shape)
            for name, array in arrays.items()
        )


class Checkpoints:
    """The checkpoints of one group while it is trained.

    Args:
        folder: where they lie; None keeps none.
        group: what is trained.
        every: at most so many seconds of work are lost.
        versions: of what trains: those of another version are not gone on with.
        note: is told, in a sentence, of one that cannot be used.
        clock: seconds from any origin, never backwards.
    """

    def __init__(
        self,
        folder: Path | None,
        group: Group,
        every: float,
        versions: Mapping[str, str],
        note: Callable[[str], None] = lambda text: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._folder, self._group, self._every = folder, group, every
        self._versions, self._note, self._clock = dict(versions), note, clock
        self._written = self._offered = clock()
        self._longest = 0.0

    def latest(self, fits: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """The newest checkpoint that holds every trial of the group, or None.

        Args:
            fits: says whether its arrays are of the kinds and shapes that the training has.
        """
        if self._folder is None:
            return None
        wanted = {trial.id for trial in self._group.trials}
        for file in sorted(_files(self._folder, _shared(self._group)), key=_done, reverse=True):
            found, wrong = _read(file)
            if found is None:
                self._note(f"the checkpoint {file.name} is not used, for it {wrong}")
                _remove_file(file)
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
        _write(self._folder / name, state(), self._versions)
        for file in sorted(_files(self._folder, _own(self._group)), key=_done)[:-_KEPT]:
            _remove_file(file)

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
        found, wrong = _read(file)
        if found is None:
            self._note(f"{file.name} is not used, for it {wrong}")
            _remove_file(file)
            return None
        return found if found.more.get("versions") == self._versions else None

    def keep_end(self, trial: Trial, stages: Sequence[Stage], state: Checkpoint) -> None:
        """Keeps where a trial has ended.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._folder is not None:
            _write(self._folder / _end_name(trial, stages), state, self._versions)


Keeping = Callable[[Group], Checkpoints | None]
"""Gives the checkpoints of a group, or None to keep none."""


def remove(folder: Path, group: Group) -> None:
    """Removes a group's checkpoints: all of its trials are stored."""
    for file in _files(folder, _own(group)):
        _remove_file(file)


def forget(folder: Path, trial: Trial) -> None:
    """Removes where a trial ended: nothing will go on from it."""
    for file in folder.glob(f"{_END}{trial.id}-*.checkpoint"):
        _remove_file(file)


def clear(folder: Path) -> None:
    """Removes every checkpoint in a folder and, where nothing else is in it, the folder."""
    sweep(folder)
    for file in _files(folder, ""):
        _remove_file(file)
    with suppress(OSError):
        folder.rmdir()


def _shared(group: Group) -> str:
    """How the names of checkpoints begin that may hold a group, whatever else it then held."""
    what = [repr(group.key), group.lanes, group.trials[0].dataset, *group.before]
    return fingerprint(what)[:24]


def _end_name(trial: Trial, stages: Sequence[Stage]) -> str:
    return f"{_END}{trial.id}-{fingerprint([list(each) for each in stages])[:12]}.checkpoint"


def _own(group: Group) -> str:
    return f"{_shared(group)}-{fingerprint([trial.id for trial in group.trials])[:12]}"


def _files(folder: Path, beginning: str) -> list[Path]:
    return list(folder.glob(f"{beginning}*.checkpoint"))


def _done(file: Path) -> tuple[int, str]:
    number = file.stem.rpartition("-")[2]
    return (int(number) if number.isdigit() else 0), file.name


def _write(file: Path, state: Checkpoint, versions: Mapping[str, str]) -> None:
    body = io.BytesIO()
    header = {
        "trials": list(state.trials),
        "done": state.done,
        "more": {**state.more, "versions": dict(versions)},
    }
    send(body, header, state.arrays)
    write_whole(file, MAGIC + hashlib.sha256(body.getbuffer()).digest() + body.getbuffer())


def _read(file: Path) -> tuple[Checkpoint | None, str]:
    """A file's checkpoint, or None and what is wrong with it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return None, f"cannot be read: {error.strerror or error}"
    start = len(MAGIC) + _DIGEST_BYTES
    body = content[start:]
    if (
        content[: len(MAGIC)] != MAGIC
        or hashlib.sha256(body).digest() != content[len(MAGIC) : start]
    ):
        return None, "is damaged"
    try:
        frame = receive(io.BytesIO(body))
        if frame is None:
            return None, "ends too early"
        header, arrays = frame
        return Checkpoint(tuple(header["trials"]), header["done"], header["more"], arrays), ""
    except (ValueError, KeyError, TypeError, MemoryError) as error:
        return None, f"is not as it was written: {type(error).__name__}"


def _remove_file(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
