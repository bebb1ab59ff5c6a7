"""Could a published figure come from here: the interval for new runs, given some replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import special

from stepladder.analysis.checks import as_fractions, check_share
from stepladder.analysis.paired import paired_t
from stepladder.errors import InputError

__all__ = [
    "LEAST",
    "Finding",
    "Prediction",
    "RowVerdict",
    "finding",
    "prediction",
    "verdict",
]

LEAST = 5
"""Replicates from which on a reading is judged.

With n replicates the interval reaches t* √(1 + 1/n) spreads to either side: 15.6 at 2, 5.0 at 3,
3.0 at 5, 2.0 without end, so that with few of them a figure within it says little. Nor is one
outside it safely excluded: where scores come in two lumps, the interval from two replicates holds a
new run in 73 % of cases instead of 95, that from three in 87, and that from five in 96.
"""

_ROUNDING = 1e-9  # a figure at the very end of an interval is within it

Finding = Literal["fits", "excluded", "too few replicates"]
RowVerdict = Literal["reproduced", "not reproduced", "cannot be told"]


@dataclass(frozen=True)
class Prediction:
    """What new runs of a recipe are expected to give.

    Attributes:
        n: replicates that are finite.
        mean: of them, a fraction; NaN without one.
        spread: their standard deviation with n - 1; None with fewer than two.
        low: lower end of the interval, never below 0; None with fewer than two.
        high: its upper end, never above 1; None with fewer than two.
        runs: new runs whose mean the interval is for.
    """

    n: int
    mean: float
    spread: float | None
    low: float | None
    high: float | None
    runs: int

    def reaches(self, reported: float, tolerance: float) -> bool:
        """Whether a figure, rounded by at most a tolerance, is within the interval.

        Args:
            reported: a fraction.
            tolerance: what it may have been rounded by, a fraction.
        """
        if self.low is None or self.high is None:
            return False
        slack = tolerance + _ROUNDING
        return self.low - slack <= reported <= self.high + slack


def prediction(values: Sequence[float], runs: int = 1, confidence: float = 0.95) -> Prediction:
    """The interval that holds the mean of m new runs, given n replicates of the same recipe.

    x̄ ± t* s √(1/n + 1/m) with n - 1 degrees of freedom: the replicates' mean and the new runs'
    mean are both off the true one, by s/√n and s/√m. It takes spreads for normal.

    Args:
        values: accuracies as fractions in 0…1, one a replicate, NaN where it diverged.
        runs: m, the runs that a published figure is the mean of.
        confidence: share of intervals that hold the new mean, between 0 and 1.

    Raises:
        InputError: if a value is outside 0…1, there are no runs, or the confidence is not between
            0 and 1.

    Reference:
        Meeker, Hahn & Escobar 2017, "Statistical Intervals", 2nd edition, section 4.7; Patil, Peng
        & Leek 2016, "What should researchers expect when they replicate studies?", Perspectives
        on Psychological Science 11, for its use on published figures.

    Example:
        >>> found = prediction([0.970, 0.972, 0.971, 0.969, 0.973])
        >>> f"{found.mean:.3f}: {found.low:.4f} to {found.high:.4f}"
        '0.971: 0.9662 to 0.9758'
    """
    check_share(confidence, "confidence", 0.95)
    if runs < 1:
        raise InputError(f"runs must be 1 or more, found {runs}; write 1 for a single run")
    t = paired_t(as_fractions(values, "accuracies"), confidence)
    n, mean, spread = int(t.pairs), float(t.mean), float(t.spread)
    if n < 2:
        return Prediction(n, mean, None, None, None, runs)
    reach = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * spread
    half = reach * math.sqrt(1 / n + 1 / runs)
    return Prediction(n, mean, spread, max(mean - half, 0.0), min(mean + half, 1.0), runs)


def finding(
    found: Prediction, reported: float, tolerance: float = 0.0, diverged: int = 0
) -> Finding:
    """Whether a published figure could come from a recipe.

    Args:
        found: what new runs of it are expected to give.
        reported: the figure, a fraction.
        tolerance: what it may have been rounded by.
        diverged: replicates without a figure; where all are, no figure comes from there.
    """
    if found.n + diverged < LEAST or 0 < found.n < LEAST:
        return "too few replicates"
    return "fits" if found.reaches(reported, tolerance) else "excluded"


def verdict(findings: Sequence[Finding]) -> RowVerdict:
    """What a row's readings come to together.

    Any reading that fits reproduces it; if none does it is not reproduced, but only once every
    reading is excluded. A row without a reading cannot be told.
    """
    if "fits" in findings:
        return "reproduced"
    if findings and all(each == "excluded" for each in findings):
        return "not reproduced"
    return "cannot be told"
