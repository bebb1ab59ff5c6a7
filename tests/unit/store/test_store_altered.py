"""A row that was altered by hand is refused by its name, and its neighbours are not."""

import sqlite3
import zlib
from contextlib import closing

import pytest
from stored_samples import DATASET, assert_same, record, result, seen, trial

from stepladder.errors import RunError, StoreError
from stepladder.store import open_store


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
        ("test_predictions", zlib.compress(b"1" * 21), "11 classes"),
        ("test_predictions", zlib.compress(b"\0" * 50_000_000), "11 classes"),
        ("n_test", 12, "12 classes"),
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
        ("versions", "", "Expecting value"),
        ("epochs", 4, "1, 2, 3, not 1 to 4"),
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
        ("definition", '{"name": "mine", "base": {"hidden": [1], "activation": "swish"}}', "swish"),
        ("definition", '{"name": "yours", "base": {"hidden": [1]}}', "that of 'yours'"),
        ("definition", "[]", "mapping"),
        ("definition", "nonsense", "Expecting value"),
        ("sizes", '{"train": "many"}', "sizes are"),
        ("sizes", "3", "sizes are"),
        ("classes", '"0123"', "classes are"),
        ("classes", "[0, 1]", "classes are"),
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
    with open_store(stored) as store, pytest.raises(StoreError, match=r"must be whole.*malformed"):
        store.results([trial(0).id])


def test_text_that_is_not_unicode_is_told(path):
    with open_store(path) as store:
        with pytest.raises(StoreError, match=r"UTF-8 can hold, found '.*udce9'"):
            store.look("mine", DATASET, ["a"], "results caf\udce9")
        assert store.looks(DATASET) == []


def test_errors_have_the_exit_codes_of_bad_input_and_of_a_failed_run():
    assert (StoreError.exit_code, RunError.exit_code) == (2, 1)
