"""Figures as files: SVG, PNG and the numbers behind them as CSV, the same bytes every time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from stepladder.report import drawing
from stepladder.report.curves import Band, Figures
from stepladder.report.drawing_factorial import draw_factorial
from stepladder.report.drawing_tuning import draw_tuning
from stepladder.report.formats import csv_text
from stepladder.report.style import LIGHT, Theme, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["csv_of", "names_of", "png_of", "svg_of"]

PIXELS_PER_INCH = 200


@dataclass(frozen=True)
class _Kind:
    draw: Callable[[Figure, Figures, Theme], None]
    rows: Callable[[Figures], Iterable[tuple[object, ...]]]
    columns: tuple[str, ...]


def names_of(figures: Figures) -> tuple[str, ...]:
    """The figures there are something to draw for, in the order in which the report shows them."""
    needed = {"effects": figures.bars, "factorial": figures.readout, "tuning": figures.tuned}
    lacking = {name for name, has in needed.items() if not has}
    return tuple(name for name in _KINDS if name not in lacking)


def svg_of(name: str, figures: Figures, theme: Theme = LIGHT) -> str:
    """A figure as SVG, its text as text.

    Args:
        name: one of `names_of(figures)`.
        figures: what to draw.
        theme: for which paper.

    Raises:
        KeyError: if there is no such figure.
    """
    metadata = {"Date": None, "Creator": None, "Title": figures.alternatives[name]}
    text = _saved(name, figures, theme, "svg", metadata).decode()
    # Measured in DejaVu Sans, which is wide, so any reader's own font fits in its place.
    return text.replace("'DejaVu Sans'", "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif")


def png_of(name: str, figures: Figures, theme: Theme = LIGHT) -> bytes:
    """A figure as PNG, 200 pixels an inch; arguments and errors as for `svg_of`."""
    return _saved(name, figures, theme, "png", {"Software": None})


def _saved(
    name: str, figures: Figures, theme: Theme, kind: str, metadata: dict[str, str | None]
) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a user's own settings must not change a report
        mpl.rcParams.update(settings(theme))
        # Names may hold any script: SVG readers have fonts for it, PNG shows a box instead.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        _KINDS[name].draw(figure, figures, theme)
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=PIXELS_PER_INCH, metadata=metadata)
    return file.getvalue()


def csv_of(name: str, figures: Figures) -> str:
    """The numbers that a figure shows, as CSV; arguments and errors as for `svg_of`."""
    return csv_text(_KINDS[name].columns, _KINDS[name].rows(figures))


def _accuracy_rows(figures: Figures) -> Iterable[tuple[object, ...]]:
    for panel in figures.panels:
        for part, band in (("train", panel.train), ("validation", panel.validation)):
            yield from _band_rows((panel.name, part), band)


def _validation_rows(figures: Figures) -> Iterable[tuple[object, ...]]:
    for panel in figures.panels:
        yield from _band_rows((panel.name,), panel.validation)


def _band_rows(start: tuple[str, ...], band: Band) -> Iterable[tuple[object, ...]]:
    numbers = zip(band.counts, band.mean, band.low, band.high, strict=True)
    return ((*start, epoch, *each) for epoch, each in enumerate(numbers, start=1))


def _effect_rows(figures: Figures) -> Iterable[tuple[object, ...]]:
    return (
        (
            bar.name,
            bar.against,
            bar.mean,
            bar.low,
            bar.high,
            bar.verdict,
            *(bar.images or (None, None)),
        )
        for bar in figures.bars
    )


def _factorial_rows(figures: Figures) -> Iterable[tuple[object, ...]]:
    readout = figures.readout
    if readout is None:
        return
    for main, share in zip_longest(readout.main, readout.shares):
        effect = main.effect
        yield ("main effect", main.technique, "", effect.mean, effect.ci_low, effect.ci_high)
        if share is not None:
            part = share.shapley
            yield ("Shapley value", share.technique, "", part.mean, part.ci_low, part.ci_high)
            yield ("all ladders", share.technique, "", part.mean, share.least, share.most)
    for each in readout.interactions:
        for one, two in each.pairs:
            yield ("interaction", one, two, each.worth.mean, each.worth.ci_low, each.worth.ci_high)


def _tuning_rows(figures: Figures) -> Iterable[tuple[object, ...]]:
    tuned = figures.tuned
    if tuned is None:
        return
    for arm in tuned.arms:
        for tried in arm.tried:
            named = zip(tuned.fields, tried.values, strict=True)
            values = ", ".join(f"{field} = {value:g}" for field, value in named)
            kind = "chosen" if tried.values == arm.chosen else ""
            kind += " declared" if tried.values == arm.declared else ""
            for replicate, accuracy in enumerate(tried.accuracies):
                yield (arm.arm, values, kind.strip(), replicate, 100 * accuracy)


_BAND = ("epoch", "replicates", "mean_percent", "ci_low_percent", "ci_high_percent")
_EFFECT = ("arm", "compared_with", "effect_points", "ci_low_points", "ci_high_points", "verdict",
           "new_images_low_points", "new_images_high_points")  # fmt: skip

_FACTORIAL = ("figure", "technique", "with", "mean_points", "low_points", "high_points")

_TUNING = ("arm", "candidate", "which", "tuning_replicate", "validation_percent")

_KINDS = {
    "factorial": _Kind(draw_factorial, _factorial_rows, _FACTORIAL),
    "effects": _Kind(drawing.draw_effects, _effect_rows, _EFFECT),
    "accuracy": _Kind(drawing.draw_accuracy, _accuracy_rows, ("arm", "part", *_BAND)),
    "tuning": _Kind(draw_tuning, _tuning_rows, _TUNING),
    "validation": _Kind(drawing.draw_validation, _validation_rows, ("arm", *_BAND)),
}
