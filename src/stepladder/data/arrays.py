"""Arrays in NumPy's own files, `.npy` and `.npz`, read without ever unpickling."""

from __future__ import annotations

import math
import warnings
import zipfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from stepladder.data.reading import read_up_to
from stepladder.errors import DataError

__all__ = ["read_array", "read_arrays"]


def read_arrays(stream: IO[bytes], where: str) -> dict[str, npt.NDArray[Any]]:
    """Every array of a `.npz` file by its name.

    Args:
        stream: the file.
        where: what it is called in messages.

    Raises:
        DataError: if an array is damaged or holds anything but numbers.
        Exception: of any kind, if the file is no zip archive, or damaged.
    """
    with zipfile.ZipFile(stream) as archive:
        found = {}
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            with archive.open(member) as part:
                found[name] = read_array(part, f"{where}: {name}")
        return found


def read_array(stream: IO[bytes], where: str) -> npt.NDArray[Any]:
    """The array of a `.npy` file.

    Args:
        stream: the file.
        where: what it is called in messages.

    Raises:
        DataError: if it is damaged or holds anything but numbers in 1 to 4 dimensions.
        Exception: of any kind, if it is no such file.
    """
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
