"""Which process on which machine drives a run, and whether such a process still runs."""

from __future__ import annotations

import os
import platform
import secrets
from pathlib import Path

from stepladder.store import Driver

__all__ = ["is_here_and_gone", "is_running", "this_driver"]

_PROC = Path("/proc")
_ENDED = ("Z", "X")  # a zombie has ended; its parent has not looked yet


def this_driver() -> Driver:
    """This process as a driver, under an id that is new each time."""
    return Driver(secrets.token_hex(16), _place(), _mark(os.getpid()) or str(os.getpid()))


def is_running(process: str) -> bool:
    """Whether a process of this very place still runs; where that cannot be told, it does.

    Args:
        process: as `Driver.process` has it.
    """
    number = process.split()[0]
    if not number.isdigit():
        return True
    if _PROC.joinpath("self", "stat").exists():
        return _mark(int(number)) == process
    if os.name != "posix":
        return True
    try:
        os.kill(int(number), 0)  # no signal: only whether there is such a process
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def is_here_and_gone(driver: Driver) -> bool:
    """Whether a driver ran on this machine, since it was started, and runs no more."""
    return driver.place == _place() and not is_running(driver.process)


def _place() -> str:
    """The machine's name, its start and the namespace that gives process numbers their meaning."""
    parts = [platform.node()]
    try:
        parts.append(_PROC.joinpath("sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink(_PROC / "self/ns/pid"))
    except OSError:
        pass
    return " ".join(parts)


def _mark(number: int) -> str | None:
    """A process' number and start, since numbers are used again; None where there is none."""
    try:
        stat = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in _ENDED else f"{number} {fields[19]}"
