"""Signals to real processes: a run ends in words, or replaces what was stopped and goes on."""

import os
import signal

import pytest
from faulty_runs import RUN, assert_sound, study
from watching import children_of, first_line_of, has_ended, until_there

from stepladder.store import open_store

pytestmark = pytest.mark.slow


def test_a_process_that_the_system_kills_twice_ends_the_run_in_words(stepladder):
    process = stepladder.start(*study(5000, "--workers", "1"))
    first_line_of(process, "First epoch done")
    (first,) = children_of(process.pid)
    os.kill(first, signal.SIGKILL)
    second = until_there(lambda: [each for each in children_of(process.pid) if each != first])
    os.kill(second[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "Look for a lack of memory" in err
    assert "as the system does when memory runs out" in err
    assert "Traceback" not in err


def test_a_process_that_hangs_is_named_and_replaced(stepladder, uninterrupted):
    words = study(1000)
    process = stepladder.start(*words, STEPLADDER_PATIENCE_SECONDS="15")
    first_line_of(process, "First epoch done")
    hung = children_of(process.pid)[0]
    os.kill(hung, signal.SIGSTOP)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    if "said nothing" not in err:  # it had nothing left to train when it was stopped
        pytest.fail(err)
    assert "a training process said nothing for 1" in err
    assert has_ended(hung)
    assert_sound(stepladder, words, uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_within_five_seconds_and_lets_go_of_its_claims(number, stepladder, place):
    words = study(3000)
    process = stepladder.start(*words)
    first_line_of(process, "First epoch done")
    workers = children_of(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out) == (130, "")
    assert "stepladder run study.toml --epochs 3000" in err
    assert all(has_ended(worker, 1.0) for worker in workers)
    with open_store(place / RUN / "stepladder.db") as store:
        assert store.drivers() == []


def test_twice_ends_at_once(stepladder):
    process = stepladder.start(*study(3000))
    first_line_of(process, "First epoch done")
    workers = children_of(process.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # nothing that they would have to do delays the end
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert all(has_ended(worker, 5.0) for worker in workers)


def test_a_stopped_process_does_not_outlive_its_killed_driver(stepladder):
    process = stepladder.start(*study(3000))
    first_line_of(process, "First epoch done")
    workers = children_of(process.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # so that it cannot notice by itself
    process.kill()
    process.communicate()
    assert all(has_ended(worker, 5.0) for worker in workers)
