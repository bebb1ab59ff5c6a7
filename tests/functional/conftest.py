"""Whole commands on a small study: what a user types, in a folder of their own."""

import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from example_run import finished, plan
from exported_runs import lay_out
from small_study import STUDY, idx
from watching import figures

from stepladder import Study
from stepladder.cli import main
from stepladder.data import load
from stepladder.data.synthetic import synthetic
from stepladder.runs.folder import write_study
from stepladder.runs.plan import part_sizes
from stepladder.store import StudyRecord, open_store

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(scope="session")
def digits():
    return synthetic(examples=300, input_shape=(4, 4), classes=4, seed=2)


@pytest.fixture
def place(tmp_path, digits):
    """A folder with a study file and its data as gzipped IDX files."""
    folder = tmp_path / "digits"
    folder.mkdir()
    parts = {
        "train-images-idx3-ubyte": digits.x_train,
        "train-labels-idx1-ubyte": digits.y_train.astype(np.uint8),
        "t10k-images-idx3-ubyte": digits.x_test,
        "t10k-labels-idx1-ubyte": digits.y_test.astype(np.uint8),
    }
    for name, array in parts.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    (tmp_path / "study.toml").write_text(STUDY, "utf-8")
    return tmp_path


@pytest.fixture
def in_process(place, monkeypatch, capsys, cache):
    """Runs a command in the study's folder within this process: exit code, stdout and stderr."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def run(*words):
        monkeypatch.setattr("sys.argv", ["stepladder", *words])
        with pytest.raises(SystemExit) as ended:
            main.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    yield run
    for number, handler in handlers.items():  # a command that trains has its own
        signal.signal(number, handler)


@pytest.fixture
def made_up(place, monkeypatch):
    """Stores results of the small study that nobody trained, as many as asked for."""

    def make(count, store="runs/small/stepladder.db", **settings):
        monkeypatch.chdir(place)
        study = Study.load("study.toml", settings)
        dataset = load(study.dataset)
        folder = place / "runs" / study.name
        folder.mkdir(parents=True, exist_ok=True)
        write_study(folder, study)
        with open_store(store) as kept:
            planned = plan(study, dataset, kept, "population")
            for trial in planned.missing[:count]:
                kept.add(finished(trial, 0.5))
            kept.put_study(
                StudyRecord(study, dataset.name, dataset.fingerprint, part_sizes(study, dataset),
                            dataset.class_names, {"engine": "population"}, "a machine")
            )  # fmt: skip
        return planned

    return make


def _as_at_a_terminal():
    """No signal is ignored, even where the tests run in the background of a shell or by nohup."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


class Command:
    """Runs `stepladder` in a folder, with the cache of compiled programs that it is given."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        self.environment.pop("COLUMNS", None)  # those of where tests are started
        self.started: list[subprocess.Popen] = []

    def start(
        self, *words: str, terminal: int | None = None, **environment: str
    ) -> subprocess.Popen:
        """With a terminal, a file descriptor, it is all three streams; pipes otherwise."""
        streams = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        if terminal is not None:
            streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
        process = subprocess.Popen(
            [sys.executable, "-m", "stepladder", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            text=True,
            preexec_fn=_as_at_a_terminal,
            start_new_session=terminal is not None,
            **streams,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """Ends what a failed test left running."""
        for process in self.started:
            process.kill()
            process.communicate()

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def results(self, run: str, *words: str) -> dict:
        """What `stepladder results` prints as JSON, without a process of its own."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(main.command, ["results", run, "--format", "json", *words])
        assert done.exit_code == 0, done.exception
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache that all of these tests share, so that each program is compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def stepladder(place, cache):
    command = Command(place, cache)
    yield command
    command.end()


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    """Where the small study's run lies that many tests begin with."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def trained(stepladder, trained_once):
    """Puts the small study's run into a folder; it is trained for the first test that asks."""

    def put(folder="runs/small"):
        if not trained_once.exists():
            done = stepladder("run", "study.toml", "--out", str(trained_once))
            assert done.returncode == 0, done.stderr
        shutil.copytree(trained_once, stepladder.folder / folder)

    return put


@pytest.fixture(scope="session")
def mnist_run(tmp_path_factory, cache):
    """A study of two arms on a little of MNIST, its weights not kept; commands run beside it."""
    place = tmp_path_factory.mktemp("exported")
    lay_out(place)
    command = Command(place, cache)
    done = command("run", "study.toml")
    assert done.returncode == 0, done.stderr
    yield command
    command.end()


@pytest.fixture(scope="session")
def mnist_model(mnist_run):
    """The better replicate of its arm `base`, exported: it had to be trained again."""
    done = mnist_run("export", "runs/digits", "--arm", "base", "--to", "model.keras")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "model.keras\n"
    return done


@pytest.fixture(scope="session")
def expected(tmp_path_factory):
    """The figures of an uninterrupted study, by its words; each is run once."""
    return {}


@pytest.fixture
def uninterrupted(stepladder, expected):
    def figures_of(words):
        if words not in expected:
            done = stepladder(*words, "--out", "uninterrupted")
            assert done.returncode == 0, done.stderr
            expected[words] = figures(stepladder.results("uninterrupted"))
            shutil.rmtree(stepladder.folder / "uninterrupted")
        return expected[words]

    return figures_of
