"""What a study came to, shown: table, JSON, CSV, Markdown, figures, HTML, and progress.

Names are imported when first used: a table needs neither matplotlib nor Jinja2.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepladder.report.figures import figures_of
    from stepladder.report.figures.base import csv_of, png_of, svg_of
    from stepladder.report.html import as_html, write_html, write_report
    from stepladder.report.json import as_json
    from stepladder.report.markdown import FORMATS, as_csv, as_markdown
    from stepladder.report.progress import LiveProgress, PlainProgress, for_terminal
    from stepladder.report.terminal import as_text, catalogue_text, results_table
    from stepladder.report.view import view_of

__all__ = [
    "FORMATS",
    "LiveProgress",
    "PlainProgress",
    "as_csv",
    "as_html",
    "as_json",
    "as_markdown",
    "as_text",
    "catalogue_text",
    "csv_of",
    "figures_of",
    "for_terminal",
    "png_of",
    "results_table",
    "svg_of",
    "view_of",
    "write_html",
    "write_report",
]

_HOMES = {
    "figures": ("figures_of",),
    "figures.base": (
        "csv_of",
        "png_of",
        "svg_of",
    ),
    "html": (
        "as_html",
        "write_html",
        "write_report",
    ),
    "markdown": (
        "FORMATS",
        "as_csv",
        "as_json",
        "as_markdown",
    ),
    "progress": (
        "LiveProgress",
        "PlainProgress",
        "for_terminal",
    ),
    "terminal": (
        "as_text",
        "catalogue_text",
        "results_table",
    ),
    "view": ("view_of",),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """A public name, imported from its module when first used."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"stepladder.report.{module}"), name)
    raise AttributeError(f"module 'stepladder.report' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
