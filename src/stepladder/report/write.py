"""Writing the report and its figures: each file whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from stepladder.errors import OutputError
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
            _write(drawn / f"{name}.svg", svg_of(name, figures).encode()),
            _write(drawn / f"{name}.png", png_of(name, figures)),
            _write(drawn / f"{name}.csv", csv_of(name, figures).encode()),
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
    return _write(file, as_html(results).encode())


def _write(file: Path, content: bytes) -> Path:
    """Writes beside the file and moves into its place, so that a reader never sees half of it."""
    part = file.with_name(f".{file.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        _remove(part)
        raise OutputError(
            f"{str(file)!r} must be a file that can be written, found: {error.strerror or error}; "
            "free some space, mend the permissions or name another place"
        ) from error
    except BaseException:
        _remove(part)
        raise
    return file


def _remove(part: Path) -> None:
    with suppress(OSError):  # what went wrong before is what the user should hear of
        part.unlink()
