import numpy as np
import pytest
from scipy import integrate, stats

from stepladder.statistics.power import MOST, power_of_t, power_of_tost, smallest_count


@pytest.mark.parametrize(
    ("size", "power", "pairs"),
    # G*Power 3, difference of two dependent means, two-sided 5 %.
    [
        (0.2, 0.8, 199),
        (0.3, 0.8, 90),
        (0.5, 0.8, 34),
        (0.8, 0.8, 15),
        (1.0, 0.8, 10),
        (0.5, 0.95, 54),
    ],
)
def test_pairs_of_published_tables(size, power, pairs):
    assert smallest_count(lambda n: power_of_t(n, size, 1, 0.05) >= power, [2]).tolist() == [pairs]


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("level", [0.05, 0.001])
def test_without_a_difference_the_power_is_the_level(n, level):
    assert power_of_t(n, 0, 1, level) == pytest.approx(level, rel=1e-9)


@pytest.mark.parametrize("n", [3, 10, 100, 10_000])
@pytest.mark.parametrize("mean", [1e-9, 1.0, 50.0, 1e12])
def test_power_is_a_number_however_large_the_difference(n, mean):
    assert 0 <= power_of_t(n, mean, 1, 0.05 / 9) <= 1
    assert 0 <= power_of_tost(n, mean, 1, 2 * mean, 0.05 / 9) <= 1
    assert power_of_t(n, -mean, 1, 0.05) == power_of_t(n, mean, 1, 0.05)


def _exact_power_of_tost(n, mean, spread, delta, level):
    """The chance given the spread seen, averaged over the chi distribution of that spread."""
    bound = stats.t.ppf(1 - level, n - 1)

    def given(ratio):
        room = delta - bound * ratio * spread / np.sqrt(n)
        error = spread / np.sqrt(n)
        chance = stats.norm.cdf((room - mean) / error) - stats.norm.cdf((-room - mean) / error)
        return max(chance, 0) * stats.chi.pdf(ratio * np.sqrt(n - 1), n - 1) * np.sqrt(n - 1)

    widest = delta * np.sqrt(n) / (bound * spread)
    return integrate.quad(given, 0, min(widest, 5), limit=200)[0]


@pytest.mark.parametrize("n", [5, 12, 40])
@pytest.mark.parametrize("mean", [0.0, 0.03, -0.05])
@pytest.mark.parametrize("spread", [0.05, 0.1])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_power_of_equivalence_agrees_with_integration_where_plans_end(n, mean, spread, level):
    exact = _exact_power_of_tost(n, mean, spread, 0.1, level)
    found = float(power_of_tost(n, mean, spread, 0.1, level))
    assert found <= exact + 1e-6
    if exact > 0.7:
        assert found == pytest.approx(exact, abs=2e-3)


def test_outside_delta_equivalence_has_no_power():
    assert power_of_tost([5, 50, 5000], 0.1, 0.2, 0.1, 0.05) == pytest.approx(0.05, abs=0.05)


@pytest.mark.parametrize("threshold", [3, 4, 57, 9_999, MOST])
def test_smallest_finds_the_threshold(threshold):
    assert smallest_count(lambda n: n >= threshold, [3.0]).tolist() == [threshold]


def test_smallest_is_found_row_by_row_and_infinite_beyond_the_most():
    thresholds = np.array([5, 1, MOST + 1, 20])
    found = smallest_count(lambda n: n >= thresholds, [3, 3, 3, MOST + 1])
    assert found.tolist() == [5, 3, np.inf, np.inf]
