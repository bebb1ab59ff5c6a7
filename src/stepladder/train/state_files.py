"""Files of where a training stands: arrays and JSON in one file, whole or not there at all.

A file is `MAGIC`, the SHA-256 of all that follows, and one frame as processes exchange them. It
is read only if the digest is right, so that a torn or altered one is never trained on.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stepladder.files import write_whole
from stepladder.train.groups import Group
from stepladder.values import fingerprint
from stepladder.wire import Array, receive, receive_header, send

__all__ = ["MAGIC", "Checkpoint", "head", "number", "read", "remove_file", "shared", "write"]

MAGIC = b"stepladder checkpoint 1\n"
_DIGEST_BYTES = 32
_BROKEN = (ValueError, KeyError, TypeError, MemoryError)


@dataclass(frozen=True)
class Checkpoint:
    """Where a group stood.

    Attributes:
        trials: id of the trial of each lane.
        done: how far it was, in whatever steps its engine counts, growing.
        more: other values, as JSON has them.
        arrays: numbers by name.
    """

    trials: tuple[str, ...]
    done: int
    more: Mapping[str, Any]
    arrays: Mapping[str, Array]

    def is_like(self, arrays: Mapping[str, Array]) -> bool:
        """Whether its arrays have the names, kinds and shapes of some others."""
        return self.arrays.keys() == arrays.keys() and all(
            (self.arrays[name].dtype, self.arrays[name].shape) == (array.dtype, array.shape)
            for name, array in arrays.items()
        )


def shared(group: Group, whatever_epochs: bool = False) -> str:
    """How the names of files begin that may hold a group, whatever else it then held.

    Args:
        group: whose trials are looked for, or were trained.
        whatever_epochs: whether the number of epochs makes no difference.
    """
    key = replace(group.key, epochs=0) if whatever_epochs else group.key
    how: list[object] = []
    if group.stacking.axis != "one":  # of several replicates, any may be the first that is left
        key, how = replace(key, replicate=0), list(group.stacking)
    return fingerprint([repr(key), group.lanes, group.trials[0].dataset, *how])[:24]


def number(file: Path) -> int:
    """The number at the end of a file's name, 0 where there is none."""
    text = file.stem.rpartition("-")[2]
    return int(text) if text.isdigit() else 0


def write(file: Path, state: Checkpoint, versions: Mapping[str, str]) -> None:
    """Writes where a group stood.

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
    write_whole(file, MAGIC + hashlib.sha256(body.getbuffer()).digest() + body.getbuffer())


def read(file: Path) -> tuple[Checkpoint | None, str]:
    """A file's checkpoint, or None and what is wrong with it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return None, f"cannot be read: {error.strerror or error}"
    start = len(MAGIC) + _DIGEST_BYTES
    body = content[start:]
    if (
        content[: len(MAGIC)] != MAGIC
        or hashlib.sha256(body).digest() != content[len(MAGIC) : start]
    ):
        return None, "is damaged"
    try:
        frame = receive(io.BytesIO(body))
        if frame is None:
            return None, "ends too early"
        header, arrays = frame
        return Checkpoint(tuple(header["trials"]), header["done"], header["more"], arrays), ""
    except _BROKEN as error:
        return None, f"is not as it was written: {type(error).__name__}"


def head(file: Path) -> Checkpoint | None:
    """What a file says of itself, without arrays and unchecked, or None where it says nothing."""
    try:
        with file.open("rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                return None
            stream.seek(_DIGEST_BYTES, 1)
            header = receive_header(stream)
        if header is None:
            return None
        return Checkpoint(tuple(header["trials"]), header["done"], header["more"], {})
    except (OSError, *_BROKEN):
        return None


def remove_file(file: Path) -> None:
    """Removes a file that another process may have removed already."""
    with suppress(OSError):
        file.unlink()
