import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_plots import plots
from example_results import VARIANTS, mnist_results, partial_results
from scipy import stats

from stepladder.report.figures.axes import panel_titles
from stepladder.report.figures.bands import band, panels_of

NAN = math.nan


def test_a_band_is_the_t_interval_of_the_mean_by_scipy():
    values = np.random.default_rng(0).uniform(0.9, 1.0, (5, 3))
    made = band(list(values), 100)
    for epoch in range(3):
        column = 100 * values[:, epoch]
        low, high = stats.t.interval(0.95, 4, column.mean(), stats.sem(column))
        assert made.mean[epoch] == pytest.approx(column.mean())
        assert made.low[epoch] == pytest.approx(low)
        assert made.high[epoch] == pytest.approx(high)
    assert made.counts == (5, 5, 5)


def test_a_band_worked_by_hand():
    # 90 and 92: mean 91, deviation √2, error 1, t(0.975, 1) = 12.7062
    made = band([np.array([0.90]), np.array([0.92])], 100)
    assert made.mean == pytest.approx((91.0,))
    assert made.low == pytest.approx((91 - 12.7062,), abs=1e-4)


def test_the_order_of_replicates_does_not_matter():
    values = list(np.random.default_rng(1).uniform(0, 1, (4, 6)))
    first, second = band(values), band(values[::-1])
    np.testing.assert_allclose(first.mean, second.mean)
    np.testing.assert_allclose(first.low, second.low)


def test_one_replicate_has_a_mean_and_no_interval():
    made = band([np.array([0.5, 0.6])], 100)
    assert made.mean == (50.0, 60.0)
    assert all(map(math.isnan, (*made.low, *made.high)))


def test_diverged_replicates_leave_from_their_epoch_on():
    made = band([np.array([0.5, NAN]), np.array([0.7, 0.8])], 100)
    assert made.counts == (2, 1)
    assert made.mean == pytest.approx((60.0, 80.0))
    assert np.isfinite([made.low[0], made.high[0]]).all()
    assert math.isnan(made.low[1])
    assert math.isnan(made.high[1])


def test_no_replicate_gives_an_empty_band():
    assert band([]).mean == ()
    assert math.isnan(band([]).last)


def test_equal_replicates_have_a_band_without_width():
    made = band([np.array([0.25])] * 3)
    assert made.low == made.mean == made.high == (0.25,)


def test_panels_hold_accuracy_loss_and_time():
    result = mnist_results().arms[4]
    panel = panels_of(mnist_results())[4]
    assert panel.name == "+ Adam"
    assert panel.epochs == tuple(range(1, 21))
    assert panel.validation_loss.mean == pytest.approx(
        np.mean([curve.val_loss for curve in result.curves], axis=0)
    )
    assert panel.train_loss.last == pytest.approx(
        np.mean([curve.train_loss[-1] for curve in result.curves])
    )
    assert panel.seconds == pytest.approx(0.08 * np.arange(1, 21))


def test_time_goes_on_where_a_slow_replicate_stops_early():
    # by hand: 2 s and 1 s an epoch while both train, 1.5 s each; then the faster one's 1 s
    results = mnist_results()
    slow, fast = results.arms[4].curves[:2]
    slow = replace(slow, seconds=np.where(np.arange(1, 21) < 3, 2.0 * np.arange(1, 21), NAN))
    fast = replace(fast, seconds=1.0 * np.arange(1, 21))
    arms = [replace(arm, curves=(slow, fast)) for arm in results.arms]
    panel = panels_of(replace(results, arms=tuple(arms)))[4]
    assert panel.seconds[:4] == pytest.approx((1.5, 3.0, 4.0, 5.0))


def test_panels_of_names_that_begin_alike_have_different_titles():
    names = [f"+ He normal + ReLU + batch normalisation{end}" for end in ("", " + Adam", " + SGD")]
    titles = panel_titles(names, 17)
    assert [title.replace("\n", " ") for title in titles] == names
    unlike = ["+ He normal", "+ a name of more than two lines, which none shares"]
    assert panel_titles(unlike, 17) == ["+ He normal", "+ a name of more\nthan two lines,…"]


def test_words_tell_the_numbers():
    dropout = panels_of(mnist_results())[-1]
    words = plots(mnist_results())["accuracy"].words
    assert f"+ dropout training {dropout.train.last:.2f} %" in words
    assert f"validation {dropout.validation.last:.2f} %" in words
    assert "answers 1 to every image" in words
    assert f"{dropout.validation_loss.last:.3f} nats" in plots(mnist_results())["loss"].words


def test_words_stay_short_with_many_arms():
    assert len(plots(VARIANTS["64 arms"]())["accuracy"].words) < 1500


def test_waiting_arms_have_a_remark_and_no_curve():
    panel = panels_of(partial_results())[-1]
    assert (panel.remark, panel.epochs, panel.is_drawn) == ("waiting", (), False)


def test_captions_speak_of_bands_only_where_there_are_some():
    assert "shaded" in plots(mnist_results())["accuracy"].caption
    assert "shaded" not in plots(mnist_results(replicates=1))["accuracy"].caption


def test_captions_speak_of_log_odds_only_where_they_are_drawn():
    assert "log-odds" in plots(mnist_results())["validation"].caption
    low = mnist_results(counts=(5, 5, 5, 0, 0, 0, 0))
    assert "log-odds" not in plots(low)["validation"].caption
