"""A trial's result depends neither on its company nor on how replicates are stacked."""

import keras
import numpy as np
import pytest

from stepladder.training.custom_model import builder
from stepladder.training.groups import Group
from stepladder.training.heads import Head
from stepladder.training.keras_fit import FitEngine, make_model
from stepladder.training.population.engine import PopulationEngine

# A trial's result does not depend on its company: lanes, neighbours and disasters beside it.


@pytest.fixture(scope="module")
def engine(dataset):
    return PopulationEngine(dataset)


def trained(engine, trials, lanes):
    return engine.train(Group(tuple(trials), lanes), lambda epoch: None)


def bits(result):
    curve = np.stack([result.curve.train_loss, result.curve.val_loss, result.curve.val_accuracy])
    scores = [result.train.loss, result.validation.loss, result.test.loss, result.test.accuracy]
    return curve.tobytes() + np.array(scores).tobytes() + result.test_predictions.tobytes()


RATES = (0.01, 0.02, 0.05, 0.1)


def test_neighbours_and_places_change_no_bit(engine, trial_of):
    trials = [trial_of(learning_rate=rate, epochs=2, dropout=0.2) for rate in RATES]
    together = trained(engine, trials, 4)
    backwards = trained(engine, trials[::-1], 4)[::-1]
    fewer = [trained(engine, [trial], 4)[0] for trial in trials]
    for first, second, third in zip(together, backwards, fewer, strict=True):
        assert bits(first) == bits(second) == bits(third)


def test_a_neighbour_that_diverges_changes_no_bit_and_says_when(engine, trial_of):
    sound = [trial_of(learning_rate=rate, epochs=3) for rate in RATES[:3]]
    wild = trial_of(learning_rate=1e30, epochs=3)
    beside = trained(engine, [sound[0], wild, *sound[1:]], 4)
    without = trained(engine, [sound[0], sound[0], *sound[1:]], 4)
    for place in (0, 2, 3):
        assert bits(beside[place]) == bits(without[place])
    lost = beside[1]
    assert lost.diverged == 1
    assert np.isnan(lost.test.accuracy)
    assert np.isnan(lost.curve.val_loss).all()
    assert not lost.test_correct.any()
    assert all(result.diverged is None for result in without)


@pytest.mark.slow
def test_the_same_trial_twice_gives_the_same_bits(dataset, trial_of):
    first, second = (
        trained(PopulationEngine(dataset), [trial_of(normalization="batch")], 1)[0]
        for _ in range(2)
    )
    assert bits(first) == bits(second)


def test_replicates_differ_in_everything_random(engine, trial_of):
    first, second = (trained(engine, [trial_of(replicate=r)], 1)[0] for r in (0, 1))
    assert bits(first) != bits(second)


def test_initialisers_of_one_replicate_share_a_program(engine, trial_of):
    results = trained(
        engine, [trial_of(initializer="he_normal"), trial_of(initializer="random_normal")], 2
    )
    assert bits(results[0]) != bits(results[1])


def test_a_result_is_whole(engine, trial_of, dataset):
    seen = []
    trial = trial_of(epochs=3)
    (result,) = engine.train(Group((trial,), 1), seen.append)
    assert seen == [0, 1, 2, 3]
    assert result.trial == trial
    assert result.curve.epochs == 3
    assert np.isfinite(result.curve.seconds).all()
    assert result.test_correct.mean() == result.test.accuracy
    assert np.array_equal(result.test_predictions == dataset.y_test, result.test_correct)
    assert result.parameters == 16 * 8 + 8 + 8 * 6 + 6 + 6 * 5 + 5
    assert result.validation.accuracy == result.curve.val_accuracy[-1]
    assert result.curve.train_loss[-1] < result.curve.train_loss[0]


@pytest.mark.parametrize(
    "batch_size",
    [
        pytest.param(1, marks=pytest.mark.slow),
        pytest.param(310, marks=pytest.mark.slow),
        pytest.param(1000, marks=pytest.mark.slow),
        pytest.param(16, marks=pytest.mark.slow),
        31,
    ],
)
def test_every_batch_size_goes_through_every_example_once(engine, trial_of, batch_size):
    (result,) = trained(engine, [trial_of(batch_size=batch_size, learning_rate=1e-30)], 1)
    # with a learning rate of nothing the epoch's loss is that of the initial weights
    assert result.curve.train_loss[0] == pytest.approx(result.train.loss, rel=1e-5)
    assert result.curve.train_accuracy[0] == result.train.accuracy


@pytest.fixture(scope="module")
def convolutions(dataset, own_code):
    """An engine for a convolutional network of the user's own, and fields of its recipes."""
    code = own_code("conv.py")
    fields = {"model": f"{code.sha256}:build", "hidden": [3], "dropout": 0.2}
    return PopulationEngine(dataset, build=builder([code])), fields


@pytest.mark.slow
def test_neighbours_change_no_bit_of_a_network_of_one_s_own(convolutions, trial_of):
    engine, fields = convolutions
    trials = [trial_of(learning_rate=rate, **fields) for rate in (0.01, 0.05, 1e30)]
    together = trained(engine, trials, 3)
    fewer = [trained(engine, [trial], 3)[0] for trial in trials]
    for first, second in zip(together[:2], fewer[:2], strict=True):
        assert bits(first) == bits(second)
    assert together[2].diverged == fewer[2].diverged == 1
    assert bits(together[0]) != bits(together[1])


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, while it saves
def test_a_network_of_one_s_own_is_exported_as_plain_keras(convolutions, trial_of, tmp_path):
    engine, fields = convolutions
    training = engine.begin(Group((trial_of(**fields),), 1))
    training.epoch(0)
    model = training.program.model
    statistics, seeds = ([leaf[0] for leaf in training.weights.statistics], training.weights.seeds)
    parts = {"seeds": iter(seeds), "statistics": iter(statistics)}
    for variable, value in zip(model.trainable_variables, training.weights.trainable, strict=True):
        variable.assign(value[0])
    for variable in model.non_trainable_variables:
        is_seed = "seed_generator" in variable.path
        variable.assign(next(parts["seeds" if is_seed else "statistics"]))
    model.save(tmp_path / "conv.keras")
    loaded = keras.saving.load_model(tmp_path / "conv.keras")
    answers, _, _ = training.evaluate("validation")
    x, _ = training.data.batch(training.replicates[0].rows["validation"])
    x = x.reshape(len(x), *training.program.input_shape)
    assert np.array_equal(np.asarray(loaded(x)).argmax(axis=1), answers[0])


# Stacked replicates: the same trials as one by one, whatever stands beside them.


def trained_of_stack(engine, trials):
    return engine.train(Group(tuple(trials), 2, 3), lambda epoch: None)


def bits_of_stack(result):
    scores = [result.train.loss, result.validation.loss, result.test.loss]
    return np.array(scores).tobytes() + result.curve.val_loss.tobytes()


def trials_of(trial_of, **fields):
    return [
        trial_of(replicate=replicate, learning_rate=rate, epochs=2, **fields)
        for replicate in range(3)
        for rate in (0.02, 0.05)
    ]


@pytest.mark.slow
def test_stacked_replicates_are_those_trained_one_by_one(engine, trial_of):
    trials = trials_of(trial_of, dropout=0.2, scaling="standardised")
    stacked = trained_of_stack(engine, trials)
    for place in range(0, 6, 2):
        alone = engine.train(Group(tuple(trials[place : place + 2]), 2), lambda epoch: None)
        for one, other in zip(alone, stacked[place : place + 2], strict=True):
            assert one.trial == other.trial
            assert one.curve.val_loss == pytest.approx(other.curve.val_loss, rel=1e-5)
            assert one.train.loss == pytest.approx(other.train.loss, rel=1e-5)
            assert np.isfinite(other.curve.seconds).all()


@pytest.mark.slow
def test_what_is_missing_and_what_diverges_changes_no_bit(engine, trial_of):
    trials = trials_of(trial_of, normalization="batch")
    whole = trained_of_stack(engine, trials)
    (late,) = trained_of_stack(engine, trials[5:])
    wild = trial_of(replicate=1, learning_rate=1e30, epochs=2, normalization="batch")
    beside = trained_of_stack(engine, [*trials[:2], wild, *trials[4:]])
    assert beside[2].diverged == 1
    assert bits_of_stack(late) != bits_of_stack(whole[0])
    for one, other in [(late, whole[5]), *zip(beside[:2], whole[:2], strict=True)]:
        assert bits_of_stack(one) == bits_of_stack(other)


# Whatever is random is the same bit for bit: alone, in any population, in either engine.


FIELDS = {"dropout": 0.3, "normalization": "batch", "initializer": "he_normal"}


def start_of(training, lane=0):
    weights = [np.asarray(leaf[lane]) for leaf in training.weights.trainable]
    return weights + [np.asarray(seed) for seed in training.weights.seeds]


@pytest.mark.parametrize("lanes", [2, 5])
def test_a_lane_starts_as_the_trial_alone_and_as_in_keras(engine, dataset, trial_of, lanes):
    rates = np.linspace(0.01, 0.1, lanes)
    trials = tuple(trial_of(learning_rate=float(rate), replicate=2, **FIELDS) for rate in rates)
    together = engine.begin(Group(trials, lanes))
    for lane, trial in enumerate(trials):
        alone = engine.begin(Group((trial,), 1))
        model = make_model(trial, dataset.input_shape, Head("classification", dataset.classes), 310)
        variables = [*model.trainable_variables]
        seeds = [v for v in model.non_trainable_variables if "seed_generator" in v.path]
        theirs = [keras.ops.convert_to_numpy(v.value) for v in [*variables, *seeds]]
        for one, other, fit in zip(start_of(alone), start_of(together, lane), theirs, strict=True):
            assert np.array_equal(one, other)
            assert np.array_equal(one, fit)
        one, other = alone.replicates[0], together.replicates[0]
        assert np.array_equal(one.rows["train"], other.rows["train"])
        orders = (each.segment_inputs(0, 0, None)[0] for each in (one, other))
        assert np.array_equal(*orders)


def bits_drawn(result):
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
    assert [bits_drawn(each) for each in whole] == [bits_drawn(each) for each in halves]


@pytest.mark.slow
def test_one_wild_trial_among_sixteen_changes_no_bit_of_the_others(engine, trial_of):
    sound = [trial_of(learning_rate=rate / 200, epochs=2) for rate in range(1, 17)]
    wild = trial_of(learning_rate=1e30, epochs=2)
    without = engine.train(Group(tuple(sound), 16), lambda epoch: None)
    beside = engine.train(Group((*sound[:7], wild, *sound[8:]), 16), lambda epoch: None)
    assert beside[7].diverged == 1
    for place in [*range(7), *range(8, 16)]:
        assert bits_drawn(beside[place]) == bits_drawn(without[place])


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [1, 30])
def test_accuracies_over_thirty_replicates_are_those_of_keras_fit(replicates, dataset, trial_of):
    fields = {"epochs": 3, "dropout": 0.2, "learning_rate": 0.1}
    trials = [trial_of(replicate=replicate, **fields) for replicate in range(30)]
    ours, theirs = [], []
    population, fit = PopulationEngine(dataset), FitEngine(dataset)
    for start in range(0, 30, replicates):
        group = Group(tuple(trials[start : start + replicates]), 1, replicates)
        ours += [each.test.loss for each in population.train(group, lambda epoch: None)]
    for trial in trials:
        theirs += [each.test.loss for each in fit.train(Group((trial,), 1), lambda epoch: None)]
    difference = np.subtract(ours, theirs)
    assert np.std(theirs) > 0.01
    assert abs(difference.mean()) <= 0.01 * np.std(theirs)
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.01)
