"""How long judging takes: 1,000 arms against one, and the read-out of a factorial of eight.

Run with `python benchmarks/judging.py`.
"""

from __future__ import annotations

import time

import numpy as np

from stepladder.statistics.effects import effects
from stepladder.statistics.factorial import factorial

ARMS = 1_000


def main() -> None:
    """Prints seconds by number of replicates, the best of three."""
    generator = np.random.default_rng(0)
    print(f"{ARMS:,} arms judged against one")
    print("replicates  seconds")
    for replicates in (3, 5, 10, 20, 30, 100):
        accuracies = np.clip(generator.normal(0.97, 0.001, (ARMS + 1, replicates)), 0, 1)
        scores = {str(arm): row.tolist() for arm, row in enumerate(accuracies)}
        pairs = [(str(arm), "0") for arm in range(1, ARMS + 1)]
        seconds = []
        for _ in range(3):
            begun = time.perf_counter()
            effects(scores, pairs)
            seconds.append(time.perf_counter() - begun)
        print(f"{replicates:>10}  {min(seconds):7.2f}")
    print("Factorial of 8 techniques, 256 arms, read out")
    print("replicates  seconds")
    for replicates in (5, 20, 100):
        drawn = generator.uniform(0.5, 0.9, (256, replicates))
        combinations = {each: row.tolist() for each, row in enumerate(drawn)}
        seconds = []
        for _ in range(3):
            begun = time.perf_counter()
            factorial(combinations, "ABCDEFGH")
            seconds.append(time.perf_counter() - begun)
        print(f"{replicates:>10}  {min(seconds):7.2f}")


if __name__ == "__main__":
    main()
