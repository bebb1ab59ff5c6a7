"""Rows that were altered by hand, and a store that fails while it is used."""

import os
import sqlite3
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import closing

import pytest
import sqlalchemy as sa
from stored_samples import DATASET, assert_same, record, result, seen, trial

from stepladder.errors import RunError, StoreError
from stepladder.store import open_store
from stepladder.store.rows import _digest_of_probes
from stepladder.store.schema import probes

# A store that fails while it is used: told in words, and nothing is half written.


def test_lock_that_is_held_too_long_is_a_failed_run(path):
    with open_store(path, timeout=0.01) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunError, match=r"come free .*found: database is locked; wait for"):
            store.add(result())
        assert store.has([trial().id]) == set()  # readers do not wait for a writer
        other.rollback()
        assert store.add(result()) is True


def test_lock_that_is_held_while_a_store_is_made_is_a_store_error(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="database is locked"):
            open_store(path, timeout=0.01)
    open_store(path).close()


# A limit on the size of files stands for a full disk: every write beyond it fails.
_FILL = """
import resource, sys
from stored_samples import result, trial
from stepladder.errors import RunError
from stepladder.store import open_store
from stepladder.store.rows import _digest_of_probes
from stepladder.store.schema import probes
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
added = 0
try:
    for replicate in range(10_000):
        store.add(result(replicate, epochs=500))
        added += 1
except RunError as error:
    print(error)
else:
    print("nothing failed")
print(added, len(store.has(trial(replicate).id for replicate in range(10_000))))
store.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs limits on the size of files")
def test_disk_without_room_is_a_failed_run_that_keeps_what_was_finished(path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FILL, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    message, counts = done.stdout.splitlines()
    added, kept = map(int, counts.split())
    assert "must " in message
    assert "check the disk and its free space" in message or "free some space" in message
    assert added == kept > 0
    with open_store(path) as store:
        ids = [trial(replicate).id for replicate in range(added + 1)]
        assert store.has(ids) == set(ids[:-1])
        assert len(store.results(ids)) == added
        assert store.add(result(added, epochs=500)) is True


@pytest.mark.parametrize("replaced", [False, True])
def test_file_that_is_removed_or_replaced_in_use_is_told(path, replaced):
    with open_store(path) as store:
        store.add(result(0))
        path.rename(path.with_name("moved.db"))
        if replaced:
            path.touch()
        with pytest.raises(RunError, match=r"must stay in its place .* found it removed or repl"):
            store.add(result(1))
        path.with_name("moved.db").replace(path)
        assert store.add(result(1)) is True


# A row that was altered by hand is refused by its name, and its neighbours are not.


def _alter(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(statement, values).rowcount != 0
        connection.commit()


@pytest.fixture
def stored(path):
    """A file with two trials, a study and a look."""
    with open_store(path) as store:
        store.add(result(0))
        store.add(result(1))
        store.put_study(record())
        store.look("mine", DATASET, ["a"], "results")
    return path


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("test_correct", b"", "0 bytes, not the bits of 11 images"),
        ("test_correct", b"123", "3 bytes, not the bits of 11 images"),
        ("test_predictions", b"noise", "header"),
        ("test_predictions", "text", "bytes"),
        ("test_predictions", zlib.compress(b"1" * 21), "not hold 11 numbers"),
        ("test_predictions", zlib.compress(b"\0" * 50_000_000), "not hold 11 numbers"),
        ("n_test", 12, "not hold 12 numbers"),
        ("n_test", 2**62, "2 bytes, not the bits of"),
        ("n_test", "many", "n_test is 'many'"),
        ("n_test", -1, "n_test is -1"),
        ("recipe", "{", "Expecting"),
        ("recipe", "[1]", "mapping"),
        ("recipe", '{"hidden":[0]}', "hidden"),
        ("recipe", "[" * 100_000, "recursion"),
        ("recipe", b"\xff", "decode"),
        ("seed", 8, "has the id"),
        ("replicate", 5, "has the id"),
        ("engine", "fit", "has the id"),
        ("test_accuracy", "high", "test_accuracy is 'high'"),
        ("seconds", b"1", "seconds is b'1'"),
        ("diverged", "late", "diverged is 'late'"),
        ("parameters", 0.5, "parameters is 0.5"),
        ("versions", "[]", "versions is"),
        ("versions", '{"keras":3}', "versions is"),
        ("versions", "", "versions is"),
        ("epochs", 4, "1, 2, 3, not 1 to 4"),
        ("epochs", 2**62, "1, 2, 3, not 1 to 4611686018427387904"),
        ("engine", b"\xff", "not JSON serializable"),
        ("test_accuracy", 0.999, "figures are not those that were stored"),
        ("diverged", 2, "figures are not those that were stored"),
        ("test_correct", b"\0\0", "figures are not those that were stored"),
        ("signs", "{", "Expecting"),
        ("signs", "[]", "not a table"),
        ("signs", '{"dead":"all"}', "signs have 'all' as dead"),
        ("signs", '{"dead":0.5}', "figures are not those that were stored"),
    ],
)
def test_altered_trial_is_named(stored, column, value, told):
    _alter(stored, f"UPDATE trials SET {column} = ? WHERE id = ?", value, trial(0).id)
    with open_store(stored) as store:
        with pytest.raises(StoreError, match=told) as refusal:
            store.results([trial(1).id, trial(0).id])
        assert trial(0).id in str(refusal.value)
        assert "delete that row" in str(refusal.value)
        assert_same(store.results([trial(1).id])[trial(1).id], result(1))
        with pytest.raises(StoreError, match=f"{trial(0).id} must be as stepladder stored it"):
            store.outcomes([trial(1).id, trial(0).id])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("figures", zlib.compress(b"1234" * 21)),
        ("figures", b"noise"),
        ("figures", "text"),
        ("names", '{"kernels":[],"layers":[]}'),
        ("input_mean", 0.5),
        ("digest", "0"),
    ],
)
def test_altered_probes_name_the_trial(path, column, value):
    with open_store(path) as store:
        store.add(seen(0))
        store.add(result(1))
    _alter(path, f"UPDATE probes SET {column} = ?", value)
    with open_store(path) as store:
        with pytest.raises(StoreError, match=f"the probes of trial {trial(0).id} must be as"):
            store.results([trial(0).id, trial(1).id])
        assert len(store.results([trial(0).id, trial(1).id], curves=False)) == 2
        assert_same(store.results([trial(1).id])[trial(1).id], result(1))


def test_probes_that_expand_without_end_are_refused_before_they_do(path):
    with open_store(path) as store:
        store.add(seen(0))
        with store.transaction() as connection:
            row = dict(connection.execute(sa.select(probes)).mappings().one())
    row["figures"] = zlib.compress(bytes(50_000_000))
    digest = _digest_of_probes(row)
    _alter(path, "UPDATE probes SET figures = ?, digest = ?", row["figures"], digest)
    with open_store(path) as store:
        tracemalloc.start()
        with pytest.raises(StoreError, match="figures does not hold"):
            store.results([trial(0).id])
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM epochs WHERE epoch = 2 AND trial_id = ?",
        "DELETE FROM epochs WHERE trial_id = ?",
        "UPDATE epochs SET epoch = 9 WHERE epoch = 3 AND trial_id = ?",
        "UPDATE epochs SET val_loss = 'low' WHERE epoch = 3 AND trial_id = ?",
        "UPDATE epochs SET val_loss = val_loss + 1e-9 WHERE epoch = 3 AND trial_id = ?",
    ],
)
def test_altered_epochs_name_the_trial(stored, statement):
    _alter(stored, statement, trial(0).id)
    with open_store(stored) as store:
        with pytest.raises(StoreError, match=f"trial {trial(0).id} must be as"):
            store.results([trial(0).id, trial(1).id])
        assert len(store.results([trial(0).id, trial(1).id], curves=False)) == 2


def test_deleted_trial_takes_its_epochs_along_and_may_be_added_again(stored):
    with closing(sqlite3.connect(stored)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("DELETE FROM trials WHERE id = ?", [trial(0).id])
        connection.commit()
    with open_store(stored) as store:
        assert store.add(result(0)) is True
        assert_same(store.results([trial(0).id])[trial(0).id], result(0))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("definition", "{}", "name is missing"),
        (
            "definition",
            '{"name": "mine", "base": {"hidden": [1], "activation": "sweesh"}}',
            "sweesh",
        ),
        ("definition", '{"name": "yours", "base": {"hidden": [1]}}', "that of 'yours'"),
        ("definition", "[]", "mapping"),
        ("definition", "nonsense", "Expecting value"),
        ("sizes", '{"train": "many"}', "sizes is"),
        ("sizes", "3", "sizes is"),
        ("classes", '"0123"', "classes is"),
        ("classes", "[0, 1]", "classes is"),
        ("versions", "null", "versions is"),
        ("seconds", "long", "seconds is 'long'"),
    ],
)
def test_altered_study_is_named(stored, column, value, told):
    _alter(stored, f"UPDATE studies SET {column} = ?", value)
    with open_store(stored) as store:
        for read in (store.studies, lambda: store.study("mine")):
            with pytest.raises(StoreError, match="(?s)study 'mine' must be as stepladder.*" + told):
                read()


@pytest.mark.parametrize(("column", "value"), [("at", "yesterday"), ("at", 5.5), ("trials", "all")])
def test_altered_look_is_named(stored, column, value):
    _alter(stored, f"UPDATE looks SET {column} = ?", value)
    with open_store(stored) as store, pytest.raises(StoreError, match="look 1 must be as"):
        store.looks(DATASET)


def test_table_that_vanishes_in_use_is_told(path):
    with open_store(path) as store:
        _alter(path, "DROP TABLE epochs")
        with pytest.raises(StoreError, match=r"must have the tables.*no such table.*epochs"):
            store.add(result())
        assert store.has([trial().id]) == set()


def test_damaged_page_is_told(stored):
    with closing(sqlite3.connect(stored)) as connection:
        root, size = (
            connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'trials'"
            ).fetchone()[0],
            connection.execute("PRAGMA page_size").fetchone()[0],
        )
    content = bytearray(stored.read_bytes())
    content[(root - 1) * size : root * size] = b"\xa5" * size
    stored.write_bytes(content)
    with open_store(stored) as store, pytest.raises(StoreError, match=r"must be undamaged.*malf"):
        store.results([trial(0).id])


def test_text_that_is_not_unicode_is_told(path):
    with open_store(path) as store:
        with pytest.raises(StoreError, match=r"UTF-8 can hold, found '.*udce9'"):
            store.look("mine", DATASET, ["a"], "results caf\udce9")
        assert store.looks(DATASET) == []


def test_errors_have_the_exit_codes_of_bad_input_and_of_a_failed_run():
    assert (StoreError.exit_code, RunError.exit_code) == (2, 1)
