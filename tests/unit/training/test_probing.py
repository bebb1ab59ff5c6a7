"""Looks into networks: against arithmetic by hand, the same for every engine, and harmless."""

import keras
import numpy as np
import pytest
from test_gradients import gradients

from stepladder.data import affine, split
from stepladder.training.custom_model import builder
from stepladder.training.groups import Group
from stepladder.training.heads import Head
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.probes import PROBED, Probe, probed_rows

CLASSES = 5


def trained(engine, trials, lanes=1, replicates=1):
    group = Group(tuple(trials), lanes, replicates)
    return list(engine.train(group, lambda epoch: None))


def looked(model, x, y=None):
    """A look into a model as it stands: its probe and the reading."""
    probe = Probe(model, Head("classification", 3))
    y = np.zeros(len(x), np.int32) if y is None else y
    values = [[each.value for each in held]
              for held in (model.trainable_variables, model.non_trainable_variables)]  # fmt: skip
    return probe, probe.read(*values, x, y)


def inputs(images=7, values=4):
    return np.random.default_rng(0).normal(size=(images, values)).astype(np.float32)


def layer(activation, bias=0.0, units=4, scale=1.0):
    """One hidden layer that passes on its inputs, shifted and scaled, and a last one."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation=activation, name="hidden"),
            keras.layers.Dense(3, name="logits"),
        ]
    )
    model.layers[0].set_weights([scale * np.eye(4, units), np.broadcast_to(bias, units)])
    return model


@pytest.mark.parametrize("activation", [pytest.param("sigmoid", marks=pytest.mark.slow), "relu"])
def test_gradient_norms_are_those_worked_out_by_hand(activation, dataset, trial_of):
    trial = trial_of(activation=activation)
    training = PopulationEngine(dataset).begin(Group((trial, trial), 2))
    training.epoch(0)
    rows = np.asarray(training.probed)
    parts = split(dataset, 40, 310, 0, 0)
    scale, shift = affine(dataset.x_train, parts.train, "unit")
    x = (dataset.x_train[rows] * np.float64(scale) + shift).reshape(len(rows), -1)
    weights = [np.asarray(leaf[1], np.float64) for leaf in training.weights.trainable]
    kernels = gradients(weights, x, dataset.y_train[rows], activation)[::2]
    reading = training.probe()
    expected = [np.linalg.norm(kernel) for kernel in kernels]
    assert np.asarray(reading.gradient_norm[1]) == pytest.approx(expected, rel=1e-4)
    assert np.asarray(reading.inputs[0]) == pytest.approx([x.mean(), x.std()], rel=1e-5)


@pytest.mark.parametrize(
    ("activation", "bias", "expected"),
    [
        ("relu", [-1e3, 0, -1e3, 0], 0.5),
        ("relu", -1e3, 1.0),
        ("relu", 0.0, 0.0),
        ("elu", [-1e3, 0, 0, 0], 0.25),
        pytest.param(*("selu", [-1e3, -1e3, -1e3, 0], 0.75), marks=pytest.mark.slow),
        pytest.param(*("gelu", [-1e3, 0, 0, 0], 0.25), marks=pytest.mark.slow),
        pytest.param(*("silu", [0, 0, 0, -1e3], 0.25), marks=pytest.mark.slow),
        ("sigmoid", -1e3, np.nan),
    ],
)
def test_a_dead_unit_answers_no_image(activation, bias, expected):
    _, reading = looked(layer(activation, bias), inputs())
    assert np.asarray(reading.dead) == pytest.approx([expected], nan_ok=True)


def test_a_unit_that_answers_one_image_is_alive():
    x = inputs()
    x[3, 2] = 1e3 + 1
    _, reading = looked(layer("relu", -1e3), x)
    assert float(reading.dead[0]) == 0.75


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_saturated_unit_lies_in_a_flat_part_on_either_side(activation):
    for bias, expected in [(0, 0), (20, 1), (-20, 1), ([20, 0, -20, 0], 0.5)]:
        _, reading = looked(layer(activation, bias), inputs())
        assert float(reading.saturated[0]) == expected
    _, reading = looked(layer(activation, 0, scale=1e4), inputs())  # now one side, now the other
    assert float(reading.saturated[0]) == 1
    _, reading = looked(layer("relu", 20), inputs())
    assert np.isnan(reading.saturated[0])


FIELDS = {
    "plain": {"activation": "relu"},
    "all that is random": {"activation": "tanh", "normalization": "batch", "dropout": 0.3},
}


@pytest.mark.slow
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_every_engine_and_every_company_see_the_same(fields, dataset, trial_of):
    trials = [trial_of(replicate, epochs=2, **fields) for replicate in range(2)]
    other = trial_of(0, epochs=2, **{**fields, "learning_rate": 0.2})
    engine = PopulationEngine(dataset)
    expected = trained(engine, trials[:1])[0].probes
    assert expected.kernels == ("dense_1", "dense_2", "logits")
    assert expected.layers == ("dense_1", "dense_2")
    found = [
        trained(engine, [other, trials[0]], lanes=2)[1],
        trained(FitEngine(dataset), trials[:1])[0],
        trained(engine, trials, replicates=2)[0],
    ]
    for each in (result.probes for result in found):
        assert each.kernels == expected.kernels
        np.testing.assert_allclose(each.gradient_norm, expected.gradient_norm, rtol=1e-4)
        np.testing.assert_array_equal(each.dead, expected.dead)
        np.testing.assert_array_equal(each.saturated, expected.saturated)
        assert each.input_mean == pytest.approx(expected.input_mean)
        assert each.input_deviation == pytest.approx(expected.input_deviation)


@pytest.mark.slow
def test_a_look_leaves_everything_as_it_was(dataset, trial_of):
    trial = trial_of(epochs=2, **FIELDS["all that is random"])
    training = PopulationEngine(dataset).begin(Group((trial,), 1))
    training.epoch(0)
    before = [[np.array(leaf) for leaf in part] for part in training.weights]
    first, second = training.probe(), training.probe()
    for one, other in zip(before, training.weights, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert np.array_equal(first.gradient_norm, second.gradient_norm)
    training.epoch(1)
    undisturbed = PopulationEngine(dataset).begin(Group((trial,), 1))
    undisturbed.epoch(0)
    undisturbed.epoch(1)
    for one, other in zip(training.weights, undisturbed.weights, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_nothing_is_seen_from_the_epoch_on_in_which_a_trial_diverged(dataset, trial_of):
    (result,) = trained(PopulationEngine(dataset), [trial_of(epochs=3, learning_rate=1e30)])
    assert result.diverged == 1
    assert np.isnan(result.probes.gradient_norm).all()
    assert np.isnan(result.probes.dead).all()
    assert np.isfinite([result.probes.input_mean, result.probes.input_deviation]).all()


def test_a_network_of_the_user_s_own_shows_kernels_and_units_where_they_are_known(
    dataset, trial_of, own_code
):
    code = own_code("conv.py")
    trial = trial_of(model=f"{code.sha256}:build", hidden=[3], dropout=0.2)
    (result,) = trained(PopulationEngine(dataset, build=builder([code])), [trial])
    assert result.probes.kernels == ("conv", "depthwise", "logits")
    assert result.probes.layers == ("conv",)
    assert (result.probes.gradient_norm > 0).all()


def test_a_model_without_a_graph_shows_gradients_alone():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.last = (keras.layers.Dense(4, "relu"), keras.layers.Dense(3))

        def call(self, x, training=False):
            return self.last(self.hidden(x))

    model = Own()
    model(inputs())
    probe, reading = looked(model, inputs())
    assert (len(probe.kernels), probe.layers) == (2, ())
    assert np.asarray(reading.gradient_norm).shape == (2,)
    assert np.asarray(reading.dead).shape == (0,)


def test_an_activation_of_the_user_s_own_is_not_taken_for_keras_s():
    def relu(x):
        return keras.ops.relu(x) - 1

    assert Probe(layer(relu), Head("classification", 3)).layers == ()
    assert Probe(layer("relu"), Head("classification", 3)).layers == ("hidden",)
    assert Probe(layer("leaky_relu"), Head("classification", 3)).layers == ()


def test_layers_that_are_used_twice_are_looked_at_once():
    given = keras.Input((4,))
    shared = keras.layers.Dense(4, "relu", name="shared")
    model = keras.Model(given, keras.layers.Dense(3)(shared(shared(given))))
    probe, reading = looked(model, inputs())
    assert probe.layers == ("shared",)
    assert np.isfinite(reading.dead).all()


def test_the_images_are_some_of_the_training_part_and_always_the_same():
    train = np.arange(1000, 2000, dtype=np.int32)
    rows = probed_rows(train, 3, 1)
    assert len(set(rows.tolist())) == PROBED
    assert set(rows.tolist()) <= set(train.tolist())
    assert np.array_equal(rows, probed_rows(train, 3, 1))
    assert not np.array_equal(rows, probed_rows(train, 3, 2))
    assert len(probed_rows(train[:10], 3, 1)) == 10
