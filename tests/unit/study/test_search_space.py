"""Search spaces: what may be declared, what a point draws, and what it makes of a recipe."""

import json

import pytest
from optuna.distributions import FloatDistribution

from stepladder import Study, StudyError
from stepladder.study.search import Search, populations, rungs
from stepladder.study.search_space import Dimension, Parameter, config_of, dimensions, draw_values

RATE = {"type": "float", "low": 1e-4, "high": 0.1, "log": True}
OPTIMIZER = {"type": "categorical", "choices": ["sgd", "adam"]}
MOMENTUM = {"type": "float", "low": 0.5, "high": 0.9, "when": {"optimizer": "sgd"}}


def study(space=None, base=None, **search):
    return Study(
        name="s",
        base={"hidden": [8], "epochs": 9, **(base or {})},
        search={"space": {"learning_rate": RATE} if space is None else space, **search},
    )


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ({}, "at least one field"),
        ({"lerning_rate": RATE}, "did you mean 'learning_rate'?"),
        ({"learning_rate": {**RATE, "low": 0.1}}, "low must be below high, found 0.1 and 0.1"),
        ({"learning_rate": {**RATE, "low": 0.2}}, "low must be below high, found 0.2 and 0.1"),
        ({"learning_rate": {**RATE, "low": 0.0}}, "low must be above 0 on a logarithmic scale"),
        ({"learning_rate": {"type": "float", "low": 0.1}}, "must have low and high"),
        ({"learning_rate": {**RATE, "step": 0.01}}, "step and log exclude each other"),
        ({"learning_rate": {**RATE, "low": -1.0, "log": False}}, "learning_rate must be above 0"),
        ({"dropout": {"type": "float", "low": 0.0, "high": 1.0}}, "dropout must be below 1"),
        ({"batch_size": {"type": "float", "low": 8, "high": 64}}, 'write type = "int"'),
        ({"batch_size": {"type": "int", "low": 8, "high": 64.5}}, "an int takes whole numbers"),
        ({"activation": {"type": "categorical", "choices": ["relu"]}}, "two values or more"),
        ({"activation": {"type": "categorical", "choices": ["relu", "relu"]}}, "all different"),
        ({"activation": {"type": "categorical", "choices": ["relu", "rleu"]}}, "did you mean"),
        ({"optimizer": OPTIMIZER, "momentum": {**MOMENTUM, "when": {}}}, "not contradict itself"),
        ({"momentum": MOMENTUM}, "must name another parameter of the space"),
        ({"optimizer": OPTIMIZER, "momentum": {**MOMENTUM, "when": {"optimizer": "rmsprop"}}},
         "it is never true"),
        ({"optimizer": {**OPTIMIZER, "when": {"normalization": "batch"}},
          "normalization": {"type": "categorical", "choices": ["none", "batch"],
                            "when": {"optimizer": "sgd"}}}, "depend on each other in a circle"),
        ({"learning_rate": {"type": "uniform", "low": 0.1, "high": 1.0}}, "'float', 'int' or"),
        ({"hidden": {"type": "categorical", "choices": [[8], [9]]},
          "layers": {"type": "int", "low": 1, "high": 2}}, "either hidden or layers"),
        ({"layers": {"type": "int", "low": 0, "high": 2}}, "whole numbers from 1"),
        ({"epochs": {"type": "int", "low": 1, "high": 9}}, "cannot draw epochs"),
        ({"model": RATE}, "must be of fields of the recipe"),
        ({"learning_rate": {**RATE, "each": True}}, "learning_rate must not have each"),
        ({"max_norm": {"type": "categorical", "choices": [{"a": 1}, {"a": 2}]}},
         "choices must be numbers, words, true or false, lists of units, or tables with name"),
        ({"dropout": {"type": "categorical", "choices": ["none", 0.2]}}, "must be a number"),
    ],
)  # fmt: skip
def test_a_space_that_cannot_be(space, expected):
    with pytest.raises(StudyError, match=expected.replace("?", r"\?")):
        study(space)


@pytest.mark.parametrize(
    ("name", "low", "high", "base"),
    [
        ("vat_xi", 0.05, 0.5, {"vat": 1.0}),
        ("augment_smoothness", 3.0, 8.0, {"augment_elastic": 1.0}),
        ("augment_calm", 0.0, 0.3, {"augment_shift": 1.0}),
    ],
)  # fmt: skip
def test_what_goes_with_another_field_may_be_drawn_beside_it(name, low, high, base):
    drawn_from = {name: {"type": "float", "low": low, "high": high}}
    assert name in study(drawn_from, base).search.space
    with pytest.raises(StudyError, match="not contradict itself"):
        study(drawn_from)


def test_what_a_recipe_may_do_without_is_a_choice_too(tmp_path):
    made = study({"max_norm": {"type": "categorical", "choices": [None, 3.0]}})
    space = made.search.space
    assert space["max_norm"].choices == ("none", 3.0)
    assert config_of({"max_norm": "none"}, space, made.base).max_norm is None
    (tmp_path / "study.toml").write_text(made.to_toml(), "utf-8")
    assert Study.load(tmp_path / "study.toml") == made


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"trials": 0}, "trials must be at least 1"),
        ({"budget": 8}, "must pay for one candidate at least, which takes 9 epochs, found 8"),
        ({"least_epochs": 10}, "least_epochs must be at most the 9 epochs"),
        ({"pruning": "halve"}, "did you mean 'halving'?"),
        ({"reduction": 1}, "reduction must be at least 2"),
        ({"sapmler": "tpe"}, "did you mean 'search.sampler'?"),
    ],
)
def test_a_search_that_cannot_be(search, expected):
    with pytest.raises(StudyError, match=expected.replace("?", r"\?")):
        study(**search)


def test_a_study_with_a_search_is_read_back_as_it_was_written(tmp_path):
    made = study({"optimizer": OPTIMIZER, "momentum": MOMENTUM, "learning_rate": RATE}, budget=90)
    file = tmp_path / "study.toml"
    file.write_text(made.to_toml(), "utf-8")
    assert Study.load(file) == made
    assert Study(**json.loads(json.dumps(made.model_dump(mode="json", by_alias=True)))) == made


def test_optunas_own_names_of_distributions_will_do():
    assert study({"learning_rate": {**RATE, "type": "FloatDistribution"}}) == study()


def places(of, count=1000):
    return [of.at((place + 0.5) / count) for place in range(count)]


def dimension(**fields):
    return Dimension("x", Parameter(**fields), {})


def test_each_kind_of_range_is_drawn_evenly_on_its_own_scale():
    values = places(dimension(type="int", low=2, high=10, step=4))
    assert {value: values.count(value) for value in values} == {2: 333, 6: 334, 10: 333}
    values = places(dimension(type="float", low=0.0, high=0.5, step=0.25))
    assert sorted(set(values)) == [0.0, 0.25, 0.5]
    values = places(dimension(type="float", low=0.001, high=10.0, log=True))
    assert sum(value < 0.1 for value in values) == 500
    assert 0.001 <= min(values) <= max(values) <= 10
    values = places(dimension(type="int", low=1, high=100, log=True))
    assert {1, 100} <= set(values)
    assert 450 < sum(value <= 10 for value in values) < 650
    assert set(places(dimension(type="categorical", choices=["a", "b"]))) == {"a", "b"}
    assert dimension(type="float", low=0.0, high=2.0).at(0.25) == 0.5


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [(0.0, 0.3, 0.1), (0.0, 0.6, 0.2), (0.0, 0.7, 0.1), (0.1, 0.3, 0.1), (0.0, 0.35, 0.1)],
)
@pytest.mark.filterwarnings("ignore:The distribution is specified by")
def test_steps_are_those_that_optuna_knows(low, high, step):
    values = sorted(set(places(dimension(type="float", low=low, high=high, step=step))))
    known = FloatDistribution(low, high, step=step)
    assert all(known._contains(value) for value in values), values
    assert (values[0], values[-1]) == (known.low, known.high)


LARGE = {
    "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
    "activation": {"type": "categorical", "choices": [
        "relu", "elu", "tanh", "sigmoid", "selu", "gelu", "leaky_relu", "silu"]},
    "initializer": {"type": "categorical", "choices": [
        "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal",
        "lecun_uniform"]},
    "scaling": {"type": "categorical", "choices": ["unit", "standardised", "none"]},
    "schedule": {"type": "categorical", "choices": ["constant", "cosine", "one_cycle"]},
    "batch_size": {"type": "int", "low": 8, "high": 64, "step": 8},
}  # fmt: skip


def test_a_space_too_large_to_try_in_full_is_checked_at_random_and_conditions_in_full():
    when = {"when": {"optimizer": "sgd"}}
    assert study({**LARGE, "momentum": {**MOMENTUM, **when}}).search
    with pytest.raises(StudyError, match="not contradict itself"):
        study({**LARGE, "momentum": {**MOMENTUM, "when": {}}})


def test_what_a_condition_rules_out_is_not_drawn():
    made = study({"momentum": MOMENTUM, "optimizer": OPTIMIZER})
    every = dimensions(made.search.space, made.base)
    assert [each.name for each in every] == ["optimizer", "momentum"]
    assert draw_values(every, [0.1, 0.5], made.base) == {"optimizer": "sgd", "momentum": 0.7}
    params = draw_values(every, [0.9, 0.5], made.base)
    assert params == {"optimizer": "adam"}
    assert config_of(params, made.search.space, made.base).momentum == 0


def test_layers_and_units_make_the_hidden_layers():
    units = {"type": "int", "low": 4, "high": 8, "step": 4, "each": True}
    made = study({"layers": {"type": "int", "low": 1, "high": 3}, "units": units})
    every = dimensions(made.search.space, made.base)
    assert [each.name for each in every] == ["layers", "units_1", "units_2", "units_3"]
    params = draw_values(every, [0.5, 0.1, 0.9, 0.9], made.base)
    assert params == {"layers": 2, "units_1": 4, "units_2": 8}
    assert config_of(params, made.search.space, made.base).hidden == (4, 8)
    made = study({"layers": {"type": "int", "low": 1, "high": 3},
                  "units": {"type": "categorical", "choices": [4, 16]}})  # fmt: skip
    params = draw_values(dimensions(made.search.space, made.base), [0.9, 0.9], made.base)
    assert config_of(params, made.search.space, made.base).hidden == (16, 16, 16)
    made = study({"units": {"type": "int", "low": 4, "high": 8}}, {"hidden": [5, 5]})
    assert config_of({"units": 7}, made.search.space, made.base).hidden == (7, 7)


def test_layers_of_the_base_have_units_of_their_own():
    made = study({"units": {"type": "int", "low": 4, "high": 8, "each": True}}, {"hidden": [5, 5]})
    every = dimensions(made.search.space, made.base)
    assert [each.name for each in every] == ["units_1", "units_2"]
    params = draw_values(every, [0.0, 1.0], made.base)
    assert config_of(params, made.search.space, made.base).hidden == (4, 8)


def test_a_list_of_units_is_one_choice():
    made = study({"hidden": {"type": "categorical", "choices": [[8], [16, 8]]}})
    assert config_of({"hidden": "16-8"}, made.search.space, made.base).hidden == (16, 8)


SPACE = {"learning_rate": RATE}


def test_halving_keeps_one_in_three():
    search = Search(space=SPACE, trials=16, reduction=3, least_epochs=1)
    assert rungs(search, 9) == (1, 3, 9)
    (population,) = populations(search, 9, learns=False, resumes=True)
    assert population.sizes == (16, 5, 1)
    assert population.epochs(resumes=True) == 16 * 1 + 5 * 2 + 1 * 6
    assert population.epochs(resumes=False) == 16 * 1 + 5 * 3 + 1 * 9


def test_hyperband_goes_through_its_brackets():
    """Li et al. 2018, table 1: R = 81, eta = 3."""
    search = Search(space=SPACE, trials=143, pruning="hyperband")
    made = list(populations(search, 81, learns=True, resumes=True))
    assert [(each.size, each.rungs[0]) for each in made] == [
        (81, 1), (34, 3), (15, 9), (8, 27), (5, 81),
    ]  # fmt: skip
    assert made[0].sizes == (81, 27, 9, 3, 1)
    longer = list(populations(search.changed({"trials": 150}), 81, learns=True, resumes=True))
    assert longer[5].size == 7


def test_a_sampler_that_learns_is_asked_in_batches():
    search = Search(space=SPACE, trials=40, pruning="none")
    assert [each.size for each in populations(search, 9, True, True)] == [16, 16, 8]
    assert [each.size for each in populations(search, 9, False, True)] == [40]


def test_a_budget_is_never_overdrawn():
    search = Search(space=SPACE, trials=40, pruning="none", budget=200)
    made = list(populations(search, 9, True, True))
    assert sum(each.epochs(resumes=True) for each in made) <= 200
    assert sum(each.size for each in made) == 200 // 9


def test_a_choice_may_be_a_name_with_arguments_as_text_or_table():
    adam = {"name": "adam", "amsgrad": True}
    space = {
        "optimizer": {"type": "categorical", "choices": ["sgd", adam, "lion(beta_1=0.8)"]},
        "momentum": {**MOMENTUM, "when": {"optimizer": "sgd"}},
    }
    study = Study(name="s", base={"hidden": [3]}, search={"space": space})
    parameter = study.search.space["optimizer"]
    assert parameter.values == ("sgd", "adam(amsgrad=True)", "lion(beta_1=0.8)")
    recipe = config_of({"optimizer": "adam(amsgrad=True)"}, study.search.space, study.base)
    assert recipe.optimizer == "adam(amsgrad=True)"
