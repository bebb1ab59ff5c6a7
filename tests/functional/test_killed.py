"""kill -9 at any moment: the same command ends with the same table, and nothing is left behind."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from faulty_runs import RUN, assert_sound, study
from watching import children_of, has_ended, until_there

pytestmark = pytest.mark.slow


OFTEN = {"STEPLADDER_CHECKPOINT_SECONDS": "0"}  # a checkpoint after every epoch


def kill(target, process, draw):
    """Kills a driver, one of its training processes or all of them, wherever they stand.

    Returns:
        The training processes that there were, or None where nothing was left to kill.
    """
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        if target == "worker":
            until_there(lambda: process.poll() is not None or children_of(process.pid))
        if process.poll() is not None:
            return None
        workers = children_of(process.pid)
        if target == "all":
            for each in (process.pid, *workers):
                os.kill(each, signal.SIGKILL)
        else:
            os.kill(process.pid if target == "driver" else draw.choice(workers), signal.SIGKILL)
        return workers
    return None


@pytest.fixture
def seconds(stepladder, expected):
    """How long the study takes where nobody kills it, so that moments are drawn from all of it."""

    def of(words):
        if (words, "seconds") not in expected:
            began = time.monotonic()
            done = stepladder(*words, "--out", "timed", **OFTEN)
            assert done.returncode == 0, done.stderr
            expected[words, "seconds"] = time.monotonic() - began
        return expected[words, "seconds"]

    return of


@pytest.mark.parametrize("target", ["driver", "worker", "all"])
def test_killed_at_random_moments(target, stepladder, uninterrupted, seconds):
    words = study(100)
    draw = random.Random(f"killed {target}")
    uninterrupted(words)  # compiles its programs
    whole, kills = seconds(words), 0
    while kills < 7:
        process = stepladder.start(*words, **OFTEN)
        seen = []
        for _ in range(2 if target == "worker" else 1):  # a run outlives the end of a worker
            with suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0.1, whole))
            workers = kill(target, process, draw)
            if workers is not None:
                kills += 1
                seen += workers
        _, err = process.communicate(timeout=300)
        is_killed = process.returncode in (0, -signal.SIGKILL)
        assert is_killed or "failed a second time" in err, err
        assert all(has_ended(worker) for worker in seen)
        if process.returncode == 0:  # it was finished before, or in spite of, the kill
            assert_sound(stepladder, words, uninterrupted)
            shutil.rmtree(stepladder.folder / RUN)
    done = stepladder(*words, **OFTEN)
    assert done.returncode == 0, done.stderr
    assert_sound(stepladder, words, uninterrupted)


HOOK = """
import os, signal, sys
def hook(event, given, seen=[0]):
    kind, count, whom = os.environ.get("TEST_KILL", "none 0 0").split()
    if event == kind and any(str(each).endswith((".checkpoint", "report.html")) for each in given):
        seen[0] += 1
        if seen[0] == int(count):
            os.kill(os.getppid() if whom == "driver" else os.getpid(), signal.SIGKILL)
            if whom == "driver":
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


@pytest.fixture
def hooked(stepladder, tmp_path, monkeypatch):
    """Has every process of a run take a module along that kills it at a moment of its own."""
    folder = tmp_path / "hook"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    path = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{path}"}


@pytest.mark.parametrize("moment", ["os.rename 1 self", "os.rename 7 self", "os.rename 5 driver",
                                    "os.remove 2 self", "os.remove 3 driver"])  # fmt: skip
def test_killed_within_a_checkpoint(moment, hooked, stepladder, uninterrupted):
    words = study(40, "--workers", "1")
    killed = stepladder(*words, **OFTEN, **hooked, TEST_KILL=moment)
    if moment.endswith("driver"):
        assert killed.returncode == -signal.SIGKILL
    else:  # the second of its kind kills the run: each new process is killed at its own moment
        assert killed.returncode == 1
        assert "failed a second time" in killed.stderr
    done = stepladder(*words, **OFTEN)
    assert done.returncode == 0, done.stderr
    assert_sound(stepladder, words, uninterrupted)


# A real run that is killed between the rows of a trial, at its n-th trial.
WITHIN_A_COMMIT = """
import os, signal, sys
from sqlalchemy import Engine, event
number = [int(sys.argv.pop(1))]
@event.listens_for(Engine, "before_cursor_execute")
def stop(connection, cursor, statement, *more):
    if statement.startswith("INSERT INTO epochs"):
        number[0] -= 1
        if not number[0]:
            os.kill(os.getpid(), signal.SIGKILL)
from stepladder.cli.main import main
main()
"""


@pytest.mark.parametrize("number", [1, 4])
def test_killed_within_a_commit(number, stepladder, uninterrupted):
    words = study(20)
    killed = subprocess.run(
        [sys.executable, "-c", WITHIN_A_COMMIT, str(number), *words],
        cwd=stepladder.folder, env=stepladder.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert stepladder(*words).returncode == 0
    assert_sound(stepladder, words, uninterrupted)
