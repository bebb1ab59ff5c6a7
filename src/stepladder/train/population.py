"""The population engine: trials of one replicate and structure as lanes of one JAX program."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from stepladder import models
from stepladder.data import Dataset, Split, affine, split
from stepladder.records import Score, Trial, TrialResult
from stepladder.train.custom import Build
from stepladder.train.gather import Gathered, result_of, versions
from stepladder.train.groups import Group, GroupKey
from stepladder.train.initial import initial_weights
from stepladder.train.program import EVALUATED_AT_ONCE, Data, Numbers, Program, Sums, Weights
from stepladder.train.schedule import data_order, learning_rates, steps_per_epoch
from stepladder.train.seeds import start_seeds

__all__ = ["PopulationEngine", "Training"]

Indices = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Compiled:
    """A program's two functions for one set of shapes."""

    program: Program
    epoch: Callable[..., tuple[Weights, Sums]]
    evaluate: Callable[..., tuple[jax.Array, jax.Array]]


class PopulationEngine:
    """Trains groups of trials on one dataset, each group as one JAX program.

    Programs are compiled once for each structure and shape and kept.
    """

    def __init__(self, dataset: Dataset, build: Build = models.build) -> None:
        """Puts the examples on the device, as they are stored: training part, then test part.

        Args:
            dataset: what every trial is trained and judged on.
            build: what builds the networks.
        """
        self._dataset, self._build = dataset, build
        self._x = jnp.asarray(np.concatenate([dataset.x_train, dataset.x_test]))
        self._y = jnp.asarray(np.concatenate([dataset.y_train, dataset.y_test]))
        test = np.arange(len(dataset.y_test), dtype=np.int32) + len(dataset.y_train)
        self._test: Indices = test
        self._programs: dict[object, Program] = {}
        self._compiled: dict[object, _Compiled] = {}

    def train(self, group: Group, on_epoch: Callable[[int], None]) -> list[TrialResult]:
        """Trains a group to its end.

        Args:
            group: its trials; lanes beyond them repeat the first and are thrown away.
            on_epoch: called with the number of each finished epoch, from 1; 0 when compiled.

        Returns:
            One result a trial, in the group's order.
        """
        training = self.begin(group)
        on_epoch(0)
        return training.finish(on_epoch)[: len(group.trials)]

    def begin(self, group: Group) -> Training:
        """A group at its start, its program compiled.

        Args:
            group: its trials; lanes beyond them repeat the first.
        """
        key = group.key
        dataset = self._dataset
        parts = split(
            dataset.y_train,
            dataset.classes,
            key.validation,
            key.train_examples,
            key.seed,
            key.replicate,
        )
        scale, shift = affine(dataset.x_train, parts.train, group.trials[0].recipe.scaling)
        data = Data(self._x, self._y, jnp.asarray(scale), jnp.asarray(shift))
        lanes = [*group.trials, *([group.trials[0]] * (group.lanes - len(group.trials)))]
        labels = np.concatenate([dataset.y_train, dataset.y_test])
        training = Training(self._program(key), key, lanes, parts, data, self._test, labels)
        training.compiled = self._compile(training)
        return training

    def _program(self, key: GroupKey) -> Program:
        if key.structure not in self._programs:
            dataset = self._dataset
            program = Program(key.structure, dataset.input_shape, dataset.classes, self._build)
            self._programs[key.structure] = program
        return self._programs[key.structure]

    def _compile(self, run: Training) -> _Compiled:
        shapes = (run.key.structure, len(run.lanes), len(run.parts.train), run.data.scale.shape)
        if shapes not in self._compiled:
            program = run.program
            epoch = jax.jit(program.epoch, donate_argnums=0)
            evaluate = jax.jit(program.evaluate)
            self._compiled[shapes] = _Compiled(
                program,
                epoch.lower(*run.epoch_arguments(0)).compile(),
                evaluate.lower(*run.evaluate_arguments(run.parts.validation, 0)[:-1]).compile(),
            )
        return self._compiled[shapes]


class Training:
    """One group while it trains.

    Attributes:
        weights: where its lanes stand.
        compiled: its program's functions.
    """

    compiled: _Compiled

    def __init__(
        self,
        program: Program,
        key: GroupKey,
        lanes: list[Trial],
        parts: Split,
        data: Data,
        test: Indices,
        labels: Indices,
    ) -> None:
        """The group at its start.

        Args:
            program: of its structure.
            key: what its lanes have in common.
            lanes: the trial of each lane.
            parts: its split.
            data: all examples on the device.
            test: rows of the test part.
            labels: int32, of all rows.
        """
        self.program, self.key, self.lanes = program, key, lanes
        self.parts, self.data, self.test = parts, data, test
        self.labels = labels
        self.steps = steps_per_epoch(len(parts.train), key.structure.batch_size)
        self.weights = self._initial()
        self.numbers = Numbers(
            *(jnp.asarray(self._each(name)) for name in ("l2", "weight_decay", "label_smoothing"))
        )
        rates = [learning_rates(trial.recipe, self.steps) for trial in lanes]
        self.rates = np.stack(rates, axis=-1)  # (epochs, steps, lanes)

    def _each(self, field: str) -> npt.NDArray[np.float32]:
        return np.array([getattr(trial.recipe, field) for trial in self.lanes], np.float32)

    def _initial(self) -> Weights:
        program, key, lanes = self.program, self.key, len(self.lanes)
        model = program.at_start(key.seed, key.replicate)
        draws: dict[str, list[npt.NDArray[np.float32]]] = {}
        for trial in self.lanes:
            name = trial.recipe.initializer
            if name not in draws:
                given = name if key.structure.model is None else None  # the layers' own hold
                draws[name] = initial_weights(model, key.seed, key.replicate, given)
        each = [draws[trial.recipe.initializer] for trial in self.lanes]
        statistics, seeds = program.split_state(list(model.non_trainable_variables))
        return Weights(
            [jnp.stack([jnp.asarray(lane[i]) for lane in each]) for i in range(len(each[0]))],
            [_repeat(variable, lanes) for variable in program.optimizer.variables],
            [_repeat(variable, lanes) for variable in statistics],
            [jnp.asarray(each) for each in start_seeds(key.seed, key.replicate, len(seeds))],
        )

    def epoch_arguments(self, epoch: int) -> tuple[object, ...]:
        """What `Program.epoch` takes for an epoch, from 0."""
        batch, train = self.key.structure.batch_size, self.parts.train
        order = train[data_order(len(train), self.key.seed, self.key.replicate, epoch)]
        full = len(order) // batch * batch
        return (
            self.weights,
            self.numbers,
            self.data,
            jnp.asarray(order[:full].reshape(-1, batch)),
            jnp.asarray(order[full:]),
            jnp.asarray(self.rates[epoch]),
        )

    def evaluate_arguments(self, part: Indices, start: int) -> tuple[object, ...]:
        """What `Program.evaluate` takes for a stretch of a part, and the stretch's length."""
        index = np.zeros(EVALUATED_AT_ONCE, np.int32)
        stretch = part[start : start + EVALUATED_AT_ONCE]
        index[: len(stretch)] = stretch
        count = jnp.asarray(len(stretch), jnp.int32)
        return self.weights, self.data, jnp.asarray(index), count, len(stretch)

    def evaluate(self, part: Indices) -> tuple[Indices, npt.NDArray[np.float64]]:
        """Classes given, int32 (lanes, examples), and mean loss, float64 (lanes,)."""
        answers, loss = [], np.zeros(len(self.lanes))
        for start in range(0, len(part), EVALUATED_AT_ONCE):
            *arguments, length = self.evaluate_arguments(part, start)
            given, lost = self.compiled.evaluate(*arguments)
            answers.append(np.asarray(given)[:, :length])
            loss += np.asarray(lost, np.float64)
        return np.concatenate(answers, axis=1), loss / len(part)

    def epoch(self, epoch: int) -> Sums:
        """Trains one epoch, counted from 0, and returns the sums over its examples."""
        self.weights, sums = self.compiled.epoch(*self.epoch_arguments(epoch))
        return sums

    def finish(self, on_epoch: Callable[[int], None]) -> list[TrialResult]:
        """Trains all epochs and scores the final weights.

        Args:
            on_epoch: called with the number of each finished epoch, from 1.

        Returns:
            One result a lane.
        """
        gathered = [Gathered(trial, self.key.epochs) for trial in self.lanes]
        began = time.perf_counter()
        for epoch in range(self.key.epochs):
            sums = self.epoch(epoch)
            self._gather(gathered, sums, began)
            on_epoch(epoch + 1)
            if all(each.diverged for each in gathered):
                break
        parts = {"train": self.parts.train, "validation": self.parts.validation, "test": self.test}
        scored = {name: (*self.evaluate(part), self.labels[part]) for name, part in parts.items()}
        seconds = (time.perf_counter() - began) / len(self.lanes)
        parameters = sum(leaf[0].size for leaf in self.weights.trainable)
        return [
            result_of(
                each,
                {name: (a[lane], float(b[lane]), y) for name, (a, b, y) in scored.items()},
                parameters,
                seconds,
                versions("jax"),
            )
            for lane, each in enumerate(gathered)
        ]

    def _gather(self, gathered: list[Gathered], sums: Sums, began: float) -> None:
        examples = len(self.parts.train)
        answers, val_loss = self.evaluate(self.parts.validation)
        loss = np.asarray(sums.loss, np.float64) / examples
        accuracy = np.asarray(sums.correct, np.float64) / examples
        seconds = (time.perf_counter() - began) / len(self.lanes)
        for lane, each in enumerate(gathered):
            each.epoch_done(
                Score(float(loss[lane]), float(accuracy[lane])),
                float(val_loss[lane]),
                answers[lane],
                self.labels[self.parts.validation],
                seconds,
            )


def _repeat(variable: Any, lanes: int) -> jax.Array:  # noqa: ANN401 - Keras has no types
    value = jnp.asarray(keras.ops.convert_to_numpy(variable.value))
    return jnp.repeat(value[None], lanes, axis=0)
