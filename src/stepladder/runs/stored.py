"""Finished runs: read and listed."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from stepladder.data import Dataset
from stepladder.errors import DataError, InputError, StepladderError, StoreError
from stepladder.execution.futures import executor_of
from stepladder.execution.local import is_here_and_gone
from stepladder.execution.machine import Settings
from stepladder.execution.spool_files import Spool, SpoolState
from stepladder.files import load_json, size_of
from stepladder.runs.folder import (
    STUDY_NAME,
    WEIGHTS_NAME,
    finished_search,
    is_run,
    open_run,
    store_of,
)
from stepladder.runs.judging import judge
from stepladder.runs.phases import plan_all_phases
from stepladder.runs.plan import dataset_of, record_of, run_context
from stepladder.runs.results import Results
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study.schema import fingerprint
from stepladder.study.study import Study


def judge_stored(
    study: Study, folder: Path, settings: Settings, command: str, *, store: str | None = None
) -> Results:
    """Judges the stored trials of a study, whoever has trained them; nothing is trained.

    Args:
        study: what is asked.
        folder: of the run.
        settings: of this machine.
        command: what asks, for the log of looks.
        store: URL of the store; an SQLite file in the folder when None.
    """
    with open_store(store_of(folder, store), create=False) as opened:
        record = record_of(study, dataset_of(study), settings)
        known = opened.study(study.name) or record
        latest, weights = replace(record, seconds=known.seconds), folder / WEIGHTS_NAME
        return judge(opened, latest, settings.engine_name, command, curves=False, weights=weights)


def results_of(
    store: Store, name: str | None, command: str, curves: bool = True, folder: Path | None = None
) -> Results:
    """The results of a stored study, complete or so far.

    Args:
        store: where it is kept.
        name: the study's name; the only study of the store when None.
        command: what asks, for the log of looks.
        curves: whether the epochs are read too, and the dataset for what was misread; without,
            every curve is empty.
        folder: of the run, where weights may be kept; None where only its store is known.

    Raises:
        StoreError: if the store does not hold the study, or cannot be read.
    """
    record = _stored_record(store, name)
    weights = folder / WEIGHTS_NAME if folder else None
    dataset = _dataset_of(record) if curves else None
    engine = run_context(record).engine
    return judge(store, record, engine, command, curves, dataset, weights=weights)


def results_so_far(store: Store, name: str) -> Results:
    """The results so far of a study that trains, on validation data: no look at the test set.

    Args:
        store: where it is kept; nothing is written to it.
        name: the study's name.

    Raises:
        StoreError: if the store does not hold the study, or cannot be read.
    """
    record = _stored_record(store, name)
    return judge(store, record, run_context(record).engine, "ui", is_look=False)


def validation_scores(store: Store, name: str) -> tuple[float, ...]:
    """Validation scores of a study's trials so far, in their order: no look at the test set.

    Args:
        store: where it is kept; nothing is written to it.
        name: the study's name.

    Raises:
        StoreError: if the store does not hold the study, or cannot be read.
    """
    record = _stored_record(store, name)
    trials = plan_all_phases(run_context(record), store).trials
    outcomes, metric = store.outcomes([trial.id for trial in trials]), record.study.judged.name
    found = (outcomes[trial.id] for trial in trials if trial.id in outcomes)
    return tuple(outcome.score("validation", metric) for outcome in found)


def _stored_record(store: Store, name: str | None) -> StudyRecord:
    studies = {record.study.name: record for record in store.studies()}
    if name is None and len(studies) == 1:
        name = next(iter(studies))
    if name not in studies:
        raise StoreError(
            f"the store must hold the study {name!r}, found "
            f"{', '.join(map(repr, studies)) or 'none'}; run it first"
        )
    return studies[name]


def _dataset_of(record: StudyRecord) -> Dataset | None:
    """The dataset of a stored study, or None where it is missing or has changed."""
    try:
        dataset = dataset_of(record.study)
    except DataError:
        return None
    is_known = record.study.dataset is not None and dataset.fingerprint == record.fingerprint
    return dataset if is_known else None


@dataclass(frozen=True)
class RunState:
    """A run as a list shows it.

    Attributes:
        name: of its study.
        folder: where it lies, or None where a store was asked for all its studies.
        stored: trials of the study that are stored.
        planned: trials that it has.
        training: trials that are being trained right now.
        seconds: wall time that running it has taken.
        size: bytes of its folder, or None.
        problem: why it cannot be read, or empty.
        declared: a digest of its study as the store has it, or empty.
        is_search: whether it trains only candidates of a search.
        is_open: whether more than what is planned so far may be trained.
        spool: tasks of workers that read its folder, or None.
        executor: what trains it now, as far as its folder says it.
    """

    name: str
    folder: Path | None = None
    stored: int = 0
    planned: int = 0
    training: int = 0
    seconds: float = 0.0
    size: int | None = None
    problem: str = ""
    declared: str = ""
    is_search: bool = False
    is_open: bool = False
    spool: SpoolState | None = None
    executor: str = ""

    @property
    def is_search_under_way(self) -> bool:
        """Whether it is a search that can be read and is not finished."""
        return self.is_search and self.state in ("training", "unfinished")

    @property
    def state(self) -> str:
        """What it is, in a word or two."""
        if self.problem:
            return "unreadable"
        if self.stored == self.planned and not self.is_open:
            return "finished"
        if self.spool is not None and (self.spool.queued or self.spool.running):
            return "training" if self.spool.running else "queued"
        return "training" if self.training else "unfinished"


def runs_in(folder: Path, store: str | None = None) -> list[RunState]:
    """The runs below a folder, by name.

    Args:
        folder: holds the folders of runs; one that cannot be read is listed with its problem.
        store: URL of the store that all of them used; each its own when None.

    Raises:
        InputError: if it is no folder.
    """
    try:
        # os.path, for pathlib raises where a folder may not be entered.
        places = sorted(path for path in folder.iterdir() if os.path.isfile(path / STUDY_NAME))
    except OSError as error:
        raise InputError(
            f"runs must lie in a folder that can be read, found {str(folder)!r}: "
            f"{error.strerror}; name the folder that holds them"
        ) from None
    return [state_of(place, store) for place in places]


def runs_of(store: Store) -> list[RunState]:
    """Every study of a store, by name."""
    return [_state(store, record) for record in store.studies()]


def state_of(place: Path, store: str | None = None) -> RunState:
    """The state of one run; one that cannot be read has a problem."""
    size, name = size_of(place), place.name
    try:
        study = Study.load(place / STUDY_NAME)
        name = study.name
        if study.datasets:
            return _state_of_datasets(place, study, store, size)
        with open_run(place, store, writes=False) as (opened, record):
            return _state(opened, record, place, size)
    except StepladderError as error:
        return RunState(name, place, size=size, problem=str(error))


def _state_of_datasets(place: Path, study: Study, store: str | None, size: int | None) -> RunState:
    """The state of a run on several data sets: those of all of them added up."""
    states = [state_of(place / name, store) if is_run(place / name) else RunState(name)
              for name in study.by_dataset]  # fmt: skip
    return RunState(
        study.name, place, sum(state.stored for state in states),
        sum(state.planned for state in states), sum(state.training for state in states),
        sum(state.seconds for state in states), size,
        next((state.problem for state in states if state.problem), ""),
        is_open=any(state.is_open or not state.planned for state in states),
    )  # fmt: skip


def _state(
    store: Store, record: StudyRecord, place: Path | None = None, size: int | None = None
) -> RunState:
    study = record.study
    declared = fingerprint(study.model_dump(mode="json", by_alias=True))
    state = RunState(study.name, place, seconds=record.seconds, size=size, declared=declared)
    if study.search is not None and not study.techniques:  # candidates are its trials
        count = _count_candidates(place, study)
        planned, is_open = count or study.search.trials, not count
        return replace(state, stored=count, planned=planned, is_search=True, is_open=is_open)
    plan = plan_all_phases(run_context(record), store)
    missing = [trial.id for trial in plan.missing]
    stored, training = len(plan.trials) - len(missing), count_training(store, missing)
    spool = Spool(place).state() if place else None
    executor = executor_of(place) if place and training else ""
    return replace(state, stored=stored, planned=len(plan.trials), training=training, spool=spool,
                   executor=executor)  # fmt: skip


def count_training(store: Store, ids: Iterable[str]) -> int:
    """How many of some trials are claimed by processes that may still run."""
    return sum(not is_here_and_gone(owner) for owner in store.claimed(ids).values())


def _count_candidates(place: Path | None, study: Study) -> int:
    """Candidates of a search that is finished; 0 where it is not."""
    file = finished_search(place, study) if place else None
    try:
        return len(load_json(file)["candidates"]) if file else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
