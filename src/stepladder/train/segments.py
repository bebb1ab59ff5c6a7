"""Segments: an epoch that takes long is cut, so that a checkpoint can be made within it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax

__all__ = ["SEGMENT_FLOP", "compiled_segments", "segment_steps"]

SEGMENT_FLOP = 4e11
"""Floating-point operations of a segment: a minute at 7 GFLOP/s, six seconds at 70."""

_FLOP = 6
"""For each weight and example: a multiplication and an addition, forward and twice backward."""


def segment_steps(
    steps: int, batch_size: int, parameters: int, lanes: int, flop: float = SEGMENT_FLOP
) -> int:
    """Steps of each segment of an epoch but the last one.

    It follows from shapes alone and never from a clock, so that a training is cut at the same
    places whenever and wherever it goes on.

    Args:
        steps: full batches of an epoch.
        batch_size: examples of one.
        parameters: trainable numbers of one lane.
        lanes: of the program.
        flop: operations of a segment.

    Returns:
        As many as `steps` where the epoch is not cut, at least 1.
    """
    work = _FLOP * parameters * lanes * batch_size * steps
    return max(1, math.ceil(steps / max(1, math.ceil(work / flop))))


def compiled_segments(
    epoch: Any,  # noqa: ANN401 - JAX has no name for what `jit` gives
    segments: int,
    arguments: Callable[[int], tuple[object, ...]],
) -> dict[bool, Callable[..., Any]]:
    """What trains a segment, by whether it is the last of its epoch.

    Where the last one is as long as the others and no shorter batch comes after it, one program
    does for all, and is compiled once.

    Args:
        epoch: a function that was given to `jax.jit`.
        segments: of an epoch.
        arguments: what it takes for a segment, from 0.
    """
    made: dict[object, Callable[..., Any]] = {}
    found = {}
    for place in sorted({0, segments - 1}):
        given = arguments(place)
        leaves, tree = jax.tree.flatten(given)
        shapes = tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if shapes not in made:
            made[shapes] = epoch.lower(*given).compile()
        found[place == segments - 1] = made[shapes]
    return found
