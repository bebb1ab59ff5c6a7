"""How replicates are put together: forced, remembered, measured, and never more than fit."""

import os
from dataclasses import replace

import pytest

from stepladder import Recipe
from stepladder.data.synthetic import synthetic
from stepladder.execution.batching import CHUNK, choose_batching, remembered
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.training.groups import ALONE, Batching
from stepladder.trials.trial import Trial


class Notes(QuietProgress):
    """Keeps what it is told."""

    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=300, input_shape=(4, 4), classes=4, seed=2)


def trials(dataset, replicates=3, **fields):
    recipe = Recipe(**{"hidden": [6], "batch_size": 16, **fields})
    return [Trial(recipe, dataset.fingerprint, 40, 0, replicate) for replicate in range(replicates)]


def settings_in(folder):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    return Settings((None,), environment, "jax", folder / "compiled", "a machine")


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


def chosen(planned, dataset, settings, notes=None):
    (stacking,) = choose_batching(planned, planned, dataset, settings, notes or Notes()).values()
    return stacking


LONG = 20_000  # epochs, so that measuring is worth while


@pytest.mark.parametrize("axis", ["map", "vmap"])
def test_a_forced_axis_is_taken(axis, dataset, settings):
    forced = replace(settings, axis=axis)
    assert chosen(trials(dataset), dataset, forced) == Batching(axis, CHUNK)
    assert chosen(trials(dataset), dataset, replace(forced, chunk=2)) == Batching(axis, 2)


def test_one_by_one_can_be_forced(dataset, settings):
    assert chosen(trials(dataset, epochs=LONG), dataset, replace(settings, axis="one")) == ALONE


@pytest.mark.parametrize(
    ("replicates", "fields"),
    [
        pytest.param(3, {"epochs": 20}, id="a short study"),
        pytest.param(1, {"epochs": 3 * LONG}, id="one replicate"),
        pytest.param(3, {"epochs": LONG, "hidden": [5_000]}, id="a network that is not small"),
    ],
)
def test_where_nothing_can_be_gained_nothing_is_measured(replicates, fields, dataset, settings):
    unmeasurable = replace(settings, environment={"PATH": "nowhere"})
    assert chosen(trials(dataset, replicates, **fields), dataset, unmeasurable) == ALONE


@pytest.fixture(scope="module")
def measured(dataset, tmp_path_factory):
    """A choice that was measured, the settings that remember it, and what was said meanwhile."""
    notes, settings = Notes(), settings_in(tmp_path_factory.mktemp("measured"))
    return chosen(trials(dataset, epochs=LONG), dataset, settings, notes), settings, notes.texts


@pytest.mark.slow
def test_a_small_network_is_measured_once_and_the_choice_remembered(dataset, measured):
    first, settings, texts = measured
    assert first.axis in ("one", "map", "vmap")
    assert "(measured)" in texts[0]
    (line,) = remembered(settings.cache)
    assert line == f"6 (relu, sgd, batches of 16), 1 lanes: {first.axis}"
    unmeasurable = replace(settings, environment={"PATH": "nowhere"})
    assert chosen(trials(dataset, epochs=LONG), dataset, unmeasurable) == first


@pytest.mark.slow
def test_groups_of_one_structure_that_are_not_alike_are_not_measured_together(dataset, tmp_path):
    """Scaling and number of lanes differ: the program of a stack has one shape."""
    planned = trials(dataset, 3, epochs=LONG, learning_rate=0.1)
    planned += trials(dataset, 3, epochs=LONG, learning_rate=0.2)
    planned += trials(dataset, 3, epochs=LONG, scaling="standardised")
    notes = Notes()
    assert chosen(planned, dataset, settings_in(tmp_path), notes).axis in ("one", "map", "vmap")
    assert len(notes.texts) == 1


@pytest.mark.slow
def test_a_resumed_study_chooses_as_the_whole_one_did(dataset, measured):
    first, settings, _ = measured
    planned = trials(dataset, epochs=LONG)
    (late,) = choose_batching(planned, planned[2:], dataset, settings, Notes()).values()
    assert late == first
    with_nothing_left = choose_batching(planned, [], dataset, settings, Notes())
    assert with_nothing_left == {}


@pytest.mark.slow
def test_a_remembered_choice_that_cannot_be_read_is_measured_again(dataset, measured):
    _, settings, _ = measured
    (file,) = (settings.cache.parent / "axes").iterdir()
    before, notes = file.read_text(), Notes()
    file.write_text('{"axis": "sideways"}')
    again = chosen(trials(dataset, epochs=LONG), dataset, settings, notes)
    assert "(measured)" in notes.texts[0]
    assert again.axis in ("one", "map", "vmap")
    file.write_text(before)


def test_what_does_not_fit_in_memory_is_lowered_with_one_line(dataset, settings):
    notes = Notes()
    wide = trials(dataset, 8, hidden=[4096, 4096])
    tight = replace(settings, axis="vmap", memory=2_000_000_000)
    assert chosen(wide, dataset, tight, notes) == Batching("vmap", 3)
    (line,) = notes.texts
    assert line == (
        "8 replicates of 4096-4096 (relu, sgd, batches of 16) at once would need some 4.3 GB of "
        "2.0 GB; 3 are put together"
    )


def test_a_machine_whose_memory_is_full_puts_nothing_together(dataset, settings):
    wide = trials(dataset, 8, hidden=[4096, 4096])
    unknown = replace(settings, axis="vmap", memory=None)
    assert chosen(wide, dataset, unknown, Notes()) == Batching("vmap", 8)
    notes = Notes()
    assert chosen(wide, dataset, replace(unknown, memory=0), notes).chunk == 1
    assert "of 0.0 GB; 1 are put together" in notes.texts[0]


def test_the_fit_engine_trains_one_by_one(dataset, settings):
    fit = replace(settings, engine="fit")
    assert choose_batching(trials(dataset), trials(dataset), dataset, fit, Notes()) == {}
