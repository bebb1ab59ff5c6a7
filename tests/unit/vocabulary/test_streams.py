"""Random streams: named, derived, distinct, and the same for ever."""

import itertools
from typing import get_args

import numpy as np
import pytest

from stepladder.streams import Stream, generator, words

STREAMS = get_args(Stream)


def test_a_stream_is_pinned_so_that_stored_trials_mean_the_same_for_ever():
    assert words(0, 0, "init").tolist() == [198478470, 2523137911]
    assert generator(0, 0, "order", 0).permutation(5).tolist() == [4, 3, 2, 0, 1]


def test_streams_of_different_names_replicates_seeds_and_places_differ():
    keys = itertools.product((0, 1), (0, 1), STREAMS, (0, 1))
    drawn = {tuple(words(*key).tolist()) for key in keys}
    assert len(drawn) == 2 * 2 * len(STREAMS) * 2


def test_a_generator_starts_anew_each_time():
    first, second = (generator(3, 1, "split").random(4) for _ in range(2))
    assert np.array_equal(first, second)


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="non-negative"):
        words(-1, 0, "init")
