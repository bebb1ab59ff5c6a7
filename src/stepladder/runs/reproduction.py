"""Judging a published table: which reading of each row its figure could come from."""

from __future__ import annotations

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
    """One reading of a row and what its replicates came to.

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
        verdict: what its readings come to together.
        readings: those that the figure could come from first, then the nearest; last of all those
            that were not trained yet.
        missing: what it lacks, or does not tell, each to be read behind its name; often nothing.
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
        """Readings beside the first that cannot be excluded."""
        return tuple(each for each in self.readings[1:] if each.finding != "excluded")


@dataclass(frozen=True)
class RowComparison:
    """What two neighbouring rows really differ in, by their nearest readings.

    Attributes:
        row: the row.
        above: the row that it is read against.
        named: what its own technique changes between them: field, value above, value here.
        beyond: everything else that differs.
        alone: the arm that lacks the row's technique and is its nearest reading in all else, with
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
    candidates = table.candidates
    rows = tuple(
        _row(row, [each for each in candidates if each.row == row.name], trained)
        for row in table.rows
    )
    judged = {each.row.name: each for each in rows}
    pairs = [(each, table.above(each.row)) for each in rows]
    near = tuple(
        _neighbours(results, each, judged[above.name])
        for each, above in pairs
        if above is not None and each.nearest and judged[above.name].nearest
    )
    return Reproduction(table, rows, _with_effects(near, table, results), results)


def _row(
    row: Row, candidates: Sequence[Candidate], trained: Mapping[Recipe, ArmResult]
) -> JudgedRow:
    readings = [_reading(row, each, trained[each.recipe]) for each in candidates]
    readings.sort(key=lambda each: (not each.result.n, _ORDER.index(each.finding), each.distance))
    findings = [each.finding for each in readings]
    said = judge_row(findings)
    missing = []
    if not readings:
        missing.append("lacks a protocol: nothing says what was trained")
    elif said == "cannot be told":
        few = findings.count("too few replicates")
        missing.append(
            f"lacks replicates: {few} of {len(readings)} readings have fewer than {LEAST}"
        )
    fitting = [each for each in readings if each.finding == "fits"]
    if len(fitting) > 1:
        fields = ", ".join(_differing([each.candidate for each in fitting]))
        missing.append(
            f"does not tell its protocol: {len(fitting)} readings fit, which differ in {fields}"
        )
    return JudgedRow(row, said, tuple(readings), tuple(missing))


_ORDER: tuple[FigureVerdict, ...] = ("fits", "too few replicates", "excluded")


def _differing(candidates: Sequence[Candidate]) -> list[str]:
    recipes = [dict(each.recipe) for each in candidates]
    return [field for field in recipes[0] if len({recipe[field] for recipe in recipes}) > 1]


def _reading(row: Row, candidate: Candidate, result: ArmResult) -> JudgedReading:
    figure = row.figure
    expected = predict_mean(result.test_accuracy.values, row.runs or 1)
    found = judge_figure(expected, figure.value, figure.tolerance, result.diverged)
    distance = 100 * abs(expected.mean - figure.value) if expected.n else float("inf")
    return JudgedReading(candidate, result, expected, found, distance)


def _with_effects(
    pairs: Sequence[RowComparison], table: PublishedTable, results: Results
) -> tuple[RowComparison, ...]:
    """Each row's technique judged where nothing else differs, all of them as one family.

    While readings are still to be trained, rows that may join the family count in it already.
    """
    found: dict[str, tuple[Arm, list[float], list[float]]] = {}
    for pair in pairs:
        near, technique = pair.row.nearest, pair.row.row.shows
        if near is None or technique is None:
            continue
        other = _without(near.candidate.recipe, technique, results, pair.above.nearest)
        if other is not None:
            ours, theirs = near.result.test_accuracy, other.test_accuracy
            found[pair.row.row.name] = (other.arm, list(ours.values), list(theirs.values))
    family = {name: (ours, theirs) for name, (_, ours, theirs) in found.items()}
    if not results.finished:
        family |= {
            row.name: ([], []) for row in table.rows
            if row.shows and table.above(row) and row.name not in found
        }  # fmt: skip
    scores = {
        **{f"with {name}": ours for name, (ours, _) in family.items()},
        **{f"without {name}": theirs for name, (_, theirs) in family.items()},
    }
    named = [(f"with {name}", f"without {name}") for name in family]
    judged = effects(scores, named, delta=results.study.delta) if named else {}
    return tuple(_judged(pair, found, judged) for pair in pairs)


def _judged(
    pair: RowComparison,
    found: Mapping[str, tuple[Arm, list[float], list[float]]],
    judged: Mapping[str, Effect],
) -> RowComparison:
    name = pair.row.row.name
    effect = judged.get(f"with {name}")
    return replace(pair, alone=(found[name][0], effect)) if effect and effect.pairs else pair


def _without(
    recipe: Recipe, technique: str, results: Results, above: JudgedReading | None
) -> ArmResult | None:
    """The arm that differs from a recipe in its technique alone, the row above's if it does.

    None where no such arm has a figure, or where the recipe lacks the technique itself.
    """
    change = (find_technique(technique) or {}).get("change", {})
    if not _has(recipe, change):
        return None
    found = [each for each in results.arms if each.n > each.diverged
             and _differs_in(dict(recipe), dict(each.arm.recipe)) <= set(change)
             and each.arm.recipe != recipe]  # fmt: skip
    wanted = above.result if above else None
    if wanted in found:
        return wanted
    return next((each for each in found if not _has(each.arm.recipe, change)), None)


def _has(recipe: Recipe, change: Mapping[str, object]) -> bool:
    """Whether a recipe has a technique: its words, and where it sets a strength, any strength."""
    off = {field: Recipe.model_fields[field].default for field in change}
    return all(
        getattr(recipe, field) != off[field]
        if isinstance(value, float) and value != off[field]
        else getattr(recipe, field) == value
        for field, value in change.items()
    )


def _differs_in(ours: Mapping[str, object], theirs: Mapping[str, object]) -> set[str]:
    return {field for field in ours if ours[field] != theirs[field]}


def _neighbours(results: Results, row: JudgedRow, above: JudgedRow) -> RowComparison:
    """The lint of a study, between the readings that two rows come nearest to."""
    ours, theirs = row.nearest, above.nearest
    assert ours is not None
    assert theirs is not None
    technique = row.row.shows
    here = Arm(row.row.name, ours.candidate.recipe, above.row.name, technique or row.row.name)
    there = Arm(above.row.name, theirs.candidate.recipe)
    weights = {here.name: ours.result.parameters, there.name: theirs.result.parameters}
    found = confounds(
        results.study, (there, here), train=results.sizes.get("train"), parameters=weights
    )
    change = (find_technique(technique) or {}).get("change", {}) if technique else {}
    named = tuple(
        (field, getattr(there.recipe, field), getattr(here.recipe, field))
        for field in change
        if getattr(there.recipe, field) != getattr(here.recipe, field)
    )
    return RowComparison(
        row, above, named, tuple(replace(each, technique=technique) for each in found)
    )
