"""Paths and addresses of a user: refused if they cannot be looked up, shown without secrets."""

from __future__ import annotations

import errno
import os
import re
import reprlib
from collections.abc import Iterator
from pathlib import Path

from stepladder.errors import InputError

__all__ = ["usable", "without_password"]

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


def usable(path: str | Path, what: str) -> Path:
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
