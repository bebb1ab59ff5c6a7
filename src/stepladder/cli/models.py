"""The commands `stepladder export` and `stepladder predict`: trained models are used."""

import sys
from pathlib import Path
from typing import Any

import click

from stepladder.cli import signals
from stepladder.cli.options import ALLOW_CODE, OTHER_STORE, PLACE, form_option, newest_run


@click.command()
@click.argument("run", metavar="[RUN]", required=False, type=PLACE)
@click.option(
    "--arm", metavar="NAME", help="Arm of the run [the winner of a search, or the only arm]."
)
@click.option(
    "--to", type=PLACE, metavar="FILE.keras", required=True,
    help="The model; its card is written next to it, FILE.md.",
)  # fmt: skip
@click.option(
    "--ensemble", is_flag=True,
    help="All replicates as one model that averages their probabilities, not only the best.",
)  # fmt: skip
@OTHER_STORE
@ALLOW_CODE
def export(
    run: Path | None,
    arm: str | None,
    to: Path,
    ensemble: bool,
    store: str | None,
    allow_code: bool,
) -> None:
    """Writes the best network of an arm as one Keras model, with its card.

    RUN is the folder of a run or a search [the newest in runs]; the best replicate is that with the
    best validation score. The model takes raw inputs and gives probabilities, and loads where Keras
    alone is installed.
    """
    from stepladder import api
    from stepladder.report import progress

    signals.stop_cleanly()
    exported = api.export(
        run or newest_run(),
        arm,
        to=to,
        ensemble=ensemble,
        store=store,
        progress=progress.for_terminal(sys.stderr),
        allow_code=allow_code,
    )
    click.echo(click.format_filename(exported.file))
    click.echo(f"Card: {click.format_filename(exported.file.with_suffix('.md'))}", err=True)


@click.command()
@click.argument("model", metavar="MODEL", type=PLACE)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PLACE)
@form_option("table", "json")
@click.option(
    "--as-it-is", is_flag=True,
    help="Only resize pictures: do not find and frame what is drawn on them.",
)  # fmt: skip
def predict(
    model: Path,
    images: tuple[Path, ...],
    form: Any,  # noqa: ANN401 - one of the choices above
    as_it_is: bool,
) -> None:
    """Classifies pictures and arrays with a model.

    Frames a drawn or photographed digit as the images of the training set are. Warns of inputs
    that do not look like them.
    """
    from stepladder import api
    from stepladder.deployment import predict

    predictions = api.predict(model, images, as_it_is=as_it_is)
    if form == "json":
        click.echo(predict.as_json(predictions), nl=False)
    else:
        predict.show(predictions)
