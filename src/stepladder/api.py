"""The functions of the package: run, search, reproduce, read, export, predict."""

from __future__ import annotations

import concurrent.futures
import inspect
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from stepladder.errors import InputError, OutputError, RunError, StudyError
from stepladder.execution.base import Executor
from stepladder.execution.machine import (
    EngineChoice,
    Settings,
    UserEngine,
    model_environment,
    settings,
    user_settings,
    with_executor,
)
from stepladder.execution.progress import Progress, QuietProgress, RunAnnouncement
from stepladder.files import atomic_write, validate_path
from stepladder.report.dataframe import Kind
from stepladder.report.html import write_plots, write_report, write_search
from stepladder.report.json import as_json
from stepladder.report.notebook import for_notebook
from stepladder.report.wording import failures_text
from stepladder.runs.datasets import check_datasets, judge_results, prepare_datasets
from stepladder.runs.folder import (
    REPORT_NAME,
    RESULTS_NAME,
    SEARCH_NAME,
    STUDY_NAME,
    is_run,
    open_run,
    run_folder,
    search_again,
    store_of,
)
from stepladder.runs.reproduction import Reproduction, reproduction
from stepladder.runs.results import Results
from stepladder.runs.run import plan_study, run_study
from stepladder.runs.stored import judge_stored, results_of
from stepladder.runs.variance import StudyVariance, study_variance
from stepladder.store import open_store
from stepladder.study.metrics import Direction, check_direction, find_metric
from stepladder.study.published import PublishedTable
from stepladder.study.schema import nearest
from stepladder.study.study import Study
from stepladder.training.function import TrialFailure

if TYPE_CHECKING:
    import pandas as pd

    from stepladder.deployment.export import Exported
    from stepladder.deployment.predict import Predictions
    from stepladder.hpo.results import SearchResult
    from stepladder.report.datasets import DatasetsResults
    from stepladder.statistics.datasets import OverDatasets
    from stepladder.statistics.results import Effect
    from stepladder.statistics.scores import JudgedDatasets, JudgedScores
    from stepladder.study.designs import Design
    from stepladder.study.params import Config
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
    """Writes an arm's best replicate as one Keras model, with its card next to it.

    The model takes raw inputs, as the data has them, and gives probabilities; it needs only
    Keras. The card has the model's name and ends in .md.

    Args:
        run: the folder of a run, or of a search.
        arm: name of the arm; the winner of a search, or the only arm, when None.
        to: the model's file, ending in .keras.
        ensemble: whether all replicates become one model, which averages their probabilities.
        store: URL of the run's store where that is not in its folder.
        progress: shows how it goes.
        allow_code: whether the model file that the study may name is run, with your rights.

    Raises:
        InputError: if there is no such run or arm, or it cannot be exported.
        RunError: if a replicate had to be trained again and failed, or the model does not answer
            as the engine did; nothing was written.

    Example:
        >>> export("runs/mnist", "+ ReLU", to="relu.keras").file  # doctest: +SKIP
        PosixPath('relu.keras')
    """
    file = validate_path(to, "--to")
    from stepladder.deployment.card import as_markdown
    from stepladder.deployment.export import check_target, export_model

    check_target(file)
    folder = run_folder(run)
    with open_run(folder, store) as (opened, record):
        is_fit = record.versions.get("engine", "").startswith("fit")
        exported = export_model(
            folder, record, opened, arm, file,
            is_ensemble=ensemble,
            settings=settings(engine="fit" if is_fit else "population"),
            environment=model_environment(),
            progress=progress or QuietProgress(),
            allow_code=allow_code,
        )  # fmt: skip
    atomic_write(exported.file.with_suffix(".md"), as_markdown(exported).encode())
    return exported


def predict(
    model: str | Path, images: Sequence[str | Path], *, as_it_is: bool = False
) -> Predictions:
    """Classifies pictures (PNG, JPEG, WebP) and arrays (.npy, .npz) with a model.

    Pictures are framed as the images of the training set are: what is drawn on them is separated
    from its background, fitted into the box and centred. Arrays are taken as they are.

    Args:
        model: a `.keras` file.
        images: the files.
        as_it_is: whether pictures are only resized.

    Raises:
        InputError: if the model or a file cannot be read, or they do not fit each other.

    Example:
        >>> predict("relu.keras", ["seven.png"])  # doctest: +SKIP
    """
    sources = [validate_path(image, "IMAGE") for image in images]
    from stepladder.deployment.predict import predict_files

    return predict_files(
        validate_path(model, "MODEL"), sources, model_environment(), as_it_is=as_it_is
    )


class _Reported:
    """What `Run` and `SearchRun` share: a report in their folder, with the results as JSON."""

    folder: Path
    _json_name: ClassVar[str]

    def to_json(self) -> str:
        raise NotImplementedError

    def _draw(self) -> None:
        raise NotImplementedError

    def report(self) -> Path:
        """Writes the report, its figures and the results; returns the report's path.

        Raises:
            OutputError: if they cannot be written.
        """
        self._draw()
        atomic_write(self.folder / self._json_name, self.to_json().encode())
        return self.folder / REPORT_NAME

    @property
    def is_reported(self) -> bool:
        """Whether the folder holds the report of these very results."""
        try:
            written = (self.folder / self._json_name).read_text("utf-8")
        except (OSError, ValueError):
            return False
        # The results are written after the report: where they are, it is complete.
        return written == self.to_json() and (self.folder / REPORT_NAME).exists()

    def ensure_report(self, progress: Progress | None = None) -> Self:
        """Writes the report where the folder does not hold that of these very results.

        Args:
            progress: shows that figures are drawn.

        Raises:
            RunError: if it cannot be written.
        """
        shown = progress or QuietProgress()
        shown.stage("Drawing figures and writing the report")
        try:
            if not self.is_reported:
                self.report()
        except OutputError as error:  # an InputError says that nothing was done: all is trained
            raise RunError(
                f"{error}. Every trial is stored; the same command writes the report again"
            ) from error
        finally:
            shown.stage("")
        return self


@dataclass(frozen=True)
class Run(_Reported):
    """A study that has been run.

    Attributes:
        results: every arm judged.
        folder: where its study, store, report and figures lie.
        trained: trials that this run trained.
        found: trials that were stored before it.
        failures: trials of the user's own training that failed, each with its message.

    Example:
        >>> finished = run("quick")  # doctest: +SKIP
        >>> finished.to_frame("arms")["verdict"]  # doctest: +SKIP
    """

    _json_name = RESULTS_NAME

    results: Results
    folder: Path
    trained: int
    found: int
    failures: tuple[TrialFailure, ...] = ()

    def __str__(self) -> str:
        """The answer and the table, as the command prints them, and what failed."""
        from stepladder.report.terminal import as_text

        return "\n\n".join(filter(None, (as_text(self.results, explain=False), self.failures_text)))

    @property
    def failures_text(self) -> str:
        """The trials that failed: arm, replicate and message; empty for none."""
        return failures_text(self.failures, self.results)

    def explain(self) -> str:
        """The table with all that explains it: diagnosis, further tables, how figures are reached.

        As `stepladder results --explain` prints it.
        """
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

    def _draw(self) -> None:
        write_report(self.results, self.folder)


@dataclass(frozen=True)
class DatasetsRun(_Reported):
    """A study that has been run on several data sets.

    Attributes:
        study: what was asked.
        runs: one for each data set that was begun, by its name.
        over: what holds in general, over data sets like these; None until all are finished.
        folder: where the study, the store, and the folders of the data sets lie.

    Example:
        >>> finished = run("many.toml")  # doctest: +SKIP
        >>> finished.runs["digits"].results.arms[1].effect.verdict  # doctest: +SKIP
        'helps'
    """

    _json_name = RESULTS_NAME

    study: Study
    runs: Mapping[str, Run]
    over: OverDatasets | None
    folder: Path

    @property
    def trained(self) -> int:
        """Trials that this run trained."""
        return sum(one.trained for one in self.runs.values())

    @property
    def found(self) -> int:
        """Trials that were stored before it."""
        return sum(one.found for one in self.runs.values())

    @property
    def failures(self) -> tuple[TrialFailure, ...]:
        """Trials of the user's own training that failed, of all data sets."""
        return tuple(failure for one in self.runs.values() for failure in one.failures)

    @property
    def failures_text(self) -> str:
        """The trials that failed, by data set; empty for none."""
        return "\n".join(f"On {name}: {one.failures_text}"
                         for name, one in self.runs.items() if one.failures)  # fmt: skip

    @property
    def shown(self) -> DatasetsResults:
        """The results as tables, pages and JSON show them."""
        from stepladder.report.datasets import DatasetsResults

        results = {name: one.results for name, one in self.runs.items()}
        return DatasetsResults(self.study, results, self.over)

    def __str__(self) -> str:
        """The answer and the table over data sets, as the command prints them."""
        from stepladder.report.terminal import to_text

        return to_text(self.shown.documents(explain=False))

    def explain(self) -> str:
        """The table with all that explains it, as `stepladder results --explain` prints it."""
        from stepladder.report.terminal import to_text

        return to_text(self.shown.documents())

    def to_json(self) -> str:
        """The results as JSON, as `stepladder results --format json` prints them."""
        return self.shown.to_json()

    @property
    def is_reported(self) -> bool:
        """Whether the folders hold the reports of these very results, of single data sets too."""
        return all(one.is_reported for one in self.runs.values()) and super().is_reported

    def _draw(self) -> None:
        for one in self.runs.values():
            if not one.is_reported:
                one.report()
        self.shown.write(self.folder)


@dataclass(frozen=True)
class Reproduced:
    """A published table that was run under its protocol.

    Attributes:
        judged: every row, with its possible readings.
        folder: where the study of its readings lies, with its store.
        trained: trials that this run trained.
        found: trials that were stored before it.
        failures: trials of the user's own training that failed, each with its message.

    Example:
        >>> reproduce("mnist-original").to_markdown()  # doctest: +SKIP
    """

    judged: Reproduction
    folder: Path
    trained: int
    found: int
    failures: tuple[TrialFailure, ...] = ()

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.reproduction import as_text

        return as_text(self.judged)

    @property
    def failures_text(self) -> str:
        """The trials that failed: arm, replicate and message; empty for none."""
        return failures_text(self.failures, self.judged.results)

    def to_json(self) -> str:
        """The judged table as JSON, as `stepladder reproduce --format json` prints it."""
        from stepladder.report.reproduction import FORMATS

        return FORMATS["json"](self.judged)

    def to_markdown(self) -> str:
        """The judged table as Markdown."""
        from stepladder.report.reproduction import FORMATS

        return FORMATS["markdown"](self.judged)


@dataclass(frozen=True)
class VarianceRun:
    """An arm of which each source of randomness was varied.

    Attributes:
        made: the standard deviation that each source makes, with intervals and shares.
        folder: where the study, its store and the figure lie.

    Example:
        >>> variance("mnist").to_json()  # doctest: +SKIP
    """

    made: StudyVariance
    folder: Path

    @property
    def trained(self) -> int:
        """How many trials this run trained."""
        return self.made.trained

    @property
    def found(self) -> int:
        """How many were stored before it."""
        return self.made.found

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.variance import as_text

        return as_text(self.made)

    def to_json(self) -> str:
        """The figures as JSON, as `stepladder variance --format json` prints them."""
        from stepladder.report.variance import FORMATS

        return FORMATS["json"](self.made)


@dataclass(frozen=True)
class SearchRun(_Reported):
    """A search that has been run.

    Attributes:
        found: its candidates, the best, and how sure that is.
        folder: where its study, store, report, Optuna's journal and `search.json` lie.

    Example:
        >>> search("mnist-search").recipe.learning_rate  # doctest: +SKIP
    """

    _json_name = SEARCH_NAME

    found: SearchResult
    folder: Path

    @property
    def recipe(self) -> Recipe:
        """The best recipe, of a search of built-in networks."""
        from stepladder.study.params import as_recipe

        return as_recipe(self.config)

    @property
    def config(self) -> Config:
        """The best configuration: a recipe, or parameters of a training of your own."""
        return self.found.winner.config

    def __str__(self) -> str:
        """The table, as the command prints it."""
        from stepladder.report.search import as_text

        return as_text(self.found)

    def to_json(self) -> str:
        """The results as JSON, as `stepladder search --format json` prints them."""
        from stepladder.report.json import search_as_json

        return search_as_json(self.found)

    def _draw(self) -> None:
        write_search(self.found, self.folder)


ExecutorChoice = str | concurrent.futures.Executor | Executor
"""A name with an address where it has one, any pool, or an executor of `stepladder.execution`."""


def settings_of(
    study: Study,
    workers: int | None,
    engine: EngineChoice,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
) -> Settings:
    """The settings of a run for whatever trains a study, and wherever.

    Raises:
        InputError: if there are fewer cores than workers, or an engine is asked for that the
            study's own training has no use for.
    """
    if executor is not None and executor != "local":
        return with_executor(settings_of(study, None, engine), executor, workers, resources)
    if resources:
        raise InputError(
            f"--resources is for an executor other than local, found {', '.join(resources)}; "
            "leave it out, or name one with --executor"
        )
    if study.trainer is None:
        return settings(workers, engine)
    if engine != "auto":
        raise InputError(
            f"--engine is for the built-in networks, found {engine!r} for a study whose trainer is "
            f"{study.trainer.name}; leave it out"
        )
    kind: UserEngine = "command" if study.trainer.command else "function"
    return user_settings(workers, kind)


@dataclass(frozen=True)
class JudgedTable:
    """Scores of your own, judged.

    Attributes:
        judged: every arm, the metric, and notes on how the table was read.

    Example:
        >>> table = judge({"base": [2.3, 2.4, 2.3, 2.4], "new": [2.0, 2.1, 2.1, 2.0]},
        ...               direction="minimize")
        >>> table.verdicts
        {'new': 'helps'}
    """

    judged: JudgedScores

    @property
    def effects(self) -> dict[str, Effect]:
        """The effect of each arm that is compared with another, by name."""
        return {arm.name: arm.effect for arm in self.judged.arms if arm.effect is not None}

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each arm that is compared with another, by name."""
        return {name: effect.verdict for name, effect in self.effects.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed of the table, and what was left out of it."""
        return self.judged.notes

    def __str__(self) -> str:
        """The answer and the table, as the command prints them."""
        from stepladder.report.scores import as_text

        return as_text(self.judged, explain=False)

    def explain(self) -> str:
        """The table with all that explains it, as `stepladder judge --explain` prints it."""
        from stepladder.report.scores import as_text

        return as_text(self.judged)

    def to_json(self) -> str:
        """The results as JSON, as `stepladder judge --format json` prints them."""
        from stepladder.report.scores import FORMATS

        return FORMATS["json"](self.judged)


@dataclass(frozen=True)
class JudgedTables:
    """Scores of your own on several data sets, judged on each and over all of them.

    Attributes:
        judged: each data set, and what holds in general.

    Example:
        >>> columns = {"method": ["a", "b"] * 6, "dataset": [f"set {n // 2}" for n in range(12)],
        ...            "score": [0.5 + 0.1 * (n % 2) + 0.01 * (n % 5) for n in range(12)]}
        >>> judge(columns).verdicts
        {'b': 'helps'}
    """

    judged: JudgedDatasets

    @property
    def effects(self) -> dict[str, Effect]:
        """The mean effect over data sets of each arm that is compared with another, by name."""
        arms = self.judged.over.arms
        return {arm.name: arm.effect for arm in arms if arm.effect is not None}

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict in general, over data sets like these, by the same names."""
        return {arm.name: arm.verdict for arm in self.judged.over.arms if arm.effect is not None}

    @property
    def by_dataset(self) -> dict[str, JudgedTable]:
        """Each data set, judged alone."""
        return {name: JudgedTable(one) for name, one in self.judged.by_dataset.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed of the table, and what was left out of it."""
        return self.judged.notes

    def __str__(self) -> str:
        """The answer and the table, as the command prints them."""
        from stepladder.report.datasets import as_text

        return as_text(self.judged, explain=False)

    def explain(self) -> str:
        """The table with all that explains it, as `stepladder judge --explain` prints it."""
        from stepladder.report.datasets import as_text

        return as_text(self.judged)

    def to_json(self) -> str:
        """The results as JSON, as `stepladder judge --format json` prints them."""
        from stepladder.report.datasets import FORMATS

        return FORMATS["json"](self.judged)

    def write_figures(self, folder: str | Path) -> list[Path]:
        """Writes the effects by data set and the critical-difference diagram.

        Args:
            folder: where to; created where it is missing.

        Returns:
            The files: SVG, PNG and CSV of each figure.
        """
        from stepladder.report.datasets import plots_over

        return write_plots(plots_over(self.judged.over), validate_path(folder, "folder"))


def judge(
    scores: object,
    against: str | None = None,
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    unit: str | None = None,
    delta: float | None = None,
    chance: float | None = None,
    overlap: float = 0.0,
    columns: Mapping[str, str] | None = None,
    anytime: bool = False,
    claim: Literal["difference", "not worse"] = "difference",
) -> JudgedTable | JudgedTables:
    """Judges scores of your own: each arm against one of them.

    Scores of the same replicate are compared in pairs. Where two arms have no replicate in common,
    their means are compared, by Welch's test. A table with several data sets is judged on each of
    them, and over all of them.

    Args:
        scores: a mapping of arms to sequences of scores, or to mappings of replicates to scores; a
            frame of pandas or Polars; or the path of a table of text.
        against: the arm that the others are compared with; the first when None.
        metric: its name; that of the column of scores when None.
        direction: whether lower (`minimize`) or higher values (`maximize`) are better. It may be
            left out for built-in metrics, and for fractions in 0…1 that nothing calls a loss.
        unit: of the metric; "points" for fractions.
        delta: difference below which none matters, in the metric's unit; 0.1 percentage points
            for fractions when None. Without it no other metric gets `no difference`.
        chance: the score of guessing: effects are also given with diverged (NaN) replicates at it.
        overlap: test examples per training example where replicates are folds, or other parts of
            the same data: 1/9 for ten folds.
        columns: headings by role: arm, replicate, score, dataset; the usual ones are guessed.
        anytime: whether verdicts stay right if scores are added because of what was read, and
            judged again, as often as one likes. They need more replicates.
        claim: "not worse" where an arm shall show that it is not worse by delta, in the place of
            `no difference`.

    Raises:
        InputError: if the scores, their metric or a number will not do.

    Example:
        >>> judge({"base": [0.90, 0.91, 0.90, 0.92], "new": [0.95, 0.96, 0.96, 0.97]}).verdicts
        {'new': 'helps'}
    """
    from stepladder.importers.scores import read_scores
    from stepladder.statistics.scores import judge_datasets, judge_scores

    if isinstance(scores, str | Path):
        scores = validate_path(scores, "SCORES")
    table = read_scores(scores, metric=metric, direction=direction, unit=unit, columns=columns)
    if len(table.by_dataset) > 1:
        return JudgedTables(judge_datasets(
            table.by_dataset, against, delta=delta, chance=chance, metric=table.metric,
            overlap=overlap, notes=table.notes, anytime=anytime, claim=claim,
        ))  # fmt: skip
    return JudgedTable(judge_scores(
        table.scores, against, delta=delta, chance=chance, metric=table.metric, overlap=overlap,
        notes=table.notes, anytime=anytime, claim=claim,
    ))  # fmt: skip


_MOST_BYTES = 200  # of a default folder's name: file systems take 255


def run(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    allow_code: bool = False,
    fail_fast: bool = False,
    report: bool = True,
) -> Run | DatasetsRun:
    """Trains the missing trials of a study, judges it and writes its report.

    Stored trials are not trained again: the same call resumes an interrupted study, and costs
    nothing once every trial is stored. A study on several data sets has a run for each of them, in
    a folder of its own, and what they say together.

    Args:
        study: a study, the name of a built-in one, a study file, or the folder of a run.
        out: folder of the run; when None that of the study, if it is one, else `runs/` and the
            study's name.
        store: URL of the store; an SQLite file in the folder when None.
        workers: training processes; one for each core when None. With an executor its places:
            how many trainings it runs at once.
        executor: where trials are trained: `dask` or `ray` on this machine, `dask://HOST:PORT` or
            `ray://HOST:PORT` to join one, or a `concurrent.futures.Executor`, which stays open;
            processes of this machine when None.
        resources: of each training with an executor: `cores`, and `gpus` of Dask or Ray.
        engine: `population` (JAX, many trials at once), `fit` (`keras.Model.fit`), or `auto`.
        progress: shows how it goes; in Jupyter the running cell when None.
        allow_code: whether the code that a study may name is run, with your rights.
        fail_fast: whether the first trial of your own training that fails stops the run; without,
            the others go on, and `failures` has them.
        report: whether the report is written with its figures; `ensure_report` does so later.

    Raises:
        InputError: if the study, its data, its model, the folder or the store will not do;
            nothing was trained and nothing stored was touched.
        RunError: if a training failed or the report cannot be written; what was finished is
            stored.

    Example:
        >>> print(run("quick", out="runs/first"))  # doctest: +SKIP
    """
    asked, folder = _placed(study, out)
    here = settings_of(asked, workers, engine, executor, resources)

    def run_one(one: Study, place: Path, url: str | None) -> Run:
        finished = run_study(
            one,
            place,
            here,
            store=url,
            progress=progress or for_notebook(),
            allow_code=allow_code,
            fail_fast=fail_fast,
        )
        result = Run(finished.results, place, finished.trained, finished.found, finished.failures)
        return result.ensure_report(progress) if report else result

    if not asked.datasets:
        return run_one(asked, folder, store)
    url = prepare_datasets(asked, folder, here, store)
    runs = {name: run_one(one, folder / name, url) for name, one in asked.by_dataset.items()}
    together = _of_datasets(asked, runs, folder, url, "run")
    return together.ensure_report(progress) if report else together


def _of_datasets(
    study: Study, runs: Mapping[str, Run], folder: Path, store: str, command: str
) -> DatasetsRun:
    """Several runs of a study, judged together where all of them are finished."""
    results = {name: one.results for name, one in runs.items()}
    is_finished = len(runs) == len(study.datasets) and all(one.finished for one in results.values())
    if not is_finished:
        return DatasetsRun(study, runs, None, folder)
    with open_store(store, create=False) as opened:
        return DatasetsRun(study, runs, judge_results(study, results, opened, command), folder)


def compare(
    train: Callable[..., Any],
    *,
    base: Mapping[str, Any],
    techniques: Mapping[str, Mapping[str, Any]] | Sequence[Mapping[str, Any]],
    metric: str = "accuracy",
    direction: Direction | None = None,
    unit: str | None = None,
    delta: float | None = None,
    also: Sequence[str] = (),
    replicates: int | Literal["auto"] = 5,
    design: Design = "one_at_a_time",
    name: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    progress: Progress | None = None,
    fail_fast: bool = False,
    **study: Any,  # noqa: ANN401 - keys of a study
) -> Run | DatasetsRun:
    """Trains by a function of your own, with each technique and without, and judges them.

    The function is called as `train(params, seed)` or `train(params, seed, context)` in processes
    of its own, several at once. It returns a mapping of metric to value on the test part, or of
    `train`, `validation` and `test` to such mappings. What was trained is stored: the same call
    trains nothing again, as long as the function and the parameters are the same.

    Args:
        train: the function.
        base: the parameters that techniques change; any keys, numbers, texts, lists and tables.
        techniques: what each one changes, by its name.
        metric: what is judged, by the name under which the function returns it.
        direction: whether lower (`minimize`) or higher values (`maximize`) are better; built-in
            metrics need none.
        unit: of the metric; "points" for fractions in 0…1 that are shown in percent.
        delta: difference below which none matters, in the metric's unit; 0.1 percentage points
            for fractions when None.
        also: names of metrics that are recorded beside it.
        replicates: how often each arm is trained; "auto" adds them until verdicts are settled.
        design: how techniques become arms.
        name: of the study; the function's when None.
        out: folder of the run; `runs/` and the study's name when None.
        workers: processes; one for each core when None.
        executor: as for `run`.
        resources: as for `run`.
        progress: shows how it goes; in Jupyter the running cell when None.
        fail_fast: whether the first failure stops the run; without, a `RuntimeWarning` lists those
            that failed.
        study: further keys of a study, such as `seed`, `dataset` or `tuning`.

    Raises:
        InputError: if the function, its parameters or the metric will not do.
        RunError: if what was asked for cannot be finished; what was trained is stored.

    Example:
        >>> def train(params, seed):
        ...     return {"accuracy": 0.9 + 0.05 * params["deep"]}
        >>> run = compare(train, base={"deep": 0}, techniques={"depth": {"deep": 1}})
        ... # doctest: +SKIP
        >>> run.results.arms[1].effect.verdict  # doctest: +SKIP
        'helps'
    """
    check_direction(direction)
    if isinstance(metric, str):
        find_metric(metric, direction, unit)
    for key in study.keys() - Study.model_fields:
        if near := nearest(key, inspect.signature(compare).parameters, [("better", "direction")]):
            raise StudyError(f"{key} is not an argument of compare; did you mean {near}=?")
    better = None if direction is None else "lower" if direction == "minimize" else "higher"
    judged = {"name": metric, "better": better, "unit": unit, "delta": delta}
    values: dict[str, Any] = {
        "name": name or getattr(train, "__name__", type(train).__name__).strip("<>"),
        "trainer": train,
        "base": dict(base),
        "techniques": techniques,
        "metric": {key: value for key, value in judged.items() if value is not None},
        "also": also if isinstance(also, str) else list(also),
        "replicates": replicates,
        "design": design,
    }
    asked = Study(**values, **study)
    finished = run(
        asked, out=out, workers=workers, executor=executor, resources=resources,
        progress=progress, fail_fast=fail_fast,
    )  # fmt: skip
    if finished.failures:
        warnings.warn(finished.failures_text, RuntimeWarning, stacklevel=2)
    return finished


def reproduce(
    table: PublishedTable | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    allow_code: bool = False,
    train: bool = True,
) -> Reproduced:
    """Runs a published table under its protocol and judges each of its rows.

    Every reading of a row is trained as an arm of one study: stored trials are not trained again,
    and `read` and `stepladder report` can read its folder.

    Args:
        table: a table, the name of a built-in one, or a file.
        out: as for `run`, like all that follow.
        store: URL of the store.
        workers: training processes.
        executor: where trials are trained.
        resources: of each training.
        engine: what trains.
        progress: shows how it goes.
        allow_code: whether the code that a table may name is run, with your rights.
        train: whether missing trials are trained; without, what is stored so far is judged.

    Raises:
        InputError: if the table, its data, the folder or the store will not do; nothing was
            trained and nothing stored was touched.
        RunError: if a training failed; what was finished is stored.

    Example:
        >>> print(reproduce("mnist-original", train=False))  # doctest: +SKIP
    """
    asked = table if isinstance(table, PublishedTable) else PublishedTable.load(table)
    study, folder = _placed(asked.study, out)
    if not train:
        here = settings_of(study, workers, engine)
        results = judge_stored(study, folder, here, "reproduce", store=store)
        return Reproduced(reproduction(asked, results), folder, 0, sum(a.n for a in results.arms))
    finished = run_study(
        study,
        folder,
        settings_of(study, workers, engine, executor, resources),
        store=store,
        progress=progress,
        allow_code=allow_code,
        lint=False,
    )
    judged = reproduction(asked, finished.results)
    return Reproduced(judged, folder, finished.trained, finished.found, finished.failures)


def variance(
    study: Study | str | Path,
    arm: str | None = None,
    *,
    replicates: int = 20,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    allow_code: bool = False,
) -> VarianceRun:
    """Finds which source of randomness makes the spread of an arm: each is varied alone, then all.

    Sources are the split into training and validation part, initial weights, data order, dropout
    and noise, distortion of images, mixup and perturbation, as far as the arm has them. All others
    are held at replicate 0. All together are the study's ordinary replicates, so stored trials of
    `run` are used. The figure `figures/variance` is written.

    Args:
        study: as for `run`.
        arm: its name; the base when None.
        replicates: of each source, 5 or more.
        out: as for `run`, like all that follow.
        store: URL of the store.
        workers: training processes.
        executor: where trials are trained.
        resources: of each training.
        engine: what trains.
        progress: shows how it goes.
        allow_code: whether the code that a study may name is run, with your rights.

    Raises:
        InputError: if the study, the arm, its data, the folder or the store will not do; nothing
            was trained and nothing stored was touched.
        RunError: if a training failed; what was finished is stored.

    Example:
        >>> print(variance("quick", replicates=10))  # doctest: +SKIP
    """
    from stepladder.report.figures.variance import variance_plot

    asked, folder = _placed(study, out)
    here = settings_of(asked, workers, engine, executor, resources)
    made = study_variance(
        asked, folder, here, arm=arm, replicates=replicates, store=store,
        progress=progress or for_notebook(), allow_code=allow_code,
    )  # fmt: skip
    write_plots([variance_plot(made)], folder / "figures")
    return VarianceRun(made, folder)


def plan(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
    lint: bool = True,
    pilot: str | Path | None = None,
) -> RunAnnouncement:
    """What `run` would train, how long that would take, and what it finds; nothing is written.

    Takes and raises what `run` does; `lint` is whether it notes what comparisons leave open, and
    `pilot` the folder of a run whose spread the power is computed from.
    """
    asked, folder = _placed(study, out)
    here = settings_of(asked, workers, engine, executor, resources)
    known = None if pilot is None else Path(pilot)
    if asked.datasets:
        raise InputError(
            f"study must be on one data set, found {len(asked.datasets)}; plan each of "
            "study.by_dataset, or use plan_datasets"
        )
    return plan_study(asked, folder, here, store=store, lint=lint, pilot=known)


def plan_datasets(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
) -> dict[str, RunAnnouncement]:
    """What `run` would train on each of several data sets; takes and raises what `run` does."""
    asked, folder = _placed(study, out)
    here = settings_of(asked, workers, engine, executor, resources)
    check_datasets(asked, folder, here)
    url = store_of(folder, store) if is_run(folder) else store
    return {
        name: plan_study(one, folder / name, here, store=url)
        for name, one in asked.by_dataset.items()
    }


def search(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
    allow_code: bool = False,
    final: bool = False,
) -> SearchRun:
    """Searches a study's space and retrains the best on replicates that the search never saw.

    Stored trials are not trained again: the same call resumes an interrupted search. The search
    reads only validation figures.

    Args:
        study: a study with a search, the name of a built-in one, or a study file.
        out: folder of the search; `runs/` and the study's name when None.
        store: URL of the store; an SQLite file in the folder when None.
        workers: training processes; one for each core when None.
        executor: as for `run`.
        resources: as for `run`.
        engine: `population` (JAX, many trials at once), `fit` (`keras.Model.fit`), or `auto`.
        progress: shows how it goes.
        allow_code: whether the model file that the study may name is run, with your rights.
        final: whether to look at the best one's test figures; the look is logged.

    Raises:
        InputError: if the study, its search, its data, its model, the folder or the store will
            not do; nothing was trained.
        RunError: if a training failed, or the best one diverged on every fresh replicate.

    Example:
        >>> print(search("mnist-search", final=True))  # doctest: +SKIP
    """
    from stepladder.hpo.search import search_study

    asked, folder = _placed(study, out)
    result = search_study(
        asked, folder, settings_of(asked, workers, engine, executor, resources), store=store,
        progress=progress, allow_code=allow_code, final=final,
    )  # fmt: skip
    return SearchRun(result, folder).ensure_report(progress)


def plan_search(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    workers: int | None = None,
    executor: ExecutorChoice | None = None,
    resources: Mapping[str, float] | None = None,
    engine: EngineChoice = "auto",
) -> RunAnnouncement:
    """What `search` would train, as far as that is known before; nothing is written.

    Takes and raises what `search` does.
    """
    from stepladder.hpo import plan

    asked, folder = _placed(study, out)
    return plan.plan_search(
        asked, folder, settings_of(asked, workers, engine, executor, resources), store=store
    )


def read(
    folder: str | Path, *, store: str | None = None, command: str = "results", curves: bool = True
) -> Run | DatasetsRun:
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
    asked = Study.load(place / STUDY_NAME)
    if asked.datasets:
        url = store_of(place, store)
        runs = {name: read_one(place / name, store=url, command=command, curves=curves)
                for name in asked.by_dataset if is_run(place / name)}  # fmt: skip
        return _of_datasets(asked, runs, place, url, command)
    return read_one(place, store=store, command=command, curves=curves)


def read_one(
    folder: str | Path, *, store: str | None = None, command: str = "results", curves: bool = True
) -> Run:
    """A run on one data set that was made before; takes and raises what `read` does."""
    place = run_folder(folder)
    with open_run(place, store) as (opened, record):
        results, study = results_of(opened, record.study.name, command, curves, place), record.study
    if study.search is not None and not any(arm.n for arm in results.arms):
        again = search_again(place, study, store, results.versions.get("engine", ""))
        raise InputError(
            f"RUN must be the folder of a study that was run, found that of a search: "
            f"{str(place)!r}; `{again}` prints its results, and does not train stored trials again"
        )
    return Run(results, place, 0, sum(arm.n for arm in results.arms))


def _placed(study: Study | str | Path, out: str | Path | None) -> tuple[Study, Path]:
    """A study, loaded if need be, and the folder of its run."""
    asked = study if isinstance(study, Study) else Study.load(study)
    if out is None and not isinstance(study, Study) and is_run(study):
        out = study
    return asked, validate_path(default_folder(asked) if out is None else out, "--out")


def default_folder(study: Study) -> Path:
    """`runs/` and the study's name, without characters that a file system may refuse.

    Example:
        >>> default_folder(Study(name="a/b: c", base={"hidden": [8]})).as_posix()
        'runs/a-b-c'
    """
    plain = re.sub(r"[^\w.-]+", "-", study.name).strip(".-")[:100]
    plain = plain.encode()[:_MOST_BYTES].decode(errors="ignore")
    return Path("runs") / (plain or "study")
