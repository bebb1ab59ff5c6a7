"""Pages made once for all readers, and anew no more often than they may cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Cache"]

LEAST_SECONDS = 2.0
SHARE = 0.05  # of one core's time that making one page may take


T = TypeVar("T")


@dataclass(frozen=True)
class _Made(Generic[T]):
    value: T
    stamp: Hashable
    at: float
    cost: float


class Cache(Generic[T]):
    """Values by key; whoever asks while one is made anew gets the one before.

    Args:
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[Hashable, _Made[T]] = {}
        self._locks: dict[Hashable, Lock] = {}
        self._guard = Lock()

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], T]) -> T:
        """The value of a key.

        Args:
            key: which.
            stamp: what it is made from: as long as that is the same, nothing is made anew.
            make: makes it; what it raises is raised where there is no value yet, and else
                ignored, so that a store that is busy for a moment leaves the page as it was.
        """
        made = self._made.get(key)
        if made is not None and (made.stamp == stamp or not self._is_due(made)):
            return made.value
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        if made is None:
            lock.acquire()
        elif not lock.acquire(blocking=False):
            return made.value
        try:
            there = self._made.get(key)
            if there is not None and there is not made:
                return there.value  # another has made it meanwhile
            return self._make(key, stamp, make, there)
        finally:
            lock.release()

    def _is_due(self, made: _Made[T]) -> bool:
        return self._clock() - made.at >= max(LEAST_SECONDS, made.cost / SHARE)

    def _make(
        self, key: Hashable, stamp: Hashable, make: Callable[[], T], before: _Made[T] | None
    ) -> T:
        began = self._clock()
        try:
            value = make()
        except Exception:
            if before is None:
                raise
            value, stamp = before.value, before.stamp
        ended = self._clock()
        self._made[key] = _Made(value, stamp, ended, ended - began)
        return value
