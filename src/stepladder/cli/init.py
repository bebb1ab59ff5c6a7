"""The command `init`."""

from __future__ import annotations

from pathlib import Path

import click

from stepladder.cli.options import PLACE
from stepladder.errors import InputError


@click.command()
@click.option(
    "--template", metavar="NAME", default="keras", show_default=True,
    help="keras, pytorch or sklearn: a function; command: a program; mnist: built-in networks.",
)  # fmt: skip
@click.option(
    "--dataset", metavar="FILE",
    help="Write a study of the built-in networks on a table, a .npz file, a folder of images or a "
    "set of another library, such as sklearn:iris.",
)  # fmt: skip
@click.option(
    "--label", metavar="COLUMN",
    help="The column of the table that holds the label [a guess, which is said].",
)  # fmt: skip
@click.option(
    "--into", "folder", type=PLACE, default=Path(), metavar="FOLDER",
    help="Where to write [this folder].",
)  # fmt: skip
def init(template: str, dataset: str | None, label: str | None, folder: Path) -> None:
    """Writes a study that runs at once, to change into your own.

    Writes study.toml, and train.py where the study trains by code of your own. Nothing is
    overwritten.
    """
    from stepladder.tools import init as projects

    context = click.get_current_context()
    is_asked = context.get_parameter_source("template") is click.core.ParameterSource.COMMANDLINE
    if dataset is not None and is_asked:
        raise InputError(
            "one of --template and --dataset must be given, found both; a dataset has a study of "
            "its own: leave --template out"
        )
    if label is not None and dataset is None:
        raise InputError(
            f"--label must stand beside --dataset, found --label {label} alone; name the table "
            "with --dataset FILE"
        )
    if dataset is not None:
        project = projects.from_dataset(dataset, folder, label)
    else:
        project = projects.from_template(projects.check_template(template), folder)
    click.echo(f"Wrote {' and '.join(map(str, project.files))}.")
    for note in project.notes:
        click.echo(note)
    click.echo(f"Run:    {project.command}")
    click.echo(f"Change: {project.change}")
