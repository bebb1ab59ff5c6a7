"""Options that several commands have, and values of a study that the command line gives."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from stepladder.files import validate_path


class _Place(click.Path):
    """A path, of what is there or is to be made; one that no system could look up is refused."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        return validate_path(os.fspath(value), _named(param))


def _named(param: click.Parameter | None) -> str:
    """What a user calls an option or argument."""
    if isinstance(param, click.Argument):
        return param.make_metavar(click.get_current_context()).strip("[].")
    return param.opts[0] if param else "a path"


PLACE = _Place()

STORE = click.option(
    "--store",
    metavar="URL",
    help="Store of the trials; an SQLite file in the run's folder if left out.",
)
WORKERS = click.option(
    "--workers", type=int, metavar="N", help="Training processes [one for each core]."
)
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
    help="Let the model file that the study names run, with your rights. Read it first.",
)


def given(**values: object) -> dict[str, Any]:
    """Those values that were given."""
    return {name: value for name, value in values.items() if value is not None}


def settings_of(pairs: tuple[str, ...]) -> Mapping[str, Any]:
    """`KEY=VALUE` pairs by key; a value that is no TOML is a text.

    Raises:
        click.BadParameter: if one is no pair.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(
                f"must be KEY=VALUE, found {pair!r}; write base.learning_rate=0.1, for example",
                param_hint="--set",
            )
        try:
            found[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = text
    return found
