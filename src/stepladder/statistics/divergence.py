"""How often trainings diverge: rates compared as an outcome of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from stepladder.statistics.corrections import holm
from stepladder.statistics.intervals import win_share

Diverged = tuple[Sequence[bool], Sequence[bool]]
"""Whether each replicate of an arm, and of the arm it is compared with, diverged."""


@dataclass(frozen=True)
class DivergenceDifference:
    """How often an arm diverges against the arm that it is compared with.

    Attributes:
        pairs: replicates that were trained in both arms.
        arm: those of them in which the arm diverged.
        other: those in which the other did.
        difference: of the two shares, -1…1; above 0 where the arm diverges more often.
        ci_low: lower end of its 95 % interval (Tango).
        ci_high: upper end.
        p: two-sided, of McNemar's exact test.
        p_adjusted: the same after Holm's correction over the study's comparisons.
        either: replicates in which one of the two diverged, or both.
    """

    pairs: int
    arm: int
    other: int
    difference: float
    ci_low: float
    ci_high: float
    p: float
    p_adjusted: float
    either: int


def divergence_differences(diverged: Mapping[str, Diverged]) -> dict[str, DivergenceDifference]:
    """Divergence rates of a study's comparisons, those in which nothing diverged left out.

    Only replicates in which one arm diverged and the other did not tell the two apart: of such a
    number each side is as likely as the other if the arms are equal.

    Args:
        diverged: by the name of the arm, over the replicates that were trained in both.

    Reference:
        McNemar 1947, "Note on the sampling error of the difference between correlated proportions
        or percentages", Psychometrika 12; Tango 1998, Statistics in Medicine 17.

    Example:
        >>> found = divergence_differences({"SGD": ([True] * 6 + [False] * 4, [False] * 10)})
        >>> found["SGD"].difference, found["SGD"].p
        (0.6, 0.03125)
    """
    sides = {name: np.asarray(sides, np.float64) for name, sides in diverged.items()}
    p_values = np.array([_mcnemar(*side) for side in sides.values()])
    adjusted = holm(p_values) if len(p_values) else p_values
    found = {}
    for (name, (arm, other)), p, p_adjusted in zip(sides.items(), p_values, adjusted, strict=True):
        if not (arm.any() or other.any()):
            continue
        share = win_share((arm - other)[None, :])
        low, high = 2 * float(share.low[0]) - 1, 2 * float(share.high[0]) - 1
        found[name] = DivergenceDifference(
            len(arm), int(arm.sum()), int(other.sum()), float((arm - other).mean()),
            low, high, float(p), float(p_adjusted), int(np.maximum(arm, other).sum()),
        )  # fmt: skip
    return found


def _mcnemar(arm: np.ndarray, other: np.ndarray) -> float:
    only, only_other = int((arm > other).sum()), int((other > arm).sum())
    unlike = only + only_other
    return min(1.0, 2 * float(special.bdtr(min(only, only_other), unlike, 0.5))) if unlike else 1.0
