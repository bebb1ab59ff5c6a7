"""Sharing a store: what this run may train, what others train meanwhile, and whose claims end.

No clock is compared with another. A driver raises a counter in the store, its beat; whoever
waits for its trials watches the counter by its own monotonic clock, so that a clock that is set
back or differs between machines does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from stepladder.errors import StepladderError
from stepladder.records import Trial
from stepladder.runner.processes import is_here_and_gone
from stepladder.store import Driver, Store
from stepladder.train.groups import Group

__all__ = ["BEAT_SECONDS", "LEASE_SECONDS", "Claims", "forget_dead"]

BEAT_SECONDS = 10.0
"""A driver says at least so often that it lives."""

LEASE_SECONDS = 180.0
"""A beat that stands still for so long is that of a dead driver: longer than a beat and the wait
for a locked store together."""

Clock = Callable[[], float]


class Claims:
    """The claims of one run.

    Attributes:
        elsewhere: what other drivers hold of the groups that were asked for, with their lanes.
    """

    def __init__(self, store: Store, driver: Driver, clock: Clock = time.monotonic) -> None:
        """Claims nothing yet.

        Args:
            store: where trials are claimed.
            driver: this process.
            clock: seconds from any origin, never backwards.
        """
        self.elsewhere: list[Group] = []
        self._store, self._driver, self._clock = store, driver, clock
        self._beaten = clock()
        self._held: set[str] = set()
        self._seen: dict[str, tuple[int, float]] = {}  # beat of another driver, and since when

    def take(self, group: Group) -> Group | None:
        """Claims a group: the part that nobody else trains, or None where nothing is left.

        What another driver holds is remembered in `elsewhere`; claims of the dead are ended.
        """
        asked = {trial.id: trial for trial in group.trials}
        held = self._store.claim(self._driver, asked)
        lost = asked.keys() - held
        if lost:
            self._dismiss_dead(self._store.claimed(lost).values())
            held |= self._store.claim(self._driver, lost)
        self._held |= held
        others = asked.keys() - held
        if others:
            self.elsewhere += _parts([group], others.__contains__)
        return next(iter(_parts([group], held.__contains__)), None)

    def keep_alive(self) -> bool:
        """Beats when it is time to.

        Returns:
            False if the claims had been ended by another driver, which took this one for dead;
            those that are still free are claimed again.
        """
        now = self._clock()
        if now - self._beaten < BEAT_SECONDS or not self._held:
            return True
        self._beaten = now
        if self._store.beat(self._driver.id):
            return True
        self._store.claim(self._driver, self._held)
        return False

    def returned(self) -> tuple[list[Group], list[Trial]]:
        """Looks after what is `elsewhere`, and forgets what is settled.

        Returns:
            Groups that are nobody's any more and are to be trained after all, and the trials
            that others have stored.
        """
        ids = [trial.id for group in self.elsewhere for trial in group.trials]
        # Claims first: a trial that is stored in between is then seen as both, not as neither.
        holders = self._store.claimed(ids)
        # A driver that holds nothing does not beat: from its next claim on it is watched anew.
        there = {driver.id for driver in holders.values()}
        self._seen = {each: seen for each, seen in self._seen.items() if each in there}
        dead = self._dismiss_dead(holders.values())
        stored = self._store.has(ids)
        busy = {each for each, driver in holders.items() if driver.id not in dead}
        found = [t for group in self.elsewhere for t in group.trials if t.id in stored]
        free = _parts(self.elsewhere, lambda each: each not in stored and each not in busy)
        self.elsewhere = _parts(self.elsewhere, lambda each: each not in stored and each in busy)
        return free, found

    def release(self, trial_id: str) -> None:
        """Forgets a trial that is stored: its claim has ended with it."""
        self._held.discard(trial_id)

    def end(self) -> None:
        """Lets go of every claim, so that nobody has to wait for them."""
        with suppress(StepladderError):  # a store that fails has been heard of before
            self._store.dismiss(self._driver.id)
        self._held.clear()

    def _dismiss_dead(self, drivers: Iterable[Driver]) -> set[str]:
        """Ends the claims of those that are dead, and says which they were."""
        return {
            driver.id
            for driver in set(drivers)
            if self._is_dead(driver) and self._store.dismiss(driver.id, driver.beat)
        }

    def _is_dead(self, driver: Driver) -> bool:
        if driver.id == self._driver.id:
            return False
        if is_here_and_gone(driver):
            return True
        beat, since = self._seen.get(driver.id, (None, 0.0))
        if beat != driver.beat:
            self._seen[driver.id] = driver.beat, self._clock()
            return False
        return self._clock() - since >= LEASE_SECONDS


def forget_dead(store: Store) -> None:
    """Forgets runs of this machine that were killed after all that they had claimed was stored.

    Raises:
        StoreError: if the store cannot be read or written.
    """
    for driver in store.drivers():
        if is_here_and_gone(driver):
            store.dismiss(driver.id, driver.beat)


def _parts(groups: Iterable[Group], wanted: Callable[[str], bool]) -> list[Group]:
    """Of each group the trials that are wanted, where there are any."""
    kept = []
    for group in groups:
        trials = tuple(trial for trial in group.trials if wanted(trial.id))
        if trials:
            kept.append(replace(group, trials=trials))
    return kept
