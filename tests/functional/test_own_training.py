"""Trainings of the user's own: real processes, a real store, the whole command."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from installed_package import install
from own_training import write
from watching import children_of, has_ended, until_there

from stepladder.api import settings_of
from stepladder.errors import InputError, StudyError, WorkerError
from stepladder.execution.progress import QuietProgress
from stepladder.runs.measures import load_summaries
from stepladder.runs.plan import run_context, trials_of
from stepladder.runs.run import run_study
from stepladder.store import open_store
from stepladder.store.maintenance import check_store
from stepladder.study.study import Study

HEAD = """
name = "own"
trainer = {trainer}
replicates = {replicates}
{more}
[base]
x = 0.1
y = 0.0

[[technique]]
name = "two"
change = {{ y = 0.2 }}
"""
FUNCTION = """
import random

def train(params, seed, context):
    {line}
    value = params["x"] + params["y"] + random.Random(seed).random() / 10
    return {{"test": {{"accuracy": value}}, "validation": {{"accuracy": value}}}}
"""
SCRIPT = """
import json, random, sys
x, y, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
{line}
print(json.dumps({{"accuracy": x + y + random.Random(seed).random() / 10}}))
"""
COMMAND = json.dumps([sys.executable, "-S", "train.py", "{x}", "{y}", "{seed}"])
TRAINERS = {"function": ('"train.py:train"', FUNCTION),
            "command": (f"{{ command = {COMMAND} }}", SCRIPT)}  # fmt: skip


class Watch(QuietProgress):
    def __init__(self):
        self.notes, self.failed = [], []

    def note(self, text):
        self.notes.append(text)

    def trial_failed(self, trial, message):
        self.failed.append(message)


class Own:
    """A study's folder, and runs of it."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, line="pass", kind="function", replicates=2, more="", **options):
        trainer, code = TRAINERS[kind]
        if options:
            inner = trainer.strip("{ }") if kind == "command" else f"function = {trainer}"
            trainer = "{ " + ", ".join([inner, *(f"{k} = {v}" for k, v in options.items())]) + " }"
        write(self.folder, code.format(line=line))
        text = HEAD.format(trainer=trainer, replicates=replicates, more=more)
        write(self.folder, text, "own.toml")
        return self

    def study(self):
        return Study.load(str(self.folder / "own.toml"))

    def run(self, study=None, workers=2, **options):
        study, self.watch = study or self.study(), Watch()
        options = {"allow_code": True, "lint": False, **options}
        return run_study(study, self.folder / "run", settings_of(study, workers, "auto"),
                         progress=self.watch, **options)  # fmt: skip

    def trials(self):
        with open_store(self.folder / "run" / "stepladder.db", create=False) as store:
            seen = check_store(store)
            assert seen.faults == ()
            assert store.drivers() == []
            return len(seen.trials)


def scores(finished):
    return {arm.arm.name: list(arm.test.values) for arm in finished.results.arms}


@pytest.fixture
def own(tmp_path):
    return Own(tmp_path)


@pytest.mark.parametrize("kind", TRAINERS)
def test_a_study_is_trained_once(kind, own):
    own.write(kind=kind)
    finished = own.run()
    assert (finished.trained, finished.found, finished.failures) == (4, 0, ())
    base, two = scores(finished).values()
    assert np.subtract(two, base) == pytest.approx([0.2, 0.2])
    assert base[0] != base[1]
    again = own.run()
    assert (again.trained, again.found) == (0, 4)
    assert scores(again) == scores(finished)
    assert own.trials() == 4
    more = own.run(own.study().changed({"replicates": 3}))
    assert (more.trained, more.found) == (2, 4)
    assert not (own.folder / "run" / "checkpoints").exists()


@pytest.mark.slow
def test_function_callable_and_command_give_the_same_table(own):
    def train(params, seed):
        import random

        return {"accuracy": params["x"] + params["y"] + random.Random(seed).random() / 10}

    tables = [scores(own.write(kind=kind).run(workers=1)) for kind in TRAINERS]
    given = own.study().changed(
        {"name": "callable", "trainer": train, "base": {"x": 0.1, "y": 0.0}}
    )
    tables.append(scores(run_study(given, own.folder / "other", settings_of(given, 1, "auto"))))
    assert tables[0] == tables[1] == tables[2]


def test_failures_are_listed_the_rest_is_stored_and_the_same_study_tries_them_again(own):
    own.write("if params['y'] and not __import__('os').path.exists('fixed'): raise OSError('no')")
    finished = own.run()
    assert (finished.trained, finished.found) == (2, 0)
    assert [failure.message for failure in finished.failures] == ["OSError: no"] * 2
    assert {failure.trial.config.values["y"] for failure in finished.failures} == {0.2}
    assert all("in train" in failure.trace for failure in finished.failures)
    assert own.trials() == 2
    write(own.folder, "", "fixed")
    finished = own.run()
    assert (finished.trained, finished.found, finished.failures) == (2, 2, ())


@pytest.mark.slow
def test_fail_fast_stops_at_the_first(own):
    own.write("if params['y']: raise OSError('no')", replicates=5)
    with pytest.raises(WorkerError, match=r"replicate 0 failed: OSError: no\. What was finished"):
        own.run(fail_fast=True, workers=1)
    assert len(own.watch.failed) == 1
    own.trials()


@pytest.mark.parametrize("kind", TRAINERS)
def test_a_timeout_is_a_failure_and_the_next_trial_is_trained(kind, own):
    y = "params['y']" if kind == "function" else "y"
    own.write(f"if {y}: __import__('time').sleep(1000)", kind, replicates=1, timeout=1)
    began = time.monotonic()
    finished = own.run(workers=1)
    assert time.monotonic() - began < 100
    assert [one.message for one in finished.failures] == ["it was stopped after its timeout of 1 s"]
    assert own.trials() == 1


DEADLY = {
    "exits": "os._exit(0)",
    "exits with a child": "os.fork() or time.sleep(1000); os._exit(3)",
    "kills its group": "os.killpg(0, 9)",
    "segmentation": "__import__('ctypes').string_at(0)",
    "closes all": "os.closerange(0, 256)",
}


@pytest.mark.parametrize("line", [
    pytest.param(line, id=name, marks=() if name == "exits with a child" else pytest.mark.slow)
    for name, line in DEADLY.items()
])  # fmt: skip
def test_a_function_that_ends_its_process_is_tried_twice_and_fails(line, own):
    own.write(f"import os, time\n    if params['y']: {line}", replicates=1)
    finished = own.run(workers=1)
    (failure,) = finished.failures
    assert failure.message.startswith("its process died (")
    assert (finished.trained, own.trials()) == (1, 1)
    assert len(own.watch.notes) == 1
    assert "trying that once more" in own.watch.notes[0]


def test_a_file_that_changes_meanwhile_ends_the_run_and_nothing_wrong_is_stored(own):
    own.write("if params['y']: open('train.py', 'a').write('#')", replicates=1)
    with pytest.raises(WorkerError, match="found it changed; run the study again"):
        own.run(workers=1)
    assert own.trials() == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [("import os; os._exit(3)", "ended its process (exit code 3)"),
     ("1 / 0", "raised ZeroDivisionError: division by zero"),
     ("raise SystemExit", "raised SystemExit")],
)  # fmt: skip
def test_code_that_cannot_be_loaded_is_bad_input_and_leaves_nothing(line, message, own):
    own.write()
    file = own.folder / "train.py"
    file.write_text(f"{line}\n{file.read_text()}")
    with pytest.raises(StudyError) as refused:
        own.run()
    assert message in str(refused.value)
    assert not (own.folder / "run" / "stepladder.db").exists()


def test_code_runs_only_when_it_is_allowed(own, in_process, place):
    hit = own.folder / "hit"
    own.write(f"open({str(hit)!r}, 'w')")
    file = own.folder / "train.py"
    file.write_text(f"open({str(hit)!r}, 'w').close()\n{file.read_text()}")
    study = str(own.folder / "own.toml")
    with pytest.raises(InputError, match="this study runs code with your rights"):
        own.run(allow_code=False)
    code, _, err = in_process("run", study)
    assert (code, "--allow-code" in err) == (2, True)
    assert in_process("run", study, "--dry-run")[0] == 0
    assert not hit.exists()
    assert own.run(workers=1).trained == 4
    hit.unlink()
    in_process("results", str(own.folder / "run"), "--format", "json")
    in_process("report", str(own.folder / "run"))
    assert not hit.exists()


@pytest.mark.slow
def test_a_fair_study_tunes_in_the_direction_of_its_metric(own):
    line = "value = abs(params['x'] - 0.2) + params['y'] + seed % 100 / 1e5; return {'test': " \
           "{'rmse': value}, 'validation': {'rmse': value}}"  # fmt: skip
    more = 'tuning = "fair"\ntune = { grid = { x = [0.1, 0.2, 0.3] } }\n' \
           'metric = { name = "rmse", delta = 0.01 }'  # fmt: skip
    finished = own.write(line, more=more).run()
    assert [arm.chosen for arm in finished.results.tuned.arms] == [(0.2,), (0.2,)]
    again = own.run()
    assert (again.trained, scores(again)) == (0, scores(finished))


@pytest.mark.slow
def test_a_fair_study_without_a_validation_part_ends_in_words(own):
    own.write("return {'accuracy': 0.5}",
              more='tuning = "fair"\ntune = { grid = { x = [0.1, 0.2, 0.3] } }')  # fmt: skip
    with pytest.raises(WorkerError, match="of the validation part, by which a fair study tunes"):
        own.run()


@pytest.mark.slow
def test_an_adaptive_study_adds_replicates(own):
    more = "most_replicates = 8"
    finished = own.write(replicates='"auto"', more=more).run()
    count = finished.trained
    assert 4 <= count <= 16
    assert own.run().trained == 0
    assert own.trials() == count


def test_rows_of_a_dataset_are_the_replicates_and_the_test_rows_are_never_trained_on(own):
    x = np.arange(120, dtype=np.float32).reshape(60, 2)
    y = (np.arange(60) % 3).astype(np.int32)
    np.savez(own.folder / "data.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    line = (
        "d = context.data\n"
        "    firsts = [sorted(part[:, 0].tolist()) for part in (d.x_train, d.x_val, d.x_test)]\n"
        "    assert firsts[2] == [80.0 + 2 * n for n in range(20)]\n"
        "    assert sorted(firsts[0] + firsts[1]) == [2.0 * n for n in range(40)]\n"
        "    return {'accuracy': 0.5, 'rows': sum(firsts[1])}"
    )
    finished = own.write(line, more='dataset = "data.npz"\nvalidation = 10\nalso = ["rows"]').run()
    assert finished.failures == ()
    with open_store(own.folder / "run" / "stepladder.db", create=False) as store:
        planned = [trial for trials in trials_of(run_context(store.study("own"))).values()
                   for trial in trials]  # fmt: skip
        found = load_summaries(store, [trial.id for trial in planned])
    rows: dict = {}
    for trial in planned:
        rows.setdefault(trial.replicate, set()).add(found[trial.id].score("test", "rows"))
    assert all(len(sums) == 1 for sums in rows.values())  # the same in every arm
    assert rows[0] != rows[1]


def test_a_pinned_study_says_that_its_code_has_changed(own):
    own.write(version='"1"').run()
    assert own.watch.notes == []
    own.write("pass  # another text", version='"1"')
    assert own.run().trained == 0
    assert own.watch.notes == [
        "train.py has changed and trainer.version is '1' as before: trials that are stored count, "
        "though the code has changed. Give another version to train them again."
    ]
    own.write("pass  # another text", version='"2"')
    assert own.run().trained == 4
    assert own.watch.notes == []


# Killed.


SLOW = {
    "function": "import subprocess, time, os\n    subprocess.Popen(['sleep', '1000'])\n"
                "    (context.folder / 'n').open('a').write('x'); time.sleep(0.2)",
    "command": "import subprocess, time, os\nsubprocess.Popen(['sleep', '1000'])\ntime.sleep(0.2)",
}  # fmt: skip


def descendants(pid):
    import psutil

    try:
        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def start(stepladder, own):
    return stepladder.start("run", str(own.folder / "own.toml"), "--allow-code", "--out",
                            str(own.folder / "run"))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAINERS)
@pytest.mark.parametrize("target", ["driver", "worker", "all", "users", "interrupt"])
def test_killed_at_any_moment(kind, target, own, stepladder, tmp_path_factory):
    import random

    elsewhere = Own(tmp_path_factory.mktemp("whole"))
    expected = scores(elsewhere.write(SLOW[kind], kind, 4).run())
    own.write(SLOW[kind], kind, 4)
    draw = random.Random(f"{kind} {target}")
    for _ in range(3):
        process = start(stepladder, own)
        until_there(lambda run=process: run.poll() is not None or len(descendants(run.pid)) > 3)
        time.sleep(draw.uniform(0, 0.5))
        if process.poll() is not None:  # all was trained before
            process.communicate()
            break
        workers, below = children_of(process.pid), descendants(process.pid)
        users = [pid for pid in below if pid not in workers]
        whom = {"driver": [process.pid], "worker": workers[:1], "interrupt": [],
                "all": [process.pid, *workers], "users": users}[target]  # fmt: skip
        for pid in whom:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if target == "interrupt":
            process.send_signal(signal.SIGINT)
        below += descendants(process.pid)
        _, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        assert all(has_ended(pid) for pid in below)
    finished = own.run()
    while finished.failures:  # of processes that were killed
        finished = own.run()
    assert scores(finished) == expected
    assert own.trials() == 8
    assert not (own.folder / "run" / "checkpoints").exists()


@pytest.mark.slow
def test_the_folder_of_a_killed_trial_is_there_again_and_gone_when_it_is_stored(own, stepladder):
    line = (
        "import os, time\n"
        "    file = context.folder / 'half'\n"
        "    if not file.exists():\n"
        "        file.write_text('done')\n"
        "        time.sleep(1000)"
    )
    own.write(line, replicates=1)
    process = start(stepladder, own)
    folder = own.folder / "run" / "checkpoints"
    until_there(lambda: len(list(folder.glob("*/half"))) == 2)
    process.kill()
    process.communicate()
    assert len(list(folder.glob("*/half"))) == 2
    assert own.run().trained == 2
    assert not folder.exists()


@pytest.mark.slow
def test_a_function_that_keeps_python_busy_does_not_outlive_its_driver(own, stepladder):
    own.write("import re; (context.folder / 'half').touch(); re.match('(a+)+$', 'a' * 60 + 'b')")
    process = start(stepladder, own)
    folder = own.folder / "run" / "checkpoints"
    until_there(lambda: len(list(folder.glob("*/half"))) == 2)
    below = descendants(process.pid)
    process.kill()
    process.communicate()
    assert all(has_ended(pid) for pid in below)


PACKAGED = """
import random

def train(params, seed, context):
    context.report(1, loss=0.5)
    return {"accuracy": params["x"] + params["y"] + random.Random(seed).random() / 10}
"""


def test_a_trainer_of_an_installed_package_runs_by_its_name(tmp_path):
    install(tmp_path, "boosts", PACKAGED, "[stepladder.trainers]\nboosting = boosts:train\n")
    (tmp_path / "study.toml").write_text(
        HEAD.format(trainer='"boosting"', replicates=3, more="").replace("0.2", "0.5")
    )

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "stepladder", *words], cwd=tmp_path, text=True,
            capture_output=True, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip

    done = run("run", "study.toml", "--out", "out", "--workers", "2")
    assert done.returncode == 0, done.stderr
    found = json.loads(run("results", "out", "--format", "json").stdout)
    assert [arm["n"] for arm in found["arms"]] == [3, 3]
    assert found["trainer"]["function"] == "boosting"
    assert found["trainer"]["sha256"]["boosts"] == "1"
    longer = run("run", "study.toml", "--out", "out", "--replicates", "4")
    assert "8 trials: 6 found" in longer.stderr or "2 trials to train" in longer.stderr
    assert "stepladder run" in (tmp_path / "out" / "report.html").read_text()


def test_next_names_a_delta_where_no_number_of_replicates_gives_a_verdict(own, in_process):
    same = "return {'rmse': 1 + random.Random(seed).random()}"
    own.write(same, replicates=5, more='metric = "rmse"')
    words = ("run", str(own.folder / "own.toml"), "--allow-code", "--workers", "1",
             "--out", "same")  # fmt: skip
    code, out, err = in_process(*words)
    assert (code, "more replicates" in out) == (0, True)
    assert "Next:    name the smallest difference that matters, such as --set delta=0.5" in err
    code, out, err = in_process(*words, "--set", "delta=0.5")
    assert (code, "no difference beyond 0.5" in out, "Next:" in err) == (0, True, False)
