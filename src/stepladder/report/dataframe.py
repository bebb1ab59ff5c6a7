"""Results as pandas frames: trials, arms or epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from stepladder.errors import InputError
from stepladder.report.markdown import arm_record
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


_ARM_COLUMNS = (
    "n", "diverged", "train_accuracy", "val_accuracy", "test_accuracy", "test_ci_low",
    "test_ci_high", "effect", "effect_ci_low", "effect_ci_high", "verdict", "parameters", "seconds",
)  # fmt: skip
_NUMBERS = ("test_ci_low", "test_ci_high", "effect", "effect_ci_low", "effect_ci_high")


def _start(result: ArmResult) -> dict[str, Any]:
    arm = result.arm
    return {"arm": arm.name, "compared_with": arm.compared_with, "technique": arm.technique}


def _trials(results: Results) -> Iterator[dict[str, Any]]:
    for result in results.arms:
        parts = {"train_accuracy": result.train_accuracy, "val_accuracy": result.val_accuracy,
                 "test_accuracy": result.test_accuracy}  # fmt: skip
        for replicate in _finished(result):
            row = {name: estimate.values[replicate] for name, estimate in parts.items()}
            yield {**_start(result), "replicate": replicate, **row}


def _arms(results: Results) -> Iterator[dict[str, Any]]:
    for result in results.arms:
        record = arm_record(result)
        row = {name: record.get(name) for name in _ARM_COLUMNS}
        # None would make a column of numbers one of objects.
        row |= {name: math.nan for name in _NUMBERS if row[name] is None}
        yield _start(result) | row


def _epochs(results: Results) -> Iterator[dict[str, Any]]:
    for result in results.arms:
        for replicate, curve in zip(_finished(result), result.curves, strict=False):
            for epoch in range(curve.epochs):
                row = {name: float(getattr(curve, name)[epoch]) for name in _CURVES}
                yield {**_start(result), "replicate": replicate, "epoch": epoch + 1, **row}


def _finished(result: ArmResult) -> Sequence[int]:
    return range(result.n) if result.finished is None else result.finished
