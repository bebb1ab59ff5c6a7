"""Training without training: results that follow from a trial by a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from example_run import finished
from fake_store import FakeStore

from stepladder.data import Dataset
from stepladder.runs.judging import judge
from stepladder.runs.phases import train_all
from stepladder.runs.plan import Plan, run_context
from stepladder.runs.results import Results
from stepladder.store import StudyRecord
from stepladder.study.study import Study
from stepladder.trials.trial import Score, Trial, TrialResult

Rule = Callable[[Trial], float]
"""Accuracy of a trial as a fraction; NaN diverges."""


def noise(trial: Trial, spread: float = 0.002) -> float:
    """Luck of a trial, the same whenever it is trained."""
    seed = int(trial.id[:8], 16)
    return float(spread * np.random.default_rng(seed).normal())


def clear_and_hardly(trial: Trial) -> float:
    """The rule of `one_at_a_time`: its first technique clearly helps, its second hardly does."""
    gain = 0.2 if trial.recipe.activation == "relu" else 0.0005 if trial.recipe.l2 else 0
    return 0.6 + gain + noise(trial, 0.01)


def one_at_a_time(**fields: Any) -> Study:
    """A study of two techniques."""
    values = {
        "name": "s", "validation": 10, "base": {"hidden": [3], "activation": "sigmoid"},
        "techniques": ["ReLU", {"name": "hardly", "change": {"l2": 0.1}}],
        "design": "one_at_a_time",
    }  # fmt: skip
    return Study(**{**values, **fields})


def result_of(trial: Trial, accuracy: float) -> TrialResult:
    if np.isnan(accuracy):
        nothing = Score(float("nan"), float("nan"))
        made = finished(trial, 0.0, diverged=1)
        return replace(made, train=nothing, validation=nothing, test=nothing)
    made = finished(trial, accuracy)
    predictions = (np.arange(10) % 10).astype(np.uint16)
    return replace(made, test=Score(0.1, accuracy), test_predictions=predictions,
                   test_correct=np.arange(10) < 10 * accuracy)  # fmt: skip


class FakeTraining:
    """Trains what plans lack into a store and remembers what it was asked for."""

    def __init__(self, store: FakeStore, rule: Rule) -> None:
        self.store, self.rule = store, rule
        self.plans: list[Plan] = []
        self.notes: list[str] = []

    def __call__(self, plan: Plan) -> int:
        self.plans.append(plan)
        for trial in plan.missing:
            self.store.add(result_of(trial, self.rule(trial)))
        return len(plan.missing)

    @property
    def trained(self) -> list[Trial]:
        """Every trial in the order in which it was trained."""
        return [trial for plan in self.plans for trial in plan.missing]


def record_of(study: Study, dataset: Dataset) -> StudyRecord:
    """A study as a store keeps it."""
    sizes = {"train": 90, "validation": 10, "test": len(dataset.y_test)}
    return StudyRecord(study, "d", dataset.fingerprint, sizes, ("a", "b"), {}, "m")


def run_study(
    study: Study, dataset: Dataset, rule: Rule, store: FakeStore | None = None
) -> tuple[int, FakeTraining, Results]:
    """Trains a study and judges it: how many trials were trained, by what, and the results."""
    store = store or FakeStore()
    training, record = FakeTraining(store, rule), record_of(study, dataset)
    question = run_context(record, "population")
    done = train_all(question, store, training, training.notes.append)
    return done, training, judge(store, record, "population", "test")
