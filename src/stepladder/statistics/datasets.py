"""Several data sets: what arms are worth in general, with the data sets as the random unit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import special

from stepladder.statistics.corrections import holm
from stepladder.statistics.effects import effect_of_row, in_unit, judge, with_verdict
from stepladder.statistics.paired import round_off
from stepladder.statistics.results import Effect, Floats, Interval
from stepladder.study.metrics import Metric

OPEN = "not enough data sets"
"""The verdict over data sets where neither a difference nor its absence is established."""

MOST_RANKED = 64
"""Arms that are ranked at most: they have 2,016 pairs."""


@dataclass(frozen=True)
class ArmOverDatasets:
    """One arm over all data sets.

    Attributes:
        name: its name.
        compared_with: the arm that it is compared with, or None.
        effect: the mean of its effects on single data sets, each of which counts as one pair; None
            where it is compared with nothing.
        by_dataset: its effect on each data set that has one.
        prediction: where its effect on a new data set, measured in the same way, is in 95 % of
            cases; None with fewer than two data sets.
        spread: standard deviation of its true effects over data sets, without the noise of
            replicates; None where that noise is not known.
    """

    name: str
    compared_with: str | None
    effect: Effect | None
    by_dataset: Mapping[str, Effect]
    prediction: Interval | None = None
    spread: float | None = None

    @property
    def verdict(self) -> str:
        """What holds in general, over data sets like these; empty without a comparison."""
        if self.effect is None:
            return ""
        return OPEN if self.effect.verdict == "not enough replicates" else self.effect.verdict

    @property
    def counts(self) -> dict[str, int]:
        """On how many data sets it helps, hurts, makes no difference, or is open."""
        verdicts = [effect.verdict for effect in self.by_dataset.values()]
        helped, hurt = verdicts.count("helps"), verdicts.count("hurts")
        unsettled = verdicts.count("not enough replicates")
        within = len(verdicts) - helped - hurt - unsettled
        return {"helped": helped, "hurt": hurt, "no difference": within, "open": unsettled}


@dataclass(frozen=True)
class Ranking:
    """Arms ranked on each data set, 1 the best; equal scores share a rank.

    Attributes:
        datasets: those on which every arm has a score.
        ranks: average rank of each arm, the best first.
        friedman: Friedman's statistic, corrected for ties; None with two arms.
        iman_davenport: F of Iman and Davenport; None likewise, and where all ranks agree.
        p: of "all arms are equal", by that F; None with two arms.
        p_pairs: of Wilcoxon's signed-rank test of two arms, after Holm's correction over all pairs.
        groups: arms next to each other by rank of which no two differ at 5 %.
    """

    datasets: tuple[str, ...]
    ranks: Mapping[str, float]
    friedman: float | None
    iman_davenport: float | None
    p: float | None
    p_pairs: Mapping[tuple[str, str], float]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class OverDatasets:
    """Arms judged over several data sets.

    Attributes:
        datasets: their names.
        arms: every arm.
        metric: what is judged.
        delta: difference below which none matters, in its unit; None if not known.
        ranking: None where fewer than two data sets have every arm.
        level: chance of a false verdict that this judgement may spend.
        number: which judgement over data sets of the same comparisons it is.
    """

    datasets: tuple[str, ...]
    arms: tuple[ArmOverDatasets, ...]
    metric: Metric
    delta: float | None
    ranking: Ranking | None
    level: float = 0.05
    number: int = 1

    @property
    def fewest(self) -> int:
        """Data sets without which there is no verdict."""
        return fewest_datasets(sum(arm.effect is not None for arm in self.arms), self.level)


def fewest_datasets(comparisons: int, level: float = 0.05) -> int:
    """The smallest number of data sets that can give a verdict in a family of comparisons.

    Example:
        >>> fewest_datasets(1), fewest_datasets(6)
        (6, 8)
    """
    return 2 + math.floor(math.log2(max(comparisons, 1) / level))


def judge_over_datasets(
    by_dataset: Mapping[str, Mapping[str, Effect]],
    compared_with: Mapping[str, str | None],
    scores: Mapping[str, Mapping[str, float]],
    *,
    delta: float | None,
    metric: Metric,
    level: float = 0.05,
    number: int = 1,
) -> OverDatasets:
    """What arms are worth in general, over data sets like these.

    The rule for verdicts is that of one data set, with data sets in the place of replicates and
    the mean effect on each as one difference, but for one thing: effects of one sign prove
    nothing by themselves, for true effects may have a sign on these and another on the next ones.
    The means of data sets count alike, however exact they are.

    Args:
        by_dataset: the effects of each data set by arm, where there are any.
        compared_with: of every arm the one that it is compared with.
        scores: of each data set the mean score of each arm, for ranks.
        delta: difference below which none matters, in the metric's unit.
        metric: what is judged.
        level: chance of a false verdict in the family of arms.
        number: which judgement it is.

    Reference:
        Ibragimov & Müller 2010, "t-statistic based correlation and heterogeneity robust
        inference", Journal of Business & Economic Statistics 28, for means of unlike precision.
    """
    names = [arm for arm in compared_with if any(arm in each for each in by_dataset.values())]
    rows = {arm: {data: each[arm] for data, each in by_dataset.items()
                  if arm in each and math.isfinite(each[arm].mean)} for arm in names}  # fmt: skip
    values = np.array([[rows[arm][data].mean if data in rows[arm] else math.nan
                        for data in by_dataset] for arm in names])  # fmt: skip
    effects = _effects(names, values, delta=delta, metric=metric, level=level)
    arms = tuple(
        ArmOverDatasets(
            arm, other, effects.get(arm), rows.get(arm, {}), _prediction(effects.get(arm)),
            _spread(tuple(rows.get(arm, {}).values())),
        )
        for arm, other in compared_with.items()
    )  # fmt: skip
    ranked = tuple(dict.fromkeys(arm for row in scores.values() for arm in row))
    ranking = rank_arms(scores, ranked, metric) if len(ranked) <= MOST_RANKED else None
    return OverDatasets(tuple(by_dataset), arms, metric, delta, ranking, level, number)


def _effects(
    names: Sequence[str], values: Floats, *, delta: float | None, metric: Metric, level: float
) -> dict[str, Effect]:
    """The effect of each arm; `values` are effects of shape (arms, data sets), NaN is missing."""
    if not names:
        return {}
    size = 1.0
    if not metric.is_fraction:  # the rules are made for percentage points
        most = float(np.nanmax(np.abs(values), initial=0.0))
        size = 10.0 ** math.ceil(math.log10(most)) if most > 0 else 1.0
    shares = values / (100 * size)
    judged = judge(shares, np.zeros_like(shares), delta=(delta or 0.0) / size, alpha=level,
                   one_sign=False)  # fmt: skip
    effects, fewest = {}, fewest_datasets(len(names), level)
    for row, arm in enumerate(names):
        effect = in_unit(effect_of_row(judged, row, values.shape[1]), size, metric)
        p = effect.p_verdict
        p = None if p is None else min(p * 0.05 / level, 1.0)
        # Equivalence alone could be found on fewer: then adding one more would be a second
        # judgement, at almost nothing, before the first could have found a difference.
        is_enough = effect.pairs >= fewest
        verdict = effect.verdict if is_enough else "not enough replicates"
        effects[arm] = with_verdict(effect, verdict, p if is_enough else None, effect.plan)
    return effects


def _prediction(effect: Effect | None) -> Interval | None:
    """d̄ ± t* s √(1 + 1/k): where the effect measured on one more data set is expected."""
    if effect is None or effect.ci_high is None:
        return None
    half = (effect.ci_high - effect.mean) * math.sqrt(effect.pairs + 1)
    return Interval(effect.mean - half, effect.mean + half)


def _spread(effects: Sequence[Effect]) -> float | None:
    """Square root of the variance of effects less the mean variance of their own errors.

    Reference:
        Hedges 1983, "A random effects model for effect sizes", Psychological Bulletin 93.
    """
    errors = [
        (effect.ci_high - effect.mean) / float(special.stdtrit(effect.pairs - 1, 0.975))
        for effect in effects
        if effect.ci_high is not None and effect.pairs >= 2
    ]
    if len(effects) < 2 or len(errors) < len(effects):
        return None
    variance = float(np.var([effect.mean for effect in effects], ddof=1))
    return math.sqrt(max(variance - float(np.mean(np.square(errors))), 0.0))


def rank_arms(
    scores: Mapping[str, Mapping[str, float]], arms: Sequence[str], metric: Metric
) -> Ranking | None:
    """Arms ranked on each data set that has all of them, and tests on these ranks.

    Args:
        scores: of each data set the mean score of each arm.
        arms: which are ranked.
        metric: which decides what is better.

    Reference:
        Demšar 2006, "Statistical comparisons of classifiers over multiple data sets", JMLR 7;
        Iman & Davenport 1980; Benavoli, Corani & Mangili 2016, "Should we really use post-hoc
        tests based on mean-ranks?", JMLR 17, for pairs of arms by their own scores alone.

    Example:
        >>> from stepladder.study.metrics import METRICS
        >>> scores = {"iris": {"a": 0.9, "b": 0.8}, "wine": {"a": 0.9, "b": 0.9}}
        >>> dict(rank_arms(scores, ["a", "b"], METRICS["accuracy"]).ranks)
        {'a': 1.25, 'b': 1.75}
    """
    complete = tuple(data for data, row in scores.items()
                     if all(math.isfinite(row.get(arm, math.nan)) for arm in arms))  # fmt: skip
    count = len(arms)
    if len(complete) < 2 or count < 2:
        return None
    table = np.array([[scores[data][arm] for arm in arms] for data in complete])
    table = round_off(table / 10.0 ** np.ceil(np.log10(np.max(np.abs(table)) or 1.0)))
    ranks = np.array([_average_ranks(-metric.sign * row) for row in table])
    means = dict(sorted(zip(arms, ranks.mean(axis=0).tolist(), strict=True),
                        key=lambda item: item[1]))  # fmt: skip
    pairs = list(combinations(arms, 2))
    columns = dict(zip(arms, table.T, strict=True))
    p = holm([signed_rank_p(round_off(columns[one] - columns[other])) for one, other in pairs])
    p_pairs = dict(zip(pairs, p.tolist(), strict=True))
    chi2, f, p_all = _friedman(ranks) if count > 2 else (None, None, None)
    return Ranking(complete, means, chi2, f, p_all, p_pairs, _groups(tuple(means), p_pairs))


def _average_ranks(values: Floats) -> Floats:
    """Ranks from 1 up, the mean of theirs for equal values; `scipy.stats` would import slowly."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


def _friedman(ranks: Floats) -> tuple[float, float | None, float]:
    """Friedman's statistic, F of Iman and Davenport, and p; ranks by data set and arm."""
    count, arms = ranks.shape
    squares = float(((ranks - (arms + 1) / 2) ** 2).sum())
    if squares == 0:  # all scores are equal
        return 0.0, 0.0, 1.0
    between = float(((ranks.mean(axis=0) - (arms + 1) / 2) ** 2).sum())
    statistic = count**2 * (arms - 1) * between / squares
    rest = count * (arms - 1) - statistic
    if rest <= 1e-9 * statistic:  # F is infinite; of all orders of the others, one is this one
        return statistic, None, float(math.factorial(arms)) ** (1 - count)
    f = (count - 1) * statistic / rest
    return statistic, f, float(special.fdtrc(arms - 1, (arms - 1) * (count - 1), f))


def signed_rank_p(differences: Floats) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact for any number, with ties too.

    Differences of 0 are left out. Not SciPy's: with ties it is exact for few values alone, and
    takes seconds for the pairs of 30 arms.

    Reference:
        Wilcoxon 1945, "Individual comparisons by ranking methods", Biometrics Bulletin 1.

    Example:
        >>> signed_rank_p(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
        0.03125
    """
    signed = differences[differences != 0]
    ranks = np.rint(2 * _average_ranks(np.abs(signed))).astype(np.int64)  # of ties, halves
    chances = np.ones(1)
    for rank in ranks:  # the sum of ranks above 0, each of which is there or not
        longer = np.zeros(len(chances) + rank)
        longer[: len(chances)] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    total = int(ranks[signed > 0].sum())
    return min(2 * min(float(chances[: total + 1].sum()), float(chances[total:].sum())), 1.0)


def _groups(arms: Sequence[str], p: Mapping[tuple[str, str], float]) -> tuple[tuple[str, ...], ...]:
    """The longest runs of arms, two or more, of which no two differ; arms by rank."""

    def alike(one: str, other: str) -> bool:
        return p[(one, other) if (one, other) in p else (other, one)] >= 0.05

    groups: list[tuple[int, int]] = []
    for first in range(len(arms)):
        end = first + 1
        while end < len(arms) and all(alike(arm, arms[end]) for arm in arms[first:end]):
            end += 1
        if end - first > 1 and (not groups or end > groups[-1][1]):
            groups.append((first, end))
    return tuple(tuple(arms[first:end]) for first, end in groups)
