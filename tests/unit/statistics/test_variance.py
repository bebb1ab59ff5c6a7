"""Standard deviations by source: against SciPy, exact cases, coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.variance import analyze_variance, variance_interval

RNG = np.random.default_rng(5)
NORMAL = RNG.normal(size=20)


def test_the_variance_and_the_interval_of_many_normal_scores_are_those_of_scipy():
    scores = np.random.default_rng(0).normal(3, 2, 4000)
    value, low, high = variance_interval(scores)
    assert value == pytest.approx(np.var(scores, ddof=1))
    chi_square = 3999 * value / stats.chi2.ppf([0.975, 0.025], 3999)
    assert [low, high] == pytest.approx(chi_square, rel=0.01)


def test_the_interval_is_bonetts():
    x = np.array([15.83, 16.01, 16.24, 16.42, 15.33, 15.44, 16.88, 16.31])
    _, low, high = variance_interval(x)
    n, z, centre = 8, stats.norm.ppf(0.975), stats.trim_mean(x, 1 / (2 * math.sqrt(4)))
    around = np.sum((x - centre) ** 4) / np.sum((x - x.mean()) ** 4) * (stats.kurtosis(x) + 3)
    error = n / (n - z) * math.sqrt((around - (n - 3) / n) / (n - 1))
    middle = math.log(n / (n - z) * x.var(ddof=1))
    assert np.log([low, high]) == pytest.approx([middle - z * error, middle + z * error])


def test_the_ratio_of_many_normal_scores_is_that_of_the_f_distribution():
    random = np.random.default_rng(1)
    first, second, third = (random.normal(0, size, 3000) for size in (3, 1, 2))
    analysis = analyze_variance({"a": first, "b": second}, third)
    ratio = np.var(first, ddof=1) / np.var(second, ddof=1)
    odds = ratio / stats.f.ppf([0.975, 0.025], 2999, 2999)
    share = analysis.sources[0].share_interval
    assert [share.low, share.high] == pytest.approx(odds / (1 + odds), rel=0.01)
    assert analysis.sources[0].share == pytest.approx(ratio / (1 + ratio))
    assert analysis.ratio.high < 1  # 4 against 10


def test_shares_sum_to_1_and_do_not_depend_on_unit_or_order():
    rows = {"a": NORMAL, "b": 2 * NORMAL[::-1], "c": RNG.exponential(size=20)}
    one = analyze_variance(rows, NORMAL)
    other = analyze_variance({name: 100 + 7 * rows[name] for name in "cba"}, 7 * NORMAL)
    assert math.fsum(source.share for source in one.sources) == pytest.approx(1)
    for source, same in zip(one.sources, reversed(other.sources), strict=True):
        assert source.share_interval.low == pytest.approx(same.share_interval.low)
        assert 7 * source.interval.high == pytest.approx(same.interval.high)
    assert one.sum.deviation**2 == pytest.approx(sum(source.deviation**2 for source in one.sources))


def test_of_equal_scores_the_deviation_is_exactly_0_and_has_no_interval():
    still = [0.1] * 20  # whose variance NumPy finds to be 2e-34
    analysis = analyze_variance({"a": still, "b": NORMAL}, NORMAL)
    assert (analysis.sources[0].deviation, analysis.sources[0].interval) == (0, None)
    assert (analysis.sources[0].share, analysis.sources[1].share) == (0, 1)
    assert analysis.sources[1].share_interval is None
    assert analysis.largest.name == "b"
    nothing = analyze_variance({"a": still, "b": still}, still)
    assert (nothing.largest, nothing.half, nothing.needed, nothing.ratio) == (None,) * 4


def test_diverged_replicates_are_left_out_and_few_scores_have_no_interval():
    scores = [*NORMAL[:4], math.nan]
    analysis = analyze_variance({"a": scores, "b": [math.nan] * 5}, scores)
    assert analysis.sources[0].n == 4
    assert analysis.sources[0].deviation == pytest.approx(np.std(NORMAL[:4], ddof=1))
    assert analysis.sources[0].interval is None
    assert (analysis.sources[1].deviation, analysis.sum.deviation) == (None, None)
    assert analysis.largest is None


def test_the_replicates_that_halve_the_interval_are_the_fewest():
    analysis = analyze_variance({"a": NORMAL}, NORMAL)
    assert analysis.sum is None

    def half(n):
        return stats.t.ppf(0.975, n - 1) * np.std(NORMAL, ddof=1) / math.sqrt(n)

    assert analysis.half == pytest.approx(half(20))
    assert half(analysis.needed) <= half(20) / 2 < half(analysis.needed - 1)


@pytest.mark.parametrize(("draw", "least"), [("normal", 0.92), ("exponential", 0.82)])
def test_coverage(draw, least):
    """Of 400 studies; 2,000 in `benchmarks/variance_sources.py`."""
    random, held = np.random.default_rng(3), np.zeros(3)
    for _ in range(400):
        rows = [size * getattr(random, draw)(size=20) for size in (2.0, 1.0)]
        analysis = analyze_variance({"a": rows[0], "b": rows[1]}, rows[0] + rows[1])
        source = analysis.sources[0]
        held += [
            source.interval.low <= 2 <= source.interval.high,
            source.share_interval.low <= 0.8 <= source.share_interval.high,
            analysis.ratio.low <= 1 <= analysis.ratio.high,
        ]
    assert (held / 400 >= least).all(), held
