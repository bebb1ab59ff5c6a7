"""Initial weights: Keras' distributions, drawn by NumPy, the same in every arm and backend."""

import keras
import numpy as np
import pytest

from stepladder import Recipe
from stepladder.errors import WorkerError
from stepladder.models import build
from stepladder.train.initial import initial_weights

NAMES = Recipe.model_fields["initializer"].annotation.__args__


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_has_the_moments_and_range_of_keras_own(name):
    model = build(Recipe(hidden=[300], initializer=name), (400,), 10)
    ours = initial_weights(model, 0, 0)[0]
    keras.utils.set_random_seed(0)
    theirs = np.asarray(keras.initializers.get(name)((400, 300)))
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    assert ours.mean() == pytest.approx(0, abs=5e-4)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.2)


def test_an_orthogonal_kernel_is_orthogonal():
    model = build(Recipe(hidden=[30], initializer="orthogonal"), (40,), 50)
    tall, _, wide, _ = initial_weights(model, 0, 0)
    assert np.allclose(tall.T @ tall, np.eye(30), atol=1e-5)
    assert np.allclose(wide @ wide.T, np.eye(30), atol=1e-5)


def test_arms_that_differ_in_normalisation_alone_start_from_the_same_kernels():
    plain = Recipe(hidden=[7, 6], initializer="he_normal")
    richer = plain.changed({"normalization": "batch", "dropout": 0.2})
    kernels = [
        [weight for weight in initial_weights(build(recipe, (9,), 4), 0, 3) if weight.ndim == 2]
        for recipe in (plain, richer)
    ]
    for one, other in zip(*kernels, strict=True):
        assert np.array_equal(one, other)


def test_biases_start_at_zero_and_scales_at_one():
    model = build(Recipe(hidden=[5], normalization="layer"), (3,), 2)
    paths = [variable.path for variable in model.trainable_variables]
    by_name = dict(zip(paths, initial_weights(model, 0, 0), strict=True))
    for path, value in by_name.items():
        if path.endswith(("bias", "beta")):
            assert not value.any(), path
        if path.endswith("gamma"):
            assert (value == 1).all(), path


def test_replicates_seeds_and_layers_differ():
    model = build(Recipe(hidden=[5, 5]), (5,), 5)
    drawn = [
        initial_weights(model, seed, r)[at] for seed in (0, 1) for r in (0, 1) for at in (0, 2)
    ]
    assert len({weight.tobytes() for weight in drawn}) == len(drawn)


def test_an_unknown_initialiser_is_named():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="zeros")])
    with pytest.raises(WorkerError, match="found Zeros"):
        initial_weights(model, 0, 0)
