"""The list of commands in `docs/reference/commands.md`, made from the program's own help.

    python benchmarks/commands_page.py --into docs/reference/commands.md

`make docs` does the same. Without `--into` the list is printed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from comparison.pages import between, print_or_write
from stepladder.cli.main import command as program

BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"


def commands() -> str:
    """Every command with its arguments and options, as Markdown."""
    context = click.Context(program, info_name="stepladder")
    return "\n".join(
        line for name in program.list_commands(context) for line in _command(name, context)
    )


def filled(page: str) -> str:
    """A page with what stands between its marks made anew.

    Raises:
        ValueError: if it does not have both marks once.
    """
    return between(page, BEGIN, END, f"{commands()}\n")


def _command(name: str, above: click.Context) -> Iterator[str]:
    command = above.command.commands[name]  # type: ignore[attr-defined]
    context = click.Context(command, info_name=name, parent=above)
    usage = command.get_usage(context).removeprefix("Usage: ")
    heading = "##" if above.parent is None else "###"
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    yield from (f"{heading} {context.command_path}", "", text, "", "```", usage, "```", "")
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield from ("| option | meaning |", "|---|---|")
        yield from (_row(*record) for one in options if (record := one.get_help_record(context)))
        yield ""
    if isinstance(command, click.Group):
        for inner in command.commands:
            yield from _command(inner, context)


def _row(name: str, meaning: str) -> str:
    cells = (text.replace("|", r"\|") for text in (f"`{name}`", meaning))
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print_or_write(__doc__, commands, filled)
