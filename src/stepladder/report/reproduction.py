"""A published table, judged: text, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepladder.report import wording
from stepladder.report.json import confound_as_json, effect_as_json, estimate_as_json, finite
from stepladder.report.markdown import markdown_side_table, markdown_text
from stepladder.report.tables import FormattedNumber, TextTable
from stepladder.report.terminal import FILE_WIDTH, console_on, plain_text, side_table
from stepladder.report.view import judged_cells
from stepladder.report.wording import join_list, number, plural, printable, signed
from stepladder.runs.reproduction import JudgedReading, JudgedRow, Reproduction, RowComparison
from stepladder.statistics.intervals import LEAST, Prediction, RowVerdict
from stepladder.study.confounds import format_value

HEADS = ("row", "reported %", "nearest reading", "mean %", "a new run, 95 %", "verdict")

EXCLUDED_SHOWN = 2
"""Excluded readings of a row that are shown, the nearest ones; all are in the JSON."""


@dataclass(frozen=True)
class TableRow:
    """One row as it is shown: a text a column of `HEADS`, and its verdict."""

    cells: tuple[str, ...]
    verdict: RowVerdict


@dataclass(frozen=True)
class Told:
    """A sentence about something that has a name."""

    name: str
    text: str


@dataclass(frozen=True)
class TableView:
    """A judged table, built once before anything is written.

    Attributes:
        title: its name.
        subtitle: data, rows, readings and replicates in a line.
        status: what is still missing of it, or "".
        headline: how many rows got which verdict.
        rows: one a row of the table.
        notes: what the rows leave open.
        neighbours: what neighbouring rows really differ in.
        readings: what each row may stand for, as a table.
        footnotes: what the figures mean.
    """

    title: str
    subtitle: str
    status: str
    headline: str
    rows: tuple[TableRow, ...]
    notes: tuple[Told, ...]
    neighbours: tuple[Told, ...]
    readings: TextTable
    footnotes: tuple[str, ...]


def view_of_table(judged: Reproduction) -> TableView:
    """A judged table as it will be shown."""
    results = judged.results
    sizes = ", ".join(f"{count:,} {printable(part)}" for part, count in results.sizes.items())
    readings = sum(len(row.readings) for row in judged.rows)
    return TableView(
        title=printable(judged.table.name),
        subtitle=f"{printable(results.dataset)}: {sizes} · {plural(len(judged.rows), 'row')} · "
        f"{plural(readings, 'reading')} · {plural(judged.table.replicates, 'replicate')}",
        status=wording.status(results),
        headline=_headline(judged.rows),
        rows=tuple(_row(row) for row in judged.rows),
        notes=tuple(
            Told(printable(row.row.name), text) for row in judged.rows for text in _open(row)
        ),
        neighbours=tuple(_neighbours(each, results.study.delta) for each in judged.neighbours),
        readings=_readings(judged.rows),
        footnotes=_footnotes(judged),
    )


def _headline(rows: tuple[JudgedRow, ...]) -> str:
    said = []
    for verdict in ("reproduced", "not reproduced", "cannot be told"):
        names = [printable(row.row.name) for row in rows if row.verdict == verdict]
        if names:
            said.append(f"{verdict}: {join_list(names)}")
    return f"{'; '.join(said)}."


def _row(row: JudgedRow) -> TableRow:
    near = row.nearest
    name = printable(row.row.name)
    if near is None:
        return TableRow((name, row.row.figure.text, "", "", "", row.verdict), row.verdict)
    cells = (
        name,
        row.row.figure.text,
        printable(near.candidate.name),
        number(100 * near.expected.mean),
        expected(near.expected),
        row.verdict,
    )
    return TableRow(cells, row.verdict)


def expected(found: Prediction) -> str:
    """The interval for new runs in percent, as text; empty where there is none."""
    if found.low is None or found.high is None:
        return ""
    return f"{number(100 * found.low)} to {number(100 * found.high)}"


def _open(row: JudgedRow) -> list[str]:
    """What a row leaves open, and what is odd about its nearest reading."""
    near = row.nearest
    said = [f"{text}." for text in row.missing]
    if near and near.finding == "excluded" and near.expected.n:
        side = "above" if near.expected.mean < row.row.figure.value else "below"
        said.append(
            f"at {row.row.figure.text} % is {number(near.distance)} points {side} the mean of the "
            f"nearest of {plural(len(row.readings), 'reading')}, outside what a new run of it is "
            "expected to give."
        )
    if near:
        said += [f"in its nearest reading: {printable(text)}." for text in near.result.diagnosis]
    return said


def _neighbours(pair: RowComparison, delta: float) -> Told:
    """Two rows' nearest readings against each other."""
    named = join_list([_change(*each) for each in pair.named])
    technique = pair.row.row.shows
    said = f"against {printable(pair.above.row.name)}: "
    if named:
        said += f"{named}, as its name says"
    elif technique:
        said += "what its name says does not differ at all"
    else:
        said += "its name is no technique of the catalogue"
    beyond = [f"{_change(each.what, each.there, each.here)} ({each.may})" for each in pair.beyond]
    said += f"; besides {join_list(beyond)}." if beyond else ", and nothing else."
    return Told(printable(pair.row.row.name), f"{said}{_alone(pair, delta)}")


def _alone(pair: RowComparison, delta: float) -> str:
    """What a row's technique is worth where nothing else differs."""
    if pair.alone is None:
        return " No reading that was trained differs in its technique alone."
    other, effect = pair.alone
    worth = FormattedNumber.points(effect).text
    return (
        f" The table's step is {signed(pair.step)} points; where nothing else differs, against "
        f"{printable(other.name)}, it is {worth}: {judged_cells(effect, delta)['verdict']}."
    )


def _change(field: str, before: object, after: object) -> str:
    values = ("all" if field == "train_examples" and each is None else format_value(each)
              for each in (before, after))  # fmt: skip
    return printable(f"{field} {' → '.join(values)}")


def _readings(rows: tuple[JudgedRow, ...]) -> TextTable:
    cells: list[tuple[str, ...]] = []
    left = untrained = 0
    for row in rows:
        untrained += sum(not each.result.n for each in row.readings)
        kept = [each for each in row.readings if each.finding != "excluded" and each.result.n]
        out = [each for each in row.readings if each.finding == "excluded"]
        left += len(out[EXCLUDED_SHOWN:])
        cells += [_reading(row, each) for each in (*kept, *out[:EXCLUDED_SHOWN])]
    more = f" Not shown: {plural(left, 'excluded reading')}, in the JSON." if left else ""
    more += f" Not trained yet: {plural(untrained, 'reading')}." if untrained else ""
    return TextTable(
        title="What each row may stand for, those that fit first, then the nearest",
        heads=("row", "reading", "n", "mean %", "a new run, 95 %", "off by", "finding"),
        rows=tuple(cells),
        note=f"Off by: points between the mean and the reported figure.{more}",
    )


def _reading(row: JudgedRow, each: JudgedReading) -> tuple[str, ...]:
    found = each.expected
    count = (
        f"{found.n}" if not each.result.diverged else f"{found.n}, {each.result.diverged} diverged"
    )
    return (
        printable(row.row.name),
        printable(each.candidate.name),
        count,
        number(100 * found.mean),
        expected(found),
        number(each.distance),
        each.finding,
    )


def _footnotes(judged: Reproduction) -> tuple[str, ...]:
    rows = [row.row for row in judged.rows]
    unknown = [row.name for row in rows if row.runs is None]
    said = [
        "A new run is expected in mean ± t* s √(1/n + 1/m), n replicates and a figure that is the "
        f"mean of m runs, on these test images. From {LEAST} replicates on, a row is reproduced "
        "if a reading could have given its figure, and not reproduced if none could.",
        "Reproduced says that the figure could come from such a run, not that it did: of many "
        "readings some fit by chance, and readings that were not tried may fit as well.",
    ]
    if any("~" in row.figure.text for row in rows):
        said.append("~ is taken to be off by up to one unit of the last digit.")
    if unknown:
        said.append(
            f"How many runs {join_list([printable(name) for name in unknown])} came from is "
            "not known: "
            "one is taken for granted."
        )
    said.append(wording.looks_note(judged.results))
    return (*said, f"Reported: {printable(judged.table.source)}.")


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
        "rows": [_row_json(row) for row in judged.rows],
        "neighbours": [_neighbour_json(each) for each in judged.neighbours],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row_json(row: JudgedRow) -> dict[str, Any]:
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
        "readings": [_reading_json(each) for each in row.readings],
    }


def _reading_json(each: JudgedReading) -> dict[str, Any]:
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


def _neighbour_json(pair: RowComparison) -> dict[str, Any]:
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
