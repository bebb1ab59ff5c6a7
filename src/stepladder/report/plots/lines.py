"""Lines of trainings with their bands, and names at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stepladder.report.curves import Band, Panel
from stepladder.report.plots.layout import LINE, SMALL, apart, folded
from stepladder.report.style import LINES, MARKERS, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EVERY_ARM_UP_TO", "Look", "draw_band", "in_front", "look", "name_ends"]

EVERY_ARM_UP_TO = 9
ARMS_IN_COLOUR = 7
NAME_WIDTH = 19  # characters a line of a name at a line's end


@dataclass(frozen=True)
class Look:
    """How a line looks; no two of the first seven share colour, dashes or marker."""

    colour: str
    dashes: object
    marker: str
    width: float = 1.4
    is_front: bool = True


def look(theme: Theme, rank: int | None) -> Look:
    """The look of the arm of a rank, or of one that stands back."""
    if rank is None:
        return Look(theme.muted, "-", "", 0.6, is_front=False)
    return Look(
        theme.arms[rank % len(theme.arms)],
        LINES[rank % len(LINES)],
        MARKERS[rank % len(MARKERS)],
    )


def in_front(panels: Sequence[Panel]) -> list[int]:
    """The arms drawn in colour and named: all of a few, the first and the best of many."""
    order = range(len(panels))
    if len(panels) <= EVERY_ARM_UP_TO:
        return list(order)
    best = sorted(order[1:], key=lambda index: -panels[index].validation.last)
    return [0, *sorted(best[: ARMS_IN_COLOUR - 1])]


def draw_band(axes: Axes, places: Sequence[float], band: Band, drawn: Look) -> None:
    """A mean and the interval around it.

    Args:
        axes: where.
        places: horizontal, one an epoch.
        band: what.
        drawn: how it looks.
    """
    if not places:
        return
    if np.isfinite(band.low).any() and drawn.is_front:
        axes.fill_between(places, band.low, band.high, color=drawn.colour, alpha=0.14,
                          linewidth=0)  # fmt: skip
    marker = drawn.marker or ("o" if len(places) == 1 else "")  # one point is no line
    axes.plot(places, band.mean, color=drawn.colour, linestyle=drawn.dashes,
              linewidth=drawn.width, marker=marker, markersize=3.2,
              markevery=max(1, len(places) // 5), zorder=3 if drawn.is_front else 2,
              alpha=1 if drawn.is_front else 0.35)  # fmt: skip


def name_ends(
    axes: Axes, height: float, ends: Sequence[tuple[float, float, str, str]], gap: float = 0.12
) -> None:
    """Names at the right of the axes, each tied to the end of its line and apart from the others.

    Args:
        axes: whose limits are set.
        height: of the axes in inches.
        ends: for each, where it ends in the axes' data, its name with what stands behind it,
            and its colour.
        gap: inches between the axes and the names.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    places = [float(to_axes.transform((x, y))[1]) for x, y, _, _ in ends]
    order = sorted(range(len(ends)), key=lambda index: places[index])
    texts = [folded(ends[index][2], NAME_WIDTH, 3) for index in order]
    sizes = [(LINE * (1 + text.count("\n")) + 0.03) / height for text in texts]
    ceiling = 1.0 - (sizes[-1] - LINE / height) / 2 if sizes else 1.0  # its upper lines stay inside
    heights = apart([places[index] for index in order], sizes, ceiling)
    wide = axes.get_position().width * _figure_width(axes)
    for index, text, middle in zip(order, texts, heights, strict=True):
        x, y, _, colour = ends[index]
        axes.annotate(
            text, xy=(x, y), xycoords="data", xytext=(1 + gap / wide, middle),
            textcoords="axes fraction", size=SMALL, color=colour, va="center", ha="left",
            linespacing=1.05, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.7,
                        "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 2},
        )  # fmt: skip


def _figure_width(axes: Axes) -> float:
    figure = axes.get_figure(root=True)
    return float(figure.get_size_inches()[0]) if figure else 1.0
