"""Batching: how replicates are stacked, and which groups go on from a shorter training."""

import os
from dataclasses import replace

import numpy as np
import pytest
from example_question import plan
from example_run import finished
from fake_store import FakeStore

from stepladder import Recipe, Study
from stepladder.data.synthetic import synthetic
from stepladder.execution.batching import CHUNK, choose_batching, remembered, resume_from_cache
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.runs.plan import cached_epochs
from stepladder.training.checkpoints import FinalStateCache
from stepladder.training.groups import ALONE, Batching, groups
from stepladder.training.serialization import Checkpoint
from stepladder.trials.trial import Trial

# How replicates are put together: forced, remembered, measured, and never more than fit.


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


# Which groups go on from a shorter training: those that this store holds and this cache has.


@pytest.fixture(scope="module")
def dataset_of_going_on():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


@pytest.fixture
def settings_of_going_on(tmp_path):
    return Settings((None,), {}, "jax", tmp_path / "compiled", "m", endings_bytes=10**8)


@pytest.fixture
def trained(dataset_of_going_on, settings_of_going_on):
    """A store that holds a study, whose endings are kept."""

    def make(store, how, settings=settings_of_going_on):
        made = plan(how, dataset_of_going_on, store, "population")
        for group in groups(made.trials, made.missing):
            ids = tuple(trial.id for trial in group.trials)
            state = Checkpoint(ids, 5, {}, {"a": np.zeros(3)})
            FinalStateCache(**settings.endings).keep(group, lambda state=state: state, 1.1)
        for trial in made.missing:
            store.add(finished(trial, 0.5))
        return store

    return make


def study(**fields):
    values = {
        "name": "s",
        "replicates": 2,
        "validation": 10,
        "epochs": 5,
        "base": {"hidden": [3], "activation": "tanh"},
        "techniques": ["He normal", "ReLU"],
    }
    return Study(**{**values, **fields})


def at_hand(how, dataset, settings, store):
    """Epochs at hand of each missing trial, in order."""
    made = plan(how, dataset, store, "population")
    found = cached_epochs(made, dataset, settings, store)
    return [found.get(trial.id, 0) for trial in made.missing]


def test_more_epochs_go_on(dataset_of_going_on, settings_of_going_on, trained):
    store = trained(FakeStore(), study())
    assert at_hand(study(epochs=8), dataset_of_going_on, settings_of_going_on, store) == [5] * 6
    trained(store, study(epochs=8))
    assert at_hand(study(epochs=9), dataset_of_going_on, settings_of_going_on, store) == [8] * 6
    assert at_hand(study(epochs=7), dataset_of_going_on, settings_of_going_on, store) == [5] * 6
    assert at_hand(study(epochs=4), dataset_of_going_on, settings_of_going_on, store) == [0] * 6


def test_groups_are_told_apart(dataset_of_going_on, settings_of_going_on, trained):
    store = trained(FakeStore(), study())
    # An arm more of the structure of two: their program is wider, the others' is as it was.
    wider = study(epochs=8, techniques=["He normal", {"name": "rate", "change": {
        "learning_rate": 0.1}, "instead_of": "He normal"}, "ReLU"])  # fmt: skip
    found = at_hand(wider, dataset_of_going_on, settings_of_going_on, store)
    assert found == [0, 0, 0, 0, 0, 0, 5, 5]


def test_another_store_trains_from_the_start(dataset_of_going_on, settings_of_going_on, trained):
    trained(FakeStore(), study())
    assert (
        at_hand(study(epochs=8), dataset_of_going_on, settings_of_going_on, FakeStore()) == [0] * 6
    )


@pytest.mark.parametrize(
    "change", [{"endings_bytes": 0}, {"cache": None}, {"machine": "n"}, {"device": "gpu"},
               {"axis": "vmap"}],
)  # fmt: skip
def test_elsewhere_and_otherwise_nothing_is_gone_on_with(
    change, dataset_of_going_on, settings_of_going_on, trained
):
    store = trained(FakeStore(), study())
    other = replace(settings_of_going_on, **change)
    assert at_hand(study(epochs=8), dataset_of_going_on, other, store) == [0] * 6


def test_a_group_knows_after_which_epochs_it_goes_on(
    dataset_of_going_on, settings_of_going_on, trained
):
    store = trained(FakeStore(), study())
    made = plan(study(epochs=8), dataset_of_going_on, store, "population")
    waiting = groups(made.trials, made.missing)
    assert [group.after for group in resume_from_cache(waiting, settings_of_going_on, store)] == [
        5
    ] * 4
    stacked = [replace(group, stacking=Batching("map", 2)) for group in waiting]
    assert [group.after for group in resume_from_cache(stacked, settings_of_going_on, store)] == [
        0
    ] * 4
