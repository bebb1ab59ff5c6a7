"""Results as rows, cells and tables: built once, rendered many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from stepladder.diagnosis.findings import CONSTANT_ANSWER, Finding
from stepladder.report import wording
from stepladder.report.tables import (
    FormattedNumber,
    TextTable,
    confound_tables,
    ensemble_tables,
    readout_tables,
    tuning_tables,
)
from stepladder.report.wording import (
    Headline,
    join_list,
    number,
    plural,
    printable,
    truncate,
    verdict_text,
)
from stepladder.runs.results import ArmResult, Results
from stepladder.statistics.results import Effect, Verdict

NAMES_SHOWN = 4
NAME_LENGTH = 34


@dataclass(frozen=True)
class FindingLine:
    """One thing that was found.

    Attributes:
        code: which rule found it.
        names: the arms of which it holds, for a sentence, made visible, not escaped.
        text: what it is; where it holds of several arms, with the numbers of the first of them.
        remedy: what to do about it, in a sentence.
        mends: the catalogue's techniques that mend it, such as "ReLU or He normal", or "".
        texts: for each of the arms its name, made visible, and all that is said of it.
    """

    code: str
    names: str
    text: str
    remedy: str
    mends: str
    texts: tuple[tuple[str, str], ...]

    @property
    def sentence(self) -> str:
        """Text and remedy."""
        return f"{self.text}. {self.remedy}"

    @property
    def brief(self) -> str:
        """Text and techniques."""
        return f"{self.text}{f' → {self.mends}' if self.mends else ''}"


def finding_lines(arms: Sequence[ArmResult]) -> tuple[FindingLine, ...]:
    """A line for each thing that was found, in the order in which rules name them."""
    order: list[str] = []
    groups: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
    for arm in arms:
        for finding in arm.findings:
            groups.setdefault((finding.code, finding.title), []).append((arm.arm.name, finding))
            if finding.code not in order:
                order.append(finding.code)
    lines = sorted(groups.items(), key=lambda group: order.index(group[0][0]))
    return tuple(_line(code, found) for (code, _), found in lines)


def _line(code: str, found: Sequence[tuple[str, Finding]]) -> FindingLine:
    name, first = found[0]
    texts = [printable(finding.text) for _, finding in found]
    said = texts[0]
    if len(set(texts)) > 1:
        detail = (
            f"{first.where.strip()}{': ' if first.where and first.detail else ''}{first.detail}"
        )
        said = f"{first.title} ({truncate(name, NAME_LENGTH)}: {detail or 'in all replicates'})"
    names = [truncate(each, NAME_LENGTH) for each, _ in found]
    mends = join_list(
        list(dict.fromkeys(each.technique for _, each in found if each.technique)), "or"
    )
    advice = f"{first.advice[:1].upper()}{first.advice[1:]}"
    return FindingLine(
        code=code,
        names=_short(names),
        text=printable(said),
        remedy=printable(f"{advice}{f'; the catalogue has {mends}' if mends else ''}."),
        mends=printable(mends),
        texts=tuple(zip((printable(each) for each, _ in found), texts, strict=True)),
    )


def _short(names: Sequence[str]) -> str:
    if len(names) <= NAMES_SHOWN:
        return join_list(names)
    return f"{', '.join(names[: NAMES_SHOWN - 1])} and {len(names) - NAMES_SHOWN + 1} other arms"


State = Literal["measured", "waiting", "constant", "diverged"]
"""What the accuracies of an arm are: a measure of it, not there yet, or a number about nothing.

`constant` is an arm of which every replicate gives one class to all images, `diverged` one of which
every replicate became non-finite.
"""


@dataclass(frozen=True)
class Row:
    """One arm as one row of the table.

    Attributes:
        name: the arm's name, made visible, not escaped.
        against: the arm it is compared with, or None.
        is_against_told: whether the line below the table tells it: the row above, or one for all.
        replicates: finished and planned, such as "3 of 5".
        is_complete: whether every planned replicate is finished and none diverged.
        train: accuracy on the training images in percent.
        validation: accuracy on the validation part in percent.
        test: accuracy on the test part in percent.
        instead: what is shown in place of the accuracies, or None: "waiting", "answers 1 to
            every image", "diverged in all 5 replicates".
        state: what `instead` says, as a value.
        effect: difference in percentage points, or None; its interval speaks for these test
            images, retrained.
        images: the effect's interval for new test images too, such as "± 0.30", or "".
        verdict: what may be said, in words; empty without an effect.
        kind: the verdict itself, or None.
        needed: how many replicates would settle the verdict, or "".
        reported: the published figure in percent, or "".
        notes: sentences on what went wrong or is missing.
    """

    name: str
    against: str | None
    is_against_told: bool
    replicates: str
    is_complete: bool
    train: FormattedNumber
    validation: FormattedNumber
    test: FormattedNumber
    instead: str | None
    state: State
    effect: FormattedNumber | None
    images: str
    verdict: str
    kind: Verdict | None
    needed: str
    reported: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """A study's results as they will be shown.

    Attributes:
        title: the study's name, made visible.
        subtitle: dataset, sizes, design and replicates in a line.
        status: what is missing, or "" when the study is finished.
        headlines: what may be said, from the verdicts alone.
        rows: one an arm.
        reported_source: where the reported figures come from, or None.
        comparison: which arm each effect is against, in words.
        footnotes: what the intervals speak for, how verdicts are reached, how often looked.
        tables: what is shown below the main table, such as the read-out of a factorial.
        measure: the heading of what is judged.
        is_trained: whether there is accuracy on training and validation parts to show.
        findings: what diagnosis found, a line each; those that rows show themselves left out.
    """

    title: str
    subtitle: str
    status: str
    headlines: tuple[Headline, ...]
    rows: tuple[Row, ...]
    reported_source: str | None
    comparison: str
    footnotes: tuple[str, ...]
    tables: tuple[TextTable, ...] = ()
    measure: str = "test %"
    is_trained: bool = True
    findings: tuple[FindingLine, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every arm has all its replicates and none diverged."""
        return all(row.is_complete for row in self.rows)

    @property
    def has_images(self) -> bool:
        """Whether any effect has an interval for new test images."""
        return any(row.images for row in self.rows)

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """The notes of each arm in one text, without arms that have none."""
        return tuple((row.name, "; ".join(row.notes)) for row in self.rows if row.notes)


def view_of(results: Results) -> View:
    """Results as they will be shown: the same results give an equal view."""
    rows = tuple(_row(results, index) for index in range(len(results.arms)))
    has_reported = any(row.reported for row in rows)
    source = results.study.reported.source if results.study.reported and has_reported else None
    return View(
        title=printable(results.study.name),
        subtitle=wording.subtitle(results),
        status=wording.status(results),
        headlines=wording.headlines(results),
        rows=rows,
        reported_source=printable(source) if source else None,
        comparison=wording.comparison(results),
        footnotes=(*wording.footnotes(results), *results.warnings),
        tables=(
            *readout_tables(results.readout, results.study.delta),
            *ensemble_tables(results.arms),
            *confound_tables(results.confounds),
            *tuning_tables(results.tuned),
        ),
        findings=_findings(results, rows),
    )


def _findings(results: Results, rows: Sequence[Row]) -> tuple[FindingLine, ...]:
    shown = {row.name for row in rows if row.state == "constant"}
    return tuple(
        each
        for each in finding_lines(results.arms)
        if each.code != CONSTANT_ANSWER or not shown.issuperset(name for name, _ in each.texts)
    )


def _row(results: Results, index: int) -> Row:
    result = results.arms[index]
    against = result.arm.compared_with
    planned = result.planned or results.study.replicates
    effect = result.effect
    state = _state(result)
    return Row(
        name=printable(result.arm.name),
        against=None if against is None else printable(against),
        is_against_told=_is_against_told(results, index),
        replicates=f"{result.n} of {max(planned, result.n)}",
        is_complete=result.n >= planned and not result.diverged,
        train=FormattedNumber.accuracy(result.train_accuracy),
        validation=FormattedNumber.accuracy(result.val_accuracy),
        test=FormattedNumber.accuracy(result.test_accuracy),
        instead=_instead(result, state),
        state=state,
        reported="" if result.reported is None else number(100 * result.reported),
        notes=_notes(result, planned, results.finished, results.study.delta),
        **judged_cells(effect, results.study.delta),
    )


def _is_against_told(results: Results, index: int) -> bool:
    others = {result.arm.compared_with for result in results.arms} - {None}
    against = results.arms[index].arm.compared_with
    above = results.arms[index - 1].arm.name if index else None
    return against is not None and (against == above or len(others) == 1)


class JudgedCells(TypedDict):
    """The cells of a row that an effect fills."""

    effect: FormattedNumber | None
    images: str
    verdict: str
    kind: Verdict | None
    needed: str


def judged_cells(effect: Effect | None, delta: float) -> JudgedCells:
    """What a row says of an effect; empty cells without one."""
    if effect is None:
        return JudgedCells(effect=None, images="", verdict="", kind=None, needed="")
    return JudgedCells(
        effect=FormattedNumber.points(effect),
        images=_images(effect),
        verdict=verdict_text(effect.verdict, delta),
        kind=effect.verdict,
        needed=_needed(effect),
    )


def _images(effect: Effect) -> str:
    """The interval for new test images, around the same mean as the effect's own."""
    ends = effect.new_images
    return "" if ends is None else FormattedNumber(effect.mean, ends.low, ends.high, True).spread


def _state(result: ArmResult) -> State:
    if result.n == 0:
        return "waiting"
    if result.diverged == result.n:
        return "diverged"
    return "constant" if result.constant_answer else "measured"


def _instead(result: ArmResult, state: State) -> str | None:
    if state == "waiting":
        return "waiting"
    if state == "diverged":
        return "diverged" if result.n == 1 else f"diverged in all {result.n} replicates"
    return printable(result.constant_answer.text) if result.constant_answer else None


def _needed(effect: Effect) -> str:
    needed = effect.replicates_needed
    return "" if needed is None else f"about {needed:,} would do"


def _notes(result: ArmResult, planned: int, is_finished: bool, delta: float) -> tuple[str, ...]:
    notes = []  # findings have lines of their own
    if result.diverged and not result.is_divergence_found:
        notes.append(f"diverged in {result.diverged} of {plural(result.n, 'replicate')}")
    if 0 < result.n < planned:
        notes.append(f"{result.n} of {plural(planned, 'replicate')} so far")
    if is_finished and result.effect is not None and result.effect.unpaired:
        unpaired = plural(result.effect.unpaired, "replicate")
        notes.append(f"effect without {unpaired}, not finite in both arms")
    guessing = result.effect.at_chance if result.effect else None
    if guessing is not None:
        notes.append(
            f"effect with diverged replicates at the accuracy of guessing: "
            f"{FormattedNumber.points(guessing).text}, {verdict_text(guessing.verdict, delta)}"
        )
    return tuple(notes)
