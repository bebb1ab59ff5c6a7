"""Studies of one name in one store, which has one row for them: nobody is told of the wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepladder.errors import StepladderError, StoreError
from stepladder.runner.folder import STUDY_NAME, write_study
from stepladder.runner.progress import Progress
from stepladder.store import Store, StudyRecord
from stepladder.study import Study

__all__ = ["check_own", "replaced", "take_row"]

_SHOWN = 5


def replaced(there: Study | None, study: Study, folder: Path) -> str:
    """What is to be said before a study takes the row of another.

    Nothing where that is its own, declared anew, unless its design is another one.

    Args:
        there: the study of that row.
        study: what is run.
        folder: of the run; what it was run as before may be declared anew.
    """
    differences = _differences(there, study) if there is not None else []
    if there is None or not differences:
        return ""
    if _is_of(folder, there):
        if there.design == study.design:
            return ""
        return (
            f"{folder} held the {there.design} of this study and shows its {study.design} from now "
            "on; what was trained is used again. To keep both, give one a folder of its own, such "
            f"as --out {folder}-{study.design}"
        )
    return (
        f"the store held another study named {study.name!r} ({', '.join(differences)} differ), "
        "whose place this one takes: its trials stay, its own folder can no longer be read from "
        "there. To keep both, give one another name, such as --set name=NAME"
    )


def take_row(store: Store, record: StudyRecord, folder: Path, told: Progress) -> None:
    """Writes a study into its folder and its store, and tells whose place it takes there.

    Raises:
        OutputError: if the folder cannot be written.
        StoreError: if the store cannot.
    """
    study = record.study
    before = store.study(study.name)
    said = replaced(before.study if before else None, study, folder)
    write_study(folder, study)
    store.put_study(record)
    if said:
        told.note(said)


def check_own(store: Store, study: Study, folder: Path) -> None:
    """Makes sure that a store's row of that name is the study that a run's folder declares.

    Raises:
        StoreError: if it is another's, or cannot be read.
    """
    record = store.study(study.name)
    differences = _differences(record.study, study) if record is not None else []
    if differences:
        raise StoreError(
            f"the store must hold the study of {str(folder)!r}, found another one named "
            f"{study.name!r} ({', '.join(differences)} differ), which was run after it; run "
            f"`stepladder run {folder / STUDY_NAME}` with the same --out and --store again, which "
            "trains nothing that is stored, under another name (--set name=NAME) to keep both"
        )


def _is_of(folder: Path, study: Study) -> bool:
    try:
        return not _differences(Study.load(folder / STUDY_NAME), study)
    except StepladderError:
        return False


def _differences(one: Study, other: Study) -> list[str]:
    """Keys that differ, a few of them; where the data lie is no matter."""
    ours, theirs = (_plain(each) for each in (one, other))
    keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    return [*keys[:_SHOWN], *([f"{len(keys) - _SHOWN} more"] if len(keys) > _SHOWN else [])]


def _plain(study: Study) -> dict[str, Any]:
    values = study.model_dump(mode="json", by_alias=True, exclude={"dataset"})
    base = values.pop("base")
    return {**values, **{f"base.{key}": value for key, value in base.items()}}
