"""Tuning the arms of a fair study, round by round, from what the store holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from stepladder.errors import StudyError
from stepladder.runs.measures import choosing_score, load_summaries
from stepladder.runs.plan import Plan, RunContext, make_plan
from stepladder.runs.results import ArmTuning, TriedValues, Tuned
from stepladder.statistics.selection import best_candidate, edges_reached, mean_at_baseline
from stepladder.store import Store
from stepladder.study.designs import Arm
from stepladder.study.params import flat_values, with_values
from stepladder.study.study import Study
from stepladder.study.tuning import TUNING_REPLICATES, Grid, candidates, default_grid, widen_grid
from stepladder.trials.trial import Trial, TrialSummary

_Values = tuple[float, ...]


@dataclass(frozen=True)
class TuningState:
    """The round that tuning is in, or its end.

    Attributes:
        grid: of the round.
        by_values: the trials of each candidate of each arm.
        new: trials that the grid before did not have.
        tuned: how the arms were tuned; None while trials are missing.
    """

    grid: Grid
    by_values: Mapping[str, Mapping[_Values, Sequence[Trial]]]
    new: frozenset[Trial]
    tuned: Tuned | None = None

    @property
    def trials(self) -> dict[str, list[Trial]]:
        """The trials of each arm."""
        return {
            arm: [trial for trials in tried.values() for trial in trials]
            for arm, tried in self.by_values.items()
        }


def tune(
    context: RunContext,
    store: Store,
    train: Callable[[Plan], object],
    note: Callable[[str], object],
) -> Tuned | None:
    """Tunes the arms of a fair study: trains candidates until each arm's best is settled.

    What the store holds is not trained again, so an interrupted tuning resumes.

    Returns:
        How they were tuned, or None for a fixed study.

    Raises:
        StudyError: if a value of the grid is not possible in an arm, or a training of the user's
            own gives no figures of a validation part.
        RunError: if a training failed.
    """
    study = context.study
    if study.tuned is None:
        return None
    while (state := replay_tuning(context, store)).tuned is None:
        by_arm = {
            arm: [trial for trial in trials if trial in state.new]
            for arm, trials in state.trials.items()
        }
        plan = make_plan(study, by_arm, store)
        fields = ", ".join(
            f"{field} {', '.join(f'{value:g}' for value in values)}"
            for field, values in state.grid.items()
        )
        note(
            f"tuning {len(study.arms)} arms on validation {study.judged.name}, the same candidates "
            f"for each: {fields}; {len(plan.missing):,} trials on replicates that are not used "
            "again"
        )
        train(plan)
    return state.tuned


def tuned_arms(study: Study, tuned: Tuned | None) -> tuple[Arm, ...]:
    """The arms of a study with the recipes that are compared."""
    if tuned is None:
        return study.arms
    chosen = {arm.arm: dict(zip(tuned.fields, arm.chosen, strict=True)) for arm in tuned.arms}
    return tuple(
        replace(arm, config=with_values(arm.config, chosen[arm.name])) for arm in study.arms
    )


def replay_tuning(context: RunContext, store: Store | None) -> TuningState:
    """Goes through the tuning of a fair study as far as the store has its trials.

    Raises:
        StudyError: if a value of the grid is not possible in an arm.
    """
    study, how = context.study, context.study.tuned
    assert how is not None
    first = dict(how.grid) or default_grid(study.base)
    grid: Grid = first
    earlier: frozenset[Trial] = frozenset()
    for widenings in range(how.widenings + 1):
        state = _round(context, grid, earlier)
        trials = dict.fromkeys(trial for tried in state.trials.values() for trial in tried)
        results = load_summaries(store, [trial.id for trial in trials]) if store else {}
        if len(results) < len(trials):
            return state
        earlier |= trials.keys()
        arms = tuple(_tune_arm(arm, context, state, results) for arm in study.arms)
        edges = {edge for arm in arms for edge in _open_edges(study.arms, grid, arm.chosen)}
        if not edges or widenings == how.widenings:
            break
        for field, upwards in sorted(edges):
            grid = widen_grid(grid, field, upwards)
    tuned = Tuned(
        grid=state.grid,
        first=first,
        widenings=widenings,
        replicates=how.replicates,
        epochs=how.epochs or study.base.epochs,
        arms=arms,
        trials=len(trials),
        seconds=sum(result.seconds for result in results.values()),
        metric=study.judged.name,
    )
    return replace(state, tuned=tuned)


def _round(context: RunContext, grid: Grid, earlier: frozenset[Trial]) -> TuningState:
    how = context.study.tuned
    assert how is not None
    count = how.epochs or (context.study.base.epochs if context.study.trainer is None else None)
    epochs = {} if count is None else {"epochs": count}
    by_values = {
        arm.name: {
            tuple(values.values()): [
                context.trial(
                    with_values(arm.config, {**values, **epochs}), TUNING_REPLICATES + replicate
                )
                for replicate in range(how.replicates)
            ]
            for values in candidates(grid)
        }
        for arm in context.study.arms
    }
    state = TuningState(grid, by_values, frozenset())
    trials = {trial for tried in state.trials.values() for trial in tried}
    return replace(state, new=frozenset(trials - earlier))


def _tune_arm(
    arm: Arm, context: RunContext, state: TuningState, results: Mapping[str, TrialSummary]
) -> ArmTuning:
    grid, metric, baseline = state.grid, context.study.judged, context.baseline
    scores = {
        values: tuple(choosing_score(results[trial.id], context.study) for trial in trials)
        for values, trials in state.by_values[arm.name].items()
    }
    chosen = best_candidate(tuple(grid.values()), scores, baseline, metric.sign)
    return ArmTuning(
        arm=arm.name,
        tried=tuple(
            TriedValues(values, tried, mean_at_baseline(tried, baseline))
            for values, tried in scores.items()
        ),
        chosen=chosen,
        declared=tuple(float(flat_values(arm.config)[field] or 0) for field in grid),
        at_edge=tuple(field for field, _ in _open_edges(context.study.arms, grid, chosen)),
    )


def _open_edges(arms: Sequence[Arm], grid: Grid, chosen: _Values) -> list[tuple[str, bool]]:
    """Fields whose chosen value is at an edge that can be widened, and whether it is the upper."""
    fields = tuple(grid)
    edges = [(fields[place], up) for place, up in edges_reached(tuple(grid.values()), chosen)]
    return [(field, up) for field, up in edges if _can_widen(arms, grid, field, up)]


def _can_widen(arms: Sequence[Arm], grid: Grid, field: str, upwards: bool) -> bool:
    """Whether every arm allows the next value, and it is new where the field is whole numbers."""
    value = widen_grid(grid, field, upwards)[field][-1 if upwards else 0]
    try:
        configs = [with_values(arm.config, {field: value}) for arm in arms]
    except StudyError:
        return False
    return all(float(flat_values(config)[field]) not in grid[field] for config in configs)
