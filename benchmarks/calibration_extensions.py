"""How often a study of equal arms is ever called different, however it is extended, by simulation.

Run with `python benchmarks/calibration_extensions.py [--studies N]`; it prints the tables of
"Judging a study again" in `docs/measured/calibration.md`. Seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from calibration import ALPHA, DELTA, DRAWS, Floats, print_tables
from stepladder.statistics.anytime import SHARE_FIRST, anytime_p, later_levels, later_p
from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import judge
from stepladder.statistics.paired import paired_t, round_off
from stepladder.statistics.sequential import plan_looks, replay

Bools = npt.NDArray[np.bool_]

STEPS = (5, 10, 20, 40, 100)
SCORES = (
    "normal",
    "skewed (exponential below 0.98)",
    "one in ten collapses",
    "two levels, some noise",
    "20 test images",
    "normal, half of it shared",
)
FIRST = ALPHA * SHARE_FIRST


def _draw(name: str, seed: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The arms that are judged and what they are compared with, each of the given shape."""
    studies, comparisons, replicates = shape
    scores = DRAWS[name](np.random.default_rng(seed), (studies, comparisons + 1, replicates))
    return scores[:, 1:], scores[:, :-1]


def _first(arm: Floats, other: Floats, level: float = FIRST) -> Bools:
    return judge(arm, other, delta=DELTA, alpha=level, plan=False).different


def _later(arm: Floats, other: Floats, batches: npt.ArrayLike = 1) -> Bools:
    """Comparisons that a judgement calls that was not planned."""
    t = paired_t(round_off(100 * (arm - other)))
    batch = np.broadcast_to(batches, arm.shape[1])
    return np.asarray(later_p(t, batch, DELTA)[0] < later_levels(batch))


def _by_hand(arm: Floats, other: Floats) -> tuple[Bools, Bools]:
    """Any false call after 5, 10, 20, 40 and 100 replicates: this rule, and each time at 5 %."""
    now = _first(arm[..., :5], other[..., :5]).any(axis=1)
    naive = _first(arm[..., :5], other[..., :5], ALPHA).any(axis=1)
    for n in STEPS[1:]:
        now |= _later(arm[..., :n], other[..., :n]).any(axis=1)
        if n <= 20:  # flips are drawn beyond, which takes long
            naive |= _first(arm[..., :n], other[..., :n], ALPHA).any(axis=1)
    return now, naive


def _every(arm: Floats, other: Floats) -> Bools:
    """Any false call: at 5 replicates as planned, then after every further one."""
    wrong = _first(arm[..., :5], other[..., :5]).any(axis=1)
    for n in range(6, arm.shape[-1] + 1):
        wrong |= _later(arm[..., :n], other[..., :n]).any(axis=1)
    return wrong


def _auto(arm: Floats, other: Floats) -> Bools:
    """`auto` to 20 replicates, then by hand to 40 and 100."""
    looks = plan_looks(20, arm.shape[1], FIRST)
    wrong = np.array([
        replay(ours[:, :20], theirs[:, :20], looks, delta=DELTA, alpha=FIRST).different.any()
        for ours, theirs in zip(arm, other, strict=True)
    ])  # fmt: skip
    for n in (40, 100):
        wrong |= _later(arm[..., :n], other[..., :n]).any(axis=1)
    return wrong


def _added(arm: Floats, other: Floats) -> Bools:
    """A comparison at 5 replicates; the others are added in four portions, each with more."""
    count = arm.shape[1]
    batches = np.r_[1, 2 + np.arange(count - 1) * 4 // max(count - 1, 1)]
    wrong = _first(arm[:, :1, :5], other[:, :1, :5]).any(axis=1)
    for batch, n in enumerate(STEPS[1:], 2):
        there = batches <= batch
        wrong |= _later(arm[:, there, :n], other[:, there, :n], batches[there]).any(axis=1)
    return wrong


def false_calls(studies: int) -> None:
    """Studies of equal arms with any false verdict at any of their judgements."""
    print(f"\nStudies of equal arms ever called helps or hurts, in % ({studies:,} a row)")
    print(f"{'scores':34} comparisons  each at 5 %, to 20  5 to 100  every one to 100  "
          "auto, then 100  arms added")  # fmt: skip
    worst = 0.0
    for name in SCORES:
        for comparisons in (1, 6, 32):
            count = studies if comparisons < 32 else max(studies // 4, 100)
            arm, other = _draw(name, (21, comparisons), (count, comparisons, 100))
            now, naive = _by_hand(arm, other)
            few = slice(0, max(count // 4, 100))
            calls = (
                now,
                _every(arm[few], other[few]),
                _auto(arm[few], other[few]),
                _added(arm, other),
            )
            rates = [100 * float(call.mean()) for call in calls]
            worst = max(worst, *rates)
            print(f"{name:34} {comparisons:>11}  {100 * naive.mean():18.1f}  {rates[0]:8.1f}  "
                  f"{rates[1]:16.1f}  {rates[2]:14.1f}  {rates[3]:10.1f}", flush=True)  # fmt: skip
    print(f"largest of the last four: {worst:.1f}")


def power(studies: int) -> None:
    """What the first judgement loses, and what an extension finds."""
    print(f"\nGains called at the first judgement / before, in % ({studies:,} a cell)")
    gains = (0.5, 1.0, 1.5, 2.0, 3.0)
    print("comparisons   n" + "".join(f"{gain:>15}" for gain in gains))
    worst = 0.0
    for comparisons in (1, 6):
        for n in (5, 8, 10):
            cells = []
            for gain in gains:
                drawn = np.random.default_rng((22, n)).normal(size=(studies, comparisons, n)) / 100
                drawn[:, 0] += gain / 100
                other = np.full_like(drawn, 0.5)
                now, before = (
                    100 * float(_first(0.5 + drawn, other, level)[:, 0].mean())
                    for level in (FIRST, ALPHA)
                )
                worst = max(worst, before - now)
                cells.append(f"{now:.1f} / {before:.1f}")
            print(f"{comparisons:11} {n:3} " + "".join(f"{cell:>15}" for cell in cells))
    print(f"largest loss: {worst:.1f} points")


LOSSES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "normal, spread 0.05": lambda rng, shape: rng.normal(-DELTA, 0.05, shape),
    "normal, spread 0.3": lambda rng, shape: rng.normal(-DELTA, 0.3, shape),
    "0 less an exponential 0.1": lambda rng, shape: -rng.exponential(DELTA, shape),
    "-0.2 and an exponential 0.1": lambda rng, shape: rng.exponential(DELTA, shape) - 2 * DELTA,
    "-1 in one of ten, noise 0.03": lambda rng, shape: (
        rng.normal(0, 0.03, shape) - (rng.random(shape) < 0.1)
    ),
    "-86 in one of ten, noise 0.03": lambda rng, shape: (
        rng.normal(0, 0.03, shape) - 86 * (rng.random(shape) < 0.1)
    ),
}
"""Differences in points whose mean is -δ; of the last it is far below."""


def _naive_not_worse(differences: Floats) -> Bools:
    """Any comparison called not worse by the one-sided t test alone, after Holm's correction."""
    n = differences.shape[-1]
    error = differences.std(axis=-1, ddof=1) / np.sqrt(n)
    p = special.stdtr(n - 1, -(differences.mean(axis=-1) + DELTA) / error)
    return np.asarray((holm(p) < ALPHA).any(axis=1))


def _not_worse(differences: Floats) -> tuple[Bools, Bools]:
    """Any false `not worse beyond δ` at 5 replicates, and at 5, 10, 20, 40 or 100."""
    arm = 0.5 + differences / 100
    other = np.full_like(arm, 0.5)
    judged = judge(arm[..., :5], other[..., :5], delta=DELTA, alpha=FIRST, plan=False, side=1)
    at_first = judged.within.any(axis=1)
    ever = at_first.copy()
    for n in STEPS[1:]:
        t = paired_t(round_off(differences[..., :n]))
        batch = np.ones(arm.shape[1], np.int64)
        p, p_within = (p / later_levels(batch) for p in later_p(t, batch, DELTA, side=1))
        ever |= ((p_within < 1) & ~(p < 1)).any(axis=1)
    return at_first, ever


def _not_worse_auto(differences: Floats) -> Bools:
    """`auto` to 20 replicates."""
    looks = plan_looks(20, differences.shape[1], FIRST)
    arm = 0.5 + differences[..., :20] / 100
    return np.array([
        replay(ours, np.full_like(ours, 0.5), looks, delta=DELTA, alpha=FIRST, side=1).within.any()
        for ours in arm
    ])  # fmt: skip


def not_worse(studies: int) -> None:
    """Arms that are worse by δ, called not worse."""
    print(f"\nEver called not worse beyond 0.1, though worse by 0.1, in % ({studies:,} a row)")
    print(f"{'differences':34} comparisons  t test each time  at 5  5 to 100  auto to 20")
    for place, (name, draw) in enumerate(LOSSES.items()):
        for comparisons in (1, 6):
            rng = np.random.default_rng((24, place, comparisons))
            drawn = draw(rng, (studies, comparisons, 100))
            naive = np.logical_or.reduce([_naive_not_worse(drawn[..., :n]) for n in STEPS])
            few = drawn[: max(studies // 4, 100)]
            rates = (100 * float(call.mean())
                     for call in (naive, *_not_worse(drawn), _not_worse_auto(few)))  # fmt: skip
            print(f"{name:34} {comparisons:>11}  "
                  "{:16.1f}  {:4.1f}  {:8.1f}  {:10.1f}".format(*rates), flush=True)  # fmt: skip


def whenever(studies: int) -> None:
    """The anytime-valid mode: looks after every replicate, at the whole 5 %."""
    print(f"\nOne comparison, looked at after every replicate up to 100 ({studies:,} a row)")
    print(
        "gain / spread  called by 10, %  by 20, %  by 100, %  replicates, mean  sequence holds, %"
    )
    for gain in (0.0, 0.5, 1.0, 2.0, 3.0):
        drawn = np.random.default_rng((23, int(10 * gain))).normal(gain, 1.0, (studies, 100))
        numbers = np.arange(3, 101)
        calls, held = [], np.ones(studies, bool)
        for n in numbers:
            t = paired_t(drawn[:, :n])
            calls.append(anytime_p(t) < ALPHA)
            shifted = paired_t(drawn[:, :n] - gain)
            held &= ~(anytime_p(shifted) < ALPHA)
        called = np.array(calls)
        at = np.where(called.any(axis=0), numbers[called.argmax(axis=0)], 100)
        rates = [100 * called[numbers <= last].any(axis=0).mean() for last in (10, 20, 100)]
        print(f"{gain:13}  {rates[0]:15.1f}  {rates[1]:8.1f}  {rates[2]:9.1f}  {at.mean():16.1f}  "
              f"{100 * held.mean():17.1f}")  # fmt: skip


_TABLES = {"false": false_calls, "power": power, "whenever": whenever, "not worse": not_worse}


def main() -> None:
    """Prints every table."""
    print_tables(_TABLES, __doc__, studies=2_000)


if __name__ == "__main__":
    main()
