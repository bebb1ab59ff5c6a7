"""Ensembles: mean probabilities by hand, and nobody answers what it was trained on."""

import numpy as np
import pytest
from scipy import stats

from stepladder.statistics.classification import Answers, pooled


def answers(rows, labels, probabilities):
    return Answers(np.array(rows), np.array(labels), np.array(probabilities, np.float32))


def test_the_mean_decides_where_single_networks_disagree():
    # Image 0: .6 and .1 of class 0, mean .35, so class 1; image 1: .4 and .9, so class 0.
    one = answers([0, 1], [1, 0], [[0.6, 0.4], [0.4, 0.6]])
    two = answers([0, 1], [1, 0], [[0.1, 0.9], [0.9, 0.1]])
    found = pooled([one, two])
    assert found.accuracy == 1
    assert found.single == pytest.approx(0.5)
    assert (found.examples, found.members) == (2, 2)
    ends = stats.binomtest(2, 2).proportion_ci(method="wilson")
    assert (found.interval.low, found.interval.high) == (ends.low, ends.high)


def test_an_example_that_one_network_answers_is_left_out():
    one = answers([5, 2], [0, 0], [[0.9, 0.1], [0.9, 0.1]])
    two = answers([2, 7], [0, 1], [[0.8, 0.2], [0.0, 1.0]])
    found = pooled([one, two])
    assert (found.examples, found.members, found.accuracy) == (1, 2, 1)
    assert pooled([one]) is None
    assert pooled([]) is None
    assert pooled([one, answers([9], [0], [[1, 0]])]) is None


def test_a_network_beside_its_copies_is_itself():
    draw = np.random.default_rng(0)
    given = draw.dirichlet(np.ones(10), 500)
    labels = draw.integers(0, 10, 500)
    one = Answers(np.arange(500), labels, given)
    found = pooled([one] * 3)
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
    assert pooled(made) == pooled(turned)
    assert 2 <= pooled(made).members <= 4
