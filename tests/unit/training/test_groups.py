"""Groups: decided by the study alone, never by what is left to train."""

import itertools
from dataclasses import replace

import pytest

from stepladder import CATALOGUE, Recipe
from stepladder.study.recipe import fields_with
from stepladder.training.groups import MOST_LANES, evaluated_at_once, groups, program_key
from stepladder.trials.trial import Trial


def trial(replicate=0, **fields):
    return Trial(Recipe(**{"hidden": [5], **fields}), "data", 10, 0, replicate)


def test_learning_rates_and_initialisers_of_one_replicate_share_a_group():
    trials = [
        trial(learning_rate=0.1),
        trial(initializer="he_normal"),
        trial(activation="elu"),
        trial(replicate=1),
    ]
    assert [[trials.index(t) for t in group.trials] for group in groups(trials, trials)] == [
        [0, 1],
        [2],
        [3],
    ]


OF_A_GROUP = {
    "epochs": 3, "scaling": "none", "train_examples": 7, "target_scaling": "none"
}  # fmt: skip


def test_trials_that_differ_in_data_of_a_whole_group_share_none():
    assert tuple(OF_A_GROUP) == fields_with(lambda role: role.kind == "group")
    for field, value in OF_A_GROUP.items():
        trials = [trial(), trial(**{field: value})]
        assert len(groups(trials, trials)) == 2, field


def test_lanes_stay_as_the_study_made_them_whatever_is_missing():
    trials = [trial(learning_rate=rate / 10) for rate in range(1, 6)]
    for count in range(1, 6):
        for missing in itertools.combinations(trials, count):
            (group,) = groups(trials, missing)
            assert group.lanes == 5
            assert group.trials == missing


def test_large_groups_are_cut_evenly_and_at_the_same_places_whatever_is_missing():
    trials = [trial(learning_rate=rate / 100) for rate in range(1, MOST_LANES + 4)]
    first, second = groups(trials, trials)
    assert (first.lanes, second.lanes) == (5, 6)
    assert first.trials + second.trials == tuple(trials)
    (late,) = groups(trials, trials[-1:])
    assert (late.lanes, late.trials) == (6, tuple(trials[-1:]))


@pytest.mark.parametrize(("width", "lanes"), [(50, 8), (1024, 8), (2048, 2), (8192, 1)])
def test_wide_networks_get_fewer_lanes_for_their_memory(width, lanes):
    trials = [trial(hidden=[width] * 2, learning_rate=rate / 100) for rate in range(1, 17)]
    assert {group.lanes for group in groups(trials, trials)} == {lanes}


def test_a_trial_planned_twice_is_trained_once():
    trials = [trial(), trial()]
    (group,) = groups(trials, trials)
    assert len(group.trials) == group.lanes == 1


def test_nothing_missing_makes_no_group():
    assert groups([trial()], []) == []


@pytest.mark.parametrize("technique", CATALOGUE, ids=lambda technique: technique.name)
def test_a_structure_is_a_fixed_point(technique):
    recipe = Recipe(hidden=[5, 5], activation="silu", initializer="he_uniform", scaling="none")
    found = program_key(recipe.changed(technique.change))
    assert program_key(found) == found


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"learning_rate": 0.5}, True),
        ({"epochs": 3}, True),
        ({"schedule": "cosine", "warmup": 0.1}, True),
        ({"scaling": "none"}, True),
        ({"l2": 0.1}, False),
        ({"dropout": 0.1}, False),
        ({"momentum": 0.9}, False),
        ({"normalization_position": "after"}, True),
        ({"normalization": "batch"}, False),
        ({"batch_size": 7}, False),
    ],
)
def test_numbers_do_not_select_a_program_and_structure_does(fields, same):
    base = Recipe(hidden=[5])
    assert (program_key(base.changed(fields)) == program_key(base)) is same


def test_strengths_of_a_penalty_share_a_program():
    assert program_key(Recipe(hidden=[5], l2=0.1)) == program_key(Recipe(hidden=[5], l2=0.2))


def test_networks_of_one_s_own_share_a_program_and_no_lanes():
    trials = [trial(learning_rate=rate, model=f"{'0' * 64}:build") for rate in (0.1, 0.2)]
    first, second = groups(trials, trials)
    assert first.lanes == second.lanes == 1
    assert first.key.structure == second.key.structure


@pytest.mark.parametrize("change", [{"initializer": "he_normal"}, {"l2": 0.2}, {"l2": 0.1}])
def test_what_a_user_s_code_may_read_selects_a_program(change):
    base = Recipe(model=f"{'0' * 64}:build", l2=0.3)
    assert program_key(base.changed(change)) != program_key(base)
    assert program_key(base.changed({**change, "learning_rate": 0.5})) == program_key(
        base.changed(change)
    )


def test_replicates_are_stacked_as_many_as_the_study_says():
    trials = [trial(learning_rate=rate, replicate=r) for rate in (0.1, 0.2) for r in range(5)]
    made = groups(trials, trials, {program_key(trials[0].recipe): 2})
    assert [[(t.replicate, t.recipe.learning_rate) for t in group.trials] for group in made] == [
        [(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)],
        [(2, 0.1), (2, 0.2), (3, 0.1), (3, 0.2)],
        [(4, 0.1), (4, 0.2)],
    ]
    assert [group.replicates for group in made] == [2, 2, 1]
    assert [len(group.by_replicate()) for group in made] == [2, 2, 1]


def test_a_stack_stays_as_the_study_made_it_whatever_is_missing():
    trials = [trial(replicate=r) for r in range(4)]
    (late,) = groups(trials, trials[3:], {program_key(trials[0].recipe): 2})
    assert (late.trials, late.lanes, late.replicates) == ((trials[3],), 1, 2)


def test_only_the_structures_that_are_named_are_stacked():
    trials = [trial(activation=name, replicate=r) for name in ("elu", "relu") for r in range(2)]
    made = groups(trials, trials, {program_key(trials[0].recipe): 2})
    assert [group.replicates for group in made] == [2, 1, 1]


def test_keras_fit_trains_trials_one_by_one_and_so_each_is_a_group_of_its_own():
    trials = [replace(trial(learning_rate=rate), engine="fit/jax") for rate in (0.1, 0.2, 0.3)]
    assert [group.trials for group in groups(trials, trials)] == [(each,) for each in trials]
    assert {group.lanes for group in groups(trials, trials)} == {1}


def test_networks_of_the_user_s_own_are_evaluated_on_fewer_examples_at_once():
    """Their maps may be large: 2,000 images of 96 x 96 with 64 channels are 5 GB."""
    own = Recipe(model=f"{'0' * 64}:build", batch_size=32)
    assert evaluated_at_once(Recipe(hidden=[4])) == 2000
    assert evaluated_at_once(own) == 256
    assert evaluated_at_once(own.changed({"batch_size": 512})) == 512
