"""A store in a SQL database, through SQLAlchemy Core."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, TypeVar

import sqlalchemy as sa

from stepladder.errors import RunError, StoreError
from stepladder.store import statements
from stepladder.store.base import ClaimOwner, Look, Store, StudyRecord, digest_of
from stepladder.store.connection import (
    WRITES,
    Address,
    connect_with_retry,
    retry_on_disconnect,
    translated_errors,
)
from stepladder.store.rows import (
    Epochs,
    Row,
    decode_look,
    decode_outcome,
    decode_study,
    decode_timing,
    decode_trial,
    encode_probes,
    encode_study,
    encode_trial,
)
from stepladder.store.schema import claims, epochs, looks, probes, studies, trials
from stepladder.store.statements import (
    NO_EPOCHS,
    chunks,
    epochs_by_id,
    insert_new,
    now,
    probes_by_id,
)
from stepladder.study.recipe import Recipe
from stepladder.trials.trial import Probes, TrialResult, TrialSummary

Decoded = TypeVar("Decoded")


class SqlStore(Store):
    """Trials, studies and looks in SQLite or PostgreSQL; see `Store` for what is promised.

    Attributes:
        engine: connects to the database.
        address: where it lies.
    """

    def __init__(self, engine: sa.Engine, address: Address, timeout: float) -> None:
        """Takes a database whose schema is the newest.

        Args:
            engine: connects to it; closing the store disposes of it.
            address: where it lies, for messages.
            timeout: seconds to wait for a server that has gone.
        """
        self.engine = engine
        self.address = address
        self._timeout = timeout
        self._lock = RLock()  # in memory, all threads share one connection
        self._closed = False
        self._file = address.path.stat() if address.path else None

    @retry_on_disconnect
    def add(self, result: TrialResult) -> bool:
        """See `Store.add`."""
        row, epoch_rows = encode_trial(result)
        probe_row = encode_probes(result)
        with self.transaction(writes=True) as connection:
            connection.execute(claims.delete().where(claims.c.trial_id == row["id"]))
            if not insert_new(connection, trials, [{**row, "created_at": now()}], "id"):
                return False
            if epoch_rows:
                connection.execute(epochs.insert(), epoch_rows)
            if probe_row:
                connection.execute(probes.insert(), probe_row)
        return True

    @retry_on_disconnect
    def claim(self, driver: ClaimOwner, ids: Iterable[str]) -> set[str]:
        """See `Store.claim`."""
        with self.transaction(writes=True) as connection:
            return statements.claim(connection, driver, ids)

    @retry_on_disconnect
    def claimed(self, ids: Iterable[str]) -> dict[str, ClaimOwner]:
        """See `Store.claimed`."""
        with self.transaction() as connection:
            return dict(statements.claimed(connection, ids))

    @retry_on_disconnect
    def drivers(self) -> list[ClaimOwner]:
        """See `Store.drivers`."""
        with self.transaction() as connection:
            return statements.every_driver(connection)

    @retry_on_disconnect
    def beat(self, driver_id: str) -> bool:
        """See `Store.beat`."""
        with self.transaction(writes=True) as connection:
            return statements.beat(connection, driver_id)

    @retry_on_disconnect
    def dismiss(self, driver_id: str, beat: int | None = None) -> bool:
        """See `Store.dismiss`."""
        with self.transaction(writes=True) as connection:
            return statements.dismiss(connection, driver_id, beat)

    @retry_on_disconnect
    def timings(self, dataset: str, engine: str) -> list[tuple[Recipe, float]]:
        """See `Store.timings`."""
        query = sa.select(trials.c.recipe, trials.c.seconds).where(
            trials.c.dataset == dataset, trials.c.engine == engine, trials.c.diverged.is_(None)
        )
        with self.transaction() as connection:
            read = [decode_timing(*row) for row in connection.execute(query)]
        return [each for each in read if each is not None]

    @retry_on_disconnect
    def has(self, ids: Iterable[str]) -> set[str]:
        """See `Store.has`."""
        found: set[str] = set()
        with self.transaction() as connection:
            for chunk in chunks(ids):
                found |= set(
                    connection.scalars(sa.select(trials.c.id).where(trials.c.id.in_(chunk)))
                )
        return found

    @retry_on_disconnect
    def results(self, ids: Iterable[str], curves: bool = True) -> dict[str, TrialResult]:
        """See `Store.results`."""
        return self._decoded(decode_trial, ids, curves)

    @retry_on_disconnect
    def outcomes(self, ids: Iterable[str], curves: bool = False) -> dict[str, TrialSummary]:
        """See `Store.outcomes`."""
        return self._decoded(decode_outcome, ids, curves)

    def _decoded(
        self,
        decode: Callable[[Row, Epochs | None, Probes | None], Decoded],
        ids: Iterable[str],
        curves: bool,
    ) -> dict[str, Decoded]:
        found: dict[str, Decoded] = {}
        with self.transaction() as connection:
            for chunk in chunks(ids):
                query = sa.select(trials).where(trials.c.id.in_(chunk))
                rows = {row["id"]: row for row in connection.execute(query).mappings()}
                by_epoch = epochs_by_id(connection, chunk) if curves else {}
                inside = probes_by_id(connection, chunk) if curves else {}
                for trial_id in chunk:
                    if trial_id in rows:
                        given = by_epoch.get(trial_id, NO_EPOCHS) if curves else None
                        found[trial_id] = decode(rows[trial_id], given, inside.get(trial_id))
        return found

    @retry_on_disconnect
    def put_study(self, record: StudyRecord) -> None:
        """See `Store.put_study`."""
        row = encode_study(record)
        kept = {key: value for key, value in row.items() if key not in ("name", "seconds")}
        at = now()
        with self.transaction(writes=True) as connection:
            new = {**row, "created_at": at, "updated_at": at}
            if not insert_new(connection, studies, [new], "name"):
                connection.execute(
                    studies.update()
                    .where(studies.c.name == row["name"])
                    .values(**kept, updated_at=at)
                )

    def add_seconds(self, name: str, seconds: float) -> None:
        """See `Store.add_seconds`."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(
                f"seconds must be finite and not negative, found {seconds!r}; "
                "give a time that has passed"
            )
        change = {"seconds": studies.c.seconds + seconds, "updated_at": now()}
        with self.transaction(writes=True) as connection:
            done = connection.execute(studies.update().where(studies.c.name == name).values(change))
            if not done.rowcount:
                raise StoreError(
                    f"seconds must be added to a study that the store {self.address.shown} "
                    f"holds, found no study {name!r}; put it there first"
                )

    @retry_on_disconnect
    def study(self, name: str) -> StudyRecord | None:
        """See `Store.study`."""
        with self.transaction() as connection:
            query = sa.select(studies).where(studies.c.name == name)
            row = connection.execute(query).mappings().first()
        return None if row is None else decode_study(row)

    @retry_on_disconnect
    def studies(self) -> list[StudyRecord]:
        """See `Store.studies`."""
        with self.transaction() as connection:
            rows = connection.execute(sa.select(studies)).mappings().all()
        # Sorted here, for databases sort texts each in its own way.
        return [decode_study(row) for row in sorted(rows, key=lambda row: str(row["name"]))]

    @retry_on_disconnect
    def look(self, study: str, fingerprint: str, trial_ids: Iterable[str], command: str) -> int:
        """See `Store.look`."""
        shown = set(trial_ids)
        row = {
            "study": study,
            "fingerprint": fingerprint,
            "digest": digest_of(shown),
            "trials": len(shown),
            "command": command,
            "at": now(),
        }
        counted = sa.select(sa.func.count()).where(looks.c.fingerprint == fingerprint)
        with self.transaction(writes=True) as connection:
            if shown:
                insert_new(connection, looks, [row], "fingerprint", "digest")
            return connection.execute(counted).scalar_one()

    @retry_on_disconnect
    def looks(self, fingerprint: str) -> list[Look]:
        """See `Store.looks`."""
        query = sa.select(looks).where(looks.c.fingerprint == fingerprint).order_by(looks.c.id)
        with self.transaction() as connection:
            rows = connection.execute(query).mappings().all()
        return [decode_look(row) for row in rows]

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            self.engine.dispose()

    @contextmanager
    def transaction(self, writes: bool = False) -> Iterator[sa.Connection]:
        """A connection in a transaction that is committed at the end, and undone by an error.

        Args:
            writes: whether it is going to write.
        """
        with self._lock:
            if self._closed:
                raise StoreError(
                    f"the store {self.address.shown} must be open, found it closed; open it again"
                )
            if writes:
                self._check_file_is_there()
            with (
                translated_errors(self.address),
                connect_with_retry(self.engine, self._timeout) as connection,
            ):
                options: dict[str, Any] = {WRITES: writes}
                if not writes and not self.address.is_sqlite:
                    options["isolation_level"] = "REPEATABLE READ"  # all queries see one state
                connection = connection.execution_options(**options)
                with connection.begin():
                    yield connection

    def _check_file_is_there(self) -> None:
        # SQLite would go on writing to a file that was removed, and lose all of it in the end.
        path, opened = self.address.path, self._file
        if path is None or opened is None:
            return
        try:
            is_there = os.path.samestat(path.stat(), opened)
        except OSError:
            is_there = False
        if not is_there:
            raise RunError(
                f"the store {self.address.shown} must stay in its place while it is used, found "
                "it removed or replaced; put it back, then run the same command again"
            )
