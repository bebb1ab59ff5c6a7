"""What several rooms of the store do to a table: new rows, ids in portions, the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["chunks", "insert_new", "now"]

_CHUNK = 500  # ids in one statement; some builds of SQLite take no more than 999


def insert_new(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *key: str
) -> int:
    """Inserts those of some rows whose key is not there already, and says how many they were."""
    if not rows:
        return 0
    # The same words in both dialects, yet SQLAlchemy has no common form of them.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_nothing(index_elements=key)
    options = {"preserve_rowcount": True}
    return connection.execute(statement, rows, execution_options=options).rowcount


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Each id once, so many at a time as a statement takes."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _CHUNK):
        yield distinct[start : start + _CHUNK]


def now() -> str:
    """The time in UTC, as rows have it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
