"""Checking a store, copying it to another database and back, and giving back room."""

import json
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from stored_samples import (
    DATASET,
    altered,
    assert_same,
    diverged,
    judgement,
    record,
    result,
    seen,
    study,
    trial,
)

from stepladder.errors import StoreError
from stepladder.store import ClaimOwner, open_store
from stepladder.store.maintenance import check_store, copy_store, delete_damaged_rows, vacuum_store
from stepladder.store.schema import REVISIONS, epochs, judgements, looks, probes, studies, trials

DATABASES = Path(__file__).parent / "databases"


@pytest.fixture
def filled(path):
    with open_store(path) as store:
        for each in (seen(0), result(1, epochs=120), diverged(2)):
            store.add(each)
        store.put_study(record("mine"))
        store.put_study(record("näïve", fingerprint="e" * 64))
        store.look("mine", DATASET, ["a"], "results")
        store.look("mine", "e" * 64, ["a", "b"], "report")
        store.keep_judgement(judgement())
        store.claim(ClaimOwner("d", "here", "1"), ["x"])
    return path


NUMBERED = (("looks", "id"), ("judgements", "id"))


def content(url):
    """Every row of a store but for claims, in an order that does not depend on the database."""
    with open_store(url, create=False) as store, store.transaction() as connection:
        return {
            table.name: sorted(
                tuple(value for name, value in row.items() if (table.name, name) not in NUMBERED)
                for row in connection.execute(sa.select(table)).mappings()
            )
            for table in (trials, epochs, probes, studies, looks, judgements)
        }


def checked(path):
    with open_store(path, create=False) as store:
        return check_store(store)


def test_a_sound_store_has_no_faults(filled):
    found = checked(filled)
    assert found.faults == ()
    assert set(found.trials) == {trial(replicate).id for replicate in range(3)}
    assert found.numerics == {1: 3}
    assert len(found.studies) == 2


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE trials SET test_accuracy = 0.99 WHERE replicate = 0", "not those that were"),
        ("UPDATE epochs SET val_loss = 0.5 WHERE epoch = 77", "its epochs are not those"),
        ("INSERT INTO epochs (trial_id, epoch) VALUES ('gone', 1)", "without their trial: gone"),
        (
            "INSERT INTO probes (trial_id, names, figures, digest) VALUES ('gone', '', '', '')",
            "probes without their trial: gone",
        ),
        ("UPDATE probes SET input_mean = 0.5", "the probes of trial"),
        ("UPDATE claims SET trial_id = (SELECT min(id) FROM trials)", "claims on trials that are"),
        ("UPDATE studies SET sizes = '3' WHERE name = 'mine'", "study 'mine' must be"),
        ("UPDATE looks SET at = 'never' WHERE id = 2", "look 2 must be"),
        ("UPDATE judgements SET facts = '{}' WHERE id = 1", "judgement 1 must be"),
    ],
)
def test_each_fault_is_named_and_nothing_else_and_can_be_deleted(filled, statement, told):
    altered(filled, statement)
    (fault,) = checked(filled).faults
    assert told in fault
    before = content(filled)
    with open_store(filled, create=False) as store:
        assert delete_damaged_rows(store) == [fault]
        assert delete_damaged_rows(store) == []
    assert checked(filled).faults == ()
    after = content(filled)
    lost = {name for name, rows in before.items() if rows != after[name]}
    assert lost <= {*statement.split()[1:3], "trials", "epochs", "probes"}
    assert len(after["studies"]) + len(after["looks"]) >= 3


def test_a_damaged_index_is_named(filled):
    with closing(sqlite3.connect(filled)) as connection:
        where = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_claims_driver_id'"
        (page,) = connection.execute(where).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    pages = bytearray(filled.read_bytes())
    pages[page * size - 1] ^= 1  # the last byte of the index' one entry
    filled.write_bytes(pages)
    assert any("the file is damaged: " in fault for fault in checked(filled).faults)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_store_of_every_revision_is_sound(revision, path):
    shutil.copyfile(DATABASES / f"{revision}.db", path)
    assert checked(path).faults == ()


def test_to_postgresql_and_back_nothing_is_lost(filled, postgres_url, tmp_path):
    there = copy_store(filled, postgres_url)
    assert (there.trials, there.studies, there.looks, there.found, there.kept) == (3, 2, 2, 0, ())
    assert content(postgres_url) == content(filled)
    again = copy_store(filled, postgres_url)
    assert (again.trials, again.studies, again.looks, again.found) == (0, 0, 0, 3)
    back = tmp_path / "back.db"
    assert copy_store(postgres_url, back).trials == 3
    assert content(back) == content(filled)
    with open_store(back) as store:
        assert store.drivers() == []
        assert_same(store.results([trial(1).id])[trial(1).id], result(1, epochs=120))
    assert checked(postgres_url).faults == ()


def test_a_merge_adds_what_is_new_and_leaves_the_rest(filled, tmp_path):
    target = tmp_path / "target.db"
    with open_store(target) as store:
        store.add(result(0))
        store.add(result(7))
        store.put_study(record("mine", study=study("mine", seed=5)))
        store.look("other", DATASET, ["a"], "results")
    found = copy_store(filled, target)
    assert (found.trials, found.found, found.studies, found.looks) == (2, 1, 1, 1)
    assert found.kept == ("mine",)
    with open_store(target) as store:
        assert store.study("mine").study.seed == 5
        assert len(store.has(trial(number).id for number in range(10))) == 4


def test_a_study_declared_in_another_order_is_the_same(filled, tmp_path):
    """Stores of earlier versions have their declarations sorted."""
    with closing(sqlite3.connect(filled)) as connection:
        ((text,),) = connection.execute("SELECT definition FROM studies WHERE name = 'mine'")
    turned = json.dumps(dict(reversed(json.loads(text).items())))
    copy_store(filled, tmp_path / "b.db")
    altered(tmp_path / "b.db", f"UPDATE studies SET definition = '{turned}' WHERE name = 'mine'")
    assert copy_store(filled, tmp_path / "b.db").kept == ()
    altered(tmp_path / "b.db", "UPDATE studies SET definition = 'nonsense' WHERE name = 'mine'")
    assert copy_store(filled, tmp_path / "b.db").kept == ("mine",)


def test_more_trials_than_a_statement_takes(path, tmp_path):
    with open_store(path) as store:
        for number in range(520):
            store.add(result(number, epochs=1, images=1))
    assert copy_store(path, tmp_path / "b.db").trials == 520
    assert content(path) == content(tmp_path / "b.db")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE trials SET test_accuracy = 0.99 WHERE replicate = 2", "trial {} must be"),
        ("UPDATE studies SET definition = '{}' WHERE name = 'mine'", "study 'mine' must be"),
        ("UPDATE studies SET sizes = '{\"test\":1}' WHERE name = 'mine'", "sizes is"),
        ("UPDATE looks SET at = 'never' WHERE id = 2", "look 2 must be"),
    ],
)
def test_where_a_row_was_altered_nothing_is_copied(filled, tmp_path, statement, told):
    altered(filled, statement)
    with pytest.raises(StoreError, match=told.format(trial(2).id)):
        copy_store(filled, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))
    with open_store(tmp_path / "b.db"):
        pass
    with pytest.raises(StoreError, match=told.format(trial(2).id)):
        copy_store(filled, tmp_path / "b.db")
    assert not any(content(tmp_path / "b.db").values())


def test_whichever_bits_of_a_file_are_turned_it_is_told_in_words(filled, tmp_path):
    sound, random = filled.read_bytes(), Random(0)
    bytes_of_content = [place for place, byte in enumerate(sound) if byte]
    steps = {
        "check": lambda: check_store(open_store(filled, create=False)),
        "copy": lambda: copy_store(filled, tmp_path / "b.db"),
        "delete": lambda: delete_damaged_rows(open_store(filled, create=False)),
    }
    for _ in range(25):
        for file in filled.parent.iterdir():
            file.unlink()
        damaged = bytearray(sound)
        damaged[random.choice(bytes_of_content)] ^= 1 << random.randrange(8)
        filled.write_bytes(damaged)
        for step in steps.values():
            with suppress(StoreError):
                step()


@pytest.mark.parametrize("name", ["stepladder.db", "link.db"])
def test_a_store_is_not_copied_onto_itself(filled, name):
    (filled.parent / "link.db").symlink_to(filled)
    with pytest.raises(StoreError, match="must not be the same"):
        copy_store(filled, filled.parent / name)


def test_a_source_that_is_not_there_makes_no_target(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        copy_store(tmp_path / "none.db", tmp_path / "b.db")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "server"])
def test_vacuum_gives_room_back(kind, request, path):
    url = path if kind == "file" else request.getfixturevalue("postgres_url")
    with open_store(url) as store:
        for number in range(20):
            store.add(result(number, epochs=300))
        with store.transaction(writes=True) as connection:
            connection.execute(trials.delete())
    before, after = vacuum_store(url)
    assert after < before
    assert content(url)["trials"] == []
