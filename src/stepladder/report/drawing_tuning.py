"""The figure of tuning: validation accuracy over the tuned value, a panel an arm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stepladder.report.curves import Figures
from stepladder.report.style import Theme
from stepladder.report.wording import elided
from stepladder.runner.tuned import ArmTuning, TriedValues, Tuned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_tuning"]

WIDTH = 7.2  # inches
COLUMNS = 4


def draw_tuning(figure: Figure, figures: Figures, theme: Theme) -> None:
    """A panel an arm on common axes: each candidate, the one chosen, and a fixed study's."""
    tuned = figures.tuned
    if tuned is None:
        return
    columns = min(COLUMNS, max(1, len(tuned.arms)))
    rows = math.ceil(len(tuned.arms) / columns)
    figure.set_size_inches(WIDTH, 1.55 * rows + 0.5)
    places = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axes, arm in zip(places, tuned.arms, strict=False):
        _draw_arm(axes, arm, tuned, theme)
    for axes in places[len(tuned.arms) :]:
        axes.set_visible(False)
    figure.supxlabel(tuned.fields[0].replace("_", " "), size=8, color=theme.ink)
    figure.supylabel("validation accuracy, %", size=8, color=theme.ink)


def _draw_arm(axes: Axes, arm: ArmTuning, tuned: Tuned, theme: Theme) -> None:
    best: dict[float, TriedValues] = {}
    for tried in arm.tried:
        value = tried.values[0]
        if value not in best or tried.mean > best[value].mean:
            best[value] = tried
    values = list(tuned.grid[tuned.fields[0]])
    _value_axis(axes, values)
    means = [100 * best[value].mean for value in values]
    axes.plot(values, means, color=theme.validation, linewidth=1.2, zorder=2)
    for value in values:
        dots = [100 * each for each in best[value].accuracies if math.isfinite(each)]
        axes.plot([value] * len(dots), dots, ".", color=theme.muted, markersize=2.5, zorder=1)
    if arm.declared[0] in best:
        axes.plot([arm.declared[0]], [100 * best[arm.declared[0]].mean], "o", markersize=5.5,
                  color=theme.train, markerfacecolor=theme.paper, zorder=3)  # fmt: skip
    axes.plot([arm.chosen[0]], [100 * best[arm.chosen[0]].mean], "o", markersize=4,
              color=theme.validation, zorder=4)  # fmt: skip
    name = elided(arm.arm, 24)
    axes.set_title(f"{name}{' (at the edge)' if arm.at_edge else ''}", size=7.5, color=theme.ink,
                   loc="left", pad=3)  # fmt: skip


def _value_axis(axes: Axes, values: list[float]) -> None:
    """Logarithmic where it can be; ticks are plain numbers, since formulas are not parsed."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    if min(values) > 0:
        axes.set_xscale("log")
    every = max(1, math.ceil(len(values) / 4))
    axes.xaxis.set_major_locator(FixedLocator(values[::every]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
