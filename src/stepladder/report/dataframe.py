"""Results as pandas frames: trials, arms or epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from stepladder.errors import InputError
from stepladder.report.json import pick
from stepladder.runs.results import ArmResult, Results
from stepladder.study.metrics import Metric

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
    metric = results.study.judged
    rows = (pick(arm, _START) | row for arm in results.arms for row in makers[kind](arm, metric))
    return pd.DataFrame(list(rows))


_START = "arm=arm.name compared_with=arm.compared_with technique=arm.technique"
_ARM_KEYS = "n diverged train=train.mean val=validation.mean test=test.mean verdict=effect.verdict"
_ARM_NUMBERS = (
    "test_ci_low=test.ci_low test_ci_high=test.ci_high effect=effect.mean "
    "effect_ci_low=effect.ci_low effect_ci_high=effect.ci_high parameters seconds"
)


def _trials(result: ArmResult, metric: Metric) -> Iterator[dict[str, Any]]:
    scores = {"train": result.train, "val": result.validation, "test": result.test}
    for replicate in _finished(result):
        row = {f"{part}_{metric.name}": score.values[replicate] for part, score in scores.items()}
        also = {
            f"{part}_{name}": estimate.values[replicate]
            for name, parts in result.also.items()
            for part, estimate in parts.items()
        }
        yield {"replicate": replicate, **row, **also}


def _arms(result: ArmResult, metric: Metric) -> Iterator[dict[str, Any]]:
    record = pick(result, _ARM_KEYS)
    for part in ("train", "val", "test"):
        record[f"{part}_{metric.name}"] = record.pop(part)
    # None would make a column of numbers one of objects.
    numbers = pick(result, _ARM_NUMBERS)
    yield record | {name: math.nan if value is None else value for name, value in numbers.items()}


def _epochs(result: ArmResult, _metric: Metric) -> Iterator[dict[str, Any]]:
    for replicate, curve in zip(_finished(result), result.curves, strict=False):
        for epoch in range(curve.epochs):
            row = {name: float(getattr(curve, name)[epoch]) for name in _CURVES}
            yield {"replicate": replicate, "epoch": epoch + 1, **row}


def _finished(result: ArmResult) -> Sequence[int]:
    return range(result.n) if result.finished is None else result.finished
