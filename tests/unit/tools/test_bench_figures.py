"""`stepladder bench`: operations, times, and how they are shown."""

import json
import os
from itertools import pairwise

import numpy as np
import pytest

from stepladder import InputError
from stepladder.errors import WorkerError
from stepladder.execution import machine
from stepladder.tools.bench import (
    TINY,
    Bench,
    Child,
    Floor,
    Timing,
    Watch,
    Work,
    _compiling,
    as_json,
    as_text,
    epoch_operations,
    evaluation_operations,
    steady,
    training_operations,
    trial_epoch_seconds,
)
from stepladder.trials.trial import Trial

# Operations counted from layer sizes, against a hand calculation and a counting network.


def test_a_network_counted_by_hand():
    # 3-2-4, five examples. Forward 5·(3·2 + 2·4) products and as many additions; gradients of
    # both weight matrices the same again; gradient of the second layer's inputs 5·2·4.
    assert evaluation_operations([3, 2, 4], 5) == 2 * 5 * (6 + 8)
    assert training_operations([3, 2, 4], 5) == 2 * 5 * (6 + 8) * 2 + 2 * 5 * 8
    assert epoch_operations([3, 2, 4], 5, 7) == 360 + 2 * 7 * 14


def test_the_network_of_the_documentation():
    # Products: 784·50 + 3·50·50 + 50·10 = 47,200, of which 8,000 beyond the first layer.
    each = 2 * (47_200 + 47_200 + 8_000)
    sizes = [784, 50, 50, 50, 50, 10]
    assert epoch_operations(sizes, 14_000, 6_000) == 14_000 * each + 6_000 * 2 * 47_200


def test_one_layer_has_no_gradient_of_inputs():
    assert training_operations([8, 3], 10) == 2 * 10 * 24 * 2


class Counted:
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
    product, values = Counted(), [generator.normal(size=(11, sizes[0]))]
    for weight in weights:
        values.append(np.maximum(product(values[-1], weight), 0))
    assert product.operations == evaluation_operations(sizes, 11)
    gradient = values[-1]
    for place in reversed(range(len(weights))):
        assert product(values[place].T, gradient).shape == weights[place].shape
        if place:
            gradient = product(gradient, weights[place].T)
    assert product.operations == training_operations(sizes, 11)


# Times of trial·epochs from the ends of epochs, and what the watch notes.


@pytest.mark.parametrize(
    ("ends", "seconds"),
    [
        ([[5, 6, 7]], 1.0),  # one trial: the first epoch's end is the start
        ([[5, 6, 7], [5, 6, 7]], 0.5),  # two lanes
        ([[5, 6, 7], [5.5, 6.5, 7.5]], 0.5),  # two processes, not in step
        ([[5, 6, 7], [3, 3.5, 4, 4.5, 5, 5.5, 6]], 1 / 3),  # one is twice as fast
        ([[5, 6], [7, 8]], 1.0),  # one waits for the other, and compiles
        ([[5, 6, 7], [5, 6, 7], [6.5, 7, 7.5], [9, 10, 11]], 4.5 / 8),  # some wait for others
    ],
)
def test_seconds_of_a_trial_epoch(ends, seconds):
    assert trial_epoch_seconds(ends) == pytest.approx(seconds, abs=1e-12)


def trials(count):
    recipe = Work().study(1, 1).base
    return [Trial(recipe, "fingerprint", 10, 0, replicate) for replicate in range(count)]


def test_compiling_is_what_the_first_epoch_takes_beyond_a_later_one():
    watch = Watch()
    one, two, three = trials(3)
    watch.started = {one: 0.0, two: 0.001, three: 9.0}
    watch.ends.update({one: [5.0, 6.0, 7.0], two: [5.0, 6.0, 7.0], three: [9.7, 10.2, 10.7]})
    assert _compiling(watch) == pytest.approx((4.0, 0.2))


def test_a_trial_that_is_started_again_counts_from_there():
    watch = Watch()
    (trial,) = trials(1)
    watch.trial_started(trial)
    watch.epoch_done(trial, 1)
    watch.trial_started(trial)
    watch.epoch_done(trial, 1)
    assert len(watch.ends[trial]) == 1
    assert watch.started[trial] <= watch.ends[trial][0]


def test_a_single_epoch_is_not_timed():
    study = Work(epochs=1).study(1, 1)
    with pytest.raises(InputError, match="epochs must be 2 or more to be timed, found 1"):
        steady(study, machine.settings())


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


WORK = Work(hidden=(50, 50, 50, 50))
FLOOR = Floor(2048, {"jax": (30e9, 31e9), "numpy": (35e9, 33.664e9)})


def timing(name, processes, trials, first, seconds):
    return Timing(name, processes, trials, first, seconds, FLOOR.share(WORK.operations, seconds))


@pytest.fixture
def bench():
    timings = (
        timing("keras.Model.fit", 1, 1, 5.0, 0.2),
        timing("stepladder, shared data order", 2, 16, 8.0, 0.0625),
    )
    return Bench(WORK, "a machine", {"keras": "3.15.1"}, FLOOR, timings)


def test_the_floor_is_the_faster_library_on_all_cores():
    assert FLOOR.library == "numpy"
    assert FLOOR.rate == pytest.approx(68.664e9)
    assert FLOOR.share(68_664, 2e-6) == pytest.approx(0.5)


def test_ratios_are_taken_against_fit_and_floor(bench):
    assert bench.floor_seconds == pytest.approx(3_433_600_000 / 68.664e9)
    assert [bench.times_faster(each) for each in bench.timings] == pytest.approx([1.0, 3.2])
    assert bench.timings[1].share == pytest.approx(bench.floor_seconds / 0.0625)


def test_the_table_says_what_was_measured(bench):
    text = as_text(bench)
    for word in ("200.0 ms", "62.5 ms", "25%", "80%", "3.2×", "68.7 GFLOP/s by numpy", "jax 61.0"):
        assert word in text
    assert "3.43 GFLOP" in text
    assert "784-50-50-50-50-10" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_json_holds_every_figure_of_the_table(bench):
    told = json.loads(as_json(bench))
    assert told["work"]["operations"] == 3_433_600_000
    assert told["work"]["sizes"] == [784, 50, 50, 50, 50, 10]
    assert told["floor"]["library"] == "numpy"
    assert told["floor"]["rate"] == pytest.approx(68.664e9)
    assert told["timings"][1]["times_faster"] == pytest.approx(3.2)
    assert told["timings"][1]["share"] == pytest.approx(0.8, abs=0.001)


def test_a_program_that_ends_without_an_answer_is_told_with_its_words():
    with (
        Child("stepladder.tools.bench_sgemm", ["many", "1.0"], os.environ) as child,
        pytest.raises(WorkerError, match=r"(?s)exit code 1.*ValueError.*many"),
    ):
        child.answer()


def test_a_program_is_ended_with_its_context():
    with Child("stepladder.tools.bench_sgemm", [str(TINY.side), "1"], os.environ) as child:
        process = child._process
    assert process.poll() is not None
