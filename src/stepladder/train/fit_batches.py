"""The batches of a trial as `keras.Model.fit` is given them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stepladder.recipe import DISTORTIONS
from stepladder.records import Trial
from stepladder.train.draws import draws
from stepladder.train.schedule import data_order, steps_per_epoch

__all__ = ["Batches"]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of a trial, in the order that its replicate draws for each epoch.

    They are distorted and mixed as the population engine does it, on whatever backend.
    """

    def __init__(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.int32],
        trial: Trial,
        skipped: int = 0,
        classes: int = 0,
    ) -> None:
        """The batches of the first epoch.

        Args:
            x: float32 (examples, *input_shape), scaled.
            y: int32 (examples,).
            trial: its batch size and its replicate's order.
            skipped: steps of every epoch that are left out, at its beginning.
            classes: how many there are; needed where examples are mixed.
        """
        super().__init__()
        self._x, self._y, self._trial, self._skipped = x, y, trial, skipped
        self._classes = classes
        self._steps = steps_per_epoch(len(y), trial.recipe.batch_size)
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        """Takes the order of an epoch, counted from 0."""
        trial = self._trial
        self._order = data_order(len(self._y), trial.seed, trial.replicate, epoch)
        self._more = draws(trial.recipe, trial.seed, trial.replicate, epoch, self._steps)

    @property
    def follow(self) -> Any:  # noqa: ANN401 - Keras has no types
        """The callback that tells it of each epoch.

        `fit` looks at a first batch before it begins, and its adapter then calls
        `on_epoch_end`, so that hook would be one epoch ahead.
        """
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin_epoch(epoch)
        )

    @property
    def full(self) -> int:
        """Steps of an epoch without a last shorter one, at least 1."""
        return max(1, len(self._y) // self._trial.recipe.batch_size)

    def __len__(self) -> int:
        """Steps of an epoch, a last shorter one included."""
        return self._steps - self._skipped

    def __getitem__(self, step: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
        """Inputs and labels of a step, from 0; shares of every class where they are mixed."""
        size = self._trial.recipe.batch_size
        step += self._skipped
        rows = self._order[step * size : (step + 1) * size]
        x, y = self._x[rows], self._y[rows]
        more = self._more
        if more.warp is not None and more.strength is not None:
            flat = self._distort(x.reshape(len(x), -1), more.warp[step], more.strength[step])
            x = np.asarray(flat).reshape(x.shape)
        if more.mix is None:
            return x, y
        share, shares = more.mix[step], np.eye(self._classes, dtype=np.float32)[y]
        next_x, next_y = (np.roll(each, -1, axis=0) for each in (x, shares))
        return x * share + next_x * (1 - share), shares * share + next_y * (1 - share)

    @cached_property
    def _distort(self) -> Any:  # noqa: ANN401 - a jitted function
        assert any(getattr(self._trial.recipe, field) for field in DISTORTIONS)
        import jax

        from stepladder.train.distortion import distortion

        return jax.jit(distortion(self._trial.recipe, self._x.shape[1:]))  # type: ignore[arg-type]
