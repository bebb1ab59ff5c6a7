"""URLs of stores, engines, retries, and errors of databases."""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from stepladder.errors import RunError, StepladderError, StoreError
from stepladder.study.schema import nearest

IN_MEMORY = "a store in memory"

_ACCEPTED = (
    "write a path such as runs/mine/stepladder.db, sqlite:///PATH, sqlite:// for one in memory, "
    "or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
)
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+._-]+)://")  # two letters at least: C:// is a drive
_HALF_A_URL = re.compile(r"(sqlite|postgres\w*)(\+\w*)?:", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """Where a store lies.

    Attributes:
        url: what SQLAlchemy connects to.
        path: the SQLite file, absolute and no link; None in memory and for a server.
        shown: the address for messages, without password and options.
    """

    url: sa.URL
    path: Path | None
    shown: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite, in a file or in memory."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def without_password(self) -> str:
        """The URL with its options, but without any password."""
        query = {key: value for key, value in self.url.query.items() if "password" not in key}
        url = self.url.set(query=query)
        return sa.URL.create(
            url.drivername, url.username, None, url.host, url.port, url.database, url.query
        ).render_as_string(hide_password=False)

    def without_secrets(self, text: str) -> str:
        """A text, such as a driver's message, with the URL's passwords struck out."""
        given = self.url.query.get("password", ())
        secrets = (self.url.password, *((given,) if isinstance(given, str) else given))
        for secret in filter(None, secrets):  # where an address has it, not in other words
            text = text.replace(f":{secret}@", ":***@").replace(f"={secret}", "=***")
        return text


def parse(url_or_path: str | Path) -> Address:
    """The address that a path or URL names; nothing is opened.

    Raises:
        StoreError: if it is malformed or of an unknown scheme. What stands behind a malformed
            URL's scheme is never shown, since it may hold a password.

    Example:
        >>> parse("postgresql://me:secret@host/results").shown
        'postgresql+psycopg://me:***@host/results'
    """
    text = str(url_or_path)
    scheme = _SCHEME.match(text)
    if scheme is None:
        half = _HALF_A_URL.match(text)
        if half is not None and not isinstance(url_or_path, Path):
            raise _malformed(f"{half.group()} without two slashes behind it")
        return _file(text)
    driver = _DRIVERS.get(scheme.group(1))
    if driver is None:
        near = nearest(scheme.group(1), _DRIVERS)
        advice = f"did you mean {near}://? Otherwise {_ACCEPTED}" if near else _ACCEPTED
        raise StoreError(
            "a store's URL must be of SQLite or PostgreSQL, found the scheme "
            f"{scheme.group(1)!r}; {advice}"
        )
    try:
        url = sa.make_url(text).set(drivername=driver)
    except (ArgumentError, ValueError):
        raise _malformed(f"{scheme.group()}… that is not a valid URL") from None
    if not driver.startswith("sqlite"):
        if "@" in (url.host or ""):
            raise _malformed(f"{url.drivername}:// with an @ in its password; write it as %40")
        if not url.database:
            raise _malformed(f"{url.drivername}:// without a database; name one behind the host")
        return Address(url, None, url.set(query={}).render_as_string(hide_password=True))
    if url.host or url.username or url.password or url.port:
        raise _malformed("sqlite:// with a host; a file needs a third slash, sqlite:///PATH")
    if url.query:
        raise _malformed("sqlite:// with options behind a question mark; leave them out")
    return _file(url.database or ":memory:")


def _file(text: str) -> Address:
    if text == ":memory:":
        return Address(sa.URL.create("sqlite+pysqlite"), None, IN_MEMORY)
    if not text or "\0" in text:
        raise _malformed("an empty path" if not text else "a path with a NUL character in it")
    path = Path(os.path.realpath(text))  # SQLite keeps its log next to the file, not next to a link
    return Address(sa.URL.create("sqlite+pysqlite", database=str(path)), path, text)


def _malformed(found: str) -> StoreError:
    return StoreError(f"a store must be a path or a URL, found {found}; {_ACCEPTED}")


_GLANCE_MS = 200
_CONNECT_SECONDS = 10

WRITES = "stepladder_writes"
"""The execution option of a connection whose transaction is going to write."""

LASTS = "stepladder_lasts"
"""The execution option of a connection whose transaction must outlive a power cut, or need not."""

BARE = "stepladder_bare"
"""The execution option of a connection whose statements stand outside any transaction."""


def store_engine(address: Address, timeout: float) -> sa.Engine:
    """An engine whose committed transactions survive a kill, and a power cut.

    Raises:
        StoreError: if PostgreSQL is asked for and its driver is not installed.
    """
    if not address.is_sqlite:
        try:
            return sa.create_engine(
                address.url,
                connect_args={"connect_timeout": _CONNECT_SECONDS, **address.url.query},
                hide_parameters=True,
                pool_pre_ping=True,  # a connection that was cut is replaced
            )
        except ImportError:
            raise StoreError(
                f"the store {address.shown} needs the driver psycopg, found none that works; "
                "install it with: pip install 'stepladder[postgres]'"
            ) from None
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


def readonly_engine(path: Path) -> sa.Engine:
    """An engine that reads a SQLite file without leaving a trace of it."""
    # A reader of a WAL file leaves -wal and -shm files behind, unless told that it is immutable;
    # that it is not when there is a -wal file, whose pages must be read too.
    has_log = os.path.exists(f"{path}-wal")  # pathlib raises where this name is too long
    uri = f"{path.as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
    return sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool
    )


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # Altered bytes become a row that does not have its digest, instead of a table without rows.
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    # From here on waiting is done in `_begin`, where Ctrl-C can end it.
    waiting = f"busy_timeout={_GLANCE_MS}"
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", waiting):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection, timeout: float) -> None:
    # A transaction that reads first and writes later could not wait for the lock: SQLite would
    # refuse it at once, for what it has read may be stale.
    options: Mapping[str, Any] = connection.get_execution_options()
    if options.get(BARE):
        return
    if not options.get(WRITES):
        connection.exec_driver_sql("BEGIN")
        return
    # Not waiting for the disk saves most of the time of a claim.
    level = "FULL" if options.get(LASTS, True) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous={level}")
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            code = str(getattr(error.orig, "sqlite_errorname", ""))
            if not code.startswith("SQLITE_BUSY") or time.monotonic() >= deadline:
                raise


_PAUSE = 0.25  # seconds between two attempts to reach a server

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class ConnectionLostError(RunError):
    """The connection to a server was cut within a transaction, which was undone or committed."""


def connect_with_retry(engine: sa.Engine, timeout: float) -> sa.Connection:
    """A connection; waits for a server that does not answer, and raises if it never does."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return engine.connect()
        except OperationalError:
            if engine.dialect.name == "sqlite" or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)


def retry_on_disconnect(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A method that is called once more when its connection was cut; twice must do no harm."""

    @wraps(method)
    def retrying(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        # An iterator is used up by the first call.
        again: Any = [list(value) if isinstance(value, Iterator) else value for value in args]
        try:
            return method(*again, **kwargs)
        except ConnectionLostError:
            return method(*again, **kwargs)

    return retrying


_KEPT = "run the same command again: what was finished is stored"
_DAMAGED = "move it away and start a new one, or put back a copy"

# SQLite's code, by its first words: what must be, and what to do.
_SQLITE: dict[str, tuple[str, str]] = {
    "SQLITE_BUSY": (
        "must come free for writing in time",
        "wait for the other program that writes to it, or stop it, then {again}",
    ),
    "SQLITE_FULL": ("must have room to grow", "free some space on its disk, then {again}"),
    "SQLITE_IOERR": (
        "must lie on a disk that works and has room",
        "check the disk and its free space, then {again}",
    ),
    "SQLITE_READONLY": (
        "must be writable, with its folder",
        "restore its name and its permissions, then {again}",
    ),
    "SQLITE_CANTOPEN": (
        "must lie in a folder that can be written",
        "check the folder and its permissions, then {again}",
    ),
    "SQLITE_CORRUPT": ("must be undamaged", _DAMAGED),
    # Rows are inserted where none is, and refer to rows that are there: else an index is damaged.
    "SQLITE_CONSTRAINT": ("must be undamaged", _DAMAGED),
    "SQLITE_NOTADB": ("must be a SQLite file", _DAMAGED),
    "SQLITE_ERROR": ("must have the tables that stepladder made", _DAMAGED),
}
_UNREACHABLE = (
    "must be reachable and answer",
    "check the address, the server, its permissions and the password, which PGPASSWORD or "
    "~/.pgpass gives where the address has none, then {again}",
)


@contextmanager
def translated_errors(address: Address, opening: bool = False) -> Iterator[None]:
    """Turns whatever the database raises within into an error that a user can act on.

    Raises:
        StoreError: while opening, and where the store itself is damaged.
        RunError: for a failure while a sound store is used.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise StoreError(
            f"what the store {address.shown} keeps must be text that UTF-8 can hold, found "
            f"{error.object!r}; rename it"
        ) from None
    except UnicodeDecodeError:  # SQLite's own message quotes damaged bytes
        raise StoreError(
            f"the store {address.shown} must be undamaged, found names that are no text; {_DAMAGED}"
        ) from None
    except DBAPIError as error:
        raise _explain(error, address, opening) from None
    except SQLAlchemyError as error:
        found = address.without_secrets(str(error))
        raise StoreError(
            f"the store {address.shown} must be usable, found: {found}; check its address"
        ) from None


def _explain(error: DBAPIError, address: Address, opening: bool) -> StepladderError:
    found = " ".join(address.without_secrets(str(error.orig)).split())
    code = str(getattr(error.orig, "sqlite_errorname", ""))
    known = next((entry for name, entry in _SQLITE.items() if code.startswith(name)), None)
    expected, advice = known or _UNREACHABLE
    is_damaged = advice == _DAMAGED or (known is None and isinstance(error, ProgrammingError))
    advice = advice.format(again="try again" if opening else _KEPT)
    kind: type[StepladderError] = StoreError if opening or is_damaged else RunError
    if error.connection_invalidated and not opening:
        kind = ConnectionLostError
    return kind(f"the store {address.shown} {expected}, found: {found}; {advice}")
