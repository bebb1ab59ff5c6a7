"""The judged metric against training time or size, and the arms that no other beats in both."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stepladder.report.figures.axes import (
    LABEL_LENGTH,
    NAME_LENGTH,
    Interval,
    amount,
    axis_label,
    better_words,
    cost_axis,
    cut_note,
    first_of,
    is_log_odds,
    log_odds_note,
    mark_cut,
    score_axis,
    single_axes,
    within_reach,
)
from stepladder.report.figures.bands import (
    EVERY_ARM_UP_TO,
    LEFT,
    RIGHT,
    End,
    LineStyle,
    align_label,
    name_ends,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.tables import FormattedNumber
from stepladder.report.view import view_of
from stepladder.report.wording import Measure, join_list, measure_of, number, truncate
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARMS_DESCRIBED = 10
LEAST = 80.0
"""Percent. Where others come near 100, arms below it are marked at the lower edge."""


@dataclass(frozen=True)
class Cost:
    """What the judged metric is weighed against.

    Attributes:
        name: of the figure.
        title: of the figure, behind the metric's name.
        head: of its column in the data.
        label: of the axis.
        description: what is on the axis, in a sentence.
        words: how much something costs, in words.
    """

    name: str
    title: str
    head: str
    label: str
    description: str
    words: Callable[[float], str]


TIME = Cost(
    "pareto",
    "against training time",
    "seconds",
    "seconds of training, one replicate",
    "the seconds that training one replicate took, compiling left out",
    lambda seconds: f"in {number(seconds, 2)} s",
)
SIZE = Cost(
    "pareto-weights",
    "against the number of weights",
    "weights",
    "weights of one network",
    "the number of trainable weights",
    lambda weights: f"with {weights:,.0f} weights",
)


Corners = Sequence[tuple[float, float]]
"""Both ends of a line, in the units of the axes."""


class Point(NamedTuple):
    """Something in cost and score: a name, its cost, and the metric as it is shown."""

    name: str
    cost: float
    score: FormattedNumber


@dataclass(frozen=True)
class Spot:
    """One arm in cost and score.

    Attributes:
        name: the arm's name, made visible.
        cost: seconds of training, mean over its replicates, or weights.
        test: the metric as it is shown, accuracy in percent.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        is_front: whether no other arm is both at least as good and at least as cheap, and one of
            them strictly.
    """

    name: str
    cost: float
    test: float
    low: float | None
    high: float | None
    is_front: bool


def spots_of(results: Results) -> tuple[Spot, ...]:
    """Every arm that has a finite score and a time."""
    return spots([
        Point(row.name, result.seconds / result.n, row.test)
        for row, result in zip(view_of(results).rows, results.arms, strict=True)
        if result.n and result.seconds > 0 and math.isfinite(row.test.mean)
    ], results.study.judged.sign)  # fmt: skip


def spots(points: Sequence[Point], sign: int = 1) -> tuple[Spot, ...]:
    """Points, each with whether it is on the Pareto front.

    Args:
        points: what there is.
        sign: 1 where a larger score is better, -1 where a smaller one is.
    """
    return tuple(
        Spot(name, cost, shown.mean, shown.low, shown.high,
             not any(_beats(other.cost, sign * other.score.mean, cost, sign * shown.mean)
                     for other in points))
        for name, cost, shown in points
    )  # fmt: skip


def _beats(cost: float, test: float, other_cost: float, other_test: float) -> bool:
    at_least = cost <= other_cost and test >= other_test
    return at_least and (cost < other_cost or test > other_test)


def pareto_plot(results: Results) -> Plot | None:
    """The judged metric against time, or None with fewer than two arms to compare."""
    cost = TIME
    if results.study.trainer is not None:
        cost = replace(TIME, description="the seconds that one training took")
    return front_plot(spots_of(results), cost, measure_of(results))


def front_plot(
    spots: Sequence[Spot], cost: Cost, shown: Measure, part: str = "test"
) -> Plot | None:
    """A metric against a cost, or None with fewer than two spots to compare.

    Args:
        spots: what is drawn.
        cost: what the axis is.
        shown: the metric.
        part: of the data that the metric is measured on.
    """
    if len(spots) < 2:
        return None
    unit = "_percent" if shown.metric.is_fraction else ""
    note = log_odds_note([spot.test for spot in spots], shown)
    least = _least(spots, shown)
    inside = [spot for spot in spots if spot.test >= least]
    note += cut_note([spot.test for spot in inside], _intervals(inside), shown)
    if len(inside) < len(spots):
        note += f" Triangles at the lower edge: arms below {number(least)} %."
    return Plot(
        name=cost.name,
        title=f"{'Accuracy' if shown.is_accuracy else shown.name} {cost.title}",
        caption=f"{part.capitalize()} {shown.name} with its 95 % t interval over replicates "
        f"against {cost.description}. Filled and joined by a line: the Pareto "
        "front, the arms that no other beats in both. It is read off means: arms whose intervals "
        f"overlap may change places.{' Lower is better.' if shown.metric.sign < 0 else ''}{note}",
        words=_words(spots, cost, shown),
        columns=("arm", cost.head, *(f"{head}{unit}" for head in (part, "low", "high")),
                 "pareto_front"),
        rows=partial(_rows, spots),
        draw=partial(_draw, spots, cost, shown, part),
    )  # fmt: skip


def _intervals(spots: Iterable[Spot]) -> list[Interval]:
    return [(spot.low, spot.high) for spot in spots]


def _rows(spots: Sequence[Spot]) -> Iterable[tuple[object, ...]]:
    for spot in spots:
        yield (spot.name, spot.cost, spot.test, spot.low, spot.high, int(spot.is_front))


def _words(spots: Sequence[Spot], cost: Cost, shown: Measure) -> str:
    arms = [
        f"{truncate(spot.name, NAME_LENGTH)} {amount(spot.test, shown)} {cost.words(spot.cost)}"
        for spot in sorted(spots, key=lambda spot: spot.cost)
    ]
    front = [truncate(spot.name, NAME_LENGTH) for spot in spots if spot.is_front]
    return (
        f"{first_of(arms, ARMS_DESCRIBED, 'further arms are in the data')}. On the Pareto front: "
        f"{join_list(front[:ARMS_DESCRIBED])}."
    )


def _draw(
    spots: Sequence[Spot], cost: Cost, shown: Measure, part: str, figure: Figure, theme: Theme
) -> None:
    axes = single_axes(figure, 2.7, LEFT, RIGHT)
    least = _least(spots, shown)
    inside = [spot for spot in spots if spot.test >= least]
    points = [spot.test for spot in inside]  # a wide interval may leave the axes
    ends = within_reach(points, _intervals(inside), shown)
    unit, power = score_axis(axes, "y", [*points, *ends], shown, points=points)
    name = f"{part} {truncate(shown.name, LABEL_LENGTH)}"
    axes.set_ylabel(axis_label(name, unit, better_words(shown)))
    align_label(axes)
    cost_axis(axes, [spot.cost for spot in spots])
    front = sorted((spot for spot in inside if spot.is_front), key=lambda spot: spot.cost)
    axes.step([spot.cost for spot in front], [spot.test for spot in front], where="post",
              color=theme.validation, linewidth=1.1, zorder=2)  # fmt: skip
    heights = {spot: spot.test if spot in inside else _edge(axes) for spot in spots}
    for spot in spots:
        _draw_spot(axes, spot, theme, heights[spot])
    best = [spot for spot in spots if spot.is_front]
    best.sort(key=lambda spot: spot.cost)
    named = list(spots) if len(spots) <= EVERY_ARM_UP_TO else best[-EVERY_ARM_UP_TO:]
    axes.set_xlabel(cost.label + " (log)" * (axes.get_xscale() == "log"))
    named.sort(key=lambda spot: -shown.metric.sign * spot.test)
    lines = [[(spot.cost, spot.low), (spot.cost, spot.high)] for spot in inside
             if spot.low is not None and spot.high is not None]  # fmt: skip
    for one, other in itertools.pairwise(front):  # the steps
        corner = (other.cost, one.test)
        lines += [[(one.cost, one.test), corner], [corner, (other.cost, other.test)]]
    _number_spots(axes, {spot: heights[spot] for spot in named}, lines, theme)
    name_ends(figure, [
        End(spot.test, f"{place} {spot.name}", LineStyle(_colour(spot, theme), "", "o"))
        for place, spot in enumerate(named, start=1)
    ], shown, power)  # fmt: skip


_SHIFTS = sorted(
    ((x, y) for x in range(-16, 17, 2) for y in range(-22, 23, 2)),
    key=lambda shift: (math.hypot(*shift), -shift[0], -shift[1]),
)
"""Points from a mark to the middle of its number, the nearest place first, then at the right."""
_MARK = 3.6
_LETTER, _LETTERS_HIGH = 5.0, 6.5
"""Points of a mark's half, and of a digit with the space around it."""


def _number_spots(
    axes: Axes, heights: Mapping[Spot, float], lines: Sequence[Corners], theme: Theme
) -> None:
    """Numbers beside marks, none over another, over another mark or on a line.

    Args:
        axes: with limits.
        heights: of the marks, which are numbered in this order.
        lines: both ends of each, which lie above each other or side by side.
        theme: of the paper.
    """
    inches = axes.figure.dpi_scale_trans.inverted()
    to_points = (axes.transData + inches).transform
    marks = [72 * to_points((spot.cost, height)) for spot, height in heights.items()]
    taken = [(*(mark - _MARK), *(mark + _MARK)) for mark in marks]
    for ends in lines:
        corners = 72 * to_points(ends)
        taken.append((*corners.min(axis=0), *corners.max(axis=0)))
    (left, low), (right, high) = 72 * (axes.transAxes + inches).transform([(0, 0), (1, 1)])
    for place, (spot, mark) in enumerate(zip(heights, marks, strict=True), start=1):
        half = np.array([_LETTER * len(str(place)), _LETTERS_HIGH]) / 2 + 0.8
        boxes = [(*(mark + shift - half), *(mark + shift + half)) for shift in _SHIFTS]
        faults = [
            sum(x0 < x3 and x2 < x1 and y0 < y3 and y2 < y1 for x2, y2, x3, y3 in taken)
            + len(taken) * (x0 < left or y0 < low or x1 > right or y1 > high)
            for x0, y0, x1, y1 in boxes
        ]
        best = faults.index(min(faults))
        taken.append(boxes[best])
        axes.annotate(str(place), (spot.cost, heights[spot]), xytext=_SHIFTS[best], zorder=6,
                      textcoords="offset points", color=_colour(spot, theme), ha="center",
                      va="center_baseline")  # fmt: skip


def _edge(axes: Axes) -> float:
    """The height of marks at the lower edge."""
    return float((axes.transAxes - axes.transData).transform((0, 0.02))[1])


def _colour(spot: Spot, theme: Theme) -> str:
    return theme.validation if spot.is_front else theme.muted


def _least(spots: Sequence[Spot], shown: Measure) -> float:
    """The percentage below which arms would press those that matter together; else no limit."""
    is_stretched = shown.metric.sign > 0 and is_log_odds([spot.test for spot in spots], shown)
    return LEAST if is_stretched else -math.inf


def _draw_spot(axes: Axes, spot: Spot, theme: Theme, height: float) -> None:
    colour, order = _colour(spot, theme), 4 + spot.is_front  # no ring may cover the front
    if height == spot.test and spot.low is not None and spot.high is not None:
        axes.plot([spot.cost] * 2, [spot.low, spot.high], color=colour, linewidth=1.4, zorder=3)
        mark_cut(axes, "y", spot.cost, (spot.low, spot.high), colour)
    axes.plot([spot.cost], [height], marker="o" if height == spot.test else "v", markersize=5,
              color=colour, zorder=order,
              markerfacecolor=colour if spot.is_front else theme.paper)  # fmt: skip
