"""Plans: what a study lacks, and what all its phases come to."""

from dataclasses import replace

import numpy as np
import pytest
from example_run import finished, plan, trials_by_arm
from fake_store import FakeStore
from fake_training import FakeTraining, noise, record_of

from stepladder import Study, StudyError
from stepladder.data.dataset import assemble
from stepladder.data.synthetic import synthetic
from stepladder.execution.machine import Settings
from stepladder.runs.misclassified import find_misclassified
from stepladder.runs.phases import plan_all_phases, train_all
from stepladder.runs.plan import part_sizes, run_context, versions_shown, with_notes
from stepladder.runs.plan import record_of as plan_record

# Plans: what a study lacks, and nothing else.


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
    by_arm = trials_by_arm(study(), dataset.fingerprint, 10, "population")
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
    told = again.announcement(2)
    assert (told.trials, told.found, told.epochs) == (2, 4, 40)
    assert set(told.arm_names) == {trial.id for trial in again.missing}


def test_arms_that_coincide_are_trained_once(dataset):
    techniques = ["ReLU", {"name": "tanh again", "change": {"activation": "tanh"}}]
    made = plan(study(techniques=techniques), dataset, FakeStore(), "population")
    assert len(made.trials) == 4
    shared = made.arm_names[made.trials[0].id]
    assert shared == ("base", "+ tanh again")


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"validation": 11}, {"base": {"hidden": [4], "activation": "tanh"}}]
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
    told = again.announcement(1, at_hand)
    assert (told.trials, told.epochs, told.at_hand) == (5, 100 - 25, at_hand)
    whole, left = again.announcement(1).seconds, told.seconds
    assert (whole, left) == (None, None)
    more = plan(study(replicates=3, techniques=[]), dataset, store, "population")
    assert more.announcement(1).seconds == 2.0
    assert more.announcement(1, {more.missing[0].id: 15}).seconds == 1.25


# What a study comes to before it is trained: all its phases as one plan.


GRID = [0.01, 0.1, 1.0]
FAIR = {"tuning": "fair", "tune": {"grid": {"learning_rate": GRID}, "widenings": 0}}
AUTO = {"replicates": "auto", "most_replicates": 20}
KINDS = {"fixed": {}, "fair": FAIR, "adaptive": AUTO, "fair and adaptive": {**FAIR, **AUTO}}


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
    train_all(question, store, training, str)
    plan = plan_all_phases(question, store)
    assert {trial.id for trial in plan.trials} == {trial.id for trial in training.trained}
    assert (plan.missing, plan.is_least) == ((), False)


@pytest.mark.parametrize("kind", KINDS)
def test_no_store_and_an_empty_one_foresee_the_same(dataset, kind):
    question = asked(dataset, **KINDS[kind])
    plan = plan_all_phases(question, None)
    assert plan == plan_all_phases(question, FakeStore())
    assert plan.missing == plan.trials
    assert plan.is_least == (kind != "fixed")


def test_a_fair_study_foresees_its_candidates_and_its_arms(dataset):
    plan = plan_all_phases(asked(dataset, **FAIR), None)
    tuning = [trial for trial in plan.trials if trial.role == "tune"]
    assert (len(tuning), len(plan.trials)) == (2 * 3 * 2, 2 * 3 * 2 + 2 * 4)


def test_trials_at_the_declared_rate_are_not_those_of_a_fair_study_before_it_is_tuned(dataset):
    """A fixed study of the same arms in the store must not make the fair one look finished."""
    store = FakeStore()
    train_all(asked(dataset), store, FakeTraining(store, worth_something), str)
    plan = plan_all_phases(asked(dataset, **FAIR), store)
    assert plan.missing == plan.trials


def test_an_adaptive_study_foresees_the_look_that_it_is_at(dataset):
    question, store = asked(dataset, **AUTO), FakeStore()
    first = plan_all_phases(question, store)
    training = FakeTraining(store, lambda trial: 0.7 + noise(trial))  # not settled soon
    training(first)
    second = plan_all_phases(question, store)
    assert len(second.trials) > len(first.trials)
    assert len(second.missing) == len(second.trials) - len(first.trials)


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_counts_the_trials_of_its_arms(dataset, kind):
    """Beside the bars stands how far each arm is: in tuning, and look by look."""
    question, store = asked(dataset, **KINDS[kind]), FakeStore()
    training = FakeTraining(store, worth_something)
    train_all(question, store, training, str)
    for part in training.plans:
        per_arm = len(part.trials) // 2
        assert part.announcement(2).arm_trials == {"base": per_arm, "+ ReLU": per_arm}
    assert [len(part.trials) // 2 for part in training.plans if part.missing] == {
        "fixed": [4], "fair": [6, 4], "adaptive": [5], "fair and adaptive": [6, 5]
    }[kind]  # fmt: skip


def test_the_time_is_told_where_like_trials_are_stored(dataset):
    store = FakeStore()
    assert plan_all_phases(asked(dataset, **FAIR), store).announcement(2).seconds is None
    train_all(asked(dataset), store, FakeTraining(store, worth_something), str)
    plan = plan_all_phases(asked(dataset, **FAIR), store)  # one second a trial
    assert plan.announcement(2).seconds == pytest.approx(len(plan.missing) / 2)


# Targets that are no classes: what a diverged trial counts as.

Y = np.array([[0.0], [1.0], [2.0], [9.0], [1.0], [3.0]])
LABELS = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]])


def of_task(task, y):
    x = np.arange(12.0).reshape(6, 2)
    return assemble("t", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:], task=task)


@pytest.mark.parametrize(
    ("task", "metric", "expected"),
    [
        # The mean of 0, 1, 2, 9 is 3; the test part has 1 and 3.
        ("regression", "rmse", np.sqrt(2.0)),
        ("regression", "mse", 2.0**2 / 2),
        ("regression", "mae", (0.5 + 1.5) / 2),  # of the median, 1.5
        ("regression", "r2", -1.0),
        ("regression", "loss", None),  # depends on the recipe
        ("multilabel", "accuracy", 0.0),  # labels 1 and not 2 for (1, 1) and (0, 1)
        ("multilabel", "macro_f1", (2 / 3 + 0) / 2),
        ("multilabel", "brier", np.mean([0.25**2, 0.75**2, 0.75**2, 0.75**2])),
        ("multilabel", "log_loss", -np.mean(np.log([0.75, 0.25, 0.25, 0.25]))),
        ("multilabel", "loss", -np.mean(np.log([0.75, 0.25, 0.25, 0.25]))),
        ("multilabel", "auroc", None),  # of one label alone
    ],
)
def test_a_diverged_trial_counts_as_an_answer_that_knows_no_input(task, metric, expected):
    dataset = of_task(task, Y if task == "regression" else LABELS)
    asked = study(dataset={"npz": "t", "task": task}, metric=metric, validation=1)
    settings = Settings((None,), {}, "jax", None, "a machine")
    record = plan_record(asked, dataset, settings)
    context = run_context(record)
    assert context.baseline == (None if expected is None else pytest.approx(expected))
    assert record.classes == (() if task == "regression" else ("0", "1"))
    assert record.sizes == {"train": 3, "validation": 1, "test": 2}
    assert record.versions["inputs"] == "2"
    assert find_misclassified(asked.arms, {}, dataset) is None


def test_classes_have_the_baseline_of_their_number_and_a_record_as_before(dataset):
    record = plan_record(study(), dataset, Settings((None,), {}, "jax", None, "a machine"))
    assert "baseline" not in record.versions
    assert run_context(record).baseline == 0.5


def test_a_record_keeps_the_share_of_the_commonest_class_and_the_notes_on_the_data():
    x = np.arange(14, dtype=np.float32).reshape(7, 2)
    y = np.array([0, 1, 1, 1, 1, 0, 0])  # of the training part; of the test part 2 of 3 are 0
    data = assemble("d", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:])
    settings = Settings((None,), {}, "jax", None, "a machine")
    record = with_notes(plan_record(study(validation=1), data, settings), ("a", 'b: "c"'))
    context = run_context(record)
    assert context.one_answer == context.commonest == pytest.approx(1 / 3)
    assert context.notes == ("a", 'b: "c"')
    assert not {"commonest", "notes"} & set(versions_shown(record.versions))
    before = run_context(replace(record, versions={}))  # a store of an earlier version
    assert (before.one_answer, before.notes) == (None, ())
    other = plan_record(study(validation=1, metric="macro_f1"), data, settings)
    assert run_context(other).one_answer == run_context(other).baseline
