"""The command `stepladder judge`: anybody's scores, judged as ours are."""

from __future__ import annotations

from pathlib import Path

import click

from stepladder.cli_settings import PLACE

__all__ = ["judge"]


@click.command()
@click.argument("scores", metavar="SCORES.csv", type=PLACE)
@click.option("--against", metavar="ARM", help="What the others are compared with [the first arm].")
@click.option(
    "--delta", type=float, default=0.1, show_default=True, metavar="POINTS",
    help="Percentage points below which a difference does not matter.",
)  # fmt: skip
@click.option(
    "--chance", type=float, metavar="FRACTION",
    help="Accuracy of guessing: effects are also given with diverged (nan) replicates at it.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table",
    show_default=True,
)  # fmt: skip
def judge(scores: Path, against: str | None, delta: float, chance: float | None, form: str) -> None:
    """Judges scores of your own: a CSV of arm, replicate, score (a fraction).

    Rows of one replicate are compared in pairs across arms.
    """
    from stepladder.analysis.scored import judge_scores
    from stepladder.report import scores as shown
    from stepladder.score_file import read_scores

    judged = judge_scores(read_scores(scores), against, delta=delta, chance=chance)
    if form == "table":
        shown.show(judged, delta)
    else:
        click.echo(shown.FORMATS[form](judged, delta), nl=False)
