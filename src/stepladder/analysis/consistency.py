"""Gains too alike to be chance: evidence where there are too few pairs for a sign-flip test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["consistency_p", "consistent"]

Floats = npt.NDArray[np.float64]


def consistent(arm: Floats, other: Floats, differences: Floats) -> npt.NDArray[np.bool_]:
    """Whether all pairs say the same, and say it clearly.

    Either every score of one arm is above every score of the other, or all differences have one
    sign and the largest is less than twice the smallest.

    Args:
        arm: scores, shape (..., replicates), NaN where the pair is missing.
        other: the same of the arm compared with.
        differences: the first less the second, in any unit, NaN where the pair is missing.

    Returns:
        One answer for each row; no for a row without pairs.
    """
    paired = np.isfinite(differences)
    low, high = _ends(arm, paired)
    other_low, other_high = _ends(other, paired)
    least, most = _ends(differences, paired)
    nearest, furthest = np.maximum(least, -most), np.maximum(most, -least)
    apart = (low > other_high) | (other_low > high)
    return np.asarray((apart | (furthest < 2 * nearest)) & paired.any(axis=-1))


def consistency_p(pairs: npt.ArrayLike) -> Floats:
    """What consistent pairs are worth as evidence, as a p-value: 4^(1 - n).

    Let two arms be draws from one distribution, whatever it is. For any a > 0 the difference of
    one pair lies in [a, 2a) with chance at most 1/4: join levels that are so far apart, and no
    three of them are joined all round, so Motzkin and Straus' theorem bounds the chance of
    drawing joined ones. All n do, up or down, with chance at most 2 / 4^n, where the sign-flip
    test could not go below 2 / 2^n. A range that is chosen after seeing the scores, and arms
    that do not overlap, add to it: over all distributions on up to five levels the largest
    chance found of pairs that are consistent *and* pass a t test at this level is 3.9 / 4^n
    for n of 4 and more. So the larger of this and the t test's p-value can be believed.

    Args:
        pairs: n, 1 or more, any shape.

    Returns:
        One number for each n.

    Reference:
        Motzkin & Straus 1965, "Maxima for graphs and a new proof of a theorem of Turán",
        Canadian Journal of Mathematics 17.
    """
    return np.asarray(np.power(4.0, 1.0 - np.maximum(np.asarray(pairs, np.float64), 1.0)))


def _ends(values: Floats, there: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    low = np.min(values, axis=-1, where=there, initial=np.inf)
    high = np.max(values, axis=-1, where=there, initial=-np.inf)
    return np.asarray(low), np.asarray(high)
