"""Learning curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stepladder.report.figures.axes import (
    LINE,
    SMALL,
    WIDTH,
    accuracy_axis,
    axes_at,
    epoch_axis,
    is_high,
    wrap_text,
)
from stepladder.report.figures.bands import (
    Band,
    Look,
    Panel,
    draw_band,
    in_front,
    look,
    name_ends,
    panels_of,
)
from stepladder.report.figures.base import LINES, Plot, Theme
from stepladder.report.wording import number, plural, truncate
from stepladder.runs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLUMNS = 3
MOST_PANELS = 24
TITLE_WIDTH = 17
ENDS_TOLD = 8
NAME_LENGTH = 60
BAND = ("epoch", "seconds", "replicates", "mean", "ci_low", "ci_high")

Bands = Callable[[Panel], tuple[Band, Band]]


def accuracy_plot(results: Results) -> Plot:
    """Training and validation accuracy over the epochs."""
    panels = panels_of(results)
    return Plot(
        name="accuracy",
        title="Training and validation accuracy",
        caption="Accuracy over the epochs, mean of the replicates, percent at the right of each "
        f"name: validation, last epoch; {shade(results)}. Training accuracy is taken while "
        f"training, dropout on, so it can lie below validation accuracy.{_left_out(panels)}",
        words=_words("accuracy", panels, _accuracies, " %", 2),
        columns=("arm", "part", *BAND),
        rows=partial(_rows, panels, _accuracies),
        draw=partial(_draw, panels, _accuracies, "accuracy, %"),
    )


def loss_plot(results: Results) -> Plot:
    """Training and validation loss over the epochs."""
    panels = panels_of(results)
    return Plot(
        name="loss",
        title="Training and validation loss",
        caption="Mean cross-entropy over the epochs on a logarithmic axis, mean of the "
        f"replicates; {shade(results)}. The number at each name: validation, last epoch. A "
        "network that has learnt nothing of ten classes stands at ln 10 = 2.30. A validation "
        f"loss that rises while training loss falls is overfitting.{_left_out(panels)}",
        words=_words("loss", panels, _losses, " nats", 3),
        columns=("arm", "part", *BAND),
        rows=partial(_rows, panels, _losses),
        draw=partial(_draw, panels, _losses, "cross-entropy, nats"),
    )


def _accuracies(panel: Panel) -> tuple[Band, Band]:
    return panel.train, panel.validation


def _losses(panel: Panel) -> tuple[Band, Band]:
    return panel.train_loss, panel.validation_loss


def shade(results: Results) -> str:
    """What is said of the shade around a line."""
    several = any(result.n - result.diverged > 1 for result in results.arms)
    return "shaded: 95 % t interval of the mean over replicates" if several else "one replicate"


def _left_out(panels: Sequence[Panel]) -> str:
    if len(panels) <= MOST_PANELS:
        return ""
    return (
        f" Drawn are the first arm and the {MOST_PANELS - 1} of the highest validation accuracy; "
        "the data hold all."
    )


def _shown(panels: Sequence[Panel]) -> list[Panel]:
    if len(panels) <= MOST_PANELS:
        return list(panels)
    rest = range(1, len(panels))
    lasts = [each.validation.last for each in panels]
    best = sorted(rest, key=lambda place: -lasts[place] if math.isfinite(lasts[place]) else 1)
    return [panels[place] for place in (0, *sorted(best[: MOST_PANELS - 1]))]


def _rows(panels: Sequence[Panel], of: Bands) -> Iterable[tuple[object, ...]]:
    for panel in panels:
        for part, band in zip(("train", "validation"), of(panel), strict=True):
            yield from band_rows((panel.name, part), panel, band)


def band_rows(start: tuple[str, ...], panel: Panel, band: Band) -> Iterable[tuple[object, ...]]:
    """A band as rows of data, epoch by epoch, each begun with some texts."""
    numbers = zip(panel.seconds, band.counts, band.mean, band.low, band.high, strict=True)
    return ((*start, epoch, *each) for epoch, each in enumerate(numbers, start=1))


def _words(what: str, panels: Sequence[Panel], of: Bands, unit: str, digits: int) -> str:
    told = [_end(panel, *of(panel), unit, digits) for panel in panels[:ENDS_TOLD]]
    if len(panels) > ENDS_TOLD:
        told.append(f"{len(panels) - ENDS_TOLD} further arms are in the table")
    return (
        f"{plural(len(panels), 'panel')}, one an arm: training and validation {what} over the "
        f"epochs. At the last epoch: {'; '.join(told)}."
    )


def _end(panel: Panel, train: Band, validation: Band, unit: str, digits: int) -> str:
    name = truncate(panel.name, NAME_LENGTH)
    if not panel.has_numbers:
        return f"{name} {panel.remark}"
    values = f"training {number(train.last, digits)}{unit} and "
    values += f"validation {number(validation.last, digits)}{unit}"
    return f"{name} {values}" + (f" ({panel.remark})" if panel.remark else "")


def _draw(panels: Sequence[Panel], of: Bands, label: str, figure: Figure, theme: Theme) -> None:
    shown, is_loss = _shown(panels), of is _losses
    places = _places(figure, [each.name for each in shown])
    values = [each for panel in shown for band in of(panel) for each in band.mean]
    epochs = max((len(panel.epochs) for panel in shown), default=1)
    columns = min(COLUMNS, len(shown))
    for index, (axes, panel) in enumerate(zip(places, shown, strict=True)):
        train, validation = of(panel)
        draw_band(axes, panel.epochs, train, Look(theme.train, LINES[1], "", 1.1))
        draw_band(axes, panel.epochs, validation, Look(theme.validation, LINES[0], "", 1.5))
        (_loss_axis if is_loss else _percent_axis)(axes, values)
        epoch_axis(axes, epochs)
        axes.tick_params(labelleft=index % columns == 0, labelbottom=index + columns >= len(shown))
        _head(axes, panel, validation.last, is_loss, theme)
    _key(figure, theme)
    high = figure.get_size_inches()[1]
    figure.supxlabel("epoch", size=8, color=theme.ink, y=0.03 / high, va="bottom")
    figure.supylabel(label, size=8, color=theme.ink, x=0.05 / WIDTH)


def _head(axes: Axes, panel: Panel, last: float, is_loss: bool, theme: Theme) -> None:
    """The arm's name above its panel, and at its right where validation ends: never on a line."""
    axes.set_title(
        wrap_text(panel.name, TITLE_WIDTH), size=SMALL, color=theme.ink, loc="left", pad=3
    )
    if math.isfinite(last):
        axes.set_title(number(last, 2 if is_loss else 1), size=SMALL, color=theme.validation,
                       loc="right", pad=3)  # fmt: skip
    if panel.remark:
        axes.text(0.5, 0.55, wrap_text(panel.remark, 20, 3), transform=axes.transAxes, size=SMALL,
                  color=theme.muted, ha="center", va="center", style="italic")  # fmt: skip


def _percent_axis(axes: Axes, values: Sequence[float]) -> None:
    accuracy_axis(axes, "y", values, is_log=False)


def _loss_axis(axes: Axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    positive = [each for each in values if math.isfinite(each) and each > 0] or [1.0]
    axes.set_yscale("log")
    low, high = 0.8 * min(positive), 1.25 * max(positive)
    ticks = [step * 10.0**power for power in range(-6, 7) for step in (1, 3)]
    axes.yaxis.set_major_locator(FixedLocator([each for each in ticks if low <= each <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(low, high)


def _key(figure: Figure, theme: Theme) -> None:
    """Says above all panels which line is which."""
    high = figure.get_size_inches()[1]
    figure.text(1 - 0.08 / WIDTH, 1 - 0.02 / high, "training", color=theme.train, size=SMALL,
                ha="right", va="top")  # fmt: skip
    figure.text(1 - 0.95 / WIDTH, 1 - 0.02 / high, "validation", color=theme.validation,
                size=SMALL, ha="right", va="top")  # fmt: skip
    for right, colour, dashes in ((0.6, theme.train, LINES[1]), (1.58, theme.validation, LINES[0])):
        figure.add_artist(
            _line2d((1 - (right + 0.28) / WIDTH, 1 - right / WIDTH), 1 - 0.085 / high, colour,
                    dashes)
        )  # fmt: skip


def _line2d(ends: tuple[float, float], height: float, colour: str, dashes: object) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D(ends, (height, height), color=colour, linestyle=dashes, linewidth=1.4)  # type: ignore[arg-type]


def _places(figure: Figure, names: Sequence[str]) -> list[Axes]:
    """Axes at places told in inches and not tied together, which would take seconds with many."""
    count = len(names)
    columns = min(COLUMNS, max(1, count))
    rows = math.ceil(count / columns)
    more = max((wrap_text(name, TITLE_WIDTH).count("\n") for name in names), default=0)
    title = 0.2 + LINE * more
    height, gap, left, bottom, key = 0.95, title + 0.12, 0.52, 0.42, 0.18
    high = bottom + rows * height + (rows - 1) * gap + title + key
    figure.set_size_inches(WIDTH, high)
    width = (WIDTH - left - 0.1 - 0.16 * (COLUMNS - 1)) / COLUMNS
    width *= COLUMNS / columns if columns < COLUMNS else 1
    width = min(width, 2.2)
    return [
        axes_at(
            figure,
            left + index % columns * (width + 0.16),
            bottom + (rows - 1 - index // columns) * (height + gap),
            width,
            height,
        )
        for index in range(count)
    ]


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
        words=_overlay_words("epochs", panels),
        columns=("arm", *BAND),
        rows=partial(_overlay_rows, panels),
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
        words=_overlay_words("seconds", panels),
        columns=("arm", *BAND),
        rows=partial(_overlay_rows, panels),
        draw=partial(_draw_seconds, panels),
    )


def _overlay_rows(panels: Sequence[Panel]) -> Iterable[tuple[object, ...]]:
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


def _overlay_words(over: str, panels: Sequence[Panel]) -> str:
    told = [_line_end(panel, over) for panel in panels if panel.is_drawn][:ENDS_TOLD]
    more = sum(panel.is_drawn for panel in panels) - len(told)
    told += [f"{more} further arms are in the table"] if more else []
    ends = f" At the end: {'; '.join(told)}." if told else " None has an epoch yet."
    return f"Validation accuracy over {over}, {plural(len(panels), 'line')}.{ends}"


def _line_end(panel: Panel, over: str) -> str:
    after = f" after {number(panel.seconds[-1], 1)} s" if over == "seconds" else ""
    remark = f" ({panel.remark})" if panel.remark else ""
    name = truncate(panel.name, NAME_LENGTH)
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
         f"{truncate(drawn[index].name, 50)}\N{EN SPACE}{number(drawn[index].validation.last, 1)}",
         look(theme, rank).colour)
        for rank, index in enumerate(in_front(drawn))
    ]  # fmt: skip
    figure = axes.get_figure(root=True)
    height = axes.get_position().height * (figure.get_size_inches()[1] if figure else 1.0)
    name_ends(axes, height, ends)
