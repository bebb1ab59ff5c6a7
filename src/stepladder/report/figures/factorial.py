"""Factorials: what each technique is worth, what every order would have said, and pairs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from stepladder.report.figures.axes import LINE, SMALL, WIDTH, axes_at, plain_rows, wrap_text
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.tables import READOUT_CAPTION, readout_title, readout_words, spread_text
from stepladder.report.wording import MARKS, join_list, plural, printable, signed, truncate
from stepladder.runs.results import Results
from stepladder.statistics.results import FactorialAnalysis, MeanInterval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_LENGTH = 60
NAME_WIDTH = 24
LEFT, RIGHT = 1.62, 1.05
TOLD = 10


def factorial_plot(results: Results) -> Plot | None:
    """Parts of the gain and what orders of a ladder say, or None for another design."""
    readout = results.readout
    if readout is None:
        return None
    return Plot(
        name="factorial",
        title=readout_title(readout),
        caption=READOUT_CAPTION,
        words=readout_words(readout),
        columns=("figure", "technique", "mean_points", "low_points", "high_points",
                 "share_of_orders"),
        rows=partial(_rows, readout),
        draw=partial(_draw_parts, readout),
    )  # fmt: skip


def interactions_plot(results: Results) -> Plot | None:
    """Which techniques need each other, or None where no pair is known."""
    readout = results.readout
    if readout is None or not readout.shares or not readout.interactions:
        return None
    return Plot(
        name="interactions",
        title="Which techniques need each other",
        caption="How many points more one technique is worth where the other is, averaged over "
        "the rest: the square below the one's name and left of the other's. ▲ and ▼ say more and "
        "less; the stronger the shade, the larger. Bold: p < 0.05 after Holm's correction over "
        f"the {plural(len(readout.interactions), 'interaction')} (t test).",
        words=_pair_words(readout),
        columns=("technique", "with", "mean_points", "low_points", "high_points", "p_t_holm"),
        rows=partial(_pair_rows, readout),
        draw=partial(_draw_pairs, readout),
    )


def _rows(readout: FactorialAnalysis) -> Iterable[tuple[object, ...]]:
    for main, share in zip_longest(readout.main, readout.shares):
        effect, name = main.effect, printable(main.technique)
        yield ("main effect", name, effect.mean, effect.ci_low, effect.ci_high, None)
        if share is None:
            continue
        part = share.shapley
        yield ("Shapley value", name, part.mean, part.ci_low, part.ci_high, None)
        for points, orders in share.said:
            yield ("some orders of a ladder", name, points, None, None, orders)
    for one, two, *numbers, _ in _pair_rows(readout):
        yield ("interaction", f"{one} × {two}", *numbers, None)


def _draw_parts(readout: FactorialAnalysis, figure: Figure, theme: Theme) -> None:
    names = [wrap_text(printable(each.technique), NAME_WIDTH, 3) for each in readout.main]
    heights = [max(0.42, LINE * (1 + name.count("\n")) + 0.12) for name in names]
    bottom, top = 0.45, 0.06
    figure.set_size_inches(WIDTH, bottom + sum(heights) + top)
    axes = axes_at(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, sum(heights))
    axes.set_ylim(sum(heights), 0)
    plain_rows(axes)
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=1)
    for place, (name, spread) in enumerate(zip(names, _parts(readout), strict=True)):
        middle = sum(heights[:place]) + heights[place] / 2
        if readout.shares:
            _draw_orders(axes, readout.shares[place].said, middle, theme)
        _draw_part(axes, spread, middle, name, theme)
    axes.margins(x=0.06)
    axes.set_xlabel("part of the gain, points" if readout.shares else "main effect, points",
                    labelpad=2)  # fmt: skip


def _draw_orders(
    axes: Axes, said: tuple[tuple[float, float], ...], middle: float, theme: Theme
) -> None:
    """A dot for each figure that orders give, as large as the share of the orders that give it."""
    line = middle + 0.1
    axes.plot([said[0][0], said[-1][0]], [line, line], color=theme.grid, linewidth=6, zorder=2,
              solid_capstyle="round")  # fmt: skip
    axes.scatter([points for points, _ in said], [line] * len(said),
                 s=[4 + 60 * share for _, share in said], color=theme.muted, alpha=0.75,
                 linewidths=0, zorder=3)  # fmt: skip


def _draw_part(axes: Axes, spread: MeanInterval, middle: float, name: str, theme: Theme) -> None:
    line, colour = middle - 0.06, theme.validation
    axes.barh([line], [spread.mean], height=0.14, color=colour, alpha=0.3, linewidth=0, zorder=2)
    if spread.ci_low is not None and spread.ci_high is not None:
        axes.plot([spread.ci_low, spread.ci_high], [line, line], color=colour, linewidth=1.6,
                  zorder=3)  # fmt: skip
    axes.plot([spread.mean], [line], marker="o", markersize=4.5, color=colour, zorder=4)
    for inches, text, side in ((-0.08, name, "right"), (0.08, spread_text(spread), "left")):
        axes.annotate(text, (0 if inches < 0 else 1, middle), xytext=(72 * inches, 0),
                      xycoords=("axes fraction", "data"), textcoords="offset points", size=SMALL,
                      color=theme.ink, va="center", ha=side, linespacing=1.1,
                      annotation_clip=False)  # fmt: skip


def _parts(readout: FactorialAnalysis) -> list[MeanInterval]:
    if readout.shares:
        return [share.shapley for share in readout.shares]
    return [MeanInterval(each.effect.mean, each.effect.ci_low, each.effect.ci_high)
            for each in readout.main]  # fmt: skip


def _pair_words(readout: FactorialAnalysis) -> str:
    largest = sorted(readout.interactions, key=lambda each: -abs(each.worth.mean))[:TOLD]
    told = [
        join_list([truncate(name, NAME_LENGTH) for name in each.pairs[0]])
        + f" {spread_text(each.worth)}"
        for each in largest
    ]
    return f"Interactions in points, the largest first: {'; '.join(told)}."


def _pair_rows(readout: FactorialAnalysis) -> Iterable[tuple[object, ...]]:
    for each in readout.interactions:
        for one, two in each.pairs:
            worth = each.worth
            yield (printable(one), printable(two), worth.mean, worth.ci_low, worth.ci_high,
                   each.p_t_holm)  # fmt: skip


def _draw_pairs(readout: FactorialAnalysis, figure: Figure, theme: Theme) -> None:
    """The lower half of a matrix; names stand on its diagonal, where there is room to the right."""
    names = [printable(each.technique) for each in readout.main]
    count, margin = len(names), 1.75
    side = min(0.62, (WIDTH - margin - 0.1) / (count - 1))
    high = max(side, LINE * 3 + 0.06 if count < 6 else side)
    figure.set_size_inches(WIDTH, 0.1 + count * high)
    axes = axes_at(figure, 0.05, 0.05, WIDTH - 0.1, count * high)
    axes.set_xlim(0, (WIDTH - 0.1) / side)
    axes.set_ylim(count, 0)
    axes.set_axis_off()
    largest = max(abs(each.worth.mean) for each in readout.interactions) or 1.0
    places = {each.technique: place for place, each in enumerate(readout.main)}
    for each in readout.interactions:
        column, row = sorted(places[name] for name in each.pairs[0])
        _draw_square(axes, row, column, each.worth.mean, largest, _is_clear(each.p_t_holm), theme)
    for place, name in enumerate(names):
        width = int((WIDTH - 0.1 - place * side) / 0.068)
        axes.text(place + 0.12, place + 0.5, wrap_text(name, width, 2), size=SMALL, color=theme.ink,
                  va="center", ha="left", linespacing=1.1)  # fmt: skip


def _is_clear(p: float | None) -> bool:
    return p is not None and bool(np.isfinite(p)) and p < 0.05


def _draw_square(
    axes: Axes, row: int, column: int, worth: float, largest: float, is_clear: bool, theme: Theme
) -> None:
    from matplotlib.patches import Rectangle

    colour = theme.verdicts["helps" if worth > 0 else "hurts"]
    axes.add_patch(Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=colour,
                             alpha=0.06 + 0.5 * abs(worth) / largest, linewidth=0))  # fmt: skip
    said = signed(worth, 1)
    mark = MARKS["helps" if worth > 0 else "hurts"] if float(f"{worth:.1f}") else ""
    axes.text(column + 0.5, row + 0.5, f"{mark}\n{said}".strip(), size=SMALL, color=theme.ink,
              ha="center", va="center", linespacing=1.0,
              weight="bold" if is_clear else "normal")  # fmt: skip
