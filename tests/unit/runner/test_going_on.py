"""Which groups go on from a shorter training: those that this store holds and this cache has."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished
from fake_store import FakeStore

from stepladder import Study
from stepladder.data.synthetic import synthetic
from stepladder.execution.batching import resume_from_cache
from stepladder.execution.machine import Settings
from stepladder.runs.plan import cached_epochs, plan
from stepladder.training.checkpoints import Checkpoint, FinalStateCache
from stepladder.training.groups import Batching, groups


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


@pytest.fixture
def settings(tmp_path):
    return Settings((None,), {}, "jax", tmp_path / "compiled", "m", endings_bytes=10**8)


@pytest.fixture
def trained(dataset, settings):
    """A store that holds a study, whose endings are kept."""

    def make(store, how, settings=settings):
        made = plan(how, dataset, store, "population")
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


def test_more_epochs_go_on(dataset, settings, trained):
    store = trained(FakeStore(), study())
    assert at_hand(study(epochs=8), dataset, settings, store) == [5] * 6
    trained(store, study(epochs=8))
    assert at_hand(study(epochs=9), dataset, settings, store) == [8] * 6
    assert at_hand(study(epochs=7), dataset, settings, store) == [5] * 6
    assert at_hand(study(epochs=4), dataset, settings, store) == [0] * 6


def test_groups_are_told_apart(dataset, settings, trained):
    store = trained(FakeStore(), study())
    # An arm more of the structure of two: their program is wider, the others' is as it was.
    wider = study(epochs=8, techniques=["He normal", {"name": "rate", "change": {
        "learning_rate": 0.1}, "instead_of": "He normal"}, "ReLU"])  # fmt: skip
    found = at_hand(wider, dataset, settings, store)
    assert found == [0, 0, 0, 0, 0, 0, 5, 5]


def test_another_store_trains_from_the_start(dataset, settings, trained):
    trained(FakeStore(), study())
    assert at_hand(study(epochs=8), dataset, settings, FakeStore()) == [0] * 6


@pytest.mark.parametrize(
    "change", [{"endings_bytes": 0}, {"cache": None}, {"machine": "n"}, {"device": "gpu"},
               {"axis": "vmap"}],
)  # fmt: skip
def test_elsewhere_and_otherwise_nothing_is_gone_on_with(change, dataset, settings, trained):
    store = trained(FakeStore(), study())
    other = replace(settings, **change)
    assert at_hand(study(epochs=8), dataset, other, store) == [0] * 6


def test_a_group_knows_after_which_epochs_it_goes_on(dataset, settings, trained):
    store = trained(FakeStore(), study())
    made = plan(study(epochs=8), dataset, store, "population")
    waiting = groups(made.trials, made.missing)
    assert [group.after for group in resume_from_cache(waiting, settings, store)] == [5] * 4
    stacked = [replace(group, stacking=Batching("map", 2)) for group in waiting]
    assert [group.after for group in resume_from_cache(stacked, settings, store)] == [0] * 4
