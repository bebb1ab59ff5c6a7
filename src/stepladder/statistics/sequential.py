"""Adaptive replication: verdicts at looks that are planned before, the error rate split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import (
    effect_of_row,
    in_unit,
    judge,
    judging_scale,
    verdict_p_values,
)
from stepladder.statistics.paired import unanimous_sign_floor
from stepladder.statistics.results import (
    Bools,
    Effect,
    Floats,
    as_pairs,
    check_delta,
    check_share,
)
from stepladder.study.metrics import METRICS, Metric

LOOKS = 4
"""Looks at most: more of them stop little earlier, and each asks more of the others."""


@dataclass(frozen=True, eq=False)
class InterimLook:
    """A family of comparisons after some looks; arrays of shape (comparisons,).

    Attributes:
        different: whether the verdict is `helps` or `hurts`, by the sign of the mean at its look.
        within: whether it is `no difference beyond δ`.
        settled_at: replicates at the look that settled it; 0 where none did.
        looked: looks taken.
        wanted: replicates that each comparison has or still needs: those of the look that
            settled it, else of the look that is next, else of the last.
        finished: whether no look is left.
    """

    different: Bools
    within: Bools
    settled_at: npt.NDArray[np.int64]
    looked: int
    wanted: npt.NDArray[np.int64]
    finished: bool


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

    Reference:
        Maurer & Bretz 2013, "Multiple testing in group sequential trials using graphical
        approaches", Statistics in Biopharmaceutical Research 5; Holm 1979.
    """
    first, second = np.asarray(arm, np.float64), np.asarray(other, np.float64)
    count = len(first)
    replicates = np.full(count, first.shape[1]) if reached is None else np.asarray(reached)
    different, within = np.zeros(count, bool), np.zeros(count, bool)
    settled_at, wanted = np.zeros(count, np.int64), np.zeros(count, np.int64)
    taken = 0
    for number, level in zip(looks, look_levels(looks, alpha), strict=True):
        is_open = ~different & ~within
        if not is_open.any():
            break
        wanted[is_open] = number
        if (replicates[is_open] < number).any():
            return InterimLook(different, within, settled_at, taken, wanted, finished=False)
        taken += 1
        p, p_within = verdict_p_values(first[:, :number], second[:, :number], delta)
        different |= _rejected(p, is_open, different, level)
        within |= _rejected(p_within, is_open & ~different, within, level) & ~different
        settled_at[is_open & (different | within)] = number
    return InterimLook(different, within, settled_at, taken, wanted, finished=True)


def _rejected(p: Floats, is_open: Bools, called: Bools, level: float) -> Bools:
    """Open comparisons that Holm's correction rejects, over all that are not called yet."""
    family = np.where(is_open & ~np.isnan(p), p, 1.0)
    rejected = np.zeros(len(p), bool)
    if not called.all():
        rejected[~called] = holm(family[~called]) < level
    return rejected & is_open


def adaptive_effects(
    scores: Mapping[str, Sequence[float]],
    pairs: Sequence[tuple[str, str]],
    looks: tuple[int, ...],
    *,
    delta: float | None = 0.1,
    alpha: float = 0.05,
    metric: Metric = METRICS["accuracy"],
) -> tuple[dict[str, Effect], InterimLook]:
    """The effects of a study that adds replicates, with the verdicts of its looks.

    Means and intervals are over the replicates of the look that settled a comparison, or over
    all that it has; stopping does not correct them.

    Args:
        scores: as for `effects`, as far as each arm has replicates.
        pairs: as for `effects`.
        looks: numbers of replicates at which verdicts are given.
        delta: as for `effects`.
        alpha: chance in a study of a false `helps` or `hurts`.
        metric: what is judged.

    Returns:
        One effect by the name of each pair's first arm, and the state after the looks.

    Raises:
        InputError: as for `effects`.
    """
    if delta is not None or metric.is_fraction:
        check_delta(delta, metric.unit)
    check_share(alpha, "alpha", 0.05)
    first, second, _ = as_pairs(scores, pairs, metric)
    sizes, factors = judging_scale(metric, first, second)
    first, second = first / sizes[:, None], second / sizes[:, None]
    least = (delta or 0.0) / factors
    reached = np.array([min(len(scores[arm]), len(scores[other])) for arm, other in pairs], int)
    state = replay(first, second, looks, delta=least, alpha=alpha, reached=reached)
    if not pairs:
        return {}, state
    used = np.minimum(state.wanted, reached)
    beyond = np.arange(first.shape[1]) >= used[:, None]
    last_level = look_levels(looks, alpha)[-1]
    judged = judge(np.where(beyond, np.nan, first), second, delta=least, alpha=last_level)
    judged = replace(
        judged,
        different=state.different,
        within=state.within,
        needed=np.where(state.settled_at > 0, np.nan, judged.needed),
        p_verdict=np.full(len(pairs), np.nan),  # looks test at levels of their own
    )
    by_arm = {
        arm: replace(
            in_unit(effect_of_row(judged, row, int(used[row])), float(factors[row]), metric),
            settled_at=int(state.settled_at[row]) or None,
        )
        for row, (arm, _) in enumerate(pairs)
    }
    return by_arm, state
