"""Options that several commands have, and values of a study that the command line gives."""

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from stepladder.files import parse_toml, validate_path

Command = TypeVar("Command", bound=Callable[..., Any])


SECTIONS = {
    "Judge techniques": ("run", "init", "results", "report", "ui"),
    "Ask further questions": ("search", "variance", "pareto", "reproduce", "judge"),
    "Use what was trained": ("export", "predict"),
    "Look up": ("techniques", "schema", "doctor", "bench"),
    "Keep and share runs": ("runs", "store", "worker"),
}
"""The commands by what they are for; a command of no section stands in the last."""


class Commands(click.Group):
    """Commands in sections; a name that is no command is refused with the one that it may mean."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands section by section, a whole sentence each."""
        sections = {"Commands": ()} if ctx.parent else SECTIONS
        placed = {name for names in sections.values() for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in placed)
        *_, last = sections
        for title, names in sections.items():
            shown = (*names, *others) if title == last else names
            commands = ((name, self.get_command(ctx, name)) for name in shown)
            rows = [(name, command.get_short_help_str(limit=1000))
                    for name, command in commands if command and not command.hidden]  # fmt: skip
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what a command returns
        """Runs the command that is asked for; see `click.Group.invoke`."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            command = (error.ctx or ctx).command
            options = [name for parameter in command.params for name in parameter.opts]
            meant = _meant_option(error.option_name, options)
            advice = f"; did you mean {meant}?" if meant else ""
            text = f"No such option {error.option_name!r}{advice}"
            raise click.UsageError(text, error.ctx) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for; see `click.Group.resolve_command`."""
        if self.get_command(ctx, args[0]) is None:
            advice = _meant_command(args, self.list_commands(ctx))
            raise click.UsageError(f"No such command {args[0]!r}; {advice}", ctx)
        return super().resolve_command(ctx, args)


def _meant_command(args: list[str], names: list[str]) -> str:
    """What to type in place of words of which the first is no command."""
    from stepladder.runs.folder import is_run  # only for this message: pydantic and SQLAlchemy
    from stepladder.study.loading import BUILT_IN_STUDIES, BUILT_IN_TABLES, is_data
    from stepladder.study.schema import did_you_mean

    word, *others = args
    if others and others[0] in names:
        return f"write the command first: stepladder {shlex.join([others[0], word, *others[1:]])}"
    path = Path(word)
    commands = {
        "reproduce": word in BUILT_IN_TABLES,
        "run": word in BUILT_IN_STUDIES or path.suffix == ".toml",
        "init --dataset": is_data(path),
        "init --template": word in ("keras", "pytorch", "sklearn"),
        "results": is_run(path),
    }
    meant = next((command for command, is_meant in commands.items() if is_meant), None)
    if meant:
        return f"did you mean `stepladder {meant} {shlex.quote(word)}`?"
    return did_you_mean(word, names, f"the commands are {', '.join(names)}")


def _meant_option(option: str, options: list[str]) -> str | None:
    """The option that another one means, or the key of a study as `--set` takes it."""
    from stepladder.study.schema import nearest, path_of  # only for this message: pydantic

    near = nearest(option, [name for name in options if name.startswith("--")])
    if near or "--set" not in options:
        return near
    from stepladder.study.study import Study

    path = path_of(Study, option.strip("-").replace("-", "_"))
    return f"--set {path}=VALUE" if path else None


class _Place(click.Path):
    """A path of a file, existing or new; one that no system could look up is refused."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        name = param.opts[0] if param else "a path"
        if isinstance(param, click.Argument):
            name = param.make_metavar(click.get_current_context()).strip("[].")
        return validate_path(os.fspath(value), name)


PLACE = _Place()


def newest_run() -> Path:
    """The run in `runs` that was run last, which is said.

    Raises:
        click.UsageError: if there is none.
    """
    from stepladder.runs.folder import RUNS, runs_below

    runs = runs_below()
    if not runs:
        raise click.UsageError(f"name the folder of a run, found no run in {str(RUNS)!r}")
    which = f"the newest of {len(runs)}" if len(runs) > 1 else "the only run"
    click.echo(f"{runs[0]}, {which} in {str(RUNS)!r}:", err=True)
    return runs[0]


STORE = click.option(
    "--store",
    metavar="URL",
    help="Store of the trials; an SQLite file in the run's folder if left out.",
)
OTHER_STORE = click.option(
    "--store", metavar="URL", help="Store of the trials, if not in the run's folder."
)
WORKERS = click.option(
    "--workers", type=int, metavar="N", help="Training processes [one for each core]."
)
_EXECUTOR = click.option(
    "--executor",
    metavar="NAME[://ADDRESS]",
    help="Where trials train: local, dask, ray, dask://HOST:PORT, ray://HOST:PORT, slurm, or spool "
    "(workers that you start) [local].",
)
_SLURM = click.option(
    "--slurm",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of sbatch for --executor slurm, such as time=2:00:00; may be repeated.",
)
_DETACH = click.option(
    "--detach",
    is_flag=True,
    help="With --executor slurm or spool: queue everything and stop; the same command without it "
    "collects the results.",
)


def _resources(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> dict[str, float] | None:
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        return {name.strip(): float(number) for name, _, number in pairs}
    except ValueError:
        raise click.BadParameter(f"must be cores=N,gpus=SHARE, found {text!r}") from None


_RESOURCES = click.option(
    "--resources",
    metavar="cores=N,gpus=X",
    callback=_resources,
    help="Cores and GPUs of each training, with --executor.",
)


def executor_options(command: Command) -> Command:
    """The options of where trials train: how many at once, on what, and with which resources."""
    for option in (_RESOURCES, _DETACH, _SLURM, _EXECUTOR, WORKERS):
        command = option(command)
    return command


ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "population", "fit"]),
    default="auto",
    show_default=True,
    help="population: many trials at once on JAX; fit: keras.Model.fit, one at a time.",
)
ALLOW_CODE = click.option(
    "--allow-code",
    is_flag=True,
    help="Let the code that the study names run, with your rights. Read it first.",
)
EXPLAIN = click.option(
    "--explain",
    is_flag=True,
    help="Show below the table what it does not say: diagnosis, tuning, how figures are reached.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print what a run would train, and stop.")


def form_option(*forms: str, text: str | None = None) -> Callable[[Command], Command]:
    """The option `--format`; the first form is the default."""
    choice = click.Choice(forms)
    return click.option(
        "--format", "form", type=choice, default=forms[0], show_default=True, help=text
    )


def set_option(example: str) -> Callable[[Command], Command]:
    """The option `--set`."""
    text = f"Any key of the study by its path, such as {example}; may be repeated."
    return click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=text)


def study_changes(pairs: tuple[str, ...], **values: object) -> Mapping[str, Any]:
    """Changes of a study by key: `KEY=VALUE` pairs of `--set`, and values that were given.

    A value that is no TOML is a text.

    Raises:
        click.BadParameter: if one is no pair.

    Example:
        >>> study_changes(("base.epochs=3", "name=mine"), replicates=5, design=None)
        {'base.epochs': 3, 'name': 'mine', 'replicates': 5}
    """
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(
                f"must be KEY=VALUE, found {pair!r}; write base.learning_rate=0.1, for example",
                param_hint="--set",
            )
        try:
            parsed = parse_toml(f"value = {text}")
        except ValueError:
            parsed = {"value": text}
        if len(parsed) > 1:
            raise click.BadParameter(
                f"must be one KEY=VALUE, found {pair!r}; repeat --set for each", param_hint="--set"
            )
        changes[key.strip()] = parsed["value"]
    return changes | {name: value for name, value in values.items() if value is not None}
