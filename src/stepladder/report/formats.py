"""Results as JSON, CSV and Markdown: for programs, spreadsheets and pull requests."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stepladder.analysis.judged import Effect, Estimate
from stepladder.report.view import Row, View, view_of
from stepladder.report.wording import visible
from stepladder.runner.results import ArmResult, Results

__all__ = [
    "CSV_COLUMNS",
    "FORMATS",
    "as_csv",
    "as_json",
    "as_markdown",
    "csv_text",
    "markdown_text",
]

CSV_COLUMNS = (
    "arm", "compared_with", "technique", "n", "diverged",
    "train_accuracy", "train_ci_low", "train_ci_high",
    "val_accuracy", "val_ci_low", "val_ci_high",
    "test_accuracy", "test_ci_low", "test_ci_high",
    "effect", "effect_ci_low", "effect_ci_high", "p", "p_holm", "p_t", "p_t_holm",
    "verdict", "replicates_needed", "pairs", "unpaired",
    "reported", "parameters", "seconds", "diagnosis",
)  # fmt: skip
"""Columns of `as_csv`: accuracies are fractions in 0…1, effects percentage points."""


def as_json(results: Results) -> str:
    """Results as one JSON object, indented, ended by a line break.

    Accuracies are fractions in 0…1 and effects percentage points; what is not a number is null;
    `effect` is null for an arm that is compared with nothing. Fields are added, never renamed.
    """
    study = results.study
    value = {
        "study": study.name,
        "dataset": results.dataset,
        "looks": results.looks,
        "finished": results.finished,
        "design": study.design,
        "replicates": study.replicates,
        "seed": study.seed,
        "delta": study.delta,
        "fingerprint": results.fingerprint,
        "sizes": results.sizes,
        "classes": list(results.classes),
        "model": study.model.model_dump() if study.model else None,
        "reported_source": study.reported.source if study.reported else None,
        "versions": results.versions,
        "machine": results.machine,
        "seconds": _finite(results.seconds),
        "arms": [_arm(each) for each in results.arms],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _arm(result: ArmResult) -> dict[str, Any]:
    return {
        "name": result.arm.name,
        "technique": result.arm.technique,
        "recipe": result.arm.recipe.model_dump(mode="json"),
        "compared_with": result.arm.compared_with,
        "n": result.n,
        "test_accuracy": _estimate(result.test_accuracy),
        "val_accuracy": _estimate(result.val_accuracy),
        "train_accuracy": _estimate(result.train_accuracy),
        "effect": None if result.effect is None else _effect(result.effect),
        "diagnosis": list(result.diagnosis),
        "diverged": result.diverged,
        "reported": result.reported,
        "parameters": result.parameters,
        "seconds": _finite(result.seconds),
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "mean": _finite(estimate.mean),
        "ci_low": _finite(estimate.ci_low),
        "ci_high": _finite(estimate.ci_high),
        "values": [_finite(each) for each in estimate.values],
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "mean": _finite(effect.mean),
        "ci_low": _finite(effect.ci_low),
        "ci_high": _finite(effect.ci_high),
        "p": _finite(effect.p),
        "p_holm": _finite(effect.p_holm),
        "p_t": _finite(effect.p_t),
        "p_t_holm": _finite(effect.p_t_holm),
        "verdict": effect.verdict,
        "replicates_needed": effect.replicates_needed,
        "pairs": effect.pairs,
        "unpaired": effect.unpaired,
        "differences": [_finite(each) for each in effect.differences],
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


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
    ]  # fmt: skip


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
    view = view_of(results)
    lines = [f"**{markdown_text(view.title)}** · {markdown_text(view.subtitle)}", ""]
    if view.status:
        lines += [f"**{markdown_text(view.status)}**", ""]
    for headline in view.headlines:
        lines.append(
            f"- {''.join(markdown_text(part.text, part.is_name) for part in headline.parts)}"
        )
    lines += ["", *_markdown_table(view), ""]
    lines += [f"- {markdown_text(name, True)}: {markdown_text(note)}" for name, note in view.notes]
    lines += [""] if view.notes else []
    notes = [view.comparison, *view.footnotes]
    if view.reported_source:
        notes.append(f"Reported: {view.reported_source}.")
    lines.append(f"<sub>{' '.join(markdown_text(note) for note in notes if note)}</sub>")
    return "\n".join(lines) + "\n"


def _markdown_table(view: View) -> list[str]:
    heads = ["arm", "n", "train %", "validation %", "test %", "effect", "verdict"]
    heads += ["reported %"] if view.reported_source else []
    sides = ["---", *["---:"] * 5, "---", *(["---:"] if view.reported_source else [])]
    rows = [_markdown_row(row, bool(view.reported_source)) for row in view.rows]
    return [f"| {' | '.join(cells)} |" for cells in (heads, sides, *rows)]


def _markdown_row(row: Row, has_reported: bool) -> list[str]:
    accuracies = [row.train.text, row.validation.text, row.test.text]
    if row.instead:
        accuracies = ["", "", f"*{markdown_text(row.instead)}*"]
    name = markdown_text(row.name)
    if row.against is not None and not row.is_against_above:
        name += f" <sub>against {markdown_text(row.against)}</sub>"
    verdict = f"**{row.verdict}**" if row.kind in ("helps", "hurts") else row.verdict
    verdict += f", {row.needed}" if row.needed else ""
    effect = row.effect.text if row.effect else ""
    return [name, row.replicates, *accuracies, effect, verdict, *([row.reported] * has_reported)]


_MARKUP = re.compile(r"([\\`*_{}\[\]~|#$])")


def markdown_text(text: str, is_name: bool = False) -> str:
    """A text that Markdown shows as it is; names that stand in a sentence are bold."""
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKUP.sub(r"\\\1", text)
    text = text.replace("@", "@\N{WORD JOINER}").replace("://", ":\N{WORD JOINER}//")
    return f"**{text}**" if is_name else text


FORMATS: dict[str, Callable[[Results], str]] = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}
"""What `stepladder results --format` writes besides the table."""
