"""Starting up: help imports nothing heavy, and the package says what it offers."""

import importlib.metadata
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import stepladder
from stepladder.cli import main
from stepladder.cli.options import SECTIONS
from stepladder.version import version_of

HEAVY = (
    "keras",
    "jax",
    "matplotlib",
    "scipy",
    "sqlalchemy",
    "numpy",
    "pydantic",
    "rich",
    "optuna",
    "PIL",
    "h5py",
)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["search", "--help"],
        ["bench", "--help"],
        ["--version"],
        ["export", "--help"],
        ["predict", "--help"],
        ["pareto", "--help"],
    ],
)
def test_help_imports_nothing_heavy(words):
    code = (
        "import sys\n"
        "from stepladder.cli import main\n"
        f"sys.argv = ['stepladder', *{words!r}]\n"
        "try:\n    main.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_names_every_command_in_a_whole_sentence_and_run_first():
    of_store = CliRunner().invoke(main.command, ["store", "--help"]).stdout
    assert of_store.count(":\n") == 2, "options and commands; sections are those of all commands"
    assert "Commands:\n  check " in of_store
    shown = CliRunner().invoke(main.command, ["--help"], terminal_width=100).stdout
    titles = re.findall(r"^(\w.*):$", shown, re.MULTILINE)
    assert titles == ["Options", *SECTIONS]
    commands = shown.partition("Judge techniques:")[2]
    rows = dict(re.findall(r"^  (\w+)  +(.*)$", commands, re.MULTILINE))
    assert next(iter(rows)) == "run"
    assert rows.keys() == main.command.commands.keys()
    assert all(re.fullmatch(r"[A-Z].*\.", text) for text in rows.values()), rows


@pytest.mark.parametrize("words", [["--help"], ["store", "check", "--help"]])
def test_help_is_the_same_where_python_drops_docstrings(words):
    shown = [
        subprocess.run(
            [sys.executable, *optimised, "-m", "stepladder", *words],
            capture_output=True, text=True, check=True,
        ).stdout
        for optimised in ([], ["-OO"])
    ]  # fmt: skip
    assert shown[0] == shown[1] != ""


def test_results_import_what_they_need_and_no_more(made_up):
    made_up(6)
    names = ("keras", "jax", "matplotlib", "optuna", "PIL", "h5py", "scipy.stats", "scipy.ndimage")
    code = (
        "import sys\n"
        "from stepladder.cli import main\n"
        "sys.argv = ['stepladder', 'results', 'runs/small']\n"
        "try:\n    main.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {names!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_public_names_are_pinned():
    assert sorted(stepladder.__all__) == [
        "ArraysDataset",
        "CATALOGUE",
        "DataError",
        "DatasetsRun",
        "Exported",
        "ImagesDataset",
        "InputError",
        "JudgedTable",
        "JudgedTables",
        "NamedDataset",
        "NpzDataset",
        "OutputError",
        "Predictions",
        "PublishedTable",
        "Recipe",
        "Reported",
        "Reproduced",
        "Run",
        "RunError",
        "SearchRun",
        "StepladderError",
        "StoreError",
        "Study",
        "StudyError",
        "TableDataset",
        "Technique",
        "VarianceRun",
        "WorkerError",
        "__version__",
        "compare",
        "dataset",
        "export",
        "judge",
        "predict",
        "reproduce",
        "run",
        "search",
        "variance",
    ]
    for name in stepladder.__all__:
        assert getattr(stepladder, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        stepladder.runn  # noqa: B018 - the access is the test


def test_a_package_of_its_own_name_is_asked_for_its_version():
    assert version_of("numpy") == np.__version__


def test_a_module_that_another_distribution_brings_has_that_one_s_version():
    """Pillow brings PIL, as tensorflow-cpu brings tensorflow."""
    assert version_of("PIL") == importlib.metadata.version("pillow")


def test_what_is_not_there_is_told():
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        version_of("no_such_package")
