"""Batching: how replicates are stacked, and which groups go on from a shorter training."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished, plan
from fake_store import FakeStore

from stepladder import Recipe, Study
from stepladder.data.synthetic import synthetic
from stepladder.execution.batching import MAX_STACK, make_groups, stack_sizes
from stepladder.execution.machine import Settings
from stepladder.runs.plan import cached_epochs
from stepladder.training.checkpoints import FinalStateCache
from stepladder.training.groups import groups
from stepladder.training.serialization import Checkpoint
from stepladder.trials.trial import Trial

# How replicates are stacked: never on a CPU, on a GPU as far as memory allows.


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=300, input_shape=(4, 4), classes=4, seed=2)


def trials(dataset, replicates=3, **fields):
    recipe = Recipe(**{"hidden": [6], "batch_size": 16, **fields})
    return [Trial(recipe, dataset.fingerprint, 40, 0, replicate) for replicate in range(replicates)]


@pytest.fixture
def gpu(tmp_path):
    return Settings((None,), {}, "jax", tmp_path / "compiled", "a machine", device="gpu")


def test_a_cpu_trains_replicates_one_by_one(dataset, gpu):
    assert stack_sizes(trials(dataset), dataset, replace(gpu, device="cpu")) == {}


@pytest.mark.parametrize(("memory", "size"), [(None, MAX_STACK), (10**12, MAX_STACK),
                                              (2 * 10**9, 3), (0, 1)])  # fmt: skip
def test_a_gpu_stacks_them_as_far_as_memory_allows(memory, size, dataset, gpu):
    wide = trials(dataset, 8, hidden=[4096, 4096])
    sizes = stack_sizes(wide, dataset, replace(gpu, memory=memory))
    assert list(sizes.values()) == [size]


def test_a_network_of_the_user_s_own_is_never_stacked(dataset, gpu):
    assert stack_sizes(trials(dataset, model=f"{'0' * 64}:build"), dataset, gpu) == {}


def test_a_resumed_study_is_stacked_as_the_whole_one_was(dataset, gpu):
    planned = trials(dataset, 9)
    whole = make_groups(planned, planned, dataset, gpu, FakeStore())
    (left,) = make_groups(planned, planned[2:3], dataset, gpu, FakeStore())
    assert [group.replicates for group in whole] == [8, 1]
    assert (left.trials, left.replicates) == ((planned[2],), 8)


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
            FinalStateCache(**settings.endings).save(group, lambda state=state: state, 1.1)
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
    "change", [{"endings_bytes": 0}, {"cache": None}, {"machine": "n"}, {"device": "gpu"}],
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
    waiting = make_groups(
        made.trials, made.missing, dataset_of_going_on, settings_of_going_on, store
    )
    assert [group.start_epoch for group in waiting] == [5] * 4
