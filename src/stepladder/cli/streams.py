"""Standard output and error, whatever they are: of another encoding, full, or without a reader."""

import codecs
import errno
import io
import os
import sys

_ALIKE = dict(zip("−–─→×·…±≈▲▼δ≤≥’", "--->x..~~^vd<>'", strict=True))
"""A sign of one column for each of ours, so that tables stay aligned."""


def tolerate() -> None:
    """From here on every text can be written, and a lost reader of messages stops nothing."""
    codecs.register_error("stepladder", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="stepladder")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Messages(
            sys.stderr.detach(), sys.__stderr__.encoding, "stepladder", line_buffering=True
        )


def is_unwritable(error: OSError) -> bool:
    """Whether an error says that output cannot be written, as where a disk is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def discard_output() -> None:
    """Lets the interpreter end without a second message on what could not be written."""
    _to_nothing(1)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """A sign that looks alike, or the escape that JSON and Python understand."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_writable, text)), error.end


def _writable(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return _ALIKE.get(sign) or "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


class _Messages(io.TextIOWrapper):
    """Standard error; once it cannot be written, messages are dropped and the work continues."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            _to_nothing(2)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _to_nothing(2)


def _to_nothing(number: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
