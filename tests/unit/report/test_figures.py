import csv
import io
import math
import xml.etree.ElementTree as ElementTree
from functools import cache
from itertools import pairwise

import matplotlib as mpl
import pytest
from example_results import VARIANTS, mnist_results, one_arm

from stepladder.report.curves import figures_of
from stepladder.report.drawing import _apart
from stepladder.report.figures import csv_of, names_of, png_of, svg_of
from stepladder.report.style import DARK, LIGHT

SVG = "{http://www.w3.org/2000/svg}"


@cache
def svg(variant, name):
    return svg_of(name, figures_of(VARIANTS[variant]()))


@pytest.mark.parametrize(
    "variant", ["partial", "one replicate", "one arm", "all diverged", "hostile", "nothing yet"]
)
def test_every_variant_is_drawn_without_a_warning(variant):
    figures = figures_of(VARIANTS[variant]())
    for name in names_of(figures):
        assert png_of(name, figures).startswith(b"\x89PNG")


@pytest.mark.parametrize("variant", ["mnist", "hostile", "nothing yet"])
def test_every_svg_can_be_parsed(variant):
    for name in names_of(figures_of(VARIANTS[variant]())):
        assert ElementTree.fromstring(svg(variant, name)).tag == f"{SVG}svg"


def test_sixty_four_arms_are_drawn_each_with_its_panel():
    assert svg("64 arms", "accuracy").count('id="axes_') == 64


@pytest.mark.parametrize("name", ["accuracy", "validation", "effects"])
def test_the_same_results_give_the_same_bytes(name):
    again = figures_of(mnist_results())
    assert svg_of(name, again) == svg("mnist", name)
    assert csv_of(name, again) == csv_of(name, figures_of(mnist_results()))


def test_the_same_results_give_the_same_picture():
    figures = figures_of(one_arm())
    assert png_of("validation", figures) == png_of("validation", figures)


@pytest.mark.parametrize("name", ["accuracy", "validation", "effects"])
def test_figures_bear_neither_a_date_nor_a_version(name):
    assert "dc:date" not in svg("mnist", name)
    assert "Matplotlib v" not in svg("mnist", name)


def test_pictures_bear_no_version():
    assert b"Software" not in png_of("accuracy", figures_of(one_arm()))


def texts(drawn):
    root = ElementTree.fromstring(drawn)
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def test_text_in_svg_is_text():
    found = texts(svg("mnist", "accuracy"))
    for name in ("naive", "+ dropout", "training", "accuracy, %", "epoch", "97.6"):
        assert any(name in text for text in found)


def test_the_svg_bears_its_alternative_as_its_title():
    figures = figures_of(mnist_results())
    title = ElementTree.fromstring(svg("mnist", "effects")).find(f"{SVG}title")
    assert title.text == figures.alternatives["effects"]


def test_every_line_of_the_overlay_is_named_where_it_ends():
    found = texts(svg("mnist", "validation"))
    for arm in mnist_results().arms:
        assert any(text.startswith(arm.arm.name) for text in found)


def test_hostile_names_are_escaped_and_elided():
    drawn = svg("hostile", "accuracy")
    assert "<script" not in drawn
    assert "x" * 50 not in "".join(texts(drawn))
    assert any("rocket 🚀" in text for text in texts(drawn))


def test_dark_figures_differ_in_their_colours_only():
    figures = figures_of(mnist_results())
    light, dark = svg("mnist", "effects"), svg_of("effects", figures, DARK)
    assert light != dark
    assert texts(light) == texts(dark)


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_colour_stands_out_from_its_paper(theme):
    lines = [*theme.arms, *theme.verdicts.values(), theme.train, theme.validation]
    assert all(contrast(colour, theme.paper) >= 3 for colour in lines)
    assert contrast(theme.ink, theme.paper) >= 7
    assert contrast(theme.muted, theme.paper) >= 4.5


def test_drawing_changes_no_setting_of_the_user():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 31, "axes.facecolor": "pink"}):
        svg_of("validation", figures_of(one_arm()))
        assert mpl.rcParams["font.size"] == 31
    assert dict(mpl.rcParams) == before


def test_settings_of_the_user_change_no_figure():
    with mpl.rc_context({"font.size": 31, "axes.facecolor": "pink"}):
        assert svg_of("effects", figures_of(mnist_results())) == svg("mnist", "effects")


def test_without_effects_there_is_no_figure_of_them():
    assert "effects" not in names_of(figures_of(one_arm()))
    assert "effects" in names_of(figures_of(mnist_results()))


def test_an_unknown_figure_is_refused():
    with pytest.raises(KeyError):
        svg_of("pie", figures_of(one_arm()))


def rows(name, figures):
    return list(csv.DictReader(io.StringIO(csv_of(name, figures), newline="")))


def test_csv_numbers_are_those_drawn():
    figures = figures_of(mnist_results())
    found = rows("accuracy", figures)
    assert len(found) == 7 * 2 * 20
    adam = [row for row in found if row["arm"] == "+ Adam" and row["part"] == "validation"]
    assert [float(row["mean_percent"]) for row in adam] == list(figures.panels[4].validation.mean)
    assert [float(row["ci_low_percent"]) for row in adam] == list(figures.panels[4].validation.low)
    assert [int(row["epoch"]) for row in adam] == list(range(1, 21))
    assert {row["replicates"] for row in adam} == {"5"}
    assert [float(row["effect_points"]) for row in rows("effects", figures)] == [
        bar.mean for bar in figures.bars
    ]


def test_csv_of_one_replicate_leaves_the_interval_empty():
    found = rows("validation", figures_of(mnist_results(replicates=1)))
    assert {row["ci_low_percent"] for row in found} == {""}


@pytest.mark.parametrize(
    ("heights", "step"),
    [
        ([0.5, 0.5, 0.5], 0.1),
        ([0.98, 0.99, 1.0], 0.06),
        ([0.1, 0.9], 0.06),
        ([], 0.1),
        ([0.97], 0.1),
    ],
)
def test_labels_stand_apart_and_in_order(heights, step):
    placed = _apart(heights, step)
    assert len(placed) == len(heights)
    assert all(b - a >= step - 1e-12 for a, b in pairwise(placed))
    assert all(height <= 1 for height in placed)
    if len(heights) == 1 or heights == [0.1, 0.9]:
        assert placed == heights
    assert not any(map(math.isnan, placed))


def test_of_many_arms_the_base_and_the_best_are_named():
    figures = figures_of(VARIANTS["64 arms"]())
    ends = {panel.name: panel.validation.last for panel in figures.panels}
    best = max(ends, key=lambda name: ends[name])
    found = " ".join(texts(svg("64 arms", "validation")))
    assert best in found
    assert "base" in found
    assert sum(f"{name}\N{EN SPACE}" in found for name in ends) == 7
