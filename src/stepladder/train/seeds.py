"""Random state inside a network: every seed generator of every layer, whatever the layer is."""

from __future__ import annotations

from typing import Any

from stepladder.streams import words

__all__ = ["seed_states", "start_seeds"]


def seed_states(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """The state variables of a model's seed generators, in the order of its variables.

    Dropout, noise, augmentation and the user's own layers hold their randomness there alike.

    Args:
        model: a built `keras.Model`.
    """
    layers = [model, *model._flatten_layers(include_self=False)]
    held = {id(each.state) for layer in layers for each in layer._seed_generators}
    return [variable for variable in model.non_trainable_variables if id(variable) in held]


def start_seeds(seed: int, replicate: int, count: int) -> list[Any]:
    """The state in which a replicate starts each of a model's seed generators.

    Args:
        seed: the study's seed.
        replicate: the replicate's number.
        count: how many seed generators there are.

    Returns:
        uint32 (2,) each, as Keras keeps them.
    """
    return [words(seed, replicate, "dropout", place) for place in range(count)]
