"""What choosing costs: selection bias, expected best, importance, grid choice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

OUTER, INNER = 400, 40


@dataclass(frozen=True)
class SelectionBias:
    """How far above its true accuracy a chosen candidate stood when it was chosen.

    Attributes:
        luck: expected excess of the chosen one's accuracy, a fraction.
        plain: the same by a bootstrap that is not nested, which is too low.
        noise: standard deviation of one replicate beside other candidates' of the same draw.
    """

    luck: float
    plain: float
    noise: float


def chosen_by(
    scores: Floats, finalists: int, margin: float
) -> tuple[npt.NDArray[np.int64], Floats]:
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
    return _chosen(_seen(scores, finalists, margin))


class _Seen(NamedTuple):
    """What a search sees: finalists by their means, others and a lone one by one replicate.

    Attributes:
        is_finalist: of each candidate.
        accuracy: by which the search chooses among finalists.
        level: the same beside all others', see `adjusted_means`.
    """

    is_finalist: npt.NDArray[np.bool_]
    accuracy: Floats
    level: Floats


def _seen(scores: Floats, finalists: int, margin: float) -> _Seen:
    first = scores[..., 0]
    count = min(finalists, first.shape[-1])
    least = np.partition(first, -count, axis=-1)[..., -count]
    floor = np.maximum(least, first.max(axis=-1) - margin)
    is_finalist = first >= floor[..., None]
    tried_again = is_finalist & (is_finalist.sum(axis=-1) > 1)[..., None]
    means = scores.mean(axis=-1)
    level = adjusted_means(first, means, tried_again)
    return _Seen(is_finalist, np.where(tried_again, means, first), level)


def adjusted_means(
    first: npt.ArrayLike, means: npt.ArrayLike, is_tried_again: npt.ArrayLike
) -> Floats:
    """Accuracies that can be laid beside each other, though some are means over further draws.

    What a draw does to all candidates alike is in a mean over draws that others were not trained
    on. So those that were tried again are moved alike, to where the first draw has them together.

    Args:
        first: on the draw that all share, of shape (..., candidates).
        means: over all draws of each, of the same shape.
        is_tried_again: which have more than the first, of the same shape.
    """
    one, mean = np.asarray(first, np.float64), np.asarray(means, np.float64)
    again = np.asarray(is_tried_again, np.bool_)
    moved = np.where(again, mean - one, 0.0).sum(axis=-1, keepdims=True)
    moved /= np.maximum(again.sum(axis=-1, keepdims=True), 1)
    return np.where(again, mean - moved, one)


def _chosen(seen: _Seen) -> tuple[npt.NDArray[np.int64], Floats]:
    best = np.where(seen.is_finalist, seen.accuracy, -np.inf).argmax(axis=-1)
    return best, np.take_along_axis(seen.accuracy, best[..., None], axis=-1)[..., 0]


def selection_bias(
    accuracies: npt.ArrayLike,
    noise: npt.ArrayLike,
    replicates: int,
    finalists: int,
    margin: float,
    seed: int = 0,
) -> SelectionBias:
    """The expected excess of a chosen candidate's accuracy, by a nested bootstrap.

    In each world of the bootstrap the accuracies that were found are the truth, noise is drawn
    upon them, the search's rule chooses, and the excess of what it saw over that truth is noted.
    Found accuracies lie further apart than true ones, so the mean excess is too small; by how
    much is seen in worlds within worlds, where the truth is known to be the world's own:
    luck = 2 · plain - nested.

    Args:
        accuracies: of each candidate, over the replicates that it has, see `adjusted_means`;
            fractions,
            finite.
        noise: residuals of single replicates, centred, to draw from.
        replicates: of a finalist.
        finalists: how many at most.
        margin: see `chosen_by`.
        seed: of the draws.

    Reference:
        Hall 1986, "On the bootstrap and confidence intervals", Annals of Statistics 14 (iterated
        bootstrap); Tibshirani & Tibshirani 2009, "A bias correction for the minimum error rate in
        cross-validation", Annals of Applied Statistics 3; Cawley & Talbot 2010, "On over-fitting
        in model selection", JMLR 11.
    """
    truth, pool = np.asarray(accuracies, np.float64), np.asarray(noise, np.float64)
    spread = float(np.sqrt(np.mean(pool**2))) if pool.size else math.nan
    if not pool.size or len(truth) < 2:
        return SelectionBias(0.0 if len(truth) == 1 else math.nan, math.nan, spread)
    generator = np.random.default_rng(seed)

    def worlds(truths: Floats, count: int) -> tuple[Floats, Floats]:
        """Excess (..., count), and what is found of each candidate (..., count, candidates)."""
        shape = (*truths.shape[:-1], count, truths.shape[-1], replicates)
        scores = truths[..., None, :, None] + generator.choice(pool, shape)
        seen = _seen(scores, finalists, margin)
        best, accuracy = _chosen(seen)
        true = np.take_along_axis(
            np.broadcast_to(truths[..., None, :], scores.shape[:-1]), best[..., None], axis=-1
        )[..., 0]
        return accuracy - true, seen.level

    excess, found = worlds(truth, OUTER)
    plain = float(excess.mean())
    nested = math.fsum(float(worlds(each, INNER)[0].mean()) for each in found) / OUTER
    return SelectionBias(max(0.0, 2 * plain - nested), plain, spread)


def noise_of(scores: npt.ArrayLike) -> Floats:
    """Residuals of single replicates beside other candidates' of the same draw.

    x_ij - x̄_i - x̄_j + x̄ over candidates i and replicates j, widened for the means that were
    taken off. What a draw does to all candidates alike is no luck of any of them.

    Args:
        scores: shape (candidates, replicates), each candidate's replicates the same draws; rows
            that hold NaN are left out. One row alone is taken against its own mean.

    Returns:
        The residuals, flat; none with fewer than two replicates.
    """
    given = np.asarray(scores, np.float64)
    rows = given[np.isfinite(given).all(axis=1)]
    if rows.shape[0] < 1 or rows.shape[1] < 2:
        return np.zeros(0)
    own = rows - rows.mean(axis=1, keepdims=True)
    count, replicates = rows.shape
    if count < 2:
        return np.asarray(own.ravel() * math.sqrt(replicates / (replicates - 1)), np.float64)
    both = own - own.mean(axis=0, keepdims=True)
    free = (count - 1) * (replicates - 1)
    return np.asarray(both.ravel() * math.sqrt(count * replicates / free), np.float64)


def equivalence_set(
    behind: npt.ArrayLike,
    replicates: npt.ArrayLike,
    delta: float,
    noise: float,
    confidence: float = 0.95,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which candidates are not worse than the best by more than δ.

    Args:
        behind: of each candidate, how far it lies behind the best over the replicates that both
            were trained on, a fraction; 0 for the best.
        replicates: how many these are.
        delta: a fraction that does not matter.
        noise: standard deviation of one replicate; NaN where it is not known.
        confidence: with which candidates are called worse, all of them together, whichever is
            the best (Bonferroni over all pairs).

    Returns:
        Those within δ of the best as they were found, and those of which it cannot be ruled out;
        without a noise the two are the same.
    """
    worse, counts = np.asarray(behind, np.float64) - delta, np.asarray(replicates, np.float64)
    within = worse <= 1e-12
    if not math.isfinite(noise) or len(worse) < 2:
        return within, within
    pairs = len(worse) * (len(worse) - 1)  # in either order: the best was chosen by looking
    z = float(special.ndtri(1 - (1 - confidence) / pairs))
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


def expected_best(values: npt.ArrayLike, points: int = 64) -> ExpectedBest:
    """The expected best of n of some candidates, drawn without replacement, for n from 1 to all.

    E[best of n] = Σ v₍ᵢ₎ C(i-1, n-1) / C(N, n) over the sorted values: the mean over every
    subset of n. It is unbiased for candidates that were drawn independently of each other; the
    estimator of Dodge et al., which draws with replacement, is too low. For candidates of a
    sampler that learns, or thinned out, it describes this search alone.

    Args:
        values: one a candidate, finite.
        points: numbers n at most, evenly spaced on a logarithmic scale.

    Returns:
        The curve; empty without a value.

    Reference:
        Dodge et al. 2019, "Show your work: improved reporting of experimental results", EMNLP;
        Tang et al. 2020, "Showing your work doesn't always work", ACL, section 3.
    """
    rising = np.sort(np.asarray(values, np.float64))
    count = len(rising)
    if not count:
        return ExpectedBest(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    chosen = np.unique(np.round(np.geomspace(1, count, min(points, count))).astype(np.int64))
    if count <= points:
        chosen = np.arange(1, count + 1)
    place = np.arange(1, count + 1)[None, :]
    size = chosen[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.exp(
            _log_choose(place - 1, size - 1) - _log_choose(np.full_like(place, count), size)
        )
    weights = np.where(place >= size, weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)  # their sum is 1 but for rounding
    mean = weights @ rising
    squares = (weights * (rising[None, :] - mean[:, None]) ** 2).sum(axis=1)
    return ExpectedBest(chosen, mean, np.sqrt(squares))


def _log_choose(of: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> Floats:
    found: Floats = (
        special.gammaln(of + 1.0) - special.gammaln(size + 1.0)
        - special.gammaln(np.maximum(of - size, 0) + 1.0)
    )  # fmt: skip
    return found


BINS = 5
LEAST_IN_A_BIN = 3


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
    ranks, ties = _ranks(values)
    correction = 1 - float((ties**3 - ties).sum()) / (count**3 - count)
    if correction <= 0:  # every outcome is the same
        return Importance(0.0, 1.0, count)
    between = sum(float(ranks[labels == kind].sum()) ** 2 / float((labels == kind).sum())
                  for kind in kinds)  # fmt: skip
    h = (12 / (count * (count + 1)) * between - 3 * (count + 1)) / correction
    share = (h - len(kinds) + 1) / (count - len(kinds))
    p = float(special.chdtrc(len(kinds) - 1, max(h, 0.0)))
    return Importance(min(max(share, 0.0), 1.0), p, count)


def binned(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Numbers in bins of about as many each, at most five; equal numbers share one.

    Args:
        values: numbers, finite.

    Returns:
        The bin of each, from 0.
    """
    numbers = np.asarray(values, np.float64)
    bins = min(BINS, len(numbers) // LEAST_IN_A_BIN)
    if bins < 2:
        return np.zeros(len(numbers), np.int64)
    edges = np.quantile(numbers, np.arange(1, bins) / bins)
    return np.searchsorted(np.unique(edges), numbers, side="left").astype(np.int64)


def _ranks(values: Floats) -> tuple[Floats, Floats]:
    """Ranks from 1, the mean of them where values are equal, and how many each tie has."""
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    return (last - (ties - 1) / 2)[place], ties.astype(np.float64)


Candidate = tuple[float, ...]
"""One value a tuned field, in the order of the grid."""


def best(
    grid: Sequence[Sequence[float]], accuracies: Mapping[Candidate, Sequence[float]], chance: float
) -> Candidate:
    """The candidate of the highest mean validation accuracy.

    Of candidates that are equally good the one nearest the middle of the grid is taken, so that
    an arm that never learns asks for no wider grid.

    Args:
        grid: rising values of each tuned field.
        accuracies: fractions by candidate, one a replicate; NaN where it diverged.
        chance: the accuracy of guessing, which a diverged replicate counts with.
    """
    return min(
        accuracies, key=lambda each: (-mean_at_chance(accuracies[each], chance), _off(grid, each))
    )


def mean_at_chance(values: Sequence[float], chance: float) -> float:
    """The mean of some accuracies, NaN counted as guessing."""
    finite = [chance if math.isnan(each) else each for each in values]
    return math.fsum(finite) / len(finite)


def _off(grid: Sequence[Sequence[float]], candidate: Candidate) -> tuple[float, Candidate]:
    """How far from the middle of the grid, in steps; the lower of two that are as far."""
    steps = [abs(list(values).index(value) - (len(values) - 1) / 2)
             for values, value in zip(grid, candidate, strict=True)]  # fmt: skip
    return float(np.sum(steps)), candidate


def at_edges(grid: Sequence[Sequence[float]], candidate: Candidate) -> tuple[tuple[int, bool], ...]:
    """The edges that a candidate lies at: places of fields, each with whether it is the upper."""
    return tuple(
        (place, value == values[-1])
        for place, (values, value) in enumerate(zip(grid, candidate, strict=True))
        if value in (values[0], values[-1])
    )
