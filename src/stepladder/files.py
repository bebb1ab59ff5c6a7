"""Paths are checked, files are written in one move, and only regular files are read."""

import errno
import json
import os
import re
import reprlib
import secrets
import stat
import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from stepladder.errors import InputError, OutputError

_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
_TRIES = 3
_MOST = 64_000_000  # bytes that are sensible for a file that is read whole


def atomic_write(file: Path, content: bytes) -> Path:
    """Writes a temporary file and renames it, so that a reader never sees half of the content.

    A link is followed. A device or pipe is written to: it has no half that a reader could see.

    Args:
        file: where to; its folder is made where it is missing.
        content: what to write.

    Returns:
        The file.

    Raises:
        OutputError: if it cannot be written; nothing is left behind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     atomic_write(Path(folder) / "new" / "a.txt", b"text").read_bytes()
        b'text'
    """
    if os.path.isdir(file):  # "." has no name for a temporary file
        raise _unwritten(file, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    given, file = file, Path(os.path.realpath(file))
    if os.path.exists(file) and not os.path.isfile(file):
        try:
            with file.open("wb") as stream:
                stream.write(content)
        except OSError as error:
            raise _unwritten(given, error) from error
        return given
    for tries in range(_TRIES):
        part = file.with_name(f".{file.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(file)
            return given
        except FileNotFoundError as error:  # the folder or the part was deleted meanwhile: again
            _remove(part)
            if tries == _TRIES - 1:
                raise _unwritten(file, error) from error
        except OSError as error:
            _remove(part)
            raise _unwritten(file, error) from error
        except BaseException:
            _remove(part)
            raise
    raise AssertionError("the last try returns or raises")


def open_regular(file: str | Path) -> BufferedReader:
    """Opens a regular file to read its bytes; a pipe would be waited for, a device has no end.

    Raises:
        OSError: if it cannot be opened or is something else; `strerror` says what.

    Example:
        >>> open_regular("/dev/zero")
        Traceback (most recent call last):
        OSError: [Errno 22] a device and no regular file: '/dev/zero'
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    kind = "a pipe" if stat.S_ISFIFO(mode) else "a device"
    raise OSError(errno.EINVAL, f"{kind} and no regular file", str(file))


def read_bounded(file: str | Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: if it cannot be read, is no regular file, or is larger than 64 MB.
    """
    with open_regular(file) as stream:
        content = stream.read(_MOST + 1)
    if len(content) > _MOST:
        raise OSError(errno.EFBIG, f"more than {_MOST:,} bytes", str(file))
    return content


def undecodable(lines: Iterable[bytes]) -> str:
    r"""Where a text is not in UTF-8.

    Example:
        >>> undecodable([b"plain\n", b"caf\xe9\n"])
        'the byte 0xe9 in line 2'
    """
    for number, line in enumerate(lines, 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return f"the byte 0x{line[error.start]:02x} in line {number}"
    return "other bytes"


def load_json(file: str | Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What a JSON file holds.

    Raises:
        OSError: if it cannot be read, is no regular file, or is too large.
        ValueError: if it is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(read_bounded(file), parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_toml(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """What a TOML text holds.

    Args:
        text: the text.
        parse_float: reads a number with a decimal point.

    Raises:
        ValueError: if it is not TOML, or is nested too deeply.

    Example:
        >>> parse_toml("epochs = 5")
        {'epochs': 5}
    """
    try:
        values = tomllib.loads(text, parse_float=parse_float)
        _check_numbers(values)
        return values
    except RecursionError:
        raise ValueError("values nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python does not convert thousands of digits
        raise ValueError(_TOO_LONG) from None


_TOO_LONG = "a whole number of more than 64 bits"


def _check_numbers(value: object) -> None:
    """Refuses whole numbers that neither TOML's nor other libraries' integers can be."""
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError(_TOO_LONG)
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_numbers(inner)


def _whole(digits: str) -> int:
    number = int(digits)
    _check_numbers(number)
    return number


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; what is deleted meanwhile does not count."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.stat(os.path.join(place, name)).st_size
    return size


def remove_partial_files(folder: Path) -> None:
    """Removes temporary files of killed writers from a folder.

    A writer that still runs begins again.
    """
    with suppress(OSError):
        for file in folder.iterdir():
            if _PART.fullmatch(file.name):
                _remove(file)


def _unwritten(file: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{str(file)!r} must be a file that can be written, found: {error.strerror or error}; "
        "free some space, fix the permissions or name another place"
    )


def _remove(part: Path) -> None:
    with suppress(OSError):  # the user should hear of the first error, not of this one
        part.unlink()


_ADVICE = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of it is a file: name a path that leads only through folders",
    errno.EACCES: "fix the permissions of the folders above it, or name another place",
    errno.ELOOP: "its links form a circle: name the place itself",
}
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = 100

# URLs as SQLAlchemy parses them, but up to the last `@`: rather too much than too little.
_PASSWORD = re.compile(
    r"(?P<user>://[^:/]*:).*(?=@)|(?P<option>[?&](?:ssl)?password=)[^&]*", re.DOTALL
)


def validate_path(path: str | Path, what: str) -> Path:
    """A path that the system can look up, whether something is there or not.

    `pathlib` raises where a name is too long or a folder may not be entered, even when it is only
    asked whether something exists. After this check it does not.

    Args:
        path: as the user gave it.
        what: the user calls it, such as `--out`.

    Raises:
        InputError: if a name in it is too long, it has a NUL character, leads through a file or a
            folder that may not be entered, or its links form a circle.

    Example:
        >>> validate_path("a" * 300, "--out")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        stepladder.errors.InputError: out= must be a path that can be looked up, found ...
    """
    place = existing = Path(path)
    try:
        missing = []
        while not _exists(existing) and existing != existing.parent:
            missing.append(existing.name)
            existing = existing.parent
        for name in missing:  # each on its own: a missing folder hides what is wrong below it
            _exists(existing / name)
    except ValueError:
        raise _unusable(place, what, "a NUL character", "leave it out") from None
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "name another place")
        raise _unusable(place, what, error.strerror or str(error), advice) from None
    return place


def without_password(word: str) -> str:
    """One word of a command, such as a store's URL, with `***` for the passwords in it.

    Example:
        >>> without_password("postgresql://me:secret@host/db")
        'postgresql://me:***@host/db'
    """
    return _PASSWORD.sub(lambda match: f"{match['user'] or match['option']}***", word)


# Controls but tabs and line breaks, what reorders the text around it, and what is not seen; but the
# joiners within words of other scripts, and within emoji.
_UNSEEN = re.compile(
    r"(?!\t|\r?\n)[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    r"|(?<![^\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\0-\x7f])"
)


def visible(text: str) -> str:
    r"""A text that a terminal shows as it is: what would steer it is written as JSON escapes it.

    Example:
        >>> print(visible("\x1b[31mred\n\u202eevil"))
        \u001b[31mred
        \u202eevil
    """
    return _UNSEEN.sub(lambda match: escape(match.group()), text)


def name_in_list(name: str) -> str:
    """A name as a list of names shows it: quoted where it has signs that break the line."""
    return name if name.isprintable() else repr(name)


def shorten(text: str, most: int = 1_000) -> str:
    """A message whose words have sensible lengths: the middle of a longer one is left out.

    Example:
        >>> shorten("found " + 5_000 * "1", 10)
        'found 11111… (5,000 characters)'
    """
    return re.sub(
        rf"\S{{{most + 1},}}",
        lambda word: f"{word[0][: most // 2]}… ({len(word[0]):,} characters)",
        text,
    )


def escape(text: str) -> str:
    r"""A text in the escapes that JSON and Python understand.

    Example:
        >>> print(escape("é"))
        \u00e9
    """
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


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
