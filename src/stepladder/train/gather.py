"""Gathering what a training yields, epoch by epoch, into a result: the same for every engine."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from stepladder.records import Curve, Score, Trial, TrialResult
from stepladder.wire import Array

__all__ = ["Gathered", "curve_arrays", "go_on", "lengthened", "result_of", "versions"]

Classes = npt.NDArray[np.integer]


class Gathered:
    """The curve of one trial as it grows.

    Attributes:
        trial: what is trained.
        diverged: the epoch, from 1, in which it became non-finite, or None.
    """

    def __init__(self, trial: Trial, epochs: int) -> None:
        """An empty curve.

        Args:
            trial: what is trained.
            epochs: how many there will be.
        """
        self.trial = trial
        self.diverged: int | None = None
        self._done = 0
        self._columns = {field.name: np.full(epochs, math.nan) for field in fields(Curve)}

    def epoch_done(
        self, train: Score, val_loss: float, answers: Classes, labels: Classes, seconds: float
    ) -> None:
        """Takes in one epoch; a trial that has diverged stays as it was.

        Args:
            train: of the epoch's batches, while training.
            val_loss: mean cross-entropy on the validation part.
            answers: classes given to the validation part.
            labels: its true classes.
            seconds: since the training began.
        """
        epoch, self._done = self._done, self._done + 1
        if self.diverged:
            return
        if not (math.isfinite(train.loss) and math.isfinite(val_loss)):
            self.diverged = epoch + 1
            return
        row = {
            "train_loss": train.loss,
            "train_accuracy": train.accuracy,
            "val_loss": val_loss,
            "val_accuracy": float((answers == labels).mean()),
            "val_commonest": float(np.bincount(answers).max() / len(answers)),
            "seconds": seconds,
        }
        for name, value in row.items():
            self._columns[name][epoch] = value

    @property
    def columns(self) -> dict[str, npt.NDArray[np.float64]]:
        """The arrays of the curve by name, NaN where nothing was taken in yet."""
        return self._columns

    def resume(
        self, done: int, columns: dict[str, npt.NDArray[np.float64]], diverged: int | None
    ) -> None:
        """Sets the curve to what it was after some epochs.

        Args:
            done: how many.
            columns: as `columns` gave them.
            diverged: the epoch in which the trial had become non-finite, or None.
        """
        self._done, self.diverged = done, diverged
        self._columns = {name: column.copy() for name, column in columns.items()}

    @property
    def curve(self) -> Curve:
        """The curve so far, NaN where nothing was taken in."""
        return Curve(**self._columns)


def curve_arrays(gathered: Sequence[Gathered]) -> dict[str, Array]:
    """Curves as the arrays of a checkpoint, one row for each."""
    names = [field.name for field in fields(Curve)]
    arrays: dict[str, Array] = {
        f"curve.{name}": np.stack([each.columns[name] for each in gathered]) for name in names
    }
    arrays["diverged"] = np.array([each.diverged or 0 for each in gathered], np.int64)
    return arrays


def lengthened(arrays: Mapping[str, Array], epochs: int) -> dict[str, Array]:
    """The arrays of a checkpoint, those of its curves with room for more epochs.

    Args:
        arrays: of a training that has ended, as `curve_arrays` gave them or of other names.
        epochs: of the longer training.
    """
    return {
        name: np.pad(array, ((0, 0), (0, epochs - array.shape[1])), constant_values=math.nan)
        if name.startswith("curve.")
        else array
        for name, array in arrays.items()
    }


def go_on(
    gathered: Sequence[Gathered], arrays: Mapping[str, Array], rows: Sequence[int], epochs: int
) -> None:
    """Sets curves to those of a checkpoint.

    Args:
        gathered: the curves at their start.
        arrays: as `curve_arrays` gave them.
        rows: for each of them, its row.
        epochs: how many were done.
    """
    for row, each in zip(rows, gathered, strict=True):
        columns = {field.name: arrays[f"curve.{field.name}"][row] for field in fields(Curve)}
        each.resume(epochs, columns, int(arrays["diverged"][row]) or None)


def result_of(
    gathered: Gathered,
    scored: Mapping[str, tuple[Classes, float, Classes]],
    parameters: int,
    seconds: float,
    made_with: dict[str, str],
) -> TrialResult:
    """The result of a finished training.

    Args:
        gathered: its curve.
        scored: for "train", "validation" and "test": classes given, mean loss, true classes.
        parameters: trainable numbers of the network.
        seconds: training time of the trial.
        made_with: versions by name.
    """
    diverged = gathered.diverged
    answers, _, labels = scored["test"]
    if diverged:
        answers = np.zeros_like(answers)
    return TrialResult(
        trial=gathered.trial,
        curve=gathered.curve,
        train=_score(*scored["train"], diverged),
        validation=_score(*scored["validation"], diverged),
        test=_score(*scored["test"], diverged),
        test_predictions=answers.astype(np.uint16),
        test_correct=np.zeros(len(labels), np.bool_) if diverged else answers == labels,
        diverged=diverged,
        parameters=parameters,
        seconds=seconds,
        versions=made_with,
    )


def _score(answers: Classes, loss: float, labels: Classes, diverged: int | None) -> Score:
    if diverged:
        return Score(math.nan, math.nan)
    return Score(loss, float((answers == labels).mean()))


def versions(backend: str) -> dict[str, str]:
    """Versions of what trains, by name.

    Args:
        backend: Keras' backend: jax, tensorflow or torch.
    """
    names = ("keras", backend, "numpy")
    return {name: importlib.metadata.version(name) for name in names} | {
        "python": platform.python_version()
    }
