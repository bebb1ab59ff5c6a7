"""What the best of a number of candidates is expected to be, from one search's candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["ExpectedBest", "expected_best"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExpectedBest:
    """The expected best of n candidates, for rising n; all arrays of one length.

    Attributes:
        trials: n.
        mean: expected best value.
        spread: standard deviation of the best over which n candidates were drawn.
    """

    trials: npt.NDArray[np.int64]
    mean: Floats
    spread: Floats


def expected_best(values: npt.ArrayLike, points: int = 64) -> ExpectedBest:
    """The expected best of n of some candidates, drawn without replacement, for n from 1 to all.

    E[best of n] = Σ v₍ᵢ₎ C(i-1, n-1) / C(N, n) over the sorted values: the mean over every
    subset of n. It is unbiased for candidates that were drawn independently of each other; the
    estimator of Dodge et al., which draws with replacement, is too low. For candidates of a
    sampler that learns, or thinned out, it describes this search alone.

    Args:
        values: one a candidate, finite.
        points: numbers n at most, evenly spaced on a logarithmic scale.

    Returns:
        The curve; empty without a value.

    Reference:
        Dodge et al. 2019, "Show your work: improved reporting of experimental results", EMNLP;
        Tang et al. 2020, "Showing your work doesn't always work", ACL, section 3.
    """
    rising = np.sort(np.asarray(values, np.float64))
    count = len(rising)
    if not count:
        return ExpectedBest(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    chosen = np.unique(np.round(np.geomspace(1, count, min(points, count))).astype(np.int64))
    if count <= points:
        chosen = np.arange(1, count + 1)
    place = np.arange(1, count + 1)[None, :]
    size = chosen[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.exp(
            _log_choose(place - 1, size - 1) - _log_choose(np.full_like(place, count), size)
        )
    weights = np.where(place >= size, weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)  # their sum is 1 but for rounding
    mean = weights @ rising
    squares = (weights * (rising[None, :] - mean[:, None]) ** 2).sum(axis=1)
    return ExpectedBest(chosen, mean, np.sqrt(squares))


def _log_choose(of: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> Floats:
    found: Floats = (
        special.gammaln(of + 1.0) - special.gammaln(size + 1.0)
        - special.gammaln(np.maximum(of - size, 0) + 1.0)
    )  # fmt: skip
    return found
