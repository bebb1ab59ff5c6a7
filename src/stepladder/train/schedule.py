"""What every step of a training is given: its learning rate and its examples."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stepladder.recipe import Recipe
from stepladder.streams import generator

__all__ = ["FORESEEING", "data_order", "goes_on", "learning_rates", "steps_per_epoch"]

FORESEEING = ("warmup", "augment_calm", "swa")
"""Shares of a training, which where it ends decides."""

_ONE_CYCLE_WARMUP = 0.3
_ONE_CYCLE_START = 1 / 25
_ONE_CYCLE_END = 1 / 250_000


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Optimizer steps of an epoch; the last one may see a shorter batch."""
    return math.ceil(examples / batch_size)


def data_order(examples: int, seed: int, replicate: int, epoch: int) -> npt.NDArray[np.int32]:
    """The order in which an epoch goes through its examples.

    Args:
        examples: how many there are.
        seed: the study's seed.
        replicate: the replicate's number.
        epoch: the epoch, from 0; each has a stream of its own, so that any can be resumed.

    Returns:
        int32 (examples,): a permutation of 0…examples-1.
    """
    order = generator(seed, replicate, "order", epoch).permutation(examples)
    return order.astype(np.int32)


def learning_rates(recipe: Recipe, steps: int) -> npt.NDArray[np.float32]:
    """The learning rate of every step of a training.

    - constant: the peak throughout.
    - step: times `decay_rate` after every `decay_epochs` epochs.
    - cosine: half a cosine from the peak to 0 (Loshchilov, Hutter 2017, without restarts).
    - one_cycle: from 1/25 of the peak up to it along half a cosine, then down to 1/250,000 of
      it along another (Smith, Topin 2018; momentum stays as it is).

    `warmup` is the share of all steps over which a schedule first rises, linearly from 0, to
    its peak.

    Args:
        recipe: its schedule and peak.
        steps: optimizer steps an epoch.

    Returns:
        float32 (epochs, steps).
    """
    total = recipe.epochs * steps
    step = np.arange(total, dtype=np.float64)
    if recipe.schedule == "one_cycle":
        factor = _one_cycle(step, total, recipe.warmup or _ONE_CYCLE_WARMUP)
    else:
        rising = round(recipe.warmup * total)
        after = np.maximum(step - rising, 0)
        factor = np.minimum(1.0, (step + 1) / (rising + 1)) * _decay(
            recipe, after, total - rising, steps
        )
    rates = recipe.learning_rate * factor
    return rates.astype(np.float32).reshape(recipe.epochs, steps)


def goes_on(recipe: Recipe) -> bool:
    """Whether a training of more epochs begins with every step that this one has.

    That is so where learning rates, strengths of distortions and averages of weights depend on
    the epochs that are past and not on those that are to come.
    """
    foresees = any(getattr(recipe, field) for field in FORESEEING)
    return recipe.schedule in ("constant", "step") and not foresees


def _decay(
    recipe: Recipe, step: npt.NDArray[np.float64], total: int, steps: int
) -> npt.NDArray[np.float64]:
    if recipe.schedule == "step":
        return np.power(recipe.decay_rate, step // (recipe.decay_epochs * steps))
    if recipe.schedule == "cosine":
        return (1 + np.cos(np.pi * step / max(1, total))) / 2  # 0 where all of it is warm-up
    return np.ones_like(step)


def _one_cycle(step: npt.NDArray[np.float64], total: int, warmup: float) -> npt.NDArray[np.float64]:
    peak = max(1.0, warmup * total - 1)
    rising = np.clip(step / peak, 0, 1)
    falling = np.clip((step - peak) / max(1.0, total - 1 - peak), 0, 1)
    up = _ONE_CYCLE_START + (1 - _ONE_CYCLE_START) * (1 - np.cos(np.pi * rising)) / 2
    down = 1 + (_ONE_CYCLE_END - 1) * (1 - np.cos(np.pi * falling)) / 2
    return np.where(step <= peak, up, down)
