"""Makes the fakes importable from every test, and starts PostgreSQL for those that need it."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fakes"))

import postgres_server


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of the tests' own.

    Where none can be started, tests that need it are skipped with the reason, or fail where
    `STEPLADDER_REQUIRE` says postgres.
    """
    reason = postgres_server.missing()
    if reason is not None:
        needed = "postgres" in os.environ.get("STEPLADDER_REQUIRE", "").split(",")
        (pytest.fail if needed else pytest.skip)(reason)
    server = postgres_server.PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres, request):
    """An empty database on that server."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    postgres.execute(f'CREATE DATABASE "{name}"')
    yield postgres.url(name)
    postgres.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
