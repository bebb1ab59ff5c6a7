"""MNIST, carried by the package so that it is there without a network."""

from __future__ import annotations

import hashlib
import lzma
from importlib import resources

import numpy as np

from stepladder.data.assemble import assemble
from stepladder.data.dataset import Dataset
from stepladder.errors import DataError

__all__ = ["read_mnist", "unpack_mnist"]

_SHA256 = "3085a14d8456d658009c1bd452910fc70d269042985ac34f770a1206f321d56c"
_SHAPES = {
    "x_train": (60_000, 28, 28),
    "x_test": (10_000, 28, 28),
    "y_train": (60_000,),
    "y_test": (10_000,),
}


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
    found = hashlib.sha256(packed).hexdigest()
    if found != _SHA256:
        raise DataError(
            f"mnist: the packaged file must have the SHA-256 {_SHA256}, found {found} "
            f"({len(packed):,} bytes); reinstall stepladder"
        )
    values = np.frombuffer(lzma.decompress(packed), np.uint8)
    ends = np.cumsum([np.prod(shape) for shape in _SHAPES.values()])
    parts = np.split(values, ends[:-1])
    arrays = {
        name: part.reshape(shape)
        for (name, shape), part in zip(_SHAPES.items(), parts, strict=True)
    }
    return assemble("mnist", **arrays)
