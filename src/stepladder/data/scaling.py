"""What inputs are multiplied by and shifted by, by the training part alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Images
from stepladder.errors import DataError

if TYPE_CHECKING:
    from stepladder.recipe import Scaling

__all__ = ["affine"]

_Float32 = npt.NDArray[np.float32]
_VALUES_AT_ONCE = 2**17  # 1 MiB, which a core keeps in its cache: five times as fast as 32


def affine(
    x_train: Images, train_indices: npt.NDArray[np.integer[Any]], scaling: Scaling
) -> tuple[_Float32, _Float32]:
    """Scale and shift such that `x * scale + shift` is the scaled input.

    `none` leaves inputs as they are. `unit` divides uint8 by 255 and takes float32 to 0…1 by
    the training part's least and greatest value. `standardised` gives the training part mean 0
    and deviation 1. Images are scaled as a whole, tables feature by feature; what is constant
    over the training part is shifted to 0 and not stretched.

    Args:
        x_train: inputs, uint8 or float32 of shape (examples, *input_shape).
        train_indices: the examples of the training part, at least one.
        scaling: as the recipe has it.

    Returns:
        Scale and shift, float32 both: of shape () for one number, else of `input_shape`.

    Raises:
        DataError: if `train_indices` is empty.

    Reference:
        LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.3.
    """
    if scaling == "none":
        return np.array(1, np.float32), np.array(0, np.float32)
    if scaling == "unit" and x_train.dtype == np.uint8:
        return np.array(1 / 255, np.float32), np.array(0, np.float32)
    if len(train_indices) == 0:
        raise DataError(
            "scaling must have at least one training example to go by, found none; leave some "
            "beside the validation part"
        )
    axis = 0 if x_train.ndim == 2 else None
    low, high, mean = _extremes_and_mean(x_train, train_indices, axis)
    if scaling == "unit":
        origin, spread = low, high - low
    else:
        origin, spread = mean, _deviation(x_train, train_indices, axis, mean)
    varies = (high > low) & (spread > np.finfo(np.float32).tiny)  # 1 / spread stays finite
    scale = np.divide(1.0, spread, out=np.ones_like(spread), where=varies)
    return np.asarray(scale, np.float32), np.asarray(-origin * scale, np.float32)


def _pieces(
    x_train: Images, train_indices: npt.NDArray[np.integer[Any]]
) -> Iterator[npt.NDArray[np.float64]]:
    """The training part as float64, a little at a time: all of it would be eight times MNIST."""
    rows = max(1, _VALUES_AT_ONCE // max(1, x_train[0].size))
    for start in range(0, len(train_indices), rows):
        yield x_train[train_indices[start : start + rows]].astype(np.float64)


def _extremes_and_mean(
    x_train: Images, train_indices: npt.NDArray[np.integer[Any]], axis: int | None
) -> tuple[npt.NDArray[np.float64], ...]:
    found = [
        (piece.min(axis), piece.max(axis), piece.sum(axis))
        for piece in _pieces(x_train, train_indices)
    ]
    low, high, total = (np.array(each) for each in zip(*found, strict=True))
    values = len(train_indices) * (x_train[0].size if axis is None else 1)
    return (
        np.asarray(low.min(axis=0)),
        np.asarray(high.max(axis=0)),
        np.asarray(total.sum(axis=0) / values),
    )


def _deviation(
    x_train: Images,
    train_indices: npt.NDArray[np.integer[Any]],
    axis: int | None,
    mean: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """In a second pass: the mean of squares less the squared mean cancels (Chan et al. 1983)."""
    squares = [np.square(piece - mean).sum(axis=axis) for piece in _pieces(x_train, train_indices)]
    values = len(train_indices) * (x_train[0].size if axis is None else 1)
    return np.asarray(np.sqrt(np.sum(squares, axis=0) / values))
