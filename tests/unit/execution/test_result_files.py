"""Outcomes as files: exact in both directions; torn and foreign files are no outcome."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stored_samples import diverged, exact, own, probes, result, seen, trial, valued

from stepladder.execution.result_files import read_outcome, write_outcome
from stepladder.training.function import TrialFailure
from stepladder.training.serialization import Checkpoint, write
from stepladder.trials.trial import FinalState, History, Probes, Score


def round_trip(folder, outcome):
    found, problem = read_outcome(write_outcome(folder, outcome))
    assert problem == ""
    return found


FLOATS = st.floats(width=32) | st.sampled_from([float("nan"), float("-inf"), -0.0])


def floats(kind, shape):
    return arrays.arrays(kind, shape, elements=st.floats(width=8 * np.dtype(kind).itemsize))


@st.composite
def outcomes(draw):
    epochs, images = draw(st.integers(0, 4)), draw(st.integers(0, 9))
    numbers = st.dictionaries(st.text(max_size=5), FLOATS, max_size=3)
    looked_into = Probes(
        ("a", "Ø"), draw(floats(np.float32, (epochs, 2))), ("b",),
        draw(floats(np.float32, (epochs, 1))), draw(floats(np.float32, (epochs, 1))),
        draw(FLOATS), draw(FLOATS),
    )  # fmt: skip
    return replace(
        draw(st.sampled_from([result(), diverged(), own(), valued(), seen()])),
        curve=History(*(draw(floats(np.float64, epochs)) for _ in fields(History))),
        test=Score(draw(FLOATS), draw(FLOATS)),
        test_predictions=draw(arrays.arrays(np.uint16, images)),
        test_correct=draw(arrays.arrays(np.bool_, images)),
        per_example=draw(st.none() | floats(np.float32, images)),
        test_values=draw(st.none() | floats(np.float32, (images, 2))),
        diverged=draw(st.none() | st.integers(1, 9)),
        stopped=draw(st.none() | st.integers(1, 9)),
        seconds=draw(FLOATS),
        unsettled=draw(FLOATS),
        takes_ids=draw(st.booleans()),
        measures=draw(st.dictionaries(st.text(max_size=4), numbers, max_size=3)),
        reported=draw(st.dictionaries(st.text(max_size=4), st.lists(FLOATS).map(tuple))),
        probes=draw(st.none() | st.just(looked_into)),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(outcomes())
def test_a_result_comes_back_bit_for_bit(tmp_path_factory, outcome):
    found = round_trip(tmp_path_factory.getbasetemp() / "bits", outcome)
    assert exact(found) == exact(outcome)
    assert found.trial.id == outcome.trial.id


def test_final_weights_come_with_it(tmp_path):
    weights = tuple(np.full((2, place), place, np.float32) for place in range(1, 12))
    flat = {field.name: np.arange(3, dtype=np.float32) for field in fields(FinalState)}
    final = FinalState(**{**flat, "trainable": weights, "statistics": (),
                          "scale": np.array(0.5, np.float32)})  # fmt: skip
    outcome = result(final=final, probes=probes())
    assert exact(round_trip(tmp_path, outcome)) == exact(outcome)


def test_numbers_of_numpy_become_plain_ones(tmp_path):
    found = round_trip(tmp_path, result(diverged=np.int64(2), parameters=np.int64(7)))
    assert (type(found.diverged), found.parameters) == (int, 7)


def test_a_failure_comes_back(tmp_path):
    failure = TrialFailure(own().trial, "it is a table, not a number: Ø", "line 1\nline 2")
    assert round_trip(tmp_path, failure) == failure


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda content: content[: len(content) // 2], "is damaged"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is damaged"),
        (lambda content: b"", "is damaged"),
        (lambda content: b"\x80\x04N.", "is damaged"),  # a pickle
    ],
    ids=["torn", "flipped", "empty", "foreign"],
)
def test_a_damaged_file_is_no_outcome(tmp_path, damage, told):
    file = write_outcome(tmp_path, result())
    file.write_bytes(damage(file.read_bytes()))
    assert read_outcome(file) == (None, told)


def test_a_file_under_another_name_is_no_outcome(tmp_path):
    file = write_outcome(tmp_path, result(1))
    other = file.rename(file.with_stem(trial(2).id))
    assert read_outcome(other) == (None, f"is of the trial {trial(1).id}")
    assert read_outcome(tmp_path / "none.result")[1] == "cannot be read: No such file or directory"


@pytest.mark.parametrize("more", [{}, {"trial": 3}, {"trial": {"recipe": {"hidden": "x"}}}])
def test_another_checkpoint_is_no_outcome(tmp_path, more):
    file = tmp_path / "id.result"
    write(file, Checkpoint(("id",), 0, more, {}), {})
    assert read_outcome(file)[1].startswith("is not as it was written")
