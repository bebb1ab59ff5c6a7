"""The forest plot of effects, and accuracy by arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from stepladder.report.figures.axes import (
    BAR,
    LABEL_LENGTH,
    NAME_LENGTH,
    Interval,
    amount,
    better_side,
    cut_note,
    effect_axis,
    first_of,
    label_rows,
    log_odds_note,
    mark_cut,
    number_on_axis,
    row_axes,
    score_axis,
    thin_out,
    unit_of_axis,
    within_reach,
    wrap_text,
    write_above,
)
from stepladder.report.figures.base import TIP, Plot, Theme
from stepladder.report.view import Row, view_of
from stepladder.report.wording import MARKS, Measure, measure_of, plural, truncate
from stepladder.runs.measures import over_folds
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_WIDTH = 24  # characters a line
MOST_DOTS = 60
MOST_BARS = 64
LINEAR_UP_TO = 5.0  # percentage points
SMALL_PARTS = 100  # as many times what matters may effects be before their axis is logarithmic


@dataclass(frozen=True)
class Bar:
    """The effect of one arm, in the unit of the metric.

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
        images: ends of the interval for new test examples too, or None.
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
        measure: the metric.
        noun: what one example is called.
        part: of the data that it is measured on; "" where only who gives scores knows it.
        what: what the axis shows, before the metric.
    """

    bars: tuple[Bar, ...]
    measure: Measure
    noun: str = "image"
    part: str = "test"
    what: str = "effect on"

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
    def linear_within(self) -> float | None:
        """Beyond it the axis is logarithmic, as effects differ much in size; None: all linear.

        Of a fraction 1 point, else about ten times what matters: δ, or half of a usual interval.
        """
        largest = max((abs(end) for end in self.ends), default=0.0)
        if self.measure.metric.is_fraction:
            return 1.0 if largest > LINEAR_UP_TO else None
        halves = [(bar.high - bar.low) / 2 for bar in self.shown
                  if bar.low is not None and bar.high is not None]  # fmt: skip
        least = self.measure.delta or (median(halves) if halves else 0.0)
        if not least or largest <= SMALL_PARTS * least:
            return None
        decade = max(round(math.log10(10 * least)), math.floor(math.log10(largest)) - 3)
        return float(10.0**decade)

    @property
    def scale_note(self) -> str:
        """What a caption says of a logarithmic axis, after a space; nothing of a linear one."""
        within = self.linear_within
        if within is None:
            return ""
        unit = "point" if self.measure.metric.is_fraction else self.measure.unit
        return (
            f" The axis is linear within ± {f'{within:g} {unit}'.rstrip()} and logarithmic beyond."
        )

    @property
    def strip_note(self) -> str:
        """What a caption says of the grey strip, after a space; nothing where δ is not known."""
        delta = self.measure.delta
        if not delta:
            return ""
        size = f"{delta:g}" if self.measure.metric.is_fraction else self.measure.margin
        return f" Grey strip: ± {size}"


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
    return Forest(tuple(bars), measure_of(results), results.noun)


def effects_plot(results: Results) -> Plot | None:
    """The forest plot, or None where nothing is compared."""
    forest = forest_of(results)
    if not forest.bars:
        return None
    caption = _caption(forest, results)
    return forest_plot(forest, "effects", "What each technique is worth", caption)


def forest_plot(forest: Forest, name: str, title: str, caption: str) -> Plot:
    """A figure of any comparisons.

    Args:
        forest: what is compared.
        name: of the figure's files.
        title: of the figure.
        caption: how to read it.
    """
    shown, value = forest.measure, "points" if forest.measure.metric.is_fraction else "effect"
    of = "" if shown.is_accuracy else f" on {shown.on(forest.part).strip()}"
    unit = "percentage points" if shown.metric.is_fraction else shown.unit
    better = "; lower is better" if shown.metric.sign < 0 else ""
    return Plot(
        name=name,
        title=title,
        caption=caption,
        words=f"Effects{of}{f' in {unit}' if unit else ''}{better}. "
        f"{first_of(list(map(_bar_words, forest.bars)), 8, 'further effects are in the table')}.",
        columns=("arm", "compared_with", "what", "pair", value,
                 *(("low_points", "high_points") if value == "points" else ("low", "high")),
                 "verdict"),
        rows=partial(_rows, forest),
        draw=partial(_draw, forest),
    )  # fmt: skip


def _caption(forest: Forest, results: Results) -> str:
    shown, examples = forest.measure, f"{results.noun}s"
    lower = " Lower is better." if shown.metric.sign < 0 else ""
    spans = f" for these test {examples}, retrained"
    if results.study.overlap:
        spans = f" {over_folds(results.study)}"
    if "test" not in results.sizes:
        spans = " over replicates"
    strip = f"{forest.strip_note}, within which a difference does not matter."
    is_one_part = "test" in results.sizes and not results.study.overlap
    thin = any(bar.images for bar in forest.bars) or is_one_part
    caption = (
        f"Effect of each arm on {shown.on('test')}.{lower} Thick line: 95 % interval{spans}; "
        f"{f'thin: for new test {examples} too, where known; ' if thin else ''}small dots below: "
        f"single replicates.{strip if forest.strip_note else ''} A hollow mark: not settled."
        f"{forest.scale_note}"
    )
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
    bars, shown = forest.shown, forest.measure
    names = [_name(bar) for bar in bars]
    axes, middles = row_axes(figure, names, [_text(bar) for bar in bars])
    least = shown.delta or 0.0
    power = effect_axis(axes, [-2 * least, 2 * least, *forest.ends], forest.linear_within)
    if least:
        # In each row below its texts, whose boxes would blank out parts of it.
        axes.barh([middle + 0.04 for middle in middles], 2 * least, BAR + 0.08, -least,
                  color=theme.grid, linewidth=0, zorder=1)  # fmt: skip
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=2)
    for bar, name, middle in zip(bars, names, middles, strict=True):
        _draw_bar(axes, middle, bar, name, theme)
    name = truncate(shown.name, LABEL_LENGTH)
    within, log = forest.linear_within, ""
    if within is not None:
        log = f" (log beyond ±{number_on_axis(within / 10.0**power)})"
    unit, better = unit_of_axis(shown, power), better_side(shown)
    name = f"{forest.part} {name}".strip()
    label_rows(axes, f"{forest.what} {name}{unit}{log}{better}")


def _name(bar: Bar) -> str:
    name = wrap_text(bar.name, NAME_WIDTH, 3)
    if bar.is_against_told:
        return name
    return f"{name}\n{wrap_text('against ' + bar.against, NAME_WIDTH, 2)}"


def _draw_bar(axes: Axes, middle: float, bar: Bar, name: str, theme: Theme) -> None:
    colour, line, tip = theme.verdicts[bar.kind], middle - 0.05, f"{TIP}{_bar_words(bar)}"
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [line, line], color=colour, linewidth=2.2, zorder=3,
                  solid_capstyle="butt", gid=tip)  # fmt: skip
    if bar.images is not None:
        axes.plot(bar.images, [line, line], color=colour, linewidth=0.8, zorder=3)
    is_settled = bar.kind != "not enough replicates"
    axes.plot([bar.mean], [line], marker="o", markersize=5.2, color=colour, zorder=4, gid=tip,
              markerfacecolor=colour if is_settled else theme.paper)  # fmt: skip
    dots = thin_out(bar.differences, MOST_DOTS)
    axes.plot(dots, [middle + 0.085] * len(dots), ".", markersize=4, color=theme.ink, alpha=0.65,
              markeredgewidth=0, zorder=3)  # fmt: skip
    write_above(axes, middle, name, _text(bar), colour)


def _text(bar: Bar) -> str:
    return f"{bar.text}\n{bar.verdict or bar.note}"


MOST_RUNGS = 64
MORE = "further arms are in the table"


def ladder_plot(results: Results) -> Plot | None:
    """The judged metric arm by arm, or None before any arm has a replicate."""
    rungs, shown = rungs_of(results), measure_of(results)
    if not any(math.isfinite(rung.row.test.mean) for rung in rungs):
        return None
    heads: tuple[str, ...] = ("test", "low", "high")
    if shown.metric.is_fraction:
        heads = ("test_percent", "low_percent", "high_percent")
    if shown.is_accuracy:
        heads = (*heads, "reported_percent")
    return Plot(
        name="ladder",
        title="The ladder, rung by rung" if results.study.design == "ladder"
        else f"Test {shown.name}, arm by arm",
        caption=_ladder_caption(rungs, results),
        words=f"Test {shown.name}, arm by arm: "
        f"{first_of([_rung_words(rung, shown) for rung in rungs], 10, MORE)}.",
        columns=("arm", "compared_with", *heads, "effect", "verdict", "remark"),
        rows=partial(_ladder_rows, rungs, shown),
        draw=partial(_draw_ladder, rungs[:MOST_RUNGS], shown),
    )  # fmt: skip


class Rung(NamedTuple):
    """One arm of a ladder.

    Attributes:
        row: of the table, whose figures are as they are shown, accuracies in percent.
        reported: the published accuracy in percent, or None; always where something else is judged.
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
    rows, is_accuracy = view_of(results).rows, measure_of(results).is_accuracy
    places = {row.name: place for place, row in enumerate(rows)}
    return tuple(
        Rung(row, 100 * arm.reported if is_accuracy and arm.reported is not None else None,
             None if row.against is None else places.get(row.against))
        for row, arm in zip(rows, results.arms, strict=True)
    )  # fmt: skip


def _finite(*values: float | None) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _points(rungs: Sequence[Rung]) -> list[float]:
    return [end for rung in rungs for end in _finite(rung.row.test.mean, rung.reported)]


def _intervals(rungs: Sequence[Rung]) -> list[Interval]:
    return [(rung.row.test.low, rung.row.test.high) for rung in rungs]


def _ladder_caption(rungs: Sequence[Rung], results: Results) -> str:
    shown = measure_of(results)
    of = " of the final weights" if results.study.trainer is None else ""
    caption = (
        f"Test {shown.name}{of} with its 95 % t interval over replicates; a dotted "
        "line leads from the arm that each is compared with. At the right: the effect of the step, "
        "▲ helps, ▼ hurts, ≈ no difference that matters, ? not settled."
    )
    if any(rung.reported is not None for rung in rungs):
        caption += " Open diamonds: the reported figures, which are of other trainings."
    caption += " Lower is better." if shown.metric.sign < 0 else ""
    caption += log_odds_note(_points(rungs), shown)
    caption += cut_note(_points(rungs), _intervals(rungs), shown)
    if len(rungs) > MOST_RUNGS:
        caption += f" The first {MOST_RUNGS} of {len(rungs):,}; the data hold all."
    return caption


def _rung_words(rung: Rung, shown: Measure) -> str:
    row = rung.row
    score = amount(row.test.mean, shown) if math.isfinite(row.test.mean) else "none"
    words = f"{truncate(row.name, NAME_LENGTH)} {score}"
    words += f" ({row.instead})" if row.instead else ""
    words += f", {f'{rung.effect} {shown.unit}'.rstrip()}, {row.verdict}" if rung.effect else ""
    return words + ("" if rung.reported is None else f", reported {amount(rung.reported, shown)}")


def _ladder_rows(rungs: Sequence[Rung], shown: Measure) -> Iterable[tuple[object, ...]]:
    for row, reported, below in rungs:
        effect = row.effect.text if row.effect else ""
        yield (row.name, "" if below is None else rungs[below].row.name, row.test.mean,
               row.test.low, row.test.high, *([reported] if shown.is_accuracy else []), effect,
               row.verdict, row.instead or "")  # fmt: skip


def _draw_ladder(rungs: Sequence[Rung], shown: Measure, figure: Figure, theme: Theme) -> None:
    names = [wrap_text(rung.row.name, NAME_WIDTH, 3) for rung in rungs]
    texts = [_rung_text(rung, shown) for rung in rungs]
    axes, middles = row_axes(figure, names, texts)
    points = _points(rungs)  # a wide interval may leave the axes, a point may not
    ends = within_reach(points, _intervals(rungs), shown)
    unit, _ = score_axis(axes, "x", [*points, *ends], shown, points=points)
    label_rows(axes, f"test {truncate(shown.name, LABEL_LENGTH)}{unit}{better_side(shown)}")
    for name, text, middle, rung in zip(names, texts, middles, rungs, strict=True):
        if rung.below is not None and rung.below < len(rungs):
            start = rungs[rung.below].row.test.mean
            _draw_step(axes, start, middles[rung.below], rung.row, middle, theme)
        _draw_rung(axes, rung, middle, (name, text), theme)


def _draw_step(
    axes: Axes, start: float, below: float, row: Row, middle: float, theme: Theme
) -> None:
    """A dotted line from the accuracy and the middle of the arm below to those of an arm."""
    if math.isfinite(start) and math.isfinite(row.test.mean):
        axes.plot([start, start, row.test.mean], [below, middle, middle], linewidth=0.9,
                  color=theme.verdicts.get(row.kind or "", theme.muted),
                  linestyle=(0, (1.2, 1.4)), zorder=2)  # fmt: skip


def _rung_text(rung: Rung, shown: Measure) -> str:
    row = rung.row
    text = wrap_text(row.instead, 22, 2) if row.instead else amount(row.test.mean, shown)
    if rung.effect and not row.instead:
        text += f"\n{MARKS.get(row.kind or '', '')} {rung.effect}"
    return text


def _draw_rung(axes: Axes, rung: Rung, middle: float, texts: tuple[str, str], theme: Theme) -> None:
    row, test = rung.row, rung.row.test
    if rung.reported is not None:
        axes.plot([rung.reported], [middle], marker="D", markersize=5, color=theme.ink,
                  markerfacecolor="none", markeredgewidth=1.1, zorder=3)  # fmt: skip
    if test.low is not None and test.high is not None:
        axes.plot([test.low, test.high], [middle, middle], color=theme.ink, linewidth=1.8,
                  zorder=4, solid_capstyle="butt")  # fmt: skip
        mark_cut(axes, "x", middle, (test.low, test.high), theme.ink)
    axes.plot([test.mean], [middle], marker="o", markersize=4.6, color=theme.ink, zorder=5)
    write_above(axes, middle, *texts, theme.verdicts.get(row.kind or "", theme.ink))
