"""Results as pandas frames: trials, arms or epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from stepladder.errors import InputError
from stepladder.report.json import pick
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

    Example:
        >>> run = stepladder.run("quick")  # doctest: +SKIP
        >>> to_frame(run.results, "arms").effect.max()  # doctest: +SKIP
        68.55
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
    rows = (pick(arm, _START) | row for arm in results.arms for row in makers[kind](arm))
    return pd.DataFrame(list(rows))


_START = "arm=arm.name compared_with=arm.compared_with technique=arm.technique"
_ARM_COLUMNS = (
    "n", "diverged", "train_accuracy", "val_accuracy", "test_accuracy", "test_ci_low",
    "test_ci_high", "effect", "effect_ci_low", "effect_ci_high", "verdict", "parameters", "seconds",
)  # fmt: skip
_NUMBERS = ("test_ci_low", "test_ci_high", "effect", "effect_ci_low", "effect_ci_high")


def _trials(result: ArmResult) -> Iterator[dict[str, Any]]:
    for replicate in _finished(result):
        accuracies = pick(result, "train_accuracy=train val_accuracy=validation test_accuracy=test")
        row = {name: accuracy.values[replicate] for name, accuracy in accuracies.items()}
        yield {"replicate": replicate, **row}


def _arms(result: ArmResult) -> Iterator[dict[str, Any]]:
    record = arm_record(result)
    row = {name: record.get(f"{name}_points", record.get(name)) for name in _ARM_COLUMNS}
    # None would make a column of numbers one of objects.
    yield row | {name: math.nan for name in _NUMBERS if row[name] is None}


def _epochs(result: ArmResult) -> Iterator[dict[str, Any]]:
    for replicate, curve in zip(_finished(result), result.curves, strict=False):
        for epoch in range(curve.epochs):
            row = {name: float(getattr(curve, name)[epoch]) for name in _CURVES}
            yield {"replicate": replicate, "epoch": epoch + 1, **row}


def _finished(result: ArmResult) -> Sequence[int]:
    return range(result.n) if result.finished is None else result.finished
