"""Measuring how replicates of a structure are best put together on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable

import jax

from stepladder.train.groups import Axis, Group, Stacking
from stepladder.train.population import PopulationEngine
from stepladder.train.state import Sums

__all__ = ["measured"]

AXES: tuple[Axis, ...] = ("one", "map", "vmap")
_TIMES = 3


def measured(engine: PopulationEngine, group: Group) -> dict[Axis, float]:
    """Seconds of a trial·epoch for each way to put a group's replicates together.

    The fastest of a few epochs each, compiling left out.

    Args:
        engine: which holds the examples.
        group: two replicates or more; short epochs of them will do.
    """
    trials = group.lanes * len(group.rows)
    return {axis: _fastest(_epochs(engine, group, axis)) / trials for axis in AXES}


def _epochs(engine: PopulationEngine, group: Group, axis: Axis) -> Callable[[], list[Sums]]:
    """What trains an epoch of every replicate."""
    rows = group.rows
    if axis == "one":
        trainings = [engine.begin(row) for row in rows]
        return lambda: [training.epoch(0) for training in trainings]
    stack = engine.begin_stacked(Group(group.trials, group.lanes, Stacking(axis, len(rows))))
    return lambda: [stack.epoch(0)]


def _fastest(epochs: Callable[[], list[Sums]]) -> float:
    seconds = []
    for _ in range(1 + _TIMES):  # the first one warms up
        began = time.perf_counter()
        jax.block_until_ready(epochs())  # type: ignore[no-untyped-call]
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
