"""How often the intervals of `stepladder variance` hold the truth, by simulation.

Run with `python benchmarks/variance_sources.py [--studies N]`; it prints the table of "Standard
deviations by source" in `docs/measured/calibration.md`. Seeds are fixed.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import special

from calibration import DRAWS, Draw, Floats
from stepladder.statistics.results import Interval
from stepladder.statistics.variance import analyze_variance

SIZES = np.array([2.0, 1.0, 1.0, 0.5])
"""Standard deviations of four sources that add up: shares of 64, 16, 16 and 4 %."""

SCORES: dict[str, Draw] = {
    **{name: DRAWS[name] for name in ("normal", "uniform", "two levels, some noise",
                                      "20 test images", "one in ten collapses")},
    "heavy tails (t, 5 degrees)": lambda g, shape: g.standard_t(5, shape),
    "skewed (lognormal, 0.5)": lambda g, shape: g.lognormal(0, 0.5, shape),
    "very skewed (exponential)": lambda g, shape: g.exponential(1, shape),
}  # fmt: skip
REPLICATES = (5, 10, 20, 50)


def _studies(draw: Draw, studies: int, n: int, seed: int) -> tuple[Floats, Floats]:
    """Scores (studies, sources, n) with one source varied, and (studies, n) with all.

    The first replicate is the same training in every row, as in the command.
    """
    many = draw(np.random.default_rng(0), (1_000_000, 1, 1))
    scale = SIZES[:, None] / many.std()
    one, other = scale * draw(np.random.default_rng((seed, n)), (2 * studies, 4, n)).reshape(
        2, studies, 4, n
    )
    other[..., 0] = one[..., 0]
    held = one[..., :1].sum(axis=1, keepdims=True) - one[..., :1]
    return one + held, other.sum(axis=1)


def _holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


def coverage(draw: Draw, studies: int, n: int) -> Floats:
    """Shares of intervals that hold the truth: chi-square, ours, share, sum, ratio."""
    rows, together = _studies(draw, studies, n, 1)
    truth, held = (SIZES**2).sum(), np.zeros(5)
    ends = np.sqrt((n - 1) / special.chdtri(n - 1, [0.025, 0.975]))
    for scores, every in zip(rows, together, strict=True):
        found = analyze_variance(dict(zip("abcd", scores, strict=True)), every)
        for size, source in zip(SIZES, found.sources, strict=True):
            low, high = ends * source.deviation
            held[:3] += np.array([
                low <= size <= high,
                _holds(source.interval, size),
                _holds(source.share_interval, size**2 / truth),
            ]) / len(SIZES)  # fmt: skip
        assert found.sum is not None
        held[3:] += [_holds(found.sum.interval, truth**0.5), _holds(found.ratio, 1)]
    return 100 * held / studies


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    print("| scores | n | chi-square | deviation | share | sum | all together / sum |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, draw in SCORES.items():
        for n in REPLICATES:
            cells = " | ".join(f"{share:.1f}" for share in coverage(draw, studies, n))
            print(f"| {name} | {n} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
