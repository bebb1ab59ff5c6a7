"""A store in a SQL database, through SQLAlchemy Core."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from threading import RLock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from stepladder.errors import RunError, StoreError
from stepladder.store.base import ClaimOwner, Judgement, Look, Store, StudyRecord, digest_of
from stepladder.store.connection import (
    LASTS,
    WRITES,
    Address,
    connect_with_retry,
    retry_on_disconnect,
    translated_errors,
)
from stepladder.store.rows import (
    CURVE_FIELDS,
    Decoded,
    Epochs,
    Row,
    decode_judgement,
    decode_look,
    decode_outcome,
    decode_owner,
    decode_probes,
    decode_study,
    decode_timing,
    decode_trial,
    encode_judgement,
    encode_probes,
    encode_study,
    encode_trial,
)
from stepladder.store.schema import (
    claims,
    drivers,
    epochs,
    judgements,
    looks,
    probes,
    studies,
    trials,
)
from stepladder.study.params import Config
from stepladder.trials.trial import Probes, TrialResult, TrialSummary

_CHUNK = 500  # ids in one statement; some builds of SQLite take no more than 999
_READ_AT_ONCE = 25  # trials, whose rows are gone before Python looks for garbage among them
_NO_EPOCHS: Epochs = ((), ((),) * len(CURVE_FIELDS))


def insert_new(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *key: str
) -> int:
    """Inserts those of some rows whose key is not there already, and counts them."""
    if not rows:
        return 0
    statement = _insert_new(connection.dialect.name, table, key)
    options = {"preserve_rowcount": True}
    return connection.execute(statement, rows, execution_options=options).rowcount


@lru_cache  # making statements takes as long as running them
def _insert_new(dialect: str, table: sa.Table, key: tuple[str, ...]) -> sa.Executable:
    # The same words in both dialects, but SQLAlchemy has no common form of them.
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing(index_elements=key)


def one_of(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a column has one of the texts that are bound as `ids`.

    PostgreSQL takes them as one array: it need not read a list of parameters, new each time.
    """
    if dialect == "postgresql":
        return column == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Text)))
    return column.in_(sa.bindparam("ids", expanding=True))


@lru_cache
def _end_claims(dialect: str) -> sa.Delete:
    """Ends claims, in one order everywhere, so that two drivers never wait for each other."""
    locked = sa.select(claims.c.trial_id).where(one_of(dialect, claims.c.trial_id))
    ordered = locked.order_by(claims.c.trial_id).with_for_update()
    return claims.delete().where(claims.c.trial_id.in_(ordered))


@lru_cache
def _stored(dialect: str) -> sa.Select[Any]:
    return sa.select(trials.c.id).where(one_of(dialect, trials.c.id))


@lru_cache
def _own(dialect: str) -> sa.Select[Any]:
    """Trials that a driver has claimed."""
    is_its = claims.c.driver_id == sa.bindparam("driver")
    return sa.select(claims.c.trial_id).where(one_of(dialect, claims.c.trial_id), is_its)


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Each id once, as many at a time as a statement takes."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _CHUNK):
        yield distinct[start : start + _CHUNK]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


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
            timeout: seconds to wait for a server that does not answer.
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
        return self.add_all([result]) == 1

    @retry_on_disconnect
    def add_all(self, results: Iterable[TrialResult]) -> int:
        """See `Store.add_all`."""
        encoded = [(*encode_trial(result), encode_probes(result)) for result in results]
        added = 0
        with self.transaction(writes=True) as connection:
            for chunk in chunks(row["id"] for row, *_ in encoded):
                connection.execute(_end_claims(self.engine.dialect.name), {"ids": chunk})
            # In one order everywhere, so that two drivers never wait for each other.
            for row, epoch_rows, probe_row in sorted(encoded, key=lambda rows: rows[0]["id"]):
                if not insert_new(connection, trials, [{**row, "created_at": _now()}], "id"):
                    continue
                added += 1
                if epoch_rows:
                    connection.execute(epochs.insert(), epoch_rows)
                if probe_row:
                    connection.execute(probes.insert(), probe_row)
        return added

    @retry_on_disconnect
    def claim(self, driver: ClaimOwner, ids: Iterable[str]) -> set[str]:
        """See `Store.claim`."""
        held, dialect = set[str](), self.engine.dialect.name
        with self.transaction(writes=True, lasts=False) as connection:
            insert_new(connection, drivers, [{**asdict(driver), "started_at": _now()}], "id")
            # In one order everywhere, so that two drivers never wait for each other.
            for chunk in chunks(sorted(ids)):
                rows = [{"trial_id": trial_id, "driver_id": driver.id} for trial_id in chunk]
                insert_new(connection, claims, rows, "trial_id")
                # Only now can no other driver train them: what it has stored is visible here.
                if stored := connection.scalars(_stored(dialect), {"ids": chunk}).all():
                    connection.execute(_end_claims(dialect), {"ids": stored})
                own = {"ids": chunk, "driver": driver.id}
                held |= set(connection.scalars(_own(dialect), own))
        return held

    @retry_on_disconnect
    def claimed(self, ids: Iterable[str]) -> dict[str, ClaimOwner]:
        """See `Store.claimed`."""
        query = sa.select(claims.c.trial_id, drivers).join(drivers)
        return {
            row["trial_id"]: decode_owner(row)
            for row in self._rows_of(query, claims.c.trial_id, ids)
        }

    @retry_on_disconnect
    def drivers(self) -> list[ClaimOwner]:
        """See `Store.drivers`."""
        return [decode_owner(row) for row in self._sorted_rows(drivers, "id")]

    @retry_on_disconnect
    def beat(self, driver_id: str) -> bool:
        """See `Store.beat`."""
        change = drivers.update().where(drivers.c.id == driver_id).values(beat=drivers.c.beat + 1)
        with self.transaction(writes=True, lasts=False) as connection:
            return connection.execute(change).rowcount == 1

    @retry_on_disconnect
    def dismiss(self, driver_id: str, beat: int | None = None) -> bool:
        """See `Store.dismiss`."""
        removal = drivers.delete().where(drivers.c.id == driver_id)
        if beat is not None:
            removal = removal.where(drivers.c.beat == beat)
        with self.transaction(writes=True) as connection:
            return connection.execute(removal).rowcount == 1  # its claims go with it

    @retry_on_disconnect
    def timings(self, dataset: str, engine: str) -> list[tuple[Config, float]]:
        """See `Store.timings`."""
        query = sa.select(trials.c.recipe, trials.c.seconds).where(
            trials.c.dataset == dataset, trials.c.engine == engine, trials.c.diverged.is_(None)
        )
        with self.transaction() as connection:
            timings = [decode_timing(*row) for row in connection.execute(query)]
        return [timing for timing in timings if timing is not None]

    @retry_on_disconnect
    def has(self, ids: Iterable[str]) -> set[str]:
        """See `Store.has`."""
        return {row["id"] for row in self._rows_of(sa.select(trials.c.id), trials.c.id, ids)}

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
        decoded: dict[str, Decoded] = {}
        with self.transaction() as connection:
            for chunk in chunks(ids):
                query = sa.select(trials).where(trials.c.id.in_(chunk))
                rows = {row["id"]: row for row in connection.execute(query).mappings()}
                histories: dict[str, Epochs] = {}
                inside: dict[str, Probes] = {}
                if curves:
                    for start in range(0, len(chunk), _READ_AT_ONCE):
                        histories |= _read_epochs(connection, chunk[start : start + _READ_AT_ONCE])
                    query = sa.select(probes).where(probes.c.trial_id.in_(chunk))
                    for row in connection.execute(query).mappings():
                        numbers, _ = histories.get(row["trial_id"], _NO_EPOCHS)
                        inside[row["trial_id"]] = decode_probes(row, len(numbers))
                for trial_id in chunk:
                    if trial_id in rows:
                        history = histories.get(trial_id, _NO_EPOCHS) if curves else None
                        decoded[trial_id] = decode(rows[trial_id], history, inside.get(trial_id))
        return decoded

    @retry_on_disconnect
    def put_study(self, record: StudyRecord) -> None:
        """See `Store.put_study`."""
        now = _now()
        row = {**encode_study(record), "created_at": now, "updated_at": now}
        change = {name: row[name] for name in row.keys() - {"name", "seconds", "created_at"}}
        with self.transaction(writes=True) as connection:
            if not insert_new(connection, studies, [row], "name"):
                known = studies.c.name == row["name"]
                connection.execute(studies.update().where(known).values(change))

    def add_seconds(self, name: str, seconds: float) -> None:
        """See `Store.add_seconds`."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(
                f"seconds must be finite and not negative, found {seconds!r}; "
                "give a time that has passed"
            )
        change = {"seconds": studies.c.seconds + seconds, "updated_at": _now()}
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
        rows = self._rows_of(sa.select(studies), studies.c.name, [name])
        return decode_study(rows[0]) if rows else None

    @retry_on_disconnect
    def studies(self) -> list[StudyRecord]:
        """See `Store.studies`."""
        return [decode_study(row) for row in self._sorted_rows(studies, "name")]

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
            "at": _now(),
        }
        count = sa.select(sa.func.count()).where(looks.c.fingerprint == fingerprint)
        with self.transaction(writes=True) as connection:
            if shown:
                insert_new(connection, looks, [row], "fingerprint", "digest")
            return connection.execute(count).scalar_one()

    @retry_on_disconnect
    def looks(self, fingerprint: str) -> list[Look]:
        """See `Store.looks`."""
        query = sa.select(looks).order_by(looks.c.id)
        return [
            decode_look(row) for row in self._rows_of(query, looks.c.fingerprint, [fingerprint])
        ]

    @retry_on_disconnect
    def keep_judgement(self, judgement: Judgement) -> bool:
        """See `Store.keep_judgement`."""
        row, keys = dict(encode_judgement(judgement)), ("study", "fingerprint", "digest")
        with self.transaction(writes=True) as connection:
            return insert_new(connection, judgements, [row], *keys) > 0

    @retry_on_disconnect
    def judgements(self, study: str, fingerprint: str) -> list[Judgement]:
        """See `Store.judgements`."""
        query = sa.select(judgements).where(judgements.c.study == study).order_by(judgements.c.id)
        rows = self._rows_of(query, judgements.c.fingerprint, [fingerprint])
        return [decode_judgement(row) for row in rows]

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            self.engine.dispose()

    def _rows_of(
        self, query: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[str]
    ) -> list[Row]:
        """Rows whose column has one of some values."""
        rows: list[Row] = []
        wanted = query.where(one_of(self.engine.dialect.name, column))
        with self.transaction() as connection:
            for chunk in chunks(values):
                rows += connection.execute(wanted, {"ids": chunk}).mappings()
        return rows

    def _sorted_rows(self, table: sa.Table, key: str) -> list[Row]:
        with self.transaction() as connection:
            rows = connection.execute(sa.select(table)).mappings().all()
        # Sorted here, since every database has an order of texts of its own.
        return sorted(rows, key=lambda row: str(row[key]))

    @contextmanager
    def transaction(self, writes: bool = False, lasts: bool = True) -> Iterator[sa.Connection]:
        """A connection in a transaction that is committed at the end, and undone by an error.

        Args:
            writes: whether it is going to write.
            lasts: whether that must outlive a power cut; claims need not, as their driver does not.
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
                options: dict[str, Any] = {WRITES: writes, LASTS: lasts}
                if not writes and not self.address.is_sqlite:
                    options["isolation_level"] = "REPEATABLE READ"  # all queries see one state
                connection = connection.execution_options(**options)
                with connection.begin():
                    yield connection

    def _check_file_is_there(self) -> None:
        # SQLite would write on to a file that was removed, and lose all of it in the end.
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


def _read_epochs(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Epochs]:
    """Epochs of those trials that have any: numbers, and values column by column."""
    is_asked, trial = epochs.c.trial_id.in_(ids), epochs.c.trial_id
    query = sa.select(trial, sa.func.count()).where(is_asked).group_by(trial).order_by(trial)
    counts = connection.execute(query).all()
    if not counts:
        return {}
    # Without their trial, column by column: splitting a million rows one by one is slow.
    columns = [column for column in epochs.c if column is not trial]
    by_trial = sa.select(*columns).where(is_asked).order_by(trial, epochs.c.epoch)
    numbers, *values = zip(*connection.execute(by_trial).all(), strict=True)
    histories: dict[str, Epochs] = {}
    start = 0
    for trial_id, count in counts:
        stop = start + count
        histories[trial_id] = (numbers[start:stop], [column[start:stop] for column in values])
        start = stop
    return histories
