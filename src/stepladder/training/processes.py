"""Processes that training processes and the user's code start: they end when they should."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_GUARD = """
import os, select, signal
watched = select.poll()
watched.register(0, 0)
watched.poll()
os.killpg(0, signal.SIGKILL)
"""


def end_with_parent() -> None:
    """Has Linux kill this process with its parent, should it hang so that no pipe can end it.

    It may be called between fork and exec: it imports nothing and takes no lock.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Has Linux make what a child leaves running a child of this process, which can end it."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def guard_group(inbox: BinaryIO) -> None:
    """Starts a process that ends this one's group when nobody can write to a pipe any more.

    A driver may be killed while the user's code keeps this process from noticing, or together
    with this process: what that code has started would train on.

    Args:
        inbox: the end of the pipe that this process reads.
    """
    if hasattr(os, "killpg"):
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD], stdin=inbox,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def children() -> set[int]:
    """The numbers of this process' children."""
    number = os.getpid()
    try:  # some 50 times as fast as asking every process of the machine for its parent
        return {*map(int, Path(f"/proc/self/task/{number}/children").read_text().split())}
    except OSError:
        import psutil

        return {child.pid for child in psutil.Process().children()}


def end_trees(numbers: Iterable[int], seconds: float = 0.0) -> None:
    """Ends processes with all that they have started.

    Args:
        numbers: of the processes, which may have ended before.
        seconds: for which it waits for their end at most.
    """
    import psutil  # late: most training processes never need it

    ended = []
    for number in numbers:
        with suppress(psutil.Error):
            process = psutil.Process(number)
            ended += [process, *process.children(recursive=True)]
    for process in ended:
        with suppress(psutil.Error):
            process.kill()
    if seconds:
        psutil.wait_procs(ended, timeout=seconds)


def end_group(number: int) -> None:
    """Ends all processes of a group.

    Args:
        number: of the process that leads it, or led it.
    """
    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(number, signal.SIGKILL)
