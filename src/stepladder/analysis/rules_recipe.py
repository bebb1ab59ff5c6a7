"""Rules on choices that do not suit: a learning rate, small batches, dropout in a small network."""

from __future__ import annotations

import math

from stepladder.analysis.case import Case, Finding, middle, times

__all__ = ["dropout_in_small_network", "learning_rate_far_off", "small_batches"]

FAR = 10.0
"""Factor between two learning rates from which on one is far from the other.

A decade: Bengio 2012 (Practical recommendations, 3.1) finds that a best rate matters within a
factor of two or so, and searches on a logarithmic grid.
"""

WORSE = 0.01
"""Validation accuracy that the far rate must cost: 1 point, ten times the usual δ."""

SMALL_BATCH = 16
"""Images below which batch normalisation's statistics are too noisy.

Wu, He 2018 (Group normalization, figure 1): the error of ResNet-50 is 23.6 % at batches of 32 and
23.7 % at 16, then 24.8 % at 8, 27.3 % at 4 and 34.7 % at 2.
"""

UNDERFIT = 1.1
"""Errors on validation images in times those on training images, from which on it overfits.

Dropout mends overfitting; where the network, called without dropout, errs as often on the images
that it knows, there is none to mend. Our healthy recipes with dropout have 9 and more, the one that
is built to fail 1.03.
"""

FEW_UNITS = 16
"""Units that dropout leaves on average in the narrowest layer, below which it is too small.

Srivastava et al. 2014 (appendix A.1): where n units suit, take n/(1 - rate) with dropout.
"""


def learning_rate_far_off(case: Case) -> Finding | None:
    """The declared rate, which a fixed study would keep, is far from the best of those tried."""
    tried = case.tried
    if tried is None or not tried.rates:
        return None
    best = max(range(len(tried.rates)), key=lambda place: tried.accuracies[place])
    near = min(
        range(len(tried.rates)), key=lambda place: _apart(tried.rates[place], tried.declared)
    )
    factor = _apart(tried.rates[best], tried.rates[near])
    cost = tried.accuracies[best] - tried.accuracies[near]
    if factor < FAR * (1 - 1e-9) or cost < WORSE:
        return None
    side = "small" if tried.rates[near] < tried.rates[best] else "large"
    return Finding(
        code="learning_rate_far_off",
        title="the study file's learning rate is far from its best",
        where="",
        detail=f"{tried.declared:g} is {times(factor)} too {side}: near that, validation accuracy "
        f"while tuning was {100 * tried.accuracies[near]:.1f} %, and at {tried.rates[best]:g} it "
        f"was {100 * tried.accuracies[best]:.1f} %; here it is trained at its best",
        advice="compare techniques at each one's best rate, as this study does",
        technique=None,
        evidence={"declared": tried.declared, "best": tried.rates[best], "cost": cost},
        replicates=len(case.replicates),
    )


def _apart(one: float, other: float) -> float:
    """The factor between two rates, 1 or more."""
    return math.exp(abs(math.log(one / other))) if one > 0 and other > 0 else math.inf


def small_batches(case: Case) -> Finding | None:
    """Batch normalisation on batches too small to tell a mean and a deviation from."""
    recipe = case.recipe
    if recipe.normalization != "batch" or recipe.batch_size >= SMALL_BATCH:
        return None
    noise = 1 / math.sqrt(recipe.batch_size)
    return Finding(
        code="small_batches",
        title=f"normalises batches of {recipe.batch_size}",
        where="",
        detail="the mean that it subtracts "
        f"is off by {noise:.2f} deviations at each step, and at the end other statistics take "
        "its place",
        advice=f"take batches of {SMALL_BATCH} or more, or normalise each image for itself",
        technique="layer normalisation",
        evidence={"batch_size": recipe.batch_size, "noise": noise},
        replicates=len(case.replicates),
    )


def dropout_in_small_network(case: Case) -> Finding | None:
    """Dropout where nothing overfits and few units are left: it takes away what is needed."""
    recipe, alive = case.recipe, case.alive
    if not recipe.dropout or not recipe.hidden or not alive:
        return None
    units = min(recipe.hidden)
    left = units * (1 - recipe.dropout)
    train = middle([each.train.accuracy for each in alive])
    validation = middle([each.validation.accuracy for each in alive])
    if left >= FEW_UNITS or 1 - validation >= UNDERFIT * (1 - train):
        return None
    return Finding(
        code="dropout_in_small_network",
        title="dropout in a network too small for it",
        where="",
        detail=f"a rate of {recipe.dropout:g} leaves {left:.1f} of the {units} units of its "
        f"narrowest layer, in a network that does not overfit: its accuracy is {100 * train:.1f} % "
        f"on training images and {100 * validation:.1f} % on validation images",
        advice="leave dropout out, or widen the layers to units / (1 - rate)",
        technique=None,
        evidence={"units_left": left, "train_accuracy": train, "val_accuracy": validation},
        replicates=len(alive),
    )
