"""Paired differences on any measure: figures beside the effects, without a verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stepladder.analysis.judged import Difference
from stepladder.analysis.paired import on_grid, or_none, paired_t
from stepladder.analysis.sign_flip import sign_flip

__all__ = ["difference"]


def difference(
    arm: Sequence[float], other: Sequence[float], measure: str, unit: str, scale: float = 1.0
) -> Difference:
    """The mean paired difference of any measure, with its t interval and sign-flip p-value.

    It carries no verdict and no correction: the study's question is test accuracy, and what
    stands beside it describes.

    Args:
        arm: one value a replicate; NaN where there is none.
        other: the same of the arm compared with, as many.
        measure: what is measured.
        unit: of the result.
        scale: what the differences are multiplied by, such as 100 for percentage points.
    """
    found = on_grid(scale * (np.asarray(arm, float) - np.asarray(other, float)))
    t, pairs = paired_t(found), int(np.isfinite(found).sum())
    p = float(sign_flip(found)) if pairs > 1 else None
    return Difference(
        measure=measure,
        unit=unit,
        mean=float(t.mean),
        ci_low=or_none(t.ci_low),
        ci_high=or_none(t.ci_high),
        p=p,
        pairs=pairs,
        unpaired=len(found) - pairs,
    )
