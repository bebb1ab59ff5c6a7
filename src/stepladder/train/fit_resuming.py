"""The state of a `keras.Model` in training as a checkpoint, after any step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from stepladder.train.checkpoints import Checkpoint, Checkpoints
from stepladder.train.gather import Gathered, curve_arrays, go_on
from stepladder.wire import Array

__all__ = ["ResumableFit"]

_METRIC = "metric."


class ResumableFit(keras.callbacks.Callback):  # type: ignore[misc]
    """The callback that makes checkpoints of one trial, and what goes on from them.

    Between two steps all state lies in the variables of the model, dropout's included, of its
    optimizer and of its metrics, which sum over the epoch. Under JAX they are brought up to date
    by reading `Callback.model`.

    Attributes:
        done: steps that need not be trained.
        seconds: what they took.
    """

    def __init__(
        self,
        compiled: Any,  # noqa: ANN401 - Keras has no types
        gathered: Gathered,
        epochs: int,
        steps: int,
        checkpoints: Checkpoints | None,
        beside: Sequence[Any] = (),
    ) -> None:
        """Sets the model and the curve to where the latest checkpoint stood, if there is one.

        Args:
            compiled: a compiled `keras.Model` at its start.
            gathered: its curve.
            epochs: of the whole training.
            steps: of an epoch.
            checkpoints: of its trial alone, or None to keep none.
            beside: variables that training changes beside those of the model and its optimizer.
        """
        super().__init__()
        self.done, self.seconds = 0, 0.0
        self._gathered, self._checkpoints = gathered, checkpoints
        self._epochs, self._steps = epochs, steps
        self._metrics: list[Array] = []
        self._beside = list(beside)
        if checkpoints is None:
            return
        compiled.optimizer.build(compiled.trainable_variables)
        expected = self._arrays(compiled)
        found = checkpoints.latest(
            lambda each: 0 < each.done < epochs * steps and _without_metrics(each).is_like(expected)
        )
        if found is None:
            return
        self.done, self.seconds = found.done, float(found.more["seconds"])
        for place, variable in enumerate(self._variables(compiled)):
            variable.assign(found.arrays[f"variable.{place}"])
        if found.done % steps:
            names = [name for name in found.arrays if name.startswith(_METRIC)]
            self._metrics = [found.arrays[f"{_METRIC}{place}"] for place in range(len(names))]
        go_on([gathered], found.arrays, [0], found.done // steps)

    @property
    def stretches(self) -> list[tuple[int, int, int]]:
        """What is to be trained: calls of `fit` as first epoch, epoch to stop before, first step.

        An epoch that was begun is a call of its own, for a call's epochs are equally long.
        """
        epoch, step = divmod(self.done, self._steps)
        begun = [(epoch, epoch + 1, step)] if step else []
        first = epoch + len(begun)
        return begun + ([(first, self._epochs, 0)] if first < self._epochs else [])

    def begin(self, began: float, first_step: int) -> None:
        """Is told of each call of `fit` before it.

        Args:
            began: when the training would have begun, had it not been interrupted.
            first_step: of the call's first epoch.
        """
        self._began, self._first_step = began, first_step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the metrics to where they stood within the epoch."""
        if self._metrics:
            for variable, value in zip(self.model.metrics_variables, self._metrics, strict=True):
                variable.assign(value)
            self._metrics = []
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a checkpoint if it is time to, within an epoch."""
        step = self._first_step + batch + 1
        if self._checkpoints and step < self._steps:
            self._offer(self._epoch * self._steps + step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a checkpoint if it is time to and the training is not over."""
        self._first_step = 0
        if epoch + 1 < self._epochs and not self._gathered.diverged:
            self._offer((epoch + 1) * self._steps)

    def end(self) -> None:
        """Keeps where the training ended, for one of more epochs."""
        if self._checkpoints and not self._gathered.diverged:
            done = self._epochs * self._steps
            self._checkpoints.end(lambda: self._state(done), self._so_far)

    @property
    def _so_far(self) -> float:
        return time.perf_counter() - self._began

    def _offer(self, done: int) -> None:
        if self._checkpoints:
            self._checkpoints.offer(done, lambda: self._state(done))

    def _state(self, done: int) -> Checkpoint:
        compiled = self.model
        arrays = self._arrays(compiled) | _numbered(_METRIC, compiled.metrics_variables)
        more = {"seconds": self._so_far}
        return Checkpoint((self._gathered.trial.id,), done, more, arrays)

    def _arrays(self, compiled: Any) -> dict[str, Array]:  # noqa: ANN401 - Keras has no types
        return _numbered("variable.", self._variables(compiled)) | curve_arrays([self._gathered])

    def _variables(self, compiled: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
        """Every variable that training changes, in an order that is always the same."""
        return [
            *compiled.trainable_variables,
            *compiled.non_trainable_variables,
            *compiled.optimizer.variables,
            *self._beside,
        ]


def _without_metrics(found: Checkpoint) -> Checkpoint:
    """A checkpoint without its metrics, of which a model has none before its first step."""
    arrays = {name: a for name, a in found.arrays.items() if not name.startswith(_METRIC)}
    return Checkpoint(found.trials, found.done, found.more, arrays)


def _numbered(name: str, variables: list[Any]) -> dict[str, Array]:
    """The values of variables, each under a name and its place."""
    return {
        f"{name}{place}": np.asarray(keras.ops.convert_to_numpy(variable.value))
        for place, variable in enumerate(variables)
    }
