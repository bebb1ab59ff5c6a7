"""Values under free keys: numbers, texts, true or false, lists and tables, as TOML has them."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from stepladder.errors import StudyError
from stepladder.study.schema import nearest


def _check_values(values: dict[str, Any]) -> dict[str, Any]:
    for path, value in flatten(values):
        if not _is_plain(value):
            raise ValueError(
                f"must be finite numbers, texts, true or false, lists and tables, found {value!r} "
                f"in {path}; write it as a text, and let your code read that"
            )
    _check_keys(values)
    return values


def _check_keys(values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if "." in key:
            raise ValueError(
                f"must have keys without a dot, which stands between a table and its key, found "
                f"{key!r}; rename it, or write a table"
            )
        if isinstance(value, Mapping):
            _check_keys(value)


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):  # within a list; the tables around it are flattened
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, str):
        return value.isascii() or _is_unicode(value)
    return isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which no file or program can be given
        return False
    return True


FreeValues = Annotated[dict[str, Any], AfterValidator(_check_values)]
"""Values by key, whatever the keys are."""


def flatten(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Values by the path of their key, tables within tables followed."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the path of their key as tables within tables: the opposite of `flatten`.

    Example:
        >>> nested({"lr": 0.1, "net.depth": 2})
        {'lr': 0.1, 'net': {'depth': 2}}
    """
    result: dict[str, Any] = {}
    for path, value in values.items():
        *tables, last = path.split(".")
        place = result
        for name in tables:
            place = place.setdefault(name, {})
        place[last] = value
    return result


def merge(
    values: Mapping[str, Any], change: Mapping[str, Any], above: str = "", table: str = "base"
) -> dict[str, Any]:
    """Values of which some are replaced; a table replaces only the keys that it has.

    Args:
        values: all of them.
        change: new values by key.
        above: path of the table that they are, with a dot at its end, for messages.
        table: where a file has the values that a change may name.

    Raises:
        StudyError: if a key is not one of the values.

    Example:
        >>> merge({"lr": 0.1, "net": {"depth": 2, "width": 8}}, {"net": {"depth": 3}})
        {'lr': 0.1, 'net': {'depth': 3, 'width': 8}}
    """
    unknown = [(key, nearest(key, values, are_own=True)) for key in change if key not in values]
    if unknown:
        add = f"add it to [{table}] with the value that the base has"
        raise StudyError([
            f"change must name keys of [{table}], found {above + key!r}; "
            + (f"did you mean {above + near!r}?" if near else add)
            for key, near in unknown
        ])  # fmt: skip
    result = dict(values)
    for key, value in change.items():
        old = values[key]
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value, f"{above}{key}.", table) if both else value
    return result
