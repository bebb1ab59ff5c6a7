"""A search whose trainings follow a rule."""

import math

import pytest
from example_run import question_about
from fake_store import FakeStore
from fake_training import noise, result_of

from stepladder import Study

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.5, "high": 0.9, "when": {"optimizer": "sgd"}},
    "units": {"type": "int", "low": 2, "high": 9},
}


@pytest.fixture
def searching():
    """Makes a study with a search, and the question that it asks."""

    def make(space=None, base=None, **search):
        study = Study(
            name="s", validation=100, replicates=3,
            base={"hidden": [4], "epochs": 9, **(base or {})},
            search={"space": space or SPACE, "trials": 9, **search},
        )  # fmt: skip
        return study, question_about(study)

    return make


def peaked(trial):
    """Best at a learning rate of 0.03, better with epochs; the largest rates diverge."""
    rate = trial.recipe.learning_rate
    if rate > 0.7:
        return math.nan
    return 0.9 - 0.05 * math.log10(rate / 0.03) ** 2 + 0.002 * trial.recipe.epochs + noise(trial)


class FakeTrainer:
    """Trains what a search asks for by a rule, and remembers it."""

    def __init__(self, rule=peaked):
        self.rule, self.store = rule, FakeStore()
        self.calls, self.forgotten = [], []

    def __call__(self, trials, label, before, keeps):
        self.calls.append((list(trials), dict(before), keeps))
        for trial in trials:
            self.store.add(result_of(trial, self.rule(trial)))
        return self.store.results([trial.id for trial in trials], curves=False)

    def forget(self, trial):
        self.forgotten.append(trial)


@pytest.fixture
def trainer():
    return FakeTrainer
