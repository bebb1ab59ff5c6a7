"""Jobs of a double of Slurm: when they are submitted, and how their end is told."""

from dataclasses import replace

import pytest
from example_run import Clock
from scripted_worker import DATASET, SETTINGS, ScriptedWorker, group
from slurm_server import SlurmDouble

from stepladder.errors import InputError, WorkerError
from stepladder.execution.base import Job, Task
from stepladder.execution.slurm import (
    SlurmExecutor,
    executor_address,
    make,
    slurm_address,
    slurm_options,
)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    double = SlurmDouble(tmp_path / "double")
    monkeypatch.setenv("PATH", double.environment["PATH"])
    return double


@pytest.fixture
def start(tmp_path):
    made = []

    def start(clock, **options):
        executor = SlurmExecutor(SETTINGS, tmp_path / "run", options, clock=clock)
        made.append(executor)
        executor.open(Job(DATASET, SETTINGS, tmp_path / "run/checkpoints"))
        return executor

    yield start
    for executor in made:
        executor.close()


def test_as_many_jobs_are_submitted_as_there_is_work_for(slurm, start):
    clock = Clock()
    executor = start(clock, hold="")
    executor.events(0.01)
    assert slurm.calls("sbatch") == []
    for number in range(2):
        executor.submit(Task(f"{number}", group(number)))
        clock.pass_by(60)
        executor.events(0.01)
    for _ in range(2):  # they wait in the queue, and more are not needed
        clock.pass_by(60)
        executor.events(0.01)
    assert [call.count("--array=0-0") for call in slurm.calls("sbatch")] == [1, 1]
    assert executor.leave().endswith("To end them: scancel 100 101")


def test_a_queue_that_does_not_answer_gets_no_second_job(slurm, start):
    clock = Clock()
    executor = start(clock, hold="")
    (slurm.place / "bin/squeue").write_text("#!/bin/sh\nexit 1\n")
    executor.submit(Task("a", group(0)))
    clock.pass_by(60)
    executor.events(0.01)
    assert slurm.calls("sbatch") == []


def test_jobs_that_end_at_once_are_not_submitted_for_ever(slurm, start, tmp_path):
    clock = Clock()
    executor = start(clock)
    (slurm.place / "bin/bash").write_text("#!/bin/sh\necho no python here\n")
    (slurm.place / "bin/bash").chmod(0o755)
    executor.submit(Task("a", group(0)))

    def look():
        for _ in range(20):
            clock.pass_by(60)
            executor.events(0.3)

    with pytest.raises(WorkerError, match=r"3 jobs .* trained nothing; .*\n?.*no python here"):
        look()
    assert len(slurm.calls("sbatch")) == 3


def test_what_is_lost_is_submitted_again(slurm, start, tmp_path):
    clock = Clock()
    executor = start(clock, hold="")
    executor.submit(Task("a", group(0)))
    executor.submit(Task("b", group(1)))
    clock.pass_by(60)
    executor.events(0.01)
    (slurm.place / "100-1.job").unlink()  # as after `scancel 100_1`
    ScriptedWorker(tmp_path / "run").train()
    clock.pass_by(60)
    while [event.handled and event.handled() for event in executor.events(0.01)]:
        pass
    (slurm.place / "100-0.job").unlink()
    clock.pass_by(60)
    executor.events(0.01)
    assert len(slurm.calls("sbatch")) == 2


def test_jobs_that_wait_are_cancelled_when_the_run_is_over(slurm, start):
    clock = Clock()
    executor = start(clock, hold="")
    executor.submit(Task("a", group(0)))
    clock.pass_by(60)
    executor.events(0.01)
    executor.cancel("a")
    executor.close()
    (call,) = slurm.calls("scancel")
    assert call.startswith("scancel --state=PENDING --name=stepladder-")


def test_options_go_through_the_name_of_the_executor():
    options = {"partition": "gpu", "time": "2:00:00", "comment": "a=b & c", "exclusive": ""}
    words = [f"{key}={value}" if value else key for key, value in options.items()]
    assert slurm_options(slurm_address(words).partition("://")[2]) == options
    assert executor_address("slurm", words, detach=True).endswith("&exclusive&detach")
    assert executor_address(None, (), detach=False) is None


@pytest.mark.parametrize("option", ["", "=x", "p\nq=1", "wrap=rm", "UPPER=1", "time=1\n2", "--a=1"])
def test_what_is_no_option_is_refused(option):
    with pytest.raises(InputError, match=r"--slurm must be KEY=VALUE"):
        slurm_address([option])


def test_jobs_must_be_limited(slurm, tmp_path):
    with pytest.raises(InputError, match="needs workers=N"):
        make(replace(SETTINGS, workers=None), tmp_path, "time=1")
