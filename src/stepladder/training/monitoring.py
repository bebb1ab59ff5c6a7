"""Early stopping, best weights and plateaus of a trial, decided as Keras' callbacks decide them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from stepladder.study.keras_names import arguments_of, keras_names, name_of
from stepladder.study.recipe import PLATEAU, Recipe
from stepladder.training.serialization import Array


@dataclass
class _State:
    """What a monitor remembers from epoch to epoch, all float64 so that a checkpoint holds it."""

    best: float = math.nan
    wait: float = 0.0
    best_epoch: float = 0.0
    stopped: float = 0.0
    plateau_best: float = math.nan
    plateau_wait: float = 0.0
    cooldown: float = 0.0
    rate: float = math.nan


class Monitor:
    """Watches the epochs of one trial: when to stop, which weights to keep, how far to lower rates.

    Args:
        recipe: what is trained; see `watches`.

    Attributes:
        keeps: whether the weights after the last epoch are those to be scored, so far.

    Example:
        >>> monitor = Monitor(Recipe(hidden=[3], patience=2, score_at="best"))
        >>> for epoch, loss in enumerate([0.9, 0.5, 0.6, 0.7]):
        ...     monitor.epoch_done(epoch, {"val_loss": loss})
        >>> monitor.stopped, monitor.best_epoch
        (4, 2)

    Reference:
        `keras.callbacks.EarlyStopping` and `keras.callbacks.ReduceLROnPlateau`.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe, self._peak = recipe, float(np.float32(recipe.learning_rate))
        self._state = _State(rate=self._peak)
        self.keeps = False
        self._plateau: dict[str, Any] = {}
        if name_of(recipe.schedule) == PLATEAU:
            defaults = keras_names()["schedules"][PLATEAU]["arguments"]
            self._plateau = {**defaults, **arguments_of(recipe.schedule)}

    @staticmethod
    def watches(recipe: Recipe) -> bool:
        """Whether a recipe stops early, keeps its best weights, or lowers rates on plateaus."""
        return (
            recipe.patience is not None
            or recipe.score_at == "best"
            or name_of(recipe.schedule) == PLATEAU
        )

    @property
    def stopped(self) -> int | None:
        """The epoch, from 1, after which the trial was stopped, or None."""
        return int(self._state.stopped) or None

    @property
    def has_kept(self) -> bool:
        """Whether weights of an earlier epoch are to be scored."""
        return self.stopped is not None or self.best_epoch is not None

    @property
    def best_epoch(self) -> int | None:
        """The epoch, from 1, whose weights are scored; None for the last one."""
        return int(self._state.best_epoch) or None if self._recipe.score_at == "best" else None

    @property
    def rate_factor(self) -> float:
        """By what the learning rates of the next epoch are multiplied."""
        return self._state.rate / self._peak

    def epoch_done(self, epoch: int, values: dict[str, float]) -> None:
        """Takes note of an epoch.

        Args:
            epoch: from 0.
            values: `val_loss` and `val_accuracy`.
        """
        self._stop(epoch, values[self._recipe.monitor])
        if self._plateau:
            self._lower_rate(values[self._plateau["monitor"]])

    def _stop(self, epoch: int, value: float) -> None:
        recipe, state = self._recipe, self._state
        self.keeps = False
        if epoch < recipe.start_from_epoch:
            return
        is_best = _is_better(recipe.monitor, value, state.best, recipe.min_delta)
        if is_best:
            state.best, state.best_epoch, state.wait = value, epoch + 1, 0
            self.keeps = recipe.score_at == "best"
            return
        state.wait += 1
        if recipe.patience is not None and state.wait >= recipe.patience:
            state.stopped = epoch + 1
            self.keeps = recipe.score_at == "last"

    def _lower_rate(self, value: float) -> None:
        state, plateau = self._state, self._plateau
        if state.cooldown > 0:
            state.cooldown, state.plateau_wait = state.cooldown - 1, 0
        if _is_better(plateau["monitor"], value, state.plateau_best, plateau["min_delta"]):
            state.plateau_best, state.plateau_wait = value, 0
        elif state.cooldown <= 0:
            state.plateau_wait += 1
            least = plateau["min_lr"]
            if state.plateau_wait >= plateau["patience"] and state.rate > np.float32(least):
                # A Keras optimizer holds its rate as float32.
                state.rate = float(np.float32(max(state.rate * plateau["factor"], least)))
                state.cooldown, state.plateau_wait = plateau["cooldown"], 0

    @property
    def array(self) -> Array:
        """All that it remembers, for a checkpoint."""
        return np.array([getattr(self._state, field.name) for field in fields(_State)])

    def restore(self, array: Array) -> None:
        """Sets it to what a checkpoint has."""
        self._state = _State(*map(float, array))


def _is_better(monitor: str, value: float, best: float, min_delta: float) -> bool:
    if math.isnan(best):
        return True
    if monitor.endswith("accuracy"):
        return value - min_delta > best
    return value + min_delta < best
