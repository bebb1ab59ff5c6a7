"""Verdicts over time: at looks that are planned before, and at every judgement after those."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from stepladder.statistics.anytime import (
    SHARE_FIRST,
    anytime_p,
    confidence_sequence,
    holm_by_batch,
    later_levels,
    later_p,
    pairs_needed,
)
from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import (
    Judged,
    effect_of_row,
    in_unit,
    judge,
    judging_scale,
    plan_of,
    verdict_p_values,
    with_verdict,
)
from stepladder.statistics.paired import (
    inside,
    none_if_nan,
    paired_t,
    round_off,
    unanimous_sign_floor,
)
from stepladder.statistics.power import FEWEST
from stepladder.statistics.results import (
    ALPHA,
    WITHIN,
    Bools,
    Claim,
    Effect,
    Floats,
    Interval,
    Verdict,
    as_pairs,
    check_delta,
    side_of,
)
from stepladder.study.metrics import METRICS, Metric

LOOKS = 4
"""Looks at most: more of them stop little earlier, and each asks more of the others."""


@dataclass(frozen=True, eq=False)
class InterimLook:
    """A family of comparisons after some looks; arrays of shape (comparisons,).

    Attributes:
        different: whether the verdict is `helps` or `hurts`, by the sign of the mean at its look.
        within: whether it is `no difference beyond δ`, or with a side `not worse beyond δ`.
        settled_at: replicates at the look that settled it; 0 where none did.
        looked: looks taken.
        wanted: replicates that each comparison has or still needs: those of the look that
            settled it, else of the look that is next, else of the last.
        finished: whether no look is left.
        p: of each comparison, corrected for the family and for all looks: below alpha exactly
            where there is a verdict; NaN before the first look.
    """

    different: Bools
    within: Bools
    settled_at: npt.NDArray[np.int64]
    looked: int
    wanted: npt.NDArray[np.int64]
    finished: bool
    p: Floats


@dataclass(frozen=True)
class Occasion:
    """When a family is judged: as it was planned at first, or later.

    Attributes:
        first: numbers of replicates at which it was planned to be judged at first: one, or those
            of several looks.
        looks: those at which it is judged now.
        batches: of each comparison, by the name of its arm: 1 for those of the first judgement, 2
            for the first ones that were added, and so on.
        gone: batches of comparisons that were judged before and are no longer there.
        is_adaptive: whether replicates are added at the looks until all is settled.
    """

    first: tuple[int, ...]
    looks: tuple[int, ...]
    batches: Mapping[str, int]
    gone: tuple[int, ...] = ()
    is_adaptive: bool = False

    @property
    def is_planned(self) -> bool:
        """Whether it is the first judgement, as it was planned."""
        added = any(batch > 1 for batch in self.batches.values())
        return self.first == self.looks and not added

    def of_sides(self, pairs: Sequence[tuple[str, str]]) -> Self:
        """The same with each batch by the first name of a pair, in the order of the batches."""
        names = (name for name, _ in pairs)
        return replace(self, batches=dict(zip(names, self.batches.values(), strict=True)))

    def share_left(self, batches: npt.NDArray[np.int64]) -> Floats:
        """Share of each batch that is still there: those that are gone count in its family."""
        there = np.array([(batches == batch).sum() for batch in batches], np.float64)
        gone = np.array([self.gone.count(int(batch)) for batch in batches], np.float64)
        return there / (there + gone)


@dataclass(frozen=True)
class OverFolds:
    """How replicates overlap that are folds of the same data.

    The anytime-valid test needs replicates that share nothing. So a judgement at r repeats that was
    not planned is by the corrected t test at 1 / (r (r + 1)) of its level: all of them, at any
    numbers of repeats, spend no more than the level.

    Attributes:
        overlap: test examples per training example; see `paired_t`.
        repeats: how often the data were divided.
    """

    overlap: float
    repeats: int


def fewest_replicates(replicates: int, comparisons: int) -> int:
    """The smallest number of replicates, from some number on, that can give any verdict.

    Fewer than that spend nothing of the error rate, so who asked for them has not judged yet.

    Args:
        replicates: that are asked for.
        comparisons: of the family.

    Example:
        >>> fewest_replicates(3, 6), fewest_replicates(10, 6)
        (5, 10)
    """
    level = ALPHA * SHARE_FIRST / max(comparisons, 1)
    number = replicates if replicates >= FEWEST else max(_ADVISED, replicates)
    while float(unanimous_sign_floor(number)) >= level:
        number += 1
    return number


_ADVISED = 5  # what is asked for where an effect cannot be distinguished from chance


def plan_looks(most: int, comparisons: int, alpha: float = 0.05) -> tuple[int, ...]:
    """The numbers of replicates at which a study is judged, the most last.

    The first is the smallest at which differences of one sign could settle a comparison at that
    look's share of the error rate, and no fewer than 5; the others stand between it and the most
    in equal ratios.

    Args:
        most: replicates at most.
        comparisons: of the family.
        alpha: chance in a study of a false verdict.

    Returns:
        Rising numbers, at most `LOOKS` of them; one alone where the most is no more than the
        first.

    Example:
        >>> plan_looks(most=30, comparisons=1)
        (5, 9, 17, 30)
    """
    level = alpha / 2 / (LOOKS - 1) / max(comparisons, 1)
    first = 5
    while first < most and float(unanimous_sign_floor(first)) >= level:
        first += 1
    ratios = [(most / first) ** (step / (LOOKS - 1)) for step in range(LOOKS)]
    numbers = {round(first * ratio) for ratio in ratios} if first < most else {most}
    return tuple(sorted({*numbers, most}))


def look_levels(looks: Sequence[int], alpha: float = 0.05) -> tuple[float, ...]:
    """The error rate that each look may spend: half at the last, the rest evenly before it.

    What is left open at the last look is hard to see, so most is left for it; clear effects
    settle early at any level.

    Args:
        looks: numbers of replicates, rising.
        alpha: what all looks together may spend.
    """
    early = len(looks) - 1
    return (*[alpha / 2 / early] * early, alpha / 2) if early else (alpha,)


def replay(
    arm: npt.ArrayLike,
    other: npt.ArrayLike,
    looks: tuple[int, ...],
    *,
    delta: float | Floats,
    alpha: float = 0.05,
    reached: npt.ArrayLike | None = None,
    before: InterimLook | None = None,
    batches: npt.ArrayLike = 1,
    levels: npt.ArrayLike = 0.05,
    side: int = 0,
    overlap: float = 0.0,
) -> InterimLook:
    """What each look says, in order, from the scores that were there at it.

    At a look with n replicates every comparison that is still open is judged on its first n, at
    the look's share of alpha, after Holm's correction over the comparisons that no look has
    called different yet (or, for `no difference beyond δ`, within δ). A verdict stays. Let m0
    comparisons be equal in truth. Before the first of them is called falsely, at least m0 are
    uncalled, so at each look they are tested at its share over m0 or less, m0 of them: some
    false call has chance at most the sum of the shares, alpha, however the looks depend on each
    other and whatever made a comparison's replicates end.

    Args:
        arm: accuracies as fractions, shape (comparisons, replicates); NaN is one that diverged.
        other: the same of the arms compared with.
        looks: numbers of replicates, rising.
        delta: percentage points below which a difference does not matter, for all comparisons
            or for each.
        alpha: chance in a study of a false `helps` or `hurts`.
        reached: replicates that both arms of each comparison have; all when None. A look is
            taken only where every open comparison has reached it.
        before: what the planned looks said; then these are others, which anybody may have chosen
            after it, and each is taken by the anytime-valid test.
        batches: of each comparison, as for `later_p`; only with `before`.
        levels: at which each is tested then.
        side: as for `judge`.
        overlap: as for `judge`, where looks are planned.

    Reference:
        Maurer & Bretz 2013, "Multiple testing in group sequential trials using graphical
        approaches", Statistics in Biopharmaceutical Research 5; Holm 1979.
    """
    first, second = np.asarray(arm, np.float64), np.asarray(other, np.float64)
    count = len(first)
    replicates = np.full(count, first.shape[1]) if reached is None else np.asarray(reached)
    different, within = np.zeros(count, bool), np.zeros(count, bool)
    settled_at, wanted = np.zeros(count, np.int64), np.zeros(count, np.int64)
    lowest, batch = np.full(count, np.nan), np.broadcast_to(batches, count)
    if before is not None:
        different, within, lowest = before.different.copy(), before.within.copy(), before.p.copy()
        settled_at, wanted = before.settled_at.copy(), before.settled_at.copy()
    taken, is_left = 0, False
    for number, level in zip(looks, look_levels(looks, alpha), strict=True):
        is_open = ~different & ~within
        if not is_open.any():
            break
        wanted[is_open] = number
        is_left = bool((replicates[is_open] < number).any())
        if is_left:
            break
        taken += 1
        sides = first[:, :number], second[:, :number]
        if before is None:
            p, p_within = verdict_p_values(*sides, delta, side, overlap)
            p = _stepped(p, is_open, different) * alpha / level
            p_within = _stepped(p_within, is_open, within) * alpha / level
        else:
            t = paired_t(round_off(100 * (sides[0] - sides[1])))
            later = later_p(t, batch, delta, side)
            p, p_within = (of * alpha / np.asarray(levels) for of in later)
        different |= is_open & (p < alpha)
        within |= is_open & ~different & (p_within < alpha)
        lowest = np.where(is_open, np.fmin(lowest, np.where(within, p_within, p)), lowest)
        settled_at[is_open & (different | within)] = number
    return InterimLook(
        different, within, settled_at, taken, wanted, finished=not is_left,
        p=np.minimum(lowest, 1.0),
    )  # fmt: skip


def _stepped(p: Floats, is_open: Bools, called: Bools) -> Floats:
    """p-values of open comparisons after Holm's correction over all that are not called yet."""
    family = np.where(is_open & ~np.isnan(p), p, 1.0)
    adjusted = np.ones(len(p))
    if not called.all():
        adjusted[~called] = holm(family[~called])
    return np.where(np.isnan(p), np.nan, adjusted)


def effects_over_time(
    scores: Mapping[str, Sequence[float]],
    pairs: Sequence[tuple[str, str]],
    occasion: Occasion,
    *,
    delta: float | None = 0.1,
    metric: Metric = METRICS["accuracy"],
    stored: Mapping[str, int] | None = None,
    claim: Claim = "difference",
    folds: OverFolds | None = None,
) -> tuple[dict[str, Effect], InterimLook]:
    """The effects of a study, with verdicts that hold however often it is extended and judged.

    The judgement that was planned at first may spend 95 % of `ALPHA`, by the rule of `judge`, at
    one number of replicates or at several looks. Every other one, before or after it, is by the
    anytime-valid test at what is left. A verdict of the planned one stays, while the mean of all
    replicates does not contradict it. So any false verdict, at any time, has that chance at most.

    Means and intervals are over all replicates, or with looks over those of the look that settled
    a comparison; stopping does not correct them. `p_verdict` is corrected for the family and for
    all other judgements: it is below `ALPHA` exactly where there is a verdict.

    Args:
        scores: as for `effects`; with looks, as far as each arm has replicates.
        pairs: as for `effects`.
        occasion: which judgement this is.
        delta: as for `effects`.
        metric: what is judged.
        stored: replicates of each arm without a gap from the first one; all scores when None.
        claim: as for `effects`.
        folds: how replicates overlap; None where they test on one part. Nothing is added look by
            look then, and no number of replicates is advised: folds bring no new data.

    Returns:
        One effect by the name of each pair's first arm, and the state after the looks.

    Raises:
        InputError: as for `effects`.
    """
    if delta is not None or metric.is_fraction:
        check_delta(delta, metric.unit)
    first, second, replicates = as_pairs(scores, pairs, metric)
    sizes, factors = judging_scale(metric, first, second)
    first, second = first / sizes[:, None], second / sizes[:, None]
    least, side = (delta or 0.0) / factors, side_of(claim, metric)
    counts = stored or {name: len(values) for name, values in scores.items()}
    reached = np.array([min(counts[arm], counts[other]) for arm, other in pairs], np.int64)
    state = _state(first, second, pairs, occasion, least, reached, side, folds)
    if not pairs:
        return {}, state
    used = np.array(replicates)
    if occasion.is_adaptive:
        used = np.minimum(state.wanted, reached)
    beyond = np.arange(first.shape[1]) >= used[:, None]
    judged = judge(
        np.where(beyond, np.nan, first), second, delta=least, alpha=ALPHA, plan=False, side=side,
        overlap=folds.overlap if folds else 0.0,
    )  # fmt: skip
    batches = np.array([occasion.batches[arm] for arm, _ in pairs])
    judged = replace(
        judged,
        different=state.different,
        within=state.within,
        plans=judged.plans if folds else _plans(judged, state, occasion, batches, least),
        p_verdict=np.where(judged.t.pairs < FEWEST, np.nan, state.p),
    )
    low, high = confidence_sequence(judged.differences, ALPHA)
    by_arm = {}
    for row, (arm, _) in enumerate(pairs):
        factor = float(factors[row])
        by_arm[arm] = replace(
            in_unit(effect_of_row(judged, row, int(used[row])), factor, metric),
            settled_at=(int(state.settled_at[row]) or None) if occasion.is_adaptive else None,
            anytime=None if folds else _ends(low[row] * factor, high[row] * factor),
        )
    return by_arm, state


def _ends(low: float, high: float) -> Interval | None:
    return Interval(float(low), float(high)) if np.isfinite(low) and np.isfinite(high) else None


def anytime_effects(
    effects: Mapping[str, Effect],
    *,
    delta: float | None,
    metric: Metric,
    claim: Claim = "difference",
) -> dict[str, Effect]:
    """Effects of one family with the verdicts of the anytime-valid test, at the whole error rate.

    They may be read after every replicate, and replicates may be added because of what was read.
    Where nothing is paired there is no such test, and no verdict.

    Args:
        effects: by arm, as from `effects`.
        delta: as for `effects`.
        metric: what is judged.
        claim: as for `effects`.

    Example:
        >>> from stepladder.statistics.effects import effects
        >>> scores = {"base": [0.90, 0.91, 0.92, 0.90, 0.91, 0.92], "new": [0.95, 0.97] * 3}
        >>> judged = anytime_effects(effects(scores, [("new", "base")]), delta=0.1,
        ...                          metric=METRICS["accuracy"])
        >>> judged["new"].verdict, f"{judged['new'].p_verdict:.3f}"
        ('helps', '0.020')
    """
    if not effects:
        return {}
    width = max(len(effect.differences) for effect in effects.values())
    rows = np.full((len(effects), max(width, 1)), np.nan)
    for row, effect in zip(rows, effects.values(), strict=True):
        row[: len(effect.differences)] = effect.differences
    t, least, side = paired_t(rows), delta or 0.0, side_of(claim, metric)
    p, p_within = holm(anytime_p(t)), holm(anytime_p(t, least, side))
    different = p < ALPHA
    within = (p_within < ALPHA) & ~different
    is_open = ~different & ~within
    plans = np.full((4, len(rows)), np.inf)
    known = is_open & (t.pairs >= 2)
    if known.any():
        count = int(known.sum())
        plans[:, known] = pairs_needed(
            paired_t(rows[known]), np.full(count, ALPHA / is_open.sum()), np.full(count, least),
            side,
        )  # fmt: skip
    low, high = confidence_sequence(rows, ALPHA)
    judged = {}
    for place, (name, effect) in enumerate(effects.items()):
        verdict: Verdict = WITHIN[abs(side)] if within[place] else "not enough replicates"
        if different[place]:
            verdict = "helps" if metric.sign * effect.mean > 0 else "hurts"
        chance = effect.at_chance
        if chance is not None:
            chance = anytime_effects({name: chance}, delta=delta, metric=metric, claim=claim)[name]
        p_verdict = none_if_nan(np.where(within, p_within, p)[place])
        judged[name] = replace(
            with_verdict(effect, verdict, p_verdict, plan_of(plans[:, place], side)),
            anytime=_ends(low[place], high[place]),
            at_chance=chance,
        )
    return judged


def _state(
    first: Floats,
    second: Floats,
    pairs: Sequence[tuple[str, str]],
    occasion: Occasion,
    delta: Floats,
    reached: npt.NDArray[np.int64],
    side: int,
    folds: OverFolds | None,
) -> InterimLook:
    """Verdicts of the planned judgement, and those of this one where it is another."""
    batches = np.array([occasion.batches[arm] for arm, _ in pairs], np.int64)
    shares, own = occasion.share_left(batches), batches == 1
    level = ALPHA * SHARE_FIRST * float(min(shares[own], default=1.0))
    most, is_fixed = occasion.first[-1], len(occasion.first) == 1
    # With one number, what has not reached it yet counts in the family and keeps nobody waiting.
    is_there = (reached >= most) | (not is_fixed)
    planned = replay(
        np.where(is_there[:, None], first, np.nan)[own], second[own], occasion.first,
        delta=delta[own], alpha=level, reached=np.where(is_fixed, most, reached)[own], side=side,
        overlap=folds.overlap if folds else 0.0,
    )  # fmt: skip
    planned = replace(planned, p=np.minimum(planned.p * ALPHA / level, 1.0))
    if occasion.is_planned and (occasion.is_adaptive or is_there.all()):
        return planned
    count, none = len(pairs), np.zeros(len(pairs), bool)
    before = InterimLook(
        different=none.copy(), within=none.copy(), settled_at=np.zeros(count, np.int64), looked=0,
        wanted=np.zeros(count, np.int64), finished=True, p=np.full(count, np.nan),
    )  # fmt: skip
    for name in ("different", "within", "settled_at", "p"):
        getattr(before, name)[own] = getattr(planned, name)
    levels = later_levels(batches, ALPHA) * shares
    if occasion.is_adaptive:
        return replay(first, second, occasion.looks, delta=delta, alpha=ALPHA, reached=reached,
                      before=before, batches=batches, levels=levels, side=side)  # fmt: skip
    settled = np.arange(first.shape[1]) < before.settled_at[:, None]
    sign = np.sign(paired_t(np.where(settled, first - second, np.nan)).mean)
    t = paired_t(round_off(100 * (first - second)))
    of_now = (
        _later_p_over_folds(first, second, batches, delta, side, folds)
        if folds else later_p(t, batches, delta, side)
    )  # fmt: skip
    p, p_within = (of * ALPHA / levels for of in of_now)
    stays = before.different & (np.sign(t.mean) == sign)
    within_stays = before.within & (inside(t.mean, delta, side) > 0)
    is_known = stays | within_stays | ~(before.different | before.within)
    earlier = np.where(is_known, before.p, np.nan)
    different = stays | (p < ALPHA)
    within = (within_stays | (p_within < ALPHA)) & ~different
    lowest = np.where(
        within, np.fmin(p_within, np.where(before.within, earlier, np.nan)),
        np.fmin(p, np.where(before.within, np.nan, earlier)),
    )  # fmt: skip
    return replace(before, different=different, within=within, p=np.minimum(lowest, 1.0))


def _later_p_over_folds(
    first: Floats,
    second: Floats,
    batches: npt.NDArray[np.int64],
    delta: Floats,
    side: int,
    folds: OverFolds,
) -> tuple[Floats, Floats]:
    """The p-values of `later_p` for folds; see `OverFolds`."""
    p, p_within = verdict_p_values(first, second, delta, side, folds.overlap)
    share = folds.repeats * (folds.repeats + 1)
    return holm_by_batch(p, batches) * share, holm_by_batch(p_within, batches) * share


def _plans(
    judged: Judged,
    state: InterimLook,
    occasion: Occasion,
    batches: npt.NDArray[np.int64],
    delta: Floats,
) -> Floats:
    """Replicates at which a further judgement would settle what is open; else infinite."""
    plans = np.full((4, len(batches)), np.inf)
    rows = ~state.different & ~state.within & (judged.t.pairs >= 2)
    if not rows.any():
        return plans
    is_open = ~state.different & ~state.within
    left = np.array([(is_open & (batches == batch)).sum() for batch in batches])
    left = left + [occasion.gone.count(int(batch)) for batch in batches]
    levels = later_levels(batches, ALPHA) / np.maximum(left, 1)
    t = paired_t(judged.differences[rows])
    plans[:, rows] = pairs_needed(t, levels[rows], delta[rows], judged.side)
    return plans
