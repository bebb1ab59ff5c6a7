"""Scales, labels and lines of axes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from stepladder.report.wording import MINUS, truncate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Which = Literal["x", "y"]

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99)
_LEAST, _MOST = 0.01, 99.995  # percent: 0 and 100 have no finite log-odds
_MOST_COSTS = 5
HIGH = 90.0


def is_high(values: Iterable[float]) -> bool:
    """Whether accuracies in percent come so near 100 that a linear axis hides their differences."""
    return any(math.isfinite(each) and each > HIGH for each in values)


def log_odds(percent: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """ln(p / (100 - p)) of percentages; from 98 to 99 is as far as from 99 to 99.5."""
    inside = np.clip(np.asarray(percent, float), _LEAST, _MOST)
    return np.asarray(np.log(inside / (100 - inside)))


def _percent(odds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(100 / (1 + np.exp(-np.asarray(odds, float))))


def log_odds_ticks(low: float, high: float, apart: float = 0.09) -> list[float]:
    """Percentages to mark between two ends, those nearest 100 first, none too near the next.

    Args:
        low: lower end, percent.
        high: upper end, percent.
        apart: how near two may be, as a share of the axis.
    """
    inside = [each for each in _TICKS if low <= each <= high]
    span = float(log_odds(high) - log_odds(low)) or 1.0
    kept: list[float] = []
    for tick in reversed(inside):
        if not kept or float(log_odds(kept[-1]) - log_odds(tick)) >= apart * span:
            kept.append(tick)
    return kept[::-1]


def accuracy_axis(axes: Axes, which: Which, values: Sequence[float], *, is_log: bool) -> None:
    """An axis of percent around some values: log-odds, or linear from 0 or a round number.

    Args:
        axes: whose axis.
        which: `x` or `y`.
        values: what is to be seen; NaN counts for nothing.
        is_log: whether in log-odds.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    finite = [each for each in values if math.isfinite(each)] or [0.0, 100.0]
    if not is_log:
        low = 0.0 if min(finite) < 50 else 10 * math.floor((min(finite) - 2) / 10)
        _limits(axes, which, low, 100 + 0.03 * (100 - low))
        return
    odds = log_odds([min(finite), max(finite)])
    margin = max(0.06 * float(odds[1] - odds[0]), 0.15)
    low, high = (float(each) for each in _percent([odds[0] - margin, odds[1] + margin]))
    getattr(axes, f"set_{which}scale")("function", functions=(log_odds, _percent))
    _limits(axes, which, max(low, _LEAST), min(high, _MOST))
    axis = getattr(axes, f"{which}axis")
    ticks = log_odds_ticks(low, high, 0.09 if which == "y" else 0.12)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def _limits(axes: Axes, which: Which, low: float, high: float) -> None:
    if which == "x":
        axes.set_xlim(low, high)
    else:
        axes.set_ylim(low, high)


def epoch_axis(axes: Axes, epochs: int) -> None:
    """A horizontal axis of whole epochs, from 1."""
    from matplotlib.ticker import MaxNLocator

    epochs = max(1, epochs)
    axes.set_xlim(0.5 if epochs < 10 else 0, epochs + (0.5 if epochs < 10 else 0.02 * epochs))
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=4, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )


def value_axis(axes: Axes, values: Sequence[float], most: int = 4) -> None:
    """A horizontal axis of tried values, logarithmic where it can be, with plain numbers."""
    from matplotlib.ticker import FixedLocator, NullLocator

    if min(values) > 0:
        axes.set_xscale("log")
    every = max(1, math.ceil(len(values) / most))
    axes.xaxis.set_major_locator(FixedLocator(list(values[::every])))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    """A horizontal axis of times or sizes: logarithmic where they differ much, else from 0.

    Args:
        axes: whose axis.
        costs: all above 0.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    least, most = min(costs), max(costs)
    if least >= most / 4:
        low = 0 if least < most / 2 else least - 0.3 * (most - least) - 0.05 * least
        axes.set_xlim(low, 1.08 * most)
        return
    axes.set_xscale("log")
    low, high = least / 1.3, 1.2 * most
    axes.set_xlim(low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):  # as many as have room
        ticks = [step * 10.0**each for each in decades for step in steps
                 if low <= step * 10.0**each <= high]  # fmt: skip
        if len(ticks) <= _MOST_COSTS:
            break
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def effect_axis(axes: Axes, ends: Sequence[float], *, is_log: bool) -> None:
    """A horizontal axis of points around 0; logarithmic beyond ± 1 where sizes differ much."""
    from matplotlib.ticker import FixedLocator, NullLocator

    lowest, highest = min(ends, default=-1.0), max(ends, default=1.0)
    if is_log:
        axes.set_xscale("symlog", linthresh=1, linscale=1)
        decades = [1.0, 10.0, 100.0]
        axes.xaxis.set_major_locator(
            FixedLocator([*(-each for each in reversed(decades)), 0, *decades])
        )
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(min(lowest, -1) * 1.3, max(highest, 1) * 1.3)
    else:
        margin = 0.06 * (highest - lowest)
        axes.set_xlim(lowest - margin, highest + margin)
        axes.xaxis.get_major_locator().set_params(nbins=5)  # type: ignore[call-arg]
    axes.xaxis.set_major_formatter(lambda value, _: _tick(value))


def _tick(value: float) -> str:
    return f"{value:+.4g}".replace("-", MINUS) if abs(value) > 1e-9 else "0"


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


def wrap_text(text: str, width: int, lines: int = 2) -> str:
    """A text on at most `lines` lines of about `width` characters, elided where that is too little.

    Args:
        text: of any length and script.
        width: characters a line.
        lines: at most.
    """
    found = textwrap.wrap(truncate(text, width * lines), width) or [""]
    if len(found) <= lines:
        return "\n".join(found)
    return "\n".join([*found[: lines - 1], truncate(" ".join(found[lines - 1 :]), width)])


def spread_labels(
    heights: Sequence[float], sizes: Sequence[float], ceiling: float = 1.0
) -> list[float]:
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


def thin_out(values: Sequence[float], most: int) -> list[float]:
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
