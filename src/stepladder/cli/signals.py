"""Signals that stop a command: once cleanly, twice at once."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

import click

from stepladder.errors import LeftRunning

INTERRUPTED = 130
"""What an interrupted command exits with."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_received: list[int] = []
_SHOW_CURSOR = b"\x1b[?25h"


def stop_cleanly() -> None:
    """From here on Ctrl-C, SIGTERM and a closed terminal raise `KeyboardInterrupt`, the first time.

    The second time the process ends at once; its training processes end with it. A signal that
    is ignored, as `nohup` does it, stays ignored.
    """
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _first)


def interruption_in(error: BaseException) -> KeyboardInterrupt | None:
    """The interruption that a library has wrapped into an error of its own; None for others.

    Example:
        >>> error = ValueError("in a callback")
        >>> error.__cause__ = KeyboardInterrupt()
        >>> interruption_in(error), interruption_in(ValueError())
        (KeyboardInterrupt(), None)
    """
    cause = error.__cause__
    if cause is None or isinstance(cause, KeyboardInterrupt):
        return cause
    return interruption_in(cause)


def _first(number: int, frame: FrameType | None) -> None:
    for name in _SIGNALS:
        other = getattr(signal, name, None)
        if other is not None and signal.getsignal(other) is _first:
            signal.signal(other, _second)
    _received.append(number)
    raise KeyboardInterrupt


def ask_to_end(left: LeftRunning) -> None:
    """Asks after Ctrl-C whether workers shall end; they go on where nobody can answer."""
    is_asked = _received[-1:] == [signal.SIGINT]
    if not is_asked or not sys.stdin or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    with suppress(click.Abort, OSError):  # the terminal is closed
        if click.confirm("Cancel what is queued and what runs?", default=False, err=True):
            left.end()
            click.echo("Cancelled.", err=True)


def _second(number: int, frame: FrameType | None) -> None:
    if sys.stderr.isatty():
        os.write(2, _SHOW_CURSOR)  # a live view hides it
    os._exit(INTERRUPTED)
