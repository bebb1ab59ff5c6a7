"""The schema: made by migrations, which ship with the package, and kept for every release."""

import shutil
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from stored_samples import (
    DATASET,
    assert_same,
    diverged,
    judgement,
    own,
    record,
    result,
    seen,
    trial,
    valued,
)

from stepladder.store import ClaimOwner, open_store
from stepladder.store.schema import REVISIONS, VERSION_TABLE, metadata

DRIVER, OTHER = ClaimOwner("d1", "a machine", "17"), ClaimOwner("d2", "a machine", "18")
DATABASES = Path(__file__).parent / "databases"


def _scripts():
    config = Config()
    config.set_main_option("script_location", "stepladder.store:migrations")
    return ScriptDirectory.from_config(config)


def test_migrations_lie_in_the_package():
    versions = resources.files("stepladder.store.migrations").joinpath("versions")
    assert versions.joinpath("0001_first.py").is_file()
    assert resources.files("stepladder.store.migrations").joinpath("env.py").is_file()


def test_revisions_are_those_of_the_migrations():
    scripts = [script.revision for script in _scripts().walk_revisions()]
    assert tuple(reversed(scripts)) == REVISIONS


def test_migrations_lead_to_the_tables_that_the_code_uses(path):
    open_store(path).close()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISIONS[-1]
    engine.dispose()


def test_file_is_durable_and_checks_its_references(path):
    with open_store(path) as store, store.transaction() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    full = 2
    expected = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": full}
    assert settings == expected


@pytest.mark.parametrize("table", metadata.tables.values(), ids=lambda table: table.name)
def test_tables_have_a_form_in_postgresql(table):
    statement = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "FLOAT" not in statement.upper().replace("DOUBLE PRECISION", "")
    assert " REAL" not in statement  # it is 4 bytes there


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_released_schema_has_a_database(revision):
    assert (DATABASES / f"{revision}.db").stat().st_size < 100_000


@pytest.mark.parametrize("revision", REVISIONS)
def test_database_of_every_released_schema_opens_and_reads(revision, path):
    shutil.copyfile(DATABASES / f"{revision}.db", path)
    with open_store(path, create=False) as store:
        ids = [trial(replicate).id for replicate in range(3)]
        found = store.results(ids)
        assert_same(found[ids[0]], result(0))
        assert_same(found[ids[1]], result(1))
        assert_same(found[ids[2]], diverged(2))
        inside = store.results([trial(6).id])
        assert list(inside) == ([trial(6).id] if revision > "0002" else [])
        for found in inside.values():
            assert_same(found, seen(6))
        of_own = store.results([own(8).trial.id])
        assert len(of_own) == (revision > "0003")
        for found in of_own.values():
            assert_same(found, own(8))
        of_values = store.results([valued(10).trial.id])
        assert len(of_values) == (revision > "0004")
        for found in of_values.values():
            assert_same(found, valued(10))
        assert store.studies() == [record(seconds=2.0)]
        assert store.judgements("mine", DATASET) == [judgement()] * (revision > "0005")
        assert store.keep_judgement(judgement(10))
        (look,) = store.looks(DATASET)
        assert (look.study, look.trials, look.command) == ("mine", 3, "stepladder results mine")
        assert store.look("mine", DATASET, ids, "again") == 1
        assert store.add(result(3)) is True
        assert store.add(seen(7)) is True
        assert_same(store.results([trial(7).id])[trial(7).id], seen(7))
        assert store.drivers() == ([DRIVER] if revision > "0001" else [])
        assert store.claim(OTHER, [trial(4).id, trial(5).id])
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall()
    assert version == [(REVISIONS[-1],)]
