"""The paired t test, its interval, and equivalence by two one-sided tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["PairedT", "on_grid", "or_none", "paired_t", "tost"]

Floats = npt.NDArray[np.float64]

_DECIMALS = 12
"""Of a percentage point, say: far below one image, far above rounding."""


@dataclass(frozen=True, eq=False)
class PairedT:
    """Means of paired differences with their spread and t test; every array of shape (...).

    Attributes:
        pairs: differences that are there.
        mean: their mean; NaN without any.
        spread: their standard deviation with n - 1; NaN with fewer than two.
        p: two-sided p-value of a mean of 0; NaN with fewer than two.
        ci_low: lower end of the interval; NaN with fewer than two.
        ci_high: upper end of the interval; NaN with fewer than two.
    """

    pairs: npt.NDArray[np.int64]
    mean: Floats
    spread: Floats
    p: Floats
    ci_low: Floats
    ci_high: Floats


def paired_t(differences: npt.ArrayLike, confidence: float = 0.95) -> PairedT:
    """Student's t test and interval of the mean of paired differences.

    t = mean / (s / √n) with n - 1 degrees of freedom; the interval is mean ± t* s / √n. The
    result does not depend on the order of the differences, to the last bit, and changes only
    its signs when theirs change. Differences that are all equal have spread 0: the interval has
    no width and p is 0, or 1 where they are 0.

    Args:
        differences: shape (..., replicates); NaN is a pair that is missing.
        confidence: share of intervals that hold the true mean, between 0 and 1.

    Returns:
        One result for each row.

    Reference:
        Student 1908, "The probable error of a mean", Biometrika 6.
    """
    given = np.asarray(differences, np.float64)
    pairs, mean, spread = _moments(given)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = spread / np.sqrt(pairs)
        p = 2 * special.stdtr(pairs - 1.0, -np.abs(mean / error))
        half = special.stdtrit(pairs - 1.0, (1 + confidence) / 2) * error
    few = pairs < 2
    p = np.where(spread == 0, np.where(mean == 0, 1.0, 0.0), p)
    p, half = np.where(few, np.nan, p), np.where(few, np.nan, half)
    return PairedT(pairs, mean, spread, p, mean - half, mean + half)


def on_grid(differences: npt.ArrayLike) -> Floats:
    """Differences rounded so that those equal in images are equal in bits; 0 has no sign."""
    return np.asarray(differences, np.float64).round(_DECIMALS) + 0.0


def or_none(value: float | Floats) -> float | None:
    """A single figure as a plain value: None for the NaN of what cannot be known."""
    return None if math.isnan(value) else float(value)


def tost(differences: npt.ArrayLike, delta: float) -> Floats:
    """Two one-sided t tests of equivalence: a small p says that the mean is within ±delta.

    p is the larger of the p-values of "the mean is at most -delta" and "at least +delta".

    Args:
        differences: shape (..., replicates); NaN is a pair that is missing.
        delta: half the width of what does not matter, above 0, in the differences' unit.

    Returns:
        One p-value for each row; NaN with fewer than two pairs. Without spread it is 0 where the
        mean is within ±delta and 1 where it is not.

    Reference:
        Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power
        approach for assessing the equivalence of average bioavailability", Journal of
        Pharmacokinetics and Biopharmaceutics 15.
    """
    pairs, mean, spread = _moments(np.asarray(differences, np.float64))
    nearer = delta - np.abs(mean)  # the other bound is further away, so its p is smaller
    with np.errstate(divide="ignore", invalid="ignore"):
        p = special.stdtr(pairs - 1.0, -nearer / (spread / np.sqrt(pairs)))
    p = np.where(spread == 0, np.where(nearer > 0, 0.0, 1.0), p)
    return np.where(pairs < 2, np.nan, p)


def _moments(given: Floats) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Number, mean and standard deviation along the last axis, NaN left out."""
    there = np.isfinite(given)
    pairs = there.sum(axis=-1)
    low = np.min(given, axis=-1, where=there, initial=np.inf)
    high = np.max(given, axis=-1, where=there, initial=-np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = _sum(np.where(there, given, 0.0)) / pairs
        # The rounded sum of equal numbers divided by their count need not be that number.
        mean = np.where(low == high, low, mean)
        squares = np.where(there, given - mean[..., None], 0.0) ** 2
        variance = _sum(squares) / (pairs - 1)
    spread = np.where(pairs < 2, np.nan, np.sqrt(np.where(pairs < 2, 0.0, variance)))
    return pairs, mean, spread


def _sum(values: Floats) -> Floats:
    """Correctly rounded sums along the last axis: no order of the terms is preferred."""
    rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
    sums = [math.fsum(row) for row in rows.tolist()]
    return np.array(sums, np.float64).reshape(values.shape[:-1])
