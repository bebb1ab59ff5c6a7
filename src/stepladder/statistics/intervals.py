"""Intervals: means, new test examples, share of wins, prediction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.errors import InputError
from stepladder.statistics.paired import paired_t
from stepladder.statistics.results import (
    SAME_TEST,
    Bools,
    Estimate,
    Floats,
    Interval,
    as_fractions,
    check_share,
)
from stepladder.study.metrics import METRICS, Metric


def estimate(
    values: Sequence[float],
    confidence: float = 0.95,
    metric: Metric = METRICS["accuracy"],
    overlap: float = 0.0,
    speaks_for: str = SAME_TEST,
) -> Estimate:
    """The mean of an arm's scores and the t interval of that mean.

    mean ± t* s / √n over the finite values. The ends are cut to the metric's bounds, such as 0…1:
    a mean accuracy cannot lie beyond, so an interval that is cut holds it exactly as often as one
    that is not. An end at 0 or 1 says that the spread is too large for a symmetric interval to
    describe. Values that are all equal give an interval of no width, which says only that no
    spread was seen.

    Args:
        values: of the metric, one a replicate, NaN where it diverged.
        confidence: share of intervals that hold the true mean, between 0 and 1.
        metric: accuracies, fractions in 0…1, unless another one is given.
        overlap: test examples per training example, of parts that overlap; see `paired_t`.
        speaks_for: which examples and trainings the interval is for.

    Returns:
        The estimate, with all values in their order.

    Raises:
        InputError: if a value is not a number or outside the bounds, or the confidence is not
            between 0 and 1.

    Example:
        >>> result = estimate([0.971, 0.973, 0.972])
        >>> f"{result.mean:.3f} [{result.ci_low:.4f}, {result.ci_high:.4f}]"
        '0.972 [0.9695, 0.9745]'
    """
    check_share(confidence, "confidence", 0.95)
    fractions = as_fractions(values, "accuracies" if metric.is_fraction else "scores", metric)
    t = paired_t(fractions, confidence, overlap)
    mean, all_values = float(t.mean), tuple(fractions.tolist())
    if t.pairs < 2:
        return Estimate(mean, None, None, all_values, speaks_for=speaks_for)
    low, high = metric.bounds
    ends = max(float(t.ci_low), low), min(float(t.ci_high), high)
    return Estimate(mean, *ends, all_values, speaks_for=speaks_for)


def new_images_interval(
    arm: Bools | npt.NDArray[np.float32],
    other: Bools | npt.NDArray[np.float32] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval | None:
    """The 95 % interval of a mean accuracy, or of a difference, for new replicates and images.

    Each entry d of the table of replicates by images is a draw of the model
    d = μ + replicate + image + rest, all random, so that with n replicates, m images and the
    mean squares of a two-way table the mean has variance (MS_replicates + MS_images - MS_rest) /
    (n m), with Satterthwaite's degrees of freedom, but no fewer than min(n, m) - 1: what is taken
    off can leave next to nothing, on next to no degrees of freedom. Where the t interval over
    replicates alone, of variance MS_replicates / (n m), is wider, that is taken: an interval for
    more that varies is never narrower.

    A t interval needs many images that vary. Where m over the excess kurtosis of their means is
    below `FEW_IMAGES`, or none varies, the interval also spans Wilson's of m images, or of a
    difference Tango's, in which an image counts as the mean of its replicates. So it always has a
    width.

    Args:
        arm: whether each image is answered right, or another metric of which the score is the
            mean, shape (replicates, images).
        other: the same of the arm compared with, replicates and images in the same order; the
            interval is then that of the difference.
        bounds: the least and the largest value of one image; where one is infinite, the furthest
            value that was seen stands for it.

    Returns:
        The interval in the values' own unit, or None with fewer than two replicates or images, and
        where all values are equal and nothing bounds them.

    Reference:
        Satterthwaite 1946, "An approximate distribution of estimates of variance components",
        Biometrics Bulletin 2; Owen 2007, "The pigeonhole bootstrap", Annals of Applied
        Statistics 1, for why resampling replicates alone is not enough; Wilson 1927 and Tango
        1998 for few images.

    Example:
        >>> new_images_interval(np.ones((5, 50), bool))  # 50 images, always right
        Interval(low=0.92865..., high=1.0)
    """
    replicates, images = arm.shape
    if replicates < 2 or images < 2:
        return None
    # Sums of whole numbers are exact, so that no order of the replicates is preferred.
    kind, sums = (np.int8, np.int64) if arm.dtype == np.bool_ else (np.float64, np.float64)
    table = arm.astype(kind) if other is None else arm.astype(kind) - other.astype(kind)
    by_replicate, by_image = table.sum(axis=1, dtype=sums), table.sum(axis=0, dtype=sums)
    total, squares = by_replicate.sum().item(), np.square(table).sum(dtype=sums).item()
    of_replicates = _squares_between(by_replicate, total, images)
    of_images = _squares_between(by_image, total, replicates)
    rest = max(squares - total**2 / (replicates * images) - of_replicates - of_images, 0.0)
    mean_squares = (
        of_replicates / (replicates - 1),
        of_images / (images - 1),
        rest / ((replicates - 1) * (images - 1)),
    )
    half = max(
        float(special.stdtrit(degrees, 0.975)) * math.sqrt(variance)
        for variance, degrees in _variances(mean_squares, replicates, images)
    )
    mean = total / (replicates * images)
    wide = Interval(mean - half, mean + half)
    if images >= FEW_IMAGES * _excess_kurtosis(by_image):
        return wide
    low, high = _range_of(bounds, arm, arm if other is None else other)
    if low == high:
        return None
    means, z = by_image / replicates, float(special.ndtri(0.975))
    score = (
        _wilson((means - low) / (high - low), z)
        if other is None
        else _tango(means / (high - low), z)
    )
    start, scale = (low if other is None else 0.0), high - low
    ends = Interval(start + scale * score.low, start + scale * score.high)
    return Interval(min(wide.low, ends.low), max(wide.high, ends.high))


FEW_IMAGES = 40
"""Images that vary, below which a t interval over images is not trusted.

The excess kurtosis of values of which a rare share p differs is about 1/p, so that m images over it
are about as many as differ. Of normal values it is 0.
"""


def _excess_kurtosis(values: Floats | npt.NDArray[np.int64]) -> float:
    """The fourth moment over the squared second, less 3; infinite where all values are equal."""
    squares = (values - values.mean()) ** 2
    if not squares.any():
        return math.inf
    return float(len(squares) * (squares**2).sum() / squares.sum() ** 2) - 3


def _range_of(bounds: tuple[float, float], *tables: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = bounds
    if not math.isfinite(low):
        low = min(float(table.min()) for table in tables)
    if not math.isfinite(high):
        high = max(float(table.max()) for table in tables)
    return low, high


def _wilson(shares: Floats, z: float) -> Interval:
    """Wilson's interval of the mean of values in 0…1, which vary at most as 0 and 1 do."""
    count, share = len(shares), min(max(math.fsum(shares) / len(shares), 0.0), 1.0)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    size = 1 + z * z / count
    return Interval(max((middle - half) / size, 0.0), min((middle + half) / size, 1.0))


def _tango(differences: Floats, z: float) -> Interval:
    """Tango's interval of the mean of differences in -1…1, which count as parts of wins, losses."""
    sides = np.maximum(differences, 0.0), np.maximum(-differences, 0.0)
    wins = np.array([math.fsum(side) for side in sides])
    low, high = _lower_end(wins, wins[::-1], np.full(2, float(len(differences))), z)
    return Interval(float(low), -float(high))


def _squares_between(sums: npt.NDArray[np.int64], total: int, entries: int) -> float:
    """Sum of squares between rows of some entries, from their sums."""
    return max(int((sums**2).sum()) / entries - total**2 / (entries * len(sums)), 0.0)


def _variances(
    mean_squares: tuple[float, float, float], replicates: int, images: int
) -> list[tuple[float, float]]:
    """Variances of the mean with their degrees of freedom: of retraining, and of both."""
    of_replicates, of_images, rest = mean_squares
    entries, both = replicates * images, of_replicates + of_images - rest
    variances = [(of_replicates / entries, replicates - 1.0)]
    if both > 0:
        spread = (
            of_replicates**2 / (replicates - 1)
            + of_images**2 / (images - 1)
            + rest**2 / ((replicates - 1) * (images - 1))
        )
        least = min(replicates, images) - 1.0
        variances.append((both / entries, max(both**2 / spread, least)))
    return variances


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


def win_share(differences: npt.ArrayLike) -> WinShare:
    """The share of pairs that an arm wins, with the 95 % score interval for paired proportions.

    With b wins, c losses and n pairs, P(A > B) + P(A = B) / 2 is (1 + θ) / 2 for
    θ = (b - c) / n. The interval holds every θ that Tango's score test does not reject,
    |b - c - n θ| ≤ z √(n (2 q + θ (1 - θ))), where q is the likeliest share of losses under θ.
    Without ties this is Wilson's interval of b out of n. It stays within 0…1 and has a width
    also where all pairs are won.

    Args:
        differences: shape (..., replicates); above 0 is a win, NaN a pair that is missing.

    Returns:
        One result for each row. Swapping the arms gives 1 minus the share and the ends.

    Reference:
        Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks",
        MLSys, for the quantity; Tango 1998, "Equivalence test and confidence interval for the
        difference in proportions for the paired-sample design", Statistics in Medicine 17.

    Example:
        >>> float(win_share([0.2, 0.1, 0.0, -0.1]).share)
        0.625
    """
    values = np.asarray(differences, np.float64)
    pairs = np.isfinite(values).sum(axis=-1).astype(np.float64)
    wins = (values > 0).sum(axis=-1).astype(np.float64)
    losses = (values < 0).sum(axis=-1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (wins + (pairs - wins - losses) / 2) / pairs
    z = float(special.ndtri(0.975))
    count = np.where(pairs > 0, pairs, 1.0)
    low = (1 + _lower_end(wins, losses, count, z)) / 2
    high = (1 - _lower_end(losses, wins, count, z)) / 2
    return WinShare(share, np.where(pairs > 0, low, np.nan), np.where(pairs > 0, high, np.nan))


def _lower_end(wins: Floats, losses: Floats, pairs: Floats, z: float) -> Floats:
    """The smallest θ that is not rejected, found by halving between -1 and the estimate."""
    low, high = np.full(pairs.shape, -1.0), (wins - losses) / pairs
    for _ in range(_HALVINGS):
        theta = (low + high) / 2
        # Variance of wins less losses where the shares are the likeliest that differ by θ.
        b = -wins - losses + (2 * pairs - wins + losses) * theta
        c = -losses * theta * (1 - theta)
        root = np.sqrt(np.maximum(b * b - 8 * pairs * c, 0.0))
        q = np.maximum((root - b) / (4 * pairs), 0.0)
        variance = np.maximum(pairs * (2 * q + theta * (1 - theta)), 0.0)
        rejected = wins - losses - pairs * theta > z * np.sqrt(variance)
        low, high = np.where(rejected, theta, low), np.where(rejected, high, theta)
    return high


LEAST = 5
"""Replicates from which on a reading is judged.

With n replicates the interval reaches t* √(1 + 1/n) spreads to either side: 15.6 at 2, 5.0 at 3,
3.0 at 5, 2.0 without end, so that with few of them a figure within it says little. Nor is one
outside it safely excluded: where scores come in two lumps, the interval from two replicates holds a
new run in 73 % of cases instead of 95, that from three in 87, and that from five in 96.
"""

_ROUNDING = 1e-9  # a figure at the very end of an interval is within it

FigureVerdict = Literal["fits", "excluded", "too few replicates"]
RowVerdict = Literal["reproduced", "not reproduced", "cannot be judged"]


@dataclass(frozen=True)
class Prediction:
    """What new runs of a recipe are expected to give.

    Attributes:
        n: replicates that are finite.
        mean: of them, in the metric's own scale; NaN without one.
        spread: their standard deviation with n - 1; None with fewer than two.
        low: lower end of the interval, within the metric's bounds; None with fewer than two.
        high: its upper end, likewise.
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
            reported: in the scale of the mean, such as a fraction.
            tolerance: what it may have been rounded by, in the same scale.
        """
        if self.low is None or self.high is None:
            return False
        slack = tolerance + _ROUNDING * max(1.0, abs(reported))
        return self.low - slack <= reported <= self.high + slack


def predict_mean(
    values: Sequence[float], runs: int = 1, metric: Metric = METRICS["accuracy"]
) -> Prediction:
    """The 95 % interval that holds the mean of m new runs, given n replicates of the same recipe.

    x̄ ± t* s √(1/n + 1/m) with n - 1 degrees of freedom: the replicates' mean and the new runs'
    mean are both off the true one, by s/√n and s/√m. It takes spreads for normal.

    Args:
        values: of the metric, one a replicate, NaN where it diverged.
        runs: m, the runs that a published figure is the mean of.
        metric: accuracies, fractions in 0…1, unless another one is given.

    Raises:
        InputError: if a value is outside the metric's bounds, or there are no runs.

    Reference:
        Meeker, Hahn & Escobar 2017, "Statistical Intervals", 2nd edition, section 4.7; Patil, Peng
        & Leek 2016, "What should researchers expect when they replicate studies?", Perspectives
        on Psychological Science 11, for its use on published figures.

    Example:
        >>> result = predict_mean([0.970, 0.972, 0.971, 0.969, 0.973])
        >>> f"{result.mean:.3f}: {result.low:.4f} to {result.high:.4f}"
        '0.971: 0.9662 to 0.9758'
    """
    if runs < 1:
        raise InputError(f"runs must be 1 or more, found {runs}; write 1 for a single run")
    t = paired_t(as_fractions(values, "accuracies" if metric.is_fraction else "scores", metric))
    n, mean, spread = int(t.pairs), float(t.mean), float(t.spread)
    if n < 2:
        return Prediction(n, mean, None, None, None, runs)
    reach = float(special.stdtrit(n - 1, 0.975)) * spread
    half = reach * math.sqrt(1 / n + 1 / runs)
    low, high = metric.bounds
    return Prediction(n, mean, spread, max(mean - half, low), min(mean + half, high), runs)


def judge_figure(
    prediction: Prediction, reported: float, tolerance: float = 0.0, diverged: int = 0
) -> FigureVerdict:
    """Whether a published figure could come from a recipe.

    Args:
        prediction: what new runs of it are expected to give.
        reported: the figure, in the scale of the prediction.
        tolerance: what it may have been rounded by, in the same scale.
        diverged: replicates without a figure; where all are, no figure comes from there.
    """
    if prediction.n + diverged < LEAST or 0 < prediction.n < LEAST:
        return "too few replicates"
    return "fits" if prediction.reaches(reported, tolerance) else "excluded"


def judge_row(verdicts: Sequence[FigureVerdict]) -> RowVerdict:
    """The verdict of a row from those of its readings.

    Any reading that fits reproduces it. It is not reproduced once every reading is excluded.
    Otherwise, and without a reading, the data do not decide.
    """
    if "fits" in verdicts:
        return "reproduced"
    excluded = verdicts and all(verdict == "excluded" for verdict in verdicts)
    return "not reproduced" if excluded else "cannot be judged"
