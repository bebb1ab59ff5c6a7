"""Opening a store: what is not ours is refused untouched, what is old is brought up to date."""

import json
import os
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from stepladder.errors import NoStoreError, StoreError
from stepladder.files import name_in_list
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
_PERMISSIONS = f"check its permissions, or {_ELSEWHERE}"


def open_sql(
    url_or_path: str | Path, create: bool, timeout: float, writes: bool = True
) -> SqlStore:
    """A store, opened as `stepladder.store.open_store` promises."""
    address = check_address(url_or_path, create, writes)
    path = address.path
    if path is None or writes or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        engine = store_engine(address, timeout)
    else:
        engine = readonly_engine(path)
    try:
        with translated_errors(address, opening=True):
            _bring_up_to_date(engine, address, create)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, address, timeout)


def check_address(url_or_path: str | Path, create: bool, writes: bool = True) -> Address:
    """The address of a store, whose file, if it is one, is ours or can be made.

    Raises:
        StoreError: if it is malformed, or a file that will not do; nothing was touched.
    """
    address = parse(url_or_path)
    if address.path is not None:
        _check_file(address, address.path, create, writes)
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
    from alembic import command  # slow to import, and most openings need no migration
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # SQLite's transaction holds the lock already
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x57E91ADDE2)))
    config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", "stepladder.store:migrations")
    command.upgrade(config, "head")


def _revision(connection: sa.Connection, address: Address) -> str | None:
    """The revision of a store's schema, or None for an empty database."""
    names = set(sa.inspect(connection).get_table_names())
    if not names:
        return None
    if VERSION_TABLE not in names:
        raise StoreError(
            f"{address.shown} must be a store of stepladder, found a database of another program "
            f"with the tables {', '.join(map(name_in_list, sorted(names)[:5]))}; {_ELSEWHERE}"
        )
    version = sa.table(VERSION_TABLE, sa.column("version_num"))
    versions = connection.scalars(sa.select(version.c.version_num)).all()
    revision = str(versions[0]) if len(versions) == 1 else None
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
    # The last study tells which stepladder wrote it.
    query = sa.select(studies.c.versions).order_by(studies.c.updated_at.desc()).limit(1)
    try:
        version = json.loads(connection.scalars(query).first() or "{}")["stepladder"]
    except (sa.exc.SQLAlchemyError, ValueError, KeyError, TypeError):
        return "upgrade stepladder"
    return f"install the stepladder that wrote it: pip install 'stepladder>={version}'"


def _check_file(address: Address, path: Path, create: bool, writes: bool) -> None:
    try:
        if not path.exists():
            Path(f"{path}-journal").exists()  # SQLite's log: its name may be too long
            _check_folder(address, path.parent, create)
            return
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "something else"
            raise _refusal(address, "be a file", kind)
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        readable = "be a file that can be read"
        raise _refusal(address, readable, f": {error.strerror}", _PERMISSIONS) from None
    if writes and not os.access(path, os.W_OK):
        writable = "be writable, for looks at test figures are logged"
        raise _refusal(address, writable, "a read-only file", "check its permissions, or copy it")
    if not magic and not create:
        raise NoStoreError(_missing(address, "an empty file"))
    if magic not in (b"", _MAGIC):
        raise _refusal(address, "be a SQLite file", f"one that begins with {magic!r}")
    if magic:
        with (
            translated_errors(address, opening=True),
            closing(readonly_engine(path).connect()) as connection,
        ):
            revision = _revision(connection, address)
        if revision is None and not create:
            raise NoStoreError(_missing(address, "a database without tables"))


def _check_folder(address: Address, folder: Path, create: bool) -> None:
    if not create:
        raise NoStoreError(_missing(address, "no such file"))
    if not folder.is_dir():
        there = f"none at {str(folder)!r}"
        raise _refusal(address, "lie in a folder that exists", there, "make it first")
    if not os.access(folder, os.W_OK):
        writable = "lie in a folder that can be written"
        raise _refusal(address, writable, "a read-only one", _PERMISSIONS)


def _refusal(address: Address, must: str, found: str, advice: str = _ELSEWHERE) -> StoreError:
    found = found if found.startswith(":") else f" {found}"
    return StoreError(f"the store {address.shown} must {must}, found{found}; {advice}")


def _missing(address: Address, found: str) -> str:
    return (
        f"{address.shown} must be a store that exists, found {found}; "
        "check the path, or run a study first"
    )
