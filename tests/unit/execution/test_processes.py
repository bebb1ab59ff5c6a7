"""Training processes: started ahead of time, and watched for silence."""

import os
import subprocess
import sys

import pytest
from example_run import Clock

from stepladder import Recipe
from stepladder.data.synthetic import synthetic
from stepladder.errors import DataError
from stepladder.execution import machine
from stepladder.execution.base import Job, Task
from stepladder.execution.local import LocalExecutor, is_running
from stepladder.execution.scheduler import Watchdog
from stepladder.runs import run
from stepladder.study.study import Study
from stepladder.training.groups import Group
from stepladder.trials.trial import Trial

# Processes started ahead of time: used once each, and none outlives its run.


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


def test_as_many_are_started_as_are_wanted_and_none_is_left(settings, tmp_path):
    for most, there in ((1, 1), (9, len(settings.cpus))):
        with LocalExecutor(settings) as executor:
            executor.start(most, tmp_path)
            started = list(executor._workers)
            assert (len(started), len(executor.free)) == (there, len(settings.cpus))
            assert all(map(is_there, started))
        assert not any(map(is_there, started))


def test_of_those_that_wait_one_that_died_is_given_nothing(settings, tmp_path):
    dataset = synthetic(examples=80, input_shape=(2, 2), classes=2, seed=0)
    trial = Trial(Recipe(hidden=[3]), dataset.fingerprint, 20, 0, 0)
    with LocalExecutor(settings) as executor:
        executor.start(1, tmp_path)
        (dead,) = executor._workers
        dead._process.kill()
        dead._process.wait()
        executor.open(Job(dataset, settings, tmp_path))
        executor.submit(Task("a", Group((trial,), 1)))
        heard = []
        while "finished" not in [event.message["kind"] for event in heard]:
            heard += executor.events(1.0)
        assert {event.task for event in heard} == {"a"}
        assert dead not in executor._workers
        assert executor.free.count(None) == len(settings.cpus) - 1


def test_processes_that_keep_no_weights_are_not_used_where_they_are_wanted(settings, tmp_path):
    dataset = synthetic(examples=80, input_shape=(2, 2), classes=2, seed=0)
    with LocalExecutor(settings) as executor:
        executor.start(1, tmp_path)
        (without,) = executor._workers
        executor.open(Job(dataset, settings, tmp_path, keeps_final=True))
        assert not is_there(without)
        assert len(executor.free) == len(settings.cpus)


def test_a_dataset_that_will_not_do_leaves_no_process(settings, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(LocalExecutor, "start", spying(LocalExecutor.start, started))
    (tmp_path / "mine.csv").write_text("no numbers\n")
    study = Study.load("quick", {"dataset": str(tmp_path / "mine.csv")})
    with pytest.raises(DataError):
        run.run_study(study, tmp_path / "run", settings)
    assert started
    assert not any(map(is_there, started))


def spying(start, started):
    def spied(executor, *given):
        start(executor, *given)
        started.extend(executor._workers)

    return spied


# The watchdog: silence is measured fairly, and blames nobody for a machine that slept.


@pytest.fixture
def clock():
    return Clock()


def silent_after(dog, clock, busy, seconds):
    """Who is silent after so many seconds, looked at twice a second."""
    found = []
    for _ in range(2 * seconds):
        clock.pass_by(0.5)
        found = [process for process, _ in dog.silent(busy)]
    return found


def test_one_that_says_nothing_is_found_and_its_neighbour_is_not(clock):
    dog = Watchdog(10.0, clock)
    for _ in range(8):
        assert silent_after(dog, clock, ["talks", "hangs"], 1) == []
        dog.heard("talks")
    assert silent_after(dog, clock, ["talks", "hangs"], 3) == ["hangs"]


def test_the_seconds_of_silence_are_told(clock):
    dog = Watchdog(1.0, clock)
    clock.pass_by(0.75)
    assert dog.silent(["a"]) == []
    clock.pass_by(0.75)
    assert dog.silent(["a"]) == [("a", 1.5)]


def test_what_took_long_before_may_take_long_again(clock):
    dog = Watchdog(10.0, clock)
    silent_after(dog, clock, ["slow"], 8)
    dog.heard("slow")
    assert silent_after(dog, clock, ["slow"], 20 * 8) == []
    assert silent_after(dog, clock, ["slow"], 1) == ["slow"]
    dog.heard("slow", trained=False)
    assert silent_after(dog, clock, ["slow"], 20 * 8) == []
    dog.forget("slow")
    assert silent_after(dog, clock, ["slow"], 10) == []


def test_a_machine_that_slept_blames_nobody(clock):
    dog = Watchdog(10.0, clock)
    clock.pass_by(100_000)
    assert dog.silent(["a"]) == []
    assert silent_after(dog, clock, ["a"], 5) == []
    assert silent_after(dog, clock, ["a"], 1) == ["a"]


def test_no_patience_is_no_watchdog(clock):
    assert silent_after(Watchdog(0.0, clock), clock, ["a"], 1000) == []


def test_idle_ones_are_not_watched(clock):
    dog = Watchdog(10.0, clock)
    assert silent_after(dog, clock, [], 100) == []
    assert silent_after(dog, clock, ["a"], 9) == []


def test_starting_and_compiling_allow_no_longer_silence(clock):
    dog = Watchdog(10.0, clock)
    silent_after(dog, clock, ["a"], 9)
    dog.heard("a", trained=False)
    assert silent_after(dog, clock, ["a"], 10) == []
    assert silent_after(dog, clock, ["a"], 1) == ["a"]


# A driver that /proc does not show is not gone: hidepid=2 hides those of other users.


def test_a_driver_that_proc_hides_runs_until_it_has_ended(monkeypatch, tmp_path):
    monkeypatch.setattr("psutil.PROCFS_PATH", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = f"{process.pid} 1.0"
        assert is_running(owner)
    assert not is_running(owner)
