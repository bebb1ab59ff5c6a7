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
from watching import figures, first_line_of, until_there

pytestmark = pytest.mark.slow


# --- the disk ----------------------------------------------------------------------------------


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
    assert done.stderr.count("is not used: it is damaged") == 1
    assert_sound(stepladder, words, uninterrupted)


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
if "stepladder.training.worker" not in sys.orig_argv:  # modules compiled in C hold on to the class
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
