"""What a search has found, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.report.search_words import (
    NOTES,
    expected_text,
    flat_text,
    luck_text,
    mean_of,
    params_text,
    ranked,
    shown,
    span_text,
    subtitle,
    value_text,
)
from stepladder.report.table import FILE_WIDTH
from stepladder.report.wording import counted, number, visible
from stepladder.searcher.found import Found, Knob

__all__ = ["as_text", "search_table", "show"]

_SHOWN = 5


def show(found: Found, stream: TextIO | None = None) -> None:
    """Prints a search.

    Args:
        found: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console = Console(file=stream)
    if not console.is_terminal:
        console = Console(file=stream, width=FILE_WIDTH, color_system=None)
    console.print(search_table(found))


def as_text(found: Found, width: int = 100) -> str:
    """A search as plain text without colours, at most `width` columns wide."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(search_table(found))
    return captured.get()


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
        _knobs(found.knobs, found),
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
    validation = shown(fresh)
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
            Text.assemble("test ", (f"{shown(test).text} %", "bold"), " on the same replicates")
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
    for each in ranked(found)[:_SHOWN]:
        table.add_row(
            str(each.number), number(100 * mean_of(each)), str(len(each.replicates)),
            str(each.epochs),
            Text(params_text(each.params)),
        )  # fmt: skip
    return table


def _knobs(knobs: Sequence[Knob], found: Found) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Hyperparameters", title_justify="left")
    table.add_column("name")
    for head in ("importance", "p", "drawn for", "best"):
        table.add_column(head, justify="right")
    table.add_column(f"within {found.study.delta:g} points of the best")
    for each in knobs:
        has_share = math.isfinite(each.importance.share)
        edge = f" ({each.edge} edge)" if each.edge else ""
        table.add_row(
            Text(each.name),
            f"{100 * each.importance.share:.0f} %" if has_share else "–",
            f"{each.importance.p:.2g}" if has_share else "–",
            str(each.importance.candidates),
            Text(value_text(each.best) + edge, style="yellow" if edge else ""),
            Text(span_text(each.values)),
        )
    return table
