"""Networks with several inputs: each has its part of a row."""

import keras
import numpy as np
import pytest
from keras import layers

from stepladder import Recipe
from stepladder.training.custom_model import inspect_models
from stepladder.training.input_layers import join_inputs

ROWS = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)


def two(as_table=False):
    image, meta = keras.Input((2, 2), name="image"), keras.Input((3,), name="meta")
    both = layers.Concatenate()([layers.Flatten()(image), meta])
    inputs = {"image": image, "meta": meta} if as_table else [image, meta]
    return keras.Model(inputs, layers.Dense(3)(both))


@pytest.mark.parametrize("as_table", [False, True])
def test_each_input_has_its_part_of_a_row(as_table):
    model = two(as_table)
    image, meta = ROWS[:, :4].reshape(5, 2, 2), ROWS[:, 4:]
    expected = model({"image": image, "meta": meta} if as_table else [image, meta])
    joined = join_inputs(model, (7,))
    assert np.allclose(joined(ROWS), expected, atol=1e-6)
    pairs = zip(joined.trainable_variables, model.trainable_variables, strict=True)
    assert all(mine is theirs for mine, theirs in pairs)
    again = keras.Model.from_config(joined.get_config())  # as an exported file has it
    for mine, theirs in zip(again.variables, joined.variables, strict=True):
        mine.assign(theirs.value)
    assert np.allclose(again(ROWS), expected, atol=1e-6)


def test_a_model_of_one_input_stays():
    model = keras.Sequential([keras.Input((7,)), layers.Dense(2)])
    assert join_inputs(model, (7,)) is model


TEXT = """
import keras
from keras import layers
def build(recipe, input_shape, classes):
    one, two = keras.Input((3,), name="one"), keras.Input(({size},), name="two")
    both = layers.Concatenate()([layers.Dense(4)(one), layers.Dropout(0.1)(two)])
    return keras.Model([one, two], layers.Dense(classes, activation="softmax")(both))
"""


@pytest.mark.parametrize(
    ("size", "expected"),
    [(4, None), (5, "must have inputs of 7 numbers together, as an example has, found one (3,), ")],
)
def test_it_is_inspected_as_any_other(size, expected, own_code):
    code = own_code(TEXT.format(size=size))
    _, problem = inspect_models(
        [code], [Recipe(model=code.identity)], (7,), ("classification", 3), "population"
    )
    assert problem is None if expected is None else expected in problem
