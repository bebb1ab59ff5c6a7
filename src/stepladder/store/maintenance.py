"""A store is checked, vacuumed and copied."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from stepladder.errors import StoreError
from stepladder.store.connection import BARE, IN_MEMORY, Address, parse, translated_errors
from stepladder.store.opening import opened
from stepladder.store.rows import decode_look, decode_study, is_same_study
from stepladder.store.schema import claims, epochs, looks, probes, studies, trials
from stepladder.store.sql import SqlStore
from stepladder.store.statements import chunks, insert_new

_SHOWN = 5


@dataclass(frozen=True)
class Examined:
    """What looking at every row of a store came to.

    Attributes:
        faults: one sentence for each thing that is wrong.
        trials: ids of the trials that can be read.
        numerics: how many trials there are of each version of the arithmetic.
        studies: how many there are.
        knows_studies: whether each of them can be read.
    """

    faults: tuple[str, ...]
    trials: tuple[str, ...]
    numerics: dict[int, int]
    studies: int
    knows_studies: bool


def check_store(store: SqlStore) -> Examined:
    """Looks at every page, reference and row; nothing is changed.

    Raises:
        RunError: if the store fails while it is read.
        StoreError: if it is so damaged that its tables cannot be read.
    """
    faults = [*_damage(store), *_orphans(store)]
    with store.transaction() as connection:
        ids = list(connection.scalars(sa.select(trials.c.id).order_by(trials.c.id)))
        rows = connection.execute(
            sa.select(trials.c.numerics, sa.func.count()).group_by(trials.c.numerics)
        ).all()
        definitions = connection.execute(sa.select(studies)).mappings().all()
        logged = connection.execute(sa.select(looks)).mappings().all()
    numerics = {int(version): int(count) for version, count in rows}
    altered, sound = _altered(store, ids)
    faults += altered
    unread = [told for row in definitions if (told := _refusal(decode_study, row))]
    faults += unread
    faults += [told for row in logged if (told := _refusal(decode_look, row))]
    return Examined(tuple(faults), tuple(sound), numerics, len(definitions), not unread)


def vacuum_store(url_or_path: str | Path) -> tuple[int, int]:
    """Gives the room that deleted rows held back to the disk.

    Returns:
        Bytes before and after.

    Raises:
        StoreError: if it is no store.
        RunError: if another program is writing to it, or there is no room for a copy.
    """
    with opened(url_or_path, create=False, timeout=60.0) as store:
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


def _damage(store: SqlStore) -> list[str]:
    """What SQLite itself finds wrong; PostgreSQL checks its pages as it reads them."""
    if not store.address.is_sqlite:
        return []
    with store.transaction() as connection:
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [f"the file is damaged: {line}" for line in found[:_SHOWN] if line != "ok"]


def _orphans(store: SqlStore) -> list[str]:
    queries = {
        "epochs without their trial": sa.select(epochs.c.trial_id).where(
            epochs.c.trial_id.not_in(sa.select(trials.c.id))
        ),
        "probes without their trial": sa.select(probes.c.trial_id).where(
            probes.c.trial_id.not_in(sa.select(trials.c.id))
        ),
        "claims on trials that are stored": sa.select(claims.c.trial_id).where(
            claims.c.trial_id.in_(sa.select(trials.c.id))
        ),
    }
    found = []
    with store.transaction() as connection:
        for name, query in queries.items():
            ids = connection.scalars(query.distinct()).all()
            if ids:
                found.append(f"{name}: {', '.join(sorted(ids)[:_SHOWN])} ({len(ids)} in all)")
    return found


def _altered(store: SqlStore, ids: list[str]) -> tuple[list[str], list[str]]:
    """What is told of trials that cannot be read, and the ids of the others."""
    told, sound = [], []
    for chunk in chunks(ids):
        if _refusal(store.results, chunk) is None:
            sound += chunk
            continue
        for each in chunk:  # which of them it is
            refusal = _refusal(store.results, [each])
            if refusal is None:
                sound.append(each)
            else:
                told.append(refusal)
    return told, sound


def _refusal(read: Callable[..., object], given: object) -> str | None:
    try:
        read(given)
    except StoreError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Copied:
    """What a copy came to; what the target had before was left as it was.

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


def copy_store(source: str | Path, target: str | Path) -> Copied:
    """Copies every trial, study and look from one store to another, which is made if need be.

    Rows go over as they are, and only after they were read as trials: one that was altered is
    not spread. Run again after an interruption it goes on. Claims stay where they are.

    Args:
        source: path or URL of the store that is read.
        target: path or URL of the store that is written.

    Raises:
        StoreError: if one of them is no store, they are the same, or a trial was altered.
        RunError: if one of them fails meanwhile.
    """
    with opened(source, create=False, timeout=60.0) as read:
        if _is_same(read.address, parse(target)):
            raise StoreError(
                f"the two stores must not be the same, found "
                f"{read.address.shown} twice; name another one"
            )
        with opened(target, create=True, timeout=60.0) as written:
            return _copy(read, written)


def _is_same(one: Address, other: Address) -> bool:
    if one.path and other.path:
        return os.path.exists(other.path) and one.path.samefile(other.path)
    return one.url == other.url and one.shown != IN_MEMORY


def _copy(read: SqlStore, written: SqlStore) -> Copied:
    with read.transaction() as connection:
        ids = list(connection.scalars(sa.select(trials.c.id).order_by(trials.c.created_at)))
        declared = _rows(connection, sa.select(studies))
        logged = _rows(connection, sa.select(looks).order_by(looks.c.id))
    added = 0
    for chunk in chunks(ids):
        there = written.has(chunk)
        missing = [each for each in chunk if each not in there]
        read.results(missing)  # refuses what was altered
        added += _copy_trials(read, written, missing)
    kept = []
    with written.transaction(writes=True) as connection:
        named = {row["name"]: row for row in _rows(connection, sa.select(studies))}
        new = [row for row in declared if row["name"] not in named]
        insert_new(connection, studies, new, "name")
        for row in declared:
            if not is_same_study(named.get(row["name"], row), row):
                kept.append(row["name"])
        shown = insert_new(
            connection,
            looks,
            [{name: row[name] for name in row if name != "id"} for row in logged],
            "fingerprint",
            "digest",
        )
    return Copied(added, len(new), shown, len(ids) - added, tuple(sorted(kept)))


def _copy_trials(read: SqlStore, written: SqlStore, ids: list[str]) -> int:
    if not ids:
        return 0
    with read.transaction() as connection:
        rows = _rows(connection, sa.select(trials).where(trials.c.id.in_(ids)))
        by_epoch = _rows(connection, sa.select(epochs).where(epochs.c.trial_id.in_(ids)))
        inside = _rows(connection, sa.select(probes).where(probes.c.trial_id.in_(ids)))
    with written.transaction(writes=True) as connection:
        added = insert_new(connection, trials, rows, "id")
        insert_new(connection, epochs, by_epoch, "trial_id", "epoch")
        insert_new(connection, probes, inside, "trial_id")
    return added


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]
