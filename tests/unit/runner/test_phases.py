"""What a study comes to before it is trained: all its phases as one plan."""

import pytest
from fake_store import FakeStore
from fake_training import FakeTraining, noise, record_of

from stepladder import Study
from stepladder.data.synthetic import synthetic
from stepladder.runs.plan import run_context
from stepladder.runs.run import foreseen, train_all
from stepladder.study.tuning import TUNING_REPLICATES

GRID = [0.01, 0.1, 1.0]
FAIR = {"tuning": "fair", "tune": {"grid": {"learning_rate": GRID}, "widenings": 0}}
AUTO = {"replicates": "auto", "most_replicates": 20}
KINDS = {"fixed": {}, "fair": FAIR, "adaptive": AUTO, "fair and adaptive": {**FAIR, **AUTO}}


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


def asked(dataset, **fields):
    base = {"hidden": [3], "activation": "sigmoid", "learning_rate": 0.1, "epochs": 2}
    study = Study(**{"name": "s", "replicates": 4, "validation": 10, "base": base,
                     "techniques": ["ReLU"], **fields})  # fmt: skip
    return run_context(record_of(study, dataset), "population")


def worth_something(trial):
    """Accuracy of a trial where ReLU helps and the middle of the grid is best."""
    there = 0.05 if trial.recipe.activation == "relu" else 0.0
    return 0.7 + there + (0.1 if trial.recipe.learning_rate == 0.1 else 0.0) + noise(trial)


@pytest.mark.parametrize("kind", KINDS)
def test_once_all_is_trained_the_plan_is_what_was_trained_and_nothing_is_missing(dataset, kind):
    question, store = asked(dataset, **KINDS[kind]), FakeStore()
    training = FakeTraining(store, worth_something)
    train_all(question, dataset, store, training, str)
    plan = foreseen(question, store)
    assert {trial.id for trial in plan.trials} == {trial.id for trial in training.trained}
    assert (plan.missing, plan.is_least) == ((), False)


@pytest.mark.parametrize("kind", KINDS)
def test_no_store_and_an_empty_one_foresee_the_same(dataset, kind):
    question = asked(dataset, **KINDS[kind])
    plan = foreseen(question, None)
    assert plan == foreseen(question, FakeStore())
    assert plan.missing == plan.trials
    assert plan.is_least == (kind != "fixed")


def test_a_fair_study_foresees_its_candidates_and_its_arms(dataset):
    plan = foreseen(asked(dataset, **FAIR), None)
    tuning = [trial for trial in plan.trials if trial.replicate >= TUNING_REPLICATES]
    assert (len(tuning), len(plan.trials)) == (2 * 3 * 2, 2 * 3 * 2 + 2 * 4)


def test_trials_at_the_declared_rate_are_not_those_of_a_fair_study_before_it_is_tuned(dataset):
    """A fixed study of the same arms in the store must not make the fair one look finished."""
    store = FakeStore()
    train_all(asked(dataset), dataset, store, FakeTraining(store, worth_something), str)
    plan = foreseen(asked(dataset, **FAIR), store)
    assert plan.missing == plan.trials


def test_an_adaptive_study_foresees_the_look_that_it_is_at(dataset):
    question, store = asked(dataset, **AUTO), FakeStore()
    first = foreseen(question, store)
    training = FakeTraining(store, lambda trial: 0.7 + noise(trial))  # not settled soon
    training(first)
    second = foreseen(question, store)
    assert len(second.trials) > len(first.trials)
    assert len(second.missing) == len(second.trials) - len(first.trials)


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_counts_the_trials_of_its_arms(dataset, kind):
    """Beside the bars stands how far each arm is: in tuning, and look by look."""
    question, store = asked(dataset, **KINDS[kind]), FakeStore()
    training = FakeTraining(store, worth_something)
    train_all(question, dataset, store, training, str)
    for part in training.plans:
        per_arm = len(part.trials) // 2
        assert part.announced(2).arm_trials == {"base": per_arm, "+ ReLU": per_arm}
    assert [len(part.trials) // 2 for part in training.plans if part.missing] == {
        "fixed": [4], "fair": [6, 4], "adaptive": [5], "fair and adaptive": [6, 5]
    }[kind]  # fmt: skip


def test_the_time_is_told_where_like_trials_are_stored(dataset):
    store = FakeStore()
    assert foreseen(asked(dataset, **FAIR), store).announced(2).seconds is None
    train_all(asked(dataset), dataset, store, FakeTraining(store, worth_something), str)
    plan = foreseen(asked(dataset, **FAIR), store)  # one second a trial
    assert plan.announced(2).seconds == pytest.approx(len(plan.missing) / 2)
