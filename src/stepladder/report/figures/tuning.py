"""Fair studies: the judged metric on the validation part over the tuned value, a panel an arm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    LABEL_LENGTH,
    MARGIN,
    WIDTH,
    axis_label,
    better_words,
    log_odds_note,
    outer_labels,
    panel_axes,
    panel_titles,
    score_axis,
    set_ticks,
    thin_out,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.tables import TUNING_CAPTION, tuning_words
from stepladder.report.wording import Measure, measure_of, printable, truncate
from stepladder.runs.results import ArmTuning, Results, TriedValues, Tuned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 24
MOST_DOTS = 20


def tuning_plot(results: Results) -> Plot | None:
    """Curves of every arm over the tuned value, or None for a fixed study."""
    tuned, shown = results.tuned, measure_of(results)
    if tuned is None or not tuned.arms:
        return None
    note = log_odds_note(_means(tuned, shown), shown)
    if len(tuned.arms) > MOST_PANELS:
        note += f" The first {MOST_PANELS} of {len(tuned.arms):,} arms; the data hold all."
    return Plot(
        name="tuning",
        title="How each arm was tuned",
        caption=TUNING_CAPTION.replace("accuracy", shown.name) + note,
        words=tuning_words(tuned),
        columns=(
            "arm",
            "candidate",
            "which",
            "tuning_replicate",
            "validation_percent" if shown.metric.is_fraction else "validation",
        ),
        rows=partial(_rows, tuned, shown),
        draw=partial(_draw, tuned, shown),
    )


def _means(tuned: Tuned, shown: Measure) -> list[float]:
    return [shown.metric.scale * values.mean for arm in tuned.arms for values in arm.tried]


def _rows(tuned: Tuned, shown: Measure) -> Iterable[tuple[object, ...]]:
    for arm in tuned.arms:
        for tried in arm.tried:
            named = zip(tuned.fields, tried.values, strict=True)
            values = ", ".join(f"{field} = {value:g}" for field, value in named)
            kind = "chosen" if tried.values == arm.chosen else ""
            kind += " declared" if tried.values == arm.declared else ""
            for replicate, score in enumerate(tried.scores):
                yield (printable(arm.arm), values, kind.strip(), replicate,
                       shown.metric.scale * score)  # fmt: skip


def _draw(tuned: Tuned, shown: Measure, figure: Figure, theme: Theme) -> None:
    arms = tuned.arms[:MOST_PANELS]
    titles = panel_titles([_title(arm) for arm in arms], 21)
    panels = panel_axes(figure, titles, height=1.0, left=0.52, bottom=0.5, top=0.2)
    for axes, arm in zip(panels, arms, strict=True):
        unit = _draw_arm(axes, arm, tuned, shown, theme)
    name = f"validation {truncate(shown.name, LABEL_LENGTH)}"
    label = axis_label(name, unit, better_words(shown))
    log = " (log)" if axes.get_xscale() == "log" else ""
    outer_labels(figure, f"{tuned.fields[0].replace('_', ' ')}{log}", label)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="upper right", ncols=2,
                  frameon=False, borderpad=0, borderaxespad=0, handletextpad=0, columnspacing=1.2,
                  bbox_to_anchor=(1 - MARGIN / WIDTH, 1 - 0.03 / figure.get_size_inches()[1]),
                  )  # fmt: skip


def _title(arm: ArmTuning) -> str:
    return f"{printable(arm.arm)}{' (at the edge)' if arm.at_edge else ''}"


def _draw_arm(axes: Axes, arm: ArmTuning, tuned: Tuned, shown: Measure, theme: Theme) -> str:
    """Draws into one panel and returns the unit of its vertical axis."""
    best, scale = _best(arm, shown.metric.sign), shown.metric.scale
    values = list(tuned.grid[tuned.fields[0]])
    if min(values) > 0:
        axes.set_xscale("log")
    set_ticks(axes.xaxis, values[:: max(1, math.ceil(len(values) / 3))])
    unit, _ = score_axis(axes, "y", _means(tuned, shown), shown)
    axes.plot(values, [scale * best[value].mean for value in values], color=theme.validation,
              linewidth=1.2, zorder=2)  # fmt: skip
    for value in values:
        finite = [scale * score for score in best[value].scores if math.isfinite(score)]
        dots = thin_out(finite, MOST_DOTS)
        axes.plot([value] * len(dots), dots, ".", color=theme.muted, markersize=3,
                  markeredgewidth=0, zorder=1)  # fmt: skip
    if arm.declared[0] in best:
        axes.plot([arm.declared[0]], [scale * best[arm.declared[0]].mean], "D", markersize=5.5,
                  color=theme.ink, markerfacecolor=theme.paper, zorder=3,
                  label="as declared")  # fmt: skip
    axes.plot([arm.chosen[0]], [scale * best[arm.chosen[0]].mean], "o", markersize=4.2,
              color=theme.validation, zorder=4, label="chosen by tuning")  # fmt: skip
    return unit


def _best(arm: ArmTuning, sign: int) -> dict[float, TriedValues]:
    """By the value of the first tuned field, the best candidate over the other fields."""
    best: dict[float, TriedValues] = {}
    for tried in arm.tried:
        value = tried.values[0]
        if value not in best or sign * tried.mean > sign * best[value].mean:
            best[value] = tried
    return best
