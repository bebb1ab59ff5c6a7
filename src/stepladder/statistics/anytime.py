"""A paired test that may be looked at after every replicate, and its confidence sequence.

A Bayes factor of "the mean is not 0" against "it is 0", for normal differences of any spread. If
the mean is 0, the chance that it ever reaches 1 / level, at any number of pairs, is at most the
level. So who adds pairs because of what they saw, however often, is never wrong more often.

Differences have the shape (..., replicates), NaN where a pair is missing.

References:
    Pérez-Ortiz, Lardy, de Heide & Grünwald 2024, "E-statistics, group invariance and anytime-valid
    testing", Annals of Statistics 52; Wang & Ramdas 2025, "Anytime-valid t-tests and confidence
    sequences for Gaussian means with unknown variance", Sequential Analysis 44.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.corrections import holm
from stepladder.statistics.paired import PairedT, inside, paired_t, within_floor
from stepladder.statistics.power import (
    FEWEST,
    MOST,
    POWER,
    pilot_range,
    power_of_t,
    power_of_tost,
    smallest_count,
)
from stepladder.statistics.results import Bools, Floats

SHARE_FIRST = 0.95
"""Of a study's error rate that its first judgement may spend: 4.75 of 5 %.

The smallest p-values of few pairs are multiples of 2^(1 - n) and 4^(1 - n): 3/64 = 4.69 % after
Holm's correction is one of them. A share below that would cost up to 9 points of power.
"""

_G = 1.0  # variance of the mean before any data, in variances of a difference


def log_bayes_factor(pairs: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """The logarithm of the Bayes factor of "the mean is not 0", from the paired t statistic.

    (1 + ng)^(-1/2) · [(1 + t² / ((1 + ng)(n - 1))) / (1 + t² / (n - 1))]^(-n/2), with g = 1: it
    never exceeds (1 + n)^((n - 1) / 2), however large t is.

    Args:
        pairs: n, any shape.
        t: mean / (s / √n); infinite where the differences have no spread.

    Returns:
        Logarithms; 0, which says nothing either way, with fewer than two pairs.

    Example:
        >>> float(np.exp(log_bayes_factor(10, 4.0)).round(1))
        23.6
    """
    n = np.asarray(pairs, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.asarray(t, np.float64) ** 2 / (n - 1)
        ratio = np.log1p(squared / (1 + n * _G)) - np.log1p(squared)
    ratio = np.where(np.isinf(squared), -np.log1p(n * _G), ratio)
    return np.where(n < 2, 0.0, -0.5 * np.log1p(n * _G) - n / 2 * ratio)


def anytime_p(t: PairedT, delta: float | Floats | None = None, side: int = 0) -> Floats:
    """p-values that hold however often, and whenever, one has looked: 1 / Bayes factor.

    Args:
        t: of the differences.
        delta: when given, the p-value of "the mean is delta or more away from 0".
        side: as for `paired.inside`: with one bound, of "the arm is worse by delta or more".

    Returns:
        Of shape (...), at most 1; NaN with fewer than three pairs.

    Example:
        >>> float(anytime_p(paired_t([0.2, 0.3, 0.1, 0.4, 0.2, 0.3, 0.2])).round(3))
        0.017
    """
    distance = np.abs(t.mean) if delta is None else np.maximum(inside(t.mean, delta, side), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = distance / (t.spread / np.sqrt(t.pairs))
    statistic = np.where((t.spread == 0) & (distance == 0), 0.0, statistic)
    p = np.exp(np.minimum(-log_bayes_factor(t.pairs, statistic), 0.0))
    if delta is not None:
        p = np.maximum(p, within_floor(t.pairs))
    return np.where(t.pairs < FEWEST, np.nan, p)


def critical_t(pairs: npt.ArrayLike, level: npt.ArrayLike) -> Floats:
    """The t at which the Bayes factor reaches 1 / level; infinite where no t does.

    Args:
        pairs: n, any shape.
        level: of the test, between 0 and 1.
    """
    n = np.asarray(pairs, np.float64)
    least = 1 / (1 + n * _G)
    wanted = (np.asarray(level, np.float64) * np.sqrt(least)) ** (2 / np.maximum(n, 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = (1 - wanted) / (wanted - least) * (n - 1)
    return np.where((n < 2) | (wanted <= least), np.inf, np.sqrt(np.maximum(squared, 0.0)))


def fixed_level(pairs: npt.ArrayLike, level: npt.ArrayLike) -> Floats:
    """The level of the two-sided t test of n pairs that calls what the anytime-valid one calls."""
    n = np.asarray(pairs, np.float64)
    return np.asarray(2 * special.stdtr(np.maximum(n - 1, 1.0), -critical_t(n, level)))


def later_levels(batches: npt.ArrayLike, alpha: float = 0.05) -> Floats:
    """The level at which each comparison is tested at every judgement but the planned one.

    What the first judgement leaves is split over the batches in which comparisons came: batch b
    has 1 / (b (b + 1)) of it, and these shares add up to 1 however many follow. Each batch is
    a family of its own.

    Args:
        batches: of each comparison, 1 for those of the first judgement.
        alpha: chance in a study of a false verdict.

    Example:
        >>> [f"{level:.3%}" for level in later_levels([1, 2])]
        ['0.125%', '0.042%']
    """
    b = np.asarray(batches, np.float64)
    return np.asarray(alpha * (1 - SHARE_FIRST) / (b * (b + 1)))


def later_p(
    t: PairedT, batches: npt.ArrayLike, delta: float | Floats, side: int = 0
) -> tuple[Floats, Floats]:
    """The p-values of a judgement that was not planned, after Holm's correction in each batch.

    Args:
        t: of the differences, shape (..., comparisons).
        batches: of each comparison, shape (comparisons,).
        delta: as for `anytime_p`.
        side: as for `anytime_p`.

    Returns:
        Of "the arms are equal" and of "the difference is delta or more"; to be compared with
        `later_levels`.
    """
    p_different, p_within = anytime_p(t), anytime_p(t, delta, side)
    return holm_by_batch(p_different, batches), holm_by_batch(p_within, batches)


def holm_by_batch(p: Floats, batches: npt.ArrayLike) -> Floats:
    """p-values of shape (..., comparisons) after Holm's correction in each batch of these."""
    adjusted, batch = np.empty_like(p), np.asarray(batches)
    for number in np.unique(batch):
        adjusted[..., batch == number] = holm(p[..., batch == number])
    return adjusted


def confidence_sequence(differences: npt.ArrayLike, level: float | Floats) -> tuple[Floats, Floats]:
    """The interval of means that the anytime-valid test does not reject.

    The chance that the true mean is outside it at any number of pairs is at most the level.

    Args:
        differences: see above.
        level: between 0 and 1.

    Returns:
        Its lower and upper ends; infinite while there are too few pairs for any end.

    Example:
        >>> low, high = confidence_sequence([0.2, 0.3, 0.1, 0.4, 0.2, 0.3, 0.2], level=0.05)
        >>> f"{low:.2f} to {high:.2f}"
        '0.07 to 0.41'
    """
    t = paired_t(differences)
    bound = critical_t(t.pairs, level)
    with np.errstate(invalid="ignore"):
        half = np.where(np.isinf(bound), np.inf, bound * t.spread / np.sqrt(t.pairs))
    return t.mean - half, t.mean + half


_LEAST_SPREAD = 1e-9  # points; stands for no spread at all where one is divided by


def pairs_needed(t: PairedT, level: Floats, delta: Floats, side: int = 0) -> Floats:
    """Pairs at which the anytime-valid test settles a comparison with 80 % power.

    Args:
        t: of the differences so far, shape (comparisons,), each with two pairs or more.
        level: of each, after any correction.
        delta: of each.
        side: as for `anytime_p`.

    Returns:
        Shape (4, comparisons), more than there are, at the mean and spread seen: for a difference
        and for equivalence, infinite where 10,000 are not enough, and the range of what pilots
        would ask for (`pilot_range`).

    Example:
        >>> t = paired_t([[0.5, 0.2, 0.9, -0.1, 0.4]])
        >>> pairs_needed(t, np.array([0.00125]), np.array([0.1])).ravel().tolist()
        [32.0, inf, 14.0, 128.0]
    """
    mean, spread = t.mean, np.maximum(t.spread, _LEAST_SPREAD)
    more = np.maximum(t.pairs + 1, FEWEST)

    def shows_difference(pairs: Floats) -> Bools:
        power = power_of_t(pairs, mean, spread, fixed_level(pairs, level))
        return np.asarray(power >= POWER)

    def shows_none(pairs: Floats) -> Bools:
        one_sided = fixed_level(pairs, level) / 2
        is_likely = power_of_tost(pairs, mean, spread, delta, one_sided, side) >= POWER
        return np.asarray(is_likely & (within_floor(pairs) < level))

    counts = [smallest_count(shown, more) for shown in (shows_difference, shows_none)]
    # The level of a t test that asks for the same: it falls as the number of pairs grows.
    near = fixed_level(np.minimum(np.fmin(*counts), MOST), level)
    asked = pilot_range(t.pairs.astype(np.float64), mean, spread, delta, near, near / 2, side)
    return np.stack([*counts, *asked])
