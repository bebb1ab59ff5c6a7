"""A study, run phase by phase."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stepladder.data import Dataset, load
from stepladder.errors import NoStoreError, StoreError
from stepladder.execution.local import WarmPool
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress, QuietProgress, RunAnnouncement
from stepladder.execution.scheduler import execute, forget_dead
from stepladder.runs import folder as folders
from stepladder.runs import preflight
from stepladder.runs.adaptive import add_replicates, replicate_targets
from stepladder.runs.arm_analysis import unkept
from stepladder.runs.folder import take_row
from stepladder.runs.judging import judge
from stepladder.runs.plan import (
    Plan,
    RunContext,
    cached_epochs,
    part_sizes,
    plan,
    planned,
    record_of,
    run_context,
    trials_of,
)
from stepladder.runs.preflight import check_possible, preflight_notes
from stepladder.runs.results import Results
from stepladder.runs.tuning import candidates_so_far, tune, tuned_arms, tuned_so_far
from stepladder.store import Store, StudyRecord, check_place, open_store
from stepladder.study.study import Study
from stepladder.training.checkpoints import clear


@dataclass(frozen=True)
class Trained:
    """What a run has done.

    Attributes:
        trials: that the study has, candidates of its tuning included.
        now: those that this run has trained.
    """

    trials: int
    now: int


def train_all(
    question: RunContext,
    dataset: Dataset,
    store: Store,
    train: Callable[[Plan], int],
    note: Callable[[str], object],
) -> Trained:
    """Trains all that a study lacks, phase by phase.

    Args:
        question: what is asked.
        dataset: what it is asked of.
        store: where trials are kept.
        train: trains what a plan lacks; returns how many trials that were.
        note: is told of each phase, in a sentence.

    Raises:
        InputError: if a value of a fair study's grid is not possible in an arm.
        RunError: if a training failed; what was finished is stored.
    """
    now = 0

    def counted(planned: Plan) -> None:
        nonlocal now
        now += train(planned)

    study = question.study
    tuned = tune(question, store, counted, note)
    arms = tuned_arms(study, tuned)

    def planned_for(replicates: Mapping[str, int] | None) -> Plan:
        return plan(study, dataset, store, question.engine, arms, replicates)

    replicates: Mapping[str, int] | None = None
    if study.adaptive:
        add_replicates(question, arms, store, lambda wants: counted(planned_for(wants)), note)
        replicates = replicate_targets(question, arms, store).replicates
    last = planned_for(replicates)
    counted(last)
    return Trained(len(last.trials) + (tuned.trials if tuned else 0), now)


def foreseen(question: RunContext, store: Store | None) -> Plan:
    """All phases of a study as one plan, as far as its store tells what they are.

    Until its tuning is finished, a fair study's arms stand with the values that they declare:
    there will be as many trials, of other ids. What a grid may still be widened by, and what
    replicates may still be added, is not in it.

    Args:
        question: what is asked.
        store: where trials are kept; None where there is no store yet.

    Raises:
        StoreError: if the store cannot be read.
        StudyError: if a value of a fair study's grid is not possible in an arm.
    """
    study, tuned = question.study, tuned_so_far(question, store)
    is_tuning = study.tuned is not None and tuned is None
    arms = tuned_arms(study, tuned)
    there = None if is_tuning else store
    wants = replicate_targets(question, arms, there) if study.adaptive else None
    compared = trials_of(study, question.fingerprint, question.validation, question.engine, arms,
                         wants.replicates if wants else None)  # fmt: skip
    tried = candidates_so_far(question, store)
    every = {name: [*tried.get(name, ()), *trials] for name, trials in compared.items()}
    made = planned(study, every, store)
    if is_tuning:
        open_ids = {trial.id for trials in (made.missing, *compared.values()) for trial in trials}
        made = replace(made, missing=tuple(each for each in made.trials if each.id in open_ids))
    return replace(made, is_least=is_tuning or not (wants is None or wants.finished))


@dataclass(frozen=True)
class Finished:
    """What a run has come to.

    Attributes:
        results: every arm judged.
        trained: trials trained by this run.
        found: trials that were stored before it, or by another run meanwhile.
    """

    results: Results
    trained: int
    found: int


def run_study(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
    lint: bool = True,
) -> Finished:
    """Trains what a study lacks and judges it.

    Args:
        study: what is asked.
        folder: where its files go; made if need be.
        settings: of this machine.
        store: URL of the store; an SQLite file in the folder when None.
        progress: is told how it goes.
        allow_code: whether a model file that the study names may run, in training processes.
        lint: whether it is told before training what its comparisons leave open.

    Raises:
        InputError: if the study, its data, its model, the folder or the store will not do;
            nothing was trained and nothing stored was touched.
        RunError: if a training or the store failed; what was finished is stored.
        KeyboardInterrupt: if the user stops it; what was finished is stored.
    """
    preflight.check_code_allowed(study, allow_code)
    if store is not None:  # before anything is made or takes long
        check_place(store)
    standby = WarmPool()
    try:
        if all_is_to_be_trained(study, folder, store):
            most = len(study.arms) * study.replicates
            standby.start(settings, folder / folders.CHECKPOINTS_NAME, most, study.keep_weights)
        return _run_study(
            study, folder, settings, store, progress or QuietProgress(), lint, standby
        )
    finally:
        standby.end()


def all_is_to_be_trained(study: Study, folder: Path, store: str | None) -> bool:
    """Whether what trains may get ready while the dataset is read."""
    return study.model is None and store is None and not (folder / folders.STORE_NAME).exists()


def _run_study(
    study: Study,
    folder: Path,
    settings: Settings,
    store: str | None,
    told: Progress,
    lint: bool,
    standby: WarmPool,
) -> Finished:
    dataset = load(study.dataset)
    check_possible(study, dataset, settings)
    record = record_of(study, dataset, part_sizes(study, dataset), settings)
    url = store or str(folder / folders.STORE_NAME)
    if study.model is not None and _lacks(record, url):
        preflight.inspect_models(study, dataset, settings)
    folders.check(folder, study)
    with open_store(url) as kept:
        question = run_context(record)
        ahead = foreseen(question, kept)
        take_row(kept, record, folder, told)
        for line in preflight_notes(ahead, dataset, record.sizes) if lint else ():
            told.note(line)
        if study.keep_weights and (line := unkept(ahead, folder / folders.WEIGHTS_NAME)):
            told.note(line)
        checkpoints = folder / folders.CHECKPOINTS_NAME
        seen = {trial.id for trial in ahead.trials}

        def train(part: Plan) -> int:
            seen.update(trial.id for trial in part.trials)
            return _train(part, study, dataset, settings, kept, told, folder, standby)

        done = train_all(question, dataset, kept, train, told.note)
        forget_dead(kept)
        if not kept.claimed(seen):
            clear(checkpoints)
        latest = kept.study(study.name) or record
        results = judge(
            kept, latest, settings.engine_name, "run", dataset=dataset,
            weights=folder / folders.WEIGHTS_NAME,
        )  # fmt: skip
    return Finished(results, done.now, done.trials - done.now)


def _lacks(record: StudyRecord, url: str) -> bool:
    """Whether a trial of a study is to be trained; a store that is not there holds none."""
    try:
        with open_store(url, create=False) as kept:
            ahead = foreseen(run_context(record), kept)
    except StoreError:
        return True  # said, where it is not merely new, when it is opened for writing
    return bool(ahead.missing) or ahead.is_least


def plan_study(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None = None,
    lint: bool = True,
) -> RunAnnouncement:
    """What running a study would train, and what it would say before; nothing is written.

    Args:
        study: what is asked.
        folder: where its files would go.
        settings: of this machine.
        store: URL of the store; an SQLite file in the folder when None.
        lint: whether it says what the study's comparisons leave open.

    Raises:
        InputError: if the study, its data, the folder or the store will not do.
    """
    dataset = load(study.dataset)
    check_possible(study, dataset, settings)
    record = record_of(study, dataset, part_sizes(study, dataset), settings)
    folders.check_holds(folder, study)
    if store is not None:
        check_place(store)
    at_hand: dict[str, int] = {}
    try:
        with open_store(store or str(folder / folders.STORE_NAME), create=False) as kept:
            ahead = foreseen(run_context(record), kept)
            at_hand = cached_epochs(ahead, dataset, settings, kept)
    except NoStoreError:  # the run will make it
        ahead = foreseen(run_context(record), None)
    notes = preflight_notes(ahead, dataset, record.sizes) if lint else ()
    return replace(ahead.announced(workers_for(settings, ahead), at_hand), notes=notes)


def workers_for(settings: Settings, planned: Plan) -> int:
    """Processes that will train what is missing."""
    return min(len(settings.cpus), len(planned.missing))


def _train(
    planned: Plan,
    study: Study,
    dataset: Dataset,
    settings: Settings,
    kept: Store,
    told: Progress,
    folder: Path,
    standby: WarmPool,
) -> int:
    """Trains what is missing, and says how many trials that were."""
    if not planned.missing:
        return 0
    began = time.monotonic()
    at_hand = cached_epochs(planned, dataset, settings, kept)
    told.start(planned.announced(workers_for(settings, planned), at_hand))
    try:
        return execute(
            planned.trials,
            planned.missing,
            dataset,
            settings,
            told,
            kept,
            folder / folders.CHECKPOINTS_NAME,
            study.model,
            planned.arm_names,
            standby=standby,
            weights=folder / folders.WEIGHTS_NAME if study.keep_weights else None,
        )
    finally:
        told.finish()
        kept.add_seconds(study.name, time.monotonic() - began)
