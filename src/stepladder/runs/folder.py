"""The run folder, and studies of one name."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from stepladder.errors import OutputError, StepladderError, StoreError
from stepladder.execution.progress import Progress
from stepladder.files import atomic_write, remove_partial_files, validate_path, without_password
from stepladder.store import Store, StudyRecord
from stepladder.study.loading import BUILT_IN_DATASETS
from stepladder.study.recipe import Recipe
from stepladder.study.search import Search
from stepladder.study.search_space import Params, recipe_of
from stepladder.study.study import CsvDataset, Study

RESULTS_NAME = "results.json"
CHECKPOINTS_NAME = "checkpoints"
SEARCH_NAME = "search.json"
STUDY_NAME = "study.toml"
REPORT_NAME = "report.html"
STORE_NAME = "stepladder.db"
WEIGHTS_NAME = "weights"


def run_folder(folder: str | Path) -> Path:
    """The folder of a run that was made before.

    Raises:
        InputError: if there can be no such path.
        OutputError: if there is no such folder.
    """
    place = validate_path(folder, "RUN")
    if not place.is_dir():
        raise OutputError(
            f"RUN must be the folder of a run, such as runs/mnist, found no folder {str(place)!r}; "
            "run a study first, or name its --out folder"
        )
    return place


def check(folder: Path, study: Study) -> None:
    """Makes the folder if need be and makes sure that it can hold this study.

    Raises:
        OutputError: if it cannot be made or written, or holds another study.
    """
    check_holds(folder, study)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for place in (folder, folder / "figures", folder / CHECKPOINTS_NAME, folder / WEIGHTS_NAME):
            remove_partial_files(place)
    except OSError as error:
        raise OutputError(
            f"the output folder {folder} must be writable, found: {error.strerror}; choose "
            "another folder with --out"
        ) from None


def check_holds(folder: Path, study: Study) -> None:
    """Makes sure that a folder, should it exist, is not that of another study.

    Raises:
        OutputError: if it is, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"--out must be a folder, found a file at {folder}; choose another name")
    there = _study_name(folder / STUDY_NAME)
    if there is not None and there != study.name:
        raise OutputError(
            f"the output folder {folder} must be empty or hold the study {study.name!r}, found "
            f"the study {there!r}; choose another folder with --out"
        )


def _study_name(file: Path) -> str | None:
    try:
        return str(tomllib.loads(file.read_text("utf-8")).get("name", ""))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    except (OSError, ValueError):
        return f"an unreadable {STUDY_NAME}"


def write_study(folder: Path, study: Study) -> None:
    """Writes the study's file into its folder, in one move, with data named from anywhere.

    Raises:
        OutputError: if it cannot be written.
    """
    atomic_write(folder / STUDY_NAME, _rooted(study).to_toml().encode())


def _rooted(study: Study) -> Study:
    """A study whose data are not named relative to the working folder."""
    data = study.dataset
    if isinstance(data, CsvDataset):
        return study.changed({"dataset": data.changed({"csv": os.path.abspath(data.csv)})})
    return study if data in BUILT_IN_DATASETS else study.changed({"dataset": os.path.abspath(data)})


def finished_search(folder: Path, study: Study) -> Path | None:
    """What a study's search has left in its folder; None where it is not finished.

    What another search left there, of more candidates or another base for example, is not this
    one's. A file that cannot be read is given all the same: whoever reads it says what is wrong.
    """
    file = folder / SEARCH_NAME
    if study.search is None:
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
        asked = Search(**found["search"]), found["seed"]
        params, recipe = found["best"]["params"], Recipe(**found["best"]["recipe"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return file
    is_own = asked == (study.search, study.seed) and recipe == _made(params, study)
    return file if is_own else None


def _made(params: Params, study: Study) -> Recipe | None:
    """The recipe that a winner's values make of the study's base; None where they make none."""
    assert study.search is not None
    try:
        return recipe_of(params, study.search.space, study.base)
    except (ValueError, KeyError):
        return None


def search_again(folder: Path, study: Study, store: str | None = None, engine: str = "") -> str:
    """The command that goes on with the search of a folder, a store's password struck out.

    Args:
        folder: of the search.
        study: that it declares.
        store: where its trials are, if not in the folder.
        engine: as trials record it, where that is known.
    """
    before, options = around(study, engine)
    words = ["stepladder", "search", str(folder / STUDY_NAME), "--out", str(folder)]
    words += ["--store", without_password(store)] if store else []
    return shlex.join([*before, *words, *options])


def around(study: Study, engine: str) -> tuple[list[str], list[str]]:
    """What a command that repeats a study needs before it and behind it: a variable, options."""
    kind, _, backend = engine.partition("/")
    before = [f"KERAS_BACKEND={backend}"] if backend else []
    options = ["--engine", "fit"] if kind == "fit" else []
    return before, options + ([] if study.model is None else ["--allow-code"])


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
