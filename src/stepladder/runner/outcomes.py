"""What judging keeps of each trial: all but the class given to each test image, in few bytes."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.records import Curve, Probes, Score, Signs, TrialResult
from stepladder.store import Store

__all__ = ["Outcome", "outcome_of", "outcomes"]

_AT_ONCE = 500  # trials that are held whole: 15 MB of answers to 10,000 images


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trial as it is judged; see `TrialResult` for the attributes that it shares.

    Attributes:
        answer: the class given to every test image where it is the same, else None.
        bits: whether each test image is answered right, eight in a byte.
        images: how many test images there are.
    """

    curve: Curve
    train: Score
    validation: Score
    test: Score
    diverged: int | None
    parameters: int
    seconds: float
    answer: int | None
    bits: npt.NDArray[np.uint8]
    images: int
    probes: Probes | None = None
    signs: Signs | None = None

    @property
    def test_correct(self) -> npt.NDArray[np.bool_]:
        """Whether each test image is answered right, bool of shape (test examples,)."""
        return np.unpackbits(self.bits, count=self.images).astype(np.bool_)


def outcome_of(result: TrialResult) -> Outcome:
    """What judging keeps of a trial."""
    given = result.test_predictions
    return Outcome(
        curve=result.curve,
        train=result.train,
        validation=result.validation,
        test=result.test,
        diverged=result.diverged,
        parameters=result.parameters,
        seconds=result.seconds,
        answer=int(given[0]) if len(given) and np.ptp(given) == 0 else None,
        bits=np.packbits(result.test_correct),
        images=len(result.test_correct),
        probes=result.probes,
        signs=result.signs,
    )


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
            each: outcome_of(result)
            for start in range(0, len(asked), _AT_ONCE)
            for each, result in store.results(asked[start : start + _AT_ONCE], curves).items()
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
