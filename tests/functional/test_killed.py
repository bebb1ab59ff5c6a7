"""kill -9 at any moment: the same command ends with the same table, and nothing is left behind."""

import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from faulty_runs import RUN, assert_sound, study
from watching import children_of, figures, has_ended

pytestmark = pytest.mark.slow


def kill(target, process, draw):
    """Kills a driver, one of its training processes or all of them, wherever they stand."""
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        workers = children_of(process.pid)
        if target == "all":
            for each in (process.pid, *workers):
                os.kill(each, signal.SIGKILL)
        else:
            os.kill(process.pid if target == "driver" else draw.choice(workers), signal.SIGKILL)
        return workers
    return []


@pytest.mark.parametrize("target", ["driver", "worker", "all"])
def test_killed_at_random_moments(target, stepladder, uninterrupted, record_property):
    words = study(400)
    draw = random.Random(f"killed {target}")
    environment = {"STEPLADDER_CHECKPOINT_SECONDS": "0"}
    wanted, kills = uninterrupted(words), 0
    while kills < 7:
        process = stepladder.start(*words, **environment)
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.1, 6.0))
        if process.poll() is None:
            workers = kill(target, process, draw)
            kills += 1
            _, err = process.communicate(timeout=300)
            assert process.returncode in (0, -signal.SIGKILL), err
            assert all(has_ended(worker) for worker in workers)
        if process.returncode == 0:  # it was finished before, or in spite of, the kill
            assert_sound(stepladder, words, uninterrupted)
            shutil.rmtree(stepladder.folder / RUN)
    done = stepladder(*words, **environment)
    assert done.returncode == 0, done.stderr
    assert_sound(stepladder, words, uninterrupted)
    assert figures(stepladder.results(RUN)) == wanted


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
    environment = {"STEPLADDER_CHECKPOINT_SECONDS": "0"}
    killed = stepladder(*words, **environment, **hooked, TEST_KILL=moment)
    if moment.endswith("driver"):
        assert killed.returncode == -signal.SIGKILL
    else:  # the second of its kind kills the run: each new process is killed at its own moment
        assert killed.returncode == 1
        assert "failed a second time" in killed.stderr
    done = stepladder(*words, **environment)
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
from stepladder.cli import main
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
