"""Every rule of the diagnosis, and the list of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from stepladder.diagnosis.findings import (
    CONSTANT_ANSWER,
    DIVERGED,
    ArmEvidence,
    Finding,
    format_factor,
    median,
    replicate_count,
)
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import HistorySummary

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


def learning_rate_far_off(case: ArmEvidence) -> Finding | None:
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
        detail=f"{tried.declared:g} is {format_factor(factor)} too {side}: "
        f"near that, validation accuracy while tuning was {100 * tried.accuracies[near]:.1f} %, "
        f"and at {tried.rates[best]:g} it "
        f"was {100 * tried.accuracies[best]:.1f} %; here it is trained at its best",
        advice="compare techniques at each one's best rate, as this study does",
        technique=None,
        evidence={"declared": tried.declared, "best": tried.rates[best], "cost": cost},
        replicates=len(case.replicates),
    )


def _apart(one: float, other: float) -> float:
    """The factor between two rates, 1 or more."""
    return math.exp(abs(math.log(one / other))) if one > 0 and other > 0 else math.inf


def small_batches(case: ArmEvidence) -> Finding | None:
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


def dropout_in_small_network(case: ArmEvidence) -> Finding | None:
    """Dropout where nothing overfits and few units are left: it takes away what is needed."""
    recipe, alive = case.recipe, case.alive
    if not recipe.dropout or not recipe.hidden or not alive:
        return None
    units = min(recipe.hidden)
    left = units * (1 - recipe.dropout)
    train = median([each.train.accuracy for each in alive])
    validation = median([each.validation.accuracy for each in alive])
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


def starter(recipe: Recipe) -> str | None:
    """What lets a network begin to learn: the first that it has not got, in the order of a ladder.

    A user's own network may not read the field that a technique changes; it is named all the same,
    as what to build there.
    """
    steps = (
        ("unit inputs", recipe.scaling == "none"),
        ("ReLU", recipe.activation in ("sigmoid", "tanh")),
        ("He normal", not recipe.initializer.startswith("he_") and recipe.activation != "selu"),
        ("Adam", recipe.optimizer == "sgd"),
        ("batch normalisation", recipe.normalization == "none"),
    )
    return next((name for name, is_wanted in steps if is_wanted), None)


NEAR_GUESSING = 0.98
"""Share of ln(classes) below which a training loss shows that something was learned.

A network that answers with the shares of the classes has a loss of ln(classes) where all classes
are as frequent, and less where they are not; networks that learn
nothing end at 1.00 to 1.04 of it in our runs, the slowest one that learned at 0.43.
"""

SKILL = 0.1
"""Share of the way from guessing to perfection below which accuracy shows that nothing was learned.

Networks with a loss above ln(classes) may know much and be too sure of it.
"""

LATE_GAIN = 0.01
"""Validation accuracy that the last quarter of the epochs adds where a training is not over.

Ten times the difference that a study takes for none by default (0.1 points). Of the healthy recipes
of `tests/fakes/diagnosis_recipes.py` those whose validation loss is lowest then add at most 0.8
points; one that is stopped after 4 epochs 4.3.
"""

LOSS_RISE = 0.15
"""Rise of the validation loss above its lowest, as a share of it, that is called overfitting.

Prechelt 1998 (Early stopping, but when?) stops trainings at 0.05, a strict rule for single epochs:
two of our healthy recipes reach 0.07 and 0.08 by luck.
"""

LOSS_FALL = 0.5
"""Training loss at the end as a share of that in the best epoch: it must have gone on falling."""

GAP = 0.05
"""Accuracy between two groups of replicates below which they are not called groups."""

APART = {4: 16.0, 5: 7.0, 6: 4.0}
"""How many times as far apart the groups must lie as the wider of them is wide, by replicates.

Of 20,000 sets drawn from one normal distribution fewer than 1 in 100 are split so by their widest
gap, whatever their number (`tests/unit/diagnosis/test_diagnosis.py`).
"""

APART_MANY = 3.0
"""The same for seven replicates and more."""


def diverged(case: ArmEvidence) -> Finding | None:
    """Loss or weights became non-finite, and in which epoch."""
    lost = [each.diverged for each in case.replicates if each.diverged is not None]
    if not lost:
        return None
    first, last = min(lost), max(lost)
    when = f"in epoch {first}" if first == last else f"in epochs {first} to {last}"
    raw = case.recipe.scaling == "none"
    advice = "scale the inputs" if raw else "lower the learning rate, or clip gradients"
    return Finding(
        code=DIVERGED,
        title="diverged",
        where=f" {when}{replicate_count(len(lost), len(case.replicates))}",
        detail="",
        advice=advice,
        technique="unit inputs" if raw else "gradient clipping",
        evidence={"first_epoch": first, "last_epoch": last},
        replicates=len(lost),
    )


def constant_answer(case: ArmEvidence) -> Finding | None:
    """One class is given to every test image: what its accuracy says is the class's share."""
    constant = [each for each in case.alive if each.constant is not None]
    if not constant:
        return None
    answers = sorted({each.constant for each in constant if each.constant is not None})
    named = " or ".join(case.classes[answer] for answer in answers)
    shares = [each.test.accuracy for each in constant]
    return Finding(
        code=CONSTANT_ANSWER,
        title=f"answers {named} to every image",
        where=replicate_count(len(constant), len(case.replicates)),
        detail="",
        advice="read no accuracy off it: it is that class's share of the test images",
        technique=starter(case.recipe),
        evidence={"test_accuracy": median(shares)},
        replicates=len(constant),
    )


def learns_nothing(case: ArmEvidence) -> Finding | None:
    """The training loss ends where guessing has it."""
    guessing = math.log(len(case.classes))
    skill = case.chance + SKILL * (1 - case.chance)
    found = [
        each
        for each in case.alive
        if each.train.loss >= NEAR_GUESSING * guessing and each.train.accuracy <= skill
    ]
    if not found:
        return None
    loss = median([each.train.loss for each in found])
    classes, epochs = len(case.classes), case.recipe.epochs
    return Finding(
        code="learns_nothing",
        title="learns nothing",
        where=replicate_count(len(found), len(case.replicates)),
        detail=f"after {epochs} epochs its loss on the training images is {loss:.3f}, and guessing "
        f"among {classes} classes gives ln {classes} = {guessing:.3f}",
        advice="first make it learn at all: a signal that reaches every layer, then a larger step",
        technique=starter(case.recipe),
        evidence={"train_loss": loss, "guessing": guessing},
        replicates=len(found),
    )


def still_improving(case: ArmEvidence) -> Finding | None:
    """Validation accuracy was rising when training stopped: speeds are compared, not ends."""
    if case.recipe.schedule in ("cosine", "one_cycle"):
        return None  # their rise at the end is that of a rate that falls to nothing, and over
    epochs = case.recipe.epochs
    found = case.those(
        lambda signs: (
            signs.late_gain >= LATE_GAIN and signs.best_epoch > epochs - signs.late_epochs
        )  # else it has begun to overfit
    )
    if not found:
        return None
    gain = median([signs.late_gain for signs in found])
    late = int(found[0].late_epochs)
    span = f"the last {late} of {epochs} epochs" if late > 1 else f"the last of {epochs} epochs"
    slow = case.recipe.optimizer == "sgd" and not case.recipe.momentum
    return Finding(
        code="still_improving",
        title="was still improving when it stopped",
        where=replicate_count(len(found), len(case.replicates)),
        detail=f"over {span} its validation accuracy gained {100 * gain:.1f} points, so that what "
        "is compared is how fast it learns, not how well",
        advice="give it more epochs, or a faster optimizer",
        technique="Adam" if slow else "one-cycle",
        evidence={"gain": gain, "epochs": late},
        replicates=len(found),
    )


def overfitting(case: ArmEvidence) -> Finding | None:
    """Validation loss rises from some epoch on, while training loss goes on falling."""
    found = case.those(
        lambda signs: (
            signs.last_val_loss >= (1 + LOSS_RISE) * signs.best_val_loss
            and signs.last_train_loss <= LOSS_FALL * signs.best_train_loss
        )
    )
    if not found:
        return None
    best, last, trained, fell = (
        median([getattr(signs, name) for signs in found])
        for name in ("best_val_loss", "last_val_loss", "best_train_loss", "last_train_loss")
    )
    epoch = round(median([signs.best_epoch for signs in found]))
    recipe = case.recipe
    spare = [("dropout", recipe.dropout), ("weight decay", recipe.weight_decay), ("L2", recipe.l2)]
    return Finding(
        code="overfitting",
        title="overfits",
        where=f" from epoch {epoch} of {recipe.epochs}"
        f"{replicate_count(len(found), len(case.replicates))}",
        detail=f"its validation loss rises from {best:.3f} "
        f"to {last:.3f} while its training loss falls from {trained:.3f} to {fell:.3f}",
        advice="regularise it, give it more data, or stop it there",
        technique=next((name for name, strength in spare if not strength), None),
        evidence={"epoch": epoch, "best_val_loss": best, "last_val_loss": last,
                  "best_train_loss": trained, "last_train_loss": fell},
        replicates=len(found),
    )  # fmt: skip


def replicates_disagree(case: ArmEvidence) -> Finding | None:
    """Replicates fall into two groups that lie far apart: a mean over them describes neither."""
    scores = np.sort([each.test.accuracy for each in case.alive])
    if len(scores) < min(APART):
        return None
    place = int(np.argmax(np.diff(scores)))
    low, high = scores[: place + 1], scores[place + 1 :]
    gap, width = high[0] - low[-1], max(np.ptp(low), np.ptp(high))
    if gap < GAP or gap < APART.get(len(scores), APART_MANY) * width:
        return None
    lower, upper = float(low.mean()), float(high.mean())
    return Finding(
        code="replicates_disagree",
        title="replicates fall into two groups",
        where="",
        detail=f"{len(high)} at {100 * upper:.1f} % and {len(low)} "
        f"at {100 * lower:.1f} %, so that their mean describes neither",
        advice="look for what the lower group lacks; a better start makes them agree",
        technique=starter(case.recipe),
        evidence={"lower": lower, "upper": upper, "in_lower": len(low), "in_upper": len(high)},
        replicates=len(scores),
    )


FADES = 0.02
"""The first layer's gradient as a share of the last one's, below which it vanishes.

Norms over whole weight matrices, the first divided by the size of the inputs, which is a factor of
it. In the healthy recipes of `tests/fakes/diagnosis_recipes.py` it is 1.4 to 17, in the naive
network 0.001, and in the same network with Glorot's initialiser 0.04. That sigmoid does so is shown
by Glorot, Bengio 2010.
"""

GROWS = 100.0
"""The first layer's gradient in times the last one's, above which it explodes."""

LARGE = 100.0
"""Norm of the whole gradient, inputs of size 1, above which it explodes.

The mean cross-entropy of inputs of size 1 has a gradient of about 1 at the start and less later;
our healthy recipes have at most 0.7. Pascanu, Mikolov, Bengio 2013 clip at a few times the usual.
"""

DEAD = 0.4
"""Share of a layer's units that are dead, from which on it is told.

Of our healthy recipes no layer has more than 0.16, and one at a hundred times the rate has 0.86.
Lu et al. 2019 (Dying ReLU and initialization) call networks dying whose layers have half or more.
"""

SATURATED = 0.5
"""Share of a layer's units that are saturated, from which on it is told.

Our healthy recipes with sigmoid or tanh have none, one with raw pixels has 1.
"""

LARGE_INPUTS, SMALL_INPUTS = 5.0, 0.05
"""Root mean square of the inputs beyond which they are not scaled.

LeCun, Bottou, Orr, Müller 1998 (Efficient BackProp, 4.3) want a mean of 0 and a deviation of 1:
pixels divided by 255 have 0.33, standardised ones 1, raw ones 85.
"""


def _size(signs: HistorySummary) -> float:
    """Root mean square of the inputs; 1 where they are not known."""
    size = math.hypot(signs.input_mean, signs.input_deviation)
    return size if math.isfinite(size) and size > 0 else 1.0


def _ratio(signs: HistorySummary) -> float:
    """The first layer's gradient in shares of the last one's, inputs of size 1."""
    if not signs.last_gradient > 0:  # none anywhere, or not known
        return math.nan
    return signs.first_gradient / signs.last_gradient / _size(signs)


def vanishing_gradients(case: ArmEvidence) -> Finding | None:
    """The loss hardly reaches the first layer."""
    found = case.those(lambda signs: _ratio(signs) < FADES)
    if not found:
        return None
    first, last = (
        median([getattr(signs, name) for signs in found])
        for name in ("first_gradient", "last_gradient")
    )
    ratio = median([_ratio(signs) for signs in found])
    factor = format_factor(1 / ratio) if ratio else "infinitely many times"
    return Finding(
        code="vanishing_gradients",
        title="gradients vanish on their way down",
        where=replicate_count(len(found), len(case.replicates)),
        detail=f"the first layer's is {factor} smaller than the last layer's, the inputs' size "
        f"taken out (with it, norms of {first:.1e} and {last:.1e} in the middle epoch), so that "
        "the first layers hardly learn",
        advice="use an activation that does not saturate, with the initialiser made for it",
        technique=_opener(case),
        evidence={"first_gradient": first, "last_gradient": last, "ratio": ratio},
        replicates=len(found),
    )


def _opener(case: ArmEvidence) -> str:
    recipe = case.recipe
    if recipe.activation in ("sigmoid", "tanh"):
        return "ReLU"
    if recipe.initializer == "random_normal":
        return "He normal"
    return "batch normalisation"


def exploding_gradients(case: ArmEvidence) -> Finding | None:
    """Gradients grow on their way down, or are large altogether."""
    found = case.those(
        lambda signs: _ratio(signs) > GROWS or signs.whole_gradient / _size(signs) > LARGE
    )
    if not found:
        return None
    first, last, whole = (
        median([getattr(signs, name) for signs in found])
        for name in ("first_gradient", "last_gradient", "whole_gradient")
    )
    return Finding(
        code="exploding_gradients",
        title="gradients explode",
        where=replicate_count(len(found), len(case.replicates)),
        detail=f"the norm of the whole gradient is {whole:.3g} in the middle epoch, that of the "
        f"first layer {first:.3g} and of the last {last:.3g}",
        advice="start from smaller weights, or clip gradients",
        technique="gradient clipping" if case.recipe.global_clipnorm is None else "He normal",
        evidence={"first_gradient": first, "last_gradient": last, "whole_gradient": whole},
        replicates=len(found),
    )


def dead_units(case: ArmEvidence) -> Finding | None:
    """Units that answer no training image, and therefore never learn again."""
    found = case.those(lambda signs: signs.dead >= DEAD)
    if not found:
        return None
    share, layer = median([signs.dead for signs in found]), _commonest(found, "dead_layer")
    relu = case.recipe.activation == "relu"
    return Finding(
        code="dead_units",
        title="many units are dead",
        where=replicate_count(len(found), len(case.replicates)),
        detail=f"{100 * share:.0f} % of those of {layer}; at the end they answer none of the "
        "training images looked at, so that no gradient can revive them",
        advice="lower the learning rate, or use an activation that has a slope everywhere",
        technique="leaky ReLU" if relu else "batch normalisation",
        evidence={"share": share},
        replicates=len(found),
    )


def saturated_units(case: ArmEvidence) -> Finding | None:
    """Units that lie in the flat parts of sigmoid or tanh, where nothing is passed back."""
    found = case.those(lambda signs: signs.saturated >= SATURATED)
    if not found:
        return None
    share = median([signs.saturated for signs in found])
    layer = _commonest(found, "saturated_layer")
    return Finding(
        code="saturated_units",
        title="many units are saturated",
        where=replicate_count(len(found), len(case.replicates)),
        detail=f"{100 * share:.0f} % of those of {layer}; on average they pass back less than a "
        f"tenth of the gradient that {case.recipe.activation} can pass back",
        advice="scale the inputs, start from smaller weights, or use another activation",
        technique=starter(case.recipe) or "batch normalisation",
        evidence={"share": share},
        replicates=len(found),
    )


def _commonest(found: tuple[HistorySummary, ...], name: str) -> str:
    layers = [str(getattr(signs, name)) for signs in found]
    return max(dict.fromkeys(layers), key=layers.count)


def inputs_not_scaled(case: ArmEvidence) -> Finding | None:
    """Inputs far larger or smaller than the initialisers are made for."""
    signs = [each.signs for each in case.replicates if each.signs is not None]
    sizes = [math.hypot(each.input_mean, each.input_deviation) for each in signs]
    found = [size for size in sizes if size > LARGE_INPUTS or 0 < size < SMALL_INPUTS]
    if not found or 2 * len(found) < len(sizes):
        return None
    mean = median([each.input_mean for each in signs])
    deviation = median([each.input_deviation for each in signs])
    return Finding(
        code="inputs_not_scaled",
        title="inputs are not scaled",
        where="",
        detail=f"their mean is {mean:.3g} and their deviation {deviation:.3g}, "
        "where initialisers and learning rates are made for 0 and 1",
        advice="scale them",
        technique="unit inputs" if case.recipe.scaling == "none" else "standardised inputs",
        evidence={"mean": mean, "deviation": deviation},
        replicates=len(found),
    )


RULES: dict[str, Callable[[ArmEvidence], Finding | None]] = {
    rule.__name__: rule
    for rule in (
        diverged,
        constant_answer,
        learns_nothing,
        replicates_disagree,
        inputs_not_scaled,
        vanishing_gradients,
        exploding_gradients,
        saturated_units,
        dead_units,
        learning_rate_far_off,
        overfitting,
        still_improving,
        small_batches,
        dropout_in_small_network,
    )
}
"""Every rule by the code of its finding: what is seen first, then what may be its cause."""


def diagnose(case: ArmEvidence) -> tuple[Finding, ...]:
    """What every rule finds in an arm, in the order of `RULES`; empty where nothing is wrong.

    Args:
        case: the arm; one without a finished replicate has no findings.
    """
    if not case.replicates:
        return ()
    found = (rule(case) for rule in RULES.values())
    return tuple(each for each in found if each is not None)
