"""Small valid dataset files, and the parts to make invalid ones from."""

import gzip
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from stepladder.data import load, synthetic
from stepladder.errors import DataError

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
EMNIST_NAMES = {
    "x_train": "emnist-letters-train-images-idx3-ubyte.gz",
    "y_train": "emnist-letters-train-labels-idx1-ubyte.gz",
    "x_test": "emnist-letters-test-images-idx3-ubyte.gz",
    "y_test": "emnist-letters-test-labels-idx1-ubyte.gz",
}


def parts(examples=12, input_shape=(3, 2), classes=3):
    made = synthetic(examples, input_shape, classes, seed=0)
    return {name: np.array(getattr(made, name)) for name in IDX_NAMES}


def idx_bytes(array, shape=None):
    shape = array.shape if shape is None else shape
    header = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder, arrays=None, names=IDX_NAMES):
    folder.mkdir(exist_ok=True)
    for part, array in (arrays or parts()).items():
        content = idx_bytes(array)
        packed = gzip.compress(content) if names[part].endswith(".gz") else content
        (folder / names[part]).write_bytes(packed)
    return folder


def npz_bytes(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def write_npz(path, **changes):
    arrays = {**parts(), **changes}
    kept = {name: array for name, array in arrays.items() if array is not None}
    path.write_bytes(npz_bytes(**kept))
    return path


def csv_text(rows=12):
    lines = [f"{i},{i % 3},{'abc'[i % 3]}" for i in range(rows)]
    return "\n".join(["height,width,kind", *lines]) + "\n"


PICTURES = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF"}


def picture_bytes(kind, seed=0, shape=(9, 7)):
    """A picture of noise in a format, by the suffix of its name."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(noise).save(buffer, PICTURES[kind])
    return buffer.getvalue()


def write_pictures(folder, kind, **changes):
    """A folder of two classes with three pictures each, some of them changed by their number."""
    for number in range(6):
        file = folder / "ab"[number % 2] / f"{number}.{kind}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(changes.get(f"at{number}", picture_bytes(kind, number)))
    return folder


def png_chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_bytes(width, height, packed, *before):
    """A grey PNG that announces a size, whatever its packed pixels are."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + pixels


def refused_without_memory(path, message):
    """Whether a dataset of 50 MB and more is refused, and no more than a part of it was read."""
    tracemalloc.start()
    with pytest.raises(DataError, match=message):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
