"""Makes the fakes importable and shares out tests; starts PostgreSQL and a browser for some."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fakes"))

import browser as browsers
import postgres_server

SHARED = ("mnist_run", "expected", "real_slurm")
"""Fixtures of the session that train for long."""

OF_EXTRAS = {"browser", "jupyter", "postgres"}
"""Fixtures that need more than `pip install 'stepladder[test]'`."""


def _need(what, reason):
    """Skips a test for a reason, or fails it where `STEPLADDER_REQUIRE` names what is missing."""
    if reason is not None:
        needed = what in os.environ.get("STEPLADDER_REQUIRE", "").split(",")
        (pytest.fail if needed else pytest.skip)(reason)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config, items):
    """Has a file's tests, and those that share a long training, run by one process in order.

    Tests with a fixture of `OF_EXTRAS` get the mark `extra`, by which CI finds those that the
    README's test command, which it runs too, leaves out.
    """
    for item in items:
        if OF_EXTRAS & set(item.fixturenames):
            item.add_marker(pytest.mark.extra)
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        shared = [name for name in SHARED if name in item.fixturenames]
        item.add_marker(
            pytest.mark.xdist_group(shared[0] if shared else item.nodeid.split("::")[0])
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Fails a test that lacks a package and its mark: CI would run it nowhere."""
    report = yield
    is_marked = any(item.get_closest_marker(name) for name in ("extra", "slow"))
    if report.skipped and isinstance(report.longrepr, tuple) and not is_marked:
        reason = report.longrepr[2]  # an expected failure has none
        if re.search("could not import|needs pip", reason):
            report.outcome = "failed"
            report.longrepr = f"{reason}; mark the test: @pytest.mark.extra"
    return report


@pytest.fixture(autouse=True)
def _no_columns(monkeypatch):
    """The width of a terminal that tests are started from is not that of their output."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, the system's own; its event loop ends with the module."""
    _need("browser", browsers.missing())
    started = browsers.Browser()
    yield started
    started.close()


@pytest.fixture(scope="session")
def jupyter():
    """What executes notebooks, and pandas."""
    names = ("nbclient", "nbformat", "ipykernel", "IPython", "pandas")
    lacking = [name for name in names if importlib.util.find_spec(name) is None]
    reason = f"notebook tests need pip install nbclient ipykernel pandas, found no {lacking}"
    _need("jupyter", reason if lacking else None)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of the tests' own.

    Where none can be started, tests that need it are skipped with the reason, or fail where
    `STEPLADDER_REQUIRE` says postgres.
    """
    _need("postgres", postgres_server.missing())
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
