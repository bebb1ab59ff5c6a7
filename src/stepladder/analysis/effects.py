"""Effects: what an arm is worth against another, and what may be said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stepladder.analysis.checks import as_pairs, check_delta, check_share
from stepladder.analysis.judged import Effect, Interval, Verdict
from stepladder.analysis.paired import or_none
from stepladder.analysis.rule import Judged, judge

__all__ = ["effect", "effect_of", "effects"]


def effect(
    arm: Sequence[float], other: Sequence[float], *, delta: float = 0.1, alpha: float = 0.05
) -> Effect:
    """The effect of one arm against another, a family of one comparison.

    Args:
        arm: accuracies as fractions in 0…1, index = replicate; NaN is one that diverged.
        other: those of the arm compared with; a shorter list lacks its last replicates.
        delta: percentage points below which a difference does not matter.
        alpha: chance of a false verdict, between 0 and 1.

    Raises:
        InputError: if a score is not a number or outside 0…1, delta is not above 0, or alpha
            is not between 0 and 1.

    Example:
        >>> found = effect([0.96, 0.97, 0.95, 0.96], [0.11, 0.12, 0.10, 0.11])
        >>> f"{found.mean:.1f} points: {found.verdict}"
        '85.0 points: helps'
    """
    scores = {"arm": arm, "other": other}
    return effects(scores, [("arm", "other")], delta=delta, alpha=alpha)["arm"]


def effects(
    scores: Mapping[str, Sequence[float]],
    pairs: Sequence[tuple[str, str]],
    *,
    delta: float = 0.1,
    alpha: float = 0.05,
    at_chance: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Effect]:
    """The effects of a study: each arm against the one it is compared with.

    Differences are taken replicate by replicate, in percentage points, over the replicates
    finite in both arms. All pairs are one family for Holm's correction, those without
    replicates too. The interval is at 95 % and speaks for its own comparison alone. The rule of
    the verdict is that of `stepladder.analysis.rule.judge`.

    Args:
        scores: accuracies as fractions in 0…1 by arm, index = replicate; NaN is a replicate
            that diverged, a shorter list lacks its last ones.
        pairs: names of an arm and of the arm it is compared with; an arm is judged once.
        delta: percentage points below which a difference does not matter.
        alpha: chance in a study of a false `helps` or `hurts`, between 0 and 1.
        at_chance: the same scores with diverged replicates at the accuracy of guessing; where
            they differ from `scores`, an effect says what it would be with them.

    Returns:
        One effect by the name of each pair's first arm, in the order of pairs.

    Raises:
        InputError: if a score is not a number or outside 0…1, a pair names an unknown arm, an
            arm is judged twice, delta is not above 0, or alpha is not between 0 and 1.
    """
    check_delta(delta)
    check_share(alpha, "alpha", 0.05)
    first, second, replicates = as_pairs(scores, pairs)
    if not pairs:
        return {}
    judged = judge(first, second, delta=delta, alpha=alpha)
    made = {arm: effect_of(judged, row, replicates[row]) for row, (arm, _) in enumerate(pairs)}
    if at_chance is None:
        return made
    guessing = effects(at_chance, pairs, delta=delta, alpha=alpha)
    return {
        arm: replace(each, at_chance=guessing[arm]) if guessing[arm].pairs > each.pairs else each
        for arm, each in made.items()
    }


def effect_of(judged: Judged, row: int, replicates: int) -> Effect:
    """One comparison of a family as a plain value.

    Args:
        judged: one family, so every array has the shape (comparisons,).
        row: which comparison.
        replicates: that either of its arms should have.
    """
    t, pairs = judged.t, int(judged.t.pairs[row])
    needed = or_none(judged.needed[row])
    differences = [each for each in judged.differences[row].tolist() if not math.isnan(each)]
    return Effect(
        mean=float(t.mean[row]),
        ci_low=or_none(t.ci_low[row]),
        ci_high=or_none(t.ci_high[row]),
        p=or_none(judged.p[row]),
        p_holm=or_none(judged.p_holm[row]),
        p_t=or_none(t.p[row]),
        p_t_holm=or_none(judged.p_t_holm[row]),
        verdict=_verdict(judged, row),
        replicates_needed=None if needed is None else int(needed),
        pairs=pairs,
        unpaired=replicates - pairs,
        differences=tuple(differences),
        p_greater=or_none(judged.wins.share[row]),
        p_greater_ci=Interval(float(judged.wins.low[row]), float(judged.wins.high[row]))
        if pairs
        else None,
    )


def _verdict(judged: Judged, row: int) -> Verdict:
    if judged.different[row]:
        return "helps" if judged.t.mean[row] > 0 else "hurts"
    return "no difference beyond δ" if judged.within[row] else "not enough replicates"
