"""What stored trials come to; nothing is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stepladder.data import Dataset, load
from stepladder.errors import DataError, StoreError
from stepladder.runner import folder as folders
from stepladder.runner.judge import judge
from stepladder.runner.plan import part_sizes
from stepladder.runner.question import record_of
from stepladder.runner.results import Results
from stepladder.runner.settings import Settings
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study import Study

__all__ = ["judge_stored", "results_of", "results_so_far"]


def judge_stored(
    study: Study, folder: Path, settings: Settings, command: str, *, store: str | None = None
) -> Results:
    """What the stored trials of a study come to; nothing is trained, whoever has trained them.

    Args:
        study: what is asked.
        folder: of the run.
        settings: of this machine.
        command: what asks, for the log of looks.
        store: URL of the store; an SQLite file in the folder when None.

    Raises:
        InputError: if the study, its data or the store will not do.
    """
    with open_store(store or str(folder / folders.STORE_NAME), create=False) as kept:
        dataset = load(study.dataset)
        record = record_of(study, dataset, part_sizes(study, dataset), settings)
        known = kept.study(study.name) or record
        latest = replace(record, seconds=known.seconds)
        weights = folder / folders.WEIGHTS_NAME
        return judge(kept, latest, settings.engine_name, command, curves=False, weights=weights)


def results_of(
    store: Store,
    name: str | None,
    command: str,
    curves: bool = True,
    folder: Path | None = None,
) -> Results:
    """The results of a study that was run before, complete or so far.

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
    engine = record.versions.get("engine", "population")
    dataset = _dataset_of(record) if curves else None
    weights = folder / folders.WEIGHTS_NAME if folder else None
    return judge(store, record, engine, command, curves, dataset, weights=weights)


def results_so_far(store: Store, name: str) -> Results:
    """What a study that trains has come to, on validation data alone: no look at the test set.

    Args:
        store: where it is kept; nothing is written to it.
        name: the study's name.

    Raises:
        StoreError: if the store does not hold the study, or cannot be read.
    """
    record = _stored_record(store, name)
    engine = record.versions.get("engine", "population")
    return judge(store, record, engine, "ui", is_look=False)


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
    """The dataset of a stored study, or None where it is gone or another by now."""
    try:
        dataset = load(record.study.dataset)
    except DataError:
        return None
    return dataset if dataset.fingerprint == record.fingerprint else None
