"""A run as progress is told of it, and a clock that only moves when it is told to."""

from __future__ import annotations

import numpy as np

from stepladder.data import validation_examples
from stepladder.execution.progress import RunAnnouncement
from stepladder.runs.plan import RunContext, make_plan, trials_of
from stepladder.study.study import Study
from stepladder.trials.trial import History, Score, Trial, TrialResult


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def planned_run(replicates: int = 2, epochs: int = 4, found: int = 0, **settings):
    """A plan of the ladder `quick` and its trials, arm by arm; the first `found` are stored."""
    study = Study.load("quick", {"replicates": replicates, "epochs": epochs, **settings})
    trials = [
        (arm.name, Trial(arm.recipe, "f" * 64, 2000, study.seed, replicate))
        for arm in study.arms
        for replicate in range(replicates)
    ][found:]
    names = {trial.id: (name,) for name, trial in trials}
    count = len(trials)
    arms = dict.fromkeys((arm.name for arm in study.arms), replicates)
    plan = RunAnnouncement(study, count, found, count * epochs, 2, arm_names=names, arm_trials=arms)
    return plan, [trial for _, trial in trials]


def finished(trial: Trial, accuracy: float, diverged: int | None = None) -> TrialResult:
    """The result of a trial whose every accuracy is one number."""
    values = np.full(trial.recipe.epochs, accuracy)
    score = Score(0.1, accuracy)
    return TrialResult(
        trial=trial,
        curve=History(values, values, values, values, values, values),
        train=score,
        validation=score,
        test=Score(0.1, 0.5),
        test_predictions=np.zeros(3, np.uint16),
        test_correct=np.zeros(3, np.bool_),
        diverged=diverged,
        parameters=10,
        seconds=1.0,
        versions={},
    )


def question_about(study):
    """Of a dataset of two classes, of which 100 examples are held out."""
    return RunContext(study, "data", 100, "population", 2)


def trials_by_arm(study, fingerprint, validation, engine):
    """The trials of each arm of a study, on a dataset of two classes."""
    return trials_of(RunContext(study, fingerprint, validation, engine, 2))


def plan(study, dataset, store, engine):
    """What a study of a dataset would train."""
    validation = validation_examples(dataset, study.validation)
    return make_plan(study, trials_by_arm(study, dataset.fingerprint, validation, engine), store)
