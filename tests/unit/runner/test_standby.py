"""Processes started ahead of time: used once each, and none outlives its run."""

import os

import pytest

from stepladder.errors import DataError
from stepladder.execution import machine
from stepladder.execution.local import WarmPool
from stepladder.runs import run
from stepladder.study.study import Study


def is_there(worker):
    try:
        os.kill(worker._process.pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def settings():
    if len(machine.settings().cpus) < 2:
        pytest.skip("needs two cores")
    return machine.settings(2)


def test_each_is_taken_once_from_its_core_and_the_rest_end(settings, tmp_path):
    standby = WarmPool()
    standby.start(settings, tmp_path, 1)
    assert standby.take(settings.cpus[1]) is None
    taken = standby.take(settings.cpus[0])
    assert standby.take(settings.cpus[0]) is None
    standby.end()
    assert is_there(taken)
    taken.end()
    standby.start(settings, tmp_path, 9)
    started = list(standby._workers)
    assert len(started) == len(settings.cpus)
    assert all(map(is_there, started))
    standby.end()
    assert not any(map(is_there, started))


def test_those_that_last_come_back_and_one_that_died_is_not_taken(settings, tmp_path):
    standby = WarmPool(lasting=True)
    standby.start(settings, tmp_path, 1)
    taken = standby.take(settings.cpus[0])
    standby.leave(taken)
    assert standby.take(settings.cpus[0]) is taken
    standby.leave(taken)
    taken._process.kill()
    taken._process.wait()
    assert standby.take(settings.cpus[0]) is None
    once = WarmPool()
    once.start(settings, tmp_path, 1)
    taken = once.take(settings.cpus[0])
    once.leave(taken)
    assert not is_there(taken)


def test_a_dataset_that_will_not_do_leaves_no_process(settings, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(run.WarmPool, "start", spying(run.WarmPool.start, started), raising=True)
    (tmp_path / "mine.csv").write_text("no numbers\n")
    study = Study.load("quick", {"dataset": str(tmp_path / "mine.csv")})
    with pytest.raises(DataError):
        run.run_study(study, tmp_path / "run", settings)
    assert started
    assert not any(map(is_there, started))


def spying(start, started):
    def spied(standby, *given):
        start(standby, *given)
        started.extend(standby._workers)

    return spied
