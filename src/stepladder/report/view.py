"""Results as rows, cells and sentences: built once, rendered many times."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stepladder.diagnosis.findings import CONSTANT_ANSWER, Finding
from stepladder.report import wording
from stepladder.report.document import (
    Cell,
    Column,
    Document,
    Sentence,
    Sentences,
    Style,
    Table,
    fine,
    note,
)
from stepladder.report.tables import (
    FormattedNumber,
    also_tables,
    confound_tables,
    ensemble_tables,
    epoch_tables,
    readout_tables,
    tuning_tables,
)
from stepladder.report.wording import (
    CANNOT_BE_JUDGED,
    Measure,
    effect_verdict,
    join_list,
    measure_of,
    needed_text,
    number,
    p_value,
    plural,
    printable,
    truncate,
)
from stepladder.runs.results import ArmResult, Results
from stepladder.statistics.results import Effect, Verdict
from stepladder.trials.trial import PARTS

NAMES_SHOWN = 4
NAME_LENGTH = 34
SENTENCE_LENGTH = 120  # of a name in a sentence, which wraps
VERDICT_LENGTH = 16


@dataclass(frozen=True)
class FindingLine:
    """One thing that diagnosis found.

    Attributes:
        code: which rule found it.
        names: the arms of which it holds, for a sentence, made printable, not escaped.
        text: what it is; where it holds of several arms, with the numbers of the first of them.
        remedy: what to do about it, in a sentence.
        mends: the catalogue's techniques that fix it, such as "ReLU or He normal", or "".
        texts: for each of the arms its name, made printable, and the finding in full.
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


def finding_lines(arms: Sequence[ArmResult]) -> tuple[FindingLine, ...]:
    """A line for each thing that was found, in the order in which rules name them."""
    order: dict[str, int] = {}
    groups: dict[tuple[str, str, bool], list[tuple[str, Finding]]] = {}
    for arm in arms:
        for finding in arm.findings:
            # What all replicates of one arm show is not said in one breath with what some do.
            kind = (finding.code, finding.title, finding.replicates == arm.n)
            groups.setdefault(kind, []).append((arm.arm.name, finding))
            order.setdefault(finding.code, len(order))
    lines = sorted(groups.items(), key=lambda group: order[group[0][0]])
    return tuple(_finding_line(code, group) for (code, *_), group in lines)


def _finding_line(code: str, group: Sequence[tuple[str, Finding]]) -> FindingLine:
    name, first = group[0]
    texts = [printable(finding.text) for _, finding in group]
    text = texts[0]
    if len(set(texts)) > 1:
        detail = ": ".join(filter(None, (first.where.strip(), first.detail)))
        text = f"{first.title} ({truncate(name, SENTENCE_LENGTH)}: {detail or 'in all replicates'})"
    names = [truncate(name, SENTENCE_LENGTH) for name, _ in group]
    techniques = dict.fromkeys(finding.technique for _, finding in group if finding.technique)
    mends = join_list(list(techniques), "or")
    advice = f"{first.advice[:1].upper()}{first.advice[1:]}"
    return FindingLine(
        code=code,
        names=join_list(names, most=NAMES_SHOWN, rest="other arms"),
        text=printable(text),
        remedy=printable(f"{advice}{f'; the catalogue has {mends}' if mends else ''}."),
        mends=printable(mends),
        texts=tuple(zip((printable(name) for name, _ in group), texts, strict=True)),
    )


State = Literal["measured", "waiting", "constant", "diverged"]
"""What the accuracies of an arm are: a measure of it, not there yet, or a number about nothing.

`constant` is an arm of which every replicate gives one class to all images, `diverged` one of which
every replicate became non-finite.
"""


@dataclass(frozen=True)
class Row:
    """One arm as one row of the table.

    Attributes:
        name: the arm's name, made printable, not escaped.
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
        judged: the effect, or None.
        delta: percentage points below which a difference does not matter.
        reported: the published figure in percent, or "".
        notes: sentences on what went wrong or is missing.
        digits: decimals of the effect.
        more: what settles an open verdict; see `wording.what_settles`.
        so_far: finished replicates in words where some are still missing, or "".
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
    judged: Effect | None
    delta: float | None
    reported: str
    notes: tuple[str, ...]
    digits: int = 2
    more: str = "replicates"
    so_far: str = ""

    @property
    def effect(self) -> FormattedNumber | None:
        """The effect in points; its interval speaks for these test and training images."""
        return FormattedNumber.points(self.judged, self.digits) if self.judged else None

    @property
    def images(self) -> str:
        """The effect's interval for new test images too, such as "± 0.30", or ""."""
        ends = self.judged.new_images if self.judged else None
        if self.judged is None or ends is None:
            return ""
        return FormattedNumber(self.judged.mean, ends.low, ends.high, True, self.digits).spread

    @property
    def kind(self) -> Verdict | None:
        """The verdict, or None."""
        return self.judged.verdict if self.judged else None

    @property
    def verdict(self) -> str:
        """The verdict in words, or ""."""
        if self.judged is None:
            return ""
        if self.judged.reason:
            return CANNOT_BE_JUDGED
        return effect_verdict(self.judged, self.delta, self.more)

    @property
    def p(self) -> str:
        """The p-value that the verdict rests on, or ""."""
        p = self.judged.p_verdict if self.judged else None
        return "" if p is None else f"p = {p_value(p)}, corrected".replace("= <", "< ")

    @property
    def needed(self) -> str:
        """How many replicates would settle the verdict, or ""."""
        return needed_text(self.judged, has_range=False) if self.judged else ""


@dataclass(frozen=True)
class Layout:
    """Which columns a table of arms has.

    Attributes:
        parts: the parts of the data before the test part.
        has_intervals: whether accuracies on these have intervals.
        folds: whether verdicts are folded.
        has_extras: whether there are intervals for new images and published figures.
        is_fixed: whether replicates, effects and verdicts have columns without any need too.
    """

    parts: tuple[Literal["train", "validation"], ...] = ("train", "validation")
    has_intervals: bool = True
    folds: bool = False
    has_extras: bool = True
    is_fixed: bool = False


LAYOUTS = (
    Layout(),
    Layout(folds=True),
    Layout(has_intervals=False),
    Layout(has_intervals=False, folds=True),
    Layout(("validation",), has_intervals=False, folds=True),
    Layout((), folds=True),
    Layout((), folds=True, has_extras=False),
)
"""Of a terminal: the richest first."""

PAGE = Layout(is_fixed=True)
"""Of a page, which has room for all of it."""

_STYLES: dict[Verdict | None, Style] = {
    "helps": "good", "hurts": "bad", "not enough replicates": "open",
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """A study's results as they will be shown.

    Attributes:
        title: the study's name, made printable.
        subtitle: dataset, sizes, design and replicates in a line.
        status: what is missing, or "" when the study is finished.
        headlines: what may be said, from the verdicts alone.
        rows: one an arm.
        reported_source: where the reported figures come from, or None.
        comparison: which arm each effect is against, in words.
        footnotes: what the intervals speak for, how verdicts are reached, how often looked.
        tables: what is shown below the main table, such as how arms were tuned.
        measure: the heading of what is judged.
        parts: of the data before the test part, those that have scores to show.
        findings: what diagnosis found, a line each; those that rows show themselves left out.
        headings: over the other parts of the data, where they are not in percent.
        noun: what one example is called in sentences.
        answers: the headlines, shorter.
        readout: what a factorial says of its techniques, right below the main table.
        warnings: what makes the figures less than they seem; they are footnotes too.
        also: the metrics that the study records beside the judged one.
        uneven: what the commonest class alone reaches, where that is much.
    """

    title: str
    subtitle: str
    status: str
    headlines: tuple[Sentence, ...]
    rows: tuple[Row, ...]
    reported_source: str | None
    comparison: str
    footnotes: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    measure: str = "test %"
    parts: tuple[Literal["train", "validation"], ...] = ("train", "validation")
    findings: tuple[FindingLine, ...] = ()
    headings: Mapping[str, str] = field(default_factory=dict)
    noun: str = "image"
    answers: tuple[Sentence, ...] = ()
    readout: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()
    also: tuple[Table, ...] = ()
    uneven: str = ""

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

    @property
    def reported(self) -> str:
        """Where the reported figures come from, in a sentence, or ""."""
        return f"Reported: {self.reported_source}." if self.reported_source else ""

    def arm_table(self, layout: Layout) -> Table:
        """The main table, a row an arm."""
        columns = list(self._columns(layout))
        rows = zip(*(cells for _, cells in columns), strict=True)
        return Table("", tuple(column for column, _ in columns), tuple(rows))

    def _columns(self, layout: Layout) -> Iterator[tuple[Column, list[str]]]:
        rows = self.rows
        yield Column("arm", most=NAME_LENGTH), [
            Cell(row.name, detail="" if row.is_against_told else f"against {row.against}")
            if row.against else row.name
            for row in rows
        ]  # fmt: skip
        if layout.is_fixed or not self.is_complete:
            yield Column("n", "right"), [row.replicates for row in rows]
        for part in (part for part in layout.parts if part in self.parts):
            accuracies: list[FormattedNumber] = [getattr(row, part) for row in rows]
            if not layout.is_fixed and not any(math.isfinite(value.mean) for value in accuracies):
                continue  # a training of the user's own may give one part and not the other
            yield (
                Column(self.headings.get(part, f"{part} %"), "decimal"),
                [
                    ""
                    if row.instead
                    else Cell(value.text, value)
                    if layout.has_intervals
                    else value.number
                    for row, value in zip(rows, accuracies, strict=True)
                ],
            )
        yield (
            Column(self.measure, "decimal"),
            [
                Cell(row.instead, style="instead") if row.instead else Cell(row.test.text, row.test)
                for row in rows
            ],
        )
        if layout.is_fixed or any(row.effect for row in rows):
            yield (
                Column("effect", "decimal"),
                [Cell(row.effect.text, row.effect) if row.effect else "" for row in rows],
            )
            if layout.has_extras and self.has_images:
                images: list[str] = [Cell(row.images, style="dim") for row in rows]
                yield Column(f"new {self.noun}s", "decimal"), images
            yield (
                Column("verdict", most=VERDICT_LENGTH if layout.folds else None),
                [
                    Cell(row.verdict, style=_STYLES.get(row.kind, ""), detail=row.needed)
                    for row in rows
                ],
            )
        if layout.has_extras and self.reported_source:
            head = "reported %" if layout.is_fixed else "reported"
            yield Column(head, "right"), [Cell(row.reported, style="dim") for row in rows]

    def documents(self, *, explain: bool = True) -> tuple[Document, ...]:
        """The view for a terminal: the same with ever fewer columns.

        Args:
            explain: whether diagnosis, further tables and notes follow the table.
        """
        return tuple(map(self.document if explain else self.brief, LAYOUTS))

    def brief(self, layout: Layout) -> Document:
        """The answer, and the table as the last thing that is seen."""
        notes = (note(truncate(name, NAME_LENGTH), text) for name, text in self.notes)
        return Document(self.title, self.subtitle, self.status, (
            Sentences(self.answers, "marked"),
            Sentences(tuple(notes), "indented"),
            Sentences(tuple(Sentence.of(text, kind="warning") for text in self.warnings), "marked"),
            fine(self.comparison, self.uneven),
            self.arm_table(layout),
            *self.readout,
            *self.also,
        ))  # fmt: skip

    def document(self, layout: Layout) -> Document:
        """The view with the columns of a layout; a page begins with the headlines."""
        is_page = layout.is_fixed
        arms, headlines = self.arm_table(layout), Sentences(self.headlines, "marked")
        notes = (
            note(name if is_page else truncate(name, NAME_LENGTH), text)
            for name, text in self.notes
        )
        findings = (note(line.names, line.sentence) for line in self.findings)
        return Document(self.title, self.subtitle, self.status, (
            *((headlines, arms) if is_page else (arms, headlines)),
            Sentences(tuple(notes), "indented"),
            Sentences(tuple(findings), "indented", "Diagnosis"),
            *self.readout,
            *self.tables,
            *self.also,
            fine(
                self.comparison,
                *self.footnotes,
                wording.new_images_note(self.noun) if layout.has_extras and self.has_images else "",
                self.reported if layout.has_extras else "",
            ),
        ))  # fmt: skip


def view_of(results: Results) -> View:
    """Results as they will be shown: the same results give an equal view.

    Example:
        >>> run = stepladder.run("quick")  # doctest: +SKIP
        >>> view_of(run.results).headlines[0].text  # doctest: +SKIP
        '+ ReLU (+68.55) and + Adam (+17.14) improve test accuracy.'
    """
    study, shown = results.study, measure_of(results)
    rows = tuple(_row(results, index) for index in range(len(results.arms)))
    has_reported = any(row.reported for row in rows)
    source = results.study.reported.source if results.study.reported and has_reported else None
    constant = {row.name for row in rows if row.state == "constant"}
    return View(
        title=printable(results.study.name),
        subtitle=wording.subtitle(results),
        status=wording.status(results),
        headlines=wording.headlines(results),
        answers=wording.headlines(results, is_brief=True),
        readout=readout_tables(results),
        noun=results.noun,
        rows=rows,
        reported_source=printable(source) if source else None,
        comparison=wording.comparison(results),
        footnotes=(*wording.footnotes(results), *results.warnings),
        tables=(
            *epoch_tables(results),
            *ensemble_tables(results),
            *confound_tables(results.confounds),
            *tuning_tables(results),
        ),
        warnings=results.warnings,
        also=also_tables(results),
        uneven=wording.uneven_note(results),
        measure=shown.heading("test"),
        parts=_parts_known(rows) if study.trainer else ("train", "validation"),
        headings={part: shown.heading(part) for part in PARTS},
        findings=tuple(
            line
            for line in finding_lines(results.arms)
            if line.code != CONSTANT_ANSWER or not constant.issuperset(dict(line.texts))
        ),
    )


def _parts_known(rows: Sequence[Row]) -> tuple[Literal["train", "validation"], ...]:
    parts: tuple[Literal["train", "validation"], ...] = ("train", "validation")
    return tuple(
        part for part in parts if any(math.isfinite(getattr(row, part).mean) for row in rows)
    )


def _row(results: Results, index: int) -> Row:
    result = results.arms[index]
    against = result.arm.compared_with
    planned = result.planned or results.study.replicates
    state, instead = _state(result)
    shown = measure_of(results)
    return Row(
        name=printable(result.arm.name),
        against=None if against is None else printable(against),
        is_against_told=_is_against_told(results, index),
        replicates=f"{result.n} of {max(planned, result.n)}",
        so_far=f"{result.n} of {plural(planned, 'replicate')}" if 0 < result.n < planned else "",
        is_complete=result.n >= planned and not result.diverged,
        train=FormattedNumber.score(result.train, shown.metric.scale, shown.digits),
        validation=FormattedNumber.score(result.validation, shown.metric.scale, shown.digits),
        test=FormattedNumber.score(result.test, shown.metric.scale, shown.digits),
        instead=instead,
        state=state,
        judged=result.effect,
        delta=shown.delta,
        digits=shown.digits,
        reported="" if result.reported is None else number(100 * result.reported),
        notes=_notes(result, results, shown),
        more=wording.what_settles(results.study),
    )


def _is_against_told(results: Results, index: int) -> bool:
    every = {result.arm.compared_with for result in results.arms} - {None}
    against = results.arms[index].arm.compared_with
    above = results.arms[index - 1].arm.name if index else None
    return against is not None and (against == above or len(every) == 1)


def _state(result: ArmResult) -> tuple[State, str | None]:
    """What the accuracies of an arm are, and what is shown in their place."""
    if result.n == 0:
        return "waiting", "waiting"
    if result.diverged == result.n:
        every = f" in all {result.n} replicates" if result.n > 1 else ""
        return "diverged", f"diverged{every}"
    constant = result.constant_answer
    return ("constant", printable(constant.title)) if constant else ("measured", None)


def _notes(result: ArmResult, results: Results, shown: Measure) -> tuple[str, ...]:
    notes, is_finished = [], results.finished  # findings have lines of their own
    if result.diverged and not result.is_divergence_found:
        notes.append(f"diverged in {result.diverged} of {plural(result.n, 'replicate')}")
    if is_finished and result.effect is not None and result.effect.unpaired:
        unpaired = plural(result.effect.unpaired, "replicate")
        notes.append(f"effect without {unpaired}, not finite in both arms")
    if result.effect and result.effect.settled_at and result.effect.settled_at < result.n:
        notes.append(f"effect {wording.settled_text(result.effect)}")
    guessing = result.effect.at_chance if result.effect else None
    if guessing is not None:
        guess = "guessing" if results.study.task == "classification" else "one answer to everything"
        notes.append(
            f"effect with diverged replicates at the {shown.name} of {guess}: "
            f"{FormattedNumber.points(guessing).text}, "
            f"{effect_verdict(guessing, shown.delta, wording.what_settles(results.study))}"
        )
    return tuple(notes)
