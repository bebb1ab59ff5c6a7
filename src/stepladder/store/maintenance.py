"""A store is checked, vacuumed and copied."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from stepladder.errors import StoreError
from stepladder.store.base import ClaimOwner, StudyRecord
from stepladder.store.connection import BARE, IN_MEMORY, Address, parse, translated_errors
from stepladder.store.opening import open_sql
from stepladder.store.rows import (
    Decoded,
    Row,
    decode_judgement,
    decode_look,
    decode_owner,
    decode_probes,
    decode_study,
    is_same_study,
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
from stepladder.store.sql import SqlStore, chunks, insert_new

_SHOWN = 5
_TIMEOUT = 60.0


@dataclass(frozen=True)
class StoreCheck:
    """What every row of a store says.

    Attributes:
        damage: one sentence for each damage of the file.
        rows: one sentence for each damaged row, and what deletes the row.
        trials: ids of the trials that can be read.
        numerics: how many trials there are of each version of the arithmetic.
        studies: those that can be read.
        knows_studies: whether each of them can be read.
        drivers: those that can be read.
    """

    damage: tuple[str, ...]
    rows: tuple[tuple[str, sa.Delete], ...]
    trials: tuple[str, ...]
    numerics: dict[int, int]
    studies: tuple[StudyRecord, ...]
    knows_studies: bool
    drivers: tuple[ClaimOwner, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong."""
        return (*self.damage, *(line for line, _ in self.rows))


_Fault = tuple[str, sa.Delete]


def check_store(store: SqlStore) -> StoreCheck:
    """Reads every page, reference and row; nothing is changed.

    Raises:
        RunError: if the store fails while it is read.
        StoreError: if it is so damaged that its tables cannot be read.
    """
    faults = _orphans(store)
    with store.transaction() as connection:
        ids = list(connection.scalars(sa.select(trials.c.id).order_by(trials.c.id)))
        counts = connection.execute(
            sa.select(trials.c.numerics, sa.func.count()).group_by(trials.c.numerics)
        ).all()
        records, bad_studies = _decoded(connection, studies, decode_study)
        faults += bad_studies + _decoded(connection, looks, decode_look)[1]
        faults += _decoded(connection, judgements, decode_judgement)[1]
        owners, bad_drivers = _decoded(connection, drivers, decode_owner)
    readable = []
    for chunk in chunks(ids):
        if _refusals(store.results, [chunk]):  # which of them it is
            bad = [fault for trial_id in chunk for fault in _trial_faults(store, trial_id)]
            faults += bad
            chunk = [trial_id for trial_id in chunk if not _refusals(store.results, [[trial_id]])]
        readable += chunk
    faults += bad_drivers
    return StoreCheck(
        damage=tuple(_damage(store)),
        rows=tuple(faults),
        trials=tuple(readable),
        numerics={version: count for version, count in counts if isinstance(version, int)},
        studies=tuple(records),
        knows_studies=not bad_studies,
        drivers=tuple(owners),
    )


def _decoded(
    connection: sa.Connection, table: sa.Table, decode: Callable[[Row], Decoded]
) -> tuple[list[Decoded], list[_Fault]]:
    """The values of a table's rows, and what is wrong with the other rows."""
    values, faults = [], []
    (key,) = table.primary_key
    for row in _rows(connection, sa.select(table).order_by(key)):
        try:
            values.append(decode(row))
        except StoreError as error:
            faults.append((str(error), table.delete().where(key == row[key.name])))
    return values, faults


def _trial_faults(store: SqlStore, trial_id: str) -> list[_Fault]:
    """What is wrong with a trial: its probes, without which it may be sound, or all of it."""
    with store.transaction() as connection:
        rows = _rows(connection, sa.select(probes).where(probes.c.trial_id == trial_id))
        count = sa.select(sa.func.count()).where(epochs.c.trial_id == trial_id)
        number = connection.execute(count).scalar_one()
    for table, read, values in (
        (probes, partial(decode_probes, epochs=number), rows),
        (trials, store.results, [[trial_id]]),
    ):
        (key,) = table.primary_key
        if lines := _refusals(read, values):
            return [(lines[0], table.delete().where(key == trial_id))]
    return []


def delete_damaged_rows(store: SqlStore) -> list[str]:
    """Deletes every row that cannot be read, and the epochs of such trials.

    Returns:
        What was wrong with the rows.
    """
    lines: list[str] = []
    while rows := check_store(store).rows:  # behind the probes of a trial may be more
        with store.transaction(writes=True) as connection:
            if not any([connection.execute(deletion).rowcount for _, deletion in rows]):
                break
        lines += (line for line, _ in rows)
    return lines


def _refusals(read: Callable[[Any], object], values: list[Any]) -> list[str]:
    """The errors of those values that cannot be read."""
    lines = []
    for value in values:
        try:
            read(value)
        except StoreError as error:
            lines.append(str(error))
    return lines


def _damage(store: SqlStore) -> list[str]:
    """What SQLite itself finds wrong; PostgreSQL checks its pages as it reads them."""
    if not store.address.is_sqlite:
        return []
    with store.transaction() as connection:
        lines = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [f"the file is damaged: {line}" for line in lines[:_SHOWN] if line != "ok"]


def _orphans(store: SqlStore) -> list[_Fault]:
    stored = sa.select(trials.c.id)
    queries = {
        "epochs without their trial": (epochs, epochs.c.trial_id.not_in(stored)),
        "probes without their trial": (probes, probes.c.trial_id.not_in(stored)),
        "claims on trials that are stored": (claims, claims.c.trial_id.in_(stored)),
    }
    faults = []
    with store.transaction() as connection:
        for name, (table, is_wrong) in queries.items():
            query = sa.select(table.c.trial_id).where(is_wrong).distinct()
            ids = connection.scalars(query).all()
            if ids:
                line = f"{name}: {', '.join(sorted(ids)[:_SHOWN])} ({len(ids)} in all)"
                faults.append((line, table.delete().where(is_wrong)))
    return faults


def vacuum_store(url_or_path: str | Path) -> tuple[int, int]:
    """Frees the disk space of deleted rows.

    Returns:
        Bytes before and after.

    Raises:
        StoreError: if it is no store.
        RunError: if another program is writing to it, or there is no room for a copy.
    """
    with open_sql(url_or_path, create=False, timeout=_TIMEOUT) as store:
        before = _size(store)
        with translated_errors(store.address), store.engine.connect() as connection:
            options = {} if store.address.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
            bare = connection.execution_options(**{BARE: True}, **options)
            bare.exec_driver_sql("VACUUM")
        return before, _size(store)


def _size(store: SqlStore) -> int:
    """Bytes that a store takes up, indices included."""
    with store.transaction() as connection:
        if not store.address.is_sqlite:
            query = sa.select(sa.func.pg_database_size(sa.func.current_database()))
            return int(connection.execute(query).scalar_one())
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


@dataclass(frozen=True)
class CopySummary:
    """What was copied; what the target had before was left as it was.

    Attributes:
        trials: trials that were new to the target.
        studies: studies likewise.
        looks: looks likewise.
        found: trials of the source that the target had already.
        kept: names of studies that the target had already, otherwise declared.
    """

    trials: int
    studies: int
    looks: int
    found: int
    kept: tuple[str, ...]


def copy_store(source: str | Path, target: str | Path) -> CopySummary:
    """Copies every trial, study and look from one store to another, which is made if need be.

    Rows are copied as they are, but only after all of them were read: where one was altered,
    nothing is copied. After an interruption the same call continues. Claims are not copied.

    Args:
        source: path or URL of the store that is read.
        target: path or URL of the store that is written.

    Raises:
        StoreError: if one of them is no store, they are the same, or a row was altered; a file
            that was not there is then not there.
        RunError: if one of them fails meanwhile.
    """
    with open_sql(source, create=False, timeout=_TIMEOUT, writes=False) as read:
        address = parse(target)
        if _is_same(read.address, address):
            raise StoreError(
                f"the two stores must not be the same, found "
                f"{read.address.shown} twice; name another one"
            )
        is_new = address.path is not None and not os.path.exists(address.path)
        try:
            with open_sql(target, create=True, timeout=_TIMEOUT) as written:
                return _copy(read, written)
        except StoreError:
            if is_new:
                for end in ("", "-wal", "-shm"):
                    with suppress(OSError):  # a name that no file can have
                        Path(f"{address.path}{end}").unlink(missing_ok=True)
            raise


def _is_same(one: Address, other: Address) -> bool:
    if one.path and other.path:
        return os.path.exists(other.path) and one.path.samefile(other.path)
    return one.url == other.url and one.shown != IN_MEMORY


def _copy(read: SqlStore, written: SqlStore) -> CopySummary:
    with read.transaction() as connection:
        ids = list(connection.scalars(sa.select(trials.c.id).order_by(trials.c.created_at)))
        declared = _rows(connection, sa.select(studies))
        logged = _rows(connection, sa.select(looks).order_by(looks.c.id))
        judged = _rows(connection, sa.select(judgements).order_by(judgements.c.id))
    for row in declared:
        decode_study(row)  # refuses what was altered
    for look in logged:
        decode_look(look)
        del look["id"]  # the target numbers its looks itself
    for judgement in judged:
        decode_judgement(judgement)
        del judgement["id"]
    stored = written.has(ids)
    missing = [trial_id for trial_id in ids if trial_id not in stored]
    for chunk in chunks(missing):
        readable = read.results(chunk)  # refuses likewise, before anything is written
        if lost := sorted(set(chunk) - readable.keys()):
            raise StoreError(
                f"trial {lost[0]!r} must be found by its id in {read.address.shown}, found that "
                f"its index is damaged; see `stepladder store check`"
            )
    added = sum(_copy_trials(read, written, chunk) for chunk in chunks(missing))
    with written.transaction(writes=True) as connection:
        known = {row["name"]: row for row in _rows(connection, sa.select(studies))}
        new = [row for row in declared if row["name"] not in known]
        insert_new(connection, studies, new, "name")
        copied = insert_new(connection, looks, logged, "fingerprint", "digest")
        insert_new(connection, judgements, judged, "study", "fingerprint", "digest")
    kept = [row["name"] for row in declared if not is_same_study(known.get(row["name"], row), row)]
    return CopySummary(added, len(new), copied, len(ids) - added, tuple(sorted(kept)))


def _copy_trials(read: SqlStore, written: SqlStore, ids: list[str]) -> int:
    keys = {trials: ("id",), epochs: ("trial_id", "epoch"), probes: ("trial_id",)}
    with read.transaction() as connection:
        rows = {
            table: _rows(connection, sa.select(table).where(table.c[key[0]].in_(ids)))
            for table, key in keys.items()
        }
    with written.transaction(writes=True) as connection:
        added = [insert_new(connection, table, rows[table], *key) for table, key in keys.items()]
    return added[0]


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]
