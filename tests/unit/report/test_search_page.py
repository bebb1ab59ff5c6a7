"""The page of a search and its figures."""

import csv
import io
import math
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from drawn_plots import on_dark_paper
from example_search import found_search

from stepladder.errors import OutputError
from stepladder.report.figures.base import DARK, LIGHT, csv_of, svg_of
from stepladder.report.figures.search import search_figures
from stepladder.report.html import commands_of, search_as_html, write_search
from stepladder.runs.folder import search_again
from stepladder.statistics.intervals import estimate


@pytest.fixture(scope="module")
def found():
    return found_search()


def test_what_is_coloured_is_the_flat_top(found):
    coloured = [each for each in found.candidates if found.is_top(each)]
    assert sorted(each.number for each in coloured) == sorted(each.number for each in found.top)
    assert len(coloured) > 1


@pytest.mark.parametrize(
    ("engine", "command"),
    [
        ("population", "stepladder search study.toml"),
        ("fit/tensorflow", "KERAS_BACKEND=tensorflow stepladder search study.toml --engine fit"),
    ],
)
def test_the_command_that_repeats_it_has_its_engine(found, engine, command):
    study = found.study.changed({"name": "mine"})
    assert commands_of(study, {"engine": engine}, "search") == [command]
    again = search_again(Path("runs/a b"), study, engine=engine)
    start = command.partition("stepladder")[0]
    end = " --engine fit" if start else ""
    assert again == (f"{start}stepladder search 'runs/a b/study.toml' --out 'runs/a b'{end}")


@pytest.fixture(scope="module")
def figures(found):
    return {plot.name: plot for plot in search_figures(found)}


def rows(plot):
    return list(csv.DictReader(io.StringIO(csv_of(plot))))


def test_a_search_has_five_figures(figures):
    assert list(figures) == ["expected-best", "thinning", "importance", "plateau", "parallel"]
    for plot in figures.values():
        drawn = svg_of(plot)
        ElementTree.fromstring(drawn)
        assert len(plot.caption) > 50
        assert any(character.isdigit() for character in plot.words)
        dark = on_dark_paper(drawn)
        assert DARK.paper in dark
        assert f"fill: {LIGHT.ink}" not in dark.partition("</style>")[2]


def test_the_curve_ends_at_what_was_found(found, figures):
    curve = rows(figures["expected-best"])
    assert int(curve[-1]["candidates"]) == len(found.candidates)
    assert float(curve[-1]["expected_percent"]) == pytest.approx(
        100 * max(each.score for each in found.candidates if math.isfinite(each.score))
    )
    assert float(curve[-1]["training_seconds"]) == pytest.approx(
        sum(each.seconds for each in found.candidates)
    )


def test_every_candidate_is_in_the_data_with_every_value(found, figures):
    told = rows(figures["plateau"])
    assert len(told) == sum(len(each.params) for each in found.candidates)
    best = [row for row in told if int(row["candidate"]) == found.winner.number]
    assert {row["hyperparameter"] for row in best} == set(found.winner.params)
    assert all(float(row["validation_percent"]) == 100 * found.searched for row in best)


def test_hyperparameters_that_no_whole_candidate_has_are_no_panel(found, figures):
    lacking = {"units_4"}
    assert not any(lacking & set(each.params) for each in found.candidates if each.is_whole)
    drawn = svg_of(figures["plateau"])
    assert "units_3<" in drawn
    assert "units_4<" not in drawn


def test_one_candidate_alone_leaves_what_can_be_drawn():
    found = found_search(9)  # one goes on to the end
    assert found.whole == 1
    names = [plot.name for plot in search_figures(found)]
    assert "plateau" not in names
    assert "parallel" not in names
    assert found.study.name in search_as_html(found, [])


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.sources = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "srcset")]


def test_the_page_needs_nothing_beside_it(found):
    text = search_as_html(found)
    page = Page(text)
    assert page.tags.count("script") == 1
    assert page.tags.count("svg") == 5
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "stepladder search mnist-search" in text
    assert "98.4" in text
    assert "The test set was not read" in text


def test_what_a_study_names_is_text(found):
    study = found.study.changed({"name": "<script>alert(1)</script>"})
    text = search_as_html(found_search(study=study), [])
    assert text.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("looks", [1, 2])
def test_looks_at_the_test_set_are_told(looks):
    text = search_as_html(found_search(test=estimate([0.981, 0.983]), looks=looks), [])
    assert "the same replicates reach 98.20" in text
    assert ("no longer a test" in text) == (looks > 1)


def test_the_page_and_each_figure_are_files(found, tmp_path):
    written = write_search(found, tmp_path)
    assert written[0] == tmp_path / "report.html"
    assert len(written) == 1 + 3 * 5
    assert (tmp_path / "figures" / "parallel.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        write_search(found, tmp_path / "report.html")
