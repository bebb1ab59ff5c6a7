"""The report as HTML, and its files."""

import base64
import hashlib
import os
import re
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from drawn_plots import drawn_figures, made, plots
from example_results import VARIANTS, mnist_results, named_results, one_arm
from own_results import own_results

from stepladder.errors import OutputError
from stepladder.report import html
from stepladder.report.figures.base import csv_of
from stepladder.report.html import as_html, drawn, write_html, write_report
from stepladder.study.study import Study

# Html.

SCRIPT = (Path(html.__file__).parent / "templates" / "report.js").read_text("utf-8")


def script_of(text):
    return text.partition("<script>")[2].partition("</script>")[0]


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains of tags that are not closed in order."""

    VOID = frozenset({"meta", "img", "source", "br", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.said = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.said.append(data)

    @property
    def text(self):
        return " ".join("".join(self.said).split())

    def attributes(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


@cache
def html_of(variant):
    """The page of a variant, with all figures of two and one figure of the others."""
    if variant == "one arm":
        return as_html(VARIANTS[variant]())
    if variant == "mnist":
        first, *others = drawn_figures(variant)
        return as_html(VARIANTS[variant](), [drawn(first.plot), *others])
    return as_html(VARIANTS[variant](), [drawn(next(iter(made(variant).values())))])


@pytest.fixture(scope="module")
def mnist():
    return Page(html_of("mnist"))


@pytest.mark.parametrize(
    "variant", ["mnist", "partial", "confounded", "factorial", "one arm", "all diverged", "hostile"]
)
def test_every_variant_is_a_page_without_scripts_or_anything_from_elsewhere(variant):
    text = html_of(variant)
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"iframe", "object", "embed", "link", "form", "base", "foreignobject"}
    assert [tag for tag, _ in page.tags if tag == "script"] == ["script"]
    assert script_of(text) == SCRIPT
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "srcset", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}


def test_the_policy_forbids_all_but_styles_data_images_and_our_script(mnist):
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policies = [
        meta["content"]
        for meta in mnist.attributes("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]


def test_hostile_names_are_text():
    text = html_of("hostile")
    assert text.count("<script") == 1
    assert "<b>bold" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    page = Page(text)
    assert "+ <script>alert('x')</script>" in page.text
    assert "x" * 200 not in page.text.split("Run it again")[0]


def test_the_table_comes_before_the_figures():
    text = html_of("mnist")
    assert text.index("<table") < text.index("<figure")


def test_the_page_says_what_the_table_says(mnist):
    for said in (
        "improve test accuracy.",
        "answers 1 to every image",
        "against + ReLU",
        "about 11 would do",
        "one run of each",
        "these 10,000 test images, retrained",
        "stepladder run mnist",
        "# stepladder 0.1.0",
        "3.15.1",
        "Linux, 2 cores",
        "1 min 1 s",
        "47,410",
        "Kingma, Ba 2015, arXiv:1412.6980",
    ):
        assert said in mnist.text


def test_a_constant_answer_has_no_accuracy_in_its_row():
    text = html_of("mnist")
    row = re.search(r'<tr>\s*<th scope="row"><bdi>naive</bdi>.*?</tr>', text, re.S).group()
    assert "11.35" not in row
    assert "answers 1 to every image" in row


def test_the_study_can_be_read_back_from_the_page(tmp_path):
    results = named_results(["mine"], replicates=1, epochs=1)
    page = Page(as_html(results, []))
    file = tmp_path / "study.toml"
    file.write_text(next(text for text in page.said if text.startswith("name = ")), "utf-8")
    assert Study.load(file) == results.study
    assert "stepladder run study.toml" in page.text


def test_an_unfinished_study_says_so(mnist):
    assert "Unfinished: 21 of 35 trials" in Page(html_of("partial")).text
    assert "Unfinished" not in mnist.text


def test_every_figure_has_words_and_a_drawing(mnist):
    images = [each for each in mnist.attributes("div") if each.get("role") == "img"]
    assert len(images) == len(plots(mnist_results())) == len(mnist.attributes("svg"))
    assert all(len(image["aria-label"]) > 50 for image in images)


def test_marks_of_one_figure_are_not_those_of_another(mnist):
    ids = [attributes["id"] for _, attributes in mnist.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    text = html_of("mnist")
    for used in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text):
        assert "".join(used) in ids


def test_tables_are_told_to_those_who_cannot_see_them(mnist):
    heads = mnist.attributes("th")
    assert all(head.get("scope") in ("col", "row") for head in heads)
    regions = [each for each in mnist.attributes("div") if each.get("role") == "region"]
    assert all(each.get("aria-label") and each.get("tabindex") == "0" for each in regions)
    assert mnist.attributes("html") == [{"lang": "en"}]


def test_the_same_results_give_the_same_text():
    assert as_html(one_arm()) == html_of("one arm")


# Write.


def test_a_report_is_its_page_and_three_files_a_figure(tmp_path):
    results = one_arm()
    written = write_report(results, tmp_path / "new" / "run")
    names = [path.relative_to(tmp_path / "new" / "run").as_posix() for path in written]
    assert names == [
        "report.html",
        *(f"figures/{name}.{kind}" for name in plots(results) for kind in ("svg", "png", "csv")),
    ]
    today = f"{date.today():%-d %B %Y}"
    assert written[0].read_text("utf-8") == as_html(results, date=today)
    found = (tmp_path / "new" / "run" / "figures" / "validation.csv").read_bytes().decode()
    assert found == csv_of(plots(results)["validation"])
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)


def test_what_was_there_is_replaced(tmp_path):
    file = tmp_path / "report.html"
    file.write_text("old")
    assert write_html(one_arm(), file) == file
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_folder_in_the_place_of_the_file_is_an_output_error(tmp_path):
    file = tmp_path / "report.html"
    file.mkdir()
    with pytest.raises(OutputError, match=r"report\.html.*found: .*; free some space"):
        write_html(VARIANTS["nothing yet"](), file)
    assert os.listdir(tmp_path) == ["report.html"]  # no half-written file is left


def test_a_file_in_the_place_of_the_folder_is_an_output_error(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="must be a file that can be written"):
        write_report(VARIANTS["nothing yet"](), tmp_path / "run")
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_file_name_that_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="found: "):
        write_html(VARIANTS["nothing yet"](), tmp_path / ("x" * 300))
    assert os.listdir(tmp_path) == []


# Trainings of a user's own.


def own_page(**options):
    results = own_results(**options)
    return Page(as_html(results, []))


def test_columns_are_those_of_the_metric_and_of_the_parts_that_have_scores():
    heads = ["Arm", "Validation rmse (kWh)", "Test rmse (kWh)", "Effect", "Verdict"]
    assert all(head in own_page().text for head in heads)
    assert "Train" not in own_page().text.split("What is not known")[0].split("The answer")[1]
    alone = own_page(validation=False)
    assert "Test rmse (kWh)" in alone.text
    assert "Validation rmse" not in alone.text.split("Diagnosis")[0]
    assert {"id": "scores"} in own_page().attributes("div")
    assert {"id": "scores"} not in alone.attributes("div")


def test_a_page_of_a_users_own_training_has_nothing_of_networks():
    page = own_page()
    before_glossary = page.text.rsplit("Glossary", 1)[0]
    for word in ("accuracy", "Network", "Trainable", "initial weights", "data orders", "misread"):
        assert word not in before_glossary
    assert "Diagnosis" not in before_glossary
    assert "Trained by" in before_glossary
    assert "Dataset" not in before_glossary
    assert "run study.toml --allow-code" in before_glossary
    assert "What it is meant to fix" not in before_glossary


def test_a_name_that_a_training_reports_is_text():
    hostile = "<script>alert('x')</script>"
    results = own_results(reports=lambda score: {"epoch": (1.0, 2.0), hostile: (score, score)})
    page = as_html(results)
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert" in page
