"""What the tests of training share: a small dataset and trials on it."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

import pytest

from stepladder.data.synthetic import synthetic
from stepladder.recipe import Recipe
from stepladder.records import Trial

VALIDATION = 40


@pytest.fixture(scope="session")
def dataset():
    return synthetic(examples=350, input_shape=(4, 4), classes=5, seed=1)


@pytest.fixture(scope="session")
def trial_of(dataset):
    """Makes a trial of a recipe's fields; 20 steps an epoch, the last one shorter."""

    def make(replicate=0, seed=0, **fields):
        defaults = {"hidden": [8, 6], "batch_size": 16, "epochs": 1, "learning_rate": 0.05}
        recipe = Recipe(**{**defaults, "train_examples": 310, **fields})
        return Trial(recipe, dataset.fingerprint, VALIDATION, seed, replicate)

    return make
