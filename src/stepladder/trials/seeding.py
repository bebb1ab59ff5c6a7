"""Named random streams: every random draw of a replicate, derived and never global.

A stream is `numpy.random.SeedSequence(seed, spawn_key=(replicate, stream, *more))`, so that
replicate *r* of a study is the same draw in every arm, on every machine, in any order of
training: common random numbers, which let arms be compared in pairs.
"""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

NUMERICS_VERSION = 3
"""Raised whenever the same trial would train to other numbers than before."""

Stream = Literal[
    "split", "subset", "init", "order", "dropout", "augment", "mixup", "perturb", "user"
]

# The place of a stream is part of every result: new ones are added at the end.
_NUMBER: dict[Stream, int] = {name: number for number, name in enumerate(get_args(Stream), 1)}


HELD_REPLICATES = 4_000_000
"""Numbers from here on are of replicates in which some streams are those of replicate 0.

Which ones is part of the number, so that such a trial is stored, grouped and resumed as any other.
"""

_SPAN = 1_000_000  # replicates of each choice of streams


def held_replicate(replicate: int, varied: Iterable[Stream]) -> int:
    """The number of a replicate in which only some streams vary.

    Args:
        replicate: which draw of the streams that vary, below a million; draw 0 is replicate 0.
        varied: these streams, one or more; all others are those of replicate 0.

    Example:
        >>> number = held_replicate(3, ["init"])
        >>> [replicate_of(number, stream) for stream in ("init", "order")]
        [3, 0]
        >>> held_replicate(0, ["init"])
        0
    """
    choice = sum(1 << _NUMBER[stream] for stream in set(varied))
    return HELD_REPLICATES + (choice - 2) * _SPAN + replicate if replicate else 0


def replicate_of(number: int, stream: Stream | None = None) -> int:
    """The replicate whose draw of a stream a trial of this number has; without one, its own."""
    if number < HELD_REPLICATES:
        return number
    choice, replicate = divmod(number - HELD_REPLICATES, _SPAN)
    is_varied = stream is None or (choice + 2) >> _NUMBER[stream] & 1
    return replicate if is_varied else 0


def _sequence(
    seed: int, number: int, stream: Stream, more: tuple[int, ...]
) -> np.random.SeedSequence:
    # A spawn key keeps seed and place apart: as plain entropy, (…, 3) and (…, 3, 0) would agree.
    place = (replicate_of(number, stream), _NUMBER[stream], *more)
    return np.random.SeedSequence(seed, spawn_key=place)


def generator(seed: int, replicate: int, stream: Stream, *more: int) -> np.random.Generator:
    """A fresh generator at the start of a stream.

    Args:
        seed: the study's seed, 0 or above.
        replicate: the replicate's number, 0 or above.
        stream: which kind of draw.
        more: what distinguishes draws of the kind, such as the layer or the epoch.

    Raises:
        ValueError: if a number is negative.

    Example:
        >>> generator(0, 3, "init").random() == generator(0, 3, "init").random()
        True
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, replicate, stream, more)))


def words(seed: int, replicate: int, stream: Stream, *more: int) -> np.ndarray:
    """Two uint32 words of a stream, shape (2,): the key of a counter-based generator.

    Raises:
        ValueError: if a number is negative.
    """
    return _sequence(seed, replicate, stream, more).generate_state(2, np.uint32)
