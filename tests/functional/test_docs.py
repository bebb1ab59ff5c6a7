"""The documentation and the program say the same."""

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stepladder import CATALOGUE, Study
from stepladder.cli import main
from stepladder.report.terminal import catalogue_text

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_techniques_page_is_that_of_the_catalogue():
    page = (ROOT / "docs" / "techniques.md").read_text("utf-8")
    assert page.endswith(catalogue_text("markdown")), "run `make docs`"
    for technique in CATALOGUE:
        assert technique.name in page


@pytest.mark.parametrize("name", sorted(main.command.commands))
def test_every_command_stands_in_the_readme_and_says_what_it_does(name):
    assert f"stepladder {name}" in README
    assert main.command.commands[name].get_short_help_str()


def test_the_readme_names_no_command_or_option_that_is_not_there():
    for line in re.findall(r"^(?:\$ )?stepladder (.+)$", README, re.MULTILINE):
        words = line.split("#")[0].split()
        command = main.command.commands[words[0]]
        known = {
            option
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in parameter.opts
        }
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known, line


def test_the_readme_study_is_a_study(tmp_path):
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "study.toml"
    file.write_text(block, "utf-8")
    assert len(Study.load(file).arms) > 2


def test_the_readme_python_is_python():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        compile(block, "README.md", "exec")


def test_the_schema_accepts_the_keys_of_the_built_in_studies():
    keys = Study.model_json_schema(by_alias=True)["properties"]
    assert {"name", "base", "technique", "replicates", "validation"} <= set(keys)
    assert {"arm", "design", "most_replicates", "target", "tune", "tuning"} <= set(keys)
    assert json.dumps(keys)


# Your own training: what the page says is run.

TRAINING = (ROOT / "docs" / "training.md").read_text("utf-8")


@pytest.fixture
def training_files(tmp_path):
    """The page's files in a folder."""
    for name, text in re.findall(r"This is `([\w.]+)`:\n\n```\w+\n(.*?)```", TRAINING, re.DOTALL):
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_every_table_of_the_page_on_training_is_part_of_a_study(training_files):
    blocks = re.findall(r"```toml\n(.*?)```", TRAINING, re.DOTALL)
    blocks = [block for block in blocks if not block.startswith("[project")]  # of a package
    assert len(blocks) == 4
    for name in ("model.py", "data.csv"):
        (training_files / name).touch()
    file = training_files / "part.toml"
    for block in blocks:
        whole = block if block.startswith("name") else f'name = "part"\n{block}'
        whole += "" if "trainer" in block else '\n[trainer]\ncommand = ["a", "{learning_rate}"]\n'
        whole += "" if "[base]" in block else "\n[base]\nlearning_rate = 0.1\n"
        file.write_text(whole, "utf-8")
        assert Study.load(file).trainer is not None


def test_the_studies_of_the_page_on_data_are_studies(tmp_path):
    page = (ROOT / "docs" / "data.md").read_text("utf-8")
    file = tmp_path / "study.toml"
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        file.write_text(block, "utf-8")
        assert Study.load(file).dataset
    for line in re.findall(r"\| `(datasets? = .*?)` \|", page):
        file.write_text(f'name = "data"\nbase = {{ hidden = [5] }}\n{line}\n', "utf-8")
        assert Study.load(file).dataset


def test_the_page_on_training_names_what_a_context_has():
    from stepladder.training.function import Data, TrainContext

    for name in ("seed", "replicate", "rng", "report", "folder", "data", "epochs"):
        assert f"`{name}" in TRAINING
        assert name in TrainContext.__dataclass_fields__ or hasattr(TrainContext, name)
    assert all(f"`{name}`" in TRAINING for name in Data.__dataclass_fields__)


@pytest.mark.slow
def test_the_page_on_training_and_the_first_lines_of_the_readme_run(training_files):
    for name, page in (("compare.py", TRAINING), ("hello.py", README)):
        (script, *_) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        (training_files / name).write_text(script, "utf-8")
    command = re.search(r"^stepladder (run study.toml .*)$", TRAINING, re.MULTILINE)[1].split()
    for words in (["compare.py"], ["hello.py"], ["-m", "stepladder", *command]):
        done = subprocess.run(
            [sys.executable, *words], cwd=training_files, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert re.search("helps|hurts", done.stdout), done.stdout
