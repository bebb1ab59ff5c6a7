import csv
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import matplotlib as mpl
import pytest
from drawn_plots import made, on_dark_paper, plots, svg
from example_results import VARIANTS, mnist_results, one_arm

from stepladder.report.figures import base
from stepladder.report.figures.axes import WIDTH
from stepladder.report.figures.base import DARK, LIGHT, csv_of, png_of, svg_of

SVG = "{http://www.w3.org/2000/svg}"
COLUMN = 3.5  # inches of a column of a journal


@pytest.mark.parametrize(
    "variant",
    [
        "partial",
        pytest.param("one replicate", marks=pytest.mark.slow),
        "one arm",
        "all diverged",
        "hostile",
        "nothing yet",
    ],
)
def test_every_variant_is_drawn_without_a_warning(variant):
    for name in made(variant):
        assert svg(variant, name)
    assert png_of(made(variant)["validation"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "variant", ["mnist", "hostile", pytest.param("partial", marks=pytest.mark.slow), "nothing yet"]
)
def test_every_svg_can_be_parsed_and_is_as_wide_as_the_others(variant):
    for name in made(variant):
        root = ElementTree.fromstring(svg(variant, name))
        assert root.tag == f"{SVG}svg"
        assert root.get("width") == f"{72 * WIDTH:g}pt"


@pytest.mark.parametrize("variant", ["mnist", "hostile", "partial", "one replicate"])
def test_no_text_is_too_small_for_a_column(variant):
    for name in made(variant):
        found = re.findall(r"font(?:-size)?: (?:[\w-]+ )*?([\d.]+)px", svg(variant, name))
        sizes = [float(size) for size in found]
        assert sizes
        assert min(sizes) * COLUMN / WIDTH >= 5.0, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_figure_has_a_title_a_caption_and_words_with_numbers(variant):
    for plot in made(variant).values():
        assert plot.title
        assert len(plot.caption) > 50
        assert len(plot.words) > 20
        assert len(plot.words) < 3000
        assert re.search(r"\d", plot.words)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_figure_has_its_data(variant):
    for plot in made(variant).values():
        rows = list(csv.reader(io.StringIO(csv_of(plot), newline="")))
        assert tuple(rows[0]) == plot.columns
        assert {len(row) for row in rows} == {len(plot.columns)}
        waiting = variant == "nothing yet"
        assert len(rows) > 1 or waiting


def test_what_there_is_to_draw():
    assert list(made("mnist")) == [
        "ladder", "effects", "validation", "accuracy", "loss", "seconds", "pareto", "gradients",
        "units", "confusion", "hardest", "disagreements",
    ]  # fmt: skip
    assert {"factorial", "interactions"} <= set(made("factorial"))
    assert "interactions" not in made("fraction")
    assert "tuning" in made("fair")
    assert "effects" not in made("one arm")
    assert list(made("nothing yet")) == ["validation", "accuracy", "loss"]


@pytest.mark.parametrize("name", ["accuracy", "validation", "effects", "gradients", "hardest"])
def test_the_same_results_give_the_same_bytes(name):
    again = plots(mnist_results())[name]
    assert svg_of(again) == svg("mnist", name)
    assert csv_of(again) == csv_of(made("mnist")[name])


def test_the_same_results_give_the_same_picture():
    plot = plots(one_arm())["validation"]
    assert png_of(plot) == png_of(plot)


@pytest.mark.parametrize("name", ["accuracy", "validation", "effects"])
def test_figures_bear_neither_a_date_nor_a_version(name):
    assert "dc:date" not in svg("mnist", name)
    assert "Matplotlib v" not in svg("mnist", name)
    assert b"Software" not in png_of(made("one arm")["accuracy"])


def texts(drawn):
    root = ElementTree.fromstring(drawn)
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def test_text_in_svg_is_text():
    found = texts(svg("mnist", "accuracy"))
    for name in ("naive", "+ dropout", "training", "accuracy, %", "epoch", "97.6"):
        assert any(name in text for text in found)


def test_the_svg_bears_its_words_as_its_title():
    title = ElementTree.fromstring(svg("mnist", "effects")).find(f"{SVG}title")
    assert title.text == made("mnist")["effects"].words


def test_hostile_names_are_escaped_and_elided():
    drawn = svg("hostile", "accuracy")
    assert "<script" not in drawn
    assert "x" * 50 not in "".join(texts(drawn))
    assert any("rocket 🚀" in text for text in texts(drawn))


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    "variant",
    [
        "mnist",
        pytest.param("hostile", marks=pytest.mark.slow),
        pytest.param("fair", marks=pytest.mark.slow),
        pytest.param("factorial", marks=pytest.mark.slow),
    ],
)
def test_a_figure_recoloured_is_the_figure_drawn_on_dark_paper(variant, monkeypatch):
    light = {name: svg(variant, name) for name in made(variant)}
    monkeypatch.setattr(base, "dark_style", lambda drawing: "")
    monkeypatch.setattr(base, "LIGHT", DARK)
    for name, plot in made(variant).items():
        assert drawing(on_dark_paper(light[name])) == drawing(svg_of(plot)), name


def drawing(text):
    """All of a drawing but its style sheet and images, of which the greys are turned round."""
    body = re.sub(r'(?<=base64,)[^"]*" id="[^"]*', "", text.partition("</style>")[2])
    return with_names_in_order(body)


def test_a_mark_has_its_colours_where_it_is_used_which_a_page_can_change():
    # a rule of a page does not reach into what <use> repeats: it would stay black on black
    for name in made("fair"):
        body = svg("fair", name).partition("</style>")[2]
        assert not re.search(r"<defs>[^<]*<path[^>]*(?:stroke|fill)", body), name
    marks = re.findall(r"<use [^>]*style=\"([^\"]*)\"", svg("mnist", "ladder"))
    assert f"fill-opacity: 0; stroke: {LIGHT.ink}; stroke-width: 1.1; " in "".join(marks)


def test_images_of_greys_are_turned_round_on_dark_paper():
    drawn = svg("mnist", "hardest")
    assert drawn.count('class="grey"') == drawn.count("<image")
    assert ".grey image { filter: invert(1) }" in drawn


def test_who_points_at_an_effect_reads_it_and_arms_are_told_apart():
    effects, curves = svg("mnist", "effects"), svg("mnist", "validation")
    first = made("mnist")["effects"].words.split(". ")[1].split("; ")[0]
    assert f"<title>{first}</title>" in effects
    assert set(re.findall(r'data-arm="(\d+)"', curves)) == set("0123456")


def with_names_in_order(text):
    """An SVG whose markers and clips are numbered: their names are made of their colours."""
    names = {}
    named = r"(?<=[\"#])[mph][0-9a-f]{10}(?=[\")])|C\w+_\w+_[0-9a-f]{10}"
    return re.sub(named, lambda name: names.setdefault(name.group(), f"n{len(names)}"), text)


def test_a_text_that_looks_like_a_colour_stays():
    assert LIGHT.ink != DARK.ink
    plot = replace(made("one arm")["validation"], words=f"fill: {LIGHT.ink};")
    assert f"<title>fill: {LIGHT.ink};</title>" in on_dark_paper(svg_of(plot))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_colour_stands_out_from_its_paper(theme):
    lines = [*theme.arms, *theme.verdicts.values(), theme.train, theme.validation]
    assert all(contrast(colour, theme.paper) >= 3 for colour in lines)
    assert contrast(theme.ink, theme.paper) >= 7
    assert contrast(theme.muted, theme.paper) >= 4.5


def test_drawing_changes_no_setting_of_the_user():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 31, "axes.facecolor": "pink"}):
        svg_of(made("one arm")["validation"])
        assert mpl.rcParams["font.size"] == 31
    assert dict(mpl.rcParams) == before


def test_settings_of_the_user_change_no_figure():
    with mpl.rc_context({"font.size": 31, "axes.facecolor": "pink"}):
        assert svg_of(plots(mnist_results())["effects"]) == svg("mnist", "effects")


def test_coordinates_are_cut_and_words_are_not():
    plot = made("mnist")["ladder"]
    assert not re.search(r' d="[^"]*\.\d{3}', svg("mnist", "ladder"))
    assert plot.words in svg("mnist", "ladder")


def rows(plot):
    return list(csv.DictReader(io.StringIO(csv_of(plot), newline="")))


def test_csv_numbers_are_those_drawn():
    found = rows(made("mnist")["accuracy"])
    assert len(found) == 7 * 2 * 20
    adam = [row for row in found if row["arm"] == "+ Adam" and row["part"] == "validation"]
    curves = mnist_results().arms[4].curves
    mean = 100 * sum(curve.val_accuracy for curve in curves) / 5
    assert [float(row["mean"]) for row in adam] == pytest.approx(mean.tolist())
    assert [int(row["epoch"]) for row in adam] == list(range(1, 21))
    assert {row["replicates"] for row in adam} == {"5"}


def test_csv_of_one_replicate_leaves_the_interval_empty():
    found = rows(made("one replicate")["validation"])
    assert {row["ci_low"] for row in found} == {""}


def test_of_many_arms_the_base_and_the_best_are_drawn_and_all_are_in_the_data():
    plot = made("64 arms")["accuracy"]
    drawn = svg("64 arms", "accuracy")
    assert drawn.count('id="axes_') == 24
    assert "the 23 of the highest validation accuracy" in plot.caption
    assert len({row["arm"] for row in rows(plot)}) == 64
    named = " ".join(texts(svg("64 arms", "validation")))
    ends = {row["arm"]: float(row["mean"]) for row in rows(made("64 arms")["validation"])}
    assert max(ends, key=ends.get) in named
    assert "base" in named
    assert sum(f"{name}\N{EN SPACE}" in named for name in ends) <= 7


@pytest.mark.parametrize(
    ("backend", "settings"),
    [("nonsense", b""), ("", b"text.usetex: \xff"), ("", b"text.usetex: True\nbackend: nonsense")],
    ids=["backend", "no text", "values"],
)
def test_no_backend_and_no_matplotlibrc_of_the_user_keeps_a_figure_from_being_drawn(
    tmp_path, backend, settings
):
    (tmp_path / "matplotlibrc").write_bytes(settings)
    program = (
        "from types import SimpleNamespace; from stepladder.report.figures.base import svg_of;"
        "draw = lambda figure, theme: figure.text(0, 0, 'drawn');"
        "print(svg_of(SimpleNamespace(words='', title='', draw=draw)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "MPLBACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert "drawn" in done.stdout
