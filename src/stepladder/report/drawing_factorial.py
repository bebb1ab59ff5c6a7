"""The figure of a factorial: parts of the gain, what ladders would say, and pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stepladder.analysis.readout import Readout, Spread
from stepladder.report.curves import Figures
from stepladder.report.style import Theme
from stepladder.report.wording import elided, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

__all__ = ["draw_factorial"]

WIDTH = 7.2  # inches
NAME_LENGTH = 24


def draw_factorial(figure: Figure, figures: Figures, theme: Theme) -> None:
    """Shapley values over the range of all ladders, beside the matrix of interactions.

    A fraction has main effects alone: it lacks the combinations for the rest.
    """
    readout = figures.readout
    if readout is None:
        return
    count = len(readout.main)
    has_pairs = bool(readout.shares) and count > 1
    figure.set_size_inches(WIDTH, max(2.2, 0.42 * count + (1.5 if has_pairs else 0.9)))
    places = figure.subplots(1, 2 if has_pairs else 1, squeeze=False,
                             width_ratios=[1.25, 1] if has_pairs else [1])[0]  # fmt: skip
    _draw_parts(places[0], readout, theme)
    if has_pairs:
        _draw_pairs(places[1], readout, theme)


def _draw_parts(axes: Axes, readout: Readout, theme: Theme) -> None:
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=1)
    names = [elided(each.technique, NAME_LENGTH) for each in readout.main]
    for place, spread in enumerate(_parts(readout)):
        if readout.shares:
            share = readout.shares[place]
            axes.plot([share.least, share.most], [place, place], color=theme.grid, linewidth=7,
                      zorder=2, solid_capstyle="butt")  # fmt: skip
        if spread.ci_low is not None and spread.ci_high is not None:
            axes.plot([spread.ci_low, spread.ci_high], [place, place], color=theme.validation,
                      linewidth=1.6, zorder=3)  # fmt: skip
        axes.plot([spread.mean], [place], marker="o", markersize=4.5, color=theme.validation,
                  zorder=4)  # fmt: skip
        axes.annotate(
            signed(spread.mean), (spread.mean, place), xytext=(0, 5), size=6.5,
            textcoords="offset points", color=theme.ink, ha="center",
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names, color=theme.ink)
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    axes.set_xlabel("part of the gain, points" if readout.shares else "main effect, points")


def _parts(readout: Readout) -> list[Spread]:
    if readout.shares:
        return [share.shapley for share in readout.shares]
    return [Spread(each.effect.mean, each.effect.ci_low, each.effect.ci_high)
            for each in readout.main]  # fmt: skip


def _draw_pairs(axes: Axes, readout: Readout, theme: Theme) -> None:
    names = [each.technique for each in readout.main]
    matrix = np.full((len(names), len(names)), np.nan)
    for each in readout.interactions:
        one, two = (names.index(name) for name in each.pairs[0])
        matrix[two, one] = each.worth.mean
    largest = max(float(np.nanmax(np.abs(matrix))), 1e-9)
    for (row, column), value in np.ndenumerate(matrix):
        if np.isnan(value):
            continue
        colour = theme.verdicts["helps" if value > 0 else "hurts"]
        axes.add_patch(_square(row, column, colour, 0.75 * abs(float(value)) / largest))
        axes.text(column, row, signed(float(value), 1), size=6, color=theme.ink, ha="center",
                  va="center")  # fmt: skip
    axes.set_xlim(-0.5, len(names) - 1.5)
    axes.set_ylim(len(names) - 0.5, 0.5)
    axes.set_xticks(range(len(names) - 1), [elided(each, 14) for each in names[:-1]], rotation=45,
                    ha="right", color=theme.ink)  # fmt: skip
    axes.set_yticks(range(1, len(names)), [elided(each, 14) for each in names[1:]],
                    color=theme.ink)  # fmt: skip
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_title("interactions, points", size=8, color=theme.ink)


def _square(row: int, column: int, colour: str, strength: float) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=strength, linewidth=0)
