"""Real processes: writers that race, and writers that are killed."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from stored_samples import assert_same, result, trial

from stepladder.store import open_store

_PREAMBLE = """
import sys
from stored_samples import result, trial
from stepladder.store import open_store
path = sys.argv[1]
"""


def _start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _PREAMBLE + code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _kill(process):
    process.send_signal(signal.SIGKILL)
    process.stdin.close()
    process.stdout.close()
    process.wait()


def _together(processes):
    """Lets processes that wait go at the same time, and gives what they print."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return answers


def _counts(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counts = "SELECT (SELECT count(*) FROM trials), (SELECT count(*) FROM epochs)"
        return connection.execute(counts).fetchone()


_ADD_THIRTY = """
with open_store(path) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(store.add(result(replicate)) for replicate in range(30)))
"""


def test_two_writers_of_the_same_trials_add_each_once(path):
    open_store(path).close()
    added = _together([_start(_ADD_THIRTY, path) for _ in range(2)])
    assert sum(map(int, added)) == 30
    assert _counts(path) == (30, 90)


_OPEN_NEW = """
print("ready", flush=True)
sys.stdin.readline()
with open_store(path) as store:
    print(store.add(result(int(sys.argv[2]))))
"""


def test_a_new_store_may_be_opened_by_many_at_once(path):
    assert _together([_start(_OPEN_NEW, path, number) for number in range(3)]) == ["True\n"] * 3
    assert _counts(path) == (3, 9)


_CLAIM = """
from stepladder.store import ClaimOwner
with open_store(path) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    held = [store.claim(ClaimOwner(sys.argv[2], "here", "1"), [f"{n}"]) for n in range(100)]
    print(*set().union(*held))
"""


@pytest.mark.parametrize("kind", ["file", "server"])
def test_two_drivers_never_hold_the_same_trial(kind, request, path):
    url = str(path) if kind == "file" else request.getfixturevalue("postgres_url")
    open_store(url).close()
    one, two = (set(held.split()) for held in _together([_start(_CLAIM, url, n) for n in "ab"]))
    assert not one & two
    assert one | two == {f"{number}" for number in range(100)}


_WRITE_FOR_EVER = """
with open_store(path) as store:
    for replicate in range(10**6):
        store.add(result(replicate, epochs=200))
        print(replicate, flush=True)
"""


@pytest.mark.parametrize("committed", [1, 7])
def test_killed_writer_loses_nothing_committed_and_leaves_nothing_half(path, committed):
    process = _start(_WRITE_FOR_EVER, path)
    for _ in range(committed):
        process.stdout.readline()
    _kill(process)
    with open_store(path, create=False) as store:
        ids = [trial(replicate).id for replicate in range(committed)]
        assert store.has(ids) == set(ids)
        found = store.results(ids)
        assert_same(found[ids[-1]], result(committed - 1, epochs=200))
    trials, epochs = _counts(path)
    assert trials >= committed
    assert epochs == 200 * trials


# Stops for good where the trial's row is written and its epochs are not.
_STOP_HALFWAY = """
from sqlalchemy import Engine, event
store = open_store(path)
@event.listens_for(Engine, "before_cursor_execute")
def stop(connection, cursor, statement, *more):
    if statement.startswith("INSERT INTO epochs"):
        print(cursor.execute("SELECT count(*) FROM trials").fetchone()[0], flush=True)
        sys.stdin.readline()
store.add(result(1))
"""


def test_writer_killed_within_a_trial_leaves_none_of_it(path):
    with open_store(path) as store:
        store.add(result(0))
    process = _start(_STOP_HALFWAY, path)
    assert process.stdout.readline() == "2\n"
    _kill(process)
    with open_store(path, create=False) as store:
        assert store.has([trial(0).id, trial(1).id]) == {trial(0).id}
        assert _counts(path) == (1, 3)
        assert store.add(result(1)) is True
        assert_same(store.results([trial(1).id])[trial(1).id], result(1))


# Stops for good while the tables are being made.
_STOP_MAKING = """
from sqlalchemy import Engine, event
@event.listens_for(Engine, "after_cursor_execute")
def stop(connection, cursor, statement, *more):
    if "CREATE TABLE studies" in statement:
        print("halfway", flush=True)
        sys.stdin.readline()
open_store(path).close()
"""


def test_store_whose_maker_was_killed_is_made_again(path):
    process = _start(_STOP_MAKING, path)
    assert process.stdout.readline() == "halfway\n"
    _kill(process)
    with open_store(path) as store:
        assert store.add(result()) is True
    assert _counts(path) == (1, 3)


# Tells when it is about to wait for the maker's lock, or to write without having waited.
_OPEN_MEANWHILE = """
from sqlalchemy import Engine, event
@event.listens_for(Engine, "before_cursor_execute")
def tell(connection, cursor, statement, *more):
    if statement.startswith(("BEGIN IMMEDIATE", "CREATE")):
        print("waiting", flush=True)
with open_store(path) as store:
    print(store.add(result()))
"""


def test_store_that_another_process_is_making_is_waited_for(path):
    maker = _start(_STOP_MAKING, path)
    assert maker.stdout.readline() == "halfway\n"
    other = _start(_OPEN_MEANWHILE, path)
    assert other.stdout.readline() == "waiting\n"
    maker.communicate("\n")
    assert other.communicate()[0].endswith("True\n")
    assert (maker.returncode, other.returncode) == (0, 0)
    assert _counts(path) == (1, 3)


def test_what_one_process_commits_another_sees(path):
    with open_store(path) as store:
        assert store.has([trial(0).id]) == set()
        assert _together([_start(_OPEN_NEW, path, 0)]) == ["True\n"]
        assert store.has([trial(0).id]) == {trial(0).id}
        assert store.add(result(0)) is False
