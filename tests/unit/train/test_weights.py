"""Trainable numbers told before anything is built are those of the network that is built."""

import math

import pytest

from stepladder import Recipe
from stepladder.runs.preflight import weights
from stepladder.training.keras_models import build


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("position", ["before", "after"])
def test_weights_are_those_of_the_network(normalization, position):
    recipe = Recipe(hidden=[7, 5], normalization=normalization, normalization_position=position)
    model = build(recipe, (3, 2), 4)
    expected = sum(math.prod(each.shape) for each in model.trainable_variables)
    assert weights(recipe, 6, 4) == expected
