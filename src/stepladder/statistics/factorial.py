"""Analysis of a factorial: main effects, interactions, Shapley values, and what ladders say."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from stepladder.errors import InputError
from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import effect_of_row, in_unit, judge, judging_scale
from stepladder.statistics.paired import none_if_nan, paired_t, round_off, sign_flip
from stepladder.statistics.results import (
    ALPHA,
    Bools,
    FactorialAnalysis,
    Floats,
    Interaction,
    MainEffect,
    MeanInterval,
    ShapleyShare,
    as_fractions,
    check_delta,
)
from stepladder.study.metrics import METRICS, Metric

Pairs = tuple[tuple[int, int], ...]


def factorial(
    scores: Mapping[int, Sequence[float]],
    techniques: Sequence[str],
    *,
    aliases: Sequence[Pairs] | None = None,
    delta: float | None = 0.1,
    metric: Metric = METRICS["accuracy"],
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
        scores: values of the metric by combination, whose bit *i* says whether technique *i*
            is in it; index = replicate, NaN is one that is missing.
        techniques: their names.
        aliases: pairs whose interactions share one column, for a fraction; None says that all
            2^k combinations are there.
        delta: difference below which none matters, in the metric's unit; None where that is not
            known.
        metric: what the scores are.

    Returns:
        The analysis, or None where no replicate has every combination or nothing is combined.

    Raises:
        InputError: if a score is not a fraction, or combinations are missing.

    Reference:
        Box, Hunter & Hunter 2005, *Statistics for Experimenters*, 2nd edition, chapter 5;
        Shapley 1953, "A value for n-person games", Contributions to the Theory of Games II.

    Example:
        >>> scores = {0: [0.5, 0.5], 1: [0.6, 0.6], 2: [0.7, 0.7], 3: [0.9, 0.9]}
        >>> analysis = factorial(scores, ["Adam", "ReLU"])
        >>> [round(share.shapley.mean) for share in analysis.shares]
        [15, 25]
    """
    if delta is not None or metric.is_fraction:
        check_delta(delta, metric.unit)
    count = len(techniques)
    _check_combinations(scores, count, is_full=aliases is None)
    order = sorted(scores)
    rows = [as_fractions(scores[key], f"scores of combination {key}", metric) for key in order]
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    complete = np.isfinite(table).all(axis=0)
    if not techniques or not complete.any():
        return None
    size, factor = (float(each.max()) for each in judging_scale(metric, table))
    # Everything is worked out in hundredths of that size, and brought to the unit at the end.
    points = 100 * (table[:, complete] / size)
    inside = np.array([[combination >> place & 1 for combination in order]
                       for place in range(count)], bool)  # fmt: skip
    groups = [(pair,) for pair in combinations(range(count), 2)] if aliases is None else aliases
    with_it, without = (
        np.array([(points / 100)[chosen].mean(axis=0) for chosen in choices])
        for choices in (inside, ~inside)
    )
    judged = judge(with_it, without, delta=(delta or 0.0) / factor, alpha=ALPHA)
    analysis = FactorialAnalysis(
        replicates=int(complete.sum()),
        left_out=int((~complete).sum()),
        gain=_mean_interval(points[-1] - points[0]),
        main=tuple(
            MainEffect(name, in_unit(effect_of_row(judged, row, table.shape[1]), factor, metric))
            for row, name in enumerate(techniques)
        ),
        interactions=_interactions(points, inside, groups, techniques),
        shares=_shares(points, techniques) if aliases is None else (),
    )
    return analysis if factor == 1 else _scaled(analysis, factor)


def _scaled(analysis: FactorialAnalysis, factor: float) -> FactorialAnalysis:
    """An analysis with all but its main effects, which are in their unit, times a factor."""

    def of_mean(value: MeanInterval) -> MeanInterval:
        ends = (end if end is None else end * factor for end in (value.ci_low, value.ci_high))
        return MeanInterval(value.mean * factor, *ends)

    return replace(
        analysis,
        gain=of_mean(analysis.gain),
        interactions=tuple(replace(pair, worth=of_mean(pair.worth))
                           for pair in analysis.interactions),
        shares=tuple(
            replace(
                share, shapley=of_mean(share.shapley), least=share.least * factor,
                most=share.most * factor,
                said=tuple((value * factor, weight) for value, weight in share.said),
            )
            for share in analysis.shares
        ),
    )  # fmt: skip


def _check_combinations(
    scores: Mapping[int, Sequence[float]], count: int, *, is_full: bool
) -> None:
    last = 2**count - 1
    needed = set(range(last + 1)) if is_full else {0, last}
    missing = needed - set(scores)
    unknown = [combination for combination in scores if not 0 <= combination <= last]
    if missing or unknown:
        raise InputError(
            f"scores must be by combinations of {count} techniques, each from 0 to {last}, "
            f"found {len(missing)} missing and {len(unknown)} unknown; give one list of scores a "
            "combination"
        )


def _mean_interval(values: Floats) -> MeanInterval:
    return paired_t(round_off(values)).interval()


def _interactions(
    points: Floats, inside: Bools, groups: Sequence[Pairs], techniques: Sequence[str]
) -> tuple[Interaction, ...]:
    if not groups:
        return ()
    signs = np.where(inside, 1.0, -1.0)
    columns = np.array([signs[group[0][0]] * signs[group[0][1]] for group in groups])
    worth = round_off(columns @ points / (len(points) / 4))
    t = paired_t(worth)
    p = np.where(t.pairs < 2, np.nan, sign_flip(worth))
    p_adjusted, p_t_adjusted = holm(p), holm(t.p)
    return tuple(
        Interaction(
            pairs=tuple((techniques[one], techniques[two]) for one, two in group),
            worth=t.interval(row),
            p=none_if_nan(p[row]),
            p_adjusted=none_if_nan(p_adjusted[row]),
            p_t=none_if_nan(t.p[row]),
            p_t_adjusted=none_if_nan(p_t_adjusted[row]),
        )
        for row, group in enumerate(groups)
    )


def _shares(points: Floats, techniques: Sequence[str]) -> tuple[ShapleyShare, ...]:
    count = len(techniques)
    combinations_ = np.arange(2**count)
    gain = _mean_interval(points[-1] - points[0]).mean
    shares = []
    for place, name in enumerate(techniques):
        below = combinations_[(combinations_ >> place & 1) == 0]
        added = points[below | 1 << place] - points[below]
        # Share of the orders in which exactly the techniques of a combination come before it.
        weights = np.array(
            [1 / (count * math.comb(count - 1, int(under).bit_count())) for under in below]
        )
        shapley = _mean_interval(weights @ added)
        means = round_off(added.mean(axis=1))
        least, most = int(means.argmin()), int(means.argmax())
        shares.append(
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
    return tuple(shares)


def _names(combination: int, techniques: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(techniques) if combination >> place & 1)
