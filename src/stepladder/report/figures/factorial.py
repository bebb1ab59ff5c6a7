"""Factorials: the worth of each technique, the gains by every order, and pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from stepladder.report.figures.axes import (
    LABEL_LENGTH,
    LINE,
    NAME_LENGTH,
    WIDTH,
    better_side,
    draw_cell,
    label_rows,
    number_on_axis,
    power_of,
    row_axes,
    single_axes,
    unit_of_axis,
    wrap_text,
    write_above,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.tables import READOUT_CAPTION, readout_title, readout_words, spread_text
from stepladder.report.wording import (
    MARKS,
    Measure,
    join_list,
    measure_of,
    plural,
    printable,
    signed,
    truncate,
)
from stepladder.runs.results import Results
from stepladder.statistics.results import FactorialAnalysis, MeanInterval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 0.34
"""Inches of a row for a bar and the dots below it."""


def factorial_plot(results: Results) -> Plot | None:
    """Parts of the gain and what orders of a ladder say, or None for another design."""
    readout, shown = results.readout, measure_of(results)
    if readout is None:
        return None
    return Plot(
        name="factorial",
        title="Each technique's part in the gain" if readout.shares else readout_title(readout),
        caption=READOUT_CAPTION,
        words=readout_words(readout, shown),
        columns=("figure", "technique", *_heads(shown), "share_of_orders"),
        rows=partial(_rows, readout),
        draw=partial(_draw_parts, readout, shown),
    )  # fmt: skip


def _heads(shown: Measure) -> tuple[str, str, str]:
    if shown.metric.is_fraction:
        return "mean_points", "low_points", "high_points"
    return "mean", "low", "high"


def interactions_plot(results: Results) -> Plot | None:
    """Which techniques need each other, or None where no pair is known."""
    readout, shown = results.readout, measure_of(results)
    if readout is None or not readout.shares or not readout.interactions:
        return None
    worth = "How many points more one technique is worth where the other is"
    marks = "▲ and ▼ say more and less"
    if not shown.metric.is_fraction:
        unit = unit_of_axis(shown, _pair_power(readout))
        worth = f"How the effect of one technique on {shown.on('test')}{unit}, changes where the "
        worth += "other is"
    if shown.metric.sign < 0:
        marks = "▲ (below zero) and ▼ say that they are better and worse together"
    return Plot(
        name="interactions",
        title="Which techniques need each other",
        caption=f"{worth}, averaged over "
        f"the rest: the square below the one's name and left of the other's. {marks}"
        "; the stronger the shade, the larger. Bold: p < 0.05 after Holm's correction over "
        f"the {plural(len(readout.interactions), 'interaction')} (t test).",
        words=_pair_words(readout, shown),
        columns=("technique", "with", *_heads(shown), "p_t_adjusted"),
        rows=partial(_pair_rows, readout),
        draw=partial(_draw_pairs, readout, shown),
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


def _draw_parts(readout: FactorialAnalysis, shown: Measure, figure: Figure, theme: Theme) -> None:
    names = [wrap_text(printable(main.technique), 24, 3) for main in readout.main]
    parts = _parts(readout)
    texts = [spread_text(part, shown.digits) for part in parts]
    axes, middles = row_axes(figure, names, texts, bar=HEIGHT)
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=1)
    for row, (name, middle, part) in enumerate(zip(names, middles, parts, strict=True)):
        if readout.shares:
            _draw_orders(axes, readout.shares[row].said, middle, theme)
        _draw_part(axes, part, middle, theme)
        write_above(axes, middle, name, texts[row], bar=HEIGHT)
    axes.margins(x=0.06)
    of = "gain" if shown.metric.sign > 0 else "change"
    label, power = f"part of the {of}" if readout.shares else "main effect", 0
    if not shown.metric.is_fraction:
        axes.xaxis.get_major_locator().set_params(nbins=5)  # type: ignore[call-arg]
        power = power_of(axes.get_xlim())
        axes.xaxis.set_major_formatter(lambda value, _: number_on_axis(value / 10.0**power))
    if not shown.is_accuracy:
        label += f" in test {truncate(shown.name, LABEL_LENGTH)}"
    label_rows(axes, f"{label}{unit_of_axis(shown, power)}{better_side(shown)}")


def _draw_orders(
    axes: Axes, gains: tuple[tuple[float, float], ...], middle: float, theme: Theme
) -> None:
    """A dot for each gain that orders give, as large as the share of the orders that give it."""
    line = middle + 0.1
    axes.plot([gains[0][0], gains[-1][0]], [line, line], color=theme.grid, linewidth=6, zorder=2,
              solid_capstyle="round")  # fmt: skip
    axes.scatter([points for points, _ in gains], [line] * len(gains),
                 s=[4 + 60 * share for _, share in gains], color=theme.muted, alpha=0.75,
                 linewidths=0, zorder=3)  # fmt: skip


def _draw_part(axes: Axes, part: MeanInterval, middle: float, theme: Theme) -> None:
    line, colour = middle - 0.06, theme.validation
    axes.barh([line], [part.mean], height=0.14, color=colour, alpha=0.3, linewidth=0, zorder=2)
    if part.ci_low is not None and part.ci_high is not None:
        axes.plot([part.ci_low, part.ci_high], [line, line], color=colour, linewidth=1.6,
                  zorder=3)  # fmt: skip
    axes.plot([part.mean], [line], marker="o", markersize=4.5, color=colour, zorder=4)


def _parts(readout: FactorialAnalysis) -> list[MeanInterval]:
    if readout.shares:
        return [share.shapley for share in readout.shares]
    return [MeanInterval(main.effect.mean, main.effect.ci_low, main.effect.ci_high)
            for main in readout.main]  # fmt: skip


def _pair_words(readout: FactorialAnalysis, shown: Measure) -> str:
    largest = sorted(readout.interactions, key=lambda interaction: -abs(interaction.worth.mean))
    words = [
        join_list([truncate(name, NAME_LENGTH) for name in interaction.pairs[0]])
        + f" {spread_text(interaction.worth, shown.digits)}"
        for interaction in largest[:10]
    ]
    unit = f" in {shown.unit}" if shown.unit else ""
    return f"Interactions{unit}, the largest first: {'; '.join(words)}."


def _pair_power(readout: FactorialAnalysis) -> int:
    return power_of(interaction.worth.mean for interaction in readout.interactions)


def _pair_rows(readout: FactorialAnalysis) -> Iterable[tuple[object, ...]]:
    for interaction in readout.interactions:
        worth, p = interaction.worth, interaction.p_t_adjusted
        for one, two in interaction.pairs:
            yield (printable(one), printable(two), worth.mean, worth.ci_low, worth.ci_high, p)


def _draw_pairs(readout: FactorialAnalysis, shown: Measure, figure: Figure, theme: Theme) -> None:
    """The lower half of a matrix; names stand on its diagonal, where there is room to the right."""
    names = [printable(main.technique) for main in readout.main]
    count, margin = len(names), 1.75
    side = min(0.62, (WIDTH - margin - 0.1) / (count - 1))
    height = max(side, LINE * 3 + 0.06 if count < 6 else side)
    axes = single_axes(figure, count * height, 0.05, 0.05, bottom=0.05, top=0.05)
    axes.set(xlim=(0, (WIDTH - 0.1) / side), ylim=(count, 0))
    axes.set_axis_off()
    largest = max(abs(interaction.worth.mean) for interaction in readout.interactions) or 1.0
    power, digits = 0, 1
    if not shown.metric.is_fraction:
        power = _pair_power(readout)
        digits = min(max(1 - math.floor(math.log10(largest / 10.0**power)), 0), 4)
    places = {main.technique: place for place, main in enumerate(readout.main)}
    for interaction in readout.interactions:
        column, row = sorted(places[name] for name in interaction.pairs[0])
        worth, p = interaction.worth.mean, interaction.p_t_adjusted
        kind = "helps" if worth * shown.metric.sign > 0 else "hurts"
        text = signed(worth / 10.0**power, digits)
        draw_cell(axes, row, column, theme.verdicts[kind], 0.06 + 0.5 * abs(worth) / largest)
        mark = MARKS[kind] if text.strip("+−0.") else ""
        is_clear = p is not None and bool(np.isfinite(p)) and p < 0.05
        axes.text(column + 0.5, row + 0.5, f"{mark}\n{text}".strip(), linespacing=1.0,
                  ha="center", va="center", weight="bold" if is_clear else None)  # fmt: skip
    for place, name in enumerate(names):
        width = int((WIDTH - 0.1 - place * side) / 0.068)
        axes.text(place + 0.12, place + 0.5, wrap_text(name, width, 2), va="center", ha="left",
                  linespacing=1.1)  # fmt: skip
