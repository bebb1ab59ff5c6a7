"""Gathering what a training yields, epoch by epoch, into a result: the same for every engine."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from stepladder.training.serialization import Array
from stepladder.trials.trial import History, Probes, Score, Trial, TrialResult
from stepladder.version import version_of

Classes = npt.NDArray[np.integer]

_NOTHING: Classes = np.zeros(0, np.int32)
_UNSCORED = (_NOTHING, math.nan, _NOTHING)


class ProbeReading(NamedTuple):
    """What a probe of one network gives, float32: see `trials.trial.Probes`.

    Arrays of NumPy, or of JAX within a program, where a leading axis of lanes may come first.
    """

    gradient_norm: Any  # (kernels,)
    dead: Any  # (layers,)
    saturated: Any  # (layers,)
    inputs: Any  # (2,): mean and standard deviation


class ProbeNames(Protocol):
    """The names of what a network is probed for."""

    kernels: tuple[str, ...]
    layers: tuple[str, ...]


class HistoryRecorder:
    """The curve of one trial as it grows, and what looks into its network gave.

    Attributes:
        trial: what is trained.
        diverged: the epoch, from 1, in which it became non-finite, or None.
    """

    def __init__(self, trial: Trial, epochs: int, inside: ProbeNames | None = None) -> None:
        """An empty curve.

        Args:
            trial: what is trained.
            epochs: how many there will be.
            inside: names what is looked at; None where nobody looks.
        """
        self.trial = trial
        self.diverged: int | None = None
        self._done, self._inside = 0, inside
        self._columns: dict[str, npt.NDArray[Any]] = {
            field.name: np.full(epochs, math.nan) for field in fields(History)
        }
        if inside is not None:
            nothing = ProbeReading(*(np.full(len(names), math.nan, np.float32) for names in
                             (inside.kernels, inside.layers, inside.layers, "12")))  # fmt: skip
            self._columns |= {
                _column(part): np.tile(values, (epochs, 1))
                for part, values in nothing._asdict().items()
            }

    def epoch_done(
        self,
        train: Score,
        val_loss: float,
        answers: Classes,
        labels: Classes,
        seconds: float,
        look: ProbeReading | None = None,
    ) -> None:
        """Takes in one epoch; a trial that has diverged stays as it was.

        Args:
            train: of the epoch's batches, while training.
            val_loss: mean cross-entropy on the validation part.
            answers: classes given to the validation part.
            labels: its true classes.
            seconds: since the training began.
            look: into the network at the epoch's end, where anybody looks.
        """
        epoch, self._done = self._done, self._done + 1
        if look is not None:  # inputs are the same at each look, and known of what diverges too
            self._columns[_column("inputs")][:] = look.inputs
        if self.diverged:
            return
        if not (math.isfinite(train.loss) and math.isfinite(val_loss)):
            self.diverged = epoch + 1
            return
        row: dict[str, Any] = {
            "train_loss": train.loss,
            "train_accuracy": train.accuracy,
            "val_loss": val_loss,
            "val_accuracy": float((answers == labels).mean()),
            "val_commonest": float(np.bincount(answers).max() / len(answers)),
            "seconds": seconds,
        }
        if look is not None:
            row |= {_column(part): values for part, values in look._asdict().items()}
        for name, value in row.items():
            self._columns[name][epoch] = value

    @property
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the curve and of looks by name, NaN where nothing was taken in yet."""
        return self._columns

    def resume(self, done: int, columns: dict[str, npt.NDArray[Any]], diverged: int | None) -> None:
        """Sets the curve to what it was after some epochs.

        Args:
            done: how many.
            columns: as `columns` gave them.
            diverged: the epoch in which the trial had become non-finite, or None.
        """
        self._done, self.diverged = done, diverged
        self._columns = {name: column.copy() for name, column in columns.items()}

    @property
    def curve(self) -> History:
        """The curve so far, NaN where nothing was taken in."""
        return History(**{field.name: self._columns[field.name] for field in fields(History)})

    @property
    def probes(self) -> Probes | None:
        """What looks gave so far, NaN where nothing was taken in; None where nobody looked."""
        inside = self._inside
        if inside is None:
            return None
        columns = (self._columns[_column(part)] for part in ProbeReading._fields)
        found = ProbeReading(*(column.astype(np.float32) for column in columns))
        mean, deviation = map(float, found.inputs[0])
        return Probes(
            kernels=inside.kernels,
            gradient_norm=found.gradient_norm,
            layers=inside.layers,
            dead=found.dead,
            saturated=found.saturated,
            input_mean=mean,
            input_deviation=deviation,
        )


def _column(part: str) -> str:
    return f"look.{part}"


def history_arrays(gathered: Sequence[HistoryRecorder]) -> dict[str, Array]:
    """Curves as the arrays of a checkpoint, one row for each."""
    arrays: dict[str, Array] = {
        f"curve.{name}": np.stack([each.columns[name] for each in gathered])
        for name in gathered[0].columns
    }
    arrays["diverged"] = np.array([each.diverged or 0 for each in gathered], np.int64)
    return arrays


def with_room(arrays: Mapping[str, Array], epochs: int) -> dict[str, Array]:
    """The arrays of a checkpoint, those of its curves with room for more epochs.

    Args:
        arrays: of a training that has ended, as `history_arrays` gave them or of other names.
        epochs: of the longer training.
    """
    made = dict(arrays)
    for name, array in arrays.items():
        if name.startswith("curve."):
            more = [(0, 0)] * array.ndim
            more[1] = (0, epochs - array.shape[1])
            made[name] = np.pad(array, more, constant_values=math.nan)
    return made


def restore_histories(
    gathered: Sequence[HistoryRecorder],
    arrays: Mapping[str, Array],
    rows: Sequence[int],
    epochs: int,
) -> None:
    """Sets curves to those of a checkpoint.

    Args:
        gathered: the curves at their start.
        arrays: as `history_arrays` gave them.
        rows: for each of them, its row.
        epochs: how many were done.
    """
    for row, each in zip(rows, gathered, strict=True):
        columns = {name: arrays[f"curve.{name}"][row] for name in each.columns}
        each.resume(epochs, columns, int(arrays["diverged"][row]) or None)


def make_result(
    gathered: HistoryRecorder,
    scored: Mapping[str, tuple[Classes, float, Classes]],
    parameters: int,
    seconds: float,
    made_with: dict[str, str],
) -> TrialResult:
    """The result of a finished training.

    Args:
        gathered: its curve.
        scored: for "train", "validation" and "test": classes given, mean loss, true classes; of a
            search's candidate for "validation" alone.
        parameters: trainable numbers of the network.
        seconds: training time of the trial.
        made_with: versions by name.
    """
    diverged = gathered.diverged
    answers, _, labels = scored.get("test", _UNSCORED)
    if diverged:
        answers = np.zeros_like(answers)
    return TrialResult(
        trial=gathered.trial,
        curve=gathered.curve,
        train=_score(*scored.get("train", _UNSCORED), diverged),
        validation=_score(*scored["validation"], diverged),
        test=_score(*scored.get("test", _UNSCORED), diverged),
        test_predictions=answers.astype(np.uint16),
        test_correct=np.zeros(len(labels), np.bool_) if diverged else answers == labels,
        diverged=diverged,
        parameters=parameters,
        seconds=seconds,
        versions=made_with,
        probes=gathered.probes,
    )


def _score(answers: Classes, loss: float, labels: Classes, diverged: int | None) -> Score:
    if diverged or not len(labels):
        return Score(math.nan, math.nan)
    return Score(loss, float((answers == labels).mean()))


def versions(backend: str) -> dict[str, str]:
    """Versions of what trains, by name.

    Args:
        backend: Keras' backend: jax, tensorflow or torch.
    """
    names = ("keras", backend, "numpy")
    return {name: version_of(name) for name in names} | {"python": platform.python_version()}
