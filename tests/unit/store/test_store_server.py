"""A PostgreSQL server: its addresses, and that it goes and comes back."""

import sys
from importlib.util import find_spec
from threading import Thread

import pytest
import sqlalchemy as sa
from stored_samples import assert_same, record, result, trial

from stepladder.errors import RunError, StoreError
from stepladder.store import ClaimOwner, open_store
from stepladder.store.connection import parse
from stepladder.store.schema import trials

# Which addresses there are, and that no message tells a password.


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
        ("postgresql://u:secret@host:port/db", "is not a valid URL"),
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
    text = "no other f at postgresql://me:s@cret@host:5433/db?password=other"
    hidden = "no other f at postgresql://me:***@host:5433/db?password=***"
    assert address.without_secrets(text) == hidden, "words outside an address stay"
    assert "cret" not in repr(address)


def test_an_at_in_a_password_is_refused_and_not_shown():
    with pytest.raises(StoreError, match="write it as %40") as refusal:
        parse("postgresql://me:p@TOPSECRET@host/db")
    assert "TOPSECRET" not in str(refusal.value)


def test_missing_driver_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    with pytest.raises(StoreError, match=r"pip install 'stepladder\[postgres\]'") as refusal:
        open_store("postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(refusal.value)


@pytest.mark.extra
@pytest.mark.skipif(find_spec("psycopg") is None, reason="needs the driver")
def test_server_that_does_not_answer_is_an_error_without_the_password():
    with pytest.raises(StoreError, match=r"127.0.0.1:1/db must be reachable") as refusal:
        open_store("postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(refusal.value)


# A PostgreSQL server that goes and comes back, and connections that are cut.


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def test_what_is_read_together_is_of_one_moment(postgres_url):
    """A trial that is stored between two queries of one transaction is in both or in neither."""
    count = sa.select(sa.func.count()).select_from(trials)
    with open_store(postgres_url) as reader, open_store(postgres_url) as writer:
        with reader.transaction() as connection:
            assert connection.scalar(count) == 0
            writer.add(result())
            assert connection.scalar(count) == 0
        with reader.transaction() as connection:
            assert connection.scalar(count) == 1


def test_a_cut_connection_is_made_anew(postgres, postgres_url):
    with open_store(postgres_url) as store:
        for replicate in range(3):
            assert store.add(result(replicate)) is True
            postgres.execute(CUT)
        assert store.has(trial(replicate).id for replicate in range(4)) == {
            trial(replicate).id for replicate in range(3)
        }


@pytest.mark.parametrize("statement", ["INSERT INTO trials", "INSERT INTO epochs"])
def test_a_connection_that_is_cut_within_a_trial_is_tried_again(statement, postgres, postgres_url):
    from sqlalchemy import event

    with open_store(postgres_url) as store:
        store.put_study(record())
        cuts = []

        def cut(connection, cursor, said, *more):
            if said.startswith(statement) and not cuts:
                cuts.append(postgres.execute(CUT))

        event.listen(store.engine, "before_cursor_execute", cut)
        assert store.add(result()) is True
        assert cuts
        assert_same(store.results([trial().id])[trial().id], result())


def test_a_server_that_comes_back_is_waited_for(postgres, postgres_url):
    with open_store(postgres_url) as store:
        store.add(result(0))
        postgres.stop()
        returns = Thread(target=postgres.start)
        returns.start()
        try:
            assert store.add(result(1)) is True
            assert store.claim(ClaimOwner("a", "b", "c"), iter([trial(2).id])) == {trial(2).id}
        finally:
            returns.join()
        assert len(store.has([trial(0).id, trial(1).id])) == 2


def test_a_server_that_stays_away_is_a_failed_run_and_refused_at_the_start(postgres, postgres_url):
    with open_store(postgres_url, timeout=0.1) as store:
        postgres.stop()
        try:
            with pytest.raises(
                RunError, match=r"must be reachable .* run the same command"
            ) as told:
                store.add(result())
            with pytest.raises(StoreError, match="must be reachable"):
                open_store(postgres_url)
        finally:
            postgres.start()
        assert "s3cret" not in str(told.value)
        assert store.add(result()) is True


def test_what_is_no_store_is_refused(postgres, postgres_url):
    import psycopg

    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE somebody_else (x INT)")
    with pytest.raises(StoreError, match="another program with the tables somebody_else") as told:
        open_store(postgres_url)
    assert "s3cret" not in str(told.value)
    with pytest.raises(StoreError, match=r"found: .*does not exist"):
        open_store(postgres_url + "x")
