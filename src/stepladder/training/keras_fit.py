"""The reference trainer: `keras.Model.fit`, one trial at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from stepladder.data import Dataset, affine
from stepladder.data.preprocessing import Prepared
from stepladder.study.recipe import Recipe
from stepladder.training import keras_models
from stepladder.training.checkpoints import CheckpointFactory
from stepladder.training.custom_model import STANDARD, Build, build_seeded
from stepladder.training.groups import Group, evaluated_at_once, split_for
from stepladder.training.history import (
    HistoryRecorder,
    ProbeNames,
    ProbeReading,
    make_result,
    probability_parts,
    versions,
)
from stepladder.training.initializers import initial_weights
from stepladder.training.keras_callbacks import Average, Batches, ResumableFit
from stepladder.training.layer_state import (
    seed_states,
    start_seeds,
    takes_ids,
    unsettled_share,
)
from stepladder.training.schedules import learning_rates, steps_per_epoch
from stepladder.trials.trial import FinalState, Score, Trial, TrialResult

_Part = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]
"""Scaled inputs and classes."""


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
        dataset = self._prepared(recipe.deskew)
        split = split_for(trial, dataset)
        shape, classes, examples = dataset.input_shape, dataset.classes, len(split.train)
        model = make_model(trial, shape, classes, examples, self._build)
        is_of_ids = takes_ids(model, dataset.x_train)
        scaling = "none" if is_of_ids else recipe.scaling
        scale, shift = affine(dataset.x_train, split.train, scaling)
        x, y = dataset.x_train.astype(np.float32) * scale + shift, dataset.y_train
        x_test = dataset.x_test.astype(np.float32) * scale + shift
        parts: dict[str, _Part] = {
            "train": (x[split.train], y[split.train]),
            "validation": (x[split.validation], y[split.validation]),
            "test": (x_test, dataset.y_test),
        }
        has_probe = keras.backend.backend() == "jax" and trial.role != "search"
        probe = _Probe(model, trial, x, y, split.train) if has_probe else None
        history = HistoryRecorder(trial, recipe.epochs, probe.names if probe else None)
        checkpoints = self._checkpoints(Group((trial,), 1, start_epoch=start_epoch))
        steps = steps_per_epoch(examples, recipe.batch_size)
        average = Average(model, recipe, steps)
        resumable = ResumableFit(
            model, history, recipe.epochs, steps, checkpoints, average.variables
        )
        began = resumable.began
        recorder = _Recorder(history, parts["validation"], on_epoch, began, probe)
        for first, last, skipped in resumable.calls:
            batches = Batches(*parts["train"], trial, skipped, classes)
            resumable.begin(skipped)
            average.begin(skipped)
            model.fit(
                batches,
                epochs=last,
                initial_epoch=first,
                shuffle=False,
                verbose=0,
                callbacks=[batches.follow, *average.callbacks, recorder, resumable],
            )
            if history.diverged:
                break
        resumable.end()
        average.settle(model, Batches(*parts["train"], trial, classes=classes))
        at_once = evaluated_at_once(recipe)
        scored = {
            name: (*_evaluate(model, *part, at_once), part[1])
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
                part: _probabilities(model, parts[part][0], at_once)
                for part in probability_parts(trial)
            },
        )
        if not self._keeps_final or result.diverged:
            return result
        final = _final_state(model, parts, split.validation, scale, shift, at_once)
        return replace(result, final=final)


def make_model(
    trial: Trial,
    input_shape: tuple[int, ...],
    classes: int,
    examples: int,
    build: Build = STANDARD,
) -> Any:  # noqa: ANN401 - Keras has no types
    """A compiled `keras.Model` at a trial's start: its initial weights, streams and schedule."""
    recipe = trial.recipe
    model = build_seeded(build, recipe, input_shape, classes, trial.seed, trial.replicate)
    initializer = recipe.initializer if recipe.model is None else None  # else the layers' own hold
    weights = initial_weights(model, trial.seed, trial.replicate, initializer)
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)
    states = seed_states(model)
    starts = start_seeds(trial.seed, trial.replicate, len(states))
    for state, start in zip(states, starts, strict=True):
        state.assign(start)
    optimizer = keras_models.optimizer(recipe)
    if recipe.schedule != "constant" or recipe.warmup:
        steps = steps_per_epoch(examples, recipe.batch_size)
        optimizer.learning_rate = _Rates(recipe, steps)
    # Cross-entropy and accuracy of class numbers, or of shares of every class where they are mixed.
    kind = "" if recipe.mixup else "Sparse"
    entropy = getattr(keras.metrics, f"{kind}CategoricalCrossentropy")
    accuracy = getattr(keras.metrics, f"{kind}CategoricalAccuracy")
    model.compile(
        optimizer=optimizer,
        loss=keras_models.loss(recipe),
        metrics=[entropy(from_logits=True, name="entropy"), accuracy(name="accuracy")],
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
        validation: _Part,
        on_epoch: Callable[[int], None],
        began: float,
        probe: _Probe | None,
    ) -> None:
        super().__init__()
        self._history, self._validation, self._on_epoch = history, validation, on_epoch
        self._began, self._probe = began, probe

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        at_once = evaluated_at_once(self._history.trial.recipe)
        answers, loss = _evaluate(self.model, *self._validation, at_once)
        train = Score(float(logs["entropy"]), float(logs["accuracy"]))
        if not np.isfinite(float(logs["loss"])):
            train = Score(float("nan"), train.accuracy)
        reading = self._probe.read() if self._probe else None
        seconds = time.perf_counter() - self._began
        self._history.epoch_done(train, loss, answers, self._validation[1], seconds, reading)
        self._on_epoch(epoch + 1)
        self.model.stop_training = self._history.diverged is not None


class _Probe:
    """Probes a model as the population engine does; only on JAX.

    Attributes:
        names: of what is probed.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - Keras has no types
        trial: Trial,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.int32],
        train: npt.NDArray[np.int32],
    ) -> None:
        import jax

        from stepladder.training.probes import Probe, probed_rows

        rows = probed_rows(train, trial.seed, trial.replicate)
        probe = Probe(model)
        self.names: ProbeNames = probe
        self._model, self._x, self._y = model, x[rows], y[rows]
        self._read = jax.jit(probe.read)

    def read(self) -> ProbeReading:
        """What the model shows now."""
        trainable, fixed = (
            [variable.value for variable in variables]
            for variables in (self._model.trainable_variables, self._model.non_trainable_variables)
        )
        reading = self._read(trainable, fixed, self._x, self._y)
        return ProbeReading(*(np.asarray(part) for part in reading))


def _evaluate(
    model: Any,  # noqa: ANN401 - Keras has no types
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.int32],
    at_once: int,
) -> tuple[npt.NDArray[np.int32], float]:
    """Predicted classes, and the mean cross-entropy in nats."""
    logits = model.predict(x, batch_size=at_once, verbose=0).astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    right = np.take_along_axis(logits, y[:, None].astype(np.int64), axis=1)[:, 0]
    return logits.argmax(axis=1).astype(np.int32), float((log_sum - right).mean())


def _probabilities(
    model: Any,  # noqa: ANN401 - Keras has no types
    x: npt.NDArray[np.float32],
    at_once: int,
) -> npt.NDArray[np.float32]:
    """Probabilities of every class, (examples, classes)."""
    logits = model.predict(x, batch_size=at_once, verbose=0)
    return np.asarray(softmax(logits.astype(np.float64), axis=1), np.float32)


def _final_state(
    model: Any,  # noqa: ANN401 - Keras has no types
    parts: Mapping[str, _Part],
    validation: npt.NDArray[np.int32],
    scale: npt.NDArray[np.float32],
    shift: npt.NDArray[np.float32],
    at_once: int,
) -> FinalState:
    seeds = {id(state) for state in seed_states(model)}
    statistics = [v for v in model.non_trainable_variables if id(v) not in seeds]
    return FinalState(
        trainable=_values(model.trainable_variables),
        statistics=_values(statistics),
        scale=scale.reshape(-1) if scale.ndim else scale,
        shift=shift.reshape(-1) if shift.ndim else shift,
        validation_rows=validation,
        validation_labels=parts["validation"][1],
        validation_probabilities=_probabilities(model, parts["validation"][0], at_once),
        test_labels=parts["test"][1],
        test_probabilities=_probabilities(model, parts["test"][0], at_once),
    )


def _values(variables: list[Any]) -> tuple[npt.NDArray[np.float32], ...]:
    return tuple(
        np.array(keras.ops.convert_to_numpy(variable.value), np.float32) for variable in variables
    )
