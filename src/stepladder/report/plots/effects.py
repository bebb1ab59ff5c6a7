"""The forest plot: every comparison with its intervals, its verdict and every replicate's dot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.plots.layout import (
    LINE,
    SMALL,
    WIDTH,
    axes_at,
    folded,
    plain_rows,
    some_of,
)
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import effect_axis
from stepladder.report.style import Theme
from stepladder.report.view import view_of
from stepladder.report.wording import counted, elided
from stepladder.runner.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Bar", "Forest", "effects_plot", "forest_of", "forest_plot"]

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
        f"{elided(bar.name, NAME_LENGTH)} against {elided(bar.against, NAME_LENGTH)} "
        f"{bar.text}, {_judged(bar)}"
        for bar in bars[:ENDS_TOLD]
    ]
    if len(bars) > ENDS_TOLD:
        told.append(f"{len(bars) - ENDS_TOLD} further effects are in the table")
    return f"Effects in percentage points. {'; '.join(told)}."


def _judged(bar: Bar) -> str:
    if not bar.verdict:
        return bar.beside
    return f"{bar.verdict}, over {counted(len(bar.differences), 'replicate')}"


def _rows(forest: Forest) -> Iterable[tuple[object, ...]]:
    for bar in forest.bars:
        start = (bar.name, bar.against)
        yield (*start, "effect", "", bar.mean, bar.low, bar.high, bar.verdict)
        if bar.images is not None:
            yield (*start, "effect, new images too", "", bar.mean, *bar.images, "")
        for number, each in enumerate(bar.differences):
            yield (*start, "pair", number, each, None, None, "")


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
    name = folded(bar.name, NAME_WIDTH, 3)
    return (
        name
        if bar.is_against_told
        else f"{name}\n{folded('against ' + bar.against, NAME_WIDTH, 2)}"
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
    dots = some_of(bar.differences, MOST_DOTS)
    axes.plot(dots, [middle + 0.085] * len(dots), ".", markersize=4, color=theme.ink, alpha=0.65,
              markeredgewidth=0, zorder=3)  # fmt: skip
    _beside(axes, -0.08, middle, name, theme.ink, "right")
    _beside(axes, 0.08, middle, f"{bar.text}\n{bar.verdict or bar.beside}", colour, "left")


def _beside(axes: Axes, inches: float, middle: float, text: str, colour: str, side: str) -> None:
    axes.annotate(text, (0 if inches < 0 else 1, middle), xytext=(72 * inches, 0),
                  xycoords=("axes fraction", "data"), textcoords="offset points", size=SMALL,
                  color=colour, va="center", ha=side, linespacing=1.1,
                  annotation_clip=False)  # fmt: skip
