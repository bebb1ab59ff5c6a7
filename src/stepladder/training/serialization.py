"""Arrays with a JSON header: in files, and in frames on the pipe of an exported model.

The format is our own, not safetensors: a digest finds damaged files, and run folders of earlier
versions hold weights in it, so that its reader has to stay.
"""

import hashlib
import io
import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from stepladder.files import atomic_write, open_regular

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
        arrays: of numbers or booleans, by name.

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
    """Reads one frame, or None where the stream has ended, within a frame included.

    Returns:
        The header without "arrays", and the arrays by name; each owns its memory.
    """
    header = _receive_header(stream)
    arrays = None if header is None else _receive_arrays(stream, header)
    return None if header is None or arrays is None else (header, arrays)


def _receive_arrays(stream: BinaryIO, header: dict[str, Any]) -> dict[str, Array] | None:
    """Reads the arrays that follow a header, which loses their descriptions."""
    arrays = {}
    for name, dtype, shape in header.pop("arrays"):
        array = np.empty(shape, np.dtype(dtype))
        body = _exactly(stream, array.nbytes)
        if body is None:
            return None
        arrays[name] = np.frombuffer(body, array.dtype).reshape(shape)
    return arrays


def _receive_header(stream: BinaryIO) -> dict[str, Any] | None:
    """Reads the header of a frame, the descriptions of its arrays under "arrays", and no more."""
    head = _exactly(stream, _LENGTH.size)
    text = None if head is None else _exactly(stream, _LENGTH.unpack(head)[0])
    return None if text is None else dict(json.loads(text))


def _exactly(stream: BinaryIO, size: int) -> bytearray | None:
    body = stream.read(size)
    return bytearray(body) if len(body) == size else None


MAGIC = b"stepladder checkpoint 1\n"
_DIGEST_BYTES = 32
_BROKEN = (ValueError, KeyError, TypeError, MemoryError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Attributes:
        trials: id of the trial of each lane.
        done: steps trained, in whatever unit its engine counts.
        more: other values, as JSON has them.
        arrays: numbers by name.
    """

    trials: tuple[str, ...]
    done: int
    more: Mapping[str, Any]
    arrays: Mapping[str, Array]

    def holds(self, arrays: Mapping[str, Array]) -> bool:
        """Whether it has arrays of these names, types and shapes, others apart."""
        return all(
            name in self.arrays
            and (self.arrays[name].dtype, self.arrays[name].shape) == (array.dtype, array.shape)
            for name, array in arrays.items()
        )


def write(file: Path, state: Checkpoint, versions: Mapping[str, str]) -> None:
    """Writes a state.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "state"
        ...     write(file, Checkpoint(("id",), 3, {}, {"a": np.zeros(2)}), {"jax": "1"})
        ...     state, problem = read(file)
        >>> state.done, state.arrays["a"], problem
        (3, array([0., 0.]), '')

    Raises:
        OutputError: if it cannot be written.
    """
    body = io.BytesIO()
    header = {
        "trials": list(state.trials),
        "done": state.done,
        "more": {**state.more, "versions": dict(versions)},
    }
    send(body, header, state.arrays)
    atomic_write(file, MAGIC + hashlib.sha256(body.getbuffer()).digest() + body.getbuffer())


def read(file: Path, with_arrays: bool = True) -> tuple[Checkpoint | None, str]:
    """The state in a file, or None and what is wrong with the file.

    Nothing of it is interpreted, no length and no name, before the digest of all of it is checked.

    Args:
        file: what `write` wrote.
        with_arrays: whether its arrays are read, or left out.
    """
    try:
        with open_regular(file) as stream:
            magic, digest = stream.read(len(MAGIC)), stream.read(_DIGEST_BYTES)
            body = stream.tell()
            if magic != MAGIC or hashlib.file_digest(stream, "sha256").digest() != digest:
                return None, "is damaged"
            stream.seek(body)
            header = _receive_header(stream)
            arrays = _receive_arrays(stream, header) if header and with_arrays else {}
    except OSError as error:
        return None, f"cannot be read: {error.strerror or error}"
    except _BROKEN as error:
        return None, f"is not as it was written: {type(error).__name__}"
    if header is None or arrays is None:
        return None, "ends too early"
    match header:
        case {"trials": [*trials], "done": int(done), "more": dict(more)} if all(
            isinstance(trial, str) for trial in trials
        ):
            return Checkpoint(tuple(trials), done, more, arrays), ""
    return None, "is not as it was written"


def remove_file(file: Path) -> None:
    """Removes a file that another process may have removed already."""
    with suppress(OSError):
        file.unlink()
