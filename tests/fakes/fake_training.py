"""Training without training: results that follow from a trial by a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from example_run import finished
from fake_store import FakeStore

from stepladder.data import Dataset
from stepladder.runs.plan import Plan
from stepladder.store import StudyRecord
from stepladder.study.study import Study
from stepladder.trials.trial import Score, Trial, TrialResult

Rule = Callable[[Trial], float]
"""Accuracy of a trial as a fraction; NaN diverges."""


def noise(trial: Trial, spread: float = 0.002) -> float:
    """Luck of a trial, the same whenever it is trained."""
    seed = int(trial.id[:8], 16)
    return float(spread * np.random.default_rng(seed).normal())


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
