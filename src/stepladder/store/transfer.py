"""Copying from one store to another, whatever their databases: nothing is lost, nothing doubled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from stepladder.errors import StoreError
from stepladder.store.address import IN_MEMORY, Address, parse
from stepladder.store.inserting import chunks, insert_new
from stepladder.store.opening import opened
from stepladder.store.schema import epochs, looks, probes, studies, trials
from stepladder.store.sql import SqlStore
from stepladder.store.study_rows import is_same_study

__all__ = ["Copied", "copied"]


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


def copied(source: str | Path, target: str | Path) -> Copied:
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
