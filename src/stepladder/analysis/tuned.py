"""Choosing hyperparameters from validation accuracies, and when a grid must be widened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["at_edges", "best", "mean_at_chance"]

Candidate = tuple[float, ...]
"""One value a tuned field, in the order of the grid."""


def best(
    grid: Sequence[Sequence[float]], accuracies: Mapping[Candidate, Sequence[float]], chance: float
) -> Candidate:
    """The candidate of the highest mean validation accuracy.

    Of candidates that are equally good the one nearest the middle of the grid is taken, so that
    an arm that never learns asks for no wider grid.

    Args:
        grid: rising values of each tuned field.
        accuracies: fractions by candidate, one a replicate; NaN where it diverged.
        chance: the accuracy of guessing, which a diverged replicate counts with.
    """
    return min(
        accuracies, key=lambda each: (-mean_at_chance(accuracies[each], chance), _off(grid, each))
    )


def mean_at_chance(values: Sequence[float], chance: float) -> float:
    """The mean of some accuracies, NaN counted as guessing."""
    finite = [chance if math.isnan(each) else each for each in values]
    return math.fsum(finite) / len(finite)


def _off(grid: Sequence[Sequence[float]], candidate: Candidate) -> tuple[float, Candidate]:
    """How far from the middle of the grid, in steps; the lower of two that are as far."""
    steps = [abs(list(values).index(value) - (len(values) - 1) / 2)
             for values, value in zip(grid, candidate, strict=True)]  # fmt: skip
    return float(np.sum(steps)), candidate


def at_edges(grid: Sequence[Sequence[float]], candidate: Candidate) -> tuple[tuple[int, bool], ...]:
    """The edges that a candidate lies at: places of fields, each with whether it is the upper."""
    return tuple(
        (place, value == values[-1])
        for place, (values, value) in enumerate(zip(grid, candidate, strict=True))
        if value in (values[0], values[-1])
    )
