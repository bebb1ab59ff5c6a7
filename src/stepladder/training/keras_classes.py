"""Keras' classes by their names, and objects of them."""

from typing import Any

import keras

from stepladder.study.keras_names import Kind, arguments_of, keras_names, name_of
from stepladder.study.recipe import NONE


def keras_class(kind: Kind, name: str) -> Any:  # noqa: ANN401 - Keras has no types
    """Keras' class of a name.

    Example:
        >>> keras_class("normalizations", "group").__name__
        'GroupNormalization'
        >>> keras_class("schedules", "cosine_decay").__name__
        'CosineDecay'
    """
    module = keras.optimizers.schedules if kind == "schedules" else getattr(keras, kind, None)
    return getattr(module or keras.layers, keras_names()[kind][name]["class"])


def named(kind: Kind, text: str) -> Any:  # noqa: ANN401 - Keras has no types
    """A new object of Keras: what a name with its arguments stands for; None for `none`.

    Example:
        >>> named("initializers", "constant(value=0.1)").value
        0.1
    """
    return None if text == NONE else keras_class(kind, name_of(text))(**arguments_of(text))
