"""Scores of stored trials, by arm and by side of a factorial."""

import gc
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from stepladder.errors import StudyError
from stepladder.statistics.divergence import Diverged
from stepladder.statistics.effects import with_verdict
from stepladder.statistics.factorial import factorial
from stepladder.statistics.intervals import new_images_interval
from stepladder.statistics.paired import paired_difference
from stepladder.statistics.results import (
    SAME_TEST,
    WITHIN,
    Difference,
    Effect,
    Estimate,
    FactorialAnalysis,
    Interval,
)
from stepladder.statistics.sequential import Occasion, OverFolds, effects_over_time
from stepladder.store import Store, StudyRecord
from stepladder.study.designs import main_techniques, pair_aliases
from stepladder.study.metrics import LOSS, METRICS, Metric
from stepladder.study.study import Study
from stepladder.trials.trial import Part, TrialResult, TrialSummary, example_matrix

Replicates = Sequence[TrialSummary | None]
"""One trial a replicate, None where it is not there yet."""


def scores_on(results: Replicates, part: Part, metric: str) -> list[float]:
    """A metric on one part; NaN where a trial diverged, is missing or has no such number."""
    scores = [result.score(part, metric) if result else math.nan for result in results]
    return [score if math.isfinite(score) else math.nan for score in scores]


def choosing_score(result: TrialSummary | TrialResult, study: Study) -> float:
    """The validation figure by which candidates are chosen; NaN where the trial diverged.

    Raises:
        StudyError: if a training of the user's own gave none.
    """
    metric = study.judged.name
    is_there = study.trainer is None or metric in result.measures.get("validation", {})
    if not is_there and result.diverged is None:
        raise StudyError(
            f"candidates are chosen by {metric} of the validation part, found a training that "
            f'gave none; return {{"validation": {{"{metric}": ...}}, "test": {{"{metric}": ...}}}}'
        )
    score = result.score("validation", metric)
    return score if math.isfinite(score) else math.nan


def scores_at_baseline(results: Replicates, metric: Metric, baseline: float | None) -> list[float]:
    """Test scores with diverged trials at the score of guessing, where that is known."""
    return [
        baseline
        if baseline is not None and result is not None and result.diverged is not None
        else score
        for result, score in zip(results, scores_on(results, "test", metric.name), strict=True)
    ]


def trials_diverged(arm: Replicates, other: Replicates) -> Diverged:
    """Whether trials diverged, over the replicates that both arms have."""
    both = [(ours, theirs) for ours, theirs in zip(arm, other, strict=False) if ours and theirs]
    return (
        [ours.diverged is not None for ours, _ in both],
        [theirs.diverged is not None for _, theirs in both],
    )


def count_leading(results: Replicates) -> int:
    """How many trials there are before the first that is missing."""
    return next((place for place, result in enumerate(results) if result is None), len(results))


_SPEAKS_FOR: dict[Part, str] = {
    "test": SAME_TEST,
    "validation": "these validation examples, retrained",
    "train": "these training examples, retrained",
}


def scope_of(part: Part, study: Study, record: StudyRecord | None = None) -> tuple[float, str]:
    """How far replicates overlap on a part of the data, and what intervals on it speak for.

    Each replicate has a validation part of its own, drawn from the same examples, unless the data
    have one, which is the same in every replicate, as a test part is. A training of the user's own
    chooses it, so that nothing is known of it. With k-fold each has a training and a test part of
    its own too.

    Args:
        part: of the data.
        study: what is asked.
        record: of which data; None where they do not matter, as for the test part.

    Returns:
        Validation examples per training example, or 0, and the words.
    """
    sizes = record.sizes if record else {}
    if study.overlap and (part != "validation" or study.trainer is not None):
        return study.overlap, over_folds(study)
    # the latest examples validate, or those of the user's own part
    is_own = record is not None and record.has_own_validation
    is_fixed = is_own or (study.is_forward and not study.overlap)
    if part != "validation" or study.trainer is not None or is_fixed or not sizes.get("train"):
        return 0.0, _SPEAKS_FOR[part]
    return sizes["validation"] / sizes["train"], "new examples of the same kind, retrained"


def folds_of(study: Study) -> OverFolds | None:
    """How a study's replicates overlap; None where all test on one part."""
    if not study.overlap:
        return None
    return OverFolds(study.overlap, study.splits.repeats)


def over_folds(study: Study) -> str:
    """What intervals over folds speak for."""
    what = "groups" if getattr(study.dataset, "group", None) else "examples"
    return f"over folds of these data, for new {what} of the same kind, retrained"


_NAMES: dict[Part, str] = {"validation": "val", "train": "train", "test": "test"}


def _measured(metric: Metric, also: Sequence[Metric]) -> list[tuple[str, Part, str, str, float]]:
    """Measures that are compared beside the judged one: name, part, metric, unit and scale."""
    of_judged: list[tuple[Part, Metric]] = [("validation", metric), ("train", metric)]
    of_others: list[tuple[Part, Metric]] = [
        (part, other) for other in also for part in ("test", "validation", "train")
    ]
    return [(_NAMES[part], part, one.name, one.unit, one.scale)
            for part, one in (*of_judged, *of_others)]  # fmt: skip


def differences(
    arm: Replicates,
    other: Replicates,
    target: float | None,
    metric: Metric = METRICS["accuracy"],
    also: Sequence[Metric] = (LOSS,),
    scopes: Mapping[Part, tuple[float, str]] = MappingProxyType({}),
) -> tuple[Difference, ...]:
    """Paired differences on other measures than the judged metric on the test part.

    Args:
        arm: its trials.
        other: those of the arm compared with.
        target: validation accuracy to which epochs and seconds are counted, or None.
        metric: what is judged.
        also: what else is compared.
        scopes: `scope_of` each part, where it is known.
    """
    measures = []
    for name, part, kind, unit, scale in _measured(metric, also):
        here, there = scores_on(arm, part, kind), scores_on(other, part, kind)
        if any(map(math.isfinite, here)) or kind in ("accuracy", "loss"):
            overlap, words = scopes.get(part, (0.0, _SPEAKS_FOR[part]))
            measures.append(paired_difference(
                here, there, f"{name}_{kind}", unit, scale, overlap, words
            ))  # fmt: skip
    if target is not None:
        ours, theirs = _to_target(arm, target), _to_target(other, target)
        measures += [
            paired_difference(
                ours[unit],
                theirs[unit],
                f"{unit}_to_target",
                unit,
                speaks_for=_SPEAKS_FOR["validation"],
            )
            for unit in ours
        ]
    return tuple(measures)


def count_reached(results: Replicates, target: float | None) -> int | None:
    """How many trials reached a validation accuracy; None without one."""
    if target is None:
        return None
    return sum(map(math.isfinite, _to_target(results, target)["epochs"]))


def _to_target(results: Replicates, target: float) -> dict[str, list[float]]:
    """Epochs and seconds until the validation accuracy first reached a target, or NaN."""
    values: dict[str, list[float]] = {"epochs": [], "seconds": []}
    for result in results:
        epoch, seconds = math.nan, math.nan
        if result is not None and (result.curve.val_accuracy >= target).any():
            first = int(np.argmax(result.curve.val_accuracy >= target))
            epoch, seconds = first + 1.0, float(result.curve.seconds[first])
        values["epochs"].append(epoch)
        values["seconds"].append(seconds)
    return values


def estimate_with_images(estimate: Estimate, arm: Replicates, metric: Metric) -> Estimate:
    """An arm's test score with its interval for new test examples too."""
    there = [one for one, _ in _finite_in_both(arm, arm)]
    table = example_matrix(there, metric.name)
    interval = None if table is None else new_images_interval(table, bounds=metric.bounds)
    if interval is None:
        return estimate
    low, high = metric.bounds
    clipped = Interval(max(interval.low, low), min(interval.high, high))
    return replace(estimate, new_images=_no_narrower(clipped, estimate))


def effect_with_images(
    effect: Effect, arm: Replicates, other: Replicates, metric: Metric
) -> Effect:
    """An effect on the judged metric with its interval for new test examples too."""
    there = _finite_in_both(arm, other)
    ours, theirs = (example_matrix([pair[side] for pair in there], metric.name) for side in (0, 1))
    if ours is None or theirs is None or ours.shape != theirs.shape:
        return effect
    interval = new_images_interval(ours, theirs, bounds=metric.bounds)
    if interval is None:
        return effect
    points = Interval(metric.scale * interval.low, metric.scale * interval.high)
    return replace(effect, new_images=_no_narrower(points, effect))


def _no_narrower(wide: Interval, own: Estimate | Effect) -> Interval:
    # More varies in the wide interval: rounding alone may make it narrower than the other.
    if own.ci_low is None or own.ci_high is None:
        return wide
    return Interval(min(wide.low, own.ci_low), max(wide.high, own.ci_high))


def _finite_in_both(arm: Replicates, other: Replicates) -> list[tuple[TrialSummary, TrialSummary]]:
    return [
        (one, two)
        for one, two in zip(arm, other, strict=True)
        if one is not None and two is not None and one.diverged is None and two.diverged is None
    ]


def reason_not_judged(
    arms: Sequence[Replicates], delta: float, *, is_within: bool, repeats: int | None = None
) -> str:
    """Why a comparison cannot be judged, in words; "" where it can.

    Args:
        arms: the trials of the arms that are compared.
        delta: percentage points below which a difference does not matter.
        is_within: whether the verdict would be one of `WITHIN`.
        repeats: of folds, which are all tested; None where all replicates test on one part.
    """
    done = [one for arm in arms for one in arm if one is not None and one.diverged is None]
    if not done or not done[0].images:
        return ""
    if all(one.answer is not None for one in done):
        return "every network answers one class to all examples, so nothing was tested"
    images = done[0].images
    if repeats is not None:
        tested = [one.images for one in arms[0] if one is not None and one.diverged is None]
        images = max(images, round(sum(tested) / repeats))
    row = 100 / images
    if is_within and delta < row:
        return (
            f"δ = {delta:g} points is less than one of the "
            f"{images:,} test examples, {row:.2g} % of them; set a larger delta"
        )
    return ""


def withdrawn_if_not_testable(effect: Effect, arms: Sequence[Replicates], study: Study) -> Effect:
    """An effect whose verdict is withdrawn, with the reason, where the data cannot show it.

    Args:
        effect: as the tests have it.
        arms: the trials of the arms that are compared.
        study: what is asked.
    """
    if study.judged.name != "accuracy" or study.delta is None:
        return effect
    repeats = study.splits.repeats if study.overlap else None
    reason = reason_not_judged(
        arms, study.delta, is_within=effect.verdict in WITHIN, repeats=repeats
    )
    if not reason:
        return effect
    return replace(with_verdict(effect, "not enough replicates", None), reason=reason)


def factorial_techniques(study: Study) -> list[str]:
    """The techniques whose combinations a study trains; none for another design."""
    return (
        [technique.name for technique in main_techniques(study.techniques)] if study.cells else []
    )


def main_effect_scores(
    study: Study, scores: Mapping[str, Sequence[float]]
) -> tuple[dict[str, list[float]], list[tuple[str, str]]]:
    """Each technique's two sides: the mean over the combinations with it, and over those without.

    Args:
        study: a factorial or its fraction.
        scores: fractions by arm; replicates count as far as every combination has them.

    Returns:
        Scores by side, and the sides that are compared, in the order of the techniques.
    """
    cells = study.cells
    count = min(len(scores[cell.arm]) for cell in cells)
    table = np.array([scores[cell.arm][:count] for cell in cells], np.float64)
    by_side: dict[str, list[float]] = {}
    pairs: list[tuple[str, str]] = []
    for place, name in enumerate(factorial_techniques(study)):
        inside = np.array([bool(cell.combination >> place & 1) for cell in cells])
        sides = (f"with {name}", f"without {name}")
        for side, rows in zip(sides, (inside, ~inside), strict=True):
            by_side[side] = table[rows].mean(axis=0).tolist()
        pairs.append(sides)
    return by_side, pairs


def analyze_factorial(
    study: Study, by_arm: Mapping[str, Replicates], baseline: float | None, occasion: Occasion
) -> FactorialAnalysis | None:
    """What the combinations of a study's techniques say, or None for another design.

    A diverged trial counts with the accuracy of guessing: left out, it would take its replicate
    out of every combination.

    Args:
        study: what is asked.
        by_arm: the trials of each arm.
        baseline: what a diverged trial counts as.
        occasion: which judgement of the main effects this is.
    """
    names = factorial_techniques(study)
    if not names:
        return None
    metric = study.judged
    guessing = {cell.arm: scores_at_baseline(by_arm[cell.arm], metric, baseline)
                for cell in study.cells}  # fmt: skip
    scores = {cell.combination: guessing[cell.arm] for cell in study.cells}
    aliases = pair_aliases(len(names)) if study.design == "fraction" else None
    analysis = factorial(scores, names, aliases=aliases, delta=study.delta, metric=metric)
    if analysis is None:
        return None
    rows = [by_arm[cell.arm] for cell in study.cells]
    analysis = _judged(study, analysis, by_arm, guessing, occasion)
    main = tuple(
        replace(own, effect=withdrawn_if_not_testable(own.effect, rows, study))
        for own in analysis.main
    )
    return replace(analysis, main=main)


def _with_verdict_of(effect: Effect, judged: Effect) -> Effect:
    """An effect with its own figures and the verdict of another one."""
    told = with_verdict(effect, judged.verdict, judged.p_verdict, judged.plan)
    return replace(told, anytime=judged.anytime)


def _judged(
    study: Study,
    analysis: FactorialAnalysis,
    by_arm: Mapping[str, Replicates],
    guessing: Mapping[str, Sequence[float]],
    occasion: Occasion,
) -> FactorialAnalysis:
    """An analysis with the verdicts of this judgement."""
    leading = {name: count_leading(by_arm[name]) for name in guessing}
    ends = leading if study.adaptive else dict.fromkeys(leading)
    there = {name: values[: ends[name]] for name, values in guessing.items()}
    by_side, pairs = main_effect_scores(study, there)
    least = min(leading.values())
    judged, _ = effects_over_time(
        by_side, pairs, occasion.of_sides(pairs), delta=study.delta, metric=study.judged,
        stored={side: least for pair in pairs for side in pair}, claim=study.claim,
    )  # fmt: skip
    main = tuple(
        replace(
            own,
            effect=judged[side] if study.adaptive else _with_verdict_of(own.effect, judged[side]),
        )
        for own, (side, _) in zip(analysis.main, pairs, strict=True)
    )
    return replace(analysis, main=main)


_AT_ONCE = 500  # trials whose epochs are held at once: 10 MB for 100 epochs each


def load_summaries(
    store: Store, ids: Iterable[str], curves: bool = False
) -> dict[str, TrialSummary]:
    """Summaries of trials, as `Store.outcomes`, a few at a time: all need not fit in memory."""
    distinct = list(dict.fromkeys(ids))
    summaries: dict[str, TrialSummary] = {}
    with _garbage_collection_off():
        for start in range(0, len(distinct), _AT_ONCE):
            summaries |= store.outcomes(distinct[start : start + _AT_ONCE], curves)
    return summaries


@contextmanager
def _garbage_collection_off() -> Iterator[None]:
    # Nothing here is cyclic, and the search for cycles among a million values costs a fifth.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
