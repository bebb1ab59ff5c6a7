"""The average of the weights of a `keras.Model` in training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from stepladder.recipe import Recipe
from stepladder.train.draws import averaging
from stepladder.train.fit_batches import Batches
from stepladder.train.settling import normalizes_batches, remembering

__all__ = ["Average"]


class Average(keras.callbacks.Callback):  # type: ignore[misc]
    """The callback that averages weights as a recipe says; see `draws.averaging`.

    Attributes:
        variables: the averages, in the order of the model's trainable variables; none where the
            recipe averages nothing.
    """

    def __init__(self, compiled: Any, recipe: Recipe, steps: int) -> None:  # noqa: ANN401
        """The average before the first step.

        Args:
            compiled: a `keras.Model` at its start.
            recipe: what is trained.
            steps: of an epoch.
        """
        super().__init__()
        self._shares = averaging(recipe, steps)
        averaged = compiled.trainable_variables if self._shares is not None else []
        # Copies: JAX gives the model's own arrays away at each step.
        starts = [np.array(keras.ops.convert_to_numpy(each.value)) for each in averaged]
        self.variables = [keras.Variable(each, trainable=False) for each in starts]

    @property
    def callbacks(self) -> list[Any]:
        """Itself, unless there is nothing to do: it stops the device at every step."""
        return [self] if self.variables else []

    def begin(self, first_step: int) -> None:
        """Is told of each call of `fit` before it.

        Args:
            first_step: of the call's first epoch.
        """
        self._first_step = first_step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes note of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the average towards the weights."""
        assert self._shares is not None
        share = self._shares[self._epoch, self._first_step + batch]
        if not share:
            return
        for average, variable in zip(self.variables, self.model.trainable_variables, strict=True):
            old, new = (keras.ops.convert_to_numpy(each.value) for each in (average, variable))
            average.assign(old + share * (new - old))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Later epochs of a call begin at their first step."""
        self._first_step = 0

    def settle(self, trained: Any, batches: Batches) -> None:  # noqa: ANN401
        """Gives a model the average for its weights, and the statistics that belong to it.

        Args:
            trained: the `keras.Model`.
            batches: of its first epoch, from which they are taken, a last shorter one left out.
        """
        if not self.variables:
            return
        for variable, average in zip(trained.trainable_variables, self.variables, strict=True):
            variable.assign(average.value)
        if not normalizes_batches(trained):
            return
        for number in range(batches.full):
            with remembering(trained, number / (number + 1)):
                trained(batches[number][0], training=True)
