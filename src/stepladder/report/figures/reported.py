"""What trainings of the user's own reported, epoch by epoch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stepladder.report.figures.axes import (
    LABEL_LENGTH,
    NAME_LENGTH,
    amount,
    axis_label,
    cut_note,
    epoch_axis,
    first_of,
    log_odds_note,
    log_ticks,
    score_axis,
    set_ticks,
    single_axes,
    thin_out,
    unit_of_axis,
    within_reach,
)
from stepladder.report.figures.bands import (
    ARMS_IN_COLOUR,
    CUT_BANDS,
    EVERY_ARM_UP_TO,
    LEFT,
    RIGHT,
    Band,
    End,
    align_label,
    band,
    band_ends,
    draw_band,
    line_style,
    name_ends,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import Measure, digits_for, plural, printable, truncate
from stepladder.runs.results import Results
from stepladder.statistics.results import Estimate
from stepladder.study.metrics import Metric, known_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PLOTS = 4
ARMS_DESCRIBED = 8
MOST_POINTS = 400  # of a line: more cannot be seen
LOG_FROM = 100.0  # times as large as the least is the largest of values on a logarithmic axis
PREFIX = "reported-"
"""What the names of these figures begin with."""


@dataclass(frozen=True)
class Line:
    """What one arm reported under a name.

    Attributes:
        name: the arm's name, made visible.
        epochs: those at which any replicate reported it, rising.
        band: mean and interval over replicates at these epochs, as it is shown.
    """

    name: str
    epochs: tuple[int, ...]
    band: Band


def reported_plots(results: Results) -> tuple[Plot, ...]:
    """A figure for each of the first names under which trainings reported, the judged one first."""
    files: set[str] = set()
    plots = []
    for name in _names(results)[:MOST_PLOTS]:
        stem = PREFIX + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "values")
        while stem in files:
            stem += "-more"
        files.add(stem)
        plots.append(_plot(results, name, stem))
    return tuple(plots)


def _names(results: Results) -> list[str]:
    """Names that have a finite value: what is judged, its kin on other parts, then in order."""
    judged = results.study.judged.name
    names = dict.fromkeys(
        name
        for arm in results.arms
        for reported in arm.reported_curves
        for name, values in reported.items()
        if name != "epoch" and any(map(math.isfinite, values))
    )

    def rank(name: str) -> int:
        known = known_metric(name)
        return 0 if name == judged else 1 if known is not None and known.name == judged else 2

    return sorted(names, key=rank)


def _metric(results: Results, name: str) -> Metric:
    """What is known of values under a name; a fraction only where all of them are fractions."""
    judged = results.study.judged
    known = judged if name == judged.name else known_metric(name)
    if known is None:
        return Metric(name, "maximize")
    low, high = known.bounds
    is_inside = all(
        low <= value <= high
        for arm in results.arms
        for reported in arm.reported_curves
        for value in reported.get(name, ())
        if math.isfinite(value)
    )
    own = known if is_inside else Metric(name, known.direction)
    return Metric(name, own.direction, own.bounds, own.unit, own.scale)


def lines_of(results: Results, name: str, scale: float = 1.0) -> tuple[Line, ...]:
    """What every arm reported under a name, in the order of the arms.

    Args:
        results: of the study.
        name: as trainings report it.
        scale: what is multiplied by, such as 100 for percent.
    """
    return tuple(
        _line(printable(arm.arm.name), arm.reported_curves, name, scale) for arm in results.arms
    )


def _line(
    arm: str, replicates: Sequence[Mapping[str, Sequence[float]]], name: str, scale: float
) -> Line:
    by_epoch = [
        {int(epoch): value for epoch, value in zip(one["epoch"], one[name], strict=True)
         if math.isfinite(value)}
        for one in replicates if name in one
    ]  # fmt: skip
    epochs = sorted({epoch for values in by_epoch for epoch in values})
    curves = [np.array([values.get(epoch, math.nan) for epoch in epochs]) for values in by_epoch]
    return Line(arm, tuple(epochs), band(curves, scale))


def _plot(results: Results, name: str, file: str) -> Plot:
    metric = _metric(results, name)
    lines = lines_of(results, name, metric.scale)
    drawn = [line for line in lines if line.epochs]
    ends = [Estimate(line.band.last, _finite(line.band.low), _finite(line.band.high), ())
            for line in drawn]  # fmt: skip
    shown = Measure(metric, None, digits_for(metric, ends))
    title = truncate(name, NAME_LENGTH)
    front = _front(results, lines)
    several = any(max(line.band.counts) > 1 for line in drawn)
    mean = ", mean over replicates; shaded: its 95 % t interval" if several else ""
    caption = (
        f"What the training reported as {title}{mean}. The number at each name: the last epoch. "
        "Only the training knows on which part of the data this was measured."
        f"{log_odds_note(_means(drawn), shown)}"
        f"{cut_note(_means(drawn), band_ends(line.band for line in drawn), shown, CUT_BANDS)}"
    )
    if any(min(line.band.counts) < max(line.band.counts) for line in drawn):
        caption += " Where replicates end early, or leave out epochs, the mean is of the others."
    if len(front) < len(drawn):
        caption += f" In colour: the first arm and {len(front) - 1} of the best of {len(drawn)}."
    words = [f"{truncate(line.name, NAME_LENGTH)} {amount(line.band.last, shown)}"
             for line in drawn]  # fmt: skip
    return Plot(
        name=file,
        title=f"{title}, epoch by epoch",
        caption=caption,
        words=f"{title} over the epochs, {plural(len(drawn), 'line')}. At the end: "
        f"{first_of(words, ARMS_DESCRIBED, 'further arms are in the data')}.",
        columns=("arm", "epoch", "replicates", "mean", "ci_low", "ci_high"),
        rows=partial(_rows, lines),
        draw=partial(_draw, [line for line in lines if line.epochs], front, shown),
    )


def _finite(ends: Sequence[float]) -> float | None:
    return ends[-1] if math.isfinite(ends[-1]) else None


def _means(lines: Iterable[Line]) -> list[float]:
    return [mean for line in lines for mean in line.band.mean]


def _front(results: Results, lines: Sequence[Line]) -> list[str]:
    """Names of the arms in colour: all of a few, the first and those of the best scores of many."""
    names = [line.name for line in lines if line.epochs]
    if len(names) <= EVERY_ARM_UP_TO:
        return names
    sign = results.study.judged.sign

    def score(place: int) -> float:
        scores = (results.arms[place].validation.mean, results.arms[place].test.mean)
        return next((sign * value for value in scores if math.isfinite(value)), -math.inf)

    ranked = sorted(range(len(lines)), key=score, reverse=True)
    best = [name for place in ranked if (name := lines[place].name) in names[1:]]
    in_front = best[: ARMS_IN_COLOUR - 1]
    return [names[0], *(name for name in names[1:] if name in in_front)]


def _rows(lines: Sequence[Line]) -> Iterable[tuple[object, ...]]:
    for line in lines:
        numbers = (line.epochs, line.band.counts, line.band.mean, line.band.low, line.band.high)
        for row in zip(*numbers, strict=True):
            yield (line.name, *row)


def _draw(
    lines: Sequence[Line], front: Sequence[str], shown: Measure, figure: Figure, theme: Theme
) -> None:
    axes = single_axes(figure, 2.5, LEFT, RIGHT)
    epoch_axis(axes, max(line.epochs[-1] for line in lines))
    axes.set_xlabel("epoch")
    ends = []
    for line in lines:
        style = line_style(theme, front.index(line.name) if line.name in front else None)
        epochs, shown_band = _thinned(line)
        draw_band(axes, epochs, shown_band, style)
        if line.name in front:
            ends.append(End(line.band.last, line.name, style))
    power = _value_axis(axes, lines, shown)
    align_label(axes)
    name_ends(figure, ends, shown, power)


def _thinned(line: Line) -> tuple[list[int], Band]:
    places = [int(place) for place in thin_out(range(len(line.epochs)), MOST_POINTS)]
    band = line.band
    columns = (band.mean, band.low, band.high)
    means, lows, highs = (tuple(column[place] for place in places) for column in columns)
    counts = tuple(band.counts[place] for place in places)
    return [line.epochs[place] for place in places], Band(means, lows, highs, counts)


def _value_axis(axes: Axes, lines: Sequence[Line], shown: Measure) -> int | None:
    """A vertical axis, logarithmic for values of very different sizes; returns its power of ten."""
    means = _means(lines)
    ends = within_reach(means, band_ends(line.band for line in lines), shown)
    name = truncate(shown.name, LABEL_LENGTH)
    low, high = min(means), max(means)
    if not shown.metric.is_fraction and low > 0 and high > LOG_FROM * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
        set_ticks(axes.yaxis, log_ticks(low / 1.25, high * 1.25))
        axes.set_ylabel(axis_label(name, f"{unit_of_axis(shown)} (log)"))
        return None
    unit, power = score_axis(axes, "y", [*means, *ends], shown, points=means)
    axes.set_ylabel(axis_label(name, unit))
    return power
