"""Results as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence

from stepladder.report.json import as_json
from stepladder.report.summary import answer, unknown
from stepladder.report.tables import (
    TextTable,
    confound_tables,
    ensemble_tables,
    readout_tables,
    tuning_tables,
)
from stepladder.report.view import FindingLine, Row, View, view_of
from stepladder.report.wording import Headline, duration, printable
from stepladder.runs.results import ArmResult, Results
from stepladder.statistics.results import Effect

CSV_COLUMNS = (
    "arm", "compared_with", "technique", "n", "diverged",
    "train_accuracy", "train_ci_low", "train_ci_high",
    "val_accuracy", "val_ci_low", "val_ci_high",
    "test_accuracy", "test_ci_low", "test_ci_high",
    "effect", "effect_ci_low", "effect_ci_high", "p", "p_holm", "p_t", "p_t_holm",
    "verdict", "replicates_needed", "pairs", "unpaired",
    "reported", "parameters", "seconds", "diagnosis",
    "effect_new_images_low", "effect_new_images_high",
    "p_greater", "p_greater_low", "p_greater_high", "effect_at_chance",
)  # fmt: skip
"""Columns of `as_csv`: accuracies are fractions in 0…1, effects percentage points."""


def as_csv(results: Results) -> str:
    """Results as CSV after RFC 4180: one row an arm, with the columns of `CSV_COLUMNS`.

    Fractions and points are written in full, so that they read back to the same numbers; what is
    not a number is empty. Texts are as in `csv_text`. Single replicates are in the JSON.
    """
    return csv_text(CSV_COLUMNS, (_csv_row(each) for each in results.arms))


def _csv_row(result: ArmResult) -> list[object]:
    effect = result.effect
    accuracies = (result.train_accuracy, result.val_accuracy, result.test_accuracy)
    judged = [""] * 11 if effect is None else [
        effect.mean, effect.ci_low, effect.ci_high,
        effect.p, effect.p_holm, effect.p_t, effect.p_t_holm,
        effect.verdict, effect.replicates_needed, effect.pairs, effect.unpaired,
    ]  # fmt: skip
    return [
        result.arm.name, result.arm.compared_with, result.arm.technique, result.n, result.diverged,
        *(end for each in accuracies for end in (each.mean, each.ci_low, each.ci_high)),
        *judged,
        result.reported, result.parameters, result.seconds, "; ".join(result.diagnosis),
        *_more_of(effect),
    ]  # fmt: skip


def _more_of(effect: Effect | None) -> list[object]:
    if effect is None:
        return [""] * 6
    images, share, guessing = effect.new_images, effect.p_greater_ci, effect.at_chance
    return [
        *((images.low, images.high) if images else ("", "")),
        effect.p_greater,
        *((share.low, share.high) if share else ("", "")),
        guessing.mean if guessing else "",
    ]


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV after RFC 4180.

    None and what is not a number become empty. A text that a spreadsheet would run as a formula
    gets an apostrophe before it; names such as `+ ReLU` cannot run and stay as they are.

    Args:
        columns: the heading.
        rows: as many values each as there are columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(each) for each in row])
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


def as_markdown(results: Results) -> str:
    """Results as a table for a pull request on GitHub, with headline sentences and footnotes.

    Names are escaped: no markup, no link, no mention comes of them.
    """
    return view_as_markdown(view_of(results))


def view_as_markdown(view: View) -> str:
    """A view as a table for a pull request; names are escaped."""
    lines = [f"**{markdown_text(view.title)}** · {markdown_text(view.subtitle)}", ""]
    if view.status:
        lines += [f"**{markdown_text(view.status)}**", ""]
    lines += [markdown_headline(each) for each in view.headlines]
    lines += ["", *markdown_table(view), ""]
    lines += [f"- {markdown_text(name, True)}: {markdown_text(note)}" for name, note in view.notes]
    lines += [""] if view.notes else []
    if view.findings:
        lines += ["**Diagnosis**", "", *map(markdown_finding, view.findings), ""]
    for table in view.tables:
        lines += markdown_side_table(table)
    notes = [view.comparison, *view.footnotes]
    if view.reported_source:
        notes.append(f"Reported: {view.reported_source}.")
    lines.append(f"<sub>{' '.join(markdown_text(note) for note in notes if note)}</sub>")
    return "\n".join(lines) + "\n"


def markdown_finding(line: FindingLine) -> str:
    """What was found wrong, as an item of a list."""
    return f"- {markdown_text(line.names, True)}: {markdown_text(line.sentence)}"


def markdown_headline(headline: Headline) -> str:
    """A sentence as an item of a list, its names bold."""
    return f"- {''.join(markdown_text(part.text, part.is_name) for part in headline.parts)}"


def markdown_table(view: View) -> list[str]:
    """The main table, line by line."""
    images, reported = int(view.has_images), int(bool(view.reported_source))
    parts = ["train %", "validation %"] if view.is_trained else []
    heads = ["arm", "n", *parts, view.measure, "effect"]
    heads += ["new images"] * images + ["verdict"] + ["reported %"] * reported
    sides = ["---", *["---:"] * (3 + len(parts) + images), "---", *["---:"] * reported]
    rows = [_markdown_row(row, len(parts), images, reported) for row in view.rows]
    return [f"| {' | '.join(cells)} |" for cells in (heads, sides, *rows)]


def markdown_side_table(table: TextTable) -> list[str]:
    """A table of texts with its title and note, line by line."""
    cells = [[markdown_text(each) for each in row] for row in (table.heads, *table.rows)]
    sides = ["---"] * len(table.heads)
    lines = [f"| {' | '.join(row)} |" for row in (cells[0], sides, *cells[1:])]
    return [f"**{markdown_text(table.title)}**", "", *lines, "",
            f"<sub>{markdown_text(table.note)}</sub>", ""]  # fmt: skip


def _markdown_row(row: Row, parts: int, images: int, reported: int) -> list[str]:
    accuracies = [*[row.train.text, row.validation.text][:parts], row.test.text]
    if row.instead:
        accuracies = [*[""] * parts, f"*{markdown_text(row.instead)}*"]
    name = markdown_text(row.name)
    if row.against is not None and not row.is_against_told:
        name += f" <sub>against {markdown_text(row.against)}</sub>"
    verdict = f"**{row.verdict}**" if row.kind in ("helps", "hurts") else row.verdict
    verdict += f", {row.needed}" if row.needed else ""
    effect = row.effect.text if row.effect else ""
    judged = [effect, *[row.images] * images, verdict]
    return [name, row.replicates, *accuracies, *judged, *[row.reported] * reported]


_MARKUP = re.compile(r"([\\`*_{}\[\]~|#$])")

_LINK = re.compile(r"@|://|www\.", re.IGNORECASE)
"""What makes a mention or a link of plain text, unless its first character stands apart."""


def markdown_text(text: str, is_name: bool = False) -> str:
    """A text that Markdown shows as it is; names that stand in a sentence are bold."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKUP.sub(r"\\\1", text)
    text = _LINK.sub(lambda found: f"{found[0][0]}\N{WORD JOINER}{found[0][1:]}", text)
    return f"**{text}**" if is_name else text


FORMATS: dict[str, Callable[[Results], str]] = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}
"""What `stepladder results --format` writes besides the table."""


def report_as_markdown(results: Results) -> str:
    """A report to be put into a pull request on GitHub: answer, table, diagnosis, what is open.

    Names are escaped: no markup, no link, no mention comes of them.
    """
    view = view_of(results)
    lines = [f"### {markdown_text(view.title)}", "", markdown_text(view.subtitle), ""]
    if view.status:
        lines += [f"**{markdown_text(view.status)}**", ""]
    lines += [markdown_headline(each) for each in answer(results)]
    lines += ["", *markdown_table(view), ""]
    notes = [view.comparison, *(f"Reported: {each}." for each in [view.reported_source] if each)]
    lines += [f"<sub>{' '.join(markdown_text(note) for note in notes if note)}</sub>", ""]
    found = [f"- {markdown_text(name, True)}: {markdown_text(note)}" for name, note in view.notes]
    found += [markdown_finding(each) for each in view.findings]
    if found:
        lines += ["**Diagnosis**", "", *found, ""]
    lines += ["**What is not known**", ""]
    lines += [f"- {title}: {markdown_text(text)}" for title, text in unknown(results)]
    lines += [""]
    for table in (
        *ensemble_tables(results.arms),
        *readout_tables(results.readout, results.study.delta),
        *tuning_tables(results.tuned),
        *confound_tables(results.confounds),
    ):
        lines += markdown_side_table(table)
    return "\n".join([*lines, *_again(results)]) + "\n"


def _again(results: Results) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    told = (
        f"Seed {results.study.seed}; {versions}; {results.machine}; wall time "
        f"{duration(results.seconds)}; dataset SHA-256 {results.fingerprint[:16]}…"
    )
    return [f"<sub>{markdown_text(told)}</sub>"]
