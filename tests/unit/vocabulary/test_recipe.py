"""Recipes: strict, frozen, canonical, and changed without being changed."""

import math

import pytest

from stepladder import Recipe, StudyError


def test_equal_recipes_have_one_fingerprint_however_they_were_written():
    one = Recipe(hidden=[50, 50], optimizer="adam", learning_rate=1)
    other = Recipe(learning_rate=1.0, optimizer="adam", hidden=(50, 50))
    assert one == other
    assert hash(one) == hash(other)
    assert one.fingerprint == other.fingerprint


def test_fingerprint_is_pinned_so_that_stored_trials_are_found_again():
    # Raise NUMERICS_VERSION or migrate the store before this literal is ever changed.
    expected = "8d927277e22617fc"
    assert Recipe(hidden=[50]).fingerprint[:16] == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden", [51]),
        ("model", f"{'0' * 64}:build"),
        ("activation", "elu"),
        ("initializer", "he_normal"),
        ("normalization", "layer"),
        ("normalization_position", "after"),
        ("dropout", 0.5),
        ("optimizer", "adam"),
        ("learning_rate", 0.5),
        ("momentum", 0.9),
        ("schedule", "cosine"),
        ("decay_epochs", 3),
        ("decay_rate", 0.5),
        ("warmup", 0.1),
        ("batch_size", 64),
        ("epochs", 7),
        ("l2", 0.1),
        ("weight_decay", 0.1),
        ("max_norm", 2.0),
        ("label_smoothing", 0.2),
        ("global_clipnorm", 2.0),
        ("scaling", "none"),
        ("train_examples", 100),
    ],
)
def test_every_field_decides_the_fingerprint(field, value):
    base = Recipe(hidden=[50])
    assert base.changed({field: value}).fingerprint != base.fingerprint
    assert base == Recipe(hidden=[50])


def test_no_field_is_missing_from_the_test_above():
    mark = test_every_field_decides_the_fingerprint.pytestmark[0]
    tried = {field for field, _ in mark.args[1]} | {"nesterov"}  # needs momentum beside it
    assert tried == set(Recipe.model_fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "hidden is missing"),
        ({"hidden": []}, "hidden must have at least 1 entries, found []"),
        ({"hidden": [0]}, "hidden[1] must be at least 1, found 0"),
        ({"hidden": 50}, "hidden must be a list, found 50"),
        ({"hidden": [50], "dropout": 1.0}, "dropout must be below 1.0, found 1.0"),
        ({"hidden": [50], "dropout": -0.1}, "dropout must be at least 0.0, found -0.1"),
        ({"hidden": [50], "learning_rate": 0}, "learning_rate must be above 0.0, found 0"),
        ({"hidden": [50], "learning_rate": math.nan}, "must be a finite number, found nan"),
        ({"hidden": [50], "learning_rate": math.inf}, "must be a finite number, found inf"),
        ({"hidden": [50], "batch_size": True}, "batch_size must be a whole number, found true"),
        ({"hidden": [50], "batch_size": 1.5}, "batch_size must be a whole number, found 1.5"),
        ({"hidden": [50], "activation": "rleu"}, "did you mean 'relu'?"),
        ({"hidden": [50], "optimiser": "sgd"}, "did you mean 'optimizer'?"),
        ({"hidden": [50], "optimizer": "adam", "momentum": 0.9}, "momentum must be 0 with"),
        ({"hidden": [50], "nesterov": True}, "nesterov must be false without"),
    ],
)
def test_a_bad_field_is_named_with_what_was_found(fields, expected):
    with pytest.raises(StudyError) as caught:
        Recipe(**fields)
    assert expected in str(caught.value)


def test_all_problems_come_at_once():
    with pytest.raises(StudyError) as caught:
        Recipe(hidden=[50], dropout=2.0, epochs=0, foo=1)
    assert len(caught.value.problems) == 3


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(Exception, match="frozen"):
        Recipe(hidden=[50]).epochs = 3
