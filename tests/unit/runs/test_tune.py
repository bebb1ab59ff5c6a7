"""Tuning: the same candidates for every arm, on replicates of their own, widened for all."""

import math
from dataclasses import replace

import numpy as np
import pytest
from fake_store import FakeStore
from fake_training import FakeTraining, noise, record_of, result_of
from fake_training import run_study as run

from stepladder import Study, StudyError
from stepladder.data.synthetic import synthetic
from stepladder.report.json import as_json
from stepladder.runs.judging import judge
from stepladder.runs.phases import train_all
from stepladder.runs.plan import run_context
from stepladder.runs.tuning import replay_tuning, tune, tuned_arms
from stepladder.trials.trial import NO_HISTORY, PARTS, UNSCORED, TrialResult

GRID = [0.01, 0.03, 0.1, 0.3, 1.0]
BEST = {"sigmoid": 0.3, "relu": 0.03}


@pytest.fixture(scope="module")
def dataset():
    return synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)


def fair(best=None, **fields):
    values = {
        "name": "s", "replicates": 4, "validation": 10, "tuning": "fair",
        "base": {"hidden": [3], "activation": "sigmoid", "learning_rate": 0.1},
        "tune": {"grid": {"learning_rate": GRID}, "widenings": 3},
        "techniques": ["ReLU"],
    }  # fmt: skip
    return Study(**{**values, **fields})


def peaked(best=BEST):
    """Accuracy that is highest at one learning rate for each activation."""

    def rule(trial):
        recipe = trial.recipe
        away = math.log10(recipe.learning_rate / best[recipe.activation])
        return 0.9 - 0.1 * away**2 + (0.02 if recipe.activation == "relu" else 0) + noise(trial)

    return rule


def test_each_arm_is_compared_at_the_rate_that_is_best_for_it(dataset):
    _, _, results = run(fair(), dataset, peaked())
    assert [arm.arm.recipe.learning_rate for arm in results.arms] == [0.3, 0.03]
    assert results.finished
    assert results.arms[1].effect.mean == pytest.approx(2, abs=0.5)
    tuned = results.tuned
    assert [each.chosen for each in tuned.arms] == [(0.3,), (0.03,)]
    assert [each.declared for each in tuned.arms] == [(0.1,), (0.1,)]
    assert (tuned.widenings, tuned.trials) == (0, 2 * 5 * 2)


def test_every_arm_has_the_same_candidates_on_replicates_that_are_not_used_again(dataset):
    _, training, _ = run(fair(), dataset, peaked())
    tuning = [trial for trial in training.trained if trial.role == "tune"]
    compared = [trial for trial in training.trained if trial.role == "compare"]
    rates = {activation: sorted((trial.recipe.learning_rate, trial.replicate) for trial in tuning
                                if trial.recipe.activation == activation)
             for activation in BEST}  # fmt: skip
    assert rates["sigmoid"] == rates["relu"]
    assert len(rates["relu"]) == 10
    assert {trial.replicate for trial in compared} == {0, 1, 2, 3}
    assert len(compared) == 8


def test_the_best_at_the_edge_widens_the_grid_for_all(dataset):
    _, training, results = run(fair(), dataset, peaked({"sigmoid": 5.0, "relu": 0.03}))
    tuned = results.tuned
    assert tuned.grid["learning_rate"] == (*GRID, 3.0, 10.0)
    assert tuned.widenings == 2
    assert [each.chosen for each in tuned.arms] == [(3.0,), (0.03,)]
    assert all(len(each.tried) == 7 for each in tuned.arms)
    assert all(each.at_edge == () for each in tuned.arms)
    assert len([plan for plan in training.plans if plan.missing]) == 4
    assert len(training.trained) == 2 * 7 * 2 + 8
    assert "1, 3, 10" in training.notes[2]


def test_at_the_limit_a_warning_stands_beside_the_arm(dataset):
    study = fair(tune={"grid": {"learning_rate": GRID}, "widenings": 1})
    _, _, results = run(study, dataset, peaked({"sigmoid": 100.0, "relu": 0.03}))
    assert results.tuned.arms[0].at_edge == ("learning_rate",)
    assert results.tuned.arms[1].at_edge == ()
    said = " ".join(results.arms[0].diagnosis)
    assert "the best learning_rate tried, 3, is at the edge" in said
    assert results.arms[1].diagnosis == ()


def test_a_grid_is_not_widened_beyond_what_a_field_allows(dataset):
    study = fair(tune={"grid": {"dropout": [0.0, 0.1, 0.2]}, "widenings": 3})
    _, _, results = run(study, dataset, lambda trial: 0.9 - trial.recipe.dropout / 10)
    assert results.tuned.widenings == 0
    assert results.tuned.arms[0].at_edge == ()
    assert results.tuned.arms[0].chosen == (0.0,)


def test_an_arm_that_never_learns_asks_for_no_wider_grid(dataset):
    _, _, results = run(fair(), dataset, lambda trial: 0.5)
    assert results.tuned.widenings == 0
    assert results.tuned.arms[0].chosen == (0.1,)


def test_a_candidate_that_diverges_is_not_chosen(dataset):
    _, _, results = run(
        fair(), dataset,
        lambda trial: math.nan if trial.recipe.learning_rate > 0.05 else 0.6 + noise(trial),
    )  # fmt: skip
    assert all(each.chosen[0] <= 0.03 for each in results.tuned.arms)
    assert results.tuned.arms[0].tried[-1].mean == 0.5


def test_epochs_of_tuning_are_the_same_for_all(dataset):
    study = fair(tune={"grid": {"learning_rate": GRID}, "epochs": 7},
                 techniques=[{"name": "long", "change": {"epochs": 50}}])  # fmt: skip
    _, training, results = run(study, dataset, lambda trial: 0.6 + noise(trial))
    tuning = [trial for trial in training.trained if trial.role == "tune"]
    assert {trial.recipe.epochs for trial in tuning} == {7}
    assert [arm.arm.recipe.epochs for arm in results.arms] == [20, 50]


def test_what_is_stored_is_not_trained_again_and_an_interrupted_tuning_goes_on(dataset):
    store = FakeStore()
    training = FakeTraining(store, peaked())
    question = run_context(record_of(fair(), dataset), "population")

    class Stopped(Exception):
        pass

    def stops(plan):
        training(replace(plan, missing=plan.missing[:7]))
        raise Stopped

    with pytest.raises(Stopped):
        train_all(question, store, stops, str)
    assert replay_tuning(question, store).tuned is None
    unfinished = judge(store, record_of(fair(), dataset), "population", "test")
    assert (unfinished.finished, unfinished.tuned, unfinished.looks) == (False, None, 0)
    assert all(arm.n == 0 for arm in unfinished.arms)
    done, again, results = run(fair(), dataset, peaked(), store)
    assert (done, len(again.trained)) == (28, 21)
    whole = run(fair(), dataset, peaked())[2]
    assert [arm.effect for arm in results.arms] == [arm.effect for arm in whole.arms]
    assert not run(fair(), dataset, peaked(), store)[1].trained
    assert not any(plan.missing for plan in again.plans[2:])


def test_a_new_round_s_program_is_as_wide_as_its_new_candidates(dataset):
    """What a candidate yields must not depend on what was left to train beside it."""
    _, training, _ = run(fair(), dataset, peaked({"sigmoid": 5.0, "relu": 0.03}))
    assert [len(plan.trials) for plan in training.plans[:3]] == [20, 4, 4]


def test_a_fixed_study_is_not_tuned(dataset):
    study = fair(tuning="fixed")
    _, training, results = run(study, dataset, peaked())
    assert results.tuned is None
    assert all(trial.role == "compare" for trial in training.trained)
    question = run_context(record_of(study, dataset), "population")
    assert tune(question, FakeStore(), training, str) is None
    assert tuned_arms(study, None) == study.arms


def test_a_value_that_one_arm_cannot_have_is_refused_before_training(dataset):
    study = fair(tune={"grid": {"momentum": [0.0, 0.5, 0.9]}}, techniques=["ReLU", {
        "name": "clever", "change": {"optimizer": "adam"}}])  # fmt: skip
    with pytest.raises(StudyError, match="momentum must be 0 with the optimizer adam"):
        run(study, dataset, peaked())


# Tuning on another metric, and of a training of the user's own.


def measured(name, sign=1, rule=None):
    """Trains with a metric whose best is at a rate of 0.3 for sigmoid and 0.03 for ReLU."""
    rule = rule or peaked()

    def result(trial):
        value = rule(trial)
        made = result_of(trial, value)
        if math.isnan(value):
            return made
        return replace(made, measures={part: {name: sign * value} for part in PARTS})

    return result


class Measuring(FakeTraining):
    def __call__(self, plan):
        self.plans.append(plan)
        for trial in plan.missing:
            self.store.add(self.rule(trial))
        return len(plan.missing)


def run_measured(study, dataset, rule, classes=("a", "b")):
    store = FakeStore()
    training = Measuring(store, rule)
    record = replace(record_of(study, dataset), classes=classes)
    train_all(run_context(record, "population"), store, training, training.notes.append)
    return training, judge(store, record, "population", "test")


def test_the_judged_metric_chooses_in_its_direction(dataset):
    """Negating the metric and its direction gives the same choices."""
    own = {"trainer": {"command": ["train", "{lr}", "{act}"]}, "techniques": [
        {"name": "ReLU", "change": {"act": "relu"}}], "base": {"act": "sigmoid", "lr": 0.1},
        "tune": {"grid": {"lr": GRID}, "widenings": 3}, "dataset": None}  # fmt: skip

    def rule(trial):
        best = {"sigmoid": 5.0, "relu": 0.03}[trial.config.values["act"]]
        lr = trial.config.values["lr"]
        return math.nan if lr > 20 else 1.9 - 0.1 * math.log10(lr / best) ** 2

    chosen = {}
    for sign, better in ((1, "higher"), (-1, "lower")):
        study = fair(**own, metric={"name": "gain", "better": better})
        training, results = run_measured(study, dataset, plain(rule, sign), ())
        assert "on validation gain" in training.notes[0]
        chosen[sign] = [each.chosen for each in results.tuned.arms]
        assert results.tuned.metric == "gain"
        assert [arm.arm.config.values["lr"] for arm in results.arms] == [3.0, 0.03]
    assert chosen[1] == chosen[-1] == [(3.0,), (0.03,)]


def plain(rule, sign=1, parts=PARTS):
    """Results of a training of the user's own that gives `gain` on some parts."""

    def result(trial):
        value = rule(trial)
        return TrialResult(
            trial, NO_HISTORY, UNSCORED, UNSCORED, UNSCORED, np.zeros(0, np.uint16),
            np.zeros(0, np.bool_), 1 if math.isnan(value) else None, 0, 1.0, {},
            measures={part: {"gain": sign * value} for part in parts},
        )  # fmt: skip

    return result


OWN = {
    "trainer": {"command": ["train", "{lr}"]}, "base": {"lr": 0.1}, "dataset": None,
    "techniques": [{"name": "other", "change": {"other": 1}}],
    "tune": {"grid": {"lr": GRID}, "widenings": 0},
}  # fmt: skip


def test_without_a_baseline_what_diverged_is_never_chosen(dataset):
    study = fair(**{**OWN, "base": {"lr": 0.1, "other": 0},
                    "trainer": {"command": ["train", "{lr}", "{other}"]}},
                 metric={"name": "gain", "better": "lower"})  # fmt: skip

    def rule(trial):
        lr, is_second = trial.config.values["lr"], trial.replicate % 2
        return math.nan if lr > 0.2 and is_second else -lr  # far better where it does not diverge

    _, results = run_measured(study, dataset, plain(rule, 1), ())
    assert [each.chosen for each in results.tuned.arms] == [(0.1,), (0.1,)]
    assert math.isnan(results.tuned.arms[0].tried[-1].mean)


def test_a_training_without_a_validation_part_cannot_be_tuned(dataset):
    study = fair(**{**OWN, "base": {"lr": 0.1, "other": 0},
                    "trainer": {"command": ["train", "{lr}", "{other}"]}},
                 metric={"name": "gain", "better": "lower"})  # fmt: skip
    with pytest.raises(
        StudyError, match=r'gave none; return \{"validation": \{"gain": ...\}, "test"'
    ):
        run_measured(study, dataset, plain(lambda trial: 0.5, 1, ("test",)), ())


def test_networks_are_tuned_on_the_metric_that_is_judged(dataset):
    study = fair(metric="log_loss")
    training, results = run_measured(
        study, dataset, measured("log_loss", -1, lambda trial: peaked()(trial) - 2)
    )
    assert [each.chosen for each in results.tuned.arms] == [(0.3,), (0.03,)]
    assert "on validation log_loss" in training.notes[0]
    assert {trial.metrics for trial in training.trained} == {("log_loss",)}
    assert '"val_log_loss"' in as_json(results)


def test_a_diverged_candidate_counts_as_the_metric_of_guessing(dataset):
    rule = measured("log_loss", 1, lambda trial: math.nan if trial.replicate % 2 else 0.1)
    _, results = run_measured(fair(metric="log_loss"), dataset, rule)
    means = {tried.mean for tried in results.tuned.arms[0].tried}
    assert means == {(0.1 + math.log(2)) / 2}
