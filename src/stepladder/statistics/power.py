"""How many replicates would settle a verdict, at the mean and spread seen so far.

The arguments of powers broadcast: pairs n, 2 or more; the true mean difference; the true standard
deviation of differences, its spread, above 0; the level of the test, after any correction.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.paired import inside, unanimous_sign_floor
from stepladder.statistics.results import ALPHA, Bools, Floats

FEWEST = 3
"""Pairs without which no verdict is given: two say next to nothing about their own spread."""

FEWEST_WITHIN = 5
"""Pairs without which no verdict is `no difference`, whatever the level: see `within_floor`."""

MOST = 10_000
"""Replicates beyond which a plan is no help."""

POWER = 0.8

_FURTHEST = 37.0  # noncentrality above which the series lose their digits


def power_of_t(
    pairs: npt.ArrayLike, mean: npt.ArrayLike, spread: npt.ArrayLike, level: npt.ArrayLike
) -> Floats:
    """Chance that a two-sided paired t test rejects.

    P(|T| > t*) for T noncentral t with n - 1 degrees of freedom and noncentrality
    √n |mean| / spread.

    Reference:
        Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences", chapter 2.

    Example:
        >>> power_of_t(pairs=34, mean=0.5, spread=1.0, level=0.05).round(2)
        np.float64(0.81)
    """
    n = np.asarray(pairs, np.float64)
    shift = np.minimum(np.sqrt(n) * np.abs(mean) / np.asarray(spread, np.float64), _FURTHEST)
    bound = special.stdtrit(n - 1, 1 - np.asarray(level, np.float64) / 2)
    return 1 - _noncentral_t(n - 1, shift, bound) + _noncentral_t(n - 1, shift, -bound)


def power_of_tost(
    pairs: npt.ArrayLike,
    mean: npt.ArrayLike,
    spread: npt.ArrayLike,
    delta: float | Floats,
    level: npt.ArrayLike,
    side: int = 0,
) -> Floats:
    """Chance that one-sided t tests, each at the level, find the mean inside; see `inside`.

    The usual approximation from two noncentral t distributions,
    max(0, P(T_upper ≤ -t*) - P(T_lower ≤ t*)), which is exact but for the chance that the spread
    is so large that no mean could pass. With one bound it is the first alone, and exact.

    Reference:
        Phillips 1990, "Power of the two one-sided tests procedure in bioequivalence", Journal of
        Pharmacokinetics and Biopharmaceutics 18; Diletti et al. 1991 for the approximation.
    """
    n = np.asarray(pairs, np.float64)
    scale = np.sqrt(n) / np.asarray(spread, np.float64)
    means = np.asarray(mean, np.float64)
    bound = special.stdtrit(n - 1, 1 - np.asarray(level, np.float64))
    near = np.clip(inside(means, delta, side) * scale, -_FURTHEST, _FURTHEST)
    passes = _noncentral_t(n - 1, -near, -bound)
    if side:
        return passes
    far = np.minimum((delta + np.abs(means)) * scale, _FURTHEST)
    return np.maximum(passes - _noncentral_t(n - 1, far, bound), 0.0)


def smallest_count(is_enough: Callable[[Floats], Bools], least: npt.ArrayLike) -> Floats:
    """The smallest whole number of pairs from which a condition is true, row by row.

    Args:
        is_enough: says for each row whether its number is enough; once true it stays true.
        least: the smallest number to consider, one a row.

    Returns:
        Whole numbers, infinite where even `MOST` is not enough.
    """
    low = np.asarray(least, np.float64)
    high = np.full(low.shape, float(MOST))
    never = (low > MOST) | ~is_enough(np.maximum(low, high))
    while np.any(low < high):
        middle = np.floor((low + high) / 2)
        enough = is_enough(middle)
        high = np.where((low < high) & enough, middle, high)
        low = np.where((low < high) & ~enough, middle + 1, low)
    return np.where(never, np.inf, high)


@dataclass(frozen=True)
class PlannedPower:
    """What a study will find with 80 % chance, before it trains.

    Attributes:
        comparisons: of its family.
        replicates: that it asks for.
        spreads: of the differences of the steadiest and of the most variable comparison in the
            pilot, in the metric's unit, each the upper end of its one-sided 80 % interval; None
            without a pilot.
        degrees: of freedom that each of them has, the fewest.
        curve: numbers of replicates, and the difference that each finds, in spreads; None where
            none is large enough, because so few cannot be significant in this family.
        equivalence: replicates that would show "no difference beyond δ" of equal arms, or that
            one is not worse where that is claimed, for the same two; None beyond 10,000. None
            without δ or pilot.
        is_first: whether it will be the study's first judgement.
    """

    comparisons: int
    replicates: int
    spreads: tuple[float, float] | None
    degrees: int
    curve: tuple[tuple[int, float | None], ...]
    equivalence: tuple[int | None, int | None] | None
    is_first: bool = True


_CURVE = (5, 10, 20, 40, 80)

Level = Callable[[Floats], Floats]


def planned_power(
    variances: Sequence[tuple[int, float]], comparisons: int, replicates: int, delta: float | None,
    level: Level | None = None, side: int = 0,
) -> PlannedPower:  # fmt: skip
    """The differences that a study finds at the first step of Holm's correction.

    A pilot's spread is as often too small as too large, and half of the studies planned with it
    would be too small. So its upper 80 % limit is assumed, s √(ν / χ²(0.2, ν)).

    Args:
        variances: of a pilot's differences, with degrees of freedom, one a comparison.
        comparisons: of the study.
        replicates: that it asks for.
        delta: that does not matter, in the unit of the differences.
        level: of the t test by numbers of pairs, where the study was judged before; by the rule
            of a first judgement when None.
        side: as for `inside`.

    Reference:
        Browne 1995, "On the use of a pilot sample for sample size determination", Statistics in
        Medicine 14.

    Example:
        >>> plan = planned_power([(9, 0.04)], comparisons=1, replicates=10, delta=0.1)
        >>> round(plan.spreads[0], 2), plan.curve[1][0], round(plan.curve[1][1], 2)
        (0.26, 10, 1.0)
    """
    varying = [(count, one) for count, one in variances if one]  # without spread: says nothing
    uppers = sorted(
        math.sqrt(one * count / (2 * float(special.gammaincinv(count / 2, 0.2))))
        for count, one in varying
    )
    spreads = (uppers[0], uppers[-1]) if uppers else None
    first = ALPHA / comparisons
    numbers = np.asarray(sorted({*_CURVE, replicates}), np.float64)
    found = detectable_difference(numbers, first) if level is None else (
        detectable_by_t(numbers, level(numbers))
    )  # fmt: skip
    equivalence: tuple[int | None, int | None] | None = None
    if spreads and delta is not None:

        def is_enough(count: Floats) -> Bools:
            tested_at = np.full(count.shape, first) if level is None else level(count) / 2
            return np.asarray(
                power_of_tost(count, 0.0, np.asarray(spreads), delta, tested_at, side) >= POWER
            )

        counts = smallest_count(is_enough, np.asarray([5.0, 5.0])).tolist()
        least, greatest = (int(one) if math.isfinite(one) else None for one in counts)
        equivalence = least, greatest
    curve = tuple(
        (int(number), float(one) if math.isfinite(one) else None)
        for number, one in zip(numbers, found, strict=True)
    )
    degrees = min((count for count, _ in varying), default=0)
    return PlannedPower(comparisons, replicates, spreads, degrees, curve, equivalence,
                        level is None)  # fmt: skip


def detectable_by_t(pairs: Floats, level: Floats) -> Floats:
    """The mean difference, in spreads, that a t test calls with 80 % chance; infinite above 100.

    Example:
        >>> detectable_by_t(np.array([10.0, 34.0]), np.array([0.05, 0.05])).round(2).tolist()
        [1.0, 0.5]
    """
    return _smallest_mean(lambda mean: power_of_t(pairs, mean, 1.0, level), pairs.shape)


def detectable_difference(pairs: Floats, level: float) -> Floats:
    """The mean difference, in spreads, that gets a verdict with 80 % chance.

    At half the level where only the rule of one sign can give one; infinite where it cannot. Where
    sign flips reject by nothing but one sign throughout, normal differences must have that too.

    Example:
        >>> detectable_difference(np.array([3.0, 10.0, 34.0]), 0.05).round(2).tolist()
        [inf, 1.0, 0.5]
    """
    tested_at = np.where(2 ** (1 - pairs) < level, level, level / 2)

    def power(mean: Floats) -> Floats:
        one_sign = np.where(2 ** (2 - pairs) < level, 1.0, special.ndtr(mean) ** pairs)
        return np.minimum(power_of_t(pairs, mean, 1.0, tested_at), one_sign)

    can_be_shown = (pairs >= FEWEST) & (unanimous_sign_floor(pairs) < level)
    return np.where(can_be_shown, _smallest_mean(power, pairs.shape), np.inf)


def _smallest_mean(power: Callable[[Floats], Floats], shape: tuple[int, ...]) -> Floats:
    """Where a power that rises with the mean reaches 80 %; infinite above 100."""
    low, high = np.zeros(shape), np.full(shape, 100.0)
    for _ in range(50):
        middle = (low + high) / 2
        is_found = power(middle) >= POWER
        low, high = np.where(is_found, low, middle), np.where(is_found, middle, high)
    return np.where(high < 100, high, np.inf)


def pilot_range(
    pairs: Floats, mean: Floats, spread: Floats, delta: Floats, level: Floats, level_within: Floats,
    side: int = 0,
) -> Floats:  # fmt: skip
    """What eight of ten pilots would ask for, if their mean and spread were the true ones.

    A pilot of n pairs finds another mean and spread each time, and asks for another number. Its
    10th and 90th percentile are taken over a grid of equally likely means and spreads, from normal
    approximations of both powers; z²/2 pairs are for the spread that is not known (Guenther 1981).

    Args:
        pairs: of the pilot, one a row, as all others are.
        mean: found.
        spread: found, of differences.
        delta: that does not matter; 0 where there is none.
        level: of the test of a difference.
        level_within: of that of equivalence.
        side: as for `inside`.

    Returns:
        Shape (2, rows), no less than one pair more than the pilot has.

    Reference:
        Guenther 1981, "Sample size formulas for normal theory t tests", The American Statistician.

    Example:
        >>> values = [np.array([value]) for value in (5.0, 0.5, 1.0, 0.1, 0.05, 0.05)]
        >>> pilot_range(*values).round().ravel().tolist()
        [6.0, 517.0]
    """
    place = (np.arange(25) + 0.5) / 25
    n, m, s, d, *levels = (
        column[:, None, None] for column in (pairs, mean, spread, delta, level, level_within)
    )
    degrees = (pairs - 1)[:, None]
    found_s = s * np.sqrt(2 * special.gammaincinv(degrees / 2, place) / degrees)[:, None, :]
    found_m = m + special.ndtri(place)[None, :, None] * s / np.sqrt(n)
    size, nearer = np.abs(found_m), inside(found_m, d, side)
    z, z_within = special.ndtri(1 - levels[0] / 2), special.ndtri(1 - levels[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        different = ((z + special.ndtri(POWER)) * found_s / size) ** 2 + z**2 / 2
        # Near 0 a mean may leave ±delta on either side, each with half of the chance.
        halved = 0.0 if side else (1 - POWER) / 2 * np.clip(1 - 4 * size / d, 0, 1)
        within = ((z_within + special.ndtri(POWER + halved)) * found_s / nearer) ** 2
        within = np.where(nearer > 0, within + z_within**2 / 2, np.inf)
    asked = np.minimum(different, within).reshape(len(pairs), place.size**2)
    ends = np.quantile(asked, (0.1, 0.9), axis=-1, method="nearest")
    return np.asarray(np.maximum(np.ceil(ends), pairs + 1), np.float64)


def _noncentral_t(degrees: Floats, shift: Floats, bound: Floats) -> Floats:
    """P(T ≤ bound), by symmetry from shifts of 0 or more.

    SciPy's series give NaN far in a tail (below 1e-9 wherever tried), where the answer is 0 or 1
    by the sign of the normal approximation. `scipy.stats.nct` has other last bits.
    """
    side = np.where(shift < 0, -1.0, 1.0)
    size, limit = np.abs(shift), side * bound
    below = special.nctdtr(degrees, size, limit)
    below = np.where(np.isnan(below), limit * (1 - 1 / (4 * degrees)) > size, below)
    return np.where(shift < 0, 1 - below, below)
