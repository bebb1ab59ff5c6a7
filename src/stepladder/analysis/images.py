"""Intervals that speak for new test images too: replicates and images both vary."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.analysis.judged import Interval

__all__ = ["new_images"]


def new_images(
    arm: npt.NDArray[np.bool_],
    other: npt.NDArray[np.bool_] | None = None,
    confidence: float = 0.95,
) -> Interval | None:
    """The interval of a mean accuracy, or of a difference, for new replicates and new images.

    Each entry d of the table of replicates by images is a draw of the model
    d = μ + replicate + image + rest, all random, so that with n replicates, m images and the
    mean squares of a two-way table the mean has variance (MS_replicates + MS_images - MS_rest) /
    (n m), with Satterthwaite's degrees of freedom, but no fewer than min(n, m) - 1: what is taken
    off can leave next to nothing, on next to no degrees of freedom. Where the t interval over
    replicates alone, of variance MS_replicates / (n m), is wider, that is taken: an interval for
    more that varies is never narrower.

    Args:
        arm: whether each image is answered right, shape (replicates, images).
        other: the same of the arm compared with, replicates and images in the same order; the
            interval is then that of the difference.
        confidence: share of intervals that hold the true mean, between 0 and 1.

    Returns:
        The interval in fractions, or None with fewer than two replicates or images.

    Reference:
        Satterthwaite 1946, "An approximate distribution of estimates of variance components",
        Biometrics Bulletin 2; Owen 2007, "The pigeonhole bootstrap", Annals of Applied
        Statistics 1, for why resampling replicates alone is not enough.
    """
    replicates, images = arm.shape
    if replicates < 2 or images < 2:
        return None
    table = arm.astype(np.int8) if other is None else arm.astype(np.int8) - other.astype(np.int8)
    # Sums of whole numbers: exact, so no order of the replicates is preferred.
    by_replicate, by_image = table.sum(axis=1, dtype=np.int64), table.sum(axis=0, dtype=np.int64)
    total, squares = int(by_replicate.sum()), int(np.abs(table).sum(dtype=np.int64))
    of_replicates = _between(by_replicate, total, images)
    of_images = _between(by_image, total, replicates)
    rest = max(squares - total**2 / (replicates * images) - of_replicates - of_images, 0.0)
    mean_squares = (
        of_replicates / (replicates - 1),
        of_images / (images - 1),
        rest / ((replicates - 1) * (images - 1)),
    )
    half = max(
        float(special.stdtrit(degrees, (1 + confidence) / 2)) * math.sqrt(variance)
        for variance, degrees in _errors(mean_squares, replicates, images)
    )
    mean = total / (replicates * images)
    return Interval(mean - half, mean + half)


def _between(sums: npt.NDArray[np.int64], total: int, each: int) -> float:
    """Sum of squares between rows of `each` entries, from their sums."""
    return max(int((sums**2).sum()) / each - total**2 / (each * len(sums)), 0.0)


def _errors(
    mean_squares: tuple[float, float, float], replicates: int, images: int
) -> list[tuple[float, float]]:
    """Variances of the mean with their degrees of freedom: of retraining, and of both."""
    retrained, pictured, rest = mean_squares
    entries, both = replicates * images, retrained + pictured - rest
    found = [(retrained / entries, replicates - 1.0)]
    if both > 0:
        spread = (
            retrained**2 / (replicates - 1)
            + pictured**2 / (images - 1)
            + rest**2 / ((replicates - 1) * (images - 1))
        )
        least = min(replicates, images) - 1.0
        found.append((both / entries, max(both**2 / spread, least)))
    return found
