"""Connections as a store needs them: durable commits, real transactions, foreign keys."""

from __future__ import annotations

import os
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from stepladder.errors import StoreError
from stepladder.store.address import Address

__all__ = ["BARE", "WRITES", "looking_engine", "store_engine"]

_GLANCE_MS = 200
_CONNECT_SECONDS = 10

WRITES = "stepladder_writes"
"""The execution option of a connection whose transaction is going to write."""

BARE = "stepladder_bare"
"""The execution option of a connection whose statements stand outside any transaction."""


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
    event.listen(engine, "begin", partial(_begin, timeout=timeout))
    return engine


def looking_engine(path: Path) -> sa.Engine:
    """An engine that reads a SQLite file without leaving a trace of it."""
    # A reader of a WAL file leaves -wal and -shm files behind, unless told that it is immutable;
    # that it is not when there is a -wal file, whose pages must be read too.
    has_log = os.path.exists(f"{path}-wal")  # pathlib raises where this name is too long
    uri = f"{path.as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
    return sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool
    )


def _server_engine(address: Address) -> sa.Engine:
    try:
        return sa.create_engine(
            address.url,
            connect_args={"connect_timeout": _CONNECT_SECONDS, **address.url.query},
            hide_parameters=True,
            pool_pre_ping=True,  # a connection that was cut is made anew
        )
    except ImportError:
        raise StoreError(
            f"the store {address.shown} needs the driver psycopg, found none that works; "
            "install it with: pip install 'stepladder[postgres]'"
        ) from None


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    # From here on waiting is done in `_begin`, where Ctrl-C can end it.
    waiting = f"busy_timeout={_GLANCE_MS}"
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", waiting):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection, timeout: float) -> None:
    # A transaction that reads first and writes later could not wait for the lock: SQLite would
    # refuse it at once, for what it has read may be stale.
    writes: Any = connection.get_execution_options().get(WRITES, False)
    if connection.get_execution_options().get(BARE):
        return
    if not writes:
        connection.exec_driver_sql("BEGIN")
        return
    deadline = time.monotonic() + timeout
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if not _comes_free(connection, error.orig, deadline):
            raise


def _comes_free(connection: sa.Connection, error: object, deadline: float) -> bool:
    """Whether the lock that another program holds comes free in time; the transaction is begun."""
    driver: Any = connection.connection.dbapi_connection
    while str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
        if time.monotonic() >= deadline:
            return False
        try:
            driver.execute("BEGIN IMMEDIATE").close()
            return True
        except sqlite3.OperationalError as again:
            error = again
    return False
