"""The weights of a population as arrays of a checkpoint; survivors of a rung."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Group
from stepladder.training.history import with_room
from stepladder.training.population.program import Weights
from stepladder.training.serialization import Array, Checkpoint
from stepladder.trials.trial import Trial

LaneStates = dict[str, Checkpoint]
"""Where trials ended, by their ids: one lane each, `done` in epochs, `seconds` of the trial."""


def state_arrays(weights: Weights, lanes: int, replicates: int) -> dict[str, Array]:
    """The weights as arrays with a leading axis of all lanes, also what lanes share."""
    arrays: dict[str, Array] = {}
    for name, leaf in _named(weights).items():
        values = np.asarray(leaf)
        if name.startswith("seeds"):  # one for all lanes of a replicate
            values = np.repeat(values.reshape(replicates, -1), lanes // replicates, axis=0)
        elif replicates > 1:
            values = values.reshape(lanes, *values.shape[2:])
        arrays[name] = values
    return arrays


def restore_weights(arrays: Mapping[str, Array], like: Weights, replicates: int) -> Weights:
    """The weights of `state_arrays`."""
    leaves = {}
    for name, leaf in _named(like).items():
        values = arrays[name]
        if name.startswith("seeds"):
            values = values[:: len(values) // replicates]
        leaves[name] = jnp.array(values.reshape(leaf.shape))
    return Weights(*(
        [leaves[f"{part}.{place}"] for place in range(len(getattr(like, part)))]
        for part in Weights._fields
    ))  # fmt: skip


def _named(weights: Weights) -> dict[str, jax.Array]:
    return {
        f"{part}.{place}": leaf
        for part in Weights._fields
        for place, leaf in enumerate(getattr(weights, part))
    }


def split_lanes(state: Checkpoint, epochs: int) -> LaneStates:
    """Where each lane of a finished training ended; of lanes of one trial, the first."""
    seconds = float(state.more["seconds"]) / len(state.trials)
    ends: LaneStates = {}
    for lane, trial in enumerate(state.trials):
        arrays = {name: array[lane : lane + 1] for name, array in state.arrays.items()}
        ends.setdefault(trial, Checkpoint((trial,), epochs, {"seconds": seconds}, arrays))
    return ends


def merge_lanes(
    ends: LaneStates, before: Sequence[Trial], lanes: Sequence[Trial], epochs: int
) -> Checkpoint:
    """The state of a population whose lanes ended apart.

    Args:
        ends: where trials ended.
        before: for each lane, the trial that it resumes.
        lanes: for each lane, the trial that it becomes.
        epochs: of the training that follows, for which its histories have room.

    Returns:
        The state of all lanes, `done` in epochs.
    """
    states = [ends[trial.id] for trial in before]
    arrays: dict[str, Any] = {
        name: np.concatenate([state.arrays[name] for state in states]) for name in states[0].arrays
    }
    seconds = sum(float(state.more["seconds"]) for state in states)
    trials = tuple(trial.id for trial in lanes)
    return Checkpoint(trials, states[0].done, {"seconds": seconds}, with_room(arrays, epochs))


def load_lanes(group: Group, checkpoints: Checkpoints | None) -> LaneStates | None:
    """Where a group's trials ended before, or None unless that is stored of all of them."""
    ends: LaneStates = {}
    for trial in group.trials:
        end = checkpoints.load_end(trial, group.all_stages) if checkpoints else None
        if end is None:
            return None
        ends[trial.id] = end
    return ends
