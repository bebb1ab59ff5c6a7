"""The command `stepladder reproduce`: a published table, run under its protocol and judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from stepladder import interrupts
from stepladder.cli_settings import ENGINE, PLACE, WORKERS

__all__ = ["reproduce"]


@click.command()
@click.argument("table", metavar="TABLE")
@click.option(
    "--only", multiple=True, metavar="ROW",
    help='A row, or "ROW: READING" for one reading of it; may be repeated.',
)  # fmt: skip
@click.option("--replicates", type=int, metavar="N", help="Replicates of each reading.")
@click.option("--out", type=PLACE, metavar="DIR", help="Folder of the run [runs/TABLE].")
@click.option(
    "--store", metavar="URL",
    help="Store of the trials; an SQLite file in the run's folder if left out.",
)  # fmt: skip
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
    from stepladder.published import PublishedTable
    from stepladder.report import progress, reproduction_forms
    from stepladder.report.announcing import announcement

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
        interrupts.stop_cleanly()
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
        reproduction_forms.show(made.judged)
    else:
        click.echo(reproduction_forms.FORMATS[form](made.judged), nl=False)
    click.echo(f"Every reading: stepladder report {made.folder}", err=True)
