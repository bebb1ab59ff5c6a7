"""The state of a `keras.Model` in training as a checkpoint, after each epoch."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np

from stepladder.train.checkpoints import Checkpoint, Checkpoints
from stepladder.train.gather import Gathered, curve_arrays, go_on
from stepladder.wire import Array

__all__ = ["ResumableFit"]


class ResumableFit(keras.callbacks.Callback):  # type: ignore[misc]
    """The callback that makes checkpoints of one trial, and what goes on from them.

    Between two epochs all state lies in the variables of the model and of its optimizer, dropout's
    included; within an epoch Keras keeps part of it to itself, so no checkpoint is made there.

    Attributes:
        done: epochs that need not be trained.
        seconds: what they took.
    """

    def __init__(
        self,
        compiled: Any,  # noqa: ANN401 - Keras has no types
        gathered: Gathered,
        epochs: int,
        checkpoints: Checkpoints | None,
    ) -> None:
        """Sets the model and the curve to where the latest checkpoint stood, if there is one.

        Args:
            compiled: a compiled `keras.Model` at its start.
            gathered: its curve.
            epochs: of the whole training.
            checkpoints: of its trial alone, or None to keep none.
        """
        super().__init__()
        self.done, self.seconds = 0, 0.0
        self._gathered, self._epochs, self._checkpoints = gathered, epochs, checkpoints
        if checkpoints is None:
            return
        compiled.optimizer.build(compiled.trainable_variables)
        expected = self._arrays(compiled)
        found = checkpoints.latest(lambda each: 0 < each.done < epochs and each.is_like(expected))
        if found is None:
            return
        self.done, self.seconds = found.done, float(found.more["seconds"])
        for place, variable in enumerate(_variables(compiled)):
            variable.assign(found.arrays[f"variable.{place}"])
        go_on([gathered], found.arrays, [0], found.done)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._began = time.perf_counter() - self.seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a checkpoint if it is time to and the training is not over."""
        if self._checkpoints and epoch + 1 < self._epochs and not self._gathered.diverged:
            self._checkpoints.offer(epoch + 1, lambda: self._state(epoch + 1))

    def end(self, seconds: float) -> None:
        """Keeps where the training ended, for one of more epochs.

        Args:
            seconds: that it took.
        """
        if self._checkpoints and not self._gathered.diverged:
            self._checkpoints.end(lambda: self._state(self._epochs), seconds)

    def _state(self, done: int) -> Checkpoint:
        seconds = time.perf_counter() - self._began
        arrays = self._arrays(self.model)
        return Checkpoint((self._gathered.trial.id,), done, {"seconds": seconds}, arrays)

    def _arrays(self, compiled: Any) -> dict[str, Array]:  # noqa: ANN401 - Keras has no types
        arrays = {
            f"variable.{place}": np.asarray(keras.ops.convert_to_numpy(variable.value))
            for place, variable in enumerate(_variables(compiled))
        }
        return arrays | curve_arrays([self._gathered])


def _variables(compiled: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """Every variable of a model and its optimizer, in an order that is always the same."""
    return [
        *compiled.trainable_variables,
        *compiled.non_trainable_variables,
        *compiled.optimizer.variables,
    ]
