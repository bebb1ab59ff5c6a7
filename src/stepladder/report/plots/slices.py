"""Every candidate of a search: accuracy over each hyperparameter, and as lines across all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepladder.dimensions import Dimension, dimensions
from stepladder.report.plots.layout import LINE, SMALL, WIDTH, axes_at, folded
from stepladder.report.plots.overlay import LOG_ODDS
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import accuracy_axis, is_high, log_odds
from stepladder.report.search_words import (
    flat_text,
    mean_of,
    params_text,
    ranked,
    span_text,
    value_text,
)
from stepladder.report.style import Theme
from stepladder.report.wording import counted, elided
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.found import Found
from stepladder.space import Choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["parallel_plot", "plateau_plot"]

COLUMNS, MOST_PANELS, MOST_LINES, MOST_AXES = 3, 12, 300, 7
NAME_WIDTH, VALUE_WIDTH = 22, 9


@dataclass(frozen=True)
class Slice:
    """One dimension of the space with the candidates that it was drawn for.

    Attributes:
        name: of the dimension.
        dimension: its range.
        drawn: candidates with a finite accuracy, and where in 0…1 of the range each lies.
    """

    name: str
    dimension: Dimension
    drawn: tuple[tuple[Candidate, float], ...]


def plateau_plot(found: Found) -> Plot | None:
    """Accuracy over each hyperparameter, or None where nothing was trained to its end."""
    slices = _slices(found)
    if not slices or found.whole < 2:
        return None
    left_out = len(found.knobs) - len(slices)
    more = f" {left_out} that no whole candidate has, or that matter least, are in the data alone."
    more = more if left_out > 0 else ""
    stretched = f" {LOG_ODDS}" if is_high(_accuracies(found)) else ""
    return Plot(
        name="plateau",
        title="How flat the top is",
        caption="Validation accuracy of each candidate over each hyperparameter, the most "
        "important first. Filled: trained to the end, in colour those within "
        f"{found.study.delta:g} points of the best over the replicates that both have; rings: "
        "stopped on the way, after fewer epochs; diamond: the best. The wider the coloured marks "
        f"lie apart, the less the value matters.{more}{stretched}",
        words=f"{flat_text(found)} "
        + "; ".join(f"{each.name} {span_text(each.values)}" for each in found.knobs[:MOST_PANELS])
        + ".",
        columns=("candidate", "hyperparameter", "value", "validation_percent", "epochs", "whole"),
        rows=partial(_rows, found),
        draw=partial(_draw_plateau, found, slices),
    )


def parallel_plot(found: Found) -> Plot | None:
    """Candidates as lines across all hyperparameters, or None with fewer than three of them."""
    slices = [part for part in _slices(found) if part.name in found.winner.params][: MOST_AXES - 1]
    if len(slices) < 3 or found.whole < 2:
        return None
    finite = [each for each in found.candidates if math.isfinite(each.accuracy)]
    thinned = ""
    if len(finite) > MOST_LINES:
        thinned = f" The {MOST_LINES} that got furthest of {counted(len(finite), 'candidate')}."
    return Plot(
        name="parallel",
        title="All candidates at once",
        caption="Each line is a candidate, from its hyperparameters at the left to its validation "
        f"accuracy at the right; in colour those within {found.study.delta:g} points of the best, "
        "the best as the thick one. Hyperparameters are those of the best, the most important "
        "first; a line stops where one was not drawn for it."
        f"{thinned}",
        words=f"The best: {params_text(found.winner.params)}. {flat_text(found)}",
        columns=("candidate", "hyperparameter", "value", "validation_percent", "epochs", "whole"),
        rows=partial(_rows, found),
        draw=partial(_draw_parallel, found, slices),
    )


def _rows(found: Found) -> Iterable[tuple[object, ...]]:
    for each in found.candidates:
        percent = 100 * mean_of(found, each)
        for name, value in each.params.items():
            yield (each.number, name, value_text(value), percent, each.epochs, int(each.is_whole))


def _slices(found: Found) -> list[Slice]:
    """The dimensions, the most important first, each with its candidates."""
    search = found.study.search
    assert search is not None
    by_name = {each.name: each for each in dimensions(search.space, found.study.base)}
    made = []
    for knob in found.knobs[:MOST_PANELS]:
        dimension = by_name[knob.name]
        drawn = tuple(
            (each, place_of(dimension, each.params[knob.name]))
            for each in found.candidates
            if knob.name in each.params and math.isfinite(each.accuracy)
        )
        if any(each.is_whole for each, _ in drawn):
            made.append(Slice(knob.name, dimension, drawn))
    return made


def place_of(dimension: Dimension, value: Choice) -> float:
    """Where in 0…1 a drawn value lies; choices at equal distances."""
    given = dimension.parameter
    if given.type == "categorical":
        return given.values.index(value) / max(1, len(given.values) - 1)
    assert isinstance(value, int | float)
    return 0.5 if given.low == given.high else dimension.place_of(value)


def _accuracies(found: Found) -> list[float]:
    means = (mean_of(found, each) for each in found.candidates)
    return [100 * each for each in means if math.isfinite(each)]


def _draw_plateau(found: Found, slices: Sequence[Slice], figure: Figure, theme: Theme) -> None:
    columns = min(COLUMNS, len(slices))
    rows = math.ceil(len(slices) / columns)
    height, gap, left, bottom = 1.05, 0.52, 0.64, 0.32
    figure.set_size_inches(WIDTH, bottom + rows * height + (rows - 1) * gap + 0.24)
    width = (WIDTH - left - 0.12 - 0.18 * (COLUMNS - 1)) / COLUMNS
    whole = [100 * mean_of(found, each) for each in found.candidates if each.is_whole]
    is_log = is_high(whole)
    for index, part in enumerate(slices):
        axes = axes_at(figure, left + index % columns * (width + 0.18),
                       bottom + (rows - 1 - index // columns) * (height + gap), width,
                       height)  # fmt: skip
        accuracy_axis(axes, "y", [*whole, 100 * found.searched], is_log=is_log)
        _draw_slice(axes, found, part, theme)
        axes.set_title(folded(part.name, NAME_WIDTH, 1), size=SMALL, color=theme.ink, loc="left",
                       pad=3)  # fmt: skip
        axes.tick_params(labelleft=index % columns == 0)
        _mark_best(axes, 100 * found.searched)
    figure.supylabel("validation accuracy, %", size=8, color=theme.ink, x=0.05 / WIDTH)


def _mark_best(axes: Axes, top: float) -> None:
    """A tick at the best accuracy, in the place of any that it would cover."""
    low, high = (
        float(each) for each in axes.transData.transform([(0, y) for y in axes.get_ylim()])[:, 1]
    )
    height = {
        float(y): float(axes.transData.transform((0, y))[1]) for y in [*axes.get_yticks(), top]
    }
    kept = [y for y in height if y == top or abs(height[y] - height[top]) > 0.15 * (high - low)]
    axes.set_yticks(kept, [f"{y:.4g}" for y in kept])


def _draw_slice(axes: Axes, found: Found, part: Slice, theme: Theme) -> None:
    top = 100 * found.searched
    for is_whole, is_top in ((False, False), (True, False), (True, True)):
        there = [(place, 100 * mean_of(found, each)) for each, place in part.drawn
                 if each.is_whole is is_whole and each is not found.winner
                 and found.is_top(each) is is_top]  # fmt: skip
        colour = theme.validation if is_top else theme.muted
        axes.plot(
            [place for place, _ in there], [percent for _, percent in there], "o",
            markersize=3.2 if is_whole else 2.6, zorder=2 + is_whole + is_top, color=colour,
            markerfacecolor=colour if is_whole else "none", markeredgewidth=0.6,
            alpha=0.85 if is_top else 0.5,
        )  # fmt: skip
    best = [place for each, place in part.drawn if each is found.winner]
    axes.plot(best, [top] * len(best), "D", color=theme.train, markersize=4.6, zorder=5)
    _value_ticks(axes, part.dimension)


def _value_ticks(axes: Axes, dimension: Dimension) -> None:
    axes.set_xlim(-0.06, 1.06)
    ticks = _ticks(dimension)
    axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])


def _ticks(dimension: Dimension) -> list[tuple[float, str]]:
    """Places of a range with the values there: its ends and middle, or its first few choices."""
    given = dimension.parameter
    if given.type == "categorical":
        every = max(1, math.ceil(len(given.values) / 4))
        return [(place_of(dimension, each), elided(value_text(each), VALUE_WIDTH))
                for each in given.values[::every]]  # fmt: skip
    assert given.low is not None
    assert given.high is not None
    if given.low == given.high:
        return [(0.5, f"{given.low:g}")]
    middle = math.sqrt(given.low * given.high) if given.log else (given.low + given.high) / 2
    shown = middle if given.type == "float" else float(round(middle))
    values = [float(given.low), shown, float(given.high)]
    return [(place_of(dimension, each), f"{each:.3g}") for each in dict.fromkeys(values)]


def _draw_parallel(found: Found, slices: Sequence[Slice], figure: Figure, theme: Theme) -> None:
    height, bottom, left, right = 2.0, 0.1 + 2 * LINE, 0.36, 0.52
    figure.set_size_inches(WIDTH, bottom + height + 0.1)
    axes = axes_at(figure, left, bottom, WIDTH - left - right, height)
    axes.set_xlim(0, len(slices))
    axes.set_ylim(-0.04, 1.04)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    places = [dict(part.drawn) for part in slices]
    leading = ranked(found)[:MOST_LINES]
    heights = _Heights([100 * mean_of(found, each) for each in leading])
    for each in reversed(leading):
        across = [*(found_at.get(each, math.nan) for found_at in places),
                  heights.of(100 * mean_of(found, each))]  # fmt: skip
        is_top, is_best = found.is_top(each), each is found.winner
        axes.plot(
            range(len(across)), across, linewidth=1.8 if is_best else 1.0 if is_top else 0.6,
            color=theme.train if is_best else theme.validation if is_top else theme.muted,
            alpha=1.0 if is_best else 0.8 if is_top else 0.3, zorder=4 if is_best else 3,
            marker="o", markersize=2.4 if is_top or is_best else 1.4, markeredgewidth=0,
        )  # fmt: skip
    names = [*(part.name for part in slices), "validation accuracy, %"]
    ticks = [*(_ticks(part.dimension) for part in slices),
             [(heights.of(value), f"{value:g}") for value in heights.ticks]]  # fmt: skip
    for column, (name, marks) in enumerate(zip(names, ticks, strict=True)):
        axes.axvline(column, color=theme.muted, linewidth=0.6, zorder=1)
        axes.annotate(folded(name.replace("_", " "), 13, 2), (column, 0), xytext=(0, -2),
                      xycoords=("data", "axes fraction"), textcoords="offset points", size=SMALL,
                      color=theme.ink, va="top", ha="center", annotation_clip=False)  # fmt: skip
        for place, text in marks:
            axes.annotate(text, (column, place), xytext=(3, 0), textcoords="offset points",
                          size=SMALL, color=theme.muted, va="center", ha="left", zorder=5,
                          annotation_clip=False,
                          bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 0.4,
                                "alpha": 0.75})  # fmt: skip


class _Heights:
    """Where in 0…1 an accuracy in percent lies, in log-odds where accuracies are high."""

    def __init__(self, values: Sequence[float]) -> None:
        self._scale = log_odds if is_high(values) else float
        self._low, self._high = float(self._scale(min(values))), float(self._scale(max(values)))
        self.ticks = sorted({round(min(values), 1), round(max(values), 2)})

    def of(self, percent: float) -> float:
        span = self._high - self._low
        place = (float(self._scale(percent)) - self._low) / span if span else 0.5
        return min(max(place, 0.0), 1.0)
