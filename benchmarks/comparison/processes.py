"""Whole processes, timed from outside, with the memory of everything that they start."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.1  # seconds between two looks at the memory
SHOWN = 3_000  # characters of a log whose program failed


@dataclass(frozen=True)
class Ran:
    """A process that has ended well.

    Attributes:
        seconds: wall time from its start to its end.
        peak_rss: bytes, the largest sum at one time of what it and its descendants had in
            memory; pages that they share count once for each. None where /proc has no such thing.
    """

    seconds: float
    peak_rss: int | None


def run_timed(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Ran:
    """Runs a program to its end.

    Args:
        words: its command line.
        environment: the variables that it sees.
        log: file for all that it writes.

    Raises:
        SystemExit: if it fails, with the end of its log.
    """
    with log.open("wb") as stream:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(words), env=dict(environment), stdout=stream, stderr=subprocess.STDOUT
        )
        watch = _Watch(process.pid)
        try:
            code = process.wait()
            seconds = time.perf_counter() - began
        finally:
            process.kill()
            process.wait()
            watch.stop()
    if code:
        said = log.read_text("utf-8", "replace")[-SHOWN:]
        raise SystemExit(f"{' '.join(words)} ended with exit code {code}:\n{said}")
    return Ran(seconds, watch.peak or None)


class _Watch:
    """Looks at the memory of a process and its descendants until it is stopped."""

    def __init__(self, root: int) -> None:
        self.peak = 0
        self._root, self._over = root, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            self.peak = max(self.peak, sum(map(resident, family(self._root))))


def family(root: int) -> Iterator[int]:
    """A process and all of its descendants, by number."""
    waiting = [root]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):  # it may be gone by now
            for thread in Path(f"/proc/{process}/task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())


def resident(process: int) -> int:
    """Bytes that a process has in memory; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
