"""The ladder: test accuracy arm by arm, each step with its verdict, published figures beside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.plots.layout import LINE, SMALL, WIDTH, axes_at, folded, plain_rows
from stepladder.report.plots.overlay import LOG_ODDS
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import accuracy_axis, is_high
from stepladder.report.style import MARKS, Theme
from stepladder.report.view import view_of
from stepladder.report.wording import elided, number
from stepladder.runner.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Rung", "ladder_plot", "rungs_of"]

NAME_LENGTH = 60
NAME_WIDTH = 24
TOLD = 10
MOST_RUNGS = 64
LEFT, RIGHT = 1.62, 1.42


@dataclass(frozen=True)
class Rung:
    """One arm as a rung.

    Attributes:
        name: the arm's name, made visible.
        test: test accuracy in percent.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        reported: the published figure in percent, or None.
        below: place of the arm that it is compared with, or None.
        effect: the step with its interval, as in the table, or "".
        verdict: of the step, in words, or "".
        kind: the verdict itself, or "".
        remark: what is to be said in place of the accuracy, or "".
    """

    name: str
    test: float
    low: float | None
    high: float | None
    reported: float | None
    below: int | None
    effect: str
    verdict: str
    kind: str
    remark: str

    @property
    def points(self) -> tuple[float, ...]:
        """Its accuracy and the published one."""
        found = (self.test, self.reported)
        return tuple(each for each in found if each is not None and math.isfinite(each))

    @property
    def ends(self) -> tuple[float, ...]:
        """All of it that stands on the axis."""
        found = (self.test, self.low, self.high, self.reported)
        return tuple(each for each in found if each is not None and math.isfinite(each))


def rungs_of(results: Results) -> tuple[Rung, ...]:
    """Every arm of a study as a rung."""
    rows = view_of(results).rows
    places = {row.name: place for place, row in enumerate(rows)}
    return tuple(
        Rung(
            name=row.name,
            test=row.test.mean,
            low=row.test.low,
            high=row.test.high,
            reported=None if result.reported is None else 100 * result.reported,
            below=None if row.against is None else places.get(row.against),
            effect=row.effect.text if row.effect else "",
            verdict=row.verdict,
            kind=row.kind or "",
            remark=row.instead or "",
        )
        for row, result in zip(rows, results.arms, strict=True)
    )


def ladder_plot(results: Results) -> Plot | None:
    """Accuracy arm by arm, or None before any arm has a replicate."""
    rungs = rungs_of(results)
    if not any(math.isfinite(rung.test) for rung in rungs):
        return None
    is_ladder = results.study.design == "ladder"
    return Plot(
        name="ladder",
        title="The ladder, rung by rung" if is_ladder else "Test accuracy, arm by arm",
        caption=_caption(results, rungs),
        words=_words(rungs),
        columns=("arm", "compared_with", "test_percent", "low_percent", "high_percent",
                 "reported_percent", "effect", "verdict", "remark"),
        rows=partial(_rows, rungs),
        draw=partial(_draw, rungs[:MOST_RUNGS]),
    )  # fmt: skip


def _caption(results: Results, rungs: Sequence[Rung]) -> str:
    said = (
        "Test accuracy of the final weights with its 95 % t interval over replicates; a dotted "
        "line leads from the arm that each is compared with, and what the step is worth stands "
        "at the right: ▲ helps, ▼ hurts, ≈ no difference that matters, ? not enough replicates."
    )
    if any(rung.reported is not None for rung in rungs):
        said += " Open diamonds: the reported figures, which are of other trainings."
    if is_high(point for rung in rungs for point in rung.points):
        said += f" {LOG_ODDS}"
    if len(rungs) > MOST_RUNGS:
        said += f" The first {MOST_RUNGS} of {len(rungs):,}; the data hold all."
    return said


def _words(rungs: Sequence[Rung]) -> str:
    told = [_told(rung) for rung in rungs[:TOLD]]
    if len(rungs) > TOLD:
        told.append(f"{len(rungs) - TOLD} further arms are in the table")
    return f"Test accuracy, arm by arm: {'; '.join(told)}."


def _told(rung: Rung) -> str:
    accuracy = f"{number(rung.test)} %" if math.isfinite(rung.test) else "none"
    said = f"{elided(rung.name, NAME_LENGTH)} {accuracy}"
    said += f" ({rung.remark})" if rung.remark else ""
    said += f", {rung.effect} points, {rung.verdict}" if rung.effect else ""
    return said + ("" if rung.reported is None else f", reported {number(rung.reported)} %")


def _rows(rungs: Sequence[Rung]) -> Iterable[tuple[object, ...]]:
    for rung in rungs:
        below = "" if rung.below is None else rungs[rung.below].name
        yield (rung.name, below, rung.test, rung.low, rung.high, rung.reported, rung.effect,
               rung.verdict, rung.remark)  # fmt: skip


def _draw(rungs: Sequence[Rung], figure: Figure, theme: Theme) -> None:
    names = [folded(rung.name, NAME_WIDTH, 3) for rung in rungs]
    heights = [max(0.36, LINE * (1 + name.count("\n")) + 0.1) for name in names]
    bottom, top = 0.45, 0.06
    figure.set_size_inches(WIDTH, bottom + sum(heights) + top)
    axes = axes_at(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, sum(heights))
    axes.set_ylim(sum(heights), 0)
    points = [point for rung in rungs for point in rung.points]
    is_log = is_high(points)
    floor = min(points, default=0.0) / 2  # a wide interval may leave the axes, a point may not
    ends = [max(end, floor) for rung in rungs for end in rung.ends]
    accuracy_axis(axes, "x", ends, is_log=is_log)
    plain_rows(axes)
    middles = [sum(heights[:place]) + height / 2 for place, height in enumerate(heights)]
    for place, rung in enumerate(rungs):
        if rung.below is not None and rung.below < len(rungs):
            _draw_step(axes, rungs[rung.below], middles[rung.below], rung, middles[place], theme)
        _draw_rung(axes, rung, middles[place], names[place], theme)
    axes.set_xlabel("test accuracy, %" + (" (log-odds)" if is_log else ""), labelpad=2)


def _draw_step(axes: Axes, below: Rung, start: float, rung: Rung, end: float, theme: Theme) -> None:
    if not (math.isfinite(below.test) and math.isfinite(rung.test)):
        return
    colour = theme.verdicts.get(rung.kind, theme.muted)
    axes.plot([below.test, below.test, rung.test], [start, end, end], color=colour, linewidth=0.9,
              linestyle=(0, (1.2, 1.4)), zorder=2)  # fmt: skip


def _draw_rung(axes: Axes, rung: Rung, middle: float, name: str, theme: Theme) -> None:
    if rung.reported is not None:
        axes.plot([rung.reported], [middle], marker="D", markersize=5, color=theme.train,
                  markerfacecolor="none", markeredgewidth=1.1, zorder=3)  # fmt: skip
    if rung.low is not None and rung.high is not None:
        axes.plot([rung.low, rung.high], [middle, middle], color=theme.ink, linewidth=1.8,
                  zorder=4, solid_capstyle="butt")  # fmt: skip
    axes.plot([rung.test], [middle], marker="o", markersize=4.6, color=theme.ink, zorder=5)
    axes.annotate(name, (0, middle), xytext=(-6, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", size=SMALL, color=theme.ink, va="center", ha="right",
                  linespacing=1.1, annotation_clip=False)  # fmt: skip
    first = folded(rung.remark, 22, 2) if rung.remark else f"{number(rung.test)} %"
    step = f"{MARKS.get(rung.kind, '')} {rung.effect}"
    said = f"{first}\n{step}" if rung.effect and not rung.remark else first
    axes.annotate(said, (1, middle), xytext=(6, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", size=SMALL, va="center", ha="left", linespacing=1.1,
                  color=theme.verdicts.get(rung.kind, theme.ink),
                  annotation_clip=False)  # fmt: skip
