"""Which technique of the catalogue mends what, given what a recipe has already."""

from __future__ import annotations

from stepladder.recipe import Recipe

__all__ = ["starter"]


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
