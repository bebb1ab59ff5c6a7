"""Executing a plan in a real training process: what progress is told, and what is left behind."""

from collections import defaultdict
from dataclasses import replace

import pytest
from fake_store import FakeStore

from stepladder import Recipe
from stepladder.data.synthetic import synthetic
from stepladder.execution import machine
from stepladder.execution.progress import QuietProgress
from stepladder.execution.scheduler import execute
from stepladder.trials.trial import Trial


class Epochs(QuietProgress):
    """Writes down the epochs of each trial."""

    def __init__(self):
        self.of = defaultdict(list)

    def epoch_done(self, trial, epoch):
        self.of[trial].append(epoch)


@pytest.fixture(params=[pytest.param("population", marks=pytest.mark.slow), "fit"])
def settings(request, monkeypatch):
    """One process that writes a checkpoint after every epoch."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    made = machine.settings(1, engine=request.param)
    return replace(made, cache=None, checkpoint_seconds=0.0)


def test_epochs_are_those_of_their_trial_and_no_checkpoint_outlives_its_result(settings, tmp_path):
    dataset = synthetic(examples=80, input_shape=(2, 2), classes=2, seed=0)
    recipe = Recipe(hidden=[3], epochs=3, batch_size=16)
    trials = [
        Trial(recipe.changed({"learning_rate": rate}), dataset.fingerprint, 20, 0, 0,
              settings.engine_name)
        for rate in (0.1, 0.2)
    ]  # fmt: skip
    heard, store = Epochs(), FakeStore()
    assert execute(trials, trials, dataset, settings, heard, store, folder=tmp_path) == 2
    assert store.has(trial.id for trial in trials) == {trial.id for trial in trials}
    assert heard.of == {trial: [1, 2, 3] for trial in trials}
    assert list(tmp_path.iterdir()) == []
