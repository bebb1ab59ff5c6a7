"""Callbacks of `keras.Model.fit`: batches, averages of weights, checkpoints."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stepladder.study.recipe import DISTORTIONS, Recipe
from stepladder.training.checkpoints import Checkpoints, Resumable
from stepladder.training.heads import Head
from stepladder.training.history import HistoryRecorder
from stepladder.training.layer_state import batch_norm_momentum, has_batch_norm, statistics_of
from stepladder.training.schedules import (
    averaging_weights,
    data_order,
    step_inputs,
    steps_per_epoch,
)
from stepladder.training.serialization import Array
from stepladder.trials.trial import Trial


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of a trial, in the order that its replicate draws for each epoch.

    They are distorted and mixed as the population engine does it, on whatever backend.
    """

    def __init__(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[Any],
        trial: Trial,
        head: Head,
        skipped: int = 0,
    ) -> None:
        """The batches of the first epoch.

        Args:
            x: float32 (examples, *input_shape), scaled.
            y: classes (examples,), or labels or scaled targets (examples, outputs).
            trial: its batch size and its replicate's order.
            head: what the network's last layer stands for.
            skipped: steps of every epoch that are left out, at its beginning.
        """
        super().__init__()
        self._x, self._y, self._trial, self._skipped = x, y, trial, skipped
        self._head = head
        self._steps = steps_per_epoch(len(y), trial.recipe.batch_size)
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        """Takes the order of an epoch, counted from 0."""
        trial = self._trial
        self._order = data_order(len(self._y), trial.seed, trial.replicate, epoch)
        self._more = step_inputs(trial.recipe, trial.seed, trial.replicate, epoch, self._steps)

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
        head, share, shares = self._head, more.mix[step], y
        if head.task == "classification":
            shares = np.eye(head.outputs, dtype=np.float32)[y]
        next_x, next_y = (np.roll(array, -1, axis=0) for array in (x, shares))
        return x * share + next_x * (1 - share), shares * share + next_y * (1 - share)

    @cached_property
    def _distort(self) -> Any:  # noqa: ANN401 - a jitted function
        assert any(getattr(self._trial.recipe, field) for field in DISTORTIONS)
        import jax

        from stepladder.training.augmentation import distortion

        return jax.jit(distortion(self._trial.recipe, self._x.shape[1:]))  # type: ignore[arg-type]


class _StepCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that knows the epoch, and the step of each batch in it."""

    def begin(self, first_step: int) -> None:
        """Prepares for a call of `fit` whose first epoch begins at a step."""
        self._first_step = first_step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes note of the epoch."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Later epochs of a call begin at their first step."""
        self._first_step = 0


class Average(_StepCallback):
    """The callback that averages weights as a recipe says; see `schedules.averaging_weights`.

    Attributes:
        variables: the averages, in the order of the model's trainable variables; none where the
            recipe averages nothing.
    """

    def __init__(self, compiled: Any, recipe: Recipe, steps: int) -> None:  # noqa: ANN401
        super().__init__()
        self._shares = averaging_weights(recipe, steps)
        averaged = compiled.trainable_variables if self._shares is not None else []
        # Copies: JAX gives the model's own arrays away at each step.
        starts = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in averaged]
        self.variables = [keras.Variable(start, trainable=False) for start in starts]

    @property
    def callbacks(self) -> list[Any]:
        """Itself, unless there is nothing to do: it stops the device at every step."""
        return [self] if self.variables else []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the average towards the weights."""
        assert self._shares is not None
        share = self._shares[self._epoch, self._first_step + batch]
        if not share:
            return
        for average, variable in zip(self.variables, self.model.trainable_variables, strict=True):
            old, new = (keras.ops.convert_to_numpy(leaf.value) for leaf in (average, variable))
            average.assign(old + share * (new - old))

    def settle(self, trained: Any, batches: Batches) -> None:  # noqa: ANN401
        """Gives a model the average for its weights, and the statistics that belong to it."""
        if not self.variables:
            return
        for variable, average in zip(trained.trainable_variables, self.variables, strict=True):
            variable.assign(average.value)
        if not has_batch_norm(trained):
            return
        for number in range(batches.full):
            with batch_norm_momentum(trained, number / (number + 1)):
                trained(batches[number][0], training=True)


class KeptWeights:
    """The weights of a trial that are to be scored in place of the last ones; see `Monitor`.

    Attributes:
        variables: they, in the order of the model's weights and of their averages; none where
            nothing is monitored.
    """

    def __init__(self, compiled: Any, averages: Sequence[Any], history: HistoryRecorder) -> None:  # noqa: ANN401
        self._owners: list[Any] = []
        if history.monitor is not None:
            answering = [*compiled.trainable_variables, *statistics_of(compiled)]
            self._owners = [*answering, *averages]
        self.variables = [
            keras.Variable(np.array(keras.ops.convert_to_numpy(owner.value)), trainable=False)
            for owner in self._owners
        ]

    def epoch_done(self, history: HistoryRecorder) -> None:
        """Keeps the weights if the monitor says so, after `Callback.model` was read."""
        if history.monitor is None or not history.monitor.keeps:
            return
        for kept, owner in zip(self.variables, self._owners, strict=True):
            kept.assign(np.array(keras.ops.convert_to_numpy(owner.value)))

    def restore(self, history: HistoryRecorder) -> None:
        """Gives the model and its averages the weights that were kept, if any were."""
        if history.monitor is not None and history.monitor.has_kept:
            for kept, owner in zip(self.variables, self._owners, strict=True):
                owner.assign(kept.value)


_METRIC = "metric."


class ResumableFit(_StepCallback):
    """The callback that makes checkpoints of one trial, restored when it is made.

    Between two steps all state is in the variables of the model, dropout's included, of its
    optimizer and of its metrics, which sum over the epoch. Under JAX they are brought up to date
    by reading `Callback.model`.

    Attributes:
        began: when the training would have begun, had it not been interrupted.
    """

    def __init__(
        self,
        compiled: Any,  # noqa: ANN401 - Keras has no types
        history: HistoryRecorder,
        epochs: int,
        steps: int,
        checkpoints: Checkpoints | None,
        extra: Sequence[Any] = (),
    ) -> None:
        super().__init__()
        self._history, self._epochs, self._steps = history, epochs, steps
        self._state = Resumable([history], epochs, steps, checkpoints)
        self._metrics: list[Array] = []
        self._extra = list(extra)
        if checkpoints:
            compiled.optimizer.build(compiled.trainable_variables)
            self._restore(compiled)
        self.began = time.perf_counter() - self._state.seconds

    def _restore(self, compiled: Any) -> None:  # noqa: ANN401 - Keras has no types
        state = self._state.load(lambda: self._arrays(compiled))
        if state is None:
            return
        for place, variable in enumerate(self._variables(compiled)):
            variable.assign(state.arrays[f"variable.{place}"])
        if state.done % self._steps:
            names = [name for name in state.arrays if name.startswith(_METRIC)]
            self._metrics = [state.arrays[f"{_METRIC}{place}"] for place in range(len(names))]

    @property
    def calls(self) -> list[tuple[int, int, int]]:
        """Calls of `fit` to make, as first epoch, epoch to stop before, first step.

        An epoch that was begun is a call of its own, for a call's epochs are equally long.
        """
        epoch, step = divmod(self._state.done, self._steps)
        begun = [(epoch, epoch + 1, step)] if step else []
        first = epoch + len(begun)
        return begun + ([(first, self._epochs, 0)] if first < self._epochs else [])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restores the metrics of an epoch that was begun."""
        if self._metrics:
            for variable, value in zip(self.model.metrics_variables, self._metrics, strict=True):
                variable.assign(value)
            self._metrics = []
        super().on_epoch_begin(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a checkpoint if it is time to, within an epoch."""
        step = self._first_step + batch + 1
        if step < self._steps:
            self._offer(self._epoch * self._steps + step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a checkpoint if it is time to and the training is not over."""
        super().on_epoch_end(epoch)
        if not self._history.is_over:
            self._offer((epoch + 1) * self._steps)

    def end(self) -> None:
        """Caches the final state, for a training of more epochs."""
        if not self._history.is_over:
            self._state.end(self._epochs * self._steps, self._model_arrays, self._elapsed)

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    def _offer(self, done: int) -> None:
        self._state.offer(done, self._model_arrays, self._elapsed)

    def _model_arrays(self) -> dict[str, Array]:
        compiled = self.model
        return self._arrays(compiled) | _numbered(_METRIC, compiled.metrics_variables)

    def _arrays(self, compiled: Any) -> dict[str, Array]:  # noqa: ANN401 - Keras has no types
        return _numbered("variable.", self._variables(compiled))

    def _variables(self, compiled: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
        """Every variable that training changes, in an order that is always the same."""
        return [
            *compiled.trainable_variables,
            *compiled.non_trainable_variables,
            *compiled.optimizer.variables,
            *self._extra,
        ]


def _numbered(name: str, variables: list[Any]) -> dict[str, Array]:
    """The values of variables, each under a name and its place."""
    return {
        f"{name}{place}": np.asarray(keras.ops.convert_to_numpy(variable.value))
        for place, variable in enumerate(variables)
    }
