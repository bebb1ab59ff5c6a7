"""The run folder, and studies of one name."""

import json
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from stepladder.data import load
from stepladder.data.cache import store_dataset
from stepladder.errors import InputError, NoStoreError, OutputError, StepladderError, StoreError
from stepladder.execution.progress import Progress
from stepladder.files import (
    atomic_write,
    load_json,
    parse_toml,
    read_bounded,
    remove_partial_files,
    validate_path,
    without_password,
)
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study.loading import BUILT_IN_DATASETS, study_name
from stepladder.study.params import config_from
from stepladder.study.search import Search
from stepladder.study.search_space import config_of
from stepladder.study.sources import ArraysDataset, DatasetSource, is_set_name
from stepladder.study.study import Study

RESULTS_NAME = "results.json"
CHECKPOINTS_NAME = "checkpoints"
SEARCH_NAME = "search.json"
STUDY_NAME = "study.toml"
REPORT_NAME = "report.html"
STORE_NAME = "stepladder.db"
STORE_ADDRESS_NAME = "store.json"
WEIGHTS_NAME = "weights"
DATA_NAME = "data"
OUTPUT_NAME = "output"
RUNS = Path("runs")


def run_folder(folder: str | Path) -> Path:
    """The folder of a run that exists.

    Raises:
        InputError: if there can be no such path.
        OutputError: if there is no run in it.
    """
    place = validate_path(folder, "RUN")
    if os.path.isfile(place / STUDY_NAME):
        return place
    found = f"a folder without {STUDY_NAME}," if place.is_dir() else "no folder"
    study = study_name(place) if place.is_file() else None
    if study is not None and not is_run(place.parent):
        found, near = "the file of a study,", [run for run in (RUNS / study,) if is_run(run)]
        advice = f"`stepladder run {shlex.quote(str(place))}` makes its run"
    else:
        near = [near for near in (RUNS / place, place.parent) if is_run(near)] or runs_below(place)
        advice = "run a study first, or name its --out folder"
    names = " or ".join(repr(str(run)) for run in near[:_SHOWN])
    advice = f"did you mean {names}?" if near else advice
    raise OutputError(
        f"RUN must be the folder of a run, such as runs/mnist, found {found} {str(place)!r}; "
        f"{advice}"
    )


def is_run(folder: str | Path) -> bool:
    """Whether a folder is that of a run, and not just one with a study file of the user."""
    names = (STORE_NAME, STORE_ADDRESS_NAME, RESULTS_NAME, SEARCH_NAME)
    has_study = os.path.isfile(Path(folder) / STUDY_NAME)
    return has_study and any(os.path.exists(Path(folder) / name) for name in names)


def runs_below(folder: Path = RUNS) -> list[Path]:
    """The runs in a folder, the one that was run last first; none where it cannot be read."""
    try:
        runs = [(os.stat(path / STUDY_NAME).st_mtime, path) for path in folder.iterdir()
                if is_run(path)]  # fmt: skip
    except OSError:
        return []
    return [path for _, path in sorted(runs, reverse=True)]


def store_of(folder: Path, store: str | None = None) -> str:
    """The address of a run's store.

    Args:
        folder: of the run.
        store: as the user names it; when None, what `--store` was for the last run, else an
            SQLite file in the folder.

    Raises:
        StoreError: if the folder's file that says so cannot be read.
    """
    if store is not None:
        return store
    file = folder / STORE_ADDRESS_NAME
    try:
        address = load_json(file)
        if "url" in address:
            return str(address["url"])
        # Relative first: then a project can be moved, or copied, as a whole.
        near = os.path.normpath(os.path.join(os.path.realpath(folder), address["relative"]))
        return near if os.path.exists(near) else str(address["path"])
    except (FileNotFoundError, NotADirectoryError):
        return str(folder / STORE_NAME)
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = getattr(error, "strerror", None) or "something else"
        raise StoreError(
            f"{str(file)!r} must say where the trials of this run are, found: {found}; "
            "remove it and name the store with --store URL"
        ) from None


def remember_store(folder: Path, store: str) -> None:
    """Writes down which store a run used, without a password, where it is not in its folder.

    Raises:
        OutputError: if it cannot be written.
    """
    from stepladder.store.connection import parse  # SQLAlchemy: not to list or read runs

    file, address = folder / STORE_ADDRESS_NAME, parse(store)
    place = os.path.realpath(folder)
    if address.path is not None and str(address.path) != os.path.join(place, STORE_NAME):
        known = {"relative": os.path.relpath(address.path, place), "path": str(address.path)}
    elif address.is_sqlite:  # in the folder, or in memory
        file.unlink(missing_ok=True)
        return
    else:
        known = {"url": address.without_password}
    atomic_write(file, json.dumps(known).encode())


@contextmanager
def open_run(
    folder: Path, store: str | None = None, writes: bool = True
) -> Iterator[tuple[Store, StudyRecord]]:
    """The store of a run's folder, and its row of the study that the folder declares.

    Args:
        folder: of the run.
        store: URL of the store; as for `store_of` when None.
        writes: as for `open_store`.

    Raises:
        InputError: if the study's file cannot be read.
        StoreError: if the store cannot be read, or does not hold this very study.
    """
    study = Study.load(folder / STUDY_NAME)
    check_one_dataset(study, folder)
    with _open_known(folder, store, writes) as opened:
        check_own(opened, study, folder)
        record = opened.study(study.name)
        if record is None:
            raise StoreError(
                f"the store of {str(folder)!r} must hold the study {study.name!r}, found no such "
                "study; run it first"
            )
        yield opened, record


def check_one_dataset(study: Study, folder: Path) -> None:
    """Makes sure that the study of a folder is on one data set.

    Raises:
        InputError: if it is on several, with the folder of one of them.
    """
    if study.datasets:
        raise InputError(
            f"RUN must be the folder of a study on one data set, found one on {len(study.datasets)}"
            f": {str(folder)!r}; name that of one of them, such as "
            f"{str(folder / next(iter(study.by_dataset)))!r}"
        )


def _open_known(folder: Path, store: str | None, writes: bool) -> Store:
    try:
        return open_store(store_of(folder, store), create=False, writes=writes)
    except NoStoreError as error:
        if store is not None:
            raise
        raise NoStoreError(
            f"{error}. If the run of {str(folder)!r} used another store, name that with --store URL"
        ) from None


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
    try:
        name = str(parse_toml(read_bounded(folder / STUDY_NAME).decode()).get("name", ""))
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError):
        name = f"an unreadable {STUDY_NAME}"
    if name != study.name:
        raise OutputError(
            f"the output folder {folder} must be empty or hold the study {study.name!r}, found "
            f"the study {name!r}; choose another folder with --out"
        )


def write_study(folder: Path, study: Study) -> None:
    """Writes the study's file into its folder, with absolute paths of its data.

    Raises:
        OutputError: if it cannot be written.
    """
    if study.datasets:
        several = tuple(_absolute(one, folder) for one in study.datasets)
        study = study.changed({"datasets": several, "dataset": several[0]})
    elif study.dataset is not None:
        study = study.changed({"dataset": _absolute(study.dataset, folder)})
    atomic_write(folder / STUDY_NAME, study.to_toml().encode())


def keep_data(folder: Path, study: Study) -> Study:
    """The study, with data that were given from Python written into its folder.

    Then it can be resumed and read without the program that gave them.

    Args:
        folder: of the run; data of several sets go into the folder of each.
        study: what is run.

    Raises:
        DataError: if the data are nowhere any more.
        OutputError: if they cannot be written.
    """
    if study.datasets:
        several = tuple(_keep(folder / name, source) for name, source in
                        zip(study.by_dataset, study.datasets, strict=True))  # fmt: skip
        if several != study.datasets:
            return study.changed({"datasets": several, "dataset": several[0]})
    elif study.dataset is not None and (kept := _keep(folder, study.dataset)) != study.dataset:
        return study.changed({"dataset": kept})
    return study


def _keep(folder: Path, source: DatasetSource) -> DatasetSource:
    place = os.path.abspath(folder / DATA_NAME)
    if not isinstance(source, ArraysDataset) or source.folder == place:
        return source
    try:
        store_dataset(load(source), Path(place), is_cache=False)
    except OSError as error:
        raise OutputError(
            f"the output folder {folder} must take the data that were given from Python, found: "
            f"{error.strerror or error}; choose another folder with --out"
        ) from None
    return source.changed({"folder": place})


def _absolute(data: DatasetSource, folder: Path) -> DatasetSource:
    """A dataset with an absolute path; of data in the run's folder the way to it from there."""
    if isinstance(data, ArraysDataset):  # then a run can be moved
        return data.with_files(partial(os.path.relpath, start=folder))
    if isinstance(data, str):
        is_name = data in BUILT_IN_DATASETS or is_set_name(data)
        return data if is_name else os.path.abspath(data)
    return data.with_files(os.path.abspath)


def finished_search(folder: Path, study: Study) -> Path | None:
    """The results of a study's search in its folder; None where it is not finished.

    Results of another search, of more candidates or another base for example, do not count. A
    file that cannot be read counts: whoever reads it says what is wrong.
    """
    file = folder / SEARCH_NAME
    if study.search is None:
        return None
    try:
        written = load_json(file)
        asked = Search(**written["search"]), written["seed"]
        params, recipe = written["best"]["params"], config_from(written["best"]["recipe"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return file
    if asked != (study.search, study.seed):
        return None
    try:
        return file if recipe == config_of(params, study.search.space, study.base) else None
    except (ValueError, KeyError):  # the values of the winner are not possible in this base
        return None


def search_again(folder: Path, study: Study, store: str | None = None, engine: str = "") -> str:
    """The command that resumes the search of a folder, without a store's password.

    Args:
        folder: of the search.
        study: that it declares.
        store: where its trials are, if not in the folder.
        engine: as trials record it, where that is known.
    """
    before, options = command_parts(study, engine)
    # Code of a training of the user's own lies beside the study file, not in the folder.
    file = str(folder / STUDY_NAME) if study.trainer is None else "STUDY"
    words = ["stepladder", "search", file, "--out", str(folder)]
    words += ["--store", without_password(store)] if store else []
    return shlex.join([*before, *words, *options])


def command_parts(study: Study, engine: str) -> tuple[list[str], list[str]]:
    """What a command that repeats a study needs before and after it: a variable, options."""
    kind, _, backend = engine.partition("/")
    before = [f"KERAS_BACKEND={backend}"] if backend else []
    options = ["--engine", "fit"] if kind == "fit" else []
    has_code = bool(study.model_files) or study.trainer is not None
    return before, options + (["--allow-code"] if has_code else [])


def replacement_note(there: Study | None, study: Study, folder: Path) -> str:
    """What to note before a study takes the row of another; nothing where that is its own."""
    differences = _differences(there, study) if there is not None else []
    if there is None or not differences:
        return ""
    try:
        is_own = not _differences(Study.load(folder / STUDY_NAME), there)
    except StepladderError:
        is_own = False
    if is_own and there.design == study.design:
        return ""
    if is_own:
        return (
            f"{folder} held the {there.design} of this study and shows its {study.design} from now "
            "on; trained trials are used again. To keep both, use another folder for one, such "
            f"as --out {folder}-{study.design}"
        )
    return (
        f"the store held another study named {study.name!r} ({', '.join(differences)} differ), "
        "which this one replaces: its trials stay, but its own folder can no longer be read from "
        "there. To keep both, give one another name, such as --set name=NAME"
    )


def take_row(store: Store, record: StudyRecord, folder: Path, progress: Progress) -> None:
    """Writes a study into its folder and its store, and notes which study it replaces there.

    Raises:
        OutputError: if the folder cannot be written.
        StoreError: if the store cannot.
    """
    before = store.study(record.study.name)
    note = replacement_note(before.study if before else None, record.study, folder)
    write_study(folder, record.study)
    store.put_study(record)
    if note:
        progress.note(note)


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
            "trains no stored trial, under another name (--set name=NAME) to keep both"
        )


_SHOWN = 5


def _differences(one: Study, other: Study) -> list[str]:
    """Keys that differ, a few of them; where the data lie does not matter."""
    ours, theirs = _plain(one), _plain(other)
    keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    return [*keys[:_SHOWN], *([f"{len(keys) - _SHOWN} more"] if len(keys) > _SHOWN else [])]


def _plain(study: Study) -> dict[str, Any]:
    values = study.model_dump(mode="json", by_alias=True, exclude={"dataset", "datasets"})
    base = values.pop("base")
    return {**values, **{f"base.{key}": value for key, value in base.items()}}
