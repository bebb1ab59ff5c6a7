"""Anybody's scores, judged: each arm against one of them, replicate by replicate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepladder.errors import InputError
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Effect, Estimate, check_share
from stepladder.study.schema import did_you_mean


@dataclass(frozen=True)
class ScoredArm:
    """One arm of a table of scores.

    Attributes:
        name: its name.
        compared_with: the arm that it is compared with, or None for that arm itself.
        n: replicates that it has, diverged ones included.
        diverged: those whose score is NaN.
        missing: replicates that it lacks and another arm has.
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
    """
    if not scores:
        raise InputError("scores must have at least one arm, found none; give one row a replicate")
    if chance is not None:
        check_share(chance, "chance", 0.1)
    base = next(iter(scores)) if against is None else against
    if base not in scores:
        advice = did_you_mean(base, scores, f"the arms are {', '.join(scores)}")
        raise InputError(f"against must name an arm of the scores, found {base!r}; {advice}")
    labels = _labels(scores)
    rows = {arm: [given.get(label, math.nan) for label in labels] for arm, given in scores.items()}
    pairs = [(arm, base) for arm in scores if arm != base]
    guessing = None if chance is None else _guessing(scores, labels, chance)
    judged = effects(rows, pairs, delta=delta, at_chance=guessing) if pairs else {}
    return tuple(
        ScoredArm(
            name=arm,
            compared_with=None if arm == base else base,
            n=len(given),
            diverged=sum(map(math.isnan, given.values())),
            missing=tuple(label for label in labels if label not in given),
            score=estimate([given[label] for label in labels if label in given]),
            effect=judged.get(arm),
        )
        for arm, given in scores.items()
    )


def _labels(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Every replicate, by number where all are numbers, else in the order of appearance."""
    labels = list(dict.fromkeys(label for given in scores.values() for label in given))
    return sorted(labels, key=int) if all(each.isdecimal() for each in labels) else labels


def _guessing(
    scores: Mapping[str, Mapping[str, float]], labels: Sequence[str], chance: float
) -> dict[str, list[float]]:
    return {
        arm: [chance if label in given and math.isnan(given[label]) else given.get(label, math.nan)
              for label in labels]
        for arm, given in scores.items()
    }  # fmt: skip
