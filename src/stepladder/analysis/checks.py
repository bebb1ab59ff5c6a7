"""What may be judged: checked once, at the door, with errors that help."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from stepladder.errors import InputError
from stepladder.values import did_you_mean

__all__ = ["as_fractions", "as_pairs", "check_delta", "check_share"]

Floats = npt.NDArray[np.float64]

_WRITE = "write fractions in 0…1, with NaN for a replicate that diverged"


def as_fractions(values: Sequence[float] | Floats, what: str) -> Floats:
    """Accuracies as a float64 array of shape (replicates,).

    Args:
        values: fractions in 0…1, NaN where a replicate diverged.
        what: what they are, for the error, such as `scores of arm '+ ReLU'`.

    Raises:
        InputError: if one of them is not a number, or is outside 0…1.
    """
    try:
        given = np.asarray(values)
    except ValueError:  # lists of different lengths inside a list
        raise InputError(
            f"{what} must be one list of numbers, found {values!r}; {_WRITE}"
        ) from None
    if given.ndim != 1:
        raise InputError(f"{what} must be one list of numbers, found shape {given.shape}; {_WRITE}")
    if given.dtype.kind not in "iuf":
        wrong = next((each for each in values if not _is_number(each)), values)
        raise InputError(f"{what} must be numbers, found {wrong!r}; {_WRITE}")
    fractions = given.astype(np.float64)
    outside = fractions[~(np.isnan(fractions) | ((fractions >= 0) & (fractions <= 1)))]
    if outside.size:
        advice = "divide percentages by 100" if 1 < outside[0] <= 100 else _WRITE
        raise InputError(f"{what} must be in 0…1, found {float(outside[0])!r}; {advice}")
    return fractions


def as_pairs(
    scores: Mapping[str, Sequence[float]], pairs: Sequence[tuple[str, str]]
) -> tuple[Floats, Floats, list[int]]:
    """The scores of each comparison, missing replicates as NaN.

    Args:
        scores: fractions by arm.
        pairs: names of arms, each with the one it is compared with.

    Returns:
        Two arrays of shape (pairs, replicates), and the replicates that either arm of a pair has.

    Raises:
        InputError: if scores are not valid, an arm is unknown, or one is judged twice.
    """
    named = {name: as_fractions(given, f"scores of arm {name!r}") for name, given in scores.items()}
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        if name not in named:
            advice = did_you_mean(name, named, f"the arms are {', '.join(named)}")
            raise InputError(f"pairs must name arms that have scores, found {name!r}; {advice}")
    judged = [arm for arm, _ in pairs]
    twice = next((name for name in judged if judged.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"an arm must be judged against one other, found {twice!r} in several pairs; "
            "judge them one call at a time"
        )
    longest = max((len(named[name]) for pair in pairs for name in pair), default=0)
    padded = {
        name: np.pad(given[:longest], (0, longest - len(given[:longest])), constant_values=np.nan)
        for name, given in named.items()
    }
    first, second = (
        np.array([padded[pair[side]] for pair in pairs]).reshape(len(pairs), longest)
        for side in (0, 1)
    )
    return first, second, [max(len(named[arm]), len(named[other])) for arm, other in pairs]


def check_delta(delta: float) -> None:
    """Checks the percentage points below which a difference does not matter.

    Raises:
        InputError: if they are not a finite number above 0.
    """
    if not (_is_number(delta) and math.isfinite(delta) and delta > 0):
        raise InputError(
            f"delta must be percentage points above 0, found {delta!r}; write a value such as 0.1"
        )


def check_share(value: float, name: str, example: float) -> None:
    """Checks an error rate or a confidence.

    Raises:
        InputError: if it is not a number between 0 and 1.
    """
    if not (_is_number(value) and 0 < value < 1):
        raise InputError(
            f"{name} must be between 0 and 1, found {value!r}; write a value such as {example}"
        )


def _is_number(value: object) -> bool:
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)
