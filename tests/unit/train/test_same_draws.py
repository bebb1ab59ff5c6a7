"""Whatever is random is the same bit for bit: alone, in any population, in either engine."""

import keras
import numpy as np
import pytest

from stepladder.training.groups import Batching, Group
from stepladder.training.keras_fit import FitEngine, prepared
from stepladder.training.population.engine import PopulationEngine

FIELDS = {"dropout": 0.3, "normalization": "batch", "initializer": "he_normal"}


@pytest.fixture(scope="module")
def engine(dataset):
    return PopulationEngine(dataset)


def start_of(training, lane=0):
    weights = [np.asarray(leaf[lane]) for leaf in training.weights.trainable]
    return weights + [np.asarray(seed) for seed in training.weights.seeds]


@pytest.mark.parametrize("lanes", [2, 5])
def test_a_lane_starts_as_the_trial_alone_and_as_in_keras(engine, dataset, trial_of, lanes):
    rates = np.linspace(0.01, 0.1, lanes)
    trials = tuple(trial_of(learning_rate=float(rate), replicate=2, **FIELDS) for rate in rates)
    together = engine._at_start(Group(trials, lanes))
    for lane, trial in enumerate(trials):
        alone = engine._at_start(Group((trial,), 1))
        model = prepared(trial, dataset.input_shape, dataset.classes, 310)
        variables = [*model.trainable_variables]
        seeds = [v for v in model.non_trainable_variables if "seed_generator" in v.path]
        theirs = [keras.ops.convert_to_numpy(v.value) for v in [*variables, *seeds]]
        for one, other, fit in zip(start_of(alone), start_of(together, lane), theirs, strict=True):
            assert np.array_equal(one, other)
            assert np.array_equal(one, fit)
        assert np.array_equal(alone.parts.train, together.parts.train)
        assert np.array_equal(alone.segment_given(0, 0)[0], together.segment_given(0, 0)[0])


def bits(result):
    return result.curve.val_loss.tobytes() + np.float64(result.train.loss).tobytes()


@pytest.mark.slow
def test_a_population_split_in_two_keeps_every_bit(engine, trial_of):
    trials = [trial_of(learning_rate=rate / 100, epochs=2, **FIELDS) for rate in range(1, 7)]
    whole = engine.train(Group(tuple(trials), 6), lambda epoch: None)
    halves = [
        result
        for part in (trials[:2], trials[2:])
        for result in engine.train(Group(tuple(part), 6), lambda epoch: None)
    ]
    assert [bits(each) for each in whole] == [bits(each) for each in halves]


def test_one_wild_trial_among_sixteen_changes_no_bit_of_the_others(engine, trial_of):
    sound = [trial_of(learning_rate=rate / 200, epochs=2) for rate in range(1, 17)]
    wild = trial_of(learning_rate=1e30, epochs=2)
    without = engine.train(Group(tuple(sound), 16), lambda epoch: None)
    beside = engine.train(Group((*sound[:7], wild, *sound[8:]), 16), lambda epoch: None)
    assert beside[7].diverged == 1
    for place in [*range(7), *range(8, 16)]:
        assert bits(beside[place]) == bits(without[place])


@pytest.mark.slow
@pytest.mark.parametrize("stacking", [Batching("one", 1), Batching("vmap", 30)])
def test_accuracies_over_thirty_replicates_are_those_of_keras_fit(stacking, dataset, trial_of):
    fields = {"epochs": 3, "dropout": 0.2, "learning_rate": 0.1}
    trials = [trial_of(replicate=replicate, **fields) for replicate in range(30)]
    ours, theirs = [], []
    population, fit = PopulationEngine(dataset), FitEngine(dataset)
    step = stacking.chunk
    for start in range(0, 30, step):
        group = Group(tuple(trials[start : start + step]), 1, stacking)
        ours += [each.test.loss for each in population.train(group, lambda epoch: None)]
    for trial in trials:
        theirs += [each.test.loss for each in fit.train(Group((trial,), 1), lambda epoch: None)]
    difference = np.subtract(ours, theirs)
    assert np.std(theirs) > 0.01
    assert abs(difference.mean()) <= 0.01 * np.std(theirs)
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.01)
