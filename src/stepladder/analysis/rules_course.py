"""Rules on how a training went: by its scores, and by its curves as their signs tell them."""

from __future__ import annotations

import math

import numpy as np

from stepladder.analysis.case import Case, Finding, how_many, middle
from stepladder.analysis.remedies import starter

__all__ = [
    "constant_answer",
    "diverged",
    "learns_nothing",
    "overfitting",
    "replicates_disagree",
    "still_improving",
]

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
gap, whatever their number (`tests/unit/analysis/test_diagnosis.py`).
"""

APART_MANY = 3.0
"""The same for seven replicates and more."""


def diverged(case: Case) -> Finding | None:
    """Loss or weights became non-finite, and in which epoch."""
    lost = [each.diverged for each in case.replicates if each.diverged is not None]
    if not lost:
        return None
    first, last = min(lost), max(lost)
    when = f"in epoch {first}" if first == last else f"in epochs {first} to {last}"
    raw = case.recipe.scaling == "none"
    advice = "scale the inputs" if raw else "lower the learning rate, or clip gradients"
    return Finding(
        code="diverged",
        title="diverged",
        where=f" {when}{how_many(len(lost), len(case.replicates))}",
        detail="",
        advice=advice,
        technique="unit inputs" if raw else "gradient clipping",
        evidence={"first_epoch": first, "last_epoch": last},
        replicates=len(lost),
    )


def constant_answer(case: Case) -> Finding | None:
    """One class is given to every test image: what its accuracy says is the class's share."""
    constant = [each for each in case.alive if each.constant is not None]
    if not constant:
        return None
    answers = sorted({each.constant for each in constant if each.constant is not None})
    named = " or ".join(case.classes[answer] for answer in answers)
    shares = [each.test.accuracy for each in constant]
    return Finding(
        code="constant_answer",
        title=f"answers {named} to every image",
        where=how_many(len(constant), len(case.replicates)),
        detail="",
        advice="read no accuracy off it: it is that class's share of the test images",
        technique=starter(case.recipe),
        evidence={"test_accuracy": middle(shares)},
        replicates=len(constant),
    )


def learns_nothing(case: Case) -> Finding | None:
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
    loss = middle([each.train.loss for each in found])
    classes, epochs = len(case.classes), case.recipe.epochs
    return Finding(
        code="learns_nothing",
        title="learns nothing",
        where=how_many(len(found), len(case.replicates)),
        detail=f"after {epochs} epochs its loss on the training images is {loss:.3f}, and guessing "
        f"among {classes} classes gives ln {classes} = {guessing:.3f}",
        advice="first make it learn at all: a signal that reaches every layer, then a larger step",
        technique=starter(case.recipe),
        evidence={"train_loss": loss, "guessing": guessing},
        replicates=len(found),
    )


def still_improving(case: Case) -> Finding | None:
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
    gain = middle([signs.late_gain for signs in found])
    late = int(found[0].late_epochs)
    span = f"the last {late} of {epochs} epochs" if late > 1 else f"the last of {epochs} epochs"
    slow = case.recipe.optimizer == "sgd" and not case.recipe.momentum
    return Finding(
        code="still_improving",
        title="was still improving when it stopped",
        where=how_many(len(found), len(case.replicates)),
        detail=f"over {span} its validation accuracy gained {100 * gain:.1f} points, so that what "
        "is compared is how fast it learns, not how well",
        advice="give it more epochs, or a faster optimizer",
        technique="Adam" if slow else "one-cycle",
        evidence={"gain": gain, "epochs": late},
        replicates=len(found),
    )


def overfitting(case: Case) -> Finding | None:
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
        middle([getattr(signs, name) for signs in found])
        for name in ("best_val_loss", "last_val_loss", "best_train_loss", "last_train_loss")
    )
    epoch = round(middle([signs.best_epoch for signs in found]))
    recipe = case.recipe
    spare = [("dropout", recipe.dropout), ("weight decay", recipe.weight_decay), ("L2", recipe.l2)]
    return Finding(
        code="overfitting",
        title="overfits",
        where=f" from epoch {epoch} of {recipe.epochs}"
        f"{how_many(len(found), len(case.replicates))}",
        detail=f"its validation loss rises from {best:.3f} "
        f"to {last:.3f} while its training loss falls from {trained:.3f} to {fell:.3f}",
        advice="regularise it, give it more data, or stop it there",
        technique=next((name for name, strength in spare if not strength), None),
        evidence={"epoch": epoch, "best_val_loss": best, "last_val_loss": last,
                  "best_train_loss": trained, "last_train_loss": fell},
        replicates=len(found),
    )  # fmt: skip


def replicates_disagree(case: Case) -> Finding | None:
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
