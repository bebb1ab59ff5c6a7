"""What choosing costs: selection bias, expected best, importance, grid choice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.results import Bools, Floats

_NUMBERS = 8_000_000  # random numbers at most, a limit of time and memory
_REACH = 5.0  # spreads of one replicate behind the best: candidates that may have been the best


@dataclass(frozen=True)
class SelectionBias:
    """How far above its true accuracy a chosen candidate stood when it was chosen.

    Attributes:
        luck: expected excess of the chosen one's accuracy, a fraction.
        plain: the same with seen accuracies taken for true ones, which is too low.
        noise: standard deviation of one replicate among candidates of the same draw.
    """

    luck: float
    plain: float
    noise: float


class _Selection(NamedTuple):
    """What a search chooses and sees of it; arrays of shape (...)."""

    chosen: npt.NDArray[np.int64]
    accuracy: Floats


def select(scores: Floats, finalists: int, margin: float) -> _Selection:
    """Which candidate a search chooses, and the accuracy that it sees of it.

    The first replicate says which candidates are finalists: those within a margin of the best,
    a number of them at most. The best mean over all replicates is chosen among them.

    Args:
        scores: shape (..., candidates, replicates), finite.
        finalists: how many at most.
        margin: below the best of the first replicate, a fraction.

    Returns:
        The candidate's number and its mean accuracy, each of shape (...).
    """
    first = scores[..., 0]
    count = min(finalists, first.shape[-1])
    least = np.partition(first, -count, axis=-1)[..., -count]
    floor = np.maximum(least, first.max(axis=-1) - margin)
    is_finalist = first >= floor[..., None]
    tried_again = is_finalist & (is_finalist.sum(axis=-1) > 1)[..., None]
    accuracy = np.where(tried_again, scores.mean(axis=-1), first)
    chosen = np.where(is_finalist, accuracy, -np.inf).argmax(axis=-1)
    own = np.take_along_axis(accuracy, chosen[..., None], axis=-1)[..., 0]
    return _Selection(chosen, own)


def selection_bias(
    first: npt.ArrayLike,
    noise: npt.ArrayLike,
    replicates: int,
    finalists: int,
    margin: float,
    seed: int = 0,
    worlds: int = 4000,
) -> SelectionBias:
    """The expected excess of a chosen candidate's accuracy, by searches that are simulated.

    Seen accuracies lie further apart than true ones: by the noise. So true accuracies are drawn
    with the variance that is left, τ² = max(0, s² - σ²), noise is added, the search's own rule
    chooses, and the excess of what it sees over the truth is averaged. Candidates more than five
    spreads of the noise behind the best could not have won: they keep what was seen of them, and
    s² leaves them out. A few bad candidates would otherwise hide how close the good ones are.

    Args:
        first: of each candidate, on the replicate that all share; fractions, finite.
        noise: residuals of single replicates, centred, without the replicate that chose.
        replicates: of a finalist.
        finalists: how many at most.
        margin: see `select`.
        seed: of the draws.
        worlds: simulated searches; fewer where there are many candidates.

    Reference:
        Efron 2011, "Tweedie's formula and selection bias", JASA 106 (empirical Bayes); Cawley &
        Talbot 2010, "On over-fitting in model selection", JMLR 11.

    Example:
        >>> bias = selection_bias([0.9, 0.9], [-0.01, 0.01], 1, finalists=1, margin=0.0)
        >>> 0.005 < bias.luck < 0.007  # of the larger of two normal numbers: 0.56 spreads
        True
    """
    seen, pool = np.asarray(first, np.float64), np.asarray(noise, np.float64)
    spread = float(np.sqrt(np.mean(pool**2))) if pool.size else math.nan
    if not pool.size or len(seen) < 2:
        return SelectionBias(0.0 if len(seen) == 1 else math.nan, math.nan, spread)
    generator = np.random.default_rng(seed)
    worlds = min(worlds, max(20, _NUMBERS // (len(seen) * replicates)))

    def mean_excess(truths: Floats) -> float:
        shape = (worlds, len(seen), replicates)
        scores = truths[..., None] + spread * generator.standard_normal(shape)
        chosen, accuracy = select(scores, finalists, margin)
        true = np.take_along_axis(truths, chosen[:, None], axis=-1)[:, 0]
        return max(0.0, float((accuracy - true).mean()))

    truths = np.tile(seen, (worlds, 1))
    plain = mean_excess(truths)
    is_near = seen >= seen.max() - _REACH * spread
    if is_near.sum() > 1:
        near = seen[is_near]
        apart = math.sqrt(max(0.0, float(near.var(ddof=1)) - spread**2))
        shape = (worlds, len(near))
        truths[:, is_near] = near.mean() + apart * generator.standard_normal(shape)
    return SelectionBias(mean_excess(truths), plain, spread)


def residual_noise(scores: npt.ArrayLike) -> Floats:
    """Residuals of single replicates, compared with other candidates' of the same draw.

    x_ij - x̄_i - x̄_j + x̄ over candidates i and replicates j, widened for the means that were
    taken off. What a draw does to all candidates alike favours none of them.

    Args:
        scores: shape (candidates, replicates), each candidate's replicates the same draws; rows
            that hold NaN are left out. One row alone is taken against its own mean.

    Returns:
        The residuals, flat; none with fewer than two replicates.
    """
    values = np.asarray(scores, np.float64)
    rows = values[np.isfinite(values).all(axis=1)]
    count, replicates = rows.shape
    if count < 1 or replicates < 2:
        return np.zeros(0)
    own = rows - rows.mean(axis=1, keepdims=True)
    if count < 2:
        return np.asarray(own.ravel() * math.sqrt(replicates / (replicates - 1)), np.float64)
    both = own - own.mean(axis=0, keepdims=True)
    free = (count - 1) * (replicates - 1)
    return np.asarray(both.ravel() * math.sqrt(count * replicates / free), np.float64)


def equivalence_set(
    behind: npt.ArrayLike, replicates: npt.ArrayLike, delta: float, noise: float
) -> tuple[Bools, Bools]:
    """Which candidates are not worse than the best by more than δ.

    Those called worse are so with 95 % confidence, all of them together, whichever is the best
    (Bonferroni over all pairs).

    Args:
        behind: of each candidate, how far it lies behind the best over the replicates that both
            were trained on, a fraction; 0 for the best.
        replicates: how many these are.
        delta: a fraction that does not matter.
        noise: standard deviation of one replicate; NaN where it is not known.

    Returns:
        Those within δ of the best as they were found, and those of which it cannot be ruled out;
        without a noise the two are the same.
    """
    worse, counts = np.asarray(behind, np.float64) - delta, np.asarray(replicates, np.float64)
    within = worse <= 1e-12
    if not math.isfinite(noise) or len(worse) < 2:
        return within, within
    pairs = len(worse) * (len(worse) - 1)  # in either order: the best was chosen by looking
    z = float(special.ndtri(1 - (1 - 0.95) / pairs))
    return within, worse <= z * noise * np.sqrt(2 / counts) + 1e-12


@dataclass(frozen=True, eq=False)
class ExpectedBest:
    """The expected best of n candidates, for rising n; all arrays of one length.

    Attributes:
        trials: n.
        mean: expected best value.
        spread: standard deviation of the best over which n candidates were drawn.
    """

    trials: npt.NDArray[np.int64]
    mean: Floats
    spread: Floats


_POINTS = 64


def expected_best(values: npt.ArrayLike) -> ExpectedBest:
    """The expected best of n of some candidates, drawn without replacement, for n from 1 to all.

    E[best of n] = Σ v₍ᵢ₎ C(i-1, n-1) / C(N, n) over the sorted values: the mean over every
    subset of n. It is unbiased for candidates that were drawn independently of each other; the
    estimator of Dodge et al., which draws with replacement, is too low. For candidates of a
    sampler that learns, or thinned out, it describes this search alone.

    Args:
        values: one a candidate, finite.

    Returns:
        The curve at 64 numbers n at most, evenly spaced on a logarithmic scale; empty without a
        value.

    Example:
        >>> expected_best([0.1, 0.3, 0.2]).mean.round(3).tolist()
        [0.2, 0.267, 0.3]

    Reference:
        Dodge et al. 2019, "Show your work: improved reporting of experimental results", EMNLP;
        Tang et al. 2020, "Showing your work doesn't always work", ACL, section 3.
    """
    rising = np.sort(np.asarray(values, np.float64))
    count = len(rising)
    if not count:
        return ExpectedBest(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    numbers = np.arange(1, count + 1)
    if count > _POINTS:
        numbers = np.unique(np.round(np.geomspace(1, count, _POINTS)).astype(np.int64))
    place, size = np.arange(1, count + 1)[None, :], numbers[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.exp(
            _log_choose(place - 1, size - 1) - _log_choose(np.full_like(place, count), size)
        )
    weights = np.where(place >= size, weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)  # their sum is 1 but for rounding
    mean = weights @ rising
    squares = (weights * (rising[None, :] - mean[:, None]) ** 2).sum(axis=1)
    return ExpectedBest(numbers, mean, np.sqrt(squares))


def _log_choose(count: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> Floats:
    rest = np.maximum(count - size, 0)
    logarithms = [special.gammaln(number + 1.0) for number in (count, size, rest)]
    return np.asarray(logarithms[0] - logarithms[1] - logarithms[2], np.float64)


_BINS = 5
_LEAST_IN_A_BIN = 3


@dataclass(frozen=True)
class Importance:
    """What one hyperparameter explains alone.

    Attributes:
        share: of the variance of ranks, 0…1, corrected for what chance explains; NaN where
            there is too little to tell by.
        p: of no connection at all (Kruskal-Wallis); NaN likewise.
        candidates: that it was drawn for.
    """

    share: float
    p: float
    candidates: int


def importance(groups: Sequence[int], outcomes: npt.ArrayLike) -> Importance:
    """The share of the variance of outcomes' ranks that lies between groups.

    η² = (H - k + 1) / (n - k) with Kruskal and Wallis' H of k groups, corrected for ties; below
    0, which chance gives every other time where nothing is there, it is 0. Ranks keep a few
    candidates that failed from deciding everything. It sees what a hyperparameter does alone,
    averaged over the others: what two do together only, it does not see.

    Args:
        groups: for each candidate the bin or choice that its value falls into.
        outcomes: one a candidate, larger is better.

    Reference:
        Kruskal & Wallis 1952, "Use of ranks in one-criterion variance analysis", JASA 47;
        Tomczak & Tomczak 2014, "The need to report effect size estimates revisited", Trends in
        Sport Sciences 21.
    """
    labels, values = np.asarray(groups), np.asarray(outcomes, np.float64)
    count, kinds = len(values), np.unique(labels)
    if len(kinds) < 2 or count <= len(kinds):
        return Importance(float("nan"), float("nan"), count)
    if np.ptp(values) == 0:  # SciPy divides by zero where every outcome is the same
        return Importance(0.0, 1.0, count)
    from scipy import stats  # late: it takes half a second, and only searches need it

    h, p = stats.kruskal(*(values[labels == kind] for kind in kinds))
    share = (float(h) - len(kinds) + 1) / (count - len(kinds))
    return Importance(min(max(share, 0.0), 1.0), float(p), count)


def assign_bins(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Bins that hold about equally many numbers, at most five; equal numbers share one.

    Args:
        values: numbers, finite.

    Returns:
        The bin of each number, from 0.

    Example:
        >>> assign_bins([1, 2, 3, 10, 20, 30]).tolist()
        [0, 0, 0, 1, 1, 1]
    """
    numbers = np.asarray(values, np.float64)
    bins = min(_BINS, len(numbers) // _LEAST_IN_A_BIN)
    if bins < 2:
        return np.zeros(len(numbers), np.int64)
    edges = np.quantile(numbers, np.arange(1, bins) / bins)
    return np.searchsorted(np.unique(edges), numbers, side="left").astype(np.int64)


Candidate = tuple[float, ...]
"""One value a tuned field, in the order of the grid."""


def best_candidate(
    grid: Sequence[Sequence[float]],
    scores: Mapping[Candidate, Sequence[float]],
    baseline: float | None,
    sign: int = 1,
) -> Candidate:
    """The candidate of the best mean validation score.

    Of candidates that are equally good the one nearest the middle of the grid is taken, so that
    an arm that never learns asks for no wider grid; of two that are equally near, the lower.

    Args:
        grid: rising values of each tuned field.
        scores: by candidate, one a replicate; NaN where it diverged.
        baseline: the score of guessing, which a diverged replicate counts with; where it is None,
            a candidate that diverged is chosen only if all did.
        sign: 1 where a higher score is better, -1 where a lower one is.

    Example:
        >>> best_candidate([[0.1, 0.2, 0.3]], {(0.1,): [0.9], (0.2,): [0.9], (0.3,): [0.8]}, 0.1)
        (0.2,)
    """

    def steps_from_middle(candidate: Candidate) -> float:
        return sum(
            abs(list(values).index(value) - (len(values) - 1) / 2)
            for values, value in zip(grid, candidate, strict=True)
        )

    def order(candidate: Candidate) -> tuple[float, float, Candidate]:
        mean = mean_at_baseline(scores[candidate], baseline)
        worst_last = math.inf if math.isnan(mean) else -sign * mean
        return worst_last, steps_from_middle(candidate), candidate

    return min(scores, key=order)


def mean_at_baseline(values: Sequence[float], baseline: float | None) -> float:
    """The mean of some scores, NaN counted as guessing; NaN where that is not known."""
    other = math.nan if baseline is None else baseline
    return math.fsum(other if math.isnan(value) else value for value in values) / len(values)


def edges_reached(
    grid: Sequence[Sequence[float]], candidate: Candidate
) -> tuple[tuple[int, bool], ...]:
    """The edges that a candidate lies at: places of fields, each with whether it is the upper."""
    return tuple(
        (place, value == values[-1])
        for place, (values, value) in enumerate(zip(grid, candidate, strict=True))
        if value in (values[0], values[-1])
    )
