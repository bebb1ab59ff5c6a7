"""The watchdog: which training processes have said nothing for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

__all__ = ["Watchdog"]

_TIMES_LONGEST = 20
_STEP = 5.0

Watched = TypeVar("Watched")
Clock = Callable[[], float]


class Watchdog(Generic[Watched]):
    """Measures the silence of processes while they have something to train.

    Silence is added up look by look, at most some seconds for each, so that a machine that
    slept, or a driver that was stopped or waited for its store, blames nobody.

    Args:
        patience: seconds of silence that are always allowed; 0 allows any silence.
        clock: seconds from any origin, never backwards.
    """

    def __init__(self, patience: float, clock: Clock = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._looked = clock()
        self._silence: dict[Watched, float] = {}
        self._longest: dict[Watched, float] = {}

    def heard(self, process: Watched, trained: bool = True) -> None:
        """A process has said something.

        Args:
            process: which one.
            trained: whether it spent all the time on an epoch: what that took, the next may take
                many times over. Starting and compiling tell nothing of that.
        """
        silence = self._silence.pop(process, 0.0)
        if trained:
            self._longest[process] = max(silence, self._longest.get(process, 0.0))

    def forget(self, process: Watched) -> None:
        """A process is gone."""
        self._silence.pop(process, None)
        self._longest.pop(process, None)

    def silent(self, busy: Iterable[Watched]) -> list[tuple[Watched, float]]:
        """Looks at those that have something to train.

        Returns:
            Those that have been silent for too long, and for how many seconds.
        """
        now = self._clock()
        passed, self._looked = min(now - self._looked, _STEP), now
        found = []
        for process in busy:
            silence = self._silence[process] = self._silence.get(process, 0.0) + passed
            allowed = max(self._patience, _TIMES_LONGEST * self._longest.get(process, 0.0))
            if self._patience and silence > allowed:
                found.append((process, silence))
        return found
