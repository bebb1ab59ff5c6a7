"""Means with intervals over epochs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from stepladder.report.figures.axes import (
    ACCURACY,
    LINE,
    MARGIN,
    WIDTH,
    Interval,
    add_space,
    tick_width,
    wrap_text,
)
from stepladder.report.figures.base import ARM, LINES, MARKERS, Theme
from stepladder.report.view import Row, view_of
from stepladder.report.wording import Measure, number, truncate
from stepladder.runs.results import ArmResult, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Band:
    """A mean over replicates with its 95 % t interval, epoch by epoch.

    Attributes:
        mean: of the finite replicates; NaN where there is none.
        low: lower end of the interval; NaN with fewer than two finite replicates.
        high: its upper end; NaN with fewer than two.
        counts: finite replicates.
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def last(self) -> float:
        """The mean at the last epoch; NaN when there is none."""
        return self.mean[-1] if self.mean else math.nan


@dataclass(frozen=True)
class Panel:
    """The curves of one arm.

    Attributes:
        name: the arm's name, made visible.
        epochs: 1, 2, … as far as it was trained.
        train: accuracy in percent of the epoch's batches while training.
        validation: accuracy in percent on the validation part at the epoch's end.
        train_loss: cross-entropy in nats of the epoch's batches while training.
        validation_loss: the same on the validation part at the epoch's end.
        seconds: time since the training began at each epoch's end, the mean times of the epochs
            added up, so that it never falls where replicates stop early.
        shows_loss: whether arms are compared by their loss: a regression has no accuracy.
        scored: the epoch whose weights are scored, mean over replicates; NaN for the last one.
        remark: what is written into the panel, such as "waiting", or "".
        has_numbers: whether its last values are described, with a remark or without one.
    """

    name: str
    epochs: tuple[int, ...]
    train: Band
    validation: Band
    train_loss: Band
    validation_loss: Band
    seconds: tuple[float, ...]
    remark: str
    has_numbers: bool
    shows_loss: bool = False
    scored: float = math.nan

    @property
    def compared(self) -> Band:
        """By what arms are compared: validation accuracy, or the loss where there is none."""
        return self.validation_loss if self.shows_loss else self.validation

    @property
    def merit(self) -> float:
        """Its last value, the better the greater."""
        return -self.compared.last if self.shows_loss else self.compared.last

    @property
    def is_drawn(self) -> bool:
        """Whether there is a value at its end by which it is compared."""
        return math.isfinite(self.compared.last)


def panels_of(results: Results) -> tuple[Panel, ...]:
    """The curves of every arm, in the order of the arms."""
    rows, shows_loss = view_of(results).rows, results.study.task == "regression"
    return tuple(
        _panel(result, row, shows_loss=shows_loss)
        for result, row in zip(results.arms, rows, strict=True)
    )


def _panel(result: ArmResult, row: Row, *, shows_loss: bool) -> Panel:
    curves, end = result.curves, _last_epoch(result)
    scored, is_best = result.scored_epoch, getattr(result.arm.config, "score_at", "") == "best"
    return Panel(
        name=row.name,
        epochs=tuple(range(1, 1 + end)),
        train=band([curve.train_accuracy[:end] for curve in curves], 100),
        validation=band([curve.val_accuracy[:end] for curve in curves], 100),
        train_loss=band([curve.train_loss[:end] for curve in curves]),
        validation_loss=band([curve.val_loss[:end] for curve in curves]),
        seconds=_time_to_epoch([curve.seconds[:end] for curve in curves]),
        remark=row.instead or "",
        has_numbers=row.state in ("measured", "constant"),
        shows_loss=shows_loss,
        scored=scored.mean if scored is not None and is_best else math.nan,
    )


def _time_to_epoch(replicates: Sequence[npt.NDArray[np.float64]]) -> tuple[float, ...]:
    """Each epoch's mean time over the replicates still training, added up."""
    each_epoch = band([np.diff(seconds, prepend=0.0) for seconds in replicates]).mean
    return tuple(itertools.accumulate(each_epoch))


def _last_epoch(result: ArmResult) -> int:
    """The last epoch that is drawn: of trainings that stop early, half must still be going on."""
    lengths = [int(np.isfinite(curve.val_loss).sum()) for curve in result.curves]
    if result.epochs_trained is None or not any(lengths):
        return max((curve.epochs for curve in result.curves), default=0)
    lengths = sorted(length for length in lengths if length)
    return lengths[len(lengths) // 2]


def band(replicates: Sequence[npt.NDArray[np.float64]], scale: float = 1.0) -> Band:
    """Mean and 95 % t interval over replicates at each epoch.

    Args:
        replicates: one array of shape (epochs,) a replicate; NaN from the epoch in which it
            diverged. Shorter ones count as NaN afterwards.
        scale: what is multiplied by, such as 100 for percent.

    Returns:
        mean ± t(0.975, n - 1) · s / √n over the n finite replicates, times `scale`.

    Example:
        >>> band([np.array([0.5, 0.75]), np.array([0.5])], 100).mean
        (50.0, 75.0)
    """
    epochs = max((len(curve) for curve in replicates), default=0)
    values = np.full((len(replicates), epochs), np.nan)
    for row, curve in zip(values, replicates, strict=True):
        row[: len(curve)] = scale * curve
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, values, 0).sum(axis=0) / counts
        squares = np.where(finite, values - mean, 0) ** 2
        error = np.sqrt(squares.sum(axis=0) / (counts - 1) / counts)
        half = stdtrit(np.maximum(counts - 1, 1), 0.975) * error
    half = np.where(counts > 1, half, np.nan)
    return Band(*(tuple(part.tolist()) for part in (mean, mean - half, mean + half, counts)))


CUT_BANDS = "The widest shades end at the frame."


def band_ends(bands: Iterable[Band]) -> list[Interval]:
    """The intervals of bands, epoch by epoch."""
    return [pair for one in bands for pair in zip(one.low, one.high, strict=True)]


EVERY_ARM_UP_TO = 9
ARMS_IN_COLOUR = 7


class LineStyle(NamedTuple):
    """How a line is drawn; no two of the first seven share colour, dashes or marker."""

    colour: str
    dashes: object
    marker: str = ""
    width: float = 1.4
    is_front: bool = True


def line_style(theme: Theme, rank: int | None) -> LineStyle:
    """The style of the arm of a rank, or of one that stands back."""
    if rank is None:
        return LineStyle(theme.muted, "-", "", 0.6, is_front=False)
    colour, dashes, marker = (styles[rank % len(styles)] for styles in (theme.arms, LINES, MARKERS))
    return LineStyle(colour, dashes, marker)


def arms_in_front(panels: Sequence[Panel]) -> list[int]:
    """The arms drawn in colour and named: all of a few, the first and the best of many."""
    order = range(len(panels))
    if len(panels) <= EVERY_ARM_UP_TO:
        return list(order)
    best = sorted(order[1:], key=lambda index: -panels[index].merit)
    return [0, *sorted(best[: ARMS_IN_COLOUR - 1])]


def draw_band(
    axes: Axes, places: Sequence[float], band: Band, style: LineStyle, arm: int | None = None
) -> None:
    """A mean and the interval around it, at a horizontal place for each epoch; of arm `arm`."""
    if not places:
        return
    gid = None if arm is None else f"{ARM}{arm}"
    if np.isfinite(band.low).any() and style.is_front:
        axes.fill_between(places, band.low, band.high, color=style.colour, alpha=0.14,
                          linewidth=0, gid=gid)  # fmt: skip
    marker = style.marker or ("o" if len(places) == 1 else "")  # one point is no line
    axes.plot(places, band.mean, color=style.colour, linestyle=style.dashes,
              linewidth=style.width, marker=marker, markersize=3.2,
              markevery=max(1, len(places) // 5), zorder=3 if style.is_front else 2,
              alpha=1 if style.is_front else 0.35, gid=gid)  # fmt: skip


class End(NamedTuple):
    """What a line ends with: its last value, its arm's name and style, the arm's number."""

    value: float
    name: str
    style: LineStyle
    arm: int | None = None


def name_ends(
    figure: Figure, ends: Sequence[End], shown: Measure = ACCURACY, power: int | None = 0
) -> None:
    """Says below all axes which line is which, and what it ends with, the best first.

    Args:
        figure: that has its size; it becomes higher.
        ends: one a line.
        shown: the metric of the values; fractions have one decimal.
        power: of ten, in which the axis has them; None for a logarithmic axis.
    """
    from matplotlib.lines import Line2D

    if not ends:
        return
    digits = 1 if shown.metric.is_fraction else shown.digits
    if power:
        digits = min(max(digits + power, 0), 3)
    lower_first = -1 if power is None or shown.metric.sign > 0 else 1
    ends = sorted(ends, key=lambda end: lower_first * end.value)
    texts = []
    for end in ends:
        value = short_number(end.value)
        if power is not None:
            value = number(end.value / 10.0**power, digits)
        texts.append(wrap_text(f"{truncate(end.name, 50)} {value}", KEY_LENGTH, 3))
    half = -(-len(texts) // 2)
    lines = [sum(LINE * (1 + text.count("\n")) + 0.05 for text in column)
             for column in (texts[:half], texts[half:])]  # fmt: skip
    add_space(figure, below=max(lines) + 0.05)
    handles = [
        Line2D([], [], color=end.style.colour, linestyle=end.style.dashes,  # type: ignore[arg-type]
               marker=end.style.marker, markersize=3.2, linewidth=end.style.width)
        for end in ends
    ]  # fmt: skip
    key = figure.legend(
        handles, texts, loc="lower left", ncols=2, frameon=False, borderpad=0, borderaxespad=0,
        bbox_to_anchor=(MARGIN / WIDTH, 0.02 / figure.get_size_inches()[1]), labelspacing=0.4,
        handlelength=2.4, columnspacing=1.2, labelcolor="linecolor",
    )  # fmt: skip
    for end, handle, text in zip(ends, key.legend_handles, key.get_texts(), strict=True):
        if end.arm is not None and handle is not None:
            handle.set_gid(f"{ARM}{end.arm}")
            text.set_gid(f"{ARM}{end.arm}")


KEY_LENGTH = 21
"""Characters a line of what says which line is which."""


def short_number(value: float) -> str:
    """A loss in three digits: "0.0512", "3,012".

    Example:
        >>> short_number(0.05123), short_number(3012.4)
        ('0.0512', '3,012')
    """
    return f"{value:,.0f}" if 100 <= abs(value) < 1e7 else f"{value:.3g}"


LEFT, RIGHT = 0.52, MARGIN
"""Inches beside axes of accuracies."""


def align_label(axes: Axes) -> None:
    """Moves the vertical label to one place in all such figures, but for very wide ticks."""
    extra = tick_width(axes.yaxis) - 0.3
    extra = extra + 0.04 if extra > 0 else 0.0
    if extra:
        box = axes.get_position()
        axes.set_position((box.x0 + extra / WIDTH, box.y0, box.width - extra / WIDTH, box.height))
    axes.yaxis.set_label_coords(-(0.4 + extra) / (WIDTH - LEFT - RIGHT - extra), 0.5)
