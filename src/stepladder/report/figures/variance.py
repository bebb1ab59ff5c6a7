"""Standard deviations by source of randomness, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    LABEL_LENGTH,
    number_on_axis,
    power_of,
    row_axes,
    unit_of_axis,
    write_above,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import Measure, number, truncate
from stepladder.runs.variance import StudyVariance
from stepladder.statistics.variance import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def variance_plot(made: StudyVariance) -> Plot:
    """A row for each source, one for their sum and one for all together."""
    from stepladder.report.variance import digits_of, spreads_of

    metric = made.record.study.judged
    shown = Measure(metric, None, digits_of(made))
    spreads = spreads_of(made)
    values = (f"{spread.name} {_text(spread, shown)}" for spread in spreads)
    return Plot(
        name="variance",
        title="Which source of randomness makes the spread",
        caption=f"Standard deviation of the {shown.on('test')} where one source varies and all "
        "others are those of replicate 0, with its 95 % interval; at the right its share of the "
        "sum of the variances. A hollow mark: all together.",
        words=f"Standard deviations: {', '.join(values)}.",
        columns=("source", "standard_deviation", "low", "high", "share", "n"),
        rows=partial(_rows, spreads),
        draw=partial(_draw, spreads, shown),
    )


def _rows(spreads: list[Spread]) -> Iterable[tuple[object, ...]]:
    for spread in spreads:
        ends = spread.interval
        yield (spread.name, spread.deviation, ends and ends.low, ends and ends.high, spread.share,
               spread.n)  # fmt: skip


def _text(spread: Spread, shown: Measure) -> str:
    deviation = "?" if spread.deviation is None else number(spread.deviation, shown.digits)
    share = "" if spread.share is None else f"  ({100 * spread.share:.0f} %)"
    return f"{deviation}{share}"


def _draw(spreads: list[Spread], shown: Measure, figure: Figure, theme: Theme) -> None:
    texts = [_text(spread, shown) for spread in spreads]
    names = [spread.name for spread in spreads]
    axes, middles = row_axes(figure, names, texts)
    known = [spread.deviation for spread in spreads if spread.deviation is not None]
    known += [spread.interval.high for spread in spreads if spread.interval]
    most = max(known, default=0.0)
    power = power_of(known)
    axes.set_xlim(-0.02 * most, 1.06 * most or 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: number_on_axis(value / 10.0**power))
    for spread, text, middle in zip(spreads, texts, middles, strict=True):
        colour = theme.validation if spread.share is not None else theme.ink
        write_above(axes, middle, spread.name, text)
        if spread.interval is not None:
            axes.plot([spread.interval.low, spread.interval.high], [middle] * 2, color=colour,
                      linewidth=2.2, zorder=3)  # fmt: skip
        if spread.deviation is not None:
            filled = colour if spread.name != "all together" else theme.paper
            axes.plot([spread.deviation], [middle], "o", markersize=5, color=colour,
                      markerfacecolor=filled, zorder=4)  # fmt: skip
    name = truncate(shown.name, LABEL_LENGTH)
    axes.set_xlabel(f"standard deviation of test {name}{unit_of_axis(shown, power)}")
