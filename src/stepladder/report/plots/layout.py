"""What the figures share: their width, how names are folded, and labels that stand apart."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stepladder.report.wording import elided

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LINE", "SMALL", "WIDTH", "apart", "axes_at", "folded", "plain_rows", "some_of"]

WIDTH = 5.2
"""Inches. Shrunk to a column of 3.5 inches the smallest text is 5 points high, and it fills a
slide at twice its size."""

SMALL = 7.5
"""Points: no text of any figure is smaller."""

LINE = 0.135
"""Inches that a line of small text takes."""


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches; the figure must have its final size."""
    wide, high = figure.get_size_inches()
    figure.set_layout_engine("none")
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def folded(text: str, width: int, lines: int = 2) -> str:
    """A text on at most `lines` lines of about `width` characters, elided where that is too little.

    Args:
        text: of any length and script.
        width: characters a line.
        lines: at most.
    """
    found = textwrap.wrap(elided(text, width * lines), width) or [""]
    if len(found) <= lines:
        return "\n".join(found)
    return "\n".join([*found[: lines - 1], elided(" ".join(found[lines - 1 :]), width)])


def apart(heights: Sequence[float], sizes: Sequence[float], ceiling: float = 1.0) -> list[float]:
    """Rising middles of labels, moved as little as needed so that none covers another.

    Args:
        heights: where the middles should be, rising.
        sizes: how high each label is, in the same unit.
        ceiling: what the middle of the highest may not exceed.
    """
    placed: list[float] = []
    for index, height in enumerate(heights):
        least = placed[-1] + (sizes[index - 1] + sizes[index]) / 2 if placed else height
        placed.append(max(height, least))
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - (sizes[index - 1] + sizes[index]) / 2
    return placed


def some_of(values: Sequence[float], most: int) -> list[float]:
    """Sorted values, evenly thinned out to `most` of them, the least and the greatest kept."""
    found = sorted(values)
    if len(found) <= most:
        return found
    return [found[round(place * (len(found) - 1) / (most - 1))] for place in range(most)]


def plain_rows(axes: Axes) -> None:
    """Rows of a table beside the axes instead of a vertical axis."""
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
