"""Whatever a trial holds comes back bit for bit."""

import zlib
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stored_samples import assert_same, diverged, result, seen, trial

from stepladder.store import open_store
from stepladder.store.rows import decode_probes, decode_trial, encode_probes, encode_trial
from stepladder.trials.trial import History, HistorySummary, Probes, Score, TrialResult

# One NaN and one zero: a database keeps neither the payload of a NaN nor the sign of a zero.
FLOATS = st.floats(width=64).map(lambda x: float("nan") if x != x else x + 0.0)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
WHOLE = st.integers(0, 2**63 - 1)
SCORES = st.builds(Score, FLOATS, FLOATS)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SIGNS = st.builds(HistorySummary, **{
    field.name: FLOATS if isinstance(field.default, float) else TEXTS
    for field in fields(HistorySummary)
})  # fmt: skip


@st.composite
def probes_of(draw, epochs):
    kernels, layers = (tuple(draw(st.lists(NAMES, max_size=3))) for _ in range(2))
    singles = st.floats(width=32)
    arrays_of = [
        draw(arrays(np.float32, (epochs, len(names)), elements=singles))
        for names in (kernels, layers, layers)
    ]
    return Probes(kernels, arrays_of[0], layers, *arrays_of[1:], draw(FLOATS), draw(FLOATS))


@st.composite
def trial_results(draw):
    epochs, images = draw(st.integers(0, 6)), draw(st.integers(0, 40))
    curve = [draw(arrays(np.float64, epochs, elements=FLOATS)) for _ in fields(History)]
    return TrialResult(
        trial=trial(seed=draw(WHOLE), replicate=draw(WHOLE), engine=draw(NAMES)),
        curve=History(*curve),
        train=draw(SCORES),
        validation=draw(SCORES),
        test=draw(SCORES),
        test_predictions=draw(arrays(np.uint16, images)),
        test_correct=draw(arrays(np.bool_, images)),
        diverged=draw(st.none() | st.integers(1, 6)),
        parameters=draw(WHOLE),
        seconds=draw(FLOATS),
        versions=draw(st.dictionaries(NAMES, NAMES, max_size=3)),
        probes=seen_or_nothing(draw(st.none() | probes_of(epochs))),
        signs=draw(st.none() | SIGNS),
        measures=draw(
            st.dictionaries(NAMES, st.dictionaries(NAMES, FLOATS, max_size=3), max_size=3)
        ),
        reported=draw(st.dictionaries(NAMES, st.lists(FLOATS, max_size=3).map(tuple), max_size=3)),
        per_example=draw(st.none() | arrays(np.float32, images, elements=st.floats(width=32))),
    )


def seen_or_nothing(probes):
    """Probes that show neither a kernel nor a unit are kept as none at all."""
    return probes if probes and (probes.kernels or probes.layers) else None


@pytest.fixture(scope="module")
def one_store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("roundtrip") / "stepladder.db") as made:
        yield made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(added=trial_results())
def test_through_a_file(one_store, added):
    first = one_store.results([added.trial.id])
    assert one_store.add(added) is not bool(first)  # Hypothesis may draw one trial twice
    expected = first.get(added.trial.id, added)
    assert_same(one_store.results([added.trial.id])[added.trial.id], expected)


@settings(max_examples=60, deadline=None)
@given(added=trial_results())
def test_through_rows(added):
    row, epochs = encode_trial(added)
    columns = [[each[field.name] for each in epochs] for field in fields(History)]
    inside = encode_probes(added)
    probes = inside and decode_probes(inside, len(epochs))
    found = decode_trial(row, ([each["epoch"] for each in epochs], columns), probes)
    assert_same(found, added)


def test_predictions_are_little_endian_and_correctness_one_bit_an_image():
    predictions = np.array([1, 258, 65535], np.uint16)
    correct = np.array([True, False, True])
    row, _ = encode_trial(result(test_predictions=predictions, test_correct=correct))
    assert zlib.decompress(row["test_predictions"]) == b"\x01\x00\x02\x01\xff\xff"
    assert row["test_correct"] == b"\xa0"
    assert row["n_test"] == 3


def test_figures_of_probes_are_little_endian_columns_of_one_array_after_another_s():
    row = encode_probes(seen())
    figures = np.frombuffer(zlib.decompress(row["figures"]), "<f4").reshape(3, 7)
    assert np.array_equal(figures[:, :3], seen().probes.gradient_norm)
    assert row["input_deviation"] is None


def test_nan_is_null_in_the_row():
    row, epochs = encode_trial(diverged())
    assert row["test_loss"] is None
    assert [each["val_accuracy"] for each in epochs] == [0.5, None, None]
