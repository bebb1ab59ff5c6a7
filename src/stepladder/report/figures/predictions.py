"""Predictions: the values of a regression against the true ones, the metric of each label."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from stepladder.report.figures.axes import (
    LINE,
    NAME_LENGTH,
    WIDTH,
    accuracy_axis,
    add_space,
    amount,
    axes_at,
    better_side,
    first_of,
    label_rows,
    number_on_axis,
    outer_labels,
    panel_titles,
    power_of,
    row_axes,
    score_axis,
    unit_of_axis,
    wrap_text,
    write_above,
)
from stepladder.report.figures.bands import line_style
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import Measure, measure_of, number, plural, printable, truncate
from stepladder.runs.predictions import ArmPredictions, Predictions
from stepladder.runs.results import Results
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Estimate
from stepladder.study import scoring
from stepladder.study.metrics import METRICS, Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TARGETS = 4
MOST_LABELS = 24
MOST_DOTS = 400
MOST_BARS = 150
"""Examples up to which the range of the replicates is drawn at each dot."""

Floats = npt.NDArray[np.float64]


def scatter_plot(results: Results) -> Plot | None:
    """Predicted against true values of a regression; None without any."""
    shown = results.predictions
    if shown is None or shown.are_labels:
        return None
    targets, examples = _drawn_targets(shown), _drawn_examples(shown)
    left = len(shown.names) - len(targets)
    notes = [f" Left out: {plural(left, 'target')} that the best arm gets better." if left else ""]
    if len(examples) < len(shown.truth):
        notes.append(f" Drawn are {len(examples)} of {len(shown.truth):,} {results.noun}s.")
    several = any(len(arm.values) > 1 for arm in shown.arms)
    what = "the mean over replicates" if several else "one replicate"
    if several and len(examples) <= MOST_BARS:
        what += ", with a line from the least to the greatest"
    r2 = "the mean of the replicates' r²" if several else "r²"
    return Plot(
        name="predictions",
        title="Predicted against true values",
        caption=f"A dot is a test {results.noun}: its true value and the value that an arm "
        f"gives it, {what}; the nearer to the line, the better. At the right of each name {r2}: 1 "
        "is perfect, 0 is no better than the mean. "
        f"{_chosen(results, shown)}{''.join(notes)}",
        words=_scatter_words(results, shown, targets),
        columns=("arm", "target", "index", "truth", "mean", "least", "greatest", "replicates"),
        rows=partial(_scatter_rows, shown),
        draw=partial(_draw_scatter, shown, targets, examples, _unit_of(results)),
    )


def _chosen(results: Results, shown: Predictions) -> str:
    measure = measure_of(results)
    most = "highest" if measure.metric.sign > 0 else "lowest"
    best = truncate(shown.best, NAME_LENGTH)
    if len(shown.arms) < 2:
        return f"Shown is {best}."
    return f"{best} has the {most} {measure.on('validation')}."


def _unit_of(results: Results) -> Measure:
    """The unit of the targets, where the judged metric has it."""
    measure = measure_of(results)
    return measure if measure.metric.name in ("rmse", "mae") else Measure(METRICS["rmse"], None)


def _r2(arm: ArmPredictions, truth: Floats, target: int) -> float:
    scores = [scoring.r2(truth[:, [target]], values[:, [target]]) for values in arm.values]
    return float(np.mean(scores))


def _drawn_targets(shown: Predictions) -> list[int]:
    """The targets drawn: all of a few, the worst of many."""
    best = next(arm for arm in shown.arms if arm.name == shown.best)
    places = list(range(len(shown.names)))
    if len(places) <= MOST_TARGETS:
        return places
    worst = sorted(places, key=lambda target: _r2(best, shown.truth, target))
    return sorted(worst[:MOST_TARGETS])


def _drawn_examples(shown: Predictions) -> list[int]:
    count = len(shown.truth)
    if count <= MOST_DOTS:
        return list(range(count))
    return [round(place) for place in np.linspace(0, count - 1, MOST_DOTS).tolist()]


def _scatter_words(results: Results, shown: Predictions, targets: Sequence[int]) -> str:
    texts = [
        f"{truncate(arm.name, NAME_LENGTH)}{_of(shown, target)} "
        f"{number(_r2(arm, shown.truth, target))}"
        for target in targets
        for arm in shown.arms
    ]
    return (
        f"Values of {plural(len(shown.truth), f'test {results.noun}')} by "
        f"{plural(len(shown.arms), 'arm')} against the true ones. r² of {'; '.join(texts)}."
    )


def _of(shown: Predictions, target: int) -> str:
    return f" on {truncate(shown.names[target], 30)}" if len(shown.names) > 1 else ""


def _scatter_rows(shown: Predictions) -> Iterable[tuple[object, ...]]:
    for arm in shown.arms:
        mean, low, high = arm.mean, arm.values.min(axis=0), arm.values.max(axis=0)
        for (index, target), truth in np.ndenumerate(shown.truth):
            place = (index, target)
            yield (printable(arm.name), printable(shown.names[target]), index, float(truth),
                   float(mean[place]), float(low[place]), float(high[place]),
                   len(arm.values))  # fmt: skip


def _draw_scatter(
    shown: Predictions, targets: Sequence[int], examples: Sequence[int], unit: Measure,
    figure: Figure, theme: Theme,
) -> None:  # fmt: skip
    """One panel an arm in a row, one row a target; the two axes of a row have one scale."""
    has_several = len(shown.names) > 1
    left, between, spare = (0.8 if has_several else 0.62), 0.16, 0.42
    side = min((WIDTH - left - 0.1 - 2 * between) / 3, 1.9)
    block = len(shown.arms) * (side + between) - between
    shift = max(0.0, (WIDTH - left - 0.1 - block) / 2)  # fewer panels stand in the middle
    left += shift
    titles = panel_titles([arm.name for arm in shown.arms], 17)
    head = 0.08 + LINE * (1 + max(title.count("\n") for title in titles))
    step, rows = side + spare, len(targets)
    height = head + rows * step
    figure.set_size_inches(WIDTH, height)
    for row, target in enumerate(targets):
        limits, power = _limits(shown, target, examples)
        for column, arm in enumerate(shown.arms):
            axes = axes_at(figure, left + column * (side + between),
                           height - head - row * step - side, side, side)  # fmt: skip
            _draw_panel(axes, arm, shown.truth, target, examples, theme)
            axes.set(xlim=limits, ylim=limits)
            _number_axes(axes, power, has_left=column == 0)
            axes.set_title(titles[column] if row == 0 else "")
            axes.set_title(f"r² {number(_r2(arm, shown.truth, target))}", loc="right",
                           color=theme.validation)  # fmt: skip
            if column == 0 and has_several:
                axes.set_ylabel(wrap_text(f"{shown.names[target]}{unit_of_axis(unit, power)}", 18))
    behind = "" if has_several else unit_of_axis(unit, power)
    outer_labels(figure, f"true value{behind}", f"predicted value{behind}", shift)


def _limits(
    shown: Predictions, target: int, examples: Sequence[int]
) -> tuple[tuple[float, float], int]:
    """Limits that hold what is drawn of a target, and the power of ten of its numbers."""
    values = [shown.truth[examples, target], *(arm.mean[examples, target] for arm in shown.arms)]
    low, high = float(min(map(np.min, values))), float(max(map(np.max, values)))
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return (low - margin, high + margin), power_of((low, high))


def _number_axes(axes: Axes, power: int, *, has_left: bool) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(nbins=4)  # type: ignore[call-arg]
        axis.set_major_formatter(lambda value, _: number_on_axis(value / 10.0**power))
    axes.tick_params(labelleft=has_left)


def _draw_panel(
    axes: Axes, arm: ArmPredictions, truth: Floats, target: int, examples: Sequence[int],
    theme: Theme,
) -> None:  # fmt: skip
    values, true = arm.values[:, examples, target], truth[examples, target]
    axes.axline((0, 0), slope=1, color=theme.muted, linewidth=0.9, zorder=2)
    if len(values) > 1 and len(examples) <= MOST_BARS:
        axes.vlines(true, values.min(axis=0), values.max(axis=0), color=theme.validation,
                    linewidth=0.6, alpha=0.35, zorder=2)  # fmt: skip
    size = 9 if len(examples) <= MOST_BARS else 4
    axes.scatter(true, values.mean(axis=0), s=size, color=theme.validation, alpha=0.65,
                 linewidths=0, zorder=3)  # fmt: skip


class LabelScore(NamedTuple):
    """The judged metric of one label in one arm, and how often the label applies."""

    arm: str
    label: str
    share: float
    score: Estimate


def label_scores(results: Results) -> tuple[LabelScore, ...]:
    """The judged metric of each label, the arms of `Results.predictions` one after the other."""
    shown, metric = results.predictions, results.study.judged
    if shown is None or not shown.are_labels or metric.score is None:
        return ()
    return tuple(
        LabelScore(arm.name, name, float(shown.truth[:, place].mean()), estimate(
            [_score_of(metric, shown.truth[:, [place]], values[:, [place]])
             for values in arm.values], metric=metric))
        for arm in shown.arms for place, name in enumerate(shown.names)
    )  # fmt: skip


def _score_of(metric: Metric, truth: Floats, probabilities: Floats) -> float:
    assert metric.score is not None
    labels = truth.astype(np.int64)
    given = probabilities if metric.needs == "probabilities" else (probabilities > 0.5).astype(int)
    return float(metric.score(labels, given))


def labels_plot(results: Results) -> Plot | None:
    """The judged metric of each label; None without several labels."""
    scores, measure = label_scores(results), measure_of(results)
    if not any(math.isfinite(one.score.mean) for one in scores):
        return None
    assert results.predictions is not None
    labels = list(results.predictions.names)
    best = results.predictions.best
    if len(labels) > MOST_LABELS:
        of_best = {one.label: one.score.mean for one in scores if one.arm == best}
        sign = measure.metric.sign
        worst = sorted(labels, key=lambda label: sign * of_best[label])[:MOST_LABELS]
        labels = [label for label in labels if label in worst]
    left = len(results.predictions.names) - len(labels)
    left_out = f" Left out: {plural(left, 'label')} that the best arm gets better." if left else ""
    return Plot(
        name="labels",
        title="Which labels are found",
        caption=f"Test {measure.name} of each label alone, mean of the replicates with its 95 % t "
        f"interval; at the right of which share of the test {results.noun}s the label is true. "
        f"{_chosen(results, results.predictions)}{left_out}",
        words=_labels_words(scores, labels, measure, best),
        columns=("arm", "label", "share", "mean", "ci_low", "ci_high"),
        rows=partial(_label_rows, scores),
        draw=partial(_draw_labels, scores, labels, measure),
    )


def _labels_words(
    scores: Sequence[LabelScore], labels: Sequence[str], measure: Measure, best: str
) -> str:
    texts = [
        f"{truncate(one.label, 30)} {amount(measure.metric.scale * one.score.mean, measure)}"
        for one in scores
        if one.arm == best
    ]
    return (
        f"{measure.name} of {plural(len(labels), 'label')}. {truncate(best, NAME_LENGTH)}: "
        f"{first_of(texts, 8, 'further labels')}."
    )


def _label_rows(scores: Sequence[LabelScore]) -> Iterable[tuple[object, ...]]:
    for one in scores:
        yield (printable(one.arm), printable(one.label), one.share, one.score.mean,
               one.score.ci_low, one.score.ci_high)  # fmt: skip


def _draw_labels(
    scores: Sequence[LabelScore], labels: Sequence[str], measure: Measure, figure: Figure,
    theme: Theme,
) -> None:  # fmt: skip
    from matplotlib.lines import Line2D

    arms = list(dict.fromkeys(one.arm for one in scores))
    shares = {one.label: f"{number(100 * one.share, 1)} %" for one in scores}
    names, bar = [wrap_text(label, 40) for label in labels], 0.06 + 0.13 * len(arms)
    axes, middles = row_axes(figure, names, [shares[label] for label in labels], bar)
    scale = measure.metric.scale
    values = [scale * end for one in scores
              for end in (one.score.mean, one.score.ci_low, one.score.ci_high)
              if end is not None and math.isfinite(end)]  # fmt: skip
    unit = ", %"
    if measure.metric.is_fraction:  # an interval may leave what is possible
        values = [min(max(value, 0.0), 100.0) for value in values]
        accuracy_axis(axes, "x", values, is_log=False)
    else:
        unit, _ = score_axis(axes, "x", values, measure)
    label_rows(axes, f"test {measure.name}{unit}{better_side(measure)}")
    low, high = axes.get_xlim()
    for one in scores:
        if one.label not in labels:
            continue
        rank, row = arms.index(one.arm), labels.index(one.label)
        y = middles[row] + 0.13 * (rank - (len(arms) - 1) / 2)
        style, score = line_style(theme, rank), one.score
        if score.ci_low is not None and score.ci_high is not None:
            ends = np.clip([scale * score.ci_low, scale * score.ci_high], low, high)
            axes.plot(ends, [y, y], color=style.colour, linewidth=1.1, alpha=0.6)
        axes.plot([scale * score.mean], [y], color=style.colour, marker=style.marker,
                  markersize=4.2, linestyle="", clip_on=False)  # fmt: skip
    for row, label in enumerate(labels):
        write_above(axes, middles[row], names[row], shares[label], theme.muted, bar)
    key = [Line2D([], [], color=line_style(theme, rank).colour, linestyle="",
                  marker=line_style(theme, rank).marker, markersize=4.2,
                  label=truncate(arm, 24)) for rank, arm in enumerate(arms)]  # fmt: skip
    add_space(figure, above=0.2)
    height = figure.get_size_inches()[1]
    figure.legend(handles=key, loc="upper right", ncols=len(arms), frameon=False, borderpad=0,
                  borderaxespad=0, handletextpad=0.2, columnspacing=1.2, labelcolor="linecolor",
                  bbox_to_anchor=(1 - 0.08 / WIDTH, 1 - 0.03 / height))  # fmt: skip
