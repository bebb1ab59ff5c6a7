"""Tables in the terminal: results, techniques, lists of runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from stepladder.report.markdown import markdown_text
from stepladder.report.tables import FormattedNumber, TextTable
from stepladder.report.view import FindingLine, Row, View, view_of
from stepladder.report.wording import (
    MARKS,
    UNDER_NEW_IMAGES,
    Headline,
    duration,
    number,
    plural,
    printable,
    truncate,
)
from stepladder.runs.results import Results
from stepladder.runs.stored import RunState
from stepladder.study.techniques import CATALOGUE, Technique

VERDICT_STYLES = {
    "helps": "bold green",
    "hurts": "bold red",
    "no difference beyond δ": "default",
    "not enough replicates": "yellow",
}
"""How the terminal shows each verdict."""

NAME_WIDTH = 34
INSTEAD_WIDTH = 14
VERDICT_WIDTH = 14


@dataclass(frozen=True)
class _Column:
    """A column with its cells, one a row."""

    head: str
    cells: list[Text]
    width: int
    right: bool = False


def grid(view: View, width: int) -> Table:
    """The arms of a view, at most so many columns wide."""
    columns = _fitting(view, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        table.add_column(
            column.head,
            justify="right" if column.right else "left",
            width=column.width,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _fitting(view: View, width: int) -> list[_Column]:
    """The richest set of columns that the width holds, the leanest if none does."""
    columns: list[_Column] = []
    for layout in _LAYOUTS if view.is_trained else _LAYOUTS_OF_SCORES:
        columns = [column for column in layout(view) if column.cells or not view.rows]
        if sum(column.width for column in columns) + 2 * (len(columns) - 1) <= width:
            return columns
    spare = width - sum(column.width for column in columns[1:]) - 2 * (len(columns) - 1)
    return [_column("arm", columns[0].cells, limit=max(8, spare)), *columns[1:]]


def _full(view: View) -> list[_Column]:
    parts = [_accuracy(view, "train %", _train), _accuracy(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True)


def _means(view: View) -> list[_Column]:
    parts = [_mean(view, "train %", _train), _mean(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True)


def _full_folded(view: View) -> list[_Column]:
    parts = [_accuracy(view, "train %", _train), _accuracy(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True, verdict=VERDICT_WIDTH)


def _folded(view: View) -> list[_Column]:
    parts = [_mean(view, "train %", _train), _mean(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True, verdict=VERDICT_WIDTH)


def _without_train(view: View) -> list[_Column]:
    parts = [_mean(view, "validation %", _validation)]
    return _columns(view, before=parts, reported=True, verdict=VERDICT_WIDTH)


def _tested(view: View) -> list[_Column]:
    return _columns(view, before=[], reported=True, verdict=VERDICT_WIDTH)


def _scores(view: View) -> list[_Column]:
    return _columns(view, before=[], reported=True)


def _leanest(view: View) -> list[_Column]:
    return _columns(view, before=[], reported=False, verdict=VERDICT_WIDTH, images=False)


_LAYOUTS: tuple[Callable[[View], list[_Column]], ...] = (
    _full, _full_folded, _means, _folded, _without_train, _tested, _leanest,
)  # fmt: skip

_LAYOUTS_OF_SCORES = (_scores, _tested, _leanest)


def _train(row: Row) -> FormattedNumber:
    return row.train


def _validation(row: Row) -> FormattedNumber:
    return row.validation


def _columns(
    view: View,
    before: list[_Column],
    reported: bool,
    verdict: int | None = None,
    images: bool = True,
) -> list[_Column]:
    columns = [_column("arm", [_name(row) for row in view.rows], limit=NAME_WIDTH)]
    if not view.is_complete:
        columns.append(_column("n", [Text(row.replicates) for row in view.rows], right=True))
    columns += [*before, _tests(view, view.measure)]
    if any(row.effect for row in view.rows):
        texts = _aligned([row.effect for row in view.rows])
        columns.append(_column("effect", [Text(text) for text in texts]))
        if images and view.has_images:
            texts = _aligned_texts([row.images for row in view.rows])
            columns.append(_column("new images", [Text(text, style="dim") for text in texts]))
        styles = [VERDICT_STYLES.get(row.kind or "", "default") for row in view.rows]
        cells = [
            Text(row.verdict, style=style) for row, style in zip(view.rows, styles, strict=True)
        ]
        columns.append(_column("verdict", cells, limit=verdict))
    if reported and view.reported_source:
        texts = _aligned_texts([row.reported for row in view.rows])
        columns.append(_column("reported", [Text(text, style="dim") for text in texts], right=True))
    return columns


def _column(
    head: str, cells: Sequence[Text], right: bool = False, limit: int | None = None
) -> _Column:
    wide = max(
        [cell_len(head), *(cell_len(line) for each in cells for line in each.plain.split("\n"))]
    )
    return _Column(head, list(cells), wide if limit is None else min(wide, limit), right)


def _name(row: Row) -> Text:
    name = Text(truncate(row.name, 3 * NAME_WIDTH), style="bold")
    if row.against is not None and not row.is_against_told:
        name.append(f"\n  against {truncate(row.against, 2 * NAME_WIDTH)}", style="not bold dim")
    return name


def _tests(view: View, head: str) -> _Column:
    """Test accuracy, or what is to be said instead, folded so that it does not widen the table."""
    numbers = _aligned([None if row.instead else row.test for row in view.rows])
    widest = max([INSTEAD_WIDTH, *map(cell_len, numbers)])
    cells = [
        Text(row.instead, style="italic yellow") if row.instead else Text(text)
        for row, text in zip(view.rows, numbers, strict=True)
    ]
    return _column(head, cells, limit=widest)


def _accuracy(view: View, head: str, of: Callable[[Row], FormattedNumber]) -> _Column:
    texts = _aligned([None if row.instead else of(row) for row in view.rows])
    return _column(head, [Text(text) for text in texts])


def _mean(view: View, head: str, of: Callable[[Row], FormattedNumber]) -> _Column:
    texts = _aligned_texts(["" if row.instead else of(row).number for row in view.rows])
    return _column(head, [Text(text) for text in texts])


def _aligned(shown: Sequence[FormattedNumber | None]) -> list[str]:
    """Numbers with their intervals, so padded that decimal points stand in one column."""
    means = _aligned_texts([each.number if each else "" for each in shown])
    widths = [each.half_width if each else None for each in shown]
    halves = ["" if width is None else number(width) for width in widths]
    wide = max((len(half) for half in halves), default=0)
    spreads = [
        f"± {half:>{wide}}" if half else each.spread if each else ""
        for each, half in zip(shown, halves, strict=True)
    ]
    return [
        f"{mean} {spread}" if spread else mean for mean, spread in zip(means, spreads, strict=True)
    ]


def _aligned_texts(numbers: Sequence[str]) -> list[str]:
    wide = max((len(each) for each in numbers), default=0)
    return [each.rjust(wide) for each in numbers]


@dataclass(frozen=True)
class HangingIndent:
    """A text behind a mark; each line that it is folded into begins below its first letter.

    Attributes:
        mark: such as "✓ ", or spaces to set the text in.
        text: what stands behind it.
    """

    mark: Text
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, as rich asks for them."""
        wide = cell_len(self.mark.plain)
        first, *others = self.text.wrap(console, max(1, options.max_width - wide))
        yield Text.assemble(self.mark, first)
        yield from (Text.assemble(" " * wide, line) for line in others)


FILE_WIDTH = 120
"""Columns of a file or a pipe, which have no width of their own."""


def console_on(stream: TextIO | None = None) -> Console:
    """A console that writes to a stream.

    Args:
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console = Console(file=stream)
    if console.is_terminal:
        return console
    return Console(file=stream, width=FILE_WIDTH, color_system=None)


def plain_text(shown: RenderableType, width: int = FILE_WIDTH) -> str:
    """What a console shows, as text without colours, at most `width` columns wide."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


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
    return HangingIndent(Text(f"{mark} ", style=style), Text.assemble(*parts))


def _note(name: str, note: str) -> RenderableType:
    return HangingIndent(_INDENT, Text.assemble((truncate(name, NAME_WIDTH), "bold"), ": ", note))


def _finding(line: FindingLine) -> RenderableType:
    return HangingIndent(_INDENT, Text.assemble((line.names, "bold"), f": {line.brief}"))


def side_as_text(side: TextTable, width: int = FILE_WIDTH) -> str:
    """A table of texts as plain text without colours, at most `width` columns wide."""
    return plain_text(side_table(side), width)


def side_table(side: TextTable) -> RenderableType:
    """A table of texts for the terminal, under its title."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for place, head in enumerate(side.heads):
        is_number = all(not row[place] or _NUMBER.match(row[place]) for row in side.rows)
        table.add_column(head, justify="right" if is_number else "left", overflow="fold")
    for row in side.rows:
        table.add_row(Text(row[0], style="bold"), *map(Text, row[1:]))
    return Group(Text(side.title, style="bold"), table, Text(side.note, style="dim"))


Form = Literal["table", "json", "markdown"]


def show_techniques(form: Form = "table", stream: TextIO | None = None) -> None:
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

    return plain_text(_table(techniques))


def _change(technique: Technique) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in technique.change.items())


def _table(techniques: Sequence[Technique]) -> Table:
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


_STYLES = {"finished": "green", "training": "cyan", "unreadable": "red"}


def show_runs(runs: Sequence[RunState], stream: TextIO | None = None) -> None:
    """Prints runs as a table.

    Args:
        runs: what to list.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    console = console_on(stream)
    if not runs:
        console.print("No runs yet: begin with `stepladder run quick`.", markup=False)
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for head in ("study", "state"):
        table.add_column(head)
    for head in ("trials", "time", "size"):
        table.add_column(head, justify="right")
    table.add_column("folder")
    for run in runs:
        table.add_row(
            Text(printable(run.name)),
            Text(run.state, style=_STYLES.get(run.state, "default")),
            "–" if run.problem else f"{run.stored:,} of {run.planned:,}",
            "–" if run.problem else duration(run.seconds),
            "–" if run.size is None else byte_size(run.size),
            Text("" if run.folder is None else printable(str(run.folder))),
        )
    console.print(table)
    for run in runs:
        if run.problem:
            console.print(Text(f"{printable(run.name)}: {printable(run.problem)}"), soft_wrap=True)
        elif run.training:
            being = "is" if run.training == 1 else "are"
            console.print(f"{printable(run.name)}: {plural(run.training, 'trial')} {being} being "
                          "trained now", markup=False)  # fmt: skip


def runs_json(runs: Sequence[RunState]) -> str:
    """Runs as a JSON list; fields are added, never renamed."""
    listed = [
        {
            "study": run.name,
            "state": run.state,
            "stored": run.stored,
            "planned": run.planned,
            "training": run.training,
            "seconds": run.seconds,
            "bytes": run.size,
            "folder": None if run.folder is None else str(run.folder),
            "problem": run.problem or None,
        }
        for run in runs
    ]
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def byte_size(size: int) -> str:
    """A number of bytes in the largest unit that fits: "512 B", "1.3 MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
