"""The catalogue of techniques, shown: what each changes, what it mends, where it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TextIO

from stepladder.report.formats import markdown_text
from stepladder.techniques import CATALOGUE, Technique

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["catalogue_text", "show"]

Form = Literal["table", "json", "markdown"]


def show(form: Form = "table", stream: TextIO | None = None) -> None:
    """Prints the catalogue.

    Args:
        form: how.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.

    Raises:
        ValueError: if there is no such form.
    """
    if form != "table":
        print(catalogue_text(form), end="", file=stream)
        return
    from stepladder.report.terminal import console_on

    console_on(stream).print(_table(CATALOGUE))


def catalogue_text(form: Form = "table", techniques: Sequence[Technique] = CATALOGUE) -> str:
    """The catalogue as text.

    Args:
        form: `table`, `json` (a list of objects with name, change, mends and reference) or
            `markdown`.
        techniques: what to list.

    Raises:
        ValueError: if there is no such form.
    """
    if form == "json":
        fields = {"name", "change", "mends", "reference"}
        value = [each.model_dump(mode="json", include=fields) for each in techniques]
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if form == "markdown":
        lines = ["| technique | changes | mends | from |", "| --- | --- | --- | --- |"]
        for each in techniques:
            cells = (each.name, _change(each), each.mends, each.reference)
            lines.append(f"| {' | '.join(markdown_text(cell) for cell in cells)} |")
        return "\n".join(lines) + "\n"
    if form != "table":
        raise ValueError(f"form must be table, json or markdown, found {form!r}; name one of them")
    from stepladder.report.terminal import plain_text

    return plain_text(_table(techniques))


def _change(technique: Technique) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in technique.change.items())


def _table(techniques: Sequence[Technique]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("technique", "changes", "mends", "from"):
        table.add_column(name, overflow="fold", vertical="top")
    for each in techniques:
        table.add_row(
            Text(each.name, style="bold"),
            Text(_change(each)),
            Text(each.mends),
            Text(each.reference, style="dim"),
        )
    return table
