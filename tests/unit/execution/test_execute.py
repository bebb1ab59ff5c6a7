"""Executing a plan: with processes that say what they are told to, and with a real one."""

from collections import defaultdict
from dataclasses import replace

import pytest
from example_run import finished, plan
from fake_store import FakeStore

from stepladder import Recipe, Study
from stepladder.data.synthetic import synthetic
from stepladder.errors import WorkerError
from stepladder.execution import machine
from stepladder.execution.base import Event
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.execution.scheduler import execute
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial

# Executing a plan with an executor that says what it is told to say.


class Says:
    """An executor with one place: each task is answered in turn."""

    name = "says"

    def __init__(self, *answers):
        self.given, self.cancelled = [], []
        self._answers, self._events, self._is_free = list(answers), [], True

    @property
    def free(self):
        return [None] if self._is_free else []

    def open(self, job):
        pass

    def submit(self, task, near=None):
        assert self._is_free
        self._is_free = False
        self.given.append(task)
        for message in self._answers.pop(0)(task.group):
            self._events.append((task, message))

    def events(self, timeout):
        heard, self._events = self._events, []
        for task, message in heard:
            if message["kind"] in ("finished", "lost"):
                self._is_free = True
            yield Event(task.id, message)

    def cancel(self, task_id):
        self.cancelled.append(task_id)

    def close(self):
        pass


def said(kind, **more):
    return {"kind": kind, **more}


def answered(group):
    """What a process says that trains a group to its end."""
    results = [said("result", result=finished(trial, 0.5)) for trial in group.trials]
    return [*results, said("finished")]


@pytest.mark.parametrize(
    "late",
    [
        lambda group: [said("finished")],
        lambda group: [said("failed", message="no", trace="")],
        lambda group: [said("epoch", epoch=1), *answered(group)],
    ],
    ids=["finished", "failed", "result"],
)
def test_of_a_task_that_was_lost_results_count_and_nothing_else(late):
    dataset = synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)
    study = Study(name="s", replicates=2, validation=10, epochs=2, base={"hidden": [3]})
    store = FakeStore()
    trials = plan(study, dataset, store, "population").trials
    lost = said("lost", problem="died (signal 9)")
    executor = Says(lambda group: [said("started"), lost, *late(group)], answered, answered)
    settings = Settings((None,), {}, "jax", None, "m")
    done = execute(trials, trials, dataset, settings, QuietProgress(), store, executor=executor)
    ids = {trial.id for trial in trials}
    assert (done, store.has(ids)) == (2, ids)
    again = (
        []
        if any(message["kind"] == "result" for message in late(Group(trials[:1], 1)))
        else [trials[:1]]
    )  # a result that arrives at the same time is stored first
    given = [task.group.trials for task in executor.given]
    assert given == [trials[:1], *again, trials[1:]]
    assert len({task.id for task in executor.given}) == len(given)


@pytest.mark.parametrize(
    ("times", "is_place", "is_tried"),
    [(1, False, True), (2, False, False), (5, True, True), (6, True, False)],
)
def test_a_trial_is_tried_again_more_often_where_its_place_has_left(times, is_place, is_tried):
    dataset = synthetic(examples=100, input_shape=(2, 2), classes=2, seed=0)
    study = Study(name="s", replicates=1, validation=10, epochs=2, base={"hidden": [3]})
    store = FakeStore()
    trials = plan(study, dataset, store, "population").trials
    lost = [said("started"), said("lost", problem="has left", is_place=is_place)]
    executor = Says(*[lambda group: lost] * times, answered)
    settings = Settings((None,), {}, "jax", None, "m")

    def done():
        return execute(trials, trials, dataset, settings, QuietProgress(), store, executor=executor)

    if is_tried:
        assert done() == 1
    else:
        with pytest.raises(WorkerError, match=r"failed (a second time|for the sixth time): it has"):
            done()


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
