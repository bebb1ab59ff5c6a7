"""The functions of the package: run, search, reproduce, read, export, predict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepladder.errors import InputError, OutputError, RunError
from stepladder.execution.machine import EngineChoice, model_environment, settings
from stepladder.execution.progress import Progress, QuietProgress, RunAnnouncement
from stepladder.files import atomic_write, validate_path
from stepladder.report.dataframe import Kind
from stepladder.report.html import write_report, write_search
from stepladder.report.json import as_json
from stepladder.report.notebook import for_notebook
from stepladder.runs.folder import (
    RESULTS_NAME,
    SEARCH_NAME,
    STORE_NAME,
    STUDY_NAME,
    check_own,
    run_folder,
    search_again,
)
from stepladder.runs.reproduction import Reproduction, reproduction
from stepladder.runs.results import Results
from stepladder.runs.run import plan_study, run_study
from stepladder.runs.stored import judge_stored, results_of
from stepladder.store import open_store
from stepladder.store.base import StudyRecord
from stepladder.study.published import PublishedTable
from stepladder.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from stepladder.deployment.export import Exported
    from stepladder.deployment.predict import Predictions
    from stepladder.hpo.results import SearchResult
    from stepladder.study.recipe import Recipe


def export(
    run: str | Path,
    arm: str | None = None,
    *,
    to: str | Path,
    ensemble: bool = False,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
) -> Exported:
    """Writes an arm's best replicate as one Keras model, with its card beside it.

    The model takes raw inputs, as the data has them, and gives probabilities; it needs Keras
    alone. The card has the model's name and ends in .md.

    Args:
        run: the folder of a run, or of a search.
        arm: name of the arm; the winner of a search, or the only arm, when None.
        to: the model's file, ending in .keras.
        ensemble: whether all replicates become one model, which averages their probabilities.
        store: URL of the run's store where that is not in its folder.
        progress: is told how it goes.
        allow_code: whether the model file that the study may name is run, with your rights.

    Raises:
        InputError: if there is no such run or arm, or it cannot be exported.
        RunError: if a replicate had to be trained again and failed, or the model does not answer
            as the engine did; nothing was written.
    """
    file = validate_path(to, "--to")
    from stepladder.deployment.card import as_markdown
    from stepladder.deployment.export import check_target, export_model

    check_target(file)
    folder = run_folder(run)
    study = Study.load(folder / STUDY_NAME)
    with open_store(store or str(folder / STORE_NAME), create=False) as kept:
        check_own(kept, study, folder)
        record = kept.study(study.name)
        if record is None:
            raise InputError(
                f"the store of {str(folder)!r} must hold the study {study.name!r}, found no such "
                "study; run it first"
            )
        made = export_model(
            folder, record, kept, arm, file,
            is_ensemble=ensemble,
            settings=settings(engine=_engine(record)),
            environment=model_environment(),
            progress=progress or QuietProgress(),
            allow_code=allow_code,
        )  # fmt: skip
    atomic_write(made.file.with_suffix(".md"), as_markdown(made).encode())
    return made


def _engine(record: StudyRecord) -> EngineChoice:
    return "fit" if record.versions.get("engine", "").startswith("fit") else "population"


def predict(
    model: str | Path, images: Sequence[str | Path], *, as_it_is: bool = False
) -> Predictions:
    """What a model answers to pictures (PNG, JPEG) and arrays (.npy, .npz).

    Pictures are framed as the images of the training set are: what is drawn on them is told from
    its background, fitted into the box and put into the middle. Arrays are taken as they are.

    Args:
        model: a `.keras` file.
        images: the files.
        as_it_is: whether pictures are only resized.

    Raises:
        InputError: if the model or a file cannot be read, or they do not fit each other.
    """
    sources = [validate_path(each, "IMAGE") for each in images]
    from stepladder.deployment.predict import predict_files

    return predict_files(
        validate_path(model, "MODEL"), sources, model_environment(), as_it_is=as_it_is
    )


@dataclass(frozen=True)
class Run:
    """A study that has been run.

    Attributes:
        results: every arm judged.
        folder: where its study, store, report and figures lie.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    results: Results
    folder: Path
    trained: int
    found: int

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.terminal import as_text

        return as_text(self.results)

    def to_json(self) -> str:
        """The results as JSON, as `stepladder results --format json` prints them."""
        return as_json(self.results)

    def to_frame(self, kind: Kind = "trials") -> pd.DataFrame:
        """The results as a pandas frame; pandas must be installed.

        Args:
            kind: `trials` (a row a finished trial), `arms` (a row an arm, with effect and
                verdict) or `epochs` (a row an epoch of each trial).

        Raises:
            InputError: if pandas is not installed, or there is no such kind.
        """
        from stepladder.report.dataframe import to_frame

        return to_frame(self.results, kind)

    def _repr_html_(self) -> str:
        """The table and the curves, as Jupyter shows a run by itself."""
        from stepladder.report.notebook import as_notebook_html

        return as_notebook_html(self.results)

    def report(self) -> Path:
        """Draws the report and its figures beside the results; returns the report's path.

        Raises:
            OutputError: if they cannot be written.
        """
        write_report(self.results, self.folder)
        atomic_write(self.folder / RESULTS_NAME, self.to_json().encode())
        return self.folder / "report.html"

    @property
    def is_reported(self) -> bool:
        """Whether the folder holds the report of these very results."""
        return _is_reported(self.folder, RESULTS_NAME, self.to_json())


def _is_reported(folder: Path, name: str, results: str) -> bool:
    """Whether a folder holds a report and these results, which are written after it."""
    try:
        written = (folder / name).read_text("utf-8")
    except (OSError, ValueError):
        return False
    return written == results and (folder / "report.html").exists()


@dataclass(frozen=True)
class Reproduced:
    """A published table that was run under its protocol.

    Attributes:
        judged: every row, with the readings that it may stand for.
        folder: where the study of its readings lies, with its store.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    judged: Reproduction
    folder: Path
    trained: int
    found: int

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.reproduction import as_text

        return as_text(self.judged)

    def to_json(self) -> str:
        """What the table came to as JSON, as `stepladder reproduce --format json` prints it."""
        return self._as("json")

    def to_markdown(self) -> str:
        """The same as Markdown."""
        return self._as("markdown")

    def _as(self, form: str) -> str:
        from stepladder.report.reproduction import FORMATS

        return FORMATS[form](self.judged)


@dataclass(frozen=True)
class SearchRun:
    """A search that has been run.

    Attributes:
        found: its candidates, the best, and how sure that is.
        folder: where its study, store, report, Optuna's journal and `search.json` lie.
    """

    found: SearchResult
    folder: Path

    @property
    def recipe(self) -> Recipe:
        """The best recipe."""
        return self.found.winner.recipe

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.search import as_text

        return as_text(self.found)

    def to_json(self) -> str:
        """What was found as JSON, as `stepladder search --format json` prints it."""
        from stepladder.report.json import search_as_json

        return search_as_json(self.found)

    def report(self) -> Path:
        """Draws the report and its figures beside what was found; returns the report's path.

        Raises:
            OutputError: if they cannot be written.
        """
        write_search(self.found, self.folder)
        atomic_write(self.folder / SEARCH_NAME, self.to_json().encode())
        return self.folder / "report.html"

    @property
    def is_reported(self) -> bool:
        """Whether the folder holds the report of this very search."""
        return _is_reported(self.folder, SEARCH_NAME, self.to_json())


_MOST_BYTES = 200
"""Of a default folder's name: file systems take 255."""


def run(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    allow_code: bool = False,
) -> Run:
    """Trains what a study lacks, judges it and draws its report.

    Trials that the store holds are not trained again: the same call goes on with an
    interrupted study, and costs nothing once all is there.

    Args:
        study: a study, the name of a built-in one, or a study file.
        out: folder of the run; `runs/` and the study's name when None.
        store: URL of the store; an SQLite file in the folder when None.
        workers: training processes; one for each core when None.
        engine: `population` (JAX, many trials at once), `fit` (`keras.Model.fit`), or `auto`.
        progress: is told how it goes; in Jupyter the running cell when None.
        allow_code: whether the model file that a study may name is run, with your rights.

    Raises:
        InputError: if the study, its data, its model, the folder or the store will not do;
            nothing was trained and nothing stored was touched.
        RunError: if a training failed or the report cannot be written; what was finished is
            stored.
    """
    asked, folder = _placed(study, out)
    finished = run_study(
        asked,
        folder,
        settings(workers, engine),
        store=store,
        progress=progress or for_notebook(),
        allow_code=allow_code,
    )
    made = Run(finished.results, folder, finished.trained, finished.found)
    try:
        if not made.is_reported:
            made.report()
    except OutputError as error:  # what was asked for could be done, and most of it was
        raise RunError(
            f"{error}. Every trial is stored; the same command draws the report again"
        ) from error
    return made


def reproduce(
    table: PublishedTable | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    train: bool = True,
) -> Reproduced:
    """Runs a published table under its protocol and judges each of its rows.

    Every reading of a row is trained as an arm of one study, so what is stored is not trained
    again, and `read` and `stepladder report` know its folder.

    Args:
        table: a table, the name of a built-in one, or a file.
        out: as for `run`, like all that follow.
        store: URL of the store.
        workers: training processes.
        engine: what trains.
        progress: is told how it goes.
        train: whether what is missing is trained; without, what is stored so far is judged.

    Raises:
        InputError: if the table, its data, the folder or the store will not do; nothing was
            trained and nothing stored was touched.
        RunError: if a training failed; what was finished is stored.
    """
    asked = table if isinstance(table, PublishedTable) else PublishedTable.load(table)
    study, folder = _placed(asked.study, out)
    if not train:
        here = settings(workers, engine)
        results = judge_stored(study, folder, here, "reproduce", store=store)
        return Reproduced(reproduction(asked, results), folder, 0, sum(a.n for a in results.arms))
    finished = run_study(
        study,
        folder,
        settings(workers, engine),
        store=store,
        progress=progress,
        lint=False,
    )
    judged = reproduction(asked, finished.results)
    return Reproduced(judged, folder, finished.trained, finished.found)


def plan(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    engine: EngineChoice = "auto",
    lint: bool = True,
) -> RunAnnouncement:
    """What `run` would train and about how long that would take; nothing is written.

    Takes and raises what `run` does; `lint` says whether the study's comparisons are looked at.
    """
    asked, folder = _placed(study, out)
    return plan_study(asked, folder, settings(workers, engine), store=store, lint=lint)


def search(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    allow_code: bool = False,
    final: bool = False,
) -> SearchRun:
    """Searches a study's space and retrains the best on replicates that the search never saw.

    Trials that the store holds are not trained again: the same call goes on with an interrupted
    search, and costs next to nothing once all is there. The search reads validation figures
    alone.

    Args:
        study: a study with a search, the name of a built-in one, or a study file.
        out: folder of the search; `runs/` and the study's name when None.
        store: URL of the store; an SQLite file in the folder when None.
        workers: training processes; one for each core when None.
        engine: `population` (JAX, many trials at once), `fit` (`keras.Model.fit`), or `auto`.
        progress: is told how it goes.
        allow_code: whether the model file that the study may name is run, with your rights.
        final: whether to look at the best one's test figures; the look is logged.

    Raises:
        InputError: if the study, its search, its data, its model, the folder or the store will
            not do; nothing was trained.
        RunError: if a training failed, or the best one diverged on every fresh replicate.
    """
    from stepladder.hpo.search import search_study

    asked, folder = _placed(study, out)
    found = search_study(
        asked,
        folder,
        settings(workers, engine),
        store=store,
        progress=progress,
        allow_code=allow_code,
        final=final,
    )
    made = SearchRun(found, folder)
    try:
        if not made.is_reported:
            made.report()
    except OutputError as error:
        raise RunError(
            f"{error}. Every trial is stored; the same command draws the report again"
        ) from error
    return made


def plan_search(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    engine: EngineChoice = "auto",
) -> RunAnnouncement:
    """What `search` would train, as far as that is known before; nothing is written.

    Takes and raises what `search` does.
    """
    from stepladder.hpo.plan import plan_search as planned

    asked, folder = _placed(study, out)
    return planned(asked, folder, settings(workers, engine), store=store)


def read(
    folder: str | Path, *, store: str | None = None, command: str = "results", curves: bool = True
) -> Run:
    """A run that was made before, complete or so far.

    Args:
        folder: of the run.
        store: URL of its store where that is not in the folder.
        command: what asks, for the log of looks.
        curves: whether the epochs are read too: a report needs them, a table does not.

    Raises:
        OutputError: if there is no run in the folder.
        InputError: if it is the folder of a search, which has another result.
        StoreError: if its store cannot be read.
    """
    place = run_folder(folder)
    study = Study.load(place / STUDY_NAME)
    url = store or str(place / STORE_NAME)
    with open_store(url, create=False) as kept:
        check_own(kept, study, place)
        results = results_of(kept, study.name, command, curves, place)
    if study.search is not None and not any(arm.n for arm in results.arms):
        again = search_again(place, study, store, results.versions.get("engine", ""))
        raise InputError(
            f"RUN must be the folder of a study that was run, found that of a search: "
            f"{str(place)!r}; `{again}` prints what it found, and trains "
            "nothing that is stored"
        )
    return Run(results, place, 0, sum(arm.n for arm in results.arms))


def _placed(study: Study | str | Path, out: str | Path | None) -> tuple[Study, Path]:
    """A study, loaded if need be, and the folder of its run."""
    asked = study if isinstance(study, Study) else Study.load(study)
    return asked, validate_path(out, "--out") if out is not None else default_folder(asked)


def default_folder(study: Study) -> Path:
    """`runs/` and the study's name, with nothing in it that a file system would mind."""
    plain = re.sub(r"[^\w.-]+", "-", study.name).strip(".-")[:100]
    plain = plain.encode()[:_MOST_BYTES].decode(errors="ignore")
    return Path("runs") / (plain or "study")
