"""The catalogue: every entry is a valid change with its failure and its paper."""

import pytest

from stepladder import CATALOGUE, Recipe, StudyError, Technique

BASES = [
    Recipe(hidden=[4], activation="sigmoid", initializer="random_normal", scaling="none"),
    Recipe(hidden=[4], activation="relu", initializer="he_normal", optimizer="adam"),
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
