"""Statistics of batch normalisation for weights that no step has ended with: averaged ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from stepladder.train.probing import without_dropout

__all__ = ["normalizes_batches", "remembering"]


def normalizes_batches(model: Any) -> bool:  # noqa: ANN401 - Keras has no types
    """Whether a model has batch normalisation."""
    return bool(_normalizations(model))


@contextmanager
def remembering(model: Any, share: Any) -> Iterator[None]:  # noqa: ANN401 - Keras has no types
    """A model whose batch normalisation keeps a share of what it knew, and which drops nothing.

    Called as in training on one batch after the other, with the shares 0, 1/2, 2/3 and so on, its
    moving mean and variance become the plain means over the batches of theirs.

    Args:
        model: a built `keras.Model`.
        share: a number, or a traced one.

    Reference:
        Izmailov et al. 2018, section 3.2.
    """
    layers = _normalizations(model)
    before = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = share
        with without_dropout(model):
            yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum


def _normalizations(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    kind = keras.layers.BatchNormalization
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]
