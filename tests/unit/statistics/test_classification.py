"""Answers to test images: calibration, and ensembles of replicates."""

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.classification import (
    Answers,
    calibration,
    expected_calibration_error,
    pool_answers,
    squared_calibration_error,
)

# Calibration: by hand, without error where there is none, and intervals that hold.


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
    true = squared_calibration_error(many.max(axis=1), answers == labels)[0] ** 0.5
    held = 0
    for seed in range(100):
        found = calibration(*drawn(2000, 2.0, seed))
        held += found.interval.low <= true <= found.interval.high
    assert held >= 88


# Ensembles: mean probabilities by hand, and nobody answers what it was trained on.


def answers(rows, labels, probabilities):
    return Answers(np.array(rows), np.array(labels), np.array(probabilities, np.float32))


def test_the_mean_decides_where_single_networks_disagree():
    # Image 0: .6 and .1 of class 0, mean .35, so class 1; image 1: .4 and .9, so class 0.
    one = answers([0, 1], [1, 0], [[0.6, 0.4], [0.4, 0.6]])
    two = answers([0, 1], [1, 0], [[0.1, 0.9], [0.9, 0.1]])
    found = pool_answers([one, two])
    assert found.accuracy == 1
    assert found.single == pytest.approx(0.5)
    assert (found.examples, found.members) == (2, 2)
    ends = stats.binomtest(2, 2).proportion_ci(method="wilson")
    assert (found.interval.low, found.interval.high) == (ends.low, ends.high)


def test_an_example_that_one_network_answers_is_left_out():
    one = answers([5, 2], [0, 0], [[0.9, 0.1], [0.9, 0.1]])
    two = answers([2, 7], [0, 1], [[0.8, 0.2], [0.0, 1.0]])
    found = pool_answers([one, two])
    assert (found.examples, found.members, found.accuracy) == (1, 2, 1)
    assert pool_answers([one]) is None
    assert pool_answers([]) is None
    assert pool_answers([one, answers([9], [0], [[1, 0]])]) is None


def test_a_network_beside_its_copies_is_itself():
    draw = np.random.default_rng(0)
    given = draw.dirichlet(np.ones(10), 500)
    labels = draw.integers(0, 10, 500)
    one = Answers(np.arange(500), labels, given)
    found = pool_answers([one] * 3)
    assert found.accuracy == found.single == (given.argmax(axis=1) == labels).mean()
    assert found.members == 3


def test_order_of_rows_and_of_networks_makes_no_difference():
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 4, 100)
    made = []
    for _ in range(4):
        rows = draw.permutation(100)[:40]
        made.append(Answers(rows, labels[rows], draw.dirichlet(np.ones(4), 40)))
    turned = [Answers(a.rows[::-1], a.labels[::-1], a.probabilities[::-1]) for a in made[::-1]]
    assert pool_answers(made) == pool_answers(turned)
    assert 2 <= pool_answers(made).members <= 4


@pytest.mark.parametrize("over", [0.0, 0.3])
def test_the_squared_error_has_no_bias_and_its_interval_holds_it(over):
    """A bootstrap's interval held a perfectly calibrated network's error in 62 %."""
    generator = np.random.default_rng(9)

    def drawn_pairs(images):
        z = np.abs(generator.normal(2.5, 2, images))
        confidence, truth = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-z * (1 - over)))
        return confidence, truth, generator.random(images) < truth

    confidence, truth, _ = drawn_pairs(500_000)
    bins = np.minimum((confidence * 15).astype(int), 14)
    count = np.maximum(np.bincount(bins, minlength=15), 1)
    gaps = np.bincount(bins, truth - confidence, minlength=15) / count
    true = float((count / len(confidence) * gaps**2).sum())
    found = [squared_calibration_error(one, right)
             for one, _, right in (drawn_pairs(500) for _ in range(400))]  # fmt: skip
    estimates = [estimate for estimate, _ in found]
    assert np.mean(estimates) == pytest.approx(true, abs=3 * np.std(estimates) / 20)
    held = np.mean([ends.low <= true + 1e-15 and true <= ends.high for _, ends in found])
    assert 0.93 < held <= 0.99
    assert all(ends.low < ends.high for _, ends in found)


def test_a_network_that_is_always_right_and_sure_may_still_be_wrong():
    _, ends = squared_calibration_error(np.ones(50), np.ones(50, bool))
    assert (ends.low, ends.high > 0) == (0.0, True)
    assert squared_calibration_error(np.array([0.9]), np.array([True]))[1].high == 1.0
