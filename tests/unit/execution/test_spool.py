"""The driver's side of a spool: what it makes of files that workers write, tear or leave behind."""

import json
import os
import threading

import pytest
from example_run import Clock, finished
from scripted_worker import DATASET, SETTINGS, ScriptedWorker, group

from stepladder.errors import Detached, InputError
from stepladder.execution.base import Job, Task
from stepladder.execution.result_files import write_outcome
from stepladder.execution.scheduler import LEASE_SECONDS
from stepladder.execution.spool import SpoolExecutor
from stepladder.execution.spool_files import SpoolState, owner_values
from stepladder.runs.worker import SpoolWorker
from stepladder.training.function import TrialFailure


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Makes executors of one folder; the last one is ended."""
    made = []

    def start(job=None, **options):
        executor = SpoolExecutor(SETTINGS, tmp_path, clock=clock, **options)
        made.append(executor)
        executor.open(job or Job(DATASET, SETTINGS, tmp_path / "checkpoints"))
        return executor

    yield start
    made[-1].close()


def kinds(executor):
    """What is new, without waiting, each event handled; outcomes first, then the tasks' ends."""
    heard = []
    for _ in range(2):
        for event in executor.events(0):
            heard.append((event.task, event.message["kind"]))
            if event.handled:
                event.handled()
    return heard


@pytest.fixture
def worker(tmp_path):
    return ScriptedWorker(tmp_path)


def test_a_task_goes_to_a_worker_and_its_outcomes_come_back(opened, worker, tmp_path):
    executor = opened()
    asked = group(0, 1, lanes=2)
    executor.submit(Task("a", asked))
    assert kinds(executor) == []
    assert worker.claim() == asked.trials
    assert kinds(executor) == [("a", "started")]
    worker.beat(task=worker.name, reports=1, epoch=0, ready=True, notes=["look"])
    assert kinds(executor) == [(None, "note"), ("a", "ready"), ("a", "epoch")]
    for trial in asked.trials:
        worker.write(trial)
    worker.end()
    assert kinds(executor) == [("a", "result"), ("a", "result"), ("a", "finished")]
    assert kinds(executor) == []
    assert executor._spool.state() == SpoolState(0, 0, 0, 0)
    executor.close()
    assert not (tmp_path / "spool").exists()


def test_a_file_stays_until_its_outcome_is_handled(opened, worker):
    executor = opened()
    executor.submit(Task("a", group(0)))
    worker.train()

    def fail():
        for event in executor.events(0):
            if event.message["kind"] == "result":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert ("a", "result") in kinds(executor)
    assert executor._spool.names("done") == []


def test_a_driver_that_was_killed_finds_its_tasks_and_results_again(opened, worker):
    first = opened()
    for name, asked in (("a", group(0)), ("b", group(1)), ("c", group(2, 3, lanes=2))):
        first.submit(Task(name, asked))
    worker.train()
    worker.claim()
    first._is_open = False  # as after kill -9: nothing is cleaned up
    first._spool.write(first._spool.folder / "driver.json",
                       {**owner_values(), "process": "99999999 0.00", "beat": 0})  # fmt: skip
    second = opened()
    for name, asked in (("x", group(0)), ("y", group(1)), ("z", group(3, lanes=2))):
        second.submit(Task(name, asked))
    assert (len(second._spool.names("tasks")), len(second._spool.names("taken"))) == (1, 1)
    assert kinds(second) == [("y", "started"), ("x", "started"), ("x", "result"), ("x", "finished")]
    worker.write(worker.trials[0])
    worker.end()
    assert kinds(second) == [("y", "result"), ("y", "finished")]
    worker.train()  # trial 2 too, which this driver never asked for: it is stored all the same
    heard = kinds(second)
    assert set(heard) == {(None, "result"), ("z", "started"), ("z", "result"), ("z", "finished")}


def test_a_torn_result_is_kept_aside_and_its_task_is_lost(opened, worker, tmp_path):
    executor = opened()
    executor.submit(Task("a", group(0)))
    (trial,) = worker.claim()
    file = worker.write(trial)
    file.write_bytes(file.read_bytes()[:-100])
    (file.parent / "readme.txt").write_text("of somebody else")
    worker.end()
    heard = [event for _ in range(2) for event in executor.events(0)]
    assert [(event.task, event.message["kind"]) for event in heard] == [
        (None, "note"), ("a", "lost")
    ]  # fmt: skip
    assert f"{trial.id}.result is not stored: it is damaged" in heard[0].message["text"]
    executor.close()
    assert (tmp_path / "spool/damaged" / file.name).exists()


def test_a_batch_that_runs_twice_comes_twice_and_hurts_nothing(opened, worker, tmp_path):
    executor = opened()
    executor.submit(Task("a", group(0)))
    (trial,) = worker.claim()
    other = ScriptedWorker(tmp_path, "node-2-b")
    other.name = worker.name
    for each in (worker, other):
        each.write(trial)
        each.end()
    assert ("a", "finished") in kinds(executor)
    other.write(trial)  # long after
    assert kinds(executor) == [(None, "result")]


def test_a_worker_of_this_machine_that_is_gone_is_noticed_at_once(opened, tmp_path):
    executor = opened()
    executor.submit(Task("a", group(0)))
    here = {**owner_values(), "process": "99999999 0.00"}
    killed = ScriptedWorker(tmp_path, **here)
    killed.claim()
    assert executor._spool.state() == SpoolState(0, 0, 1, 0)
    heard = [event for event in executor.events(0)]
    assert [event.message["kind"] for event in heard] == ["started", "lost"]
    assert "worker node-1-a has ended without a word" in heard[-1].message["problem"]
    assert executor._spool.names("taken") == executor._spool.names("beats") == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_only_counters_tell_a_silent_worker_whatever_its_clock(opened, worker, clock, hours):
    executor = opened()
    executor.submit(Task("a", group(0)))
    worker.claim()

    def pass_time(beats):
        heard = []
        for _ in range(int(LEASE_SECONDS / 5) + 2):
            clock.pass_by(5)
            if beats:
                worker.beat()
            file = worker.spool.file("beats", worker.id)
            if file.exists():
                wrong = file.stat().st_ctime + 3600 * hours
                os.utime(file, (wrong, wrong))
            heard += [event.message["kind"] for event in executor.events(0)]
        return heard

    assert pass_time(beats=True) == ["started"]
    assert pass_time(beats=False) == ["lost"]


def test_a_task_that_is_given_back_waits_again(opened, worker):
    executor = opened()
    executor.submit(Task("a", group(0)))
    worker.claim()
    assert kinds(executor) == [("a", "started")]
    worker.spool.give_back(worker.name, worker.id)
    assert kinds(executor) == [("a", "queued")]
    worker.claim()
    assert kinds(executor) == [("a", "started")]


def test_a_queued_task_that_is_cancelled_is_gone_and_a_taken_one_is_marked(opened, worker):
    executor = opened()
    executor.submit(Task("a", group(0)))
    executor.submit(Task("b", group(1)))
    worker.claim()
    assert ("a", "started") in kinds(executor)
    for task in ("a", "b"):
        executor.cancel(task)
    assert executor._spool.names("tasks") == []
    assert executor._spool.names("cancelled") == [worker.name]
    worker.spool.forget(worker.name, worker.id)
    assert kinds(executor) == []


def test_twice_as_many_tasks_wait_as_workers_live(opened, tmp_path):
    executor = opened()
    assert len(executor.free) == 2  # so many are expected
    executor.submit(Task("a", group(0)))
    assert len(executor.free) == 1
    for place in range(3):
        ScriptedWorker(tmp_path, f"node-{place}-x").beat()
    executor.events(0)
    assert len(executor.free) == 5


def test_a_queue_that_never_starts_is_left_with_all_it_holds(opened, worker):
    executor = opened()
    executor.submit(Task("a", group(0)))
    assert list(executor.events(0.3)) == []
    assert executor.leave().startswith("1 queued in ")
    executor.cancel("a")
    executor.close()
    worker.train()
    assert executor._spool.state() == SpoolState(0, 0, 0, 1)
    again = opened()
    again.submit(Task("b", group(0)))
    assert kinds(again) == [("b", "started"), ("b", "result"), ("b", "finished")]


def test_where_no_worker_comes_it_is_told_once_how_to_start_one(opened, clock):
    executor = opened()
    executor.submit(Task("a", group(0)))
    assert kinds(executor) == []
    clock.pass_by(30)
    (event,) = executor.events(0)
    assert "no worker yet: start `stepladder worker /" in event.message["text"]
    clock.pass_by(3000)
    assert kinds(executor) == []


def test_who_detaches_leaves_once_all_is_queued(opened):
    executor = opened(detach=True)
    assert len(executor.free) > 1000
    executor.submit(Task("a", group(0)))
    with pytest.raises(Detached, match=r"1 queued in .* the same command takes in"):
        executor.events(0.5)
    executor.cancel("a")
    assert list(executor.events(0)) == []
    executor.close()
    assert len(executor._spool.names("tasks")) == 1


def test_two_drivers_of_one_folder_are_refused(opened):
    opened()
    with pytest.raises(InputError, match="must have one driver, found another one that runs"):
        opened()


def test_tasks_of_another_job_are_withdrawn(opened, tmp_path):
    first = opened()
    first.submit(Task("a", group(0)))
    first.leave()
    first.close()
    second = opened(Job(DATASET, SETTINGS, tmp_path / "checkpoints", keeps_final=True))
    assert second._spool.names("tasks") == []


def test_how_a_process_ended_is_passed_on_with_failures(opened, worker):
    executor = opened()
    executor.submit(Task("a", group(0)))
    executor.submit(Task("b", group(1)))
    worker.claim()
    worker.end("lost", problem="died (signal 9)")
    (trial,) = worker.claim()
    write_outcome(worker.spool.folder / "done", TrialFailure(trial, "no"))
    worker.end()
    heard = set(kinds(executor))
    assert {("a", "lost"), ("b", "failure"), ("b", "finished")} <= heard


def test_why_a_worker_does_not_take_part_is_told_once(opened, tmp_path):
    executor = opened()
    values = json.loads((tmp_path / "spool/job.json").read_text())
    values["versions"] |= {"Python": "2.7", "Keras": "1.0"}
    executor._spool.write(tmp_path / "spool/job.json", values)
    (tmp_path / "study.toml").touch()
    for _ in range(2):
        with pytest.raises(InputError, match=r"Python .* of 2\.7, Keras .* of 1\.0"):
            SpoolWorker(tmp_path).run()
    told = [event.message["text"] for event in executor.events(0)]
    assert len(told) == 2  # each with the worker's name
    assert all("does not take part" in text and "Python" in text for text in told)


def test_a_full_disk_is_waited_for(opened, tmp_path):
    executor = opened()
    executor.submit(Task("a", group(0)))
    program = SpoolWorker(tmp_path)
    program._task, _ = executor._spool.claim(program._id)
    done = tmp_path / "spool/done"
    done.write_text("no folder can be made here")
    freed = threading.Timer(0.3, done.unlink)
    freed.start()
    program._write(finished(group(0).trials[0], 0.5))
    freed.join()
    assert len(executor._spool.names("done")) == 1


def test_a_worker_without_work_ends_and_leaves_nothing(opened, tmp_path):
    assert SpoolWorker(tmp_path, idle=0.0).run() == 0
    executor = opened()
    executor.close()
    assert not (tmp_path / "spool").exists()
