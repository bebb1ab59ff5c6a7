"""Scaling and deskewing of inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Images
from stepladder.errors import DataError

if TYPE_CHECKING:
    from stepladder.study.recipe import Scaling

_Float32 = npt.NDArray[np.float32]
_Float64 = npt.NDArray[np.float64]
_BRIGHT = 128
"""What the brightest pixel must reach for images of bytes to be of 0…255."""

_VALUES_AT_ONCE = 2**17  # 1 MiB, which a core keeps in its cache: five times as fast as 32


def affine(
    x_train: Images, train_indices: npt.NDArray[np.integer[Any]], scaling: Scaling
) -> tuple[_Float32, _Float32]:
    """Scale and shift such that `x * scale + shift` is the scaled input.

    `none` leaves inputs as they are. `unit` divides images of uint8 by 255, or by the training
    part's greatest value where none is above 127, and takes all else to 0…1 by the training part's
    least and greatest value. `standardised` gives the training part
    mean 0 and deviation 1. Images are scaled as a whole, tables feature by feature; what is
    constant over the training part is shifted to 0 and not stretched, a byte divided by 255.

    Args:
        x_train: inputs, uint8 or float32 of shape (examples, *input_shape).
        train_indices: the examples of the training part, at least one.
        scaling: as the recipe has it.

    Returns:
        Scale and shift, float32 both: of shape () for one number, else of `input_shape`.

    Raises:
        DataError: if `train_indices` is empty.

    Example:
        >>> scale, shift = affine(np.array([[0], [50], [100]], np.float32), np.arange(3), "unit")
        >>> scale.tolist(), shift.tolist()
        ([0.009999999776482582], [-0.0])

    Reference:
        LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.3.
    """
    if scaling == "none":
        return np.array(1, np.float32), np.array(0, np.float32)
    is_bytes = scaling == "unit" and x_train.dtype == np.uint8
    if is_bytes and not goes_by_range(x_train):
        return np.array(1 / 255, np.float32), np.array(0, np.float32)
    if len(train_indices) == 0:
        raise DataError(
            "scaling must have at least one training example to go by, found none; leave some "
            "outside the validation part"
        )
    axis = 0 if x_train.ndim == 2 else None
    measure = _range if scaling == "unit" else _moments
    origin, spread = measure(x_train, train_indices, axis)
    if is_bytes and axis is None:  # black stays 0
        origin, spread = np.zeros_like(origin), origin + spread
    varies = spread > np.finfo(np.float32).tiny  # so that 1 / spread is finite in float32
    otherwise = np.full_like(spread, 1 / 255 if is_bytes else 1.0)
    scale = np.divide(1.0, spread, out=otherwise, where=varies)
    return np.asarray(scale, np.float32), np.asarray(-origin * scale, np.float32)


def is_unit_already(x_train: Images, left_out: int) -> bool:
    """Whether unit scaling changes nothing, whichever examples some of them are left out.

    Args:
        x_train: inputs of the training and the validation part.
        left_out: examples that do not train.

    Example:
        >>> x = np.array([[0, 1], [1, 0], [0, 1], [1, 0]], np.float32)
        >>> is_unit_already(x, 1), is_unit_already(x, 2), is_unit_already(2 * x, 1)
        (True, False, False)
    """
    if x_train.dtype == np.uint8 or not len(x_train):
        return False
    axis = 0 if x_train.ndim == 2 else None
    if np.any(x_train.min(axis) != 0) or np.any(x_train.max(axis) != 1):
        return False
    rows = x_train.reshape(len(x_train), -1)
    if axis is None:  # an image has the end that any of its pixels has
        rows = np.stack([rows.min(1), rows.max(1)], 1)
        ends = [rows[:, 0] == 0, rows[:, 1] == 1]
    else:
        ends = [rows == 0, rows == 1]
    return all(bool(np.all(end.sum(0) > left_out)) for end in ends)


def with_revision(dataset: Dataset) -> Dataset:
    """A dataset as it was read, told apart from what older versions made of the same data.

    Tables of bytes and dim images go by their own range since revision 1, by 255 before.

    Example:
        >>> from stepladder.data import synthetic
        >>> with_revision(synthetic(examples=20, input_shape=(2, 2), classes=2, seed=0)).revision
        0
    """
    return replace(dataset, revision=1) if goes_by_range(dataset.x_train) else dataset


def is_byte_table(x: Images) -> bool:
    """Whether inputs are a table of bytes, whose columns need not reach 255 as pixels do."""
    return x.dtype == np.uint8 and x.ndim == 2


def is_dim(x: Images) -> bool:
    """Whether inputs are images of bytes that use less than half of 0…255, such as 0…16.

    Example:
        >>> is_dim(np.full((2, 8, 8), 16, np.uint8)), is_dim(np.full((2, 8, 8), 255, np.uint8))
        (True, False)
    """
    return x.dtype == np.uint8 and x.ndim > 2 and bool(x.max(initial=0) < _BRIGHT)


def goes_by_range(x: Images) -> bool:
    """Whether unit scaling of bytes goes by their own range, not by 255."""
    return is_byte_table(x) or is_dim(x)


def _pieces(x_train: Images, train_indices: npt.NDArray[np.integer[Any]]) -> Iterator[_Float64]:
    """The training part as float64, a little at a time: all of it would be eight times MNIST."""
    rows = max(1, _VALUES_AT_ONCE // max(1, x_train[0].size))
    for start in range(0, len(train_indices), rows):
        yield x_train[train_indices[start : start + rows]].astype(np.float64)


def _range(
    x_train: Images, train_indices: npt.NDArray[np.integer[Any]], axis: int | None
) -> tuple[_Float64, _Float64]:
    """The least value, and how far the greatest is from it."""
    ends = [(piece.min(axis), piece.max(axis)) for piece in _pieces(x_train, train_indices)]
    lows, highs = zip(*ends, strict=True)
    least = np.asarray(np.min(lows, axis=0))
    return least, np.asarray(np.max(highs, axis=0) - least)


def _moments(
    x_train: Images, train_indices: npt.NDArray[np.integer[Any]], axis: int | None
) -> tuple[_Float64, _Float64]:
    """Mean and deviation, which is 0 exactly where all values are equal.

    In two passes: the mean of squares less the squared mean cancels (Chan, Golub, LeVeque 1983).
    """
    values = len(train_indices) * (x_train[0].size if axis is None else 1)
    sums = [piece.sum(axis) for piece in _pieces(x_train, train_indices)]
    mean = np.asarray(np.sum(sums, axis=0) / values)
    squares = [np.square(piece - mean).sum(axis) for piece in _pieces(x_train, train_indices)]
    return mean, np.asarray(np.sqrt(np.sum(squares, axis=0) / values))


_AT_ONCE = 2_000  # images, so that 70,000 of them do not take the memory of a dozen copies


def image_sides(input_shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of grey images of two pixels a side or more, or None for anything else.

    Args:
        input_shape: of one example: (height, width) or (height, width, 1) for a grey image.

    Example:
        >>> image_sides((28, 28, 1)), image_sides((28, 28, 3))
        ((28, 28), None)
    """
    sides = input_shape[:2] if len(input_shape) == 3 and input_shape[2] == 1 else input_shape
    return (sides[0], sides[1]) if len(sides) == 2 and min(sides) >= 2 else None


class Prepared:
    """A dataset as it is, and deskewed, which is computed once, when it is first needed."""

    def __init__(self, dataset: Dataset) -> None:
        self._datasets = {False: dataset}

    def __call__(self, deskew: bool) -> Dataset:
        """The dataset as a recipe has it; training and test part alike."""
        if deskew not in self._datasets:
            plain = self._datasets[False]
            x_train, x_test = deskew_images(plain.x_train), deskew_images(plain.x_test)
            self._datasets[deskew] = replace(plain, x_train=x_train, x_test=x_test)
        return self._datasets[deskew]


def deskew_images(images: Images) -> Images:
    """Images sheared row by row until what they show no longer leans.

    Row y is moved by slant × (y - mean y), where the slant is the covariance of the columns and
    rows of an image's brightness over the variance of its rows: a line through the centre of each
    row then stands upright. Between pixels it is read linearly, beyond the rim as at the rim. An
    image of one brightness stays as it is.

    Args:
        images: uint8 or float32 of shape (examples, height, width) or (…, 1); each image is
            deskewed by itself, so that nothing is learnt from the others.

    Returns:
        The same type and shape; uint8 is rounded.

    Reference:
        LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document
        recognition", section III.A.
    """
    flat = images.reshape(images.shape[:3])
    pieces = [_upright(flat[start : start + _AT_ONCE]) for start in range(0, len(flat), _AT_ONCE)]
    upright = np.concatenate(pieces) if pieces else flat.astype(np.float32)
    if images.dtype == np.uint8:
        upright = np.rint(upright)
    return cast("Images", upright.astype(images.dtype).reshape(images.shape))


def _upright(images: Images) -> npt.NDArray[np.float32]:
    _, height, width = images.shape
    values = images.astype(np.float32)
    ink = values.astype(np.float64) - values.min(axis=(1, 2), keepdims=True)
    total = np.maximum(ink.sum(axis=(1, 2)), np.finfo(np.float64).tiny)
    rows, columns = np.arange(height), np.arange(width)
    by_row, by_column = ink.sum(axis=2), ink.sum(axis=1)
    mean_row, mean_column = by_row @ rows / total, by_column @ columns / total
    variance = by_row @ rows**2 / total - mean_row**2
    both = np.einsum("nhw,h,w->n", ink, rows, columns) / total - mean_row * mean_column
    slant = np.divide(both, variance, out=np.zeros_like(both), where=variance > 1e-9)
    moved = slant[:, None] * (rows[None, :] - mean_row[:, None])
    at = np.clip(columns[None, None, :] + moved[:, :, None], 0, width - 1)
    left = np.minimum(np.floor(at).astype(np.intp), width - 2)
    share = (at - left).astype(np.float32)
    one, two = (np.take_along_axis(values, left + step, axis=2) for step in (0, 1))
    return np.asarray(one * (1 - share) + two * share, np.float32)
