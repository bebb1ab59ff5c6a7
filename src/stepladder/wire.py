"""Frames between processes of ours: a JSON header and plain arrays, never a pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Frame", "receive", "receive_header", "send"]

Array = npt.NDArray[Any]
Frame = tuple[dict[str, Any], dict[str, Array]]

_LENGTH = struct.Struct("<Q")


def send(
    stream: BinaryIO, header: Mapping[str, Any], arrays: Mapping[str, Array] | None = None
) -> None:
    """Writes one frame and flushes it.

    Args:
        stream: a binary stream.
        header: JSON values; the key "arrays" is taken.
        arrays: of any shape and of numbers or booleans, by name.

    Raises:
        BrokenPipeError: if the other side is gone.
        ValueError: if an array holds objects.
    """
    parts = {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()}
    if any(part.dtype.hasobject for part in parts.values()):
        raise ValueError("arrays must hold numbers, found objects; convert them first")
    described = [[name, part.dtype.str, list(part.shape)] for name, part in parts.items()]
    text = json.dumps({**header, "arrays": described}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    for part in parts.values():
        stream.write(part.tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> Frame | None:
    """Reads one frame, or None where the stream has ended, in the middle of a frame included.

    Returns:
        The header without "arrays", and the arrays by name; each owns its memory.
    """
    header = receive_header(stream)
    if header is None:
        return None
    arrays = {}
    for name, dtype, shape in header.pop("arrays"):
        array = np.empty(shape, np.dtype(dtype))
        body = _exactly(stream, array.nbytes)
        if body is None:
            return None
        arrays[name] = np.frombuffer(body, array.dtype).reshape(shape)
    return header, arrays


def receive_header(stream: BinaryIO) -> dict[str, Any] | None:
    """Reads the header of a frame, the descriptions of its arrays under "arrays", and no more."""
    head = _exactly(stream, _LENGTH.size)
    text = None if head is None else _exactly(stream, _LENGTH.unpack(head)[0])
    return None if text is None else dict(json.loads(text))


def _exactly(stream: BinaryIO, size: int) -> bytearray | None:
    body = bytearray(size)
    view, filled = memoryview(body), 0
    while filled < size:
        part = stream.read(min(size - filled, 1 << 24))
        if not part:
            return None
        view[filled : filled + len(part)] = part
        filled += len(part)
    return body
