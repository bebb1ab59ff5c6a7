"""What judging keeps of each trial: all but the class given to each test image, in few bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stepladder.records import Curve, Probes, Score, Signs, TrialResult

__all__ = ["Outcome", "answers", "only_answer", "outcome_of"]


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


def outcome_of(result: TrialResult) -> Outcome:
    """What judging keeps of a trial."""
    return Outcome(
        curve=result.curve,
        train=result.train,
        validation=result.validation,
        test=result.test,
        diverged=result.diverged,
        parameters=result.parameters,
        seconds=result.seconds,
        answer=only_answer(result.test_predictions),
        bits=np.packbits(result.test_correct),
        images=len(result.test_correct),
        probes=result.probes,
        signs=result.signs,
    )


def answers(outcomes: Sequence[Outcome]) -> npt.NDArray[np.bool_]:
    """Whether each test image is answered right, bool of shape (outcomes, test examples).

    Args:
        outcomes: at least one, all of the same test images.
    """
    bits = np.stack([each.bits for each in outcomes])
    return np.unpackbits(bits, axis=1, count=outcomes[0].images).view(np.bool_)


def only_answer(predictions: npt.NDArray[np.uint16]) -> int | None:
    """The class that every prediction is of, or None."""
    if not len(predictions) or np.ptp(predictions) != 0:
        return None
    return int(predictions[0])
