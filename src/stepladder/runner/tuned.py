"""What tuning came to: candidates and what was chosen, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.tuning import Grid

__all__ = ["ArmTuning", "TriedValues", "Tuned"]


@dataclass(frozen=True)
class TriedValues:
    """One candidate of one arm.

    Attributes:
        values: one a tuned field, in the order of the grid.
        accuracies: on the validation part, fractions, one a tuning replicate; NaN where diverged.
        mean: of the accuracies, diverged ones at the accuracy of guessing.
    """

    values: tuple[float, ...]
    accuracies: tuple[float, ...]
    mean: float


@dataclass(frozen=True)
class ArmTuning:
    """The candidates of one arm.

    Attributes:
        arm: its name.
        tried: every candidate, in the order of the grid.
        chosen: the values of the best.
        declared: the values that a fixed study would keep.
        at_edge: fields whose best value lies at the edge of the last grid, so that a better one
            may lie beyond.
    """

    arm: str
    tried: tuple[TriedValues, ...]
    chosen: tuple[float, ...]
    declared: tuple[float, ...]
    at_edge: tuple[str, ...]


@dataclass(frozen=True)
class Tuned:
    """How the arms of a fair study were tuned, each with the same candidates.

    Attributes:
        grid: the last grid, the same for every arm.
        first: the values of the grid that was begun with.
        widenings: how often it was widened.
        replicates: on which each candidate was tried.
        epochs: of each candidate.
        arms: one an arm, in the order of the design.
        trials: trained for it.
        seconds: of training, all trials added up.
    """

    grid: Grid
    first: Grid
    widenings: int
    replicates: int
    epochs: int
    arms: tuple[ArmTuning, ...]
    trials: int
    seconds: float

    @property
    def fields(self) -> tuple[str, ...]:
        """The tuned fields."""
        return tuple(self.grid)
