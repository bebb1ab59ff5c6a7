"""SQL statements of one transaction: inserts, claims, epochs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from stepladder.store.base import ClaimOwner
from stepladder.store.rows import CURVE_FIELDS, Epochs, Row, decode_or_raise, decode_probes, whole
from stepladder.store.schema import claims, drivers, epochs, probes, trials
from stepladder.trials.trial import Probes

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


_DRIVER = [drivers.c.id, drivers.c.place, drivers.c.process, drivers.c.beat]


def claim(connection: sa.Connection, driver: ClaimOwner, ids: Iterable[str]) -> set[str]:
    """See `Store.claim`."""
    known = {
        "id": driver.id,
        "place": driver.place,
        "process": driver.process,
        "beat": driver.beat,
        "started_at": now(),
    }
    insert_new(connection, drivers, [known], "id")
    held: set[str] = set()
    for chunk in chunks(sorted(ids)):  # in one order everywhere: two drivers never lock crosswise
        rows = [{"trial_id": trial_id, "driver_id": driver.id} for trial_id in chunk]
        insert_new(connection, claims, rows, "trial_id")
        # Only now can no other driver train them: those that it has stored are there to be seen.
        stored = connection.scalars(sa.select(trials.c.id).where(trials.c.id.in_(chunk))).all()
        connection.execute(claims.delete().where(claims.c.trial_id.in_(stored)))
        mine = sa.select(claims.c.trial_id).where(
            claims.c.trial_id.in_(chunk), claims.c.driver_id == driver.id
        )
        held |= set(connection.scalars(mine))
    return held


def claimed(connection: sa.Connection, ids: Iterable[str]) -> Iterator[tuple[str, ClaimOwner]]:
    """See `Store.claimed`."""
    joined = sa.select(claims.c.trial_id, *_DRIVER).join(drivers)
    for chunk in chunks(ids):
        for row in connection.execute(joined.where(claims.c.trial_id.in_(chunk))).mappings():
            yield row["trial_id"], _driver(row)


def every_driver(connection: sa.Connection) -> list[ClaimOwner]:
    """See `Store.drivers`."""
    rows = connection.execute(sa.select(*_DRIVER)).mappings().all()
    return [_driver(row) for row in sorted(rows, key=lambda row: str(row["id"]))]


def beat(connection: sa.Connection, driver_id: str) -> bool:
    """See `Store.beat`."""
    change = drivers.update().where(drivers.c.id == driver_id).values(beat=drivers.c.beat + 1)
    return connection.execute(change).rowcount == 1


def dismiss(connection: sa.Connection, driver_id: str, at: int | None) -> bool:
    """See `Store.dismiss`."""
    gone = drivers.delete().where(drivers.c.id == driver_id)
    if at is not None:
        gone = gone.where(drivers.c.beat == at)
    return connection.execute(gone).rowcount == 1  # its claims go with it


def _driver(row: Row) -> ClaimOwner:
    return decode_or_raise(_read, f"driver {row['id']}", "its claims are free again", row)


def _read(row: Row) -> ClaimOwner:
    return ClaimOwner(row["id"], row["place"], row["process"], whole(row, "beat"))


def probes_by_id(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Probes]:
    """What networks were like inside, of those trials that have it."""
    query = sa.select(probes).where(probes.c.trial_id.in_(ids))
    return {row["trial_id"]: decode_probes(row) for row in connection.execute(query).mappings()}


NO_EPOCHS: Epochs = ((), ((),) * len(CURVE_FIELDS))
_READ_AT_ONCE = 25  # trials, whose rows are gone before Python looks for garbage among them


def epochs_by_id(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Epochs]:
    """Epochs of those trials that have any: numbers, and values column by column."""
    found: dict[str, Epochs] = {}
    for start in range(0, len(ids), _READ_AT_ONCE):
        found |= _epochs_of(connection, ids[start : start + _READ_AT_ONCE])
    return found


def _epochs_of(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Epochs]:
    is_asked, name = epochs.c.trial_id.in_(ids), epochs.c.trial_id
    counted = sa.select(name, sa.func.count()).where(is_asked).group_by(name).order_by(name)
    counts = connection.execute(counted).all()
    if not counts:
        return {}
    # Without their trial, column by column: a million rows taken apart one by one take their time.
    columns = [column for column in epochs.c if column is not name]
    query = sa.select(*columns).where(is_asked).order_by(name, epochs.c.epoch)
    numbers, *values = zip(*connection.execute(query).all(), strict=True)
    found: dict[str, Epochs] = {}
    start = 0
    for trial_id, count in counts:
        stop = start + count
        found[trial_id] = (numbers[start:stop], [column[start:stop] for column in values])
        start = stop
    return found
