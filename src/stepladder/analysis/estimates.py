"""The mean accuracy of one arm, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from stepladder.analysis.checks import as_fractions, check_share
from stepladder.analysis.judged import Estimate
from stepladder.analysis.paired import paired_t

__all__ = ["estimate"]


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The mean of an arm's accuracies and the t interval of that mean.

    mean ± t* s / √n over the finite values. The ends are cut to 0…1: a mean accuracy cannot lie
    beyond, so an interval that is cut holds it exactly as often as one that is not. An end at 0
    or 1 says that the spread is too large for a symmetric interval to describe. Values that are
    all equal give an interval of no width, which says only that no spread was seen.

    Args:
        values: accuracies as fractions in 0…1, one a replicate, NaN where it diverged.
        confidence: share of intervals that hold the true mean, between 0 and 1.

    Returns:
        The estimate, with all values in their order.

    Raises:
        InputError: if a value is not a number or outside 0…1, or the confidence is not between
            0 and 1.

    Example:
        >>> found = estimate([0.971, 0.973, 0.972])
        >>> f"{found.mean:.3f} [{found.ci_low:.4f}, {found.ci_high:.4f}]"
        '0.972 [0.9695, 0.9745]'
    """
    check_share(confidence, "confidence", 0.95)
    fractions = as_fractions(values, "accuracies")
    t = paired_t(fractions, confidence)
    mean, kept = float(t.mean), tuple(fractions.tolist())
    if t.pairs < 2:
        return Estimate(mean, None, None, kept)
    return Estimate(mean, max(float(t.ci_low), 0.0), min(float(t.ci_high), 1.0), kept)
