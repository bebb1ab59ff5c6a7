"""A measurement as table and JSON, and what a failing program says."""

import json
import os

import pytest

from stepladder.errors import WorkerError
from stepladder.tools.bench import TINY, Bench, Child, Floor, Timing, Work, as_json, as_text

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
