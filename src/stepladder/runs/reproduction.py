"""Judging a published table: which reading of each row its figure could come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stepladder.runs.results import ArmResult, Results
from stepladder.statistics.effects import effects
from stepladder.statistics.intervals import (
    LEAST,
    FigureVerdict,
    Prediction,
    RowVerdict,
    judge_figure,
    judge_row,
    predict_mean,
)
from stepladder.statistics.results import Effect
from stepladder.study.confounds import Confound, confounds
from stepladder.study.designs import Arm
from stepladder.study.params import Config, flat_values
from stepladder.study.published import Candidate, Figure, PublishedTable, Row
from stepladder.study.recipe import Recipe


@dataclass(frozen=True)
class JudgedReading:
    """One reading of a row and the results of its replicates.

    Attributes:
        candidate: the reading and its recipe.
        result: the arm that trained it.
        expected: the interval for new runs of it.
        finding: whether the published figure could come from it.
        distance: of its mean from the published figure, in the unit of differences, such as points;
            infinite without a mean.
    """

    candidate: Candidate
    result: ArmResult
    expected: Prediction
    finding: FigureVerdict
    distance: float


@dataclass(frozen=True)
class JudgedRow:
    """One row of a published table.

    Attributes:
        row: as it was published.
        figure: what it reports.
        verdict: of all its readings together.
        readings: those that the figure could come from first, then the nearest; last of all those
            that were not trained yet.
        missing: what it does not say, each to be read after its name; often nothing.
    """

    row: Row
    figure: Figure
    verdict: RowVerdict
    readings: tuple[JudgedReading, ...]
    missing: tuple[str, ...]

    @property
    def nearest(self) -> JudgedReading | None:
        """The reading that comes nearest, or None where none was trained."""
        return self.readings[0] if self.readings and self.readings[0].result.n else None

    @property
    def others(self) -> tuple[JudgedReading, ...]:
        """Readings after the first that cannot be excluded."""
        return tuple(reading for reading in self.readings[1:] if reading.finding != "excluded")


@dataclass(frozen=True)
class RowComparison:
    """What two neighbouring rows really differ in, by their nearest readings.

    Attributes:
        row: the row.
        above: the row that it is read against.
        named: what its own technique changes between them: field, value above, value here.
        beyond: everything else that differs.
        scale: of the metric's differences, 100 for fractions.
        alone: the arm without the row's technique that is its nearest reading in all else, with
            the technique's effect on it; None where no such arm was trained.
    """

    row: JudgedRow
    above: JudgedRow
    named: tuple[tuple[str, object, object], ...]
    beyond: tuple[Confound, ...]
    scale: float
    alone: tuple[Arm, Effect] | None = None

    @property
    def step(self) -> float:
        """What the table says between the two rows, in the unit of differences."""
        return self.scale * (self.row.figure.value - self.above.figure.value)


@dataclass(frozen=True)
class Reproduction:
    """A published table, judged.

    Attributes:
        table: as it was published.
        rows: in its order.
        neighbours: one for each row that is read against another, both with a reading.
        results: of the study that trained all readings.
    """

    table: PublishedTable
    rows: tuple[JudgedRow, ...]
    neighbours: tuple[RowComparison, ...]
    results: Results


def reproduction(table: PublishedTable, results: Results) -> Reproduction:
    """Judges a table by the results of its study.

    Args:
        table: as it was published.
        results: of `table.study`, complete or so far.
    """
    trained = {result.arm.config: result for result in results.arms}
    rows = {
        row.name: _judge_row(
            table, row, [one for one in table.candidates if one.row == row.name], trained
        )
        for row in table.rows
    }
    neighbours = [
        _compare(results, judged, rows[above.name])
        for judged in rows.values()
        if (above := table.above(judged.row)) and judged.nearest and rows[above.name].nearest
    ]
    with_effects = _with_effects(neighbours, table, results)
    return Reproduction(table, tuple(rows.values()), with_effects, results)


_ORDER: tuple[FigureVerdict, ...] = ("fits", "too few replicates", "excluded")


def _judge_row(
    table: PublishedTable,
    row: Row,
    candidates: Sequence[Candidate],
    trained: Mapping[Config, ArmResult],
) -> JudgedRow:
    readings = [_judge_reading(table, row, one, trained[one.config]) for one in candidates]
    readings.sort(key=lambda each: (not each.result.n, _ORDER.index(each.finding), each.distance))
    findings = [reading.finding for reading in readings]
    row_verdict = judge_row(findings)
    missing = []
    if not readings:
        missing.append("lacks a protocol: nothing says what was trained")
    elif row_verdict == "cannot be judged":
        few = findings.count("too few replicates")
        missing.append(
            f"lacks replicates: {few} of {len(readings)} readings have fewer than {LEAST}"
        )
    fitting = [flat_values(fit.candidate.config) for fit in readings if fit.finding == "fits"]
    if len(fitting) > 1:
        fields = [name for name, value in fitting[0].items()
                  if any(other.get(name) != value for other in fitting)]  # fmt: skip
        missing.append(
            f"does not tell its protocol: {len(fitting)} readings fit, which differ in "
            f"{', '.join(fields)}"
        )
    return JudgedRow(row, table.figure(row), row_verdict, tuple(readings), tuple(missing))


def _judge_reading(
    table: PublishedTable, row: Row, candidate: Candidate, result: ArmResult
) -> JudgedReading:
    figure, metric = table.figure(row), table.metric.found
    expected = predict_mean(result.test.values, row.runs or 1, metric=metric)
    fit = judge_figure(expected, figure.value, figure.tolerance, result.diverged)
    distance = metric.scale * abs(expected.mean - figure.value) if expected.n else float("inf")
    return JudgedReading(candidate, result, expected, fit, distance)


def _with_effects(
    pairs: Sequence[RowComparison], table: PublishedTable, results: Results
) -> tuple[RowComparison, ...]:
    """Each row's technique judged where nothing else differs, all of them as one family.

    While readings are still to be trained, rows that may join the family count in it already.
    """
    without: dict[str, Arm] = {}
    scores: dict[str, tuple[list[float], list[float]]] = {}
    for pair in pairs:
        near, row = pair.row.nearest, pair.row.row
        if near is None or row.shows is None:
            continue
        other = _without(near.candidate.config, row.shown_change, results, pair.above.nearest)
        if other is not None:
            ours, theirs = near.result.test, other.test
            without[pair.row.row.name] = other.arm
            scores[pair.row.row.name] = list(ours.values), list(theirs.values)
    if not results.finished:
        for row in table.rows:
            if row.shows and table.above(row):
                scores.setdefault(row.name, ([], []))
    if not scores:
        return tuple(pairs)
    by_side = {f"with {name}": ours for name, (ours, _) in scores.items()}
    by_side |= {f"without {name}": theirs for name, (_, theirs) in scores.items()}
    sides = [(f"with {name}", f"without {name}") for name in scores]
    judged = effects(by_side, sides, delta=results.study.delta, metric=results.study.judged)

    def with_effect(pair: RowComparison) -> RowComparison:
        name = pair.row.row.name
        effect = judged.get(f"with {name}")
        return replace(pair, alone=(without[name], effect)) if effect and effect.pairs else pair

    return tuple(map(with_effect, pairs))


def _without(
    config: Config, change: Mapping[str, object], results: Results, above: JudgedReading | None
) -> ArmResult | None:
    """The arm that differs from a configuration in a technique alone, the row above's if it does.

    None where no such arm has a figure, or the configuration itself does not have the technique.
    """
    base = results.study.base
    if not change or not _has(config, change, base):
        return None
    ours = flat_values(config)
    alike = [
        arm
        for arm in results.arms
        if arm.n > arm.diverged
        and arm.arm.config != config
        and all(field in change or flat_values(arm.arm.config).get(field) == value
                for field, value in ours.items())
    ]  # fmt: skip
    if above and above.result in alike:
        return above.result
    return next((arm for arm in alike if not _has(arm.arm.config, change, base)), None)


def _has(config: Config, change: Mapping[str, object], base: Config) -> bool:
    """Whether a configuration has a technique: its words, and where it sets a strength, any."""
    values, off = flat_values(config), flat_values(base)
    if isinstance(base, Recipe):
        off = {field: Recipe.model_fields[field].default for field in change}
    return all(
        values.get(field) != off.get(field)
        if isinstance(value, float) and value != off.get(field)
        else values.get(field) == value
        for field, value in change.items()
    )


def _compare(results: Results, row: JudgedRow, above: JudgedRow) -> RowComparison:
    """What differs between the readings that two rows come nearest to."""
    ours, theirs = row.nearest, above.nearest
    assert ours is not None
    assert theirs is not None
    technique, change = row.row.shows, row.row.shown_change
    here = Arm(row.row.name, ours.candidate.config, above.row.name, technique or row.row.name)
    there = Arm(above.row.name, theirs.candidate.config)
    parameters = {here.name: ours.result.parameters, there.name: theirs.result.parameters}
    beyond = confounds(
        results.study, (there, here), train=results.sizes.get("train"), parameters=parameters,
        judged=change,
    )  # fmt: skip
    before, after = flat_values(there.config), flat_values(here.config)
    named = tuple(
        (field, before.get(field), after.get(field))
        for field in change
        if before.get(field) != after.get(field)
    )
    own = tuple(replace(confound, technique=technique) for confound in beyond)
    return RowComparison(row, above, named, own, results.study.judged.scale)
