"""`stepladder bench`: operations, times, and how they are shown."""

import json
import os
from itertools import pairwise

import numpy as np
import pytest

from stepladder.errors import WorkerError
from stepladder.tools.bench import (
    TINY,
    Bench,
    EpochClock,
    Floor,
    Timing,
    Work,
    _answer,
    _program,
    as_json,
    as_text,
    epoch_operations,
    trial_epoch_seconds,
)
from stepladder.trials.trial import Trial

# Operations counted from layer sizes, against a hand calculation and a counting network.


@pytest.mark.parametrize(
    ("sizes", "train", "validation", "operations"),
    [
        # 3-2-4. Forward 3·2 + 2·4 products and as many additions an example; gradients of both
        # weight matrices the same again; gradient of the second layer's inputs 2·4.
        ([3, 2, 4], 5, 0, 2 * 5 * (6 + 8) * 2 + 2 * 5 * 8),
        ([3, 2, 4], 0, 7, 2 * 7 * (6 + 8)),
        ([3, 2, 4], 5, 7, 360 + 2 * 7 * 14),
        ([8, 3], 10, 0, 2 * 10 * 24 * 2),  # one layer needs no gradient of its inputs
        # The documentation's: 784·50 + 3·50·50 + 50·10 = 47,200, of which 8,000 beyond layer 1.
        ([784, 50, 50, 50, 50, 10], 14_000, 6_000, 14_000 * 2 * 102_400 + 6_000 * 2 * 47_200),
    ],
)
def test_networks_counted_by_hand(sizes, train, validation, operations):
    assert epoch_operations(sizes, train, validation) == operations


class CountingProduct:
    """Matrix products that add up the operations of their shapes."""

    def __init__(self):
        self.operations = 0

    def __call__(self, left, right):
        self.operations += 2 * left.shape[0] * left.shape[1] * right.shape[1]
        return left @ right


@pytest.mark.parametrize("sizes", [[5, 3], [5, 4, 3], [7, 6, 5, 4, 3]])
def test_a_network_that_counts_its_own_products(sizes):
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=pair) for pair in pairwise(sizes)]
    product, values = CountingProduct(), [generator.normal(size=(11, sizes[0]))]
    for weight in weights:
        values.append(np.maximum(product(values[-1], weight), 0))
    assert product.operations == epoch_operations(sizes, 0, 11)
    gradient = values[-1]
    for place in reversed(range(len(weights))):
        assert product(values[place].T, gradient).shape == weights[place].shape
        if place:
            gradient = product(gradient, weights[place].T)
    assert product.operations == epoch_operations(sizes, 11, 0)


# Times of trial·epochs from the ends of epochs, and what the clock notes.


@pytest.mark.parametrize(
    ("ends", "seconds"),
    [
        ([[5, 6, 7]], 1.0),  # one trial: the first epoch's end is the start
        ([[5, 6, 7], [5, 6, 7]], 0.5),  # two lanes
        ([[5, 6, 7], [5.5, 6.5, 7.5]], 0.5),  # two processes, not in step
        ([[5, 6, 7], [3, 3.5, 4, 4.5, 5, 5.5, 6]], 1 / 3),  # one is twice as fast
        ([[5, 6], [7, 8]], 1.0),  # one waits for the other: its first epoch counts too
        ([[5, 6, 7], [5, 6, 7], [6.5, 7, 7.5], [9, 10, 11]], 6 / 10),  # some wait for others
    ],
)
def test_seconds_of_a_trial_epoch(ends, seconds):
    assert trial_epoch_seconds(ends) == pytest.approx(seconds, abs=1e-12)


def test_a_trial_that_is_started_again_counts_from_there():
    clock, trial = EpochClock(), Trial(Work().study(1, 1).base, "fingerprint", 10, 0, 0)
    for _ in range(2):
        clock.trial_started(trial)
        clock.epoch_done(trial, 1)
    assert len(clock.ends[trial]) == 1


@pytest.mark.parametrize("lanes", [1, 2, 9])
def test_the_trials_of_a_work_differ_in_their_rate_alone(lanes):
    study = TINY.study(lanes, 3)
    assert len(study.arms) == lanes
    assert study.replicates == 3
    rates = {arm.recipe.learning_rate for arm in study.arms}
    assert len(rates) == lanes
    assert {arm.recipe.changed({"learning_rate": 0.5}) for arm in study.arms} == {
        study.base.changed({"learning_rate": 0.5})
    }


# A measurement as table and JSON, and what a failing program says.


@pytest.fixture
def bench():
    floor = Floor(2048, {"jax": (30e9, 31e9), "numpy": (35e9, 33.664e9)})
    timings = (Timing("keras.Model.fit", 1, 1, 5.0, 0.2), Timing("stepladder", 2, 16, 8.0, 0.0625))
    return Bench(Work(), "a machine", {"keras": "3.15.1"}, floor, timings)


def test_ratios_are_taken_against_fit_and_the_faster_library(bench):
    assert bench.floor.library == "numpy"
    assert bench.floor.rate == pytest.approx(68.664e9)
    assert bench.floor_seconds == pytest.approx(3_433_600_000 / 68.664e9)
    assert [bench.times_faster(timing) for timing in bench.timings] == pytest.approx([1.0, 3.2])
    assert bench.share(bench.timings[1]) == pytest.approx(bench.floor_seconds / 0.0625)


def test_the_table_says_what_was_measured(bench):
    text = as_text(bench)
    for word in ("200.0 ms", "62.5 ms", "25%", "80%", "3.2×", "68.7 (numpy)", "61.0 (jax)"):
        assert word in text
    assert "3.43 GFLOP" in text
    assert "784-50-50-50-50-10" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_json_holds_every_figure_of_the_table(bench):
    value = json.loads(as_json(bench))
    assert value["work"]["operations"] == 3_433_600_000
    assert value["work"]["sizes"] == [784, 50, 50, 50, 50, 10]
    assert value["floor"]["library"] == "numpy"
    assert value["floor"]["rate"] == pytest.approx(68.664e9)
    assert value["floor"]["seconds"] == bench.floor_seconds
    assert value["timings"][1]["times_faster"] == pytest.approx(3.2)
    assert value["timings"][1]["share"] == pytest.approx(0.8, abs=0.001)


def test_the_error_of_a_program_holds_what_it_wrote():
    with (
        _program("multiply", ["many", 1.0, None], os.environ) as program,
        pytest.raises(WorkerError, match=r"exit code 1: TypeError: .*str"),
    ):
        _answer(program)


def test_a_program_is_ended_with_its_context():
    with _program("multiply", [TINY.side, 1.0, None], os.environ) as program:
        process = program._process
    assert process.poll() is not None
