"""Signals that stop a command: once cleanly, twice at once."""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""What an interrupted command exits with."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
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


def is_cause(error: BaseException) -> bool:
    """Whether an error is an interruption that a library has wrapped into one of its own.

    Example:
        >>> error = ValueError("in a callback")
        >>> error.__cause__ = KeyboardInterrupt()
        >>> is_cause(error), is_cause(ValueError())
        (True, False)
    """
    cause = error.__cause__
    return cause is not None and (isinstance(cause, KeyboardInterrupt) or is_cause(cause))


def _first(number: int, frame: FrameType | None) -> None:
    for name in _SIGNALS:
        other = getattr(signal, name, None)
        if other is not None and signal.getsignal(other) is _first:
            signal.signal(other, _second)
    raise KeyboardInterrupt


def _second(number: int, frame: FrameType | None) -> None:
    if sys.stderr.isatty():
        os.write(2, _SHOW_CURSOR)  # a live view hides it
    os._exit(INTERRUPTED)
