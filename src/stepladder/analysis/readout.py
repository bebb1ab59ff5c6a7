"""What a factorial says of its techniques, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.analysis.judged import Effect

__all__ = ["Interaction", "MainEffect", "Readout", "Share", "Spread"]


@dataclass(frozen=True)
class Spread:
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
    worth: Spread
    p: float | None
    p_holm: float | None
    p_t: float | None
    p_t_holm: float | None


@dataclass(frozen=True)
class Share:
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
    shapley: Spread
    of_gain: float | None
    least: float
    after_least: tuple[str, ...]
    most: float
    after_most: tuple[str, ...]
    said: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Readout:
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
    gain: Spread
    main: tuple[MainEffect, ...]
    interactions: tuple[Interaction, ...]
    shares: tuple[Share, ...]
