"""The command line: options and exit codes, nothing else."""

import errno
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from stepladder.cli import signals, store, streams
from stepladder.cli.init import init
from stepladder.cli.models import export, predict
from stepladder.cli.options import EXPLAIN, PLACE, STORE, WORKERS, Commands, form_option, newest_run
from stepladder.cli.report import judge, pareto, report, ui
from stepladder.cli.run import reproduce, run, search, variance
from stepladder.cli.worker import worker
from stepladder.errors import LeftRunning, StepladderError, as_command
from stepladder.files import shorten, without_password
from stepladder.version import __version__

_STORING = (["run"], ["search"], ["reproduce"], ["variance"])
"""Commands that store finished trials: the same command resumes."""


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="stepladder")
def command() -> None:
    """What each training technique is worth, on your data, and how sure that is.

    Begin with `stepladder run quick` (half a minute) or `stepladder run mnist` (a minute or two on
    two cores). `stepladder init` writes a study of your own.
    """


@command.command()
@click.argument("run", metavar="[RUN]", required=False, type=PLACE)
@form_option("table", "json", "csv", "markdown")
@EXPLAIN
@STORE
def results(run: Path | None, form: str, explain: bool, store: str | None) -> None:
    """Prints the results of a run again.

    RUN is its folder, such as runs/mnist [the newest in runs].
    """
    with streams.starting():
        from stepladder import api
        from stepladder.execution.spool_files import Spool
        from stepladder.report import markdown, terminal

    run = run or newest_run()
    finished = api.read(run, store=store, command="results", curves=False)
    if isinstance(finished, api.DatasetsRun):
        if form == "table":
            terminal.print_document(finished.shown.documents(explain=explain))
        else:
            from stepladder.report.datasets import STUDY_FORMATS

            click.echo(STUDY_FORMATS[form](finished.shown), nl=False)
        return
    judged = finished.results
    state = Spool(run).state()
    if state is not None:
        click.echo(
            f"Spool: {state}; the command that ran the study takes in what is done.", err=True
        )
    if form == "table":
        terminal.show(judged, explain=explain)
    else:
        click.echo(markdown.FORMATS[form](judged), nl=False)


@command.command()
@form_option("table", "json", "markdown")
def techniques(form: Any) -> None:  # noqa: ANN401 - one of the choices above
    """Lists the techniques of the catalogue, with what each changes."""
    from stepladder.report import terminal

    terminal.show_techniques(form)


@command.command()
@click.argument("run", metavar="[RUN]", required=False, type=PLACE)
def doctor(run: Path | None) -> None:
    """Checks the installation, and the store of a run."""
    from stepladder.tools import doctor

    findings = doctor.examine(run)
    for finding in findings:
        mark = "ok " if finding.healthy else "BAD"
        click.echo(f"{mark} {finding.subject:<12} {finding.text}")
    if not all(finding.healthy for finding in findings):
        raise click.exceptions.Exit(1)


@command.command()
@WORKERS
@form_option("table", "json")
@click.option("--tiny", is_flag=True, hidden=True, help="For tests: figures that mean nothing.")
def bench(workers: int | None, form: str, tiny: bool) -> None:
    """Measures this machine in half a minute, beside keras.Model.fit."""
    from stepladder.execution import machine
    from stepladder.tools import bench

    settings = machine.settings(workers)
    signals.stop_cleanly()
    work = bench.TINY if tiny else bench.Work()
    measured = bench.measure(work, settings, lambda text: click.echo(f"Measuring {text}", err=True))
    click.echo(bench.as_json(measured) if form == "json" else bench.as_text(measured), nl=False)


@command.command()
@click.option(
    "--of", "what", type=click.Choice(["study", "table"]), default="study", show_default=True,
    help="A study file, or a published table.",
)  # fmt: skip
def schema(what: str) -> None:
    """Prints the JSON Schema of study files, for editors."""
    import json

    from stepladder.study.published import PublishedTable
    from stepladder.study.study import Study

    value = PublishedTable if what == "table" else Study
    click.echo(json.dumps(value.model_json_schema(by_alias=True), indent=2, ensure_ascii=False))


for _command in (
    init, judge, report, ui, run, worker, reproduce, search, variance, pareto, export, predict,
    store.runs,
    store.store,
):  # fmt: skip
    command.add_command(_command)


def restore_help(group: click.Group) -> None:
    """Reads the help of commands from their source where Python, as by `-OO`, has dropped it."""
    import ast
    import inspect
    import textwrap
    from contextlib import suppress

    for each in (group, *group.commands.values()):
        if each is not group and isinstance(each, click.Group):
            restore_help(each)
        elif each.help is None and each.callback is not None:
            with suppress(OSError, SyntaxError):  # where there is no source there is no help
                source = textwrap.dedent(inspect.getsource(each.callback))
                (function,) = ast.parse(source).body
                assert isinstance(function, ast.FunctionDef)
                each.help = ast.get_docstring(function)


@as_command()
def main() -> NoReturn:
    """Runs the command; ends the process with 0 done, 1 failed, 2 bad input, 130 interrupted."""
    streams.tolerate()
    if sys.flags.optimize >= 2:
        restore_help(command)
    # Nothing is shown on a screen, and Matplotlib ends with a traceback at a backend it lacks.
    os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
    try:
        code = _execute()
        if sys.stdout is not None:  # as where it was closed
            sys.stdout.flush()  # a full disk shows here, not when the interpreter has ended
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except StepladderError as error:
        click.echo(f"stepladder: {shorten(str(error))}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error, LeftRunning):
            signals.ask_to_end(error)
        click.echo(_interrupted(sys.argv), err=True)
        sys.exit(signals.INTERRUPTED)
    except MemoryError:
        click.echo(
            "stepladder: memory must suffice, found too little; free some, or give less data",
            err=True,
        )
        sys.exit(1)
    except BrokenPipeError:
        streams.discard_output()  # the reader of our output has left
        sys.exit(0)
    except OSError as error:
        click.echo(f"stepladder: {_unusable(error)}", err=True)
        streams.discard_output()
        sys.exit(1)
    sys.exit(code or 0)


def _execute() -> int | None:
    """Executes the command; gives what click would exit with, or None."""
    try:
        # With color click leaves names in a file as they are.
        code: int | None = command(standalone_mode=False, color=True)
    except Exception as error:
        # click makes an Abort of it, and a library that calls us an error of its own.
        raise signals.interruption_in(error) or error from None
    return code


def _unusable(error: OSError) -> str:
    """What the system has refused that nothing else has explained."""
    if streams.is_unwritable(error):
        return (
            f"output must be written, found: {error.strerror}; free some space or write to "
            "another place"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"some files must be opened at a time, found: {error.strerror}; raise `ulimit -n`"
    try:
        name = os.fsdecode(error.filename or os.getcwd())
    except FileNotFoundError:
        name = "the current folder"
    return (
        f"{name!r} must be usable, found: {error.strerror or error}; check that it exists and its "
        "permissions, or use another place"
    )


def _interrupted(words: list[str]) -> str:
    import shlex

    if words[1:2] not in _STORING:
        return "Interrupted."
    shown = ["stepladder", *map(without_password, words[1:])]
    hint = "" if shown[1:] == words[1:] else ", with the password in place of ***"
    return (
        "Interrupted. Finished trials are stored; to resume, run the same command again"
        f"{hint}:\n  {shlex.join(shown)}"
    )
