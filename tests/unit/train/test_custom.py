"""A user's own code: run once, under its own name, and told truly where it fails."""

import sys

import numpy as np
import pytest

from stepladder import Recipe
from stepladder.study.recipe import NETWORK_FIELDS
from stepladder.training.custom_model import NetworkError, NetworkRecipe, UserBuild, build_seeded

RECIPE = Recipe(hidden=[3], dropout=0.2)

DENSE = """
import keras
RUNS = []
RUNS.append(1)
def build(recipe, input_shape, classes):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])
"""


def test_the_file_runs_once_under_a_module_name_of_its_own(own_code):
    code = own_code(DENSE)
    build = UserBuild(code)
    for _ in range(2):
        assert build(RECIPE, (4, 4), 5).built
    module = sys.modules[f"stepladder_model_{code.sha256[:12]}"]
    assert module.RUNS == [1]
    assert module.__file__ == code.file
    assert build._function.__module__ == module.__name__


@pytest.mark.parametrize("field", NETWORK_FIELDS)
def test_a_field_of_the_network_is_given_and_its_reading_noted(field, own_code):
    text = DENSE.replace("    return", f"    recipe.{field}\n    return")
    build = UserBuild(own_code(text))
    build(RECIPE, (4, 4), 5)
    assert build.reads == {field}
    assert getattr(NetworkRecipe(RECIPE), field) == getattr(RECIPE, field)


@pytest.mark.parametrize("field", sorted(set(Recipe.model_fields) - {*NETWORK_FIELDS}))
def test_a_field_that_stepladder_applies_itself_is_refused(field, own_code):
    text = DENSE.replace("    return", f"    recipe.{field}\n    return")
    with pytest.raises(NetworkError, match=rf"found recipe\.{field}, which stepladder applies"):
        UserBuild(own_code(text))(RECIPE, (4, 4), 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def build(:\n", "SyntaxError"),
        ("\nimport nosuchhelper\n", "files beside it are not sent along"),
        ("\n\n1 / 0\n", "ZeroDivisionError: division by zero (line 3)"),
        ("raise SystemExit(3)\n", "SystemExit: 3 (line 1)"),
        ("def biuld(): pass\n", "must define the function 'build', found none; did you mean"),
        ("build = 3\n", "found another kind of value"),
    ],
)  # fmt: skip
def test_a_file_that_will_not_do(text, expected, own_code):
    with pytest.raises(NetworkError) as refused:
        UserBuild(own_code(text))
    assert expected in str(refused.value)
    assert "net.py" in str(refused.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('no such size')", "found ValueError: no such size (line 2); mend it"),
        ("return 1 / 0", "ZeroDivisionError"),
        ("return recipe.hiden", "recipe has no field 'hiden'; did you mean 'hidden'?"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("return None", "must return a keras.Model, found NoneType"),
        ("return [1]", "must return a keras.Model, found list"),
        ("import keras; return keras.layers.Dense(3)", "must return a keras.Model, found Dense"),
    ],
)
def test_a_function_that_will_not_do(body, expected, own_code):
    code = own_code(f"def build(recipe, input_shape, classes):\n    {body}\n")
    with pytest.raises(NetworkError) as refused:
        UserBuild(code)(RECIPE, (4, 4), 5)
    assert expected in str(refused.value)
    assert "build of net.py" in str(refused.value)


def test_what_is_drawn_while_building_is_the_replicate_s_own_draw(own_code):
    text = DENSE.replace("Dense(classes)", "Dense(classes, bias_initializer='random_normal')")
    build = UserBuild(own_code(text))
    first, again, other = (
        np.asarray(build_seeded(build, RECIPE, (4, 4), 5, 0, r).trainable_variables[1])
        for r in (0, 0, 1)
    )
    assert first.any()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
