"""Studies that workers train: programs that a user starts, and jobs of Slurm, a double or real."""

import os
import re
import signal
import subprocess
from contextlib import suppress

import pytest
from faulty_runs import RUN, assert_sound, study
from slurm_server import SlurmDouble, SlurmServer, missing
from watching import children_of, has_ended, until_there

OFTEN = {"STEPLADDER_CHECKPOINT_SECONDS": "0"}
SPOOL = ("--executor", "spool", "--workers", "2")


@pytest.fixture
def slurm(tmp_path):
    """A double of Slurm; jobs that a failed test left are ended."""
    double = SlurmDouble(tmp_path / "slurm")
    yield double
    for pid in double.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


@pytest.fixture(scope="session")
def real_slurm():
    needed = "slurm" in os.environ.get("STEPLADDER_REQUIRE", "").split(",")
    server, reason = None, missing()
    try:
        server = None if reason else SlurmServer()
    except AssertionError as error:  # a container may forbid what its daemons do
        reason = f"Slurm does not start here: {error}"
    if server is None:
        (pytest.fail if needed else pytest.skip)(reason)
    yield server
    server.remove()


def worker(stepladder, *more, **environment):
    return stepladder.start("worker", RUN, "--idle", "60", *more, **environment)


def ended(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def spooled(stepladder, kind):
    with suppress(FileNotFoundError):
        return os.listdir(stepladder.folder / RUN / "spool" / kind)
    return []


@pytest.mark.slow
def test_workers_that_a_user_starts_train_the_same_table(stepladder, uninterrupted):
    workers = [worker(stepladder) for _ in range(2)]
    done = stepladder(*study(2), *SPOOL)
    assert done.returncode == 0, done.stderr
    trained = [int(re.search(r"(\d+) trial\(s\) trained", ended(each)[1])[1]) for each in workers]
    assert sum(trained) == 6
    assert_sound(stepladder, study(2), uninterrupted)


def test_submit_and_leave_then_attach(stepladder, slurm, uninterrupted):
    slow = {**slurm.environment, **OFTEN}
    left = stepladder(*study(2), "--executor", "slurm", "--workers", "2", "--slurm",
                      "time=1:00:00", "--detach", **slow)  # fmt: skip
    assert (left.returncode, left.stdout) == (0, ""), left.stderr
    assert "the same command takes in what they finish. To end them: scancel 100" in left.stderr
    (call,) = slurm.calls("sbatch")
    assert "--array=0-1" in call
    assert "--time=1:00:00" in call
    listed = stepladder("runs")
    assert "queued" in listed.stdout or "training" in listed.stdout or "unfinished" in listed.stdout
    done = stepladder(*study(2), "--executor", "slurm", "--workers", "2", **slow)
    assert done.returncode == 0, done.stderr
    assert len(slurm.calls("sbatch")) == 1
    assert all(has_ended(pid) for pid in slurm.pids())
    (stepladder.folder / RUN / "slurm").rename(stepladder.folder / "printed")
    assert_sound(stepladder, study(2), uninterrupted)


def test_an_option_that_sbatch_refuses_is_told_in_its_words(stepladder, slurm):
    done = stepladder(*study(2), "--executor", "slurm", "--workers", "2", "--slurm",
                      "partition=none", **slurm.environment)  # fmt: skip
    assert done.returncode == 2
    assert (
        "found: sbatch: error: invalid partition specified: none; correct the options of sbatch"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not (stepladder.folder / RUN).exists()


def test_a_queue_that_never_starts_can_be_left_with_ctrl_c(stepladder, slurm):
    waiting = ("--executor", "slurm", "--workers", "1", "--slurm", "hold")
    process = stepladder.start(*study(2), *waiting, **slurm.environment)
    until_there(lambda: slurm.calls("sbatch"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "workers go on; the same command takes in what they finish" in err.replace("\n", " ")
    shown = stepladder("results", RUN)
    assert "queued" in shown.stderr
    again = stepladder.start(*study(2), *waiting, **slurm.environment)
    until_there(lambda: len(slurm.calls("squeue")) > 1)
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=60)
    assert len(slurm.calls("sbatch")) == 1  # no second submission while jobs live


@pytest.mark.parametrize("answer", ["y", "n"])
def test_ctrl_c_at_a_terminal_asks_whether_workers_shall_end(stepladder, slurm, answer):
    ours, theirs = os.openpty()
    words = (*study(2), "--executor", "slurm", "--workers", "1", "--slurm", "hold")
    process = stepladder.start(*words, terminal=theirs, **slurm.environment)
    os.close(theirs)
    until_there(lambda: slurm.calls("sbatch"))
    process.send_signal(signal.SIGINT)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 10_000)
    os.write(ours, answer.encode() + b"\n")
    with suppress(OSError):  # so a terminal ends whose process has ended
        while more := os.read(ours, 10_000):
            said += more
    os.close(ours)
    assert process.wait(60) == 130
    assert (b"Cancelled." in said, b"workers go on" in said) == (answer == "y", True)
    assert bool(slurm.calls("scancel")) == (answer == "y")
    assert (stepladder.folder / RUN / "spool").exists() == (answer == "n")


@pytest.mark.parametrize("words", [
    ("search", "mnist-search"), ("reproduce", "mnist-original"), ("variance", "study.toml"),
])  # fmt: skip
def test_every_command_that_trains_takes_the_options_of_slurm(in_process, words, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    code, _, err = in_process(*words, "--executor", "slurm", "--workers", "2", "--slurm", "time=1")
    assert (code, "found no sbatch on PATH" in err) == (2, True)
    code, _, err = in_process(*words, "--slurm", "time=1")
    assert (code, "--slurm needs --executor slurm, found local" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--executor", "slurm", "--workers", "2"], "found no sbatch on PATH"),
        (["--executor", "spool", "--slurm", "time=1"], "--slurm needs --executor slurm"),
        (["--detach"], "--detach needs --executor slurm or spool, found local"),
        (["--executor", "slurm", "--slurm", "array=3"], "'array', one that stepladder sets"),
        (["--executor", "slurm", "--slurm", "-p gpu"], "a long option of sbatch"),
    ],
)
def test_bad_options_end_with_one_message(in_process, options, told, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    code, out, err = in_process("run", "study.toml", *options)
    assert (code, out) == (2, "")
    assert told in err


def test_a_worker_where_there_is_no_run_waits_and_ends(in_process):
    code, out, err = in_process("worker", "nowhere", "--idle", "0")
    assert (code, out, err) == (0, "", "0 trial(s) trained.\n")


@pytest.mark.parametrize("kind", ["slurm", "kubernetes"])
def test_a_job_file_is_printed(in_process, kind, place):
    code, out, _ = in_process("run", "study.toml", "--print-job", kind, "--workers", "3",
                              "--slurm", "comment=two words")  # fmt: skip
    assert code == 0
    assert "stepladder" in out
    assert str(place / "runs/small") in out
    if kind == "slurm":
        assert "#SBATCH --array=0-2" in out
        assert "#SBATCH '--comment=two words'" in out
        assert subprocess.run(["bash", "-n"], input=out, text=True, check=False).returncode == 0
    else:
        assert "completionMode: Indexed" in out


OWN = """
name = "small"
trainer = "train.py:train"
metric = "auroc"
replicates = 3
design = "one_at_a_time"

[base]
lr = 0.1

[[technique]]
name = "higher"
change = { lr = 0.3 }
"""

TRAIN = """
def train(params, seed, context):
    if params["lr"] == 0.3 and context.replicate == 2:
        raise ValueError("too high")
    context.report(1, loss=params["lr"])
    return {"auroc": 0.5 + params["lr"] + seed % 1000 / 10000}
"""


def test_trainings_of_the_users_own(stepladder):
    (stepladder.folder / "study.toml").write_text(OWN)
    (stepladder.folder / "train.py").write_text(TRAIN)
    here = stepladder("run", "study.toml", "--allow-code", "--out", "here")
    process = worker(stepladder, "--allow-code")
    done = stepladder("run", "study.toml", "--allow-code", *SPOOL)
    assert (done.returncode, done.stdout) == (here.returncode, here.stdout) == (1, here.stdout)
    assert "higher, replicate 2: ValueError: too high" in done.stderr
    assert ended(process)[1] == "6 trial(s) trained.\n"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["worker", "driver"])
def test_killed_and_started_again(target, stepladder, uninterrupted):
    asked = study(400)
    process = stepladder.start(*asked, *SPOOL, **OFTEN)
    workers = [worker(stepladder) for _ in range(2)]
    until_there(lambda: spooled(stepladder, "done") or (
        (stepladder.folder / RUN / "checkpoints").is_dir()
        and os.listdir(stepladder.folder / RUN / "checkpoints")
    ))  # fmt: skip
    killed = process if target == "driver" else workers.pop()
    children = children_of(killed.pid)
    killed.kill()
    killed.communicate()
    assert all(has_ended(child) for child in children)
    if target == "driver":
        process = stepladder.start(*asked, *SPOOL, **OFTEN)
    else:
        workers.append(worker(stepladder))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    for each in workers:
        ended(each)
    assert_sound(stepladder, asked, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_warned_worker_gives_its_task_back_with_a_checkpoint(
    stepladder, uninterrupted, number, slurm
):
    asked = study(2000)
    process = stepladder.start(*asked, *SPOOL)
    first = worker(stepladder, **slurm.environment, SLURM_JOB_ID="7")

    def trains():
        for name in spooled(stepladder, "beats"):
            text = (stepladder.folder / RUN / "spool/beats" / name).read_text()
            if '"ready": true' in text:
                return True
        return False

    until_there(trains)
    first.send_signal(number)
    _, err = first.communicate(timeout=60)
    assert first.returncode == (0 if number == signal.SIGUSR1 else 130), err
    assert err.startswith("0 trial(s) trained.")
    assert spooled(stepladder, "taken") == []
    assert slurm.calls("scontrol") == (
        ["scontrol requeue 7"] if number == signal.SIGUSR1 else []
    )  # fmt: skip
    assert os.listdir(stepladder.folder / RUN / "checkpoints")
    second = worker(stepladder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    ended(second)
    assert_sound(stepladder, asked, uninterrupted)


@pytest.mark.slow
def test_a_real_slurm_trains_the_same_table(stepladder, real_slurm, uninterrupted):
    asked = study(2)
    slurm = ("--executor", "slurm", "--workers", "2")
    left = stepladder(*asked, *slurm, "--detach", **real_slurm.environment)
    assert left.returncode == 0, left.stderr
    assert re.search(r"To end them: scancel \d+", left.stderr)
    done = stepladder(*asked, *slurm, **real_slurm.environment)
    assert done.returncode == 0, done.stderr + real_slurm.logs()
    printed = stepladder.folder / RUN / "slurm"
    assert any("trained" in file.read_text() for file in printed.iterdir())
    printed.rename(stepladder.folder / "printed")
    assert_sound(stepladder, asked, uninterrupted)


@pytest.mark.slow
def test_a_real_sbatch_refuses_in_its_words(stepladder, real_slurm):
    done = stepladder(*study(2), "--executor", "slurm", "--workers", "2", "--slurm",
                      "partition=gpu", **real_slurm.environment)  # fmt: skip
    assert done.returncode == 2
    assert "invalid partition specified: gpu" in done.stderr
