"""The judged metric against training time or size, and the arms that no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from stepladder.report.figures.axes import (
    LABEL_LENGTH,
    NAME_LENGTH,
    amount,
    axis_label,
    better_words,
    cost_axis,
    first_of,
    is_log_odds,
    log_odds_note,
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
    if any(spot.test < least for spot in spots):
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
    ends = [end for spot in inside for end in (spot.test, spot.low, spot.high) if end is not None]
    ends = [max(end, least) for end in within_reach(points, ends, shown)]
    unit, power = score_axis(axes, "y", ends, shown, points=points)
    name = f"{part} {truncate(shown.name, LABEL_LENGTH)}"
    axes.set_ylabel(axis_label(name, unit, better_words(shown)))
    align_label(axes)
    cost_axis(axes, [spot.cost for spot in spots])
    front = sorted((spot for spot in inside if spot.is_front), key=lambda spot: spot.cost)
    axes.step([spot.cost for spot in front], [spot.test for spot in front], where="post",
              color=theme.validation, linewidth=1.1, zorder=2)  # fmt: skip
    for spot in spots:
        _draw_spot(axes, spot, theme, spot.test >= least)
    named = list(inside) if len(spots) <= EVERY_ARM_UP_TO else list(front[-EVERY_ARM_UP_TO:])
    axes.set_xlabel(cost.label + " (log)" * (axes.get_xscale() == "log"))
    named.sort(key=lambda spot: -shown.metric.sign * spot.test)
    _number_spots(figure, axes, named, theme)
    name_ends(figure, [
        End(spot.test, f"{place} {spot.name}", LineStyle(_colour(spot, theme), "", "o"))
        for place, spot in enumerate(named, start=1)
    ], shown, power)  # fmt: skip


_SHIFTS = [(x, 3 + 9 * step) for step in (0, -1, 1, -2, 2, -3, 3) for x in (5, -10)]
"""Points from a mark to its number, the best place first."""


def _number_spots(figure: Figure, axes: Axes, named: Sequence[Spot], theme: Theme) -> None:
    """Numbers beside marks, none over another or over another mark."""
    taken: list[tuple[float, float]] = []
    marks = [axes.transData.transform((spot.cost, spot.test)) * 72 / figure.dpi for spot in named]
    for place, (spot, (x, y)) in enumerate(zip(named, marks, strict=True), start=1):
        others = [(a - 3, b - 3) for a, b in (*marks[: place - 1], *marks[place:])]
        free = [
            (right, up) for right, up in _SHIFTS
            if all(abs(x + right - a) > 10 or abs(y + up - b) >= 9 for a, b in (*taken, *others))
        ]  # fmt: skip
        right, up = (free or _SHIFTS)[0]
        taken.append((x + right, y + up))
        axes.annotate(str(place), (spot.cost, spot.test), xytext=(right, up), zorder=5,
                      textcoords="offset points", color=_colour(spot, theme))  # fmt: skip


def _colour(spot: Spot, theme: Theme) -> str:
    return theme.validation if spot.is_front else theme.muted


def _least(spots: Sequence[Spot], shown: Measure) -> float:
    """The percentage below which arms would press those that matter together; else no limit."""
    is_stretched = shown.metric.sign > 0 and is_log_odds([spot.test for spot in spots], shown)
    return LEAST if is_stretched else -math.inf


def _draw_spot(axes: Axes, spot: Spot, theme: Theme, is_inside: bool) -> None:
    colour = _colour(spot, theme)
    face = colour if spot.is_front else theme.paper
    if not is_inside:
        axes.plot([spot.cost], [0.02], marker="v", markersize=5, color=colour, zorder=4,
                  markerfacecolor=face, transform=axes.get_xaxis_transform())  # fmt: skip
        return
    if spot.low is not None and spot.high is not None:
        axes.plot([spot.cost] * 2, [spot.low, spot.high], color=colour, linewidth=1.4, zorder=3)
    axes.plot([spot.cost], [spot.test], marker="o", markersize=5, color=colour, zorder=4,
              markerfacecolor=face)  # fmt: skip
