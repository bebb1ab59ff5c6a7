"""What installed packages offer by entry points."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from stepladder.errors import InputError


def find_plugin(group: str, name: str) -> EntryPoint | None:
    """The entry point of a name, nothing of it imported; None where no package has one.

    Example:
        >>> find_plugin("console_scripts", "no such command") is None
        True
    """
    return next(iter(entry_points(group=group, name=name)), None)


def plugin_names(group: str) -> list[str]:
    """The names that installed packages offer in a group."""
    return sorted(entry_points(group=group).names)


def load_plugin(entry: EntryPoint, what: str, kind: str, is_one: Callable[[object], bool]) -> Any:  # noqa: ANN401
    """What an entry point names.

    Args:
        entry: as `find_plugin` found it.
        what: it is, such as "the metric", for the message.
        kind: it must be, in words.
        is_one: whether a value is of that kind.

    Raises:
        InputError: if it cannot be imported, or is something else.
    """
    try:
        value = entry.load()
    except Exception as error:  # whatever a package may raise
        found = f"{type(error).__name__}: {error}"
    else:
        if is_one(value):
            return value
        found = f"a value of type {type(value).__name__}"
    raise InputError(
        f"{what} {entry.name!r} must be {kind}, found {found} at {entry.value}, an entry point "
        f"of {package_of(entry)}; update that package, or remove it"
    )


def package_of(entry: EntryPoint) -> str:
    """The package that offers an entry point."""
    return entry.dist.name if entry.dist else "a package"
