"""Trainings epoch by epoch, arm by arm, as plain numbers: what figures of curves show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from stepladder.report.view import Row, view_of
from stepladder.runner.results import ArmResult, Results

__all__ = ["Band", "Panel", "band", "panels_of"]


@dataclass(frozen=True)
class Band:
    """A mean over replicates with its 95 % t interval, epoch by epoch.

    Attributes:
        mean: of the finite replicates; NaN where there is none.
        low: lower end of the interval; NaN with fewer than two finite replicates.
        high: its upper end; NaN with fewer than two.
        counts: finite replicates.
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def last(self) -> float:
        """The mean at the last epoch; NaN when there is none."""
        return self.mean[-1] if self.mean else float("nan")

    @property
    def ends(self) -> tuple[float, ...]:
        """All that is drawn of it and finite."""
        return tuple(each for each in (*self.mean, *self.low, *self.high) if math.isfinite(each))


@dataclass(frozen=True)
class Panel:
    """The curves of one arm.

    Attributes:
        name: the arm's name, made visible.
        epochs: 1, 2, … as far as it was trained.
        train: accuracy in percent of the epoch's batches while training.
        validation: accuracy in percent on the validation part at the epoch's end.
        train_loss: cross-entropy in nats of the epoch's batches while training.
        validation_loss: the same on the validation part at the epoch's end.
        seconds: time since the training began at each epoch's end, mean over replicates.
        remark: what is written into the panel, such as "waiting", or "".
    """

    name: str
    epochs: tuple[int, ...]
    train: Band
    validation: Band
    train_loss: Band
    validation_loss: Band
    seconds: tuple[float, ...]
    remark: str

    @property
    def is_drawn(self) -> bool:
        """Whether there is a validation accuracy at its end."""
        return math.isfinite(self.validation.last)


def panels_of(results: Results) -> tuple[Panel, ...]:
    """The curves of every arm, in the order of the arms."""
    rows = view_of(results).rows
    return tuple(_panel(result, row) for result, row in zip(results.arms, rows, strict=True))


def _panel(result: ArmResult, row: Row) -> Panel:
    curves = result.curves
    return Panel(
        name=row.name,
        epochs=tuple(range(1, 1 + max((curve.epochs for curve in curves), default=0))),
        train=band([curve.train_accuracy for curve in curves], 100),
        validation=band([curve.val_accuracy for curve in curves], 100),
        train_loss=band([curve.train_loss for curve in curves]),
        validation_loss=band([curve.val_loss for curve in curves]),
        seconds=band([curve.seconds for curve in curves]).mean,
        remark=row.instead or "",
    )


def band(replicates: Sequence[npt.NDArray[np.float64]], scale: float = 1.0) -> Band:
    """Mean and 95 % t interval over replicates at each epoch.

    Args:
        replicates: one array of shape (epochs,) a replicate; NaN from the epoch in which it
            diverged. Shorter ones count as NaN afterwards.
        scale: what is multiplied by, such as 100 for percent.

    Returns:
        mean ± t(0.975, n - 1) · s / √n over the n finite replicates, times `scale`.
    """
    epochs = max((len(each) for each in replicates), default=0)
    values = np.full((len(replicates), epochs), np.nan)
    for row, each in zip(values, replicates, strict=True):
        row[: len(each)] = scale * each
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, values, 0).sum(axis=0) / counts
        squares = np.where(finite, values - mean, 0) ** 2
        error = np.sqrt(squares.sum(axis=0) / (counts - 1) / counts)
        half = stdtrit(np.maximum(counts - 1, 1), 0.975) * error
    half = np.where(counts > 1, half, np.nan)
    return Band(
        mean=tuple(mean.tolist()),
        low=tuple((mean - half).tolist()),
        high=tuple((mean + half).tolist()),
        counts=tuple(counts.tolist()),
    )
