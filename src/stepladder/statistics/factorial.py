"""Reading a factorial: main effects, interactions, Shapley values, and what ladders would say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from stepladder.errors import InputError
from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import effect_of, judge
from stepladder.statistics.paired import on_grid, or_none, paired_t, sign_flip
from stepladder.statistics.results import (
    FactorialAnalysis,
    Interaction,
    MainEffect,
    MeanInterval,
    ShapleyShare,
    as_fractions,
    check_delta,
    check_share,
)

Floats = npt.NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]


def factorial(
    scores: Mapping[int, Sequence[float]],
    techniques: Sequence[str],
    *,
    aliases: Sequence[Pairs] | None = None,
    delta: float = 0.1,
    alpha: float = 0.05,
) -> FactorialAnalysis | None:
    """What all combinations of some techniques, or a fraction of them, say of each.

    Every figure is worked out in each replicate alone, over all combinations, and then has its
    mean and t interval over replicates. With v(S) the accuracy of the combination S of k
    techniques:

    - main effect of A: the mean of v(S + A) - v(S) over all S without A. The verdicts of main
      effects are a family of their own.
    - interaction of A and B: the mean of v(S + A + B) - v(S + A) - v(S + B) + v(S) over all S
      without either, which is twice the interaction effect of the textbooks on experiments.
    - Shapley value of A: the sum over S without A of |S|! (k - |S| - 1)! / k! times
      v(S + A) - v(S), the mean over all k! orders of what A adds to those before it.
    - least and most: the smallest and largest mean of v(S + A) - v(S) over all S.

    Args:
        scores: accuracies as fractions by combination, whose bit *i* says whether technique *i*
            is in it; index = replicate, NaN is one that is missing.
        techniques: their names.
        aliases: pairs whose interactions share one column, for a fraction; None says that all
            2^k combinations are there.
        delta: percentage points below which a difference does not matter.
        alpha: chance of a false verdict among the main effects.

    Returns:
        The read-out, or None where no replicate has every combination or nothing is combined.

    Raises:
        InputError: if a score is not a fraction, or combinations are missing.

    Reference:
        Box, Hunter & Hunter 2005, *Statistics for Experimenters*, 2nd edition, chapter 5;
        Shapley 1953, "A value for n-person games", Contributions to the Theory of Games II.
    """
    check_delta(delta)
    check_share(alpha, "alpha", 0.05)
    count = len(techniques)
    _check(scores, count, aliases)
    order = sorted(scores)
    table = _table(scores, order)
    whole = np.isfinite(table).all(axis=0)
    if not techniques or not whole.any():
        return None
    points = 100 * table[:, whole]
    inside = np.array([[combination >> place & 1 for combination in order]
                       for place in range(count)], bool)  # fmt: skip
    pairs = tuple(((one, two),) for one, two in combinations(range(count), 2))
    every = aliases is None
    left_out = int((~whole).sum())
    return FactorialAnalysis(
        replicates=int(whole.sum()),
        left_out=left_out,
        gain=_spread(points[-1] - points[0]),
        main=_main(points / 100, inside, techniques, left_out, delta, alpha),
        interactions=_interactions(points, inside, pairs if every else tuple(aliases or ()),
                                   techniques),
        shares=_shares(points, techniques) if every else (),
    )  # fmt: skip


def _check(
    scores: Mapping[int, Sequence[float]], count: int, aliases: Sequence[Pairs] | None
) -> None:
    everything = 2**count - 1
    wanted = set(range(everything + 1)) if aliases is None else {0, everything}
    missing, unknown = (
        wanted - set(scores),
        [each for each in scores if not 0 <= each <= everything],
    )
    if missing or unknown:
        raise InputError(
            f"scores must be by combinations of {count} techniques, each from 0 to {everything}, "
            f"found {len(missing)} missing and {len(unknown)} unknown; give one list of scores a "
            "combination"
        )


def _table(scores: Mapping[int, Sequence[float]], order: Sequence[int]) -> Floats:
    rows = [as_fractions(scores[each], f"scores of combination {each}") for each in order]
    longest = max(map(len, rows))
    return np.array([np.pad(row, (0, longest - len(row)), constant_values=np.nan) for row in rows])


def _spread(values: Floats) -> MeanInterval:
    t = paired_t(on_grid(values))
    return MeanInterval(float(t.mean), or_none(t.ci_low), or_none(t.ci_high))


def _main(
    scores: Floats,
    inside: npt.NDArray[np.bool_],
    techniques: Sequence[str],
    left_out: int,
    delta: float,
    alpha: float,
) -> tuple[MainEffect, ...]:
    with_it = np.array([scores[each].mean(axis=0) for each in inside])
    without = np.array([scores[~each].mean(axis=0) for each in inside])
    judged = judge(with_it, without, delta=delta, alpha=alpha)
    replicates = scores.shape[1] + left_out
    return tuple(
        MainEffect(name, effect_of(judged, row, replicates)) for row, name in enumerate(techniques)
    )


def _interactions(
    points: Floats,
    inside: npt.NDArray[np.bool_],
    groups: Sequence[Pairs],
    techniques: Sequence[str],
) -> tuple[Interaction, ...]:
    if not groups:
        return ()
    signs = np.where(inside, 1.0, -1.0)
    columns = np.array([signs[group[0][0]] * signs[group[0][1]] for group in groups])
    found = on_grid(columns @ points / (len(points) / 4))
    t = paired_t(found)
    p = np.where(t.pairs < 2, np.nan, sign_flip(found))
    corrected, corrected_t = holm(p), holm(t.p)
    return tuple(
        Interaction(
            pairs=tuple((techniques[one], techniques[two]) for one, two in group),
            worth=MeanInterval(float(t.mean[row]), or_none(t.ci_low[row]), or_none(t.ci_high[row])),
            p=or_none(p[row]),
            p_holm=or_none(corrected[row]),
            p_t=or_none(t.p[row]),
            p_t_holm=or_none(corrected_t[row]),
        )
        for row, group in enumerate(groups)
    )


def _shares(points: Floats, techniques: Sequence[str]) -> tuple[ShapleyShare, ...]:
    count = len(techniques)
    every = np.arange(2**count)
    sizes = np.array([int(each).bit_count() for each in every])
    gain = _spread(points[-1] - points[0]).mean
    made = []
    for place, name in enumerate(techniques):
        below = every[(every >> place & 1) == 0]
        added = points[below | 1 << place] - points[below]
        weights = np.array([_weight(int(size), count) for size in sizes[below]])
        shapley = _spread(weights @ added)
        means = on_grid(added.mean(axis=1))
        least, most = int(means.argmin()), int(means.argmax())
        made.append(
            ShapleyShare(
                technique=name,
                shapley=shapley,
                of_gain=shapley.mean / gain if gain else None,
                least=float(means[least]),
                after_least=_names(int(below[least]), techniques),
                most=float(means[most]),
                after_most=_names(int(below[most]), techniques),
                said=tuple(sorted(zip(means.tolist(), weights.tolist(), strict=True))),
            )
        )
    return tuple(made)


def _weight(size: int, count: int) -> float:
    """Share of the orders in which exactly these `size` techniques come before a given one."""
    return 1 / (count * math.comb(count - 1, size))


def _names(combination: int, techniques: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(techniques) if combination >> place & 1)
