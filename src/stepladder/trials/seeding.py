"""Named random streams: every random draw of a replicate, derived and never global.

A stream is `numpy.random.SeedSequence(seed, spawn_key=(replicate, stream, *more))`, so that
replicate *r* of a study is the same draw in every arm, on every machine, in any order of
training: common random numbers, which let arms be compared in pairs.
"""

from typing import Literal, get_args

import numpy as np

NUMERICS_VERSION = 3
"""Raised whenever the same trial would train to other numbers than before."""

Stream = Literal[
    "split", "subset", "init", "order", "dropout", "augment", "mixup", "perturb", "user"
]

# The place of a stream is part of every result: new ones are added at the end.
_NUMBER: dict[Stream, int] = {name: number for number, name in enumerate(get_args(Stream), 1)}


def _sequence(
    seed: int, replicate: int, stream: Stream, more: tuple[int, ...]
) -> np.random.SeedSequence:
    # A spawn key keeps seed and place apart: as plain entropy, (…, 3) and (…, 3, 0) would agree.
    return np.random.SeedSequence(seed, spawn_key=(replicate, _NUMBER[stream], *more))


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
