"""Figures of made-up results by name, each made and drawn once for all tests."""

import re
from functools import cache

from example_results import VARIANTS

from stepladder.report.figures import figures_of
from stepladder.report.figures.base import csv_of, svg_of
from stepladder.report.html import DrawnFigure


def plots(results):
    return {plot.name: plot for plot in figures_of(results)}


@cache
def made(variant):
    return plots(VARIANTS[variant]())


@cache
def svg(variant, name):
    return svg_of(made(variant)[name])


def on_dark_paper(drawn):
    """A drawing as its own style sheet colours it for a reader of dark pages."""
    style = re.search(r"<style[^>]*>(.*?)</style>", drawn, re.DOTALL).group(1)
    rule = r'\[style\*="(\w+: #\w+)"\] \{ (\w+: #\w+) !important \}'
    colours = dict(re.findall(rule, style))

    def darker(colour):
        return colours.get(colour.group(), colour.group())

    coloured = r"(?:fill|stroke): #[0-9a-f]{6}"
    return re.sub(r"<[^<>]*>", lambda tag: re.sub(coloured, darker, tag.group()), drawn)


def drawn_figures(variant):
    """The figures of a variant as a page carries them."""
    return [
        DrawnFigure(plot, svg(variant, name), csv_of(plot)) for name, plot in made(variant).items()
    ]
