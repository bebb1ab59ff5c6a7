"""`recipe.own` as a network of the user's own reads it, and the programs that it selects."""

import pytest

from stepladder import Recipe
from stepladder.training.custom_model import NetworkError, UserBuild, builder, inspect_models
from stepladder.training.groups import Group
from stepladder.training.own_values import OwnValues
from stepladder.training.population.engine import PopulationEngine

OWN = {"kernel_size": 5, "block": {"depth": 2, "units": [8, 4]}, "none": {}, "items": 3}

DENSE = """
import keras
def build(recipe, input_shape, classes):
    {line}
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(recipe.own.units),
                             keras.layers.Dense(classes)])
def linear(recipe, input_shape, classes):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])
"""


@pytest.mark.parametrize(
    ("read", "paths"),
    [
        (lambda own: own.kernel_size, {"own.kernel_size"}),
        (lambda own: own["block"].depth, {"own.block.depth"}),
        (lambda own: own.get("block")["units"], {"own.block.units"}),
        (lambda own: dict(own.block), {"own.block.depth", "own.block.units"}),
        (lambda own: own.none, {"own.none"}),
        (lambda own: own["items"], {"own.items"}),
        (lambda own: (own.block, list(own), len(own), repr(own)), set()),
        (lambda own: (own.get("other", 3), hasattr(own, "other")), set()),
    ],
)
def test_what_is_read_is_noted_by_its_path(read, paths):
    reads = set()
    read(OwnValues(OWN, reads))
    assert reads == paths


def test_values_are_those_of_the_recipe_and_lists_are_copies():
    own = OwnValues(OWN, set())
    own.block["units"].append(2)
    assert own.block.units == [8, 4]
    assert own == OWN


def test_a_key_that_is_not_there_is_named_with_the_nearest_one(own_code):
    own = OwnValues(OWN, set())
    with pytest.raises(KeyError, match="has no key 'kernelsize'; did you mean 'kernel_size'"):
        own["kernelsize"]
    with pytest.raises(AttributeError, match=r"recipe\.own\.block has no key 'colour'; add it to"):
        own.block.colour  # noqa: B018 - the access is the test
    code = own_code(DENSE.format(line="recipe.own.depth"))
    with pytest.raises(NetworkError, match=r"recipe\.own has no key 'depth'.* \(line 4\)"):
        UserBuild(code)(Recipe(model=code.identity, own={"units": 3}), (4, 4), 5)


def test_reads_of_own_are_told_for_each_recipe_of_each_function(own_code):
    text = DENSE.format(line="recipe.own.units > 3 and recipe.own.depth")
    codes = [own_code(text), own_code(text, "linear")]
    own = {"units": 3, "depth": 2}
    recipes = [Recipe(model=codes[0].identity, own=own | {"units": units}) for units in (3, 4)]
    recipes.append(Recipe(model=codes[1].identity, own=own))
    assert inspect_models(codes, recipes, (4, 4), ("classification", 5), "population") == (
        [["own.units"], ["own.depth", "own.units"], []],
        None,
    )


def test_trials_of_one_own_share_a_program_and_others_have_another(dataset, trial_of, own_code):
    text = DENSE.format(line="pass")
    codes = [own_code(text), own_code(text, "linear")]
    engine = PopulationEngine(dataset, build=builder(codes))
    for code, units, rate, replicate in (
        (0, 3, 0.1, 0), (0, 3, 0.2, 0), (0, 3, 0.1, 1), (0, 4, 0.1, 0), (1, 4, 0.1, 0)
    ):  # fmt: skip
        trial = trial_of(model=codes[code].identity, own={"units": units}, hidden=[],
                         learning_rate=rate, replicate=replicate)  # fmt: skip
        engine.begin(Group((trial,), 1))
    assert len(engine._programs) == 3
    assert len(engine._compiled) == 3
