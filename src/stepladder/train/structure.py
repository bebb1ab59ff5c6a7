"""Structure: the part of a recipe that selects a program; the rest is numbers fed to it."""

from __future__ import annotations

from functools import lru_cache

from stepladder.recipe import Recipe

__all__ = ["evaluated_at_once", "is_lane_number", "structure"]

_ERASED = {
    "initializer": "glorot_uniform",
    "learning_rate": 1.0,
    "schedule": "constant",
    "decay_epochs": 1,
    "decay_rate": 1.0,
    "warmup": 0.0,
    "epochs": 1,
    "scaling": "unit",
    "train_examples": None,
    "vat_xi": 0.1,
}
"""Fields that are numbers or data to a program, whatever their value."""

_PRESENT = ("l2", "weight_decay", "label_smoothing", "vat", "ema", "swa")
"""Fields that select a program by being there; how large they are is a number."""

_READ = ("initializer", "l2")
"""Of these, fields that the code of a user's own network may read to build it."""


_OF_A_GROUP = ("epochs", "scaling", "train_examples")
"""Of these, fields that all lanes of a group share."""


_AT_ONCE, _AT_ONCE_OF_OWN = 2_000, 256


def evaluated_at_once(recipe: Recipe) -> int:
    """Examples of one evaluation call: wide enough for full speed, small enough for any memory.

    They are fewer for a network of the user's own, whose maps may be large.
    """
    return _AT_ONCE if recipe.model is None else max(_AT_ONCE_OF_OWN, recipe.batch_size)


def is_lane_number(field: str, base: Recipe) -> bool:
    """Whether lanes of one group may differ in a field; a strength of 0 is no strength.

    Args:
        field: of the recipe.
        base: a recipe that says what builds the network.
    """
    if field in _OF_A_GROUP or (base.model is not None and field in _READ):
        return False
    return field in _ERASED or field in _PRESENT


@lru_cache(maxsize=1024)  # the replicates of an arm share their recipe
def structure(recipe: Recipe) -> Recipe:
    """The recipe with its numbers erased: trials of equal structure share one program.

    Layers, activation, normalisation, dropout, optimizer with its momentum, limits on norms and
    batch size stay. Learning rate and its schedule, initial weights, strengths of penalties,
    input scaling, epochs and the number of training images are numbers or data. How inputs are
    distorted and mixed stays too: lanes share their batches. Where a user's
    own code builds the network, every field that it may read stays as it is.

    Args:
        recipe: any recipe.

    Returns:
        A recipe that serves as key; it is not meant to be trained.
    """
    erased = dict(_ERASED)
    erased.update({field: 0.5 for field in _PRESENT if getattr(recipe, field)})
    if recipe.model is not None:
        erased.update({field: getattr(recipe, field) for field in _READ})
    elif recipe.normalization == "none":
        erased["normalization_position"] = "before"
    return recipe.changed(erased)
