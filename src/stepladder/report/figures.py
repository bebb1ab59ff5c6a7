"""Figures as files: SVG, PNG and the numbers behind them as CSV, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings

from stepladder.report.formats import csv_text
from stepladder.report.plots.plot import Plot
from stepladder.report.style import DARK, LIGHT, Theme, in_the_dark, settings

__all__ = ["csv_of", "dark_svg_of", "png_of", "svg_and_png_of", "svg_of"]

PIXELS_PER_INCH = 220
_PLACES = re.compile(r' (?:d|x|y|width|height|points|transform)="[^"]*"')
_TOO_FINE = re.compile(r"(\.\d\d)\d+")  # beyond a hundredth of a point
_TAG = re.compile(r"<[^<>]*>")  # a text that looks like a colour stays as it is
_COLOUR = re.compile("#[0-9a-f]{6}")
_INDENT = re.compile(r"\s*\n\s*")


def svg_of(plot: Plot, theme: Theme = LIGHT) -> str:
    """A figure as SVG, its text as text.

    Args:
        plot: what to draw.
        theme: for which paper.
    """
    (svg,) = _saved(plot, theme, "svg")
    return _as_text(svg)


def dark_svg_of(plot: Plot, light: str) -> str:
    """A figure as SVG on dark paper: what `svg_of` draws there, in a hundredth of the time.

    Args:
        plot: what to draw.
        light: it on light paper, from `svg_of`.
    """
    if plot.has_images:
        return svg_of(plot, DARK)
    turned = in_the_dark()

    def recoloured(tag: re.Match[str]) -> str:
        return _COLOUR.sub(lambda colour: turned.get(colour.group(), colour.group()), tag.group())

    return _TAG.sub(recoloured, light)


def png_of(plot: Plot, theme: Theme = LIGHT) -> bytes:
    """A figure as PNG, 220 pixels an inch; arguments as for `svg_of`."""
    (png,) = _saved(plot, theme, "png")
    return png


def svg_and_png_of(plot: Plot, theme: Theme = LIGHT) -> tuple[str, bytes]:
    """A figure in both forms, drawn once; arguments as for `svg_of`."""
    svg, png = _saved(plot, theme, "svg", "png")
    return _as_text(svg), png


def _as_text(svg: bytes) -> str:
    text = _PLACES.sub(lambda place: _TOO_FINE.sub(r"\1", place.group()), svg.decode())
    text = _INDENT.sub("\n", text)
    # Measured in DejaVu Sans, which is wide, so any reader's own font fits in its place.
    return text.replace("'DejaVu Sans'", "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif")


def _saved(plot: Plot, theme: Theme, *kinds: str) -> list[bytes]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metadata: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Title": plot.words},
        "png": {"Software": None},
    }
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a user's own settings must not change a report
        mpl.rcParams.update(settings(theme))
        # Names may hold any script: SVG readers have fonts for it, PNG shows a box instead.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure = Figure()
        FigureCanvasAgg(figure)
        plot.draw(figure, theme)
        files = [io.BytesIO() for _ in kinds]
        for kind, file in zip(kinds, files, strict=True):
            figure.savefig(file, format=kind, dpi=PIXELS_PER_INCH, metadata=metadata[kind])
    return [file.getvalue() for file in files]


def csv_of(plot: Plot) -> str:
    """The numbers that a figure shows, as CSV."""
    return csv_text(plot.columns, plot.rows())
