"""The three figures as matplotlib draws them, through its objects and never through pyplot."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stepladder.report.curves import Band, Bar, Figures, Panel
from stepladder.report.style import LINES, MARKERS, Theme
from stepladder.report.wording import MINUS, elided, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_accuracy", "draw_effects", "draw_validation"]

WIDTH = 7.2  # inches: two columns of a paper, or most of a slide
EVERY_ARM_UP_TO = 12
ARMS_IN_COLOUR = 7
SPREAD_WORTH_A_CLOSER_LOOK = 15.0  # percentage points between the first and the last arm


def draw_accuracy(figure: Figure, figures: Figures, theme: Theme) -> None:
    """Training and validation accuracy over the epochs: a panel an arm on common axes."""
    panels = figures.panels
    columns = _columns(len(panels))
    titles = [_wrapped(panel.name, 16 if columns > 4 else 24) for panel in panels]
    places = _places(figure, len(panels), columns, max(title.count("\n") for title in titles))
    low = _floor([end for panel in panels for end in (*panel.train.mean, *panel.validation.mean)])
    epochs = max(len(panel.epochs) for panel in panels)
    for index, (axes, panel, title) in enumerate(zip(places, panels, titles, strict=True)):
        axes.set_ylim(low, 100 + 0.03 * (100 - low))
        _epoch_axis(axes, epochs)
        axes.tick_params(labelleft=index % columns == 0, labelbottom=index + columns >= len(panels))
        axes.set_title(title, size=7.5, color=theme.ink, loc="left", pad=3)
        _draw_panel(axes, panel, theme)
    drawn = (i for i, panel in enumerate(panels) if math.isfinite(panel.validation.last))
    first = next(drawn, None)
    if first is not None:
        _name_the_two(places[first], panels[first], theme)
    wide, high = figure.get_size_inches()
    figure.supxlabel("epoch", size=8, color=theme.ink, y=0.04 / high, va="bottom")
    figure.supylabel("accuracy, %", size=8, color=theme.ink, x=0.08 / wide)


def _places(figure: Figure, count: int, columns: int, more_title_lines: int) -> list[Axes]:
    """Axes at places told in inches and not tied together, which would take seconds with many."""
    rows = math.ceil(count / columns)
    title = 0.2 + 0.13 * more_title_lines
    height, gap, left, bottom = (0.85 if columns > 4 else 1.3), title + 0.16, 0.55, 0.45
    wide = WIDTH if columns > 1 else WIDTH / 2
    high = bottom + rows * height + (rows - 1) * gap + title
    width = (wide - left - 0.08 - 0.13 * (columns - 1)) / columns
    figure.set_layout_engine("none")
    figure.set_size_inches(wide, high)
    return [
        figure.add_axes(
            (
                (left + index % columns * (width + 0.13)) / wide,
                (bottom + (rows - 1 - index // columns) * (height + gap)) / high,
                width / wide,
                height / high,
            )
        )
        for index in range(count)
    ]


def _columns(count: int) -> int:
    if count <= 4:
        return max(1, count if count != 4 else 2)
    return 4 if count <= 24 else 6


def _draw_panel(axes: Axes, panel: Panel, theme: Theme) -> None:
    _line(axes, panel.epochs, panel.train, theme.train, LINES[1], 1.1)
    _line(axes, panel.epochs, panel.validation, theme.validation, LINES[0], 1.5)
    if panel.remark:
        axes.text(0.5, 0.5, _wrapped(panel.remark, 20), transform=axes.transAxes, size=7,
                  color=theme.muted, ha="center", va="center", style="italic")  # fmt: skip
    elif math.isfinite(panel.validation.last):
        axes.annotate(
            number(panel.validation.last, 1), (0.98, 0.06), xycoords="axes fraction", size=7,
            color=theme.validation, ha="right", va="bottom",
        )  # fmt: skip


def _name_the_two(axes: Axes, panel: Panel, theme: Theme) -> None:
    """Names the two lines where they are seen first, instead of in a legend far away."""
    above = (panel.validation.last + panel.train.last) / 2 < 60
    for index, (name, colour) in enumerate(
        (("training", theme.train), ("validation", theme.validation))
    ):
        height = (0.93 - 0.13 * index) if above else (0.36 - 0.13 * index)
        line = "– – " if name == "training" else "—— "
        axes.text(0.98, height, line + name, transform=axes.transAxes, size=7, color=colour,
                  ha="right", va="top")  # fmt: skip


def _line(
    axes: Axes, epochs: Sequence[int], band: Band, colour: str, style: object, width: float,
    marker: str = "", is_front: bool = True,
) -> None:  # fmt: skip
    if not epochs:
        return
    low, high = np.clip(band.low, 0, 100), np.clip(band.high, 0, 100)
    if np.isfinite(low).any() and is_front:
        axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)
    alone = len(epochs) == 1  # a line of one point would not be seen
    axes.plot(epochs, band.mean, color=colour, linestyle=style, linewidth=width,
              marker=marker or ("o" if alone else ""), markersize=3.2,
              markevery=max(1, len(epochs) // 6), zorder=3 if is_front else 2,
              alpha=1 if is_front else 0.3)  # fmt: skip


def _epoch_axis(axes: Axes, epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = max(1, epochs)
    axes.set_xlim(0.5 if epochs < 10 else 0, epochs + (0.5 if epochs < 10 else 0.02 * epochs))
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=4, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )


def _floor(values: Sequence[float]) -> float:
    """The lower end of the accuracy axis: 0, or higher where nothing would be drawn below."""
    finite = [each for each in values if math.isfinite(each)]
    lowest = min(finite, default=0.0)
    return 0.0 if lowest < 50 else 10 * math.floor((lowest - 2) / 10)


def draw_validation(figure: Figure, figures: Figures, theme: Theme) -> None:
    """Validation accuracy of all arms on one axis, and the best of them from nearer by."""
    panels = [panel for panel in figures.panels if math.isfinite(panel.validation.last)]
    ends = [panel.validation.last for panel in panels]
    top = max(ends, default=100.0)
    near = [end for end in ends if end > top - 5]
    is_wide = len(near) > 1 and top - min(ends) > SPREAD_WORTH_A_CLOSER_LOOK
    figure.set_size_inches(WIDTH, 5.6 if is_wide else 3.2)
    axes = figure.subplots(2 if is_wide else 1, 1, squeeze=False, sharex=True)[:, 0]
    shown = _in_front(panels)
    for place in axes:
        for index, panel in enumerate(panels):
            rank = shown.index(index) if index in shown else None
            _overlaid(place, panel, theme, rank)
        place.set_ylabel("validation accuracy, %")
        _epoch_axis(place, max((len(panel.epochs) for panel in panels), default=1))
    low = _floor([value for panel in panels for value in panel.validation.mean])
    axes[0].set_ylim(low, 100 + 0.03 * (100 - low))
    if is_wide:
        bottom = min(near) - 1.5
        axes[1].set_ylim(bottom, min(100.0, top + 0.6))
        axes[1].set_ylabel("the same, zoomed in, %")
    axes[-1].set_xlabel("epoch")
    figure.align_ylabels(axes)
    for place in axes:
        _name_lines(place, [panels[index] for index in shown], theme)


def _in_front(panels: Sequence[Panel]) -> list[int]:
    """The arms drawn in colour and named: all of a few, the base and the best of many."""
    order = range(len(panels))
    if len(panels) <= EVERY_ARM_UP_TO:
        return list(order)
    best = sorted(order[1:], key=lambda index: -panels[index].validation.last)
    return [0, *sorted(best[: ARMS_IN_COLOUR - 1])]


def _overlaid(axes: Axes, panel: Panel, theme: Theme, rank: int | None) -> None:
    if rank is None:
        _line(axes, panel.epochs, panel.validation, theme.muted, "-", 0.6, is_front=False)
        return
    colour, style, marker = _look(theme, rank)
    _line(axes, panel.epochs, panel.validation, colour, style, 1.5, marker)


def _look(theme: Theme, rank: int) -> tuple[str, object, str]:
    return (
        theme.arms[rank % len(theme.arms)],
        LINES[rank % len(LINES)],
        MARKERS[rank % len(MARKERS)],
    )


def _name_lines(axes: Axes, panels: Sequence[Panel], theme: Theme) -> None:
    """Names each line at its end, moved apart where the ends are close."""
    low, high = axes.get_ylim()
    inside = [
        (panel.validation.last, rank)
        for rank, panel in enumerate(panels)
        if low <= panel.validation.last <= high
    ]
    step = 0.062 if low > 0 or len(inside) > 1 else 0.0
    heights = _apart([(end - low) / (high - low) for end, _ in sorted(inside)], step)
    for (end, rank), height in zip(sorted(inside), heights, strict=True):
        panel, (colour, _, _) = panels[rank], _look(theme, rank)
        axes.annotate(
            f"{elided(panel.name, 26)}\N{EN SPACE}{number(end, 1)}",
            xy=(panel.epochs[-1], end), xycoords="data",
            xytext=(1.03, height), textcoords="axes fraction",
            size=7, color=colour, va="center", ha="left", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6,
                        "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 2},
        )  # fmt: skip


def _apart(heights: Sequence[float], step: float) -> list[float]:
    """Rising heights moved as little as needed to stand `step` apart, none far above 1."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + step) if placed else height)
    ceiling = 1.0
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - step
    return placed


def draw_effects(figure: Figure, figures: Figures, theme: Theme) -> None:
    """Each effect with its interval, by verdict, beside the strip in which none matters."""
    bars = figures.bars
    figure.set_size_inches(WIDTH, (0.34 if len(bars) <= 16 else 0.24) * max(len(bars), 1) + 0.8)
    axes = figure.subplots()
    axes.axvspan(-figures.delta, figures.delta, color=theme.grid, linewidth=0, zorder=1)
    axes.axvline(0, color=theme.muted, linewidth=0.8, zorder=2)
    for place, bar in enumerate(bars):
        _draw_bar(axes, place, bar, theme)
    axes.set_yticks(range(len(bars)), [elided(bar.name, 34) for bar in bars], color=theme.ink)
    axes.set_ylim(max(len(bars), 1) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    _points_axis(axes, figures)
    axes.set_xlabel("effect on test accuracy, percentage points")


def _draw_bar(axes: Axes, place: int, bar: Bar, theme: Theme) -> None:
    colour = theme.verdicts[bar.kind]
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [place, place], color=colour, linewidth=2, zorder=3,
                  solid_capstyle="butt")  # fmt: skip
    if bar.images is not None:
        axes.plot(bar.images, [place, place], color=colour, linewidth=0.8, zorder=3)
    settled = bar.kind != "not enough replicates"
    axes.plot([bar.mean], [place], marker="o", markersize=5, color=colour, zorder=4,
              markerfacecolor=colour if settled else theme.paper)  # fmt: skip
    axes.annotate(f"{bar.text}\N{EN SPACE}\N{EN SPACE}{bar.verdict}", (1.02, place),
                  xycoords=("axes fraction", "data"), size=7, color=colour, va="center",
                  annotation_clip=False)  # fmt: skip


def _points_axis(axes: Axes, figures: Figures) -> None:
    """Linear, or logarithmic beyond ±1 point where 0.1 and 60 points both are to be seen."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ends = figures.effect_ends
    lowest, highest = min([-2 * figures.delta, *ends]), max([2 * figures.delta, *ends])
    if figures.has_log_effects:
        axes.set_xscale("symlog", linthresh=1, linscale=1)
        decades = [1.0, 10.0, 100.0]
        ticks = [*(-each for each in reversed(decades)), -0.5, 0, 0.5, *decades]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(min(lowest, -1) * 1.3, max(highest, 1) * 1.3)
    else:
        margin = 0.06 * (highest - lowest)
        axes.set_xlim(lowest - margin, highest + margin)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def _tick(value: float) -> str:
    return f"{value:+.4g}".replace("-", MINUS) if abs(value) > 1e-9 else "0"


def _wrapped(text: str, width: int) -> str:
    """A text on at most two lines of about `width` characters."""
    lines = textwrap.wrap(elided(text, 2 * width), width) or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]}\n{elided(' '.join(lines[1:]), width)}"
