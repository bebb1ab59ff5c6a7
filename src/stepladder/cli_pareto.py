"""The command `stepladder pareto`: accuracy against training time and size, over several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stepladder.cli_settings import PLACE

__all__ = ["pareto"]


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PLACE)
@click.option(
    "--on", "part", type=click.Choice(["test", "validation"]), default="test", show_default=True,
    help="Which accuracy; a search's winner has one on the test set after search --final alone.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table",
    show_default=True,
)  # fmt: skip
@click.option(
    "--output", type=PLACE, metavar="DIR",
    help="Folder of the figures [pareto/ in the folder of the first run].",
)  # fmt: skip
@click.option("--store", metavar="URL", help="Store of the trials, if not in the runs' folders.")
def pareto(
    runs: tuple[Path, ...],
    part: Any,  # noqa: ANN401 - one of the choices above
    form: Any,  # noqa: ANN401 - one of the choices above
    output: Path | None,
    store: str | None,
) -> None:
    """Weighs accuracy against training time and size: arms of runs, and winners of searches.

    RUN is a run's folder, or a file that it left: results.json, of a search search.json.

    Names what no other beats, and the smallest network at 98 % and at 99 %.
    """
    from stepladder import weighing
    from stepladder.report.write import write_plots

    made = weighing.weigh(runs, part=part, store=store)
    for note in made.notes:
        click.echo(note, err=True)
    click.echo(made.as_text(form), nl=False)
    first = runs[0].parent if runs[0].is_file() else runs[0]
    for file in write_plots(made.plots, output or first / "pareto"):
        click.echo(f"Figure: {file}", err=True)
