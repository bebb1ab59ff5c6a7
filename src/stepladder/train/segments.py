"""Segments: an epoch that takes long is cut, so that a checkpoint can be made within it."""

from __future__ import annotations

import math

__all__ = ["SEGMENT_FLOP", "segment_steps"]

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
