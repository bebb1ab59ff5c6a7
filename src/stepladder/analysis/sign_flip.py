"""The sign-flip test: how often chance alone, swapping arms within pairs, does as much."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["DRAWS", "EXACT_UP_TO", "sign_flip"]

Floats = npt.NDArray[np.float64]

EXACT_UP_TO = 20
"""Pairs up to which every one of the 2^n flips is counted."""

DRAWS = 19_999
"""Flips drawn above that; with the one observed, p is a multiple of 1/20,000."""

_SEED = 20_100_101  # any fixed number: the same scores must always give the same p
_TIE = 1e-9  # sums this close, as a share of the sum of sizes, differ by rounding alone
_ROWS_AT_ONCE = 250  # bounds memory at some 100 MB however many comparisons there are


def sign_flip(differences: npt.ArrayLike) -> Floats:
    """Two-sided sign-flip (paired permutation) p-value of a mean difference.

    If an arm and the one it is compared with differ by chance alone, each difference is as
    likely to have had the other sign. p is the share of the 2^n assignments of signs whose mean
    is at least as far from 0 as the one observed. Up to 20 pairs all are counted, in two halves
    of at most 2^10 sums; above, 19,999 are drawn from a generator with a fixed seed and
    p = (1 + as extreme) / (1 + drawn).

    Args:
        differences: shape (..., replicates); NaN is a pair that is missing.

    Returns:
        One p-value for each row; NaN without a pair. It depends on nothing but the row's own
        values: not on their order, on all signs turned, or on the other rows.

    Reference:
        Fisher 1935, "The Design of Experiments", §21; Phipson & Smyth 2010, "Permutation
        p-values should never be zero", Statistical Applications in Genetics and Molecular
        Biology 9, for the drawn ones.
    """
    given = np.asarray(differences, np.float64)
    rows = given.reshape(math.prod(given.shape[:-1]), given.shape[-1])
    pairs = np.isfinite(rows).sum(axis=-1)
    sizes = -np.sort(-np.abs(np.where(np.isfinite(rows), rows, 0.0)), axis=-1)
    observed = np.abs(np.where(np.isfinite(rows), rows, 0.0).sum(axis=-1))
    p = np.full(len(rows), np.nan)
    for chosen, count in (
        ((pairs > 0) & (pairs <= EXACT_UP_TO), _counted),
        (pairs > EXACT_UP_TO, _drawn),
    ):
        where = np.flatnonzero(chosen)
        for start in range(0, len(where), _ROWS_AT_ONCE):
            some = where[start : start + _ROWS_AT_ONCE]
            width = pairs[some].max()  # zeros beyond a row's own pairs change no sum
            reached = observed[some] - _TIE * sizes[some].sum(axis=-1)
            p[some] = count(sizes[some, :width], reached)
    return p.reshape(given.shape[:-1])


def _counted(sizes: Floats, reached: Floats) -> Floats:
    """Share of all assignments of signs whose sum is `reached` or more, either way."""
    middle = (sizes.shape[1] + 1) // 2
    # Turning all signs turns the sum's, so the first sign can stay as it is.
    first = sizes[:, :1] + sizes[:, 1:middle] @ _signs(middle - 1)
    second = np.sort(sizes[:, middle:] @ _signs(sizes.shape[1] - middle), axis=1)
    extreme = [
        np.searchsorted(sums, -threshold - firsts, side="right").sum()
        + len(sums) * len(firsts)
        - np.searchsorted(sums, threshold - firsts, side="left").sum()
        for firsts, sums, threshold in zip(first, second, reached, strict=True)
    ]
    every = first.shape[1] * second.shape[1]
    share: Floats = np.array(extreme, np.float64) / every
    return np.minimum(share, 1.0)


def _signs(count: int) -> Floats:
    """All assignments of signs to `count` numbers, shape (count, 2^count)."""
    bits = np.arange(2**count) >> np.arange(count)[:, None] & 1
    return np.asarray(np.where(bits, -1.0, 1.0), np.float64)


def _drawn(sizes: Floats, reached: Floats) -> Floats:
    """The same share from a fixed draw of signs, the one observed counted with them."""
    sums = np.abs(sizes @ _drawn_signs(sizes.shape[1]))
    extreme = (sums >= reached[:, None]).sum(axis=1)
    return np.asarray((1 + extreme) / (1 + DRAWS), np.float64)


@lru_cache(maxsize=1)  # a study's comparisons mostly have equally many pairs
def _drawn_signs(pairs: int) -> Floats:
    """The drawn assignments of signs to some pairs, shape (pairs, DRAWS)."""
    generator = np.random.default_rng(_SEED)
    # Pair by pair, so that a pair's signs do not depend on how many pairs follow it.
    bits = generator.integers(0, 2, size=(pairs, DRAWS), dtype=np.int8)
    signs = np.where(bits, -1.0, 1.0)
    signs.flags.writeable = False
    return signs
