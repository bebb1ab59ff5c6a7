"""Many trials on many workers that come and go by a seed: none is lost, none is trained twice."""

import random
import threading

import pytest
from own_training import setup_of, trial

from stepladder.data import own_data
from stepladder.execution.base import Event
from stepladder.execution.machine import Settings
from stepladder.execution.progress import QuietProgress
from stepladder.execution.scheduler import execute
from stepladder.store import open_store
from stepladder.study.trainer import UserTrainer
from stepladder.training.function import make_user_result

TRAINER = UserTrainer(command=["true", "{x}"])
USER = setup_of(TRAINER)
SETTINGS = Settings((None,), {}, "", None, "a machine", engine="command", patience=0)


class Workers:
    """Workers that answer in an order of their own; some leave without an answer, others join."""

    name = "simulated"

    def __init__(self, count, seed, leaving):
        self.most = self.places = count
        self.draw, self.leaving = random.Random(seed), leaving
        self.tasks, self.lost, self.handled = [], set(), []
        self.trained = []

    @property
    def free(self):
        return [None] * (self.places - len(self.tasks))

    def open(self, job):
        pass

    def submit(self, task, near=None):
        assert len(self.tasks) < self.places
        self.tasks.append(task)

    def events(self, timeout):
        self.places += self.places < self.most and self.draw.random() < 0.5
        count = self.draw.randint(1, len(self.tasks)) if self.tasks and timeout else 0
        self.draw.shuffle(self.tasks)
        answering, self.tasks = self.tasks[:count], self.tasks[count:]
        return [event for task in answering for event in self.answer(task)]

    def answer(self, task):
        (trained,) = task.group.trials
        if trained.id not in self.lost and self.draw.random() < self.leaving:
            self.lost.add(trained.id)
            self.places -= 1
            return [Event(task.id, {"kind": "lost", "problem": "left"})]
        self.trained.append(trained.id)
        result = make_user_result(trained, {"accuracy": 0.5}, {}, 0.1, USER)
        told = {"kind": "result", "result": result}
        handled = lambda: self.handled.append(trained.id)  # noqa: E731
        return [Event(task.id, told, handled), Event(task.id, {"kind": "finished"})]

    def cancel(self, task_id):
        assert task_id not in [task.id for task in self.tasks]

    def close(self):
        pass


def run(trials, workers, address):
    with open_store(address) as store:
        return execute(
            trials, trials, own_data("true"), SETTINGS, QuietProgress(), store,
            executor=workers, user=USER, on_failure=pytest.fail,
        )  # fmt: skip


@pytest.mark.parametrize("drivers", [1, 3])
def test_nothing_is_lost_and_nothing_trained_twice(drivers, tmp_path):
    trials = [trial(TRAINER, {"x": x}, replicate) for replicate in range(150) for x in (0, 1)]
    ids = {each.id for each in trials}
    address = tmp_path / "store.db"
    open_store(address).close()
    teams = [Workers(20, seed, 0.05) for seed in range(drivers)]
    stored = []

    def work(workers):
        stored.append(run(trials, workers, address))

    threads = [threading.Thread(target=work, args=(workers,)) for workers in teams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(stored) == len(trials)
    trained = [each for workers in teams for each in workers.trained]
    assert sorted(trained) == sorted(ids)
    assert [each for workers in teams for each in workers.handled] == trained
    assert any(workers.lost for workers in teams)
    with open_store(address) as store:
        assert store.has(ids) == ids
        assert (store.claimed(ids), store.drivers()) == ({}, [])
