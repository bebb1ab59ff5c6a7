"""Folders of IDX files, as MNIST, Fashion-MNIST and EMNIST are published."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stepladder.data.assemble import assemble
from stepladder.data.dataset import Dataset, listed
from stepladder.data.reading import Readable, read_up_to
from stepladder.errors import DataError

__all__ = ["read_idx_folder"]

_NAME = re.compile(
    r"(?P<prefix>.+-)?(?P<part>train|t10k|test)-"
    r"(?P<kind>images[-.]idx3|labels[-.]idx1)-ubyte(?:\.gz)?",
    re.IGNORECASE,
)
_PARTS = ("x_train", "y_train", "x_test", "y_test")
_EXPECTED = (
    "must hold one each of train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz"
)


def read_idx_folder(folder: Path, name: str) -> Dataset:
    """The dataset of a folder that holds four IDX files.

    Files are found by the names of MNIST, Fashion-MNIST (`train-images-idx3-ubyte`,
    `t10k-…`, also with a dot before `idx`) and EMNIST (`emnist-letters-train-images-…`,
    `emnist-letters-test-…`), plain or compressed. Images stay as they are stored; those of
    EMNIST are stored transposed.

    Args:
        folder: where the files lie; its subfolders are not searched.
        name: what the dataset is called.

    Raises:
        DataError: if there is not one file of each kind, or a file is not valid.
        OSError: if a file cannot be opened.

    Reference:
        LeCun, Cortes, Burges: The MNIST database, "File formats"; Cohen, Afshar, Tapson,
        van Schaik 2017, arXiv:1702.05373 (EMNIST).
    """
    files = _four_files(folder)
    arrays = {part: _read(files[part], 3 if part.startswith("x") else 1) for part in _PARTS}
    return assemble(name, **arrays)


def _four_files(folder: Path) -> dict[str, Path]:
    present = sorted(path for path in folder.iterdir() if path.is_file())
    names = {path.name for path in present}
    found: dict[str, list[Path]] = defaultdict(list)
    prefixes = set()
    for path in present:
        match = _NAME.fullmatch(path.name)
        unpacked = path.suffix.lower() == ".gz" and path.stem in names  # as torchvision leaves it
        if match and not unpacked:
            letter = "x" if match["kind"].lower().startswith("images") else "y"
            part = "train" if match["part"].lower() == "train" else "test"
            found[f"{letter}_{part}"].append(path)
            prefixes.add(match["prefix"])
    if not found:
        raise DataError(
            f"{folder}: {_EXPECTED}, found no IDX file (files there: "
            f"{listed([path.name for path in present])}); name the folder that holds them"
        )
    if any(len(found[part]) != 1 for part in _PARTS) or len(prefixes) != 1:
        several = [path.name for part in _PARTS for path in found[part]]
        raise DataError(
            f"{folder}: {_EXPECTED}, of one dataset, found {listed(several)}; add what is missing "
            "and move the others to a folder of their own"
        )
    return {part: paths[0] for part, paths in found.items()}


def _read(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            return _parse(stream, path, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: must be a whole gzip file, as its name says, found: {error}; download it "
            "again"
        ) from None


def _parse(stream: Readable, path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    header = stream.read(4 + 4 * dimensions)
    magic = bytes((0, 0, 8, dimensions))
    if header[:4] != magic:
        found = f"0x{header[:4].hex()}" if header else "an empty file"
        advice = "add .gz to its name" if header[:2] == b"\x1f\x8b" else "download it again"
        raise DataError(
            f"{path}: must be IDX of unsigned bytes in {dimensions} dimension(s), which begins "
            f"with 0x{magic.hex()}, found {found}; {advice}"
        )
    if len(header) < 4 + 4 * dimensions:
        raise DataError(
            f"{path}: must begin with a header of {4 + 4 * dimensions} bytes, found "
            f"{len(header)}; download it again"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = math.prod(shape)
    if size == 0:
        raise DataError(
            f"{path}: must announce at least one value, found the shape {shape}; download it again"
        )
    values = read_up_to(stream, size)
    if len(values) != size:
        found = f"only {len(values):,}" if len(values) < size else "more"
        raise DataError(
            f"{path}: must hold the {size:,} values of shape {shape} that its header announces, "
            f"found {found}; download it again"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)
