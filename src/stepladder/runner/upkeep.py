"""What a check of a store comes to, told in sentences."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stepladder.runner.folder import STORE_NAME
from stepladder.runner.phases import foreseen
from stepladder.runner.processes import is_here_and_gone
from stepladder.runner.question import question_of
from stepladder.store.opening import opened
from stepladder.store.tending import examined
from stepladder.streams import NUMERICS_VERSION

__all__ = ["Checked", "address_of", "checked"]


@dataclass(frozen=True)
class Checked:
    """What a check came to.

    Attributes:
        faults: what is wrong and must be mended.
        notes: what the user may want to know, and may leave as it is.
        trials: trials that were read and are whole.
        studies: studies of the store.
    """

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    trials: int
    studies: int


def address_of(store: str) -> str:
    """The address of a store that is named by a run's folder, a path or a URL."""
    # Not pathlib, which raises where a URL, for example, is too long a name.
    return str(Path(store) / STORE_NAME) if os.path.isdir(store) else store


def checked(store: str) -> Checked:
    """Checks a store: its pages, its references, every row, and what no study asks for.

    Args:
        store: the folder of a run, a path or a URL.

    Raises:
        StoreError: if it is no store, or so damaged that it cannot be read.
    """
    with opened(address_of(store), create=False, timeout=60.0) as kept:
        found = examined(kept)
        asked: set[str] = set()
        # A study's row that cannot be read is a fault already, and nobody knows what it asked for.
        records = [] if any("study" in fault for fault in found.faults) else kept.studies()
        for record in records:
            asked |= {trial.id for trial in foreseen(question_of(record), kept).trials}
        drivers = kept.drivers()
    notes = []
    orphans = len(set(found.trials) - asked) if records else 0
    searches = any(record.study.search is not None for record in records)
    if orphans:
        among = ", candidates of searches among them" if searches else ""
        notes.append(
            f"{orphans:,} trials belong to no study as it is declared now{among}; they "
            "are used again where a study asks for them"
        )
    old = sum(count for version, count in found.numerics.items() if version != NUMERICS_VERSION)
    if old:
        notes.append(
            f"{old:,} trials were trained by another version of the arithmetic (now "
            f"{NUMERICS_VERSION}); studies train them anew and never mix them in"
        )
    dead = sum(is_here_and_gone(driver) for driver in drivers)
    if dead:
        notes.append(f"{dead} runs were killed; what they had claimed is free for the next one")
    return Checked(found.faults, tuple(notes), len(found.trials), found.studies)
