"""Formats of results, and the names that the package offers for them."""

import csv
import io
import json
import math
import subprocess
import sys
from dataclasses import replace
from itertools import groupby

import pytest
from example_results import HOSTILE_NAMES, VARIANTS, hostile_results, mnist_results, one_replicate

from stepladder.report import markdown
from stepladder.report.view import view_of

# Formats.


ALL = pytest.mark.parametrize("variant", VARIANTS)
ARM = ["name", "config", "compared_with", "n", "scores", "effect", "diagnosis", "diverged"]
ESTIMATE = ["mean", "ci_low", "ci_high", "values"]
EFFECT = ["mean", "ci_low", "ci_high", "p", "p_adjusted", "verdict", "replicates_needed"]


def parsed(results):
    def refuse(text):
        raise AssertionError(f"{text} is not JSON")

    return json.loads(markdown.as_json(results), parse_constant=refuse)


@ALL
def test_json_has_every_promised_field_and_no_nan(variant):
    value = parsed(VARIANTS[variant]())
    assert {"format", "study", "dataset", "metric", "test_set_accesses", "arms"} <= set(value)
    for arm in value["arms"]:
        assert set(ARM) <= set(arm)
        assert list(arm["scores"]) == ["test", "validation", "train"]
        for scores in arm["scores"].values():
            for estimate in scores.values():
                assert list(estimate)[:4] == ESTIMATE
        if arm["effect"] is not None:
            assert set(EFFECT) <= set(arm["effect"])


def test_json_fields_are_pinned():
    value = parsed(mnist_results())
    assert set(value) == {
        "format", "study", "metric", "dataset", "test_set_accesses", "finished", "design",
        "replicates", "seed", "fingerprint", "sizes", "classes", "model", "models", "trainer",
        "reported_source", "versions", "machine", "judgement",
        "seconds", "arms", "factorial", "confounds", "warnings", "tuning", "adaptive", "baseline",
        "one_answer", "data_notes",
    }  # fmt: skip
    arm = value["arms"][1]
    assert set(arm) == {*ARM, "technique", "reported", "parameters", "seconds", "differences",
                        "reached_target", "planned", "findings", "ensemble", "failed",
                        "epochs_trained", "scored_epoch"}  # fmt: skip
    assert set(arm["effect"]) == {
        *EFFECT, "p_t", "p_t_adjusted", "pairs", "unpaired", "differences", "ci_speaks_for",
        "new_images", "p_greater", "at_chance", "settled_at",
        "plan", "divergence", "posterior", "p_not_worse",
    }  # fmt: skip


def test_json_accuracies_are_fractions_and_effects_points():
    results = mnist_results()
    arm = parsed(results)["arms"][4]
    assert arm["scores"]["test"]["accuracy"]["mean"] == results.arms[4].test.mean
    assert arm["scores"]["test"]["accuracy"]["values"] == list(results.arms[4].test.values)
    assert 0 < arm["scores"]["test"]["accuracy"]["mean"] < 1
    assert arm["effect"]["mean"] == results.arms[4].effect.mean
    assert arm["config"]["optimizer"] == "adam"
    assert arm["compared_with"] == "+ ReLU"


def test_json_has_null_where_nothing_is_compared_or_known():
    assert parsed(mnist_results())["arms"][0]["effect"] is None
    diverged = parsed(VARIANTS["all diverged"]())["arms"][0]
    assert diverged["scores"]["test"]["accuracy"]["mean"] is None
    assert diverged["scores"]["test"]["accuracy"]["values"] == [None] * 3
    alone = parsed(one_replicate())["arms"][1]
    assert alone["scores"]["test"]["accuracy"]["ci_low"] is None
    assert alone["effect"]["p"] is None


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@ALL
def test_csv_has_one_row_an_arm_and_no_nan(variant):
    results = VARIANTS[variant]()
    text = markdown.as_csv(results)
    rows = read(text)
    assert len(rows) == len(results.arms)
    columns = markdown.csv_columns(results.study.judged)
    assert all(tuple(row) == columns for row in rows)
    assert not {"nan", "inf", "None"} & {cell for row in rows for cell in row.values()}


def test_csv_numbers_are_those_of_the_view():
    results = mnist_results()
    for row, shown in zip(read(markdown.as_csv(results)), view_of(results).rows, strict=True):
        assert row["arm"] == shown.name
        assert 100 * float(row["test_accuracy"]) == shown.test.mean
        assert 100 * float(row["val_ci_high"]) == shown.validation.high
        if shown.effect is None:
            assert row["effect_points"] == row["verdict"] == row["p_verdict"] == ""
        else:
            assert float(row["effect_points"]) == shown.effect.mean
            assert row["verdict"] == shown.kind


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("+ batch normalisation", "+ batch normalisation"),
        ("+ one-cycle", "+ one-cycle"),
        ("naive", "naive"),
        ("=1+1", "'=1+1"),
        ("+ =HYPERLINK(1)", "'+ =HYPERLINK(1)"),
        ("+ cmd|' /C calc'!A0", "'+ cmd|' /C calc'!A0"),
        ("@sum", "'@sum"),
        ("-2+3", "'-2+3"),
        ("+ A1", "+ A1"),
        ("\tx", "'\tx"),
        (-2.5, "-2.5"),
        (math.nan, ""),
        (None, ""),
        (0.1, "0.1"),
    ],
)
def test_csv_cells_cannot_run_as_formulas(cell, written):
    ((_, value),) = read(markdown.csv_text(["a", "b"], [["x", cell]]))[0:1][0].items() - {
        ("a", "x")
    }
    assert value == written


@ALL
def test_markdown_tables_have_the_same_columns_in_every_row(variant):
    lines = markdown.as_markdown(VARIANTS[variant]()).splitlines()
    plain = [line.replace("\\|", "") for line in lines]
    blocks = groupby(plain, key=lambda line: line.startswith("|"))
    tables = [list(rows) for is_table, rows in blocks if is_table]
    for table in tables:
        assert len({row.count("|") for row in table}) == 1
    assert len(tables[0]) == 2 + len(VARIANTS[variant]().arms)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>", "&lt;script&gt;"),
        ("a|b", "a\\|b"),
        ("**b** _i_ `c`", "\\*\\*b\\*\\* \\_i\\_ \\`c\\`"),
        ("[x](y)", "\\[x\\](y)"),
        ("@user", "@\u2060user"),
        ("https://example.org", "https:\u2060//example.org"),
        ("www.example.org, WWW.", "w\u2060ww.example.org, W\u2060WW."),
        ("_www.example.org", "\\_w\u2060ww.example.org"),
        ("#1", "\\#1"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_shows_names_as_they_are(text, written):
    assert markdown.markdown_text(text) == written


def test_markdown_says_what_the_table_says():
    text = markdown.as_markdown(mnist_results(looks=3))
    assert "| reported % |" in text
    assert "*answers 1 to every image*" in text
    assert "<sub>against + ReLU</sub>" in text
    assert "3 looks at this test set" in text
    assert "Unfinished" not in text
    assert "Unfinished" in markdown.as_markdown(VARIANTS["partial"]())


@pytest.mark.parametrize("form", markdown.FORMATS)
def test_the_same_results_give_the_same_text(form):
    assert markdown.FORMATS[form](mnist_results()) == markdown.FORMATS[form](mnist_results())


def test_names_come_back_whole_from_json():
    names = [arm["technique"] for arm in parsed(hostile_results())["arms"][1:]]
    assert names == list(HOSTILE_NAMES)


def test_an_infinity_is_null():
    results = mnist_results()
    assert parsed(replace(results, seconds=math.inf))["seconds"] is None


def test_nothing_heavy_is_imported_before_it_draws():
    code = (
        "import sys; from stepladder.report import html, markdown, progress, terminal; "
        "print([m for m in ('matplotlib', 'jinja2', 'keras', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
