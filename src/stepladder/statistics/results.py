"""Values that the statistics return, and the checks of what they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from stepladder.errors import InputError
from stepladder.study.schema import did_you_mean

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


@dataclass(frozen=True)
class MeanInterval:
    """A mean over replicates in percentage points.

    Attributes:
        mean: of the replicates.
        ci_low: lower end of the 95 % t interval; None with fewer than two replicates.
        ci_high: its upper end.
    """

    mean: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class MainEffect:
    """What a technique adds, averaged over all combinations of the others.

    Attributes:
        technique: its name.
        effect: combinations with it against those without; the main effects are one family.
    """

    technique: str
    effect: Effect


@dataclass(frozen=True)
class Interaction:
    """How much more a technique is worth where another is, averaged over the rest.

    Attributes:
        pairs: the two techniques; several pairs where a fraction cannot tell them apart, and the
            figures are those of their sum.
        worth: A's worth with B less A's worth without B, which is the same seen from B.
        p: two-sided sign-flip p-value; None with fewer than two replicates.
        p_holm: the same after Holm's correction over the study's interactions.
        p_t: two-sided p-value of the t test, which agrees with the interval.
        p_t_holm: the same after Holm's correction.
    """

    pairs: tuple[tuple[str, str], ...]
    worth: MeanInterval
    p: float | None
    p_holm: float | None
    p_t: float | None
    p_t_holm: float | None


@dataclass(frozen=True)
class ShapleyShare:
    """A technique's part in the gain from the base to all techniques, and what ladders say.

    Attributes:
        technique: its name.
        shapley: its exact Shapley value: its worth averaged over all orders of the ladder. The
            values of all techniques add up to the gain.
        of_gain: mean Shapley value over mean gain; None where there is no gain.
        least: the least that an order would have said.
        after_least: the techniques below it in those orders.
        most: the most that an order would have said.
        after_most: the techniques below it in those orders.
        said: what each order would have said, as points and the share of all orders that say
            it, by rising points; an order counts by the techniques below, so k! orders are
            2^(k-1) figures.
    """

    technique: str
    shapley: MeanInterval
    of_gain: float | None
    least: float
    after_least: tuple[str, ...]
    most: float
    after_most: tuple[str, ...]
    said: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class FactorialAnalysis:
    """What a factorial, or its fraction, says.

    Attributes:
        replicates: those that have every combination.
        left_out: those that lack one.
        gain: from the base to all techniques.
        main: one a technique, in the order of the study.
        interactions: one a pair, or a group of pairs; in the order of the study.
        shares: one a technique; empty for a fraction, which lacks the combinations.
    """

    replicates: int
    left_out: int
    gain: MeanInterval
    main: tuple[MainEffect, ...]
    interactions: tuple[Interaction, ...]
    shares: tuple[ShapleyShare, ...]


Floats = npt.NDArray[np.float64]

_WRITE = "write fractions in 0…1, with NaN for a replicate that diverged"


def as_fractions(values: Sequence[float] | Floats, what: str) -> Floats:
    """Accuracies as a float64 array of shape (replicates,).

    Args:
        values: fractions in 0…1, NaN where a replicate diverged.
        what: what they are, for the error, such as `scores of arm '+ ReLU'`.

    Raises:
        InputError: if one of them is not a number, or is outside 0…1.
    """
    try:
        given = np.asarray(values)
    except ValueError:  # lists of different lengths inside a list
        raise InputError(
            f"{what} must be one list of numbers, found {values!r}; {_WRITE}"
        ) from None
    if given.ndim != 1:
        raise InputError(f"{what} must be one list of numbers, found shape {given.shape}; {_WRITE}")
    if given.dtype.kind not in "iuf":
        wrong = next((each for each in values if not _is_number(each)), values)
        raise InputError(f"{what} must be numbers, found {wrong!r}; {_WRITE}")
    fractions = given.astype(np.float64)
    outside = fractions[~(np.isnan(fractions) | ((fractions >= 0) & (fractions <= 1)))]
    if outside.size:
        advice = "divide percentages by 100" if 1 < outside[0] <= 100 else _WRITE
        raise InputError(f"{what} must be in 0…1, found {float(outside[0])!r}; {advice}")
    return fractions


def as_pairs(
    scores: Mapping[str, Sequence[float]], pairs: Sequence[tuple[str, str]]
) -> tuple[Floats, Floats, list[int]]:
    """The scores of each comparison, missing replicates as NaN.

    Args:
        scores: fractions by arm.
        pairs: names of arms, each with the one it is compared with.

    Returns:
        Two arrays of shape (pairs, replicates), and the replicates that either arm of a pair has.

    Raises:
        InputError: if scores are not valid, an arm is unknown, or one is judged twice.
    """
    named = {name: as_fractions(given, f"scores of arm {name!r}") for name, given in scores.items()}
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        if name not in named:
            advice = did_you_mean(name, named, f"the arms are {', '.join(named)}")
            raise InputError(f"pairs must name arms that have scores, found {name!r}; {advice}")
    judged = [arm for arm, _ in pairs]
    twice = next((name for name in judged if judged.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"an arm must be judged against one other, found {twice!r} in several pairs; "
            "judge them one call at a time"
        )
    longest = max((len(named[name]) for pair in pairs for name in pair), default=0)
    padded = {
        name: np.pad(given[:longest], (0, longest - len(given[:longest])), constant_values=np.nan)
        for name, given in named.items()
    }
    first, second = (
        np.array([padded[pair[side]] for pair in pairs]).reshape(len(pairs), longest)
        for side in (0, 1)
    )
    return first, second, [max(len(named[arm]), len(named[other])) for arm, other in pairs]


def check_delta(delta: float) -> None:
    """Checks the percentage points below which a difference does not matter.

    Raises:
        InputError: if they are not a finite number above 0.
    """
    if not (_is_number(delta) and math.isfinite(delta) and delta > 0):
        raise InputError(
            f"delta must be percentage points above 0, found {delta!r}; write a value such as 0.1"
        )


def check_share(value: float, name: str, example: float) -> None:
    """Checks an error rate or a confidence.

    Raises:
        InputError: if it is not a number between 0 and 1.
    """
    if not (_is_number(value) and 0 < value < 1):
        raise InputError(
            f"{name} must be between 0 and 1, found {value!r}; write a value such as {example}"
        )


def _is_number(value: object) -> bool:
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)
