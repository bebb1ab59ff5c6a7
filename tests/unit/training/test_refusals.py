"""What Keras refuses is told in its own words, field by field, before anything is trained."""

import pytest

from stepladder import Recipe, Study
from stepladder.runs.inspection import names_to_check
from stepladder.study.recipe import fields_that_keras_may_refuse
from stepladder.training.refusals import refusals


def problems(**fields):
    return refusals(Recipe(**{"hidden": [10, 10], **fields}), (4, 4), 5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"activation": "leaky_relu(negative_slope=-1.0)"}, "cannot be None or negative value"),
        ({"activation": "glu", "hidden": [11, 11]}, "axis size must be divisible by 2"),
        ({"normalization": "group(groups=7)"}, "Number of groups (7) must be a multiple"),
        ({"normalization": "group"}, "Number of groups (32)"),
        ({"noise": "gaussian_noise(stddev=2.0)"}, "Expected a float value between 0 and 1"),
        ({"input_noise": "gaussian_dropout(rate=2.0)"}, "Expected a float value between 0 and 1"),
        ({"initializer": "random_normal(stddev=-1.0)"}, "scale < 0"),
        ({"initializer": "variance_scaling(mode='x')"}, "Invalid `mode` argument: x"),
        ({"schedule": "reduce_lr_on_plateau(factor=2.0)"}, "does not support a factor >= 1.0"),
        ({"bias_initializer": "identity"}, "can only be used for 2D matrices"),
        ({"kernel_regularizer": "l1(l1=-1.0)"}, "l1"),
        ({"bias_regularizer": "orthogonal_regularizer"}, "must have rank 2"),
    ],
    ids=str,
)
def test_each_problem_is_that_of_its_field_in_keras_words(fields, words):
    (problem,) = problems(**fields)
    field, value = next(iter(fields.items()))
    assert problem.startswith(f"{field} must be what Keras accepts, found {value}")
    assert words in problem


def test_all_problems_of_a_recipe_come_at_once():
    fields = {"activation": "leaky_relu(negative_slope=-1.0)", "dropout": 0.1}
    found = problems(noise="gaussian_noise(stddev=2.0)", **fields)
    assert [problem.split()[0] for problem in found] == ["activation", "noise"]


def test_what_keras_accepts_is_no_problem():
    assert problems(activation="prelu(alpha_initializer='ones')", normalization="group(groups=5)",
                    residual=True, stochastic_depth=0.2, initializer="identity(gain=0.5)",
                    bias_constraint="max_norm(max_value=3.0)") == []  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, ()),
        ({"activation": "mish", "normalization": "rms", "noise": "none"}, ()),
        ({"activation": "glu", "normalization": "group"}, ("activation", "normalization")),
        ({"kernel_regularizer": "l1(l1=0.1)"}, ("kernel_regularizer",)),
    ],
)
def test_keras_is_asked_only_where_it_alone_can_say(fields, asked):
    assert fields_that_keras_may_refuse(Recipe(hidden=[8], **fields)) == asked


def test_values_of_a_space_are_looked_at_too():
    base = {"hidden": [8], "activation": "relu"}
    plain = {"name": "s", "base": base, "techniques": ["Adam"]}
    assert names_to_check(Study(**plain)) == {}
    space = {"noise": {"type": "categorical", "choices": ["none", "gaussian_noise(stddev=0.1)"]},
             "learning_rate": {"type": "float", "low": 0.001, "high": 0.1}}  # fmt: skip
    searched = Study(name="s", base=base, search={"space": space})
    assert list(names_to_check(searched).values()) == ["search.space.noise"]
