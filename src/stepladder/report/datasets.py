"""Several data sets: the table over them, its other forms, and the figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from stepladder.report.document import (
    Cell,
    Column,
    Document,
    Sentence,
    Sentences,
    Style,
    Table,
    fine,
    numbers,
    words,
)
from stepladder.report.figures.base import Plot
from stepladder.report.figures.forest import Bar, Forest, forest_plot
from stepladder.report.figures.ranks import ranks_plot
from stepladder.report.html import DrawnFigure, rendered, write_pages
from stepladder.report.json import FORMAT, metric_record, pick, record_of, to_json
from stepladder.report.markdown import csv_of_records, in_unit, to_markdown
from stepladder.report.scores import arms_record, comparison_text
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import print_document, to_text
from stepladder.report.wording import (
    MISSING,
    Measure,
    corrected_text,
    digits_for,
    effect_verdict,
    headlines_of,
    join_list,
    missed_text,
    number,
    p_value,
    plural,
    printable,
    rule_text,
    signed,
    truncate,
    verdict_text,
)
from stepladder.runs.folder import REPORT_NAME
from stepladder.runs.results import Results
from stepladder.statistics.datasets import OPEN, ArmOverDatasets, OverDatasets, Ranking
from stepladder.statistics.results import Effect, Interval, Verdict
from stepladder.statistics.scores import JudgedDatasets
from stepladder.study.study import Study

NAME_LENGTH = 34
MOST_ROWS = 60
MOST_FORESTS = 12
ALL = "all data sets"
TESTS = "paired t test over data sets, with sign flips"

_STYLES: dict[Verdict, Style] = {"helps": "good", "hurts": "bad", "not enough replicates": "open"}


def measure_over(over: OverDatasets) -> Measure:
    """How the metric is shown."""
    effects = [arm.effect for arm in over.arms if arm.effect is not None]
    return Measure(over.metric, over.delta, digits_for(over.metric, effects))


def sentences_over(over: OverDatasets, *, is_brief: bool = False) -> tuple[Sentence, ...]:
    """One sentence a verdict that occurs, on what holds in general; see `headlines`."""
    shown = measure_over(over)
    effects = [(arm.name, arm.effect) for arm in over.arms if arm.effect is not None]
    if not effects:
        return (Sentence.of("No arm is compared with another on these data sets."),)
    measure = f"{shown.name} in general, over data sets like these {len(over.datasets):,}"
    return headlines_of(effects, shown, measure, over="data sets", is_brief=is_brief)


def table_over(over: OverDatasets) -> Table:
    """A row an arm: its mean effect, what to expect of a new data set, counts, rank, verdict."""
    shown, ranks = measure_over(over), over.ranking.ranks if over.ranking else {}
    columns = (
        Column("arm", most=NAME_LENGTH), Column("mean effect", "decimal"),
        *numbers("new data set", "helped", "hurt", "open", "rank"), *words("verdict in general"),
    )  # fmt: skip
    rows = tuple(
        (
            printable(arm.name),
            "" if arm.effect is None else _effect_cell(arm.effect, shown.digits),
            _ends_text(arm.prediction, shown.digits),
            *(("", "", "") if arm.effect is None else _counts(arm)),
            number(ranks.get(arm.name, float("nan"))),
            _verdict_cell(arm, over.delta),
        )
        for arm in over.arms
    )
    return Table("", columns, rows)


def _effect_cell(effect: Effect, digits: int) -> Cell:
    value = FormattedNumber.points(effect, digits)
    return Cell(value.text, value)


def _ends_text(ends: Interval | None, digits: int) -> str:
    return f"{signed(ends.low, digits)} to {signed(ends.high, digits)}" if ends else ""


def _counts(arm: ArmOverDatasets) -> Iterator[str]:
    count = len(arm.by_dataset)
    return (f"{arm.counts[name]} of {count}" for name in ("helped", "hurt", "open"))


def _verdict_cell(arm: ArmOverDatasets, delta: float | None) -> str:
    if arm.effect is None:
        return ""
    text = OPEN if arm.verdict == OPEN else effect_verdict(arm.effect, delta)
    return Cell(text, style=_STYLES.get(arm.effect.verdict, ""))


def table_by_dataset(over: OverDatasets) -> Table:
    """A row an arm and data set: the effect there, and the verdict of that data set."""
    digits = measure_over(over).digits
    rows = [
        (printable(arm.name), printable(data), _effect_cell(effect, digits),
         _verdict_there(effect, over.delta))
        for arm in over.arms
        for data, effect in arm.by_dataset.items()
    ]  # fmt: skip
    more = len(rows) - MOST_ROWS
    note = f"The first {MOST_ROWS}; {more:,} more are in the JSON." if more > 0 else ""
    columns = (Column("arm", most=NAME_LENGTH), Column("data set", most=NAME_LENGTH),
               Column("effect", "decimal"), *words("verdict"))  # fmt: skip
    return Table("Data set by data set", columns, tuple(rows[:MOST_ROWS]), note)


def _verdict_there(effect: Effect, delta: float | None) -> str:
    """The verdict of a data set, whose replicates may be those of folds."""
    is_open = effect.verdict == "not enough replicates"
    return "open" if is_open else verdict_text(effect.verdict, delta)


def notes_over(over: OverDatasets) -> Iterator[str]:
    """What intervals and verdicts speak for, and what the ranks say."""
    effects = [arm.effect for arm in over.arms if arm.effect is not None]
    if effects:
        yield (
            "± is the 95 % t interval of the mean over data sets, each of which counts alike: it "
            "speaks for data sets of which these are a random draw. New data set: where the effect "
            "on one more, measured in the same way, is in 95 % of cases."
        )
        within = "nothing is called no difference without a delta"
        if over.delta is not None:
            within = f"no difference means within {measure_over(over).margin} by two one-sided "
            within += f"tests{missed_text(effects, 'data sets')}"
        level = f"{100 * over.level:.2g} %"
        yield (
            f"Verdicts in general: {rule_text(len(effects), level, TESTS)}, and at least "
            f"{over.fewest} data sets; {within}{corrected_text(effects)}. Helped, hurt and open "
            "are by the verdicts of single data sets, each a family of its own at 5 %."
        )
    if over.number > 1:
        yield (
            f"Judgement {over.number} over data sets of this study: the first could spend 4 % of "
            "the error rate of 5 %, and each later one spends a part of what is left. A verdict of "
            "an earlier one stays while the mean does not contradict it."
        )
    spreads = [f"{truncate(arm.name, NAME_LENGTH)} {number(arm.spread, measure_over(over).digits)}"
               for arm in over.arms if arm.spread is not None]  # fmt: skip
    if spreads:
        yield (
            "Standard deviation of true effects from data set to data set: "
            f"{join_list(spreads, most=8)}."
        )
    if over.ranking:
        yield ranking_text(over.ranking)


def ranking_text(ranking: Ranking) -> str:
    """What Friedman's and Wilcoxon's tests say."""
    count, pairs = len(ranking.datasets), ranking.p_pairs
    apart = [pair for pair, p in pairs.items() if p < 0.05]
    text = f"Rank: average over {plural(count, 'data set')}, 1 is the best. "
    if ranking.p is not None:
        f = MISSING if ranking.iman_davenport is None else number(ranking.iman_davenport)
        text += f"All arms equal: F = {f}, p = {p_value(ranking.p)} ".replace("= <", "< ")
        text += "(Friedman with Iman and Davenport's correction). "
    named = [f"{truncate(one, NAME_LENGTH)} from {truncate(other, NAME_LENGTH)}"
             for one, other in apart]  # fmt: skip
    what = f"these differ at 5 %: {join_list(named, most=6)}" if apart else "none differ at 5 %"
    return (
        f"{text}Of {plural(len(pairs), 'pair')}, {what} "
        "(Wilcoxon's signed-rank test, Holm's correction)."
    )


def documents_over(
    over: OverDatasets, title: str, subtitle: str = "", status: str = "", notes: Sequence[str] = (),
    *, is_page: bool = False, explain: bool = True,
) -> tuple[Document, ...]:  # fmt: skip
    """What is printed, with ever fewer columns.

    Args:
        over: what was judged.
        title: of what it is.
        subtitle: a line on it.
        status: what is missing.
        notes: further notes.
        is_page: as for `Document`.
        explain: whether single data sets and notes follow the table, which else is the last thing.
    """
    answer = (Sentences(sentences_over(over, is_brief=not explain), "marked"),
              fine(_comparison(over)))  # fmt: skip
    table = table_over(over)
    tables = (_rearranged(table, [head for head in table.heads if head not in left_out])
              for left_out in ((), ("new data set",), ("new data set", "rank")))  # fmt: skip
    if not explain:
        return tuple(Document(title, subtitle, status, (*answer, table)) for table in tables)
    more = table_by_dataset(over), fine(*notes_over(over), *map(printable, notes))
    return tuple(
        Document(title, subtitle, status, (table, *answer, *more), is_page) for table in tables
    )


_ON_A_PAGE = ("arm", "mean effect", "verdict in general", "new data set", "helped", "hurt", "open",
              "rank")  # fmt: skip
"""Effect and verdict first: small screens leave out the columns behind them."""


def _rearranged(table: Table, heads: Sequence[str]) -> Table:
    """A table with these of its columns, in this order."""
    kept = [table.heads.index(head) for head in heads]
    rows = tuple(tuple(row[place] for place in kept) for row in table.rows)
    return replace(table, columns=tuple(table.columns[place] for place in kept), rows=rows)


def _comparison(over: OverDatasets) -> str:
    others = {arm.compared_with for arm in over.arms if arm.compared_with is not None}
    if not others:
        return ""
    other = others.pop() if len(others) == 1 else "the arm that each is compared with"
    return comparison_text(over.metric, truncate(over.metric.name, 60), other)


def record_over(over: OverDatasets) -> dict[str, Any]:
    """What holds in general, as JSON has it."""
    ranking, ranks = over.ranking, over.ranking.ranks if over.ranking else {}
    return {
        "datasets": list(over.datasets),
        "level": over.level,
        "judgement": over.number,
        "fewest_datasets": over.fewest,
        "arms": [_arm_record(arm, ranks.get(arm.name)) for arm in over.arms],
        "ranking": ranking and {
            **pick(ranking, "datasets friedman iman_davenport p groups"),
            "pairs": [{"arms": pair, "p_adjusted": p} for pair, p in ranking.p_pairs.items()],
        },
    }  # fmt: skip


def _arm_record(arm: ArmOverDatasets, rank: float | None) -> dict[str, Any]:
    effect = arm.effect and {
        **pick(arm.effect, "mean ci_low ci_high p p_adjusted p_t p_t_adjusted p_verdict"),
        "ci_speaks_for": "data sets like these",
        "simultaneous": arm.effect.simultaneous
        and pick(arm.effect.simultaneous, "ci_low=low ci_high=high"),
        "verdict": arm.verdict,
        "datasets": arm.effect.pairs,
        "datasets_needed": arm.effect.replicates_needed,
        "prediction": arm.prediction and pick(arm.prediction, "ci_low=low ci_high=high"),
        "spread": arm.spread,
    }
    return {
        **pick(arm, "name compared_with"),
        "effect": effect,
        **{name.replace(" ", "_"): count for name, count in arm.counts.items()},
        "average_rank": rank,
        "by_dataset": {
            data: pick(one, "mean ci_low ci_high verdict") for data, one in arm.by_dataset.items()
        },
    }


_COLUMNS = (
    "arm=name compared_with datasets=effect.pairs effect_points=effect.mean "
    "effect_ci_low=effect.ci_low effect_ci_high=effect.ci_high new_low=prediction.low "
    "new_high=prediction.high spread p_verdict=effect.p_verdict verdict"
)


def csv_over(over: OverDatasets) -> str:
    """A row an arm."""
    ranks = over.ranking.ranks if over.ranking else {}
    rows: list[Mapping[str, Any]] = []
    for arm in over.arms:
        counts = {name.replace(" ", "_"): count for name, count in arm.counts.items()}
        record = {in_unit(name, over.metric): value for name, value in pick(arm, _COLUMNS).items()}
        rows.append({**record, **counts, "average_rank": ranks.get(arm.name)})
    return csv_of_records(rows, tuple(rows[0]))


def plots_over(over: OverDatasets, noun: str = "image") -> tuple[Plot, ...]:
    """The forest plot of each arm by data set, and the critical-difference diagram."""
    shown = measure_over(over)
    compared = [arm for arm in over.arms if arm.effect is not None][:MOST_FORESTS]
    forests = [_forest(arm, shown, noun, place) for place, arm in enumerate(compared, 1)]
    ranks = [ranks_plot(over.ranking, shown.name)] if over.ranking else []
    return (*forests, *ranks)


def _forest(arm: ArmOverDatasets, shown: Measure, noun: str, place: int) -> Plot:
    assert arm.effect is not None
    ends = None if arm.prediction is None else (arm.prediction.low, arm.prediction.high)
    bar = partial(_bar, shown=shown, against=arm.compared_with or "")
    bars = (
        *(bar(data, effect, _verdict_there(effect, shown.delta))
          for data, effect in arm.by_dataset.items()),
        replace(bar(ALL, arm.effect, verdict_text(arm.verdict, shown.delta)), images=ends),
    )  # fmt: skip
    forest = Forest(bars, shown, noun, part="")
    lower = " Lower is better." if shown.metric.sign < 0 else ""
    strip = f"{forest.strip_note}, within which a difference does not matter."
    caption = (
        f"Effect on {shown.name} on each data set, and its mean over them.{lower} Thick "
        "line: 95 % interval, of the mean for data sets like these; thin: where the effect on a "
        "new data set is in 95 % of cases; small dots below: single replicates, of the mean single "
        f"data sets.{strip if forest.strip_note else ''} A hollow mark: not settled."
        f"{forest.scale_note}"
    )
    title = f"{truncate(arm.name, 60)}, data set by data set"
    return forest_plot(forest, f"datasets-{place}", title, caption)


def _bar(name: str, effect: Effect, verdict: str, *, shown: Measure, against: str) -> Bar:
    text = FormattedNumber.points(effect, shown.digits).text
    return Bar(printable(name), printable(against), True, effect.mean, effect.ci_low,
               effect.ci_high, verdict, text, effect.verdict, effect.differences)  # fmt: skip


# Scores of any table


def _title(judged: JudgedDatasets) -> tuple[str, str]:
    over = judged.over
    return "Scores", f"{plural(len(over.datasets), 'data set')} · {plural(len(over.arms), 'arm')}"


def documents_of(
    judged: JudgedDatasets, *, is_page: bool = False, explain: bool = True
) -> tuple[Document, ...]:
    """Judged scores of several data sets; arguments as for `documents_over`."""
    title = _title(judged)
    return documents_over(judged.over, *title, notes=judged.notes, is_page=is_page, explain=explain)


def as_text(judged: JudgedDatasets, width: int = 100, *, explain: bool = True) -> str:
    """The table as plain text; arguments as for `terminal.as_text`."""
    return to_text(documents_of(judged, explain=explain), width)


def show(judged: JudgedDatasets, stream: TextIO | None = None, *, explain: bool = False) -> None:
    """Prints the table; arguments as for `terminal.show`."""
    print_document(documents_of(judged, explain=explain), stream)


def _json(judged: JudgedDatasets) -> str:
    over, metric = judged.over, judged.over.metric
    return to_json({
        "format": FORMAT,
        "metric": metric_record(metric, over.delta),
        "datasets": [{"dataset": data, "arms": arms_record(one)}
                     for data, one in judged.by_dataset.items()],
        "across": record_over(over),
        **({"notes": judged.notes} if judged.notes else {}),
    })  # fmt: skip


FORMATS: dict[str, Callable[[JudgedDatasets], str]] = {
    "json": _json,
    "csv": lambda judged: csv_over(judged.over),
    "markdown": lambda judged: to_markdown(documents_of(judged, is_page=True)[0]),
}
"""What `stepladder judge --format` writes besides the table, of several data sets."""


# A study


@dataclass(frozen=True)
class DatasetsResults:
    """A study on several data sets as it will be shown.

    Attributes:
        study: what was asked.
        results: of each data set that was begun, by its name.
        over: what holds in general; None until all of them are finished.
    """

    study: Study
    results: Mapping[str, Results]
    over: OverDatasets | None

    @property
    def status(self) -> str:
        """What is missing, or nothing."""
        if self.over is not None:
            return ""
        finished = sum(one.finished for one in self.results.values())
        return (
            f"Unfinished: {finished} of {plural(len(self.study.datasets), 'data set')}. What holds "
            "in general is judged when all are finished."
        )

    @property
    def subtitle(self) -> str:
        """Data sets and design in a line."""
        return (
            f"{plural(len(self.study.datasets), 'data set')} · "
            f"{self.study.design.replace('_', ' ')} of {plural(len(self.study.arms), 'arm')} · "
            f"{'up to ' if self.study.adaptive else ''}{plural(self.study.replicates, 'replicate')}"
        )

    def documents(self, *, is_page: bool = False, explain: bool = True) -> tuple[Document, ...]:
        """What is printed, with ever fewer columns; arguments as for `documents_over`."""
        head = printable(self.study.name), self.subtitle, self.status
        if self.over is None:
            return (Document(*head, (), is_page),)
        return documents_over(
            self.over, *head, notes=(self._looks(),), is_page=is_page, explain=explain
        )

    def _looks(self) -> str:
        looks = {one.looks for one in self.results.values()}
        span = f"{min(looks)}" if len(looks) == 1 else f"{min(looks)} to {max(looks)}"
        return f"Looks at the test sets: {span} at each."

    def to_json(self) -> str:
        """All results as JSON: those of each data set, and `across` all of them."""
        study = self.study
        return to_json({
            "format": FORMAT,
            "study": study.name,
            "metric": metric_record(study.judged, study.delta),
            "design": study.design,
            "replicates": study.replicates,
            "seed": study.seed,
            "finished": self.over is not None,
            "datasets": [{"name": name, **record_of(one)} for name, one in self.results.items()],
            "across": self.over and record_over(self.over),
        })  # fmt: skip

    def write(self, folder: Path) -> list[Path]:
        """Writes `report.html` with links to those of the data sets, and the figures over them."""
        plots = plots_over(self.over) if self.over else ()
        return write_pages(plots, self._as_html, folder)

    def _as_html(self, figures: Sequence[DrawnFigure]) -> str:
        over = self.over
        return rendered("datasets.html", {
            "title": printable(self.study.name),
            "subtitle": self.subtitle,
            "status": self.status,
            "sentences": sentences_over(over, is_brief=True) if over else (),
            "table": replace(_rearranged(table_over(over), _ON_A_PAGE), title="In general")
            if over
            else None,
            "by_dataset": table_by_dataset(over) if over else None,
            "notes": (*notes_over(over), self._looks()) if over else (),
            "comparison": _comparison(over) if over else "",
            "figures": figures,
            "links": [
                (name, f"{name}/{REPORT_NAME}", printable(one.dataset))
                for name, one in self.results.items()
            ],
            "toml": self.study.to_toml(),
        })  # fmt: skip


STUDY_FORMATS: dict[str, Callable[[DatasetsResults], str]] = {
    "json": DatasetsResults.to_json,
    "csv": lambda shown: csv_over(shown.over) if shown.over else "",
    "markdown": lambda shown: to_markdown(shown.documents(is_page=True)[0]),
}
"""What `stepladder results --format` writes besides the table, of several data sets."""
