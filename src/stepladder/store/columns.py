"""Values of single columns, and the refusal of rows that were altered."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from stepladder.errors import StoreError

__all__ = ["Row", "refusing_altered", "stored", "texts", "whole", "with_nan"]

Row = Mapping[Any, Any]  # by column
Decoded = TypeVar("Decoded")


def refusing_altered(
    decode: Callable[..., Decoded], name: str, then: str, *given: object
) -> Decoded:
    """What a decoder makes of a row.

    Args:
        decode: takes `given` and raises what it will for what it was not made to read.
        name: the row, as its reader knows it.
        then: what follows when the row is deleted.
        given: the row, and what else the decoder takes.

    Raises:
        StoreError: if the decoder fails, with the row's name.
    """
    try:
        return decode(*given)
    # StudyError is a ValueError; a text where JSON or bytes should be makes a TypeError.
    except (ValueError, TypeError, RecursionError, zlib.error) as error:
        raise StoreError(
            f"{name} must be as stepladder stored it, found a row that was altered: {error}; "
            f"delete that row and {then}"
        ) from None


def stored(value: float) -> float | None:
    """A float as every database keeps it: NaN as NULL, and −0 as 0."""
    # SQLite keeps no sign of zero and reads NaN back as NULL: said here for every database.
    return None if math.isnan(value) else float(value) + 0.0


def with_nan(row: Row, column: str) -> float:
    """The float of a column, NaN for NULL.

    Raises:
        ValueError: if it is neither.
    """
    value = row[column]
    if value is None:
        return math.nan
    if not isinstance(value, float):
        raise ValueError(f"{column} is {value!r}, not a number")
    return value


def whole(row: Row, column: str) -> int:
    """The whole number of a column.

    Raises:
        ValueError: if it is none, or negative.
    """
    value = row[column]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{column} is {value!r}, not a whole number from 0")
    return value


def texts(row: Row, column: str) -> dict[str, str]:
    """The JSON table of texts of a column.

    Raises:
        ValueError: if it is none.
    """
    value = json.loads(row[column])
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"{column} is {row[column]}, not a table of texts")
    return value
