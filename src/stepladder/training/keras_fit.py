"""The reference trainer: `keras.Model.fit`, one trial at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset, Split, affine
from stepladder.data.preprocessing import Prepared
from stepladder.study.keras_names import name_of
from stepladder.study.recipe import PLATEAU, Recipe
from stepladder.training import keras_models
from stepladder.training.checkpoints import CheckpointFactory
from stepladder.training.custom_model import STANDARD, Build, build_seeded
from stepladder.training.groups import Group, evaluated_at_once, split_for
from stepladder.training.heads import Head, class_weights
from stepladder.training.history import (
    HistoryRecorder,
    ProbeNames,
    ProbeReading,
    make_result,
    probability_parts,
    versions,
)
from stepladder.training.initializers import initial_weights
from stepladder.training.keras_callbacks import Average, Batches, KeptWeights, ResumableFit
from stepladder.training.layer_state import (
    seed_states,
    start_seeds,
    statistics_of,
    takes_ids,
    unsettled_share,
)
from stepladder.training.schedules import learning_rates, steps_per_epoch
from stepladder.trials.trial import FinalState, Score, Trial, TrialResult


class _Part(NamedTuple):
    """Scaled inputs, the truth as it is trained, and as it was: of a regression it is scaled."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    truth: npt.NDArray[Any]


class FitEngine:
    """Trains trials one at a time with `keras.Model.fit`, on the backend that Keras is set to.

    Example:
        >>> from stepladder.data import synthetic
        >>> engine = FitEngine(synthetic(100, (2, 2), 2, seed=0))
        >>> next(engine.train(group, on_epoch=print))  # doctest: +SKIP
    """

    def __init__(
        self,
        dataset: Dataset,
        checkpoints: CheckpointFactory = lambda group: None,
        build: Build = STANDARD,
        keeps_final: bool = False,
    ) -> None:
        self._prepared, self._checkpoints = Prepared(dataset), checkpoints
        self._build, self._keeps_final = build, keeps_final

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> Iterator[TrialResult]:
        """Trains a group's trials one after the other.

        Args:
            group: its trials.
            on_epoch: called with the number of each finished epoch of each trial, from 1.

        Yields:
            One result a trial, in the group's order, as soon as it is finished.
        """
        for trial in group.trials:
            yield self._train(trial, group.start_epoch, on_epoch)

    def _train(
        self, trial: Trial, start_epoch: int, on_epoch: Callable[[int], None]
    ) -> TrialResult:
        recipe = trial.recipe
        dataset = self._prepared(recipe.deskew).view(trial.replicate)
        split = split_for(trial, dataset)
        examples = len(split.train)
        head = Head.of(recipe, dataset.task, dataset.outputs)
        y_affine = _target_affine(dataset, split, head, recipe)
        y_scale = y_affine and y_affine[0]
        model = make_model(trial, dataset.input_shape, head, examples, self._build, y_scale)
        is_of_ids = takes_ids(model, dataset.x_train)
        scaling = "none" if is_of_ids else recipe.scaling
        x_affine = affine(dataset.x_train, split.train, scaling)
        parts = _parts(dataset, split, x_affine, y_affine)
        train = parts["train"]
        scorer = _Scorer(model, head, evaluated_at_once(recipe), y_affine)
        has_probe = keras.backend.backend() == "jax" and trial.role != "search"
        probe = _Probe(model, head, trial, train) if has_probe else None
        history = HistoryRecorder(trial, recipe.epochs, probe.names if probe else None)
        checkpoints = self._checkpoints(Group((trial,), 1, start_epoch=start_epoch))
        steps = steps_per_epoch(examples, recipe.batch_size)
        average = Average(model, recipe, steps)
        keeper = KeptWeights(model, average.variables, history)
        resumable = ResumableFit(
            model, history, recipe.epochs, steps, checkpoints,
            [*average.variables, *keeper.variables],
        )  # fmt: skip
        began = resumable.began
        recorder = _Recorder(history, scorer, parts["validation"], on_epoch, began, probe, keeper)
        for first, last, skipped in resumable.calls:
            if history.is_over:
                break
            batches = Batches(train.x, train.y, trial, head, skipped)
            resumable.begin(skipped)
            average.begin(skipped)
            model.fit(
                batches,
                epochs=last,
                initial_epoch=first,
                shuffle=False,
                class_weight=_class_weight(recipe, train.y, dataset.class_names),
                verbose=0,
                callbacks=[batches.follow, *average.callbacks, recorder, resumable],
            )
        resumable.end()
        keeper.restore(history)
        average.settle(model, Batches(train.x, train.y, trial, head))
        scored = {
            name: (*scorer.evaluate(part)[:2], part.truth)
            for name, part in parts.items()
            if name == "validation" or trial.role != "search"
        }
        result = make_result(
            history,
            scored,
            sum(int(np.prod(variable.shape)) for variable in model.trainable_variables),
            time.perf_counter() - began,
            versions(keras.backend.backend()),
            unsettled=math.nan
            if recipe.ema or recipe.swa  # they were estimated anew
            else unsettled_share(model, recipe.epochs * steps),
            takes_ids=is_of_ids,
            probabilities={
                part: scorer.probabilities(parts[part])
                for part in probability_parts(trial, head.task)
            },
        )
        if not self._keeps_final or result.diverged:
            return result
        scale, shift = x_affine
        final = FinalState(
            trainable=_values(model.trainable_variables),
            statistics=_values(statistics_of(model)),
            scale=scale.reshape(-1) if scale.ndim else scale,
            shift=shift.reshape(-1) if shift.ndim else shift,
            validation_rows=split.validation,
            validation_labels=parts["validation"].truth,
            validation_probabilities=scorer.probabilities(parts["validation"]),
            test_labels=parts["test"].truth,
            test_probabilities=scorer.probabilities(parts["test"]),
            **dict(zip(("target_scale", "target_shift"), scorer.y_affine or (), strict=False)),
        )
        return replace(result, final=final)


def _target_affine(
    dataset: Dataset, split: Split, head: Head, recipe: Recipe
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """Scale and shift of the targets of a regression; None for anything else."""
    if head.task != "regression":
        return None
    targets = np.asarray(dataset.y_train, np.float32)
    return affine(targets, split.train, head.target_scaling(recipe))


def _parts(
    dataset: Dataset,
    split: Split,
    x_affine: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    y_affine: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None,
) -> dict[str, _Part]:
    """All parts of a dataset, scaled."""

    def part(x: npt.NDArray[Any], truth: npt.NDArray[Any]) -> _Part:
        scaled = x.astype(np.float32) * x_affine[0] + x_affine[1]
        y = truth if y_affine is None else truth * y_affine[0] + y_affine[1]
        return _Part(scaled, y, truth)

    held_out = {"train": split.train, "validation": split.validation}
    parts = {name: part(dataset.x_train[rows], dataset.y_train[rows])
             for name, rows in held_out.items()}  # fmt: skip
    return parts | {"test": part(dataset.x_test, dataset.y_test)}


def make_model(
    trial: Trial,
    input_shape: tuple[int, ...],
    head: Head,
    examples: int,
    build: Build = STANDARD,
    y_scale: npt.NDArray[np.float32] | None = None,
) -> Any:  # noqa: ANN401 - Keras has no types
    """A compiled `keras.Model` at a trial's start: its initial weights, streams and schedule."""
    recipe = trial.recipe
    model = build_seeded(build, recipe, input_shape, head.units, trial.seed, trial.replicate)
    drawn = recipe if recipe.model is None else None  # else the layers' own initialisers hold
    weights = initial_weights(model, trial.seed, trial.replicate, drawn)
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)
    states = seed_states(model)
    starts = start_seeds(trial.seed, trial.replicate, len(states))
    for state, start in zip(states, starts, strict=True):
        state.assign(start)
    optimizer = keras_models.optimizer(recipe)
    if name_of(recipe.schedule) not in ("constant", PLATEAU) or recipe.warmup:
        steps = steps_per_epoch(examples, recipe.batch_size)
        optimizer.learning_rate = _Rates(recipe, steps)
    model.compile(
        optimizer=optimizer,
        loss=keras_models.loss(recipe, head),
        metrics=keras_models.metrics(recipe, head, y_scale),
    )
    return model


class _Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate of each step, looked up."""

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self._rates = learning_rates(recipe, steps).reshape(-1)

    def __call__(self, step: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        rates = keras.ops.convert_to_tensor(self._rates)
        return keras.ops.take(rates, keras.ops.cast(step, "int32"))

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("a training in progress is not saved with its schedule")


class _Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Records each epoch, and ends a training that has become non-finite."""

    def __init__(
        self,
        history: HistoryRecorder,
        scorer: _Scorer,
        validation: _Part,
        on_epoch: Callable[[int], None],
        began: float,
        probe: _Probe | None,
        keeper: KeptWeights,
    ) -> None:
        super().__init__()
        self._history, self._validation, self._on_epoch = history, validation, on_epoch
        self._scorer, self._began, self._probe, self._keeper = scorer, began, probe, keeper

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        answers, loss, objective = self._scorer.evaluate(self._validation)
        train = Score(float(logs["entropy"]), float(logs.get("accuracy", math.nan)))
        if not np.isfinite(float(logs["loss"])):
            train = Score(float("nan"), train.accuracy)
        reading = self._probe.read() if self._probe else None
        seconds = time.perf_counter() - self._began
        self._history.epoch_done(
            train, loss, answers, self._validation.truth, seconds, reading, objective
        )
        self._keeper.epoch_done(self._history)
        monitor, recipe = self._history.monitor, self._history.trial.recipe
        if monitor is not None and name_of(recipe.schedule) == PLATEAU:
            self.model.optimizer.learning_rate = recipe.learning_rate * monitor.rate_factor
        self._on_epoch(epoch + 1)
        self.model.stop_training = self._history.is_over


class _Probe:
    """Probes a model as the population engine does; only on JAX.

    Attributes:
        names: of what is probed.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - Keras has no types
        head: Head,
        trial: Trial,
        train: _Part,
    ) -> None:
        import jax

        from stepladder.training.probes import Probe, probed_rows

        rows = probed_rows(np.arange(len(train.y), dtype=np.int32), trial.seed, trial.replicate)
        probe = Probe(model, head)
        self.names: ProbeNames = probe
        self._model, self._x, self._y = model, train.x[rows], train.y[rows]
        self._read = jax.jit(probe.read)

    def read(self) -> ProbeReading:
        """What the model shows now."""
        trainable, fixed = (
            [variable.value for variable in variables]
            for variables in (self._model.trainable_variables, self._model.non_trainable_variables)
        )
        reading = self._read(trainable, fixed, self._x, self._y)
        return ProbeReading(*(np.asarray(part) for part in reading))


def _class_weight(
    recipe: Recipe, y: npt.NDArray[Any], class_names: Sequence[str]
) -> dict[int, float] | None:
    """The weights of classes as `fit` takes them; None for none."""
    if not recipe.class_weight:
        return None
    return dict(enumerate(class_weights(recipe, y, class_names).tolist()))


@dataclass(frozen=True)
class _Scorer:
    """Scores a model's answers to parts of the data, on the host in float64."""

    model: Any
    head: Head
    at_once: int
    y_affine: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None

    def _outputs(self, part: _Part) -> npt.NDArray[np.float64]:
        outputs = self.model.predict(part.x, batch_size=self.at_once, verbose=0)
        return np.asarray(outputs, np.float64)

    def evaluate(self, part: _Part) -> tuple[npt.NDArray[Any], float, float]:
        """Answers, the mean loss that is reported, and the mean of what is minimised."""
        outputs, head = self._outputs(part), self.head
        scale, shift = self.y_affine or (None, None)
        answers = head.answers(outputs, np, scale, shift)
        if head.task == "classification":
            logits = head.class_logits(outputs, np)
            top = logits.max(axis=1, keepdims=True)
            log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
            truth = part.y[:, None].astype(np.int64)
            loss = float((log_sum - np.take_along_axis(logits, truth, axis=1)[:, 0]).mean())
        else:
            answers = answers.astype(np.float32 if head.task == "regression" else np.int32)
            loss = float(head.loss_of_each(outputs, part.y, np, scale).mean())
        if head.reports_objective:
            return answers, loss, loss
        minimised = head.objective(outputs.astype(np.float32), part.y)
        return answers, loss, float(keras.ops.convert_to_numpy(minimised).mean())

    def probabilities(self, part: _Part) -> npt.NDArray[np.float32]:
        """Probabilities of every class or label; the answers of a regression."""
        if self.head.task == "regression":
            return np.asarray(self.evaluate(part)[0], np.float32)
        return self.head.probabilities(self._outputs(part))


def _values(variables: list[Any]) -> tuple[npt.NDArray[np.float32], ...]:
    return tuple(
        np.array(keras.ops.convert_to_numpy(variable.value), np.float32) for variable in variables
    )
