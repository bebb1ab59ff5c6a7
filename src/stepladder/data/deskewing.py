"""Deskewing: handwriting set upright, as part of how images are prepared."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Images

__all__ = ["Prepared", "deskewed", "image_sides"]

_AT_ONCE = 2_000  # images, so that 70,000 of them do not take the memory of a dozen copies


def image_sides(input_shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of grey images of two pixels a side or more, or None for anything else.

    Args:
        input_shape: of one example: (height, width) or (height, width, 1) for a grey image.
    """
    sides = input_shape[:2] if len(input_shape) == 3 and input_shape[2] == 1 else input_shape
    return (sides[0], sides[1]) if len(sides) == 2 and min(sides) >= 2 else None


class Prepared:
    """A dataset as it is, and deskewed, which is worked out once where it is asked for."""

    def __init__(self, dataset: Dataset) -> None:
        """Prepares nothing yet.

        Args:
            dataset: as it is.
        """
        self._made = {False: dataset}

    def __call__(self, deskew: bool) -> Dataset:
        """The dataset as a recipe has it; training and test part alike."""
        if deskew not in self._made:
            dataset = self._made[False]
            x_train, x_test = deskewed(dataset.x_train), deskewed(dataset.x_test)
            self._made[deskew] = replace(dataset, x_train=x_train, x_test=x_test)
        return self._made[deskew]


def deskewed(images: Images) -> Images:
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
    made = np.concatenate(pieces) if pieces else flat.astype(np.float32)
    if images.dtype == np.uint8:
        made = np.rint(made)
    return cast("Images", made.astype(images.dtype).reshape(images.shape))


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
