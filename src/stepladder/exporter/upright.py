"""Deskewing inside a model, of operations that Keras itself has: see `data.deskewing`."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from stepladder.data.deskewing import image_sides

__all__ = ["upright"]


def upright(images: Any, *, is_whole: bool) -> Any:  # noqa: ANN401 - tensors of Keras
    """Images sheared row by row until what they show no longer leans.

    Moments are taken about the middle of the image, where float32 has digits enough.

    Args:
        images: symbolic, (batch, height, width) or (batch, height, width, 1).
        is_whole: whether what comes out is rounded, as the training set of whole numbers was.

    Returns:
        The same shape.
    """
    shape = tuple(images.shape[1:])
    sides = image_sides(shape)
    assert sides is not None, shape
    height, width = sides
    values = ops.reshape(images, (-1, height, width))
    rows, columns = (
        (np.arange(side, dtype=np.float32) - (side - 1) / 2) for side in (height, width)
    )
    ink = values - ops.min(values, axis=(1, 2), keepdims=True)
    total = ops.maximum(ops.sum(ink, axis=(1, 2)), np.finfo(np.float32).tiny)
    by_row, by_column = ops.sum(ink, axis=2), ops.sum(ink, axis=1)
    mean_row = ops.sum(by_row * rows, axis=1) / total
    mean_column = ops.sum(by_column * columns, axis=1) / total
    variance = ops.sum(by_row * rows**2, axis=1) / total - mean_row * mean_row
    together = ops.sum(ops.sum(ink * columns, axis=2) * rows, axis=1)
    both = together / total - mean_row * mean_column
    has_height = ops.cast(variance > 1e-6, "float32")
    slant = has_height * both / ops.maximum(variance, 1e-6)
    moved = ops.expand_dims(slant, 1) * ops.subtract(rows, ops.expand_dims(mean_row, 1))
    reached = ops.expand_dims(moved, 2) + np.arange(width, dtype=np.float32)
    at = ops.clip(reached, 0, width - 1)
    left = ops.minimum(ops.floor(at), width - 2)
    share = at - left
    whole = ops.cast(left, "int32")
    one = ops.take_along_axis(values, whole, axis=2)
    two = ops.take_along_axis(values, whole + 1, axis=2)
    made = one * (1 - share) + two * share
    return ops.reshape(ops.round(made) if is_whole else made, (-1, *shape))
