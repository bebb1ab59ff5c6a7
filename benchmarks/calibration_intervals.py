"""Where verdicts and intervals of earlier revisions misled, by simulation, as they are now.

Run with `python benchmarks/calibration_intervals.py [--studies N]`; it prints the tables of
`docs/measured/calibration.md` that name it. Differences are in percentage points, seeds are fixed.
"""

from __future__ import annotations

import numpy as np

from calibration import ALPHA, DELTA, Draw, Floats, print_tables
from stepladder.data.rows import divide_rows
from stepladder.statistics.classification import squared_calibration_error
from stepladder.statistics.effects import Judged, judge
from stepladder.statistics.paired import missed_share, paired_t
from stepladder.study.splits import Splits

REPLICATES = (3, 4, 5, 6, 8, 10, 20, 30)


def judged(differences: Floats) -> Judged:
    """Families of differences of shape (studies, comparisons, replicates), judged."""
    half = np.full_like(differences, 0.5)
    return judge(half + differences / 100, half, delta=DELTA, alpha=ALPHA, plan=False)


def _heads(first: str) -> None:
    print(f"{first:52}" + "".join(f"{f'n={n}':>7}" for n in REPLICATES))


def equivalence(studies: int) -> None:
    """How often effects of δ or more are called `no difference`."""
    cases: dict[str, Draw] = {
        "-86 in one of ten, noise 0.03": lambda g, s: (
            np.where(g.random(s) < 0.1, -86, 0) + 0.03 * g.normal(size=s)
        ),
        "+1 in one of five, noise 0.03": lambda g, s: (
            np.where(g.random(s) < 0.2, 1.0, 0) + 0.03 * g.normal(size=s)
        ),
        "+1 in one of five, no noise": lambda g, s: (g.random(s) < 0.2) * 1.0,
        "+1 in one of eight, no noise": lambda g, s: (g.random(s) < 0.125) * 1.0,
        "always 0.1 ± 0.05, normal": lambda g, s: 0.1 + 0.05 * g.normal(size=s),
        "0.2 less an exponential 0.1": lambda g, s: 0.2 - g.exponential(0.1, s),
    }
    print(f"\nCalled no difference beyond 0.1, though it is 0.1 or more, in % ({studies:,} a cell)")
    _heads("differences")
    for name, draw in cases.items():
        cells = []
        for n in REPLICATES:
            drawn = draw(np.random.default_rng((21, n)), (studies, 1, n))
            cells.append(100 * judged(drawn).within.mean())
        print(f"{name:52}" + "".join(f"{cell:7.1f}" for cell in cells))
    shares = [100 * missed_share(n) for n in REPLICATES]
    print(f"{'not excluded: effects in up to … % of trainings':52}"
          + "".join(f"{share:7.0f}" for share in shares))  # fmt: skip


def _autoregressive(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    values = generator.normal(size=shape)
    for place in range(1, shape[-1]):
        values[..., place] = 0.3 * values[..., place - 1] + 0.91**0.5 * values[..., place]
    return values


def skew(studies: int) -> None:
    """How often arms of equal mean are called different where their differences are skewed."""
    cases: dict[str, Draw] = {
        "exponential, against normal with a fifth of its spread": lambda g, s: (
            g.exponential(1, s) - 1 + 0.2 * g.normal(size=s)
        ),
        "lognormal, against a constant": lambda g, s: np.exp(g.normal(size=s)) - np.exp(0.5),
        "t with 2 degrees of freedom, both": lambda g, s: g.standard_t(2, s) - g.standard_t(2, s),
        "opposed: +1 or -1 by halves": lambda g, s: g.choice([-1.0, 1.0], s),
        "opposed: +1 or -1 by halves, noise 0.1": lambda g, s: (
            g.choice([-1.0, 1.0], s) + 0.1 * g.normal(size=s)
        ),
        "normal, correlation 0.3 from one replicate to the next": _autoregressive,
    }
    print(f"\nCalled helps or hurts, though the mean difference is 0, in % ({studies:,} a cell)")
    _heads("differences")
    for name, draw in cases.items():
        cells = []
        for n in REPLICATES:
            drawn = draw(np.random.default_rng((22, n)), (studies, 1, n))
            cells.append(100 * judged(drawn).different.mean())
        print(f"{name:52}" + "".join(f"{cell:7.1f}" for cell in cells))


def families(studies: int) -> None:
    """Intervals of whole families: single and simultaneous ones, and beside open verdicts."""
    print("\nHalf of a family has an effect of two spreads, in %: all intervals hold, single and")
    print("simultaneous; real effects that are open while the interval excludes 0, likewise")
    print(f"({studies:,} families a row)")
    print("family    n    all hold: single  simultaneous    open, no 0: single  simultaneous")
    for size in (1, 3, 6, 10, 32):
        for n in (5, 10, 20):
            truth = 2.0 * (np.arange(size) < (size + 1) // 2)
            noise = np.random.default_rng((23, size, n)).normal(size=(studies, size, n))
            found = judged(truth[:, None] + noise)
            is_open = ~found.different & ~found.within
            low_all, high_all = found.simultaneous_low, found.simultaneous_high
            low_all = np.where(is_open, np.minimum(low_all, 0), low_all)  # as effects have them
            high_all = np.where(is_open, np.maximum(high_all, 0), high_all)
            figures = []
            for low, high in ((found.t.ci_low, found.t.ci_high), (low_all, high_all)):
                holds = ((low <= truth) & (truth <= high)).all(axis=-1)
                excludes = ((low > 0) | (high < 0)) & is_open
                figures.append((100 * holds.mean(), 100 * excludes[:, truth > 0].mean()))
            (held, odd), (held_all, odd_all) = figures
            print(f"{size:6} {n:4} {held:19.1f} {held_all:13.1f} {odd:21.1f} {odd_all:13.1f}")


def overlap(studies: int) -> None:
    """Intervals of validation figures over replicates whose parts overlap, for new data."""
    print("\nPaired differences on validation parts of one pool of 500: intervals that hold the")
    print("truth of new data, in %: without / with the correction for overlap")
    print("Two ways to predict a number: the mean of the training part, and 0; equal on average")
    print(f"({studies:,} studies a cell)")
    numbers, pool = (5, 10, 30), 500
    print(f"{'held out':12}" + "".join(f"{f'n={n}':>15}" for n in numbers) + "   k folds once")
    for share in (0.1, 0.2, 0.3):
        out = int(share * pool)
        size = (pool - out) ** -0.5  # then the training part's mean is as far off as 0 is
        cells = []
        for n in (*numbers, 0):
            generator = np.random.default_rng((24, n, out))
            values = generator.normal(size, 1.0, (studies, pool))
            rounds = n or pool // out
            differences = np.empty((studies, rounds))
            for replicate in range(rounds):
                mixed = generator.permuted(values, axis=1) if n else np.roll(
                    values, replicate * out, axis=1
                )  # fmt: skip
                held = mixed[:, :out]
                rest = mixed[:, out:].mean(axis=1, keepdims=True)
                differences[:, replicate] = (held**2 - (held - rest) ** 2).mean(axis=1)
            held_shares = []
            for ratio in (0.0, out / (pool - out)):
                t = paired_t(differences, overlap=ratio)
                held_shares.append(100 * np.mean((t.ci_low <= 0) & (t.ci_high >= 0)))
            cells.append("{:5.1f} / {:5.1f}".format(*held_shares))
        print(f"{100 * share:6.0f} %    " + "".join(f"{cell:>15}" for cell in cells))


def folds(studies: int) -> None:
    """Intervals and verdicts over folds, naive and corrected as studies on folds are."""
    print("\nTwo ways to predict a number, equal on average, over k folds of one pool of 200:")
    print("intervals that hold the truth of new data, and studies with a false verdict, in %:")
    print("naive / corrected")
    print(f"({studies:,} studies a cell)")
    print(f"{'folds':22}{'n':>4}{'interval holds':>20}{'false verdict':>20}")
    cases = [(k, repeats, False) for k in (3, 5, 10) for repeats in (1, 2, 10)]
    cases += [(k, 1, True) for k in (3, 5, 10)]
    for k, repeats, is_forward in cases:
        splits = Splits(kind="k-fold", folds=k, repeats=repeats)
        differences = _over_folds(studies, k, repeats, is_forward)
        held, called = [], []
        for overlap in (0.0, splits.overlap(is_forward=is_forward)):
            half = np.full_like(differences, 0.5)
            verdicts = judge(half + differences / 100, half, delta=DELTA, alpha=ALPHA, plan=False,
                             overlap=overlap)  # fmt: skip
            held.append(100 * np.mean((verdicts.t.ci_low <= 0) & (verdicts.t.ci_high >= 0)))
            called.append(100 * verdicts.different.mean())
        name = f"{k} forward in time" if is_forward else f"{k} folds × {repeats}"
        print(f"{name:22}{k * repeats:4}" + "".join(
            f"{one:13.1f} / {other:4.1f}" for one, other in (held, called)
        ))  # fmt: skip


def _over_folds(studies: int, k: int, repeats: int, is_forward: bool) -> Floats:
    """Differences of shape (studies, 1, replicates) whose mean over new data is 0."""
    pool = 200
    strata = np.zeros(pool, np.int32)
    times = np.arange(pool, dtype=np.float64) if is_forward else None
    folds = divide_rows("pool", strata, folds=k, times=times).folds
    assert folds is not None
    parts = [
        folds.rows(fold, folds.numbers(repeat, strata, None))
        for repeat in range(repeats)
        for fold in range(k)
    ]
    # Then the training part's mean is as far off as 0 is, on the average of the replicates.
    size = np.mean([1 / len(train) for train, _ in parts]) ** 0.5
    values = np.random.default_rng((26, k, repeats, is_forward)).normal(size, 1, (studies, pool))
    differences = [
        (values[:, test] ** 2
         - (values[:, test] - values[:, train].mean(axis=1, keepdims=True)) ** 2).mean(axis=1)
        for train, test in parts
    ]  # fmt: skip
    return np.stack(differences, axis=-1)[:, None]


def calibrated(studies: int) -> None:
    """Intervals of the calibration error of networks that are calibrated, or too sure."""
    print("\nRoot mean square calibration error in points: the true one, what is measured on the")
    print(f"average before the root, and intervals that hold it, in % ({studies:,} studies a cell)")
    numbers = (200, 1_000, 10_000)
    print(f"{'too sure by':14}{'true':>6}" + "".join(f"{f'{n:,} images':>22}" for n in numbers))
    for over in (0.0, 0.05, 0.1, 0.3):
        generator = np.random.default_rng((25, int(100 * over)))
        confidence, chance = _answers(generator, 2_000_000, over)
        bins = np.minimum((confidence * 15).astype(int), 14)
        count = np.maximum(np.bincount(bins, minlength=15), 1)
        gaps = np.bincount(bins, chance - confidence, minlength=15) / count
        truth = float((count / count.sum() * gaps**2).sum())
        cells = []
        for n in numbers:
            held, estimates = 0, []
            for _ in range(studies):
                one, sure = _answers(generator, n, over)
                estimate, ends = squared_calibration_error(one, generator.random(n) < sure)
                held += ends.low <= truth + 1e-15 and truth <= ends.high
                estimates.append(estimate)
            root = max(float(np.mean(estimates)), 0.0) ** 0.5
            cells.append(f"{100 * root:5.2f} / {100 * held / studies:5.1f}")
        print(f"{100 * over:6.0f} %      {100 * truth**0.5:6.2f}"
              + "".join(f"{cell:>22}" for cell in cells))  # fmt: skip


def _answers(generator: np.random.Generator, images: int, over: float) -> tuple[Floats, Floats]:
    """Confidences of two classes, and the chance that the answer is right."""
    logits = np.abs(generator.normal(2.5, 2, images))
    return 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-logits * (1 - over)))


_TABLES = {
    "equivalence": equivalence,
    "skew": skew,
    "families": families,
    "overlap": overlap,
    "folds": folds,
    "calibrated": calibrated,
}


def main() -> None:
    """Prints every table."""
    print_tables(_TABLES, __doc__, studies=4_000)


if __name__ == "__main__":
    main()
