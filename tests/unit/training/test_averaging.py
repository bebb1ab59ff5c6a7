"""Averages of weights beside a computation by hand, and statistics that belong to them."""

import keras
import numpy as np
import pytest

from stepladder.study.recipe import Recipe
from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Group
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import averaging_weights, data_order

NETWORK = {"normalization": "batch", "dropout": 0.3, "epochs": 4}
KINDS = {"ema": {"ema": 0.9}, "swa": {"swa": 0.5}}
DISTORTED = {"ema": 0.9, "augment_shift": 1.0, "augment_rotation": 20.0, "mixup": 0.5}


@pytest.fixture(scope="module")
def engine(dataset):
    return PopulationEngine(dataset, keeps_final=True)


def trained(engine, trials, lanes=1, replicates=1):
    return list(engine.train(Group(tuple(trials), lanes, replicates), lambda epoch: None))


def averaged(weights, shares):
    average = np.zeros_like(weights[0])
    for weight, share in zip(weights, shares, strict=True):
        average = average + share * (weight - average)
    return average


def test_the_exponential_average_is_the_weighted_mean_of_all_steps():
    decay, steps = 0.9, 7
    shares = averaging_weights(Recipe(hidden=[1], ema=decay, epochs=1), steps)[0]
    weights = np.random.default_rng(0).normal(size=(steps, 3))
    by_hand = decay ** np.arange(steps - 1, -1, -1)
    expected = (by_hand[:, None] * weights).sum(axis=0) / by_hand.sum()
    assert averaged(weights, shares) == pytest.approx(expected, rel=1e-5)
    assert shares[0] == 1


@pytest.mark.parametrize(("share", "epochs", "count"), [(0.5, 4, 2), (0.25, 3, 1), (0.99, 4, 4)])
def test_stochastic_averaging_is_the_plain_mean_of_the_last_epochs_ends(share, epochs, count):
    shares = averaging_weights(Recipe(hidden=[1], swa=share, epochs=epochs), 3)
    weights = np.random.default_rng(0).normal(size=(epochs * 3, 2))
    expected = weights[2::3][-count:].mean(axis=0)
    assert averaged(weights, shares.ravel()) == pytest.approx(expected, rel=1e-5)


def test_nothing_is_averaged_unless_it_is_asked_for(engine, trial_of):
    assert averaging_weights(Recipe(hidden=[1]), 3) is None
    training = engine.begin(Group((trial_of(),), 1))
    assert training.weights.average == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_final_weights_are_the_average_of_those_after_each_step(kind, engine, trial_of):
    trial = trial_of(train_examples=19 * 16, **NETWORK, **KINDS[kind])
    training = PopulationEngine(engine._prepared(False), segment_flop=1).begin(Group((trial,), 1))
    assert training.segments == training.steps == 19  # a segment is a step
    seen = []
    for epoch in range(4):
        sums = None
        for step in range(19):
            sums = training.train_segment(epoch, step, sums)
            seen.append([np.array(leaf[0], np.float64) for leaf in training.weights.trainable])
    shares = averaging_weights(trial.recipe, 19).ravel()
    (result,) = trained(engine, [trial])
    for mine, *steps in zip(result.final.trainable, *seen, strict=True):
        expected = averaged(steps, shares)
        assert np.linalg.norm(mine - expected) <= 1e-5 * max(1e-3, np.linalg.norm(expected))
        assert np.linalg.norm(mine - steps[-1]) > 1e-4 * np.linalg.norm(steps[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_the_training_images_under_the_averaged_weights(
    kind, engine, dataset, trial_of
):
    trial = trial_of(**NETWORK, **KINDS[kind])
    (result,) = trained(engine, [trial])
    train = engine.begin(Group((trial,), 1)).replicates[0].rows["train"]
    order = train[data_order(len(train), 0, 0, 0)][: 310 // 16 * 16]
    final = result.final
    x = dataset.x_train.reshape(len(dataset.x_train), -1) * final.scale + final.shift
    values = x[order].reshape(-1, 16, 16) @ final.trainable[0].astype(np.float64)
    assert final.statistics[0] == pytest.approx(values.mean(axis=1).mean(axis=0), abs=1e-5)
    assert final.statistics[1] == pytest.approx(values.var(axis=1).mean(axis=0), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, pytest.param("distorted", marks=pytest.mark.slow)])
def test_both_engines_end_with_the_same_average(kind, engine, dataset, trial_of):
    trial = trial_of(**NETWORK, **KINDS.get(kind, DISTORTED))
    (ours,), (theirs,) = (
        trained(engine, [trial]),
        trained(FitEngine(dataset, keeps_final=True), [trial]),
    )
    for part in ("trainable", "statistics"):
        pairs = zip(getattr(ours.final, part), getattr(theirs.final, part), strict=True)
        for mine, their in pairs:
            assert np.linalg.norm(mine - their) <= 1e-4 * max(1e-3, np.linalg.norm(their))
    assert ours.validation.loss == pytest.approx(theirs.validation.loss, rel=1e-4)


@pytest.mark.slow
def test_the_curve_is_of_the_weights_and_the_scores_are_of_the_average(engine, trial_of):
    plain = trained(engine, [trial_of(**NETWORK)])[0]
    average = trained(engine, [trial_of(**NETWORK, ema=0.9)])[0]
    assert np.array_equal(plain.curve.val_loss, average.curve.val_loss)
    assert plain.validation.loss != average.validation.loss


def bits(result):
    return b"".join(each.tobytes() for each in (*result.final.trainable, *result.final.statistics))


@pytest.mark.slow
def test_company_and_place_change_no_bit_of_an_average(engine, trial_of):
    trials = [trial_of(**NETWORK, ema=decay) for decay in (0.5, 0.9, 0.99)]
    together = trained(engine, trials, 3)
    alone = [trained(engine, [each], 3)[0] for each in trials]
    assert [bits(each) for each in together] == [bits(each) for each in alone]
    assert len({bits(each) for each in together}) == 3


@pytest.mark.slow
def test_stacked_replicates_have_averages_of_their_own(engine, trial_of):
    trials = [trial_of(replicate=replicate, **NETWORK, ema=0.9) for replicate in range(2)]
    for alone, stacked in zip(
        [trained(engine, [each])[0] for each in trials], trained(engine, trials, 1, 2), strict=True
    ):
        for mine, their in zip(alone.final.trainable, stacked.final.trainable, strict=True):
            assert np.linalg.norm(mine - their) <= 1e-4 * max(1e-3, np.linalg.norm(their))
        assert alone.validation.loss == pytest.approx(stacked.validation.loss, rel=1e-3)


class Stopped(Exception):
    pass


@pytest.mark.parametrize(
    "kind", [PopulationEngine, pytest.param(FitEngine, marks=pytest.mark.slow)]
)
def test_a_training_that_was_stopped_goes_on_to_the_same_average(kind, dataset, trial_of, tmp_path):
    trial = trial_of(**NETWORK, ema=0.9)

    def keeping(group):
        return Checkpoints(tmp_path, group, 0.0, {}, lambda text: None)

    def stop(epoch):
        if epoch == 3:
            raise Stopped

    (whole,) = trained(kind(dataset, keeps_final=True), [trial])
    with pytest.raises(Stopped):
        list(kind(dataset, keeping).train(Group((trial,), 1), stop))
    assert list(tmp_path.iterdir())
    (gone_on,) = trained(kind(dataset, keeping, keeps_final=True), [trial])
    assert bits(gone_on) == bits(whole)


def test_no_column_of_a_kernel_is_longer_than_its_limit_after_any_step(dataset, trial_of):
    trial = trial_of(max_norm=0.5, learning_rate=0.5, optimizer="sgd")
    training = PopulationEngine(dataset, segment_flop=1).begin(Group((trial,), 1))
    lengths, sums = [], None
    for segment in range(training.segments):
        sums = training.train_segment(0, segment, sums)
        kernels = [leaf[0] for leaf in training.weights.trainable if leaf.ndim == 3]
        lengths.append(max(float(keras.ops.norm(each, axis=0).max()) for each in kernels))
    assert training.segments > 10
    assert max(lengths) <= 0.5 + 1e-5
    assert max(lengths) > 0.49  # where the limit is felt
