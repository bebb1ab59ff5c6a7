"""Where a store lies: a path or URL, checked, with a form that may be shown to anybody."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from stepladder.errors import StoreError
from stepladder.values import nearest

__all__ = ["IN_MEMORY", "Address", "parse"]

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

    def without_secrets(self, text: str) -> str:
        """A text, such as a driver's message, with the URL's passwords struck out."""
        given = self.url.query.get("password", ())
        secrets = (self.url.password, *((given,) if isinstance(given, str) else given))
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        return text


def parse(url_or_path: str | Path) -> Address:
    """The address that a path or URL names; nothing is opened.

    Raises:
        StoreError: if it is malformed or of an unknown scheme. What stands behind a malformed
            URL's scheme is never shown, since it may hold a password.
    """
    text = str(url_or_path)
    scheme = _SCHEME.match(text)
    if scheme is None:
        half = _HALF_A_URL.match(text)
        if half is not None and not isinstance(url_or_path, Path):
            raise _malformed(f"{half.group()} without two slashes behind it")
        return _in_memory() if text == ":memory:" else _file(text)
    driver = _DRIVERS.get(scheme.group(1))
    if driver is None:
        raise StoreError(_unknown(scheme.group(1)))
    try:
        url = sa.make_url(text).set(drivername=driver)
    except (ArgumentError, ValueError):
        raise _malformed(f"{scheme.group()}… that cannot be taken apart") from None
    return _sqlite(url) if driver.startswith("sqlite") else _server(url)


def _sqlite(url: sa.URL) -> Address:
    if url.host or url.username or url.password or url.port:
        raise _malformed("sqlite:// with a host; a file needs a third slash, sqlite:///PATH")
    if url.query:
        raise _malformed("sqlite:// with options behind a question mark; leave them out")
    if url.database in (None, "", ":memory:"):
        return _in_memory()
    return _file(str(url.database))


def _server(url: sa.URL) -> Address:
    if not url.database:
        raise _malformed(f"{url.drivername}:// without a database; name one behind the host")
    shown = url.set(query={}).render_as_string(hide_password=True)
    return Address(url, None, shown)


def _in_memory() -> Address:
    return Address(sa.URL.create("sqlite+pysqlite"), None, IN_MEMORY)


def _file(text: str) -> Address:
    if not text or "\0" in text:
        raise _malformed("an empty path" if not text else "a path with a NUL character in it")
    path = Path(os.path.realpath(text))  # SQLite keeps its log beside the file, not beside a link
    return Address(sa.URL.create("sqlite+pysqlite", database=str(path)), path, text)


def _malformed(found: str) -> StoreError:
    return StoreError(f"a store must be a path or a URL, found {found}; {_ACCEPTED}")


def _unknown(scheme: str) -> str:
    near = nearest(scheme, _DRIVERS)
    advice = f"did you mean {near}://? Otherwise {_ACCEPTED}" if near else _ACCEPTED
    return f"a store's URL must be of SQLite or PostgreSQL, found the scheme {scheme!r}; {advice}"
