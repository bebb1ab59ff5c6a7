"""A judged table as it is shown: its rows, its readings and what its neighbours differ in."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.analysis.prediction import LEAST, Prediction, RowVerdict
from stepladder.confounds import shown
from stepladder.report import footnotes, sentences
from stepladder.report.shown import Shown
from stepladder.report.side_table import SideTable
from stepladder.report.view import judged_cells
from stepladder.report.wording import counted, joined, number, signed, visible
from stepladder.runner.reproduced import JudgedReading, JudgedRow, Neighbours, Reproduction

__all__ = ["HEADS", "TableRow", "TableView", "Told", "view_of_table"]

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
    readings: SideTable
    footnotes: tuple[str, ...]


def view_of_table(judged: Reproduction) -> TableView:
    """A judged table as it will be shown."""
    results = judged.results
    sizes = ", ".join(f"{count:,} {visible(part)}" for part, count in results.sizes.items())
    readings = sum(len(row.readings) for row in judged.rows)
    return TableView(
        title=visible(judged.table.name),
        subtitle=f"{visible(results.dataset)}: {sizes} · {counted(len(judged.rows), 'row')} · "
        f"{counted(readings, 'reading')} · {counted(judged.table.replicates, 'replicate')}",
        status=sentences.status(results),
        headline=_headline(judged.rows),
        rows=tuple(_row(row) for row in judged.rows),
        notes=tuple(
            Told(visible(row.row.name), text) for row in judged.rows for text in _open(row)
        ),
        neighbours=tuple(_neighbours(each, results.study.delta) for each in judged.neighbours),
        readings=_readings(judged.rows),
        footnotes=_footnotes(judged),
    )


def _headline(rows: tuple[JudgedRow, ...]) -> str:
    said = []
    for verdict in ("reproduced", "not reproduced", "cannot be told"):
        names = [visible(row.row.name) for row in rows if row.verdict == verdict]
        if names:
            said.append(f"{verdict}: {joined(names)}")
    return f"{'; '.join(said)}."


def _row(row: JudgedRow) -> TableRow:
    near = row.nearest
    name = visible(row.row.name)
    if near is None:
        return TableRow((name, row.row.figure.text, "", "", "", row.verdict), row.verdict)
    cells = (
        name,
        row.row.figure.text,
        visible(near.candidate.name),
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
            f"nearest of {counted(len(row.readings), 'reading')}, outside what a new run of it is "
            "expected to give."
        )
    if near:
        said += [f"in its nearest reading: {visible(text)}." for text in near.result.diagnosis]
    return said


def _neighbours(pair: Neighbours, delta: float) -> Told:
    """Two rows' nearest readings against each other."""
    named = joined([_change(*each) for each in pair.named])
    technique = pair.row.row.shows
    said = f"against {visible(pair.above.row.name)}: "
    if named:
        said += f"{named}, as its name says"
    elif technique:
        said += "what its name says does not differ at all"
    else:
        said += "its name is no technique of the catalogue"
    beyond = [f"{_change(each.what, each.there, each.here)} ({each.may})" for each in pair.beyond]
    said += f"; besides {joined(beyond)}." if beyond else ", and nothing else."
    return Told(visible(pair.row.row.name), f"{said}{_alone(pair, delta)}")


def _alone(pair: Neighbours, delta: float) -> str:
    """What a row's technique is worth where nothing else differs."""
    if pair.alone is None:
        return " No reading that was trained differs in its technique alone."
    other, effect = pair.alone
    worth = Shown.points(effect).text
    return (
        f" The table's step is {signed(pair.step)} points; where nothing else differs, against "
        f"{visible(other.name)}, it is {worth}: {judged_cells(effect, delta)['verdict']}."
    )


def _change(field: str, before: object, after: object) -> str:
    values = ("all" if field == "train_examples" and each is None else shown(each)
              for each in (before, after))  # fmt: skip
    return visible(f"{field} {' → '.join(values)}")


def _readings(rows: tuple[JudgedRow, ...]) -> SideTable:
    cells: list[tuple[str, ...]] = []
    left = untrained = 0
    for row in rows:
        untrained += sum(not each.result.n for each in row.readings)
        kept = [each for each in row.readings if each.finding != "excluded" and each.result.n]
        out = [each for each in row.readings if each.finding == "excluded"]
        left += len(out[EXCLUDED_SHOWN:])
        cells += [_reading(row, each) for each in (*kept, *out[:EXCLUDED_SHOWN])]
    more = f" Not shown: {counted(left, 'excluded reading')}, in the JSON." if left else ""
    more += f" Not trained yet: {counted(untrained, 'reading')}." if untrained else ""
    return SideTable(
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
        visible(row.row.name),
        visible(each.candidate.name),
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
            f"How many runs {joined([visible(name) for name in unknown])} came from is not known: "
            "one is taken for granted."
        )
    said.append(footnotes.looks_note(judged.results))
    return (*said, f"Reported: {visible(judged.table.source)}.")
