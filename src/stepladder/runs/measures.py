"""Scores of stored trials, by arm and by side of a factorial."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from stepladder.statistics.factorial import factorial
from stepladder.statistics.intervals import new_images_interval
from stepladder.statistics.paired import paired_difference
from stepladder.statistics.results import Difference, Effect, Estimate, FactorialAnalysis, Interval
from stepladder.statistics.sequential import adaptive_effects, plan_looks
from stepladder.store import Store
from stepladder.study.designs import main_techniques, pair_aliases
from stepladder.study.study import Study
from stepladder.trials.trial import History, TrialSummary, correct_matrix

Found = Sequence[TrialSummary | None]
"""One trial a replicate, None where it is not there yet."""


def accuracies(results: Found, part: str) -> list[float]:
    """Accuracies on one part, as fractions; NaN where a trial diverged or is missing."""
    return [getattr(each, part).accuracy if each else math.nan for each in results]


def at_chance(results: Found, classes: int) -> list[float]:
    """Test accuracies with diverged trials at the accuracy of guessing among the classes."""
    return [
        1 / classes if each is not None and each.diverged is not None else accuracy
        for each, accuracy in zip(results, accuracies(results, "test"), strict=True)
    ]


def leading(results: Found) -> int:
    """How many trials there are before the first that is missing."""
    return next((place for place, each in enumerate(results) if each is None), len(results))


def differences(arm: Found, other: Found, target: float | None) -> tuple[Difference, ...]:
    """Paired differences on other measures than test accuracy.

    Args:
        arm: its trials.
        other: those of the arm compared with.
        target: validation accuracy to which epochs and seconds are counted, or None.
    """
    made = [
        paired_difference(
            accuracies(arm, part), accuracies(other, part), f"{name}_accuracy", "points", 100
        )
        for name, part in (("val", "validation"), ("train", "train"))
    ]
    made += [
        paired_difference(_losses(arm, part), _losses(other, part), f"{name}_loss", "nats")
        for name, part in (("test", "test"), ("val", "validation"), ("train", "train"))
    ]
    if target is None:
        return tuple(made)
    ours, theirs = ([_to_target(each, target) for each in found] for found in (arm, other))
    return (
        *made,
        *(
            paired_difference([each[place] for each in ours], [each[place] for each in theirs],
                       f"{unit}_to_target", unit)
            for place, unit in enumerate(("epochs", "seconds"))
        ),
    )  # fmt: skip


def reached(results: Found, target: float | None) -> int | None:
    """How many trials reached a validation accuracy; None without one."""
    if target is None:
        return None
    return sum(math.isfinite(_to_target(each, target)[0]) for each in results)


def _losses(results: Found, part: str) -> list[float]:
    return [getattr(each, part).loss if each else math.nan for each in results]


def _to_target(result: TrialSummary | None, target: float) -> tuple[float, float]:
    """Epochs and seconds until the validation accuracy first reached a target, or NaN."""
    curve: History | None = None if result is None else result.curve
    if curve is None:
        return math.nan, math.nan
    there = np.flatnonzero(curve.val_accuracy >= target)
    if not len(there):
        return math.nan, math.nan
    return float(there[0] + 1), float(curve.seconds[there[0]])


def estimate_with_images(estimate: Estimate, arm: Found) -> Estimate:
    """An arm's test accuracy with its interval for new test images too."""
    there = [one for one, _ in _finite_in_both(arm, arm)]
    found = new_images_interval(correct_matrix(there)) if there else None
    if found is None:
        return estimate
    wide = _no_narrower(Interval(max(found.low, 0.0), min(found.high, 1.0)), estimate)
    return replace(estimate, new_images=wide)


def effect_with_images(effect: Effect, arm: Found, other: Found) -> Effect:
    """An effect on test accuracy with its interval for new test images too."""
    there = _finite_in_both(arm, other)
    ours, theirs = ([pair[side] for pair in there] for side in (0, 1))
    found = new_images_interval(correct_matrix(ours), correct_matrix(theirs)) if there else None
    if found is None:
        return effect
    wide = _no_narrower(Interval(100 * found.low, 100 * found.high), effect)
    return replace(effect, new_images=wide)


def _no_narrower(found: Interval, own: Estimate | Effect) -> Interval:
    """An interval for more that varies, which rounding alone may make narrower than the other."""
    if own.ci_low is None or own.ci_high is None:
        return found
    return Interval(min(found.low, own.ci_low), max(found.high, own.ci_high))


def _finite_in_both(arm: Found, other: Found) -> list[tuple[TrialSummary, TrialSummary]]:
    return [
        (one, two)
        for one, two in zip(arm, other, strict=True)
        if one is not None and two is not None and one.diverged is None and two.diverged is None
    ]


Scores = dict[str, list[float]]
Pairs = list[tuple[str, str]]


def combined(study: Study) -> list[str]:
    """The techniques whose combinations a study trains; none for another design."""
    if not study.cells:
        return []
    return [technique.name for technique in main_techniques(study.techniques)]


def main_effect_scores(study: Study, scores: Mapping[str, Sequence[float]]) -> tuple[Scores, Pairs]:
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
    made: Scores = {}
    pairs: Pairs = []
    for place, name in enumerate(combined(study)):
        inside = np.array([bool(cell.combination >> place & 1) for cell in cells])
        sides = (f"with {name}", f"without {name}")
        for side, rows in zip(sides, (inside, ~inside), strict=True):
            made[side] = table[rows].mean(axis=0).tolist()
        pairs.append(sides)
    return made, pairs


def readout(study: Study, found: Mapping[str, Found], classes: int) -> FactorialAnalysis | None:
    """What the combinations of a study's techniques say, or None for another design.

    A diverged trial counts with the accuracy of guessing: left out, it would take its replicate
    out of every combination.

    Args:
        study: what was asked.
        found: the trials of each arm.
        classes: of the dataset.
    """
    names = combined(study)
    if not names:
        return None
    guessing = {cell.arm: at_chance(found[cell.arm], classes) for cell in study.cells}
    scores = {cell.combination: guessing[cell.arm] for cell in study.cells}
    aliases = pair_aliases(len(names)) if study.design == "fraction" else None
    made = factorial(scores, names, aliases=aliases, delta=study.delta)
    if made is None or not study.adaptive:
        return made
    there = {name: values[: leading(found[name])] for name, values in guessing.items()}
    sides, pairs = main_effect_scores(study, there)
    looks = plan_looks(study.replicates, len(names))
    judged, _ = adaptive_effects(sides, pairs, looks, delta=study.delta)
    main = tuple(
        replace(each, effect=judged[side]) for each, (side, _) in zip(made.main, pairs, strict=True)
    )
    return replace(made, main=main)


_AT_ONCE = 500  # trials whose epochs are held at once: 10 MB for 100 epochs each


def load_summaries(
    store: Store, ids: Iterable[str], curves: bool = False
) -> dict[str, TrialSummary]:
    """The outcomes of some trials, read a few at a time: a large store need not fit in memory.

    Args:
        store: where the trials are.
        ids: theirs; those that the store does not hold are left out.
        curves: whether to read the epochs too; without, every curve has 0 epochs.

    Returns:
        Outcomes by id, in the order in which the ids were given.

    Raises:
        StoreError: if the store cannot be read.
    """
    asked = list(dict.fromkeys(ids))
    with _without_collecting():
        return {
            each: outcome
            for start in range(0, len(asked), _AT_ONCE)
            for each, outcome in store.outcomes(asked[start : start + _AT_ONCE], curves).items()
        }


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing here is a ring, and looking for rings among a million values takes a fifth longer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
