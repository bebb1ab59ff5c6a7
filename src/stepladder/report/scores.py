"""Judged scores that are not from our store: the table and its other forms."""

from collections.abc import Callable, Sequence
from typing import TextIO

from stepladder.report.document import Sentence
from stepladder.report.json import pick, to_json
from stepladder.report.markdown import EFFECT_COLUMNS, csv_of_records, to_markdown
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import print_document
from stepladder.report.view import PAGE, Row, View
from stepladder.report.wording import (
    headlines_of,
    plural,
    points,
    printable,
    rule_text,
    truncate,
    verdict_text,
)
from stepladder.statistics.scores import ScoredArm

_COLUMNS = (
    "arm=name compared_with n diverged missing score=score.mean ci_low=score.ci_low "
    f"ci_high=score.ci_high {EFFECT_COLUMNS} p_greater=effect.p_greater "
    "effect_at_chance_points=effect.at_chance.mean"
)
_KEYS = (
    "name recipe= compared_with n test_accuracy=score val_accuracy= train_accuracy= effect "
    "diagnosis= diverged missing"
)


def view_of_scores(arms: Sequence[ScoredArm], delta: float) -> View:
    """Judged scores as they will be shown.

    Args:
        arms: the base among them, which has no effect.
        delta: percentage points below which a difference does not matter.

    Example:
        >>> from stepladder.statistics.scores import judge_scores
        >>> arms = judge_scores({"a": {"0": 0.5, "1": 0.6}, "b": {"0": 0.7, "1": 0.8}})
        >>> view_of_scores(arms, 0.1).comparison
        'Effect: percentage points of score against a.'
    """
    base = next(arm for arm in arms if arm.effect is None)
    judged = [(arm.name, arm.effect) for arm in arms if arm.effect is not None]
    low, high = min(arm.n for arm in arms), max(arm.n for arm in arms)
    span = plural(low, "replicate") if low == high else f"{low:,} to {high:,} replicates"
    nothing = Sentence.of("One arm is compared with nothing: only its mean is known.")
    footnotes = [
        "± is the 95 % t interval of the mean over replicates: it speaks for what changes from "
        "replicate to replicate, and for nothing that all of them share."
    ]
    if judged:
        footnotes.append(
            f"Verdicts: {rule_text(len(judged))}; no difference means within {points(delta)} by "
            "two one-sided tests."
        )
    against = f"Effect: percentage points of score against {truncate(base.name, 60)}."
    return View(
        title="Scores",
        subtitle=f"{plural(len(arms), 'arm')} · {span}",
        status="",
        headlines=headlines_of(judged, delta, "the score") or (nothing,),
        rows=tuple(_row(arm, base.name, delta) for arm in arms),
        reported_source=None,
        comparison=against if judged else "",
        footnotes=tuple(footnotes),
        measure="score %",
        is_trained=False,
    )


def _row(arm: ScoredArm, base: str, delta: float) -> Row:
    nothing = FormattedNumber(float("nan"))
    return Row(
        name=printable(arm.name),
        against=arm.compared_with and printable(arm.compared_with),
        is_against_told=arm.compared_with == base,  # the line below the table names it
        replicates=str(arm.n),
        is_complete=not arm.missing and not arm.diverged,
        train=nothing,
        validation=nothing,
        test=FormattedNumber.accuracy(arm.score),
        instead=f"diverged in all {arm.n}" if arm.diverged == arm.n else None,
        state="diverged" if arm.diverged == arm.n else "measured",
        reported="",
        judged=arm.effect,
        delta=delta,
        notes=_notes(arm, delta),
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
        pairs, unpaired = plural(effect.pairs, "pair"), plural(effect.unpaired, "replicate")
        notes.append(f"effect over {pairs}, without {unpaired} that are not finite in both arms")
    if effect is not None and effect.at_chance is not None:
        text = FormattedNumber.points(effect.at_chance).text
        verdict = verdict_text(effect.at_chance.verdict, delta)
        notes.append(f"effect with diverged replicates at chance: {text}, {verdict}")
    return tuple(notes)


def show(arms: Sequence[ScoredArm], delta: float, stream: TextIO | None = None) -> None:
    """Prints the table; arguments as for `view_of_scores` and `terminal.console_on`."""
    print_document(view_of_scores(arms, delta).documents(), stream)


def _json(arms: Sequence[ScoredArm], delta: float) -> str:
    # The keys are those of an arm of a study; those of its training are empty.
    empty: dict[str, object] = {"recipe": {}, "val_accuracy": {}, "train_accuracy": {}}
    records = [pick(arm, _KEYS) | empty | {"diagnosis": _notes(arm, delta)} for arm in arms]
    return to_json({"delta": delta, "arms": records})


def _csv(arms: Sequence[ScoredArm], delta: float) -> str:
    records = [pick(arm, _COLUMNS) | {"missing": len(arm.missing)} for arm in arms]
    return csv_of_records(records, tuple(records[0]))


def _markdown(arms: Sequence[ScoredArm], delta: float) -> str:
    return to_markdown(view_of_scores(arms, delta).document(PAGE))


FORMATS: dict[str, Callable[[Sequence[ScoredArm], float], str]] = {
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
}
"""What `stepladder judge --format` writes besides the table."""
