"""Learning rates, data order, and what each step is given."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stepladder.study.keras_names import IN_EPOCHS, arguments_of, name_of
from stepladder.study.recipe import (
    DISTORTIONS,
    ONE_CYCLE_WARMUP,
    OWN_SCHEDULES,
    PLATEAU,
    Recipe,
    fields_with,
)
from stepladder.trials.seeding import generator

FORESEEING = fields_with(lambda role: role.needs_end)
"""Shares of a training, which where it ends decides."""

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
    - any other: Keras' schedule of that name, from `learning_rate`, asked at every step. Arguments
      in epochs are rounded to whole steps, at least 1.

    A step is one of `keras.Model.fit`: a batch, also where gradients are accumulated. `warmup` is
    the share of all steps over which a schedule first rises, linearly from 0, to its peak.

    Example:
        >>> learning_rates(Recipe(hidden=[3], epochs=2, learning_rate=0.5, warmup=0.5), steps=2)
        array([[0.16666667, 0.33333334],
               [0.5       , 0.5       ]], dtype=float32)

    Returns:
        float32 (epochs, steps).
    """
    total = recipe.epochs * steps
    step = np.arange(total, dtype=np.float64)
    if recipe.schedule == "one_cycle":
        factor = _one_cycle(step, total, recipe.warmup or ONE_CYCLE_WARMUP)
        rates = recipe.learning_rate * factor
    else:
        rising = round(recipe.warmup * total)
        after = np.maximum(step - rising, 0)
        warm = np.minimum(1.0, (step + 1) / (rising + 1))
        if name_of(recipe.schedule) in (*OWN_SCHEDULES, PLATEAU):  # `Monitor` lowers the latter
            rates = recipe.learning_rate * (warm * _decay(recipe, after, total - rising, steps))
        else:
            rates = warm * _keras_rates(recipe, after, steps)
    return rates.astype(np.float32).reshape(recipe.epochs, steps)


def can_extend(recipe: Recipe) -> bool:
    """Whether a training of more epochs begins with every step that this one has.

    That is so where learning rates, strengths of distortions and averages of weights depend on
    the epochs that are past and not on those that are to come.
    """
    foresees = any(getattr(recipe, field) for field in FORESEEING)
    return extends(recipe.schedule) and not foresees


def extends(schedule: str) -> bool:
    """Whether a schedule's rates are the same in a longer training, as far as the shorter goes.

    Keras' own do not know how long a training is; the cosine and the one cycle here do.

    Example:
        >>> extends("cosine"), extends("cosine_decay(decay_epochs=10)")
        (False, True)
    """
    return schedule not in ("cosine", "one_cycle")


def keras_schedule(recipe: Recipe, steps: int) -> Any:  # noqa: ANN401 - Keras has no types
    """The `keras.optimizers.schedules.LearningRateSchedule` that a recipe names.

    Args:
        recipe: its schedule is one of Keras'.
        steps: of an epoch.

    Raises:
        ValueError: by Keras, if it refuses an argument.
    """
    from stepladder.training.keras_classes import keras_class  # for training processes alone

    name, arguments = name_of(recipe.schedule), arguments_of(recipe.schedule)
    for in_steps, in_epochs in IN_EPOCHS.items():
        if in_epochs in arguments:
            epochs = arguments.pop(in_epochs)
            whole = np.maximum(np.round(np.multiply(epochs, steps)), np.sign(epochs))
            arguments[in_steps] = whole.astype(int).tolist()
    if name != "piecewise_constant_decay":  # whose values are the rates themselves
        arguments["initial_learning_rate"] = recipe.learning_rate
    return keras_class("schedules", name)(**arguments)


def _keras_rates(
    recipe: Recipe, step: npt.NDArray[np.float64], steps: int
) -> npt.NDArray[np.float64]:
    import keras

    schedule, whole = keras_schedule(recipe, steps), step.astype(np.int32)
    if getattr(schedule, "warmup_target", None) is None:
        rates = schedule(whole)
    else:  # decides by each step alone
        rates = keras.ops.vectorized_map(schedule, keras.ops.convert_to_tensor(whole))
    return np.asarray(keras.ops.convert_to_numpy(rates), np.float64)


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


_CALM = 0.5
"""Strength of distortions in the calm last part of a training."""


class StepInputs(NamedTuple):
    """One row a step of each array; None where a recipe has no use for it.

    Attributes:
        warp: uint32 (steps, 2), from which distortions are drawn.
        strength: float32 (steps,), of distortions.
        mix: float32 (steps,), share of an image in its mixture with the next one.
        perturb: uint32 (steps, 2), from which directions of perturbation are drawn.
        average: float32 (steps, lanes), how far the average of the weights moves to them.
    """

    # NumPy's arrays on the host, JAX' where a program is traced.
    warp: Any = None
    strength: Any = None
    mix: Any = None
    perturb: Any = None
    average: Any = None

    def part(self, start: int | None, stop: int | None) -> StepInputs:
        """The rows of some steps."""
        return StepInputs(*(None if array is None else array[start:stop] for array in self))


NO_STEP_INPUTS = StepInputs()


def step_inputs(recipe: Recipe, seed: int, replicate: int, epoch: int, steps: int) -> StepInputs:
    """All but averages, which lanes do not share, for the steps of an epoch."""
    inputs = StepInputs()
    if any(getattr(recipe, field) for field in DISTORTIONS):
        words = generator(seed, replicate, "augment", epoch)
        total = recipe.epochs * steps
        calm = np.arange(epoch * steps, (epoch + 1) * steps) >= total * (1 - recipe.augment_calm)
        inputs = inputs._replace(
            warp=words.integers(0, 2**32, (steps, 2), np.uint32),
            strength=np.where(calm, _CALM, 1).astype(np.float32),
        )
    if recipe.mixup:
        shares = generator(seed, replicate, "mixup", epoch).beta(recipe.mixup, recipe.mixup, steps)
        inputs = inputs._replace(mix=shares.astype(np.float32))
    if recipe.vat:
        words = generator(seed, replicate, "perturb", epoch)
        inputs = inputs._replace(perturb=words.integers(0, 2**32, (steps, 2), np.uint32))
    return inputs


def averaging_weights(recipe: Recipe, steps: int) -> npt.NDArray[np.float32] | None:
    """How far the average moves to the weights after each step, float32 (epochs, steps), or None.

    `average += share * (weights - average)`. With an exponential average of decay d the share
    after step t, from 1, is (1 - d) / (1 - d^t): the average is then the mean of the weights after
    steps 1…t with weights d^(t - step), and owes nothing to those before the first. Stochastic
    weight averaging takes the plain mean of the weights at the ends of the last epochs.

    Reference:
        Kingma, Ba 2015, section 3, for the correction; Izmailov et al. 2018, algorithm 1.
    """
    if recipe.ema:
        step = np.arange(1, recipe.epochs * steps + 1, dtype=np.float64)
        share = -(1 - recipe.ema) / np.expm1(step * math.log(recipe.ema))
        return share.astype(np.float32).reshape(recipe.epochs, steps)
    if recipe.swa:
        count = max(1, round(recipe.swa * recipe.epochs))
        shares = np.zeros((recipe.epochs, steps), np.float32)
        shares[recipe.epochs - count :, -1] = 1 / np.arange(1, count + 1)
        return shares
    return None
