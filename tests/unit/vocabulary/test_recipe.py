"""Recipes: strict, frozen, canonical, and changed without being changed."""

import math
from dataclasses import replace

import pytest

from stepladder import Recipe, StudyError
from stepladder.trials.trial import Trial


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
        ("mixup", 0.2),
        ("vat", 2.0),
        ("ema", 0.999),
        ("swa", 0.25),
        ("augment_rotation", 15.0),
        ("augment_scale", 0.1),
        ("augment_shear", 0.1),
        ("augment_shift", 1.0),
        ("augment_elastic", 1.0),
        ("deskew", True),
    ],
)
def test_every_field_decides_the_fingerprint(field, value):
    base = Recipe(hidden=[50])
    assert base.changed({field: value}).fingerprint != base.fingerprint
    assert base == Recipe(hidden=[50])


def test_no_field_is_missing_from_the_test_above():
    mark = test_every_field_decides_the_fingerprint.pytestmark[0]
    details = {"nesterov", *(field for _, field, _ in DETAILS)}  # need another field beside them
    tried = {field for field, _ in mark.args[1]} | details
    assert tried == set(Recipe.model_fields)


DETAILS = [
    ({"vat": 2.0}, "vat_xi", 0.2),
    ({"augment_elastic": 1.0}, "augment_smoothness", 3.0),
    ({"augment_shift": 1.0}, "augment_calm", 0.1),
]


@pytest.mark.parametrize(("beside", "field", "value"), DETAILS)
def test_a_detail_decides_the_fingerprint_beside_what_it_is_of_and_is_refused_alone(
    beside, field, value
):
    base = Recipe(hidden=[50], **beside)
    assert base.changed({field: value}).fingerprint != base.fingerprint
    with pytest.raises(StudyError, match=f"{field} must be .* without .*, found {value:g}; set"):
        Recipe(hidden=[50], **{field: value})


@pytest.mark.parametrize("field", ["max_norm", "global_clipnorm", "train_examples"])
def test_what_a_recipe_may_do_without_can_be_taken_away(field):
    base = Recipe(hidden=[50], **{field: 3})
    assert getattr(base, field) == 3
    assert base.changed({field: "none"}) == Recipe(hidden=[50])
    accepted = Recipe.model_json_schema()["properties"][field]["anyOf"]
    assert "none" in [each.get("const") for each in accepted]


def test_what_is_off_is_not_written_so_that_older_trials_are_found_again():
    written = Recipe(hidden=[50], mixup=0.0, ema=0.0, deskew=False).model_dump(mode="json")
    assert set(written) == FIELDS_OF_RELEASE_1
    assert Recipe(hidden=[50], mixup=0.2).model_dump(mode="json")["mixup"] == 0.2


FIELDS_OF_RELEASE_1 = {
    "hidden", "activation", "initializer", "normalization", "normalization_position", "dropout",
    "optimizer", "learning_rate", "momentum", "nesterov", "schedule", "decay_epochs", "decay_rate",
    "warmup", "batch_size", "epochs", "l2", "weight_decay", "max_norm", "label_smoothing",
    "global_clipnorm", "scaling", "train_examples",
}  # fmt: skip


def test_a_trial_without_what_came_later_has_the_id_that_it_always_had():
    trial = Trial(Recipe(hidden=[50, 50], optimizer="adam"), "d" * 64, 6000, 7, 3)
    assert replace(trial, numerics=3).id == TRIAL_ID


TRIAL_ID = "6371a248462da47cb0d98f3455869c8e6415fc9392e24c6bf4d3518e26c3a2b5"


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
        ({"hidden": [50], "ema": 0.9, "swa": 0.2}, "ema must be 0 where swa is not, found 0.9"),
        ({"hidden": [50], "ema": 1.0}, "ema must be below 1.0, found 1.0"),
        ({"hidden": [50], "mixup": -1.0}, "mixup must be at least 0.0, found -1.0"),
        ({"hidden": [50], "vat": math.nan}, "vat must be a finite number, found nan"),
        ({"hidden": [50], "vat": 1.0, "vat_xi": 0}, "vat_xi must be above 0.0, found 0"),
        ({"hidden": [50], "augment_rotation": 181}, "augment_rotation must be at most 180.0"),
        ({"hidden": [50], "augment_scale": 1.0}, "augment_scale must be below 1.0, found 1.0"),
        ({"hidden": [50], "deskew": 1}, "deskew must be true or false, found 1"),
        ({"hidden": [50], "augment_turn": 3}, "augment_turn is not a key"),
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
