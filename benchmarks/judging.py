"""How long judging takes: 1,000 arms against one, and the read-out of a factorial of eight.

Run with `python benchmarks/judging.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from stepladder.statistics.effects import effects
from stepladder.statistics.factorial import factorial
from stepladder.statistics.sequential import Occasion, effects_over_time

ARMS = 1_000


def _seconds(way: Callable[[], object]) -> float:
    """The least of three."""
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def main() -> None:
    """Prints seconds by number of replicates."""
    generator = np.random.default_rng(0)
    print(f"{ARMS:,} arms judged against one")
    print("replicates  scores  a study, first  a study, again   (seconds)")
    for replicates in (3, 5, 10, 20, 30, 100):
        accuracies = np.clip(generator.normal(0.97, 0.001, (ARMS + 1, replicates)), 0, 1)
        scores = {str(arm): row.tolist() for arm, row in enumerate(accuracies)}
        pairs = [(str(arm), "0") for arm in range(1, ARMS + 1)]
        batches = {arm: 1 for arm, _ in pairs}
        ways: list[Callable[[], object]] = [partial(effects, scores, pairs)]
        for first in (replicates, 5):
            occasion = Occasion((first,), (replicates,), batches)
            ways.append(partial(effects_over_time, scores, pairs, occasion))
        print(f"{replicates:>10}", *(f"{_seconds(way):14.2f}" for way in ways))
    print("Factorial of 8 techniques, 256 arms, read out")
    print("replicates  seconds")
    for replicates in (5, 20, 100):
        drawn = generator.uniform(0.5, 0.9, (256, replicates))
        combinations = {each: row.tolist() for each, row in enumerate(drawn)}
        print(f"{replicates:>10}  {_seconds(partial(factorial, combinations, 'ABCDEFGH')):7.2f}")


if __name__ == "__main__":
    main()
