"""What is said before training: confounds and sizes."""

import pytest
from example_run import finished
from fake_store import FakeStore

from stepladder import Study
from stepladder.data.synthetic import synthetic
from stepladder.runs.plan import part_sizes, plan
from stepladder.runs.preflight import TOLD, preflight_notes

BASE = {"hidden": [3], "activation": "sigmoid", "batch_size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


def said(study, dataset, stored=0):
    store = FakeStore()
    first = plan(study, dataset, store, "population")
    for trial in first.trials[:stored]:
        store.add(finished(trial, 0.5))
    planned = plan(study, dataset, store, "population")
    return preflight_notes(planned, dataset, part_sizes(study, dataset))


def test_nothing_is_said_of_a_plain_ladder(dataset):
    assert said(Study(name="s", base=BASE, validation=10, techniques=["ReLU"]), dataset) == ()


def test_confounds_are_named_and_many_are_counted(dataset):
    arms = [{"name": f"a{each}", "change": {"l2": 0.1, "dropout": 0.01 * each}}
            for each in range(1, 7)]  # fmt: skip
    study = Study(name="s", base=BASE, validation=10, design="explicit", explicit=arms)
    lines = said(study, dataset)
    assert len(lines) == TOLD + 1
    assert lines[0].startswith("confound: a1 against base: dropout 0.01 and 0.0 differ")
    assert lines[-1] == "confound: and 4 more, in the report"


def test_too_few_replicates_are_said(dataset):
    study = Study(name="s", base=BASE, validation=10, techniques=["ReLU"], replicates=1)
    assert "luck cannot be told" in said(study, dataset)[0]


def test_a_factorial_names_its_trials_and_a_smaller_design(dataset):
    techniques = ["ReLU", "He normal", "dropout", "L2", "label smoothing"]
    study = Study(name="s", base=BASE, validation=10, techniques=techniques, design="factorial",
                  replicates=100)  # fmt: skip
    (line,) = said(study, dataset)
    assert line.startswith("factorial of 5 techniques, 3,200 trials to train: design")
    assert "would have 16 arms of 32" in line
    (line,) = said(study, dataset, stored=10)
    assert "3,190 trials to train" in line
