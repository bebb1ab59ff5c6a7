"""Networks of the user's own with several inputs: a row holds the numbers of all of them."""

import math
from typing import Any

import keras


def join_inputs(model: Any, input_shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - Keras has no types
    """A model of one input that gives each of a model's several inputs its part of the row.

    Parts follow each other in the order of `model.inputs`; a model of one input stays as it is.

    Args:
        model: a built `keras.Model`.
        input_shape: of one example.

    Raises:
        ValueError: if the inputs do not have as many numbers as an example.

    Example:
        >>> one, two = keras.Input((2, 2), name="image"), keras.Input((3,), name="meta")
        >>> both = keras.layers.Concatenate()([keras.layers.Flatten()(one), two])
        >>> join_inputs(keras.Model([one, two], both), (7,)).input_shape
        (None, 7)
    """
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) < 2:
        return model
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    names = ", ".join(f"{one.name} {tuple(one.shape[1:])}" for one in inputs)
    sizes = [0 if None in shape else math.prod(shape) for shape in shapes]
    if 0 in sizes or sum(sizes) != math.prod(input_shape):
        raise ValueError(
            f"must have inputs of {math.prod(input_shape)} numbers together, as an example has, "
            f"found {names}; give rows that hold the numbers of all inputs, one after the other"
        )
    row = keras.Input(input_shape, name="row")
    flat = row if len(input_shape) == 1 else keras.layers.Flatten()(row)
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    parts = [
        keras.layers.Reshape(shape)(flat[:, end - size : end])
        for shape, size, end in zip(shapes, sizes, ends, strict=True)
    ]
    given = keras.tree.pack_sequence_as(model.input, parts)
    return keras.Model(row, model(given), name=f"{model.name}_of_rows")
