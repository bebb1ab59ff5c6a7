"""`stepladder run`: trained once, told truly, and gone on with after any interruption."""

import json
import os
import signal
import sqlite3

import numpy as np
import pytest
from watching import children_of, figures, first_line_of, has_ended, score

RUN = "runs/small"


def rows(place):
    with sqlite3.connect(place / RUN / "stepladder.db") as database:
        return [row[0] for row in database.execute("SELECT id FROM trials")]


def test_a_study_is_trained_once_and_everything_is_written(stepladder, place):
    done = stepladder("run", "study.toml")
    assert done.returncode == 0, done.stderr
    assert "6 trials to train" in done.stderr
    last = [line for line in done.stdout.splitlines() if not line.startswith(" ")][-1]
    assert last.startswith("+ He normal"), "the table is the last thing"
    last = done.stderr.splitlines()[-3:]
    assert last[0] == f"Report:  {RUN}/report.html"
    assert last[1] == f"Explain: stepladder results {RUN} --explain"
    assert last[2] == f"Next:    stepladder run {RUN} --replicates 5"
    explained = stepladder("results", RUN, "--explain").stdout
    assert "Diagnosis" in explained or "95 % t interval" in explained
    assert stepladder("results", RUN).stdout == done.stdout
    for name in ("study.toml", "stepladder.db", "report.html", "figures/accuracy.png"):
        assert (place / RUN / name).stat().st_size > 0
    assert not list((place / RUN).glob(".*"))

    again = stepladder("run", "study.toml")
    assert again.returncode == 0
    assert "All 6 trials are stored: nothing to train." in again.stderr
    assert again.stdout == done.stdout

    results = stepladder.results(RUN)
    assert [arm["n"] for arm in results["arms"]] == [2, 2, 2]
    assert results["test_set_accesses"] == 1
    assert results["arms"][0]["effect"] is None
    assert results["arms"][1]["effect"]["verdict"] == "not enough replicates"

    longer = stepladder("run", "study.toml", "--replicates", "3")
    assert "3 trials to train" in longer.stderr
    more = stepladder.results(RUN)
    assert more["test_set_accesses"] == 2
    for arm, before in zip(more["arms"], results["arms"], strict=True):
        assert score(arm)["values"][:2] == score(before)["values"]


@pytest.mark.slow
def test_the_same_study_elsewhere_gives_the_same_table(stepladder, trained):
    stepladder("run", "study.toml", "--out", "one", "--workers", "1")
    trained("two")
    assert figures(stepladder.results("one")) == figures(stepladder.results("two"))


@pytest.mark.slow
def test_the_user_s_keras_backend_does_not_reach_the_population_engine(stepladder):
    done = stepladder("run", "study.toml", KERAS_BACKEND="torch")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_fit_engine_agrees_with_the_population_engine(stepladder, trained):
    trained("population")
    done = stepladder("run", "study.toml", "--out", "fit", "--engine", "fit", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        [score(arm)["values"] for arm in stepladder.results(run)["arms"]]
        for run in ("population", "fit")
    )
    assert np.abs(np.subtract(ours, theirs)).max() <= 0.02  # two of a hundred test images


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_table(stepladder, place):
    long = ("run", "study.toml", "--epochs", "40")
    stepladder(*long, "--out", "whole")
    killed = stepladder.start(*long)
    first_line_of(killed, "First epoch done")
    workers = children_of(killed.pid)
    assert workers
    killed.kill()
    killed.communicate()
    assert all(has_ended(worker) for worker in workers)
    done = stepladder(*long)
    assert done.returncode == 0, done.stderr
    assert figures(stepladder.results(RUN)) == figures(stepladder.results("whole"))
    assert len(rows(place)) == len(set(rows(place))) == 6


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_stopped_run_says_how_to_go_on(number, stepladder, place):
    stopped = stepladder.start("run", "study.toml", "--epochs", "2000")
    first_line_of(stopped, "First epoch done")
    workers = children_of(stopped.pid)
    stopped.send_signal(number)
    out, err = stopped.communicate(timeout=30)
    assert stopped.returncode == 130
    assert "stepladder run study.toml --epochs 2000" in err
    assert "Traceback" not in err
    assert out == ""
    assert all(has_ended(worker) for worker in workers)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_nothing_is_lost(stepladder):
    whole = ("run", "study.toml", "--epochs", "60")
    stepladder(*whole, "--out", "whole")
    hurt = stepladder.start(*whole)
    first_line_of(hurt, "First epoch done")
    os.kill(children_of(hurt.pid)[0], signal.SIGKILL)
    _, err = hurt.communicate(timeout=300)
    assert hurt.returncode == 0, err
    assert "a training process died (signal 9, as the system does when memory runs out)" in err
    assert figures(stepladder.results("runs/small")) == figures(stepladder.results("whole"))


@pytest.mark.slow
def test_a_trial_that_diverges_is_shown_as_that(stepladder):
    done = stepladder("run", "study.toml", "--set", "base.learning_rate=1e30")
    assert done.returncode == 0, done.stderr
    arm = stepladder.results(RUN)["arms"][1]
    assert arm["diverged"] == 2
    assert score(arm)["mean"] is None
    assert "diverged" in arm["diagnosis"][0]
    assert "diverged" in done.stdout


@pytest.mark.slow
def test_results_in_every_format(trained, stepladder, in_process):
    trained()
    for form, mark in (("table", "plain"), ("json", "{"), ("csv", "arm,"), ("markdown", "| ")):
        code, out, err = in_process("results", RUN, "--format", form)
        assert code == 0, err
        assert mark in out
    done = stepladder("results", RUN, "--format", "markdown")
    assert (done.returncode, done.stdout, done.stderr) == (0, out, "")
    assert in_process("report", RUN, "--output", "elsewhere.html")[1].strip() == "elsewhere.html"
    assert json.loads(in_process("schema")[1])["title"] == "Study"
    assert "ok  store" in in_process("doctor", RUN)[1]
