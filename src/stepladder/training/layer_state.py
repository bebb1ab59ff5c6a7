"""States of layers: random seeds and batch-normalisation averages."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from stepladder.trials.seeding import words


def has_batch_norm(model: Any) -> bool:  # noqa: ANN401 - Keras has no types
    """Whether a model has batch normalisation."""
    return bool(_normalizations(model))


@contextmanager
def batch_norm_momentum(model: Any, share: Any) -> Iterator[None]:  # noqa: ANN401 - Keras has no types
    """A model whose batch normalisation keeps a share of what it knew, and which drops nothing.

    Called as in training on one batch after the other, with the shares 0, 1/2, 2/3 and so on
    (traced numbers too), its moving mean and variance become plain means over the batches.

    Reference:
        Izmailov et al. 2018, section 3.2.
    """
    with replace_attribute(_normalizations(model), "momentum", share), without_dropout(model):
        yield


@contextmanager
def without_dropout(model: Any) -> Iterator[None]:  # noqa: ANN401 - Keras has no types
    """A model whose dropout layers let all pass while it is traced."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dropout)]
    with replace_attribute(layers, "rate", 0):
        yield


@contextmanager
def replace_attribute(owners: Iterable[Any], name: str, value: Any) -> Iterator[None]:  # noqa: ANN401
    """Objects of which an attribute has another value for a while.

    Example:
        >>> from types import SimpleNamespace
        >>> layer = SimpleNamespace(rate=0.5)
        >>> with replace_attribute([layer], "rate", 0):
        ...     layer.rate
        0
        >>> layer.rate
        0.5
    """
    before = [(owner, getattr(owner, name)) for owner in owners]
    try:
        for owner, _ in before:
            setattr(owner, name, value)
        yield
    finally:
        for owner, old in before:
            setattr(owner, name, old)


def _normalizations(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    kind = keras.layers.BatchNormalization
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def seed_states(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """The state variables of a model's seed generators, in the order of its variables.

    Dropout, noise, augmentation and the user's own layers hold their randomness there alike.
    """
    layers = [model, *model._flatten_layers(include_self=False)]
    ids = {id(generator.state) for layer in layers for generator in layer._seed_generators}
    return [variable for variable in model.non_trainable_variables if id(variable) in ids]


def start_seeds(seed: int, replicate: int, count: int) -> list[Any]:
    """The state in which a replicate starts each of a model's seed generators.

    Returns:
        uint32 (2,) each, as Keras keeps them.
    """
    return [words(seed, replicate, "dropout", place) for place in range(count)]
