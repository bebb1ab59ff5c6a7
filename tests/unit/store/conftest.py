import os
from pathlib import Path

import pytest
from fake_store import FakeStore

from stepladder.store import open_store

# PostgreSQL is tried where a server is given, such as postgresql+psycopg://user@/stepladder_test;
# its database must be empty, and is emptied again after each test.
_SERVER = os.environ.get("STEPLADDER_TEST_POSTGRES")
_KINDS = ["file", "memory", "fake", *(["server"] if _SERVER else [])]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stepladder.db"


@pytest.fixture(params=_KINDS)
def store(request, path):
    """Every store there is, empty."""
    if request.param == "server":
        yield from _on_server(_SERVER)
        return
    made = FakeStore() if request.param == "fake" else open_store(_address(request.param, path))
    with made:
        yield made


def _address(kind: str, path: Path) -> str:
    return str(path) if kind == "file" else "sqlite://"


def _on_server(url):
    import sqlalchemy as sa

    with open_store(url) as made:
        yield made
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
