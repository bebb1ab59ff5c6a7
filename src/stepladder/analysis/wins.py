"""How often an arm beats another on the same replicate, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["WinShare", "win_share"]

Floats = npt.NDArray[np.float64]

_HALVINGS = 60  # of an interval of width 2: below the rounding of a double


@dataclass(frozen=True, eq=False)
class WinShare:
    """P(A > B), ties counted half; every array of shape (...).

    Attributes:
        share: of the pairs; NaN without a pair.
        low: lower end of the interval; NaN without a pair.
        high: its upper end; NaN without a pair.
    """

    share: Floats
    low: Floats
    high: Floats


def win_share(differences: npt.ArrayLike, confidence: float = 0.95) -> WinShare:
    """The share of pairs that an arm wins, with the score interval for paired proportions.

    With b wins, c losses and n pairs, P(A > B) + P(A = B) / 2 is (1 + θ) / 2 for
    θ = (b - c) / n. The interval holds every θ that Tango's score test does not reject,
    |b - c - n θ| ≤ z √(n (2 q + θ (1 - θ))), where q is the likeliest share of losses under θ.
    Without ties this is Wilson's interval of b out of n. It stays within 0…1 and has a width
    also where all pairs are won.

    Args:
        differences: shape (..., replicates); above 0 is a win, NaN a pair that is missing.
        confidence: share of intervals that hold the true share, between 0 and 1.

    Returns:
        One result for each row. Swapping the arms gives 1 minus the share and the ends.

    Reference:
        Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks",
        MLSys, for the quantity; Tango 1998, "Equivalence test and confidence interval for the
        difference in proportions for the paired-sample design", Statistics in Medicine 17.
    """
    given = np.asarray(differences, np.float64)
    pairs = np.isfinite(given).sum(axis=-1).astype(np.float64)
    wins = (given > 0).sum(axis=-1).astype(np.float64)
    losses = (given < 0).sum(axis=-1).astype(np.float64)
    there = pairs > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (wins + (pairs - wins - losses) / 2) / pairs
    z = float(special.ndtri((1 + confidence) / 2))
    count = np.where(there, pairs, 1.0)
    low = (1 + _lower(wins, losses, count, z)) / 2
    high = (1 - _lower(losses, wins, count, z)) / 2
    return WinShare(share, np.where(there, low, np.nan), np.where(there, high, np.nan))


def _lower(wins: Floats, losses: Floats, pairs: Floats, z: float) -> Floats:
    """The smallest θ that is not rejected, found by halving between -1 and the estimate."""
    low, high = np.full(pairs.shape, -1.0), (wins - losses) / pairs
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        rejected = wins - losses - pairs * middle > z * np.sqrt(
            _variance(middle, wins, losses, pairs)
        )
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    return high


def _variance(theta: Floats, wins: Floats, losses: Floats, pairs: Floats) -> Floats:
    """Variance of wins less losses where the shares are the likeliest that differ by θ."""
    b = -wins - losses + (2 * pairs - wins + losses) * theta
    c = -losses * theta * (1 - theta)
    root = np.sqrt(np.maximum(b * b - 8 * pairs * c, 0.0))
    q = np.maximum((root - b) / (4 * pairs), 0.0)
    return np.asarray(np.maximum(pairs * (2 * q + theta * (1 - theta)), 0.0))
