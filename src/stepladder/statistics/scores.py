"""Anybody's scores, judged: each arm against one of them, replicate by replicate."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from stepladder.errors import InputError
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Effect, Estimate, check_share
from stepladder.study.schema import check_name


@dataclass(frozen=True)
class ScoredArm:
    """One arm of a table of scores.

    Attributes:
        name: its name.
        compared_with: the arm that it is compared with, or None for that arm itself.
        n: replicates that it has, diverged ones included.
        diverged: those whose score is NaN.
        missing: replicates that it has not and another arm has.
        score: mean with its interval.
        effect: against the other arm; None for that arm itself.
    """

    name: str
    compared_with: str | None
    n: int
    diverged: int
    missing: tuple[str, ...]
    score: Estimate
    effect: Effect | None


def judge_scores(
    scores: Mapping[str, Mapping[str, float]],
    against: str | None = None,
    *,
    delta: float = 0.1,
    chance: float | None = None,
) -> tuple[ScoredArm, ...]:
    """Every arm against one of them, over the replicates that both have.

    Args:
        scores: fractions in 0…1 by arm and replicate; NaN is one that diverged.
        against: the arm that the others are compared with; the first when None.
        delta: percentage points below which a difference does not matter.
        chance: the accuracy of guessing, a fraction; effects are also given with diverged
            replicates at it.

    Raises:
        InputError: if there is no arm, `against` is none of them, a score is outside 0…1, delta
            is not above 0, or chance is not between 0 and 1.

    Example:
        >>> scores = {"base": {"0": 0.90, "1": 0.91}, "new": {"0": 0.92, "1": 0.94}}
        >>> [round(arm.effect.mean, 2) for arm in judge_scores(scores) if arm.effect]
        [2.5]
    """
    if not scores:
        raise InputError("scores must have at least one arm, found none; give one row a replicate")
    if chance is not None:
        check_share(chance, "chance", 0.1)
    base = next(iter(scores)) if against is None else against
    check_name("against must name an arm of the scores", base, scores)
    labels = _replicate_labels(scores)
    rows = {arm: [row.get(label, math.nan) for label in labels] for arm, row in scores.items()}
    pairs = [(arm, base) for arm in scores if arm != base]
    at_chance = None if chance is None else {
        arm: [chance if label in row and math.isnan(row[label]) else row.get(label, math.nan)
              for label in labels]
        for arm, row in scores.items()
    }  # fmt: skip
    judged = effects(rows, pairs, delta=delta, at_chance=at_chance) if pairs else {}
    return tuple(
        ScoredArm(
            name=arm,
            compared_with=None if arm == base else base,
            n=len(row),
            diverged=sum(map(math.isnan, row.values())),
            missing=tuple(label for label in labels if label not in row),
            score=estimate([row[label] for label in labels if label in row]),
            effect=judged.get(arm),
        )
        for arm, row in scores.items()
    )


def _replicate_labels(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Every replicate, by number where all are numbers, else in the order of appearance."""
    labels = list(dict.fromkeys(label for row in scores.values() for label in row))
    return sorted(labels, key=int) if all(label.isdecimal() for label in labels) else labels
