"""Stacked replicates: the same trials as one by one, whatever stands beside them."""

import numpy as np
import pytest

from stepladder.training.groups import Batching, Group
from stepladder.training.population.engine import PopulationEngine


@pytest.fixture(scope="module")
def engine(dataset):
    return PopulationEngine(dataset)


def trained(engine, trials, lanes, stacking):
    return engine.train(Group(tuple(trials), lanes, stacking), lambda epoch: None)


def bits(result):
    scores = [result.train.loss, result.validation.loss, result.test.loss]
    return np.array(scores).tobytes() + result.curve.val_loss.tobytes()


def trials_of(trial_of, **fields):
    return [
        trial_of(replicate=replicate, learning_rate=rate, epochs=2, **fields)
        for replicate in range(3)
        for rate in (0.02, 0.05)
    ]


@pytest.mark.parametrize("axis", [pytest.param("map", marks=pytest.mark.slow), "vmap"])
def test_stacked_replicates_are_those_trained_one_by_one(engine, trial_of, axis):
    trials = trials_of(trial_of, dropout=0.2, scaling="standardised")
    stacked = trained(engine, trials, 2, Batching(axis, 3))
    for place in range(0, 6, 2):
        alone = engine.train(Group(tuple(trials[place : place + 2]), 2), lambda epoch: None)
        for one, other in zip(alone, stacked[place : place + 2], strict=True):
            assert one.trial == other.trial
            assert one.curve.val_loss == pytest.approx(other.curve.val_loss, rel=1e-5)
            assert one.train.loss == pytest.approx(other.train.loss, rel=1e-5)
            assert np.isfinite(other.curve.seconds).all()


@pytest.mark.slow
@pytest.mark.parametrize("axis", ["map", "vmap"])
def test_what_is_missing_and_what_diverges_changes_no_bit(engine, trial_of, axis):
    trials = trials_of(trial_of, normalization="batch")
    whole = trained(engine, trials, 2, Batching(axis, 3))
    (late,) = trained(engine, trials[5:], 2, Batching(axis, 3))
    wild = trial_of(replicate=1, learning_rate=1e30, epochs=2, normalization="batch")
    beside = trained(engine, [*trials[:2], wild, *trials[4:]], 2, Batching(axis, 3))
    assert beside[2].diverged == 1
    assert bits(late) != bits(whole[0])
    for one, other in [(late, whole[5]), *zip(beside[:2], whole[:2], strict=True)]:
        assert bits(one) == bits(other)
