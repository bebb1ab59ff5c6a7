"""Which addresses there are, and that no message tells a password."""

import sys
from importlib.util import find_spec

import pytest

from stepladder.errors import StoreError
from stepladder.store import open_store
from stepladder.store.connection import parse

ACCEPTED = r"postgresql\+psycopg://USER:PASSWORD@HOST/DATABASE"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("", "an empty path"),
        ("a\0b", "a NUL character"),
        ("mysql://u:secret@host/db", "scheme 'mysql'"),
        ("postgres://u:secret@host/db", r"scheme 'postgres'; did you mean postgresql://\?"),
        ("SQLITE:///x.db", r"scheme 'SQLITE'; did you mean sqlite"),
        ("https://u:secret@host/db", "scheme 'https'"),
        ("sqlite:x.db", "sqlite: without two slashes"),
        ("postgresql+psycopg:u:secret@host", r"postgresql\+psycopg: without two slashes"),
        ("sqlite://u:secret@host/x.db", "sqlite:// with a host"),
        ("sqlite://x.db", "sqlite:// with a host"),
        ("sqlite:///x.db?mode=ro", "sqlite:// with options"),
        ("postgresql://u:secret@host:port/db", "cannot be taken apart"),
        ("postgresql+psycopg://u:secret@host", "without a database"),
    ],
)
def test_malformed_address_is_refused_with_what_is_accepted(address, found):
    with pytest.raises(StoreError, match=f"{found}.*{ACCEPTED}") as refusal:
        open_store(address)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_password_and_options_are_not_shown(scheme):
    address = parse(f"{scheme}://me:s%40cret@host:5433/db?password=other&sslmode=require")
    assert address.shown == "postgresql+psycopg://me:***@host:5433/db"
    assert address.url.password == "s@cret"
    assert address.url.query["sslmode"] == "require"
    assert address.without_secrets("s@cret and other") == "*** and ***"
    assert "cret" not in repr(address)


def test_missing_driver_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    with pytest.raises(StoreError, match=r"pip install 'stepladder\[postgres\]'") as refusal:
        open_store("postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(refusal.value)


@pytest.mark.skipif(find_spec("psycopg") is None, reason="needs the driver")
def test_server_that_does_not_answer_is_an_error_without_the_password():
    with pytest.raises(StoreError, match=r"127.0.0.1:1/db must be reachable") as refusal:
        open_store("postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(refusal.value)
