"""`.npz` files in the layout of Keras' own datasets, read without ever unpickling."""

from __future__ import annotations

import math
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from stepladder.data.assemble import assemble
from stepladder.data.dataset import Dataset, listed
from stepladder.data.reading import read_up_to
from stepladder.errors import DataError

__all__ = ["read_npz"]

_PARTS = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path, name: str) -> Dataset:
    """The dataset of a `.npz` file with x_train, y_train, x_test and y_test.

    Inputs have the shape (examples, features), (examples, height, width) or (examples, height,
    width, channels); labels are whole numbers of shape (examples,) or (examples, 1).

    Args:
        path: the file.
        name: what the dataset is called.

    Raises:
        DataError: if it is not such a file, is damaged or holds pickled objects.
        OSError: if it cannot be opened.
    """
    with path.open("rb") as stream:
        if not stream.read(1):
            raise DataError(f"{path}: must be a .npz file, found an empty file; save it again")
        stream.seek(0)
        try:
            with zipfile.ZipFile(stream) as archive:
                arrays = _read_parts(archive, path)
        except DataError:
            raise
        except Exception as error:  # zip and header parsers raise anything on damaged bytes
            raise DataError(
                f"{path}: must be a whole .npz file (NumPy arrays in a zip archive), found one "
                f"that cannot be read: {str(error) or type(error).__name__}; save it again with "
                "numpy.savez"
            ) from None
    return assemble(name, **arrays)


def _read_parts(archive: zipfile.ZipFile, path: Path) -> dict[str, npt.NDArray[Any]]:
    names = [each.removesuffix(".npy") for each in archive.namelist()]
    missing = [part for part in _PARTS if part not in names]
    if missing:
        raise DataError(
            f"{path}: must hold the arrays {', '.join(_PARTS)}, found {listed(sorted(names))}; "
            f"add {', '.join(missing)}"
        )
    return {part: _read_part(archive, part, f"{path}: {part}") for part in _PARTS}


def _read_part(archive: zipfile.ZipFile, part: str, where: str) -> npt.NDArray[Any]:
    with archive.open(f"{part}.npy") as stream:
        shape, by_column, dtype = _header(stream)
        if dtype.hasobject:
            raise DataError(
                f"{where} must hold numbers, found pickled Python objects, which are never "
                "unpickled; save it as an array of one shape and a numeric type"
            )
        if dtype.kind not in "biuf" or any(side < 1 for side in shape) or len(shape) > 4:
            raise DataError(
                f"{where} must hold numbers in 1 to 4 dimensions, none of them 0, found {dtype} "
                f"of shape {shape}; save images as uint8 or float32 and labels as int32"
            )
        size = math.prod(shape) * dtype.itemsize
        values = read_up_to(stream, size)
    if len(values) != size:
        found = f"only {len(values):,}" if len(values) < size else "more"
        raise DataError(
            f"{where} must hold the {size:,} bytes of {dtype} {shape} that its header announces, "
            f"found {found}; save it again with numpy.savez"
        )
    array = np.frombuffer(values, dtype)
    return array.reshape(shape, order="F" if by_column else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version[0]}.{version[1]} is not 1.0 or 2.0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers written by Python 2 are read all the same
        return readers[version](stream)
