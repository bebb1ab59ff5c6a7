"""A user's own network: looked at, run once, and told truly where it fails."""

import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from stepladder import Recipe, Study
from stepladder.study.recipe import NETWORK_FIELDS
from stepladder.training.custom_model import (
    NetworkError,
    NetworkRecipe,
    UserBuild,
    build_seeded,
    inspect_models,
)
from stepladder.training.keras_models import for_layers

# A user's own code: run once, under its own name, and told truly where it fails.


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


@pytest.mark.parametrize("field", sorted({*NETWORK_FIELDS} - {"own"}))
def test_a_field_of_the_network_is_given_and_its_reading_noted(field, own_code):
    text = DENSE.replace("    return", f"    recipe.{field}\n    return")
    build = UserBuild(own_code(text))
    build(RECIPE, (4, 4), 5)
    assert build.reads == {field}
    given = for_layers(field, getattr(RECIPE, field))
    assert getattr(NetworkRecipe(RECIPE), field) == given


def test_names_with_arguments_are_given_as_what_layers_take():
    fields = NetworkRecipe(
        RECIPE.changed({
            "activation": "elu(alpha=0.5)",
            "initializer": "constant(value=0.3)",
            "kernel_regularizer": "l1(l1=0.1)",
        })
    )  # fmt: skip
    layer = keras.layers.Dense(2, activation=fields.activation, kernel_constraint=None,
                               kernel_initializer=fields.initializer,
                               kernel_regularizer=fields.kernel_regularizer,
                               bias_regularizer=fields.bias_regularizer)  # fmt: skip
    expected = 0.5 * (np.exp(-0.6) - 1)
    assert np.asarray(layer(-np.ones((1, 2)))) == pytest.approx(expected, rel=1e-6)
    assert float(layer.losses[0]) == pytest.approx(0.1 * 4 * 0.3)
    assert fields.bias_regularizer is None


@pytest.mark.parametrize("field", sorted(set(Recipe.model_fields) - {*NETWORK_FIELDS}))
def test_a_field_that_stepladder_applies_itself_is_refused(field, own_code):
    text = DENSE.replace("    return", f"    recipe.{field}\n    return")
    with pytest.raises(NetworkError, match=rf"found recipe\.{field}, which stepladder applies"):
        UserBuild(own_code(text))(RECIPE, (4, 4), 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def build(:\n", "SyntaxError"),
        ("\nimport nosuchhelper\n", "other files of its folder are not sent along"),
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
        ("raise ValueError('no such size')", "found ValueError: no such size (line 2); fix it"),
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


# Networks are looked at before anything is trained; what cannot be trained is named.


HEAD = """
import random
import keras, numpy as np
from keras import layers, ops
LOOSE = keras.random.SeedGenerator(1)
"""

BUILD = """
def build(recipe, input_shape, classes):
    model = keras.Sequential(
        [keras.Input(input_shape), layers.Flatten(), {layer}, layers.Dense(classes)]
    )
    return model
"""

LAYER = """
class Box:
    def __init__(self):
        self.state = keras.Variable(0.0, trainable=False, name="boxed")
class Own(layers.Layer):
    def __init__(self):
        super().__init__(name="mine")
        self.count, self.seen, self.own = 0, [], np.random.default_rng(0)
        self.box = Box()
    def build(self, shape):
        self.mean = self.add_weight(name="mean", shape=(), trainable=False, initializer="zeros")
        self.gain = self.add_weight(name="gain", shape=(), initializer="ones")
        self.built = True
    def call(self, x, training=False):
        if training:
            {line}
        return x
"""

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "keras-network.md").read_text("utf-8")


def problem_of(own_code, text, engine="population"):
    code = own_code(text)
    recipes = [Recipe(model=code.identity)]
    _, problem = inspect_models([code], recipes, (4, 4), ("classification", 5), engine)
    return problem


def with_layer(line):
    return HEAD + LAYER.format(line=line) + BUILD.format(layer="Own()")


SUPPORTED = (
    "pass",
    "self.mean.assign(ops.mean(x))",
    "x = x + self.mean",
    "self.add_loss(ops.mean(x))",
    "local = [1]; local.append(2)",
)


@pytest.mark.parametrize("line", SUPPORTED)
def test_a_layer_that_keeps_its_state_in_variables_is_trained(line, own_code):
    assert problem_of(own_code, with_layer(line)) is None


@pytest.mark.parametrize(
    "layer",
    ["layers.Dropout(0.2)", "layers.GaussianNoise(0.1)", "layers.GaussianDropout(0.1)",
     "layers.BatchNormalization()", "layers.LayerNormalization()", "layers.AlphaDropout(0.1)",
     pytest.param("layers.Reshape((4, 4)), layers.GRU(3, dropout=0.1)", marks=pytest.mark.slow),
     "layers.Reshape((4, 4)), layers.SpatialDropout1D(0.1), layers.Flatten()",
     "layers.Reshape((4, 4, 1)), layers.RandomFlip(), layers.Flatten()",
     "layers.Embedding(9, 2), layers.Flatten()",
     "layers.Lambda(lambda x: x * 2)", "layers.UnitNormalization()"],
)  # fmt: skip
def test_keras_own_layers_are_trained(layer, own_code):
    assert problem_of(own_code, HEAD + BUILD.format(layer=layer)) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("self.count += 1", "its call changes self.count"),
        ("self.seen.append(1)", "its call changes self.seen"),
        ("self.last = x", "its call changes self.last"),
        ("x = x + self.own.normal()", "its call changes self.own"),
        ("x = x + np.random.normal()", "the global generator of Python or NumPy"),
        ("x = x + random.random()", "the global generator of Python or NumPy"),
        ("x = x + keras.random.normal((1,))", "you should only use seeded random ops"),
        ("x = x + keras.random.normal((1,), seed=LOOSE)", "seed_generator_state', whose new value"),
        ("self.box.state.assign(1.0)", "'boxed', whose new value would be lost"),
        ("self.gain.assign(ops.mean(x))", "gain', whose new value would be lost"),
        ("x = ops.convert_to_tensor(np.asarray(x))", "TracerArrayConversionError"),
    ],
)
def test_a_layer_that_jax_cannot_follow_is_named_with_the_way_out(line, expected, own_code):
    text = with_layer(line)
    problem = problem_of(own_code, text)
    assert expected in problem
    assert "--engine fit" in problem
    assert "'mine' (Own)" in problem or "the layers of" in problem
    assert "build of net.py" in problem


def test_the_fit_engine_is_the_way_out(own_code):
    assert problem_of(own_code, with_layer("self.count += 1"), "fit/jax") is None


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("layers.Dense(3)", "must give logits of shape (2, 5) for 2 examples, "
         "found shape (2, 3)"),
        ("layers.Dense(5, activation='softmax'), layers.Activation('linear')",
         "found rows that sum to 1, as a softmax"),
        ("layers.Dense(5, activation='sigmoid')", "found that it ends in a sigmoid"),
        ("layers.Dense(1, activation='sigmoid')", "found that it ends in a sigmoid"),
        ("layers.Dense(5, dtype='float16')", "must be float32"),
        ("layers.Dense(5), layers.Activation('linear', dtype='bfloat16')", "must give float32"),
        ("layers.Dense(5), layers.Reshape((5, 1))", "found shape (2, 5, 1)"),
    ],
)  # fmt: skip
def test_outputs_that_will_not_do(build, expected, own_code):
    text = f"""{HEAD}
def build(recipe, input_shape, classes):
    return keras.Sequential([keras.Input(input_shape), layers.Flatten(), {build}])
"""
    assert expected in problem_of(own_code, text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("keras.Model(x, [layers.Dense(5)(flat)] * 2)", "found a list"),
        ("keras.Model(x, ops.sum(flat, axis=1, keepdims=True) * ops.ones((1, 5)))",
         "must have weights to train, found none"),
        ("Trainer(x, layers.Dense(5)(flat))", "found a train_step of its own in Trainer"),
    ],
)  # fmt: skip
def test_models_that_will_not_do(body, expected, own_code):
    text = f"""{HEAD}
class Trainer(keras.Model):
    def train_step(self, *args): raise NotImplementedError
def build(recipe, input_shape, classes):
    x = keras.Input(input_shape)
    flat = layers.Flatten()(x)
    return {body}
"""
    assert expected in problem_of(own_code, text)


def test_a_model_of_a_class_of_one_s_own_is_built_and_trained(own_code):
    text = f"""{HEAD}
class Net(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.flat, self.out = layers.Flatten(), layers.Dense(classes)
    def call(self, x):
        return self.out(self.flat(x))
def build(recipe, input_shape, classes):
    return Net(classes)
"""
    assert problem_of(own_code, text) is None


def test_one_batch_size_only_is_refused(own_code):
    text = HEAD + BUILD.format(layer="layers.Lambda(lambda x: ops.reshape(x, (2, 16)))")
    assert "must take a batch of examples" in problem_of(own_code, text)


def test_reads_are_told_for_each_recipe(own_code):
    text = HEAD + BUILD.format(layer="layers.Dropout(recipe.dropout)").replace(
        "    return", "    if recipe.dropout: recipe.max_norm\n    return"
    )
    code = own_code(text)
    recipes = [Recipe(model=code.identity), Recipe(model=code.identity, dropout=0.1)]
    assert inspect_models([code], recipes, (4, 4), ("classification", 5), "population") == (
        [["dropout"], ["dropout", "max_norm"]],
        None,
    )


def test_the_documentation_s_network_and_study_do(own_code, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    study, *_ = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(code.strip().splitlines()) <= 15
    (tmp_path / "conv.py").write_text(code, "utf-8")
    (tmp_path / "conv.toml").write_text(study, "utf-8")
    recipes = [arm.recipe for arm in Study.load(tmp_path / "conv.toml").arms]
    assert inspect_models(
        [own_code(code)], recipes, (28, 28), ("classification", 10), "population"
    ) == ([["activation", "dropout"]] * 3, None)
