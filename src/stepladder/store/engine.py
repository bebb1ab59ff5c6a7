"""Connections as a store needs them: durable commits, real transactions, foreign keys."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from stepladder.errors import StoreError
from stepladder.store.address import Address

__all__ = ["WRITES", "looking_engine", "store_engine"]

WRITES = "stepladder_writes"
"""The execution option of a connection whose transaction is going to write."""


def store_engine(address: Address, timeout: float) -> sa.Engine:
    """An engine whose committed transactions survive a kill, and a power cut.

    Args:
        address: the store.
        timeout: seconds to wait for SQLite's lock.

    Raises:
        StoreError: if PostgreSQL is asked for and its driver is not installed.
    """
    if not address.is_sqlite:
        return _server_engine(address)
    engine = sa.create_engine(
        address.url,
        # One connection in memory is one database: every thread must be given the same.
        poolclass=QueuePool if address.path else StaticPool,
        connect_args={"timeout": timeout, "check_same_thread": False},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def looking_engine(path: Path) -> sa.Engine:
    """An engine that reads a SQLite file without leaving a trace of it."""
    # A reader of a WAL file leaves -wal and -shm files behind, unless told that it is immutable;
    # that it is not when there is a -wal file, whose pages must be read too.
    has_log = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
    return sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool
    )


def _server_engine(address: Address) -> sa.Engine:
    try:
        return sa.create_engine(address.url, hide_parameters=True, pool_pre_ping=True)
    except ImportError:
        raise StoreError(
            f"the store {address.shown} needs the driver psycopg, found none that works; "
            "install it with: pip install 'stepladder[postgres]'"
        ) from None


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later could not wait for the lock: SQLite would
    # refuse it at once, for what it has read may be stale.
    writes: Any = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
