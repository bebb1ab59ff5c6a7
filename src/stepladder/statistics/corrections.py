"""Correction for judging several comparisons at once."""

import numpy as np
import numpy.typing as npt


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Holm's step-down adjustment: the chance of any false rejection stays below the level.

    The i-th smallest of m p-values becomes the largest of (m - j + 1) p_(j) over j ≤ i, at
    most 1. Nothing is assumed about how the comparisons depend on each other.

    Args:
        p_values: shape (..., comparisons), one family along the last axis. NaN is a comparison
            that cannot be tested yet: it counts in m, as if its p-value were 1, and stays NaN.

    Returns:
        Adjusted p-values of the same shape and order.

    Reference:
        Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian
        Journal of Statistics 6.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    # Not SciPy's: `false_discovery_control` controls another rate, and Holm's is not in it.
    p = np.asarray(p_values, np.float64)
    filled = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(filled, axis=-1, kind="stable")
    factors = np.arange(p.shape[-1], 0, -1)
    stepped = np.maximum.accumulate(factors * np.take_along_axis(filled, order, -1), axis=-1)
    adjusted = np.empty_like(filled)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1.0), axis=-1)
    return np.where(np.isnan(p), np.nan, adjusted)
