"""Fair studies: validation accuracy over the tuned value, a panel an arm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    LINE,
    SMALL,
    WIDTH,
    accuracy_axis,
    axes_at,
    is_high,
    thin_out,
    value_axis,
    wrap_text,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.figures.curves import LOG_ODDS
from stepladder.report.tables import TUNING_CAPTION, tuning_words
from stepladder.report.wording import printable
from stepladder.runs.results import ArmTuning, Results, TriedValues, Tuned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
MOST_PANELS = 24
TITLE_WIDTH = 21
DOTS = 20


def tuning_plot(results: Results) -> Plot | None:
    """Learning-rate curves of every arm, or None for a fixed study."""
    tuned = results.tuned
    if tuned is None or not tuned.arms:
        return None
    stretched = f" {LOG_ODDS}" if _is_high(tuned) else ""
    if len(tuned.arms) > MOST_PANELS:
        stretched += f" The first {MOST_PANELS} of {len(tuned.arms):,} arms; the data hold all."
    return Plot(
        name="tuning",
        title="How each arm was tuned",
        caption=f"{TUNING_CAPTION}{stretched}",
        words=tuning_words(tuned),
        columns=("arm", "candidate", "which", "tuning_replicate", "validation_percent"),
        rows=partial(_rows, tuned),
        draw=partial(_draw, tuned),
    )


def _is_high(tuned: Tuned) -> bool:
    return is_high(100 * each.mean for arm in tuned.arms for each in arm.tried)


def _rows(tuned: Tuned) -> Iterable[tuple[object, ...]]:
    for arm in tuned.arms:
        for tried in arm.tried:
            named = zip(tuned.fields, tried.values, strict=True)
            values = ", ".join(f"{field} = {value:g}" for field, value in named)
            kind = "chosen" if tried.values == arm.chosen else ""
            kind += " declared" if tried.values == arm.declared else ""
            for replicate, accuracy in enumerate(tried.accuracies):
                yield (printable(arm.arm), values, kind.strip(), replicate, 100 * accuracy)


def _draw(tuned: Tuned, figure: Figure, theme: Theme) -> None:
    arms = tuned.arms[:MOST_PANELS]
    columns = min(COLUMNS, len(arms))
    rows = math.ceil(len(arms) / columns)
    titles = [wrap_text(_title(arm), TITLE_WIDTH) for arm in arms]
    title = 0.2 + LINE * max(each.count("\n") for each in titles)
    height, gap, left, bottom = 1.0, title + 0.12, 0.52, 0.5
    figure.set_size_inches(WIDTH, bottom + rows * height + (rows - 1) * gap + title)
    width = (WIDTH - left - 0.1 - 0.16 * (COLUMNS - 1)) / COLUMNS
    for index, (arm, name) in enumerate(zip(arms, titles, strict=True)):
        axes = axes_at(figure, left + index % columns * (width + 0.16),
                       bottom + (rows - 1 - index // columns) * (height + gap), width,
                       height)  # fmt: skip
        _draw_arm(axes, arm, tuned, theme)
        axes.set_title(name, size=SMALL, color=theme.ink, loc="left", pad=3)
        axes.tick_params(labelleft=index % columns == 0, labelbottom=index + columns >= len(arms))
    high = figure.get_size_inches()[1]
    figure.supxlabel(tuned.fields[0].replace("_", " "), size=8, color=theme.ink, y=0.03 / high,
                     va="bottom")  # fmt: skip
    figure.supylabel("validation accuracy, %", size=8, color=theme.ink, x=0.05 / WIDTH)


def _title(arm: ArmTuning) -> str:
    return f"{printable(arm.arm)}{' (at the edge)' if arm.at_edge else ''}"


def _draw_arm(axes: Axes, arm: ArmTuning, tuned: Tuned, theme: Theme) -> None:
    best = _best(arm)
    values = list(tuned.grid[tuned.fields[0]])
    value_axis(axes, values, 3)
    means = [100 * best[value].mean for value in values]
    everything = [100 * each.mean for one in tuned.arms for each in one.tried]
    accuracy_axis(axes, "y", everything, is_log=_is_high(tuned))
    axes.plot(values, means, color=theme.validation, linewidth=1.2, zorder=2)
    for value in values:
        dots = thin_out(
            [100 * each for each in best[value].accuracies if math.isfinite(each)], DOTS
        )
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
