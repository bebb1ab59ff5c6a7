"""Recipes: strict, frozen, canonical; each field says what it is."""

import math
from dataclasses import replace

import pytest

from stepladder import Recipe, StudyError
from stepladder.study import recipe
from stepladder.study.recipe import FIELD_ROLES, FieldRole, fields_with, is_on
from stepladder.training.groups import is_lane_number, program_key
from stepladder.training.population.program import Numbers
from stepladder.training.schedules import FORESEEING
from stepladder.trials.trial import Trial

# Recipes: strict, frozen, canonical, and changed without being changed.


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
        ("bias_initializer", "ones"),
        ("dropout", 0.5),
        ("noise", "gaussian_noise(stddev=0.1)"),
        ("dropout_position", "before"),
        ("input_noise", "alpha_dropout(rate=0.1)"),
        ("residual", True),
        ("kernel_regularizer", "l1"),
        ("bias_regularizer", "l2"),
        ("activity_regularizer", "l1_l2(l1=0.1)"),
        ("kernel_constraint", "unit_norm"),
        ("bias_constraint", "non_neg"),
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
        ("clipnorm", 2.0),
        ("clipvalue", 2.0),
        ("gradient_accumulation_steps", 4),
        ("loss", "categorical_focal_crossentropy"),
        ("class_weight", "balanced"),
        ("target_scaling", "none"),
        ("patience", 3),
        ("score_at", "best"),
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
    base = Recipe(hidden=[50, 50])
    assert base.changed({field: value}).fingerprint != base.fingerprint
    assert base == Recipe(hidden=[50, 50])


def test_no_field_is_missing_from_the_test_above():
    mark = test_every_field_decides_the_fingerprint.pytestmark[0]
    # need another field beside them
    details = {"nesterov", "own", *(field for _, field, _ in DETAILS)}
    tried = {field for field, _ in mark.args[1]} | details
    assert tried == set(Recipe.model_fields)


PIECEWISE = "piecewise_constant_decay(boundaries_epochs=[1], values=[0.1, 0.01])"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "adam(amsgrad=True)", "momentum": 0.9}, "momentum must be 0 with .* adam"),
        ({"optimizer": "rmsprop(rho=0.8)", "momentum": 0.9, "nesterov": True}, "nesterov must be"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "in one way at most, found clipnorm and clipvalue"),
        ({"gradient_accumulation_steps": 1}, "must be at least 2, found 1"),
        ({"schedule": PIECEWISE}, "learning_rate must be 0.1, the first of the schedule's values"),
        ({"schedule": PIECEWISE.replace("[1]", "[2, 1]")}, "must have rising boundaries"),
        ({"schedule": PIECEWISE.replace("[1]", "[]")}, "must have rising boundaries"),
        ({"schedule": PIECEWISE.replace("[1]", "3")}, "must have rising boundaries"),
    ],
)
def test_what_an_optimizer_or_a_schedule_contradicts_is_refused(fields, message):
    with pytest.raises(StudyError, match=message):
        Recipe(hidden=[50], **fields)


def test_arguments_are_structure_and_schedules_are_numbers():
    plain = Recipe(hidden=[50], optimizer="rmsprop", momentum=0.9)
    other = plain.changed({"optimizer": {"name": "RMSprop", "centered": True}})
    assert other.optimizer == "rmsprop(centered=True)"
    assert program_key(other) != program_key(plain)
    assert program_key(plain.changed({"schedule": PIECEWISE, "learning_rate": 0.1})) == program_key(
        plain
    )


DETAILS = [
    ({"patience": 3}, "min_delta", 0.1),
    ({"patience": 3}, "start_from_epoch", 2),
    ({"score_at": "best"}, "monitor", "val_accuracy"),
    ({"vat": 2.0}, "vat_xi", 0.2),
    ({"residual": True}, "stochastic_depth", 0.2),
    ({"augment_elastic": 1.0}, "augment_smoothness", 3.0),
    ({"augment_shift": 1.0}, "augment_calm", 0.1),
]


@pytest.mark.parametrize(("beside", "field", "value"), DETAILS)
def test_a_detail_decides_the_fingerprint_beside_what_it_is_of_and_is_refused_alone(
    beside, field, value
):
    base = Recipe(hidden=[50, 50], **beside)
    assert base.changed({field: value}).fingerprint != base.fingerprint
    shown = value if isinstance(value, str) else f"{value:g}"
    with pytest.raises(StudyError, match=f"{field} must be .* without .*, found {shown}; set"):
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
        ({"hidden": [50], "noise": "gaussian_noise"}, "noise must have the argument stddev"),
        ({"hidden": [50, 40], "residual": True}, "residual must be false where no hidden layer"),
        (
            {"hidden": [50], "l2": 0.1, "kernel_regularizer": "l1"},
            "kernel_regularizer must be none where l2 is set, found l1 and 0.1",
        ),
        (
            {"hidden": [50], "max_norm": 3, "kernel_constraint": "unit_norm"},
            "kernel_constraint must be none where max_norm is set, found unit_norm and 3",
        ),
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


# Each field of the recipe says what it is, and whoever needs fields of a kind asks there.


FIELDS = list(Recipe.model_fields)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_one_role(name):
    roles = [each for each in Recipe.model_fields[name].metadata if isinstance(each, FieldRole)]
    assert roles == [FIELD_ROLES[name]]


def test_fields_of_a_kind_come_in_the_order_of_the_recipe():
    assert fields_with(lambda role: role) == tuple(FIELDS)
    assert fields_with(lambda role: role.kind == "group") == (
        "epochs", "scaling", "train_examples", "target_scaling",
    )  # fmt: skip
    assert fields_with(lambda role: role.kind == "strength") == (
        "l2", "weight_decay", "label_smoothing", "vat", "ema", "swa",
    )  # fmt: skip


def test_the_lists_that_others_read():
    assert recipe.NETWORK_FIELDS == (
        "own", "hidden", "activation", "initializer", "bias_initializer", "normalization",
        "normalization_position", "dropout", "noise", "dropout_position", "input_noise", "residual",
        "stochastic_depth", "l2", "kernel_regularizer", "bias_regularizer", "activity_regularizer",
        "max_norm", "kernel_constraint", "bias_constraint",
    )  # fmt: skip
    distortions = ("rotation", "scale", "shear", "shift", "elastic")
    assert tuple(f"augment_{each}" for each in distortions) == recipe.DISTORTIONS
    assert (*recipe.DISTORTIONS, "deskew") == recipe.IMAGE_FIELDS
    assert set(FORESEEING) == {"warmup", "swa", "augment_calm"}


def test_what_the_size_of_a_training_follows_from():
    assert set(fields_with(lambda role: role.decides == "steps")) == {
        "epochs", "batch_size", "train_examples", "gradient_accumulation_steps", "patience",
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
        "initializer", "bias_initializer", "l2",
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
    numbers = {name: FIELD_ROLES[name].kind for name in Numbers._fields}
    assert numbers.pop("class_weight") == "structure"  # of the examples' classes, not of a lane
    assert set(numbers.values()) == {"lane", "strength"}
    assert Numbers.used_in(Recipe(hidden=[5])) == ["l2", "weight_decay", "label_smoothing"]
    everything = Recipe(hidden=[5], vat=2.0, class_weight="balanced")
    assert Numbers.used_in(everything) == list(Numbers._fields)


@pytest.mark.parametrize("name", fields_with(lambda role: role.needs))
def test_beside_what_it_needs_a_field_takes_its_value(name):
    about = Recipe.model_fields[name]
    beside = {"hidden": [5, 5], **FIELD_ROLES[name].needs}
    assert getattr(Recipe(**{**beside, name: about.examples[0]}), name) == about.examples[0]


def test_what_came_later_is_written_only_where_it_is_on():
    first = set(fields_with(lambda role: role.since == 1))
    assert set(Recipe(hidden=[5]).model_dump(mode="json")) == first
    assert {"model", "mixup", "deskew"}.isdisjoint(first)
    assert {"hidden", "train_examples"} <= first


def test_roles_can_be_compared_and_hashed():
    assert hash(FieldRole("lane", needs={"vat": 1.0})) == hash(FieldRole("lane", needs={"vat": 1}))
