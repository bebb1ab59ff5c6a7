"""Results as pandas frames: trials, arms or epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from stepladder.errors import InputError
from stepladder.runs.results import ArmResult, Results

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["trials", "arms", "epochs"]
_CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")


def to_frame(results: Results, kind: Kind = "trials") -> pd.DataFrame:
    """Results as a frame.

    Args:
        results: what a study came to.
        kind: `trials` has a row a finished trial with its accuracies (fractions, NaN where it
            diverged); `arms` a row an arm with means, intervals, effect (percentage points) and
            verdict; `epochs` a row an epoch of each trial.

    Raises:
        InputError: if pandas is not installed, or there is no such kind.
    """
    try:
        import pandas as pd
    except ImportError:
        raise InputError(
            "to_frame needs pandas, found none; install it with: pip install pandas"
        ) from None
    makers = {"trials": _trials, "arms": _arms, "epochs": _epochs}
    if kind not in makers:
        raise InputError(
            f"kind must be one of {', '.join(makers)}, found {kind!r}; to_frame() gives the trials"
        )
    return pd.DataFrame(list(makers[kind](results)))


def _start(result: ArmResult) -> dict[str, Any]:
    arm = result.arm
    return {"arm": arm.name, "compared_with": arm.compared_with, "technique": arm.technique}


def _trials(results: Results) -> Iterator[dict[str, Any]]:
    for result in results.arms:
        parts = {"train_accuracy": result.train_accuracy, "val_accuracy": result.val_accuracy,
                 "test_accuracy": result.test_accuracy}  # fmt: skip
        for replicate in _finished(result):
            row = {name: each.values[replicate] for name, each in parts.items()}
            yield {**_start(result), "replicate": replicate, **row}


def _arms(results: Results) -> Iterator[dict[str, Any]]:
    for result in results.arms:
        effect, test = result.effect, result.test_accuracy
        yield {
            **_start(result),
            "n": result.n,
            "diverged": result.diverged,
            "train_accuracy": result.train_accuracy.mean,
            "val_accuracy": result.val_accuracy.mean,
            "test_accuracy": test.mean,
            "test_ci_low": _number(test.ci_low),
            "test_ci_high": _number(test.ci_high),
            "effect": effect.mean if effect else math.nan,
            "effect_ci_low": _number(effect.ci_low if effect else None),
            "effect_ci_high": _number(effect.ci_high if effect else None),
            "verdict": effect.verdict if effect else None,
            "parameters": result.parameters,
            "seconds": result.seconds,
        }


def _epochs(results: Results) -> Iterator[dict[str, Any]]:
    for result in results.arms:
        for replicate, curve in zip(_finished(result), result.curves, strict=False):
            for epoch in range(curve.epochs):
                row = {name: float(getattr(curve, name)[epoch]) for name in _CURVES}
                yield {**_start(result), "replicate": replicate, "epoch": epoch + 1, **row}


def _finished(result: ArmResult) -> Sequence[int]:
    return range(result.n) if result.finished is None else result.finished


def _number(value: float | None) -> float:
    return math.nan if value is None else value
