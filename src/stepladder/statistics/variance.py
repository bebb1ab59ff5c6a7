"""Which source of randomness makes the spread: variances with intervals, and their shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from stepladder.statistics.power import smallest_count
from stepladder.statistics.results import Floats, Interval

FEWEST = 5
"""Scores without which a variance has no interval."""


@dataclass(frozen=True)
class Spread:
    """A standard deviation.

    Attributes:
        name: of the source, or what varied.
        scores: one a replicate, NaN where it diverged.
        deviation: of the finite ones; None with fewer than two.
        interval: its 95 % interval; None with fewer than five, or where all are equal.
        share: of this source in the sum of the variances; None for sums, and where that is 0.
        share_interval: its 95 % interval, where all variances have one.
    """

    name: str
    scores: tuple[float, ...]
    deviation: float | None
    interval: Interval | None
    share: float | None = None
    share_interval: Interval | None = None

    @property
    def n(self) -> int:
        """How many scores are finite."""
        return sum(map(math.isfinite, self.scores))


@dataclass(frozen=True)
class VarianceAnalysis:
    """Where the spread of a score comes from.

    Attributes:
        sources: each varied alone, in the order given.
        sum: the root of the sum of their variances; None of one source alone.
        together: all of them varied.
        ratio: 95 % interval of the variance of all together, divided by that sum; None where it is
            not known.
        half: half the width of the 95 % interval of the mean score, all varied; None without one.
        needed: replicates with which that would be half as wide; None without a spread.
    """

    sources: tuple[Spread, ...]
    sum: Spread | None
    together: Spread
    ratio: Interval | None
    half: float | None
    needed: int | None

    @property
    def largest(self) -> Spread | None:
        """The source with the largest share; None where none varies."""
        known = [source for source in self.sources if source.share is not None]
        return max(known, key=lambda source: source.share or 0.0, default=None)


class Variance(NamedTuple):
    """A variance, or a standard deviation, with the ends of its interval, NaN where it has none."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> Interval | None:
        """The interval; None where it is not known, or nothing varies."""
        return _interval(self.low, self.high) if self.value else None

    @property
    def root(self) -> Variance:
        """That of the standard deviation."""
        return Variance(*map(math.sqrt, self))


_UNKNOWN = Variance(math.nan, math.nan, math.nan)


def _interval(low: float, high: float) -> Interval | None:
    return Interval(low, high) if math.isfinite(high - low) else None


def variance_interval(scores: Sequence[float]) -> Variance:
    """A variance and its 95 % interval for scores that need not be normal.

    The logarithm of the sample variance is taken to be normal, with a variance that the kurtosis
    decides; that is estimated around a trimmed mean. Where all scores are equal, both ends are 0.

    Args:
        scores: of one source; those that are not finite are left out.

    Returns:
        The variance and the ends, NaN where there are too few scores for them.

    Reference:
        Bonett 2006, "Approximate confidence interval for standard deviation of nonnormal
        distributions", Computational Statistics & Data Analysis 50.

    Example:
        >>> value, low, high = variance_interval([0.1, 0.2, 0.2, 0.3, 0.5, 0.4])
        >>> round(value, 4), round(low, 4), round(high, 4)
        (0.0217, 0.005, 0.2051)
    """
    x = np.asarray(scores, np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    if n < 2:
        return _UNKNOWN
    value = float(x.var(ddof=1))
    if np.ptp(x) == 0:
        return Variance(0.0, 0.0, 0.0)
    if n < FEWEST:
        return Variance(value, math.nan, math.nan)
    cut = int(n / (2 * math.sqrt(n - 4)))
    trimmed = np.sort(x)[cut : n - cut].mean()
    kurtosis = n * ((x - trimmed) ** 4).sum() / ((x - x.mean()) ** 2).sum() ** 2
    z = float(special.ndtri(0.975))
    correction = n / (n - z)
    error = correction * math.sqrt(max(kurtosis - (n - 3) / n, 0.0) / (n - 1))
    low, high = (correction * value * math.exp(sign * z * error) for sign in (-1, 1))
    return Variance(value, min(low, value), max(high, value))


def _sum(variances: Sequence[Variance]) -> Variance:
    """Their sum; the interval is of those of the parts (Zou & Donner 2008)."""
    total = math.fsum(one.value for one in variances)
    below = math.hypot(*(one.value - one.low for one in variances))
    above = math.hypot(*(one.high - one.value for one in variances))
    return Variance(total, max(total - below, 0.0), total + above)


def _ratio(one: Variance, other: Variance) -> tuple[float, float]:
    """The interval of a ratio of independent variances, found in logarithms in the same way."""
    if not (one.low > 0 and other.low > 0):  # or NaN
        return math.nan, math.nan
    (value, low, high), (below, bottom, top) = map(np.log, one), map(np.log, other)
    middle = value - below
    return (
        math.exp(middle - math.hypot(value - low, top - below)),
        math.exp(middle + math.hypot(high - value, below - bottom)),
    )


def analyze_variance(
    sources: Mapping[str, Sequence[float]], together: Sequence[float]
) -> VarianceAnalysis:
    """The standard deviation that each source makes alone, and its share of the variance.

    Args:
        sources: scores by source, which varied alone; NaN where a training diverged.
        together: scores with all sources varied.

    Reference:
        Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks", MLSys;
        Zou & Donner 2008, "Construction of confidence limits about effect measures: a general
        approach", Statistics in Medicine 27.

    Example:
        >>> split, weights = [1, 3, 2, 5, 4, 6], [3, 3.2, 3.1, 2.9, 3, 3.1]
        >>> analysis = analyze_variance({"split": split, "weights": weights}, split)
        >>> analysis.largest.name, round(analysis.largest.share, 3), analysis.needed
        ('split', 0.997, 17)
    """
    variances = {name: variance_interval(scores) for name, scores in sources.items()}
    all_varied = variance_interval(together)
    total = _sum(list(variances.values()))
    several = len(variances) > 1
    spread = _spread("sum of the sources", (), total) if several else None
    half, needed = _mean_of(together)
    return VarianceAnalysis(
        tuple(_source(name, sources[name], variances) for name in sources),
        spread,
        _spread("all together", together, all_varied),
        _interval(*_ratio(all_varied, total)) if several else None,
        half,
        needed,
    )


def _spread(name: str, scores: Sequence[float], variance: Variance) -> Spread:
    known = variance.root
    deviation = known.value if math.isfinite(known.value) else None
    return Spread(name, tuple(scores), deviation, known.interval)


def _source(name: str, scores: Sequence[float], variances: Mapping[str, Variance]) -> Spread:
    """A source with its share of all."""
    own = variances[name]
    rest = _sum([one for other, one in variances.items() if other != name])
    known, total = _spread(name, scores, own), own.value + rest.value
    if not total > 0:  # or NaN
        return known
    low, high = (odds / (1 + odds) for odds in _ratio(own, rest))
    return Spread(name, known.scores, known.deviation, known.interval, own.value / total,
                  _interval(low, high))  # fmt: skip


def _mean_of(scores: Sequence[float]) -> tuple[float | None, int | None]:
    """Half the width of the t interval of a mean, and how many scores would halve it."""
    x = np.array([score for score in scores if math.isfinite(score)])
    if len(x) < 2 or np.ptp(x) == 0:
        return None, None

    def width(n: Floats) -> Floats:
        return np.asarray(special.stdtrit(n - 1, 0.975) / np.sqrt(n), np.float64)

    now = width(np.array(float(len(x))))
    needed = float(smallest_count(lambda n: width(n) <= now / 2, len(x)))
    return float(now * x.std(ddof=1)), int(needed) if math.isfinite(needed) else None
