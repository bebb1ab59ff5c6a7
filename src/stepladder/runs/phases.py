"""The phases of a study: tuning, adaptive replicates, the arms that are compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from stepladder.runs.adaptive import ReplicateTargets, add_replicates, replicate_targets
from stepladder.runs.plan import Plan, RunContext, make_plan, trials_of
from stepladder.runs.results import Tuned
from stepladder.runs.tuning import replay_tuning, tune, tuned_arms
from stepladder.store import Store
from stepladder.study.designs import Arm
from stepladder.trials.trial import Trial


@dataclass(frozen=True)
class StudyTrials:
    """The trials of a study, as far as its store decides them.

    Attributes:
        tuned: how the arms of a fair study were tuned; None for a fixed one, or not finished.
        is_tuning: whether tuning is not finished.
        arms: with the recipes that are compared; while tuning, those that the study declares.
        candidates: trials of tuning by arm; none for a fixed study.
        compared: trials that are judged, by arm.
        targets: replicates that each arm wants; None where their number is fixed.
    """

    tuned: Tuned | None
    is_tuning: bool
    arms: tuple[Arm, ...]
    candidates: Mapping[str, Sequence[Trial]]
    compared: Mapping[str, Sequence[Trial]]
    targets: ReplicateTargets | None


def study_trials(context: RunContext, store: Store | None) -> StudyTrials:
    """Finds the trials of a study from what its store holds; nothing is trained.

    Until its tuning is finished, a fair study's arms keep the values that they declare: there
    will be as many trials, with other ids. Further widenings of the grid and further replicates
    are not in it.

    Raises:
        StudyError: if a value of a fair study's grid is not possible in an arm.
    """
    study = context.study
    tuning = replay_tuning(context, store) if study.tuned else None
    tuned = tuning.tuned if tuning else None
    is_tuning = study.tuned is not None and tuned is None
    arms = tuned_arms(study, tuned)
    targets = None
    if study.adaptive:
        targets = replicate_targets(context, arms, None if is_tuning else store)
    compared = trials_of(context, arms, targets.replicates if targets else None)
    candidates = tuning.trials if tuning else {}
    return StudyTrials(tuned, is_tuning, arms, candidates, compared, targets)


def plan_all_phases(context: RunContext, store: Store | None) -> Plan:
    """All phases of a study as one plan, as far as its store decides them; see `study_trials`."""
    known = study_trials(context, store)
    by_arm = {
        arm: [*known.candidates.get(arm, ()), *trials] for arm, trials in known.compared.items()
    }
    plan = make_plan(context.study, by_arm, store)
    is_open = known.is_tuning or (known.targets is not None and not known.targets.finished)
    if known.is_tuning:
        # Their recipes will be others: none of them is stored, whatever the store holds.
        compared = {trial.id for trials in known.compared.values() for trial in trials}
        missing = compared.union(trial.id for trial in plan.missing)
        plan = replace(plan, missing=tuple(trial for trial in plan.trials if trial.id in missing))
    return replace(plan, is_least=is_open)


def train_all(
    context: RunContext,
    store: Store,
    train: Callable[[Plan], object],
    note: Callable[[str], object],
) -> int:
    """Trains all missing trials of a study, phase by phase, each with a note.

    Returns:
        How many trials the study has, candidates of its tuning included.

    Raises:
        InputError: if a value of a fair study's grid is not possible in an arm.
        RunError: if a training failed; what was finished is stored.
    """
    tuned = tune(context, store, train, note)
    arms = tuned_arms(context.study, tuned)

    def train_to(replicates: Mapping[str, int] | None) -> int:
        plan = make_plan(context.study, trials_of(context, arms, replicates), store)
        train(plan)
        return len(plan.trials)

    replicates = None
    if context.study.adaptive:
        replicates = add_replicates(context, arms, store, train_to, note)
    return train_to(replicates) + (tuned.trials if tuned else 0)
