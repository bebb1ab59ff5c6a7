"""What may be opened, what is refused, and that what is refused is left as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stored_samples import altered, assert_same, record, result

from stepladder.errors import StoreError
from stepladder.store import open_store


def _python(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def _refused(path, match, **options):
    """Opening is refused, and neither the file nor its folder has changed."""
    before = path.read_bytes(), sorted(os.listdir(path.parent))
    with pytest.raises(StoreError, match=match) as refusal:
        open_store(path, **options)
    assert (path.read_bytes(), sorted(os.listdir(path.parent))) == before
    assert str(path) in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("form", [str, Path, "sqlite:///{}".format, "sqlite+pysqlite:///{}".format])
def test_every_form_of_address_means_the_same_file(path, form):
    with open_store(path) as store:
        store.put_study(record())
    with open_store(form(path)) as store:
        assert store.study("mine") == record()


@pytest.mark.parametrize(
    "name", ["a b%20c.db", "ü?x=1#y.db", "100%.db", ":odd:.db", "sqlite", "no-suffix"]
)
def test_odd_file_names_are_taken_literally(tmp_path, name):
    for _ in range(2):
        with open_store(tmp_path / name) as store:
            store.put_study(record())
    assert os.listdir(tmp_path) == [name]


def test_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    with open_store("stepladder.db") as store:
        monkeypatch.chdir(tmp_path / "below")
        store.put_study(record())
    assert os.listdir(tmp_path / "below") == []
    assert open_and_count("../stepladder.db") == 1


def open_and_count(address):
    with open_store(address, create=False) as store:
        return len(store.studies())


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", ":memory:"])
def test_in_memory_each_store_is_its_own(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_store(address) as one, open_store(address) as other:
        one.add(result())
        assert other.results([result().trial.id]) == {}
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", None], ids=["empty file", "database without tables"])
def test_what_is_empty_becomes_a_store(path, content):
    if content is None:
        altered(path, "CREATE TABLE t (a)", "DROP TABLE t")
    else:
        path.write_bytes(content)
    with open_store(path) as store:
        assert store.add(result()) is True
    with open_store(path, create=False) as store:
        assert_same(store.results([result().trial.id])[result().trial.id], result())


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "found an empty file; check the path"),
        (b"PK\x03\x04 not a database, and longer than a header", "begins with b'PK"),
        (b"SQLite", "begins with b'SQLite'"),
        (b"SQLite format 3\0" + bytes(range(256)) * 40, "found: .*not a database"),
        (os.urandom(5000), "must be a SQLite file"),
    ],
    ids=["empty", "zip", "stub", "noise behind the header", "noise"],
)
def test_file_of_another_kind_is_refused(path, content, match):
    path.write_bytes(content)
    _refused(path, match, create=False)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_truncated_store_is_refused(path, share):
    open_store(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    _refused(path, "must be (undamaged|a SQLite file), found: ")


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_database_of_another_program_is_refused(path, mode):
    altered(
        path,
        f"PRAGMA journal_mode={mode}",
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('0001')",
        "CREATE TABLE trials (number)",
    )
    _refused(path, "another program with the tables alembic_version, trials; name another file")


def test_store_of_a_newer_stepladder_is_refused(path):
    open_store(path).close()
    altered(path, "UPDATE stepladder_version SET version_num = '0999'")
    _refused(path, "a schema up to .*, found 0999; upgrade stepladder")


def test_store_of_a_newer_stepladder_tells_which_one(path):
    with open_store(path) as store:
        store.put_study(record(versions={"stepladder": "9.1"}))
    altered(path, "UPDATE stepladder_version SET version_num = '0999'")
    _refused(path, r"found 0999; install .*: pip install 'stepladder>=9\.1', or name another")


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("DELETE FROM stepladder_version", "found none or several"),
        ("DROP TABLE epochs", "found no epochs"),
    ],
)
def test_store_with_parts_missing_is_refused(path, statement, match):
    open_store(path).close()
    altered(path, statement)
    _refused(path, match)


def test_missing_store_is_not_made_unless_asked(path):
    with pytest.raises(StoreError, match="must be a store that exists, found no such file"):
        open_store(path, create=False)
    assert not path.exists()


def test_database_without_tables_is_not_made_a_store_unless_asked(path):
    altered(path, "CREATE TABLE t (a)", "DROP TABLE t")
    _refused(path, "found a database without tables", create=False)


def test_folder_is_refused(tmp_path):
    with pytest.raises(StoreError, match="must be a file, found a folder"):
        open_store(tmp_path)
    assert os.listdir(tmp_path) == []


def test_folder_that_does_not_exist_is_not_made(tmp_path):
    with pytest.raises(StoreError, match=r"found none at '.*nowhere'; make it first"):
        open_store(tmp_path / "nowhere" / "stepladder.db")
    assert os.listdir(tmp_path) == []


def test_place_below_a_file_is_refused(path):
    path.write_text("a file")
    with pytest.raises(StoreError, match=r"stepladder\.db/x\.db must"):
        open_store(path / "x.db")
    assert path.read_text() == "a file"


def test_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(StoreError, match="File name too long"):
        open_store(tmp_path / ("x" * 5000))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write all")
def test_what_cannot_be_written_is_refused(path):
    open_store(path).close()
    path.chmod(0o400)
    _refused(path, "must be writable")
    path.parent.chmod(0o500)
    with pytest.raises(StoreError, match="folder that can be written"):
        open_store(path.parent / "other.db")
    path.parent.chmod(0o700)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is no file")
def test_device_is_refused():
    with pytest.raises(StoreError, match="must be a file, found something else"):
        open_store("/dev/full")


def test_symbolic_link_is_followed(path):
    link = path.with_name("link.db")
    link.symlink_to(path)
    for _ in range(2):
        with open_store(link) as store:
            store.add(result())
    assert sorted(os.listdir(path.parent)) == ["link.db", "stepladder.db"]
    assert link.is_symlink()


def test_links_that_go_round_are_refused(path):
    path.symlink_to(path)
    with pytest.raises(StoreError, match="must lie in a folder that can be written, found"):
        open_store(path)


def test_importing_the_room_imports_no_database():
    heavy = "sorted({'sqlalchemy', 'alembic', 'jax', 'keras'} & set(sys.modules))"
    assert _python(f"import sys, stepladder.store; print({heavy})") == "[]"


def test_opening_a_store_that_is_up_to_date_imports_no_alembic(path):
    open_store(path).close()
    code = (
        "import sys; from stepladder.store import open_store\n"
        "open_store(sys.argv[1]).close(); print('alembic' in sys.modules)"
    )
    assert _python(code, path) == "False"


def test_closed_store_is_a_single_file(path):
    with open_store(path) as store:
        store.add(result())
    assert os.listdir(path.parent) == [path.name]


def test_public_names():
    import stepladder.store

    names = [
        "ClaimOwner",
        "Judgement",
        "Look",
        "OWN_VALIDATION",
        "Store",
        "StudyRecord",
        "check_place",
        "is_missing",
        "open_store",
    ]
    assert sorted(stepladder.store.__all__, key=str.lower) == sorted(names, key=str.lower)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write all")
def test_a_read_only_file_is_read_where_nothing_is_written(path):
    with open_store(path) as store:
        store.add(result())
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with open_store(path, create=False, writes=False) as store:
            assert len(store.results([result().trial.id])) == 1
        assert os.listdir(path.parent) == [path.name]
    finally:
        path.parent.chmod(0o700)
