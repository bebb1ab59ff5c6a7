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
    WIDTH,
    accuracy_axis,
    axes_at,
    even_ticks,
    is_high,
    log_odds,
    log_odds_note,
    panel_axes,
    panel_titles,
    row_axes,
    set_ticks,
    single_axes,
    wrap_text,
    write_above,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.search import (
    estimate_of,
    expected_text,
    flat_text,
    mean_of,
    measure_of_search,
    near_best,
    params_text,
    ranked,
    span_text,
    value_of,
    value_text,
)
from stepladder.report.tables import FormattedNumber
from stepladder.report.wording import Measure, duration, number, plural, truncate
from stepladder.study.search_space import Choice, Dimension, dimensions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS, MOST_LINES, MOST_AXES = 12, 300, 7
LEFT = 0.62
CANDIDATES = ("candidate", "hyperparameter", "value", "validation_percent", "epochs", "whole")


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


def plateau_plot(result: SearchResult) -> Plot | None:
    """Accuracy over each hyperparameter, or None where nothing was trained to its end."""
    slices = _slices(result)
    if not slices or result.whole < 2:
        return None
    measure = measure_of_search(result)
    note = _note(measure, [_shown(measure, mean_of(result, one)) for one in result.candidates])
    left_out = len(result.knobs) - len(slices)
    if left_out > 0:
        note = (
            f" {left_out} that no fully trained candidate has, or that matter least, are in the "
            f"data alone.{note}"
        )
    spans = [f"{knob.name} {span_text(knob.values)}" for knob in result.knobs[:MOST_PANELS]]
    return Plot(
        name="plateau",
        title="How flat the top is",
        caption=f"Validation {measure.name} of each candidate over each hyperparameter, the most "
        "important first. Filled: trained to the end, in colour those "
        f"{near_best(measure_of_search(result))} over the replicates that both have; rings: "
        "stopped on the way, after fewer epochs; diamond: the best. The wider the coloured marks "
        f"lie apart, the less the value matters.{note}",
        words=f"{flat_text(result)} {'; '.join(spans)}.",
        columns=CANDIDATES,
        rows=partial(_slice_rows, result),
        draw=partial(_draw_plateau, result, slices),
    )


def parallel_plot(result: SearchResult) -> Plot | None:
    """Candidates as lines across all hyperparameters, or None with fewer than three of them."""
    slices = [part for part in _slices(result) if part.name in result.winner.params][
        : MOST_AXES - 1
    ]
    if len(slices) < 3 or result.whole < 2:
        return None
    measure = measure_of_search(result)
    finite = sum(math.isfinite(candidate.score) for candidate in result.candidates)
    note = ""
    if finite > MOST_LINES:
        note = f" The {MOST_LINES} that got furthest of {plural(finite, 'candidate')}."
    return Plot(
        name="parallel",
        title="All candidates at once",
        caption="Each line is a candidate, from its hyperparameters at the left to its validation "
        f"{measure.name} at the right; in colour those {near_best(measure)}, "
        "the best as the thick one. Hyperparameters are those of the best, the most important "
        "first; a line stops where one was not drawn for it."
        f"{note}",
        words=f"The best: {params_text(result.winner.params)}. {flat_text(result)}",
        columns=CANDIDATES,
        rows=partial(_slice_rows, result),
        draw=partial(_draw_parallel, result, slices),
    )


def _slice_rows(result: SearchResult) -> Iterable[tuple[object, ...]]:
    measure = measure_of_search(result)
    for candidate in result.candidates:
        percent = _shown(measure, mean_of(result, candidate))
        for name, value in candidate.params.items():
            yield (candidate.number, name, value_text(value), percent, candidate.epochs,
                   int(candidate.is_whole))  # fmt: skip


def _slices(result: SearchResult) -> list[Slice]:
    """The dimensions, the most important first, each with its candidates."""
    search = result.study.search
    assert search is not None
    by_name = {dimension.name: dimension
               for dimension in dimensions(search.space, result.study.base)}  # fmt: skip
    slices = []
    for knob in result.knobs[:MOST_PANELS]:
        dimension = by_name[knob.name]
        drawn = tuple(
            (candidate, place_of(dimension, candidate.params[knob.name]))
            for candidate in result.candidates
            if knob.name in candidate.params and math.isfinite(candidate.score)
        )
        if any(candidate.is_whole for candidate, _ in drawn):
            slices.append(Slice(knob.name, dimension, drawn))
    return slices


def place_of(dimension: Dimension, value: Choice) -> float:
    """Where in 0…1 a drawn value lies; choices at equal distances."""
    given = dimension.parameter
    if given.type == "categorical":
        return given.values.index(value) / max(1, len(given.values) - 1)
    assert isinstance(value, int | float)
    return 0.5 if given.low == given.high else dimension.place_of(value)


def _draw_plateau(
    result: SearchResult, slices: Sequence[Slice], figure: Figure, theme: Theme
) -> None:
    titles = panel_titles([part.name for part in slices], 22, 1)
    panels = panel_axes(figure, titles, height=1.05, left=0.64, bottom=0.32, top=0.04, spare=0.32,
                        shares_x=False)  # fmt: skip
    measure = measure_of_search(result)
    whole = [_shown(measure, mean_of(result, candidate)) for candidate in result.candidates
             if candidate.is_whole]  # fmt: skip
    best = _shown(measure, result.searched)
    for axes, part in zip(panels, slices, strict=True):
        _score_axis(axes, [*whole, best], measure)
        _draw_slice(axes, result, part, theme)
        _mark_best(axes, best)
    is_log = _is_log(measure, [*whole, best])
    figure.supylabel(_label(measure) + LOG_ODDS * is_log, x=0.05 / WIDTH)


def _mark_best(axes: Axes, best: float) -> None:
    """A tick at the best score, in the place of any that it would cover."""
    to_axes = axes.transData - axes.transAxes
    ticks, heights = [best], [to_axes.transform((0, best))[1]]
    for tick in map(float, [*axes.get_yticks(), *even_ticks(*axes.get_ylim())]):
        height = to_axes.transform((0, tick))[1]
        if all(abs(height - other) > 0.15 for other in heights):
            ticks.append(tick)
            heights.append(height)
    axes.set_yticks(ticks, [f"{y:.4g}" for y in ticks])


def _draw_slice(axes: Axes, result: SearchResult, part: Slice, theme: Theme) -> None:
    measure = measure_of_search(result)
    for is_whole, is_top in ((False, False), (True, False), (True, True)):
        points = [(place, _shown(measure, mean_of(result, candidate)))
                  for candidate, place in part.drawn
                  if candidate.is_whole is is_whole and candidate is not result.winner
                  and result.is_top(candidate) is is_top]  # fmt: skip
        colour = theme.validation if is_top else theme.muted
        axes.plot(
            [place for place, _ in points], [percent for _, percent in points], "o",
            markersize=3.2 if is_whole else 2.6, zorder=2 + is_whole + is_top, color=colour,
            markerfacecolor=colour if is_whole else "none", markeredgewidth=0.6,
            alpha=0.85 if is_top else 0.5,
        )  # fmt: skip
    best = [place for candidate, place in part.drawn if candidate is result.winner]
    axes.plot(best, [_shown(measure, result.searched)] * len(best), "D", color=theme.ink,
              markersize=4.6, zorder=5)  # fmt: skip
    axes.set_xlim(-0.06, 1.06)
    ticks = _ticks(part.dimension)
    axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    if len(ticks[-1][1]) > 4:  # in the middle below its tick, it would be cut off
        axes.get_xticklabels()[-1].set_horizontalalignment("right")


def _ticks(dimension: Dimension) -> list[tuple[float, str]]:
    """Places of a range with the values there: its ends and middle, or its first few choices."""
    given = dimension.parameter
    if given.type == "categorical":
        step = max(1, math.ceil(len(given.values) / 4))
        return [(place_of(dimension, value), truncate(value_text(value), 9))
                for value in given.values[::step]]  # fmt: skip
    assert given.low is not None
    assert given.high is not None
    if given.low == given.high:
        return [(0.5, f"{given.low:g}")]
    middle = math.sqrt(given.low * given.high) if given.log else (given.low + given.high) / 2
    middle = middle if given.type == "float" else float(round(middle))
    values = [float(given.low), middle, float(given.high)]
    return [(place_of(dimension, value), f"{value:.3g}") for value in dict.fromkeys(values)]


def _draw_parallel(
    result: SearchResult, slices: Sequence[Slice], figure: Figure, theme: Theme
) -> None:
    axes = single_axes(figure, 2.0, 0.36, 0.52, bottom=0.15 + 5.2 * LINE)
    axes.set(xlim=(0, len(slices)), ylim=(-0.04, 1.04), xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    places = [dict(part.drawn) for part in slices]
    leading = ranked(result)[:MOST_LINES]
    measure = measure_of_search(result)
    percents = [_shown(measure, mean_of(result, candidate)) for candidate in leading]
    ends = (min(percents), max(percents))
    scale = log_odds if _is_log(measure, percents) else np.asarray
    heights = partial(np.interp, xp=scale(ends), fp=(0, 1))  # cut to 0…1
    for candidate, percent in zip(reversed(leading), reversed(percents), strict=True):
        line = [*(place.get(candidate, math.nan) for place in places), heights(scale(percent))]
        width, colour, alpha, order = (
            (1.8, theme.ink, 1.0, 4) if candidate is result.winner
            else (1.0, theme.validation, 0.8, 3) if result.is_top(candidate)
            else (0.6, theme.muted, 0.3, 3)
        )  # fmt: skip
        axes.plot(range(len(line)), line, marker="o", markersize=2.4 if alpha > 0.3 else 1.4,
                  markeredgewidth=0, linewidth=width, color=colour, alpha=alpha,
                  zorder=order)  # fmt: skip
    label = _label(measure) + LOG_ODDS * _is_log(measure, percents)
    names = [*(part.name for part in slices), label]
    digits = (1, 2) if measure.metric.is_fraction else (measure.digits, measure.digits)
    marked = sorted({round(end, places) for end, places in zip(ends, digits, strict=True)})
    ticks = [*(_ticks(part.dimension) for part in slices),
             [(float(heights(scale(value))), f"{value:g}") for value in marked]]  # fmt: skip
    for column, (name, marks) in enumerate(zip(names, ticks, strict=True)):
        axes.axvline(column, color=theme.muted, linewidth=0.6, zorder=1)
        # In turns, so that none is over the next; the last, which is the longest, below.
        down = 2 + 72 * 2.2 * LINE * ((len(names) - column) % 2)
        axes.annotate(wrap_text(name.replace("_", " "), 13, 3), (column, 0), xytext=(0, -down),
                      xycoords=("data", "axes fraction"), textcoords="offset points",
                      va="top", ha="center", annotation_clip=False)  # fmt: skip
        for place, text in marks:
            axes.annotate(text, (column, place), xytext=(3, 0), textcoords="offset points",
                          color=theme.muted, va="center", ha="left", zorder=5,
                          annotation_clip=False,
                          bbox={"facecolor": theme.paper, "linewidth": 0, "pad": 0.4})  # fmt: skip


LOG_ODDS = " (log-odds)"

FLOOR = 0.1
"""Share of the candidates' figures that the axis may leave out, below, so that the others part."""


def thinned_plot(
    candidates: Sequence[Candidate], best: Candidate | None, measure: Measure
) -> Plot | None:
    """Score of each candidate at each of its rungs; None where all have but one.

    Args:
        candidates: of the search, as far as they were trained.
        best: the winner; None for the one that is best so far.
        measure: how scores are shown.
    """
    drawn = [
        candidate for candidate in candidates if any(map(math.isfinite, candidate.rungs.values()))
    ]
    if not any(len(candidate.rungs) > 1 for candidate in drawn):
        return None
    alive = [candidate for candidate in drawn if math.isfinite(candidate.score)] or drawn
    leader = best or max(
        alive, key=lambda candidate: (candidate.epochs, candidate.merit, -candidate.number)
    )
    epochs = sorted({epochs for candidate in drawn for epochs in candidate.rungs})
    counts = [
        f"{sum(rung in candidate.rungs for candidate in drawn)} to epoch {rung}" for rung in epochs
    ]
    return Plot(
        name="thinning",
        title="How candidates are thinned out",
        caption=f"Validation {measure.name} of each candidate after so many epochs, on the first "
        "replicate: a line from rung to rung, which ends where the candidate was stopped, or "
        "is by now. In colour: trained to the end; thick: the best. The worst tenth of the "
        f"figures may lie outside the axes.{_note(measure, _percents(drawn, measure))}",
        words=f"Candidates trained: {', '.join(counts)}. The best, candidate {leader.number}: "
        f"{params_text(leader.params)}, {value_of(measure, leader.score)} after "
        f"{plural(leader.epochs, 'epoch')}.",
        columns=("candidate", "epochs", "validation_percent"),
        rows=partial(_rung_rows, candidates, measure),
        draw=partial(_draw_rungs, drawn, leader, epochs, measure),
    )


def course_plot(candidates: Sequence[Candidate], measure: Measure) -> Plot | None:
    """The best score so far, candidate by candidate; None where fewer than two have a score.

    Args:
        candidates: of the search, as far as they were trained.
        measure: how scores are shown.
    """
    scored = [candidate for candidate in candidates if math.isfinite(candidate.score)]
    if len(scored) < 2:
        return None
    scores = [_shown(measure, candidate.score) for candidate in scored]
    sign = measure.metric.sign
    best = (sign * np.maximum.accumulate(sign * np.array(scores))).tolist()
    numbers = [candidate.number for candidate in scored]
    return Plot(
        name="course",
        title="The best so far",
        caption=f"Points: the latest validation {measure.name} of each candidate, on the first "
        "replicate, in the order in which they were drawn; the line: the best of all so far. "
        "While the line still rises, more candidates may be worth their time."
        f"{_note(measure, best)}",
        words=f"{plural(len(scored), 'candidate')}; the best so far has "
        f"{value_of(measure, best[-1] / measure.metric.scale)}.",
        columns=("candidate", "validation", "best"),
        rows=lambda: zip(numbers, scores, best, strict=True),
        draw=partial(_draw_course, numbers, scores, best, measure),
    )


def _draw_course(
    numbers: Sequence[int], scores: Sequence[float], best: Sequence[float], measure: Measure,
    figure: Figure, theme: Theme,
) -> None:  # fmt: skip
    axes = single_axes(figure, 2.0, LEFT, 0.2, top=0.12)
    ordered = sorted(scores, key=lambda value: measure.metric.sign * value)
    _score_axis(axes, ordered[int(FLOOR * len(ordered)) :], measure, has_label=True)
    axes.plot(numbers, scores, "o", color=theme.muted, markersize=3, markeredgewidth=0, alpha=0.7)
    axes.step(numbers, best, where="post", color=theme.validation, linewidth=1.5)
    axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    axes.set_xlabel("candidate")


def _rung_rows(candidates: Sequence[Candidate], measure: Measure) -> Iterable[tuple[object, ...]]:
    for candidate in candidates:
        for epochs, score in sorted(candidate.rungs.items()):
            yield (candidate.number, epochs, _shown(measure, score))


def _percents(candidates: Sequence[Candidate], measure: Measure) -> list[float]:
    """All scores as they are shown, the worst first."""
    scores = (score for candidate in candidates for score in candidate.rungs.values())
    shown = [_shown(measure, score) for score in scores if math.isfinite(score)]
    return sorted(shown, key=lambda value: measure.metric.sign * value)


def _shown(measure: Measure, score: float) -> float:
    """A score as its metric is shown: fractions in percent."""
    return measure.metric.scale * score


def _label(measure: Measure) -> str:
    unit = "%" if measure.metric.is_fraction else measure.unit
    return f"{measure.on('validation')}{f', {unit}' if unit else ''}"


def _is_log(measure: Measure, values: Iterable[float]) -> bool:
    return measure.metric.is_fraction and measure.metric.sign > 0 and is_high(values)


def _note(measure: Measure, values: Iterable[float]) -> str:
    """What a caption says of a log-odds axis; nothing where the axis is linear."""
    values = list(values)
    return log_odds_note(values) if _is_log(measure, values) else ""


def _score_axis(
    axes: Axes, values: Sequence[float], measure: Measure, *, has_label: bool = False
) -> None:
    """The vertical axis of scores: of percent as `accuracy_axis`, else around the values."""
    if measure.metric.is_fraction:
        accuracy_axis(axes, "y", values, is_log=_is_log(measure, values))
    else:
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        margin = 0.05 * (max(finite) - min(finite)) or 0.05 * abs(finite[0]) or 1.0
        axes.set_ylim(min(finite) - margin, max(finite) + margin)
    if has_label:
        axes.set_ylabel(_label(measure) + LOG_ODDS * _is_log(measure, values))


def _draw_rungs(
    candidates: Sequence[Candidate], leader: Candidate, epochs: Sequence[int], measure: Measure,
    figure: Figure, theme: Theme,
) -> None:  # fmt: skip
    axes = single_axes(figure, 2.3, LEFT, 0.2, top=0.12)
    values = _percents(candidates, measure)
    worst = int(FLOOR * len(values))
    _score_axis(axes, values[worst:], measure, has_label=True)
    axes.set_xscale("log")
    axes.set_xlim(epochs[0] / 1.06, epochs[-1] * 1.06)
    for candidate in sorted(
        candidates,
        key=lambda candidate: (candidate is leader, candidate.is_whole, candidate.epochs),
    ):
        rungs = sorted(candidate.rungs.items())
        is_best = candidate is leader
        width, colour, alpha, order = (
            (1.8, theme.ink, 1.0, 4) if is_best
            else (1.0, theme.validation, 0.75, 3) if candidate.is_whole
            else (0.6, theme.muted, 0.4, 2)
        )  # fmt: skip
        axes.plot([epoch for epoch, _ in rungs], [_shown(measure, score) for _, score in rungs],
                  marker="o", markersize=3.2 if is_best else 2.2, markeredgewidth=0,
                  linewidth=width, color=colour, alpha=alpha, zorder=order)  # fmt: skip
    set_ticks(axes.xaxis, epochs, "{:,.0f}")
    axes.set_xlabel("epochs (log)")


def search_figures(result: SearchResult) -> list[Plot]:
    """The figures of a search, in the order in which they are read."""
    thinned = thinned_plot(result.candidates, result.winner, measure_of_search(result))
    figures = (_expected_plot(result), thinned,
               _importance_plot(result), plateau_plot(result), parallel_plot(result))  # fmt: skip
    return [figure for figure in figures if figure]


def _expected_plot(result: SearchResult) -> Plot | None:
    if len(result.expected.trials) < 2:
        return None
    measure = measure_of_search(result)
    means = [_shown(measure, float(mean)) for mean in result.expected.mean]
    return Plot(
        name="expected-best",
        title="What more candidates bring",
        caption=f"Validation {measure.name} that the best of so many of these candidates is "
        "expected to have, as the search sees it, against the time of training them; shaded: ± "
        "one standard deviation over which candidates were drawn. The mark at the right is the "
        "best one on replicates that the search never saw, with its 95 % t interval: the "
        f"difference is the bias of the selection.{_note(measure, means)}",
        words=f"{expected_text(result)} On fresh replicates the best has "
        f"{estimate_of(measure, result.fresh)}.",
        columns=("candidates", "training_seconds", "expected_percent", "deviation_percent"),
        rows=partial(_expected_rows, result),
        draw=partial(_draw_expected, result),
    )


def _expected_rows(result: SearchResult) -> Iterable[tuple[object, ...]]:
    curve, scale = result.expected, result.study.judged.scale
    for trials, mean, spread in zip(curve.trials, curve.mean, curve.spread, strict=True):
        seconds = int(trials) * result.seconds_each
        yield (int(trials), seconds, scale * float(mean), scale * float(spread))


def _draw_expected(result: SearchResult, figure: Figure, theme: Theme) -> None:
    height, bottom, right = 2.2, 0.45, 0.62
    axes = single_axes(figure, height, LEFT, right, bottom, top=0.45)
    measure, curve = measure_of_search(result), result.expected
    scale, is_up = measure.metric.scale, measure.metric.sign > 0
    fresh = FormattedNumber.score(result.fresh, scale, measure.digits)
    trials, mean, spread = curve.trials, scale * curve.mean, scale * curve.spread
    ends = [float(mean[0]), float(mean[-1]), fresh.mean, fresh.low or fresh.mean,
            fresh.high or fresh.mean]  # fmt: skip
    most = int(trials[-1])
    _score_axis(axes, ends, measure, has_label=True)
    axes.set_xscale("log")
    axes.set_xlim(1, most)
    near = np.minimum(mean + spread, mean[-1]) if is_up else np.maximum(mean - spread, mean[-1])
    axes.fill_between(trials, mean - spread if is_up else mean + spread, near,
                      color=theme.validation, alpha=0.14, linewidth=0)  # fmt: skip
    axes.plot(trials, mean, color=theme.validation, marker="o", markersize=3,
              markevery=[len(mean) - 1])  # fmt: skip
    steps = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]
    set_ticks(axes.xaxis, [*(step for step in steps if step <= most / 2), most], "{:,.0f}")
    axes.set_xlabel("candidates, best of (log)")
    for count in sorted({1, round(math.sqrt(most)), most}):  # the time of training them
        axes.annotate(
            _short_time(count * result.seconds_each), (count, 1), xytext=(0, 4),
            xycoords=("data", "axes fraction"), textcoords="offset points",
            color=theme.muted, va="bottom",
            ha="left" if count == 1 else "right" if count == most else "center",
        )  # fmt: skip
    axes.annotate("time of training them", (0.5, 1), xytext=(0, 15), xycoords="axes fraction",
                  textcoords="offset points", size=8, va="bottom", ha="center")  # fmt: skip
    margin = axes_at(figure, WIDTH - right + 0.14, bottom, 0.24, height)
    _score_axis(margin, ends, measure)
    _draw_fresh(margin, result, fresh, theme)


def _short_time(seconds: float) -> str:
    """A time at an axis, so that those of 1, some and all candidates differ.

    Example:
        >>> _short_time(0.0071), _short_time(0.531), _short_time(2.51), _short_time(250)
        ('7.1 ms', '530 ms', '2.5 s', '4 min 10 s')
    """
    if seconds >= 10 or not math.isfinite(seconds):
        return duration(seconds)
    value, unit = (seconds, "s") if seconds >= 1 else (1000 * seconds, "ms")
    return f"{float(f'{value:.2g}'):g} {unit}"


def _draw_fresh(axes: Axes, result: SearchResult, fresh: FormattedNumber, theme: Theme) -> None:
    """The best one on fresh replicates, on the curve's scale, at its right."""
    axes.grid(visible=False)
    axes.set(xlim=(-1, 1), xticks=[])
    axes.tick_params(labelleft=False, left=False)
    axes.spines["left"].set_visible(False)
    dots = [result.study.judged.scale * value for value in result.fresh.values]
    axes.plot([0.45] * len(dots), dots, ".", color=theme.muted, markersize=3, markeredgewidth=0)
    if fresh.low is not None and fresh.high is not None:
        axes.plot([0, 0], [fresh.low, fresh.high], color=theme.ink, linewidth=1.8)
    axes.plot([0], [fresh.mean], "D", color=theme.ink, markersize=4)
    axes.set_xlabel("fresh", size=7.5, color=theme.ink)


def _importance_plot(result: SearchResult) -> Plot | None:
    knobs = [knob for knob in result.knobs if math.isfinite(knob.importance.share)]
    if not knobs:
        return None
    words = [
        f"{knob.name} {number(100 * knob.importance.share, 0)} % "
        f"(p = {knob.importance.p:.2g}), best {value_text(knob.best)}"
        for knob in knobs
    ]
    return Plot(
        name="importance",
        title="Which hyperparameters matter",
        caption="Share of the variance of the candidates' ranks that each hyperparameter explains "
        "alone (Kruskal-Wallis, corrected for chance), with its p-value; at the right the best "
        "one's value. An effect that two have only together is not seen. A grey bar has p > 0.05.",
        words=f"Importance: {'; '.join(words)}.",
        columns=("hyperparameter", "share", "p", "candidates", "best"),
        rows=partial(_importance_rows, knobs),
        draw=partial(_draw_importance, knobs),
    )


def _importance_rows(knobs: Sequence[HyperparameterSummary]) -> Iterable[tuple[object, ...]]:
    for knob in knobs:
        importance = knob.importance
        yield (knob.name, importance.share, importance.p, importance.candidates,
               value_text(knob.best))  # fmt: skip


def _draw_importance(knobs: Sequence[HyperparameterSummary], figure: Figure, theme: Theme) -> None:
    names = [wrap_text(knob.name, 22, 1) for knob in knobs]
    texts = [wrap_text(f"p = {knob.importance.p:.2g}, best: {value_text(knob.best)}", 32, 1)
             for knob in knobs]  # fmt: skip
    axes, middles = row_axes(figure, names, texts)
    most = max(100 * knob.importance.share for knob in knobs)
    axes.set_xlim(0, max(10.0, 1.05 * most))
    for name, text, middle, knob in zip(names, texts, middles, knobs, strict=True):
        is_clear = knob.importance.p <= 0.05
        axes.barh([middle], [100 * knob.importance.share], height=0.14, linewidth=0,
                  color=theme.validation if is_clear else theme.muted,
                  alpha=0.85 if is_clear else 0.45)  # fmt: skip
        write_above(axes, middle, name, text)
    axes.set_xlabel("variance of ranks explained, %")
