"""The commands `report`, `ui`, `judge` and `pareto`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from stepladder.cli.options import EXPLAIN, OTHER_STORE, PLACE, form_option, newest_run

if TYPE_CHECKING:
    from stepladder.api import DatasetsRun


@click.command()
@click.argument("runs", metavar="[RUN]", nargs=-1, type=PLACE)
@click.option("--compare", "is_comparison", is_flag=True, help="Compare two runs, RUN RUN.")
@form_option(
    "html", "md",
    text="html: one file with the figures; md: Markdown for a pull request, to stdout.",
)  # fmt: skip
@click.option(
    "--output", type=PLACE, metavar="FILE",
    help="File to write [RUN/report.html, or compare.html in the first run's folder].",
)  # fmt: skip
@OTHER_STORE
def report(
    runs: tuple[Path, ...],
    is_comparison: bool,
    form: Any,  # noqa: ANN401 - one of the choices above
    output: Path | None,
    store: str | None,
) -> None:
    """Writes the report of a run again, or compares two runs.

    RUN is its folder, such as runs/mnist [the newest in runs].
    """
    if not runs and not is_comparison:
        runs = (newest_run(),)
    if len(runs) != (2 if is_comparison else 1):
        needs = "--compare needs two runs" if is_comparison else "name one run"
        advice = f"write stepladder report {'--compare RUN RUN' if is_comparison else 'RUN'}"
        raise click.UsageError(f"{needs}, found {len(runs)}; {advice}")
    if is_comparison:
        _compare(runs[0], runs[1], form, output, store)
    else:
        _report(runs[0], form, output, store)


def _report(run: Path, form: str, output: Path | None, store: str | None) -> None:
    from stepladder import api
    from stepladder.report import html

    finished = api.read(run, store=store, command="report", curves=form == "html")
    if isinstance(finished, api.DatasetsRun):
        _report_datasets(finished, form, output)
        return
    if form == "md":
        from stepladder.report.markdown import report_as_markdown

        _write(report_as_markdown(finished.results), output)
        return
    if output is not None:
        html.write_html(finished.results, output)
    click.echo(output or finished.report())


def _report_datasets(finished: DatasetsRun, form: str, output: Path | None) -> None:
    from stepladder.report.datasets import STUDY_FORMATS

    if form == "md":
        _write(STUDY_FORMATS["markdown"](finished.shown), output)
    elif output is not None:
        raise click.UsageError(
            "--output is for a run on one data set, found one on several, whose page links to "
            "theirs; leave it out"
        )
    else:
        for run in finished.runs.values():
            run.report()
        click.echo(finished.report())


def _compare(one: Path, two: Path, form: str, output: Path | None, store: str | None) -> None:
    from stepladder import api
    from stepladder.report import comparison

    ours, theirs = (
        api.read_one(run, store=store, command="report --compare", curves=False).results
        for run in (one, two)
    )
    names = (one.name or str(one), two.name or str(two))
    if names[0] == names[1]:
        names = (str(one), str(two))
    if form == "md":
        _write(comparison.comparison_as_markdown(ours, theirs, names), output)
        return
    _write(comparison.comparison_as_html(ours, theirs, names), output or one / "compare.html")


def _write(text: str, output: Path | None) -> None:
    """Writes to a file, whose name is printed, or to stdout."""
    from stepladder.files import atomic_write

    if output is None:
        click.echo(text, nl=False)
    else:
        click.echo(atomic_write(output, text.encode()))


@click.command()
@click.argument("runs", metavar="[RUN_OR_STORE]", default="runs")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", default=0,
    help="Port of the page [any that is free].",
)  # fmt: skip
@OTHER_STORE
def ui(runs: str, port: int, store: str | None) -> None:
    """Shows runs on a live page, on this machine only.

    RUN_OR_STORE is a run, a folder of runs [runs], or a store.
    """
    try:
        from stepladder.tools.dashboard import serve
    except ImportError:
        raise click.UsageError(
            "ui needs starlette and uvicorn, found none; install them with: "
            "pip install 'stepladder[ui]'"
        ) from None
    from stepladder.cli import signals
    from stepladder.tools.dashboard import Source

    signals.stop_cleanly()
    serve(Source.of(runs, store), port, lambda address: click.echo(address))


@click.command()
@click.argument("scores", metavar="SCORES.csv", type=PLACE)
@click.option(
    "--against", metavar="ARM", help="Arm that the other arms are compared with [the first]."
)
@click.option("--metric", metavar="NAME", help="What the scores are [the heading of their column].")
@click.option("--lower-is-better", "is_lower", is_flag=True, help="For losses, errors and times.")
@click.option(
    "--higher-is-better", "is_higher", is_flag=True, help="For accuracies, gains and other scores."
)
@click.option(
    "--unit", metavar="UNIT",
    help="Unit of the metric, such as ms; points: fractions in 0…1, shown in percent.",
)  # fmt: skip
@click.option(
    "--columns", multiple=True, metavar="ROLE=NAME",
    help="Headings of the columns: arm=method,replicate=seed,score=acc,dataset=task [guessed].",
)  # fmt: skip
@click.option(
    "--delta", type=float, metavar="NUMBER",
    help="Difference below which none matters, in the metric's unit [0.1 points for fractions].",
)  # fmt: skip
@click.option(
    "--chance", type=float, metavar="FRACTION",
    help="Score of guessing: effects are also given with diverged (nan) replicates at it.",
)  # fmt: skip
@click.option(
    "--anytime", is_flag=True,
    help="Verdicts that stay right if scores are added and judged again, as often as you like.",
)  # fmt: skip
@click.option(
    "--claim", type=click.Choice(["difference", "not worse"]), default="difference",
    show_default=True, help="What arms shall show: not worse by delta, in place of no difference.",
)  # fmt: skip
@click.option(
    "--overlap", type=float, default=0.0, metavar="RATIO",
    help="Test examples per training example, where replicates are folds or other parts of the "
    "same data: 0.111 for ten folds.",
)  # fmt: skip
@click.option(
    "--output", type=PLACE, metavar="DIR",
    help="Folder of the figures over several data sets [none are drawn].",
)  # fmt: skip
@form_option("table", "json", "csv", "markdown")
@EXPLAIN
def judge(
    scores: Path,
    against: str | None,
    metric: str | None,
    is_lower: bool,
    is_higher: bool,
    unit: str | None,
    columns: tuple[str, ...],
    delta: float | None,
    chance: float | None,
    overlap: float,
    anytime: bool,
    claim: Literal["difference", "not worse"],
    output: Path | None,
    form: str,
    explain: bool,
) -> None:
    """Judges scores of your own, from a table of text.

    Each row has an arm, a replicate and a score. A column for each arm, or for each replicate,
    is read too. Rows of one replicate are compared in pairs across arms; where no replicate
    matches, means are compared. With a column of data sets, arms are judged on each and in
    general.
    """
    from stepladder import api
    from stepladder.report import scores as shown

    if is_lower and is_higher:
        raise click.UsageError(
            "one of --lower-is-better and --higher-is-better must be given, found both; leave one "
            "out"
        )
    table = api.judge(
        scores, against, metric=metric, unit=unit, delta=delta, chance=chance,
        overlap=overlap, direction="minimize" if is_lower else "maximize" if is_higher else None,
        columns=_columns(columns), anytime=anytime, claim=claim,
    )  # fmt: skip
    for note in () if explain else table.notes:
        click.echo(note, err=True)
    if isinstance(table, api.JudgedTables):
        from stepladder.report import datasets

        if form == "table":
            datasets.show(table.judged, explain=explain)
        else:
            click.echo(datasets.FORMATS[form](table.judged), nl=False)
        for file in table.write_figures(output) if output else ():
            click.echo(f"Figure: {file}", err=True)
    elif output is not None:
        raise click.UsageError("--output needs several data sets, found one; leave it out")
    elif form == "table":
        shown.show(table.judged, explain=explain)
    else:
        click.echo(shown.FORMATS[form](table.judged), nl=False)
    if form == "table" and not explain:
        click.echo("\nExplain: the same command with --explain", err=True)


def _columns(pairs: tuple[str, ...]) -> dict[str, str]:
    """Headings by role; a heading may hold commas."""
    columns = {}
    for pair in [part for text in pairs for part in re.split(r",(?=[^,=]*=)", text)]:
        role, equals, name = pair.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(
                f"must be ROLE=NAME, found {pair!r}; write arm=method,replicate=seed,score=acc, "
                "for example",
                param_hint="--columns",
            )
        columns[role.strip()] = name.strip()
    return columns


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PLACE)
@click.option(
    "--on", "part", type=click.Choice(["test", "validation"]), default="test", show_default=True,
    help="Which accuracy; a search's winner has one on the test set only after search --final.",
)  # fmt: skip
@form_option("table", "json", "csv", "markdown")
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
    """Compares accuracy with training time and size.

    Takes arms of runs and winners of searches. Names those that no other beats in both, and the
    smallest networks that reach 98 % and 99 %.

    RUN is a run's folder, or a file of it: results.json, or search.json of a search.
    """
    from stepladder.report import pareto
    from stepladder.report.html import write_plots

    weighed = pareto.weigh(runs, part=part, store=store)
    for note in weighed.notes:
        click.echo(note, err=True)
    click.echo(weighed.as_text(form), nl=False)
    first = runs[0].parent if runs[0].is_file() else runs[0]
    for file in write_plots(weighed.plots, output or first / "pareto"):
        click.echo(f"Figure: {file}", err=True)
