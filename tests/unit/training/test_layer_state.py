"""Inputs that a network looks up, and moving averages that have not settled."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from stepladder.training.layer_state import scaled_lookup, takes_ids, unknown_id, unsettled_share

IDS = np.arange(24, dtype=np.uint8).reshape(4, 6)
SHAPE = (6,)


def sequential(*stack, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), *stack, layers.Flatten(), layers.Dense(2)])


def cast_first():
    inputs = keras.Input(SHAPE)
    words = layers.Embedding(50, 4)(ops.cast(inputs, "int32"))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(words)))


def one_column():
    inputs = keras.Input(SHAPE)
    word = layers.Embedding(50, 4)(inputs[:, 0])
    return keras.Model(inputs, layers.Dense(2)(layers.concatenate([word, inputs[:, 1:]])))


class Positioned(layers.Layer):
    """Words and places, as tutorials write them."""

    def __init__(self):
        super().__init__()
        self.places, self.words = layers.Embedding(6, 4), layers.Embedding(50, 4)

    def call(self, x):
        return self.words(x) + self.places(ops.arange(6))


class Subclassed(keras.Model):
    def __init__(self, first):
        super().__init__()
        self.first, self.flat, self.last = first, layers.Flatten(), layers.Dense(2)

    def call(self, x):
        return self.last(self.flat(self.first(x)))


def embedding(known=50):
    return layers.Embedding(known, 4)


NESTED = keras.Sequential([keras.Input(SHAPE), layers.Embedding(50, 4)])


@pytest.mark.parametrize(
    ("model", "x", "expected"),
    [
        (sequential(embedding()), IDS, True),
        (sequential(embedding()), IDS.astype(np.float32) * 100, True),  # more than 255 words
        (sequential(NESTED), IDS, True),
        (sequential(Positioned()), IDS, True),
        (sequential(layers.CategoryEncoding(50, output_mode="multi_hot")), IDS, True),
        (Subclassed(embedding()), IDS, True),
        (cast_first(), IDS, True),
        (one_column(), IDS, False),  # its other columns are numbers
        (sequential(embedding()), IDS + np.float32(0.5), False),
        (sequential(embedding()), IDS - np.float32(1), False),
        (sequential(layers.Dense(4)), IDS, False),
        (sequential(layers.Dense(4), layers.Reshape((4, 1))), IDS, False),
        (sequential(layers.Rescaling(0.1), embedding()), IDS, False),
        (sequential(layers.Flatten(), shape=(6, 1)), IDS.reshape(4, 6, 1), False),
    ],
)
def test_inputs_are_ids_where_the_first_layer_looks_them_up(model, x, expected):
    model(x[:1].astype(np.float32))
    assert takes_ids(model, x) == expected


def functional(look_up):
    x = keras.Input(SHAPE)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(look_up(x))))


@pytest.mark.parametrize(
    ("model", "x", "expected"),
    [
        (sequential(embedding()), IDS, False),  # they are not scaled
        (one_column(), IDS, True),
        (functional(lambda x: embedding()(x[:, :2])), IDS, True),
        (functional(lambda x: embedding()(layers.Lambda(lambda v: v[:, 1:])(x))), IDS, True),
        (functional(lambda x: embedding()(ops.cast(x[:, 1], "int32"))), IDS, True),
        (functional(lambda x: layers.CategoryEncoding(50)(x[:, :2])), IDS, True),
        (sequential(layers.Flatten(), embedding(), shape=(6, 1)), IDS.reshape(4, 6, 1), True),
        (functional(lambda x: layers.Dense(4)(x) + embedding()(ops.arange(4))[0]), IDS, False),
        (sequential(layers.Discretization([8.5, 12.5]), embedding()), IDS * 100, False),
        (sequential(layers.Dense(4)), IDS, False),
    ],
)
def test_a_layer_that_looks_up_some_of_the_inputs_is_found(model, x, expected):
    layer = scaled_lookup(model, x)
    assert (layer is not None) == expected
    assert layer is None or "call" not in vars(layer)


def test_an_id_that_the_embedding_does_not_know_is_found():
    assert unknown_id(sequential(embedding(24)), IDS) is None
    assert unknown_id(sequential(embedding(23)), IDS) == (23, 23)
    assert unknown_id(sequential(Positioned()), IDS) is None  # which of them is not known
    assert unknown_id(sequential(layers.Dense(4)), IDS) is None


def test_the_share_that_is_left_is_the_momentum_to_the_power_of_the_steps():
    model = sequential(
        layers.Dense(3), layers.BatchNormalization(), layers.BatchNormalization(momentum=0.8)
    )
    assert unsettled_share(model, 60) == pytest.approx(0.99**60)
    model.layers[1].trainable = False  # takes no part
    assert unsettled_share(model, 60) == pytest.approx(0.8**60)
    assert math.isnan(unsettled_share(sequential(layers.Dense(3)), 60))
