"""The population engine and `keras.Model.fit` train the same weights, whatever the recipe."""

import re

import keras
import numpy as np
import pytest

from stepladder import CATALOGUE
from stepladder.data import affine, split
from stepladder.data.preprocessing import Prepared
from stepladder.training.custom_model import STANDARD, builder
from stepladder.training.groups import Group
from stepladder.training.heads import Head
from stepladder.training.keras_callbacks import Batches
from stepladder.training.keras_fit import make_model
from stepladder.training.population.engine import PopulationEngine

WITHIN = 1e-5
"""Of each tensor's norm, after 20 steps."""

BEYOND_THE_CATALOGUE = {
    "naive": {"activation": "sigmoid", "initializer": "random_normal"},
    "dropout beside batch normalisation": {"normalization": "batch", "dropout": 0.5},
    "momentum of RMSprop": {"optimizer": "rmsprop", "momentum": 0.9, "learning_rate": 0.001},
    "decay with Adam": {"optimizer": "adam", "weight_decay": 0.1, "learning_rate": 0.001},
    "warm-up": {"schedule": "cosine", "warmup": 0.2},
    "all distortions, mixed": {
        "augment_rotation": 15.0,
        "augment_scale": 0.15,
        "augment_shear": 0.2,
        "augment_shift": 1.0,
        "augment_elastic": 0.5,
        "augment_smoothness": 2.0,
        "augment_calm": 0.5,
        "mixup": 0.5,
        "label_smoothing": 0.1,
        "normalization": "batch",
        "deskew": True,
        "ema": 0.9,
    },
    "layers as Keras names them": {
        "hidden": [8, 8, 8],
        "activation": "elu(alpha=0.5)",
        "normalization": "group(groups=4)",
        "noise": "gaussian_noise(stddev=0.1)",
        "input_noise": "gaussian_dropout(rate=0.1)",
        "dropout": 0.2,
        "dropout_position": "before",
        "residual": True,
        "stochastic_depth": 0.2,
        "kernel_regularizer": "l1_l2(l1=0.001, l2=0.001)",
        "activity_regularizer": "l1(l1=0.001)",
        "kernel_constraint": "max_norm(max_value=1.0)",
        "bias_initializer": "constant(value=0.1)",
    },
    "everything at once": {
        "optimizer": "adam",
        "learning_rate": 0.001,
        "normalization": "batch",
        "normalization_position": "after",
        "dropout": 0.3,
        "l2": 0.01,
        "weight_decay": 0.01,
        "max_norm": 1.0,
        "label_smoothing": 0.1,
        "global_clipnorm": 0.5,
        "schedule": "one_cycle",
        "scaling": "standardised",
    },
}

SLOTS_APART = {"Adafactor"}
"""Whose slots are those of rows and columns, which are one another's in a transposed matrix."""

REFUSED = {"virtual adversarial training"}
"""What `keras.Model.fit` cannot train: see `tests/unit/runs/test_preflight.py`."""

RECIPES = {
    technique.name: {
        "learning_rate": 0.05 if technique.change.get("optimizer", "sgd") == "sgd" else 0.001,
        **({"hidden": [8, 8]} if technique.change.get("residual") else {}),
        **technique.change,
    }
    for technique in CATALOGUE
    if technique.name not in REFUSED
} | BEYOND_THE_CATALOGUE


def fitted(trial, dataset, build):
    """The model after one epoch of `keras.Model.fit`."""
    recipe = trial.recipe
    dataset = Prepared(dataset)(recipe.deskew)
    parts = split(dataset, trial.validation, recipe.train_examples, 0, trial.replicate)
    scale, shift = affine(dataset.x_train, parts.train, recipe.scaling)
    x = dataset.x_train[parts.train].astype(np.float32) * scale + shift
    head = Head.of(trial.recipe, dataset.task, dataset.outputs)
    model = make_model(trial, dataset.input_shape, head, len(parts.train), build)
    batches = Batches(x, dataset.y_train[parts.train], trial, head)
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[batches.follow])
    return model


def values(variables):
    return [np.asarray(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def assert_close(ours, theirs, name):
    for place, (mine, their) in enumerate(zip(ours, theirs, strict=True)):
        distance = np.linalg.norm(np.asarray(mine, np.float64) - their)
        assert distance <= WITHIN * max(1e-3, np.linalg.norm(their)), (name, place)


# Each compiles two programs. Three combinations go through all that is ours, the others in CI.
COMBINED = ("everything at once", "all distortions, mixed", "layers as Keras names them")
ONE_BY_ONE = [
    pytest.param(name, marks=pytest.mark.slow) for name in RECIPES if name not in COMBINED
]


@pytest.mark.parametrize("name", [*COMBINED, *ONE_BY_ONE])
def test_weights_after_twenty_steps_are_those_of_keras_fit(name, dataset, trial_of):
    assert_trained_alike(trial_of(**RECIPES[name]), dataset, STANDARD, name not in SLOTS_APART)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_so_are_those_of_a_convolutional_network_of_the_user_s_own(
    dropout, dataset, trial_of, own_code
):
    code = own_code("conv.py")
    fields = {"hidden": [3], "dropout": dropout, "optimizer": "adam", "learning_rate": 0.001}
    trial = trial_of(model=f"{code.sha256}:build", l2=0.1, **fields)
    training = assert_trained_alike(trial, dataset, builder([code]))
    assert len(training.weights.seeds) == (2 if dropout else 0)


def assert_trained_alike(trial, dataset, build, with_slots=True):
    """Both engines end one epoch with the same weights, slots, statistics and random state."""
    training = PopulationEngine(dataset, build=build).begin(Group((trial,), 1))
    training.epoch(0)
    model = fitted(trial, dataset, build)
    lane = [[leaf[0] for leaf in part] for part in training.weights[:3]]
    statistics, seeds = training.program.split_state(values(model.non_trainable_variables))
    assert_close(lane[0], values(model.trainable_variables), "weights")
    assert_close(lane[2], statistics, "statistics")
    slots = values(model.optimizer.variables)
    ours = dict(zip(paths(training.program.optimizer), lane[1], strict=True))
    theirs = dict(zip(paths(model.optimizer), slots, strict=True))
    shared = [path for path in theirs if not path.endswith("learning_rate")]
    shared = shared if with_slots else []
    assert_close([ours[path] for path in shared], [theirs[path] for path in shared], "slots")
    for mine, their in zip(training.weights.seeds, seeds, strict=True):
        assert np.array_equal(mine, their)
    return training


def paths(optimizer):
    """The optimizer's slots by name, without the number that Keras gives each network."""
    names = [variable.path.split("/", 1)[-1] for variable in optimizer.variables]
    return [re.sub(r"^(?:sequential(?:_\d+)?_|(variable)_\d+$)", r"\1", name) for name in names]


def test_the_training_did_move_the_weights(dataset, trial_of):
    trial = trial_of()
    training = PopulationEngine(dataset).begin(Group((trial,), 1))
    before = np.array(training.weights.trainable[0][0])
    training.epoch(0)
    assert np.linalg.norm(training.weights.trainable[0][0] - before) > 1e-2
