"""Reads datasets: MNIST, folders of IDX files, .npz; tables by `tables`, images by `images`."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import math
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from stepladder.data.cache import RememberedFiles
from stepladder.data.dataset import (
    Dataset,
    Task,
    assemble,
    check_announced,
    join_targets,
    list_names,
    number_targets,
)
from stepladder.data.images import has_class_folders, image_files, read_images
from stepladder.data.memory import check_memory
from stepladder.data.preprocessing import with_revision
from stepladder.data.rows import NO_KEYS, RowKeys
from stepladder.data.splits import with_arrays, with_folds
from stepladder.data.tables import read_table
from stepladder.errors import DataError
from stepladder.files import open_regular

if TYPE_CHECKING:
    from stepladder.study.sources import DatasetSource, FileDataset

_SHA256 = "3085a14d8456d658009c1bd452910fc70d269042985ac34f770a1206f321d56c"
_SHAPES = {
    "x_train": (60_000, 28, 28),
    "x_test": (10_000, 28, 28),
    "y_train": (60_000,),
    "y_test": (10_000,),
}
_PARTS = ("x_train", "y_train", "x_test", "y_test")
_OWN_VALIDATION = ("x_val", "y_val")
_LABELS_FIRST = (
    "y_train",
    "y_val",
    "y_test",
    "x_train",
    "x_val",
    "x_test",
)  # labels that will not do cost no memory


def read_mnist() -> Dataset:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits.

    Raises:
        DataError: if the packaged file is missing or not as it was published.

    Reference:
        LeCun, Bottou, Bengio, Haffner 1998, Proceedings of the IEEE 86(11).
    """
    try:
        packed = resources.files("stepladder.data").joinpath("mnist.xz").read_bytes()
    except FileNotFoundError:
        packed = b""
    return unpack_mnist(packed)


def unpack_mnist(packed: bytes) -> Dataset:
    """MNIST from the bytes of the packaged file.

    Args:
        packed: one xz stream of the four arrays' bytes, one after the other.

    Raises:
        DataError: if a single bit differs from what was published.
    """
    digest = hashlib.sha256(packed).hexdigest()
    if digest != _SHA256:
        raise DataError(
            f"mnist: the packaged file must have the SHA-256 {_SHA256}, found {digest} "
            f"({len(packed):,} bytes); reinstall stepladder"
        )
    values = np.frombuffer(lzma.decompress(packed), np.uint8)
    ends = np.cumsum([math.prod(shape) for shape in _SHAPES.values()])
    pieces = zip(_SHAPES.items(), np.split(values, ends[:-1]), strict=True)
    parts = {name: piece.reshape(shape) for (name, shape), piece in pieces}
    return _assemble("mnist", parts)


_PIECE = 2**20


class Readable(Protocol):
    """A stream of bytes: a file, or what unpacks one.

    Example:
        >>> import io
        >>> bytes(read_up_to(io.BytesIO(b"abcdef"), 3))
        b'abcd'
    """

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def read_up_to(stream: Readable, size: int) -> bytearray:
    """At most `size + 1` bytes: fewer mean that the stream ended, one more that it continues.

    Memory grows with the bytes that are there, never with the size that was announced.

    Args:
        stream: what to read from, until `size + 1` bytes or its end.
        size: bytes expected, 0 or above.
    """
    content = bytearray()
    while len(content) <= size:
        piece = stream.read(min(_PIECE, size + 1 - len(content)))
        if not piece:
            break
        content += piece
    return content


def _read_exactly(stream: Readable, size: int, what: str, advice: str) -> bytearray:
    """All bytes of a stream, checked to be as many as its header announces."""
    values = read_up_to(stream, size)
    if len(values) != size:
        found = f"only {len(values):,}" if len(values) < size else "more"
        raise DataError(f"{what} that its header announces, found {found}; {advice}")
    return values


def read_arrays(stream: IO[bytes], where: str) -> dict[str, npt.NDArray[Any]]:
    """Every array of a `.npz` file by its name.

    Args:
        stream: the file.
        where: what it is called in messages.

    Raises:
        DataError: if an array is damaged or holds anything but numbers.
        Exception: of any kind, if the file is no zip archive, or damaged.
    """
    arrays = {}
    with zipfile.ZipFile(stream) as archive:
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            with archive.open(member) as part:
                arrays[name] = read_array(part, f"{where}: {name}")
    return arrays


def read_array(stream: IO[bytes], where: str) -> npt.NDArray[Any]:
    """The array of a `.npy` file.

    Args:
        stream: the file.
        where: what it is called in messages.

    Raises:
        DataError: if it is damaged or holds anything but numbers in 1 to 4 dimensions.
        Exception: of any kind, if it is no such file.
    """
    shape, by_column, dtype = _checked_header(stream, where)
    size = math.prod(shape) * dtype.itemsize
    check_memory(size, where)
    values = _read_exactly(stream, size, f"{where} must hold the {size:,} bytes of {dtype} {shape}",
                           "save it again with numpy.savez")  # fmt: skip
    array = np.frombuffer(values, dtype)
    return array.reshape(shape, order="F" if by_column else "C")


def _checked_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The header of an array of numbers: shape, whether columns come first, type."""
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
    return shape, by_column, dtype


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version[0]}.{version[1]} is not 1.0 or 2.0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers written by Python 2 are read all the same
        return readers[version](stream)


def read_npz(path: Path, name: str, task: Task | None = None, keys: RowKeys = NO_KEYS) -> Dataset:
    """The dataset of a `.npz` file with x_train, y_train, x_test and y_test.

    With x_val and y_val it has a validation part of its own.

    Inputs have the shape (examples, features), (examples, height, width) or (examples, height,
    width, channels); targets are as `number_targets` takes them.

    Args:
        path: the file.
        name: what the dataset is called.
        task: what is to be learnt; classes when None.
        keys: names of arrays of groups and times, one number a training example; with folds one
            for each test example after them.

    Raises:
        DataError: if it is not such a file, is damaged or holds pickled objects.
        OSError: if it cannot be opened.
    """
    with open_regular(path) as stream:
        if not stream.read(1):
            raise DataError(f"{path}: must be a .npz file, found an empty file; save it again")
        stream.seek(0)
        try:
            with zipfile.ZipFile(stream) as archive:
                names = [member.removesuffix(".npy") for member in archive.namelist()]
                parts = parts_among(str(path), names)
                missing = [key for key in keys.columns if key not in names]
                if missing:
                    raise DataError(
                        f"{path}: must hold the arrays {', '.join(keys.columns)}, found "
                        f"{list_names(sorted(names))}; add {', '.join(missing)}"
                    )
                announced: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
                arrays: dict[str, npt.NDArray[Any]] = {}
                for part in parts:
                    with archive.open(f"{part}.npy") as member:
                        shape, _, dtype = _checked_header(member, f"{path}: {part}")
                        announced[part] = shape, dtype
                check_announced(name, announced)
                for part in (part for part in _LABELS_FIRST if part in parts):
                    if part == "x_train":
                        y_train = join_targets(name, arrays["y_train"], arrays.get("y_val"), task)
                        number_targets(name, y_train, arrays["y_test"], task)
                    with archive.open(f"{part}.npy") as member:
                        arrays[part] = read_array(member, f"{path}: {part}")
                rows = {}
                for key in keys.columns:
                    with archive.open(f"{key}.npy") as member:
                        rows[key] = read_array(member, f"{path}: {key}")
        except DataError:
            raise
        except Exception as error:  # zip and header parsers raise anything on damaged bytes
            raise DataError(
                f"{path}: must be a complete .npz file (NumPy arrays in a zip archive), found one "
                f"that cannot be read: {str(error) or type(error).__name__}; save it again with "
                "numpy.savez"
            ) from None
    unused = tuple(name for name in names if name not in (*parts, *keys.columns))
    read = replace(_assemble(name, arrays, task), unused=unused)
    return with_arrays(read, keys, rows) if rows else read


def _assemble(
    name: str, arrays: Mapping[str, npt.NDArray[Any]], task: Task | None = None
) -> Dataset:
    x_train, y_train, x_test, y_test = (arrays[part] for part in _PARTS)
    x_val, y_val = (arrays.get(part) for part in _OWN_VALIDATION)
    return assemble(name, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test,
                    x_val=x_val, y_val=y_val, task=task)  # fmt: skip


def parts_among(where: str, names: Collection[str]) -> tuple[str, ...]:
    """The names of the arrays of a dataset among those that are given.

    Args:
        where: what holds them, which the error begins with.
        names: of arrays.

    Raises:
        DataError: if one is missing.

    Example:
        >>> parts_among("a.npz", ["x_train", "y_train", "x_test", "y_test", "notes"])
        ('x_train', 'y_train', 'x_test', 'y_test')
    """
    own = _OWN_VALIDATION if any(part in names for part in _OWN_VALIDATION) else ()
    parts = (*_PARTS, *own)
    missing = [part for part in parts if part not in names]
    if missing:
        raise DataError(
            f"{where}: must hold the arrays {', '.join(parts)}, found "
            f"{list_names(sorted(names))}; add {', '.join(missing)}"
        )
    return parts


_NAME = re.compile(
    r"(?P<prefix>.+-)?(?P<part>train|t10k|test)-"
    r"(?P<kind>images[-.]idx3|labels[-.]idx1)-ubyte(?:\.gz)?",
    re.IGNORECASE,
)
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
    announced = {part: (_read_idx(files[part], part, _idx_shape), _BYTE) for part in _PARTS}
    check_announced(name, announced)
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    for part in (part for part in _LABELS_FIRST if part in _PARTS):
        if part == "x_train":
            number_targets(name, arrays["y_train"], arrays["y_test"])
        arrays[part] = _read_idx(files[part], part, _parse)
    return _assemble(name, arrays)


def _four_files(folder: Path) -> dict[str, Path]:
    present = sorted(path for path in folder.iterdir() if path.is_file())
    names = {path.name for path in present}
    files: dict[str, list[Path]] = defaultdict(list)
    prefixes = set()
    for path in present:
        match = _NAME.fullmatch(path.name)
        unpacked = path.suffix.lower() == ".gz" and path.stem in names  # as torchvision leaves it
        if match and not unpacked:
            letter = "x" if match["kind"].lower().startswith("images") else "y"
            part = "train" if match["part"].lower() == "train" else "test"
            files[f"{letter}_{part}"].append(path)
            prefixes.add(match["prefix"])
    if not files:
        raise DataError(
            f"{folder}: {_EXPECTED}, found no IDX file (files there: "
            f"{list_names([path.name for path in present])}); name the folder that holds them, or "
            "one with a subfolder of images for each class"
        )
    if any(len(files[part]) != 1 for part in _PARTS) or len(prefixes) != 1:
        several = [path.name for part in _PARTS for path in files[part]]
        raise DataError(
            f"{folder}: {_EXPECTED}, of one dataset, found {list_names(several)}; add the missing "
            "files and move the others to another folder"
        )
    return {part: paths[0] for part, paths in files.items()}


def read_folder(folder: Path, name: str) -> Dataset:
    """The dataset of a folder of IDX files, or of subfolders of images.

    Args:
        folder: one of both.
        name: what the dataset is called.

    Raises:
        DataError: if it is neither, or a file is not valid.
        OSError: if a folder or a file cannot be opened.
    """
    is_idx = any(_NAME.fullmatch(path.name) for path in folder.iterdir())
    read = read_images if not is_idx and has_class_folders(folder) else read_idx_folder
    return read(folder, name)


_BYTE = np.dtype(np.uint8)
_Value = TypeVar("_Value")


def _read_idx(path: Path, part: str, parse: Callable[[Readable, Path, int], _Value]) -> _Value:
    packed = path.suffix.lower() == ".gz"
    try:
        with open_regular(path) as raw, gzip.open(raw) if packed else raw as stream:
            return parse(stream, path, 3 if part.startswith("x") else 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: must be a complete gzip file, as its name says, found: {error}; download it "
            "again"
        ) from None


def _parse(stream: Readable, path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    shape = _idx_shape(stream, path, dimensions)
    size = math.prod(shape)
    values = _read_exactly(stream, size, f"{path}: must hold the {size:,} values of shape {shape}",
                           "download it again")  # fmt: skip
    return np.frombuffer(values, np.uint8).reshape(shape)


def _idx_shape(stream: Readable, path: Path, dimensions: int) -> tuple[int, ...]:
    """The shape that a header announces; the values follow."""
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
    if 0 in shape:
        raise DataError(
            f"{path}: must announce at least one value, found the shape {shape}; download it again"
        )
    return shape


BUILT_IN: dict[str, Callable[[], Dataset]] = {"mnist": read_mnist}

_KINDS = (
    f"dataset must be a built-in name ({', '.join(BUILT_IN)}), a .npz file, a folder of IDX files, "
    "a folder with one subfolder of images a class, "
    'or a table { csv = "…", label = "…", test_share = 0.2 } (also parquet and arrow)'
)


def load(dataset: DatasetSource, folds: int | None = None) -> Dataset:
    """The dataset that a study names.

    Args:
        dataset: a built-in name, the path of a `.npz` file or of a folder of IDX files or
            images, or a table of such a file or folder. A built-in name wins over a path; write
            `./mnist` for a folder.
        folds: how many parts of all examples take turns as the test part; None for one test part.

    Raises:
        DataError: if there is no such dataset, it cannot be read or it makes no sense.

    Example:
        >>> load("mnist").input_shape
        (28, 28)
    """
    found = _load(dataset, folds)
    if folds is not None and found.folds is None:
        return with_folds(found, folds)
    return found


def _load(dataset: DatasetSource, folds: int | None) -> Dataset:
    readers: dict[str, Callable[[Path, str], Dataset]] = {"folder": read_folder}
    if isinstance(dataset, str) and dataset in BUILT_IN:
        return BUILT_IN[dataset]()
    if (elsewhere := _not_in_a_file(dataset)) is not None:
        return elsewhere
    files = _remembered(dataset, folds)
    known = files.load() if files else None
    if known is not None:
        return known
    if not isinstance(dataset, str):
        readers, dataset = _readers_of(dataset, folds), dataset.path
    elif Path(dataset).suffix.lower() == ".npz":
        readers["file"] = read_npz
    path = Path(dataset)
    try:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "neither"
        if kind in readers:
            read = with_revision(readers[kind](path, path.resolve().name))
            if files:
                files.store(read)
            return read
        exists = path.exists()
    except OSError as error:
        raise DataError(
            f"{path}: must be readable, found: {error.strerror or error}; check the path and its "
            "permissions"
        ) from None
    raise DataError(_message(path, kind if exists else "nothing"))


def _not_in_a_file(dataset: DatasetSource) -> Dataset | None:
    """Data that were given from Python, or a set of another library; None for a file or folder."""
    # pydantic comes with them: importing this room costs no more than NumPy
    from stepladder.data.arrays import find_held
    from stepladder.study.sources import ArraysDataset, NamedDataset, is_set_name

    if isinstance(dataset, ArraysDataset):
        return find_held(dataset)
    if isinstance(dataset, str) and is_set_name(dataset):
        dataset = NamedDataset(name=dataset)
    if not isinstance(dataset, NamedDataset):
        return None
    from stepladder.data.sets import read_set  # which uses the readers above

    return read_set(dataset)


def _remembered(dataset: DatasetSource, folds: int | None) -> RememberedFiles | None:
    """What is known of the files of a table or of images; other data are read in no time."""
    # pydantic comes with it
    from stepladder.study.sources import FILE_KEYS, ImagesDataset, TableDataset

    if isinstance(dataset, str) and os.path.isdir(dataset) and has_class_folders(Path(dataset)):
        dataset = ImagesDataset(images=dataset)
    if not isinstance(dataset, TableDataset | ImagesDataset):
        return None
    how = dataset.model_dump()
    files = [how[key] for key in FILE_KEYS if how.get(key)]
    if isinstance(dataset, ImagesDataset):
        with suppress(DataError, OSError):  # told where it is read
            files = image_files(Path(dataset.images))
    return RememberedFiles(files, how if folds is None else {**how, "folds": folds})


def _readers_of(
    dataset: FileDataset, folds: int | None
) -> dict[str, Callable[[Path, str], Dataset]]:
    """What reads the file or folder of a table."""
    # pydantic comes with it: whoever has one has it
    from stepladder.study.sources import ImagesDataset, NpzDataset, TableDataset

    if isinstance(dataset, NpzDataset):
        keys = RowKeys(dataset.group, dataset.time, folds=folds)
        return {"file": partial(read_npz, task=dataset.task, keys=keys)}
    if isinstance(dataset, ImagesDataset):
        size = None if dataset.size is None else (dataset.size[0], dataset.size[1])
        return {"folder": partial(read_images, size=size, color=dataset.color,
                                  test_share=dataset.test_share)}  # fmt: skip
    assert isinstance(dataset, TableDataset)
    keys = RowKeys(dataset.group, dataset.time, dataset.part, folds)
    return {"file": lambda _, name: read_table(dataset, name, keys=keys)}


def _message(path: Path, kind: str) -> str:
    from stepladder.study.sources import set_called, table_key  # pydantic comes with it

    if kind == "nothing":
        from stepladder.study.schema import (
            did_you_mean,  # pydantic comes with it: only for this message
        )

        otherwise = "check the path"
        advice = otherwise if path.suffix else did_you_mean(path.name, BUILT_IN, otherwise)
        if name := set_called(path.name):
            advice = f'check the path, or write dataset = "{name}" for the set of that library'
        return f"{_KINDS}, found nothing at {str(path)!r}; {advice}"
    key = table_key(path) if kind == "file" else None
    if key is not None:
        advice = f'write dataset = {{ {key} = "{path.name}", label = "…", test_share = 0.2 }}'
    else:
        advice = "name one of these"
    found = {"file": "another file", "folder": "a folder", "neither": "no plain file or folder"}
    return f"{_KINDS}, found {found[kind]} at {str(path)!r}; {advice}"
