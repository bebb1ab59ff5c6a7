"""Running a study: from its declaration to its results."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from stepladder.data import Dataset, load
from stepladder.errors import NoStoreError, StoreError
from stepladder.runner import folder as folders
from stepladder.runner import own_model
from stepladder.runner.claims import forget_dead
from stepladder.runner.ensembling import unkept
from stepladder.runner.execute import execute
from stepladder.runner.going_on import epochs_at_hand
from stepladder.runner.judge import judge
from stepladder.runner.lint import preflight
from stepladder.runner.namesakes import take_row
from stepladder.runner.phases import foreseen, train_all
from stepladder.runner.plan import Plan, part_sizes
from stepladder.runner.possible import check_possible
from stepladder.runner.progress import Planned, Progress, QuietProgress
from stepladder.runner.question import question_of, record_of
from stepladder.runner.results import Results
from stepladder.runner.settings import Settings
from stepladder.runner.standby import Standby
from stepladder.store import Store, StudyRecord, check_place, open_store
from stepladder.study import Study
from stepladder.train.checkpoints import clear

__all__ = [
    "Finished",
    "all_is_to_be_trained",
    "plan_study",
    "run_study",
    "workers_for",
]


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
    own_model.allow(study, allow_code)
    if store is not None:  # before anything is made or takes long
        check_place(store)
    standby = Standby()
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
    standby: Standby,
) -> Finished:
    dataset = load(study.dataset)
    check_possible(study, dataset, settings)
    record = record_of(study, dataset, part_sizes(study, dataset), settings)
    url = store or str(folder / folders.STORE_NAME)
    if study.model is not None and _lacks(record, url):
        own_model.inspect(study, dataset, settings)
    folders.check(folder, study)
    with open_store(url) as kept:
        question = question_of(record)
        ahead = foreseen(question, kept)
        take_row(kept, record, folder, told)
        for line in preflight(ahead, dataset, record.sizes) if lint else ():
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
            ahead = foreseen(question_of(record), kept)
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
) -> Planned:
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
            ahead = foreseen(question_of(record), kept)
            at_hand = epochs_at_hand(ahead, dataset, settings, kept)
    except NoStoreError:  # the run will make it
        ahead = foreseen(question_of(record), None)
    notes = preflight(ahead, dataset, record.sizes) if lint else ()
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
    standby: Standby,
) -> int:
    """Trains what is missing, and says how many trials that were."""
    if not planned.missing:
        return 0
    began = time.monotonic()
    at_hand = epochs_at_hand(planned, dataset, settings, kept)
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
