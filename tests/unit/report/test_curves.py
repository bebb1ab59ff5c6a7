import math
from dataclasses import replace

import numpy as np
import pytest
from example_results import VARIANTS, mnist_results, partial_results
from scipy import stats

from stepladder.report.curves import band, figures_of

NAN = math.nan


def test_a_band_is_the_t_interval_of_the_mean_by_scipy():
    values = np.random.default_rng(0).uniform(0.9, 1.0, (5, 3))
    made = band(list(values))
    for epoch in range(3):
        column = 100 * values[:, epoch]
        low, high = stats.t.interval(0.95, 4, column.mean(), stats.sem(column))
        assert made.mean[epoch] == pytest.approx(column.mean())
        assert made.low[epoch] == pytest.approx(low)
        assert made.high[epoch] == pytest.approx(high)
    assert made.counts == (5, 5, 5)


def test_a_band_worked_by_hand():
    # 90 and 92: mean 91, deviation √2, error 1, t(0.975, 1) = 12.7062
    made = band([np.array([0.90]), np.array([0.92])])
    assert made.mean == pytest.approx((91.0,))
    assert made.low == pytest.approx((91 - 12.7062,), abs=1e-4)


def test_the_order_of_replicates_does_not_matter():
    values = list(np.random.default_rng(1).uniform(0, 1, (4, 6)))
    first, second = band(values), band(values[::-1])
    np.testing.assert_allclose(first.mean, second.mean)
    np.testing.assert_allclose(first.low, second.low)


def test_one_replicate_has_a_mean_and_no_interval():
    made = band([np.array([0.5, 0.6])])
    assert made.mean == (50.0, 60.0)
    assert all(map(math.isnan, (*made.low, *made.high)))


def test_diverged_replicates_leave_from_their_epoch_on():
    made = band([np.array([0.5, NAN]), np.array([0.7, 0.8])])
    assert made.counts == (2, 1)
    assert made.mean == pytest.approx((60.0, 80.0))
    assert math.isnan(made.low[1])


def test_no_replicate_gives_an_empty_band():
    assert band([]).mean == ()
    assert math.isnan(band([]).last)


def test_equal_replicates_have_a_band_without_width():
    made = band([np.array([0.25])] * 3)
    assert made.low == made.mean == made.high == (25.0,)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_figure_has_a_caption_and_an_alternative(variant):
    results = VARIANTS[variant]()
    made = figures_of(results)
    drawn = {"accuracy", "validation", "effects"}
    drawn |= {"factorial"} if results.readout else set()
    drawn |= {"tuning"} if results.tuned else set()
    assert set(made.captions) == set(made.alternatives) == drawn
    assert all(made.captions.values())
    assert all(made.alternatives.values())


def test_alternatives_tell_the_numbers():
    made = figures_of(mnist_results())
    dropout = made.panels[-1]
    assert f"+ dropout training {dropout.train.last:.2f} %" in made.alternatives["accuracy"]
    assert f"validation {dropout.validation.last:.2f} %" in made.alternatives["accuracy"]
    assert made.bars[0].text in made.alternatives["effects"]
    assert "answers 1 to every image" in made.alternatives["accuracy"]


def test_alternatives_stay_short_with_many_arms():
    assert len(figures_of(VARIANTS["64 arms"]()).alternatives["accuracy"]) < 1500


def test_waiting_arms_have_a_remark_and_no_curve():
    panel = figures_of(partial_results()).panels[-1]
    assert (panel.remark, panel.epochs) == ("waiting", ())


def test_captions_speak_of_bands_only_where_there_are_some():
    assert "shaded" in figures_of(mnist_results()).captions["accuracy"]
    assert "shaded" not in figures_of(mnist_results(replicates=1)).captions["accuracy"]


def test_the_axis_of_effects_is_logarithmic_only_where_it_must_be():
    results = mnist_results()
    wide = figures_of(results)
    assert wide.has_log_effects
    assert "logarithmic" in wide.captions["effects"]
    last = figures_of(replace(results, arms=results.arms[-1:]))
    assert not last.has_log_effects
    assert "logarithmic" not in last.captions["effects"]
