"""Exported networks answer as the networks whose weights they were given."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

import keras
import numpy as np

from stepladder.deployment.keras_worker import Member, assemble_model
from stepladder.study.recipe import Recipe
from stepladder.training.layer_state import seed_states

SHAPE, CLASSES = (4,), 3


def build(recipe, input_shape, classes):
    """A network whose statistics are named as random state often is."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Dense(5),
            keras.layers.BatchNormalization(name="seed_norm"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(classes),
        ]
    )


def test_statistics_are_told_from_random_state_by_what_they_are():
    network = build(None, SHAPE, CLASSES)
    random = np.random.default_rng(1)
    seeds = {id(each) for each in seed_states(network)}
    fixed = [each for each in network.non_trainable_variables if id(each) not in seeds]
    assert (len(seeds), len(fixed)) == (1, 2)
    for each in (*network.trainable_variables, *fixed):
        each.assign(random.uniform(0.5, 1.5, each.shape))
    member = Member(
        "one",
        Recipe(hidden=[5]),
        [np.asarray(each) for each in network.trainable_variables],
        [np.asarray(each) for each in fixed],
        np.float32(0.5),
        np.float32(0.25),
    )
    exported = assemble_model([member], SHAPE, CLASSES, build, is_whole=False)
    x = random.uniform(0, 1, (7, 4)).astype(np.float32)
    expected = keras.ops.softmax(network(0.5 * x + 0.25))
    np.testing.assert_allclose(exported(x), expected, rtol=1e-5)
