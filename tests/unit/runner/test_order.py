"""The order of groups: the program at hand first, then the most work, then helping out."""

from dataclasses import replace

import pytest

from stepladder import Recipe
from stepladder.execution.scheduler import cost, next_group
from stepladder.training.groups import groups
from stepladder.trials.trial import Trial


def study(replicates=3, **arms):
    """The groups of a study with one arm for each named recipe change."""
    trials = [
        Trial(Recipe(**{"hidden": [50], "epochs": 10, **change}), "data", 10, 0, replicate)
        for change in arms.values()
        for replicate in range(replicates)
    ]
    return groups(trials, trials)


def structure_of(activation, made):
    return next(g.key.structure for g in made if g.trials[0].recipe.activation == activation)


ARMS = {
    "small": {"activation": "relu"},
    "large": {"activation": "elu", "hidden": [400]},
    "long": {"activation": "tanh", "epochs": 100},
}


@pytest.mark.parametrize(
    ("at_hand", "busy", "chosen"),
    [
        pytest.param(None, [], "tanh", id="the most work first"),
        pytest.param(None, ["tanh"], "elu", id="not what another is busy with"),
        pytest.param("relu", [], "relu", id="the program at hand"),
        pytest.param("relu", ["relu"], "relu", id="the program at hand, another at it too"),
        pytest.param(None, ["relu", "tanh", "elu"], "tanh", id="helping with the most work"),
        pytest.param("selu", ["tanh"], "elu", id="the program at hand has nothing left"),
    ],
)
def test_the_next_group(at_hand, busy, chosen):
    made = study(**ARMS)
    named = {name: structure_of(name, made) for name in ("relu", "elu", "tanh")}
    named["selu"] = Recipe(hidden=[50], activation="selu")
    found = next_group(made, named.get(at_hand), {named[each] for each in busy})
    assert found.trials[0].recipe.activation == chosen
    assert found.trials[0].replicate == 0


def test_more_replicates_are_more_work():
    few, many = study(2, a={"activation": "relu"}), study(5, b={"activation": "elu"})
    assert next_group([*few, *many], None, set()).trials[0].recipe.activation == "elu"


def test_costs_go_with_lanes_epochs_examples_and_width():
    (base,) = study(1, a={})
    (longer,) = study(1, a={"epochs": 30})
    (more,) = study(1, a={"train_examples": 100})
    two_lanes = study(1, a={}, b={"learning_rate": 0.5})[0]
    assert cost(longer) == 3 * cost(base)
    assert cost(more) == 100 * cost(base)
    assert cost(two_lanes) == 2 * cost(base)
    assert cost(base) == 10 * (784 * 50 + 50)


def test_a_group_that_goes_on_costs_what_is_left_of_it():
    (group,) = study(1, long={"epochs": 40})
    assert cost(replace(group, after=30)) == cost(group) / 4
