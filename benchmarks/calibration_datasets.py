"""How often verdicts and intervals over data sets are right, by simulation.

Run with `python benchmarks/calibration_datasets.py [--studies N]`; it prints the tables of
`docs/measured/calibration.md` on several data sets. Seeds are fixed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.effects import judge
from stepladder.statistics.paired import paired_t

Floats = npt.NDArray[np.float64]

REPLICATES = 5
POPULATIONS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "heavy tails (t, 3 degrees)": lambda generator, shape: generator.standard_t(3, shape),
    "uniform": lambda generator, shape: generator.uniform(-(3**0.5), 3**0.5, shape),
    "two groups, ±1": lambda generator, shape: generator.choice([-1.0, 1.0], shape),
    "exponential less its mean": lambda generator, shape: generator.exponential(1, shape) - 1,
    "one in five gains 4 times": lambda generator, shape: 2.5 * (
        (generator.random(shape) < 0.2) - 0.2
    ),
}  # fmt: skip
"""True effects over data sets, of mean 0 and spread 1."""


def draw(
    generator: np.random.Generator, name: str, spread: float, shape: tuple[int, int, int],
    replicates: int = REPLICATES, is_unlike: bool = False, grows: bool = False,
) -> tuple[Floats, Floats]:  # fmt: skip
    """True effects, and differences of shape (studies, comparisons, data sets, replicates).

    All in points. The mean over the replicates of a data set has a standard error of about 1.

    Args:
        generator: of random numbers.
        name: of the population of true effects.
        spread: of these.
        shape: studies, comparisons, data sets.
        replicates: of each data set.
        is_unlike: whether some data sets have much more noise than others.
        grows: whether these have larger effects in the same measure.
    """
    studies, _, datasets = shape
    scale = np.exp(is_unlike * generator.normal(size=(studies, 1, datasets)))
    effects = spread * POPULATIONS[name](generator, shape)
    effects = effects * scale if grows else effects
    noise = generator.normal(size=(*shape, replicates)) * REPLICATES**0.5
    return effects, np.asarray(effects[..., None] + scale[..., None] * noise)


def dersimonian_laird(means: Floats, variances: Floats) -> Floats:
    """The variance of true effects, by the moment of DerSimonian & Laird 1986; (..., sets)."""
    weights = 1 / variances
    total = weights.sum(-1)
    mean = (weights * means).sum(-1) / total
    q = (weights * (means - mean[..., None]) ** 2).sum(-1)
    excess = q - (means.shape[-1] - 1)
    return np.maximum(excess / (total - (weights**2).sum(-1) / total), 0)


def paule_mandel(means: Floats, variances: Floats) -> Floats:
    """The same by Paule & Mandel 1982: at which the weighted squares are as many as expected."""
    low = np.zeros(means.shape[:-1])
    high = np.full(low.shape, 1e3 * (means.var(-1).max() + variances.max()))
    for _ in range(80):
        middle = (low + high) / 2
        weights = 1 / (variances + middle[..., None])
        mean = (weights * means).sum(-1) / weights.sum(-1)
        q = (weights * (means - mean[..., None]) ** 2).sum(-1)
        is_more = q > means.shape[-1] - 1
        low, high = np.where(is_more, middle, low), np.where(is_more, high, middle)
    return np.asarray(low)


def hartung_knapp(means: Floats, variances: Floats, between: Floats) -> tuple[Floats, Floats]:
    """The weighted mean and its standard error (Hartung & Knapp 2001)."""
    weights = 1 / (variances + between[..., None])
    mean = (weights * means).sum(-1) / weights.sum(-1)
    q = (weights * (means - mean[..., None]) ** 2).sum(-1) / (means.shape[-1] - 1)
    return mean, np.sqrt(q / weights.sum(-1))


CASES = (
    ("normal", 0.0, False, False), ("normal", 0.0, True, False), ("normal", 1.0, False, False),
    ("normal", 1.0, True, False), ("normal", 3.0, True, False), ("normal", 3.0, True, True),
    ("heavy tails (t, 3 degrees)", 3.0, True, False), ("two groups, ±1", 3.0, True, False),
    ("exponential less its mean", 3.0, True, False),
)  # fmt: skip


def _case(name: str, spread: float, is_unlike: bool, grows: bool) -> str:
    kind = "unlike, large effects too" if grows else "unlike" if is_unlike else "alike"
    return f"{name if spread else 'none':30}{spread:4g}  {kind:26}"


def intervals(studies: int) -> None:
    """Coverage of intervals of the mean, and of a new data set, by four ways."""
    print("\nIntervals at 95 % that hold the mean over data sets, in %: each data set alike (t) /")
    print("DerSimonian and Laird with Hartung and Knapp / Paule and Mandel with them; then the")
    print("effect on a new data set: measured in the same way / its true effect, weighted")
    counts = (6, 10, 20)
    print(f"{'true effects':30}{'spread':>4}  {'noise':24}" + "".join(f"{f'k={k}':>38}"
          for k in counts))  # fmt: skip
    for case in CASES:
        cells = []
        for count in counts:
            generator = np.random.default_rng((61, count))
            effects, values = (each[:, 0] for each in draw(
                generator, case[0], case[1], (studies, 1, count + 1), is_unlike=case[2],
                grows=case[3],
            ))  # fmt: skip
            means, variances = values.mean(-1), values.var(-1, ddof=1) / REPLICATES
            new, means, variances = means[:, -1], means[:, :-1], variances[:, :-1]
            t = float(special.stdtrit(count - 1, 0.975))
            sides = paired_t(means)
            held = [np.mean((sides.ci_low <= 0) & (sides.ci_high >= 0))]
            for method in (dersimonian_laird, paule_mandel):
                mean, error = hartung_knapp(means, variances, method(means, variances))
                held.append(np.mean(np.abs(mean) <= t * error))
            half = t * means.std(-1, ddof=1) * np.sqrt(1 + 1 / count)
            held.append(np.mean(np.abs(new - means.mean(-1)) <= half))
            between = dersimonian_laird(means, variances)
            mean, error = hartung_knapp(means, variances, between)
            wide = float(special.stdtrit(count - 2, 0.975)) * np.sqrt(between + error**2)
            held.append(np.mean(np.abs(effects[:, -1] - mean) <= wide))
            cells.append(" / ".join(f"{100 * share:4.1f}" for share in held))
        print(_case(*case) + "".join(f"{cell:>38}" for cell in cells))


def false_share(generator: np.random.Generator, case: tuple[str, float, bool, bool],
                shape: tuple[int, int, int], level: float = 0.05) -> float:  # fmt: skip
    """The share of studies with any `helps` or `hurts` in general; no mean differs from 0."""
    _, values = draw(generator, case[0], case[1], shape, is_unlike=case[2], grows=case[3])
    means = values.mean(-1)
    judged = judge(means / 100, 0 * means, delta=1e-9, alpha=level, plan=False, one_sign=False)
    return float(judged.different.any(-1).mean())


def verdicts(studies: int) -> None:
    """False verdicts in general."""
    print("\nFalse verdicts in general, in % of studies: of 1 comparison / any of 6")
    counts = (5, 6, 8, 10, 20)
    print(f"{'true effects':30}{'spread':>4}  {'noise':24}" + "".join(f"{f'k={k}':>13}"
          for k in counts))  # fmt: skip
    for case in (*CASES, ("one in five gains 4 times", 3.0, True, False)):
        cells = []
        for count in counts:
            shares = [false_share(np.random.default_rng((62, count)), case, (studies, m, count))
                      for m in (1, 6)]  # fmt: skip
            cells.append(" / ".join(f"{100 * share:4.1f}" for share in shares))
        print(_case(*case) + "".join(f"{cell:>13}" for cell in cells))


EXTENSIONS = {
    "10 sets: 5, 10, 20, 40 replicates": ((10, 5), (10, 10), (10, 20), (10, 40)),
    "5 replicates: 8, 12, 20, 40 sets": ((8, 5), (12, 5), (20, 5), (40, 5)),
    "both: 8×5, 8×10, 16×10, 16×20, 32×20": ((8, 5), (8, 10), (16, 10), (16, 20), (32, 20)),
}
"""Data sets and replicates at each judgement."""


def extensions(studies: int) -> None:
    """False verdicts over all judgements of a study that is extended, and one that is not."""
    print(
        "\nAny false verdict in general over all judgements, in % of studies of 1 / 6 comparisons"
    )
    spreads = (0.0, 1.0, 3.0)
    print(f"{'judged at':42}" + "".join(f"{f'spread {spread:g}':>14}" for spread in spreads))
    for name, steps in EXTENSIONS.items():
        cells = []
        for spread in spreads:
            shares = [false_over_time(np.random.default_rng(63), steps, spread, studies, m)
                      for m in (1, 6)]  # fmt: skip
            cells.append(" / ".join(f"{100 * share:4.1f}" for share in shares))
        print(f"{name:42}" + "".join(f"{cell:>14}" for cell in cells))


def false_over_time(
    generator: np.random.Generator, steps: tuple[tuple[int, int], ...], spread: float,
    studies: int, comparisons: int,
) -> float:  # fmt: skip
    """The share of studies with any false verdict at any judgement."""
    from stepladder.runs.datasets import level_of

    most = max(count for count, _ in steps), max(number for _, number in steps)
    _, values = draw(generator, "normal", spread, (studies, comparisons, most[0]), most[1])
    is_false = np.zeros(studies, bool)
    for place, (count, number) in enumerate(steps, 1):
        means = values[:, :, :count, :number].mean(-1)
        judged = judge(means / 100, 0 * means, delta=1e-9, alpha=level_of(place), plan=False,
                       one_sign=False)  # fmt: skip
        is_false |= judged.different.any(-1)
    return float(is_false.mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    number = parser.parse_args().studies
    intervals(number)
    verdicts(number)
    extensions(number // 2)
