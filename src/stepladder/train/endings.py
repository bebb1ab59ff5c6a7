"""Endings: the final states of trainings, from which trainings of more epochs go on.

They are files like checkpoints, in a folder of this machine's cache, and found by what was
trained without the number of its epochs. Only a training whose every step would be the same had
it been longer is kept: see `schedule.goes_on`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from stepladder.errors import OutputError
from stepladder.records import Trial
from stepladder.train.gather import lengthened
from stepladder.train.groups import Group
from stepladder.train.schedule import goes_on
from stepladder.train.state_files import (
    Checkpoint,
    head,
    number,
    read,
    remove_file,
    shared,
    write,
)
from stepladder.values import fingerprint

__all__ = ["SHARE", "Endings", "shortened"]

SHARE = 0.01
"""Of a training's time, what writing its ending may take."""

_BYTES_A_SECOND = 5e7
_SECONDS_A_FILE = 0.01

_LEAST = 2**16
"""Bytes that a file counts for at least, so that small ones never become too many."""

_PARTS = 20  # endings are counted again after so much of what they may take was written


class Endings:
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
            wanted = {shortened(trial, epochs).id for trial in group.trials}
            if epochs < group.key.epochs and wanted <= set(said.trials):
                found.append(epochs)
        return sorted(set(found), reverse=True)

    def of(self, group: Group, fits: Callable[[Checkpoint], bool]) -> Checkpoint | None:
        """Where a group stood after `group.after` epochs, or None where no such ending is whole.

        Args:
            group: whose trials have more epochs.
            fits: says whether its arrays are of the kinds and shapes that the training has.
        """
        names = {shortened(trial, group.after).id: trial.id for trial in group.trials}
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


def shortened(trial: Trial, epochs: int) -> Trial:
    """The same trial over another number of epochs."""
    return replace(trial, recipe=trial.recipe.changed({"epochs": epochs}))
