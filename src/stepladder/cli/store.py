"""The commands `runs` and `store`."""

import os
from pathlib import Path

import click

from stepladder.cli.options import PLACE, Commands, form_option

_STORE = click.argument("store", metavar="STORE")


@click.command()
@click.argument("folder", required=False, type=PLACE)
@click.option("--store", metavar="URL", help="List the studies of this store instead.")
@form_option("table", "json")
def runs(folder: Path | None, store: str | None, form: str) -> None:
    """Lists runs: what is finished, what is not, and their size.

    FOLDER holds them [runs].
    """
    from stepladder.hpo.plan import run_search_status, with_candidates
    from stepladder.report import terminal
    from stepladder.runs.stored import runs_in, runs_of
    from stepladder.store import open_store

    if folder is None and store is not None:
        with open_store(store, create=False, writes=False) as opened:
            states = runs_of(opened)
    elif folder is None and not os.path.lexists("runs"):
        states = []
    else:
        states = runs_in(folder or Path("runs"), store)
    states = [with_candidates(each, lambda run: run_search_status(run, store)) for each in states]
    if form == "json":
        click.echo(terminal.runs_json(states), nl=False)
    else:
        terminal.show_runs(states)


@click.group(cls=Commands)
def store() -> None:
    """Checks, copies and cleans stores. STORE is a run's folder, an SQLite file or a URL."""


@store.command()
@_STORE
@click.option(
    "--delete-damaged",
    is_flag=True,
    help="Delete rows that cannot be read: what they held is stored again when it is asked for.",
)
def check(store: str, delete_damaged: bool) -> None:
    """Reads every row: finds damage, orphans, altered figures, trials of an older arithmetic."""
    from stepladder.report.wording import plural
    from stepladder.runs import maintenance

    result = maintenance.check(store, delete_damaged)
    for fault in result.deleted:
        click.echo(f"deleted: {fault}")
    for fault in result.faults:
        click.echo(f"BAD {fault}")
    for note in result.notes:
        click.echo(f"    {note}")
    if result.faults:
        raise click.exceptions.Exit(1)
    studies = plural(result.studies, "study", "studies")
    click.echo(f"ok  {plural(result.trials, 'trial')} and {studies}, all undamaged")


@store.command(name="export")
@_STORE
@click.argument("target", metavar="TARGET")
def export(store: str, target: str) -> None:
    """Copies all of STORE into TARGET, which is created if missing."""
    _copy(store, target)


@store.command(name="import")
@_STORE
@click.argument("source", metavar="SOURCE")
def import_(store: str, source: str) -> None:
    """Copies all of SOURCE into STORE, which is created if missing."""
    _copy(source, store)


@store.command()
@_STORE
def vacuum(store: str) -> None:
    """Frees the disk space of deleted rows, and of kept weights that no study asks for."""
    from stepladder.report.terminal import byte_size
    from stepladder.report.wording import plural
    from stepladder.runs.maintenance import tidy

    before, after, removed = tidy(store)
    click.echo(f"{byte_size(before)} before, {byte_size(after)} now")
    if removed:
        click.echo(f"{plural(removed, 'file')} of weights removed: no study asks for them")


def _copy(source: str, target: str) -> None:
    from stepladder.runs.maintenance import address_of
    from stepladder.store.maintenance import copy_store

    done = copy_store(address_of(source), address_of(target))
    click.echo(
        f"{done.trials:,} trials, {done.studies:,} studies and {done.looks:,} looks copied; "
        f"{done.found:,} trials were there already"
    )
    for name in done.kept:
        click.echo(f"The target keeps its own study named {name!r}.", err=True)
