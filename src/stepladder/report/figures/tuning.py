"""Fair studies: validation accuracy over the tuned value, a panel an arm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    accuracy_axis,
    is_high,
    log_odds_note,
    outer_labels,
    panel_axes,
    set_ticks,
    thin_out,
    wrap_text,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.tables import TUNING_CAPTION, tuning_words
from stepladder.report.wording import printable
from stepladder.runs.results import ArmTuning, Results, TriedValues, Tuned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 24
MOST_DOTS = 20


def tuning_plot(results: Results) -> Plot | None:
    """Learning-rate curves of every arm, or None for a fixed study."""
    tuned = results.tuned
    if tuned is None or not tuned.arms:
        return None
    note = log_odds_note(_percents(tuned))
    if len(tuned.arms) > MOST_PANELS:
        note += f" The first {MOST_PANELS} of {len(tuned.arms):,} arms; the data hold all."
    return Plot(
        name="tuning",
        title="How each arm was tuned",
        caption=f"{TUNING_CAPTION}{note}",
        words=tuning_words(tuned),
        columns=("arm", "candidate", "which", "tuning_replicate", "validation_percent"),
        rows=partial(_rows, tuned),
        draw=partial(_draw, tuned),
    )


def _percents(tuned: Tuned) -> list[float]:
    return [100 * values.mean for arm in tuned.arms for values in arm.tried]


def _rows(tuned: Tuned) -> Iterable[tuple[object, ...]]:
    for arm in tuned.arms:
        for tried in arm.tried:
            named = zip(tuned.fields, tried.values, strict=True)
            values = ", ".join(f"{field} = {value:g}" for field, value in named)
            kind = "chosen" if tried.values == arm.chosen else ""
            kind += " declared" if tried.values == arm.declared else ""
            for replicate, accuracy in enumerate(tried.scores):
                yield (printable(arm.arm), values, kind.strip(), replicate, 100 * accuracy)


def _draw(tuned: Tuned, figure: Figure, theme: Theme) -> None:
    arms = tuned.arms[:MOST_PANELS]
    titles = [wrap_text(_title(arm), 21) for arm in arms]
    panels = panel_axes(figure, titles, height=1.0, left=0.52, bottom=0.5)
    for axes, arm in zip(panels, arms, strict=True):
        _draw_arm(axes, arm, tuned, theme)
    outer_labels(figure, tuned.fields[0].replace("_", " "), "validation accuracy, %")


def _title(arm: ArmTuning) -> str:
    return f"{printable(arm.arm)}{' (at the edge)' if arm.at_edge else ''}"


def _draw_arm(axes: Axes, arm: ArmTuning, tuned: Tuned, theme: Theme) -> None:
    best = _best(arm)
    values = list(tuned.grid[tuned.fields[0]])
    if min(values) > 0:
        axes.set_xscale("log")
    set_ticks(axes.xaxis, values[:: max(1, math.ceil(len(values) / 3))])
    accuracy_axis(axes, "y", _percents(tuned), is_log=is_high(_percents(tuned)))
    axes.plot(values, [100 * best[value].mean for value in values], color=theme.validation,
              linewidth=1.2, zorder=2)  # fmt: skip
    for value in values:
        finite = [100 * share for share in best[value].scores if math.isfinite(share)]
        dots = thin_out(finite, MOST_DOTS)
        axes.plot([value] * len(dots), dots, ".", color=theme.muted, markersize=3,
                  markeredgewidth=0, zorder=1)  # fmt: skip
    if arm.declared[0] in best:
        axes.plot([arm.declared[0]], [100 * best[arm.declared[0]].mean], "D", markersize=5.5,
                  color=theme.train, markerfacecolor=theme.paper, zorder=3)  # fmt: skip
    axes.plot([arm.chosen[0]], [100 * best[arm.chosen[0]].mean], "o", markersize=4.2,
              color=theme.validation, zorder=4)  # fmt: skip


def _best(arm: ArmTuning) -> dict[float, TriedValues]:
    """By the value of the first tuned field, the best candidate over the other fields."""
    best: dict[float, TriedValues] = {}
    for tried in arm.tried:
        value = tried.values[0]
        if value not in best or tried.mean > best[value].mean:
            best[value] = tried
    return best
