"""Writing the report and its figures: each file whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from stepladder.files import write_whole
from stepladder.report import search_page
from stepladder.report.figures import csv_of, dark_svg_of, svg_and_png_of
from stepladder.report.html import Drawn, as_html
from stepladder.report.plots.catalogue import figures_of
from stepladder.report.plots.plot import Plot
from stepladder.report.plots.searched import search_figures
from stepladder.runner.results import Results
from stepladder.searcher.found import Found

__all__ = ["write_html", "write_report", "write_search"]


def write_report(results: Results, folder: Path) -> list[Path]:
    """Writes `report.html` and, under `figures/`, each figure as SVG, PNG and CSV.

    Args:
        results: what to report.
        folder: the run's folder; made where it is missing.

    Returns:
        The files written, `report.html` first.

    Raises:
        OutputError: if a file cannot be written; those written before it are whole.
    """
    return _written(figures_of(results), partial(as_html, results), folder)


def write_search(found: Found, folder: Path) -> list[Path]:
    """Writes the page of a search and its figures; see `write_report`."""
    return _written(search_figures(found), partial(search_page.as_html, found), folder)


def _written(
    plots: Sequence[Plot], page: Callable[[Sequence[Drawn]], str], folder: Path
) -> list[Path]:
    pairs, place = [_drawn(plot) for plot in plots], folder / "figures"
    text = page([drawing for drawing, _ in pairs])
    written = [write_whole(folder / "report.html", text.encode())]
    for drawing, png in pairs:
        written += [
            write_whole(place / f"{drawing.name}.svg", drawing.svg.encode()),
            write_whole(place / f"{drawing.name}.png", png),
            write_whole(place / f"{drawing.name}.csv", drawing.csv.encode()),
        ]
    return written


def _drawn(plot: Plot) -> tuple[Drawn, bytes]:
    """A figure as a page carries it, and as PNG: drawn once."""
    svg, png = svg_and_png_of(plot)
    return Drawn(plot, svg, dark_svg_of(plot, svg), csv_of(plot)), png


def write_html(results: Results, file: Path) -> Path:
    """Writes the report as one HTML file that needs nothing beside it.

    Args:
        results: what to report.
        file: where to; its folder is made where it is missing.

    Returns:
        The file.

    Raises:
        OutputError: if it cannot be written.
    """
    return write_whole(file, as_html(results).encode())
