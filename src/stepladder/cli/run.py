"""The commands that train: run, search, reproduce and variance."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from stepladder.cli import signals, streams
from stepladder.cli.options import (
    ALLOW_CODE,
    DRY_RUN,
    ENGINE,
    EXPLAIN,
    PLACE,
    STORE,
    executor_options,
    form_option,
    set_option,
    study_changes,
)
from stepladder.errors import InputError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stepladder.api import DatasetsRun, Run
    from stepladder.execution.progress import RunAnnouncement
    from stepladder.study.study import Study


def _count_or_auto(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise click.BadParameter(f"must be a whole number or auto, found {text!r}") from None


def _own_folder(study: str, out: Path | None) -> Path | None:
    """The folder of a run; that of a run which was named in the place of a study is its own."""
    from stepladder.runs.folder import is_run

    return Path(study) if out is None and is_run(study) else out


def _announce(planned: RunAnnouncement) -> None:
    from stepladder.report.progress import announcement, power_lines
    from stepladder.report.wording import printable

    for note in planned.notes:
        click.echo(printable(note), err=True)
    click.echo(announcement(planned))
    for line in power_lines(planned):
        click.echo(line)


def _announce_datasets(planned: Mapping[str, RunAnnouncement]) -> None:
    from stepladder.report.wording import duration
    from stepladder.runs.datasets import fewest_at_first

    for one in planned.values():
        _announce(one)
    fewest = fewest_at_first(next(iter(planned.values())).study)
    click.echo(f"In general: {len(planned)} data sets; a verdict over them needs {fewest} or more")
    seconds = [one.seconds for one in planned.values() if one.trials]
    if all(known is not None for known in seconds) and seconds:
        total = sum(known for known in seconds if known is not None)
        click.echo(f"All {len(planned)} data sets: about {duration(total)}.")


def _say_if_all_is_stored(trained: int, found: int) -> None:
    if not trained:
        click.echo(f"All {found} trials are stored: nothing to train.", err=True)


def _job_file(
    kind: str, study: Study, out: Path | None, workers: int, options: Sequence[str]
) -> str:
    """A file for a queue that starts workers of a run."""
    from stepladder.api import default_folder
    from stepladder.execution import slurm

    folder = out or default_folder(study)
    has_code = bool(study.model_files) or study.trainer is not None
    if kind == "kubernetes":
        return slurm.kubernetes_job(folder, workers, has_code)
    address = slurm.slurm_address(options).partition("://")[2]
    return slurm.sbatch_script(folder, workers, slurm.slurm_options(address), has_code)


def _name_a_study() -> str:
    """What to do where no study is named."""
    from stepladder.study.loading import BUILT_IN_STUDIES, studies_in

    files = studies_in(Path())
    here = f"; in this folder: {', '.join(files)}" if files else ""
    return (
        f"STUDY must be named, found nothing{here}; built in: {', '.join(BUILT_IN_STUDIES)}; "
        "`stepladder init` writes one of your own"
    )


def next_replicates(replicates: int, fewest: int, needed: Sequence[int | None]) -> int:
    """How many replicates to ask for next: what would settle all, but no more than twice as many.

    A number beyond that would rest on a guess from few replicates.

    Args:
        replicates: those that are trained.
        fewest: without which no verdict is possible.
        needed: what would settle each open comparison; None where that is not known.

    Example:
        >>> next_replicates(5, fewest=5, needed=[7, 8]), next_replicates(5, 5, [7, 219])
        (8, 10)
        >>> next_replicates(2, fewest=5, needed=[None])
        5
    """
    most = max(2 * replicates, fewest)
    enough = max((count or most for count in needed), default=most)
    return enough if max(replicates, fewest) < enough < most else most


def _what_next(
    finished: Run | DatasetsRun, study: str, out: Path | None, explain: bool
) -> Iterator[str]:
    """Where the report is, and what to do next: three lines at most."""
    from stepladder import api
    from stepladder.report.wording import judged_effects, what_settles
    from stepladder.statistics.sequential import fewest_replicates

    yield f"Report:  {finished.folder / 'report.html'}"
    if not explain:
        yield f"Explain: stepladder results {shlex.quote(str(finished.folder))} --explain"
    if isinstance(finished, api.DatasetsRun):  # only more data sets settle it
        return
    asked = finished.results.study
    judged = judged_effects(finished.results)  # of a factorial its main effects
    unsettled = [effect for _, effect in judged if effect.needs_replicates]
    fewest = fewest_replicates(asked.replicates, len(judged))
    needed = [effect.replicates_needed for effect in unsettled]
    if asked.delta is None and unsettled and asked.replicates >= fewest and not any(needed):
        yield ("Next:    name the smallest difference that matters, such as --set delta=0.5; "
               'without it no verdict can be "no difference"')  # fmt: skip
        return
    count = next_replicates(asked.replicates, fewest, needed)
    more = {"replicates": ["--replicates", str(count)],
            "repeats": ["--set", f"splits.repeats={2 * asked.splits.repeats}"]}.get(
                what_settles(asked))  # fmt: skip
    if unsettled and more and not asked.adaptive:
        has_code = bool(asked.model_files) or asked.trainer is not None
        words = [study] if has_code else [str(finished.folder)]
        words += ["--out", str(out)] if has_code and out is not None else []
        words += more
        words += ["--allow-code"] if has_code else []
        yield f"Next:    stepladder run {shlex.join(words)}"


@click.command()
@click.argument("study", metavar="STUDY", required=False)
@click.option(
    "--replicates", type=_count_or_auto, metavar="N",
    help="Replicates of each arm; auto adds them until every verdict is settled.",
)  # fmt: skip
@click.option("--epochs", type=int, metavar="N", help="Epochs of the base recipe.")
@click.option(
    "--design", metavar="NAME",
    help="ladder, one_at_a_time, leave_one_out, factorial, fraction or explicit.",
)  # fmt: skip
@click.option("--out", type=PLACE, metavar="DIR", help="Folder of the run [runs/STUDY].")
@STORE
@executor_options
@click.option(
    "--print-job", type=click.Choice(["slurm", "kubernetes"]),
    help="Print a job file that starts --workers workers for --executor spool, and stop.",
)  # fmt: skip
@ENGINE
@ALLOW_CODE
@click.option("--fail-fast", is_flag=True, help="Stop at the first trial that fails.")
@set_option("base.learning_rate=0.1")
@DRY_RUN
@click.option(
    "--pilot", type=PLACE, metavar="RUN",
    help="With --dry-run: an earlier run, whose spread tells what differences will be found.",
)  # fmt: skip
@EXPLAIN
def run(
    study: str | None,
    replicates: int | str | None,
    epochs: int | None,
    design: str | None,
    out: Path | None,
    store: str | None,
    workers: int | None,
    executor: str | None,
    slurm: tuple[str, ...],
    detach: bool,
    resources: dict[str, float] | None,
    print_job: str | None,
    engine: Any,  # noqa: ANN401 - one of the choices above
    allow_code: bool,
    fail_fast: bool,
    settings: tuple[str, ...],
    dry_run: bool,
    pilot: Path | None,
    explain: bool,
) -> None:
    """Trains a study and judges its techniques.

    STUDY is a file, the folder of a run, or built in: mnist, mnist-fair, mnist-best,
    mnist-best-augmented or quick.

    Stored trials are not trained again: after an interruption, run the same command again.
    """
    if study is None:
        raise click.UsageError(_name_a_study())
    with streams.starting():
        from stepladder import api
        from stepladder.execution.slurm import executor_address
        from stepladder.report import progress
        from stepladder.study.study import Study

    changes = study_changes(settings, replicates=replicates, epochs=epochs, design=design)
    asked, out = Study.load(study, changes), _own_folder(study, out)
    if print_job is not None:
        click.echo(_job_file(print_job, asked, out, workers or 1, slurm), nl=False)
        return
    where: _Where = {
        "out": out, "store": store, "workers": workers, "resources": resources, "engine": engine,
        "executor": executor_address(executor, slurm, detach),
    }  # fmt: skip
    if dry_run or pilot is not None:
        _plan(asked, where, pilot, dry_run)
        return
    signals.stop_cleanly()
    shown = progress.for_terminal(sys.stderr)
    finished = api.run(
        asked,
        progress=shown,
        allow_code=allow_code,
        fail_fast=fail_fast,
        report=False,
        **where,
    )
    _show(finished, explain)
    finished.ensure_report(shown)
    for line in ("", *_what_next(finished, study, out, explain)):
        click.echo(line, err=True)
    if finished.failures:
        raise RunError(finished.failures_text)


class _Where(TypedDict):
    """Options that training and its plan share."""

    out: Path | None
    store: str | None
    workers: int | None
    executor: str | None
    resources: dict[str, float] | None
    engine: Any


def _plan(study: Study, where: _Where, pilot: Path | None, dry_run: bool) -> None:
    """Prints what a run would train."""
    from stepladder import api

    if not dry_run:
        raise InputError("--pilot needs --dry-run, found it alone; it plans and trains nothing")
    if not study.datasets:
        _announce(api.plan(study, pilot=pilot, **where))
    elif pilot is None:
        _announce_datasets(api.plan_datasets(study, **where))
    else:
        raise InputError(
            f"--pilot is for a study on one data set, found {len(study.datasets)}; leave it out"
        )


def _show(finished: Run | DatasetsRun, explain: bool) -> None:
    """Prints the table, so that it is read while figures are drawn."""
    from stepladder import api
    from stepladder.report import terminal

    if not finished.failures:
        _say_if_all_is_stored(finished.trained, finished.found)
    if isinstance(finished, api.DatasetsRun):
        terminal.print_document(finished.shown.documents(explain=explain))
    else:
        terminal.show(finished.results, explain=explain)
    click.echo(nl=False)  # which writes what is buffered


@click.command()
@click.argument("study", metavar="STUDY")
@click.option("--trials", type=int, metavar="N", help="Candidates that are drawn.")
@click.option("--epochs", type=int, metavar="N", help="Epochs of a complete training.")
@click.option(
    "--sampler", metavar="NAME",
    help="quasi-random, random, tpe, gp, cmaes, or a class of optuna.samplers.",
)  # fmt: skip
@click.option(
    "--final", is_flag=True,
    help="Look at the winner's test figures. The look is logged; do it once.",
)  # fmt: skip
@form_option("table", "json")
@click.option("--out", type=PLACE, metavar="DIR", help="Folder of the search [runs/STUDY].")
@STORE
@executor_options
@ENGINE
@ALLOW_CODE
@set_option("search.pruning=none")
@DRY_RUN
def search(
    study: str,
    trials: int | None,
    epochs: int | None,
    sampler: str | None,
    final: bool,
    form: str,
    out: Path | None,
    store: str | None,
    workers: int | None,
    executor: str | None,
    slurm: tuple[str, ...],
    detach: bool,
    resources: dict[str, float] | None,
    engine: Any,  # noqa: ANN401 - one of the choices above
    allow_code: bool,
    settings: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Searches for the best configuration on validation data.

    STUDY is a file with a [search.space], mnist-search, or the folder of a search. Stored trials
    are not trained again: after an interruption, run the same command again.
    """
    from stepladder import api
    from stepladder.execution.slurm import executor_address
    from stepladder.report import progress, search
    from stepladder.study.study import Study

    given = {"epochs": epochs, "search.trials": trials, "search.sampler": sampler}
    asked, out = Study.load(study, study_changes(settings, **given)), _own_folder(study, out)
    executor = executor_address(executor, slurm, detach)
    if dry_run:
        _announce(api.plan_search(
            asked, out=out, store=store, workers=workers, executor=executor,
            resources=resources, engine=engine,
        ))  # fmt: skip
        return
    signals.stop_cleanly()
    finished = api.search(
        asked,
        out=out,
        store=store,
        workers=workers,
        executor=executor,
        resources=resources,
        engine=engine,
        progress=progress.for_terminal(sys.stderr),
        allow_code=allow_code,
        final=final,
    )
    result, folder = finished.found, finished.folder
    _say_if_all_is_stored(result.trained, result.found)
    if form == "json":
        click.echo(finished.to_json(), nl=False)
    else:
        search.show(result)
    click.echo(f"Report: {folder / 'report.html'}", err=True)
    files = f"Candidates: {folder / 'search.json'}  Optuna's study: {folder / 'optuna.log'}"
    click.echo(files, err=True)


@click.command()
@click.argument("table", metavar="TABLE")
@click.option(
    "--only", multiple=True, metavar="ROW",
    help='A row, or "ROW: READING" for one reading of it; may be repeated.',
)  # fmt: skip
@click.option("--replicates", type=int, metavar="N", help="Replicates of each reading.")
@click.option("--out", type=PLACE, metavar="DIR", help="Folder of the run [runs/TABLE].")
@STORE
@executor_options
@ENGINE
@form_option("table", "json", "markdown")
@ALLOW_CODE
@DRY_RUN
@click.option("--stored", is_flag=True, help="Judge what is stored so far; train nothing.")
def reproduce(
    table: str,
    only: tuple[str, ...],
    replicates: int | None,
    out: Path | None,
    store: str | None,
    workers: int | None,
    executor: str | None,
    slurm: tuple[str, ...],
    detach: bool,
    resources: dict[str, float] | None,
    engine: Any,  # noqa: ANN401 - one of the choices above
    form: str,
    allow_code: bool,
    dry_run: bool,
    stored: bool,
) -> None:
    """Runs a published table and judges each of its rows.

    TABLE is a file, or mnist-original. Trains every reading of a row. Reports which one is
    nearest, which others cannot be excluded, and what neighbouring rows really differ in. Stored
    trials are not trained again.
    """
    from stepladder import api
    from stepladder.execution.slurm import executor_address
    from stepladder.report import progress, reproduction
    from stepladder.study.published import PublishedTable

    asked = PublishedTable.load(table, {} if replicates is None else {"replicates": replicates})
    asked = asked.only(only) if only else asked
    executor = executor_address(executor, slurm, detach)
    if dry_run:
        planned = api.plan(
            asked.study, out=out, store=store, workers=workers, executor=executor,
            resources=resources, engine=engine, lint=False,
        )  # fmt: skip
        _announce(planned)
        if planned.seconds is None and planned.trials and asked.takes:
            click.echo(f"All of it: {asked.takes}.")
        return
    if not stored:
        signals.stop_cleanly()
    finished = api.reproduce(
        asked,
        out=out,
        store=store,
        workers=workers,
        executor=executor,
        resources=resources,
        engine=engine,
        progress=progress.for_terminal(sys.stderr),
        allow_code=allow_code,
        train=not stored,
    )
    if not stored and not finished.failures:
        _say_if_all_is_stored(finished.trained, finished.found)
    if form == "table":
        reproduction.show(finished.judged)
    else:
        click.echo(reproduction.FORMATS[form](finished.judged), nl=False)
    click.echo(f"Every reading: stepladder report {finished.folder}", err=True)
    if finished.failures:
        raise RunError(finished.failures_text)


@click.command()
@click.argument("study", metavar="STUDY")
@click.option("--arm", metavar="NAME", help="The arm [the base].")
@click.option(
    "--replicates", type=int, default=20, show_default=True, metavar="N",
    help="Replicates of each source.",
)  # fmt: skip
@form_option("table", "json", "csv", "markdown")
@click.option("--out", type=PLACE, metavar="DIR", help="Folder of the run [runs/STUDY].")
@STORE
@executor_options
@ENGINE
@ALLOW_CODE
@set_option("base.dropout=0.2")
def variance(
    study: str,
    arm: str | None,
    replicates: int,
    form: str,
    out: Path | None,
    store: str | None,
    workers: int | None,
    executor: str | None,
    slurm: tuple[str, ...],
    detach: bool,
    resources: dict[str, float] | None,
    engine: Any,  # noqa: ANN401 - one of the choices above
    allow_code: bool,
    settings: tuple[str, ...],
) -> None:
    """Finds which source of randomness makes the spread of an arm.

    Varies the split, initial weights, data order, dropout and the distortion of images one at a
    time, and then all together. Stored trials are not trained again: after an interruption, run
    the same command again.
    """
    from stepladder import api
    from stepladder.execution.slurm import executor_address
    from stepladder.report import progress, variance
    from stepladder.study.study import Study

    asked, out = Study.load(study, study_changes(settings)), _own_folder(study, out)
    signals.stop_cleanly()
    finished = api.variance(
        asked,
        arm,
        replicates=replicates,
        out=out,
        store=store,
        workers=workers,
        executor=executor_address(executor, slurm, detach),
        resources=resources,
        engine=engine,
        progress=progress.for_terminal(sys.stderr),
        allow_code=allow_code,
    )
    _say_if_all_is_stored(finished.trained, finished.found)
    if form == "table":
        variance.show(finished.made)
    else:
        click.echo(variance.FORMATS[form](finished.made), nl=False)
    click.echo(f"Figure: {finished.folder / 'figures' / 'variance.svg'}", err=True)
