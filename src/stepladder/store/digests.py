"""What a trial and its epochs were when stored, so that no altered figure is ever shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from stepladder.store.columns import Row

__all__ = ["check_digest", "check_epochs_digest", "digest_of_epochs", "digest_of_row"]

_BLOBS = ("test_correct", "test_predictions")
_COVERED = (
    *("recipe", "dataset", "validation", "seed", "replicate", "engine", "numerics", "epochs"),
    *("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("test_loss", "test_accuracy", "diverged", "parameters", "seconds", "versions", "n_test"),
    "epochs_digest",
)
"""Named one by one: a column that a later revision adds must not change what rows come to."""

Columns = Mapping[str, Sequence[float | None] | npt.NDArray[np.float64]]


def digest_of_row(row: Row) -> str:
    """SHA-256 of a trial's row, its `epochs_digest` included."""
    known = hashlib.sha256(json.dumps([row[name] for name in _COVERED]).encode())
    for name in _BLOBS:
        known.update(row[name])
    if row["signs"] is not None:
        known.update(row["signs"].encode())
    return known.hexdigest()


def digest_of_epochs(columns: Columns) -> str:
    """SHA-256 of a trial's epochs, column by column; a column without a number is left out."""
    known = hashlib.sha256()
    for name in sorted(columns):
        values = np.array(columns[name], "<f8")  # None becomes NaN
        if not np.isnan(values).all():
            known.update(name.encode() + values.tobytes())
    return known.hexdigest()


def check_digest(row: Row) -> None:
    """Compares a row with what it was; rows of revision 0001 are taken as they are.

    Raises:
        ValueError: if it is another.
    """
    if row["digest"] is not None and row["digest"] != digest_of_row(row):
        raise ValueError("its figures are not those that were stored")


def check_epochs_digest(row: Row, columns: Columns) -> None:
    """Compares a trial's epochs with what they were.

    Raises:
        ValueError: if they are others.
    """
    if row["epochs_digest"] is not None and row["epochs_digest"] != digest_of_epochs(columns):
        raise ValueError("its epochs are not those that were stored")
