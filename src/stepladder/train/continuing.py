"""Going on from where trials have ended, in a program of other lanes: survivors of a population.

A trial of 9 epochs whose learning rates do not depend on their number is, up to its third epoch,
the trial of 3 epochs. Where that one ended is kept lane by lane, so that any of its lanes can go
on beside others. A trial's last bits depend on how many lanes its program had in each stage, and
on nothing else of its company.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stepladder.records import Trial
from stepladder.train.checkpoints import Checkpoint, Checkpoints
from stepladder.train.gather import lengthened
from stepladder.train.groups import Group, Stage
from stepladder.train.resuming import NO_LANES

__all__ = ["Ends", "ends_of", "joined", "kept_ends", "stages_of"]

Ends = dict[str, Checkpoint]
"""Where trials ended, by their ids: one lane each, `done` in epochs, `seconds` of the trial."""


def stages_of(group: Group) -> tuple[Stage, ...]:
    """The stages of a group's trials, the one that it trains included."""
    return (*group.before, Stage(group.key.epochs, group.lanes))


def ends_of(state: Checkpoint, epochs: int) -> Ends:
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


def joined(ends: Ends, before: Sequence[Trial], lanes: Sequence[Trial], epochs: int) -> Checkpoint:
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
