"""Pictures and arrays as inputs of a model: read, and prepared as its training set was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data.arrays import read_array, read_arrays
from stepladder.data.framing import Framing, framed
from stepladder.data.ink import ink_of
from stepladder.data.pictures import Levels, levelled, read_picture, resized
from stepladder.errors import DataError

__all__ = ["Input", "Source", "inputs_of", "read_source"]

_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_MOST = 100_000


@dataclass(frozen=True)
class Source:
    """What one file holds.

    Attributes:
        path: of the file.
        values: colours of a picture, uint8 (height, width, 3); or an array of finite numbers.
        is_picture: which of both.
    """

    path: Path
    values: npt.NDArray[Any]
    is_picture: bool


@dataclass(frozen=True)
class Input:
    """One input of a model.

    Attributes:
        source: the file that it is from.
        index: its place in an array of several, from 0, or None.
        values: raw, of the model's input shape.
        is_empty: whether nothing was found on its picture.
    """

    source: str
    index: int | None
    values: npt.NDArray[Any]
    is_empty: bool = False


def read_source(path: Path) -> Source:
    """What one file holds, whatever model is to be asked.

    Args:
        path: of a PNG or JPEG file, or of a `.npy` or `.npz` array.

    Raises:
        DataError: if the file cannot be read, or holds numbers that are not finite.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        return Source(path, read_picture(path), is_picture=True)
    array = _array(path)
    if not np.isfinite(array.astype(np.float32)).all():
        raise DataError(
            f"{path}: must hold finite numbers, found others; these are raw inputs, as the "
            "training set has them"
        )
    return Source(path, array, is_picture=False)


def inputs_of(
    source: Source,
    shape: tuple[int, ...],
    framing: Framing | None,
    levels: Levels | None,
    *,
    as_it_is: bool = False,
) -> Iterator[Input]:
    """The inputs that a file holds.

    A picture is framed as the images of the training set are, and gets their range of values; an
    array is taken as it is.

    Args:
        source: the file's.
        shape: of one input.
        framing: of the training set; None where its images are not framed.
        levels: of the training set; None where nobody knows.
        as_it_is: whether a picture is only resized.

    Raises:
        DataError: if the file does not fit the model.
    """
    path = source.path
    if not source.is_picture:
        yield from _of_array(path, source.values, shape)
        return
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise DataError(
            f"{path}: must be an array of shape {shape}, which the model takes, found a picture; "
            "give a .npy file"
        )
    if levels is None:
        raise DataError(
            f"{path}: must be an array (.npy, .npz) in the values that the training set has, for "
            "this model's file does not say which those are, found a picture; export the model "
            "again, and pictures will do"
        )
    if as_it_is or framing is None or shape[2:] == (3,):
        image = resized(source.values, shape)
    else:
        ink = ink_of(source.values @ _GREY)
        image = framed(ink, (shape[0], shape[1]), framing.box).reshape(shape)
    yield Input(str(path), None, levelled(image, levels), is_empty=not image.any())


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as stream:
            if path.suffix.lower() == ".npy":
                return read_array(stream, str(path))
            arrays = read_arrays(stream, str(path))
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{path}: must be an array that can be read, found: {error.strerror or error}; check "
            "its name"
        ) from None
    except Exception as error:  # zip and header parsers raise anything on damaged bytes
        raise DataError(
            f"{path}: must be a NumPy array (.npy, or .npz with one array), found one that cannot "
            f"be read: {str(error)[:200] or type(error).__name__}; save it again with numpy.save"
        ) from None
    if len(arrays) != 1:
        names = ", ".join(sorted(arrays)[:12]) or "none"
        raise DataError(
            f"{path}: must hold one array, found {len(arrays)} ({names}); save the one that is "
            "meant with numpy.save"
        )
    return next(iter(arrays.values()))


def _of_array(path: Path, array: npt.NDArray[Any], shape: tuple[int, ...]) -> Iterator[Input]:
    plain = shape[:-1] if shape[2:] == (1,) else shape
    known = {shape, plain}
    if array.shape in known:
        rows, numbered = array.reshape(1, *shape), False
    elif array.shape[1:] in known and len(array) <= _MOST:
        rows, numbered = array.reshape(-1, *shape), True
    else:
        raise DataError(
            f"{path}: must have the shape {shape} of one input of the model, or {('n', *shape)} of "
            f"up to {_MOST:,}, found {array.shape}; reshape it".replace("'n'", "n")
        )
    for index, values in enumerate(rows):
        yield Input(str(path), index if numbered else None, values)
