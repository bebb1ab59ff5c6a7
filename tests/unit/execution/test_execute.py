"""Executing a plan: with processes that say what they are told to, and with a real one."""

import queue
from collections import defaultdict
from dataclasses import replace

import pytest
from example_run import finished, plan
from fake_store import FakeStore

from stepladder import Recipe, Study
from stepladder.data.synthetic import synthetic
from stepladder.execution import machine
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.execution.scheduler import execute
from stepladder.trials.trial import Trial

# Executing a plan with processes that say what they are told to say.


class Process:
    """A training process: it is given one group after the other until it is ended."""

    def __init__(self, events, answer):
        self.cpu = self.group = self.program = None
        self.given, self.is_ended = [], False
        self._events, self._answer = events, answer

    def send_dataset(self, dataset):
        pass

    def train(self, group):
        if self.is_ended:
            raise ValueError("write to closed file")
        self.group, self.program, self.began = group, group.key.program, 0.0
        self.given.append(group)
        for message in self._answer(group):
            self._events.put((self, message))

    def exit_message(self):
        return "signal 9"

    def end(self):
        self.is_ended = True


class Processes:
    """Processes that wait, as `WarmPool` has them."""

    persistent = False

    def __init__(self, *answers):
        self.events = queue.SimpleQueue()
        self.all = [Process(self.events, answer) for answer in answers]
        self._left = list(self.all)

    def take(self, cpu):
        return self._left.pop(0)

    def release(self, process):
        process.end()

    def end(self):
        pass


ENDED = None


def said(kind, **more):
    return {"kind": kind, **more}


def answered(group):
    """What a process says that trains a group to its end."""
    results = [said("result", result=finished(trial, 0.5)) for trial in group.trials]
    return [*results, said("idle")]


@pytest.mark.parametrize(
    "late",
    [
        lambda group: [said("idle")],
        lambda group: [said("failed", message="no", trace="")],
        lambda group: [said("epoch", epoch=1), *answered(group)],
    ],
    ids=["idle", "failed", "result"],
)
def test_a_process_that_was_replaced_is_handed_nothing(late):
    """What it had said before is still to be heard: its results count, and nothing else."""
    dataset = synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)
    study = Study(name="s", replicates=2, validation=10, epochs=2, base={"hidden": [3]})
    store = FakeStore()
    trials = plan(study, dataset, store, "population").trials
    processes = Processes(lambda group: [ENDED, *late(group)], answered)
    settings = Settings((None,), {}, "jax", None, "m")
    done = execute(trials, trials, dataset, settings, QuietProgress(), store, standby=processes)
    lost, other = processes.all
    ids = {trial.id for trial in trials}
    assert (done, store.has(ids)) == (2, ids)
    assert [group.trials for group in lost.given] == [trials[:1]]
    assert [group.trials for group in other.given] == [trials[:1], trials[1:]]


# Executing a plan in a real training process: what progress is told, and what is left behind.


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
