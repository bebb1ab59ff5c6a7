"""Whether an input looks like a training set: its own kind seldom does not, others do not."""

from dataclasses import replace

import numpy as np
import pytest

from stepladder.data import synthetic
from stepladder.deployment.out_of_distribution import FALSE_ALARMS, distances, fit_subspaces


@pytest.fixture(scope="module")
def data():
    return synthetic(examples=3000, input_shape=(8, 8), classes=4, seed=3)


@pytest.fixture(scope="module")
def known(data):
    return fit_subspaces(data.x_train[:1500], data.y_train[:1500], data.x_train[1500:])


def test_held_out_images_are_called_unlike_as_often_as_said(data, known):
    away = distances(known, data.x_train[1500:]) > known.threshold
    assert away.mean() == pytest.approx(FALSE_ALARMS, abs=0.002)


def test_test_images_are_called_unlike_about_as_seldom(data, known):
    assert (distances(known, data.x_test) > known.threshold).mean() < 4 * FALSE_ALARMS


def test_noise_and_negatives_are_unlike(data, known):
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8)).astype(np.uint8)
    assert (distances(known, noise) > known.threshold).mean() > 0.9
    assert (distances(known, 255 - data.x_test) > known.threshold).mean() > 0.9


def test_it_is_the_density_of_a_gaussian(known):
    """One part by hand: a full covariance of the axes and the rest, in float64."""
    part = replace(
        known, means=known.means[:1], axes=known.axes[:1], variances=known.variances[:1],
        rest=known.rest[:1],
    )  # fmt: skip
    axes, mean = known.axes[0].astype(float), known.means[0].astype(float)
    rest = float(known.rest[0])
    covariance = axes @ np.diag(known.variances[0] - rest) @ axes.T + rest * np.eye(64)
    flat = np.random.default_rng(1).random((5, 64)).astype(np.float32)
    by_hand = [
        each @ np.linalg.solve(covariance, each) + np.linalg.slogdet(covariance)[1]
        for each in flat.astype(float) - mean
    ]
    found = distances(replace(part, scale=1.0), flat)
    assert found == pytest.approx(by_hand, rel=1e-3)


def test_numbers_beyond_all_measure_are_unlike_and_not_lost(known):
    huge = np.full((2, 8, 8), 1e30, np.float32)
    assert np.isfinite(distances(known, huge)).all()
    assert (distances(known, huge) > known.threshold).all()


@pytest.mark.parametrize("examples", [8, 30])
def test_few_examples_and_plain_tables_will_do(examples):
    draw = np.random.default_rng(0)
    table = draw.normal(size=(examples, 5)).astype(np.float32)
    known = fit_subspaces(table, np.arange(examples) % 4, table)
    assert np.isfinite(distances(known, table)).all()


def test_what_never_varies_is_no_division_by_zero():
    still = np.zeros((40, 6, 6), np.uint8)
    known = fit_subspaces(still, np.arange(40) % 2, still)
    assert np.isfinite(distances(known, still)).all()
