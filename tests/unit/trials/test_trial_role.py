"""The role of a trial follows from its replicate's number, and is not part of its id."""

import pytest

from stepladder.study.recipe import Recipe
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.tuning import TUNING_REPLICATES
from stepladder.trials.trial import Trial


@pytest.mark.parametrize(
    ("replicate", "role"),
    [
        (0, "compare"),
        (TUNING_REPLICATES - 1, "compare"),
        (TUNING_REPLICATES, "tune"),
        (SEARCH_REPLICATES - 1, "tune"),
        (SEARCH_REPLICATES, "search"),
        (SEARCH_REPLICATES + 1, "search"),
    ],
)
def test_the_number_of_the_replicate_gives_the_role(replicate, role):
    trial = Trial(Recipe(hidden=[3]), "data", 10, 0, replicate)
    assert trial.role == role
    assert "role" not in trial.declared
