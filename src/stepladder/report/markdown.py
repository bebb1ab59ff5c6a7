"""Documents as Markdown, and tables as CSV."""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from stepladder.report.document import Cell, Document, Sentences, Table
from stepladder.report.json import as_json, pick
from stepladder.report.summary import report_document
from stepladder.report.view import PAGE, view_of
from stepladder.report.wording import printable
from stepladder.runs.results import ArmResult, Results
from stepladder.study.metrics import Metric

EFFECT_COLUMNS = (
    "effect_points=effect.mean effect_ci_low_points=effect.ci_low "
    "effect_ci_high_points=effect.ci_high p=effect.p "
    "p_adjusted=effect.p_adjusted p_t=effect.p_t p_t_adjusted=effect.p_t_adjusted "
    "p_verdict=effect.p_verdict verdict=effect.verdict "
    "replicates_needed=effect.replicates_needed pairs=effect.pairs unpaired=effect.unpaired"
)

_COLUMNS = (
    "arm=arm.name compared_with=arm.compared_with technique=arm.technique n diverged "
    "train_accuracy=train.mean train_ci_low=train.ci_low "
    "train_ci_high=train.ci_high val_accuracy=validation.mean "
    "val_ci_low=validation.ci_low val_ci_high=validation.ci_high "
    "test_accuracy=test.mean test_ci_low=test.ci_low "
    f"test_ci_high=test.ci_high {EFFECT_COLUMNS} reported parameters seconds diagnosis "
    "effect_new_images_low_points=effect.new_images.low "
    "effect_new_images_high_points=effect.new_images.high "
    "p_greater=effect.p_greater p_greater_low=effect.p_greater_ci.low "
    "p_greater_high=effect.p_greater_ci.high effect_at_chance_points=effect.at_chance.mean"
)

CSV_COLUMNS = tuple(column.partition("=")[0] for column in _COLUMNS.split())
"""Columns of `as_csv` for accuracies: fractions in 0…1, and percentage points in `…_points`."""


def arm_record(result: ArmResult, metric: Metric) -> dict[str, Any]:
    """An arm as a row of `as_csv`, by column; None where it has no value."""
    record = pick(result, _COLUMNS) | {"diagnosis": "; ".join(result.diagnosis)}
    return dict(zip(csv_columns(metric), record.values(), strict=True))


def csv_columns(metric: Metric) -> tuple[str, ...]:
    """The columns of `as_csv` for a metric: `CSV_COLUMNS`, named after it and its unit.

    Example:
        >>> from stepladder.study.metrics import METRICS
        >>> [name for name in csv_columns(METRICS["rmse"]) if name.startswith("test")]
        ['test_rmse', 'test_ci_low', 'test_ci_high']
    """
    name = re.sub(r"\W+", "_", metric.name).strip("_")
    return tuple(
        re.sub("_accuracy$", f"_{name}", in_unit(column, metric)) for column in CSV_COLUMNS
    )


def in_unit(column: str, metric: Metric) -> str:
    """A column of `…_points` with the unit of a metric in the place of points.

    Example:
        >>> from stepladder.study.metrics import METRICS
        >>> in_unit("effect_points", METRICS["accuracy"]), in_unit("effect_points", METRICS["rmse"])
        ('effect_points', 'effect')
    """
    if not column.endswith("_points"):
        return column
    unit = re.sub(r"\W+", "_", metric.unit).strip("_")
    return f"{column.removesuffix('_points')}_{unit}".rstrip("_")


def as_csv(results: Results) -> str:
    """Results as CSV: one row an arm, with the columns of `csv_columns`; see `csv_text`.

    Fractions and points are written in full, so that they read back to the same numbers. Single
    replicates are in the JSON.
    """
    metric = results.study.judged
    records = [arm_record(arm, metric) for arm in results.arms]
    return csv_of_records(records, csv_columns(metric))


def csv_of_records(records: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Records as CSV; see `csv_text`."""
    return csv_text(columns, ([record[column] for column in columns] for record in records))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""A table as CSV after RFC 4180.

    None and what is not a number become empty. A text that a spreadsheet would run as a formula
    gets an apostrophe before it; names such as `+ ReLU` cannot run and stay as they are.

    Args:
        columns: the heading.
        rows: as many values each as there are columns.

    Example:
        >>> csv_text(["arm", "p"], [["+ ReLU", 0.5], ["=1+1", None]])
        "arm,p\r\n+ ReLU,0.5\r\n'=1+1,\r\n"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
    return text.getvalue()


# A sign before plain words is no formula: it has neither call, reference, operator nor pipe.
_HARMLESS = re.compile(r"[+-] [^\W\d][\w ]*(-[\w ]+)*")


def _csv_cell(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if not isinstance(value, str):
        return str(value)
    is_formula = value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _HARMLESS.fullmatch(value)
    return f"'{value}" if is_formula else value


def to_markdown(document: Document) -> str:
    r"""A document for a pull request on GitHub.

    Names are escaped: no markup, no link, no mention comes of them.

    Example:
        >>> print(to_markdown(Document("a|b", "2 arms", "", (), is_page=True)), end="")
        ### a\|b
        <BLANKLINE>
        2 arms
    """
    title, subtitle = markdown_text(document.title), markdown_text(document.subtitle)
    parts = [f"### {title}", subtitle] if document.is_page else [f"**{title}** · {subtitle}"]
    parts = parts if document.title else []
    parts += [f"**{markdown_text(document.status)}**"] if document.status else []
    for block in document.blocks:
        parts += _table(block) if isinstance(block, Table) else _sentences(block)
    return "\n\n".join(parts) + "\n"


def _sentences(block: Sentences) -> list[str]:
    lines = ["".join(markdown_text(part.text, part.is_name) for part in line.parts)
             for line in block.lines]  # fmt: skip
    if not lines:
        return []
    if block.form == "fine":
        return [f"<sub>{' '.join(lines)}</sub>"]
    title = [f"**{block.title}**"] if block.title else []
    return [*title, "\n".join(lines if block.form == "plain" else [f"- {line}" for line in lines])]


def _table(table: Table) -> list[str]:
    heads = [markdown_text(head) for head in table.heads]
    sides = ["---:" if column.is_numeric else "---" for column in table.columns]
    rows = [[_cell(row[0], True), *map(_cell, row[1:])] for row in table.rows]
    title = [f"**{markdown_text(table.title)}**"] if table.title else []
    note = [f"<sub>{markdown_text(table.note)}</sub>"] if table.note else []
    grid = "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, sides, *rows))
    return [*title, grid, *note]


def _cell(cell: str, is_first: bool = False) -> str:
    if not isinstance(cell, Cell):
        return markdown_text(cell)
    text = markdown_text(cell) if cell.number is None else str(cell)
    mark = {"good": "**", "bad": "**", "instead": "*"}.get(cell.style, "")
    detail = markdown_text(cell.detail)
    if detail:
        detail = f" <sub>{detail}</sub>" if is_first else f", {detail}"
    return f"{mark}{text}{mark}{detail}"


_MARKUP = re.compile(r"([\\`*_{}\[\]~|#$])")

_LINK = re.compile(r"@|://|www\.", re.IGNORECASE)
"""What makes a mention or a link of plain text, unless its first character stands apart."""


def markdown_text(text: str, is_name: bool = False) -> str:
    """A text that Markdown shows as it is; names that stand in a sentence are bold."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKUP.sub(r"\\\1", text)
    text = _LINK.sub(lambda link: f"{link[0][0]}\N{WORD JOINER}{link[0][1:]}", text)
    return f"**{text}**" if is_name else text


def as_markdown(results: Results) -> str:
    """Results as a table, with headline sentences and footnotes; see `to_markdown`."""
    return to_markdown(view_of(results).document(PAGE))


def report_as_markdown(results: Results) -> str:
    """A report: answer, table, diagnosis, and what is not known; see `to_markdown`."""
    return to_markdown(report_document(results))


FORMATS: dict[str, Callable[[Results], str]] = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}
"""What `stepladder results --format` writes besides the table."""
