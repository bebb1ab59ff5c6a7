"""The documentation and the program say the same."""

import json
import re
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
