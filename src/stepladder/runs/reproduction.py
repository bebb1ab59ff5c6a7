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
from stepladder.study.published import Candidate, PublishedTable, Row
from stepladder.study.recipe import Recipe
from stepladder.study.techniques import find_technique


@dataclass(frozen=True)
class JudgedReading:
    """One reading of a row and the results of its replicates.

    Attributes:
        candidate: the reading and its recipe.
        result: the arm that trained it.
        expected: the interval for new runs of it.
        finding: whether the published figure could come from it.
        distance: of its mean from the published figure, in points; infinite without a mean.
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
        verdict: of all its readings together.
        readings: those that the figure could come from first, then the nearest; last of all those
            that were not trained yet.
        missing: what it does not say, each to be read after its name; often nothing.
    """

    row: Row
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
        alone: the arm without the row's technique that is its nearest reading in all else, with
            the technique's effect on it; None where no such arm was trained.
    """

    row: JudgedRow
    above: JudgedRow
    named: tuple[tuple[str, object, object], ...]
    beyond: tuple[Confound, ...]
    alone: tuple[Arm, Effect] | None = None

    @property
    def step(self) -> float:
        """What the table says between the two rows, in points."""
        return 100 * (self.row.row.figure.value - self.above.row.figure.value)


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
    trained = {result.arm.recipe: result for result in results.arms}
    rows = {
        row.name: _judge_row(
            row, [reading for reading in table.candidates if reading.row == row.name], trained
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
    row: Row, candidates: Sequence[Candidate], trained: Mapping[Recipe, ArmResult]
) -> JudgedRow:
    readings = [_judge_reading(row, reading, trained[reading.recipe]) for reading in candidates]
    readings.sort(key=lambda each: (not each.result.n, _ORDER.index(each.finding), each.distance))
    findings = [reading.finding for reading in readings]
    row_verdict = judge_row(findings)
    missing = []
    if not readings:
        missing.append("lacks a protocol: nothing says what was trained")
    elif row_verdict == "cannot be told":
        few = findings.count("too few replicates")
        missing.append(
            f"lacks replicates: {few} of {len(readings)} readings have fewer than {LEAST}"
        )
    fitting = [dict(fit.candidate.recipe) for fit in readings if fit.finding == "fits"]
    if len(fitting) > 1:
        fields = [name for name in fitting[0] if len({recipe[name] for recipe in fitting}) > 1]
        missing.append(
            f"does not tell its protocol: {len(fitting)} readings fit, which differ in "
            f"{', '.join(fields)}"
        )
    return JudgedRow(row, row_verdict, tuple(readings), tuple(missing))


def _judge_reading(row: Row, candidate: Candidate, result: ArmResult) -> JudgedReading:
    figure = row.figure
    expected = predict_mean(result.test.values, row.runs or 1)
    fit = judge_figure(expected, figure.value, figure.tolerance, result.diverged)
    distance = 100 * abs(expected.mean - figure.value) if expected.n else float("inf")
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
        near, technique = pair.row.nearest, pair.row.row.shows
        if near is None or technique is None:
            continue
        other = _without(near.candidate.recipe, technique, results, pair.above.nearest)
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
    judged = effects(by_side, sides, delta=results.study.delta)

    def with_effect(pair: RowComparison) -> RowComparison:
        name = pair.row.row.name
        effect = judged.get(f"with {name}")
        return replace(pair, alone=(without[name], effect)) if effect and effect.pairs else pair

    return tuple(map(with_effect, pairs))


def _without(
    recipe: Recipe, technique: str, results: Results, above: JudgedReading | None
) -> ArmResult | None:
    """The arm that differs from a recipe in its technique alone, the row above's if it does.

    None where no such arm has a figure, or the recipe itself does not have the technique.
    """
    change = (find_technique(technique) or {}).get("change", {})
    if not _has(recipe, change):
        return None
    alike = [
        arm
        for arm in results.arms
        if arm.n > arm.diverged
        and arm.arm.recipe != recipe
        and all(field in change or getattr(arm.arm.recipe, field) == value
                for field, value in recipe)
    ]  # fmt: skip
    if above and above.result in alike:
        return above.result
    return next((arm for arm in alike if not _has(arm.arm.recipe, change)), None)


def _has(recipe: Recipe, change: Mapping[str, object]) -> bool:
    """Whether a recipe has a technique: its words, and where it sets a strength, any strength."""
    off = {field: Recipe.model_fields[field].default for field in change}
    return all(
        getattr(recipe, field) != off[field]
        if isinstance(value, float) and value != off[field]
        else getattr(recipe, field) == value
        for field, value in change.items()
    )


def _compare(results: Results, row: JudgedRow, above: JudgedRow) -> RowComparison:
    """What differs between the readings that two rows come nearest to."""
    ours, theirs = row.nearest, above.nearest
    assert ours is not None
    assert theirs is not None
    technique = row.row.shows
    here = Arm(row.row.name, ours.candidate.recipe, above.row.name, technique or row.row.name)
    there = Arm(above.row.name, theirs.candidate.recipe)
    parameters = {here.name: ours.result.parameters, there.name: theirs.result.parameters}
    beyond = confounds(
        results.study, (there, here), train=results.sizes.get("train"), parameters=parameters
    )
    change = (find_technique(technique) or {}).get("change", {}) if technique else {}
    named = tuple(
        (field, getattr(there.recipe, field), getattr(here.recipe, field))
        for field in change
        if getattr(there.recipe, field) != getattr(here.recipe, field)
    )
    own = tuple(replace(confound, technique=technique) for confound in beyond)
    return RowComparison(row, above, named, own)
