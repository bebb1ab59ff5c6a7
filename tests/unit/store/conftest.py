import pytest
from fake_store import FakeStore

from stepladder.store import open_store
from stepladder.store.schema import metadata


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stepladder.db"


@pytest.fixture(scope="session")
def server_store(postgres):
    """The address of a store on PostgreSQL, its tables made."""
    postgres.execute("CREATE DATABASE contract")
    open_store(postgres.url("contract")).close()
    return postgres.url("contract")


@pytest.fixture(params=["file", "memory", "fake", "server"])
def store(request, path):
    """Every store there is, empty."""
    if request.param == "server":
        yield from _on_server(request.getfixturevalue("server_store"))
        return
    made = FakeStore() if request.param == "fake" else open_store(_address(request.param, path))
    with made:
        yield made


def _address(kind, path):
    return str(path) if kind == "file" else "sqlite://"


def _on_server(url):
    import sqlalchemy as sa

    with open_store(url) as made:
        yield made
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        names = ", ".join(metadata.tables)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    engine.dispose()
