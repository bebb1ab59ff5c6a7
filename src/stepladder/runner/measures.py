"""What trials are measured by, beside the accuracy on the test part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stepladder.analysis import Difference, Effect, Estimate, Interval, difference, new_images
from stepladder.outcome import Outcome, answers
from stepladder.records import Curve

__all__ = [
    "accuracies",
    "at_chance",
    "differences",
    "effect_with_images",
    "estimate_with_images",
    "leading",
    "reached",
]

Found = Sequence[Outcome | None]
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
        difference(
            accuracies(arm, part), accuracies(other, part), f"{name}_accuracy", "points", 100
        )
        for name, part in (("val", "validation"), ("train", "train"))
    ]
    made += [
        difference(_losses(arm, part), _losses(other, part), f"{name}_loss", "nats")
        for name, part in (("test", "test"), ("val", "validation"), ("train", "train"))
    ]
    if target is None:
        return tuple(made)
    ours, theirs = ([_to_target(each, target) for each in found] for found in (arm, other))
    return (
        *made,
        *(
            difference([each[place] for each in ours], [each[place] for each in theirs],
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


def _to_target(result: Outcome | None, target: float) -> tuple[float, float]:
    """Epochs and seconds until the validation accuracy first reached a target, or NaN."""
    curve: Curve | None = None if result is None else result.curve
    if curve is None:
        return math.nan, math.nan
    there = np.flatnonzero(curve.val_accuracy >= target)
    if not len(there):
        return math.nan, math.nan
    return float(there[0] + 1), float(curve.seconds[there[0]])


def estimate_with_images(estimate: Estimate, arm: Found) -> Estimate:
    """An arm's test accuracy with its interval for new test images too."""
    there = [one for one, _ in _finite_in_both(arm, arm)]
    found = new_images(answers(there)) if there else None
    if found is None:
        return estimate
    wide = _no_narrower(Interval(max(found.low, 0.0), min(found.high, 1.0)), estimate)
    return replace(estimate, new_images=wide)


def effect_with_images(effect: Effect, arm: Found, other: Found) -> Effect:
    """An effect on test accuracy with its interval for new test images too."""
    there = _finite_in_both(arm, other)
    ours, theirs = ([pair[side] for pair in there] for side in (0, 1))
    found = new_images(answers(ours), answers(theirs)) if there else None
    if found is None:
        return effect
    wide = _no_narrower(Interval(100 * found.low, 100 * found.high), effect)
    return replace(effect, new_images=wide)


def _no_narrower(found: Interval, own: Estimate | Effect) -> Interval:
    """An interval for more that varies, which rounding alone may make narrower than the other."""
    if own.ci_low is None or own.ci_high is None:
        return found
    return Interval(min(found.low, own.ci_low), max(found.high, own.ci_high))


def _finite_in_both(arm: Found, other: Found) -> list[tuple[Outcome, Outcome]]:
    return [
        (one, two)
        for one, two in zip(arm, other, strict=True)
        if one is not None and two is not None and one.diverged is None and two.diverged is None
    ]
