"""Figures of made-up results by name."""

from stepladder.report.plots.catalogue import figures_of


def plots(results):
    return {plot.name: plot for plot in figures_of(results)}
