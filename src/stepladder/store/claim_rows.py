"""Drivers and their claims as rows: each function is a part of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from stepladder.store.base import Driver
from stepladder.store.columns import Row, refusing_altered, whole
from stepladder.store.inserting import chunks, insert_new, now
from stepladder.store.schema import claims, drivers, trials

__all__ = ["beat", "claim", "claimed", "dismiss", "every_driver"]

_DRIVER = [drivers.c.id, drivers.c.place, drivers.c.process, drivers.c.beat]


def claim(connection: sa.Connection, driver: Driver, ids: Iterable[str]) -> set[str]:
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


def claimed(connection: sa.Connection, ids: Iterable[str]) -> Iterator[tuple[str, Driver]]:
    """See `Store.claimed`."""
    joined = sa.select(claims.c.trial_id, *_DRIVER).join(drivers)
    for chunk in chunks(ids):
        for row in connection.execute(joined.where(claims.c.trial_id.in_(chunk))).mappings():
            yield row["trial_id"], _driver(row)


def every_driver(connection: sa.Connection) -> list[Driver]:
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


def _driver(row: Row) -> Driver:
    return refusing_altered(_read, f"driver {row['id']}", "its claims are free again", row)


def _read(row: Row) -> Driver:
    return Driver(row["id"], row["place"], row["process"], whole(row, "beat"))
