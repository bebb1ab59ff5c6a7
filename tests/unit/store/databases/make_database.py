"""Makes NUMBER.db, the database that the newest schema writes; run once when a schema is new.

    PYTHONPATH=src:tests/unit/store python tests/unit/store/databases/make_database.py

A database that was released stays as it is: it shows that old files can still be opened.
"""

from pathlib import Path

from stored_samples import DATASET, diverged, judgement, own, record, result, seen, trial, valued

from stepladder.store import ClaimOwner, open_store
from stepladder.store.schema import REVISIONS

path = Path(__file__).parent / f"{REVISIONS[-1]}.db"
if path.exists():
    raise SystemExit(f"{path} must be new, found a database that was released; leave it as it is")
with open_store(path) as store:
    store.add(result(0))
    store.add(result(1))
    store.add(diverged(2))
    store.add(seen(6))
    store.add(own(8))
    store.add(valued(10))
    store.put_study(record())
    store.add_seconds("mine", 1.5)
    store.look(
        "mine", DATASET, [trial(number).id for number in range(3)], "stepladder results mine"
    )
    store.keep_judgement(judgement())
    store.claim(ClaimOwner("d1", "a machine", "17"), [trial(4).id])
