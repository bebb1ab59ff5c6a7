"""The rivals, each in a virtual environment of its own, and what their runs come to."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import venv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from comparison.processes import Ran, run_timed

PROGRAMS = Path(__file__).parents[1] / "rivals"
ENVIRONMENTS = Path(platformdirs.user_cache_dir("stepladder")) / "rivals"
"""Folder of the rivals' environments where no other is named."""


@dataclass(frozen=True)
class Rival:
    """A program that does the same trainings.

    Attributes:
        name: for the command line and the results.
        title: for the table.
        program: in `benchmarks/rivals/`.
        backend: of Keras.
        packages: what its environment needs beyond Keras and the backend.
    """

    name: str
    title: str
    program: str
    backend: str
    packages: tuple[str, ...] = ()


_BAYESIAN = ("scipy", "scikit-learn")  # what its extra of that name holds
_TUNER = ("keras-tuner>=1.4.7,<1.5", "six", *_BAYESIAN)  # it imports six and does not say so,
_TUNER_TENSORFLOW = (*_TUNER, "tensorboard")  # and with TensorFlow this too
_OPTUNA = ("optuna>=5,<6",)

RIVALS = {
    rival.name: rival
    for rival in (
        Rival("fit-tensorflow", "keras.fit, TensorFlow", "fit_loop.py", "tensorflow"),
        Rival("fit-jax", "keras.fit, JAX", "fit_loop.py", "jax"),
        Rival(
            "tuner-tensorflow",
            "KerasTuner, TensorFlow",
            "tuner_grid.py",
            "tensorflow",
            _TUNER_TENSORFLOW,
        ),
        Rival("tuner-jax", "KerasTuner, JAX", "tuner_grid.py", "jax", _TUNER),
        Rival("optuna-tensorflow", "Optuna, TensorFlow", "optuna_grid.py", "tensorflow", _OPTUNA),
        Rival("optuna-jax", "Optuna, JAX", "optuna_grid.py", "jax", _OPTUNA),
    )
}


def requirements(rival: Rival) -> list[str]:
    """What to install: Keras and JAX in the versions that stepladder is running with here."""
    here = importlib.metadata.version
    backends = {
        "jax": [f"jax=={here('jax')}", f"jaxlib=={here('jaxlib')}"],
        "tensorflow": ["tensorflow-cpu>=2.20,<2.23"],
    }
    return [f"keras=={here('keras')}", *backends[rival.backend], *rival.packages]


def prepare(rival: Rival, environments: Path, say: Callable[[str], object]) -> Path:
    """The rival's Python, its environment made if it is not there as it should be.

    Args:
        rival: whose.
        environments: folder of all environments, kept between runs.
        say: is told what is done.

    Raises:
        SystemExit: if pip cannot install it.
    """
    folder = environments / rival.name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted, done = "\n".join(requirements(rival)), folder / "installed.txt"
    if done.exists() and done.read_text("utf-8") == wanted:
        return python
    say(f"installing {', '.join(wanted.splitlines())}")
    venv.create(folder, with_pip=True, clear=True)
    words = [str(python), "-m", "pip", "install", "--quiet", *wanted.splitlines()]
    installed = subprocess.run(words, capture_output=True, text=True, check=False)
    if installed.returncode:
        raise SystemExit(f"{rival.name} could not be installed:\n{installed.stderr[-2000:]}")
    done.write_text(wanted, "utf-8")
    return python


def environment_of(rival: Rival) -> dict[str, str]:
    """The variables that a rival sees: the user's own, and its backend."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**own, "KERAS_BACKEND": rival.backend, "JAX_PLATFORMS": "cpu"}


@dataclass(frozen=True)
class Task:
    """What a rival is to train.

    Attributes:
        study: its study file.
        replicates: of the whole task.
        epochs: of the whole task.
        few_replicates: to run, the rest being scaled up.
        few_epochs: to run, the rest being scaled up.
    """

    study: Path
    replicates: int
    epochs: int
    few_replicates: int
    few_epochs: int


def compete(rival: Rival, python: Path, task: Task, data: Path, folder: Path) -> dict[str, Any]:
    """Runs a rival as a whole process.

    Args:
        rival: which.
        python: of its environment.
        task: what to train.
        data: an .npz in Keras' layout.
        folder: for its log and result.

    Returns:
        A run for the results, as `run_of` makes it.
    """
    out = folder / f"{rival.name}.json"
    words = [python, PROGRAMS / rival.program, "--study", task.study, "--data", data, "--out", out]
    words += ["--replicates", task.few_replicates, "--epochs", task.few_epochs]
    ran = run_timed(
        [str(word) for word in words], environment_of(rival), folder / f"{rival.name}.log"
    )
    told = json.loads(out.read_text("utf-8"))
    return run_of(rival, ran, told, task, versions_in(python, rival))


def run_of(
    rival: Rival, ran: Ran, told: dict[str, Any], task: Task, versions: dict[str, str]
) -> dict[str, Any]:
    """A rival's run for the results; `seconds` is that of the whole task, scaled up if need be.

    Args:
        rival: which.
        ran: its process.
        told: what it wrote.
        task: what it was to train.
        versions: of what it ran with.
    """
    is_whole = (task.few_replicates, task.few_epochs) == (task.replicates, task.epochs)
    accuracies: dict[str, list[float]] = {}
    for each in told["trainings"]:
        accuracies.setdefault(each["arm"], []).append(each["accuracy"])
    seconds = ran.seconds if is_whole else scaled(ran.seconds, told["trainings"], task)
    return {
        "name": rival.name,
        "title": rival.title,
        "seconds": seconds,
        "measured_seconds": ran.seconds,
        "scaled_from": None if is_whole else {**asdict(task), "study": task.study.name},
        "trainings": len(told["trainings"]),
        "peak_rss": ran.peak_rss,
        "test_accuracy": accuracies,
        "versions": versions,
    }


def scaled(seconds: float, trainings: Sequence[dict[str, Any]], task: Task) -> float:
    """Seconds of a whole task, from a run of fewer replicates and epochs.

    Start-up is counted once. Each training that was run grows by the missing epochs, at the mean
    time of its epochs after the first, which compiles; then all grow by the missing replicates.

    Args:
        seconds: of the process.
        trainings: as a rival notes them.
        task: what was run of what.

    Raises:
        SystemExit: if epochs are missing and only the first, which compiles, was run.
    """
    missing = task.epochs - task.few_epochs
    if missing and task.few_epochs < 2:
        raise SystemExit("--epochs must be 2 or more to be scaled up: the first epoch compiles")
    start = seconds - sum(each["seconds"] for each in trainings)
    grown = 0.0
    for each in trainings:
        ends = each["epochs"]
        later = (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else 0.0
        grown += each["seconds"] + missing * later
    return start + grown * task.replicates / task.few_replicates


def versions_in(python: Path, rival: Rival) -> dict[str, str]:
    """Versions of what a rival's environment holds, Python included."""
    names = ["keras", "numpy", *(["jax"] if rival.backend == "jax" else ["tensorflow-cpu"])]
    names += [package.split(">")[0] for package in rival.packages if ">" in package]
    code = (
        "import importlib.metadata as m, json, platform\n"
        f"found = {{name: m.version(name) for name in {names!r}}}\n"
        "print(json.dumps({'python': platform.python_version(), **found}))"
    )
    said = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return json.loads(said.stdout)
