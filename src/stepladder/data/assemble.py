"""From arrays as people save them to a dataset: one type of input, classes numbered from 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Images, check_shape, listed
from stepladder.errors import DataError

__all__ = ["assemble"]

_MOST = 2**31 - 1
_Array = npt.NDArray[Any]


def assemble(
    name: str, *, x_train: _Array, y_train: _Array, x_test: _Array, y_test: _Array
) -> Dataset:
    """A dataset from inputs of any real type and labels that are whole numbers.

    Whole-number types that stay in 0…255 become uint8, everything else float32. Labels become
    0…classes - 1 in the order of their values; class names keep the values.

    Args:
        name: what the dataset is called, which errors begin with.
        x_train: training inputs of shape (examples, …).
        y_train: training labels of shape (examples,) or (examples, 1), 0 or above.
        x_test: test inputs.
        y_test: test labels.

    Raises:
        DataError: if the parts are not of that form or do not belong together.
    """
    train, test = _images(name, x_train, x_test)
    known = _whole(name, "y_train", y_train)
    asked = _whole(name, "y_test", y_test)
    for part, images, labels in (("train", train, known), ("test", test, asked)):
        if len(images) != len(labels):
            raise DataError(
                f"{name}: x_{part} and y_{part} must have one label an example, found "
                f"{len(images)} examples and {len(labels)} labels; check that the two belong "
                "together"
            )
    values, numbers = np.unique(known, return_inverse=True)
    lost = np.setdiff1d(asked, values)
    if lost.size:
        raise DataError(
            f"{name}: y_test must hold only classes that y_train holds, found "
            f"{listed([str(value) for value in lost])} in y_test alone; add training examples of "
            "them or remove them"
        )
    return Dataset(
        name=name,
        x_train=train,
        y_train=numbers.astype(np.int32),
        x_test=test,
        y_test=np.searchsorted(values, asked).astype(np.int32),
        class_names=tuple(str(value) for value in values),
    )


def _images(name: str, x_train: _Array, x_test: _Array) -> tuple[Images, Images]:
    """Both parts as uint8 or both as float32."""
    for part, images in (("x_train", x_train), ("x_test", x_test)):
        if images.dtype.kind not in "biuf" or images.size == 0:
            raise DataError(
                f"{name}: {part} must hold numbers, found {images.size} values of type "
                f"{images.dtype}; save the inputs as uint8 or float32"
            )
        check_shape(name, part, images.shape)
    if (x_train.dtype.kind == "f") != (x_test.dtype.kind == "f"):
        raise DataError(
            f"{name}: x_train and x_test must be of one type, found {x_train.dtype} and "
            f"{x_test.dtype}; prepare both parts alike"
        )
    if all(_fits_byte(images) for images in (x_train, x_test)):
        return x_train.astype(np.uint8, copy=False), x_test.astype(np.uint8, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # Dataset names the example
        return x_train.astype(np.float32, copy=False), x_test.astype(np.float32, copy=False)


def _fits_byte(images: _Array) -> bool:
    if images.dtype.kind == "f":
        return False
    return images.dtype == np.uint8 or bool(images.min() >= 0 and images.max() <= 255)


def _whole(name: str, part: str, labels: _Array) -> npt.NDArray[np.int64]:
    """Labels as int64 of shape (examples,), checked to be whole and 0 or above."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biuf" or labels.size == 0:
        one_hot = "its argmax(axis=1) if it is one-hot" if labels.ndim == 2 else "one an example"
        raise DataError(
            f"{name}: {part} must be whole numbers of shape (examples,) or (examples, 1), found "
            f"{labels.dtype} of shape {labels.shape}; save class numbers, {one_hot}"
        )
    wrong = np.flatnonzero(~((labels >= 0) & (labels <= _MOST) & (labels == np.floor(labels))))
    if wrong.size:
        raise DataError(
            f"{name}: {part} must hold whole numbers from 0 to {_MOST}, found "
            f"{labels[wrong[0]]} for example {wrong[0]}; number the classes 0, 1, 2, …"
        )
    return labels.astype(np.int64)
