"""Initial weights, and how many there are."""

import math

import keras
import numpy as np
import pytest

from stepladder import Recipe
from stepladder.runs.preflight import weights
from stepladder.study.keras_names import names_of
from stepladder.training.initializers import initial_weights
from stepladder.training.keras_models import build

# Initial weights: Keras' distributions, drawn by NumPy, the same in every arm and backend.


DRAW_NOTHING = ("constant", "zeros", "ones", "identity")
NAMES = [name for name in names_of("initializers") if name not in DRAW_NOTHING]


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("he_normal", "glorot_uniform")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
    ],
)
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


def own(*layers, shape=(6, 6, 8)):
    """A built network of some layers."""
    return keras.Sequential([keras.Input(shape), *layers])


class Scales(keras.layers.Layer):
    """A kernel of one dimension: as many inputs as outputs, as Keras counts them."""

    def build(self, shape):
        self.kernel_initializer = keras.initializers.HeUniform()
        self.kernel = self.add_weight(shape=shape[-1:], initializer=self.kernel_initializer)

    def call(self, x):
        return x * self.kernel


KINDS = {
    "Conv2D": (keras.layers.Conv2D(64, 3, kernel_initializer="he_normal"), "kernel"),
    "Conv2DTranspose": (keras.layers.Conv2DTranspose(64, 3), "kernel"),
    "DepthwiseConv2D": (keras.layers.DepthwiseConv2D(3, depth_multiplier=64), "kernel"),
    "depthwise": (keras.layers.SeparableConv2D(9, 3, depth_multiplier=64), "depthwise_kernel"),
    "pointwise": (keras.layers.SeparableConv2D(900, 3), "pointwise_kernel"),
    "Embedding": (keras.layers.Embedding(500, 20), "embeddings"),
    "TruncatedNormal": (
        keras.layers.Dense(800, kernel_initializer=keras.initializers.TruncatedNormal(1, 0.1)),
        "kernel",
    ),
    "one dimension": (Scales(), "kernel"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_kernels_of_every_kind_have_the_moments_of_keras_own_and_are_the_replicate_s(name):
    layer, attribute = KINDS[name]
    model = own(layer)
    theirs = np.asarray(getattr(layer, attribute))
    place = [id(each) for each in model.trainable_variables].index(id(getattr(layer, attribute)))
    ours, other = (initial_weights(model, 0, r)[place] for r in (0, 1))
    assert ours.shape == theirs.shape
    assert not np.array_equal(ours, theirs)
    assert not np.array_equal(ours, other)
    if theirs.size > 100:  # a kernel of 8 numbers has no moments to speak of
        error = 6 * float(theirs.std()) / theirs.size**0.5
        assert ours.mean() == pytest.approx(theirs.mean(), abs=error)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.06)
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.2)
    else:
        assert np.abs(ours).max() <= (6 / 8) ** 0.5


def test_the_fans_of_a_convolution_are_those_of_its_whole_field():
    model = own(keras.layers.Conv2D(64, 3, kernel_initializer="he_normal"))
    kernel, _ = initial_weights(model, 0, 0)
    assert kernel.std() == pytest.approx((2 / (3 * 3 * 8)) ** 0.5, rel=0.02)


def test_a_recurrent_layer_s_kernels_are_drawn_and_its_biases_kept():
    model = own(keras.layers.GRU(5), shape=(6, 8))
    drawn = [initial_weights(model, 0, r) for r in (0, 1)]
    kernel, recurrent, bias = (not np.array_equal(*pair) for pair in zip(*drawn, strict=True))
    assert (kernel, recurrent, bias) == (True, True, False)
    assert np.allclose(drawn[0][1] @ drawn[0][1].T, np.eye(5), atol=1e-5)


def test_layers_between_do_not_change_the_kernels_of_others():
    dense = [keras.layers.Dense(4, kernel_initializer="he_normal") for _ in range(2)]
    plain = initial_weights(own(dense[0]), 0, 0)[0]
    extras = (keras.layers.BatchNormalization(), keras.layers.GaussianNoise(0.1))
    later = initial_weights(own(*extras, dense[1]), 0, 0)[2]
    assert np.array_equal(plain, later)


def test_a_kernel_that_was_set_keeps_its_value():
    layer = keras.layers.Dense(3)
    model = own(layer, shape=(2,))
    trained = np.arange(6, dtype=np.float32).reshape(2, 3)
    layer.kernel.assign(trained)
    assert np.array_equal(initial_weights(model, 0, 0)[0], trained)


def test_a_kernel_whose_initialiser_knows_more_than_its_name_keeps_keras_own_draw():
    layer = keras.layers.EinsumDense("abcd,defg->abcefg", (6, 6, 4, 9, 20))  # its own fans
    kernel, *_ = initial_weights(own(layer), 0, 0)
    assert np.array_equal(kernel, np.asarray(layer.kernel))
    assert kernel.std() == pytest.approx((2 / (8 + 4 * 9 * 20)) ** 0.5, rel=0.05)


@pytest.mark.parametrize("initializer", ["zeros", "ones", keras.initializers.Constant(0.5)])
def test_what_is_not_drawn_keeps_its_built_value(initializer):
    layer = keras.layers.Dense(2, kernel_initializer=initializer)
    model = own(layer, shape=(3,))
    assert np.array_equal(initial_weights(model, 0, 0)[0], np.asarray(layer.kernel))


# Trainable numbers told before anything is built are those of the network that is built.


NORMALIZATIONS = [
    "none", "batch", "layer", "batch(scale=False)", "layer(center=False, scale=False)",
    "group(groups=2)", "group(center=False, groups=2)", "rms", "unit",
]  # fmt: skip


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("activation", ["relu", "prelu", "glu"])
def test_weights_are_those_of_the_network(normalization, position, activation):
    recipe = Recipe(hidden=[8, 4], activation=activation, normalization=normalization,
                    normalization_position=position)  # fmt: skip
    model = build(recipe, (3, 2), 4)
    expected = sum(math.prod(each.shape) for each in model.trainable_variables)
    assert weights(recipe, 6, 4) == expected
