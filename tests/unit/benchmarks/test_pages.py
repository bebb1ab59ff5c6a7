"""Pages that are made: the reference and the results."""

import json
import re
from argparse import Namespace
from pathlib import Path

import pytest
from example_results import mnist_results

import commands_page
import names_page
import reference_page
import results_page
from stepladder.report.json import as_json
from stepladder.study.recipe import Recipe

# The page of reference: its keys are those of the schema, its examples are studies.


REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
PAGE = (REFERENCE / "study-file.md").read_text("utf-8")


def test_the_tables_of_the_page_are_those_of_the_schema():
    assert reference_page.filled(PAGE) == PAGE, "run `make docs`"


def test_the_page_of_names_is_that_of_the_tables():
    page = (REFERENCE / "names.md").read_text("utf-8")
    assert page == names_page.page(), "run `make docs`"
    assert "| `silu` | swish |" in page


def test_every_key_has_a_row_with_four_cells():
    made = reference_page.tables()
    keys = set(re.findall(r"^\| `(\w+)` \|", made, re.MULTILINE))
    assert keys >= set(Recipe.model_fields) | {"most_replicates", "technique", "arm", "csv", "when"}
    rows = [line for line in made.splitlines() if line.startswith("| `")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {6}


@pytest.mark.parametrize(
    "row",
    [
        '| `name` | text | required | The study\'s name. |',
        '| `seed` | whole number, at least 0, below 2^63 | `0` | What every random draw derives '
        "from. |",
        "| `hidden` | list of whole numbers, 1 to 65,536 | `[]` | Units of each hidden layer, "
        "first to last. |",
        "| `nesterov` | true or false | `false` | Nesterov\'s form of SGD momentum. |",
    ],
)  # fmt: skip
def test_a_key_stands_with_its_type_its_bounds_and_its_default(row):
    assert row in reference_page.tables().splitlines()


def test_a_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="once each"):
        reference_page.filled("# Reference")


# The page of commands: the program's own help.


def test_the_commands_of_the_page_are_those_of_the_program():
    page = (REFERENCE / "commands.md").read_text("utf-8")
    assert commands_page.filled(page) == page, "run `make docs`"


def test_every_option_has_a_row_with_two_cells():
    made = commands_page.commands()
    rows = [line for line in made.splitlines() if line.startswith("| `")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {4}
    assert "| `--dry-run` | Print what a run would train, and stop. |" in rows
    assert "### stepladder store check" in made


# The page of results: both ladders side by side, from what the command prints as JSON.


def arms(**changes):
    value = json.loads(as_json(mnist_results()))
    for arm in value["arms"]:
        arm.update(changes)
    return value


def test_every_arm_stands_beside_its_twin():
    fixed, fair = arms(), arms()
    fair["arms"].reverse()
    for arm in fair["arms"]:
        arm["config"] = {"learning_rate": 0.3}
    head, sides, *rows = results_page.side_by_side(fixed, fair).splitlines()
    assert head.count("|") == sides.count("|") == rows[0].count("|") == 9
    assert len(rows) == len(fixed["arms"])
    for row, arm in zip(rows, fixed["arms"], strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == arm["name"]
        assert cells[4] == "0.3"
        assert cells[1:4] == cells[5:8]
        if arm["effect"]:
            assert arm["effect"]["verdict"] in cells[3]
            assert f"{abs(arm['effect']['mean']):.2f}" in cells[2]


def test_a_constant_answer_is_no_accuracy():
    fixed = arms(diagnosis=["answers 1 to every image"])
    table = results_page.side_by_side(fixed, arms(diagnosis=[]))
    assert table.count("*answers 1 to every image*") == len(fixed["arms"])


def test_the_pictures_of_the_pages_are_those_of_their_runs_and_of_the_stored_results(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("effects", "tuning"):
        (tmp_path / "figures" / f"{name}.svg").write_text(f"<svg>{name}</svg>", "utf-8")
    results_page.draw(Namespace(fixed=tmp_path, fair=tmp_path, pictures=tmp_path))
    for name in ("effects", "tuning"):
        assert (tmp_path / f"{name}.svg").read_text("utf-8") == f"<svg>{name}</svg>"
    for name in ("pareto", "speed"):
        stored = (REFERENCE.parent / "images" / f"{name}.svg").read_text("utf-8")
        drawn = (tmp_path / f"{name}.svg").read_text("utf-8")
        (words,) = re.findall("<title>.+?</title>", drawn)[:1]  # all numbers of the figure
        assert words in stored, "run `make results`"


def test_the_pictures_of_the_pages_serve_light_and_dark_pages():
    pictures = [*(REFERENCE.parent / "images").iterdir()]
    assert {picture.stem for picture in pictures} == {"effects", "tuning", "pareto", "speed"}
    for picture in pictures:
        text = picture.read_text("utf-8")
        assert "@media screen and (prefers-color-scheme: dark)" in text


def test_a_command_that_fails_ends_the_page():
    with pytest.raises(SystemExit, match="stepladder results no-such-run failed"):
        results_page.printed("results", "no-such-run")
