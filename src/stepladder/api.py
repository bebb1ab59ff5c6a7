"""Running studies from Python: what the command line does, as one function."""

from __future__ import annotations

import re
from pathlib import Path

from stepladder.environment import settings
from stepladder.errors import InputError, OutputError, RunError
from stepladder.made import Reproduced, Run, SearchRun
from stepladder.places import usable
from stepladder.published import PublishedTable
from stepladder.report.notebook import for_notebook
from stepladder.runner.folder import STORE_NAME, STUDY_NAME, run_folder, search_again
from stepladder.runner.namesakes import check_own
from stepladder.runner.progress import Planned, Progress
from stepladder.runner.reproduced import reproduction
from stepladder.runner.settings import AxisChoice, EngineChoice
from stepladder.runner.stored import judge_stored, results_of
from stepladder.runner.study_run import plan_study, run_study
from stepladder.store import open_store
from stepladder.study import Study

__all__ = [
    "Reproduced",
    "Run",
    "SearchRun",
    "default_folder",
    "plan",
    "plan_search",
    "read",
    "reproduce",
    "run",
    "search",
]

_MOST_BYTES = 200
"""Of a default folder's name: file systems take 255."""


def run(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    engine: EngineChoice = "auto",
    axis: AxisChoice = "auto",
    chunk: int | None = None,
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
        axis: how replicates are put together: `one` by one, by `lax.map` or by `vmap`; `auto`
            measures where that can pay.
        chunk: replicates that are put together at a time.
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
        settings(workers, engine, axis, chunk),
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
    axis: AxisChoice = "auto",
    chunk: int | None = None,
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
        axis: how replicates are put together.
        chunk: replicates that are put together at a time.
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
        settings(workers, engine, axis, chunk),
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
    axis: AxisChoice = "auto",
    chunk: int | None = None,
    lint: bool = True,
) -> Planned:
    """What `run` would train and about how long that would take; nothing is written.

    Takes and raises what `run` does; `lint` says whether the study's comparisons are looked at.
    """
    asked, folder = _placed(study, out)
    return plan_study(asked, folder, settings(workers, engine, axis, chunk), store=store, lint=lint)


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
    from stepladder.searcher.search_run import search_study

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
) -> Planned:
    """What `search` would train, as far as that is known before; nothing is written.

    Takes and raises what `search` does.
    """
    from stepladder.searcher.foreseen import plan_search as planned

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
    return asked, usable(out, "--out") if out is not None else default_folder(asked)


def default_folder(study: Study) -> Path:
    """`runs/` and the study's name, with nothing in it that a file system would mind."""
    plain = re.sub(r"[^\w.-]+", "-", study.name).strip(".-")[:100]
    plain = plain.encode()[:_MOST_BYTES].decode(errors="ignore")
    return Path("runs") / (plain or "study")
