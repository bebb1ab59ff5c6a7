"""A study, run phase by phase."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stepladder.data import Dataset
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress, RunAnnouncement
from stepladder.runs import folder as folders
from stepladder.runs.arm_analysis import missing_weights_note
from stepladder.runs.judging import judge
from stepladder.runs.phases import plan_all_phases, train_all
from stepladder.runs.plan import NO_EPOCHS, cached_epochs, prepare, run_context, with_notes
from stepladder.runs.power import power_of_study
from stepladder.runs.preflight import changed_code_note, data_notes, preflight_notes
from stepladder.runs.results import Results
from stepladder.runs.session import open_if_exists, open_session
from stepladder.store import StudyRecord
from stepladder.study.study import Study
from stepladder.training.function import TrialFailure


@dataclass(frozen=True)
class Finished:
    """The outcome of a run.

    Attributes:
        results: every arm judged.
        trained: trials trained by this run.
        found: trials that were stored before it, or by another run meanwhile.
        failures: trials of the user's own code that failed.
    """

    results: Results
    trained: int
    found: int
    failures: tuple[TrialFailure, ...] = ()


def run_study(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
    lint: bool = True,
    fail_fast: bool = False,
) -> Finished:
    """Trains the missing trials of a study and judges it; see `stepladder.run`.

    Args and errors are those of `stepladder.run`, with the `folder` of the run and the `settings`
    of this machine; `lint` is whether it notes before training what comparisons leave open.

    Raises:
        KeyboardInterrupt: if the user stops it; what was finished is stored.
    """
    with open_session(
        study, folder, settings, store=store, progress=progress, allow_code=allow_code,
        fail_fast=fail_fast,
    ) as session:  # fmt: skip
        plan = plan_all_phases(session.context, session.store)
        session.seen.update(trial.id for trial in plan.trials)
        stored = session.store.study(study.name)
        changed = changed_code_note(study, stored)
        dataset, sizes, weights = session.dataset, session.record.sizes, session.weights
        missing = len(plan.missing)
        of_data = _data_notes(study, dataset, missing, stored)
        record = with_notes(session.record, of_data)
        folders.take_row(session.store, record, folder, session.progress)
        notes = preflight_notes(study, missing, dataset, sizes, settings, of_data) if lint else ()
        for note in (*notes, *changed, *(missing_weights_note(plan, weights) if weights else ())):
            session.progress.note(note)

        trials = train_all(
            session.context, session.store, partial(session.train, weights=weights),
            session.progress.note,
        )  # fmt: skip
        results = judge(
            session.store, session.finish(), settings.engine_name, "run", dataset=dataset,
            weights=folder / folders.WEIGHTS_NAME,
        )  # fmt: skip
    failures = tuple(session.failures.values())
    counts = Counter(failure.trial.config for failure in failures)
    arms = tuple(replace(arm, failed=counts[arm.arm.config]) for arm in results.arms)
    results = replace(results, arms=arms)
    return Finished(results, session.trained, trials - session.trained - len(failures), failures)


def _data_notes(
    study: Study, dataset: Dataset, missing: int, stored: StudyRecord | None
) -> tuple[str, ...]:
    """Notes on the data, which are looked for where something is to be trained."""
    if missing or stored is None or stored.fingerprint != dataset.fingerprint:
        return data_notes(study, dataset)
    return run_context(stored).notes


def plan_study(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None = None,
    lint: bool = True,
    pilot: Path | None = None,
) -> RunAnnouncement:
    """What `run_study` would train, note before, and find; nothing is written."""
    dataset, record = prepare(study, settings)
    folders.check_holds(folder, study)
    with open_if_exists(folder, store) as known:
        plan = plan_all_phases(run_context(record), known)
        cached = cached_epochs(plan, dataset, settings, known) if known else NO_EPOCHS
        power = power_of_study(run_context(record), known, pilot)
    missing, sizes = len(plan.missing), record.sizes
    notes = preflight_notes(study, missing, dataset, sizes, settings) if lint else ()
    return replace(plan.announcement(len(settings.cpus), cached), notes=notes, power=power)
