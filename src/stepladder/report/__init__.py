"""What a study came to, shown: table, JSON, CSV, Markdown, figures, HTML, and progress.

Names are imported when first used: a table needs neither matplotlib nor Jinja2.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepladder.report.catalogue import catalogue_text
    from stepladder.report.figures import csv_of, png_of, svg_of
    from stepladder.report.formats import FORMATS, as_csv, as_json, as_markdown
    from stepladder.report.html import as_html
    from stepladder.report.plots.catalogue import figures_of
    from stepladder.report.progress import LiveProgress, PlainProgress, for_terminal
    from stepladder.report.table import as_text, results_table
    from stepladder.report.view import view_of
    from stepladder.report.write import write_html, write_report

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
    "catalogue": ("catalogue_text",),
    "figures": ("csv_of", "png_of", "svg_of"),
    "formats": ("FORMATS", "as_csv", "as_json", "as_markdown"),
    "html": ("as_html",),
    "plots.catalogue": ("figures_of",),
    "progress": ("LiveProgress", "PlainProgress", "for_terminal"),
    "table": ("as_text", "results_table"),
    "view": ("view_of",),
    "write": ("write_html", "write_report"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """A public name, imported from its module when first used."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"stepladder.report.{module}"), name)
    raise AttributeError(f"module 'stepladder.report' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
