"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from stepladder.errors import OutputError

__all__ = ["write_whole"]


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
    part = file.with_name(f".{file.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        _remove(part)
        raise OutputError(
            f"{str(file)!r} must be a file that can be written, found: {error.strerror or error}; "
            "free some space, mend the permissions or name another place"
        ) from error
    except BaseException:
        _remove(part)
        raise
    return file


def _remove(part: Path) -> None:
    with suppress(OSError):  # what went wrong before is what the user should hear of
        part.unlink()
