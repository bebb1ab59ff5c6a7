"""The forest plot of effects, and accuracy by arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    LINE,
    SMALL,
    WIDTH,
    accuracy_axis,
    axes_at,
    effect_axis,
    is_high,
    plain_rows,
    thin_out,
    wrap_text,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.figures.curves import LOG_ODDS
from stepladder.report.view import view_of
from stepladder.report.wording import MARKS, number, plural, truncate
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_LENGTH = 60
NAME_WIDTH = 24  # characters a line
ENDS_TOLD = 8
MOST_DOTS = 60
MOST_BARS = 64
LINEAR_UP_TO = 5.0  # percentage points
LEFT, RIGHT = 1.62, 1.42  # inches for names and for verdicts


@dataclass(frozen=True)
class Bar:
    """The effect of one arm, in percentage points.

    Attributes:
        name: the arm's name, made visible.
        against: the arm it is compared with.
        is_against_told: whether it needs not be named: it is the row above, or one for all.
        mean: the effect.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        verdict: in words.
        text: the effect with its interval, as in the table.
        kind: the verdict itself.
        differences: one a replicate finite in both arms.
        images: ends of the interval for new test images too, or None.
        beside: what stands below the effect where there is no verdict.
    """

    name: str
    against: str
    is_against_told: bool
    mean: float
    low: float | None
    high: float | None
    verdict: str
    text: str
    kind: str
    differences: tuple[float, ...]
    images: tuple[float, float] | None = None
    beside: str = ""

    @property
    def ends(self) -> tuple[float, ...]:
        """The effect, the ends of its intervals and its replicates, as far as they are known."""
        found = (self.mean, self.low, self.high, *(self.images or ()), *self.differences)
        return tuple(each for each in found if each is not None and math.isfinite(each))


@dataclass(frozen=True)
class Forest:
    """All comparisons.

    Attributes:
        bars: one an arm that is compared with another and has a pair of replicates.
        delta: points below which a difference does not matter.
    """

    bars: tuple[Bar, ...]
    delta: float

    @property
    def shown(self) -> tuple[Bar, ...]:
        """Those that are drawn: all, or of very many those of the largest effects."""
        if len(self.bars) <= MOST_BARS:
            return self.bars
        large = sorted(self.bars, key=lambda bar: -abs(bar.mean))[:MOST_BARS]
        return tuple(bar for bar in self.bars if bar in large)

    @property
    def ends(self) -> tuple[float, ...]:
        """All that is drawn on the axis."""
        return tuple(end for bar in self.shown for end in bar.ends)

    @property
    def is_log(self) -> bool:
        """Whether effects differ so much in size that their axis is logarithmic beyond 1 point."""
        return max((abs(end) for end in self.ends), default=0) > LINEAR_UP_TO


def forest_of(results: Results) -> Forest:
    """Every comparison of a study."""
    bars = []
    for row, result in zip(view_of(results).rows, results.arms, strict=True):
        effect, shown = result.effect, row.effect
        if effect is None or shown is None or not math.isfinite(shown.mean):
            continue
        images = effect.new_images
        bars.append(
            Bar(row.name, row.against or "", row.is_against_told, shown.mean, shown.low,
                shown.high, row.verdict, shown.text, row.kind or "",
                tuple(each for each in effect.differences if math.isfinite(each)),
                None if images is None else (images.low, images.high))
        )  # fmt: skip
    return Forest(tuple(bars), results.study.delta)


def effects_plot(results: Results) -> Plot | None:
    """The forest plot, or None where nothing is compared."""
    forest = forest_of(results)
    if not forest.bars:
        return None
    return forest_plot(forest, "effects", "What each technique is worth", _caption(forest))


def forest_plot(forest: Forest, name: str, title: str, caption: str) -> Plot:
    """A figure of any comparisons.

    Args:
        forest: what is compared.
        name: of the figure's files.
        title: of the figure.
        caption: how to read it.
    """
    return Plot(
        name=name,
        title=title,
        caption=caption,
        words=_words(forest.bars),
        columns=("arm", "compared_with", "what", "pair", "points", "low_points",
                 "high_points", "verdict"),
        rows=partial(_rows, forest),
        draw=partial(_draw, forest),
    )  # fmt: skip


def _caption(forest: Forest) -> str:
    said = (
        "Effect of each arm on test accuracy. Thick line: 95 % interval for these test images, "
        "retrained; thin: for new test images too, where known; small dots below: single "
        f"replicates. Grey strip: ± {forest.delta:g}, within which a difference does not matter. "
        "A hollow mark: not enough replicates."
    )
    if forest.is_log:
        said += " The axis is linear within ± 1 point and logarithmic beyond."
    if any(len(bar.differences) > MOST_DOTS for bar in forest.shown):
        said += f" Of many replicates {MOST_DOTS} are drawn, evenly over their range."
    if len(forest.shown) < len(forest.bars):
        said += f" The {MOST_BARS} largest of {len(forest.bars):,}; the data hold all."
    return said


def _words(bars: Sequence[Bar]) -> str:
    told = [
        f"{truncate(bar.name, NAME_LENGTH)} against {truncate(bar.against, NAME_LENGTH)} "
        f"{bar.text}, {_judged(bar)}"
        for bar in bars[:ENDS_TOLD]
    ]
    if len(bars) > ENDS_TOLD:
        told.append(f"{len(bars) - ENDS_TOLD} further effects are in the table")
    return f"Effects in percentage points. {'; '.join(told)}."


def _judged(bar: Bar) -> str:
    if not bar.verdict:
        return bar.beside
    return f"{bar.verdict}, over {plural(len(bar.differences), 'replicate')}"


def _rows(forest: Forest) -> Iterable[tuple[object, ...]]:
    for bar in forest.bars:
        start = (bar.name, bar.against)
        yield (*start, "effect", "", bar.mean, bar.low, bar.high, bar.verdict)
        if bar.images is not None:
            yield (*start, "effect, new images too", "", bar.mean, *bar.images, "")
        for replicate, each in enumerate(bar.differences):
            yield (*start, "pair", replicate, each, None, None, "")


def _draw(forest: Forest, figure: Figure, theme: Theme) -> None:
    bars = forest.shown
    names = [_name(bar) for bar in bars]
    heights = [max(0.36, LINE * (1 + name.count("\n")) + 0.1) for name in names]
    bottom, top = 0.45, 0.06
    figure.set_size_inches(WIDTH, bottom + sum(heights) + top)
    axes = axes_at(figure, LEFT, bottom, WIDTH - LEFT - RIGHT, sum(heights))
    axes.set_ylim(sum(heights), 0)  # in inches from above
    effect_axis(axes, [-2 * forest.delta, 2 * forest.delta, *forest.ends], is_log=forest.is_log)
    axes.axvspan(-forest.delta, forest.delta, color=theme.grid, linewidth=0, zorder=1)
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=2)
    plain_rows(axes)
    place = 0.0
    for bar, name, height in zip(bars, names, heights, strict=True):
        _draw_bar(axes, place + height / 2, bar, name, theme)
        place += height
    axes.set_xlabel("effect on test accuracy, points", labelpad=2)


def _name(bar: Bar) -> str:
    name = wrap_text(bar.name, NAME_WIDTH, 3)
    return (
        name
        if bar.is_against_told
        else f"{name}\n{wrap_text('against ' + bar.against, NAME_WIDTH, 2)}"
    )


def _draw_bar(axes: Axes, middle: float, bar: Bar, name: str, theme: Theme) -> None:
    colour, line = theme.verdicts[bar.kind], middle - 0.05
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [line, line], color=colour, linewidth=2.2, zorder=3,
                  solid_capstyle="butt")  # fmt: skip
    if bar.images is not None:
        axes.plot(bar.images, [line, line], color=colour, linewidth=0.8, zorder=3)
    is_settled = bar.kind != "not enough replicates"
    axes.plot([bar.mean], [line], marker="o", markersize=5.2, color=colour, zorder=4,
              markerfacecolor=colour if is_settled else theme.paper)  # fmt: skip
    dots = thin_out(bar.differences, MOST_DOTS)
    axes.plot(dots, [middle + 0.085] * len(dots), ".", markersize=4, color=theme.ink, alpha=0.65,
              markeredgewidth=0, zorder=3)  # fmt: skip
    _beside(axes, -0.08, middle, name, theme.ink, "right")
    _beside(axes, 0.08, middle, f"{bar.text}\n{bar.verdict or bar.beside}", colour, "left")


def _beside(axes: Axes, inches: float, middle: float, text: str, colour: str, side: str) -> None:
    axes.annotate(text, (0 if inches < 0 else 1, middle), xytext=(72 * inches, 0),
                  xycoords=("axes fraction", "data"), textcoords="offset points", size=SMALL,
                  color=colour, va="center", ha=side, linespacing=1.1,
                  annotation_clip=False)  # fmt: skip


TOLD = 10
MOST_RUNGS = 64


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
        caption=_ladder_caption(results, rungs),
        words=_ladder_words(rungs),
        columns=("arm", "compared_with", "test_percent", "low_percent", "high_percent",
                 "reported_percent", "effect", "verdict", "remark"),
        rows=partial(_ladder_rows, rungs),
        draw=partial(_draw_ladder, rungs[:MOST_RUNGS]),
    )  # fmt: skip


def _ladder_caption(results: Results, rungs: Sequence[Rung]) -> str:
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


def _ladder_words(rungs: Sequence[Rung]) -> str:
    told = [_told(rung) for rung in rungs[:TOLD]]
    if len(rungs) > TOLD:
        told.append(f"{len(rungs) - TOLD} further arms are in the table")
    return f"Test accuracy, arm by arm: {'; '.join(told)}."


def _told(rung: Rung) -> str:
    accuracy = f"{number(rung.test)} %" if math.isfinite(rung.test) else "none"
    said = f"{truncate(rung.name, NAME_LENGTH)} {accuracy}"
    said += f" ({rung.remark})" if rung.remark else ""
    said += f", {rung.effect} points, {rung.verdict}" if rung.effect else ""
    return said + ("" if rung.reported is None else f", reported {number(rung.reported)} %")


def _ladder_rows(rungs: Sequence[Rung]) -> Iterable[tuple[object, ...]]:
    for rung in rungs:
        below = "" if rung.below is None else rungs[rung.below].name
        yield (rung.name, below, rung.test, rung.low, rung.high, rung.reported, rung.effect,
               rung.verdict, rung.remark)  # fmt: skip


def _draw_ladder(rungs: Sequence[Rung], figure: Figure, theme: Theme) -> None:
    names = [wrap_text(rung.name, NAME_WIDTH, 3) for rung in rungs]
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
    first = wrap_text(rung.remark, 22, 2) if rung.remark else f"{number(rung.test)} %"
    step = f"{MARKS.get(rung.kind, '')} {rung.effect}"
    said = f"{first}\n{step}" if rung.effect and not rung.remark else first
    axes.annotate(said, (1, middle), xytext=(6, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", size=SMALL, va="center", ha="left", linespacing=1.1,
                  color=theme.verdicts.get(rung.kind, theme.ink),
                  annotation_clip=False)  # fmt: skip
