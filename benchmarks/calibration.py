"""How often verdicts, intervals and plans are right, by simulation.

Run with `python benchmarks/calibration.py [--studies N]`; it prints every table that
`docs/measured/calibration.md` quotes. Scores are accuracies as fractions, seeds are fixed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement
from math import factorial

import numpy as np
import numpy.typing as npt
from scipy import optimize

from stepladder.statistics.effects import judge
from stepladder.statistics.paired import one_sign_p, paired_t, unanimous_sign_floor

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

ALPHA, DELTA = 0.05, 0.1
REPLICATES = (3, 4, 5, 6, 7, 8, 10, 20, 21, 30)
ARMS = (2, 3, 5, 10)


def _levels(levels: list[float], shares: list[float], spread: float = 0.0) -> Draw:
    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        scores = generator.choice(levels, p=shares, size=shape)
        return np.clip(scores + spread * generator.normal(size=shape), 0, 1)

    return draw


def _shared(draw: Draw) -> Draw:
    """Half of what varies is common to all arms of a replicate; shape ends (arms, replicates)."""

    def both(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        common = draw(generator, (*shape[:-2], 1, shape[-1]))
        return (common + draw(generator, shape)) / 2

    return both


TWO_LEVELS = _levels([0.11, 0.97], [0.5, 0.5])

DRAWS: dict[str, Draw] = {
    "normal": lambda g, shape: np.clip(g.normal(0.97, 0.002, shape), 0, 1),
    "skewed (exponential below 0.98)": lambda g, shape: 0.98 - g.exponential(0.004, shape) % 0.9,
    "uniform": lambda g, shape: g.uniform(0.9, 0.98, shape),
    "U-shaped, beta(0.2, 0.2)": lambda g, shape: g.beta(0.2, 0.2, shape),
    "one in ten collapses": _levels([0.11, 0.97], [0.1, 0.9], 0.002),
    "two levels, some noise": _levels([0.11, 0.97], [0.5, 0.5], 0.01),
    "two levels, no noise": TWO_LEVELS,
    "three equal levels": _levels([0.2, 0.5, 0.8], [1 / 3] * 3),
    "three levels, outer two often": _levels([0.2, 0.5, 0.8], [0.43, 0.14, 0.43]),
    "four levels": _levels([0.2, 0.4, 0.6, 0.8], [0.12, 0.27, 0.37, 0.24]),
    "20 test images": lambda g, shape: g.binomial(20, 0.9, shape) / 20,
    "all equal": _levels([0.11], [1.0]),
    "normal, half of it shared": _shared(lambda g, s: np.clip(g.normal(0.97, 0.002, s), 0, 1)),
    "two levels, half of it shared": _shared(TWO_LEVELS),
}


def _called(arms: Floats, against_base: bool = False) -> npt.NDArray[np.bool_]:
    """Whether each comparison of each study is called `helps` or `hurts`."""
    other = arms[..., :1, :] if against_base else arms[..., :-1, :]
    other = np.broadcast_to(other, arms[..., 1:, :].shape)
    return judge(arms[..., 1:, :], other, delta=DELTA, alpha=ALPHA, plan=False).different


def false_verdicts(studies: int) -> None:
    """Studies of equal arms with any `helps` or `hurts`, ladders and one-at-a-time by turns."""
    print(f"\nStudies of equal arms with a false helps or hurts, in % ({studies:,} studies a cell)")
    print(f"{'scores':34} arms " + "".join(f"{f'n={n}':>7}" for n in REPLICATES))
    worst = 0.0
    for name, draw in DRAWS.items():
        for arms in ARMS:
            shares = []
            for n in REPLICATES:
                scores = draw(np.random.default_rng((1, arms, n)), (studies, arms, n))
                half = studies // 2
                wrong = [_called(scores[:half]), _called(scores[half:], against_base=True)]
                shares.append(100 * np.concatenate(wrong).any(axis=-1).mean())
            worst = max(worst, *shares)
            print(f"{name:34} {arms:>4} " + "".join(f"{share:7.1f}" for share in shares))
    print(f"largest: {worst:.1f}")


def unlike_arms(studies: int) -> None:
    """Where the rule fails: equal means, but scores that vary in different ways."""
    flat = _levels([0.54], [1.0], 0.0001)
    wide = DRAWS["normal"]
    cases: dict[str, tuple[Draw, Draw]] = {
        "0.54 against 0.11 or 0.97 by halves": (flat, TWO_LEVELS),
        "0.884 against 0.97, one in ten 0.11": (
            _levels([0.884], [1.0], 0.0001),
            DRAWS["one in ten collapses"],
        ),
        "spread 0.2 against 1 point": (
            wide,
            lambda g, shape: np.clip(g.normal(0.97, 0.01, shape), 0, 1),
        ),
    }
    print("\nTwo arms of equal mean and unlike spread called helps or hurts, in %")
    print(f"{'scores':39}" + "".join(f"{f'n={n}':>7}" for n in REPLICATES))
    for name, (one, two) in cases.items():
        shares = []
        for n in REPLICATES:
            generator = np.random.default_rng((2, n))
            scores = np.stack([draw(generator, (studies, n)) for draw in (one, two)], axis=1)
            shares.append(100 * _called(scores).mean())
        print(f"{name:39}" + "".join(f"{share:7.1f}" for share in shares))


def coverage(studies: int) -> None:
    """How often 95 % intervals hold the true mean: of one arm, and of the paired difference."""
    print("\nIntervals that hold the truth, in %: an arm's mean / a difference of two equal arms")
    numbers = (3, 5, 10, 30)
    print(f"{'scores':34}" + "".join(f"{f'n={n}':>16}" for n in numbers))
    for name, draw in DRAWS.items():
        truth = draw(np.random.default_rng(3), (1_000_000, 1, 1)).mean()
        cells = []
        for n in numbers:
            scores = draw(np.random.default_rng((4, n)), (studies, 2, n))
            arm, pair = paired_t(scores[:, 0]), paired_t(np.round(scores[:, 1] - scores[:, 0], 12))
            slack = 1e-9  # an interval without width around the very mean holds it
            holds = (arm.ci_low - slack <= truth) & (truth <= arm.ci_high + slack)
            pair_holds = (pair.ci_low <= 0) & (pair.ci_high >= 0)
            cells.append(f"{100 * holds.mean():5.1f} / {100 * pair_holds.mean():5.1f}")
        print(f"{name:34}" + "".join(f"{cell:>16}" for cell in cells))


def power(studies: int) -> None:
    """How often the number of replicates that is asked for settles the verdict."""
    print(
        "\nPower at the number asked for (80 % meant); normal differences, others of the family 0"
    )
    print("gain  spread  comparisons  asked  settled %")
    pilot = np.array([-1.0, -1.0, 1.0, 1.0]) * np.sqrt(3 / 4)  # mean 0, spread 1, overlapping
    for gain, spread, family in [
        (2.0, 1.0, 1), (1.0, 1.0, 1), (0.5, 1.0, 1), (0.3, 1.0, 1), (1.0, 1.0, 6), (0.5, 1.0, 6),
        (0.0, 0.1, 1), (0.0, 0.2, 1), (0.05, 0.2, 1), (0.0, 0.1, 6), (0.0, 0.2, 6),
    ]:  # fmt: skip
        other = np.tile([0.3, 0.4, 0.5, 0.6], (family, 1))  # so that arms overlap
        first = other + pilot * spread / 100
        first[0] += gain / 100
        planned = judge(first, other, delta=DELTA, alpha=ALPHA).plans[:2].min(axis=0)[0]
        generator = np.random.default_rng(5)
        shape = (studies, family, int(planned))
        scores = 0.5 + generator.normal(0, spread / 100, shape)
        scores[:, 0] += gain / 100
        judged = judge(scores, np.full(shape, 0.5), delta=DELTA, alpha=ALPHA, plan=False)
        settled = 100 * (judged.different | judged.within)[:, 0].mean()
        print(f"{gain:4}  {spread:6}  {family:>11}  {int(planned):5}  {settled:9.1f}")


def cost(studies: int) -> None:
    """What the rule's caution costs: gains called `helps`, beside the t test taken alone."""
    ratios = (1, 1.5, 2, 3, 4, 6)
    print("\nGains called helps in %, by gain over spread of differences / by the t test alone")
    print("replicates  comparisons" + "".join(f"{ratio:>12}" for ratio in ratios))
    for n in (3, 4, 5, 6, 8, 10):
        for family in (1, 6):
            cells = []
            for ratio in ratios:
                generator = np.random.default_rng((6, n, family))
                other = generator.normal(0.5, 0.05, (studies, family, n))  # arms overlap
                arm = other + generator.normal(0, 0.002, other.shape)
                arm[:, 0] += 0.002 * ratio
                judged = judge(arm, other, delta=DELTA, alpha=ALPHA, plan=False)
                alone = judged.p_t_holm[:, 0] < ALPHA
                rates = 100 * judged.different[:, 0].mean(), 100 * alone.mean()
                cells.append(f"{rates[0]:5.0f} / {rates[1]:3.0f}")
            print(f"{n:>10}  {family:>11}" + "".join(f"{cell:>12}" for cell in cells))


def _worst_shares(counts: Floats, ways: Floats, levels: int) -> float:
    """The largest chance, over the levels' shares, of outcomes with these counts of levels."""

    def log_chance(weights: Floats) -> float:
        shares = weights - np.logaddexp.reduce(weights)
        return -float(np.logaddexp.reduce(np.log(ways) + counts @ shares))

    starts = np.random.default_rng(7).normal(0, 0.5, (3, levels))
    found = [optimize.minimize(log_chance, start, method="L-BFGS-B").fun for start in starts]
    return float(2 * np.exp(-min(found)))  # either arm may be the better


def worst_case(tries: int) -> None:
    """A search for the distribution that fools the rule of one sign most, in exact chances."""
    families = (1, 2, 3, 4, 6, 8, 9, 10, 12, 14, 17, 20, 25, 30, 35, 40, 45, 50, 52, 100, 200, 500)
    print("\nRule of one sign: largest chance for equal arms found, over the level it is used at")
    print(f"n  levels  {'up to 50 comparisons':>20}  {'up to 500':>9}")
    for n, levels in [
        (4, 3),
        (4, 5),
        (5, 3),
        (5, 5),
        (6, 3),
        (6, 4),
        (7, 3),
        (7, 4),
        (8, 4),
        (9, 4),
    ]:
        higher, lower = np.tril_indices(levels, -1)
        chosen = np.array(list(combinations_with_replacement(range(len(higher)), n)))
        tallies = (chosen[:, :, None] == np.arange(len(higher))).sum(axis=1)
        factorials = np.array([float(factorial(each)) for each in range(n + 1)])
        ways = factorials[n] / factorials[tallies].prod(axis=1)
        ends = np.stack([higher[chosen], lower[chosen]], axis=1)
        counts = np.stack([(ends == level).sum(axis=(1, 2)) for level in range(levels)], axis=1)
        worst = dict.fromkeys(families, 0.0)
        generator = np.random.default_rng(8)
        for each in range(tries):
            positions = np.arange(levels) + (each > 0) * generator.normal(0, 0.06, levels)
            differences = np.round(positions[higher[chosen]] - positions[lower[chosen]], 12)
            p = one_sign_p(n, paired_t(differences).p)
            for family in families:
                level = ALPHA / family
                passes = (differences > 0).all(axis=1) & (p < level)
                if unanimous_sign_floor(n) < level < 2.0 ** (1 - n) and passes.any():
                    chance = _worst_shares(counts[passes], ways[passes], levels)
                    worst[family] = max(worst[family], chance / level)
        few = max(ratio for family, ratio in worst.items() if family <= 50)
        print(f"{n}  {levels:>6}  {few:20.2f}  {max(worst.values()):9.2f}")


def print_tables(
    tables: Mapping[str, Callable[[int], object]], description: str | None, studies: int
) -> int:
    """Prints every table, or the one that `--only` names.

    Args:
        tables: what prints each, from the number of simulated studies, by name.
        description: of the program.
        studies: a cell where `--studies` does not say.

    Returns:
        How many studies were asked for.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--studies", type=int, default=studies, help="simulated studies a cell")
    parser.add_argument("--only", choices=sorted(tables), help="one table")
    asked = parser.parse_args()
    for name, table in tables.items():
        if asked.only in (None, name):
            table(asked.studies)
    return int(asked.studies)


def main() -> None:
    """Prints every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000, help="simulated studies a cell")
    studies = parser.parse_args().studies
    false_verdicts(studies)
    unlike_arms(studies)
    coverage(studies)
    power(studies)
    cost(studies)
    worst_case(tries=6)


if __name__ == "__main__":
    main()
