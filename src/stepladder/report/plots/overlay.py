"""All arms on one axis: validation accuracy over epochs and over seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.curves import Panel, panels_of
from stepladder.report.plots.layout import WIDTH, axes_at
from stepladder.report.plots.lines import draw_band, in_front, look, name_ends
from stepladder.report.plots.panels import BAND, ENDS_TOLD, NAME_LENGTH, band_rows, shade
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.scales import accuracy_axis, epoch_axis, is_high
from stepladder.report.style import Theme
from stepladder.report.wording import counted, elided, number
from stepladder.runner.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LOG_ODDS", "seconds_plot", "validation_plot"]

LOG_ODDS = (
    "The log-odds axis stretches what lies near 100 %: from 98 to 99 is as far as from 99 to 99.5."
)
LEFT, RIGHT, HEIGHT = 0.52, 1.62, 2.3  # inches


def validation_plot(results: Results) -> Plot:
    """Validation accuracy of all arms over the epochs."""
    panels = panels_of(results)
    stretched = f" {LOG_ODDS}" if _is_high(panels) else ""
    return Plot(
        name="validation",
        title="All arms on one axis",
        caption=f"Validation accuracy over the epochs; {shade(results)}.{stretched}"
        f"{_stand_back(panels)}",
        words=_words("epochs", panels),
        columns=("arm", *BAND),
        rows=partial(_rows, panels),
        draw=partial(_draw_epochs, panels),
    )


def seconds_plot(results: Results) -> Plot | None:
    """Validation accuracy of all arms over the time of training; None before any is known."""
    panels = panels_of(results)
    if not any(math.isfinite(each) and each > 0 for panel in panels for each in panel.seconds):
        return None
    stretched = f" {LOG_ODDS}" if _is_high(panels) else ""
    return Plot(
        name="seconds",
        title="Accuracy for the time it takes",
        caption="Validation accuracy over seconds of training of one replicate, compiling left "
        f"out, each epoch at its mean time; {shade(results)}. Arms that were trained side by side "
        f"share a machine: read times as ratios.{stretched}{_stand_back(panels)}",
        words=_words("seconds", panels),
        columns=("arm", *BAND),
        rows=partial(_rows, panels),
        draw=partial(_draw_seconds, panels),
    )


def _rows(panels: Sequence[Panel]) -> Iterable[tuple[object, ...]]:
    for panel in panels:
        yield from band_rows((panel.name,), panel, panel.validation)


def _is_high(panels: Sequence[Panel]) -> bool:
    return is_high(panel.validation.last for panel in panels)


def _stand_back(panels: Sequence[Panel]) -> str:
    drawn = [panel for panel in panels if panel.is_drawn]
    front = in_front(drawn)
    if len(front) == len(drawn):
        return ""
    return f" In colour: the first arm and the best {len(front) - 1} of {len(drawn)}."


def _words(over: str, panels: Sequence[Panel]) -> str:
    told = [_end(panel, over) for panel in panels if panel.is_drawn][:ENDS_TOLD]
    more = sum(panel.is_drawn for panel in panels) - len(told)
    told += [f"{more} further arms are in the table"] if more else []
    ends = f" At the end: {'; '.join(told)}." if told else " None has an epoch yet."
    return f"Validation accuracy over {over}, {counted(len(panels), 'line')}.{ends}"


def _end(panel: Panel, over: str) -> str:
    after = f" after {number(panel.seconds[-1], 1)} s" if over == "seconds" else ""
    remark = f" ({panel.remark})" if panel.remark else ""
    name = elided(panel.name, NAME_LENGTH)
    return f"{name} {number(panel.validation.last)} %{after}{remark}"


def _draw_epochs(panels: Sequence[Panel], figure: Figure, theme: Theme) -> None:
    drawn = [panel for panel in panels if panel.is_drawn]
    scales = [False, True] if _is_high(drawn) else [False]
    places = _stacked(figure, len(scales))
    for axes, is_log in zip(places, scales, strict=True):
        _draw_all(axes, drawn, [panel.epochs for panel in drawn], theme)
        _accuracy(axes, drawn, is_log)
        epoch_axis(axes, max((len(panel.epochs) for panel in drawn), default=1))
        axes.tick_params(labelbottom=axes is places[-1])
        _name(axes, drawn, [panel.epochs for panel in drawn], theme)
    places[-1].set_xlabel("epoch", labelpad=2)


def _draw_seconds(panels: Sequence[Panel], figure: Figure, theme: Theme) -> None:
    drawn = [panel for panel in panels if panel.is_drawn]
    (axes,) = _stacked(figure, 1, 2.7)
    places = [panel.seconds for panel in drawn]
    _draw_all(axes, drawn, places, theme)
    _accuracy(axes, drawn, _is_high(drawn))
    axes.set_xlim(0, 1.03 * max((each[-1] for each in places), default=1.0))
    axes.set_xlabel("seconds of training, one replicate", labelpad=2)
    _name(axes, drawn, places, theme)


def _stacked(figure: Figure, count: int, height: float = HEIGHT) -> list[Axes]:
    gap, bottom, top = 0.16, 0.42, 0.1
    figure.set_size_inches(WIDTH, bottom + count * height + (count - 1) * gap + top)
    return [
        axes_at(figure, LEFT, bottom + (count - 1 - place) * (height + gap),
                WIDTH - LEFT - RIGHT, height)
        for place in range(count)
    ]  # fmt: skip


def _draw_all(
    axes: Axes, drawn: Sequence[Panel], places: Sequence[Sequence[float]], theme: Theme
) -> None:
    front = in_front(drawn)
    for index, panel in enumerate(drawn):
        rank = front.index(index) if index in front else None
        draw_band(axes, places[index], panel.validation, look(theme, rank))


def _accuracy(axes: Axes, drawn: Sequence[Panel], is_log: bool) -> None:
    values = [each for panel in drawn for each in panel.validation.mean]
    accuracy_axis(axes, "y", values, is_log=is_log)
    axes.set_ylabel("validation accuracy, %" + (" (log-odds)" if is_log else ""))
    axes.yaxis.set_label_coords(-0.4 / (WIDTH - LEFT - RIGHT), 0.5)


def _name(
    axes: Axes, drawn: Sequence[Panel], places: Sequence[Sequence[float]], theme: Theme
) -> None:
    ends = [
        (places[index][-1], drawn[index].validation.last,
         f"{elided(drawn[index].name, 50)}\N{EN SPACE}{number(drawn[index].validation.last, 1)}",
         look(theme, rank).colour)
        for rank, index in enumerate(in_front(drawn))
    ]  # fmt: skip
    figure = axes.get_figure(root=True)
    height = axes.get_position().height * (figure.get_size_inches()[1] if figure else 1.0)
    name_ends(axes, height, ends)
