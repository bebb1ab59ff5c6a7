"""A store is checked against the studies that use it, and what nobody needs is removed."""

import os
from dataclasses import dataclass
from pathlib import Path

from stepladder.errors import StepladderError
from stepladder.execution.local import is_here_and_gone
from stepladder.files import remove_partial_files
from stepladder.runs.folder import WEIGHTS_NAME, store_of
from stepladder.runs.phases import plan_all_phases
from stepladder.runs.plan import run_context
from stepladder.store import Store, StudyRecord
from stepladder.store.maintenance import check_store, delete_damaged_rows, vacuum_store
from stepladder.store.opening import open_sql
from stepladder.training.final_weights import ENDING
from stepladder.training.serialization import remove_file
from stepladder.trials.seeding import NUMERICS_VERSION


@dataclass(frozen=True)
class CheckReport:
    """What a check of a store has found.

    Attributes:
        faults: what is wrong and must be fixed.
        deleted: what was wrong with rows that were deleted.
        notes: what the user may want to know, and may leave as it is.
        trials: trials that were read and are undamaged.
        studies: studies of the store.
    """

    faults: tuple[str, ...]
    deleted: tuple[str, ...]
    notes: tuple[str, ...]
    trials: int
    studies: int


def address_of(store: str) -> str:
    """The address of a store that is named by a run's folder, a path or a URL."""
    # Not pathlib, which raises where a URL, for example, is too long a name.
    return store_of(Path(store)) if os.path.isdir(store) else store


def check(store: str, delete_damaged: bool = False) -> CheckReport:
    """Checks a store: its pages, its references, every row, and what no study asks for.

    Args:
        store: the folder of a run, a path or a URL.
        delete_damaged: whether rows that cannot be read are deleted, so that what they held is
            stored again where it is asked for.

    Raises:
        StoreError: if it is no store, or so damaged that it cannot be read.
    """
    place = address_of(store)
    with open_sql(place, create=False, timeout=60.0, writes=delete_damaged) as opened:
        deleted = delete_damaged_rows(opened) if delete_damaged else []
        rows = check_store(opened)
        # A study's row that cannot be read is a fault already; its trials are not known.
        records = list(rows.studies) if rows.knows_studies else []
        try:
            asked = _asked_ids(opened, records)
        except StepladderError:
            records = []  # what is asked for depends on results, of which one cannot be read
    notes = []
    orphans = len(set(rows.trials) - asked) if records else 0
    if orphans:
        searches = any(record.study.search is not None for record in records)
        among = ", some of them candidates of searches" if searches else ""
        notes.append(
            f"{orphans:,} trials belong to no study as it is declared now{among}; they "
            "are used again where a study asks for them"
        )
    old = sum(count for version, count in rows.numerics.items() if version != NUMERICS_VERSION)
    if old:
        notes.append(
            f"{old:,} trials were trained by another version of the arithmetic (now "
            f"{NUMERICS_VERSION}); studies train them again and never mix them in"
        )
    dead = sum(is_here_and_gone(owner) for owner in rows.drivers)
    if dead:
        notes.append(f"{dead} runs were killed; what they had claimed is free for the next one")
    return CheckReport(
        rows.faults, tuple(deleted), tuple(notes), len(rows.trials), len(rows.studies)
    )


def _asked_ids(store: Store, records: list[StudyRecord]) -> set[str]:
    return {
        trial.id
        for record in records
        for trial in plan_all_phases(run_context(record), store).trials
    }


def tidy(store: str) -> tuple[int, int, int]:
    """Frees the disk space of deleted rows, and of kept weights that belong to no study.

    Weights lie in a run's folder, next to its store. Those of a trial stay that a study of the
    store asks for as it is declared now, those that a run is about to store, and those of trials
    that this store does not hold.

    Args:
        store: the folder of a run, a path or a URL.

    Returns:
        Bytes of the store before and after, and how many files of weights were removed.

    Raises:
        StoreError: if it is no store, or a study of it cannot be read.
        RunError: if another program is writing to it, or there is no room for a copy.
    """
    address = address_of(store)
    before, after = vacuum_store(address)
    with open_sql(address, create=False, timeout=60.0) as opened:
        place = opened.address.path
        folder = place.parent / WEIGHTS_NAME if place else Path(WEIGHTS_NAME)
        orphans = _orphaned(opened, folder) if place and folder.is_dir() else []
    for file in orphans:
        remove_file(file)
    if orphans:
        remove_partial_files(folder)
    return before, after, len(orphans)


def _orphaned(store: Store, folder: Path) -> list[Path]:
    """Files of weights of the store's own trials that no study of it asks for."""
    records = store.studies()
    # What a search asked for depends on its results: where there is one, all weights stay.
    if any(record.study.search is not None for record in records):
        return []
    files = {file.stem: file for file in folder.glob(f"*{ENDING}")}
    # A file of a trial that the store does not hold may be another store's, or not ours at all.
    orphans = store.has(files) - _asked_ids(store, records) - store.claimed(files).keys()
    return [files[trial_id] for trial_id in sorted(orphans)]
