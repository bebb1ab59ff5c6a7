"""Calibration: by hand, without error where there is none, and intervals that hold."""

import numpy as np
import pytest

from stepladder.statistics.classification import calibration, expected_calibration_error


def test_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, False, True, True])
    # bins: |0.5 - 0.95| of half the images, |1 - 0.55| of the other half
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.45)
    assert expected_calibration_error(confidence, correct, bins=1) == pytest.approx(0.0)


def test_certain_and_right_has_no_error_and_certain_and_wrong_has_all():
    sure = np.ones(7)
    assert expected_calibration_error(sure, np.ones(7, bool)) == 0
    assert expected_calibration_error(sure, np.zeros(7, bool)) == 1


def drawn(images, sharper, seed):
    """Probabilities of two classes, labels of which come true as often as said, then sharpened."""
    draw = np.random.default_rng(seed)
    true = draw.uniform(0.5, 1, images)
    labels = (draw.random(images) > true).astype(int)
    said = true**sharper / (true**sharper + (1 - true) ** sharper)
    return np.stack([said, 1 - said], axis=1), labels


def test_a_calibrated_network_shows_what_chance_shows():
    found = calibration(*drawn(4000, 1.0, 0))
    assert found.error == pytest.approx(found.by_chance, abs=0.008)
    assert found.interval.low < 0.01
    assert found.images == 4000
    assert found.confidence == pytest.approx(found.accuracy, abs=0.02)


def test_one_that_is_too_sure_is_found_out():
    found = calibration(*drawn(4000, 3.0, 0))
    assert found.error > 0.05 > found.by_chance
    assert found.interval.low < found.error < found.interval.high
    assert found.confidence > found.accuracy


def test_the_order_of_images_makes_no_difference():
    probabilities, labels = drawn(500, 2.0, 1)
    other = np.random.default_rng(2).permutation(500)
    one, two = calibration(probabilities, labels), calibration(probabilities[other], labels[other])
    assert one.error == pytest.approx(two.error)
    assert one.loss == pytest.approx(two.loss)


@pytest.mark.slow
def test_the_interval_holds_the_true_error_about_as_often_as_it_says():
    many, labels = drawn(400_000, 2.0, 99)
    answers = many.argmax(axis=1)
    true = expected_calibration_error(many.max(axis=1), answers == labels)
    held = 0
    for seed in range(100):
        found = calibration(*drawn(2000, 2.0, seed))
        held += found.interval.low <= true <= found.interval.high
    assert held >= 88
