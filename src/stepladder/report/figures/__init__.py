"""Every figure of a report, in order."""

from collections.abc import Callable

from stepladder.report.figures.base import Plot
from stepladder.report.figures.curves import accuracy_plot, loss_plot, seconds_plot, validation_plot
from stepladder.report.figures.errors import confusion_plot, disagreements_plot, hardest_plot
from stepladder.report.figures.factorial import factorial_plot, interactions_plot
from stepladder.report.figures.forest import effects_plot, ladder_plot
from stepladder.report.figures.internals import gradients_plot, units_plot
from stepladder.report.figures.pareto import pareto_plot
from stepladder.report.figures.predictions import labels_plot, scatter_plot
from stepladder.report.figures.reported import reported_plots
from stepladder.report.figures.sequence import sequence_plot
from stepladder.report.figures.tuning import tuning_plot
from stepladder.runs.results import Results

_MAKERS: tuple[Callable[[Results], Plot | tuple[Plot, ...] | None], ...] = (
    ladder_plot,
    effects_plot,
    sequence_plot,
    factorial_plot,
    interactions_plot,
    reported_plots,
    validation_plot,
    accuracy_plot,
    loss_plot,
    seconds_plot,
    pareto_plot,
    tuning_plot,
    gradients_plot,
    units_plot,
    scatter_plot,
    labels_plot,
    confusion_plot,
    hardest_plot,
    disagreements_plot,
)


def figures_of(results: Results) -> tuple[Plot, ...]:
    """The figures for which there is something to draw, in the order in which they are shown.

    Example:
        >>> import stepladder
        >>> run = stepladder.run(stepladder.Study.load("quick"))  # doctest: +SKIP
        >>> [plot.name for plot in figures_of(run.results)][:2]  # doctest: +SKIP
        ['ladder', 'effects']
    """
    made = (make(results) for make in _MAKERS)
    return tuple(
        plot for plots in made for plot in (plots if isinstance(plots, tuple) else (plots,)) if plot
    )
