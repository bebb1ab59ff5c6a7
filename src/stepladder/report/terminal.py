"""Documents in the terminal, by rich; the catalogue and the list of runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from rich import box
from rich import table as rich_table
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from stepladder.report.document import (
    Cell,
    Column,
    Document,
    Sentence,
    Sentences,
    Style,
    Table,
    numbers,
    words,
)
from stepladder.report.json import pick, to_json
from stepladder.report.markdown import to_markdown
from stepladder.report.view import view_of
from stepladder.report.wording import (
    MARKS,
    MISSING,
    duration,
    number,
    plural,
    printable,
    truncate,
)
from stepladder.runs.results import Results
from stepladder.study.techniques import CATALOGUE, KINDS, Technique, change_text

if TYPE_CHECKING:  # judging and what it imports cost 50 ms at every start
    from stepladder.runs.stored import RunState

FILE_WIDTH = 120
"""Columns of a file or a pipe, which have no width of their own, unless `COLUMNS` says it."""

INSTEAD_WIDTH = 14
"""Columns in which a column of numbers folds the words that stand in place of one."""

_STYLES = {
    "good": "bold green", "bad": "bold red", "open": "yellow", "instead": "italic yellow",
    "dim": "dim", "helps": "bold green", "hurts": "bold red", "not enough replicates": "yellow",
    "warning": "yellow",
}  # fmt: skip


def console_on(stream: TextIO | None = None) -> Console:
    """A console that writes to a stream.

    Args:
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets the columns of `COLUMNS`, or else 120, without colours.
    """
    console = Console(file=stream)
    if console.is_terminal:
        return console
    asked = os.environ.get("COLUMNS", "")
    width = int(asked) if asked.isdecimal() and int(asked) > 0 else FILE_WIDTH
    return Console(file=stream, width=width, color_system=None)


def print_document(documents: Document | Iterable[Document], stream: TextIO | None = None) -> None:
    """Prints a document; arguments as for `render` and `console_on`."""
    console = console_on(stream)
    console.print(render(documents, console.width))


def to_text(documents: Document | Iterable[Document], width: int = FILE_WIDTH) -> str:
    """A document as text without colours; arguments as for `render`."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(documents, width))
    return captured.get()


def render(documents: Document | Iterable[Document], width: int) -> RenderableType:
    """A document for a rich console; names in it are text, never markup.

    Args:
        documents: one, or the same with ever fewer columns, of which the first that fits is shown.
        width: columns of the terminal.

    Example:
        >>> print(to_text(Document("quick", "2 arms", "", ())), end="")
        quick
        2 arms
    """
    if isinstance(documents, Document):
        documents = (documents,)
    for document in documents:
        if all(_fits(block, width) for block in document.blocks):
            break
    parts: list[RenderableType] = []
    if document.title:
        parts.append(Text.assemble((document.title, "bold"), ("\n" + document.subtitle, "dim")))
    if document.status:
        parts.append(Text(document.status, style="bold yellow"))
    for block in document.blocks:
        lines = _table(block, width) if isinstance(block, Table) else _sentences(block)
        parts += [Text(), *lines] if lines and parts else lines
    return Trimmed(Group(*parts))


@dataclass(frozen=True)
class Trimmed:
    """What rich draws, without the spaces with which it fills cells and folded lines."""

    drawn: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, as rich asks for them."""
        for line in console.render_lines(self.drawn, options, pad=False):
            while line and not line[-1].text.rstrip():
                line.pop()
            for segment in line:
                text = segment.text.rstrip() if segment is line[-1] else segment.text
                yield Segment(text, segment.style)
            yield Segment.line()


def _sentences(block: Sentences) -> list[RenderableType]:
    title: list[RenderableType] = [Text(block.title, style="bold")] if block.title else []
    return [*title, *(_sentence(line, block.form) for line in block.lines)] if block.lines else []


def _sentence(line: Sentence, form: str) -> RenderableType:
    style = _STYLES.get(line.kind, "default")
    text = Text.assemble(*((part.text, "bold" if part.is_name else "") for part in line.parts))
    if form == "marked":
        return HangingIndent(Text(f"{MARKS.get(line.kind, '·')} ", style=style), text)
    if form == "indented":
        return HangingIndent(Text("  "), text)
    text.style = "dim" if form == "fine" else style
    return text


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
        first, *rest = self.text.wrap(console, max(1, options.max_width - wide))
        yield Text.assemble(self.mark, first)
        yield from (Text.assemble(" " * wide, line) for line in rest)


def _table(table: Table, width: int) -> list[RenderableType]:
    grid = rich_table.Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0),
                            show_edge=False)  # fmt: skip
    columns = _columns(table)
    widths: list[int | None] = [None] * len(columns)  # rich divides the width among words
    if _is_aligned(table):
        rest = sum(wide for _, wide in columns[1:]) + 2 * (len(columns) - 1)
        names = min(columns[0][1], max(8, width - rest))
        widths = [names, *(wide for _, wide in columns[1:])]
    for column, wide in zip(table.columns, widths, strict=True):
        grid.add_column(column.head, width=wide, overflow="fold",
                        justify="right" if column.align == "right" else "left")  # fmt: skip
    for row in zip(*(cells for cells, _ in columns), strict=True):
        grid.add_row(*row)
    title = [Text(table.title, style="bold")] if table.title else []
    return [*title, grid, *([Text(table.note, style="dim")] if table.note else [])]


def _is_aligned(table: Table) -> bool:
    return any(column.align == "decimal" for column in table.columns)


def _fits(block: Table | Sentences, width: int) -> bool:
    """Whether numbers that are aligned have the width that they need; all else is folded."""
    if not isinstance(block, Table) or not _is_aligned(block):
        return True
    columns = _columns(block)
    return sum(wide for _, wide in columns) + 2 * (len(columns) - 1) <= width


def _columns(table: Table) -> list[tuple[list[Text], int]]:
    """The cells of each column, and the width that it needs."""
    rows = [[text if isinstance(text, Cell) else Cell(text) for text in row] for row in table.rows]
    return [
        _column(column, [row[place] for row in rows], is_first=not place)
        for place, column in enumerate(table.columns)
    ]


def _column(column: Column, cells: Sequence[Cell], is_first: bool) -> tuple[list[Text], int]:
    texts, most = list[str](cells), column.most
    if column.align == "decimal":  # words in place of a number must not widen the column
        texts = _aligned(cells)
        figures = [text for text, cell in zip(texts, cells, strict=True) if cell.style != "instead"]
        most = max([INSTEAD_WIDTH, *map(cell_len, figures)])
    shown = []
    for text, cell in zip(texts, cells, strict=True):
        text = truncate(text, 3 * column.most) if column.most else text
        shown.append(Text(text, style="bold" if is_first else _STYLES.get(cell.style, "default")))
        if is_first and cell.detail:
            detail = truncate(cell.detail, 3 * (column.most or FILE_WIDTH))
            shown[-1].append(f"\n  {detail}", style="not bold dim")
    lines = [column.head, *(line for text in shown for line in text.plain.split("\n"))]
    wide = max(map(cell_len, lines))
    return shown, wide if most is None else min(wide, most)


def _aligned(cells: Sequence[Cell]) -> list[str]:
    """Numbers with their intervals, so padded that decimal points stand in one column."""
    means = ["" if cell.style == "instead" else cell.number.number if cell.number else cell
             for cell in cells]  # fmt: skip
    spreads = [
        "" if cell.number is None or cell.number.half_width is None
        else number(cell.number.half_width, cell.number.digits)
        for cell in cells
    ]  # fmt: skip
    wide, wide_spread = (max(map(len, texts), default=0) for texts in (means, spreads))
    return [
        cell if cell.style == "instead"
        else f"{mean:>{wide}} ± {spread:>{wide_spread}} "
        f"{cell.number.correction if cell.number else ''}".rstrip() if spread
        else f"{mean:>{wide}} {cell.number.spread if cell.number else ''}".removesuffix(" ")
        for cell, mean, spread in zip(cells, means, spreads, strict=True)
    ]  # fmt: skip


def as_text(results: Results, width: int = 100, *, explain: bool = True) -> str:
    """Results as plain text: table, headline sentences and footnotes.

    Args:
        results: what to show.
        width: columns; with fewer, intervals of training and validation accuracy go first, then
            those columns, then the reported figures.
        explain: whether all of it is shown, or the answer and the table alone.
    """
    return to_text(view_of(results).documents(explain=explain), width)


def show(results: Results, stream: TextIO | None = None, *, explain: bool = False) -> None:
    """Prints results; arguments as for `console_on` and `as_text`."""
    print_document(view_of(results).documents(explain=explain), stream)


Form = Literal["table", "json", "markdown"]


def show_techniques(form: Form = "table", stream: TextIO | None = None) -> None:
    """Prints the catalogue; arguments as for `catalogue_text` and `console_on`."""
    if form == "table":
        print_document(_catalogue(CATALOGUE), stream)
    else:
        print(catalogue_text(form), end="", file=stream)


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
        return to_json(
            [technique.model_dump(mode="json", include=fields) for technique in techniques]
        )
    if form == "markdown":
        return to_markdown(_catalogue(techniques))
    if form != "table":
        raise ValueError(f"form must be table, json or markdown, found {form!r}; name one of them")
    return to_text(_catalogue(techniques))


def _catalogue(techniques: Sequence[Technique]) -> Document:
    tables = []
    for kind, names in KINDS.items():
        rows = tuple(_technique_row(one) for one in techniques if one.name in names)
        if rows:
            tables.append(Table(kind, words("technique", "changes", "mends", "from"), rows))
    return Document("", "", "", tuple(tables))


def _technique_row(technique: Technique) -> tuple[str, ...]:
    reference = Cell(technique.reference, style="dim")
    return technique.name, change_text(technique.change), technique.mends, reference


_STATES: dict[str, Style] = {"finished": "good", "training": "open", "unreadable": "bad"}


def show_runs(runs: Sequence[RunState], stream: TextIO | None = None) -> None:
    """Prints runs as a table; arguments as for `console_on`."""
    nothing = Sentence.of("No runs yet: begin with `stepladder run quick`.")
    columns = (*words("study", "state"), *numbers("trials", "time", "size"), *words("folder"))
    table = Table("", columns, tuple(map(_run_row, runs)))
    lines = []
    for run in runs:
        if run.problem:
            lines.append(Sentence.of(f"{printable(run.name)}: {printable(run.problem)}"))
        elif run.training:
            verb = "is" if run.training == 1 else "are"
            trials = f"{plural(run.training, 'trial')} {verb} being trained now"
            trials += f" by {printable(run.executor)}" if run.executor else ""
            lines.append(Sentence.of(f"{printable(run.name)}: {trials}"))
        if run.spool is not None:
            lines.append(Sentence.of(f"{printable(run.name)}: {run.spool} in its spool"))
    blocks = (table, Sentences(tuple(lines))) if runs else (Sentences((nothing,)),)
    print_document(Document("", "", "", blocks), stream)


def _run_row(run: RunState) -> tuple[str, ...]:
    return (
        printable(run.name),
        Cell(run.state, style=_STATES.get(run.state, "")),
        MISSING if run.problem else f"{run.stored:,} of {run.planned:,}",
        MISSING if run.problem else duration(run.seconds),
        MISSING if run.size is None else byte_size(run.size),
        "" if run.folder is None else printable(str(run.folder)),
    )


def runs_json(runs: Sequence[RunState]) -> str:
    """Runs as a JSON list; fields are added, never renamed."""
    keys = "study=name state stored planned training seconds bytes=size folder problem"
    return to_json([
        pick(run, keys) | {"folder": run.folder and str(run.folder), "problem": run.problem or None,
                           "executor": run.executor or None}
        for run in runs
    ])  # fmt: skip


def byte_size(size: int) -> str:
    """A number of bytes in the largest unit that fits: "512 B", "1.3 MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
