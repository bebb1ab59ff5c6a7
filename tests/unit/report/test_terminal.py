"""What a terminal shows: the table of results and the catalogue."""

import io
import json
import re
from dataclasses import replace

import pytest
from example_results import VARIANTS, diagnosed_results, hostile_results, mnist_results
from rich.cells import cell_len
from rich.console import Console

from stepladder.report.document import Table
from stepladder.report.terminal import (
    FILE_WIDTH,
    as_text,
    catalogue_text,
    render,
    show,
    show_techniques,
)
from stepladder.report.view import LAYOUTS, view_of
from stepladder.statistics.results import Interval
from stepladder.study.techniques import CATALOGUE, KINDS

# Results table.


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_line_is_wider_than_the_terminal(variant, width):
    text = as_text(VARIANTS[variant](), width)
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [20, 60, 80, 120])
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_line_ends_in_a_space(variant, width):
    texts = (as_text(VARIANTS[variant](), width, explain=explain) for explain in (False, True))
    lines = [line for text in texts for line in text.splitlines()]
    assert len(lines) > 3
    assert [line for line in lines if line != line.rstrip()] == []


def header(width):
    return next(line for line in as_text(mnist_results(), width).splitlines() if "test %" in line)


@pytest.mark.parametrize(
    ("width", "shown", "hidden"),
    [
        (140, ["train %", "validation %", "effect", "verdict", "reported"], []),
        (100, ["validation %", "effect", "verdict", "reported"], ["train %"]),
        (80, ["effect", "verdict", "reported"], ["train %", "validation %"]),
    ],
)
def test_narrow_terminals_lose_the_least_important_columns(width, shown, hidden):
    assert all(name in header(width) for name in shown)
    assert not any(name in header(width) for name in hidden)


def test_decimal_points_stand_in_one_column():
    lines = as_text(mnist_results(), 140).splitlines()
    rows = [line for line in lines if re.match(r"(\+ ReLU|ELU|\+ Adam|\+ batch|\+ dropout)", line)]
    assert len(rows) == 5
    places = [[hit.start() for hit in re.finditer(r"\.\d\d", line)][:8] for line in rows]
    assert all(found == places[0] for found in places)


def test_a_constant_answer_is_named_instead_of_its_accuracy():
    text = as_text(mnist_results(), 140)
    assert "answers 1 to" in text
    assert "11.35" not in text


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("partial", "Unfinished: 21 of 35 trials"),
        ("partial", "waiting"),
        ("all diverged", "diverged in all"),
        ("some diverged", "diverged in 1 of 3 replicates"),
        ("one replicate", "no interval can be given"),
        ("mnist", "First look at this test set."),
        ("mnist", "Reported: Hyperparameter Tuning with Keras on MNIST, one run of each."),
        ("mnist", "against + ReLU"),
        ("mnist", "5 replicates: these 10,000 test images, retrained"),
    ],
)
def test_the_table_says_what_it_is(variant, said):
    text = " ".join(as_text(VARIANTS[variant](), 140).split())
    assert said in text


def test_the_column_of_reported_figures_is_there_only_with_figures():
    assert "reported" not in as_text(VARIANTS["64 arms"](), 140)


def test_replicates_are_counted_only_where_some_are_missing():
    assert "5 of 5" not in as_text(mnist_results(), 140)
    assert "2 of 5" in as_text(VARIANTS["partial"](), 140)


def test_markup_in_names_is_text():
    text = as_text(hostile_results(), 140)
    assert "[red]markup[/red]" in text
    assert "<script>alert('x')</script>" in text


def test_control_characters_never_reach_the_terminal():
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True, color_system="standard")
    console.print(render(view_of(hostile_results()).documents(), 100))
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_plain_text_has_no_colours():
    assert "\x1b" not in as_text(mnist_results())


@pytest.mark.parametrize("asked", ["", "80", "0", "wide"])
def test_a_pipe_gets_its_columns_without_colours(asked, monkeypatch):
    monkeypatch.setenv("COLUMNS", asked)
    width = 80 if asked == "80" else FILE_WIDTH
    for explain in (False, True):
        stream = io.StringIO()
        show(mnist_results(), stream, explain=explain)
        assert stream.getvalue() == as_text(mnist_results(), width, explain=explain)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_table_ends_what_is_shown_without_an_explanation(variant):
    view = view_of(VARIANTS[variant]())
    for layout in LAYOUTS:
        shown = [block for block in view.brief(layout).blocks if isinstance(block, Table)]
        assert shown == [view.arm_table(layout), *view.readout, *view.also]
        assert isinstance(view.brief(layout).blocks[-1], Table)
    text = as_text(VARIANTS[variant](), 140, explain=False)
    flat = " ".join(text.split())
    assert [note for note in view.footnotes if note in flat] == list(view.warnings)
    assert all(sentence.text in " ".join(text.split()) for sentence in view.answers[:1])


def test_an_interval_off_centre_is_shown_by_its_ends():
    results = mnist_results()
    arm = results.arms[4]
    estimate = replace(arm.test, mean=0.97, ci_low=0.96, ci_high=0.975)
    changed = replace(results, arms=(*results.arms[:4], replace(arm, test=estimate)))
    assert "97.00 [96.00, 97.50]" in as_text(changed, 140)


def test_the_same_results_give_the_same_text():
    assert as_text(mnist_results()) == as_text(mnist_results())


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_is_folded_keeps_its_indentation(width):
    lines = as_text(diagnosed_results(), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    start = lines.index("Diagnosis") + 1
    told = lines[start : lines.index("", start)]
    assert len(told) > 3, "some of them were folded"
    assert all(re.match("  [^ ]", line) for line in told)
    headlines = lines[next(n for n, line in enumerate(lines) if line.startswith("≈ ")) :]
    assert all(re.match(r"([≈?] |  )[^ ]", line) for line in headlines[: headlines.index("")])


def test_notes_speak_of_columns_that_are_there():
    results, ends = mnist_results(), Interval(-1.0, 1.0)
    arms = [each if each.effect is None else replace(each, effect=replace(
        each.effect, new_images=ends)) for each in results.arms]  # fmt: skip
    results = replace(results, arms=tuple(arms))
    wide, narrow = as_text(results, 200), as_text(results, 80)
    assert "New images: the interval of an effect" in wide
    assert "Reported: Hyperparameter Tuning" in wide
    assert "new images" not in narrow.partition("Effect:")[0]
    assert "New images" not in narrow
    assert "It does not speak for other images." in " ".join(narrow.split())
    assert "Reported:" not in narrow


# Catalogue.


def test_json_lists_every_technique_whole():
    listed = json.loads(catalogue_text("json"))
    assert [each["name"] for each in listed] == [each.name for each in CATALOGUE]
    assert all(set(each) == {"name", "change", "mends", "reference"} for each in listed)
    assert listed[0]["change"] == CATALOGUE[0].change


def test_markdown_has_one_row_a_technique():
    lines = catalogue_text("markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert [line.strip("*") for line in lines if line.startswith("**")] == list(KINDS)
    assert len(rows) == 2 * len(KINDS) + len(CATALOGUE)
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


def test_the_table_names_every_technique():
    text = catalogue_text("table")
    assert all(each.name.split()[0] in text for each in CATALOGUE)
    assert "\x1b" not in text


@pytest.mark.parametrize("form", ["table", "json", "markdown"])
def test_what_is_shown_in_a_file_is_the_text(form):
    stream = io.StringIO()
    show_techniques(form, stream)
    assert stream.getvalue() == catalogue_text(form)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="found 'yaml'"):
        catalogue_text("yaml")
