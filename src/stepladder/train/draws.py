"""What steps are given beside examples and learning rates, drawn or worked out on the host."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stepladder.recipe import DISTORTIONS, Recipe
from stepladder.streams import generator

__all__ = ["NOTHING_MORE", "More", "averaging", "draws"]

_CALM = 0.5
"""Strength of distortions in the calm last part of a training."""


class More(NamedTuple):
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

    def part(self, start: int | None, stop: int | None) -> More:
        """The rows of some steps."""
        return More(*(None if each is None else each[start:stop] for each in self))


NOTHING_MORE = More()


def draws(recipe: Recipe, seed: int, replicate: int, epoch: int, steps: int) -> More:
    """All but averages, which lanes do not share, for the steps of an epoch.

    Args:
        recipe: what is trained.
        seed: the study's seed.
        replicate: the replicate's number.
        epoch: from 0; each has a stream of its own, so that any can be resumed.
        steps: of the epoch.
    """
    made = More()
    if any(getattr(recipe, field) for field in DISTORTIONS):
        words = generator(seed, replicate, "augment", epoch)
        total = recipe.epochs * steps
        calm = np.arange(epoch * steps, (epoch + 1) * steps) >= total * (1 - recipe.augment_calm)
        made = made._replace(
            warp=words.integers(0, 2**32, (steps, 2), np.uint32),
            strength=np.where(calm, _CALM, 1).astype(np.float32),
        )
    if recipe.mixup:
        shares = generator(seed, replicate, "mixup", epoch).beta(recipe.mixup, recipe.mixup, steps)
        made = made._replace(mix=shares.astype(np.float32))
    if recipe.vat:
        words = generator(seed, replicate, "perturb", epoch)
        made = made._replace(perturb=words.integers(0, 2**32, (steps, 2), np.uint32))
    return made


def averaging(recipe: Recipe, steps: int) -> npt.NDArray[np.float32] | None:
    """How far the average moves to the weights after each step, float32 (epochs, steps), or None.

    `average += share * (weights - average)`. With an exponential average of decay d the share
    after step t, from 1, is (1 - d) / (1 - d^t): the average is then the mean of the weights after
    steps 1…t with weights d^(t - step), and owes nothing to those before the first. Stochastic
    weight averaging takes the plain mean of the weights at the ends of the last epochs.

    Args:
        recipe: what is trained.
        steps: of an epoch.

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
