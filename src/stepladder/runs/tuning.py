"""Tuning the arms of a fair study, round by round, from what the store holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stepladder.errors import StudyError
from stepladder.runs.measures import load_summaries
from stepladder.runs.plan import Plan, RunContext, planned
from stepladder.runs.results import ArmTuning, TriedValues, Tuned
from stepladder.statistics.selection import best_candidate, edges_reached, mean_at_chance
from stepladder.store import Store
from stepladder.study.designs import Arm
from stepladder.study.study import Study
from stepladder.study.tuning import (
    TUNING_REPLICATES,
    Grid,
    Tuning,
    candidates,
    default_grid,
    widen_grid,
    with_values,
)
from stepladder.trials.trial import Trial, TrialSummary

Values = tuple[float, ...]
Trials = dict[str, dict[Values, list[Trial]]]
"""The trials of each candidate of each arm."""


@dataclass(frozen=True)
class _Round:
    """One grid: its trials, and those that the grid before it did not have."""

    grid: Grid
    trials: Trials
    new: tuple[Trial, ...]


def tune(
    question: RunContext,
    store: Store,
    train: Callable[[Plan], object],
    note: Callable[[str], object],
) -> Tuned | None:
    """Tunes the arms of a fair study: trains candidates until each arm's best is settled.

    What the store holds is not trained again, so an interrupted tuning goes on.

    Args:
        question: what is asked.
        store: where candidates are kept.
        train: trains what a plan lacks and keeps it.
        note: is told of each round, in a sentence.

    Returns:
        How they were tuned, or None for a fixed study.

    Raises:
        StudyError: if a value of the grid is not possible in an arm.
        RunError: if a training failed.
    """
    if question.study.tuned is None:
        return None
    while True:
        found = _replay(question, store)
        if isinstance(found, Tuned):
            return found
        part = _plan(question.study, found, store)
        note(_about(found, question.study, len(part.missing)))
        train(part)


def candidates_so_far(question: RunContext, store: Store | None) -> dict[str, list[Trial]]:
    """The candidates of each arm that tuning asks for, as far as the store tells; {} if fixed."""
    if question.study.tuned is None:
        return {}
    found = _replay(question, store)
    trials = (
        found.trials
        if isinstance(found, _Round)
        else _trials(question, _how(question.study), found.grid)
    )
    return {arm: [trial for each in tried.values() for trial in each]
            for arm, tried in trials.items()}  # fmt: skip


def tuned_so_far(question: RunContext, store: Store | None) -> Tuned | None:
    """How a fair study's arms were tuned, or None where that is not finished, or fixed."""
    if question.study.tuned is None:
        return None
    found = _replay(question, store)
    return found if isinstance(found, Tuned) else None


def tuned_arms(study: Study, tuned: Tuned | None) -> tuple[Arm, ...]:
    """The arms of a study with the recipes that are compared."""
    if tuned is None:
        return study.arms
    chosen = {each.arm: dict(zip(tuned.fields, each.chosen, strict=True)) for each in tuned.arms}
    return tuple(
        replace(arm, recipe=with_values(arm.recipe, chosen[arm.name])) for arm in study.arms
    )


def _replay(question: RunContext, store: Store | None) -> Tuned | _Round:
    """The end of tuning as far as the store tells it, or the round that lacks trials."""
    study, how = question.study, _how(question.study)
    first = dict(how.grid) or default_grid(study.base)
    grid: Grid = first
    known: set[Trial] = set()
    for widenings in range(how.widenings + 1):
        trials = _trials(question, how, grid)
        every = _every(trials)
        new = tuple(trial for trial in every if trial not in known)
        results = load_summaries(store, [trial.id for trial in every]) if store else {}
        if len(results) < len(every):
            return _Round(grid, trials, new)
        known |= set(every)
        arms = tuple(_arm(arm, study.arms, grid, trials[arm.name], results, question.classes)
                     for arm in study.arms)  # fmt: skip
        wider = _wider(study.arms, arms, grid) if widenings < how.widenings else None
        if wider is None:
            break
        grid = wider
    return Tuned(
        grid=grid,
        first=first,
        widenings=widenings,
        replicates=how.replicates,
        epochs=how.epochs or study.base.epochs,
        arms=arms,
        trials=len(every),
        seconds=sum(result.seconds for result in results.values()),
    )


def _how(study: Study) -> Tuning:
    how = study.tuned
    assert how is not None
    return how


def _trials(question: RunContext, how: Tuning, grid: Grid) -> Trials:
    study = question.study
    epochs = how.epochs or study.base.epochs
    return {
        arm.name: {
            tuple(values.values()): [
                Trial(with_values(arm.recipe, {**values, "epochs": epochs}), question.fingerprint,
                      question.validation, study.seed, TUNING_REPLICATES + replicate,
                      question.engine)
                for replicate in range(how.replicates)
            ]
            for values in candidates(grid)
        }
        for arm in study.arms
    }  # fmt: skip


def _every(trials: Trials) -> list[Trial]:
    return list(
        dict.fromkeys(
            trial for tried in trials.values() for each in tried.values() for trial in each
        )
    )


def _arm(
    arm: Arm,
    arms: Sequence[Arm],
    grid: Grid,
    trials: Mapping[Values, Sequence[Trial]],
    results: Mapping[str, TrialSummary],
    classes: int,
) -> ArmTuning:
    accuracies = {
        values: tuple(results[trial.id].validation.accuracy for trial in each)
        for values, each in trials.items()
    }
    chance = 1 / classes
    chosen = best_candidate(tuple(grid.values()), accuracies, chance)
    edges = [
        (tuple(grid)[place], upwards)
        for place, upwards in edges_reached(tuple(grid.values()), chosen)
    ]
    return ArmTuning(
        arm=arm.name,
        tried=tuple(
            TriedValues(values, each, mean_at_chance(each, chance))
            for values, each in accuracies.items()
        ),
        chosen=chosen,
        declared=tuple(float(getattr(arm.recipe, field) or 0) for field in grid),
        at_edge=tuple(
            field for field, upwards in edges if _wider_still(arms, grid, field, upwards)
        ),
    )


def _wider(arms: Sequence[Arm], tuned: Sequence[ArmTuning], grid: Grid) -> Grid | None:
    """The grid with a value more at each edge where an arm's best lies; None where none may be."""
    wider: Grid = grid
    fields = tuple(grid)
    edges = {
        (fields[place], upwards)
        for each in tuned
        for place, upwards in edges_reached(tuple(grid.values()), each.chosen)
    }
    for field, upwards in sorted(edges):
        if _wider_still(arms, grid, field, upwards):
            wider = widen_grid(wider, field, upwards)
    return None if wider == grid else wider


def _wider_still(arms: Iterable[Arm], grid: Grid, field: str, upwards: bool) -> bool:
    """Whether a field's grid can be widened in every arm."""
    value = widen_grid(grid, field, upwards)[field][-1 if upwards else 0]
    return _is_possible(arms, field, value, grid[field])


def _is_possible(arms: Iterable[Arm], field: str, value: float, known: Sequence[float]) -> bool:
    """Whether a value is allowed in every arm, and new where the field is a whole number."""
    try:
        made = [with_values(arm.recipe, {field: value}) for arm in arms]
    except StudyError:
        return False
    return all(float(getattr(recipe, field)) not in known for recipe in made)


def _about(found: _Round, study: Study, missing: int) -> str:
    fields = ", ".join(
        f"{field} {', '.join(f'{value:g}' for value in values)}"
        for field, values in found.grid.items()
    )
    return (
        f"tuning {len(study.arms)} arms on validation accuracy, the same candidates for each: "
        f"{fields}; {missing:,} trials on replicates that are not used again"
    )


def _plan(study: Study, found: _Round, store: Store) -> Plan:
    """The new candidates of a round as a plan."""
    new = set(found.new)
    by_arm = {
        arm: [trial for trials in tried.values() for trial in trials if trial in new]
        for arm, tried in found.trials.items()
    }
    return planned(study, by_arm, store)
