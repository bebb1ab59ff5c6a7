"""Looks at a test set, counted for this user over all stores."""

import os

import pytest
from fake_store import FakeStore

from stepladder.execution.machine import ledger_folder
from stepladder.runs.ledger import count_looks, log_look

DATA = "d" * 64


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("STEPLADDER_LEDGER", str(tmp_path / "looks"))
    return tmp_path / "looks"


def test_looks_add_up_over_stores(ledger):
    one, two = FakeStore(), FakeStore()
    assert log_look(one, "s", DATA, ["a"], "run") == (1, True)
    assert log_look(two, "t", DATA, ["b"], "run") == (2, True)
    assert log_look(two, "t", DATA, ["a"], "report") == (2, True), "the same trials"
    assert log_look(one, "s", "e" * 64, ["a"], "run") == (1, True), "another test set"
    assert count_looks(FakeStore(), DATA) == (2, True)
    assert sorted(file.name[0] for file in ledger.iterdir()) == ["d", "e"]


def test_looks_that_only_the_store_knows_are_taken_over(ledger):
    store = FakeStore()
    store.look("s", DATA, ["a"], "run")
    store.look("s", DATA, ["b"], "run")
    assert count_looks(store, DATA) == (2, True)
    assert log_look(FakeStore(), "t", DATA, ["c"], "run") == (3, True)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[]\n", b'{"digest": 1}\n'])
def test_an_unreadable_ledger_leaves_the_count_of_the_store(ledger, content):
    ledger.mkdir()
    file = ledger / f"{DATA}.jsonl"
    file.write_bytes(content)
    assert log_look(FakeStore(), "s", DATA, ["a"], "run") == (1, False)
    assert file.read_bytes() == content


def test_a_ledger_that_cannot_be_written_fails_nothing(ledger):
    ledger.write_text("a file")
    assert log_look(FakeStore(), "s", DATA, ["a"], "run") == (1, False)


def test_it_can_be_switched_off(monkeypatch, tmp_path):
    monkeypatch.setenv("STEPLADDER_LEDGER", "off")
    assert ledger_folder() is None
    assert log_look(FakeStore(), "s", DATA, ["a"], "run") == (1, False)
    monkeypatch.delenv("STEPLADDER_LEDGER")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert str(ledger_folder()).endswith(os.path.join("stepladder", "looks"))
