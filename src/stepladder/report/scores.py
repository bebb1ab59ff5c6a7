"""Judged scores that are not from our store: the table and its other forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from stepladder.report import terminal
from stepladder.report.json import effect_as_json, estimate_as_json
from stepladder.report.markdown import csv_text, view_as_markdown
from stepladder.report.tables import FormattedNumber
from stepladder.report.view import Row, View, judged_cells
from stepladder.report.wording import (
    Headline,
    Part,
    headlines_of,
    plural,
    points,
    printable,
    rule_text,
    truncate,
    verdict_text,
)
from stepladder.statistics.results import Effect
from stepladder.statistics.scores import ScoredArm

CSV_COLUMNS = (
    "arm", "compared_with", "n", "diverged", "missing", "score", "ci_low", "ci_high", "effect",
    "effect_ci_low", "effect_ci_high", "p", "p_holm", "p_t", "p_t_holm", "verdict",
    "replicates_needed", "pairs", "unpaired", "p_greater", "effect_at_chance",
)  # fmt: skip


def view_of_scores(arms: Sequence[ScoredArm], delta: float) -> View:
    """Judged scores as they will be shown."""
    base = next(arm for arm in arms if arm.effect is None)
    judged = [(arm.name, arm.effect) for arm in arms if arm.effect is not None]
    nothing = "One arm is compared with nothing: only its mean is known."
    heads = headlines_of(judged, delta, measure="the score")
    against = f"Effect: percentage points of score against {truncate(base.name, 60)}."
    return View(
        title="Scores",
        subtitle=f"{plural(len(arms), 'arm')} · {_span([arm.n for arm in arms])}",
        status="",
        headlines=heads or (Headline("unknown", (Part(nothing),)),),
        rows=tuple(_row(arm, base.name, delta) for arm in arms),
        reported_source=None,
        comparison=against if judged else "",
        footnotes=_footnotes(len(judged), delta),
        measure="score %",
        is_trained=False,
    )


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return plural(low, "replicate") if low == high else f"{low:,} to {high:,} replicates"


def _footnotes(comparisons: int, delta: float) -> tuple[str, ...]:
    said = (
        "± is the 95 % t interval of the mean over replicates: it speaks for what changes from "
        "replicate to replicate, and for nothing that all of them share.",
    )
    if not comparisons:
        return said
    return (
        *said,
        f"Verdicts: {rule_text(comparisons)}; no difference means within {points(delta)} by two "
        "one-sided tests.",
    )


def _row(arm: ScoredArm, base: str, delta: float) -> Row:
    nothing = FormattedNumber(float("nan"))
    shown = FormattedNumber.accuracy(arm.score)
    return Row(
        name=printable(arm.name),
        against=arm.compared_with and printable(arm.compared_with),
        is_against_told=arm.compared_with == base,  # one for all: the line below the table says it
        replicates=str(arm.n),
        is_complete=not arm.missing and not arm.diverged,
        train=nothing,
        validation=nothing,
        test=shown,
        instead=f"diverged in all {arm.n}" if arm.diverged == arm.n else None,
        state="diverged" if arm.diverged == arm.n else "measured",
        reported="",
        notes=_notes(arm, delta),
        **judged_cells(arm.effect, delta),
    )


def _notes(arm: ScoredArm, delta: float) -> tuple[str, ...]:
    notes = []
    if arm.diverged:
        notes.append(f"diverged in {arm.diverged} of {plural(arm.n, 'replicate')}")
    if arm.missing:
        names = truncate(", ".join(arm.missing), 60)
        notes.append(f"lacks {plural(len(arm.missing), 'replicate')}: {names}")
    effect = arm.effect
    if effect is not None and effect.unpaired:
        pairs, every = plural(effect.pairs, "pair"), plural(effect.unpaired, "replicate")
        notes.append(f"effect over {pairs}, without {every} that are not finite in both arms")
    if effect is not None and effect.at_chance is not None:
        guessing = effect.at_chance
        text = FormattedNumber.points(guessing).text
        verdict = verdict_text(guessing.verdict, delta)
        notes.append(f"effect with diverged replicates at chance: {text}, {verdict}")
    return tuple(notes)


def show(arms: Sequence[ScoredArm], delta: float, stream: TextIO | None = None) -> None:
    """Prints the table; arguments as for `stepladder.report.terminal.show`."""
    terminal.show_view(view_of_scores(arms, delta), stream)


def _json(arms: Sequence[ScoredArm], delta: float) -> str:
    value = {"delta": delta, "arms": [_arm(arm, delta) for arm in arms]}
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _arm(arm: ScoredArm, delta: float) -> dict[str, Any]:
    """The fields of an arm of a study; those of its training are empty."""
    return {
        "name": arm.name,
        "recipe": {},
        "compared_with": arm.compared_with,
        "n": arm.n,
        "test_accuracy": estimate_as_json(arm.score),
        "val_accuracy": {},
        "train_accuracy": {},
        "effect": None if arm.effect is None else effect_as_json(arm.effect),
        "diagnosis": list(_notes(arm, delta)),
        "diverged": arm.diverged,
        "missing": list(arm.missing),
    }


def _csv(arms: Sequence[ScoredArm], delta: float) -> str:
    return csv_text(CSV_COLUMNS, [_csv_row(arm) for arm in arms])


def _csv_row(arm: ScoredArm) -> list[object]:
    score = arm.score
    return [arm.name, arm.compared_with, arm.n, arm.diverged, len(arm.missing), score.mean,
            score.ci_low, score.ci_high, *_csv_effect(arm.effect)]  # fmt: skip


def _csv_effect(effect: Effect | None) -> list[object]:
    if effect is None:
        return [""] * 13
    return [
        effect.mean, effect.ci_low, effect.ci_high, effect.p, effect.p_holm, effect.p_t,
        effect.p_t_holm, effect.verdict, effect.replicates_needed, effect.pairs, effect.unpaired,
        effect.p_greater, "" if effect.at_chance is None else effect.at_chance.mean,
    ]  # fmt: skip


def _markdown(arms: Sequence[ScoredArm], delta: float) -> str:
    return view_as_markdown(view_of_scores(arms, delta))


FORMATS: dict[str, Callable[[Sequence[ScoredArm], float], str]] = {
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
}
"""What `stepladder judge --format` writes besides the table."""
