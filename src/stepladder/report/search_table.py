"""What a search has found, in the terminal."""

from __future__ import annotations

from typing import TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.report.search_words import (
    NOTES,
    candidate_rows,
    expected_text,
    flat_text,
    knob_rows,
    luck_text,
    params_text,
    subtitle,
)
from stepladder.report.shown import Shown
from stepladder.report.terminal import console_on, plain_text
from stepladder.report.wording import counted, visible
from stepladder.searcher.found import Found

__all__ = ["as_text", "search_table", "show"]

_SHOWN = 5


def show(found: Found, stream: TextIO | None = None) -> None:
    """Prints a search.

    Args:
        found: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console_on(stream).print(search_table(found))


def as_text(found: Found, width: int = 100) -> str:
    """A search as plain text without colours, at most `width` columns wide."""
    return plain_text(search_table(found), width)


def search_table(found: Found) -> RenderableType:
    """A search as text and tables; names in it are text, never markup."""
    parts: list[RenderableType] = [
        Text(f"{visible(found.study.name)}: search", style="bold"),
        Text(subtitle(found), style="dim"),
        Text(),
        *_best(found),
        Text(),
        _candidates(found),
        Text(),
        _knobs(found),
        Text(),
        Text(flat_text(found)),
        Text(expected_text(found)),
    ]
    if found.warnings:
        parts += [Text(), *(Text(f"! {line}", style="yellow") for line in found.warnings)]
    parts += [Text(), *(Text(line, style="dim") for line in NOTES)]
    return Group(*parts)


def _best(found: Found) -> list[RenderableType]:
    fresh = found.fresh
    validation = Shown.accuracy(fresh)
    params = params_text(found.winner.params)
    lines: list[RenderableType] = [
        Text.assemble("Best: ", (f"candidate {found.winner.number}", "bold"), f", {params}"),
        Text.assemble(
            "validation ", (f"{validation.text} %", "bold"),
            f" on {counted(len(fresh.values), 'fresh replicate')}; {found.parameters:,} weights",
        ),
        Text(luck_text(found)),
    ]  # fmt: skip
    if found.test is not None:
        test = found.test
        lines.append(
            Text.assemble(
                "test ", (f"{Shown.accuracy(test).text} %", "bold"), " on the same replicates"
            )
        )
    looks = f"{counted(found.looks, 'look')} at this test set so far"
    again = found.test is not None and found.looks > 1
    if again:
        looks += ": a figure that was looked at more than once is no longer a test"
    lines.append(Text(looks, style="bold red" if again else "dim"))
    return lines


def _candidates(found: Found) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Leading candidates", title_justify="left")
    for head in ("candidate", "validation %", "replicates", "epochs"):
        table.add_column(head, justify="right")
    table.add_column("drawn")
    for *figures, drawn in candidate_rows(found, _SHOWN):
        table.add_row(*figures, Text(drawn))
    return table


def _knobs(found: Found) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Hyperparameters", title_justify="left")
    table.add_column("name")
    for head in ("importance", "p", "drawn for", "best"):
        table.add_column(head, justify="right")
    table.add_column(f"within {found.study.delta:g} points of the best")
    for each, (name, *figures, best, span) in zip(found.knobs, knob_rows(found), strict=True):
        style = "yellow" if each.edge else ""
        table.add_row(Text(name), *figures, Text(best, style=style), Text(span))
    return table
