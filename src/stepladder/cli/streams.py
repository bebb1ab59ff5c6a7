"""Standard output and error, whatever they are: terminals, of another encoding, full, unread."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepladder.files import escape, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALIKE = dict(zip("−–─→×·…±≈▲▼δ≤≥’", "--->x..~~^vd<>'", strict=True))
"""A sign of one column for each of ours, so that tables stay aligned."""


def tolerate() -> None:
    """From here on every text can be written, and a lost reader of messages stops nothing.

    A terminal gets no control characters but those of rich: names, paths and the messages of
    libraries may have some. Files and pipes get all text as it is.
    """
    codecs.register_error("stepladder", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="stepladder")
    output = sys.stdout
    if output is sys.__stdout__ and isinstance(output, io.TextIOWrapper) and output.isatty():
        sys.stdout = _wrapped(output, _Terminal)
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _wrapped(sys.stderr, _Messages)


def _wrapped(stream: io.TextIOWrapper, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    encoding = stream.encoding
    return kind(stream.detach(), encoding, "stepladder", line_buffering=True)


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
    return _ALIKE.get(sign) or escape(sign)


class _Terminal(io.TextIOWrapper):
    """An output that, where it is a terminal, is steered by rich alone."""

    def write(self, text: str) -> int:
        return self.write_as_it_is(visible(text) if self.isatty() else text)

    def write_as_it_is(self, text: str) -> int:
        return super().write(text)

    @property
    def rich_proxied_file(self) -> _Steered:
        """Where a console of rich writes; its texts have no controls before it adds its own."""
        return _Steered(self)


@dataclass(frozen=True)
class _Steered:
    stream: _Terminal

    def write(self, text: str) -> int:
        return self.stream.write_as_it_is(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


@contextmanager
def starting() -> Iterator[None]:
    """Says on a terminal that the command starts while its modules are imported."""
    stream = sys.stderr
    write = stream.write_as_it_is if isinstance(stream, _Terminal) and stream.isatty() else None
    if write:
        write("Starting…")
        stream.flush()
    try:
        yield
    finally:
        if write:
            write("\r\x1b[K")
            stream.flush()


class _Messages(_Terminal):
    """Standard error; once it cannot be written, messages are dropped and the work continues."""

    def write_as_it_is(self, text: str) -> int:
        try:
            return super().write_as_it_is(text)
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
