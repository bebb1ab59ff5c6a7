"""The forest plot of effects, and accuracy by arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from stepladder.report.figures.axes import (
    NAME_LENGTH,
    accuracy_axis,
    effect_axis,
    first_of,
    is_high,
    log_odds_note,
    row_axes,
    thin_out,
    wrap_text,
    write_beside,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.view import Row, view_of
from stepladder.report.wording import MARKS, number, plural, truncate
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_WIDTH = 24  # characters a line
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
        is_against_told: whether that arm is known without its name: the row above, or one for all.
        mean: the effect.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        verdict: in words.
        text: the effect with its interval, as in the table.
        kind: the verdict itself.
        differences: one a replicate finite in both arms.
        images: ends of the interval for new test images too, or None.
        note: the text below the effect where there is no verdict.
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
    note: str = ""

    @property
    def ends(self) -> tuple[float, ...]:
        """The effect, the ends of its intervals and its replicates, as far as they are known."""
        return tuple(_finite(self.mean, self.low, self.high, *(self.images or ()),
                             *self.differences))  # fmt: skip


@dataclass(frozen=True)
class Forest:
    """All comparisons.

    Attributes:
        bars: one an arm that is compared with another and has a pair of replicates.
        delta: points below which a difference does not matter.
        noun: what one example is called.
    """

    bars: tuple[Bar, ...]
    delta: float | None
    noun: str = "image"

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
                tuple(_finite(*effect.differences)),
                None if images is None else (images.low, images.high))
        )  # fmt: skip
    return Forest(tuple(bars), results.study.delta, results.noun)


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
        words="Effects in percentage points. "
        f"{first_of(list(map(_bar_words, forest.bars)), 8, 'further effects are in the table')}.",
        columns=("arm", "compared_with", "what", "pair", "points", "low_points",
                 "high_points", "verdict"),
        rows=partial(_rows, forest),
        draw=partial(_draw, forest),
    )  # fmt: skip


def _caption(forest: Forest) -> str:
    caption = (
        f"Effect of each arm on test accuracy. Thick line: 95 % interval for these test "
        f"{forest.noun}s, retrained; thin: for new test {forest.noun}s too, where known; small "
        f"dots below: single replicates. Grey strip: ± {forest.delta:g}, within which a "
        "difference does not matter. A hollow mark: not enough replicates."
    )
    if forest.is_log:
        caption += " The axis is linear within ± 1 point and logarithmic beyond."
    if any(len(bar.differences) > MOST_DOTS for bar in forest.shown):
        caption += f" Of many replicates {MOST_DOTS} are drawn, evenly over their range."
    if len(forest.shown) < len(forest.bars):
        caption += f" The {MOST_BARS} largest of {len(forest.bars):,}; the data hold all."
    return caption


def _bar_words(bar: Bar) -> str:
    verdict = f"{bar.verdict}, over {plural(len(bar.differences), 'replicate')}"
    return (
        f"{truncate(bar.name, NAME_LENGTH)} against {truncate(bar.against, NAME_LENGTH)} "
        f"{bar.text}, {verdict if bar.verdict else bar.note}"
    )


def _rows(forest: Forest) -> Iterable[tuple[object, ...]]:
    for bar in forest.bars:
        start = (bar.name, bar.against)
        yield (*start, "effect", "", bar.mean, bar.low, bar.high, bar.verdict)
        if bar.images is not None:
            yield (*start, "effect, new images too", "", bar.mean, *bar.images, "")
        for replicate, points in enumerate(bar.differences):
            yield (*start, "pair", replicate, points, None, None, "")


def _draw(forest: Forest, figure: Figure, theme: Theme) -> None:
    bars = forest.shown
    names = [_name(bar) for bar in bars]
    axes, middles = row_axes(figure, names, LEFT, RIGHT)
    least = forest.delta or 0.0
    effect_axis(axes, [-2 * least, 2 * least, *forest.ends], is_log=forest.is_log)
    if least:
        axes.axvspan(-least, least, color=theme.grid, linewidth=0, zorder=1)
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=2)
    for bar, name, middle in zip(bars, names, middles, strict=True):
        _draw_bar(axes, middle, bar, name, theme)
    axes.set_xlabel("effect on test accuracy, points")


def _name(bar: Bar) -> str:
    name = wrap_text(bar.name, NAME_WIDTH, 3)
    if bar.is_against_told:
        return name
    return f"{name}\n{wrap_text('against ' + bar.against, NAME_WIDTH, 2)}"


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
    write_beside(axes, middle, name, f"{bar.text}\n{bar.verdict or bar.note}", colour)


MOST_RUNGS = 64


def ladder_plot(results: Results) -> Plot | None:
    """Accuracy arm by arm, or None before any arm has a replicate."""
    rungs = rungs_of(results)
    if not any(math.isfinite(rung.row.test.mean) for rung in rungs):
        return None
    return Plot(
        name="ladder",
        title="The ladder, rung by rung" if results.study.design == "ladder"
        else "Test accuracy, arm by arm",
        caption=_ladder_caption(rungs),
        words=f"Test accuracy, arm by arm: "
        f"{first_of([_rung_words(rung) for rung in rungs], 10, 'further arms are in the table')}.",
        columns=("arm", "compared_with", "test_percent", "low_percent", "high_percent",
                 "reported_percent", "effect", "verdict", "remark"),
        rows=partial(_ladder_rows, rungs),
        draw=partial(_draw_ladder, rungs[:MOST_RUNGS]),
    )  # fmt: skip


class Rung(NamedTuple):
    """One arm of a ladder.

    Attributes:
        row: of the table, whose accuracies are in percent.
        reported: the published accuracy in percent, or None.
        below: place of the arm that it is compared with, or None.
    """

    row: Row
    reported: float | None
    below: int | None

    @property
    def effect(self) -> str:
        """The step with its interval, as in the table, or ""."""
        return self.row.effect.text if self.row.effect else ""


def rungs_of(results: Results) -> tuple[Rung, ...]:
    """Every arm of a study as a rung."""
    rows = view_of(results).rows
    places = {row.name: place for place, row in enumerate(rows)}
    return tuple(
        Rung(row, None if arm.reported is None else 100 * arm.reported,
             None if row.against is None else places.get(row.against))
        for row, arm in zip(rows, results.arms, strict=True)
    )  # fmt: skip


def _finite(*values: float | None) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _points(rungs: Sequence[Rung]) -> list[float]:
    return [end for rung in rungs for end in _finite(rung.row.test.mean, rung.reported)]


def _ladder_caption(rungs: Sequence[Rung]) -> str:
    caption = (
        "Test accuracy of the final weights with its 95 % t interval over replicates; a dotted "
        "line leads from the arm that each is compared with. At the right: the effect of the step, "
        "▲ helps, ▼ hurts, ≈ no difference that matters, ? not enough replicates."
    )
    if any(rung.reported is not None for rung in rungs):
        caption += " Open diamonds: the reported figures, which are of other trainings."
    caption += log_odds_note(_points(rungs))
    if len(rungs) > MOST_RUNGS:
        caption += f" The first {MOST_RUNGS} of {len(rungs):,}; the data hold all."
    return caption


def _rung_words(rung: Rung) -> str:
    row = rung.row
    accuracy = f"{number(row.test.mean)} %" if math.isfinite(row.test.mean) else "none"
    words = f"{truncate(row.name, NAME_LENGTH)} {accuracy}"
    words += f" ({row.instead})" if row.instead else ""
    words += f", {rung.effect} points, {row.verdict}" if rung.effect else ""
    return words + ("" if rung.reported is None else f", reported {number(rung.reported)} %")


def _ladder_rows(rungs: Sequence[Rung]) -> Iterable[tuple[object, ...]]:
    for row, reported, below in rungs:
        effect = row.effect.text if row.effect else ""
        yield (row.name, "" if below is None else rungs[below].row.name, row.test.mean,
               row.test.low, row.test.high, reported, effect, row.verdict,
               row.instead or "")  # fmt: skip


def _draw_ladder(rungs: Sequence[Rung], figure: Figure, theme: Theme) -> None:
    names = [wrap_text(rung.row.name, NAME_WIDTH, 3) for rung in rungs]
    axes, middles = row_axes(figure, names, LEFT, RIGHT)
    points = _points(rungs)
    floor = min(points, default=0.0) / 2  # a wide interval may leave the axes, a point may not
    ends = [
        max(end, floor)
        for rung in rungs
        for end in _finite(rung.row.test.mean, rung.row.test.low, rung.row.test.high, rung.reported)
    ]
    accuracy_axis(axes, "x", ends, is_log=is_high(points), part="test")
    for name, middle, rung in zip(names, middles, rungs, strict=True):
        if rung.below is not None and rung.below < len(rungs):
            start = rungs[rung.below].row.test.mean
            _draw_step(axes, start, middles[rung.below], rung.row, middle, theme)
        _draw_rung(axes, rung, middle, name, theme)


def _draw_step(
    axes: Axes, start: float, below: float, row: Row, middle: float, theme: Theme
) -> None:
    """A dotted line from the accuracy and the middle of the arm below to those of an arm."""
    if math.isfinite(start) and math.isfinite(row.test.mean):
        axes.plot([start, start, row.test.mean], [below, middle, middle], linewidth=0.9,
                  color=theme.verdicts.get(row.kind or "", theme.muted),
                  linestyle=(0, (1.2, 1.4)), zorder=2)  # fmt: skip


def _draw_rung(axes: Axes, rung: Rung, middle: float, name: str, theme: Theme) -> None:
    row, test = rung.row, rung.row.test
    if rung.reported is not None:
        axes.plot([rung.reported], [middle], marker="D", markersize=5, color=theme.train,
                  markerfacecolor="none", markeredgewidth=1.1, zorder=3)  # fmt: skip
    if test.low is not None and test.high is not None:
        axes.plot([test.low, test.high], [middle, middle], color=theme.ink, linewidth=1.8,
                  zorder=4, solid_capstyle="butt")  # fmt: skip
    axes.plot([test.mean], [middle], marker="o", markersize=4.6, color=theme.ink, zorder=5)
    text = wrap_text(row.instead, 22, 2) if row.instead else f"{number(test.mean)} %"
    if rung.effect and not row.instead:
        text += f"\n{MARKS.get(row.kind or '', '')} {rung.effect}"
    write_beside(axes, middle, name, text, theme.verdicts.get(row.kind or "", theme.ink))
