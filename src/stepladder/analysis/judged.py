"""What judging yields: estimates, effects and verdicts, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Difference", "Effect", "Estimate", "Interval", "Verdict"]

Verdict = Literal["helps", "hurts", "no difference beyond δ", "not enough replicates"]


@dataclass(frozen=True)
class Interval:
    """Two ends of an interval.

    Attributes:
        low: the lower end.
        high: the upper end.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates with its interval.

    Attributes:
        mean: mean of the finite values; NaN when there is none.
        ci_low: lower end of the t interval, never below 0; None with fewer than two finite
            values.
        ci_high: upper end of the t interval, never above 1; None with fewer than two finite
            values.
        values: one value a replicate, in the order of replicates; NaN where it diverged.
        new_images: the interval for new test images too, never beyond 0…1, or None where the
            answers on single images are not known.
    """

    mean: float
    ci_low: float | None
    ci_high: float | None
    values: tuple[float, ...]
    new_images: Interval | None = None


@dataclass(frozen=True)
class Effect:
    """A paired difference between an arm and the arm it is compared with.

    Attributes:
        mean: mean paired difference in percentage points; NaN without a pair.
        ci_low: lower end of the 95 % paired t interval; None with fewer than two pairs.
        ci_high: its upper end; None with fewer than two pairs.
        p: two-sided sign-flip p-value, exact up to 20 pairs and drawn above; None with fewer
            than two pairs.
        p_holm: `p` after Holm's correction over the study's comparisons.
        p_t: two-sided paired t p-value, which agrees with the interval; 0 where all differences
            are equal and not 0.
        p_t_holm: `p_t` after Holm's correction. `helps` and `hurts` need it below 0.05 and more:
            the sign-flip test must agree or, with few pairs, all differences have one sign.
        verdict: what may be said.
        replicates_needed: pairs that would settle the verdict with 80 % power at the mean and
            spread seen; None where it is settled, where nothing can be said (fewer than two
            pairs) and where more than 10,000 would be needed.
        pairs: number of replicates finite in both arms.
        unpaired: replicates that one of the arms lacks or in which it diverged.
        differences: the paired differences in percentage points, in the order of replicates.
        p_greater: share of the pairs in which the arm is the better one, ties counted half.
        p_greater_ci: its 95 % interval; None without a pair.
        new_images: the 95 % interval of the mean for new test images too, in percentage points;
            `ci_low` and `ci_high` speak for these images, retrained. None with fewer than two
            pairs and where the answers on single images are not known.
        at_chance: the effect with diverged replicates at the accuracy of guessing, where there
            are any and that accuracy is known.
        settled_at: replicates at the look that settled it, in a study that adds replicates.
    """

    mean: float
    ci_low: float | None
    ci_high: float | None
    p: float | None
    p_holm: float | None
    p_t: float | None
    p_t_holm: float | None
    verdict: Verdict
    replicates_needed: int | None
    pairs: int
    unpaired: int
    differences: tuple[float, ...]
    p_greater: float | None = None
    p_greater_ci: Interval | None = None
    new_images: Interval | None = None
    at_chance: Effect | None = None
    settled_at: int | None = None


@dataclass(frozen=True)
class Difference:
    """A paired difference on another measure than test accuracy: figures without a verdict.

    Attributes:
        measure: what is measured, such as `val_accuracy`.
        unit: what the figures are in, such as `points`.
        mean: mean paired difference; NaN without a pair.
        ci_low: lower end of the 95 % paired t interval; None with fewer than two pairs.
        ci_high: its upper end.
        p: two-sided sign-flip p-value, not corrected; None with fewer than two pairs.
        pairs: number of replicates in which both arms have the measure.
        unpaired: replicates in which one of them has none.
    """

    measure: str
    unit: str
    mean: float
    ci_low: float | None
    ci_high: float | None
    p: float | None
    pairs: int
    unpaired: int
