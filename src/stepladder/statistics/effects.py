"""From paired scores to effects: the rule that gives verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.corrections import holm
from stepladder.statistics.intervals import WinShare, win_share
from stepladder.statistics.paired import (
    DRAWS,
    EXACT_UP_TO,
    PairedT,
    inside,
    missed_share,
    none_if_nan,
    one_sign_p,
    paired_t,
    round_off,
    sign_flip,
    skewed_tost,
    tost,
    unanimous_sign,
    unanimous_sign_floor,
    welch_error,
    within_floor,
)
from stepladder.statistics.power import (
    FEWEST,
    FEWEST_WITHIN,
    MOST,
    POWER,
    pilot_range,
    power_of_t,
    power_of_tost,
    smallest_count,
)
from stepladder.statistics.results import (
    WITHIN,
    Bools,
    Claim,
    Effect,
    Floats,
    Interval,
    ReplicatePlan,
    Verdict,
    as_pairs,
    check_delta,
    check_share,
    side_of,
)
from stepladder.study.metrics import METRICS, Metric

_FEWEST_DEGREES = 0.1  # a family may have rows without any
_LEAST_SPREAD = 1e-9  # points; stands for no spread at all where one is divided by


@dataclass(frozen=True, eq=False)
class Judged:
    """Families of comparisons, judged; every array of shape (..., comparisons).

    Attributes:
        differences: percentage points, shape (..., comparisons, replicates); NaN is missing.
        t: paired t test and 95 % interval.
        p: sign-flip p-value.
        p_adjusted: the same after Holm's correction.
        p_t_adjusted: p of the t test after Holm's correction.
        different: whether the verdict is `helps` or `hurts`, by the sign of the mean.
        within: whether it is `no difference beyond δ`, or with a side `not worse beyond δ`.
        wins: share of the pairs in which the arm is the better one.
        p_verdict: the p-value that the verdict rests on, after Holm's correction: of "within
            delta" where that is the verdict, else of "the arms are equal".
        simultaneous_low: lower end of the interval for all comparisons of the family at once.
        simultaneous_high: its upper end.
        counts: pairs, or values of the smaller sample where there is none.
        plans: pairs for a difference and for equivalence, and the range of what pilots ask for,
            shape (4, ..., comparisons); see `ReplicatePlan`. Infinite where the verdict is settled,
            with fewer than two pairs, and where 10,000 are not enough.
        side: as for `paired.inside`.
    """

    differences: Floats
    t: PairedT
    p: Floats
    p_adjusted: Floats
    p_t_adjusted: Floats
    different: Bools
    within: Bools
    wins: WinShare
    p_verdict: Floats
    simultaneous_low: Floats
    simultaneous_high: Floats
    counts: npt.NDArray[np.int64]
    plans: Floats
    side: int = 0


def judge(
    arm: npt.ArrayLike,
    other: npt.ArrayLike,
    *,
    delta: float | Floats,
    alpha: float,
    plan: bool = True,
    unpaired: bool = False,
    overlap: float = 0.0,
    side: int = 0,
    one_sign: bool = True,
) -> Judged:
    """Judges families of comparisons.

    Different (`helps`, `hurts`): a p-value that does not trust the spread of a few differences
    alone is below alpha after Holm's correction. It is the larger of those of the paired t test
    and of the sign-flip test, which is exact for any arms that differ by chance alone. Where all
    differences have one sign it may be max(2 p_t, 4^(1 - n)) instead, without which 80 points in
    5 of 5 replicates could be chance (the sign-flip test ends at 2 / 2^5 = 0.06). Above 20 pairs,
    where flips are drawn, the t test decides alone once none does as much.

    Otherwise within ±delta (`no difference beyond δ`): two one-sided tests, Holm's correction
    over the same family; they must reject by Student's t and by Hall's, which allows for skewed
    differences. Their p-value is never below 2^(-n), so that five pairs are needed in a
    family of one, and seven in one of six. With fewer than three pairs there is neither.

    Args:
        arm: accuracies as fractions, shape (..., comparisons, replicates); the comparisons of
            one study are a family. NaN is a replicate that is missing.
        other: the same of the arms compared with.
        delta: percentage points below which a difference does not matter, above 0; one number,
            or one for each comparison.
        alpha: chance in a study of a false `helps` or `hurts`, and of a false
            `no difference beyond δ`, each, between 0 and 1.
        plan: whether to work out how many pairs would settle what is open; it takes the most
            time, and a simulation of many studies can do without.
        unpaired: whether Welch's tests of two means take the place of the paired ones where there
            is no pair; for one family of shape (comparisons, replicates).
        overlap: test examples per training example, of parts that overlap; see `paired_t`. Signs
            alone prove nothing there: p_t, which is corrected, must be below alpha too.
        side: as for `paired.inside`: with one bound, one test takes the place of the two one-sided
            ones, and within is `not worse beyond δ`.
        one_sign: whether differences of one sign may take the place of sign flips.
    """
    differences = _differences(arm, other)
    t, p = paired_t(differences, overlap=overlap), sign_flip(differences)
    p = np.where(t.pairs < 2, np.nan, p)
    deltas = np.broadcast_to(np.asarray(delta, np.float64), t.mean.shape)
    p_different, p_within = _verdict_p_values(differences, t, p, deltas, overlap, side, one_sign)
    counts, degrees = t.pairs.copy(), t.pairs - 1.0
    if unpaired:
        for row in np.flatnonzero(t.pairs == 0):
            means, p_within[row], counts[row], degrees[row] = _welch(
                arm, other, int(row), float(deltas[row]), side
            )
            for name, value in means.items():
                getattr(t, name)[row] = value
            p_different[row] = means["p"] if counts[row] >= FEWEST else np.nan
    p_different, p_within = holm(p_different), holm(p_within)
    different, equivalent = p_different < alpha, p_within < alpha
    within = equivalent & ~different
    plans = np.full((4, *t.mean.shape), np.inf)
    if plan:
        is_open = ~different & ~within & (t.pairs >= 2)
        left = [(~rejected).sum(axis=-1, keepdims=True) for rejected in (different, equivalent)]
        # At which Holm's correction tests the next of those that it has not rejected.
        levels = [
            np.broadcast_to(alpha / np.maximum(count, 1), is_open.shape)[is_open] for count in left
        ]
        alike = unanimous_sign(differences) & one_sign
        plans[:, is_open] = _plans(t, alike, is_open, levels[0], levels[1], deltas[is_open], side)
    wins = win_share(differences)
    p_verdict = np.where(within, p_within, p_different)
    low, high = simultaneous_ends(t, degrees)
    return Judged(differences, t, p, holm(p), holm(t.p), different, within, wins, p_verdict,
                  low, high, counts, plans, side)  # fmt: skip


def verdict_p_values(
    arm: npt.ArrayLike,
    other: npt.ArrayLike,
    delta: float | Floats,
    side: int = 0,
    overlap: float = 0.0,
) -> tuple[Floats, Floats]:
    """The p-values that verdicts rest on, before any family is corrected for.

    The arguments are those of `judge`.

    Returns:
        Of "the arms are equal", NaN with fewer than three pairs, and of "the difference is delta
        or more", NaN with fewer than five.
    """
    differences = _differences(arm, other)
    t, p = paired_t(differences, overlap=overlap), sign_flip(differences)
    return _verdict_p_values(differences, t, p, delta, overlap, side)


def _differences(arm: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    return round_off(100 * (np.asarray(arm, np.float64) - np.asarray(other, np.float64)))


def _verdict_p_values(
    differences: Floats,
    t: PairedT,
    p: Floats,
    delta: float | Floats,
    overlap: float = 0.0,
    side: int = 0,
    one_sign: bool = True,
) -> tuple[Floats, Floats]:
    none_as_extreme = (t.pairs > EXACT_UP_TO) & (p * (1 + DRAWS) < 1.5)
    larger = np.maximum(t.p, np.where(none_as_extreme, 0.0, p))
    alike = unanimous_sign(differences) & one_sign
    p_different = np.where(alike, np.minimum(larger, one_sign_p(t.pairs, t.p)), larger)
    tests = (test(differences, delta, overlap, side) for test in (tost, skewed_tost))
    p_within = np.maximum.reduce([within_floor(t.pairs), *tests])
    return (
        np.where(t.pairs >= FEWEST, p_different, np.nan),
        np.where(t.pairs >= FEWEST_WITHIN, p_within, np.nan),
    )


def _welch(
    arm: npt.ArrayLike, other: npt.ArrayLike, row: int, delta: float, side: int
) -> tuple[dict[str, float], float, int, float]:
    """One comparison without pairs: fields of a `PairedT`, p of equivalence, values, degrees.

    Values are those of the smaller sample.
    """
    # Sorted: sums must not depend on the order of the replicates.
    samples = [np.sort(100 * np.asarray(side, np.float64)[row]) for side in (arm, other)]
    ours, theirs = (sample[~np.isnan(sample)] for sample in samples)
    mean, error, degrees = welch_error(ours.tolist(), theirs.tolist())
    mean, n, m = float(round_off(mean)), len(ours), len(theirs)
    nearer = float(inside(mean, delta, side))
    if error == 0:
        # Two values at most are seen. The largest chance, over all ways to draw them, that one
        # sample has the one throughout and the other the other:
        floor = 2 * math.exp(sum(k * math.log(k / (n + m)) for k in (n, m)))
        p, p_within, half = floor if mean else 1.0, float(nearer <= 0), 0.0
    else:
        p = 2 * float(special.stdtr(degrees, -abs(mean) / error))
        p_within = float(special.stdtr(degrees, -nearer / error))
        half = float(special.stdtrit(degrees, 0.975)) * error
    means = {"mean": mean, "p": p, "ci_low": mean - half, "ci_high": mean + half}
    count = min(n, m)
    p_within = max(p_within, float(within_floor(count))) if count >= FEWEST_WITHIN else math.nan
    return means, p_within, count, degrees


def simultaneous_ends(t: PairedT, degrees: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The ends of intervals that hold all means of a family at once, in 95 % of families.

    d̄ ± t* s / √n as in the single interval, with t* at 1 - 0.05 / (2 m) for a family
    of m (Bonferroni). Nothing is assumed about how the comparisons depend on each other.

    Args:
        t: families of comparisons with their single intervals at 95 %, of shape (..., m).
        degrees: of freedom of these, of the same shape.

    Reference:
        Dunn 1961, "Multiple comparisons among means", Journal of the American Statistical
        Association 56.
    """
    free = np.maximum(np.where(np.isfinite(degrees), degrees, 1.0), _FEWEST_DEGREES)
    level = (1 - 0.95) / (2 * max(t.mean.shape[-1], 1))
    ratio = special.stdtrit(free, 1 - level) / special.stdtrit(free, 0.975)
    half = ratio * (t.ci_high - t.ci_low) / 2
    return t.mean - half, t.mean + half


def _plans(
    t: PairedT, alike: Bools, rows: Bools, level: Floats, level_within: Floats, delta: Floats,
    side: int,
) -> Floats:  # fmt: skip
    """Pairs that settle the chosen comparisons, see `Judged.plans`; infinite beyond the most."""
    mean, spread = t.mean[rows], np.maximum(t.spread[rows], _LEAST_SPREAD)
    more = np.maximum(t.pairs[rows] + 1, FEWEST)

    def flips_can_reject(pairs: Floats) -> Bools:
        return np.asarray(2 ** (1 - pairs) < level)

    def can_reject(pairs: Floats) -> Bools:
        return flips_can_reject(pairs) | (alike[rows] & (unanimous_sign_floor(pairs) < level))

    def shows_difference(pairs: Floats) -> Bools:
        tested_at = np.where(flips_can_reject(pairs), level, level / 2)
        return np.asarray(power_of_t(pairs, mean, spread, tested_at) >= POWER)

    def shows_none(pairs: Floats) -> Bools:
        is_likely = power_of_tost(pairs, mean, spread, delta, level_within, side) >= POWER
        return np.asarray(is_likely & (within_floor(pairs) < level_within))

    different = smallest_count(shows_difference, smallest_count(can_reject, more))
    none = smallest_count(shows_none, np.maximum(more, FEWEST_WITHIN))
    pairs = t.pairs[rows].astype(np.float64)
    asked = pilot_range(pairs, mean, spread, delta, level, level_within, side)
    return np.stack([different, none, *asked])


def effects(
    scores: Mapping[str, Sequence[float]],
    pairs: Sequence[tuple[str, str]],
    *,
    delta: float | None = 0.1,
    alpha: float = 0.05,
    at_chance: Mapping[str, Sequence[float]] | None = None,
    metric: Metric = METRICS["accuracy"],
    unpaired: bool = False,
    overlap: float = 0.0,
    claim: Claim = "difference",
) -> dict[str, Effect]:
    """The effects of a study: each arm against the one it is compared with.

    Differences are taken replicate by replicate, in the metric's unit, over the replicates
    finite in both arms. All pairs are one family for Holm's correction, those without
    replicates too. The interval is at 95 % and is for its own comparison alone. `judge` gives the
    verdicts.

    Args:
        scores: values of the metric by arm, such as fractions in 0…1, index = replicate; NaN is
            a replicate that diverged; in a shorter list the last ones are missing.
        pairs: names of an arm and of the arm it is compared with; an arm is judged once.
        delta: difference below which none matters, percentage points for fractions; None where
            that is not known, and no verdict is `no difference`; not for fractions.
        alpha: chance in a study of a false `helps` or `hurts`, between 0 and 1.
        at_chance: the same scores with diverged replicates at the accuracy of guessing; where
            they differ from `scores`, an effect says what it would be with them.
        metric: what is judged.
        unpaired: whether arms without a common replicate are compared by Welch's tests.
        overlap: as for `judge`; more replicates bring no new data then, so none are recommended.
        claim: "not worse" where an arm shall show that it is not worse by delta, and need not show
            that it is not better: the verdict is then `not worse beyond δ`.

    Returns:
        One effect by the name of each pair's first arm, in the order of pairs.

    Raises:
        InputError: if a score is not a number or outside the metric's bounds, a pair names an
            unknown arm, an arm is judged twice, delta is not above 0, or alpha is not between 0
            and 1.

    Example:
        >>> scores = {"base": [0.11, 0.12, 0.10, 0.11], "Adam": [0.96, 0.97, 0.95, 0.96]}
        >>> adam = effects(scores, [("Adam", "base")])["Adam"]
        >>> f"{adam.mean:.1f} points: {adam.verdict}"
        '85.0 points: helps'
    """
    if delta is not None or metric.is_fraction:
        check_delta(delta, metric.unit)
    check_share(alpha, "alpha", 0.05)
    first, second, replicates = as_pairs(scores, pairs, metric)
    if not pairs:
        return {}
    sizes, factors = judging_scale(metric, first, second)
    judged = judge(
        first / sizes[:, None], second / sizes[:, None], delta=(delta or 0.0) / factors,
        alpha=alpha, unpaired=unpaired, plan=not overlap, overlap=overlap,
        side=side_of(claim, metric),
    )  # fmt: skip
    by_arm = {
        arm: in_unit(effect_of_row(judged, row, replicates[row]), float(factors[row]), metric)
        for row, (arm, _) in enumerate(pairs)
    }
    if at_chance is None:
        return by_arm
    guessing = effects(at_chance, pairs, delta=delta, alpha=alpha, metric=metric,
                       unpaired=unpaired, overlap=overlap, claim=claim)  # fmt: skip
    return {
        arm: replace(own, at_chance=guessing[arm]) if guessing[arm].pairs > own.pairs else own
        for arm, own in by_arm.items()
    }


def judging_scale(metric: Metric, *sides: Floats) -> tuple[Floats, Floats]:
    """What values are divided by to be judged, and what effects are then multiplied by.

    The rules are made for fractions and percentage points: values of other metrics are divided by
    the smallest power of ten that none of their comparison exceeds.

    Args:
        metric: what is judged.
        sides: values of shape (comparisons, replicates).

    Returns:
        Two arrays of shape (comparisons,).

    Example:
        >>> judging_scale(METRICS["rmse"], np.array([[30.0, 250.0]]))
        (array([1000.]), array([10.]))
    """
    sizes = np.ones(len(sides[0]))
    if not metric.is_fraction:
        most = np.max([np.nanmax(np.abs(side), axis=-1, initial=0.0) for side in sides], axis=0)
        powers = np.ceil(np.log10(np.where(most > 0, most, 1.0)))
        sizes = np.asarray(10.0 ** np.maximum(powers, -300.0), np.float64)
    return sizes, metric.scale * sizes / 100


_OPPOSITE: dict[Verdict, Verdict] = {"helps": "hurts", "hurts": "helps"}


def in_unit(effect: Effect, factor: float, metric: Metric) -> Effect:
    """An effect in hundredths of some size, where more is better, as one of a metric."""
    if metric.direction == "minimize":
        share, ends = effect.p_greater, effect.p_greater_ci
        effect = replace(
            effect,
            verdict=_OPPOSITE.get(effect.verdict, effect.verdict),
            p_greater=None if share is None else 1 - share,
            p_greater_ci=ends and Interval(1 - ends.high, 1 - ends.low),
        )
    if factor == 1:
        return effect
    low, high = (end if end is None else end * factor for end in (effect.ci_low, effect.ci_high))
    family = effect.simultaneous
    return replace(
        effect, mean=effect.mean * factor, ci_low=low, ci_high=high,
        simultaneous=family and Interval(family.low * factor, family.high * factor),
        differences=tuple(difference * factor for difference in effect.differences),
    )  # fmt: skip


def plan_of(counts: Floats, side: int = 0) -> ReplicatePlan | None:
    """A column of `Judged.plans` as a plain value; None where 10,000 pairs would not do."""
    needed = min(counts[:2])
    if math.isinf(needed):
        return None
    different, none = (None if math.isinf(count) else int(count) for count in counts[:2])
    low, high = min(counts[2], needed), max(counts[3], needed)
    return ReplicatePlan(
        "difference" if different == needed else "not worse" if side else "equivalence",
        different,
        none,
        int(low),
        int(high) if high <= MOST else None,
    )


def with_verdict(
    effect: Effect,
    verdict: Verdict,
    p_verdict: float | None,
    plan: ReplicatePlan | None = None,
    count: int | None = None,
) -> Effect:
    """An effect with another verdict, and with all that must agree with it.

    The simultaneous interval has 0 in it where no sign is established: verdicts ask for more than
    a t test, so it may have to be widened.

    Args:
        effect: with another one.
        verdict: that it gets.
        p_verdict: the p-value that the verdict rests on.
        plan: how many pairs would settle it, where it is open.
        count: that a verdict of `WITHIN` is based on; the number of pairs when None.
    """
    is_open, family = verdict == "not enough replicates", effect.simultaneous
    if family and is_open:
        family = Interval(min(family.low, 0.0), max(family.high, 0.0))
    return replace(
        effect, verdict=verdict, p_verdict=p_verdict, simultaneous=family,
        plan=plan if is_open else None,
        missed_share=missed_share(count or effect.pairs) if verdict in WITHIN else None,
    )  # fmt: skip


def effect_of_row(judged: Judged, row: int, replicates: int) -> Effect:
    """One comparison of a family as a plain value.

    Args:
        judged: one family, so every array has the shape (comparisons,).
        row: which comparison.
        replicates: that either of its arms should have.
    """
    mean, pairs = judged.t.interval(row), int(judged.t.pairs[row])
    wins = judged.wins
    verdict: Verdict = "not enough replicates"
    if judged.within[row]:
        verdict = WITHIN[abs(judged.side)]
    if judged.different[row]:
        verdict = "helps" if mean.mean > 0 else "hurts"
    effect = Effect(
        mean=mean.mean,
        ci_low=mean.ci_low,
        ci_high=mean.ci_high,
        p=none_if_nan(judged.p[row]),
        p_adjusted=none_if_nan(judged.p_adjusted[row]),
        p_t=none_if_nan(judged.t.p[row]),
        p_t_adjusted=none_if_nan(judged.p_t_adjusted[row]),
        verdict="not enough replicates",
        pairs=pairs,
        unpaired=replicates - pairs,
        differences=tuple(x for x in judged.differences[row].tolist() if not math.isnan(x)),
        p_greater=none_if_nan(wins.share[row]),
        p_greater_ci=Interval(float(wins.low[row]), float(wins.high[row])) if pairs else None,
        simultaneous=None
        if mean.ci_low is None
        else Interval(float(judged.simultaneous_low[row]), float(judged.simultaneous_high[row])),
        comparisons=len(judged.t.mean),
    )
    return with_verdict(
        effect, verdict, none_if_nan(judged.p_verdict[row]),
        plan_of(judged.plans[:, row], judged.side),
        count=int(judged.counts[row]),
    )  # fmt: skip
