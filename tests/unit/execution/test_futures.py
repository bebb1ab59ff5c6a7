"""A pool of the user's: how often the dataset travels, and which files of news are read."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

import pytest
from scripted_worker import DATASET, SETTINGS, group

from stepladder.execution.base import Job, Task
from stepladder.execution.futures import FuturesExecutor


class FarPool(Executor):
    """Hosts that do not see this machine's files; their answers are given by the test."""

    def __init__(self):
        self.sent = []
        self.dies = False

    def submit(self, fn, job, task, data):
        self.sent.append(data)
        future = Future()
        if self.dies and data is not None:
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result([{"kind": "needs data" if data is None else "finished"}])
        return future


class Counted(FuturesExecutor):
    """Counts how often a dataset is made an argument."""

    made = 0

    def _data(self, dataset):
        self.made += 1
        return super()._data(dataset)


@pytest.fixture
def opened(tmp_path):
    with Counted(FarPool(), 2) as executor:
        executor.open(Job(DATASET, SETTINGS, tmp_path / "checkpoints"))
        yield executor


def kinds(executor):
    return [(event.task, event.message["kind"]) for event in executor.events(0.1)]


def test_a_dataset_is_made_an_argument_once_for_all_hosts_and_jobs(opened, tmp_path):
    for number in range(3):
        opened.submit(Task(f"t{number}", group(number)))
        assert kinds(opened) == [(f"t{number}", "finished")]
    opened.open(Job(DATASET, SETTINGS, tmp_path / "checkpoints", keeps_final=True))
    opened.submit(Task("again", group(3)))
    assert kinds(opened) == [("again", "finished")]
    assert opened.made == 1
    assert [data is None for data in opened._pool.sent] == [True, False] * 4


def test_a_dataset_that_was_lost_with_its_node_is_sent_again(opened):
    opened._pool.dies = True
    opened.submit(Task("lost", group(0)))
    assert kinds(opened) == [("lost", "lost")]
    opened._pool.dies = False
    opened.submit(Task("next", group(0)))
    assert kinds(opened) == [("next", "finished")]
    assert opened.made == 2


class BusyPool(Executor):
    """Hosts that never answer."""

    def submit(self, fn, *_):
        return Future()


def test_only_files_of_news_that_have_grown_are_opened(tmp_path, monkeypatch):
    executor = FuturesExecutor(BusyPool(), 3)
    executor.open(Job(DATASET, SETTINGS, tmp_path / "checkpoints"))
    for number in range(3):
        executor.submit(Task(f"t{number}", group(number)))
    read = []
    original = executor._news
    monkeypatch.setattr(executor, "_news", lambda sent: read.append(sent.task.id) or original(sent))
    with executor:
        executor._file("t1", "news").write_text('{"kind": "started"}\n{"kind": "ep')
        assert kinds(executor) == [("t1", "started")]
        with executor._file("t1", "news").open("a") as file:
            file.write('och", "epoch": 1}\n')
        executor._next_news = 0.0
        assert kinds(executor) == [("t1", "epoch")]
        executor._next_news = 0.0
        assert kinds(executor) == []
    assert read == ["t1", "t1"]
