"""The calibration over data sets: a small version of it, and its rivals against statsmodels."""

import numpy as np
import pytest

import calibration_datasets as calibration


@pytest.mark.extra
@pytest.mark.parametrize(
    ("method", "name"), [(calibration.dersimonian_laird, "dl"), (calibration.paule_mandel, "pm")]
)
def test_the_rivals_are_those_of_statsmodels(method, name):
    generator = np.random.default_rng(0)
    means, variances = generator.normal(1, 4, 8), generator.uniform(0.1, 2, 8)
    statsmodels = pytest.importorskip("statsmodels.stats.meta_analysis")
    expected = statsmodels.combine_effects(means, variances, method_re=name)
    between = method(means[None], variances[None])
    assert between == pytest.approx(expected.tau2, rel=1e-4)
    mean, error = calibration.hartung_knapp(means[None], variances[None], between)
    assert mean == pytest.approx(expected.mean_effect_re, rel=1e-4)
    assert error == pytest.approx(expected.sd_eff_w_re_hksj, rel=1e-4)


@pytest.mark.parametrize("spread", [0.0, 3.0])
@pytest.mark.parametrize("comparisons", [1, 4])
def test_verdicts_in_general_are_false_in_at_most_5_percent(spread, comparisons):
    case, studies = ("normal", spread, True, False), 1500
    shares = [
        calibration.false_share(np.random.default_rng(1), case, (studies, comparisons, count))
        for count in (5, 8, 12)
    ]
    assert shares[0] == 0  # not enough data sets for any
    assert max(shares) < 0.062  # 5 % and two standard errors


def test_a_study_that_is_extended_is_false_in_at_most_5_percent_over_all_judgements():
    steps = ((8, 5), (8, 10), (12, 10))
    for spread in (0.0, 2.0):
        share = calibration.false_over_time(np.random.default_rng(2), steps, spread, 800, 1)
        assert share < 0.066
