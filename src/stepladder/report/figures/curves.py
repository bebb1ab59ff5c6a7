"""Learning curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from stepladder.report.figures.axes import (
    ACCURACY,
    LEAST_TICKS,
    NAME_LENGTH,
    WIDTH,
    accuracy_axis,
    axes_at,
    cut_note,
    epoch_axis,
    first_of,
    is_high,
    log_odds_note,
    log_ticks,
    outer_labels,
    panel_axes,
    panel_titles,
    set_ticks,
    single_axes,
    within_reach,
    wrap_text,
)
from stepladder.report.figures.bands import (
    CUT_BANDS,
    LEFT,
    RIGHT,
    Band,
    End,
    LineStyle,
    Panel,
    align_label,
    arms_in_front,
    band_ends,
    draw_band,
    line_style,
    name_ends,
    panels_of,
    short_number,
)
from stepladder.report.figures.base import LINES, Plot, Theme
from stepladder.report.wording import Measure, number, plural, truncate
from stepladder.runs.results import Results
from stepladder.study.keras_names import name_of
from stepladder.study.metrics import LOSS_OF_VALUES
from stepladder.study.scoring import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 24
ARMS_DESCRIBED = 8
MORE_ARMS = "further arms are in the table"
BAND = ("epoch", "seconds", "replicates", "mean", "ci_low", "ci_high")

Bands = Callable[[Panel], tuple[Band, Band]]


def accuracy_plot(results: Results) -> Plot | None:
    """Training and validation accuracy over the epochs; None where there is none."""
    if results.study.trainer is not None or results.study.task == "regression":
        return None
    panels = panels_of(results)
    whole = ""
    if results.study.task == "multilabel":
        whole = f" An accuracy is the share of {results.noun}s of which every label is right."
    return Plot(
        name="accuracy",
        title="Training and validation accuracy",
        caption="Accuracy over the epochs, mean of the replicates, percent at the right of each "
        f"name: validation, last epoch; {_shade(results)}. Training accuracy is taken while "
        f"training, dropout on, so it can lie below validation accuracy.{whole}"
        f"{_ends(results, panels)}",
        words=_words("accuracy", panels, _accuracies, " %", 2),
        columns=("arm", "part", *BAND),
        rows=partial(_rows, panels, _accuracies),
        draw=partial(_draw, panels, _accuracies, "accuracy, %"),
    )


def loss_plot(results: Results) -> Plot | None:
    """Training and validation loss over the epochs; None for a training of the user's own."""
    if results.study.trainer is not None:
        return None
    panels, shown = panels_of(results), _LOSSES[results.study.task]
    is_log = shown.is_log or _spans_decades(panels)
    return Plot(
        name="loss",
        title="Training and validation loss",
        caption=f"{shown.name} over the epochs{' on a logarithmic axis' if is_log else ''}, mean "
        f"of the replicates; {_shade(results)}. The number at each name: validation, last epoch. "
        f"{shown.of_nothing(len(results.classes))}A validation loss that rises while training "
        f"loss falls is overfitting.{_other_losses(results)}{_ends(results, panels)}",
        words=_words("loss", panels, _losses, shown.unit, 3),
        columns=("arm", "part", *BAND),
        rows=partial(_rows, panels, _losses),
        draw=partial(_draw, panels, _losses, f"{shown.label}{' (log)' if is_log else ''}"),
    )


class _Loss(NamedTuple):
    """The loss that is reported of a task.

    Attributes:
        name: at the beginning of a sentence.
        label: at an axis.
        unit: after a number.
        is_log: whether its axis is always logarithmic.
    """

    name: str
    label: str
    unit: str
    is_log: bool

    def of_nothing(self, classes: int) -> str:
        """The loss of a network that has learnt nothing, in a sentence, where it is known."""
        if not self.is_log:
            return ""
        if self.label.startswith("binary"):
            return "Answering 1/2 for every label gives ln 2 = 0.69. "
        return (
            f"A network that has learnt nothing of {classes:,} classes has ln {classes} = "
            f"{math.log(classes):.2f}. "
        )


_LOSSES: dict[Task, _Loss] = {
    "classification": _Loss("Mean cross-entropy", "cross-entropy, nats", " nats", True),
    "multilabel": _Loss(
        "Mean binary cross-entropy of the labels", "binary cross-entropy, nats", " nats", True
    ),
    "regression": _Loss("Mean squared error", "mean squared error", "", False),
}


def _other_losses(results: Results) -> str:
    """That arms are shown by one loss, where some minimise another."""
    names = {name_of(getattr(arm.arm.config, "loss", "auto")) for arm in results.arms}
    return " Arms that minimise another loss are shown by this one too." * (names != {"auto"})


def _ends(results: Results, panels: Sequence[Panel], *, has_marks: bool = True) -> str:
    """Which arms are left out, and what early stopping does to curves, after a space."""
    text = _left_out(panels) if has_marks else ""
    longest = {len(panel.epochs) for panel in panels}
    if any(arm.epochs_trained for arm in results.arms) and len(longest) > 1:
        text += " Where trainings stop early, curves end where half of the replicates have stopped."
    if has_marks and any(math.isfinite(panel.scored) for panel in panels):
        text += " Dotted: the epoch that is scored, mean of the replicates."
    return text


def _spans_decades(panels: Sequence[Panel]) -> bool:
    values = [
        mean for panel in panels for part in _losses(panel) for mean in part.mean
        if math.isfinite(mean) and mean > 0
    ]  # fmt: skip
    return bool(values) and max(values) > 10 * min(values)


def _accuracies(panel: Panel) -> tuple[Band, Band]:
    return panel.train, panel.validation


def _losses(panel: Panel) -> tuple[Band, Band]:
    return panel.train_loss, panel.validation_loss


def _shade(results: Results) -> str:
    several = any(result.n - result.diverged > 1 for result in results.arms)
    return "shaded: 95 % t interval of the mean over replicates" if several else "one replicate"


def _left_out(panels: Sequence[Panel]) -> str:
    if len(panels) <= MOST_PANELS:
        return ""
    return (
        f" Drawn are the first arm and the {MOST_PANELS - 1} of the "
        f"{'lowest validation loss' if panels[0].shows_loss else 'highest validation accuracy'}; "
        "the data hold all."
    )


def _choose_panels(panels: Sequence[Panel]) -> list[Panel]:
    if len(panels) <= MOST_PANELS:
        return list(panels)
    order = [-panel.merit if math.isfinite(panel.merit) else math.inf for panel in panels]
    best = sorted(range(1, len(panels)), key=order.__getitem__)
    return [panels[place] for place in (0, *sorted(best[: MOST_PANELS - 1]))]


def _rows(panels: Sequence[Panel], bands_of: Bands) -> Iterable[tuple[object, ...]]:
    for panel in panels:
        for part, band in zip(("train", "validation"), bands_of(panel), strict=True):
            yield from _band_rows((panel.name, part), panel, band)


def _band_rows(start: tuple[str, ...], panel: Panel, band: Band) -> Iterable[tuple[object, ...]]:
    numbers = zip(panel.seconds, band.counts, band.mean, band.low, band.high, strict=True)
    return ((*start, epoch, *values) for epoch, values in enumerate(numbers, start=1))


def _words(what: str, panels: Sequence[Panel], bands_of: Bands, unit: str, digits: int) -> str:
    ends = [_last_values(panel, bands_of(panel), unit, digits) for panel in panels]
    return (
        f"{plural(len(panels), 'panel')}, one an arm: training and validation {what} over the "
        f"epochs. At the last epoch: {first_of(ends, ARMS_DESCRIBED, MORE_ARMS)}."
    )


def _last_values(panel: Panel, bands: tuple[Band, Band], unit: str, digits: int) -> str:
    name = truncate(panel.name, NAME_LENGTH)
    if not panel.has_numbers:
        return f"{name} {panel.remark}"
    train, validation = (f"{number(band.last, digits)}{unit}" for band in bands)
    remark = f" ({panel.remark})" if panel.remark else ""
    return f"{name} training {train} and validation {validation}{remark}"


def _draw(
    panels: Sequence[Panel], bands_of: Bands, label: str, figure: Figure, theme: Theme
) -> None:
    panels, is_loss = _choose_panels(panels), bands_of is _losses
    titles = panel_titles([panel.name for panel in panels], 17)
    left = 0.72 if is_loss and any(panel.shows_loss for panel in panels) else 0.52
    height = 0.95 if len(titles) > 2 else 1.2  # of one row, the label beside it needs more
    places = panel_axes(figure, titles, height=height, left=left, bottom=0.42, top=0.18)
    values = [mean for panel in panels for band in bands_of(panel) for mean in band.mean]
    epochs = max((len(panel.epochs) for panel in panels), default=1)
    train_style = LineStyle(theme.train, LINES[1], width=1.1)
    validation_style = LineStyle(theme.validation, LINES[0], width=1.5)
    for axes, panel in zip(places, panels, strict=True):
        train, validation = bands_of(panel)
        draw_band(axes, panel.epochs, train, train_style)
        draw_band(axes, panel.epochs, validation, validation_style)
        if is_loss:
            _loss_axis(axes, values, is_log=not panel.shows_loss)
        else:
            accuracy_axis(axes, "y", values, is_log=False)
        epoch_axis(axes, epochs)
        if math.isfinite(validation.last):  # above the axes, so that it is never on a line
            last = short_number(validation.last) if panel.shows_loss else number(
                validation.last, 2 if is_loss else 1)  # fmt: skip
            axes.set_title(last, loc="right", color=theme.validation)
        if math.isfinite(panel.scored):
            axes.axvline(panel.scored, color=theme.muted, linestyle=LINES[2], linewidth=1.0)
        if panel.remark:
            axes.text(0.5, 0.55, wrap_text(panel.remark, 20, 3), transform=axes.transAxes,
                      color=theme.muted, ha="center", va="center", style="italic")  # fmt: skip
    _key(figure, [("training", train_style), ("validation", validation_style)])
    outer_labels(figure, "epoch", label)


def _loss_axis(axes: Axes, values: Sequence[float], *, is_log: bool) -> None:
    positive = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    if max(positive) <= 10 * min(positive) and not is_log:
        margin = 0.06 * (max(positive) - min(positive)) or 0.1 * max(positive)
        axes.set_ylim(min(positive) - margin, max(positive) + margin)
        axes.yaxis.get_major_locator().set_params(nbins=4)  # type: ignore[call-arg]
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        return
    axes.set_yscale("log")
    low, high = 0.8 * min(positive), 1.25 * max(positive)
    ticks = [step * 10.0**power for power in range(-6, 7) for step in (1, 3)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    set_ticks(axes.yaxis, ticks if len(ticks) >= LEAST_TICKS else log_ticks(low, high))
    axes.set_ylim(low, high)


def _key(figure: Figure, styles: Sequence[tuple[str, LineStyle]]) -> None:
    """Says above all panels which line is which."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=style.colour, linestyle=style.dashes, label=name)  # type: ignore[arg-type]
        for name, style in reversed(styles)
    ]
    corner = (1 - 0.08 / WIDTH, 1 - 0.02 / figure.get_size_inches()[1])
    figure.legend(handles=lines, loc="upper right", bbox_to_anchor=corner, ncols=2,
                  frameon=False, borderpad=0, borderaxespad=0, handlelength=2.6,
                  columnspacing=1.2, labelcolor="linecolor")  # fmt: skip


def validation_plot(results: Results) -> Plot | None:
    """Validation accuracy, or loss, of all arms over the epochs; None for training of one's own."""
    if results.study.trainer is not None:
        return None
    what = _compared(results)
    return _overlay(
        results,
        name="validation",
        title="All arms on one axis",
        caption=f"{what} over the epochs; {_shade(results)}.",
        over="epochs",
    )


def seconds_plot(results: Results) -> Plot | None:
    """Validation accuracy, or loss, of all arms over the time of training; None before any."""
    panels, is_loss = panels_of(results), results.study.task == "regression"
    if not any(math.isfinite(end) and end > 0 for panel in panels for end in panel.seconds):
        return None
    return _overlay(
        results,
        name="seconds",
        title=f"{'Loss' if is_loss else 'Accuracy'} for the time it takes",
        caption=f"{_compared(results)} over seconds of training of one replicate, compiling left "
        f"out, each epoch at its mean time; {_shade(results)}. Arms that were trained side by side "
        "share a machine: read times as ratios.",
        over="seconds",
    )


def _compared(results: Results) -> str:
    """By what arms are compared over the epochs."""
    if results.study.task == "regression":
        return "Validation loss (mean squared error)"
    return "Validation accuracy"


def _overlay(results: Results, name: str, title: str, caption: str, over: str) -> Plot:
    panels = panels_of(results)
    drawn = [panel for panel in panels if panel.is_drawn]
    front = len(arms_in_front(drawn))
    note = ""
    if results.study.task != "regression":
        note = log_odds_note(panel.validation.last for panel in panels)
        means = [mean for panel in drawn for mean in panel.compared.mean]
        bands = band_ends(panel.compared for panel in drawn)
        note += cut_note(means, bands, ACCURACY, CUT_BANDS)
    if front < len(drawn):
        note += f" In colour: the first arm and the best {front - 1} of {len(drawn)}."
    ends = first_of([_line_end(panel, over) for panel in drawn], ARMS_DESCRIBED, MORE_ARMS)
    words = f" At the end: {ends}." if ends else " None has an epoch yet."
    return Plot(
        name=name,
        title=title,
        caption=f"{caption}{note}{_ends(results, panels, has_marks=False)}",
        words=f"{_compared(results)} over {over}, {plural(len(panels), 'line')}.{words}",
        columns=("arm", *BAND),
        rows=partial(_overlay_rows, panels),
        draw=partial(_draw_epochs if over == "epochs" else _draw_seconds, drawn),
    )


def _overlay_rows(panels: Sequence[Panel]) -> Iterable[tuple[object, ...]]:
    for panel in panels:
        yield from _band_rows((panel.name,), panel, panel.compared)


def _line_end(panel: Panel, over: str) -> str:
    after = f" after {number(panel.seconds[-1], 1)} s" if over == "seconds" else ""
    remark = f" ({panel.remark})" if panel.remark else ""
    name = truncate(panel.name, NAME_LENGTH)
    last = panel.compared.last
    value = short_number(last) if panel.shows_loss else f"{number(last)} %"
    return f"{name} {value}{after}{remark}"


def _draw_epochs(panels: Sequence[Panel], figure: Figure, theme: Theme) -> None:
    """One linear axis, and below it one in log-odds where accuracies are high."""
    height, gap = 2.3, 0.16
    has_two = not _shows_loss(panels) and is_high(panel.validation.last for panel in panels)
    lower = single_axes(figure, height, LEFT, RIGHT, top=0.1 + has_two * (height + gap))
    scales = [(lower, has_two)]
    if has_two:
        upper = axes_at(figure, LEFT, 0.42 + height + gap, WIDTH - LEFT - RIGHT, height)
        scales.insert(0, (upper, False))
    for axes, is_log in scales:
        epoch_axis(axes, max((len(panel.epochs) for panel in panels), default=1))
        axes.tick_params(labelbottom=axes is lower)
        _draw_lines(axes, panels, [panel.epochs for panel in panels], theme, is_log=is_log)
    lower.set_xlabel("epoch")
    _name_lines(figure, panels, theme)


def _draw_seconds(panels: Sequence[Panel], figure: Figure, theme: Theme) -> None:
    axes = single_axes(figure, 2.7, LEFT, RIGHT)
    axes.set_xlim(0, 1.03 * max((panel.seconds[-1] for panel in panels), default=1.0))
    axes.set_xlabel("seconds of training, one replicate")
    is_log = not _shows_loss(panels) and is_high(panel.validation.last for panel in panels)
    _draw_lines(axes, panels, [panel.seconds for panel in panels], theme, is_log=is_log)
    _name_lines(figure, panels, theme)


def _shows_loss(panels: Sequence[Panel]) -> bool:
    return bool(panels) and panels[0].shows_loss


def _draw_lines(
    axes: Axes, panels: Sequence[Panel], places: Sequence[Sequence[float]], theme: Theme,
    *, is_log: bool,
) -> None:  # fmt: skip
    """What arms are compared by at their own places."""
    front = arms_in_front(panels)
    for index, panel in enumerate(panels):
        rank = front.index(index) if index in front else None
        draw_band(axes, places[index], panel.compared, line_style(theme, rank), index)
    means, is_loss = [mean for panel in panels for mean in panel.compared.mean], _shows_loss(panels)
    if is_loss:
        _loss_axis(axes, means, is_log=False)
        log = " (log)" if axes.get_yscale() == "log" else ""
        axes.set_ylabel(f"validation mean squared error{log}")
    else:
        ends = within_reach(means, band_ends(panel.compared for panel in panels), ACCURACY)
        accuracy_axis(axes, "y", [*means, *ends], is_log=is_log, part="validation")
    align_label(axes)


def _name_lines(figure: Figure, panels: Sequence[Panel], theme: Theme) -> None:
    ends = [
        End(panels[index].compared.last, panels[index].name, line_style(theme, rank), index)
        for rank, index in enumerate(arms_in_front(panels))
    ]
    if _shows_loss(panels):
        name_ends(figure, ends, Measure(LOSS_OF_VALUES, None), power=None)
    else:
        name_ends(figure, ends)
