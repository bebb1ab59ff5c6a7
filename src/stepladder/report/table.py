"""The table in the terminal: as much of it as the width holds, and what it means below."""

from __future__ import annotations

import re
from typing import TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.report.columns import NAME_WIDTH, VERDICT_STYLES, grid
from stepladder.report.findings import FoundLine
from stepladder.report.footnotes import UNDER_NEW_IMAGES
from stepladder.report.hanging import Hanging
from stepladder.report.sentences import Headline
from stepladder.report.side_table import SideTable
from stepladder.report.style import MARKS
from stepladder.report.terminal import FILE_WIDTH, console_on, plain_text
from stepladder.report.view import View, view_of
from stepladder.report.wording import elided
from stepladder.runner.results import Results

__all__ = ["as_text", "results_table", "show", "show_view", "side_table"]

_NUMBER = re.compile(r"[+−]?[\d.,]+( %|$| ±| \[| to )|–$")
_INDENT = Text("  ")


def results_table(results: Results, width: int = 100) -> RenderableType:
    """Results as a table for the terminal, with headline sentences and footnotes.

    Args:
        results: what to show.
        width: columns of the terminal; below 120 intervals of training and validation accuracy
            go first, then those columns, then the reported figures.

    Returns:
        A renderable for a rich console; names in it are text, never markup.
    """
    return _shown(view_of(results), width)


def _shown(view: View, width: int) -> RenderableType:
    parts: list[RenderableType] = [_title(view)]
    if view.status:
        parts.append(Text(view.status, style="bold yellow"))
    arms = grid(view, width)
    parts += [Text(), arms, Text()]
    parts += [_headline(each) for each in view.headlines]
    if view.notes:
        parts += [Text(), *(_note(name, note) for name, note in view.notes)]
    if view.findings:
        parts += [Text(), Text("Diagnosis", style="bold"), *map(_finding, view.findings)]
    for table in view.tables:
        parts += [Text(), side_table(table)]
    shown = {column.header for column in arms.columns}
    notes = [view.comparison, *view.footnotes]
    if "new images" not in shown:
        notes = [note.replace(UNDER_NEW_IMAGES, "") for note in notes]
    if view.reported_source and "reported" in shown:
        notes.append(f"Reported: {view.reported_source}.")
    parts += [Text(), *(Text(note, style="dim") for note in notes if note)]
    return Group(*parts)


def as_text(results: Results, width: int = 100) -> str:
    """The table as plain text without colours, at most `width` columns wide."""
    return plain_text(results_table(results, width), width)


def show(results: Results, stream: TextIO | None = None) -> None:
    """Prints the table.

    Args:
        results: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    show_view(view_of(results), stream)


def show_view(view: View, stream: TextIO | None = None) -> None:
    """Prints a view as a table; arguments as for `show`."""
    console = console_on(stream)
    console.print(_shown(view, console.width))


def _title(view: View) -> Text:
    return Text.assemble((view.title, "bold"), ("\n" + view.subtitle, "dim"))


def _headline(headline: Headline) -> RenderableType:
    mark = MARKS.get(headline.kind, "·")
    parts = [(part.text, "bold" if part.is_name else "default") for part in headline.parts]
    style = VERDICT_STYLES.get(headline.kind, "default")
    return Hanging(Text(f"{mark} ", style=style), Text.assemble(*parts))


def _note(name: str, note: str) -> RenderableType:
    return Hanging(_INDENT, Text.assemble((elided(name, NAME_WIDTH), "bold"), ": ", note))


def _finding(line: FoundLine) -> RenderableType:
    return Hanging(_INDENT, Text.assemble((line.names, "bold"), f": {line.brief}"))


def side_as_text(side: SideTable, width: int = FILE_WIDTH) -> str:
    """A table of texts as plain text without colours, at most `width` columns wide."""
    return plain_text(side_table(side), width)


def side_table(side: SideTable) -> RenderableType:
    """A table of texts for the terminal, under its title."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for place, head in enumerate(side.heads):
        is_number = all(not row[place] or _NUMBER.match(row[place]) for row in side.rows)
        table.add_column(head, justify="right" if is_number else "left", overflow="fold")
    for row in side.rows:
        table.add_row(Text(row[0], style="bold"), *map(Text, row[1:]))
    return Group(Text(side.title, style="bold"), table, Text(side.note, style="dim"))
