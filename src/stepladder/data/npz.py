"""`.npz` files in the layout of Keras' own datasets, read without ever unpickling."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy.typing as npt

from stepladder.data.arrays import read_array
from stepladder.data.assemble import assemble
from stepladder.data.dataset import Dataset, listed
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
        return read_array(stream, where)
