"""Files written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from stepladder.errors import OutputError

__all__ = ["size_of", "sweep", "write_whole"]

_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
_TRIES = 3


def write_whole(file: Path, content: bytes) -> Path:
    """Writes beside a file and moves into its place, so that a reader never sees half of it.

    Args:
        file: where to; its folder is made where it is missing.
        content: what to write.

    Returns:
        The file.

    Raises:
        OutputError: if it cannot be written; nothing is left behind.
    """
    if os.path.isdir(file):  # "." has no name of its own to write a part beside
        raise _unwritten(file, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    for tries in range(_TRIES):
        part = file.with_name(f".{file.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            _write(part, content)
            part.replace(file)
            return file
        except FileNotFoundError as error:
            _remove(part)  # the folder was deleted, or somebody has swept the part away: again
            if tries == _TRIES - 1:
                raise _unwritten(file, error) from error
        except OSError as error:
            _remove(part)
            raise _unwritten(file, error) from error
        except BaseException:
            _remove(part)
            raise
    raise AssertionError("the last try returns or raises")


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; what vanishes while it is looked at counts as nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.stat(os.path.join(place, name)).st_size
    return size


def sweep(folder: Path) -> None:
    """Removes what writers that were killed have left behind in a folder; whole files stay.

    One that is still writing begins again.
    """
    with suppress(OSError):
        for file in folder.iterdir():
            if _PART.fullmatch(file.name):
                _remove(file)


def _write(part: Path, content: bytes) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _unwritten(file: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{str(file)!r} must be a file that can be written, found: {error.strerror or error}; "
        "free some space, mend the permissions or name another place"
    )


def _remove(part: Path) -> None:
    with suppress(OSError):  # what went wrong before is what the user should hear of
        part.unlink()
