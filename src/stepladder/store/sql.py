"""A store in a SQL database, through SQLAlchemy Core."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from threading import RLock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from stepladder.errors import RunError, StoreError
from stepladder.records import TrialResult
from stepladder.store.address import Address
from stepladder.store.base import Look, Store, StudyRecord, digest_of
from stepladder.store.engine import WRITES
from stepladder.store.faults import explained
from stepladder.store.schema import epochs, looks, studies, trials
from stepladder.store.study_rows import decode_look, decode_study, encode_study
from stepladder.store.trial_rows import CURVE_FIELDS, Epochs, decode_trial, encode_trial

__all__ = ["SqlStore"]

_CHUNK = 500  # ids in one statement; some builds of SQLite take no more than 999


class SqlStore(Store):
    """Trials, studies and looks in SQLite or PostgreSQL; see `Store` for what is promised."""

    def __init__(self, engine: sa.Engine, address: Address) -> None:
        """Takes a database whose schema is the newest.

        Args:
            engine: connects to it; closing the store disposes of it.
            address: where it lies, for messages.
        """
        self._engine = engine
        self._address = address
        self._lock = RLock()  # in memory, all threads share one connection
        self._closed = False
        self._file = address.path.stat() if address.path else None

    def add(self, result: TrialResult) -> bool:
        """See `Store.add`."""
        row, epoch_rows = encode_trial(result)
        with self._transaction(writes=True) as connection:
            if not self._insert_new(connection, trials, {**row, "created_at": _now()}, "id"):
                return False
            if epoch_rows:
                connection.execute(epochs.insert(), epoch_rows)
        return True

    def has(self, ids: Iterable[str]) -> set[str]:
        """See `Store.has`."""
        found: set[str] = set()
        with self._transaction() as connection:
            for chunk in _chunks(ids):
                found |= set(
                    connection.scalars(sa.select(trials.c.id).where(trials.c.id.in_(chunk)))
                )
        return found

    def results(self, ids: Iterable[str], curves: bool = True) -> dict[str, TrialResult]:
        """See `Store.results`."""
        found: dict[str, TrialResult] = {}
        with self._transaction() as connection:
            for chunk in _chunks(ids):
                query = sa.select(trials).where(trials.c.id.in_(chunk))
                rows = {row["id"]: row for row in connection.execute(query).mappings()}
                epochs_by_id = _epochs_by_id(connection, chunk) if curves else {}
                for trial_id in chunk:
                    if trial_id in rows:
                        given = epochs_by_id.get(trial_id, _NO_EPOCHS) if curves else None
                        found[trial_id] = decode_trial(rows[trial_id], given)
        return found

    def put_study(self, record: StudyRecord) -> None:
        """See `Store.put_study`."""
        row = encode_study(record)
        kept = {key: value for key, value in row.items() if key not in ("name", "seconds")}
        now = _now()
        with self._transaction(writes=True) as connection:
            new = {**row, "created_at": now, "updated_at": now}
            if not self._insert_new(connection, studies, new, "name"):
                connection.execute(
                    studies.update()
                    .where(studies.c.name == row["name"])
                    .values(**kept, updated_at=now)
                )

    def add_seconds(self, name: str, seconds: float) -> None:
        """See `Store.add_seconds`."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(
                f"seconds must be finite and not negative, found {seconds!r}; "
                "give a time that has passed"
            )
        change = {"seconds": studies.c.seconds + seconds, "updated_at": _now()}
        with self._transaction(writes=True) as connection:
            done = connection.execute(studies.update().where(studies.c.name == name).values(change))
            if not done.rowcount:
                raise StoreError(
                    f"seconds must be added to a study that the store {self._address.shown} "
                    f"holds, found no study {name!r}; put it there first"
                )

    def study(self, name: str) -> StudyRecord | None:
        """See `Store.study`."""
        with self._transaction() as connection:
            query = sa.select(studies).where(studies.c.name == name)
            row = connection.execute(query).mappings().first()
        return None if row is None else decode_study(row)

    def studies(self) -> list[StudyRecord]:
        """See `Store.studies`."""
        with self._transaction() as connection:
            rows = connection.execute(sa.select(studies)).mappings().all()
        # Sorted here, for databases sort texts each in its own way.
        return [decode_study(row) for row in sorted(rows, key=lambda row: str(row["name"]))]

    def look(self, study: str, fingerprint: str, trial_ids: Iterable[str], command: str) -> int:
        """See `Store.look`."""
        shown = set(trial_ids)
        row = {
            "study": study,
            "fingerprint": fingerprint,
            "digest": digest_of(shown),
            "trials": len(shown),
            "command": command,
            "at": _now(),
        }
        counted = sa.select(sa.func.count()).where(looks.c.fingerprint == fingerprint)
        with self._transaction(writes=True) as connection:
            if shown:
                self._insert_new(connection, looks, row, "fingerprint", "digest")
            return connection.execute(counted).scalar_one()

    def looks(self, fingerprint: str) -> list[Look]:
        """See `Store.looks`."""
        query = sa.select(looks).where(looks.c.fingerprint == fingerprint).order_by(looks.c.id)
        with self._transaction() as connection:
            rows = connection.execute(query).mappings().all()
        return [decode_look(row) for row in rows]

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            self._engine.dispose()

    @contextmanager
    def _transaction(self, writes: bool = False) -> Iterator[sa.Connection]:
        """A connection in a transaction that is committed at the end, and undone by an error."""
        with self._lock:
            if self._closed:
                raise StoreError(
                    f"the store {self._address.shown} must be open, found it closed; open it again"
                )
            if writes:
                self._check_file_is_there()
            with explained(self._address), self._engine.connect() as connection:
                connection = connection.execution_options(**{WRITES: writes})
                with connection.begin():
                    yield connection

    def _check_file_is_there(self) -> None:
        # SQLite would go on writing to a file that was removed, and lose all of it in the end.
        path, opened = self._address.path, self._file
        if path is None or opened is None:
            return
        try:
            is_there = os.path.samestat(path.stat(), opened)
        except OSError:
            is_there = False
        if not is_there:
            raise RunError(
                f"the store {self._address.shown} must stay in its place while it is used, found "
                "it removed or replaced; put it back, then run the same command again"
            )

    def _insert_new(
        self, connection: sa.Connection, table: sa.Table, row: dict[str, Any], *key: str
    ) -> bool:
        """Inserts a row unless its key is there already, and says whether it did."""
        # The same words in both dialects, yet SQLAlchemy has no common form of them.
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(table).values(row).on_conflict_do_nothing(index_elements=key)
        options = {"preserve_rowcount": True}
        return connection.execute(statement, execution_options=options).rowcount == 1


_NO_EPOCHS: Epochs = ((), ((),) * len(CURVE_FIELDS))


def _epochs_by_id(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Epochs]:
    query = (
        sa.select(epochs)
        .where(epochs.c.trial_id.in_(ids))
        .order_by(epochs.c.trial_id, epochs.c.epoch)
    )
    rows = connection.execute(query).all()
    if not rows:
        return {}
    # Column by column, for a million rows taken apart one by one take their time.
    trial_ids, numbers, *columns = zip(*rows, strict=True)
    found: dict[str, Epochs] = {}
    start = 0
    for trial_id, group in groupby(trial_ids):
        stop = start + sum(1 for _ in group)
        found[trial_id] = (numbers[start:stop], [column[start:stop] for column in columns])
        start = stop
    return found


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _CHUNK):
        yield distinct[start : start + _CHUNK]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
