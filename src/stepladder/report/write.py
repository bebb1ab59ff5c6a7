"""Writing the report and its figures: each file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from stepladder.files import write_whole
from stepladder.report.curves import figures_of
from stepladder.report.figures import csv_of, names_of, png_of, svg_of
from stepladder.report.html import as_html
from stepladder.runner.results import Results

__all__ = ["write_html", "write_report"]


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
    figures = figures_of(results)
    drawn = folder / "figures"
    written = [write_html(results, folder / "report.html")]
    for name in names_of(figures):
        written += [
            write_whole(drawn / f"{name}.svg", svg_of(name, figures).encode()),
            write_whole(drawn / f"{name}.png", png_of(name, figures)),
            write_whole(drawn / f"{name}.csv", csv_of(name, figures).encode()),
        ]
    return written


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
