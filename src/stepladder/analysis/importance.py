"""How much of the order of a search's candidates one hyperparameter explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Importance", "binned", "importance"]

BINS = 5
LEAST_IN_A_BIN = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Importance:
    """What one hyperparameter explains alone.

    Attributes:
        share: of the variance of ranks, 0…1, corrected for what chance explains; NaN where
            there is too little to tell by.
        p: of no connection at all (Kruskal-Wallis); NaN likewise.
        candidates: that it was drawn for.
    """

    share: float
    p: float
    candidates: int


def importance(groups: Sequence[int], outcomes: npt.ArrayLike) -> Importance:
    """The share of the variance of outcomes' ranks that lies between groups.

    η² = (H - k + 1) / (n - k) with Kruskal and Wallis' H of k groups, corrected for ties; below
    0, which chance gives every other time where nothing is there, it is 0. Ranks keep a few
    candidates that failed from deciding everything. It sees what a hyperparameter does alone,
    averaged over the others: what two do together only, it does not see.

    Args:
        groups: for each candidate the bin or choice that its value falls into.
        outcomes: one a candidate, larger is better.

    Reference:
        Kruskal & Wallis 1952, "Use of ranks in one-criterion variance analysis", JASA 47;
        Tomczak & Tomczak 2014, "The need to report effect size estimates revisited", Trends in
        Sport Sciences 21.
    """
    labels, values = np.asarray(groups), np.asarray(outcomes, np.float64)
    count, kinds = len(values), np.unique(labels)
    if len(kinds) < 2 or count <= len(kinds):
        return Importance(float("nan"), float("nan"), count)
    ranks, ties = _ranks(values)
    correction = 1 - float((ties**3 - ties).sum()) / (count**3 - count)
    if correction <= 0:  # every outcome is the same
        return Importance(0.0, 1.0, count)
    between = sum(float(ranks[labels == kind].sum()) ** 2 / float((labels == kind).sum())
                  for kind in kinds)  # fmt: skip
    h = (12 / (count * (count + 1)) * between - 3 * (count + 1)) / correction
    share = (h - len(kinds) + 1) / (count - len(kinds))
    p = float(special.chdtrc(len(kinds) - 1, max(h, 0.0)))
    return Importance(min(max(share, 0.0), 1.0), p, count)


def binned(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Numbers in bins of about as many each, at most five; equal numbers share one.

    Args:
        values: numbers, finite.

    Returns:
        The bin of each, from 0.
    """
    numbers = np.asarray(values, np.float64)
    bins = min(BINS, len(numbers) // LEAST_IN_A_BIN)
    if bins < 2:
        return np.zeros(len(numbers), np.int64)
    edges = np.quantile(numbers, np.arange(1, bins) / bins)
    return np.searchsorted(np.unique(edges), numbers, side="left").astype(np.int64)


def _ranks(values: Floats) -> tuple[Floats, Floats]:
    """Ranks from 1, the mean of them where values are equal, and how many each tie has."""
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    return (last - (ties - 1) / 2)[place], ties.astype(np.float64)
