"""Reading what lies beside trials: epochs and probes of many at once, by the trial's id."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from stepladder.records import Probes
from stepladder.store.probe_rows import decode_probes
from stepladder.store.schema import epochs, probes
from stepladder.store.trial_rows import CURVE_FIELDS, Epochs

__all__ = ["NO_EPOCHS", "epochs_by_id", "probes_by_id"]


def probes_by_id(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Probes]:
    """What networks were like inside, of those trials that have it."""
    query = sa.select(probes).where(probes.c.trial_id.in_(ids))
    return {row["trial_id"]: decode_probes(row) for row in connection.execute(query).mappings()}


NO_EPOCHS: Epochs = ((), ((),) * len(CURVE_FIELDS))
_READ_AT_ONCE = 25  # trials, whose rows are gone before Python looks for garbage among them


def epochs_by_id(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Epochs]:
    """Epochs of those trials that have any: numbers, and values column by column."""
    found: dict[str, Epochs] = {}
    for start in range(0, len(ids), _READ_AT_ONCE):
        found |= _epochs_of(connection, ids[start : start + _READ_AT_ONCE])
    return found


def _epochs_of(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Epochs]:
    is_asked, name = epochs.c.trial_id.in_(ids), epochs.c.trial_id
    counted = sa.select(name, sa.func.count()).where(is_asked).group_by(name).order_by(name)
    counts = connection.execute(counted).all()
    if not counts:
        return {}
    # Without their trial, column by column: a million rows taken apart one by one take their time.
    columns = [column for column in epochs.c if column is not name]
    query = sa.select(*columns).where(is_asked).order_by(name, epochs.c.epoch)
    numbers, *values = zip(*connection.execute(query).all(), strict=True)
    found: dict[str, Epochs] = {}
    start = 0
    for trial_id, count in counts:
        stop = start + count
        found[trial_id] = (numbers[start:stop], [column[start:stop] for column in values])
        start = stop
    return found
