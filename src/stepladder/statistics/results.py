"""Values that the statistics return, and the checks of what they are given."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from stepladder.errors import InputError
from stepladder.study.metrics import METRICS, POINTS, Metric
from stepladder.study.schema import check_name

if TYPE_CHECKING:
    from stepladder.statistics.divergence import DivergenceDifference
    from stepladder.statistics.posterior import Posterior

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Verdict = Literal[
    "helps", "hurts", "no difference beyond δ", "not worse beyond δ", "not enough replicates"
]


WITHIN: tuple[Verdict, ...] = ("no difference beyond δ", "not worse beyond δ")
"""Verdicts of the second hypothesis: which of the two a study asks for, its claim says."""

Claim = Literal["difference", "not worse"]


def side_of(claim: Claim, metric: Metric) -> int:
    """Above which bound a mean must be to be within δ: 0 for both, 1 for -δ, -1 for below +δ.

    Example:
        >>> side_of("difference", METRICS["rmse"]), side_of("not worse", METRICS["rmse"])
        (0, -1)
    """
    return metric.sign if claim == "not worse" else 0


SAME_TEST = "these test examples, retrained on these training examples"
"""What an interval over replicates speaks for, on a test part that is the same for all."""


@dataclass(frozen=True)
class Interval:
    """The lower and the upper end of an interval."""

    low: float
    high: float


@dataclass(frozen=True)
class MeanInterval:
    """A mean over replicates with its 95 % t interval.

    Attributes:
        mean: of the finite values; NaN when there is none.
        ci_low: lower end of the interval; None with fewer than two finite values.
        ci_high: its upper end.
    """

    mean: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class Estimate(MeanInterval):
    """A mean accuracy over replicates, a fraction, its interval cut to 0…1.

    Attributes:
        values: one value a replicate, in the order of replicates; NaN where it diverged.
        new_images: the interval for new test images too, within 0…1; None where the answers on
            single images are not known.
        speaks_for: which examples and trainings `ci_low` and `ci_high` are for.
    """

    values: tuple[float, ...]
    new_images: Interval | None = None
    speaks_for: str = SAME_TEST


@dataclass(frozen=True)
class ReplicatePlan:
    """How many pairs would settle a verdict, and for what.

    Attributes:
        purpose: what the smaller of the two numbers would show.
        difference: pairs that would show a difference; None beyond 10,000.
        equivalence: pairs that would show that there is none beyond δ, or that the arm is not
            worse where that is claimed; None likewise, and where the mean lies outside.
        low: the 10th percentile of what a pilot of so many pairs would ask for.
        high: the 90th percentile; None beyond 10,000.
    """

    purpose: Literal["difference", "equivalence", "not worse"]
    difference: int | None
    equivalence: int | None
    low: int
    high: int | None

    @property
    def count(self) -> int:
        """The smaller of the two numbers."""
        return min(count for count in (self.difference, self.equivalence) if count is not None)


@dataclass(frozen=True)
class Effect(MeanInterval):
    """A difference between an arm and the arm it is compared with, in the metric's unit.

    The unit of an accuracy is percentage points. Without a pair, and with an interval, it is the
    difference of two means after Welch, and `p_t` is the p-value of his test.

    Attributes:
        p: two-sided sign-flip p-value, exact up to 20 pairs and drawn above; None with fewer
            than two pairs.
        p_adjusted: `p` after Holm's correction over the study's comparisons.
        p_t: two-sided paired t p-value, which agrees with the interval; 0 where all differences
            are equal and not 0.
        p_t_adjusted: `p_t` after Holm's correction. `helps` and `hurts` need it below 0.05 and
            more: the sign-flip test must agree or, with few pairs, all differences have one sign.
        verdict: what the data show.
        pairs: number of replicates finite in both arms.
        unpaired: replicates that one of the arms does not have or in which it diverged.
        differences: the paired differences in percentage points, in the order of replicates.
        p_greater: share of the pairs in which the arm is the better one, ties counted half.
        p_greater_ci: its 95 % interval; None without a pair.
        new_images: the 95 % interval of the mean for new test images too, in percentage points;
            `ci_low` and `ci_high` are for these images, retrained. None with fewer than two
            pairs and where the answers on single images are not known.
        at_chance: the effect with diverged replicates at the accuracy of guessing, where there
            are any and that accuracy is known.
        settled_at: replicates at the look that settled it, in a study that adds replicates.
        p_verdict: the p-value that the verdict rests on, after Holm's correction: of two one-sided
            tests for `no difference beyond δ`, of one for `not worse beyond δ`, else of the rule
            for `helps` and `hurts`. None with fewer than three pairs. Of a study it is corrected
            for all its judgements too, and below 0.05 exactly where there is a verdict.
        reason: why no number of replicates would give a verdict, in words; "" where one would.
        anytime: the 95 % confidence sequence at this number of pairs: the chance that the true mean
            is ever outside it, however often one looks, is at most 5 %. None of a scores table and
            where there are too few pairs for it to have ends.
        first_verdict: that of the study's first judgement, where it is another one.
        simultaneous: the interval made so that those of all comparisons of the study hold at once
            in 95 % of studies; it has 0 in it where the verdict is `not enough replicates`. None
            without an interval.
        comparisons: that the family has.
        missed_share: where the verdict is one of `WITHIN`, the share of trainings whose effect
            these pairs may all have missed: 1 - 0.05^(1/n).
        plan: how many pairs would settle the verdict with 80 % power at the mean and spread seen;
            None where it is settled, with fewer than two pairs, and where more than 10,000 would
            be needed.
        divergence: how often the arm diverges against the other; None where neither did.
        posterior: probabilities with δ as the region of practical equivalence; None without a δ.
        p_not_worse: of "the arm is worse by δ or more", one-sided and after Holm's correction;
            None with fewer than five pairs.
        speaks_for: which examples and trainings `ci_low` and `ci_high` are for.
    """

    p: float | None
    p_adjusted: float | None
    p_t: float | None
    p_t_adjusted: float | None
    verdict: Verdict
    pairs: int
    unpaired: int
    differences: tuple[float, ...]
    p_greater: float | None = None
    p_greater_ci: Interval | None = None
    new_images: Interval | None = None
    at_chance: Effect | None = None
    settled_at: int | None = None
    p_verdict: float | None = None
    reason: str = ""
    anytime: Interval | None = None
    first_verdict: Verdict | None = None
    simultaneous: Interval | None = None
    comparisons: int = 1
    missed_share: float | None = None
    plan: ReplicatePlan | None = None
    divergence: DivergenceDifference | None = None
    posterior: Posterior | None = None
    p_not_worse: float | None = None
    speaks_for: str = SAME_TEST

    @property
    def needs_replicates(self) -> bool:
        """Whether it has no verdict yet, and more replicates could give it one."""
        return self.verdict == "not enough replicates" and not self.reason

    @property
    def replicates_needed(self) -> int | None:
        """The smaller number of the plan."""
        return None if self.plan is None else self.plan.count

    def is_small(self, delta: float | None) -> bool:
        """Whether its interval lies within ±delta: a difference less than what matters."""
        ends = (self.ci_low, self.ci_high)
        return delta is not None and all(end is not None and abs(end) < delta for end in ends)

    @property
    def is_paired(self) -> bool:
        """Whether replicates were compared in pairs; if not, two means were."""
        return self.pairs > 0 or math.isnan(self.mean)


@dataclass(frozen=True)
class Difference(MeanInterval):
    """A paired difference on another measure than test accuracy: figures without a verdict.

    Attributes:
        measure: what is measured, such as `val_accuracy`.
        unit: of the figures, such as `points`.
        p: two-sided sign-flip p-value, or of the corrected t test where parts overlap, not
            corrected for other comparisons; None with fewer than two pairs.
        pairs: number of replicates in which both arms have the measure.
        unpaired: replicates in which one of them has none.
        speaks_for: which examples and trainings the interval is for.
    """

    measure: str
    unit: str
    p: float | None
    pairs: int
    unpaired: int
    speaks_for: str = SAME_TEST


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
        pairs: the two techniques; several pairs where a fraction cannot separate them, and the
            figures are those of their sum.
        worth: A's worth with B less A's worth without B, which is the same seen from B.
        p: two-sided sign-flip p-value; None with fewer than two replicates.
        p_adjusted: the same after Holm's correction over the study's interactions.
        p_t: two-sided p-value of the t test, which agrees with the interval.
        p_t_adjusted: the same after Holm's correction.
    """

    pairs: tuple[tuple[str, str], ...]
    worth: MeanInterval
    p: float | None
    p_adjusted: float | None
    p_t: float | None
    p_t_adjusted: float | None


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
    """The analysis of a factorial or of its fraction.

    Attributes:
        replicates: those that have every combination.
        left_out: those that do not.
        gain: from the base to all techniques.
        main: one a technique, in the order of the study.
        interactions: one a pair, or a group of pairs; in the order of the study.
        shares: one a technique; empty for a fraction, which has not all combinations.
    """

    replicates: int
    left_out: int
    gain: MeanInterval
    main: tuple[MainEffect, ...]
    interactions: tuple[Interaction, ...]
    shares: tuple[ShapleyShare, ...]


_MOST = 1e100  # the squares of larger numbers are infinite


def as_fractions(
    values: Sequence[float] | Floats, what: str, metric: Metric = METRICS["accuracy"]
) -> Floats:
    """Scores as a float64 array of shape (replicates,).

    Args:
        values: finite values of the metric, NaN where a replicate diverged.
        what: what they are, for the error, such as `scores of arm '+ ReLU'`.
        metric: fractions in 0…1 unless another one is given.

    Raises:
        InputError: if one of them is not a number, or is outside the metric's bounds.
    """
    low, high = metric.bounds
    kind = "fractions in 0…1" if metric.is_fraction else f"numbers below {_MOST:g}"
    advice = f"write {kind}, with NaN for a replicate that diverged"
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths inside a list
        raise InputError(
            f"{what} must be one list of numbers, found {values!r}; {advice}"
        ) from None
    if array.ndim != 1:
        raise InputError(f"{what} must be one list of numbers, found shape {array.shape}; {advice}")
    if array.dtype.kind not in "iuf":
        wrong = next((value for value in values if not _is_number(value)), values)
        raise InputError(f"{what} must be numbers, found {wrong!r}; {advice}")
    fractions = array.astype(np.float64)
    is_valid = (np.abs(fractions) < _MOST) & (fractions >= low) & (fractions <= high)
    outside = fractions[~(np.isnan(fractions) | is_valid)]
    if outside.size:
        if metric.is_fraction and 1 < outside[0] <= 100:
            advice = "divide percentages by 100"
        raise InputError(f"{what} must be {metric.range}, found {float(outside[0])!r}; {advice}")
    return fractions


def as_pairs(
    scores: Mapping[str, Sequence[float]],
    pairs: Sequence[tuple[str, str]],
    metric: Metric = METRICS["accuracy"],
) -> tuple[Floats, Floats, list[int]]:
    """The scores of each comparison, missing replicates as NaN.

    Args:
        scores: values of the metric by arm.
        pairs: names of arms, each with the one it is compared with.
        metric: what they are.

    Returns:
        Two arrays of shape (pairs, replicates), and the replicates that either arm of a pair has.

    Raises:
        InputError: if scores are not valid, an arm is unknown, or one is judged twice.
    """
    rows = {
        name: as_fractions(row, f"scores of arm {name!r}", metric) for name, row in scores.items()
    }
    for name in dict.fromkeys(name for pair in pairs for name in pair if name not in rows):
        check_name("pairs must name arms that have scores", name, rows)
    judged = Counter(arm for arm, _ in pairs)
    twice = next((name for name, count in judged.items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"an arm must be judged against one other, found {twice!r} in several pairs; "
            "judge them one call at a time"
        )
    longest = max((len(rows[name]) for pair in pairs for name in pair), default=0)
    first, second = np.full((2, len(pairs), longest), np.nan)
    for place, (arm, other) in enumerate(pairs):
        first[place, : len(rows[arm])] = rows[arm]
        second[place, : len(rows[other])] = rows[other]
    return first, second, [max(len(rows[arm]), len(rows[other])) for arm, other in pairs]


def check_delta(delta: float | None, unit: str = POINTS) -> None:
    """Checks the difference below which none matters.

    Args:
        delta: the difference.
        unit: of it, for the error.

    Raises:
        InputError: if it is not a finite number above 0.
    """
    if delta is None or not (_is_number(delta) and math.isfinite(delta) and delta > 0):
        what = {POINTS: "percentage points", "": "a number"}.get(unit, f"a number of {unit}")
        raise InputError(
            f"delta must be {what} above 0, found {delta!r}; write a value such as 0.1"
        )


ALPHA = 0.05
"""The chance in a study of a false `helps` or `hurts`."""


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
