"""Each field of the recipe says what it is, and whoever needs fields of a kind asks there."""

import pytest

from stepladder import Recipe
from stepladder.hpo.halving import FORESEEING
from stepladder.study import recipe
from stepladder.study.recipe import FIELD_ROLES, FieldRole, fields_with, is_on
from stepladder.training.groups import is_lane_number, program_key
from stepladder.training.population.program import Numbers

FIELDS = list(Recipe.model_fields)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_one_role(name):
    roles = [each for each in Recipe.model_fields[name].metadata if isinstance(each, FieldRole)]
    assert roles == [FIELD_ROLES[name]]


def test_fields_of_a_kind_come_in_the_order_of_the_recipe():
    assert fields_with(lambda role: role) == tuple(FIELDS)
    assert fields_with(lambda role: role.kind == "group") == ("epochs", "scaling", "train_examples")
    assert fields_with(lambda role: role.kind == "strength") == (
        "l2", "weight_decay", "label_smoothing", "vat", "ema", "swa",
    )  # fmt: skip


def test_the_lists_that_others_read():
    assert recipe.NETWORK_FIELDS == (
        "hidden", "activation", "initializer", "normalization", "normalization_position",
        "dropout", "l2", "max_norm",
    )  # fmt: skip
    distortions = ("rotation", "scale", "shear", "shift", "elastic")
    assert tuple(f"augment_{each}" for each in distortions) == recipe.DISTORTIONS
    assert (*recipe.DISTORTIONS, "deskew") == recipe.IMAGE_FIELDS
    assert set(FORESEEING) == {"warmup", "swa", "augment_calm"}


def test_what_the_size_of_a_training_follows_from():
    assert set(fields_with(lambda role: role.decides == "steps")) == {
        "epochs", "batch_size", "train_examples",
    }  # fmt: skip
    assert set(fields_with(lambda role: role.decides == "parameters")) == {
        "hidden", "normalization", "normalization_position",
    }  # fmt: skip


def test_lanes_differ_in_lanes_and_strengths_alone():
    base = Recipe(hidden=[5])
    may_differ = [name for name in FIELDS if is_lane_number(name, base)]
    assert may_differ == list(fields_with(lambda role: role.kind in ("lane", "strength")))
    of_own = base.changed({"model": f"{'0' * 64}:build"})
    assert {name for name in may_differ if not is_lane_number(name, of_own)} == {
        "initializer", "l2",
    }  # fmt: skip


def test_the_key_of_programs_knows_numbers_by_what_stands_for_them():
    trained = Recipe(hidden=[5], epochs=7, learning_rate=0.3, decay_rate=0.5, l2=0.01)
    key = program_key(trained)
    assert (key.epochs, key.learning_rate, key.decay_epochs, key.decay_rate) == (1, 1.0, 1, 1.0)
    assert (key.l2, key.weight_decay, key.vat_xi) == (0.5, 0.0, 0.1)
    assert key.hidden == (5,)


@pytest.mark.parametrize("name", fields_with(lambda role: role.kind == "strength"))
def test_a_strength_is_off_by_default(name):
    assert not is_on(name, Recipe(hidden=[5]))
    assert is_on(name, Recipe(hidden=[5], **{name: 0.5}))


def test_a_program_is_given_numbers_in_which_lanes_may_differ():
    assert {FIELD_ROLES[name].kind for name in Numbers._fields} == {"lane", "strength"}
    assert Numbers.given(Recipe(hidden=[5])) == ["l2", "weight_decay", "label_smoothing"]
    assert Numbers.given(Recipe(hidden=[5], vat=2.0)) == list(Numbers._fields)


@pytest.mark.parametrize("name", fields_with(lambda role: role.needs))
def test_beside_what_it_needs_a_field_takes_its_value(name):
    about = Recipe.model_fields[name]
    beside = {"hidden": [5], **FIELD_ROLES[name].needs}
    assert getattr(Recipe(**{**beside, name: about.examples[0]}), name) == about.examples[0]


def test_what_came_later_is_written_only_where_it_is_on():
    first = set(fields_with(lambda role: role.since == 1))
    assert set(Recipe(hidden=[5]).model_dump(mode="json")) == first
    assert {"model", "mixup", "deskew"}.isdisjoint(first)
    assert {"hidden", "train_examples"} <= first


def test_roles_can_be_compared_and_hashed():
    assert hash(FieldRole("lane", needs={"vat": 1.0})) == hash(FieldRole("lane", needs={"vat": 1}))
