"""The commands `stepladder export` and `stepladder predict`: using what was trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from stepladder.cli import signals
from stepladder.cli.options import ALLOW_CODE, PLACE


@click.command()
@click.argument("run", metavar="RUN", type=PLACE)
@click.option(
    "--arm", metavar="NAME", help="Arm of the run [the winner of a search, or the only arm]."
)
@click.option(
    "--to", type=PLACE, metavar="FILE.keras", required=True,
    help="The model; its card goes beside it, FILE.md.",
)  # fmt: skip
@click.option(
    "--ensemble", is_flag=True,
    help="All replicates as one model that averages their probabilities, not the best alone.",
)  # fmt: skip
@click.option("--store", metavar="URL", help="Store of the trials, if not in the run's folder.")
@ALLOW_CODE
def export(
    run: Path,
    arm: str | None,
    to: Path,
    ensemble: bool,
    store: str | None,
    allow_code: bool,
) -> None:
    """Writes an arm's best replicate by validation accuracy as one Keras model, with its card.

    The model takes raw inputs and gives probabilities, and loads where Keras alone is installed.
    """
    from stepladder import api
    from stepladder.report import progress

    signals.stop_cleanly()
    made = api.export(
        run,
        arm,
        to=to,
        ensemble=ensemble,
        store=store,
        progress=progress.for_terminal(sys.stderr),
        allow_code=allow_code,
    )
    click.echo(click.format_filename(made.file))
    click.echo(f"Card: {click.format_filename(made.file.with_suffix('.md'))}", err=True)


@click.command()
@click.argument("model", metavar="MODEL", type=PLACE)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PLACE)
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option(
    "--as-it-is", is_flag=True,
    help="Only resize pictures: do not look for what is drawn on them and frame it.",
)  # fmt: skip
def predict(
    model: Path,
    images: tuple[Path, ...],
    form: Any,  # noqa: ANN401 - one of the choices above
    as_it_is: bool,
) -> None:
    """Asks a model what pictures (PNG, JPEG) and arrays (.npy, .npz) show.

    A drawn or photographed digit is framed as the images of the training set are. What does not
    look like them is called so.
    """
    from stepladder import api
    from stepladder.deployment import predict

    made = api.predict(model, images, as_it_is=as_it_is)
    if form == "json":
        click.echo(predict.as_json(made), nl=False)
    else:
        predict.show(made)
