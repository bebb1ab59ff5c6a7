"""Opening a store: what is not ours is refused untouched, what is old is brought up to date."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from stepladder.errors import NoStoreError, StoreError
from stepladder.store.connection import (
    WRITES,
    Address,
    parse,
    readonly_engine,
    store_engine,
    translated_errors,
)
from stepladder.store.schema import REVISIONS, VERSION_TABLE, metadata, studies
from stepladder.store.sql import SqlStore

_MAGIC = b"SQLite format 3\0"
_ELSEWHERE = "name another file for the store"


def opened(url_or_path: str | Path, create: bool, timeout: float) -> SqlStore:
    """A store, opened as `stepladder.store.open_store` promises.

    Raises:
        StoreError: if it cannot be opened or is not ours; nothing was touched.
    """
    address = checked(url_or_path, create)
    engine = store_engine(address, timeout)
    try:
        with translated_errors(address, opening=True):
            _bring_up_to_date(engine, address, create)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, address, timeout)


def checked(url_or_path: str | Path, create: bool) -> Address:
    """The address of a store, whose file, if it is one, is ours or can be made.

    Raises:
        StoreError: if it is malformed, or a file that will not do; nothing was touched.
    """
    address = parse(url_or_path)
    if address.path is not None:
        _check_file(address, address.path, create)
    return address


def _bring_up_to_date(engine: sa.Engine, address: Address, create: bool) -> None:
    with engine.connect() as connection:
        revision = _revision(connection, address)
    if revision == REVISIONS[-1]:
        return
    if revision is None and not create:
        raise NoStoreError(_missing(address, "nothing there"))
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    """Applies what revisions are missing, all of them or none; another process may do the same."""
    from alembic import command  # dear to import, and most openings need no migration
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # SQLite's transaction holds the lock already
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x57E91ADDE2)))
    config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", "stepladder.store:migrations")
    command.upgrade(config, "head")


def _revision(connection: sa.Connection, address: Address) -> str | None:
    """The revision of a store's schema, or None for an empty database.

    Raises:
        StoreError: if the tables are not ours, or of a newer revision.
    """
    names = set(sa.inspect(connection).get_table_names())
    if not names:
        return None
    if VERSION_TABLE not in names:
        raise StoreError(
            f"{address.shown} must be a store of stepladder, found a database of another program "
            f"with the tables {', '.join(sorted(names)[:5])}; {_ELSEWHERE}"
        )
    version = sa.table(VERSION_TABLE, sa.column("version_num"))
    found = connection.scalars(sa.select(version.c.version_num)).all()
    revision = str(found[0]) if len(found) == 1 else None
    if revision not in REVISIONS:
        raise StoreError(
            f"{address.shown} must have a schema up to {REVISIONS[-1]}, found "
            f"{revision or 'none or several'}; {_newer(connection)}, or {_ELSEWHERE}"
        )
    lost = sorted(set(metadata.tables) - names) if revision == REVISIONS[-1] else []
    if lost:
        raise StoreError(
            f"{address.shown} must have the tables that stepladder made, found no "
            f"{' and no '.join(lost)}; put back a copy, or {_ELSEWHERE}"
        )
    return revision


def _newer(connection: sa.Connection) -> str:
    """What to install to read a store of a newer schema, as the last study in it tells."""
    query = sa.select(studies.c.versions).order_by(studies.c.updated_at.desc()).limit(1)
    try:
        version = json.loads(connection.scalars(query).first() or "{}")["stepladder"]
    except (sa.exc.SQLAlchemyError, ValueError, KeyError, TypeError):
        return "upgrade stepladder"
    return f"install the stepladder that wrote it: pip install 'stepladder>={version}'"


def _check_file(address: Address, path: Path, create: bool) -> None:
    """Refuses a path that holds something else, or where nothing can be written."""
    try:
        if not path.exists():
            Path(f"{path}-journal").exists()  # SQLite's, beside it: its name may be too long
            _check_place(address, path, create)
            return
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "something else"
            raise StoreError(
                f"the store {address.shown} must be a file, found {kind}; {_ELSEWHERE}"
            )
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise StoreError(
            f"the store {address.shown} must be a file that can be read, found: "
            f"{error.strerror}; check its permissions, or {_ELSEWHERE}"
        ) from None
    if not os.access(path, os.W_OK):
        raise StoreError(
            f"the store {address.shown} must be writable, for looks at test figures are logged, "
            "found a read-only file; check its permissions, or copy it"
        )
    if magic or not create:
        _check_ours(address, path, magic, create)


def _check_place(address: Address, path: Path, create: bool) -> None:
    if not create:
        raise NoStoreError(_missing(address, "no such file"))
    if not path.parent.is_dir():
        raise StoreError(
            f"the store {address.shown} must lie in a folder that exists, found none at "
            f"{str(path.parent)!r}; make it first"
        )
    if not os.access(path.parent, os.W_OK):
        raise StoreError(
            f"the store {address.shown} must lie in a folder that can be written, found a "
            f"read-only one; check its permissions, or {_ELSEWHERE}"
        )


def _check_ours(address: Address, path: Path, magic: bytes, create: bool) -> None:
    if not magic:
        raise NoStoreError(_missing(address, "an empty file"))
    if magic != _MAGIC:
        raise StoreError(
            f"the store {address.shown} must be a SQLite file, found one that begins with "
            f"{magic!r}; {_ELSEWHERE}"
        )
    with (
        translated_errors(address, opening=True),
        closing(readonly_engine(path).connect()) as connection,
    ):
        revision = _revision(connection, address)
    if revision is None and not create:
        raise NoStoreError(_missing(address, "a database without tables"))


def _missing(address: Address, found: str) -> str:
    return (
        f"{address.shown} must be a store that exists, found {found}; "
        "check the path, or run a study first"
    )
