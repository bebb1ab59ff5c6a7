"""False verdicts and intervals over simulated studies, seeds fixed; see benchmarks/ for more."""

import numpy as np
import pytest
from scipy import stats

from stepladder.analysis import holm, paired_t
from stepladder.analysis.rule import judge

DRAWS = {
    "normal": lambda g, shape: g.normal(0.97, 0.002, shape),
    "skewed": lambda g, shape: 0.98 - 0.2 * g.beta(0.5, 8, shape),
    "bimodal": lambda g, shape: g.choice([0.11, 0.97], shape) + 0.002 * g.normal(size=shape),
    "two levels": lambda g, shape: g.choice([0.11, 0.97], shape),
    "three levels": lambda g, shape: g.choice([0.2, 0.5, 0.8], shape, p=[0.43, 0.14, 0.43]),
    "four levels": lambda g, shape: g.choice(
        [0.2, 0.4, 0.6, 0.8], shape, p=[0.12, 0.27, 0.37, 0.24]
    ),
    "few images": lambda g, shape: g.binomial(20, 0.9, shape) / 20,
    "all equal": lambda g, shape: np.full(shape, 0.1135),
}


def _false(draw, studies, arms, n):
    scores = draw(np.random.default_rng((arms, n)), (studies, arms, n))
    judged = judge(scores[:, 1:], scores[:, :-1], delta=0.1, alpha=0.05, plan=False)
    return int(judged.different.any(axis=-1).sum())


def _most(studies):
    """The number of false studies that a true rate of 5 % exceeds once in a million."""
    return int(stats.binom.isf(1e-6, studies, 0.05))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n", [3, 4, 5, 6, 8, 12])
@pytest.mark.parametrize("arms", [2, 4, 10])
def test_equal_arms_are_seldom_called_different(name, n, arms):
    assert _false(DRAWS[name], 300, arms, n) <= _most(300)


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 21, 30])
@pytest.mark.parametrize("arms", [2, 3, 5, 10])
def test_equal_arms_are_seldom_called_different_in_many_studies(name, n, arms):
    assert _false(DRAWS[name], 3_000, arms, n) <= _most(3_000)


def test_the_t_test_alone_would_call_too_many():
    scores = DRAWS["two levels"](np.random.default_rng(0), (600, 10, 3))
    called = holm(paired_t(100 * np.diff(scores, axis=1)).p) < 0.05
    assert called.any(axis=-1).sum() > _most(600)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_intervals_of_normal_differences_hold_the_mean_19_times_in_20(n):
    found = paired_t(np.random.default_rng(n).normal(0.3, 0.2, (4_000, n)))
    holds = (found.ci_low <= 0.3) & (found.ci_high >= 0.3)
    assert stats.binomtest(int(holds.sum()), 4_000, 0.95).pvalue > 1e-4


@pytest.mark.parametrize(("gain", "spread"), [(1.0, 1.0), (0.5, 1.0), (0.0, 0.2)])
def test_the_number_asked_for_has_the_power_that_is_meant(gain, spread):
    other = np.array([[0.3, 0.4, 0.5, 0.6]])
    pilot = other + (gain + spread * np.array([-1, -1, 1, 1]) * np.sqrt(3 / 4)) / 100
    needed = int(judge(pilot, other, delta=0.1, alpha=0.05).needed[0])
    scores = 0.5 + np.random.default_rng(1).normal(gain, spread, (1_000, 1, needed)) / 100
    judged = judge(scores, np.full(scores.shape, 0.5), delta=0.1, alpha=0.05, plan=False)
    settled = (judged.different | judged.within).sum()
    assert stats.binom.ppf(1e-4, 1_000, 0.78) <= settled
    assert settled <= stats.binom.ppf(1 - 1e-4, 1_000, 0.92)


def test_arms_that_differ_are_called_so():
    generator = np.random.default_rng(4)
    scores = generator.normal(0.11, 0.005, (200, 2, 5))
    scores[:, 1] += 0.8
    judged = judge(scores[:, 1:], scores[:, :1], delta=0.1, alpha=0.05, plan=False)
    assert judged.different.all()
