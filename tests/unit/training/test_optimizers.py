"""Optimizers, clipping, accumulation and schedules: populations against Keras as its docs use it.

The other side is written out in plain Keras: layers, optimizer, `compile`, `fit`.
"""

import keras
import numpy as np
import pytest

from stepladder.study.keras_names import arguments_of, keras_names, name_of, names_of
from stepladder.training.groups import Group
from stepladder.training.keras_callbacks import Batches
from stepladder.training.population.engine import PopulationEngine

STEPS = 20
WITHIN = 1e-5
"""Of each tensor's norm, after 20 steps."""


def classes(kind, text):
    return keras_names()[kind][name_of(text)]["class"]


def by_hand(recipe, **more):
    """The optimizer, as one writes it in Keras."""
    kind = getattr(keras.optimizers, classes("optimizers", recipe.optimizer))
    decay = {"weight_decay": recipe.weight_decay or None}
    if kind is keras.optimizers.AdamW:
        decay = {"weight_decay": recipe.weight_decay}
    if kind is keras.optimizers.Muon:
        decay["adam_weight_decay"] = decay["weight_decay"]
    options = {"learning_rate": recipe.learning_rate, **decay, **arguments_of(recipe.optimizer)}
    return kind(**options, **more)


def plain_network(dataset, units=(8, 6)):
    layers = [keras.layers.Dense(width, activation="relu") for width in units]
    return keras.Sequential([
        keras.Input(dataset.input_shape), keras.layers.Flatten(), *layers,
        keras.layers.Dense(dataset.classes),
    ])  # fmt: skip


def assert_equals_keras(dataset, trials, optimizers, within=WITHIN):
    """Lanes of a population end as networks of Keras that start from their weights."""
    training = PopulationEngine(dataset).begin(Group(tuple(trials), len(trials)))
    starts = [np.array(leaf) for leaf in training.weights.trainable]
    rows = training.replicates[0].rows["train"]
    scale, shift = (np.asarray(leaf) for leaf in training.replicates[0].affine)
    epochs = trials[0].recipe.epochs
    for epoch in range(epochs):
        training.epoch(epoch)
    for lane, (trial, optimizer) in enumerate(zip(trials, optimizers, strict=True)):
        model = plain_network(dataset)
        for variable, leaf in zip(model.trainable_variables, starts, strict=True):
            variable.assign(leaf[lane])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer, loss=loss)
        x = dataset.x_train[rows].astype(np.float32)
        x = (x.reshape(len(x), -1) * scale + shift).reshape(x.shape)
        batches = Batches(x, dataset.y_train[rows], trial)
        model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[batches.follow])
        pairs = zip(model.trainable_variables, training.weights.trainable, strict=True)
        for place, (variable, leaf) in enumerate(pairs):
            theirs = np.asarray(keras.ops.convert_to_numpy(variable.value), np.float64)
            ours = np.asarray(leaf[lane], np.float64)
            distance = np.linalg.norm(ours - theirs) / max(1e-3, np.linalg.norm(theirs))
            print(lane, place, distance)
            assert distance <= within, (lane, place, distance)
            assert np.linalg.norm(ours - starts[place][lane]) > 0, (lane, place)


CASES = {name: name for name in names_of("optimizers")}


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("optimizer", CASES.values())
def test_optimizer(optimizer, weight_decay, dataset, trial_of):
    rates = (0.01, 0.002)
    trials = [trial_of(optimizer=optimizer, weight_decay=weight_decay, learning_rate=rate)
              for rate in rates]  # fmt: skip
    assert_equals_keras(dataset, trials, [by_hand(trial.recipe) for trial in trials])
