"""The examples: each runs as its page says, and its page shows what it prints."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from watching import until_there

from stepladder import Study

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(file.parent.name for file in EXAMPLES.glob("*/study.toml"))
REPEATABLE = ("fine-tuning-command", "sklearn-function", "time-series")
"""Examples whose verdicts no timer and no compiler decides."""

NEEDS = {
    "keras-cnn": "keras",
    "own-knobs": "keras",
    "pytorch-command": "torch",
    "sklearn-function": "sklearn",
}


@pytest.fixture
def copied(tmp_path, stepladder):
    """Copies an example to a folder of its own, in which commands run then."""

    def copy(name):
        needed = NEEDS.get(name)
        if needed and importlib.util.find_spec(needed) is None:
            pytest.skip(f"the example {name} needs pip install {needed}")
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("runs", "env"))
        if name == "pytorch-command":
            program = folder / "env" / "bin" / "python"
            program.parent.mkdir(parents=True)
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            program.chmod(0o755)
        stepladder.folder = folder
        return folder

    return copy


def page(name):
    return (EXAMPLES / name / "README.md").read_text("utf-8")


def verdicts_of(text):
    """Verdict by arm in the table that a page shows."""
    rows = re.findall(r"^(\S.*?) {2,}.* (helps|hurts|no difference|not enough)", text, re.MULTILINE)
    return {arm.strip(): verdict for arm, verdict in rows}


def test_there_are_examples_of_functions_and_commands():
    studies = [Study.load(EXAMPLES / name / "study.toml") for name in NAMES]
    kinds = {study.trainer.engine if study.trainer else "model" for study in studies}
    assert kinds == {"function", "command", "model"}
    assert {study.judged.direction for study in studies} == {"maximize", "minimize"}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_how_it_is_run_and_shows_every_arm(name):
    text = page(name)
    assert "stepladder run study.toml --allow-code\n" in text
    for arm in Study.load(EXAMPLES / name / "study.toml").arms:
        assert re.search(rf"^{re.escape(arm.name)} {{2,}}", text, re.MULTILINE), arm.name
    printed = text.partition("## What it prints")[2]
    assert re.search("^[▲▼?] ", printed, re.MULTILINE).start() < printed.index("───")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "time-series" else pytest.mark.slow) for name in NAMES],
)
def test_it_runs_and_says_what_its_page_shows(name, copied, stepladder):
    folder = copied(name)
    done = stepladder("run", "study.toml", "--allow-code")
    assert done.returncode == 0, done.stderr
    assert "diverged" not in done.stderr
    study = Study.load(folder / "study.toml")
    arms = stepladder.results(f"runs/{study.name}")["arms"]
    assert [arm["n"] for arm in arms] == [study.replicates] * len(study.arms)
    assert all(study.judged.name in arm["scores"]["test"] for arm in arms)
    found = {arm["name"]: arm["effect"]["verdict"] for arm in arms if arm["effect"]}
    shown = verdicts_of(page(name))
    assert shown.keys() == found.keys()
    if name in REPEATABLE:
        assert all(found[arm].startswith(verdict) for arm, verdict in shown.items())


def test_fine_tuning_goes_on_from_its_checkpoint(tmp_path):
    def train(epochs, out):
        command = [sys.executable, EXAMPLES / "fine-tuning-command" / "finetune.py"]
        options = [f"--epochs={epochs}", "--seed=3", f"--out={out}"]
        done = subprocess.run(command + options, capture_output=True, text=True, check=True)
        return done.stdout, json.loads((out / "result.json").read_text())

    train(4, tmp_path / "killed")
    resumed = train(6, tmp_path / "killed")
    assert resumed == train(6, tmp_path / "whole")
    assert resumed[0].count("epoch") == 6


@pytest.mark.slow
def test_a_killed_run_of_the_command_ends_in_the_same_figures(copied, stepladder):
    folder = copied("fine-tuning-command")
    assert stepladder("run", "study.toml", "--allow-code", "--out", "whole").returncode == 0
    process = stepladder.start("run", "study.toml", "--allow-code")
    until_there(lambda: len(list(folder.glob("runs/fine-tuning/output/*/result.json"))) > 3)
    process.kill()
    process.communicate()
    done = stepladder("run", "study.toml", "--allow-code")
    assert done.returncode == 0, done.stderr
    assert "found in the store" in done.stderr
    arms = [stepladder.results(run)["arms"] for run in ("whole", "runs/fine-tuning")]
    assert [[arm["scores"], arm["effect"]] for arm in arms[0]] == [
        [arm["scores"], arm["effect"]] for arm in arms[1]
    ]
