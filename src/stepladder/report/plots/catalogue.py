"""Every figure that a report may show, in its order; a new one is added by being listed."""

from __future__ import annotations

from collections.abc import Callable

from stepladder.report.plots.effects import effects_plot
from stepladder.report.plots.factorial import factorial_plot, interactions_plot
from stepladder.report.plots.inside import gradients_plot, units_plot
from stepladder.report.plots.ladder import ladder_plot
from stepladder.report.plots.mistakes import confusion_plot, disagreements_plot, hardest_plot
from stepladder.report.plots.overlay import seconds_plot, validation_plot
from stepladder.report.plots.panels import accuracy_plot, loss_plot
from stepladder.report.plots.pareto import pareto_plot
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.tuning import tuning_plot
from stepladder.runner.results import Results

__all__ = ["figures_of"]

_MAKERS: tuple[Callable[[Results], Plot | None], ...] = (
    ladder_plot,
    effects_plot,
    factorial_plot,
    interactions_plot,
    validation_plot,
    accuracy_plot,
    loss_plot,
    seconds_plot,
    pareto_plot,
    tuning_plot,
    gradients_plot,
    units_plot,
    confusion_plot,
    hardest_plot,
    disagreements_plot,
)


def figures_of(results: Results) -> tuple[Plot, ...]:
    """The figures that there is something to draw for, in the order in which they are shown."""
    made = (make(results) for make in _MAKERS)
    return tuple(plot for plot in made if plot is not None)
