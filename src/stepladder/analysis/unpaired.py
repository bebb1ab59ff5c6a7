"""Two samples that have no pairs: Welch's interval of the difference of their means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from stepladder.analysis.readout import Spread

__all__ = ["welch"]


def welch(ours: Sequence[float], theirs: Sequence[float], confidence: float = 0.95) -> Spread:
    """The difference of two means with Welch's t interval, which supposes no equal spread.

    Args:
        ours: values of one sample; NaN is left out.
        theirs: those of the other.
        confidence: of the interval.

    Returns:
        The mean of ours less the mean of theirs, in their unit; NaN where either is empty, and
        without ends where either has fewer than two values.

    Reference:
        Welch 1947, "The generalization of Student's problem when several different population
        variances are involved", Biometrika 34.
    """
    one, two = (np.asarray(each, float) for each in (ours, theirs))
    one, two = one[np.isfinite(one)], two[np.isfinite(two)]
    if not len(one) or not len(two):
        return Spread(float("nan"), None, None)
    mean = float(one.mean() - two.mean())
    if len(one) < 2 or len(two) < 2:
        return Spread(mean, None, None)
    parts = [float(each.var(ddof=1)) / len(each) for each in (one, two)]
    error = sum(parts)
    if error == 0:
        return Spread(mean, mean, mean)
    freedom = error**2 / sum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (one, two), strict=True)
    )
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error**0.5
    return Spread(mean, mean - half, mean + half)
