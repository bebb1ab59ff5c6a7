"""How often the newer figures are right, by simulation: new images, P(A > B), looks, factorials.

Run with `python benchmarks/calibration_effects.py [--studies N]`; it prints every table of the
second part of `docs/measured/calibration.md`. Seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import ndtr

from calibration import ALPHA, DRAWS, print_tables
from stepladder.statistics.factorial import factorial
from stepladder.statistics.intervals import new_images_interval, predict_mean, win_share
from stepladder.statistics.paired import paired_t
from stepladder.statistics.sequential import plan_looks, replay

Floats = npt.NDArray[np.float64]


def _answers(
    generator: np.random.Generator, n: int, images: int, luck: float, own: float, gain: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Right or wrong of two arms: images are hard or easy, to both and to each in its own way."""
    shared = generator.normal(size=images)

    def one(level: float) -> npt.NDArray[np.bool_]:
        latent = level + shared + own * generator.normal(size=images)
        return generator.random((n, images)) < ndtr(latent + luck * generator.normal(size=(n, 1)))

    return one(2 + gain), one(2.0)


def _truth(luck: float, own: float, gain: float) -> float:
    """The difference over all images and all replicates, in closed form."""
    spread = np.sqrt(2 + luck**2 + own**2)  # of the latent, its own noise included
    return float(ndtr((2 + gain) / spread) - ndtr(2 / spread))


def images(studies: int) -> None:
    """How often both intervals of an effect hold the truth of new replicates and new images."""
    print("\nIntervals of an effect that hold the truth of new images, in %: for new images too / ")
    print(f"for these images, retrained ({studies:,} studies a cell, 1,000 images)")
    cases = {
        "images alike to both arms, little luck": (0.02, 0.0, 0.0),
        "images alike to both arms, much luck": (0.3, 0.0, 0.2),
        "arms differ in their images": (0.02, 0.5, 0.1),
        "arms differ in their images, some luck": (0.1, 0.5, 0.1),
        "arms differ much in their images": (0.05, 1.0, 0.0),
    }
    numbers = (2, 3, 5, 10, 30)
    print(f"{'what varies':40}" + "".join(f"{f'n={n}':>15}" for n in numbers))
    for name, (luck, own, gain) in cases.items():
        truth, cells = _truth(luck, own, gain), []
        for n in numbers:
            generator = np.random.default_rng((11, n))
            held = retrained = 0
            for _ in range(studies):
                ours, theirs = _answers(generator, n, 1_000, luck, own, gain)
                found = new_images_interval(ours, theirs)
                t = paired_t(ours.mean(axis=1) - theirs.mean(axis=1))
                held += found is not None and found.low <= truth <= found.high
                retrained += bool(t.ci_low <= truth <= t.ci_high)
            cells.append(f"{100 * held / studies:5.1f} / {100 * retrained / studies:5.1f}")
        print(f"{name:40}" + "".join(f"{cell:>15}" for cell in cells))


def few_images(studies: int) -> None:
    """How often intervals for new images hold the truth where few images are hard."""
    print("\nIntervals for new images that hold the truth, in %: of an arm / of a difference")
    print(f"({studies:,} studies a cell; the other arm has half as many hard images)")
    numbers = (3, 5, 10)
    print("images  hard, %  noise, %" + "".join(f"{f'n={n}':>15}" for n in numbers))
    for many, hard, noise in [
        (50, 0.02, 0.0), (100, 0.01, 0.0), (100, 0.01, 0.005), (100, 0.05, 0.0), (1000, 0.002, 0.0),
        (1000, 0.005, 0.0), (1000, 0.02, 0.0), (1000, 0.02, 0.005), (1000, 0.05, 0.0),
    ]:  # fmt: skip
        missed, cells = 0.9 * (1 - noise), []
        for n in numbers:
            generator, held = np.random.default_rng((17, n)), np.zeros(2)
            for _ in range(studies):
                is_hard = generator.random((2, 1, many)) < np.reshape([hard, hard / 2], (2, 1, 1))
                chance = np.where(is_hard, noise + missed, noise)
                one, two = generator.random((2, n, many)) >= chance
                for place, (found, truth) in enumerate([
                    (new_images_interval(one), 1 - noise - missed * hard),
                    (new_images_interval(one, two), -missed * hard / 2),
                ]):  # fmt: skip
                    held[place] += found is not None and found.low <= truth <= found.high
            cells.append("{:5.1f} / {:5.1f}".format(*(100 * held / studies)))
        print(f"{many:6}  {100 * hard:7}  {100 * noise:8}" + "".join(f"{c:>15}" for c in cells))


def wins(studies: int) -> None:
    """How often the interval of P(A > B) holds it, by the share of wins and ties."""
    print("\nIntervals of P(A > B), ties counted half, that hold it, in %")
    numbers = (3, 5, 10, 20, 30, 100)
    print("wins  ties  P(A > B)" + "".join(f"{f'n={n}':>8}" for n in numbers))
    for better, tied in [(0.5, 0), (0.7, 0), (0.9, 0), (0.98, 0), (0.3, 0.4), (0.1, 0.8), (0, 1)]:
        cells = []
        for n in numbers:
            shape, shares = (40 * studies, n), [better, tied, 1 - better - tied]
            drawn = np.random.default_rng((12, n)).choice([1.0, 0.0, -1.0], shape, p=shares)
            found, truth = win_share(drawn), better + tied / 2
            cells.append(100 * ((found.low <= truth) & (truth <= found.high)).mean())
        print(f"{better:4}  {tied:4}  {better + tied / 2:8.2f}"
              + "".join(f"{cell:8.1f}" for cell in cells))  # fmt: skip


def false_looks(studies: int) -> None:
    """Adaptive studies of equal arms in which any comparison is called different at any look."""
    print(f"\nAdaptive studies of equal arms, false helps or hurts in % ({studies:,} a cell)")
    cells = [(most, arms) for most in (10, 20) for arms in (2, 3, 5, 10)]
    print(f"{'scores':34}" + "".join(f"{f'{most}, {arms} arms':>12}" for most, arms in cells))
    for name, draw in DRAWS.items():
        shares = []
        for most, arms in cells:
            looks = plan_looks(most, arms - 1)
            scores = draw(np.random.default_rng((13, arms, most)), (studies, arms, most))
            called = [replay(each[1:], each[:-1], looks, delta=0.1).different.any()
                      for each in scores]  # fmt: skip
            shares.append(100 * np.mean(called))
        print(f"{name:34}" + "".join(f"{share:12.1f}" for share in shares))


def saved(studies: int) -> None:
    """What looks save and cost: replicates used, verdicts right, and the bias of stopping."""
    print("\nAdaptive, two arms, at most 20: replicates used, called helps, error of the effect")
    print("gain / spread  replicates  helps %  fixed at 20, helps %  coverage %  bias in spreads")
    looks = plan_looks(20, 1)
    for ratio in (0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 4.0):
        generator = np.random.default_rng((14, int(10 * ratio)))
        used, helps, fixed, held, errors = [], 0, 0, 0, []
        for _ in range(studies):
            other = generator.normal(0.5, 0.05, (1, 20))
            arm = other + generator.normal(0.01 * ratio, 0.01, other.shape)
            found = replay(arm, other, looks, delta=0.1)
            count = int(found.wanted[0])
            t = paired_t(100 * (arm - other)[0, :count])
            used.append(count)
            helps += bool(found.different[0] and t.mean > 0)
            whole = replay(arm, other, (20,), delta=0.1)
            fixed += bool(whole.different[0] and (arm - other).mean() > 0)
            held += bool(t.ci_low <= ratio <= t.ci_high)
            errors.append(float(t.mean) - ratio)
        rates = [100 * each / studies for each in (helps, fixed, held)]
        print(f"{ratio:13}  {np.mean(used):10.1f}  {rates[0]:7.1f}  {rates[1]:20.1f}  "
              f"{rates[2]:10.1f}  {np.mean(errors):15.2f}")  # fmt: skip


def factorials(studies: int) -> None:
    """Main effects called where no technique does anything, and intervals of all figures."""
    print(f"\nFactorials of 4 techniques, normal scores ({studies:,} a row)")
    print("n   false verdicts %  main effects held %  interactions held %  Shapley held %")
    worth = {1: 2.0, 2: -1.0, 3: 0.5}  # points: of A, of B, and of both together
    truth = sum(points for group, points in worth.items() if 15 & group == group)
    shapley = (2.0 + 0.25, -1.0 + 0.25, 0.0, 0.0)
    assert abs(sum(shapley) - truth) < 1e-12
    for n in (3, 5, 10):
        generator = np.random.default_rng((15, n))
        wrong, held = 0, np.zeros(3)
        for _ in range(studies):
            noise = generator.normal(0.6, 0.005, (16, n))
            nothing = factorial(dict(enumerate(noise.tolist())), "ABCD")
            assert nothing is not None
            wrong += any(each.effect.verdict in ("helps", "hurts") for each in nothing.main)
            gains = np.array([sum(points for group, points in worth.items()
                                  if run & group == group) for run in range(16)])  # fmt: skip
            table = noise + gains[:, None] / 100
            found = factorial(dict(enumerate(table.tolist())), "ABCD")
            assert found is not None
            main = [(each.effect.ci_low, each.effect.ci_high) for each in found.main]
            pairs = [(each.worth.ci_low, each.worth.ci_high) for each in found.interactions]
            parts = [(each.shapley.ci_low, each.shapley.ci_high) for each in found.shares]
            for place, (ends, values) in enumerate(
                [(main, shapley), (pairs, (0.5, 0, 0, 0, 0, 0)), (parts, shapley)]
            ):
                inside = [low <= value <= high
                          for (low, high), value in zip(ends, values, strict=True)]  # fmt: skip
                held[place] += np.mean(inside)
        rates = 100 * held / studies
        print(f"{n:<3} {100 * wrong / studies:16.1f}  {rates[0]:19.1f}  {rates[1]:19.1f}  "
              f"{rates[2]:14.1f}")  # fmt: skip


def predictions(studies: int) -> None:
    """How often the interval for new runs holds one, by what the scores are like."""
    print(f"\nIntervals for a new run that hold one, in % ({studies:,} a cell)")
    numbers = (2, 3, 5, 10, 30)
    print(f"{'scores':34}" + "".join(f"{f'n={n}':>8}" for n in numbers))
    for name, draw in DRAWS.items():
        cells = []
        for n in numbers:
            scores = draw(np.random.default_rng((16, n)), (studies, 1, n + 1))[:, 0]
            held = [
                predict_mean(each[:-1].tolist()).reaches(float(each[-1]), 0.0) for each in scores
            ]
            cells.append(100 * np.mean(held))
        print(f"{name:34}" + "".join(f"{cell:8.1f}" for cell in cells))


_TABLES = {
    "images": images,
    "few images": few_images,
    "wins": wins,
    "looks": false_looks,
    "saved": saved,
    "factorials": factorials,
    "predictions": predictions,
}


def main() -> None:
    """Prints every table."""
    studies = print_tables(_TABLES, __doc__, studies=2_000)
    noise = stats.binom.std(studies, ALPHA) / studies
    print(f"\nA rate of exactly 5 % scatters by ±{100 * noise:.1f} at {studies:,} studies.")


if __name__ == "__main__":
    main()
