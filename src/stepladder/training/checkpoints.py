"""Checkpoints, and the cache of final states."""

import threading
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
from stepladder.training.history import (
    HistoryRecorder,
    history_arrays,
    restore_histories,
    with_room,
)
from stepladder.training.schedules import can_extend
from stepladder.training.serialization import Array, Checkpoint, read, remove_file, write
from stepladder.trials.trial import Trial

Note = Callable[[str], None]
Fits = Callable[[Checkpoint], bool]
"""Whether arrays have the types and shapes that a training has."""

_FORMAT = 2
"""Of the arrays in a file: other formats are not found, for it is part of the file's name."""


def _common_name(group: Group, any_epochs: bool = False) -> str:
    """How the names of files begin that may hold a group, whatever else it then held."""
    key = replace(group.key, epochs=0) if any_epochs else group.key
    how: list[object] = [_FORMAT, *group.stages]
    if group.replicates > 1:  # any replicate may be the first that is left
        key, how = replace(key, replicate=0), [*how, group.replicates]
    return fingerprint([repr(key), group.lanes, group.trials[0].dataset, *how])[:24]


def _own_name(group: Group) -> str:
    return f"{_common_name(group)}-{_trials_name(group)}"


def _trials_name(group: Group) -> str:
    return fingerprint([trial.id for trial in group.trials])[:12]


def _number(file: Path) -> int:
    """The number at the end of a file's name, 0 where there is none."""
    text = file.stem.rpartition("-")[2]
    return int(text) if text.isdigit() else 0


class _Reader:
    """Reads files of states, and reports those that cannot be used, if there is a note."""

    def __init__(self, versions: Mapping[str, str], note: Note | None) -> None:
        self.versions, self._note = dict(versions), note

    def read(self, file: Path, with_arrays: bool = True) -> Checkpoint | None:
        """A file's state, if it was made by these versions; a damaged file is removed."""
        state, problem = read(file, with_arrays)
        if state is None:
            self._report(file, f"it {problem}")
            if self._note:
                remove_file(file)
            return None
        return state if state.more.get("versions") == self.versions else None

    def check(self, file: Path, state: Checkpoint, fits: Fits) -> bool:
        """Whether the arrays of a file's state have the right types and shapes."""
        if not fits(state):
            self._report(file, "its arrays do not fit")
            return False
        return True

    def _report(self, file: Path, problem: str) -> None:
        if self._note:
            self._note(f"the {file.suffix[1:]} {file.name} is not used: {problem}")


SHARE = 0.01
"""Of a training's time, what writing its final state may take."""

_BYTES_PER_SECOND = 5e7
_SECONDS_PER_FILE = 0.01

_LEAST_BYTES = 2**16
"""Bytes that a file counts for at least, so that small ones never become too many."""

_PARTS = 20  # files are counted again after this part of the limit was written


class FinalStateCache:
    """Final states of trainings, from which trainings of more epochs resume.

    Args:
        folder: where they are.
        most: bytes that they may take together, or little more; the oldest ones are removed.
        versions: of what trains, and on what: states of others are not used.
        note: told, in a sentence, of a file that cannot be used; None leaves such files alone.
        share: of a training's time, what writing its final state may take.

    Example:
        >>> cache = FinalStateCache(Path("no-such-folder"), 10**6, {"jax": "1"})
        >>> from stepladder.study.recipe import Recipe
        >>> cache.epochs(Group((Trial(Recipe(hidden=[3]), "data", 10, 0, 0),), 1))
        []
    """

    def __init__(
        self,
        folder: Path,
        most: int,
        versions: Mapping[str, str],
        note: Note | None = None,
        share: float = SHARE,
    ) -> None:
        self._folder, self._most = folder, most
        self._reader, self._share = _Reader(versions, note), share
        self._uncounted = most  # bytes that may have been written since all were counted

    def epochs(self, group: Group) -> list[int]:
        """Numbers of epochs after which every trial of a group was cached, the most first."""
        numbers = set()
        for file in self._files.get(_common_name(group, any_epochs=True), ()):
            epochs = _number(file)
            if not epochs < group.key.epochs:
                continue
            state = self._reader.read(file, with_arrays=False)
            wanted = {with_epochs(trial, epochs).id for trial in group.trials}
            if state and wanted <= set(state.trials):
                numbers.add(epochs)
        return sorted(numbers, reverse=True)

    def load(self, group: Group, fits: Fits) -> Checkpoint | None:
        """The state of a group after `group.start_epoch` epochs, or None if there is none."""
        ids = {with_epochs(trial, group.start_epoch).id: trial.id for trial in group.trials}
        for file in self._files.get(_common_name(group, any_epochs=True), ()):
            if _number(file) != group.start_epoch:
                continue
            state = self._reader.read(file)
            if state and ids.keys() <= {*state.trials}:
                trials = tuple(ids.get(trial, trial) for trial in state.trials)
                with suppress(ValueError, IndexError):  # then it does not fit
                    state = replace(state, arrays=with_room(state.arrays, group.key.epochs))
                state = replace(state, trials=trials)
                if self._reader.check(file, state, fits):
                    return state
        return None

    def save(self, group: Group, state: Callable[[], Checkpoint], seconds: float) -> None:
        """Stores the final state of a group, unless that would take long beside its training.

        Args:
            group: what was trained.
            state: gives what is to be written; called only then.
            seconds: that training took.
        """
        if not all(can_extend(trial.recipe) for trial in group.trials):
            return
        seconds_left = seconds * self._share - _SECONDS_PER_FILE
        if seconds_left < 0:
            return
        final = state()
        size = sum(array.nbytes for array in final.arrays.values())
        if size > self._most or size > seconds_left * _BYTES_PER_SECOND:
            return
        common = _common_name(group, any_epochs=True)
        name = f"{common}-{_trials_name(group)}-{group.key.epochs:06d}.ending"
        with suppress(OutputError):  # a full disk costs a longer training, not a study
            write(self._folder / name, final, self._reader.versions)
            self._uncounted += max(size, _LEAST_BYTES)
            if self._uncounted > self._most / _PARTS:
                self._remove_oldest()

    @cached_property
    def _files(self) -> Mapping[str, Sequence[Path]]:
        """Files as they were when first asked for, by how their names begin."""
        files = defaultdict(list)
        for file in self._folder.glob("*.ending"):
            files[file.name.partition("-")[0]].append(file)
        return files

    def _remove_oldest(self) -> None:
        """Removes as many of the oldest as are needed to stay within the limit."""
        self._uncounted = 0
        sizes = []
        for file in self._folder.glob("*.ending"):
            with suppress(OSError):  # another process was faster
                stat = file.stat()
                sizes.append((stat.st_mtime_ns, max(stat.st_size, _LEAST_BYTES), file))
        left = sum(size for _, size, _ in sizes)
        for _, size, file in sorted(sizes):
            if left <= self._most:
                return
            remove_file(file)
            left -= size


_COPIES = 2  # should the newest be damaged, the one before still saves most of the work

Clock = Callable[[], float]

_requested = threading.Event()


def request_checkpoint() -> None:
    """Has this process write a checkpoint as soon as it can, and end."""
    _requested.set()


class Checkpoints:
    """The checkpoints of one group while it is trained.

    Args:
        folder: where they are; None keeps none.
        group: what is trained.
        every: at most so many seconds of work are lost.
        versions: of what trains: checkpoints of another version are not used.
        note: told, in a sentence, of a file that cannot be used.
        clock: seconds from any origin, never backwards.
        endings: from where shorter trainings resume, and where this one is cached; None for
            neither.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> group = Group((Trial(Recipe(hidden=[3]), "data", 10, 0, 0),), 1)
        >>> Checkpoints(Path("no-such-folder"), group, 60.0, {}).latest(lambda state: True)
    """

    def __init__(
        self,
        folder: Path | None,
        group: Group,
        every: float,
        versions: Mapping[str, str],
        note: Note = lambda text: None,
        clock: Clock = time.monotonic,
        endings: FinalStateCache | None = None,
    ) -> None:
        self._folder, self._group, self._every = folder, group, every
        self._reader, self._clock, self._cache = _Reader(versions, note), clock, endings
        self._written = self._offered = clock()
        self._longest = 0.0

    def latest(self, fits: Fits) -> Checkpoint | None:
        """From where the group resumes: its newest checkpoint, else a cached state, or None."""
        state = self._newest(fits)
        if state is None and self._cache is not None and self._group.start_epoch:
            state = self._cache.load(self._group, fits)
        return state

    def _newest(self, fits: Fits) -> Checkpoint | None:
        """The newest checkpoint that holds every trial of the group, or None."""
        if self._folder is None:
            return None
        wanted = {trial.id for trial in self._group.trials}
        for file in reversed(_files(self._folder, _common_name(self._group))):
            state = self._reader.read(file)
            if state and wanted <= set(state.trials) and self._reader.check(file, state, fits):
                return state
        return None

    def offer(self, done: int, state: Callable[[], Checkpoint]) -> None:
        """Writes a checkpoint if waiting for the next offer might lose too much.

        Args:
            done: how far the training is.
            state: gives what is to be written; called only then.

        Raises:
            OutputError: if it cannot be written.
            SystemExit: when one was requested, once it is written.
        """
        now = self._clock()
        self._longest = max(self._longest, now - self._offered)
        self._offered = now
        is_early = now - self._written + self._longest < self._every
        if self._folder is None or (is_early and not _requested.is_set()):
            return
        self._written = now
        name = f"{_own_name(self._group)}-{done:012d}.checkpoint"
        write(self._folder / name, state(), self._reader.versions)
        for file in _files(self._folder, _own_name(self._group))[:-_COPIES]:
            remove_file(file)
        if _requested.is_set():
            raise SystemExit

    def end(self, state: Callable[[], Checkpoint], seconds: float) -> None:
        """Caches the final state, for a training of more epochs."""
        if self._cache is not None and not self._group.stages:  # those had other lanes
            self._cache.save(self._group, state, seconds)

    def load_end(self, trial: Trial, stages: Sequence[Stage]) -> Checkpoint | None:
        """Where a trial ended that was trained through some stages, or None if it is not stored.

        Args:
            trial: with the epochs that it was trained for.
            stages: its own included, which decide its last bits.
        """
        if self._folder is None or not (file := self._folder / _end_name(trial, stages)).exists():
            return None
        state = self._reader.read(file)
        return state if state and state.trials == (trial.id,) else None

    def save_end(self, trial: Trial, stages: Sequence[Stage], state: Checkpoint) -> None:
        """Stores where a trial has ended.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._folder is not None:
            write(self._folder / _end_name(trial, stages), state, self._reader.versions)


CheckpointFactory = Callable[[Group], Checkpoints | None]
"""Makes the checkpoints of a group, or None to keep none."""


class Resumable:
    """A training on its way from and to its checkpoints, the same for every engine.

    Args:
        histories: of all lanes.
        epochs: of the training.
        steps: of an epoch, in whatever unit the engine counts.
        checkpoints: of its group, or None to keep none.

    Attributes:
        done: steps that need not be trained again.
        seconds: what they took.
        places: for each lane, its row in the arrays of the state that was loaded.
    """

    def __init__(
        self,
        histories: Sequence[HistoryRecorder],
        epochs: int,
        steps: int,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.done, self.seconds = 0, 0.0
        self.places: list[int] = []
        self._histories, self._checkpoints = histories, checkpoints
        self._steps, self._total = steps, epochs * steps

    def load(
        self,
        arrays: Callable[[], Mapping[str, Array]],
        start: Callable[[], Checkpoint | None] = lambda: None,
    ) -> Checkpoint | None:
        """Restores the histories from the latest checkpoint, whichever lanes it had then.

        Args:
            arrays: the state at the start, whose types and shapes a checkpoint must have.
            start: gives a state if there is no checkpoint, its `done` in epochs.

        Returns:
            The state from which the engine restores the rest; None to start from nothing.
        """
        state = None
        if self._checkpoints:
            expected = self.checkpoint(0, arrays(), 0.0)
            state = self._checkpoints.latest(lambda candidate: self._fits(candidate, expected))
        if state is None and (first := start()) is not None:
            state = replace(first, done=first.done * self._steps)
        if state is None:
            return None
        self.done, self.seconds = state.done, float(state.more["seconds"])
        self.places = [state.trials.index(history.trial.id) for history in self._histories]
        restore_histories(self._histories, state.arrays, self.places, self.done // self._steps)
        return state

    def offer(self, done: int, arrays: Callable[[], Mapping[str, Array]], seconds: float) -> None:
        """Makes a checkpoint if it is time to and the training is not over.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._checkpoints and done < self._total:
            self._checkpoints.offer(done, lambda: self.checkpoint(done, arrays(), seconds))

    def end(self, done: int, arrays: Callable[[], Mapping[str, Array]], seconds: float) -> None:
        """Caches the final state, for a training of more epochs; arguments as for `offer`."""
        if self._checkpoints:
            self._checkpoints.end(lambda: self.checkpoint(done, arrays(), seconds), seconds)

    def checkpoint(self, done: int, arrays: Mapping[str, Array], seconds: float) -> Checkpoint:
        """All that a training needs to resume, its histories included."""
        trials = tuple(history.trial.id for history in self._histories)
        more = {"seconds": seconds, "segments": self._steps}
        return Checkpoint(trials, done, more, {**arrays, **history_arrays(self._histories)})

    def _fits(self, state: Checkpoint, expected: Checkpoint) -> bool:
        """Whether a state is of this training: not complete, of the same types and shapes."""
        return (
            0 < state.done < self._total
            and state.more.get("segments") == self._steps
            and isinstance(state.more.get("seconds"), int | float)
            and len(state.trials) == len(self._histories)
            and state.holds(expected.arrays)
        )


def remove(folder: Path, group: Group) -> None:
    """Removes a group's checkpoints: all of its trials are stored."""
    for file in _files(folder, _own_name(group)):
        remove_file(file)


def forget(folder: Path, trial: Trial) -> None:
    """Removes where a trial ended: nothing will resume from it."""
    for file in _files(folder, f"{_END}{trial.id}-"):
        remove_file(file)


def clear(folder: Path) -> None:
    """Removes every checkpoint in a folder and, where nothing else is in it, the folder."""
    remove_partial_files(folder)
    for file in _files(folder, ""):
        remove_file(file)
    with suppress(OSError):
        folder.rmdir()


_END = "end-"


def _end_name(trial: Trial, stages: Sequence[Stage]) -> str:
    how = [_FORMAT, *(list(stage) for stage in stages)]
    return f"{_END}{trial.id}-{fingerprint(how)[:12]}.checkpoint"


def _files(folder: Path, beginning: str) -> list[Path]:
    """Checkpoints whose names begin alike, the furthest last."""
    files = folder.glob(f"{beginning}*.checkpoint")
    return sorted(files, key=lambda file: (_number(file), file.name))
