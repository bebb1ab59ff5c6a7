"""Figures of a search: expected best, slices, rungs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stepladder.hpo.candidates import Candidate
from stepladder.hpo.results import HyperparameterSummary, SearchResult
from stepladder.report.figures.axes import (
    LINE,
    SMALL,
    WIDTH,
    accuracy_axis,
    axes_at,
    is_high,
    log_odds,
    plain_rows,
    wrap_text,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.figures.curves import LOG_ODDS
from stepladder.report.search import (
    expected_text,
    flat_text,
    mean_of,
    params_text,
    ranked,
    span_text,
    value_text,
)
from stepladder.report.tables import FormattedNumber
from stepladder.report.wording import duration, number, plural, truncate
from stepladder.study.search_space import Choice, Dimension, dimensions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, MOST_PANELS, MOST_LINES, MOST_AXES = 3, 12, 300, 7
SLICE_NAME_WIDTH, VALUE_WIDTH = 22, 9


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


def plateau_plot(found: SearchResult) -> Plot | None:
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
        rows=partial(_slice_rows, found),
        draw=partial(_draw_plateau, found, slices),
    )


def parallel_plot(found: SearchResult) -> Plot | None:
    """Candidates as lines across all hyperparameters, or None with fewer than three of them."""
    slices = [part for part in _slices(found) if part.name in found.winner.params][: MOST_AXES - 1]
    if len(slices) < 3 or found.whole < 2:
        return None
    finite = [each for each in found.candidates if math.isfinite(each.accuracy)]
    thinned = ""
    if len(finite) > MOST_LINES:
        thinned = f" The {MOST_LINES} that got furthest of {plural(len(finite), 'candidate')}."
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
        rows=partial(_slice_rows, found),
        draw=partial(_draw_parallel, found, slices),
    )


def _slice_rows(found: SearchResult) -> Iterable[tuple[object, ...]]:
    for each in found.candidates:
        percent = 100 * mean_of(found, each)
        for name, value in each.params.items():
            yield (each.number, name, value_text(value), percent, each.epochs, int(each.is_whole))


def _slices(found: SearchResult) -> list[Slice]:
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


def _accuracies(found: SearchResult) -> list[float]:
    means = (mean_of(found, each) for each in found.candidates)
    return [100 * each for each in means if math.isfinite(each)]


def _draw_plateau(
    found: SearchResult, slices: Sequence[Slice], figure: Figure, theme: Theme
) -> None:
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
        axes.set_title(
            wrap_text(part.name, SLICE_NAME_WIDTH, 1), size=SMALL, color=theme.ink, loc="left",
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


def _draw_slice(axes: Axes, found: SearchResult, part: Slice, theme: Theme) -> None:
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
        return [(place_of(dimension, each), truncate(value_text(each), VALUE_WIDTH))
                for each in given.values[::every]]  # fmt: skip
    assert given.low is not None
    assert given.high is not None
    if given.low == given.high:
        return [(0.5, f"{given.low:g}")]
    middle = math.sqrt(given.low * given.high) if given.log else (given.low + given.high) / 2
    shown = middle if given.type == "float" else float(round(middle))
    values = [float(given.low), shown, float(given.high)]
    return [(place_of(dimension, each), f"{each:.3g}") for each in dict.fromkeys(values)]


def _draw_parallel(
    found: SearchResult, slices: Sequence[Slice], figure: Figure, theme: Theme
) -> None:
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
        axes.annotate(wrap_text(name.replace("_", " "), 13, 2), (column, 0), xytext=(0, -2),
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


RUNG_LEFT, RUNG_RIGHT, RUNG_HEIGHT, RUNG_BOTTOM = 0.62, 0.2, 2.3, 0.42  # inches
FLOOR = 0.1
"""Share of the candidates' figures that the axis may leave out, below, so that the others part."""


def thinned_plot(candidates: Sequence[Candidate], best: Candidate | None) -> Plot | None:
    """Accuracy of each candidate at each of its rungs; None where all have but one.

    Args:
        candidates: of the search, as far as they were trained.
        best: the winner; None for the one that is best so far.
    """
    drawn = [each for each in candidates if any(map(math.isfinite, each.rungs.values()))]
    if not any(len(each.rungs) > 1 for each in drawn):
        return None
    alive = [each for each in drawn if math.isfinite(each.accuracy)] or drawn
    leader = best or max(alive, key=lambda each: (each.epochs, each.accuracy, -each.number))
    stretched = f" {LOG_ODDS}" if is_high(_percents(drawn)) else ""
    return Plot(
        name="thinning",
        title="How candidates are thinned out",
        caption="Validation accuracy of each candidate after so many epochs, on the first "
        "replicate: a line from rung to rung, which ends where the candidate was stopped, or "
        "is by now. In colour: trained to the end; thick: the best. The lowest tenth of the "
        f"figures may lie below the axes.{stretched}",
        words=f"{_counts(drawn)} The best, candidate {leader.number}: "
        f"{params_text(leader.params)}, {number(100 * leader.accuracy)} % after "
        f"{plural(leader.epochs, 'epoch')}.",
        columns=("candidate", "epochs", "validation_percent"),
        rows=partial(_rung_rows, candidates),
        draw=partial(_draw, drawn, leader),
    )


def _counts(candidates: Sequence[Candidate]) -> str:
    epochs = sorted({epochs for each in candidates for epochs in each.rungs})
    told = [f"{sum(rung in each.rungs for each in candidates)} to epoch {rung}" for rung in epochs]
    return f"Candidates trained: {', '.join(told)}."


def _rung_rows(candidates: Sequence[Candidate]) -> Iterable[tuple[object, ...]]:
    for each in candidates:
        for epochs, accuracy in sorted(each.rungs.items()):
            yield (each.number, epochs, 100 * accuracy)


def _percents(candidates: Sequence[Candidate]) -> list[float]:
    return sorted(
        100 * accuracy
        for each in candidates
        for accuracy in each.rungs.values()
        if math.isfinite(accuracy)
    )


def _draw(
    candidates: Sequence[Candidate], leader: Candidate, figure: Figure, theme: Theme
) -> None:  # fmt: skip
    from matplotlib.ticker import FixedLocator, NullLocator

    figure.set_size_inches(WIDTH, RUNG_BOTTOM + RUNG_HEIGHT + 0.12)
    axes = axes_at(figure, RUNG_LEFT, RUNG_BOTTOM, WIDTH - RUNG_LEFT - RUNG_RIGHT, RUNG_HEIGHT)
    values = _percents(candidates)
    is_log = is_high(values)
    accuracy_axis(axes, "y", values[int(FLOOR * len(values)) :], is_log=is_log)
    axes.set_xscale("log")
    ends = sorted({epochs for each in candidates for epochs in each.rungs})
    axes.set_xlim(ends[0] / 1.06, ends[-1] * 1.06)
    for each in sorted(candidates, key=lambda each: (each is leader, each.is_whole, each.epochs)):
        rungs = sorted(each.rungs.items())
        is_best = each is leader
        axes.plot(
            [epochs for epochs, _ in rungs], [100 * accuracy for _, accuracy in rungs],
            marker="o", markersize=3.2 if is_best else 2.2, markeredgewidth=0,
            linewidth=1.8 if is_best else 1.0 if each.is_whole else 0.6,
            color=theme.train if is_best else theme.validation if each.is_whole else theme.muted,
            alpha=1.0 if is_best else 0.75 if each.is_whole else 0.4,
            zorder=4 if is_best else 3 if each.is_whole else 2,
        )  # fmt: skip
    axes.xaxis.set_major_locator(FixedLocator(ends))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("epochs", labelpad=2)
    axes.set_ylabel("validation accuracy, %" + (" (log-odds)" if is_log else ""))


NAME_WIDTH = 22
LEFT, RIGHT = 0.62, 0.12


def search_figures(found: SearchResult) -> list[Plot]:
    """The figures of a search, in the order in which they are read."""
    figures = (_expected_plot(found), thinned_plot(found.candidates, found.winner),
               _importance_plot(found), plateau_plot(found), parallel_plot(found))  # fmt: skip
    return [figure for figure in figures if figure]


def _expected_plot(found: SearchResult) -> Plot | None:
    if len(found.expected.trials) < 2:
        return None
    fresh = FormattedNumber.accuracy(found.fresh)
    stretched = f" {LOG_ODDS}" if is_high(100 * found.expected.mean) else ""
    return Plot(
        name="expected-best",
        title="What more candidates bring",
        caption="Validation accuracy that the best of so many of these candidates is expected to "
        "have, as the search sees it, against the time of training them; shaded: ± one standard "
        "deviation over which candidates were drawn. The mark at the right is the best one on "
        "replicates that the search never saw, with its 95 % t interval: what lies between is the "
        f"luck of having been chosen.{stretched}",
        words=f"{expected_text(found)} On fresh replicates the best has {fresh.text} %.",
        columns=("candidates", "training_seconds", "expected_percent", "deviation_percent"),
        rows=partial(_expected_rows, found),
        draw=partial(_draw_expected, found),
    )


def _expected_rows(found: SearchResult) -> Iterable[tuple[object, ...]]:
    curve = found.expected
    for trials, mean, spread in zip(curve.trials, curve.mean, curve.spread, strict=True):
        seconds = int(trials) * found.seconds_each
        yield (int(trials), seconds, 100 * float(mean), 100 * float(spread))


def _draw_expected(found: SearchResult, figure: Figure, theme: Theme) -> None:
    height, bottom, wide = 2.2, 0.45, 0.62
    figure.set_size_inches(WIDTH, bottom + height + 0.45)
    axes = axes_at(figure, LEFT, bottom, WIDTH - LEFT - wide, height)
    curve, fresh = found.expected, FormattedNumber.accuracy(found.fresh)
    trials, mean, spread = curve.trials, 100 * curve.mean, 100 * curve.spread
    low, high = mean - spread, np.minimum(mean + spread, mean[-1])
    ends = [float(mean[0]), float(mean[-1]), fresh.mean, fresh.low or fresh.mean,
            fresh.high or fresh.mean]  # fmt: skip
    is_log = is_high(mean)
    accuracy_axis(axes, "y", ends, is_log=is_log)
    axes.set_xscale("log")
    axes.set_xlim(1, trials[-1])
    axes.fill_between(trials, low, high, color=theme.validation, alpha=0.14, linewidth=0)
    axes.plot(trials, mean, color=theme.validation, marker="o", markersize=3,
              markevery=[len(mean) - 1])  # fmt: skip
    _whole_numbers(axes, [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000], int(trials[-1]))
    axes.set_xlabel("candidates, best of", labelpad=2)
    axes.set_ylabel("validation accuracy, %" + (" (log-odds)" if is_log else ""))
    _times_above(axes, found, int(trials[-1]))
    beside = axes_at(figure, WIDTH - wide + 0.14, bottom, 0.24, height)
    _draw_fresh(beside, found, theme, ends, is_log=is_log)


def _whole_numbers(axes: Axes, wanted: list[int], most: int) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    kept = [each for each in wanted if each <= most / 2] + [most]
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _times_above(axes: Axes, found: SearchResult, most: int) -> None:
    """The time of training as many candidates, above the axes."""
    for trials in sorted({1, round(math.sqrt(most)), most}):
        axes.annotate(
            duration(trials * found.seconds_each), (trials, 1), xytext=(0, 4),
            xycoords=("data", "axes fraction"), textcoords="offset points", size=SMALL,
            color=axes.xaxis.get_ticklabels()[0].get_color(), va="bottom",
            ha="left" if trials == 1 else "right" if trials == most else "center",
        )  # fmt: skip


def _draw_fresh(
    axes: Axes, found: SearchResult, theme: Theme, ends: list[float], *, is_log: bool
) -> None:  # fmt: skip
    """The best one on fresh replicates, on the curve's scale beside it."""
    fresh = FormattedNumber.accuracy(found.fresh)
    accuracy_axis(axes, "y", ends, is_log=is_log)
    axes.grid(visible=False)
    axes.set_xlim(-1, 1)
    axes.set_xticks([])
    axes.tick_params(labelleft=False, left=False)
    axes.spines["left"].set_visible(False)
    dots = [100 * value for value in found.fresh.values]
    axes.plot([0.45] * len(dots), dots, ".", color=theme.muted, markersize=3, markeredgewidth=0)
    if fresh.low is not None and fresh.high is not None:
        axes.plot([0, 0], [fresh.low, fresh.high], color=theme.train, linewidth=1.8)
    axes.plot([0], [fresh.mean], "D", color=theme.train, markersize=4)
    axes.set_xlabel("fresh", size=SMALL, color=theme.train)


def _importance_plot(found: SearchResult) -> Plot | None:
    knobs = [each for each in found.knobs if math.isfinite(each.importance.share)]
    if not knobs:
        return None
    return Plot(
        name="importance",
        title="Which hyperparameters matter",
        caption="Share of the variance of the candidates' ranks that each hyperparameter explains "
        "alone (Kruskal-Wallis, corrected for chance), with its p-value; at the right the best "
        "one's value. What two do only together is not seen. A bar that stands back has p > 0.05.",
        words="Importance: "
        + "; ".join(
            f"{each.name} {number(100 * each.importance.share, 0)} % "
            f"(p = {each.importance.p:.2g}), best {value_text(each.best)}"
            for each in knobs
        )
        + ".",
        columns=("hyperparameter", "share", "p", "candidates", "best"),
        rows=partial(_importance_rows, knobs),
        draw=partial(_draw_importance, knobs),
    )


def _importance_rows(knobs: list[HyperparameterSummary]) -> Iterable[tuple[object, ...]]:
    for each in knobs:
        told = each.importance
        yield (each.name, told.share, told.p, told.candidates, value_text(each.best))


def _draw_importance(knobs: list[HyperparameterSummary], figure: Figure, theme: Theme) -> None:
    left, right, bottom, row = 1.5, 1.75, 0.42, 0.26
    height = row * len(knobs)
    figure.set_size_inches(WIDTH, bottom + height + 0.08)
    axes = axes_at(figure, left, bottom, WIDTH - left - right, height)
    axes.set_ylim(len(knobs) - 0.5, -0.5)
    most = max(100 * each.importance.share for each in knobs)
    axes.set_xlim(0, max(10.0, 1.05 * most))
    for line, each in enumerate(knobs):
        is_clear = each.importance.p <= 0.05
        axes.barh([line], [100 * each.importance.share], height=0.55, linewidth=0,
                  color=theme.validation if is_clear else theme.muted,
                  alpha=0.85 if is_clear else 0.45)  # fmt: skip
        told = f"p = {each.importance.p:.2g}   best {value_text(each.best)}"
        for inches, text, side in ((-0.08, each.name, "right"), (0.08, told, "left")):
            axes.annotate(
                wrap_text(text, NAME_WIDTH if inches < 0 else 32, 1),
                (0 if inches < 0 else 1, line), xytext=(72 * inches, 0),
                xycoords=("axes fraction", "data"), textcoords="offset points", size=SMALL,
                color=theme.ink, va="center", ha=side, annotation_clip=False,
            )  # fmt: skip
    plain_rows(axes)
    axes.set_xlabel("variance of ranks explained, %", labelpad=2 + LINE)
