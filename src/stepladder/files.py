"""Paths are checked, files are written whole."""

from __future__ import annotations

import errno
import os
import re
import reprlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stepladder.errors import InputError, OutputError

_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
_TRIES = 3


def atomic_write(file: Path, content: bytes) -> Path:
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


def remove_partial_files(folder: Path) -> None:
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


_ADVICE = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of it is a file: name a path that leads through folders alone",
    errno.EACCES: "mend the permissions of the folders above it, or name another place",
    errno.ELOOP: "links lead round in a ring: name the place itself",
}
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = 100

_PASSWORD = re.compile(
    r"(?P<user>://[^:/]*:).*(?=@)|(?P<option>[?&](?:ssl)?password=)[^&]*", re.DOTALL
)
"""URLs as SQLAlchemy takes them apart, but up to the last `@`: rather too much than too little."""


def validate_path(path: str | Path, what: str) -> Path:
    """A path that may lead to something or to nothing, but that the system can look up.

    `pathlib` raises where a name is too long or a folder may not be entered, even if all that is
    asked is whether something exists: whoever has called this may ask.

    Args:
        path: as the user gave it.
        what: the user calls it, such as `--out`.

    Raises:
        InputError: if a name in it is too long, it has a NUL character, leads through a file or a
            folder that may not be entered, or round in a ring.
    """
    place = Path(path)
    try:
        for each in _looked_up(place):
            _exists(each)
    except ValueError:
        raise _unusable(place, what, "a NUL character", "leave it out") from None
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "name another place")
        raise _unusable(place, what, error.strerror or str(error), advice) from None
    return place


def without_password(word: str) -> str:
    """One word of a command, such as a store's URL, with `***` for the passwords in it."""
    return _PASSWORD.sub(lambda found: f"{found['user'] or found['option']}***", word)


def _looked_up(place: Path) -> Iterator[Path]:
    """The path itself, and each name in it that is not there, in the folder that is."""
    yield place
    missing = []
    while not _exists(place) and place != place.parent:
        missing.append(place.name)
        place = place.parent
    yield from (place / name for name in missing)


def _exists(path: Path) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _unusable(place: Path, what: str, found: str, advice: str) -> InputError:
    return InputError(
        f"{what} must be a path that can be looked up, found {_SHOWN.repr(str(place))}: "
        f"{found}; {advice}"
    )
