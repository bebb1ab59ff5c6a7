"""Folders of images, one subfolder a class, and single pictures: decoded by Pillow."""

from __future__ import annotations

import math
import os
import sys
import time
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Labels, list_names
from stepladder.data.memory import check_memory, free_memory
from stepladder.data.rows import draw_test_rows
from stepladder.errors import DataError
from stepladder.files import name_in_list, open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
KINDS = "PNG, JPEG, WebP, BMP or GIF"

TEST_SHARE = 0.2
"""Share of the images that test where a folder has no test part and the study does not say."""

_MOST_PIXELS = 89_478_485
"""Pixels of a picture above which Pillow too suspects a file that was made to fill the memory."""

_Bytes = npt.NDArray[np.uint8]


@contextmanager
def open_picture(path: str | Path) -> Iterator[Image]:
    """Opens a picture: its header is read, its pixels are not decoded yet.

    Args:
        path: of a regular file in one of `FORMATS`, by its content.

    Raises:
        OSError: if it cannot be opened, with `strerror`, or is no such picture, without.
        ValueError: if its header announces too many pixels.
        Exception: of any kind, if it is damaged.
    """
    from PIL import Image

    with open_regular(path) as stream, Image.open(stream, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > _MOST_PIXELS:
            raise ValueError(f"{width:,} × {height:,} pixels, more than {_MOST_PIXELS:,}")
        yield picture


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keeps Pillow's warnings from the user: a picture is read, or its file is named."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reason_unreadable(error: Exception) -> str:
    """Why a picture cannot be read, in a few words.

    Example:
        >>> reason_unreadable(OSError())
        'no PNG, JPEG, WebP, BMP or GIF file, or a damaged one'
    """
    if isinstance(error, OSError):
        return error.strerror or f"no {KINDS} file, or a damaged one"
    if isinstance(error, ValueError) and "pixels" in str(error):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:120]


def eight_bits(picture: Image, greatest: float) -> Image:
    """A picture of one channel in whole numbers of more bits, as grey levels in 0…255.

    Args:
        picture: of a mode for which `is_deep` holds.
        greatest: what stands for white.
    """
    from PIL import Image

    grey = np.asarray(picture, np.float64) * (255 / greatest)
    return Image.fromarray(np.rint(np.clip(grey, 0, 255)).astype(np.uint8))


def is_deep(picture: Image) -> bool:
    """Whether a picture has more than 8 bits a pixel, in one channel."""
    return picture.mode.startswith("I") or picture.mode == "F"


def decode(picture: Image, size: tuple[int, int] | None, color: bool) -> _Bytes:
    """The pixels of a picture, as every image of a folder is prepared.

    It is turned as its camera was held, 16 bits become 8, what is transparent lies on white, and
    it is stretched to a size by Lanczos' filter.

    Args:
        picture: an open one.
        size: height and width; its own when None.
        color: whether there are three channels, or one of grey levels.

    Returns:
        uint8 of shape (height, width, 3) or (height, width).

    Raises:
        Exception: of any kind, if it is damaged.
    """
    from PIL import Image, ImageOps

    if size is not None:  # a JPEG is decoded in a fraction of its size, which is much faster
        picture.draft(None, (2 * max(size), 2 * max(size)))
    picture = ImageOps.exif_transpose(picture)
    if is_deep(picture):
        picture = eight_bits(picture, 65_535)
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    picture = picture.convert("RGB" if color else "L")
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(picture, np.uint8)


class _Header(NamedTuple):
    """What is known of a picture before it is decoded."""

    height: int
    width: int
    is_grey: bool
    is_deep: bool
    is_transparent: bool
    is_animated: bool


_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_ORIENTATION = 0x0112
_ON_THEIR_SIDE = (5, 6, 7, 8)


def _read_header(path: str) -> _Header | str:
    """The header of a picture, or why it cannot be read."""
    try:
        with open_picture(path) as picture:
            width, height = picture.size
            # Pillow would decode a PNG to look for an orientation behind its pixels.
            if picture.format != "PNG" or "exif" in picture.info:
                turned = picture.getexif().get(_ORIENTATION) in _ON_THEIR_SIDE
                width, height = (height, width) if turned else (width, height)
            return _Header(
                height,
                width,
                _is_grey(picture),
                is_deep(picture),
                picture.has_transparency_data,
                bool(getattr(picture, "is_animated", False)),
            )
    except Exception as error:  # parsers raise anything on damaged bytes
        return reason_unreadable(error)


def _is_grey(picture: Image) -> bool:
    """Whether a picture is stored as grey levels, or its palette has nothing else."""
    if picture.mode != "P" or picture.palette is None:
        return picture.mode in _GREY_MODES or picture.mode.startswith("I;")
    if picture.palette.rawmode not in (None, "RGB"):
        return False
    colours = np.frombuffer(bytes(picture.palette.palette), np.uint8)
    colours = colours[: len(colours) // 3 * 3].reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


_MOST_THREADS = 8
_AT_ONCE = 32  # files a task of a thread: a task a file costs more than a small file
_AFTER = 2.0  # seconds from which a terminal is told how far reading has come
_EACH = 0.2
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def _in_threads(
    work: Callable[[_Item], _Result], items: Sequence[_Item], threads: int, doing: str
) -> list[_Result]:
    """The results of all items, in their order; a terminal is told how far it is."""
    from concurrent.futures import ThreadPoolExecutor  # late: most datasets need no threads

    results: list[_Result] = []
    starts = range(0, len(items), _AT_ONCE)
    began = said = time.monotonic()
    is_shown = sys.stderr.isatty()
    pool = ThreadPoolExecutor(min(threads, _MOST_THREADS, os.cpu_count() or 1))
    try:
        for part in pool.map(
            lambda start: [work(item) for item in items[start : start + _AT_ONCE]], starts
        ):
            results += part
            now = time.monotonic()
            if is_shown and now - began > _AFTER and now - said > _EACH:
                said = now
                print(f"\r{doing}: {len(results):,} of {len(items):,}", end="", file=sys.stderr)
    finally:
        pool.shutdown(cancel_futures=True)
        if said > began:
            print("\r\x1b[K", end="", file=sys.stderr)
    return results


_NOT_DATA = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx")
"""What systems leave in folders; so are names that begin with a dot."""

_DEEPEST = 8
"""Folders within the folder of a class, one in another: a link to a folder above has no end."""

_PARTS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "val": "validation", "valid": "validation", "validation": "validation",
}  # fmt: skip


def _visible(folder: str) -> tuple[list[str], list[str]]:
    """The folders and the files in a folder, both in the order of their names."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _NOT_DATA:
                continue
            is_folder = os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()
            (folders if is_folder else files).append(entry.path)
    return sorted(folders, key=_by_name), sorted(files, key=_by_name)


def _by_name(path: str) -> str:
    """By a name's letters, however a system stores their accents."""
    return unicodedata.normalize("NFC", os.path.basename(path))


def _all_files(folder: str, root: str, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        raise DataError(
            f"{root}: must have at most {_DEEPEST} folders one in another within the folder of a "
            f"class, found more at {folder[:200]!r}; remove the link to a folder above it"
        )
    folders, files = _visible(folder)
    yield from files
    for inner in folders:
        yield from _all_files(inner, root, depth + 1)


def has_class_folders(folder: Path) -> bool:
    """Whether a folder has subfolders, as folders of images have.

    Raises:
        OSError: if it cannot be read.
    """
    return bool(_visible(str(folder))[0])


class _Layout(NamedTuple):
    """The files of a folder: of each part, of each class."""

    parts: Mapping[str, Mapping[str, list[str]]]
    loose: list[str]


def _layout(root: str) -> _Layout:
    """Finds the parts and the classes of a folder.

    Raises:
        DataError: if it has no folders of classes, or a part twice.
        OSError: if it cannot be read.
    """
    folders, loose = _visible(root)
    named = {path: _PARTS.get(os.path.basename(path).lower()) for path in folders}
    # A class may be called "train": the parts have folders in them, classes have images.
    if "train" not in named.values() or not any(
        part == "train" and _visible(path)[0] for path, part in named.items()
    ):
        return _Layout({"train": _classes(root, root, folders)}, loose)
    parts: dict[str, dict[str, list[str]]] = {}
    for path, part in named.items():
        if part is None:
            loose.append(path)
        elif part in parts:
            raise DataError(
                f"{root}: must have one folder for each part, found two of {part} images; put them "
                "together or move one elsewhere"
            )
        else:
            parts[part] = _classes(root, path, _visible(path)[0])
    return _Layout(parts, loose)


def _classes(root: str, part: str, folders: list[str]) -> dict[str, list[str]]:
    """The files of each class of a part, the classes in their order."""
    if not folders:
        raise DataError(
            f"{part}: must have one subfolder of images for each class, found none; move each "
            "image into a folder with the name of its class (test images without a class cannot "
            "be scored: move them elsewhere, and write test_share)"
        )
    names = [_by_name(path) for path in folders]
    wrong = next((name for name in names if not name.isprintable()), None)
    if wrong is not None:
        raise DataError(
            f"{part}: folders must have the name of a class, found {wrong!r}; rename it"
        )
    numbered = all(name.isascii() and name.isdecimal() for name in names)
    order = sorted(zip(names, folders, strict=True),
                   key=lambda one: (int(one[0]) if numbered else 0, one[0]))  # fmt: skip
    classes = {name: list(_all_files(folder, root)) for name, folder in order}
    empty = [repr(name) for name, files in classes.items() if not files]
    if empty:
        raise DataError(
            f"{part}: every class must have an image, found none in {list_names(empty)}; add "
            "images or remove the folder"
        )
    return classes


def image_files(path: Path) -> list[str]:
    """The files that `read_images` reads of a folder, of which nothing is opened.

    Raises:
        DataError: if it has no folders of classes.
        OSError: if it cannot be read.
    """
    parts = _layout(str(path)).parts
    return [file for classes in parts.values() for files in classes.values() for file in files]


class _Part(NamedTuple):
    """The files of a part and their labels."""

    files: list[str]
    labels: Labels


def read_images(
    path: Path,
    name: str,
    size: tuple[int, int] | None = None,
    color: bool | None = None,
    test_share: float | None = None,
) -> Dataset:
    """The dataset of a folder with one subfolder of images for each class.

    The subfolders lie in the folder itself, or in its folders `train`, `test` and `val`. Classes
    are in the order of their names, and images in that of theirs within a class. Without `test`
    a share of each class tests, which depends on nothing but the names and `test_share`. `val`
    validates in every replicate. Hidden files are left out.

    Args:
        path: the folder.
        name: what the dataset is called.
        size: height and width that every image is brought to; the one that all have when None.
        color: whether images have three channels; when None, unless all are stored as grey.
        test_share: share of the images for the test part, between 0 and 1; `TEST_SHARE` when None.

    Raises:
        DataError: if it is not such a folder, or a file in it is no picture.
        OSError: if a folder cannot be read.
    """
    root = str(path)
    layout = _layout(root)
    notes = [_loose_note(name, root, layout.loose)] if layout.loose else []
    parts, drawn = _divide(root, layout.parts, test_share)
    if drawn and test_share is None:
        notes.append(
            f"{name}: there is no folder test: {drawn:,} images are drawn for the test part, a "
            f"share of {TEST_SHARE:g} of each class; write test_share for another"
        )
    files = [file for part in parts.values() for file in part.files]
    tested = len(parts["test"].files)
    with without_warnings():
        headers = _read_headers(root, name, files)
        shape: tuple[int, ...] = size or _common_size(root, name, files, headers)
        is_grey = all(header.is_grey for header in headers) if color is None else not color
        shape = shape if is_grey else (*shape, 3)
        largest = max(header.height * header.width for header in headers)
        x_train, x_test = _decode_all(root, name, files, tested, shape, size, largest)
    notes += _notes(name, headers, size, color)
    notes += [] if is_grey else _grey_note(name, x_train)
    return Dataset(
        name=name,
        x_train=x_train,
        y_train=np.concatenate([parts[part].labels for part in parts if part != "test"]),
        x_test=x_test,
        y_test=parts["test"].labels,
        class_names=tuple(layout.parts["train"]),
        validation_examples=len(parts["validation"].files) if "validation" in parts else 0,
        pictures=True,
        notes=tuple(notes),
    )


def _divide(
    root: str, found: Mapping[str, Mapping[str, list[str]]], test_share: float | None
) -> tuple[dict[str, _Part], int]:
    """The parts train, validation and test, in this order, and how many test images are drawn."""
    if "test" in found and test_share is not None:
        raise DataError(
            f"{root}: test_share must be left out where there is a folder test, found "
            f"{test_share:g}; remove one of them"
        )
    names = tuple(found["train"])
    for part, classes in found.items():
        unknown = [repr(name) for name in classes if name not in names]
        lacking = [repr(name) for name in names if name not in classes and part == "test"]
        if unknown or lacking:
            what = "alone" if unknown else "missing"
            raise DataError(
                f"{root}: the folder {part} must have the classes of the folder train, found "
                f"{list_names(unknown or lacking)} {what}; add images of the class or remove it"
            )
    parts = {}
    for part in ("train", "validation", "test"):
        rows = [(file, names.index(name)) for name, files in found.get(part, {}).items()
                for file in files]  # fmt: skip
        if rows:
            files, labels = zip(*rows, strict=True)
            parts[part] = _Part(list(files), np.array(labels, np.int32))
    if "test" in parts:
        return parts, 0
    train = parts["train"]
    counts = np.bincount(train.labels)
    single = [repr(names[number]) for number in np.flatnonzero(counts < 2)]
    if single:
        raise DataError(
            f"{root}: each class must have an image in the training and one in the test part, "
            f"found a single image of {list_names(single)}; add images or remove the class"
        )
    chosen = draw_test_rows(train.labels, TEST_SHARE if test_share is None else test_share)
    for part, rows_of_part in (("train", ~chosen), ("test", chosen)):
        kept = [file for file, is_kept in zip(train.files, rows_of_part, strict=True) if is_kept]
        parts[part] = _Part(kept, train.labels[rows_of_part])
    return parts, len(parts["test"].files)


def _read_headers(root: str, name: str, files: Sequence[str]) -> list[_Header]:
    """The headers of all files, if every file has one."""
    read = _in_threads(_read_header, files, _MOST_THREADS, f"{name}: images looked at")
    wrong = {file: one for file, one in zip(files, read, strict=True) if isinstance(one, str)}
    _refuse_unreadable(root, wrong, len(files))
    alike: dict[_Header, _Header] = {}  # a million small images must not be a million headers
    return [alike.setdefault(header, header) for header in read if isinstance(header, _Header)]


def _refuse_unreadable(root: str, wrong: Mapping[str, str], count: int) -> None:
    """Names the first dozen of files that cannot be read, if there are any, and why."""
    if wrong:
        named = [f"{name_in_list(os.path.relpath(file, root))} ({reason})"
                 for file, reason in [*wrong.items()][:12]]  # fmt: skip
        more = f" and {len(wrong) - 12:,} more" if len(wrong) > 12 else ""
        raise DataError(
            f"{root}: every file must be an image ({KINDS}), found {len(wrong):,} of {count:,} "
            f"that cannot be read: {', '.join(named)}{more}; repair, move or remove them"
        )


def _common_size(
    root: str, name: str, files: Sequence[str], headers: Sequence[_Header]
) -> tuple[int, int]:
    """The size that all images have.

    Raises:
        DataError: if they have several.
    """
    sizes = Counter((header.height, header.width) for header in headers)
    (size, times), *others = sizes.most_common()
    if others:
        at = next(at for at, header in enumerate(headers) if header[:2] != size)
        raise DataError(
            f"{name}: images must have one size, found {len(sizes):,} sizes: {times:,} of "
            f"{len(headers):,} images have {size[0]} × {size[1]}, "
            f"{name_in_list(os.path.relpath(files[at], root))} has {headers[at].height} × "
            f'{headers[at].width}; write dataset = {{ images = "…", size = [{size[0]}, {size[1]}] '
            "} to bring all to it (height, width)"
        )
    return size


def _decode_all(
    root: str,
    name: str,
    files: Sequence[str],
    tested: int,
    shape: tuple[int, ...],
    size: tuple[int, int] | None,
    largest: int,
) -> tuple[_Bytes, _Bytes]:
    """The images of the training part and those of the test part, which are the last files.

    Args:
        root: the folder.
        name: of the dataset.
        files: all of them.
        tested: how many of them test.
        shape: of an image's array.
        size: that every image is brought to, or None.
        largest: pixels of the largest picture.
    """
    decoder = 8 * largest  # bytes: four channels, twice
    needed = len(files) * math.prod(shape)
    check_memory(needed + decoder, f"{name}: {len(files):,} images of {shape[0]} × {shape[1]}")
    fitting = (free_memory() - needed) // decoder
    train, test = (np.empty((count, *shape), np.uint8) for count in (len(files) - tested, tested))

    def read(at: int) -> str:
        """Decodes a file into its row; why it cannot be read, or "" where it was."""
        row = train[at] if at < len(train) else test[at - len(train)]
        try:
            with open_picture(files[at]) as picture:
                pixels = decode(picture, size, color=len(shape) == 3)
            if pixels.shape != row.shape:
                height, width = pixels.shape[:2]
                return f"{height} × {width} by a mark behind its pixels"
            row[...] = pixels
        except Exception as error:  # decoders raise anything on damaged bytes
            return reason_unreadable(error)
        return ""

    places = range(len(files))
    problems = _in_threads(read, places, max(1, fitting), f"{name}: images read")
    _refuse_unreadable(root, {files[at]: problems[at] for at in places if problems[at]}, len(files))
    return train, test


def _loose_note(name: str, root: str, loose: Sequence[str]) -> str:
    names = list_names([os.path.relpath(path, root) for path in loose])
    verbs = ("lies", "is") if len(loose) == 1 else ("lie", "are")
    return f"{name}: {names} {verbs[0]} in no folder of a class and {verbs[1]} not used"


def _notes(
    name: str, headers: Sequence[_Header], size: tuple[int, int] | None, asked: bool | None
) -> Iterator[str]:
    """What was taken for granted."""
    count = len(headers)
    grey = sum(header.is_grey for header in headers)
    if asked is None and grey == count:
        yield f"{name}: all images are stored as grey levels: one channel; color = true makes three"
    elif asked is None:
        some = f"{grey:,} of {count:,} images are stored as grey levels, the others in colour"
        yield (
            f"{name}: {some if grey else 'images are stored in colour'}: three channels; "
            "color = false makes one"
        )
    cases = (
        (sum(header[:2] != size for header in headers) if size else 0,
         "stretched to {} × {} (height × width) from another size".format(*size or (0, 0))),
        (sum(header.is_deep for header in headers), "brought from 16 bits to 8"),
        (sum(header.is_transparent for header in headers), "put on white, being transparent"),
        (sum(header.is_animated for header in headers), "animated: the first picture is taken"),
    )  # fmt: skip
    for times, what in cases:
        if times:
            yield f"{name}: {times:,} of {count:,} images are {what}"


def _grey_note(name: str, images: _Bytes) -> list[str]:
    """A note where images in colour have none."""
    for start in range(0, len(images), 256):
        part = images[start : start + 256]
        if (part != part[..., :1]).any():
            return []
    return [
        f"{name}: images are stored in colour and none has any; color = false makes them a third "
        "as large"
    ]
