"""Pages made once for all readers, and anew no more often than they may cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

__all__ = ["Cache"]

LEAST_SECONDS = 2.0
SHARE = 0.05  # of one core's time that making one page may take


@dataclass(frozen=True)
class _Made:
    text: str
    stamp: Hashable
    at: float
    cost: float


class Cache:
    """Texts by key; whoever asks while one is made anew gets the one before.

    Args:
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[Hashable, _Made] = {}
        self._locks: dict[Hashable, Lock] = {}
        self._guard = Lock()

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], str]) -> str:
        """The text of a key.

        Args:
            key: which.
            stamp: what it is made from: as long as that is the same, nothing is made anew.
            make: makes it; what it raises is raised where there is no text yet, and else ignored,
                so that a store that is busy for a moment leaves the page as it was.
        """
        made = self._made.get(key)
        if made is not None and (made.stamp == stamp or not self._is_due(made)):
            return made.text
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        if not lock.acquire(blocking=made is None):
            return made.text if made else ""
        try:
            there = self._made.get(key)
            if there is not None and there is not made:
                return there.text  # another has made it meanwhile
            return self._make(key, stamp, make, there)
        finally:
            lock.release()

    def _is_due(self, made: _Made) -> bool:
        return self._clock() - made.at >= max(LEAST_SECONDS, made.cost / SHARE)

    def _make(
        self, key: Hashable, stamp: Hashable, make: Callable[[], str], before: _Made | None
    ) -> str:
        began = self._clock()
        try:
            text = make()
        except Exception:
            if before is None:
                raise
            text, stamp = before.text, before.stamp
        ended = self._clock()
        self._made[key] = _Made(text, stamp, ended, ended - began)
        return text
