"""Networks of Keras' own layers, written here and trained by `keras.Model.fit`, as populations.

All that Keras lists is in one table: a name that a newer Keras brings fails here until it is
decided on.
"""

import keras
import numpy as np
import pytest
from keras import layers

from stepladder.data import affine, split
from stepladder.study.keras_names import keras_names, name_of, names_of
from stepladder.study.recipe import Recipe
from stepladder.training.custom_model import STANDARD, build_seeded
from stepladder.training.groups import Group, groups, program_key
from stepladder.training.initializers import initial_weights
from stepladder.training.keras_classes import named
from stepladder.training.keras_models import build
from stepladder.training.layer_state import seed_states, start_seeds
from stepladder.training.population.engine import PopulationEngine
from stepladder.training.schedules import data_order

WITHIN = 1e-5
"""Of each tensor's norm, after 20 steps."""

RATE = 0.02

ARGUMENTS = {
    "activations": {
        "celu": {"alpha": 0.5},
        "elu": {"alpha": 0.5},
        "gelu": {"approximate": True},
        "hard_shrink": {"threshold": 0.1},
        "leaky_relu": {"negative_slope": 0.1},
        "prelu": {"alpha_initializer": "he_normal", "alpha_regularizer": "l2",
                  "alpha_constraint": "non_neg"},
        "relu": {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.05},
        "soft_shrink": {"threshold": 0.1},
        "squareplus": {"b": 2},
        "threshold": {"threshold": 0.1, "default_value": -0.1},
    },
    "initializers": {
        "constant": {"value": 0.3},
        "identity": {"gain": 0.5},
        "orthogonal": {"gain": 0.5},
        "random_normal": {"mean": 0.1, "stddev": 0.2},
        "random_uniform": {"minval": -0.1, "maxval": 0.3},
        "truncated_normal": {"mean": 0.1, "stddev": 0.2},
        "variance_scaling": {"scale": 2.0, "mode": "fan_out", "distribution": "uniform"},
    },
    "regularizers": {
        "l1": {"l1": 0.02},
        "l2": {"l2": 0.02},
        "l1_l2": {"l1": 0.02, "l2": 0.03},
        "orthogonal_regularizer": {"factor": 0.02, "mode": "columns"},
    },
    "constraints": {
        "max_norm": {"max_value": 0.5},
        "min_max_norm": {"min_value": 0.4, "max_value": 0.6, "rate": 0.5},
    },
    "normalizations": {
        "batch": {"momentum": 0.9, "epsilon": 1e-5},
        "group": {"groups": 2, "epsilon": 1e-5, "scale": False},
        "layer": {"epsilon": 1e-5},
        "rms": {"epsilon": 1e-3},
    },
    "noises": {
        "alpha_dropout": {"rate": 0.2},
        "gaussian_dropout": {"rate": 0.2},
        "gaussian_noise": {"stddev": 0.3},
    },
}  # fmt: skip
"""Arguments other than Keras' defaults, by kind and name."""

NORMALIZATIONS = {
    "batch": {"center": False, "scale": False, "momentum": 0.9},
    "layer": {"beta_initializer": "ones", "gamma_regularizer": "l2", "gamma_constraint": "non_neg"},
    "group": {"groups": 2, "center": False},
}
"""Further ones."""


def test_arguments_are_those_of_names_that_keras_has():
    for kind, by_name in ARGUMENTS.items():
        required = {name for name in names_of(kind) if keras_names()[kind][name].get("required")}
        assert set(by_name) <= set(names_of(kind))
        assert required <= set(by_name)
        if kind in ("activations", "initializers", "regularizers", "constraints"):
            for name in names_of(kind):
                assert set(by_name.get(name, ())) == set(keras_names()[kind][name]["arguments"])


class Function(layers.Layer):
    """An activation of Keras, called with its arguments."""

    def __init__(self, name, **arguments):
        super().__init__()
        self.function, self.arguments = getattr(keras.activations, name), arguments

    def call(self, x):
        return self.function(x, **self.arguments)


def relu():
    return layers.Activation("relu")


def network(middle=lambda: [relu()], first=(), hidden=None, **dense):
    """Two hidden layers of 8 units; `middle` gives what follows each of them."""
    of_hidden = {**dense, **(hidden or {})}
    return keras.Sequential([
        keras.Input((4, 4)), layers.Flatten(), *first,
        layers.Dense(8, **of_hidden), *middle(),
        layers.Dense(8, **of_hidden), *middle(),
        layers.Dense(5, **dense),
    ])  # fmt: skip


def residual(rate=0.0):
    """Three hidden layers of 8 units, the second and the third with a shortcut."""
    inputs = keras.Input((4, 4))
    x = layers.Activation("relu")(layers.Dense(8)(layers.Flatten()(inputs)))
    for chance in (rate / 2, rate):
        y = layers.Activation("relu")(layers.Dense(8)(x))
        if rate:
            y = layers.Dropout(chance, noise_shape=(1, 1))(y)
        x = layers.Add()([x, y])
    return keras.Model(inputs, layers.Dense(5)(x))


def text(name, arguments):
    return {"name": name, **arguments}


def of_kind(kind):
    """Each name with Keras' defaults, where it needs no argument, and with others."""
    for name in names_of(kind):
        needs = keras_names()[kind][name].get("required")
        if not needs and name != "group":  # 32 groups by default
            yield name, {}
        if name in ARGUMENTS[kind]:
            yield name, ARGUMENTS[kind][name]


def of_activations():
    for name, arguments in of_kind("activations"):
        kind = layers.PReLU if name == "prelu" else None
        yield (
            f"activation {name} {arguments}", {"activation": text(name, arguments)},
            lambda k=kind, n=name, a=arguments: network(
                lambda: [k(**a) if k else Function(n, **a)]
            ),
        )  # fmt: skip


def of_regularizers():
    for name, arguments in of_kind("regularizers"):

        def penalty(n=name, a=arguments):
            return getattr(keras.regularizers, keras_names()["regularizers"][n]["class"])(**a)

        value = text(name, arguments)
        yield (f"kernel {name} {arguments}", {"kernel_regularizer": value},
               lambda p=penalty: network(kernel_regularizer=p()))  # fmt: skip
        if arguments and name != "orthogonal_regularizer":  # of matrices alone
            yield (f"bias {name}", {"bias_regularizer": value},
                   lambda p=penalty: network(bias_regularizer=p()))  # fmt: skip
        if arguments:
            yield (
                f"activity {name}", {"activity_regularizer": value},
                lambda p=penalty: network(
                    lambda: [], hidden={"activation": "relu", "activity_regularizer": p()}
                ),
            )  # fmt: skip


def of_constraints():
    for name, arguments in of_kind("constraints"):

        def limit(n=name, a=arguments):
            return getattr(keras.constraints, keras_names()["constraints"][n]["class"])(**a)

        value = text(name, arguments)
        yield (f"kernel {name} {arguments}", {"kernel_constraint": value},
               lambda c=limit: network(kernel_constraint=c()))  # fmt: skip
        yield (f"bias {name} {arguments}", {"bias_constraint": value},
               lambda c=limit: network(bias_constraint=c()))  # fmt: skip


def of_normalizations():
    more = [(name, arguments) for name, arguments in NORMALIZATIONS.items()]
    for name, arguments in [*of_kind("normalizations"), *more]:
        kind = getattr(layers, keras_names()["normalizations"][name]["class"])
        for position in ("before", "after"):

            def middle(k=kind, a=arguments, p=position):
                return [k(**a), relu()] if p == "before" else [relu(), k(**a)]

            has_bias = not (name == "batch" and position == "before")
            yield (
                f"{name} {arguments} {position}",
                {"normalization": text(name, arguments), "normalization_position": position},
                lambda m=middle, b=has_bias: network(m, hidden={"use_bias": b}),
            )  # fmt: skip


def of_noises():
    for name, arguments in of_kind("noises"):
        kind, value = getattr(layers, keras_names()["noises"][name]["class"]), text(name, arguments)
        yield (f"{name} after", {"noise": value},
               lambda k=kind, a=arguments: network(lambda: [relu(), k(**a)]))  # fmt: skip
        yield (f"{name} before", {"noise": value, "dropout_position": "before"},
               lambda k=kind, a=arguments: network(lambda: [k(**a), relu()]))  # fmt: skip
        yield (f"{name} of inputs", {"input_noise": value},
               lambda k=kind, a=arguments: network(first=[k(**a)]))  # fmt: skip


def of_connections():
    yield "residual", {"hidden": [8, 8, 8], "residual": True}, residual
    yield ("stochastic depth",
           {"hidden": [8, 8, 8], "residual": True, "stochastic_depth": 0.5},
           lambda: residual(0.5))  # fmt: skip


PARTS = (of_activations, of_regularizers, of_constraints, of_normalizations, of_noises,
         of_connections)  # fmt: skip
CASES = {name: (fields, hand) for part in PARTS for name, fields, hand in part()}

QUICK = {"activation prelu {}", "group {'groups': 2, 'center': False} before", "stochastic depth"}
"""Each case compiles two programs; the others are in CI."""


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def test_weights_after_twenty_steps_are_those_of_keras_layers(name, dataset, trial_of):
    fields, hand = CASES[name]
    fields = {"hidden": [8, 8], **fields}
    trials = [trial_of(learning_rate=rate, **fields) for rate in (0.05, RATE)]
    training = PopulationEngine(dataset).begin(Group(tuple(trials), 2))
    start = [np.array(leaf[1]) for leaf in training.weights.trainable]
    training.epoch(0)
    model = fitted(hand(), start, dataset, trials[1])
    seeds = {id(state) for state in seed_states(model)}
    fixed = [variable for variable in model.non_trainable_variables if id(variable) not in seeds]
    for ours, theirs in (
        (training.weights.trainable, model.trainable_variables),
        (training.weights.statistics, fixed),
    ):
        for mine, variable in zip(ours, theirs, strict=True):
            their = np.asarray(variable, np.float64)
            distance = np.linalg.norm(np.asarray(mine[1], np.float64) - their)
            assert distance <= WITHIN * max(1e-3, np.linalg.norm(their)), variable.path
    for mine, state in zip(training.weights.seeds, seed_states(model), strict=True):
        assert np.array_equal(mine, state)


def fitted(model, start, dataset, trial):
    """A model after one epoch of `keras.Model.fit` from some weights, on the engine's batches."""
    for variable, value in zip(model.trainable_variables, start, strict=True):
        variable.assign(value)
    states = seed_states(model)
    for state, value in zip(states, start_seeds(0, 0, len(states)), strict=True):
        state.assign(value)
    recipe = trial.recipe
    rows = split(dataset, trial.validation, recipe.train_examples, 0, 0)
    scale, shift = affine(dataset.x_train, rows.train, "unit")
    rows = rows.train[data_order(len(rows.train), 0, 0, 0)]
    x = dataset.x_train[rows].astype(np.float32) * scale + shift
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss)
    model.fit(x, dataset.y_train[rows], batch_size=16, shuffle=False, verbose=0)
    return model


# Initial weights: Keras' distributions with their arguments, drawn by NumPy.


@pytest.mark.parametrize(("name", "arguments"), list(of_kind("initializers")))
def test_kernels_and_biases_are_those_of_their_initialisers(name, arguments):
    recipe = Recipe(hidden=[200], initializer=text(name, arguments))
    kernel, bias, _, _ = of_recipe(recipe)
    kind = getattr(keras.initializers, keras_names()["initializers"][name]["class"])
    theirs = np.asarray(kind(**arguments)((300, 200)))
    assert not bias.any()
    if np.array_equal(theirs, kind(**arguments)((300, 200))):  # nothing is drawn
        assert np.array_equal(kernel, theirs)
        return
    assert kernel.mean() == pytest.approx(theirs.mean(), abs=2e-3)
    assert kernel.std() == pytest.approx(theirs.std(), rel=0.02)
    assert np.abs(kernel).max() == pytest.approx(np.abs(theirs).max(), rel=0.2)


def of_recipe(recipe, replicate=0):
    model = build_seeded(STANDARD, recipe, (300,), 10, 0, 0)
    return initial_weights(model, 0, replicate, recipe)


def test_what_is_drawn_beside_kernels_is_the_replicate_s_too_and_changes_no_kernel():
    plain = Recipe(hidden=[8, 8], initializer="he_normal")
    drawn = plain.changed({
        "bias_initializer": "random_normal",
        "activation": "prelu(alpha_initializer='random_uniform')",
        "normalization": "layer(gamma_initializer='random_normal')",
    })  # fmt: skip
    first, other = (of_recipe(drawn, replicate) for replicate in (0, 1))
    assert len({value.tobytes() for value in first}) == len(first) - 1  # both of beta are zero
    changed = [not np.array_equal(*pair) for pair in zip(first, other, strict=True)]
    assert sum(changed) == len(first) - 2
    kernels = [[value for value in values if value.ndim == 2]
               for values in (first, of_recipe(plain))]  # fmt: skip
    for mine, theirs in zip(*kernels, strict=True):
        assert np.array_equal(mine, theirs)


def test_lanes_of_one_program_differ_in_their_initialisers(dataset, trial_of):
    names = ["he_normal", "constant(value=0.1)", "identity", "variance_scaling(scale=2.0)"]
    trials = [trial_of(initializer=name) for name in names]
    trials.append(trial_of(bias_initializer="constant(value=0.1)"))
    (group,) = groups(trials, trials)
    assert group.lanes == 5
    weights = PopulationEngine(dataset).begin(group).weights.trainable
    assert np.array_equal(np.asarray(weights[0][1]), np.full((16, 8), np.float32(0.1)))
    assert np.array_equal(np.asarray(weights[0][2]), np.eye(16, 8))
    assert np.array_equal(np.asarray(weights[1][4]), np.full(8, np.float32(0.1)))
    assert not np.asarray(weights[1][0]).any()


@pytest.mark.parametrize("field", ["activation", "normalization", "kernel_regularizer"])
def test_arguments_of_layers_select_a_program(field):
    first, other = {
        "activation": ("elu", "elu(alpha=0.5)"),
        "normalization": ("batch", "batch(momentum=0.9)"),
        "kernel_regularizer": ("l1", "l1(l1=0.1)"),
    }[field]
    keys = [program_key(Recipe(hidden=[8], **{field: value})) for value in (first, other)]
    assert keys[0] != keys[1]


def test_dropout_s_position_selects_a_program_only_where_something_has_it():
    plain = Recipe(hidden=[8])
    early = plain.changed({"dropout_position": "before"})
    assert program_key(plain) == program_key(early)
    dropped = [recipe.changed({"dropout": 0.2}) for recipe in (plain, early)]
    assert program_key(dropped[0]) != program_key(dropped[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of h5py's arrays, in Keras
@pytest.mark.parametrize(
    "fields",
    [{"activation": text(*each)} for each in of_kind("activations")]
    + [{"normalization": "batch(momentum=0.9)", "noise": "gaussian_noise(stddev=0.1)"},
       {"residual": True, "stochastic_depth": 0.2}],
    ids=lambda fields: str(next(iter(fields.values()))),
)  # fmt: skip
def test_a_network_is_saved_so_that_keras_alone_can_load_it(fields, tmp_path):
    model = build(Recipe(hidden=[8, 8], **fields), (4, 4), 5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    assert np.allclose(model(x), loaded(x), atol=1e-6)


def test_a_name_is_made_anew_each_time():
    one, other = (named("initializers", "he_normal") for _ in range(2))
    assert one is not other
    assert named("regularizers", "none") is None
    assert name_of("l1(l1=0.1)") == "l1"
