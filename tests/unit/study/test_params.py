"""Parameters of a training of the user's own."""

import math

import pytest

from stepladder.errors import StudyError
from stepladder.study.params import Params, as_recipe, flat_values, with_values
from stepladder.study.recipe import Recipe
from stepladder.study.values import flatten

VALUES = {"lr": 0.1, "net": {"depth": 2, "act": "relu"}, "flags": [1, {"a": True}], "off": {}}


def params(values=VALUES, trainer="a"):
    return Params(trainer=trainer, values=values)


def test_values_have_the_path_of_their_key():
    assert params().flat == {"lr": 0.1, "net.depth": 2, "net.act": "relu",
                             "flags": [1, {"a": True}], "off": {}}  # fmt: skip
    assert flat_values(params()) == params().flat
    assert list(flatten({})) == []


def test_a_change_replaces_what_it_names_and_nothing_else():
    changed = params().changed({"net": {"depth": 3}})
    assert changed.values == {**VALUES, "net": {"depth": 3, "act": "relu"}}
    assert params().values == VALUES
    assert changed.changed({"net": {"depth": 2}}) == params()
    assert params().changed({"net": 1}).values["net"] == 1  # no table any more
    assert params().changed({"flags": []}).values["flags"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Lr": 1}, "found 'Lr'; did you mean 'lr'?"),
        ({"net": {"dept": 1}}, "found 'net.dept'; did you mean 'net.depth'?"),
        ({"dropout": 1}, r"found 'dropout'; add it to \[base\]"),
        ({"off": {"a": 1}}, r"found 'off.a'; add it to \[base\]"),
    ],
)
def test_a_change_of_what_the_base_has_not_is_refused(change, message):
    with pytest.raises(StudyError, match=message):
        params().changed(change)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, None, b"x", 1j, [{1: 2}], [math.nan], {"a": [None]},
     "half \ud800 of one", ["\udfff"], object],
)  # fmt: skip
def test_what_json_has_not_is_refused(value):
    with pytest.raises(StudyError, match="must be finite numbers, texts, true or false"):
        params({"x": {"y": value}})


@pytest.mark.parametrize("values", [{"a.b": 1}, {"t": {"a.b": 1}}, {"t": {"u": {".": 1}}}])
def test_a_key_with_a_dot_is_refused(values):
    with pytest.raises(StudyError, match="must have keys without a dot"):
        params(values)


@pytest.mark.parametrize(
    "key", ["my key", "é", "", "a-b", "a:b", "{a}", "trainer", "values", "x\n"]
)
def test_any_other_key_will_do(key):
    given = params({key: 1}).changed({key: 2})
    assert given.flat == {key: 2}
    assert with_values(given, {key: 3.0}).flat == {key: 3}


def test_equality_and_hash_are_of_trainer_and_values():
    assert params() == params()
    assert hash(params()) == hash(params())
    assert params({"b": 1, "a": 2}) == params({"a": 2, "b": 1})
    assert params(trainer="b") != params()
    assert params({"x": 1}) != params({"x": 1.0})
    assert params({"x": True}) != params({"x": 1})
    assert params({"x": 1}) != Recipe(hidden=[1])


def test_numbers_stay_whole_where_they_are_whole():
    found = with_values(params(), {"lr": 2.0, "net.depth": 4.0})
    assert found.flat["lr"] == 2.0
    assert type(found.flat["net.depth"]) is int
    assert with_values(params(), {}) == params()


def test_a_training_counts_as_one_epoch_and_is_no_recipe():
    assert params().epochs == 1
    with pytest.raises(TypeError, match="must have a Recipe, found Params"):
        as_recipe(params())
