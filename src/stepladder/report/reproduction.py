"""A published table, judged: text, JSON and Markdown."""

from collections.abc import Callable
from typing import Any, TextIO

from stepladder.report import wording
from stepladder.report.document import (
    Cell,
    Document,
    Sentence,
    Sentences,
    Style,
    Table,
    fine,
    note,
    numbers,
    words,
)
from stepladder.report.json import metric_record, pick, to_json
from stepladder.report.markdown import to_markdown
from stepladder.report.tables import spread_text
from stepladder.report.terminal import FILE_WIDTH, print_document, to_text
from stepladder.report.wording import (
    Measure,
    effect_verdict,
    join_list,
    measure_of,
    number,
    plural,
    printable,
    signed,
)
from stepladder.runs.reproduction import JudgedReading, JudgedRow, Reproduction, RowComparison
from stepladder.statistics.intervals import LEAST, Prediction, RowVerdict
from stepladder.study.confounds import format_value
from stepladder.study.params import Params
from stepladder.study.published import FreeRow

EXCLUDED_SHOWN = 2
"""Excluded readings of a row that are shown, the nearest ones; all are in the JSON."""

_STYLES: dict[RowVerdict, Style] = {
    "reproduced": "good", "not reproduced": "bad", "cannot be judged": "open",
}  # fmt: skip


def document_of_table(judged: Reproduction) -> Document:
    """A judged table as it will be shown.

    Example:
        >>> made = stepladder.reproduce("table.toml")  # doctest: +SKIP
        >>> document_of_table(made.judged).title  # doctest: +SKIP
        'smith-2024'
    """
    results = judged.results
    sizes = ", ".join(f"{count:,} {printable(part)}" for part, count in results.sizes.items())
    readings = sum(len(row.readings) for row in judged.rows)
    shown = measure_of(results)
    notes = [note(printable(row.row.name), text, " ")
             for row in judged.rows for text in _open(row, shown)]  # fmt: skip
    pairs = [
        note(printable(pair.row.row.name), _comparison(pair, shown), " ")
        for pair in judged.neighbours
    ]
    groups = {
        _WORDS[verdict]: join_list(
            [_with_width(row, shown) for row in judged.rows if row.verdict == verdict]
        )
        for verdict in _STYLES
    }
    headline = "; ".join(f"{verdict}: {names}" for verdict, names in groups.items() if names)
    data = f"{printable(results.dataset)}: {sizes}" if sizes else printable(results.dataset)
    return Document(
        printable(judged.table.name),
        f"{data} · {plural(len(judged.rows), 'row')} · "
        f"{plural(readings, 'reading')} · {plural(judged.table.replicates, 'replicate')}",
        wording.status(results),
        (
            _verdict_table(judged.rows, shown),
            Sentences((Sentence.of(f"{headline[:1].upper()}{headline[1:]}."),)),
            Sentences(tuple(notes), "indented"),
            Sentences(tuple(pairs), "indented",
                      "What neighbouring rows differ in, by their nearest readings"),
            _reading_table(judged.rows, shown),
            _footnotes(judged),
        ),
    )  # fmt: skip


_WORDS: dict[RowVerdict, str] = {
    "reproduced": "compatible with", "not reproduced": "not reproduced",
    "cannot be judged": "cannot be judged",
}  # fmt: skip
"""A figure inside a wide interval is reproduced by nothing: the words claim no more than that."""


def _with_width(row: JudgedRow, shown: Measure) -> str:
    """A row's name, with the width of the interval that holds its figure."""
    name, near = printable(row.row.name), row.nearest
    if row.verdict != "reproduced" or not near or near.expected.low is None:
        return name
    assert near.expected.high is not None
    width = shown.metric.scale * (near.expected.high - near.expected.low)
    return f"{name} (a range of {f'{number(width, shown.digits)} {shown.unit}'.rstrip()})"


def _verdict_table(rows: tuple[JudgedRow, ...], shown: Measure) -> Table:
    cells = []
    for row in rows:
        near = row.nearest
        reading = (printable(near.candidate.name), _value(near.expected.mean, shown),
                   _interval_text(near.expected, shown)) if near else ("", "", "")  # fmt: skip
        verdict = Cell(_WORDS[row.verdict], style=_STYLES[row.verdict])
        cells.append((printable(row.row.name), row.figure.text, *reading, verdict))
    columns = (*words("row"), *numbers(shown.heading("reported")), *words("nearest reading"),
               *numbers(shown.heading("mean"), "a new run, 95 %"), *words("verdict"))  # fmt: skip
    return Table("", columns, tuple(cells))


def _value(mean: float, shown: Measure) -> str:
    return number(shown.metric.scale * mean, shown.digits)


def _interval_text(expected: Prediction, shown: Measure) -> str:
    """The interval for new runs, in percent where it is of fractions; empty without one."""
    if expected.low is None or expected.high is None:
        return ""
    return f"{_value(expected.low, shown)} to {_value(expected.high, shown)}"


def _open(row: JudgedRow, shown: Measure) -> list[str]:
    """What a row leaves open, and what is odd about its nearest reading."""
    near = row.nearest
    lines = [f"{text}." for text in row.missing]
    if near and near.finding == "excluded" and near.expected.n:
        side = "above" if near.expected.mean < row.figure.value else "below"
        unit = " %" if shown.metric.is_fraction else ""
        distance = f"{number(near.distance, shown.digits)} {shown.unit}".rstrip()
        lines.append(
            f"at {row.figure.text}{unit} is {distance} {side} the mean of the "
            f"nearest of {plural(len(row.readings), 'reading')}, outside what a new run of it is "
            "expected to give."
        )
    if near:
        lines += [f"in its nearest reading: {printable(text)}." for text in near.result.diagnosis]
    return lines


def _comparison(pair: RowComparison, shown: Measure) -> str:
    """Two rows' nearest readings against each other."""
    named = join_list([_change(*change) for change in pair.named])
    text = f"against {printable(pair.above.row.name)}: "
    if named:
        text += f"{named}, as its name says"
    elif pair.row.row.shows:
        text += "what its name says does not differ at all"
    elif isinstance(pair.row.row, FreeRow):
        text += "the row itself changes nothing, its readings do"
    else:
        text += "its name is no technique of the catalogue"
    beyond = [f"{_change(more.what, more.there, more.here)} ({more.may})" for more in pair.beyond]
    text += f"; besides {join_list(beyond)}." if beyond else ", and nothing else."
    if pair.alone is None:
        return f"{text} No reading that was trained differs in its technique alone."
    other, effect = pair.alone
    return (
        f"{text} The table's step is {f'{signed(pair.step, shown.digits)} {shown.unit}'.rstrip()}; "
        f"where nothing else differs, against {printable(other.name)}, it is "
        f"{spread_text(effect, shown.digits)}: {effect_verdict(effect, shown.delta)}."
    )


def _change(field: str, before: object, after: object) -> str:
    values = ("all" if field == "train_examples" and value is None else format_value(value)
              for value in (before, after))  # fmt: skip
    return printable(f"{field} {' → '.join(values)}")


def _reading_table(rows: tuple[JudgedRow, ...], shown: Measure) -> Table:
    cells: list[tuple[str, ...]] = []
    hidden = untrained = 0
    for row in rows:
        untrained += sum(not reading.result.n for reading in row.readings)
        excluded = [reading for reading in row.readings if reading.finding == "excluded"]
        fitting = [reading for reading in _not_excluded(row) if reading.result.n]
        hidden += len(excluded[EXCLUDED_SHOWN:])
        cells += [_reading_row(row, one, shown) for one in (*fitting, *excluded[:EXCLUDED_SHOWN])]
    more = f" Not shown: {plural(hidden, 'excluded reading')}, in the JSON." if hidden else ""
    more += f" Not trained yet: {plural(untrained, 'reading')}." if untrained else ""
    unit = shown.unit or "the difference"
    return Table(
        "What each row may stand for, those that fit first, then the nearest",
        (*words("row", "reading"), *numbers("n", shown.heading("mean"), "a new run, 95 %"),
         *numbers("off by"), *words("finding")),
        tuple(cells),
        f"Off by: {unit} between the mean and the reported figure.{more}",
    )  # fmt: skip


def _not_excluded(row: JudgedRow) -> list[JudgedReading]:
    return [reading for reading in row.readings if reading.finding != "excluded"]


def _reading_row(row: JudgedRow, reading: JudgedReading, shown: Measure) -> tuple[str, ...]:
    expected, diverged = reading.expected, reading.result.diverged
    return (
        printable(row.row.name),
        printable(reading.candidate.name),
        f"{expected.n}, {diverged} diverged" if diverged else f"{expected.n}",
        _value(expected.mean, shown),
        _interval_text(expected, shown),
        number(reading.distance, shown.digits),
        reading.finding,
    )


def _footnotes(judged: Reproduction) -> Sentences:
    rows = [row.row for row in judged.rows]
    unknown = join_list([printable(row.name) for row in rows if row.runs is None])
    return fine(
        "A new run is expected in mean ± t* s √(1/n + 1/m), n replicates and a figure that is the "
        f"mean of m runs, on these test {judged.results.noun}s. From {LEAST} replicates on, a row "
        "is compatible with a reading that could have given its figure, and not reproduced if none "
        "could.",
        "Compatible says that the figure could come from such a run, not that it did: a wide range "
        "holds many figures, of many readings some fit by chance, and others were not tried.",
        "~ is taken to be off by up to one unit of the last digit."
        if any("~" in row.figure.text for row in judged.rows)
        else "",
        f"How many runs {unknown} came from is not known: one is taken for granted."
        if unknown
        else "",
        wording.looks_note(judged.results),
        f"Reported: {printable(judged.table.source)}.",
    )


def show(judged: Reproduction, stream: TextIO | None = None) -> None:
    """Prints a judged table; arguments as for `stepladder.report.terminal.console_on`."""
    print_document(document_of_table(judged), stream)


def as_text(judged: Reproduction, width: int = FILE_WIDTH) -> str:
    """A judged table as plain text without colours, at most `width` columns wide."""
    return to_text(document_of_table(judged), width)


def _markdown(judged: Reproduction) -> str:
    return to_markdown(document_of_table(judged))


_TABLE_KEYS = (
    "table=table.name source=table.source dataset=results.dataset sizes=results.sizes "
    "metric= replicates=table.replicates seed=table.seed finished=results.finished "
    "test_set_accesses=results.looks versions=results.versions machine=results.machine "
    "seconds=results.seconds"
)
_ROW_KEYS = (
    "name=row.name reported=figure.value reported_text=figure.text "
    "tolerance=figure.tolerance runs=row.runs verdict missing nearest=nearest.candidate.name"
)
_READING_KEYS = (
    "name=candidate.name reading=candidate.reading protocol=candidate.protocol "
    "config= finding distance n=expected.n diverged=result.diverged "
    "spread=expected.spread prediction_low=expected.low prediction_high=expected.high "
    "test=result.test diagnosis=result.diagnosis"
)


def _json(judged: Reproduction) -> str:
    rows = [
        {
            **pick(row, _ROW_KEYS),
            "not_excluded": [reading.candidate.name for reading in _not_excluded(row)],
            "readings": [
                pick(reading, _READING_KEYS)
                | {"protocol": reading.candidate.protocol or None, "config": _config(reading)}
                for reading in row.readings
            ],
        }
        for row in judged.rows
    ]
    pairs = [_comparison_json(pair) for pair in judged.neighbours]
    study = judged.results.study
    metric = {"metric": metric_record(study.judged, study.delta)}
    return to_json(pick(judged, _TABLE_KEYS) | metric | {"rows": rows, "neighbours": pairs})


def _config(reading: JudgedReading) -> Any:  # noqa: ANN401 - a recipe or free values
    config = reading.candidate.config
    return config.values if isinstance(config, Params) else config


def _comparison_json(pair: RowComparison) -> dict[str, Any]:
    other, effect = pair.alone or (None, None)
    return {
        "row": pair.row.row.name,
        "above": pair.above.row.name,
        "named": [
            {"what": field, "above": before, "here": after} for field, before, after in pair.named
        ],
        "beyond": pair.beyond,
        "reported_step": pair.step,
        "alone_against": other and other.name,
        "effect_alone": effect,
    }


FORMATS: dict[str, Callable[[Reproduction], str]] = {"json": _json, "markdown": _markdown}
"""What `stepladder reproduce --format` writes besides the table."""
