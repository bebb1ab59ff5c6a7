"""The comparison of searches: rivals draw from our space, and traces are read as they were made."""

import json
import math

import pytest
import searched

import search
from comparison import traces
from comparison.rivals import PROGRAMS
from stepladder import Study


def test_rivals_draw_from_the_space_of_the_built_in_study():
    study = Study.load("mnist-search")
    space = study.search.space
    assert list(space["activation"].choices) == searched.ACTIVATIONS
    assert list(space["optimizer"].choices) == searched.OPTIMIZERS
    assert study.base.batch_size == searched.BATCH
    bounds = {
        "layers": "1, 4", "momentum": "0.0, 0.95", "dropout": "0.0, 0.5",
        "learning_rate": "1e-4, 1e-1",
    }  # fmt: skip
    for program in ("tuner_search.py", "optuna_search.py"):
        text = (PROGRAMS / program).read_text("utf-8")
        for name, numbers in bounds.items():
            assert f'"{name}", {numbers}' in text, (program, name)
            low, high = map(float, numbers.split(", "))
            assert (space[name].low, space[name].high) == (low, high)
        assert "32, 512, step=32" in text
    units = space["units"]
    assert (units.low, units.high, units.step, units.each) == (32, 512, 32, True)


def test_a_trace_is_read_back(tmp_path):
    file = tmp_path / "trace.jsonl"
    lines = [{"seconds": 1.5, "accuracy": 0.9}, {"seconds": 3.0, "accuracy": 0.8}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert traces.read(file) == [(1.5, 0.9), (3.0, 0.8)]


def test_best_and_reached():
    trace = [(1.0, 0.9), (2.0, 0.8), (4.0, 0.95)]
    assert traces.best(trace) == 0.95
    assert traces.best(trace, 3.0) == 0.9
    assert math.isnan(traces.best(trace, 0.5))
    assert traces.reached(trace, 0.9) == 1.0
    assert traces.reached(trace, 0.99) == math.inf


def test_the_summary_pairs_repetitions():
    found = traces.summary(
        {
            "theirs": [[(5.0, 0.90), (10.0, 0.95)], [(20.0, 0.90)]],
            "ours": [[(1.0, 0.95), (2.0, 0.97)], [(2.0, 0.80), (8.0, 0.91)]],
        },
        "theirs", (0.1, 1.0),
    )  # fmt: skip
    assert found["target"]["mean"] == pytest.approx(0.925)
    assert found["reference_seconds"]["mean"] == pytest.approx(math.sqrt(10 * 20))
    ours = found["time_ratios"]["ours"]
    assert ours["mean"] == pytest.approx(math.sqrt(0.1 * 0.4))
    assert (ours["n"], ours["never"]) == (2, 0)
    assert found["target"]["ci_low"] == pytest.approx(0.6073, abs=1e-3)
    assert found["target"]["ci_high"] == 1.0, "no accuracy is above 1"
    early, late = found["accuracy_at"]
    assert early["theirs"]["n"] == 0
    assert early["ours"]["mean"] == pytest.approx((0.95 + 0.80) / 2)
    assert late["ours"]["mean"] == pytest.approx((0.97 + 0.91) / 2)


def test_what_was_never_reached_is_counted():
    found = traces.summary({"theirs": [[(1.0, 0.9)]], "ours": [[(1.0, 0.5)]]}, "theirs", (1.0,))
    assert found["time_ratios"]["ours"] == {
        "mean": None, "ci_low": None, "ci_high": None, "n": 0, "never": 1,
    }  # fmt: skip


def _begun_on(machines, counts):
    """A result whose searches have some repetitions each."""
    traces = {name: [[(1.0, 0.9)]] * count for name, count in zip(search.ALL, counts, strict=True)}
    return {
        "quick": False, "backend": "jax", "machines": machines, "sgemm": [2e11] * sum(counts),
        "traces": traces, "versions": {},
    }  # fmt: skip


def test_a_repetition_goes_on_where_it_began():
    found = _begun_on(["this"], (1, 1, 0, 0, 0))
    assert search.continued(found, "this") == found


def test_whole_repetitions_go_on_anywhere():
    found = _begun_on(["that"], (1, 1, 1, 1, 1))
    assert search.continued(found, "this") == found


def test_a_repetition_begun_on_another_machine_is_begun_anew():
    found = search.continued(_begun_on(["that", "that"], (2, 2, 1, 1, 1)), "this")
    assert found == _begun_on(["that"], (1, 1, 1, 1, 1))


def test_the_tables_name_every_machine(tmp_path):
    found = _begun_on(["this", "that", "this"], (2, 2, 2, 2, 2))
    search.write(tmp_path / "found.json", found)
    shown = search.markdown(json.loads((tmp_path / "found.json").read_text("utf-8")))
    assert "2 repetitions" in shown
    assert "this (1 of them) and that (1 of them); SGEMM at 200 to 200 GFLOP/s" in shown
    assert "| stepladder | 1.00 [1.00, 1.00] | – | – |" in shown
