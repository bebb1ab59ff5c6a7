"""Figures of made-up results by name, each made and drawn once for all tests."""

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


def on_light_paper(variant):
    """The figures of a variant as a page carries them, without drawing them for dark paper too."""
    return [
        DrawnFigure(plot, svg(variant, name), svg(variant, name), csv_of(plot))
        for name, plot in made(variant).items()
    ]
