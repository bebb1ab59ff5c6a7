"""Plans: what a study lacks, and nothing else."""

import pytest
from example_run import finished
from fake_store import FakeStore

from stepladder import Study, StudyError
from stepladder.data.synthetic import synthetic
from stepladder.runs.plan import part_sizes, plan, trials_of


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


def study(**fields):
    values = {
        "name": "s",
        "replicates": 2,
        "validation": 10,
        "base": {"hidden": [3], "activation": "tanh"},
        "techniques": ["ReLU", {"name": "ELU", "instead_of": "ReLU"}],
    }
    return Study(**{**values, **fields})


def test_every_arm_has_its_replicates_in_order(dataset):
    by_arm = trials_of(study(), dataset.fingerprint, 10, "population")
    assert list(by_arm) == ["base", "+ ReLU", "ELU instead of ReLU"]
    for trials in by_arm.values():
        assert [trial.replicate for trial in trials] == [0, 1]
    assert len({trial.id for trials in by_arm.values() for trial in trials}) == 6


def test_what_is_stored_is_not_missing(dataset):
    store = FakeStore()
    first = plan(study(), dataset, store, "population")
    assert first.missing == first.trials
    for trial in first.trials[:4]:
        store.add(finished(trial, 0.5))
    again = plan(study(), dataset, store, "population")
    assert again.missing == first.trials[4:]
    told = again.announced(2)
    assert (told.trials, told.found, told.epochs) == (2, 4, 40)
    assert set(told.arm_names) == {trial.id for trial in again.missing}


def test_arms_that_coincide_are_trained_once(dataset):
    techniques = ["ReLU", {"name": "tanh again", "change": {"activation": "tanh"}}]
    made = plan(study(techniques=techniques), dataset, FakeStore(), "population")
    assert len(made.trials) == 4
    shared = made.arm_names[made.trials[0].id]
    assert shared == ("base", "+ tanh again")


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"validation": 11}, {"base": {"hidden": [4], "activation": "tanh"}}],
)
def test_another_question_is_another_set_of_trials(dataset, change):
    store = FakeStore()
    first = plan(study(), dataset, store, "population")
    for trial in first.trials:
        store.add(finished(trial, 0.5))
    other = plan(study(**change), dataset, store, "population")
    assert other.missing == other.trials


def test_engines_do_not_share_trials(dataset):
    ids = [
        {trial.id for trial in plan(study(), dataset, FakeStore(), engine).trials}
        for engine in ("population", "fit/jax", "fit/torch")
    ]
    assert not ids[0] & ids[1]
    assert not ids[1] & ids[2]


def test_sizes_are_those_of_the_split(dataset):
    assert part_sizes(study(), dataset) == {
        "train": len(dataset.y_train) - 10,
        "validation": 10,
        "test": len(dataset.y_test),
    }


def test_an_arm_that_wants_too_many_examples_is_found_out(dataset):
    hungry = study(techniques=[{"name": "more", "change": {"train_examples": 91}}])
    with pytest.raises(StudyError, match="train_examples must be from 1 to 90"):
        part_sizes(hungry, dataset)


def test_cached_epochs_are_not_counted(dataset):
    store = FakeStore()
    made = plan(study(), dataset, store, "population")
    store.add(finished(made.trials[0], 0.5))
    again = plan(study(), dataset, store, "population")
    at_hand = {again.missing[0].id: 15, again.missing[1].id: 10}
    told = again.announced(1, at_hand)
    assert (told.trials, told.epochs, told.at_hand) == (5, 100 - 25, at_hand)
    whole, left = again.announced(1).seconds, told.seconds
    assert (whole, left) == (None, None)
    more = plan(study(replicates=3, techniques=[]), dataset, store, "population")
    assert more.announced(1).seconds == 2.0
    assert more.announced(1, {more.missing[0].id: 15}).seconds == 1.25
