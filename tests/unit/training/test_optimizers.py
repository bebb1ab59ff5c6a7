"""Optimizers, clipping, accumulation and schedules: populations beside Keras as its docs use it.

The other side is written out in plain Keras: layers, optimizer, `compile`, `fit`.
"""

from functools import partial

import keras
import numpy as np
import pytest
from trainings import Killed, bits, killed_at, trained

from stepladder.study.keras_names import arguments_of, keras_names, name_of, names_of
from stepladder.study.recipe import PLATEAU, Recipe
from stepladder.training import keras_models
from stepladder.training.checkpoints import Checkpoints
from stepladder.training.groups import Group
from stepladder.training.keras_callbacks import Batches
from stepladder.training.keras_fit import FitEngine
from stepladder.training.population.engine import PopulationEngine

WITHIN = 1e-5
"""Of each tensor's norm, after 20 steps."""

ARGUMENTS = {
    "adadelta": "rho=0.9",
    "adafactor": "relative_step=False, clip_threshold=0.5",
    "adagrad": "initial_accumulator_value=0.01",
    "adam": "amsgrad=True",
    "adamax": "beta_1=0.8",
    "adamw": "amsgrad=True",
    "ftrl": "l1_regularization_strength=0.001, beta=0.1",
    "lamb": "beta_2=0.99",
    "lion": "beta_1=0.8",
    "muon": "exclude_layers=['dense_2', 'dense_1/k'], nesterov=False",
    "nadam": "beta_2=0.99",
    "rmsprop": "centered=True",
    "schedulefreeadamw": "warmup_steps=5, beta_1=0.8",
    "sgd": "",
}
"""Arguments of each optimizer, such as change its slots where one does."""

SCHEDULES = {
    "cosine_decay": "decay_epochs=1, warmup_target=0.05, warmup_steps=7",
    "cosine_decay_restarts": "first_decay_epochs=0.65, t_mul=1.5, m_mul=0.5",
    "exponential_decay": "decay_steps=4, decay_rate=0.7, staircase=True",
    "inverse_time_decay": "decay_epochs=0.5, decay_rate=0.5",
    "piecewise_constant_decay": "boundaries_epochs=[0.5, 1], values=[0.01, 0.02, 0.005]",
    "polynomial_decay": "decay_steps=9, end_learning_rate=0.001, power=2.0, cycle=True",
}

IN_STEPS = {
    "decay_epochs": "decay_steps",
    "first_decay_epochs": "first_decay_steps",
    "boundaries_epochs": "boundaries",
}


def call(name, arguments):
    return f"{name}({arguments})" if arguments else name


def keras_class(module, kind, text):
    return getattr(module, keras_names()[kind][name_of(text)]["class"])


def optimizer_by_hand(recipe, steps):
    """The optimizer, as one writes it in Keras."""
    kind = keras_class(keras.optimizers, "optimizers", recipe.optimizer)
    decay = {"weight_decay": recipe.weight_decay or None}
    if kind is keras.optimizers.AdamW:
        decay = {"weight_decay": recipe.weight_decay}
    if kind is keras.optimizers.Muon:
        decay["adam_weight_decay"] = decay["weight_decay"]
    rate = recipe.learning_rate
    if name_of(recipe.schedule) in SCHEDULES:
        rate = schedule_by_hand(recipe, steps)
    return kind(
        learning_rate=rate,
        clipnorm=recipe.clipnorm,
        clipvalue=recipe.clipvalue,
        global_clipnorm=recipe.global_clipnorm,
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        **decay,
        **arguments_of(recipe.optimizer),
    )


def schedule_by_hand(recipe, steps):
    arguments = {
        IN_STEPS.get(key, key): np.multiply(value, steps).astype(int).tolist()
        if key in IN_STEPS
        else value
        for key, value in arguments_of(recipe.schedule).items()
    }
    if "values" not in arguments:
        arguments["initial_learning_rate"] = recipe.learning_rate
    return keras_class(keras.optimizers.schedules, "schedules", recipe.schedule)(**arguments)


class Seen(keras.callbacks.Callback):
    """The weights after every batch."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(values(self.model.trainable_variables))


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(variable.value), np.float64)
            for variable in variables]  # fmt: skip


def fitted(dataset, trial, training, start):
    """Weights of plain Keras after every batch, trained on the same batches."""
    layers = [keras.layers.Dense(width, "relu", name=f"dense_{place}")
              for place, width in enumerate(trial.recipe.hidden, 1)]  # fmt: skip
    model = keras.Sequential([
        keras.Input(dataset.input_shape), keras.layers.Flatten(), *layers,
        keras.layers.Dense(dataset.classes, name="logits"),
    ])  # fmt: skip
    for variable, value in zip(model.trainable_variables, start, strict=True):
        variable.assign(value)
    replicate = training.replicates[0]
    rows, (scale, shift) = replicate.rows["train"], map(np.asarray, replicate.affine)
    x = dataset.x_train[rows].astype(np.float32)
    x = (x.reshape(len(x), -1) * scale + shift).reshape(x.shape)
    batches, seen = Batches(x, dataset.y_train[rows], trial, training.program.head), Seen()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer_by_hand(trial.recipe, replicate.steps), loss)
    model.fit(batches, epochs=trial.recipe.epochs, shuffle=False, verbose=0,
              callbacks=[batches.follow, seen])  # fmt: skip
    return seen.weights


def assert_equals_keras(dataset, trials, within=WITHIN):
    """Lanes of a population end as networks of Keras that start from their weights."""
    training = PopulationEngine(dataset).begin(Group(tuple(trials), len(trials)))
    starts = [np.array(leaf) for leaf in training.weights.trainable]
    for epoch in range(trials[0].recipe.epochs):
        training.epoch(epoch)
    for lane, trial in enumerate(trials):
        start = [leaf[lane] for leaf in starts]
        seen = fitted(dataset, trial, training, start)
        for place, leaf in enumerate(training.weights.trainable):
            assert_close(leaf[lane], seen[-1][place], within)
            assert np.linalg.norm(leaf[lane] - start[place]) > 0, "nothing was trained"
        shares = trial.recipe.ema ** np.arange(len(seen))[::-1]
        for place, leaf in enumerate(training.weights.average):
            mean = sum(share * step[place] for share, step in zip(shares, seen, strict=True))
            assert_close(leaf[lane], mean / shares.sum(), within)


def assert_close(ours, theirs, within):
    distance = np.linalg.norm(np.asarray(ours, np.float64) - theirs)
    assert distance <= within * max(1e-3, np.linalg.norm(theirs))


def lanes(trial_of, **fields):
    return [trial_of(learning_rate=rate, **fields) for rate in (0.01, 0.002)]


def test_every_optimizer_and_schedule_of_keras_is_tried_with_an_argument():
    assert set(ARGUMENTS) == set(names_of("optimizers"))
    # the plateau depends on what is measured: see `population/test_monitoring.py`
    assert {*SCHEDULES, PLATEAU} == set(names_of("schedules"))


# Each compiles two programs or three. One goes through most of what is ours, the others in CI.
IN_SHORT = ("schedulefreeadamw",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_SHORT else pytest.mark.slow) for name in ARGUMENTS],
)
def test_an_optimizer_with_arguments_and_weight_decay_trains_as_in_keras(name, dataset, trial_of):
    optimizer = call(name, ARGUMENTS[name])
    assert_equals_keras(dataset, lanes(trial_of, optimizer=optimizer, weight_decay=0.05))


@pytest.mark.slow
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_optimizer_alone_trains_as_in_keras(name, dataset, trial_of):
    assert_equals_keras(dataset, lanes(trial_of, optimizer=name))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adafactor", "muon"])
@pytest.mark.parametrize("clip", [{"clipnorm": 0.1}, {"clipvalue": 0.01}, {"global_clipnorm": 0.1}])
def test_clipping_is_that_of_keras(clip, optimizer, dataset, trial_of):
    assert_equals_keras(dataset, lanes(trial_of, optimizer=optimizer, **clip))


ACCUMULATED = {"gradient_accumulation_steps": 3, "weight_decay": 0.05, "epochs": 2, "ema": 0.9}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["nadam", "adafactor", "sgd", "muon", "schedulefreeadamw"])
def test_accumulated_gradients_averages_and_schedules_are_those_of_keras(
    optimizer, dataset, trial_of
):
    schedule = call("exponential_decay", SCHEDULES["exponential_decay"])
    trials = lanes(trial_of, optimizer=optimizer, schedule=schedule, clipnorm=1.0, **ACCUMULATED)
    assert_equals_keras(dataset, trials)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_keras(name, dataset, trial_of):
    schedule = call(name, SCHEDULES[name])
    rates = (0.01,) if "values" in schedule else (0.01, 0.002)
    trials = [trial_of(schedule=schedule, learning_rate=rate, epochs=2) for rate in rates]
    assert_equals_keras(dataset, trials)


@pytest.mark.slow
def test_muon_trains_wide_matrices_as_in_keras(dataset, trial_of):
    assert_equals_keras(dataset, lanes(trial_of, optimizer="muon", hidden=[96, 96, 24]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PopulationEngine, FitEngine])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_training_that_is_resumed_ends_in_the_same_bits(name, kind, dataset, tmp_path, trial_of):
    trials = lanes(
        trial_of, optimizer=call(name, ARGUMENTS[name]), gradient_accumulation_steps=3,
        epochs=3, schedule="cosine_decay(decay_epochs=2)",
    )  # fmt: skip
    group = Group(tuple(trials), 2) if kind is PopulationEngine else Group((trials[0],), 1)
    whole = trained(kind(dataset), group)
    keeping = partial(Checkpoints, tmp_path, every=0.0, versions={})
    with pytest.raises(Killed):
        trained(kind(dataset, keeping), group, killed_at(2))
    resumed = trained(kind(dataset, keeping), group)
    assert [bits(result) for result in resumed] == [bits(result) for result in whole]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "ftrl(initial_accumulator_value=-1.0)"}, "positive or zero"),
        ({"schedule": "exponential_decay(decay_steps=-1, decay_rate=0.5)"}, "must be > 0"),
    ],
)
def test_what_keras_refuses_is_told_in_its_words(fields, message):
    with pytest.raises(ValueError, match=message):
        keras_models.optimizer(Recipe(hidden=[3], **fields))
