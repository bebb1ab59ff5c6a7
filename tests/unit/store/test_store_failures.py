"""A store that fails while it is used: told in words, and nothing is half written."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from stored_samples import result, trial

from stepladder.errors import RunError, StoreError
from stepladder.store import open_store


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
