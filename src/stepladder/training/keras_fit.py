"""The reference trainer: `keras.Model.fit`, one trial at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from stepladder.data import Dataset, affine, split
from stepladder.data.preprocessing import Prepared
from stepladder.study.recipe import Recipe
from stepladder.training import keras_models
from stepladder.training.checkpoints import Keeping
from stepladder.training.custom_model import STANDARD, Build, build_seeded
from stepladder.training.groups import Group, evaluated_at_once
from stepladder.training.history import HistoryRecorder, Look, ProbeReading, result_of, versions
from stepladder.training.initializers import initial_weights
from stepladder.training.keras_callbacks import Average, Batches, ResumableFit
from stepladder.training.layer_state import seed_states, start_seeds
from stepladder.training.schedules import learning_rates, steps_per_epoch
from stepladder.trials.trial import FinalState, Score, Trial, TrialResult


def final_of(
    model: Any,  # noqa: ANN401 - Keras has no types
    named: Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]],
    held_out: npt.NDArray[np.int32],
    scale: npt.NDArray[np.float32],
    shift: npt.NDArray[np.float32],
    at_once: int,
) -> FinalState:
    """What a trained model ended with.

    Args:
        model: the `keras.Model`.
        named: scaled inputs and classes of the parts "validation" and "test".
        held_out: rows of the validation part.
        scale: what inputs were multiplied by.
        shift: what was added to them.
        at_once: examples of one evaluation call.
    """
    seeds = {id(state) for state in seed_states(model)}
    statistics = [each for each in model.non_trainable_variables if id(each) not in seeds]
    return FinalState(
        trainable=_values(model.trainable_variables),
        statistics=_values(statistics),
        scale=scale.reshape(-1) if scale.ndim else scale,
        shift=shift.reshape(-1) if shift.ndim else shift,
        validation_rows=held_out,
        validation_labels=named["validation"][1],
        validation_probabilities=_probabilities(model, named["validation"][0], at_once),
        test_labels=named["test"][1],
        test_probabilities=_probabilities(model, named["test"][0], at_once),
    )


def _values(variables: list[Any]) -> tuple[npt.NDArray[np.float32], ...]:
    return tuple(
        np.array(keras.ops.convert_to_numpy(variable.value), np.float32) for variable in variables
    )


def _probabilities(
    model: Any,  # noqa: ANN401 - Keras has no types
    x: npt.NDArray[np.float32],
    at_once: int,
) -> npt.NDArray[np.float32]:
    """What a model answers: (examples, classes)."""
    logits = model.predict(x, batch_size=at_once, verbose=0)
    return np.asarray(softmax(logits.astype(np.float64), axis=1), np.float32)


class FitEngine:
    """Trains trials one at a time with `keras.Model.fit`, on the backend that Keras is set to."""

    def __init__(
        self,
        dataset: Dataset,
        checkpoints: Keeping = lambda group: None,
        build: Build = STANDARD,
        keeps_final: bool = False,
    ) -> None:
        """Trains nothing yet.

        Args:
            dataset: what every trial is trained and judged on.
            checkpoints: gives the checkpoints of a trial.
            build: what builds the networks.
            keeps_final: whether results bring what their trials ended with.
        """
        self._prepared, self._checkpoints = Prepared(dataset), checkpoints
        self._build, self._keeps_final = build, keeps_final

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> Iterator[TrialResult]:
        """Trains a group's trials one after the other.

        Args:
            group: its trials.
            on_epoch: called with the number of each finished epoch of each trial, from 1.

        Yields:
            One result a trial, in the group's order, as soon as it is there.
        """
        for trial in group.trials:
            yield self._train(trial, group.after, on_epoch)

    def _train(self, trial: Trial, after: int, on_epoch: Callable[[int], None]) -> TrialResult:
        recipe = trial.recipe
        dataset = self._prepared(recipe.deskew)
        parts = split(
            dataset.y_train,
            dataset.classes,
            trial.validation,
            recipe.train_examples,
            trial.seed,
            trial.replicate,
        )
        scale, shift = affine(dataset.x_train, parts.train, recipe.scaling)
        x, y = dataset.x_train.astype(np.float32) * scale + shift, dataset.y_train
        x_test = dataset.x_test.astype(np.float32) * scale + shift
        named = {
            "train": (x[parts.train], y[parts.train]),
            "validation": (x[parts.validation], y[parts.validation]),
            "test": (x_test, dataset.y_test),
        }
        model = prepared(trial, dataset.input_shape, dataset.classes, len(parts.train), self._build)
        is_jax = keras.backend.backend() == "jax"
        looked = is_jax and trial.role != "search"
        looks = _Looks(model, trial, x, y, parts.train) if looked else None
        gathered = HistoryRecorder(trial, recipe.epochs, looks.inside if looks else None)
        kept = self._checkpoints(Group((trial,), 1, after=after))
        steps = steps_per_epoch(len(parts.train), recipe.batch_size)
        average = Average(model, recipe, steps)
        resumable = ResumableFit(model, gathered, recipe.epochs, steps, kept, average.variables)
        began = time.perf_counter() - resumable.seconds
        watch = _Watch(gathered, *named["validation"], on_epoch, began, looks)
        for first, last, skipped in resumable.stretches:
            batches = Batches(*named["train"], trial, skipped, dataset.classes)
            resumable.begin(began, skipped)
            average.begin(skipped)
            model.fit(
                batches,
                epochs=last,
                initial_epoch=first,
                shuffle=False,
                verbose=0,
                callbacks=[batches.follow, *average.callbacks, watch, resumable],
            )
            if gathered.diverged:
                break
        resumable.end()
        average.settle(model, Batches(*named["train"], trial, classes=dataset.classes))
        at_once = evaluated_at_once(recipe)
        scored = {
            name: (*_answers(model, x, y, at_once), y)
            for name, (x, y) in named.items()
            if name == "validation" or trial.role != "search"
        }
        result = result_of(
            gathered,
            scored,
            sum(int(np.prod(variable.shape)) for variable in model.trainable_variables),
            time.perf_counter() - began,
            versions(_package(keras.backend.backend())),
        )
        if not self._keeps_final or result.diverged:
            return result
        return replace(
            result, final=final_of(model, named, parts.validation, scale, shift, at_once)
        )


def prepared(
    trial: Trial,
    input_shape: tuple[int, ...],
    classes: int,
    examples: int,
    build: Build = STANDARD,
) -> Any:  # noqa: ANN401 - Keras has no types
    """A compiled `keras.Model` at a trial's start: its initial weights, streams and schedule.

    Args:
        trial: what is to be trained.
        input_shape: of one example.
        classes: how many there are.
        examples: training examples, for the schedule.
        build: what builds the network.
    """
    recipe = trial.recipe
    model = build_seeded(build, recipe, input_shape, classes, trial.seed, trial.replicate)
    given = recipe.initializer if recipe.model is None else None  # else the layers' own hold
    weights = initial_weights(model, trial.seed, trial.replicate, given)
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
    model.compile(
        optimizer=optimizer,
        loss=keras_models.loss(recipe),
        metrics=_metrics(recipe),
    )
    return model


def _metrics(recipe: Recipe) -> list[Any]:
    """Cross-entropy and accuracy, of class numbers or of shares of every class."""
    kinds = keras.metrics
    if recipe.mixup:
        return [
            kinds.CategoricalCrossentropy(from_logits=True, name="entropy"),
            kinds.CategoricalAccuracy(name="accuracy"),
        ]
    return [
        kinds.SparseCategoricalCrossentropy(from_logits=True, name="entropy"),
        kinds.SparseCategoricalAccuracy(name="accuracy"),
    ]


class _Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate of each step, looked up."""

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self._rates = learning_rates(recipe, steps).reshape(-1)

    def __call__(self, step: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        rates = keras.ops.convert_to_tensor(self._rates)
        return keras.ops.take(rates, keras.ops.cast(step, "int32"))

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("a training in progress is not saved with its schedule")


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Takes in each epoch, and ends a training that has become non-finite."""

    def __init__(
        self,
        gathered: HistoryRecorder,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.int32],
        on_epoch: Callable[[int], None],
        began: float,
        looks: Callable[[], Look] | None,
    ) -> None:
        super().__init__()
        self._gathered, self._x, self._y, self._on_epoch = gathered, x, y, on_epoch
        self._began, self._looks = began, looks
        self._at_once = evaluated_at_once(gathered.trial.recipe)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        answers, loss = _answers(self.model, self._x, self._y, self._at_once)
        train = Score(float(logs["entropy"]), float(logs["accuracy"]))
        if not np.isfinite(float(logs["loss"])):
            train = Score(float("nan"), train.accuracy)
        look = self._looks() if self._looks else None
        seconds = time.perf_counter() - self._began
        self._gathered.epoch_done(train, loss, answers, self._y, seconds, look)
        self._on_epoch(epoch + 1)
        self.model.stop_training = self._gathered.diverged is not None


class _Looks:
    """Looks into a model, as the population engine does; there are none but on JAX.

    Attributes:
        inside: names what is looked at.
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
        self.inside: ProbeReading = probe
        self._model, self._x, self._y = model, x[rows], y[rows]
        self._read = jax.jit(probe.read)

    def __call__(self) -> Look:
        """A look at the model as it stands."""
        trainable, fixed = (
            [variable.value for variable in variables]
            for variables in (self._model.trainable_variables, self._model.non_trainable_variables)
        )
        reading = self._read(trainable, fixed, self._x, self._y)
        return Look(*(np.asarray(part) for part in reading))


def _answers(
    model: Any,  # noqa: ANN401 - Keras has no types
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.int32],
    at_once: int,
) -> tuple[npt.NDArray[np.int32], float]:
    """Classes given, and the mean cross-entropy in nats."""
    logits = model.predict(x, batch_size=at_once, verbose=0).astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    right = np.take_along_axis(logits, y[:, None].astype(np.int64), axis=1)[:, 0]
    return logits.argmax(axis=1).astype(np.int32), float((log_sum - right).mean())


def _package(backend: str) -> str:
    """The distribution that provides a Keras backend."""
    return {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}.get(backend, backend)
