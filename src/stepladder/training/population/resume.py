"""A population's state to a checkpoint and back; the survivors of a rung."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Group, Stage
from stepladder.training.history import HistoryRecorder, curve_arrays, go_on, lengthened
from stepladder.training.population.program import Sums, Weights
from stepladder.training.serialization import Array, Checkpoint
from stepladder.trials.trial import Trial

NO_LANES = "seeds"  # the one part of the weights that all lanes share


class Resumable:
    """A population's way from and to its checkpoints.

    Attributes:
        done: segments that need not be trained, for a checkpoint holds what came of them.
        seconds: what they took.
    """

    def __init__(
        self,
        gathered: Sequence[HistoryRecorder],
        epochs: int,
        segments: int,
        checkpoints: Checkpoints | None,
        replicates: int | None = None,
        start: Callable[[], Checkpoint | None] = lambda: None,
    ) -> None:
        """A population at its start.

        Args:
            gathered: the curve of each lane, replicate by replicate where several are stacked.
            epochs: of the whole training.
            segments: of an epoch.
            checkpoints: of its group, or None to keep none.
            replicates: that are stacked along a leading axis of every array; None for no such
                axis.
            start: gives where it goes on from if there is no checkpoint, `done` in epochs.
        """
        self.done, self.seconds = 0, 0.0
        self._gathered, self._checkpoints = gathered, checkpoints
        self._all, self._per_epoch = epochs * segments, segments
        self._replicates, self._start = replicates, start

    def resume(self, weights: Weights) -> tuple[Weights, Sums | None]:
        """Sets the curves to where the latest checkpoint stood, whichever lanes it had then.

        Args:
            weights: those at the start.

        Returns:
            The weights, and the sums over the examples of the epoch that was begun, if one was.
        """
        expected = self.state(0, weights, None, 0.0).arrays
        kept = self._checkpoints
        found = kept.latest(lambda each: self._fits(each, expected)) if kept else None
        if found is None:
            start = self._start()
            found = None if start is None else replace(start, done=start.done * self._per_epoch)
        if found is None:
            return weights, None
        self.done, self.seconds = found.done, float(found.more["seconds"])
        places = [found.trials.index(each.trial.id) for each in self._gathered]
        go_on(self._gathered, found.arrays, places, found.done // self._per_epoch)
        names = [*_named(weights), *(f"sums.{part}" for part in Sums._fields)]
        arrays = {
            name: jnp.array(self._placed(name, found.arrays[name], np.array(places)))
            for name in names
        }
        sums = Sums(*(arrays[f"sums.{part}"] for part in Sums._fields))
        return _weights(arrays, weights), sums if found.done % self._per_epoch else None

    def _placed(self, name: str, array: Array, places: npt.NDArray[np.intp]) -> Array:
        """An array of a checkpoint with the lanes that this population has, at their places."""
        if self._replicates is None:
            return array if name.startswith(NO_LANES) else array[places]
        lanes = len(places) // self._replicates
        if name.startswith(NO_LANES):
            return array[places[::lanes] // lanes]
        return array.reshape(len(places), *array.shape[2:])[places].reshape(array.shape)

    def offer(self, done: int, weights: Weights, sums: Sums | None, seconds: float) -> None:
        """Makes a checkpoint if it is time to and the training is not over.

        Args:
            done: segments trained.
            weights: all that they change.
            sums: over the examples of the epoch so far; None between epochs.
            seconds: trained so far.

        Raises:
            OutputError: if it cannot be written.
        """
        if self._checkpoints and done < self._all:
            self._checkpoints.offer(done, lambda: self.state(done, weights, sums, seconds))

    def end(self, done: int, weights: Weights, seconds: float) -> None:
        """Keeps where the training ended, for one of more epochs.

        Args:
            done: segments trained.
            weights: all that they have changed.
            seconds: trained in all.
        """
        if self._checkpoints:
            self._checkpoints.end(lambda: self.state(done, weights, None, seconds), seconds)

    def state(self, done: int, weights: Weights, sums: Sums | None, seconds: float) -> Checkpoint:
        """All that a training needs to go on; arguments as for `offer`."""
        arrays = {name: np.asarray(leaf) for name, leaf in _named(weights).items()}
        for part, leaf in (sums or self._no_sums())._asdict().items():
            arrays[f"sums.{part}"] = np.asarray(leaf)
        arrays |= curve_arrays(self._gathered)
        trials = tuple(each.trial.id for each in self._gathered)
        more = {"seconds": seconds, "segments": self._per_epoch}
        return Checkpoint(trials, done, more, arrays)

    def _no_sums(self) -> Sums:
        none = Sums.none(len(self._gathered))
        if self._replicates is None:
            return none
        rows = self._replicates, len(self._gathered) // self._replicates
        return Sums(*(leaf.reshape(*rows, *leaf.shape[1:]) for leaf in none))

    def _fits(self, found: Checkpoint, expected: Mapping[str, Array]) -> bool:
        """Whether a checkpoint has the kinds and shapes of this population."""
        return (
            0 < found.done < self._all
            and found.more.get("segments") == self._per_epoch
            and len(found.trials) == len(self._gathered)
            and found.is_like(expected)
        )


def _weights(arrays: Mapping[str, jax.Array], like: Weights) -> Weights:
    return Weights(**{
        part: [arrays[f"{part}.{place}"] for place in range(len(getattr(like, part)))]
        for part in Weights._fields
    })  # fmt: skip


def _named(weights: Weights) -> dict[str, jax.Array]:
    return {
        f"{part}.{place}": leaf
        for part in Weights._fields
        for place, leaf in enumerate(getattr(weights, part))
    }


Ends = dict[str, Checkpoint]
"""Where trials ended, by their ids: one lane each, `done` in epochs, `seconds` of the trial."""


def stages_of(group: Group) -> tuple[Stage, ...]:
    """The stages of a group's trials, the one that it trains included."""
    return (*group.before, Stage(group.key.epochs, group.lanes))


def split_lanes(state: Checkpoint, epochs: int) -> Ends:
    """Where each lane of a finished training ended; of lanes of one trial, the first.

    Args:
        state: of all lanes.
        epochs: that were trained.
    """
    seconds = float(state.more["seconds"]) / len(state.trials)
    ends: Ends = {}
    for lane, trial in enumerate(state.trials):
        arrays = {
            name: array if name.startswith(NO_LANES) else array[lane : lane + 1]
            for name, array in state.arrays.items()
        }
        ends.setdefault(trial, Checkpoint((trial,), epochs, {"seconds": seconds}, arrays))
    return ends


def merge_lanes(
    ends: Ends, before: Sequence[Trial], lanes: Sequence[Trial], epochs: int
) -> Checkpoint:
    """The state of a population whose lanes ended apart.

    Args:
        ends: where trials ended.
        before: for each lane, the trial that it goes on from.
        lanes: for each lane, the trial that it becomes.
        epochs: of the whole training, for which its curves are made.

    Returns:
        The state of all lanes, `done` in epochs.
    """
    found = [ends[trial.id] for trial in before]
    arrays: dict[str, Any] = {}
    for name, array in found[0].arrays.items():
        if name.startswith(NO_LANES):  # all lanes of a replicate share them
            arrays[name] = array
            continue
        arrays[name] = np.concatenate([each.arrays[name] for each in found])
    arrays = lengthened(arrays, epochs)
    seconds = sum(float(each.more["seconds"]) for each in found)
    trials = tuple(trial.id for trial in lanes)
    return Checkpoint(trials, found[0].done, {"seconds": seconds}, arrays)


def kept_ends(group: Group, checkpoints: Checkpoints | None) -> Ends | None:
    """Where a group's trials ended before, or None unless that is kept of all of them."""
    if checkpoints is None:
        return None
    found: Ends = {}
    for trial in group.trials:
        end = checkpoints.end_of(trial, stages_of(group))
        if end is None:
            return None
        found[trial.id] = end
    return found
