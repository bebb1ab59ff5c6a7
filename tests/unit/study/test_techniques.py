"""The catalogue of techniques, and what else differs where one is changed."""

import pytest

from stepladder import CATALOGUE, Recipe, Study, StudyError, Technique
from stepladder.study.confounds import confound_sentences, confounds

# The catalogue: every entry is a valid change with its failure and its paper.


BASES = [
    Recipe(hidden=[4, 4], activation="sigmoid", initializer="random_normal", scaling="none"),
    Recipe(hidden=[4, 4], activation="relu", initializer="he_normal", optimizer="adam"),
]


@pytest.mark.parametrize("technique", CATALOGUE, ids=lambda technique: technique.name)
def test_every_entry_changes_some_recipe_and_says_why(technique):
    assert any(base.changed(technique.change) != base for base in BASES)
    assert technique.mends
    assert technique.reference or technique.name == "raw inputs"


def test_names_differ_whatever_their_capitals_and_hyphens():
    plain = ["".join(filter(str.isalnum, each.name.casefold())) for each in CATALOGUE]
    assert len(set(plain)) == len(plain)


@pytest.mark.parametrize("name", ["he normal", "HE-Normal", "He normal"])
def test_a_name_of_the_catalogue_brings_its_change(name):
    assert Technique(name=name).change == {"initializer": "he_normal"}


def test_a_change_of_ones_own_replaces_the_catalogue():
    assert Technique(name="dropout", change={"dropout": 0.5}).change == {"dropout": 0.5}


def test_an_unknown_name_without_a_change_is_refused_with_the_nearest():
    with pytest.raises(StudyError, match="did you mean 'batch normalisation'"):
        Technique(name="batch normalization")


# Confounds: what else differs is named, what is judged is not.


BASE = {"hidden": [50], "activation": "sigmoid", "batch_size": 32}


def explicit(*arms, **fields):
    return Study(name="s", design="explicit", base=BASE, explicit=list(arms), **fields)


def named(study, **known):
    return [(each.arm, each.what, each.by_technique) for each in confounds(study, **known)]


@pytest.mark.parametrize("design", ["ladder", "one_at_a_time", "leave_one_out", "factorial"])
def test_a_design_of_ours_confounds_nothing(design):
    assert confounds(Study.load("mnist", {"design": design}), train=54_000) == ()


def test_a_fraction_confounds_nothing_either():
    techniques = ["He normal", "ReLU", "Adam", "dropout", "L2"]
    study = Study(name="s", design="fraction", base=BASE, techniques=techniques)
    assert confounds(study, train=54_000) == ()


def test_the_batch_size_of_the_original_table_is_named():
    study = explicit(
        {"name": "ELU", "change": {"activation": "elu", "batch_size": 256}, "technique": "ELU"}
    )
    (found,) = confounds(study)
    assert (found.what, found.here, found.there, found.technique) == ("batch_size", 256, 32, "ELU")
    assert confound_sentences([found]) == [
        "ELU also differs from base in batch_size (256 against 32): smaller batches take more "
        "steps an epoch, with noisier gradients. An arm that changes batch_size alone would show "
        "how much that is."
    ]


def test_steps_are_named_too_where_the_data_are_known():
    study = explicit(
        {"name": "ELU", "change": {"activation": "elu", "batch_size": 256}, "technique": "ELU"}
    )
    assert named(study, train=54_000) == [
        ("ELU", "batch_size", False), ("ELU", "optimizer steps", False)
    ]  # fmt: skip
    assert len(confound_sentences(confounds(study, train=54_000))) == 1, "one field decides both"


def test_what_a_base_of_few_images_leaves_out_is_not_taken_for_all_there_is():
    def of_few(arm):
        study = explicit(arm)
        return study.changed({"base": study.base.changed({"train_examples": 500})})

    every = of_few({"name": "all", "change": {"train_examples": "none"}})
    assert confounds(every, train=500) == ()
    more = of_few({"name": "more", "change": {"train_examples": 900}})
    assert [each.what for each in confounds(more, train=500)] == ["optimizer steps"]


def test_what_follows_from_the_technique_itself_says_so():
    study = explicit({"name": "GLU", "change": {"activation": "glu"}},
                     {"name": "small batches", "change": {"batch_size": 16}},
                     {"name": "tiny batches", "change": {"batch_size": 8}})  # fmt: skip
    known = {"base": 39_760, "GLU": 20_135, "small batches": 39_760, "tiny batches": 39_760}
    found = confounds(study, train=54_000, parameters=known)
    assert [(each.arm, each.what, each.by_technique) for each in found] == [
        ("GLU", "parameters", True), ("small batches", "optimizer steps", True),
        ("tiny batches", "optimizer steps", True),
    ]  # fmt: skip
    assert confound_sentences(found) == [
        "GLU differs from base in the number of parameters (20,135 against 39,760): a larger "
        "network can fit more. An arm of equal size would show how much that is.",
        "small batches and tiny batches differ from base in the number of optimizer steps: more "
        "steps train further. An arm with as many steps would show how much that is.",
    ]


def test_a_technique_that_is_the_size_or_the_steps_has_no_confound():
    study = explicit({"name": "wide", "change": {"hidden": [100]}},
                     {"name": "long", "change": {"epochs": 40}})  # fmt: skip
    known = {"base": 39_760, "wide": 79_510, "long": 39_760}
    assert confounds(study, train=54_000, parameters=known) == ()
    wider = Study(name="s", base=BASE, techniques=[
        {"name": "wider", "change": {"hidden": [100], "l2": 0.1}}, "ReLU"])  # fmt: skip
    known = {"base": 39_760, "+ wider": 79_510, "+ ReLU": 79_510}
    assert confounds(wider, train=54_000, parameters=known) == ()


def test_what_holds_of_several_arms_is_said_once():
    changes = [{"dropout": 0.1 + 0.1 * (place > 1), "l2": 0.1} for place in range(5)]
    study = explicit(*({"name": f"a{place}", "change": change, "technique": "L2"}
                       for place, change in enumerate(changes)))  # fmt: skip
    two, five = (confound_sentences(confounds(study)[:count]) for count in (2, 5))
    assert [line.partition(":")[0] for line in (*two, *five)] == [
        "a0 and a1 also differ from base in dropout (0.1 against 0.0)",
        "a0, a1 and 3 other arms also differ from base in dropout",
    ]


def test_a_little_more_of_either_is_not_worth_telling():
    study = explicit({"name": "norm", "change": {"normalization": "batch"}})
    assert confounds(study, parameters={"base": 47_410, "norm": 47_610}) == ()


def test_without_a_technique_one_change_is_judged_and_several_confound_each_other():
    study = explicit({"name": "one", "change": {"dropout": 0.1}},
                     {"name": "two", "change": {"dropout": 0.1, "epochs": 5}},
                     {"name": "both", "change": {"dropout": 0.1, "epochs": 5, "l2": 0.1},
                      "compared_with": "two"})  # fmt: skip
    assert named(study) == [("two", "dropout", False), ("two", "epochs", False)]


def test_arms_compared_with_each_other_are_looked_at_not_the_base():
    study = explicit({"name": "a", "change": {"dropout": 0.1, "batch_size": 8}},
                     {"name": "b", "change": {"dropout": 0.2, "batch_size": 8},
                      "compared_with": "a", "technique": "dropout"})  # fmt: skip
    assert [each for each in named(study) if each[0] == "b"] == []


def test_a_tuned_field_is_exempt_in_a_fair_study():
    study = Study.load("mnist", {"tuning": "fair"})
    arms = tuple(
        arm if place % 2 else type(arm)(arm.name, arm.recipe.changed({"learning_rate": 0.3}),
                                        arm.compared_with, arm.technique)
        for place, arm in enumerate(study.arms)
    )  # fmt: skip
    assert confounds(study, arms) == ()
    fixed = Study.load("mnist")
    assert {each.what for each in confounds(fixed, arms)} == {"learning_rate"}
    batches = Study.load("mnist", {"tuning": "fair", "tune.grid.batch_size": [32, 64, 256]})
    tuned = tuple(
        type(arm)(arm.name, arm.recipe.changed({"batch_size": (32, 256)[place % 2]}),
                  arm.compared_with, arm.technique)
        for place, arm in enumerate(batches.arms)
    )  # fmt: skip
    assert confounds(batches, tuned, train=54_000) == ()


def test_a_change_may_name_an_optimizer_by_a_table():
    change = {"optimizer": {"name": "Adam", "amsgrad": True}}
    assert Technique(name="mine", change=change).change == {"optimizer": "adam(amsgrad=True)"}


def test_a_change_to_absolute_rates_is_allowed_where_the_base_begins_at_the_first():
    schedule = "piecewise_constant_decay(boundaries_epochs=[1], values=[0.5, 0.1])"
    assert Technique(name="mine", change={"schedule": schedule}).change == {"schedule": schedule}


@pytest.mark.parametrize("technique", CATALOGUE, ids=lambda technique: technique.name)
def test_an_optimizer_resets_what_another_one_set(technique):
    if "optimizer" in technique.change:
        assert {"momentum", "nesterov"} <= set(technique.change)
