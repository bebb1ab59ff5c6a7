"""What a study will find, told before it trains: from a pilot, or from trials in the store."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stepladder.errors import InputError
from stepladder.runs.adaptive import compared_pairs, judging_history
from stepladder.runs.folder import is_run, open_run
from stepladder.runs.measures import factorial_techniques, main_effect_scores, scores_on
from stepladder.runs.phases import study_trials
from stepladder.runs.plan import RunContext, run_context
from stepladder.statistics.anytime import fixed_level, later_levels
from stepladder.statistics.power import PlannedPower, planned_power
from stepladder.statistics.results import Floats, side_of
from stepladder.store import Store
from stepladder.study.study import Study


def power_of_study(
    context: RunContext, store: Store | None, pilot: Path | None
) -> PlannedPower | None:
    """What the study's number of replicates will find; None where nothing is compared.

    Of stored trials only the spread of differences is read, no mean: that is no look at the test
    set, and favours no arm.

    Args:
        context: of the study.
        store: its own, where there is one.
        pilot: folder of a run whose spread is taken; that of the study's own trials when None.

    Raises:
        InputError: if the pilot is no run, or judges another metric.
        StoreError: if its store cannot be read.
    """
    study = context.study
    if study.overlap:  # more folds bring no new data, so their number says little of power
        if pilot is not None:
            raise InputError(
                "--pilot needs one test part for all replicates, found k-fold; leave it out"
            )
        return None
    techniques = factorial_techniques(study)
    family = len(techniques) or len(compared_pairs(study.arms))
    if not family:
        return None
    variances: list[tuple[int, float]] = []
    if pilot is not None:
        variances = list(_of_pilot(pilot, study))
    elif store is not None:
        variances = list(_variances(context, store))
    known = study_trials(context, store)
    level = None
    if store is not None and not known.is_tuning:
        history = judging_history(context, known.arms, known.compared, store)
        if not history.is_first:
            batches = history.occasion(main=bool(techniques)).batches.values()
            later = float(later_levels(max(batches))) / family

            def level(pairs: Floats) -> Floats:
                return fixed_level(pairs, later)

    side = side_of(study.claim, study.judged)
    return planned_power(variances, family, study.replicates, study.delta, level, side=side)


def _of_pilot(folder: Path, study: Study) -> Iterator[tuple[int, float]]:
    if not is_run(folder):
        raise InputError(
            f"--pilot must be the folder of a run, found {str(folder)!r}; name one such as "
            "runs/quick"
        )
    with open_run(folder, writes=False) as (store, record):
        if record.study.judged.name != study.judged.name:
            raise InputError(
                f"the pilot must judge {study.judged.name} as the study does, found "
                f"{record.study.judged.name} in {str(folder)!r}; name another run"
            )
        found = list(_variances(run_context(record), store))
    if not found:
        raise InputError(
            f"the pilot must have two replicates of two arms that are compared, found none in "
            f"{str(folder)!r}; name another run, or train it further"
        )
    yield from found


def _variances(context: RunContext, store: Store) -> Iterator[tuple[int, float]]:
    """Degrees of freedom and variance of the differences of each comparison that has two pairs."""
    study, known = context.study, study_trials(context, store)
    if known.is_tuning:
        return
    metric, by_arm = study.judged, known.compared
    stored = store.outcomes(trial.id for trials in by_arm.values() for trial in trials)
    rows = {name: [stored.get(trial.id) for trial in trials] for name, trials in by_arm.items()}
    scores = {name: scores_on(row, "test", metric.name) for name, row in rows.items()}
    pairs = compared_pairs(known.arms)
    if factorial_techniques(study):
        scores, pairs = main_effect_scores(study, scores)
    for arm, other in pairs:
        differences = metric.scale * (np.asarray(scores[arm]) - np.asarray(scores[other]))
        finite = differences[np.isfinite(differences)]
        if len(finite) > 1:
            yield len(finite) - 1, float(finite.var(ddof=1))
