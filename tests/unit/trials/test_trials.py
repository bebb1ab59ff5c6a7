"""Random streams of a replicate, and the role of a trial: it follows from the replicate alone."""

import itertools
from typing import get_args

import numpy as np
import pytest

from stepladder.study.recipe import Recipe
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.tuning import TUNING_REPLICATES
from stepladder.trials.seeding import (
    HELD_REPLICATES,
    Stream,
    generator,
    held_replicate,
    replicate_of,
    words,
)
from stepladder.trials.trial import Trial

STREAMS = get_args(Stream)


def test_a_stream_is_pinned_so_that_stored_trials_mean_the_same_for_ever():
    assert words(0, 0, "init").tolist() == [4023748921, 2572580619]
    assert generator(0, 0, "order", 0).permutation(5).tolist() == [3, 1, 4, 0, 2]


def test_streams_of_different_names_replicates_seeds_and_places_differ():
    keys = itertools.product((0, 1), (0, 1), STREAMS, (0, 1))
    drawn = {tuple(words(*key).tolist()) for key in keys}
    assert len(drawn) == 2 * 2 * len(STREAMS) * 2


def test_a_place_of_nought_is_a_place():
    assert words(0, 0, "init").tolist() != words(0, 0, "init", 0).tolist()
    assert words(2**32, 0, "init").tolist() != words(0, 1, "init").tolist()


def test_a_generator_starts_anew_each_time():
    first, second = (generator(3, 1, "split").random(4) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("varied", [("init",), ("split", "subset"), ("user",), STREAMS])
def test_streams_that_are_held_are_those_of_replicate_0(varied):
    number = held_replicate(7, varied)
    for stream in STREAMS:
        drawn = words(5, 7 if stream in varied else 0, stream, 2).tolist()
        assert words(5, number, stream, 2).tolist() == drawn
    assert replicate_of(number) == 7


def test_every_choice_of_streams_has_numbers_of_its_own():
    choices = [
        choice
        for count in range(1, len(STREAMS) + 1)
        for choice in itertools.combinations(STREAMS, count)
    ]
    numbers = [held_replicate(number, choice) for choice in choices for number in (1, 999_999)]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > HELD_REPLICATES
    assert {held_replicate(0, choice) for choice in choices} == {0}


def test_ordinary_replicates_are_their_own_draws():
    assert all(
        replicate_of(number, stream) == number
        for number in (0, 1, TUNING_REPLICATES + 3, SEARCH_REPLICATES + 3)
        for stream in STREAMS
    )


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="non-negative"):
        words(-1, 0, "init")


@pytest.mark.parametrize(
    ("replicate", "role"),
    [
        (0, "compare"),
        (TUNING_REPLICATES - 1, "compare"),
        (TUNING_REPLICATES, "tune"),
        (SEARCH_REPLICATES - 1, "tune"),
        (SEARCH_REPLICATES, "search"),
        (SEARCH_REPLICATES + 1, "search"),
        (held_replicate(1, ["split"]), "compare"),
        (held_replicate(999_999, STREAMS), "compare"),
    ],
)
def test_the_number_of_the_replicate_gives_the_role(replicate, role):
    trial = Trial(Recipe(hidden=[3]), "data", 10, 0, replicate)
    assert trial.role == role
    assert "role" not in trial.declared


def test_metrics_are_part_of_the_id_only_where_there_are_some():
    plain = Trial(Recipe(hidden=[3]), "data", 10, 0, 0)
    assert "metrics" not in plain.declared
    assert plain.id == "b41f9270c1dddeb81d9dfac7311dad52161192777fbbc08acb6b1e9cda1b59a0"
    scored = Trial(Recipe(hidden=[3]), "data", 10, 0, 0, metrics=("auroc",))
    assert scored.id != plain.id
    assert scored.declared["metrics"] == ("auroc",)
