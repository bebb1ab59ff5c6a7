"""Anybody's scores, judged: each arm against one of them, replicate by replicate."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from stepladder.errors import InputError
from stepladder.statistics.datasets import OverDatasets, judge_over_datasets
from stepladder.statistics.divergence import Diverged, divergence_differences
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import estimate
from stepladder.statistics.posterior import with_posteriors
from stepladder.statistics.results import Claim, Effect, Estimate, check_share
from stepladder.statistics.sequential import anytime_effects
from stepladder.study.metrics import METRICS, Metric
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


@dataclass(frozen=True)
class JudgedScores:
    """A table of scores, judged.

    Attributes:
        arms: every arm; the one that the others are compared with has no effect.
        metric: what the scores are.
        delta: difference below which none matters, in the metric's unit; None if not known.
        notes: how the table was read, and what was left out of it.
        is_anytime: whether verdicts are those of the anytime-valid test.
        claim: as for `effects`.
    """

    arms: tuple[ScoredArm, ...]
    metric: Metric
    delta: float | None
    notes: tuple[str, ...] = ()
    is_anytime: bool = False
    claim: Claim = "difference"


@dataclass(frozen=True)
class JudgedDatasets:
    """Tables of scores of several data sets, each judged alone, and all of them together.

    Attributes:
        by_dataset: each data set, a family of its own.
        over: what holds in general, over data sets like these.
        notes: how the table was read, and what was left out of it.
    """

    by_dataset: Mapping[str, JudgedScores]
    over: OverDatasets
    notes: tuple[str, ...] = ()


SCORE = replace(METRICS["accuracy"], name="score")
"""Fractions in 0…1 of which nothing is known but that higher is better."""


def judge_scores(
    scores: Mapping[str, Mapping[str, float]],
    against: str | None = None,
    *,
    delta: float | None = None,
    chance: float | None = None,
    metric: Metric = SCORE,
    overlap: float = 0.0,
    notes: Sequence[str] = (),
    anytime: bool = False,
    claim: Claim = "difference",
) -> JudgedScores:
    """Every arm against one of them, over the replicates that both have.

    Where they have none in common, the two means are compared, by Welch's test.

    Args:
        scores: values of the metric by arm and replicate; NaN is one that diverged.
        against: the arm that the others are compared with; the first when None.
        delta: difference below which none matters, in the metric's unit. When None it is 0.1
            percentage points for fractions, and not known for other metrics: then no verdict is
            `no difference`.
        chance: the score of guessing, a fraction; effects are also given with diverged
            replicates at it. For fractions alone.
        metric: what the scores are.
        overlap: test examples per training example where replicates are folds or other parts of
            the same data: 1/9 for ten folds; 0 where they are independent.
        notes: how they were read.
        anytime: whether scores may be added and judged again, as often as one likes: see
            `anytime_effects`.
        claim: as for `effects`.

    Raises:
        InputError: if there is no arm, `against` is none of them, a score is outside the metric's
            bounds, delta is not above 0, chance is not between 0 and 1, or overlap is below 0, or
            there and arms have no replicate in common.

    Example:
        >>> scores = {"base": {"0": 0.90, "1": 0.91}, "new": {"0": 0.92, "1": 0.94}}
        >>> [round(arm.effect.mean, 2) for arm in judge_scores(scores).arms if arm.effect]
        [2.5]
    """
    if not scores:
        raise InputError("scores must have at least one arm, found none; give one row a replicate")
    if chance is not None:
        _check_chance(chance, metric)
    _check_overlap(overlap, anytime)
    check_name("claim must be difference or not worse", claim, get_args(Claim))
    if delta is None and metric.is_fraction:
        delta = 0.1
    if claim == "not worse" and delta is None:
        raise InputError(
            'claim "not worse" needs a delta, found none; give the smallest loss that matters'
        )
    base = next(iter(scores)) if against is None else against
    check_name("against must name an arm of the scores", base, scores)
    labels = _replicate_labels(scores)
    pairs = [(arm, base) for arm in scores if arm != base]
    guessed = None if chance is None else _aligned(scores, base, labels, chance)
    judged = effects(
        _aligned(scores, base, labels, math.nan), pairs, delta=delta, at_chance=guessed,
        metric=metric, unpaired=not overlap, overlap=overlap, claim=claim,
    )  # fmt: skip
    lone = [arm for arm, effect in judged.items() if overlap and not effect.pairs]
    if lone:
        raise InputError(
            f"arms on parts that overlap must have replicates in common with {base!r}, found none "
            f"of {lone[0]!r}; name folds alike in all arms"
        )
    if anytime:
        judged = anytime_effects(judged, delta=delta, metric=metric, claim=claim)
    judged = with_posteriors(judged, delta, metric.sign, overlap)
    divergence = divergence_differences(
        {arm: _diverged(scores[arm], scores[base], judged[arm].is_paired) for arm, _ in pairs}
    )
    arms = tuple(
        ScoredArm(
            name=arm,
            compared_with=None if arm == base else base,
            n=len(row),
            diverged=sum(map(math.isnan, row.values())),
            missing=tuple(label for label in labels if label not in row),
            score=estimate(
                [row[label] for label in labels if label in row], metric=metric, overlap=overlap
            ),
            effect=replace(_of_all(judged[arm], len(labels)), divergence=divergence.get(arm))
            if arm in judged
            else None,
        )
        for arm, row in scores.items()
    )
    noted = (*notes, _OVERLAP_NOTE.format(overlap)) if overlap else tuple(notes)
    return JudgedScores(arms, metric, delta, noted, anytime, claim)


def judge_datasets(
    by_dataset: Mapping[str, Mapping[str, Mapping[str, float]]],
    against: str | None = None,
    *,
    delta: float | None = None,
    chance: float | None = None,
    metric: Metric = SCORE,
    overlap: float = 0.0,
    notes: Sequence[str] = (),
    anytime: bool = False,
    claim: Claim = "difference",
) -> JudgedDatasets:
    """Every arm against one of them, on each data set and over all of them.

    Args and errors are those of `judge_scores`, with the scores by data set. Nothing is judged at
    any time over data sets: more replicates change what is known of each.

    Example:
        >>> scores = {"base": {"0": 0.90}, "new": {"0": 0.92}}
        >>> judged = judge_datasets({name: scores for name in ("iris", "wine", "digits")})
        >>> judged.over.arms[1].verdict
        'not enough data sets'
    """
    only = "judging at any time" if anytime else f'the claim "{claim}"'
    if anytime or claim != "difference":
        raise InputError(
            f"{only} is for one data set, found {len(by_dataset)}; leave it out, "
            "or give the rows of one data set"
        )
    base = next(iter(next(iter(by_dataset.values())))) if against is None else against
    arms = dict.fromkeys(arm for scores in by_dataset.values() for arm in scores)
    check_name("against must name an arm of the scores", base, arms)
    lacking = [data for data, scores in by_dataset.items() if base not in scores]
    if lacking:
        raise InputError(
            f"every data set must have the arm {base!r}, which the others are compared with, found "
            f"none on {lacking[0]!r}; add it, or name another arm with --against"
        )
    judged = {
        data: judge_scores(scores, base, delta=delta, chance=chance, metric=metric, overlap=overlap)
        for data, scores in by_dataset.items()
    }
    first = next(iter(judged.values()))
    over = judge_over_datasets(
        {data: {arm.name: arm.effect for arm in one.arms if arm.effect is not None}
         for data, one in judged.items()},
        {arm: None if arm == base else base for arm in arms},
        {data: {arm.name: arm.score.mean for arm in one.arms} for data, one in judged.items()},
        delta=first.delta, metric=metric,
    )  # fmt: skip
    return JudgedDatasets(judged, over, (*notes, *first.notes))


_OVERLAP_NOTE = (
    "Replicates overlap ({:.3g} test examples per training example): intervals and tests have the "
    "variance of Nadeau and Bengio, and speak for new data of the same kind."
)


def _check_overlap(overlap: float, anytime: bool) -> None:
    if not (math.isfinite(overlap) and overlap >= 0):
        raise InputError(
            "overlap must be the number of test examples per training example, found "
            f"{overlap!r}; write 0.111 for ten folds"
        )
    if overlap and anytime:
        raise InputError(
            "judging at any time needs replicates that share no test example, found an overlap of "
            f"{overlap:g}; leave out one of the two"
        )


def _diverged(arm: Mapping[str, float], base: Mapping[str, float], is_paired: bool) -> Diverged:
    """Whether scores are NaN, over the replicates of both; of pairs alone there is a test."""
    both = [label for label in arm if label in base] if is_paired else []
    return [math.isnan(arm[label]) for label in both], [math.isnan(base[label]) for label in both]


def _check_chance(chance: float, metric: Metric) -> None:
    check_share(chance, "chance", 0.1)
    if not metric.is_fraction:
        raise InputError(
            f"chance must be left out of what is no fraction, found {chance!r} with {metric.name}; "
            "a replicate that diverged (nan) is left out"
        )


def _aligned(
    scores: Mapping[str, Mapping[str, float]], base: str, labels: Sequence[str], diverged: float
) -> dict[str, list[float]]:
    """Scores by arm: first the base's replicates, then those that only the arm has."""

    def value(row: Mapping[str, float], label: str) -> float:
        score = row.get(label, math.nan)
        return diverged if label in row and math.isnan(score) else score

    common = [label for label in labels if label in scores[base]]
    return {
        arm: [
            *(value(row, label) for label in common),
            *(value(row, label) for label in row if label not in scores[base]),
        ]
        for arm, row in scores.items()
    }


def _of_all(effect: Effect, replicates: int) -> Effect:
    """An effect that counts as unpaired whatever replicate of any arm is not a pair of its."""
    guessing = effect.at_chance
    return replace(
        effect,
        unpaired=replicates - effect.pairs,
        at_chance=guessing and replace(guessing, unpaired=replicates - guessing.pairs),
    )


def _replicate_labels(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Every replicate, by number where all are numbers, else in the order of appearance."""
    labels = list(dict.fromkeys(label for row in scores.values() for label in row))
    return sorted(labels, key=int) if all(label.isdecimal() for label in labels) else labels
