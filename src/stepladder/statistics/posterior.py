"""Posterior probabilities of an effect, with δ as the region of practical equivalence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from stepladder.statistics.corrections import holm
from stepladder.statistics.paired import none_if_nan
from stepladder.statistics.results import Effect

_FEWEST = 5  # pairs: fewer know too little of their own spread


@dataclass(frozen=True)
class Posterior:
    """What is to be believed of an effect, before any correction for the number of comparisons.

    Attributes:
        worse: probability that the arm is worse by more than δ.
        within: that the two are practically equivalent.
        better: that the arm is better by more than δ.
    """

    worse: float
    within: float
    better: float


def posterior(
    differences: npt.ArrayLike, delta: float, correlation: float = 0.0
) -> Posterior | None:
    """The correlated Bayesian t test: probabilities below -delta, within, and above delta.

    The mean has a t distribution about d̄, of scale s √(1/n + ρ / (1 - ρ)) and n - 1 degrees of
    freedom: the posterior of a prior that says nothing (uniform in the mean and in log s).

    Args:
        differences: finite, above 0 where the arm is better.
        delta: region of practical equivalence, above 0.
        correlation: ρ of replicates that share data: 0 for independent ones, the share that is
            held out for parts that overlap (Nadeau & Bengio).

    Returns:
        None with fewer than two differences.

    Reference:
        Corani & Benavoli 2015, "A Bayesian approach for comparing cross-validated algorithms on
        multiple data sets", Machine Learning 100.

    Example:
        >>> posterior([0.4, 0.6, 0.5, 0.7, 0.3], delta=0.1).better > 0.99
        True
    """
    values = np.asarray(differences, np.float64)
    count = len(values)
    if count < 2:
        return None
    mean, spread = math.fsum(values) / count, float(values.std(ddof=1))
    scale = spread * math.sqrt(1 / count + correlation / (1 - correlation))

    def below(bound: float) -> float:
        if scale == 0:
            return float(mean < bound)
        return float(special.stdtr(count - 1, (bound - mean) / scale))

    worse, better = below(-delta), 1 - below(delta)
    return Posterior(worse, max(0.0, 1 - worse - better), better)


def with_posteriors(
    effects: Mapping[str, Effect], delta: float | None, sign: int, overlap: float = 0.0
) -> dict[str, Effect]:
    """Effects of one family with their posteriors and p-values of "not worse"; δ must be known.

    p is of a one-sided t test of non-inferiority, the lower half of the test of equivalence, after
    Holm's correction over the family; with fewer than five pairs there is none. It informs: the
    verdict `not worse beyond δ` asks for more, and has its own p-value.

    Args:
        effects: by arm.
        delta: in the unit of the effects.
        sign: 1 where a higher value of the metric is better, -1 where a lower one is.
        overlap: test examples per training example, of parts that overlap, as for `effects`.
    """
    if delta is None or not effects:
        return dict(effects)
    values = {arm: sign * np.asarray(one.differences) for arm, one in effects.items()}
    correlation = overlap / (1 + overlap)
    found = {arm: posterior(row, delta, correlation) for arm, row in values.items()}
    p = holm(np.array([
        one.worse if one and len(values[arm]) >= _FEWEST else math.nan
        for arm, one in found.items()
    ]))  # fmt: skip
    return {
        arm: replace(effect, posterior=found[arm], p_not_worse=none_if_nan(own))
        for (arm, effect), own in zip(effects.items(), p, strict=True)
    }
