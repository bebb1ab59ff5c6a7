"""Accuracy over the epochs, arm by arm, as plain numbers: what the figures and their CSV show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from stepladder.analysis.judged import Interval
from stepladder.analysis.readout import Readout
from stepladder.report.readout import READOUT_CAPTION, readout_words
from stepladder.report.tuning import TUNING_CAPTION, tuning_words
from stepladder.report.view import Row, Shown, View, view_of
from stepladder.report.wording import counted, elided, number
from stepladder.runner.results import Results
from stepladder.runner.tuned import Tuned

__all__ = ["Band", "Bar", "Figures", "Panel", "figures_of"]

NAME_LENGTH = 60
ENDS_TOLD = 8
LINEAR_UP_TO = 5.0  # percentage points


@dataclass(frozen=True)
class Band:
    """A mean over replicates with its 95 % t interval, epoch by epoch, in percent.

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
        return self.mean[-1] if self.mean else float("nan")


@dataclass(frozen=True)
class Panel:
    """The curves of one arm.

    Attributes:
        name: the arm's name, made visible.
        epochs: 1, 2, … as far as it was trained.
        train: accuracy of the epoch's batches while training.
        validation: accuracy on the validation part at the epoch's end.
        remark: what is written into the panel, such as "waiting", or "".
    """

    name: str
    epochs: tuple[int, ...]
    train: Band
    validation: Band
    remark: str


@dataclass(frozen=True)
class Bar:
    """The effect of one arm, in percentage points.

    Attributes:
        name: the arm's name, made visible.
        against: the arm it is compared with.
        mean: the effect.
        low: lower end of its 95 % interval, or None.
        high: its upper end, or None.
        verdict: in words.
        text: the effect with its interval, as in the table.
        kind: the verdict itself.
        images: ends of the interval for new test images too, or None.
    """

    name: str
    against: str
    mean: float
    low: float | None
    high: float | None
    verdict: str
    text: str
    kind: str
    images: tuple[float, float] | None = None

    @property
    def images_ends(self) -> tuple[float, ...]:
        """The ends of the interval for new test images too, none where it is not known."""
        return self.images or ()


@dataclass(frozen=True)
class Figures:
    """All that is drawn, with the words beside it.

    Attributes:
        panels: one an arm.
        bars: one an arm that is compared with another and has a replicate.
        delta: points below which a difference does not matter.
        captions: what each figure shows, by its name.
        alternatives: each figure in words, by its name, for readers who cannot see it.
        readout: of a factorial, or None.
        tuned: how the arms of a fair study were tuned, or None.
    """

    panels: tuple[Panel, ...]
    bars: tuple[Bar, ...]
    delta: float
    captions: dict[str, str]
    alternatives: dict[str, str]
    readout: Readout | None = None
    tuned: Tuned | None = None

    @property
    def effect_ends(self) -> tuple[float, ...]:
        """Every effect and every end of an interval, in percentage points."""
        ends = (end for bar in self.bars for end in (bar.mean, bar.low, bar.high, *bar.images_ends))
        return tuple(end for end in ends if end is not None)

    @property
    def has_log_effects(self) -> bool:
        """Whether effects differ so much in size that their axis is logarithmic beyond 1 point."""
        return max((abs(end) for end in self.effect_ends), default=0) > LINEAR_UP_TO


def figures_of(results: Results) -> Figures:
    """The numbers and words of every figure: the same results give equal figures."""
    view = view_of(results)
    panels = tuple(
        Panel(
            name=row.name,
            epochs=tuple(range(1, 1 + max((curve.epochs for curve in result.curves), default=0))),
            train=band([curve.train_accuracy for curve in result.curves]),
            validation=band([curve.val_accuracy for curve in result.curves]),
            remark=row.instead or "",
        )
        for result, row in zip(results.arms, view.rows, strict=True)
    )
    bars = _bars(view, results)
    delta = results.study.delta
    made = Figures(panels, bars, delta, captions={}, alternatives=_alternatives(panels, bars),
                   readout=results.readout)  # fmt: skip
    if results.readout is not None:
        made.alternatives["factorial"] = readout_words(results.readout)
    if results.tuned is not None:
        made = replace(made, tuned=results.tuned)
        made.alternatives["tuning"] = tuning_words(results.tuned)
    return replace(made, captions=_captions(results, made))


def band(replicates: Sequence[npt.NDArray[np.float64]]) -> Band:
    """Mean and 95 % t interval over replicates at each epoch.

    Args:
        replicates: accuracies as fractions in 0…1, one array of shape (epochs,) a replicate;
            NaN from the epoch in which it diverged. Shorter ones count as NaN afterwards.

    Returns:
        The same in percent: mean ± t(0.975, n − 1) · s / √n over the n finite replicates.
    """
    epochs = max((len(each) for each in replicates), default=0)
    values = np.full((len(replicates), epochs), np.nan)
    for row, each in zip(values, replicates, strict=True):
        row[: len(each)] = 100 * each
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, values, 0).sum(axis=0) / counts
        squares = np.where(finite, values - mean, 0) ** 2
        error = np.sqrt(squares.sum(axis=0) / (counts - 1) / counts)
        half = stdtrit(np.maximum(counts - 1, 1), 0.975) * error
    half = np.where(counts > 1, half, np.nan)
    return Band(
        mean=tuple(mean.tolist()),
        low=tuple((mean - half).tolist()),
        high=tuple((mean + half).tolist()),
        counts=tuple(counts.tolist()),
    )


def _bars(view: View, results: Results) -> tuple[Bar, ...]:
    return tuple(
        _bar(row, row.effect, result.effect.new_images)
        for row, result in zip(view.rows, results.arms, strict=True)
        if row.effect is not None and result.effect is not None and math.isfinite(row.effect.mean)
    )


def _bar(row: Row, effect: Shown, images: Interval | None) -> Bar:
    return Bar(
        name=row.name,
        against=row.against or "",
        mean=effect.mean,
        low=effect.low,
        high=effect.high,
        verdict=row.verdict,
        text=effect.text,
        kind=row.kind or "",
        images=None if images is None else (images.low, images.high),
    )


def _captions(results: Results, made: Figures) -> dict[str, str]:
    several = any(result.n - result.diverged > 1 for result in results.arms)
    shade = "shaded: 95 % t interval of the mean over replicates" if several else "one replicate"
    axis = " The axis is linear within ± 1 point and logarithmic beyond."
    epochs = "accuracy over the epochs, mean of the replicates"
    said = {
        "accuracy": f"Training and validation {epochs}; {shade}. Training accuracy is taken while "
        "training, dropout on, so it can lie below validation accuracy.",
        "validation": f"Validation {epochs}, all arms on one axis; {shade}.",
        "factorial": READOUT_CAPTION,
        "tuning": TUNING_CAPTION,
        "effects": "Effect of each arm on test accuracy with its 95 % intervals: thick for these "
        "test images, retrained, thin for new test images too where known; the grey strip is "
        f"± {made.delta:g}, within which a difference does not matter. A hollow mark: not enough "
        f"replicates.{axis if made.has_log_effects else ''}",
    }
    return {name: text for name, text in said.items() if name in made.alternatives}


def _alternatives(panels: Sequence[Panel], bars: Sequence[Bar]) -> dict[str, str]:
    ends = [_end(panel) for panel in panels[:ENDS_TOLD]]
    if len(panels) > ENDS_TOLD:
        ends.append(f"{len(panels) - ENDS_TOLD} further arms are in the table")
    last = f"At the last epoch: {'; '.join(ends)}."
    told = [
        f"{elided(bar.name, NAME_LENGTH)} {bar.text}, {bar.verdict}" for bar in bars[:ENDS_TOLD]
    ]
    if len(bars) > ENDS_TOLD:
        told.append(f"{len(bars) - ENDS_TOLD} further effects are in the table")
    return {
        "accuracy": f"{counted(len(panels), 'panel')}, one an arm: training and validation "
        f"accuracy over the epochs. {last}",
        "validation": "Validation accuracy over the epochs, "
        f"{counted(len(panels), 'line')}. {last}",
        "effects": f"Effects in percentage points. {'; '.join(told) or 'None yet'}.",
    }


def _end(panel: Panel) -> str:
    name = elided(panel.name, NAME_LENGTH)
    if panel.remark and not panel.remark.startswith("answers"):
        return f"{name} {panel.remark}"
    values = [
        f"training {number(panel.train.last)} %",
        f"validation {number(panel.validation.last)} %",
    ]
    extra = f" ({panel.remark})" if panel.remark else ""
    return f"{name} {values[0]} and {values[1]}{extra}"
