"""The runs that there are: in what state each is, and how much room it takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stepladder.errors import InputError, StepladderError
from stepladder.files import size_of
from stepladder.runner.folder import STORE_NAME, STUDY_NAME, finished_search
from stepladder.runner.namesakes import check_own
from stepladder.runner.phases import foreseen
from stepladder.runner.processes import is_here_and_gone
from stepladder.runner.question import question_of
from stepladder.store import Store, StudyRecord, open_store
from stepladder.study import Study
from stepladder.values import fingerprint

__all__ = ["RunState", "being_trained", "runs_in", "runs_of", "state_of"]


@dataclass(frozen=True)
class RunState:
    """A run as a list shows it.

    Attributes:
        name: of its study.
        folder: where it lies, or None where a whole store was asked.
        stored: trials of the study that are stored.
        planned: trials that it has.
        training: trials that are being trained right now.
        seconds: wall time that running it has taken.
        size: bytes of its folder, or None.
        problem: why it cannot be read, or empty.
        declared: a digest of its study as the store has it, or empty.
        is_search: whether candidates of a search are all that it trains.
        is_open: whether more than what is planned so far may be still to come.
    """

    name: str
    folder: Path | None = None
    stored: int = 0
    planned: int = 0
    training: int = 0
    seconds: float = 0.0
    size: int | None = None
    problem: str = ""
    declared: str = ""
    is_search: bool = False
    is_open: bool = False

    @property
    def is_search_under_way(self) -> bool:
        """Whether it is a search that can be read and is not finished."""
        return self.is_search and self.state in ("training", "unfinished")

    @property
    def state(self) -> str:
        """What it is, in a word or two."""
        if self.problem:
            return "unreadable"
        if self.stored == self.planned and not self.is_open:
            return "finished"
        return "training" if self.training else "unfinished"


def runs_in(folder: Path, store: str | None = None) -> list[RunState]:
    """The runs below a folder, by name.

    Args:
        folder: holds the folders of runs; one that cannot be read is listed with its problem.
        store: URL of the store that all of them used; each its own when None.

    Raises:
        InputError: if it is no folder.
    """
    try:
        places = sorted(each for each in folder.iterdir() if os.path.isfile(each / STUDY_NAME))
    except OSError as error:
        raise InputError(
            f"runs must lie in a folder that can be read, found {str(folder)!r}: "
            f"{error.strerror}; name the folder that holds them"
        ) from None
    return [state_of(place, store) for place in places]


def runs_of(store: Store) -> list[RunState]:
    """Every study of a store, by name.

    Raises:
        StoreError: if the store cannot be read.
    """
    return [_state(store, record) for record in store.studies()]


def state_of(place: Path, store: str | None = None) -> RunState:
    """The state of one run; one that cannot be read has a problem.

    Args:
        place: its folder.
        store: URL of the store that it used; its own when None.
    """
    size = size_of(place)
    name = place.name
    try:
        study = Study.load(place / STUDY_NAME)
        name = study.name
        with open_store(store or place / STORE_NAME, create=False) as kept:
            check_own(kept, study, place)
            record = kept.study(name)
            if record is None:
                return RunState(name, place, size=size, problem="its store does not know it")
            return _state(kept, record, place, size)
    except StepladderError as error:
        return RunState(name, place, size=size, problem=str(error))


def _state(
    store: Store, record: StudyRecord, place: Path | None = None, size: int | None = None
) -> RunState:
    search = record.study.search
    declared = fingerprint(record.study.model_dump(mode="json", by_alias=True))
    if search is not None and not record.study.techniques:  # candidates are its trials
        asked = _candidates(place, record.study)
        return RunState(
            record.study.name, place, asked, asked or search.trials,
            seconds=record.seconds, size=size, declared=declared, is_search=True,
            is_open=not asked,
        )  # fmt: skip
    plan = foreseen(question_of(record), store)
    planned, missing = len(plan.trials), len(plan.missing)
    training = being_trained(store, (trial.id for trial in plan.missing))
    return RunState(
        record.study.name, place, planned - missing, planned, training, record.seconds, size,
        declared=declared,
    )  # fmt: skip


def being_trained(store: Store, ids: Iterable[str]) -> int:
    """How many of some trials are claimed by processes that may still run."""
    return sum(not is_here_and_gone(each) for each in store.claimed(ids).values())


def _candidates(place: Path | None, study: Study) -> int:
    """Candidates of a search that is finished; 0 where it is not."""
    file = finished_search(place, study) if place else None
    try:
        return len(json.loads(file.read_text("utf-8"))["candidates"]) if file else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
