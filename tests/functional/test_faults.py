"""Faults, each with real processes: what was finished stays, and the same command goes on."""

import ctypes
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from faulty_runs import RUN, assert_sound, study
from watching import children_of, figures, first_line_of, has_ended, until_there

from stepladder.store import open_store

pytestmark = pytest.mark.slow


def test_a_torn_checkpoint_is_told_and_not_used(stepladder, uninterrupted):
    words = study(300, "--workers", "1")
    environment = {"STEPLADDER_CHECKPOINT_SECONDS": "0"}
    process = stepladder.start(*words, **environment)
    folder = stepladder.folder / RUN / "checkpoints"
    until_there(lambda: len(list(folder.glob("*.checkpoint"))) >= 2)
    process.kill()
    process.communicate()
    until_there(lambda: not [each for each in folder.glob(".*")] or True)
    newest = max(folder.glob("*.checkpoint"))
    newest.write_bytes(newest.read_bytes()[:-100])
    done = stepladder(*words, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not used, for it is damaged") == 1
    assert_sound(stepladder, words, uninterrupted)


# --- training processes ------------------------------------------------------------------------


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


# --- the disk ----------------------------------------------------------------------------------


def limited(stepladder, size, *words, code=1, **environment):
    """A run in which no file may grow beyond a size: every write beyond it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "stepladder", *words],
        cwd=stepladder.folder, env={**stepladder.environment, **environment}, text=True,
        capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("size", "words", "told"),
    [
        (150_000, study(1000), "must lie on a disk that works and has room"),
        (300_000, study(20, "--set", "base.hidden=[300, 300]"), r".checkpoint' must be a file"),
    ],
    ids=["storing", "a checkpoint"],
)
def test_a_full_disk(size, words, told, stepladder, uninterrupted):
    wanted = uninterrupted(words)  # compiles its programs, so that their cache need not grow
    err = limited(stepladder, size, *words, STEPLADDER_CHECKPOINT_SECONDS="0")
    assert told in err
    lines = [line for line in err.splitlines() if line.startswith("stepladder: ")]
    assert len(lines) == 1
    done = stepladder(*words)
    assert done.returncode == 0, done.stderr
    assert_sound(stepladder, words, uninterrupted)
    assert figures(stepladder.results(RUN)) == wanted


def test_a_full_disk_while_the_report_is_written(stepladder, uninterrupted):
    words = study(20)
    assert stepladder(*words).returncode == 0
    err = limited(stepladder, 100_000, "report", RUN, code=2)
    assert err.count("stepladder: ") == 1
    assert "report.html' must be a file that can be written" in err
    assert_sound(stepladder, words, uninterrupted)
    assert stepladder("report", RUN).returncode == 0


def test_a_folder_that_is_deleted_while_it_is_used(stepladder, uninterrupted):
    words = study(2000)
    process = stepladder.start(*words)
    first_line_of(process, "First epoch done")
    shutil.rmtree(stepladder.folder / RUN)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "must stay in its place while it is used" in err
    assert "Traceback" not in err
    again = stepladder(*study(20))
    assert again.returncode == 0, again.stderr
    assert_sound(stepladder, study(20), uninterrupted)


@pytest.mark.parametrize(
    "name", ["with spaces and 'quotes' and \"more\"", "Ελληνικά 漢字 🙂", "x" * 200]
)
def test_odd_folders(name, stepladder, uninterrupted):
    words = study(20)
    done = stepladder(*words, "--out", f"runs/{name}")
    assert done.returncode == 0, done.stderr
    assert_sound(stepladder, words, uninterrupted, f"runs/{name}")


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def test_a_folder_that_cannot_be_written(stepladder, place):
    (place / "runs").mkdir(mode=0o555)
    done = subprocess.run(
        [sys.executable, "-m", "stepladder", "run", "study.toml"],
        cwd=place, env=stepladder.environment, capture_output=True, text=True, check=False,
        # the superuser may write anywhere, unless this is taken from it
        preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be writable, found: Permission denied" in done.stderr
    assert list((place / "runs").iterdir()) == []


# --- the store ---------------------------------------------------------------------------------


def test_a_store_that_another_program_locks_for_half_a_minute(stepladder, place, uninterrupted):
    words = study(200)
    process = stepladder.start(*words)
    first_line_of(process, "First epoch done")
    with closing(sqlite3.connect(place / RUN / "stepladder.db", timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        assert process.poll() is None
        other.rollback()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert_sound(stepladder, words, uninterrupted)


def test_a_run_that_waits_for_a_lock_can_be_stopped(stepladder, place):
    process = stepladder.start(*study(200))
    first_line_of(process, "First epoch done")
    with closing(sqlite3.connect(place / RUN / "stepladder.db", timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
    assert process.returncode == 130


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@pytest.mark.parametrize("fault", ["stopped and started", "cut"])
def test_a_server_that_fails_in_the_middle(
    fault, stepladder, postgres, postgres_url, uninterrupted
):
    words = study(300)
    uninterrupted(words)
    process = stepladder.start(*words, "--store", postgres_url)
    first_line_of(process, "First epoch done")
    for _ in range(4):
        if fault == "cut":
            postgres.execute(CUT)
        else:
            postgres.stop()
            postgres.start()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert_sound(stepladder, words, uninterrupted, url=postgres_url)


EARLIER = """
import datetime, os, sys
class Back(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        back = os.path.exists(os.environ["TEST_CLOCK"])
        return super().now(tz) - datetime.timedelta(hours=1 if back else 0)
if "stepladder.train.worker" not in sys.orig_argv:  # modules compiled in C hold on to the class
    datetime.datetime = Back
import time
forward = time.time
time.time = lambda: forward() - (3600 if os.path.exists(os.environ["TEST_CLOCK"]) else 0)
"""


def test_a_clock_that_is_set_back(stepladder, tmp_path, uninterrupted):
    words = study(300)
    uninterrupted(words)
    folder, marker = tmp_path / "hook", tmp_path / "set back"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(EARLIER)
    path = os.environ.get("PYTHONPATH", "")
    hooked = {"PYTHONPATH": f"{folder}{os.pathsep}{path}", "TEST_CLOCK": str(marker),
              "STEPLADDER_CHECKPOINT_SECONDS": "0"}  # fmt: skip
    process = stepladder.start(*words, **hooked)
    first_line_of(process, "First epoch done")
    marker.touch()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert_sound(stepladder, words, uninterrupted)


def test_packaged_data_of_which_a_byte_was_altered(place, tmp_path):
    source = tmp_path / "altered"
    package = Path(__file__).parents[2] / "src" / "stepladder"
    shutil.copytree(package, source / "stepladder", ignore=shutil.ignore_patterns("__pycache__"))
    data = source / "stepladder" / "data" / "mnist.xz"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "stepladder", "run", "quick"],
        cwd=place, env={**os.environ, "PYTHONPATH": str(source)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "the packaged file must have the SHA-256" in done.stderr
    assert not (place / "runs").exists()


# --- signals -----------------------------------------------------------------------------------


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
