"""Effects over the number of replicates: the confidence sequence, a panel a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stepladder.report.figures.axes import (
    NAME_LENGTH,
    epoch_axis,
    first_of,
    outer_labels,
    panel_axes,
    panel_titles,
    power_of,
    signed_on_axis,
    unit_of_axis,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import (
    MARKS,
    Measure,
    effect_verdict,
    judged_effects,
    measure_of,
    printable,
    signed,
    truncate,
)
from stepladder.runs.judgements import MAIN
from stepladder.runs.results import Results
from stepladder.statistics.anytime import confidence_sequence
from stepladder.statistics.paired import paired_t
from stepladder.statistics.results import Effect, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 6
"""Pairs from which there is a line: of five the sequence is one point, of fewer it has no ends."""

MOST_PANELS = 24
MOST_NUMBERS = 120
_LEVEL = 0.05
Counts = npt.NDArray[np.int64]
_MOST_STRIP = 2  # how many times what is drawn a strip may be, to be seen as a whole
_OPEN = "not enough replicates"


@dataclass(frozen=True, eq=False)
class Course:
    """One comparison over its first n pairs, for rising n; arrays have one value for each n.

    Attributes:
        name: of the arm, or of the technique of a factorial.
        numbers: of pairs, from 2.
        mean: of the first so many differences, in the unit of the metric.
        low: lower end of the 95 % interval for a number that was chosen before.
        high: its upper end.
        sequence_low: lower end of the 95 % confidence sequence; infinite below five pairs.
        sequence_high: its upper end.
        judged: verdicts by the number of pairs at which they were given.
        verdict: the present one, in words.
    """

    name: str
    numbers: Counts
    mean: Floats
    low: Floats
    high: Floats
    sequence_low: Floats
    sequence_high: Floats
    judged: dict[int, str]
    verdict: str

    @property
    def kind(self) -> str:
        """The present verdict."""
        return self.judged[int(self.numbers[-1])]

    @property
    def ends(self) -> list[float]:
        """What must be seen: the sequence begins very wide, and only its later part must."""
        is_late = self.numbers >= min(max(8, self.numbers[-1] // 4), self.numbers[-1])
        is_some = self.numbers >= FEWEST
        parts = (self.mean[1:], self.low[is_some], self.high[is_some],
                 self.sequence_low[is_late], self.sequence_high[is_late])  # fmt: skip
        return [float(end) for part in parts for end in part]


def courses_of(results: Results) -> tuple[Course, ...]:
    """Every comparison that has pairs enough; none over folds, which are no sequence."""
    if results.study.overlap:
        return ()
    return tuple(
        _course(name, effect, results)
        for name, effect in judged_effects(results)
        if effect.pairs >= FEWEST and len(effect.differences) == effect.pairs
    )


def _course(name: str, effect: Effect, results: Results) -> Course:
    judged = _judged(name, effect, results)
    count = effect.pairs
    shown = np.unique(np.linspace(2, count, min(count - 1, MOST_NUMBERS)).round().astype(int))
    numbers = sorted({*shown.tolist(), *judged, min(5, count)})
    rows = np.tile(np.asarray(effect.differences), (len(numbers), 1))
    rows[np.arange(count) >= np.array(numbers)[:, None]] = np.nan
    t, (low, high) = paired_t(rows), confidence_sequence(rows, _LEVEL)
    verdict = effect_verdict(effect, results.study.delta)
    return Course(
        printable(name), np.array(numbers), t.mean, t.ci_low, t.ci_high, low, high, judged, verdict
    )


def _judged(name: str, effect: Effect, results: Results) -> dict[int, str]:
    """Verdicts by the number of pairs at which they were given, the present one last."""
    label = name if results.readout is None else f"{MAIN}{name}"
    judged: dict[int, str] = {}
    for each in results.earlier:
        if label in each.verdicts:
            judged[each.replicates[label]] = each.verdicts[label]
    if results.adapted is not None:
        judged |= dict.fromkeys(results.adapted.looks[: results.adapted.taken], _OPEN)
    judged = {n: verdict for n, verdict in judged.items() if 2 <= n < effect.pairs}
    return {**dict(sorted(judged.items())), effect.pairs: effect.verdict}


def sequence_plot(results: Results) -> Plot | None:
    """Effects over the number of replicates, or None where none has pairs enough."""
    courses, shown = courses_of(results), measure_of(results)
    if not courses:
        return None
    of = "" if shown.is_accuracy else f" on {shown.on('test')}"
    unit = "percentage points" if shown.metric.is_fraction else shown.unit
    return Plot(
        name="sequence",
        title="Effects as replicates are added",
        caption=_caption(courses, shown),
        words=f"Effects{of} over the number of replicates{f', in {unit}' if unit else ''}. "
        + first_of([_words(course, shown) for course in courses], 8, "further effects") + ".",
        columns=("arm", "replicates", "mean", "low", "high", "sequence_low", "sequence_high",
                 "judged"),
        rows=partial(_rows, courses),
        draw=partial(_draw, courses, shown),
    )  # fmt: skip


def _caption(courses: Sequence[Course], shown: Measure) -> str:
    strip, lower = "", " Lower is better." if shown.metric.sign < 0 else ""
    if shown.margin:
        strip = f" Grey strip: ± {shown.margin}, within which a difference does not matter."
    more = ""
    if len(courses) > MOST_PANELS:
        more = f" The first {MOST_PANELS} of {len(courses):,}; the data hold all."
    return (
        f"Mean effect on {shown.on('test')} of the first n replicates.{lower} Shaded: the 95 % "
        "confidence sequence, which holds the true effect at every n at once in 95 % of studies, "
        "however often one looks. Dashed: the 95 % interval of so many replicates, right only "
        "where n was chosen before. Both are "
        "for one comparison alone; verdicts are corrected for all of them. Points: judgements, "
        f"hollow where replicates were not enough.{strip} Panels have scales of their own.{more}"
    )


def _words(course: Course, shown: Measure) -> str:
    def ends(low: float, high: float) -> str:
        return f"{signed(low, shown.digits)} to {signed(high, shown.digits)}"

    numbers = ", ".join(map(str, course.judged))
    return (
        f"{truncate(course.name, NAME_LENGTH)} {signed(course.mean[-1], shown.digits)} after "
        f"{course.numbers[-1]}, interval {ends(course.low[-1], course.high[-1])}, sequence "
        f"{ends(course.sequence_low[-1], course.sequence_high[-1])}, {course.verdict}, judged at "
        f"{numbers}"
    )


def _rows(courses: Sequence[Course]) -> Iterable[tuple[object, ...]]:
    for course in courses:
        lines = (course.mean, course.low, course.high, course.sequence_low, course.sequence_high)
        for n, *values in zip(course.numbers, *lines, strict=True):
            finite = (float(value) if math.isfinite(value) else None for value in values)
            yield (course.name, int(n), *finite, course.judged.get(int(n), ""))


def _draw(courses: Sequence[Course], shown: Measure, figure: Figure, theme: Theme) -> None:
    courses = courses[:MOST_PANELS]
    titles = panel_titles([f"{MARKS[course.kind]} {course.name}" for course in courses], 19, 3)
    panels = panel_axes(figure, titles, height=1.05, left=0.58, bottom=0.5, shares_y=False)
    most = max(int(course.numbers[-1]) for course in courses)
    power = power_of(end for course in courses for end in course.ends)
    for axes, course in zip(panels, courses, strict=True):
        epoch_axis(axes, most)
        axes.set_xlim(0, 1.06 * most)
        _draw_course(axes, course, shown.delta or 0.0, theme)
        axes.yaxis.get_major_locator().set_params(nbins=4)  # type: ignore[call-arg]
        axes.yaxis.set_major_formatter(lambda value, _: signed_on_axis(value / 10.0**power))
    outer_labels(figure, "replicates", f"effect{unit_of_axis(shown, power)}")


def _draw_course(axes: Axes, course: Course, delta: float, theme: Theme) -> None:
    low, high = min(0.0, *course.ends), max(0.0, *course.ends)
    if delta <= _MOST_STRIP * (high - low):  # a wider strip would press all else together
        low, high = min(low, -delta), max(high, delta)
    margin = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    if delta:
        axes.axhspan(-delta, delta, color=theme.grid, linewidth=0, zorder=1)
    axes.axhline(0, color=theme.muted, linewidth=0.8, zorder=2)
    colour, numbers = theme.verdicts[course.kind], course.numbers
    is_known = np.isfinite(course.sequence_low)
    low_ends, high_ends = course.sequence_low[is_known], course.sequence_high[is_known]
    axes.fill_between(numbers[is_known], low_ends, high_ends, color=colour, alpha=0.16,
                      linewidth=0, zorder=2)  # fmt: skip
    for ends in (low_ends, high_ends):
        axes.plot(numbers[is_known], ends, color=colour, linewidth=0.7, zorder=3)
    for ends in (course.low[is_known], course.high[is_known]):
        axes.plot(
            numbers[is_known],
            ends,
            color=theme.ink,
            linewidth=0.8,
            linestyle=(0, (3, 1.6)),
            zorder=3,
        )
    axes.plot(numbers, course.mean, color=colour, linewidth=1.3, zorder=4)
    for n, verdict in course.judged.items():
        ink = theme.verdicts[verdict]
        axes.plot([n], course.mean[numbers == n], "o", markersize=4.6, color=ink, zorder=5,
                  markerfacecolor=theme.paper if verdict == _OPEN else ink)  # fmt: skip
