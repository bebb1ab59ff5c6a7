"""A judged table as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.report.formats import markdown_side_table, markdown_text
from stepladder.report.json_form import confound_as_json, effect_as_json, estimate_as_json, finite
from stepladder.report.reproduction import HEADS, TableView, Told, view_of_table
from stepladder.report.table import side_table
from stepladder.report.terminal import FILE_WIDTH, console_on, plain_text
from stepladder.runner.reproduced import JudgedReading, JudgedRow, Neighbours, Reproduction

__all__ = ["FORMATS", "as_text", "show"]

_STYLES = {"reproduced": "bold green", "not reproduced": "bold red", "cannot be told": "yellow"}
_NUMBERS = {"reported %", "mean %", "a new run, 95 %"}


def show(judged: Reproduction, stream: TextIO | None = None) -> None:
    """Prints a judged table.

    Args:
        judged: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console_on(stream).print(_shown(view_of_table(judged)))


def as_text(judged: Reproduction, width: int = FILE_WIDTH) -> str:
    """A judged table as plain text without colours, at most `width` columns wide."""
    return plain_text(_shown(view_of_table(judged)), width)


def _shown(view: TableView) -> RenderableType:
    parts: list[RenderableType] = [
        Text.assemble((view.title, "bold"), ("\n" + view.subtitle, "dim"))
    ]
    if view.status:
        parts.append(Text(view.status, style="bold yellow"))
    parts += [Text(), _grid(view), Text(), Text(view.headline[:1].upper() + view.headline[1:])]
    parts += [Text(), *map(_told, view.notes)] if view.notes else []
    if view.neighbours:
        parts += [Text(), Text(_TITLE, style="bold"), *map(_told, view.neighbours)]
    parts += [Text(), side_table(view.readings), Text()]
    return Group(*parts, *(Text(note, style="dim") for note in view.footnotes))


_TITLE = "What neighbouring rows differ in, by their nearest readings"


def _told(told: Told) -> RenderableType:
    return Text.assemble("  ", (told.name, "bold"), " ", told.text)


def _grid(view: TableView) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for head in HEADS:
        table.add_column(head, justify="right" if head in _NUMBERS else "left", overflow="fold")
    for row in view.rows:
        *cells, said = row.cells
        table.add_row(Text(cells[0], style="bold"), *map(Text, cells[1:]),
                      Text(said, style=_STYLES[row.verdict]))  # fmt: skip
    return table


def _markdown(judged: Reproduction) -> str:
    view = view_of_table(judged)
    sides = ["---:" if head in _NUMBERS else "---" for head in HEADS]
    rows = [[*map(markdown_text, row.cells[:-1]), f"**{row.cells[-1]}**"] for row in view.rows]
    lines = [f"**{markdown_text(view.title)}** · {markdown_text(view.subtitle)}", ""]
    lines += [f"**{markdown_text(view.status)}**", ""] if view.status else []
    lines += [f"| {' | '.join(cells)} |" for cells in (HEADS, sides, *rows)]
    lines += ["", markdown_text(view.headline[:1].upper() + view.headline[1:]), ""]
    lines += _markdown_list(view.notes)
    if view.neighbours:
        lines += [f"**{_TITLE}**", "", *_markdown_list(view.neighbours)]
    lines += markdown_side_table(view.readings)
    lines.append(f"<sub>{' '.join(markdown_text(note) for note in view.footnotes)}</sub>")
    return "\n".join(lines) + "\n"


def _markdown_list(told: tuple[Told, ...]) -> list[str]:
    lines = [f"- {markdown_text(each.name, True)} {markdown_text(each.text)}" for each in told]
    return [*lines, ""] if lines else []


def _json(judged: Reproduction) -> str:
    table, results = judged.table, judged.results
    value = {
        "table": table.name,
        "source": table.source,
        "dataset": results.dataset,
        "sizes": results.sizes,
        "replicates": table.replicates,
        "seed": table.seed,
        "finished": results.finished,
        "looks": results.looks,
        "versions": results.versions,
        "machine": results.machine,
        "seconds": finite(results.seconds),
        "rows": [_row(row) for row in judged.rows],
        "neighbours": [_neighbours(each) for each in judged.neighbours],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row(row: JudgedRow) -> dict[str, Any]:
    figure = row.row.figure
    return {
        "name": row.row.name,
        "reported": figure.value,
        "reported_text": figure.text,
        "tolerance": figure.tolerance,
        "runs": row.row.runs,
        "verdict": row.verdict,
        "missing": list(row.missing),
        "nearest": row.nearest.candidate.name if row.nearest else None,
        "not_excluded": [
            each.candidate.name for each in row.readings if each.finding != "excluded"
        ],
        "readings": [_reading(each) for each in row.readings],
    }


def _reading(each: JudgedReading) -> dict[str, Any]:
    found = each.expected
    return {
        "name": each.candidate.name,
        "reading": each.candidate.reading,
        "protocol": each.candidate.protocol or None,
        "recipe": each.candidate.recipe.model_dump(mode="json"),
        "finding": each.finding,
        "distance": finite(each.distance),
        "n": found.n,
        "diverged": each.result.diverged,
        "spread": finite(found.spread),
        "prediction_low": finite(found.low),
        "prediction_high": finite(found.high),
        "test_accuracy": estimate_as_json(each.result.test_accuracy),
        "diagnosis": list(each.result.diagnosis),
    }


def _neighbours(pair: Neighbours) -> dict[str, Any]:
    other, effect = pair.alone or (None, None)
    return {
        "row": pair.row.row.name,
        "above": pair.above.row.name,
        "named": [
            {"what": field, "above": before, "here": after} for field, before, after in pair.named
        ],
        "beyond": [confound_as_json(each) for each in pair.beyond],
        "reported_step": pair.step,
        "alone_against": None if other is None else other.name,
        "effect_alone": None if effect is None else effect_as_json(effect),
    }


FORMATS: dict[str, Callable[[Reproduction], str]] = {"json": _json, "markdown": _markdown}
"""What `stepladder reproduce --format` writes besides the table."""
