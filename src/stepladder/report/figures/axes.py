"""Places, scales and labels of axes; figures are measured in inches."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from stepladder.report.wording import MINUS, Measure, number, truncate
from stepladder.study.metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

WIDTH = 3.8
"""Inches: that of a telephone. The smallest text is then 7 points high in a column of 3.5 inches,
and a slide is filled at three times its size."""

MARGIN = 0.1
"""Inches at either side of axes whose texts stand above or below."""

BAR = 0.2
"""Inches of a row for what is drawn below its text."""

LINE = 0.135
"""Inches that a line of small text takes."""

LEAST_TICKS = 3
"""On every numeric axis: two numbers do not tell whether it is linear."""

LABEL_LENGTH = 30
"""Characters of a metric's name at an axis."""

LABEL = 46
"""Characters beside a vertical axis."""

LABEL_WIDTH = 52
"""Characters of a line below a horizontal axis."""

NAME_LENGTH = 60
"""Characters of a name in a text that describes a figure."""

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99)
_LEAST, _MOST = 0.01, 99.995  # percent: 0 and 100 have no finite log-odds
_MOST_COSTS = 5
HIGH = 90.0
ACCURACY = Measure(METRICS["accuracy"], None)


def is_high(values: Iterable[float], sign: int = 1) -> bool:
    """Whether percentages come so near the best that a linear axis hides their differences.

    Args:
        values: in percent.
        sign: 1 where 100 is the best, -1 where 0 is.
    """
    return any(
        math.isfinite(value) and (value if sign > 0 else 100 - value) > HIGH for value in values
    )


def is_log_odds(values: Iterable[float], shown: Measure) -> bool:
    """Whether an axis of a metric is in log-odds: only one of fractions can be."""
    return shown.metric.is_fraction and is_high(values, shown.metric.sign)


def log_odds_note(values: Iterable[float], shown: Measure = ACCURACY) -> str:
    """What a caption says of a log-odds axis, after a space; nothing where the axis is linear."""
    if not is_log_odds(values, shown):
        return ""
    if shown.metric.sign < 0:
        return (
            " The log-odds axis stretches what lies near 0 %: from 2 to 1 is as far as from 1 to "
            "0.5."
        )
    return (
        " The log-odds axis stretches what lies near 100 %: from 98 to 99 is as far as from 99 to "
        "99.5."
    )


def log_odds(percent: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """ln(p / (100 - p)) of percentages; from 98 to 99 is as far as from 99 to 99.5.

    Example:
        >>> log_odds([50, 99]).round(2).tolist()
        [0.0, 4.6]
    """
    return np.asarray(logit(np.clip(np.asarray(percent, float), _LEAST, _MOST) / 100))


def _percent(odds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(100 * expit(np.asarray(odds, float)))


def log_odds_ticks(low: float, high: float, apart: float = 0.09) -> list[float]:
    """Percentages to mark between two ends, those nearest 100 first, none too near the next.

    Args:
        low: lower end, percent.
        high: upper end, percent.
        apart: how near two may be, as a share of the axis.

    Example:
        >>> log_odds_ticks(97.5, 99.6)
        [98, 99, 99.5]
    """
    span = float(log_odds(high) - log_odds(low)) or 1.0
    ticks: list[float] = []
    for tick in reversed([tick for tick in _TICKS if low <= tick <= high]):
        if not ticks or float(log_odds(ticks[-1]) - log_odds(tick)) >= apart * span:
            ticks.append(tick)
    return ticks[::-1] if len(ticks) >= LEAST_TICKS else even_ticks(low, high)


def even_ticks(low: float, high: float) -> list[float]:
    """Round numbers at equal steps between two ends, three or more.

    Example:
        >>> even_ticks(1.7, 6.9)
        [2.0, 4.0, 6.0]
    """
    from matplotlib.ticker import MaxNLocator

    steps = [1, 2, 2.5, 5, 10]
    ticks = MaxNLocator(4, min_n_ticks=LEAST_TICKS, steps=steps).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def set_ticks(axis: Axis, ticks: Sequence[float], style: str = "{:g}") -> None:
    """Marks these values alone, as numbers of a style."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: style.format(value))


def accuracy_axis(
    axes: Axes, which: Literal["x", "y"], values: Sequence[float], *, is_log: bool, part: str = ""
) -> None:
    """An axis of percent around some values: log-odds, or linear from 0 or a round number.

    Args:
        axes: whose axis.
        which: `x` or `y`.
        values: what is to be seen; NaN counts for nothing.
        is_log: whether in log-odds.
        part: of the data, for a label; none when empty.
    """
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    finite = [value for value in values if math.isfinite(value)] or [0.0, 100.0]
    if part:
        label = f"{part} accuracy, %{' (log-odds)' if is_log else ''}"
        axes.set(**{f"{which}label": label})
    if not is_log:
        low = 0.0 if min(finite) < 50 else 10 * math.floor((min(finite) - 2) / 10)
        set_limits(low, 100 + 0.03 * (100 - low))
        return
    odds = log_odds([min(finite), max(finite)])
    margin = max(0.06 * float(odds[1] - odds[0]), 0.15)
    low, high = (float(end) for end in _percent([odds[0] - margin, odds[1] + margin]))
    getattr(axes, f"set_{which}scale")("function", functions=(log_odds, _percent))
    set_limits(max(low, _LEAST), min(high, _MOST))
    ticks = log_odds_ticks(low, high, 0.09 if which == "y" else 0.12)
    set_ticks(axes.xaxis if which == "x" else axes.yaxis, ticks)


def score_axis(
    axes: Axes, which: Literal["x", "y"], values: Sequence[float], shown: Measure, *,
    points: Sequence[float] | None = None,
) -> tuple[str, int]:  # fmt: skip
    """An axis of a metric: of a fraction as `accuracy_axis`, else linear around the values.

    Args:
        axes: whose axis.
        which: `x` or `y`.
        values: what is to be seen, as it is shown; NaN counts for nothing.
        shown: the metric.
        points: those of the values that decide whether the axis is in log-odds; all when None.

    Returns:
        The unit, to be put behind the name of what is on the axis, and the power of ten that
        numbers are in.
    """
    axis: Axis = getattr(axes, f"{which}axis")
    is_log = is_log_odds(values if points is None else points, shown)
    if shown.metric.is_fraction:
        accuracy_axis(axes, which, values, is_log=is_log)
        if shown.metric.sign < 0 and not is_log:
            most = max((value for value in values if math.isfinite(value)), default=100.0)
            high = 100.0 if most > 50 else 10.0 * math.ceil((most + 2) / 10)
            axes.set(**{f"{which}lim": (-0.03 * high, high)})
        return f", %{' (log-odds)' if is_log else ''}", 0
    power = _linear_axis(axes, axis, values)
    return unit_of_axis(shown, power), power


def _linear_axis(axes: Axes, axis: Axis, values: Sequence[float]) -> int:
    """Limits and ticks around some values; returns the power of ten that ticks are in units of."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    limits = (low - margin, high + margin)
    _ = axes.set_xlim(limits) if axis is axes.xaxis else axes.set_ylim(limits)
    # Of values that differ in late digits alone, a power of ten would leave more digits, not fewer.
    power = power_of(finite) if high - low > abs(high) / 1000 else 0
    axis.set_major_formatter(lambda value, _: number_on_axis(value / 10.0**power))
    room = axes.get_position().width * WIDTH if axis is axes.xaxis else math.inf
    for ticks in (5, 4, 3):
        axis.get_major_locator().set_params(nbins=ticks)  # type: ignore[call-arg]
        if ticks * tick_width(axis) < 0.9 * room:
            break
    return power


def axis_label(name: str, unit: str, better: str = "") -> str:
    """What is on a vertical axis, as far as there is room: the name gives way, the unit never.

    Example:
        >>> axis_label("test rmse", ", kWh", " (lower is better)")
        'test rmse, kWh (lower is better)'
    """
    text = f"{name}{unit}{better}"
    return text if len(text) <= LABEL else truncate(name, max(LABEL - len(unit), 8)) + unit


def number_on_axis(value: float) -> str:
    """A tick's number: as few digits as it needs, and a true minus sign."""
    return f"{value:.10g}".replace("-", MINUS) if abs(value) > 1e-9 else "0"


def power_of(values: Iterable[float]) -> int:
    """A power of ten that makes very large or very small numbers short; 0 for all others.

    Example:
        >>> power_of([2.5e-6, 1e-7]), power_of([12.5])
        (-6, 0)
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0 or 0.01 <= largest < 10_000:
        return 0
    return 3 * math.floor((math.log10(largest) + 1) / 3)


_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def unit_of_axis(shown: Measure, power: int = 0) -> str:
    """A unit behind an axis' name, with the power of ten that its numbers are in.

    Example:
        >>> from stepladder.study.metrics import Metric
        >>> unit_of_axis(Measure(Metric("rmse", "minimize", unit="m"), None), -6)
        ', 10⁻⁶ m'
    """
    ten = f"10{str(power).translate(_RAISED)}" if power else ""
    if ten and not shown.unit:
        return f", units of {ten}"
    return "".join(f", {part}" for part in [f"{ten} {shown.unit}".strip()] if part)


def better_side(shown: Measure) -> str:
    """Where better values are on a horizontal axis; nothing for accuracy, where all know it."""
    if shown.is_accuracy:
        return ""
    return " (better →)" if shown.metric.sign > 0 else " (← better)"


def better_words(shown: Measure) -> str:
    """The same for a vertical axis."""
    if shown.is_accuracy:
        return ""
    return f" ({'higher' if shown.metric.sign > 0 else 'lower'} is better)"


def amount(value: float, shown: Measure) -> str:
    """A value of a metric with its unit: "97.04 %", "1.05 kWh"."""
    unit = "%" if shown.metric.is_fraction else shown.unit
    return f"{number(value, shown.digits)} {unit}".rstrip()


Interval = tuple[float | None, float | None]
"""The ends of an interval; None or NaN where it has none."""


def within_reach(
    points: Sequence[float], intervals: Iterable[Interval], shown: Measure
) -> list[float]:
    """Ends of intervals, moved nearer where one out of all proportion would press points together.

    An axis reaches beyond the points by as much as they span, or by three usual half widths.

    Args:
        points: as they are shown.
        intervals: likewise.
        shown: the metric.

    Example:
        >>> rmse = Measure(METRICS["rmse"], None)
        >>> within_reach([1, 2], [(0.5, 1.5), (0, 4), (0, 90)], rmse)
        [0.5, 1.5, 0.0, 4.0, 0.0, 8.0]
    """
    ends = np.array([pair for pair in intervals if _is_known(pair)], float)
    if not ends.size or not points:
        return []
    is_log = is_log_odds(points, shown)
    inner = log_odds(points) if is_log else np.array(points, float)
    outer = log_odds(ends) if is_log else ends
    reach = max(np.ptp(inner), 3 * float(np.median(np.ptp(outer, axis=1))) / 2)
    outer = np.clip(outer, inner.min() - reach, inner.max() + reach)
    return [float(end) for end in (_percent(outer) if is_log else outer).ravel()]


def _is_known(interval: Interval) -> bool:
    return all(end is not None and math.isfinite(end) for end in interval)


def mark_cut(
    axes: Axes, which: Literal["x", "y"], place: float, interval: Interval, colour: str
) -> None:
    """Arrowheads at the frame where an interval goes on beyond it.

    Args:
        axes: with limits.
        which: axis that the interval is along.
        place: on the other axis.
        interval: its ends.
        colour: of the interval.
    """
    least, most = axes.get_xlim() if which == "x" else axes.get_ylim()
    low, high = interval
    for end, frame, side, mark in ((low, least, -1, "<v"), (high, most, 1, ">^")):
        if end is not None and side * end > side * frame:
            at = (frame, place) if which == "x" else (place, frame)
            axes.plot(*at, color=colour, zorder=6, marker=mark[which == "y"],
                      markersize=4, clip_on=False)  # fmt: skip


def cut_note(
    points: Sequence[float], intervals: Sequence[Interval], shown: Measure,
    text: str = "Arrowheads at the frame: the interval goes on.",
) -> str:  # fmt: skip
    """What a caption says of intervals that are cut, after a space; nothing where none is."""
    known = [pair for pair in intervals if _is_known(pair)]
    given, seen = np.ravel(np.array(known, float)), within_reach(points, known, shown)
    is_whole = not seen or np.allclose(given, seen, rtol=1e-6, atol=0)
    return "" if is_whole else f" {text}"


def epoch_axis(axes: Axes, epochs: int) -> None:
    """A horizontal axis of whole epochs; at 0 nothing is trained yet."""
    from matplotlib.ticker import MaxNLocator

    epochs = max(1, epochs)
    axes.set_xlim(0, max(1.02 * epochs, 2))
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=4, integer=True, min_n_ticks=LEAST_TICKS, steps=[1, 2, 5, 10])
    )


def cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    """A horizontal axis of times or sizes: logarithmic where they differ much, else from 0.

    Args:
        axes: whose axis.
        costs: all above 0.
    """
    least, most = min(costs), max(costs)
    if least >= most / 4:
        low = 0 if least < most / 2 else least - 0.3 * (most - least) - 0.05 * least
        axes.set_xlim(low, 1.08 * most)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        if most < 0.01:
            axes.xaxis.get_major_locator().set_params(nbins=4)  # type: ignore[call-arg]
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.9f}".rstrip("0").rstrip("."))
        return
    axes.set_xscale("log")
    low, high = least / 1.3, 1.2 * most
    axes.set_xlim(low, high)
    set_ticks(axes.xaxis, log_ticks(low, high), "{:,.10g}")


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers to mark on a logarithmic axis between two ends, at most five."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 4)):
        ticks = [step * 10.0**decade for decade in decades[::every] for step in steps
                 if low <= step * 10.0**decade <= high]  # fmt: skip
        if len(ticks) <= _MOST_COSTS:  # there is room for them
            break
    return ticks if len(ticks) >= LEAST_TICKS else even_ticks(low, high)


def effect_axis(axes: Axes, ends: Sequence[float], linear_within: float | None) -> int:
    """A horizontal axis of differences around 0.

    Args:
        axes: whose axis.
        ends: what is to be seen.
        linear_within: beyond it the axis is logarithmic; None where all of it is linear.

    Returns:
        The power of ten that its numbers are in.
    """
    lowest, highest = min(ends, default=-1.0), max(ends, default=1.0)
    power = power_of(ends)
    if linear_within is not None:
        axes.set_xscale("symlog", linthresh=linear_within, linscale=1)
        least, most = min(lowest, -linear_within) * 1.3, max(highest, linear_within) * 1.3
        decades = math.floor(math.log10(max(-least, most) / linear_within) + 1e-9)
        steps = [linear_within * 10.0**decade for decade in range(0, decades + 1, 1 + decades // 3)]
        ticks = [*(-step for step in steps[::-1]), 0.0, *steps]
        set_ticks(axes.xaxis, [tick for tick in ticks if least <= tick <= most])
        axes.set_xlim(least, most)
    else:
        margin = 0.06 * (highest - lowest) or 1.0
        axes.set_xlim(lowest - margin, highest + margin)
        axes.xaxis.get_major_locator().set_params(nbins=5)  # type: ignore[call-arg]
    axes.xaxis.set_major_formatter(lambda value, _: signed_on_axis(value / 10.0**power))
    return power


def signed_on_axis(value: float) -> str:
    """A tick's number where 0 lies inside the axis: with its sign."""
    return f"{value:+.4g}".replace("-", MINUS) if abs(value) > 1e-9 else "0"


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches; the figure must have its final size."""
    wide, high = figure.get_size_inches()
    figure.set_layout_engine("none")
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def single_axes(
    figure: Figure, height: float, left: float, right: float, bottom: float = 0.42, top: float = 0.1
) -> Axes:
    """The only axes of a figure, which gets its size; the axes' height and margins in inches."""
    figure.set_size_inches(WIDTH, bottom + height + top)
    return axes_at(figure, left, bottom, WIDTH - left - right, height)


def panel_axes(
    figure: Figure, titles: Sequence[str], *, height: float, left: float, bottom: float,
    top: float = 0.0, spare: float = 0.12, shares_x: bool = True, shares_y: bool = True,
) -> list[Axes]:  # fmt: skip
    """Axes of one size, two in a row, or one alone; the figure gets its size.

    Axes have fixed places: matplotlib's layout engines would take seconds with many.

    Args:
        figure: where.
        titles: one a panel, already on lines of their own.
        height: of each panel, inches.
        left: of all panels, inches.
        bottom: below all panels, inches.
        top: above the titles of the first row, inches.
        spare: between a panel and the title below it, inches.
        shares_x: whether the panels share a horizontal scale.
        shares_y: whether they share a vertical one.
    """
    columns, between = min(2, max(1, len(titles))), 0.16 if shares_x else 0.19
    between = between if shares_y else 0.42
    title = 0.2 + LINE * max((text.count("\n") for text in titles), default=0)
    rows, step = math.ceil(len(titles) / columns), height + title + spare
    figure.set_size_inches(WIDTH, bottom + rows * step - spare + top)
    width = (WIDTH - left - MARGIN - (columns - 1) * between) / columns
    panels = []
    for place, text in enumerate(titles):
        row, column = divmod(place, columns)
        axes = axes_at(figure, left + column * (width + between), bottom + (rows - 1 - row) * step,
                       width, height)  # fmt: skip
        axes.set_title(text)
        is_last = place + columns >= len(titles)
        axes.tick_params(labelleft=column == 0 or not shares_y, labelbottom=is_last or not shares_x)
        panels.append(axes)
    return panels


def outer_labels(figure: Figure, below: str, beside: str, shift: float = 0.0) -> None:
    """One label for all horizontal axes and one for all vertical ones, `shift` inches inwards."""
    figure.supxlabel(below, y=0.03 / figure.get_size_inches()[1], va="bottom")
    figure.supylabel(beside, x=(0.05 + shift) / WIDTH)


def row_axes(
    figure: Figure, names: Sequence[str], texts: Sequence[str], bar: float = BAR
) -> tuple[Axes, list[float]]:
    """Axes with a row for each name and no vertical scale; the figure gets its size.

    Args:
        figure: where.
        names: already on lines of their own; `write_above` writes them.
        texts: what stands at the right of the names.
        bar: inches below the texts for what is drawn.

    Returns:
        The axes, whose vertical unit is an inch from above, and the middle of what is drawn in
        each row.
    """
    heads = [LINE * _lines(*pair) for pair in zip(names, texts, strict=True)]
    heights = [head + bar + 0.08 for head in heads]
    total = sum(heights)
    axes = single_axes(figure, total, MARGIN, MARGIN, bottom=0.45, top=0.06)
    axes.set_ylim(total, 0)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return axes, [sum(heights[:row]) + head + bar / 2 for row, head in enumerate(heads)]


def label_rows(axes: Axes, text: str) -> None:
    """The label below `row_axes`, on as many lines as it needs."""
    lines = textwrap.wrap(text, LABEL_WIDTH)
    add_space(axes.get_figure(root=True), below=LINE * (len(lines) - 1))  # type: ignore[arg-type]
    axes.set_xlabel("\n".join(lines))


def _lines(*texts: str) -> int:
    return 1 + max(text.count("\n") for text in texts)


def tick_width(axis: Axis) -> float:
    """Inches that the widest number at an axis' ticks takes."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
    return _width(axis.get_major_formatter().format_ticks(ticks))


def _width(lines: Iterable[str]) -> float:
    """Inches of the widest of some lines of small text."""
    from matplotlib.textpath import TextPath

    return max((TextPath((0, 0), line, size=7.5).get_extents().width / 72
                for line in set(lines) if line), default=0.0)  # fmt: skip


def write_above(
    axes: Axes, middle: float, left: str, right: str, colour: str | None = None, bar: float = BAR
) -> None:
    """Texts above what is drawn in a row: at the left and, in a colour, at the right end.

    Args:
        axes: from `row_axes`.
        middle: of what is drawn.
        left: the row's name.
        right: its value.
        colour: of the value.
        bar: as for `row_axes`.
    """
    top = middle - bar / 2 - LINE * _lines(left, right)
    for x, text, align, ink in ((0, left, "left", None), (1, right, "right", colour)):
        paper = {"facecolor": axes.get_facecolor(), "linewidth": 0, "pad": 1}
        axes.annotate(text, (x, top), xycoords=("axes fraction", "data"), color=ink, va="top",
                      ha=align, linespacing=1.1, annotation_clip=False, zorder=6,
                      bbox=paper)  # fmt: skip


def require_ticks(figure: Figure) -> None:
    """Has every linear axis marked at three places or more, whatever its ends."""
    from matplotlib.ticker import MaxNLocator

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            locator = axis.get_major_locator()
            if isinstance(locator, MaxNLocator):
                locator.set_params(min_n_ticks=LEAST_TICKS)


def add_space(figure: Figure, above: float = 0.0, below: float = 0.0) -> None:
    """Makes a figure higher; all that is in it stays as it is.

    Args:
        figure: that has its size.
        above: inches at its upper end.
        below: inches at its lower end.
    """
    width, height = figure.get_size_inches()
    ratio, rise = height / (height + above + below), below / (height + above + below)
    to_figure = figure.transFigure.inverted()
    anchors = [legend.get_bbox_to_anchor().transformed(to_figure) for legend in figure.legends]
    figure.set_size_inches(width, height + above + below)
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, rise + box.y0 * ratio, box.width, box.height * ratio))
    for text in figure.texts:
        text.set_y(rise + text.get_position()[1] * ratio)
    for legend, box in zip(figure.legends, anchors, strict=True):
        legend.set_bbox_to_anchor((box.x0, rise + box.y0 * ratio), figure.transFigure)


def draw_cell(axes: Axes, row: int, column: int, colour: str, alpha: float) -> None:
    """A square of a matrix whose cells have the side 1."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=colour,
                             alpha=alpha, linewidth=0))  # fmt: skip


def wrap_text(text: str, width: int, lines: int = 2) -> str:
    """A text on at most `lines` lines of about `width` characters, elided where that is too little.

    Args:
        text: of any length and script.
        width: characters a line.
        lines: at most.

    Example:
        >>> wrap_text("batch normalisation", 14).splitlines()
        ['batch', 'normalisation']
    """
    wrapped = textwrap.wrap(truncate(text, width * lines), width) or [""]
    if len(wrapped) <= lines:
        return "\n".join(wrapped)
    return "\n".join([*wrapped[: lines - 1], truncate(" ".join(wrapped[lines - 1 :]), width)])


def panel_titles(names: Sequence[str], width: int, lines: int = 2) -> list[str]:
    r"""Names on `lines` lines each, or on as many as it takes to tell them apart.

    Args:
        names: one a panel.
        width: characters a line.
        lines: where names differ within them.

    Example:
        >>> panel_titles(["dropout before ReLU", "dropout before Adam"], 8, 1)
        ['dropout\nbefore\nReLU', 'dropout\nbefore\nAdam']
    """
    most = max(map(len, names), default=0)  # a word a line at least
    for count in range(lines, lines + most):
        titles = [wrap_text(name, width, count) for name in names]
        if len(set(titles)) == len(set(names)):
            return titles
    return list(names)


def first_of(texts: Sequence[str], most: int, rest: str) -> str:
    """The first texts as a list in a sentence, and how many others there are.

    Example:
        >>> first_of(["ReLU 97 %", "Adam 98 %", "dropout 98 %"], 2, "further arms")
        'ReLU 97 %; Adam 98 %; 1 further arms'
    """
    more = [f"{len(texts) - most} {rest}"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def thin_out(values: Sequence[float], most: int) -> list[float]:
    """Sorted values, evenly thinned out to `most` of them, the least and the greatest kept.

    Example:
        >>> thin_out([5, 1, 2, 3, 4], 3)
        [1, 3, 5]
    """
    ordered = sorted(values)
    if len(ordered) <= most:
        return ordered
    return [ordered[round(place * (len(ordered) - 1) / (most - 1))] for place in range(most)]
