"""Accuracy against training time, and the arms that no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.plots.layout import WIDTH, axes_at
from stepladder.report.plots.lines import EVERY_ARM_UP_TO, name_ends
from stepladder.report.plots.overlay import LOG_ODDS
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import accuracy_axis, is_high
from stepladder.report.style import Theme
from stepladder.report.view import view_of
from stepladder.report.wording import elided, joined, number
from stepladder.runner.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Spot", "pareto_plot", "spots_of"]

NAME_LENGTH = 60
TOLD = 10
LEFT, RIGHT = 0.52, 1.62


@dataclass(frozen=True)
class Spot:
    """One arm in time and accuracy.

    Attributes:
        name: the arm's name, made visible.
        seconds: of training, mean over its replicates.
        test: test accuracy in percent.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        is_front: whether no other arm is both at least as accurate and at least as fast, and
            one of them strictly.
    """

    name: str
    seconds: float
    test: float
    low: float | None
    high: float | None
    is_front: bool


def spots_of(results: Results) -> tuple[Spot, ...]:
    """Every arm that has a finite accuracy and a time."""
    found = [
        (row.name, result.seconds / result.n, row.test)
        for row, result in zip(view_of(results).rows, results.arms, strict=True)
        if result.n and result.seconds > 0 and math.isfinite(row.test.mean)
    ]
    return tuple(
        Spot(name, seconds, shown.mean, shown.low, shown.high,
             not any(_beats(time, other.mean, seconds, shown.mean) for _, time, other in found))
        for name, seconds, shown in found
    )  # fmt: skip


def _beats(seconds: float, test: float, other_seconds: float, other_test: float) -> bool:
    at_least = seconds <= other_seconds and test >= other_test
    return at_least and (seconds < other_seconds or test > other_test)


def pareto_plot(results: Results) -> Plot | None:
    """Accuracy against time, or None with fewer than two arms to compare."""
    spots = spots_of(results)
    if len(spots) < 2:
        return None
    stretched = f" {LOG_ODDS}" if is_high(spot.test for spot in spots) else ""
    return Plot(
        name="pareto",
        title="Accuracy against training time",
        caption="Test accuracy with its 95 % t interval over replicates against the seconds that "
        "training one replicate took, compiling left out. Filled and joined by a line: the Pareto "
        "front, the arms that no other beats in both. It is read off means: arms whose intervals "
        f"overlap may change places.{stretched}",
        words=_words(spots),
        columns=("arm", "seconds", "test_percent", "low_percent", "high_percent", "pareto_front"),
        rows=partial(_rows, spots),
        draw=partial(_draw, spots),
    )


def _rows(spots: Sequence[Spot]) -> Iterable[tuple[object, ...]]:
    for spot in spots:
        yield (spot.name, spot.seconds, spot.test, spot.low, spot.high, int(spot.is_front))


def _words(spots: Sequence[Spot]) -> str:
    told = [
        f"{elided(spot.name, NAME_LENGTH)} {number(spot.test)} % in {number(spot.seconds, 2)} s"
        for spot in sorted(spots, key=lambda spot: spot.seconds)[:TOLD]
    ]
    if len(spots) > TOLD:
        told.append(f"{len(spots) - TOLD} further arms are in the data")
    front = joined([elided(spot.name, NAME_LENGTH) for spot in spots if spot.is_front][:TOLD])
    return f"{'; '.join(told)}. On the Pareto front: {front}."


def _draw(spots: Sequence[Spot], figure: Figure, theme: Theme) -> None:
    height, bottom = 2.7, 0.42
    figure.set_size_inches(WIDTH, bottom + height + 0.1)
    axes = axes_at(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, height)
    floor = min(spot.test for spot in spots) / 2  # a wide interval may leave the axes
    ends = [max(end, floor) for spot in spots for end in (spot.test, spot.low, spot.high)
            if end is not None]  # fmt: skip
    is_log = is_high(spot.test for spot in spots)
    accuracy_axis(axes, "y", ends, is_log=is_log)
    least, most = min(spot.seconds for spot in spots), max(spot.seconds for spot in spots)
    axes.set_xlim(
        0 if least < most / 2 else least - 0.3 * (most - least) - 0.05 * least, 1.08 * most
    )
    front = sorted((spot for spot in spots if spot.is_front), key=lambda spot: spot.seconds)
    axes.step([spot.seconds for spot in front], [spot.test for spot in front], where="post",
              color=theme.validation, linewidth=1.1, zorder=2)  # fmt: skip
    for spot in spots:
        _draw_spot(axes, spot, theme)
    named = spots if len(spots) <= EVERY_ARM_UP_TO else front[-EVERY_ARM_UP_TO:]
    name_ends(axes, height, [
        (spot.seconds, spot.test, f"{elided(spot.name, 50)}\N{EN SPACE}{number(spot.test, 1)}",
         theme.validation if spot.is_front else theme.muted)
        for spot in named
    ])  # fmt: skip
    axes.set_xlabel("seconds of training, one replicate", labelpad=2)
    axes.set_ylabel("test accuracy, %" + (" (log-odds)" if is_log else ""))
    axes.yaxis.set_label_coords(-0.4 / (WIDTH - LEFT - RIGHT), 0.5)


def _draw_spot(axes: Axes, spot: Spot, theme: Theme) -> None:
    colour = theme.validation if spot.is_front else theme.muted
    if spot.low is not None and spot.high is not None:
        axes.plot([spot.seconds] * 2, [spot.low, spot.high], color=colour, linewidth=1.4, zorder=3)
    axes.plot([spot.seconds], [spot.test], marker="o", markersize=5, color=colour, zorder=4,
              markerfacecolor=colour if spot.is_front else theme.paper)  # fmt: skip
