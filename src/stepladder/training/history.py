"""The history of a training, recorded epoch by epoch, and its result: for every engine."""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from stepladder.errors import StudyError
from stepladder.study.metrics import Metric, means_over_examples, named_metric
from stepladder.study.recipe import Recipe
from stepladder.study.scoring import Task
from stepladder.training.monitoring import Monitor
from stepladder.training.serialization import Array
from stepladder.trials.trial import History, Part, Probes, Score, Trial, TrialResult
from stepladder.version import version_of

Classes = npt.NDArray[Any]
"""Predicted or true classes, labels or values, one an example."""

_NO_CLASSES: Classes = np.zeros(0, np.int32)
_UNSCORED = (_NO_CLASSES, math.nan, _NO_CLASSES)
_PROBE = "look."


class ProbeReading(NamedTuple):
    """What a probe of one network gives, float32: see `trials.trial.Probes`.

    Arrays of NumPy, or of JAX within a program, where a leading axis of lanes may come first.
    """

    gradient_norm: Any  # (kernels,)
    dead: Any  # (layers,)
    saturated: Any  # (layers,)
    inputs: Any  # (2,): mean and standard deviation


class ProbeNames(Protocol):
    """The names of what a network is probed for.

    Example:
        >>> from types import SimpleNamespace
        >>> names: ProbeNames = SimpleNamespace(kernels=("dense_1", "logits"), layers=("dense_1",))
    """

    kernels: tuple[str, ...]
    layers: tuple[str, ...]


class HistoryRecorder:
    """The history of one trial as it grows, and what probes of its network gave.

    Attributes:
        trial: what is trained.
        diverged: the epoch, from 1, in which it became non-finite, or None.
        monitor: what stops it early, keeps its best weights or lowers its rates, if anything does.
        done: epochs recorded.
        columns: arrays of the history and of probes by name, NaN where nothing was recorded yet.

    Example:
        >>> from stepladder.study.recipe import Recipe
        >>> recorder = HistoryRecorder(Trial(Recipe(hidden=[3]), "data", 4, 0, 0), epochs=2)
        >>> answers, labels = np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1])
        >>> recorder.epoch_done(Score(0.9, 0.5), 0.8, answers, labels, seconds=1.0)
        >>> recorder.history.val_accuracy
        array([0.75,  nan])
    """

    def __init__(self, trial: Trial, epochs: int, probe: ProbeNames | None = None) -> None:
        self.trial, self._probe = trial, probe
        self.diverged: int | None = None
        watches = isinstance(trial.config, Recipe) and Monitor.watches(trial.config)
        self.monitor = Monitor(trial.recipe) if watches else None
        self.done = 0
        self.columns: dict[str, npt.NDArray[Any]] = {
            field.name: np.full(epochs, math.nan) for field in fields(History)
        }
        if probe is not None:
            sizes = map(len, (probe.kernels, probe.layers, probe.layers, "12"))
            self.columns |= {
                f"{_PROBE}{part}": np.full((epochs, size), math.nan, np.float32)
                for part, size in zip(ProbeReading._fields, sizes, strict=True)
            }

    @property
    def is_over(self) -> bool:
        """Whether it has diverged or was stopped: nothing more is recorded."""
        return bool(self.diverged or (self.monitor and self.monitor.stopped))

    def epoch_done(
        self,
        train: Score,
        val_loss: float,
        answers: Classes,
        labels: Classes,
        seconds: float,
        reading: ProbeReading | None = None,
        objective: float | None = None,
    ) -> None:
        """Records one epoch; a trial that has diverged or was stopped stays as it was.

        Args:
            train: of the epoch's batches, while training.
            val_loss: mean loss on the validation part.
            answers: predicted classes, labels or values of the validation part.
            labels: its true ones.
            seconds: since the training began.
            reading: of the network at the epoch's end, where it is probed.
            objective: mean of what is minimised on the validation part, which is monitored; the
                loss if None.
        """
        epoch, self.done = self.done, self.done + 1
        if reading is not None:  # inputs are the same each time, and known of what diverges too
            self.columns[f"{_PROBE}inputs"][:] = reading.inputs
        if self.monitor is not None:
            self.monitor.keeps = False
        if self.is_over:
            return
        if not (math.isfinite(train.loss) and math.isfinite(val_loss)):
            self.diverged = epoch + 1
            return
        is_classes = answers.ndim == 1 and answers.dtype.kind != "f"
        row: dict[str, Any] = {
            "train_loss": train.loss,
            "train_accuracy": train.accuracy,
            "val_loss": val_loss,
            "val_accuracy": _accuracy(answers, labels),
            "val_commonest": np.bincount(answers).max() / len(answers) if is_classes else math.nan,
            "seconds": seconds,
        }
        if self.monitor is not None:
            watched = val_loss if objective is None else objective
            self.monitor.epoch_done(
                epoch, {"val_loss": watched, "val_accuracy": row["val_accuracy"]}
            )
        if reading is not None:
            row |= {f"{_PROBE}{part}": values for part, values in reading._asdict().items()}
        for name, value in row.items():
            self.columns[name][epoch] = value

    @property
    def history(self) -> History:
        """The history so far, NaN where nothing was recorded."""
        return History(**{field.name: self.columns[field.name] for field in fields(History)})

    @property
    def probes(self) -> Probes | None:
        """What probes gave so far, NaN where nothing was recorded; None without any."""
        if self._probe is None:
            return None
        columns = (self.columns[f"{_PROBE}{part}"] for part in ProbeReading._fields)
        reading = ProbeReading(*(column.astype(np.float32) for column in columns))
        mean, deviation = map(float, reading.inputs[0])
        return Probes(
            kernels=self._probe.kernels,
            gradient_norm=reading.gradient_norm,
            layers=self._probe.layers,
            dead=reading.dead,
            saturated=reading.saturated,
            input_mean=mean,
            input_deviation=deviation,
        )


def _exact_matches(answers: Classes, truth: Classes) -> npt.NDArray[np.bool_]:
    """Whether each example is answered right, all labels of it; none for a regression's values."""
    if answers.dtype.kind == "f":
        return np.zeros(0, np.bool_)
    right = np.asarray(answers == truth, np.bool_)
    return right if right.ndim == 1 else np.asarray(right.all(axis=1))


def _accuracy(answers: Classes, labels: Classes) -> float:
    """The share of right answers; NaN for a regression."""
    right = _exact_matches(answers, labels)
    return float(right.mean()) if len(right) else math.nan


_CURVE = "curve."
_MONITOR = "monitor"


def history_arrays(histories: Sequence[HistoryRecorder]) -> dict[str, Array]:
    """Histories as the arrays of a checkpoint, one row for each."""
    arrays: dict[str, Array] = {
        f"{_CURVE}{name}": np.stack([history.columns[name] for history in histories])
        for name in histories[0].columns
    }
    arrays["diverged"] = np.array([history.diverged or 0 for history in histories], np.int64)
    if any(history.monitor for history in histories):  # a lane without one has room for one
        monitors = [history.monitor or Monitor(history.trial.recipe) for history in histories]
        arrays[_MONITOR] = np.stack([monitor.array for monitor in monitors])
    return arrays


def with_room(arrays: Mapping[str, Array], epochs: int) -> dict[str, Array]:
    """The arrays of a checkpoint, its histories with room for more epochs."""
    longer = dict(arrays)
    for name, array in arrays.items():
        if name.startswith(_CURVE):
            padding = [(0, 0)] * array.ndim
            padding[1] = (0, epochs - array.shape[1])
            longer[name] = np.pad(array, padding, constant_values=math.nan)
    return longer


def restore_histories(
    histories: Sequence[HistoryRecorder],
    arrays: Mapping[str, Array],
    rows: Sequence[int],
    epochs: int,
) -> None:
    """Sets histories to those of a checkpoint after some epochs, `rows` of its arrays."""
    for row, history in zip(rows, histories, strict=True):
        history.done, history.diverged = epochs, int(arrays["diverged"][row]) or None
        history.columns = {name: arrays[f"{_CURVE}{name}"][row].copy() for name in history.columns}
        if history.monitor is not None:
            history.monitor.restore(arrays[_MONITOR][row])


def make_result(
    recorder: HistoryRecorder,
    scored: Mapping[str, tuple[Classes, float, Classes]],
    parameters: int,
    seconds: float,
    made_with: dict[str, str],
    *,
    unsettled: float = math.nan,
    takes_ids: bool = False,
    probabilities: Mapping[str, npt.NDArray[np.float32]] = MappingProxyType({}),
) -> TrialResult:
    """The result of a finished training.

    Args:
        recorder: its history.
        scored: for "train", "validation" and "test": predicted classes, labels or values, mean
            loss, true ones; of a search's candidate for "validation" alone.
        parameters: trainable numbers of the network.
        seconds: training time of the trial.
        made_with: versions by name.
        unsettled: see `HistorySummary`.
        takes_ids: see `TrialResult`.
        probabilities: of every class, by part, (examples, classes); for `probability_parts`.
    """
    diverged = recorder.diverged
    measures, per_example = _compute_metrics(
        recorder.trial, {} if diverged else scored, probabilities
    )

    def score(part: str) -> Score:
        answers, loss, labels = scored.get(part, _UNSCORED)
        if diverged or not len(labels):
            return Score(math.nan, math.nan)
        return Score(loss, _accuracy(answers, labels))

    answers, _, labels = scored.get("test", _UNSCORED)
    if diverged:
        answers = np.zeros_like(answers)
    correct, is_classes = _exact_matches(answers, labels), answers.ndim == 1
    values = probabilities.get("test") if answers.dtype.kind != "f" else answers
    return TrialResult(
        trial=recorder.trial,
        curve=recorder.history,
        train=score("train"),
        validation=score("validation"),
        test=score("test"),
        test_predictions=answers.astype(np.uint16) if is_classes else np.zeros(0, np.uint16),
        test_correct=np.zeros_like(correct) if diverged else correct,
        test_values=None if is_classes or values is None else values.astype(np.float32),
        diverged=diverged,
        parameters=parameters,
        seconds=seconds,
        versions=made_with,
        probes=recorder.probes,
        measures=measures,
        per_example=per_example,
        unsettled=unsettled,
        takes_ids=takes_ids,
        stopped=None if recorder.monitor is None else recorder.monitor.stopped,
        scored_epoch=None if recorder.monitor is None else recorder.monitor.best_epoch,
    )


def probability_parts(trial: Trial, task: Task) -> tuple[Part, ...]:
    """The parts of which a trial's metrics need probabilities; none where they need only classes.

    Of examples with several labels those of the test part are stored.

    Those of the training part would take another pass over it.
    """
    needs = {metric.needs for metric in _metrics_of(trial)}
    if task == "regression" or (task == "classification" and needs <= {"labels"}):
        return ()
    return ("validation", "test") if trial.role == "compare" else ("validation",)


def _metrics_of(trial: Trial) -> list[Metric]:
    return [metric for metric in map(named_metric, trial.metrics) if metric is not None]


def _compute_metrics(
    trial: Trial,
    scored: Mapping[str, tuple[Classes, float, Classes]],
    probabilities: Mapping[str, npt.NDArray[np.float32]],
) -> tuple[dict[str, dict[str, float]], npt.NDArray[np.float32] | None]:
    """A trial's metrics by part, and of each test example those that are means over examples."""
    measures: dict[str, dict[str, float]] = {}
    each: dict[str, Array] = {}
    for part, (answers, _, labels) in scored.items():
        if trial.role != "compare" and part != "validation":
            continue  # a candidate is chosen on the validation part
        given = {"labels": answers, "values": answers, "probabilities": probabilities.get(part)}
        for metric in _metrics_of(trial):
            predicted = given[metric.needs or "labels"]
            if predicted is None:
                continue
            measures.setdefault(part, {})[metric.name] = _compute(metric, labels, predicted)
            if part == "test" and metric.per_example is not None:
                each[metric.name] = metric.per_example(labels, predicted)
    rows = [each[name] for name in means_over_examples(each)]
    return measures, np.concatenate(rows).astype(np.float32) if rows else None


def _compute(metric: Metric, labels: Classes, predicted: Array) -> float:
    assert metric.score is not None
    try:
        return float(metric.score(labels, predicted))
    except Exception as error:  # a metric of another package may raise anything
        raise StudyError(
            f"the metric {metric.name} must be a number, found that computing it raised "
            f"{type(error).__name__}: {error}; ask its package, or choose another metric"
        ) from error


def versions(backend: str) -> dict[str, str]:
    """Versions of what trains, by name."""
    names = ("keras", backend, "numpy")
    return {name: version_of(name) for name in names} | {"python": platform.python_version()}
