"""The outcomes of many trials, read a few at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from stepladder.outcome import Outcome
from stepladder.store import Store

__all__ = ["outcomes"]

_AT_ONCE = 500  # trials whose epochs are held at once: 10 MB for 100 epochs each


def outcomes(store: Store, ids: Iterable[str], curves: bool = False) -> dict[str, Outcome]:
    """The outcomes of some trials, read a few at a time: a large store need not fit in memory.

    Args:
        store: where the trials are.
        ids: theirs; those that the store does not hold are left out.
        curves: whether to read the epochs too; without, every curve has 0 epochs.

    Returns:
        Outcomes by id, in the order in which the ids were given.

    Raises:
        StoreError: if the store cannot be read.
    """
    asked = list(dict.fromkeys(ids))
    with _without_collecting():
        return {
            each: outcome
            for start in range(0, len(asked), _AT_ONCE)
            for each, outcome in store.outcomes(asked[start : start + _AT_ONCE], curves).items()
        }


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing here is a ring, and looking for rings among a million values takes a fifth longer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
