"""Judged scores that are not from our store: the table and its other forms."""

from collections.abc import Callable, Iterator
from typing import Any, TextIO

from stepladder.report.document import Sentence
from stepladder.report.json import FORMAT, family_record, metric_record, pick, to_json
from stepladder.report.markdown import EFFECT_COLUMNS, csv_of_records, in_unit, to_markdown
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import print_document, to_text
from stepladder.report.view import PAGE, Row, View
from stepladder.report.wording import (
    PAIRED_TESTS,
    Measure,
    corrected_text,
    digits_for,
    divergence_text,
    effect_verdict,
    headlines_of,
    missed_text,
    plural,
    printable,
    rule_text,
    truncate,
    within_text,
)
from stepladder.statistics.results import Effect
from stepladder.statistics.scores import JudgedScores, ScoredArm
from stepladder.study.metrics import Metric

_COLUMNS = (
    "arm=name compared_with n diverged missing score=score.mean ci_low=score.ci_low "
    f"ci_high=score.ci_high {EFFECT_COLUMNS} p_greater=effect.p_greater "
    "effect_at_chance_points=effect.at_chance.mean"
)
_EFFECT_KEYS = (
    "mean ci_low ci_high p p_adjusted p_t p_t_adjusted p_verdict verdict replicates_needed plan "
    "divergence posterior p_not_worse is_paired pairs unpaired differences p_greater at_chance"
)

_NAME_LENGTH = 60

ANYTIME_TEST = "anytime-valid paired t test, right however often scores are added and judged"


def view_of_scores(judged: JudgedScores) -> View:
    """Judged scores as they will be shown.

    Example:
        >>> from stepladder.statistics.scores import judge_scores
        >>> judged = judge_scores({"a": {"0": 0.5, "1": 0.6}, "b": {"0": 0.7, "1": 0.8}})
        >>> view_of_scores(judged).comparison
        'Effect: percentage points of score against a.'
    """
    arms, metric, digits = judged.arms, judged.metric, _digits(judged)
    base = next(arm for arm in arms if arm.effect is None)
    effects = [(arm.name, arm.effect) for arm in arms if arm.effect is not None]
    low, high = min(arm.n for arm in arms), max(arm.n for arm in arms)
    span = plural(low, "replicate") if low == high else f"{low:,} to {high:,} replicates"
    nothing = Sentence.of("One arm is compared with nothing: only its mean is known.")
    name = truncate(metric.name, _NAME_LENGTH)
    measure = "the score" if name == "score" else name
    shown = _measure(judged)
    return View(
        title="Scores",
        subtitle=f"{plural(len(arms), 'arm')} · {span}",
        status="",
        headlines=headlines_of(effects, shown, measure) or (nothing,),
        answers=headlines_of(effects, shown, measure, is_brief=True) or (nothing,),
        rows=tuple(_row(arm, base.name, judged, digits) for arm in arms),
        reported_source=None,
        comparison=comparison_text(metric, name, base.name) if effects else "",
        footnotes=tuple(_footnotes(judged, [effect for _, effect in effects])),
        measure=f"{name} %" if metric.is_fraction else name + _in_brackets(metric),
        parts=(),
    )


def _in_brackets(metric: Metric) -> str:
    return f" ({truncate(metric.unit, 20)})" if metric.unit else ""


def comparison_text(metric: Metric, name: str, base: str) -> str:
    """What effects are, and against which arm."""
    what = f"difference in {name}{_in_brackets(metric)}"
    if metric.is_fraction:
        what = f"percentage points of {name}"
    lower = "; lower is better" if metric.direction == "minimize" else ""
    return f"Effect: {what} against {truncate(base, _NAME_LENGTH)}{lower}."


def _footnotes(judged: JudgedScores, effects: list[Effect]) -> Iterator[str]:
    yield (
        "± is the 95 % t interval of the mean over replicates: it speaks for what changes from "
        "replicate to replicate, and for nothing that all of them share."
    )
    if effects:
        kinds = {effect.is_paired for effect in effects}
        welch = "Welch's t test where arms have no replicate in common"
        if judged.is_anytime:
            welch = "no verdict where arms have no replicate in common"
        paired = ANYTIME_TEST if judged.is_anytime else PAIRED_TESTS
        tests = ", or ".join(
            text for is_paired, text in ((True, paired), (False, welch)) if is_paired in kinds
        )
        within = "nothing is called no difference without a delta, the least that matters"
        if judged.delta is not None:
            way = "its confidence sequence" if judged.is_anytime else ""
            within = within_text(_measure(judged), way)
            within += missed_text(effects)
        within += corrected_text(effects)
        yield f"Verdicts: {rule_text(len(effects), tests=tests)}; {within}."
    yield from map(printable, judged.notes)


def _measure(judged: JudgedScores) -> Measure:
    return Measure(judged.metric, judged.delta, _digits(judged), judged.claim)


def _digits(judged: JudgedScores) -> int:
    means = [mean for arm in judged.arms for mean in (arm.score, arm.effect) if mean is not None]
    return digits_for(judged.metric, means)


def _row(arm: ScoredArm, base: str, judged: JudgedScores, digits: int) -> Row:
    nothing = FormattedNumber(float("nan"))
    return Row(
        name=printable(arm.name),
        against=arm.compared_with and printable(arm.compared_with),
        is_against_told=arm.compared_with == base,  # the line below the table names it
        replicates=str(arm.n),
        is_complete=not arm.missing and not arm.diverged,
        train=nothing,
        validation=nothing,
        test=FormattedNumber.score(arm.score, judged.metric.scale, digits),
        instead=f"diverged in all {arm.n}" if arm.diverged == arm.n else None,
        state="diverged" if arm.diverged == arm.n else "measured",
        reported="",
        judged=arm.effect,
        delta=judged.delta or 0.0,
        notes=_notes(arm, judged, digits),
        digits=digits,
    )


def _notes(arm: ScoredArm, judged: JudgedScores, digits: int) -> tuple[str, ...]:
    notes, effect = [], arm.effect
    if arm.diverged:
        notes.append(f"diverged in {arm.diverged} of {plural(arm.n, 'replicate')}")
    if effect is not None and effect.divergence is not None:
        notes.append(divergence_text(effect.divergence))
    if effect is not None and not effect.is_paired:
        notes.append(
            f"no replicate in common with {truncate(arm.compared_with or '', _NAME_LENGTH)}: "
            "two means are compared (Welch), and no pairs"
        )
        return tuple(notes)
    is_paired = any(other.effect and other.effect.is_paired for other in judged.arms)
    if arm.missing and (is_paired or len(judged.arms) == 1):
        names = truncate(", ".join(arm.missing), 60)
        notes.append(f"lacks {plural(len(arm.missing), 'replicate')}: {names}")
    if effect is not None and effect.unpaired:
        pairs, unpaired = plural(effect.pairs, "pair"), plural(effect.unpaired, "replicate")
        notes.append(f"effect over {pairs}, without {unpaired} that one of the arms lacks or that "
                     "diverged there")  # fmt: skip
    if effect is not None and effect.at_chance is not None:
        text = FormattedNumber.points(effect.at_chance, digits).text
        verdict = effect_verdict(effect.at_chance, judged.delta or 0.0)
        notes.append(f"effect with diverged replicates at chance: {text}, {verdict}")
    return tuple(notes)


def as_text(judged: JudgedScores, width: int = 100, *, explain: bool = True) -> str:
    """Judged scores as plain text; arguments as for `terminal.as_text`."""
    return to_text(view_of_scores(judged).documents(explain=explain), width)


def show(judged: JudgedScores, stream: TextIO | None = None, *, explain: bool = False) -> None:
    """Prints judged scores; arguments as for `terminal.show`."""
    print_document(view_of_scores(judged).documents(explain=explain), stream)


def _is_accuracy(metric: Metric) -> bool:
    """Whether the columns for accuracies are written, which are older than metrics."""
    return metric.is_fraction and metric.sign > 0 and metric.name in ("accuracy", "score")


def _better(metric: Metric) -> str:
    return "higher" if metric.direction == "maximize" else "lower"


def _json(judged: JudgedScores) -> str:
    noted: dict[str, object] = {"notes": judged.notes} if judged.notes else {}
    what = metric_record(judged.metric, judged.delta)
    return to_json({"format": FORMAT, "metric": what, "arms": arms_record(judged)} | noted)


def arms_record(judged: JudgedScores) -> list[dict[str, Any]]:
    """Every arm as JSON has it."""
    metric, digits = judged.metric, _digits(judged)
    return [
        pick(arm, "name compared_with n diverged missing")
        | {"scores": {"test": {metric.name: pick(arm.score, "mean ci_low ci_high values")}}}
        | {"effect": _effect_record(arm.effect), "notes": _notes(arm, judged, digits)}
        for arm in judged.arms
    ]


def _effect_record(effect: Effect | None) -> dict[str, Any] | None:
    if effect is None:
        return None
    ends = pick(effect, "mean=p_greater ci_low=p_greater_ci.low ci_high=p_greater_ci.high")
    return pick(effect, _EFFECT_KEYS) | {
        "p_greater": ends if effect.p_greater_ci else None,
        "at_chance": _effect_record(effect.at_chance),
        **({"anytime": pick(effect.anytime, "ci_low=low ci_high=high")} if effect.anytime else {}),
        **family_record(effect),
    }


def _csv(judged: JudgedScores) -> str:
    metric = judged.metric
    named = {"metric": metric.name, "better": _better(metric), "unit": metric.unit}
    records = [
        pick(arm, _COLUMNS) | {"missing": len(arm.missing)}
        | ({} if _is_accuracy(metric) else named)
        for arm in judged.arms
    ]  # fmt: skip
    rows = [{in_unit(column, metric): value for column, value in record.items()}
            for record in records]  # fmt: skip
    return csv_of_records(rows, tuple(rows[0]))


def _markdown(judged: JudgedScores) -> str:
    return to_markdown(view_of_scores(judged).document(PAGE))


FORMATS: dict[str, Callable[[JudgedScores], str]] = {
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
}
"""What `stepladder judge --format` writes besides the table."""
