"""Studies and looks as rows, and rows as studies and looks again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from stepladder.store.base import Look, StudyRecord
from stepladder.store.columns import Row, refusing_altered, texts, whole, with_nan
from stepladder.study import Study
from stepladder.values import canonical_json

__all__ = ["decode_look", "decode_study", "encode_study", "is_same_study"]


def encode_study(record: StudyRecord) -> dict[str, Any]:
    """A study's row, but for the times at which it was made and changed."""
    definition = record.study.model_dump(mode="json", by_alias=True)
    return {
        "name": record.study.name,
        # In the order in which it was declared: what a search draws first follows from that.
        "definition": json.dumps(definition, separators=(",", ":"), allow_nan=False),
        "dataset": record.dataset,
        "fingerprint": record.fingerprint,
        "sizes": canonical_json(record.sizes),
        "classes": canonical_json(record.classes),
        "versions": canonical_json(record.versions),
        "machine": record.machine,
        "seconds": float(record.seconds),
    }


def is_same_study(one: Row, two: Row) -> bool:
    """Whether two rows declare the same study of the same data, in whatever order."""
    if one["fingerprint"] != two["fingerprint"]:
        return False
    if one["definition"] == two["definition"]:
        return True
    try:
        return bool(json.loads(one["definition"]) == json.loads(two["definition"]))
    except ValueError:
        return False


def decode_study(row: Row) -> StudyRecord:
    """The study of a row, checked as if it were read from a file.

    Raises:
        StoreError: if the row was altered so that it is no valid study.
    """
    return refusing_altered(_study, f"study {row['name']!r}", "run the study again", row)


def _study(row: Row) -> StudyRecord:
    study = Study(**json.loads(row["definition"]))
    if study.name != row["name"]:
        raise ValueError(f"its definition is that of {study.name!r}")
    sizes, classes = json.loads(row["sizes"]), json.loads(row["classes"])
    if not isinstance(sizes, dict) or not all(type(size) is int for size in sizes.values()):
        raise ValueError(f"sizes are {row['sizes']}")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError(f"classes are {row['classes']}")
    return StudyRecord(
        study=study,
        dataset=row["dataset"],
        fingerprint=row["fingerprint"],
        sizes=sizes,
        classes=tuple(classes),
        versions=texts(row, "versions"),
        machine=row["machine"],
        seconds=with_nan(row, "seconds"),
    )


def decode_look(row: Row) -> Look:
    """The look of a row.

    Raises:
        StoreError: if the row was altered so that it is no look.
    """
    return refusing_altered(_look, f"look {row['id']}", "the look is forgotten", row)


def _look(row: Row) -> Look:
    names = ("study", "fingerprint", "digest", "command")
    named: dict[str, str] = {name: row[name] for name in names}
    return Look(**named, trials=whole(row, "trials"), at=datetime.fromisoformat(row["at"]))
