"""The commands that train: run, search and reproduce."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from stepladder.cli import signals
from stepladder.cli.options import (
    ALLOW_CODE,
    ENGINE,
    PLACE,
    STORE,
    WORKERS,
    given,
    settings_of,
)
from stepladder.files import without_password


def _count_or_auto(text: str) -> int | str:
    return text if text == "auto" else int(text)


@click.command()
@click.argument("study", metavar="STUDY")
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
@WORKERS
@ENGINE
@ALLOW_CODE
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Any key of the study by its path, such as base.learning_rate=0.1; may be repeated.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and train nothing.")
def run(
    study: str,
    replicates: int | str | None,
    epochs: int | None,
    design: str | None,
    out: Path | None,
    store: str | None,
    workers: int | None,
    engine: Any,  # noqa: ANN401 - one of the choices above
    allow_code: bool,
    settings: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Trains a study and judges it: a file, or a built-in one.

    Built in are mnist, mnist-fair, mnist-best, mnist-best-augmented and quick.

    What is stored already is not trained again: the same command goes on after an interruption.
    """
    from stepladder import api
    from stepladder.report import progress, terminal
    from stepladder.report.progress import announcement
    from stepladder.report.wording import printable
    from stepladder.study.study import Study

    more = given(replicates=replicates, epochs=epochs, design=design)
    changes = {**settings_of(settings), **more}
    asked = Study.load(study, changes)
    if dry_run:
        planned = api.plan(asked, out=out, store=store, workers=workers, engine=engine)
        for note in planned.notes:
            click.echo(printable(note), err=True)
        click.echo(announcement(planned))
        return
    signals.stop_cleanly()
    watched = progress.for_terminal(sys.stderr)
    made = api.run(
        asked,
        out=out,
        store=store,
        workers=workers,
        engine=engine,
        progress=watched,
        allow_code=allow_code,
    )
    if not made.trained:
        click.echo(f"All {made.found} trials are stored: nothing to train.", err=True)
    terminal.show(made.results)
    click.echo(f"Report: {made.folder / 'report.html'}", err=True)
    kept = without_password(store) if store else made.folder / "stepladder.db"
    click.echo(f"Figures: {made.folder / 'figures'}  Store: {kept}", err=True)


@click.command()
@click.argument("study", metavar="STUDY")
@click.option("--trials", type=int, metavar="N", help="Candidates that are drawn.")
@click.option("--epochs", type=int, metavar="N", help="Epochs of a whole training.")
@click.option(
    "--sampler", metavar="NAME",
    help="quasi-random, random, tpe, gp, cmaes, or a class of optuna.samplers.",
)  # fmt: skip
@click.option(
    "--final",
    is_flag=True,
    help="Look at the winner's test figures. The look is logged; do it once.",
)
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option(
    "--out",
    type=PLACE,
    metavar="DIR",
    help="Folder of the search [runs/STUDY].",
)
@click.option(
    "--store",
    metavar="URL",
    help="Store of the trials; an SQLite file in the folder if left out.",
)
@WORKERS
@ENGINE
@ALLOW_CODE
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Any key of the study by its path, such as search.pruning=none; may be repeated.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and train nothing.")
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
    engine: Any,  # noqa: ANN401 - one of the choices above
    allow_code: bool,
    settings: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Searches a study's [search.space] on validation data: a file, or mnist-search.

    What is stored already is not trained again: the same command goes on after an interruption.
    """
    from stepladder import api
    from stepladder.report import progress, search
    from stepladder.report.progress import announcement
    from stepladder.report.wording import printable
    from stepladder.study.study import Study

    more = given(**{"epochs": epochs, "search.trials": trials, "search.sampler": sampler})
    asked = Study.load(study, {**settings_of(settings), **more})
    if dry_run:
        planned = api.plan_search(asked, out=out, store=store, workers=workers, engine=engine)
        for note in planned.notes:
            click.echo(printable(note), err=True)
        click.echo(announcement(planned))
        return
    signals.stop_cleanly()
    made = api.search(
        asked,
        out=out,
        store=store,
        workers=workers,
        engine=engine,
        progress=progress.for_terminal(sys.stderr),
        allow_code=allow_code,
        final=final,
    )
    if not made.found.trained:
        click.echo(f"All {made.found.found} trials are stored: nothing to train.", err=True)
    if form == "json":
        click.echo(made.to_json(), nl=False)
    else:
        search.show(made.found)
    click.echo(f"Report: {made.folder / 'report.html'}", err=True)
    click.echo(
        f"Candidates: {made.folder / 'search.json'}  Optuna's study: {made.folder / 'optuna.log'}",
        err=True,
    )


@click.command()
@click.argument("table", metavar="TABLE")
@click.option(
    "--only", multiple=True, metavar="ROW",
    help='A row, or "ROW: READING" for one reading of it; may be repeated.',
)  # fmt: skip
@click.option("--replicates", type=int, metavar="N", help="Replicates of each reading.")
@click.option("--out", type=PLACE, metavar="DIR", help="Folder of the run [runs/TABLE].")
@STORE
@WORKERS
@ENGINE
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "markdown"]), default="table",
    show_default=True,
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and train nothing.")
@click.option("--stored", is_flag=True, help="Judge what is stored so far, and train nothing.")
def reproduce(
    table: str,
    only: tuple[str, ...],
    replicates: int | None,
    out: Path | None,
    store: str | None,
    workers: int | None,
    engine: Any,  # noqa: ANN401 - one of the choices above
    form: str,
    dry_run: bool,
    stored: bool,
) -> None:
    """Runs a published table and judges each row: a file, or mnist-original.

    Every reading of a row is trained; it is said which comes nearest, which others cannot be
    excluded, and what neighbouring rows really differ in. What is stored is not trained again.
    """
    from stepladder import api
    from stepladder.report import progress, reproduction
    from stepladder.report.progress import announcement
    from stepladder.study.published import PublishedTable

    asked = PublishedTable.load(table, {} if replicates is None else {"replicates": replicates})
    asked = asked.only(only) if only else asked
    if dry_run:
        planned = api.plan(
            asked.study, out=out, store=store, workers=workers, engine=engine, lint=False
        )
        click.echo(announcement(planned))
        if planned.seconds is None and planned.trials and asked.takes:
            click.echo(f"All of it: {asked.takes}.")
        return
    if not stored:
        signals.stop_cleanly()
    made = api.reproduce(
        asked,
        out=out,
        store=store,
        workers=workers,
        engine=engine,
        progress=progress.for_terminal(sys.stderr),
        train=not stored,
    )
    if not made.trained and not stored:
        click.echo(f"All {made.found} trials are stored: nothing to train.", err=True)
    if form == "table":
        reproduction.show(made.judged)
    else:
        click.echo(reproduction.FORMATS[form](made.judged), nl=False)
    click.echo(f"Every reading: stepladder report {made.folder}", err=True)
